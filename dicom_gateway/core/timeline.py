"""The story of one order as a single list, oldest first: who did what, when, and which document shows it.

Theory of operation. `History` is what the store read; each row becomes one Item by a table or a small function, images
that come closely one after the other become one Item, and what is still open stands at the end. What a line says in
words is the page's: an Item has a kind and the values of its sentence. Pure; instants are microseconds UTC.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from dicom_gateway.core.delivery_words import Told, read_detail
from dicom_gateway.core.history import (
    AuditLine,
    DeliveryLine,
    History,
    ImageLine,
    MessageLine,
    ServedLine,
    StudyLine,
)
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.status import PerformedStatus, StepEvent

TOGETHER: Final = 60 * SECOND  # images with shorter pauses between them are one line


class Kind(StrEnum):
    """What a line tells; those of one instant stand in this order."""

    MESSAGE_IN = "message came"
    MESSAGE_OUT = "message went"
    RECEIVED = "order received"
    CHANGED = "order changed"
    CANCELLED = "order cancelled"
    CANCEL_REFUSED = "cancel refused"
    REORDERED = "ordered again"
    PATIENT_CHANGED = "patient changed"
    ARRIVED = "arrived"
    READY = "ready"
    DEPARTED = "departed"
    GIVEN_UP = "given up by the PMS"
    ENDED_BY_PMS = "completed by the PMS"
    SERVED = "served"
    REPORT_BEGUN = "report begun"
    REPORT_CHANGED = "report changed"
    REPORT_COMPLETED = "report completed"
    REPORT_DISCONTINUED = "report discontinued"
    STARTED = "started"
    COMPLETED = "completed"
    INFERRED = "completed, inferred"
    DISCONTINUED = "discontinued"
    WRONG_ENTRY = "wrong entry"
    LATE_IMAGE = "late image"
    TAKEN_BACK = "taken back"
    IMAGES = "images"
    STUDY_COMPLETE = "study complete"
    BY_HAND = "completed by hand"
    EVENT = "event"  # that nobody is told
    DELIVERED = "delivered"
    WAITING = "delivery waits"
    PARKED = "delivery given up"
    RETRIED = "delivery asked for again"
    REPLAYED = "delivery replayed"
    OTHER = "other"


TROUBLE: Final = frozenset({Kind.CANCEL_REFUSED, Kind.WRONG_ENTRY, Kind.PARKED})  # somebody was, or is, to look


class Raw(StrEnum):
    """A document that shows a line as it was."""

    MESSAGE = "message"
    PERFORMED_STEP = "performed step"
    EVENT = "event"
    STUDY = "study"
    WORKLIST = "worklist"  # of a device


@dataclass(frozen=True, slots=True)
class Item:
    """One line: `until` is the end of what took a while; `who` acted, as the audit names them; `raw` names the
    document behind it and its key. What `is_open` has not ended, what `is_trouble` went wrong."""

    at: int
    kind: Kind
    who: str = ""
    until: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    raw: tuple[Raw, str] | None = None
    is_open: bool = False
    is_trouble: bool = False


# What the audit calls what happened to an order and its steps.
ACTIONS: Final[Mapping[str, Kind]] = {
    "order received": Kind.RECEIVED,
    "order cancelled": Kind.CANCELLED,
    "cancel refused": Kind.CANCEL_REFUSED,
    "study completed by hand": Kind.BY_HAND,
    "delivery asked for again": Kind.RETRIED,
    "delivery replayed": Kind.REPLAYED,
    "performed step created": Kind.REPORT_BEGUN,
    StepEvent.ARRIVE: Kind.ARRIVED,
    StepEvent.PREPARE: Kind.READY,
    StepEvent.DEPART: Kind.DEPARTED,
    StepEvent.DISCONTINUE_ORDER: Kind.GIVEN_UP,
    StepEvent.COMPLETE_ORDER: Kind.ENDED_BY_PMS,
    StepEvent.REORDER: Kind.REORDERED,
    StepEvent.START: Kind.STARTED,
    StepEvent.COMPLETE: Kind.COMPLETED,
    StepEvent.INFER_COMPLETE: Kind.INFERRED,
    StepEvent.DISCONTINUE: Kind.DISCONTINUED,
    StepEvent.WRONG_ENTRY: Kind.WRONG_ENTRY,
    StepEvent.LATE_IMAGE: Kind.LATE_IMAGE,
    StepEvent.TAKE_BACK: Kind.TAKEN_BACK,
}
_REPORTS: Final[Mapping[str, Kind]] = {
    PerformedStatus.IN_PROGRESS: Kind.REPORT_CHANGED,
    PerformedStatus.COMPLETED: Kind.REPORT_COMPLETED,
    PerformedStatus.DISCONTINUED: Kind.REPORT_DISCONTINUED,
}
_DELIVERIES: Final[Mapping[str, Kind]] = {
    "pending": Kind.WAITING,
    "delivered": Kind.DELIVERED,
    "parked": Kind.PARKED,
}
_CHANGED: Final = re.compile(r"order changed: (?P<what>.*)", re.DOTALL)
_PATIENT: Final = re.compile(r"patient (merged|updated|restored|id changed).*", re.DOTALL)
# Events whose names stand in others' come later; an action of several events joins them with commas.
_EVENTS: Final = sorted((event.value for event in StepEvent), key=len, reverse=True)
# The order of what happened at one instant.
_AT_ONCE: Final = {kind: place for place, kind in enumerate(Kind)}


def compose(history: History) -> tuple[Item, ...]:
    """Return the story of an order, oldest first; what is open stands last."""
    items = [
        *_of_audit(history),
        *map(_of_message, history.messages),
        *map(_of_served, history.served),
        *_of_images(history.images),
        *(item for study in history.studies for item in _of_study(study)),
        *_of_events(history),
        *map(_of_delivery, history.deliveries),
    ]
    return tuple(sorted(items, key=lambda item: (item.is_open, item.at, _AT_ONCE[item.kind])))


def _of_audit(history: History) -> Iterator[Item]:
    begun = [(line.at, line.who) for line in history.audit if line.action == "performed step created"]
    for line in history.audit:
        for kind, values in _kinds(line):
            if kind is Kind.STARTED and any(who == line.who and 0 <= line.at - at <= SECOND for at, who in begun):
                continue  # the device's report says so
            values = {"source": history.source, **values}
            yield Item(line.at, kind, line.who, None, values, _raw_of(line.subject), is_trouble=kind in TROUBLE)


def _kinds(line: AuditLine) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Yield what a line of the audit tells, with the values of its sentence."""
    if changed := _CHANGED.fullmatch(line.action):
        yield Kind.CHANGED, {"what": tuple(changed["what"].split(", "))}
    elif _PATIENT.fullmatch(line.action):
        yield Kind.PATIENT_CHANGED, {"action": line.action}
    elif line.action == "performed step updated":
        yield _REPORTS.get(line.detail, Kind.REPORT_CHANGED), {}
    elif line.action in ACTIONS:
        yield ACTIONS[line.action], {"detail": line.detail}
    else:
        events, rest = _events_in(line.action)
        yield from ((ACTIONS[event], {}) for event in events if event in ACTIONS)
        if rest:
            yield Kind.OTHER, {"action": line.action, "detail": line.detail}


