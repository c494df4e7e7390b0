"""What becomes of the bytes of a message, whatever way they came: whose they are, whether they were there before, the
record, the work, and the answer, which is given only when all of it is durable (HL7 v2.5.1 2.9.2).

A repeat has the source, the control id (MSH-10) and the content of a message that was accepted: it gets the same answer
and does nothing. One that was refused is worked on again, because what was in its way may be gone.
"""

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import structlog

from dicom_gateway.connectors.hl7.acknowledge import AA, acknowledge
from dicom_gateway.connectors.hl7.batch import joined, split
from dicom_gateway.connectors.hl7.errors import AE, AR, INTERNAL, SEGMENT_SEQUENCE, Hl7Error
from dicom_gateway.connectors.hl7.message import Header, Message, read_header, read_message
from dicom_gateway.connectors.hl7.sender import Sender
from dicom_gateway.connectors.hl7.sources import Source, Sources
from dicom_gateway.core.local_time import from_instant
from dicom_gateway.core.ports import Clock
from dicom_gateway.errors import GatewayError, Unavailable
from dicom_gateway.storage.messages import Direction, MessageStore, NewMessage, Result

log = structlog.get_logger()

LOCKS = 64
REPEATED = "repeated"  # what is counted for one that was there before
UNKNOWN = "unknown"  # the source that is counted for messages of nobody


@dataclass(frozen=True, slots=True)
class Applied:
    """What a message did. `remarks` are for a person who looks at the record; nothing there names a patient."""

    order_ids: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Work(Protocol):
    """Does what a message asks."""

    def __call__(self, message: Message, source: Source, origin: str) -> Applied:
        """Return what was done, durable; raises Hl7Error, or Unavailable when it may be done later."""
        ...


class Taken(NamedTuple):
    """What became of a message, or of all messages of a batch: `answers` in their order; `reasons` why something was
    refused; `is_temporary`: the same may be taken later."""

    answers: tuple[bytes, ...]
    reasons: tuple[str, ...] = ()
    is_temporary: bool = False


