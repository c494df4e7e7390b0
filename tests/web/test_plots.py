"""Plots as SVG: axes, shapes, what a screen reader gets, and that no text of a device becomes markup."""

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.web.pages.plots import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    SECONDS,
    TOP,
    WIDTH,
    Plot,
    Series,
    Shape,
    in_words,
    ticks,
)

SVG = "{http://www.w3.org/2000/svg}"


def a_plot(*series: Series, labels: tuple[str, ...] = ("a", "b", "c"), **values: object) -> Plot:
    made = {"name": "p", "title": "A title", "description": "What it shows", "shown": lambda value: f"{value:g} x"}
    return Plot(labels=labels, series=series, **{**made, **values})  # type: ignore[arg-type]


def parsed(plot: Plot) -> ElementTree.Element:
    return ElementTree.fromstring(str(plot.svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [one for one in root.iter() if name in one.get("class", "").split()]


@pytest.mark.parametrize(
    ("highest", "found"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (7, [0, 2, 4, 6, 8]),
        (30, [0, 10, 20, 30]),
        (101, [0, 50, 100, 150]),
        (4000, [0, 1000, 2000, 3000, 4000]),
        (2.5, [0, 1, 2, 3]),
    ],
)
def test_ticks_of_counts(highest: float, found: list[float]) -> None:
    assert ticks(highest) == found


@pytest.mark.parametrize(
    ("highest", "found"),
    [
        (4, [0, 1, 2, 3, 4]),
        (100, [0, 30, 60, 90, 120]),
        (3600, [0, 900, 1800, 2700, 3600]),
        (5000, [0, 1800, 3600, 5400]),
        (3_000_000, [0, 604_800, 1_209_600, 1_814_400, 2_419_200, 3_024_000]),
    ],
)
def test_ticks_of_durations(highest: float, found: list[float]) -> None:
    assert ticks(highest, SECONDS) == found


@given(st.floats(0, 1e12, allow_nan=False), st.sampled_from([(1, 2, 5), SECONDS]))
def test_an_axis_holds_every_value(highest: float, steps: tuple[int, ...]) -> None:
    found = ticks(highest, steps)
    assert found[0] == 0 and found[-1] >= highest and 2 <= len(found) <= 6
    assert len({later - earlier for earlier, later in pairwise(found)}) == 1


def test_bars_stand_on_the_axis_and_inside() -> None:
    root = parsed(a_plot(Series("one", [1, 2, 4]), Series("two", [4, 0, None], Shape.HATCHED)))
    bars = [bar for bar in root.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    assert len(bars) == 4  # nothing is drawn for nothing
    for bar in bars:
        x, y, width, height = (float(bar.get(name, "")) for name in ("x", "y", "width", "height"))
        assert LEFT <= x and x + width <= WIDTH - RIGHT
        assert TOP - 0.1 <= y and y + height == pytest.approx(HEIGHT - BOTTOM, abs=0.2)
    heights = [float(bar.get("height", "")) for bar in bars]
    assert heights[0] * 4 == pytest.approx(heights[2], abs=0.5) and heights[2] == heights[3]
    assert [bar.findtext(f"{SVG}title") for bar in bars][:2] == ["a · one: 1 x", "b · one: 2 x"]


def test_a_line_is_broken_where_there_is_no_value() -> None:
    labels = ("a", "b", "c", "d", "e")
    root = parsed(a_plot(Series("one", [1, 2, None, 3, 4], Shape.ROUND), labels=labels))
    lines = [line for line in of_class(root, "round") if len(line.get("points", "").split()) > 1]
    drawn = [
        line.get("points", "").split() for line in lines if float(line.get("points", "").split(",")[1].split()[0]) > TOP
    ]
    assert [len(points) for points in drawn] == [2, 2]
    assert len(of_class(root, "mark")) == 5  # four values and the legend


def test_series_differ_in_shape() -> None:
    shapes = list(Shape)
    root = parsed(a_plot(*(Series(shape, [1, 1, 1], shape) for shape in shapes)))
    assert all(of_class(root, shape) for shape in shapes)
    hatched = of_class(root, "hatched")
    assert {bar.get("fill") for bar in hatched} == {"url(#p-hatch)"} and root.find(f"{SVG}defs") is not None


def test_words_for_who_cannot_see_it() -> None:
    root = parsed(a_plot(Series("one", [1, 2, 3])))
    assert root.get("role") == "img"
    named = root.get("aria-labelledby", "").split()
    by_id = {one.get("id"): one.text for one in root.iter()}
    assert [by_id[name] for name in named] == ["A title", "What it shows"]


def test_the_same_as_a_table() -> None:
    plot = a_plot(Series("one", [1, None, 0]), Series("two", [4, 5.5, 6]))
    assert plot.rows == [("a", ["1 x", "4 x"]), ("b", ["–", "5.5 x"]), ("c", ["0 x", "6 x"])]


def test_nothing_and_no_labels() -> None:
    assert a_plot(Series("one", [0, None, 0])).is_empty and not a_plot(Series("one", [0, None, 1])).is_empty
    empty = a_plot(Series("one", []), labels=())
    assert empty.is_empty and empty.rows == [] and parsed(empty) is not None


def test_labels_do_not_cover_each_other() -> None:
    labels = tuple(f"device {number:08}" for number in range(40))
    root = parsed(a_plot(Series("one", [1] * 40), labels=labels))
    places = [float(text.get("x", "")) for text in root.iter(f"{SVG}text") if text.get("text-anchor") == "middle"]
    assert 2 <= len(places) < 40
    assert all(later - earlier > len(labels[0]) * 6 for earlier, later in pairwise(places))


def test_text_never_becomes_markup() -> None:
    evil = '"><script>alert(1)</script>&'
    plot = a_plot(
        Series(evil, [1]), labels=(evil,), name=evil, title=evil, description=evil, shown=lambda value: evil
    )  # fmt: skip
    root = parsed(plot)
    assert not list(root.iter(f"{SVG}script")) and "<script" not in plot.svg
    assert evil in {text.text for text in root.iter(f"{SVG}text")}


def test_no_style_that_the_policy_forbids() -> None:
    svg = a_plot(*(Series(shape, [1, 2, 3], shape) for shape in Shape)).svg
    assert "style=" not in svg and "http" not in svg


def test_extent() -> None:
    assert in_words([3, None, 1.5]) == (1.5, 3) and in_words([None]) is None
