"""Tables and times for people."""

from collections.abc import Iterable, Sequence

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.local_time import iso_utc

WHOLE = frozenset({"Accession"})


def when(instant: int | None) -> str:
    """Return an instant for a table."""
    return iso_utc(instant) if instant is not None else ""


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; on no terminal, its rows with tabs between the cells and without headings.

    The first column, and those of WHOLE, hold what is typed again: they are never cut or broken, however narrow the
    terminal. All others break within their column.
    """
    console = Console()
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(printable(str(cell)) for cell in row))
        return
    listed = [[printable(str(cell)) for cell in row] for row in rows]
    shown = Table(box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        width = max((cell_len(row[number]) for row in listed), default=0)
        is_whole = number == 0 or heading in WHOLE
        shown.add_column(heading, overflow="fold", no_wrap=is_whole, min_width=width if is_whole else None)
    for row in listed:
        shown.add_row(*map(Text, row))
    console.print(shown, crop=False)
