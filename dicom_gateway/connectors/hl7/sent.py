"""How an order was sent to us by HL7: the numbers and ids that its answers repeat, character for character."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.escapes import escaped
from dicom_gateway.connectors.hl7.facts import AsSent
from dicom_gateway.connectors.hl7.message import Message, Segment, Separators, read_message
from dicom_gateway.core.model import Order
from dicom_gateway.storage.database import Row
from dicom_gateway.storage.messages import Direction, MessageFilter

ACCEPTED = "AA"
MOST_MESSAGES = 20  # about one order, that are looked at, newest first
_USUAL = Separators()
_GROUP = {"ORC": (2, 3), "OBR": (2, 3)}
_PATIENT = (2, 3)


class Messages(Protocol):
    """The messages that came, as far as this looks at them."""

    def find(self, wanted: MessageFilter) -> Sequence[Row]:
        """Return messages without their bytes, newest first."""
        ...

    def get(self, key: int) -> Row:
        """Return a message with its bytes."""
        ...


def as_sent(messages: Messages, order: Order) -> AsSent:
    """Return the fields of the newest order message about an order that was accepted and is still kept."""
    wanted = MessageFilter(
        direction=Direction.IN.value, outcome=ACCEPTED, order_id=order.id, peer=order.source, limit=MOST_MESSAGES
    )
    for row in messages.find(wanted):
        try:
            message = read_message(messages.get(row["key"])["raw"])
        except Hl7Error:
            continue
        if found := fields_of(message, order):
            return found
    return AsSent()


def fields_of(message: Message, order: Order) -> AsSent | None:
    """Return what a message says of an order; None when no group of it names the order's placer number."""
    groups = [fields for fields, ids in _groups(message) if order.placer_order_number in ids]
    if not groups:
        return None
    pid = next((one for one in message.segments if one.name == "PID"), None)
    if pid is None or order.patient.id not in {one for n in _PATIENT for one in _ids(message, pid, n)}:
        return AsSent(groups)  # merged or corrected since
    return AsSent(groups, {f"PID-{n}": _rewritten(message, pid, n) for n in _PATIENT})


def _groups(message: Message) -> Iterator[tuple[dict[str, str], set[str]]]:
    """Yield ORC-2, ORC-3, OBR-2 and OBR-3 of each group of a message, and the numbers in them."""
    fields: dict[str, str] = {}
    ids: set[str] = set()
    for segment in message.segments:
        if segment.name not in _GROUP:
            continue
        if f"{segment.name}-2" in fields or (segment.name == "ORC" and fields):
            yield fields, ids
            fields, ids = {}, set()
        for n in _GROUP[segment.name]:
            fields[f"{segment.name}-{n}"] = _rewritten(message, segment, n)
            ids.update(_ids(message, segment, n))
    if fields:
        yield fields, ids


def _ids(message: Message, segment: Segment, field: int) -> list[str]:
    """Return the first component of each repetition of a field."""
    return [message.text(repetition[0][0]).strip() for repetition in segment.repetitions(field)]


def _rewritten(message: Message, segment: Segment, field: int) -> str:
    """Return a field with the usual separators."""
    return "~".join(
        "^".join("&".join(escaped(message.text(part), _USUAL) for part in component) for component in repetition)
        for repetition in segment.repetitions(field)
    )
