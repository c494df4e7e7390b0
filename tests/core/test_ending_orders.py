"""An order that its PMS ends: what has ended stays, what has not ends with it, and what contradicts is refused."""

from datetime import datetime

import pytest

from dicom_gateway.core.model import Order, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.orders import end
from dicom_gateway.core.status import StepEvent, StepStatus, order_status
from dicom_gateway.errors import IllegalTransition


def an_order(*statuses: str) -> Order:
    start = datetime(2027, 1, 15, 10)
    steps = tuple(ScheduledStep("DX", start, 0, id=f"S{n}", status=StepStatus(one)) for n, one in enumerate(statuses))
    order = Order("mypms", "A-1", Patient("P-78", "Doe^Rex"), (RequestedProcedure(steps),))
    return order.evolve(status=order_status(step.status for step in steps))


@pytest.mark.parametrize(
    ("event", "before", "after"),
    [
        ("COMPLETE_ORDER", "SCHEDULED", "COMPLETED"),
        ("COMPLETE_ORDER", "ARRIVED STARTED", "COMPLETED COMPLETED"),
        ("COMPLETE_ORDER", "STARTED CANCELED DISCONTINUED", "COMPLETED CANCELED DISCONTINUED"),
        ("DISCONTINUE_ORDER", "SCHEDULED READY", "DISCONTINUED DISCONTINUED"),
        ("DISCONTINUE_ORDER", "SCHEDULED COMPLETED", "DISCONTINUED COMPLETED"),
    ],
)
def test_an_order_ends(event: str, before: str, after: str) -> None:
    ended = end(an_order(*before.split()), StepEvent[event])
    assert [step.status.value for step in ended.steps()] == after.split()
    assert ended.status == order_status(step.status for step in ended.steps())
    assert ended.version == 2


@pytest.mark.parametrize(
    ("event", "before"), [("COMPLETE_ORDER", "COMPLETED CANCELED"), ("DISCONTINUE_ORDER", "DISCONTINUED")]
)
def test_what_has_ended_so_stays_as_it_is(event: str, before: str) -> None:
    order = an_order(*before.split())
    assert end(order, StepEvent[event]) is order


@pytest.mark.parametrize(
    ("event", "before"),
    [
        ("COMPLETE_ORDER", "CANCELED"),
        ("COMPLETE_ORDER", "DISCONTINUED"),
        ("DISCONTINUE_ORDER", "STARTED"),
        ("DISCONTINUE_ORDER", "SCHEDULED STARTED"),
        ("DISCONTINUE_ORDER", "COMPLETED"),
        ("DISCONTINUE_ORDER", "CANCELED"),
    ],
)
def test_what_contradicts_is_refused(event: str, before: str) -> None:
    with pytest.raises(IllegalTransition):
        end(an_order(*before.split()), StepEvent[event])
