"""A PMS that takes events as HL7 messages over MLLP (a ResultSink): event JSON -> message -> answer -> outcome.

A message that left is kept with its answer, to be looked at later; one that is the same again and ended the same way is
counted, not kept again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from dicom_gateway.connectors.hl7.client import MllpClient, NotAnswered
from dicom_gateway.connectors.hl7.facts import AsSent, Known
from dicom_gateway.connectors.hl7.outgoing import Header, compose, control_id
from dicom_gateway.connectors.hl7.replies import Means, Reply, read_reply
from dicom_gateway.connectors.hl7.template import Template
from dicom_gateway.core.envelope import EventType
from dicom_gateway.core.model import Order
from dicom_gateway.core.ports import Outcome
from dicom_gateway.errors import GatewayError
from dicom_gateway.storage.messages import Before, Direction, NewMessage, Result

log = structlog.get_logger()

FEW_TRIES: Final = 4  # of what is refused, within three minutes; then it is parked
MOST_REFUSED: Final = 10_000  # events whose refusals are counted
NO_ANSWER: Final = "no answer"


class Log(Protocol):
    """Keeps what was sent."""

    def before(self, message: NewMessage, accepted: frozenset[str]) -> Before:
        """Return the key of the same message that ended in one of these ways."""
        ...

    def repeated(self, key: int) -> None:
        """Count a repeat."""
        ...

    def record(self, message: NewMessage, result: Result) -> int:
        """Keep a message with its result."""
        ...


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the sink asks about an event: the order by its id (None when there is none), how it was sent, the requested
    procedure of a study; and the link to a study."""

    order: Callable[[str], Order | None]
    sent: Callable[[Order], AsSent]
    procedure_id: Callable[[str], str]
    link: Callable[[str], str]


class Hl7Sink:
    """Sends events to one target, which is named in the log of messages."""

    def __init__(
        self, target: str, template: Template, header: Header, client: MllpClient, lookup: Lookup, messages: Log,
        zone: ZoneInfo,
    ) -> None:  # fmt: skip
        self._target = target
        self._template = template
        self._header = header
        self._client = client
        self._lookup = lookup
        self._messages = messages
        self._zone = zone
        self._refused: dict[str, int] = {}

    def deliver(self, event_id: str, occurred_at: int, payload: bytes) -> Outcome:
        """Send one event (`payload` is its UTF-8 JSON) and say what its answer means.

        Raises GatewayError when the database does not say what the message needs.
        """
        event: dict[str, Any] = json.loads(payload)
        if event["type"] not in self._template.events:
            return self._not_sent(str(event["type"]))
        known = self._known(event)
        kind, raw = compose(self._template, self._header, known)
        control = control_id(event_id, self._template.version)
        new = NewMessage(Direction.OUT, self._target, self._client.where, kind, control, raw)
        order_ids = (known.order.id,) if known.order else ()
        return self._sent(new, order_ids, event)

    def close(self) -> None:
        """Close a connection that is kept."""
        self._client.close()

    def _not_sent(self, event_type: str) -> Outcome:
        """An event that the template has no message for is done; a test at least connects."""
        why = "the template has no message for it"
        if event_type != EventType.TEST.value:
            return Outcome(True, f"not sent: {why}")
        try:
            return Outcome(True, f"{self._client.reach()}; nothing was sent: {why}")
        except NotAnswered as error:
            return Outcome(False, str(error))

    def _known(self, event: Mapping[str, Any]) -> Known:
        order = self._lookup.order(event["order"]["id"]) if event["order"] else None
        study = event["study"]["instance_uid"] if event["study"] else ""
        return Known(
            event,
            self._zone,
            order,
            self._lookup.sent(order) if order else AsSent(),
            self._lookup.procedure_id(study) if study else "",
            self._lookup.link(study) if study else "",
        )

    def _sent(self, new: NewMessage, order_ids: tuple[str, ...], event: Mapping[str, Any]) -> Outcome:
        answers: list[bytes] = []
        try:
            reply = self._client.exchange(new.raw, lambda answer: _final(answer, new.control_id, answers))
        except NotAnswered as error:
            if error.was_sent:
                self._keep(new, Result(NO_ANSWER, str(error), b"".join(answers), order_ids))
            return Outcome(False, str(error))
        self._keep(new, Result(reply.code, reply.detail, b"".join(answers), order_ids))
        return self._outcome(event, reply)

    def _outcome(self, event: Mapping[str, Any], reply: Reply) -> Outcome:
        event_id, detail = str(event["id"]), reply.detail
        if event["type"] == EventType.TEST.value and reply.means is not Means.TAKEN:
            return Outcome(True, f"connected, and answered {detail}; it takes no test messages, which is usual")
        if reply.means is Means.FEW:
            self._refused[event_id] = self._refused.get(event_id, 0) + 1
        is_over = reply.means is Means.NEVER or self._refused.get(event_id, 0) >= FEW_TRIES
        if reply.means is Means.TAKEN or is_over or len(self._refused) > MOST_REFUSED:
            self._refused.pop(event_id, None)
        return Outcome(reply.means is Means.TAKEN, detail, final=is_over)

    def _keep(self, new: NewMessage, result: Result) -> None:
        """Keep what was sent; what the receiver said holds even when that cannot be written."""
        try:
            before = self._messages.before(new, frozenset({result.outcome}))
            if before.key is None:
                self._messages.record(new, result)
            else:
                self._messages.repeated(before.key)
        except GatewayError as error:
            log.warning("message not kept", target=self._target, error=type(error).__name__)


def _final(answer: bytes, control: str, answers: list[bytes]) -> Reply | None:
    """Return the reply that ends the exchange, None when more is to come; raises NotAnswered for anything else, because
    what an answer on this connection belongs to is not known then."""
    answers.append(answer)
    reply = read_reply(answer)
    if reply is None or reply.control_id != control:
        raise NotAnswered("what was answered is no acknowledgement of this message", was_sent=True)
    return None if reply.means is Means.WAIT else reply