def _events_in(action: str) -> tuple[list[str], str]:
    """Return the events that an action joins, and what is left of it."""
    found, rest = [], action
    for event in _EVENTS:
        if event in rest:
            found.append(event)
            rest = rest.replace(event, "", 1)
    return found, rest.strip(" ,")


def _raw_of(subject: str) -> tuple[Raw, str] | None:
    """Return the document of what a line of the audit is about."""
    for prefix, raw in (("performed step ", Raw.PERFORMED_STEP), ("study ", Raw.STUDY)):
        if subject.startswith(prefix):
            return raw, subject.removeprefix(prefix)
    return (Raw.EVENT, subject) if subject.startswith("evt_") else None


def _of_message(line: MessageLine) -> Item:
    kind = Kind.MESSAGE_IN if line.direction == "in" else Kind.MESSAGE_OUT
    values = {"peer": line.peer, "type": line.type, "outcome": line.outcome, "detail": line.detail}
    is_trouble = line.outcome not in ("", "AA", "CA")
    return Item(line.at, kind, "", None, values, (Raw.MESSAGE, str(line.key)), not line.outcome, is_trouble)


def _of_served(line: ServedLine) -> Item:
    values = {"device": line.ae_title, "step": line.step_id, "times": line.times}
    until = line.last_at if line.last_at > line.first_at else None
    return Item(line.first_at, Kind.SERVED, f"device {line.ae_title}", until, values, (Raw.WORKLIST, line.ae_title))


def _of_images(images: Iterable[ImageLine]) -> Iterator[Item]:
    """Yield one line for images of one device and study that come without a pause."""
    last: dict[tuple[str, str], list[ImageLine]] = {}
    for image in sorted(images, key=lambda image: image.at):
        key = (image.ae_title, image.study_instance_uid)
        group = last.get(key)
        if group and image.at - group[-1].at <= TOGETHER:
            group.append(image)
            continue
        if group:
            yield _group(group)
        last[key] = [image]
    yield from map(_group, last.values())


def _group(images: Sequence[ImageLine]) -> Item:
    first, end = images[0], images[-1].at
    values = {"device": first.ae_title, "count": len(images)}
    raw = (Raw.STUDY, first.study_instance_uid)
    until = end if end > first.at else None
    return Item(first.at, Kind.IMAGES, f"device {first.ae_title}", until, values, raw)


def _of_study(study: StudyLine) -> Iterator[Item]:
    if study.reported_at is not None:
        values = {"evidence": study.evidence}
        yield Item(study.reported_at, Kind.STUDY_COMPLETE, "gateway", None, values, (Raw.STUDY, study.uid))


def _of_events(history: History) -> Iterator[Item]:
    """Yield the events that no PMS is told."""
    told = {delivery.event_id for delivery in history.deliveries}
    for event in history.events:
        if event.id not in told:
            yield Item(event.occurred_at, Kind.EVENT, "gateway", None, {"event": event.type}, (Raw.EVENT, event.id))


def _of_delivery(line: DeliveryLine) -> Item:
    reading = read_detail(line.detail)
    kind = _DELIVERIES[line.status]
    is_open = kind is Kind.WAITING
    values = {
        "target": line.target,
        "event": line.event_type,
        "told": reading.told,
        "said": reading.said,
        "tries": line.attempts,
        "next_at": line.due_at if is_open else None,
    }
    at = line.created_at if is_open or line.finished_at is None else line.finished_at
    failing = is_open and line.attempts > 0 and reading.told is not Told.BEHIND
    raw = (Raw.EVENT, line.event_id)
    return Item(at, kind, "gateway", None, values, raw, is_open, failing or kind in TROUBLE)
