"""core.matching against the slow oracle, for orders and queries that hypothesis makes up."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_gateway.core.attributes import ATTRIBUTES, WORKLIST, Attribute, build_item
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.model import Order, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.worklist_item import ItemValues
from dicom_gateway.core.worklist_values import Item
from tests.core import matching_oracle as oracle
from tests.core.matching_data import identifier, model, plain
from tests.core.matching_strategies import ITEMS, NOON, QUERIES, STEP, items_with_queries, key_of


@settings(max_examples=200, deadline=None)
@given(QUERIES, ITEMS)
def test_matching_and_answers_agree_with_the_oracle(keys: dict[str, Any], item: Item) -> None:
    agree(keys, item)


@settings(max_examples=300, deadline=None)
@given(items_with_queries())
def test_queries_made_of_an_item_agree_with_the_oracle(asked: tuple[dict[str, Any], Item]) -> None:
    agree(*asked)


def agree(keys: dict[str, Any], item: Item) -> None:
    query = compile_query(identifier(keys))
    data_set = build_item(*item)
    found = oracle.finds(keys, plain(data_set), model)
    assert query.matches(data_set) is found
    assert query.matches(ItemValues(item)) is found
    assert query.unsupported is oracle.unsupported(keys, model)
    if found:
        assert plain(query.answer(data_set)[0]) == oracle.answer(keys, plain(data_set), model)


EVERY_ROW = [row for row in (*ATTRIBUTES, *WORKLIST.nested) if row is not WORKLIST]


@pytest.mark.parametrize("row", EVERY_ROW, ids=lambda row: row.keyword)
def test_each_attribute_alone_agrees_with_the_oracle(row: Attribute) -> None:
    """A key of one attribute is asked of items that have it, and of one that knows nothing."""

    @settings(max_examples=5, deadline=None)
    @given(key_of(row), st.lists(ITEMS, min_size=1, max_size=3))
    def agrees(key: Any, items: list[Item]) -> None:
        keys = {STEP: [{row.keyword: key}]} if row in WORKLIST.nested else {row.keyword: key}
        query = compile_query(identifier(keys))
        bare = Item(Order("s", "1", Patient("1", "X"), ()), RequestedProcedure(()), ScheduledStep("DX", NOON, 0))
        for item in (*items, bare):
            assert query.matches(ItemValues(item)) is oracle.finds(keys, plain(build_item(*item)), model)

    agrees()


# --- the oracle itself: the vectors of the rules, decided by people ---------------------------------------------------

VECTORS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({oracle.START_TIME: "2230"}, {oracle.START_TIME: ["223000"]}, True),
    ({oracle.START_TIME: "10"}, {oracle.START_TIME: ["101500"]}, False),
    ({oracle.START_TIME: "2200-0600"}, {oracle.START_TIME: ["230000"]}, False),
    ({oracle.START_TIME: "-10"}, {oracle.START_TIME: ["105959"]}, True),
    ({"ScheduledStationAETitle": "CT1 "}, {"ScheduledStationAETitle": ["CT1"]}, True),
    ({"ScheduledStationAETitle": "ct1"}, {"ScheduledStationAETitle": ["CT1"]}, False),
    ({"ScheduledStationAETitle": "B"}, {"ScheduledStationAETitle": ["A", "B"]}, True),
    ({"ScheduledStationAETitle": "A"}, {"ScheduledStationAETitle": []}, False),
    ({"ScheduledStationAETitle": "*"}, {"ScheduledStationAETitle": []}, True),
    ({"ScheduledStationAETitle": "**"}, {"ScheduledStationAETitle": []}, False),
    ({"ScheduledPerformingPhysicianName": "muller"}, {"ScheduledPerformingPhysicianName": ["Müller"]}, True),
    ({"ScheduledPerformingPhysicianName": "mueller"}, {"ScheduledPerformingPhysicianName": ["Müller"]}, False),
    ({"ScheduledPerformingPhysicianName": "SMI*"}, {"ScheduledPerformingPhysicianName": ["Smith^John"]}, True),
    ({"ScheduledPerformingPhysicianName": "*=*"}, {"ScheduledPerformingPhysicianName": ["Smith^John"]}, False),
    ({"ScheduledPerformingPhysicianName": "*=*"}, {"ScheduledPerformingPhysicianName": []}, False),
    ({"ScheduledProcedureStepDescription": "a?c*"}, {"ScheduledProcedureStepDescription": ["aßc"]}, True),
    ({"ScheduledProcedureStepDescription": "a?c*"}, {"ScheduledProcedureStepDescription": ["ac"]}, False),
]
PERIODS = [
    ("20260705-20260707", "1000-1800", "20260706", "030000", True),
    ("20260705-20260707", "1000-1800", "20260705", "093000", False),
    ("20260705-20260707", "1000-1800", "20260707", "180059", True),
    ("20260705-", "1000-", "20260706", "030000", True),
    ("-20260705", "-1000", "20260704", "230000", True),
    ("20260705", "1000-1800", "20260706", "120000", False),
    ("20260705-20260707", "-1800", "20260706", "190000", False),
    ("20260705-20260707", "1000", "20260706", "100000", True),
    ("20260705-20260707", "1000-1800", "20260706", "", False),
]
VECTORS += [
    (
        {oracle.START_DATE: day, oracle.START_TIME: clock},
        {oracle.START_DATE: [on], oracle.START_TIME: [at][: len(at)]},
        f,
    )
    for day, clock, on, at, f in PERIODS
]


@pytest.mark.parametrize(("keys", "step", "found"), VECTORS, ids=str)
def test_the_oracle_decides_as_the_rules_say(keys: dict[str, Any], step: dict[str, Any], found: bool) -> None:
    assert oracle.finds({STEP: [keys]}, {STEP: [step]}, model) is found


def test_the_oracle_wants_all_keys_in_one_item() -> None:
    codes = [
        {"CodeValue": ["A"], "CodingSchemeDesignator": ["1"]},
        {"CodeValue": ["B"], "CodingSchemeDesignator": ["2"]},
    ]
    item = {"RequestedProcedureCodeSequence": codes}
    asked = [{"CodeValue": value, "CodingSchemeDesignator": "2"} for value in "AB"]
    assert [oracle.finds({"RequestedProcedureCodeSequence": [one]}, item, model) for one in asked] == [False, True]