class Receiver:
    """Receives messages; called from several threads. `count(source, outcome)` is told of each."""

    def __init__(
        self,
        sources: Sources,
        messages: MessageStore,
        work: Work,
        clock: Clock,
        zone: ZoneInfo,
        random_bits: Callable[[int], int],
        count: Callable[[str, str], None] = lambda source, outcome: None,
    ) -> None:
        self._sources = sources
        self._messages = messages
        self._work = work
        self._clock = clock
        self._zone = zone
        self._random_bits = random_bits
        self._count = count
        self._locks = [threading.Lock() for _ in range(LOCKS)]  # the same message by two ways is worked on once

    def receive(self, raw: bytes, sender: Sender) -> tuple[bytes, ...]:
        """Return the answers to a message or a batch, each for a frame of its own, once everything is durable."""
        return self.take(raw, sender).answers

    def take(self, raw: bytes, sender: Sender) -> Taken:
        """Receive a message or a batch."""
        batch = split(raw)
        if len(batch.messages) == 1 and not batch.headers:
            return self._take_one(batch.messages[0], sender)
        taken = [self._take_one(message, sender) for message in batch.messages]
        answer = joined([one for each in taken for one in each.answers], batch, self._mint(), self._now())
        reasons = tuple(
            f"message {number}: {reason}" for number, each in enumerate(taken, 1) for reason in each.reasons
        )
        return Taken((answer,) if answer else (), reasons, any(each.is_temporary for each in taken))

    def refuse(self, head: bytes, sender: Sender, reason: str, is_temporary: bool = False) -> tuple[bytes, ...]:
        """Refuse a message of which only the beginning is there, and keep that."""
        code, ack = (INTERNAL, AE) if is_temporary else (SEGMENT_SEQUENCE, AR)
        error = Hl7Error(f"message refused: {reason}", code, ack=ack)
        header, source = self._known(head, sender)
        return self._refused(header, _new(head, header, source, sender), error).answers

    def _take_one(self, raw: bytes, sender: Sender) -> Taken:
        header, source = None, None
        try:
            header = read_header(raw)
            source = self._sources.of(header, sender)
        except Hl7Error as error:
            return self._refused(header, _new(raw, header, source, sender), error)
        new = _new(raw, header, source, sender)
        with self._locks[hash((new.peer, new.control_id)) % LOCKS]:
            try:
                return self._receive(header, source, new)
            except Unavailable as error:
                later = Hl7Error(f"{error}; send it again later", INTERNAL, ack=AE)
                log.warning("message not received", source=source.name, error=str(error))
                self._count(source.name, AE)
                return Taken(self._acknowledge(header, later), (str(later),), is_temporary=True)

    def _receive(self, header: Header, source: Source, new: NewMessage) -> Taken:
        """Receive a message of a known source; raises Unavailable when it cannot be kept."""
        before = self._messages.before(new, {AA})
        if before.key is not None:
            self._messages.repeated(before.key)
            self._count(source.name, REPEATED)
            return Taken(split(before.answer).messages if before.answer else ())
        kept = self._messages.begin(new)
        applied, error = self._apply(new, source)
        answers = self._acknowledge(header, error)
        remarks = applied.remarks + (("its control id stood in another message",) if before.id_reused else ())
        reasons = tuple(map(_reason, error.faults)) if error else ()
        outcome = error.ack if error else AA
        self._messages.finish(
            kept.wait(), Result(outcome, "; ".join((*reasons, *remarks)), b"".join(answers), applied.order_ids)
        )
        self._count(source.name, outcome)
        log.info("message received", source=source.name, type=new.type, outcome=outcome)
        return Taken(answers, reasons)

    def _apply(self, new: NewMessage, source: Source) -> tuple[Applied, Hl7Error | None]:
        """Do what a message asks; return what was done, or why not. Raises Unavailable."""
        try:
            message = read_message(new.raw, source.character_set)
            applied = self._work(message, source, new.origin)
            return Applied(applied.order_ids, (*message.remarks, *applied.remarks)), None
        except Hl7Error as error:
            return Applied(), error
        except Unavailable:
            raise
        except Exception as error:
            return Applied(), self._unexpected(error)

    def _unexpected(self, error: Exception) -> Hl7Error:
        """Log without the error's text, which may hold a patient's data; that stands at DEBUG."""
        reference = f"{self._random_bits(64):016x}"
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
        log.error("unexpected error", reference=reference, error=type(error).__qualname__, where=where[-12:])
        log.debug("unexpected error", reference=reference, text=repr(error))
        return Hl7Error(f"unexpected error; the gateway's log has it under reference {reference}", INTERNAL, ack=AE)

    def _refused(self, header: Header | None, new: NewMessage, error: Hl7Error) -> Taken:
        """Keep and answer a message that is not even looked into."""
        answers = self._acknowledge(header, error)
        self._count(new.peer or UNKNOWN, error.ack)
        log.info("message refused", origin=new.origin, why=str(error))
        try:
            self._messages.record(new, Result(error.ack, str(error), b"".join(answers)))
        except GatewayError as unkept:
            log.warning("message not kept", error=str(unkept))
        return Taken(answers, (_reason(error),))

    def _known(self, head: bytes, sender: Sender) -> tuple[Header | None, Source | None]:
        header = None
        try:
            header = read_header(head)
            return header, self._sources.of(header, sender)
        except Hl7Error:
            return header, None

    def _acknowledge(self, header: Header | None, error: Hl7Error | None) -> tuple[bytes, ...]:
        return acknowledge(header, self._mint(), self._now(), error)

    def _mint(self) -> str:
        return f"{self._random_bits(72):018x}"  # MSH-10 has 20 characters

    def _now(self) -> datetime:
        return from_instant(self._clock()).astimezone(self._zone)


def _new(raw: bytes, header: Header | None, source: Source | None, sender: Sender) -> NewMessage:
    kind = "^".join(part for part in (header.message_type, header.trigger) if part) if header else ""
    peer = source.name if source else sender.source
    return NewMessage(Direction.IN, peer, sender.origin, kind, header.control_id if header else "", raw)


def _reason(error: Hl7Error) -> str:
    place = f" ({error.location})" if error.location else ""
    return f"{error.ack} {error.code}{place}: {error}"
