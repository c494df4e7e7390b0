"""What is known of one order, row by row, as the store reads it for its timeline. Instants are microseconds UTC."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of the audit of the order, of its performed steps, studies or events."""

    at: int
    who: str
    action: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message about the order; `direction` is in or out."""

    key: int
    at: int
    direction: str
    peer: str
    type: str
    outcome: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ServedLine:
    """A scheduled step that a device got."""

    step_id: str
    ae_title: str
    first_at: int
    last_at: int
    times: int


@dataclass(frozen=True, slots=True)
class ImageLine:
    """A received instance of the order."""

    at: int
    ae_title: str
    study_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study of the order; `evidence` is one of core.completion."""

    uid: str
    requested_procedure_id: str = ""

    reported_at: int | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event about the order."""

    id: str
    type: str
    occurred_at: int


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """How an event stands with one target; `status` is pending, delivered or parked."""

    event_id: str
    event_type: str
    target: str
    status: str
    created_at: int
    attempts: int = 0
    due_at: int | None = None
    finished_at: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of an order, as it was read; `source` is where the order came from."""

    source: str = ""
    audit: Sequence[AuditLine] = ()
    messages: Sequence[MessageLine] = ()
    served: Sequence[ServedLine] = ()
    images: Sequence[ImageLine] = ()
    studies: Sequence[StudyLine] = ()
    events: Sequence[EventLine] = ()
    deliveries: Sequence[DeliveryLine] = ()
