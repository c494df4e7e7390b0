"""The cases of conformance/worklist, asked of core.matching and of the slow oracle: both find what is written there."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from pydicom.dataset import Dataset

from conformance.worklist_cases import STEP, Case, cases, load
from dicom_gateway.core.attributes import ATTRIBUTES, WORKLIST, Attribute, build_item
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.status import HIDDEN_FROM_WORKLIST
from tests.core import matching_oracle as oracle
from tests.core.matching_data import as_texts, identifier, model, plain

CASES = cases()
ZONE = ZoneInfo("Europe/Berlin")
STATIONS = {"XA": ("ARC1", "ARC2")}  # of the devices that the gateway is started with
LEAST_CASES = 200


def items() -> Iterator[tuple[str, bool, Dataset]]:
    """Yield id, whether it has ended, and the worklist item of each step."""
    for document in load("orders"):
        order = parse_order(document, ZONE)
        for procedure in order.procedures:
            for step in procedure.steps:
                stations = step.station_ae_titles or STATIONS.get(step.modality, ())
                shown = build_item(order, procedure, step.evolve(station_ae_titles=stations))
                yield step.id, step.status in HIDDEN_FROM_WORKLIST, shown


ITEMS = list(items())


def found_by(case: Case) -> tuple[list[str], list[str], bool, bool]:
    """Return what the oracle and core.matching find, and whether they call the keys unsupported."""
    keys = as_texts(case.keys)
    query = compile_query(identifier(keys))
    asks_status = any(item.get("ScheduledProcedureStepStatus", "").strip() for item in keys.get(STEP, [])[:1])
    slow = [name for name, ended, item in ITEMS if asks_status or not ended if oracle.finds(keys, plain(item), model)]
    fast = [name for name, ended, item in ITEMS if not (ended and query.hides_final) if query.matches(item)]
    return slow, fast, oracle.unsupported(keys, model), query.unsupported


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_oracle_and_matching_find_what_the_case_says(case: Case) -> None:
    slow, fast, slow_unsupported, fast_unsupported = found_by(case)
    if "steps" in case.expected:
        assert (sorted(slow), sorted(fast)) == (case.expected["steps"], case.expected["steps"])
    else:
        assert len(slow) == len(fast) == len(case.expected["procedures"])
    assert slow_unsupported == fast_unsupported == (case.expected.get("status") == "FF01")


def test_there_are_enough_cases_each_with_its_reason() -> None:
    assert len(CASES) >= LEAST_CASES
    assert len({case.name for case in CASES}) == len(CASES) == len(load("expected"))
    clause = re.compile(r"C\.2\.2|K\.\d|PS3\.\d|Table K")
    assert [case.name for case in CASES if not clause.search(case.expected["why"])] == []


def test_every_attribute_that_is_compared_is_asked_for_with_a_value() -> None:
    asked: set[str] = set()
    for case in CASES:
        levels = [case.keys, *case.keys.get(STEP, [])]
        asked |= {name for level in levels for name, key in level.items() if key and set(str(key)) - set("*[]{} ")}
    rows: tuple[Attribute, ...] = (*ATTRIBUTES, *WORKLIST.nested)
    assert {row.keyword for row in rows if row.matched} <= asked


def test_most_cases_tell_steps_apart() -> None:
    """A matcher that finds everything, or nothing, would fail most of them."""
    found = [len(case.expected.get("steps", ())) for case in CASES]
    assert sum(0 < count < len(ITEMS) for count in found) > len(CASES) // 2
    assert sum(count == 0 for count in found) >= LEAST_CASES // 5
