"""Plots as SVG, made of numbers and words: bars and lines over one axis, in pure Python, without a style of their own.

Colours come from the page's style sheet by class (plots.css), so that they follow light and dark. Series differ in
shape too: bars are plain, hatched or outlined, lines have round or square marks. Who cannot see a plot gets its title,
its description, and the same numbers as a table.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from math import ceil, floor, log10
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 720
HEIGHT: Final = 260
LEFT, RIGHT, TOP, BOTTOM = 72, 12, 34, 32  # room around the drawn area
MOST_TICKS: Final = 5
LETTER: Final = 7.6  # width of a letter of the labels, about

COUNTS: Final = (1, 2, 5)  # steps of an axis of counts, and ten times these
SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800,
                  604800)  # steps of an axis of durations  # fmt: skip


class Shape(StrEnum):
    """How a series is drawn."""

    BAR = "bar"
    HATCHED = "hatched"
    OUTLINED = "outlined"
    ROUND = "round"  # a line with round marks
    SQUARE = "square"  # a dashed line with square marks


_BARS: Final = (Shape.BAR, Shape.HATCHED, Shape.OUTLINED)


@dataclass(frozen=True, slots=True)
class Series:
    """A row of values of one name; None where there is none."""

    name: str
    values: Sequence[float | None]
    shape: Shape = Shape.BAR


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn: `labels` along the axis, a value of each series for each; `shown` puts a value into words. `name`
    is unique on its page."""

    name: str
    title: str
    description: str
    labels: Sequence[str]
    series: Sequence[Series]
    shown: Callable[[float], str]
    steps: Sequence[int] = COUNTS

    @property
    def svg(self) -> Markup:
        """The picture."""
        return Markup("".join(_svg(self)))  # noqa: S704 - every text in it is escaped

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The numbers as a table: a label, and the words of each series."""
        return [
            (label, ["–" if one.values[index] is None else self.shown(one.values[index] or 0) for one in self.series])
            for index, label in enumerate(self.labels)
        ]

    @property
    def is_empty(self) -> bool:
        """Whether no value is above zero."""
        return not any(value for one in self.series for value in one.values)


def ticks(highest: float, steps: Sequence[int] = COUNTS, most: int = MOST_TICKS) -> list[float]:
    """Return where lines stand on an axis from 0 to at least `highest`: at most `most` above zero, as even as `steps`
    allows. Steps go on beyond the last one by tens."""
    step = next(step for step in _all_steps(steps) if ceil(highest / step) <= most)
    return [step * number for number in range(max(1, ceil(highest / step)) + 1)]


def _all_steps(steps: Sequence[int]) -> Iterator[int]:
    factor = 1
    while True:
        yield from (step * factor for step in steps)
        factor *= 10 ** max(1, floor(log10(steps[-1])) + 1 - floor(log10(steps[0])))


class _Area:
    """Where a value of a label stands in the picture."""

    def __init__(self, plot: Plot) -> None:
        highest = max((value or 0.0 for one in plot.series for value in one.values), default=0.0)
        self.ticks = ticks(highest, plot.steps)
        self.slot = (WIDTH - LEFT - RIGHT) / max(1, len(plot.labels))

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.ticks[-1] * (HEIGHT - TOP - BOTTOM)

    def middle(self, index: int) -> float:
        return LEFT + (index + 0.5) * self.slot


def _svg(plot: Plot) -> Iterator[str]:
    area, name = _Area(plot), escape(plot.name)
    yield f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}-title {name}-words">'
    yield f'<title id="{name}-title">{escape(plot.title)}</title>'
    yield f'<desc id="{name}-words">{escape(plot.description)}</desc>'
    yield f'<defs><pattern id="{name}-hatch" width="6" height="6" patternUnits="userSpaceOnUse">'
    yield '<path class="hatch" d="M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2"/></pattern></defs>'
    for value in area.ticks:
        y = area.y(value)
        yield f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(plot.shown(value))}</text>'
    yield from _labels(plot, area)
    bars = [(index, one) for index, one in enumerate(plot.series) if one.shape in _BARS]
    for place, (index, one) in enumerate(bars):
        yield from _bars(plot, area, one, index, (place, len(bars)))
    for index, one in enumerate(plot.series):
        if one.shape not in _BARS:
            yield from _line(area, one, index)
    yield from _legend(plot)
    yield "</svg>"


def _labels(plot: Plot, area: _Area) -> Iterator[str]:
    """Write as many labels as fit beside each other."""
    longest = max((len(label) for label in plot.labels), default=0) * LETTER + 8
    every = max(1, ceil(longest / area.slot))
    for index, label in enumerate(plot.labels):
        if index % every == 0:
            yield (
                f'<text x="{area.middle(index):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                f"{escape(label)}</text>"
            )


def _bars(plot: Plot, area: _Area, series: Series, index: int, place: tuple[int, int]) -> Iterator[str]:
    number, count = place
    width = area.slot * 0.72 / count
    for at, value in enumerate(series.values):
        if value:
            x, y = area.middle(at) + (number - count / 2) * width, area.y(value)
            yield (
                f'<rect class="series-{index} {series.shape}"{_hatch(plot, series)} x="{x:.1f}" y="{y:.1f}" '
                f'width="{max(1.0, width - 1):.1f}" height="{max(1.0, HEIGHT - BOTTOM - y):.1f}">'
                f"<title>{_words(plot, series, at, value)}</title></rect>"
            )


def _words(plot: Plot, series: Series, at: int, value: float) -> Markup:
    return escape(f"{plot.labels[at]} · {series.name}: {plot.shown(value)}")


def _hatch(plot: Plot, series: Series) -> str:
    return f' fill="url(#{escape(plot.name)}-hatch)"' if series.shape is Shape.HATCHED else ""


def _line(area: _Area, series: Series, index: int) -> Iterator[str]:
    """Draw a line through the values that follow each other, and a mark at each."""
    points = [
        None if value is None else (area.middle(at), area.y(value)) for at, value in enumerate(series.values)
    ]  # fmt: skip
    for is_there, run in groupby(points, key=lambda point: point is not None):
        if is_there:
            path = " ".join(f"{point[0]:.1f},{point[1]:.1f}" for point in run if point)
            yield f'<polyline class="series-{index} {series.shape}" points="{path}"/>'
    yield from (_mark(series, index, *point) for point in points if point)


def _mark(series: Series, index: int, x: float, y: float) -> str:
    if series.shape is Shape.ROUND:
        return f'<circle class="mark series-{index}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    return f'<rect class="mark series-{index}" x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6"/>'


def _legend(plot: Plot) -> Iterator[str]:
    x: float = LEFT
    for index, one in enumerate(plot.series):
        if one.shape in _BARS:
            kind = f'class="series-{index} {one.shape}"{_hatch(plot, one)}'
            yield f'<rect {kind} x="{x:.1f}" y="8" width="14" height="12"/>'
        else:
            yield f'<polyline class="series-{index} {one.shape}" points="{x:.1f},14 {x + 16:.1f},14"/>'
            yield _mark(one, index, x + 8, 14)
        yield f'<text x="{x + 22:.1f}" y="18">{escape(one.name)}</text>'
        x += 22 + len(one.name) * LETTER + 24


def in_words(values: Iterable[float | None]) -> tuple[float, float] | None:
    """Return the least and the largest of the values that are there, for a description; None without any."""
    found = [value for value in values if value is not None]
    return (min(found), max(found)) if found else None
