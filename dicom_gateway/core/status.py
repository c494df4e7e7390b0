"""The life of a scheduled step, of its order and of a performed step.

Theory of operation. Three axes are kept apart: the status of a step (this module), whether images are linked to
it (linking.py), and whether the PMS has been told (storage/outbox.py). A step moves only by an event of TRANSITIONS;
an event that is not in the table raises IllegalTransition and changes nothing. An order has no status of its own
will: `order_status` derives it from its steps. SCHEDULED, ARRIVED, READY, STARTED and DEPARTED are the terms of
(0040,0020), PS3.3 C.4.10; CANCELED, DISCONTINUED and COMPLETED are what the field uses beside them.

Weak spot: without MPPS nobody says that a step has ended, so INFER_COMPLETE rests on completion.py's evidence.
"""

from collections.abc import Iterable
from enum import StrEnum

from dicom_gateway.errors import IllegalTransition


class StepStatus(StrEnum):
    """ScheduledProcedureStepStatus (0040,0020)."""

    SCHEDULED = "SCHEDULED"
    ARRIVED = "ARRIVED"  # the patient is here
    READY = "READY"  # all preparation is done; set by a PMS only
    STARTED = "STARTED"
    DEPARTED = "DEPARTED"  # the patient has left; set by a PMS only
    CANCELED = "CANCELED"  # before it began
    DISCONTINUED = "DISCONTINUED"
    COMPLETED = "COMPLETED"


class OrderStatus(StrEnum):
    """The status of an order, derived from its steps."""

    SCHEDULED = "SCHEDULED"
    ARRIVED = "ARRIVED"
    READY = "READY"
    STARTED = "STARTED"
    CANCELED = "CANCELED"
    DISCONTINUED = "DISCONTINUED"
    COMPLETED = "COMPLETED"


class PerformedStatus(StrEnum):
    """PerformedProcedureStepStatus (0040,0252), PS3.4 F.7.2."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


class StepEvent(StrEnum):
    """What can happen to a scheduled step."""

    CHANGE = "order changed"
    ARRIVE = "patient checked in"
    PREPARE = "PMS says ready"
    DEPART = "PMS says departed"
    CANCEL = "order cancelled"
    DISCONTINUE_ORDER = "order discontinued by the PMS"
    COMPLETE_ORDER = "order completed by the PMS"
    REORDER = "ordered again after a cancellation"
    START = "started"  # N-CREATE, or the first image
    COMPLETE = "completed"  # by MPPS, and no other performed step is open
    INFER_COMPLETE = "completed, inferred"  # quiet for long enough
    DISCONTINUE = "discontinued"
    WRONG_ENTRY = "incorrect worklist entry selected"  # MPPS DISCONTINUED with 110514
    LATE_IMAGE = "late image"
    TAKE_BACK = "taken back"  # a person says that what was done was not done for it


S, E = StepStatus, StepEvent

OPEN = frozenset({S.SCHEDULED, S.ARRIVED, S.READY})  # not begun
FINAL = frozenset({S.CANCELED, S.DISCONTINUED, S.COMPLETED})
PERFORMED_FINAL = (PerformedStatus.COMPLETED, PerformedStatus.DISCONTINUED)
HIDDEN_FROM_WORKLIST = FINAL  # unless the query asks for the status

TRANSITIONS: dict[tuple[StepStatus, StepEvent], StepStatus] = {
    **{(status, E.CHANGE): status for status in S if status is not S.CANCELED},
    (S.SCHEDULED, E.ARRIVE): S.ARRIVED,
    (S.ARRIVED, E.ARRIVE): S.ARRIVED,
    (S.ARRIVED, E.PREPARE): S.READY,
    (S.STARTED, E.DEPART): S.DEPARTED,
    **{(status, E.CANCEL): S.CANCELED for status in (*OPEN, S.CANCELED)},
    **{(status, E.DISCONTINUE_ORDER): S.DISCONTINUED for status in OPEN},
    **{(status, E.COMPLETE_ORDER): S.COMPLETED for status in (*OPEN, S.STARTED, S.DEPARTED)},
    (S.CANCELED, E.REORDER): S.SCHEDULED,
    **{(status, E.START): S.STARTED for status in (*OPEN, S.STARTED, S.DISCONTINUED)},
    (S.DEPARTED, E.START): S.DEPARTED,
    (S.COMPLETED, E.START): S.COMPLETED,  # an additional performed step
    **{(status, E.COMPLETE): S.COMPLETED for status in (S.STARTED, S.DEPARTED, S.COMPLETED)},
    **{(status, E.INFER_COMPLETE): S.COMPLETED for status in (S.STARTED, S.DEPARTED)},
    **{(status, E.DISCONTINUE): S.DISCONTINUED for status in (S.STARTED, S.DEPARTED, S.DISCONTINUED)},
    (S.COMPLETED, E.DISCONTINUE): S.COMPLETED,  # another performed step had completed it
    **{(status, E.WRONG_ENTRY): S.SCHEDULED for status in (S.STARTED, S.DEPARTED)},
    **{(status, E.TAKE_BACK): S.SCHEDULED for status in (S.STARTED, S.DEPARTED, S.COMPLETED, S.DISCONTINUED)},
    **{(status, E.LATE_IMAGE): status for status in (S.STARTED, S.DEPARTED, S.COMPLETED, S.DISCONTINUED)},
}


def advance(status: StepStatus, event: StepEvent) -> StepStatus:
    """Return the status after `event`; raise IllegalTransition where the table has none."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransition(f"a step that is {status} does not allow: {event.value}") from None


def order_status(steps: Iterable[StepStatus]) -> OrderStatus:
    """Derive the status of an order from its steps (at least one)."""
    found = set(steps)
    if found <= {S.CANCELED}:
        return OrderStatus.CANCELED
    if found <= FINAL:
        return OrderStatus.COMPLETED if S.COMPLETED in found else OrderStatus.DISCONTINUED
    if found - OPEN - {S.CANCELED}:  # something begun or ended beside something open
        return OrderStatus.STARTED
    return next(OrderStatus(status) for status in (S.READY, S.ARRIVED, S.SCHEDULED) if status in found)


def event_of_performed(performed: Iterable[PerformedStatus], wrong_entry: bool) -> StepEvent | None:
    """Return what the performed steps of one scheduled step mean for it once one of them has ended.

    None while another is still open. `wrong_entry`: the one that ended says that the technician had picked the wrong
    line (110514, CID 9300).
    """
    found = set(performed)
    if PerformedStatus.IN_PROGRESS in found:
        return None
    if PerformedStatus.COMPLETED in found:
        return E.COMPLETE
    return E.WRONG_ENTRY if wrong_entry else E.DISCONTINUE
