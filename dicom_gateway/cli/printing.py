"""Tables and times for people."""

from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.local_time import iso_utc


def when(instant: int | None) -> str:
    """Return an instant for a table."""
    return iso_utc(instant) if instant is not None else ""


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; on no terminal, its rows with tabs between the cells and without headings."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(printable(str(cell)) for cell in row))
        return
    shown = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*(Text(printable(str(cell))) for cell in row))
    console.print(shown)
