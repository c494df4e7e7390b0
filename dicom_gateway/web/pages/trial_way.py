"""How far a test order has come, step by step: from what is kept of every order. Pure, but for the words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from dicom_gateway.core.history import DeliveryLine, History
from dicom_gateway.core.model import Order
from dicom_gateway.core.status import OPEN, StepEvent
from dicom_gateway.storage.delivery_lines import DeliveryStatus
from dicom_gateway.web.pages.delivery_texts import words_of
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

_RESULT: Final = "study."  # how the types of events that carry images begin


class State(StrEnum):
    """How a step of the way stands."""

    DONE = "done"
    NEXT = "next"  # the first that is not done
    LATER = "later"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the way: what happened or is awaited, when it did, and what to do when nothing comes."""

    state: State
    words: Text
    at: int | None = None
    advice: Text | None = None
    link: str = ""
    link_words: Text | None = None


def way_of(order: Order, history: History, told: Sequence[str]) -> list[Step]:
    """Return the steps of a test order; `told` names the PMS that hear of it."""
    return _marked(list(_steps(order, history, told)))


def _marked(steps: list[Step]) -> list[Step]:
    """Let the first step that is not done be the next one; what stands before one that is done has happened too."""
    last = max((at for at, step in enumerate(steps) if step.state is State.DONE), default=-1)
    first = next((at for at, step in enumerate(steps) if at > last and step.state is State.LATER), None)
    return [
        replace(step, state=State.NEXT if at == first else State.DONE if at < last else step.state)
        if step.state is State.LATER
        else step
        for at, step in enumerate(steps)
    ]


def _steps(order: Order, history: History, told: Sequence[str]) -> Iterator[Step]:
    device = next((name for step in order.steps() for name in step.station_ae_titles), "")
    why = f"/orders/{order.id}/why?{urlencode({'device': device})}"
    made = _("The test order is made, and stands on the worklist of %(device)s.", device=device)
    yield Step(State.DONE, made, order.created_at)
    yield _asked(history, device, why)
    yield _begun(history, order)
    yield _image(history)
    yield from _told(history, told)


def _asked(history: History, device: str, why: str) -> Step:
    if history.served:
        first = history.served[0]
        return Step(State.DONE, _("%(device)s has fetched it.", device=first.ae_title), first.first_at)
    return Step(
        State.LATER,
        _("%(device)s asks for its worklist.", device=device),
        advice=_(
            "Open the worklist at the device now. If nothing comes within a minute, compare what is entered at its "
            "console with the sheet."
        ),
        link=why,
        link_words=_("Why is it not on my device?"),
    )


def _begun(history: History, order: Order) -> Step:
    begun = next((line for line in history.audit if line.action.startswith(StepEvent.START.value)), None)
    if begun or any(step.status not in OPEN for step in order.steps()):
        return Step(State.DONE, _("The examination has begun."), begun.at if begun else None)
    return Step(
        State.LATER,
        _("The examination begins at the device."),
        advice=_("Choose “Test, Order” at the device and begin. A device without MPPS says nothing: go on."),
    )


def _image(history: History) -> Step:
    if history.images:
        first = history.images[0]
        return Step(
            State.DONE, _("An image came from %(device)s.", device=first.ae_title), first.at,
            link=f"/studies/{first.study_instance_uid}", link_words=_("Look at it"),
        )  # fmt: skip
    return Step(
        State.LATER,
        _("An image comes."),
        advice=_(
            "Take an image of anything, and send it. If nothing comes within a minute, look whether storage (C-STORE) "
            "is set up at the device."
        ),
    )


def _told(history: History, told: Sequence[str]) -> Iterator[Step]:
    """Yield a step for each PMS that is told of it; one step when there is none."""
    by_target: dict[str, list[DeliveryLine]] = {name: [] for name in told}
    for line in history.deliveries:
        by_target.setdefault(line.target, []).append(line)
    for name, lines in by_target.items():
        yield _delivered(name, lines)
    if not by_target:
        words = _("No PMS is told: none is connected that takes orders of this page.")
        yield Step(State.DONE, words, link="/setup/pms", link_words=_("Connect one"))


def _delivered(name: str, lines: Sequence[DeliveryLine]) -> Step:
    delivered = [line for line in lines if line.status == DeliveryStatus.DELIVERED.value]
    done = next((line for line in delivered if line.event_type.startswith(_RESULT)), None)
    if done:
        return Step(State.DONE, _("%(pms)s has the result.", pms=name), done.finished_at)
    failing = next((line for line in lines if line.attempts and line not in delivered), None)
    if failing:
        words, address = words_of(failing.detail), f"/deliveries?{urlencode({'target': name})}"
        trouble = _("%(pms)s is not told: %(why)s", pms=name, why=words.sentence)
        return Step(State.TROUBLE, trouble, None, words.advice, address, _("To the deliveries"))
    return Step(
        State.LATER,
        _("%(pms)s is told the result.", pms=name),
        advice=_(
            "The result goes out when the study is complete: at once when the device says so, else after a minute."
        ),
    )
