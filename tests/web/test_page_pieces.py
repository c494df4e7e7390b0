"""Pieces of the page of an order that need no server: rows of a data set, words for every kind of line."""

from typing import Any

import pytest

from dicom_gateway.core.delivery_words import Told
from dicom_gateway.core.timeline import Item, Kind
from dicom_gateway.web.pages.data_set_rows import LONGEST_VALUE, MOST_ROWS, DataSetRow, rows_of
from dicom_gateway.web.pages.language import Text, language
from dicom_gateway.web.pages.timeline_words import line_of


def test_a_data_set_in_rows() -> None:
    data_set = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Rex", "Ideographic": "山"}]},
        "00080060": {"vr": "CS", "Value": ["DX"]},
        "00091001": {"vr": "OB", "InlineBinary": "AAAA"},
        "00400340": {"vr": "SQ", "Value": [{"0020000E": {"vr": "UI", "Value": ["1.2"]}}, {}]},
        "00101000": {"vr": "LO", "Value": ["a", None, "b" * LONGEST_VALUE]},
        "00104000": {"vr": "LT"},
    }
    rows = rows_of(data_set)
    assert rows[0] == DataSetRow(0, "(0008,0060)", "Modality", "CS", "DX")
    assert rows[1] == DataSetRow(0, "(0009,1001)", "", "OB", "3 bytes")
    assert rows[2].value == "Doe^Rex=山"
    assert rows[3].value.startswith("a\\\\b") and len(rows[3].value) == LONGEST_VALUE + 1
    assert rows[4].value == ""
    assert [(row.depth, row.item, row.keyword) for row in rows[5:]] == [
        (0, 0, "PerformedSeriesSequence"),
        (1, 1, ""),
        (1, 0, "SeriesInstanceUID"),
        (1, 2, ""),
    ]


def test_a_data_set_without_an_end_is_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"00400340": {"vr": "SQ", "Value": [deep]}}
    assert len(rows_of(deep)) < 30
    wide = {"00400340": {"vr": "SQ", "Value": [{"0020000E": {"vr": "UI", "Value": ["1.2"]}}] * MOST_ROWS}}
    assert len(rows_of(wide)) == MOST_ROWS


VALUES: dict[str, Any] = {
    "source": "mypms", "device": "DX1", "times": 2, "count": 3, "peer": "", "type": "", "outcome": "AA",
    "evidence": "quiet", "event": "test", "target": "pms", "told": Told.TAKEN, "said": "", "action": "it was so",
}  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_every_line_has_words(kind: Kind) -> None:
    said = language("en").say(line_of(Item(0, kind, "gateway", values=VALUES), "o1").text)
    assert len(said) > 8 and "%" not in said
    assert isinstance(line_of(Item(0, kind, "gateway", values=VALUES), "o1").who, Text)
