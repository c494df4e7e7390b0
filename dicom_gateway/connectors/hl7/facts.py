"""What a message to a PMS is made of: an event, its order as it is now, and how that order was sent; and what of it
is repeated in a message: procedures, steps, thumbnails.

An event is the JSON that every target gets; names, codes and ids that it does not carry come from the order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from dicom_gateway.core.model import Order, Patient, RequestedProcedure, ScheduledStep

EVENT, PROCEDURE, STEP, THUMBNAIL = "", "procedure", "step", "thumbnail"
INSIDE: Final = {PROCEDURE: EVENT, STEP: PROCEDURE, THUMBNAIL: PROCEDURE}  # what is repeated stands within what
LONGEST_THUMBNAIL = 60_000  # characters of base64; many receivers take no segment over 64 KB
MOST_THUMBNAILS = 40


@dataclass(frozen=True, slots=True)
class AsSent:
    """Fields of the HL7 message that an order came by, as it had them (escaped, usual separators); "" where it had
    none: ORC-2, ORC-3, OBR-2 and OBR-3 of each of its groups, PID-2 and PID-3."""

    groups: Sequence[Mapping[str, str]] = ()
    patient: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an event: its JSON; its order and how that was sent, where there are such; the requested
    procedure of its study; and the link to it ("" for none)."""

    event: Mapping[str, Any]
    zone: ZoneInfo
    order: Order | None = None
    sent: AsSent = AsSent()
    procedure_id: str = ""
    link: str = ""

    def part(self, name: str) -> Mapping[str, Any]:
        """Return `order`, `patient` or `study` of the event; empty when it has none."""
        return self.event.get(name) or {}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a message a value is asked for."""

    known: Known
    procedure: RequestedProcedure | None = None
    index: int = 0
    step: ScheduledStep | None = None
    instance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def patient(self) -> Patient | None:
        """The patient, as far as the order knows."""
        return self.known.order.patient if self.known.order else None

    @property
    def of_step(self) -> ScheduledStep | None:
        """The step, else the first one of the procedure."""
        return self.step or (self.procedure.steps[0] if self.procedure and self.procedure.steps else None)

    def sent(self, name: str) -> str:
        """Return a field of the ORC and OBR that this procedure came by."""
        groups = self.known.sent.groups
        order = self.known.order
        if not groups or order is None:
            return ""
        at = self.index if len(groups) == len(order.procedures) else 0
        return groups[at].get(name, "")


def places(place: Place, each: str) -> Iterator[Place]:
    """Yield what is repeated within a place."""
    known = place.known
    if each == PROCEDURE:
        for index, procedure in _procedures(known):
            yield Place(known, procedure, index)
    elif each == STEP:
        for step in place.procedure.steps if place.procedure else ():
            yield Place(known, place.procedure, place.index, step)
    else:
        for instance in _pictured(known.event)[:MOST_THUMBNAILS]:
            yield Place(known, place.procedure, place.index, None, instance)


_Numbered = tuple[int, RequestedProcedure | None]


def _procedures(known: Known) -> list[_Numbered]:
    """Return the procedures of the order that an event is about: that of its study, or all."""
    everyone = list(enumerate(known.order.procedures)) if known.order else []
    study = known.part("study").get("instance_uid")
    chosen = everyone
    if study is not None and not str(known.event["type"]).startswith("order."):
        by_id = [(n, one) for n, one in everyone if known.procedure_id and one.id == known.procedure_id]
        by_uid = [(n, one) for n, one in everyone if one.study_instance_uid == study]
        chosen = (by_id or by_uid or everyone)[:1]
    return [*chosen] if chosen else [(0, None)]


def _pictured(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        one
        for one in event.get("instances", ())
        if 0 < len((one.get("thumbnail") or {}).get("data") or "") <= LONGEST_THUMBNAIL
    ]
