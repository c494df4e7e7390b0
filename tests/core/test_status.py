"""The life of a step and of its order, against a copy of the tables that was written apart from the code."""

from itertools import product

import pytest

from dicom_gateway.core.status import (
    TRANSITIONS,
    OrderStatus,
    PerformedStatus,
    StepEvent,
    StepStatus,
    advance,
    event_of_performed,
    order_status,
)
from dicom_gateway.errors import Conflict, IllegalTransition

# The life of a scheduled step, row by row: (from, event, to).
LIFE = """
SCHEDULED, ARRIVED, READY | CHANGE | same
SCHEDULED | ARRIVE | ARRIVED
SCHEDULED, ARRIVED, READY | CANCEL | CANCELED
SCHEDULED, ARRIVED, READY | DISCONTINUE_ORDER | DISCONTINUED
SCHEDULED, ARRIVED, READY, STARTED | COMPLETE_ORDER | COMPLETED
ARRIVED | PREPARE | READY
SCHEDULED, ARRIVED, READY | START | STARTED
STARTED | COMPLETE | COMPLETED
STARTED | INFER_COMPLETE | COMPLETED
STARTED | WRONG_ENTRY | SCHEDULED
STARTED | DISCONTINUE | DISCONTINUED
COMPLETED | LATE_IMAGE | same
DISCONTINUED | START | STARTED
COMPLETED | START | same
STARTED, DEPARTED, COMPLETED, DISCONTINUED | CHANGE | same
CANCELED | REORDER | SCHEDULED
STARTED, DEPARTED, COMPLETED, DISCONTINUED | TAKE_BACK | SCHEDULED
"""
# What the life above implies: a patient who has left may still be reported on, and whatever is said twice is said.
IMPLIED = """
STARTED | DEPART | DEPARTED
DEPARTED | START | same
DEPARTED | COMPLETE | COMPLETED
DEPARTED | INFER_COMPLETE | COMPLETED
DEPARTED | COMPLETE_ORDER | COMPLETED
DEPARTED | WRONG_ENTRY | SCHEDULED
DEPARTED | DISCONTINUE | DISCONTINUED
STARTED, DEPARTED, DISCONTINUED | LATE_IMAGE | same
ARRIVED | ARRIVE | same
CANCELED | CANCEL | same
STARTED | START | same
COMPLETED | COMPLETE | same
COMPLETED | DISCONTINUE | same
DISCONTINUED | DISCONTINUE | same
"""


def rows(text: str) -> dict[tuple[StepStatus, StepEvent], StepStatus]:
    found: dict[tuple[StepStatus, StepEvent], StepStatus] = {}
    for line in text.strip().splitlines():
        sources, event, target = (part.strip() for part in line.split("|"))
        for source in sources.split(", "):
            key = StepStatus(source), StepEvent[event]
            assert key not in found, f"{line} stands twice"
            found[key] = StepStatus(source if target == "same" else target)
    return found


EXPECTED = rows(LIFE) | rows(IMPLIED)


def test_the_rows_do_not_overlap() -> None:
    assert not rows(LIFE).keys() & rows(IMPLIED).keys()


@pytest.mark.parametrize(("key", "after"), EXPECTED.items(), ids=lambda value: str(value))
def test_a_step_advances(key: tuple[StepStatus, StepEvent], after: StepStatus) -> None:
    assert advance(*key) is after


@pytest.mark.parametrize(
    ("status", "event"),
    [pair for pair in product(StepStatus, StepEvent) if pair not in EXPECTED],
    ids=lambda value: value.name,
)
def test_every_other_event_is_refused_and_changes_nothing(status: StepStatus, event: StepEvent) -> None:
    before = dict(TRANSITIONS)
    with pytest.raises(IllegalTransition, match=status.value) as raised:
        advance(status, event)
    assert isinstance(raised.value, Conflict)
    assert before == TRANSITIONS


def test_the_wire_strings() -> None:
    names = "SCHEDULED ARRIVED READY STARTED DEPARTED CANCELED DISCONTINUED COMPLETED"
    assert " ".join(status.value for status in StepStatus) == names
    assert [status.value for status in PerformedStatus] == ["IN PROGRESS", "COMPLETED", "DISCONTINUED"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("CANCELED", "CANCELED"),
        ("CANCELED CANCELED", "CANCELED"),
        ("COMPLETED", "COMPLETED"),
        ("COMPLETED CANCELED", "COMPLETED"),
        ("COMPLETED DISCONTINUED", "COMPLETED"),
        ("COMPLETED DISCONTINUED CANCELED", "COMPLETED"),
        ("DISCONTINUED", "DISCONTINUED"),
        ("DISCONTINUED CANCELED", "DISCONTINUED"),
        ("STARTED", "STARTED"),
        ("DEPARTED", "STARTED"),
        ("STARTED SCHEDULED", "STARTED"),
        ("STARTED COMPLETED", "STARTED"),
        ("COMPLETED SCHEDULED", "STARTED"),
        ("COMPLETED READY CANCELED", "STARTED"),
        ("DISCONTINUED ARRIVED", "STARTED"),
        ("DEPARTED READY", "STARTED"),
        # A cancelled step beside an open one has not begun anything: an update that leaves a step out cancels it.
        ("CANCELED SCHEDULED", "SCHEDULED"),
        ("CANCELED ARRIVED", "ARRIVED"),
        ("CANCELED READY SCHEDULED", "READY"),
        ("CANCELED STARTED", "STARTED"),
        ("SCHEDULED", "SCHEDULED"),
        ("SCHEDULED ARRIVED", "ARRIVED"),
        ("SCHEDULED ARRIVED READY", "READY"),
    ],
)
def test_the_status_of_an_order(steps: str, expected: str) -> None:
    found = [StepStatus(step) for step in steps.split()]
    assert order_status(found) is OrderStatus(expected)
    assert order_status(reversed(found)) is OrderStatus(expected)


OPEN, DONE, STOPPED = PerformedStatus.IN_PROGRESS, PerformedStatus.COMPLETED, PerformedStatus.DISCONTINUED


@pytest.mark.parametrize(
    ("performed", "wrong_entry", "event"),
    [
        ([OPEN], False, None),
        ([DONE, OPEN], False, None),
        ([STOPPED, OPEN], False, None),
        ([STOPPED, OPEN], True, None),
        ([DONE], False, StepEvent.COMPLETE),
        ([DONE, DONE], False, StepEvent.COMPLETE),
        ([DONE, STOPPED], False, StepEvent.COMPLETE),
        ([DONE, STOPPED], True, StepEvent.COMPLETE),
        ([STOPPED], False, StepEvent.DISCONTINUE),
        ([STOPPED, STOPPED], False, StepEvent.DISCONTINUE),
        ([STOPPED], True, StepEvent.WRONG_ENTRY),
    ],
    ids=str,
)
def test_what_performed_steps_mean(
    performed: list[PerformedStatus], wrong_entry: bool, event: StepEvent | None
) -> None:
    assert event_of_performed(performed, wrong_entry) is event
    assert event_of_performed(reversed(performed), wrong_entry) is event
