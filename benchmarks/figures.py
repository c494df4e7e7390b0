"""Medians, percentiles and Markdown tables; and where they stand in docs/performance.md."""

from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the nearest-rank percentile of `values`; raises ValueError when there are none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]


def median(values: Iterable[float]) -> float:
    """Return the nearest-rank median."""
    return percentile(values, 50)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def number(value: float) -> str:
    """Return a figure with three significant digits, and no more than that is worth."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def put(page: str, name: str, text: str) -> str:
    """Return `page` with what stands between the markers of `name` replaced; raises ValueError without them."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"no markers of {name}")
    return f"{before}{begin}\n{text}\n\n{end}{after}"
