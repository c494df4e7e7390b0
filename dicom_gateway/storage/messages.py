"""Messages as they came and went, byte for byte, with their outcome: to be looked at later, and to know repeats by.

A message that came in has no outcome while it is in work; one whose process died meanwhile is `interrupted`. A repeat
is the same content with the same control id from the same source, and counted, not kept again.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dicom_gateway.core.identifiers import has_control_characters
from dicom_gateway.core.ports import Clock
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.database import Database, Pending, Row, Transaction
from dicom_gateway.storage.message_tables import MessageOrderRow, MessageRow
from dicom_gateway.storage.prepared import Statement, columns, given

LONGEST_TEXT = 200  # characters of what a header says; more is no name of anything
LONGEST_DETAIL = 2000
SWEEP_BATCH = 50
INTERRUPTED = "interrupted"
_SUMMARY = (
    "key", "direction", "peer", "origin", "type", "control_id", "at", "finished_at", "outcome", "detail", "repeats",
)  # fmt: skip
_NEW = (
    "direction", "peer", "origin", "type", "control_id", "sha256", "at", "finished_at", "outcome", "detail", "repeats",
    "answer", "content",
)  # fmt: skip
_INSERT = Statement(MessageRow.insert(**columns(_NEW)))
_FINISH = Statement(
    MessageRow.update(**columns(("outcome", "detail", "answer", "finished_at"))).where(MessageRow.key == given("key"))
)
_ORDER = Statement(MessageOrderRow.insert(**columns(("order_id", "message_key"))).on_conflict_ignore())
_SAME_ID = Statement(
    MessageRow.select(MessageRow.key, MessageRow.sha256, MessageRow.outcome, MessageRow.answer)
    .where(
        MessageRow.direction == given("direction"),
        MessageRow.peer == given("peer"),
        MessageRow.control_id == given("control_id"),
    )
    .order_by(MessageRow.key.desc())
    .limit(100)
)
_REPEAT = Statement(MessageRow.update(repeats=MessageRow.repeats + 1).where(MessageRow.key == given("key")))


class Direction(StrEnum):
    """Which way a message goes."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to keep. `peer`: the source that it came from or the target that it goes to, "" when nobody is known;
    `origin`: the address or file that it came from; `type` as ORM^O01."""

    direction: Direction
    peer: str
    origin: str
    type: str
    control_id: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a message: `outcome` AA, AE, AR and so on, `detail` for a person, `answer` byte for byte."""

    outcome: str
    detail: str = ""
    answer: bytes = b""
    order_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a message that comes: the answer to the same one that was accepted (with its key), and whether
    its control id stood in another message."""

    key: int | None = None
    answer: bytes = b""
    id_reused: bool = False


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What to list; "" is anything. `before`: the (at, key) of the last message seen."""

    direction: str = ""
    peer: str = ""
    type: str = ""
    outcome: str = ""
    control_id: str = ""
    order_id: str = ""
    limit: int = 100
    before: tuple[int, int] | None = None


class MessageStore:
    """Keeps messages, finds and shows them, and forgets old ones."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, message: NewMessage) -> Pending[int]:
        """Queue a message to be kept, without an outcome yet; wait on the result for its key. Raises Unavailable."""
        values = _values(message, self._clock()) | {"outcome": "", "detail": "", "answer": b"", "finished_at": None}
        return self._database.submit(lambda tx: int(tx.execute(_INSERT, **values)))

    def finish(self, key: int, result: Result) -> None:
        """Keep what became of a message; durable when this returns."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            tx.execute(
                _FINISH, key=key, finished_at=now, outcome=result.outcome, detail=_detail(result), answer=result.answer
            )
            _put_orders(tx, key, result.order_ids)

        self._database.write(run)

    def record(self, message: NewMessage, result: Result) -> int:
        """Keep a message and what became of it at once; return its key."""
        now = self._clock()
        outcome = {"outcome": result.outcome, "detail": _detail(result), "answer": result.answer, "finished_at": now}
        values = _values(message, now) | outcome

        def run(tx: Transaction) -> int:
            key = int(tx.execute(_INSERT, **values))
            _put_orders(tx, key, result.order_ids)
            return key

        return self._database.write(run)

    def before(self, message: NewMessage, accepted: Iterable[str]) -> Before:
        """Return what is known of a message that came in; `accepted`: the outcomes after which a repeat does nothing.

        One that was refused or interrupted is worked on again: what was in its way may be gone.
        """
        values = {"direction": message.direction.value, "peer": message.peer, "control_id": _text(message.control_id)}
        rows = self._database.read(lambda tx: tx.rows(_SAME_ID, **values))
        digest, wanted = _sha256(message.raw), frozenset(accepted)
        same = next((row for row in rows if row["sha256"] == digest and row["outcome"] in wanted), None)
        reused = bool(message.control_id) and any(row["sha256"] != digest for row in rows)
        return Before(same["key"], bytes(same["answer"]), reused) if same else Before(id_reused=reused)

    def repeated(self, key: int) -> None:
        """Count a repeat of a message."""
        self._database.write(lambda tx: tx.execute(_REPEAT, key=key))

    def interrupt(self) -> int:
        """Give an outcome to those that were in work when their process died; return how many. For a role's start."""
        query = MessageRow.update(outcome=INTERRUPTED, finished_at=self._clock(), detail="the gateway was ended")
        unfinished = (MessageRow.direction == Direction.IN.value) & (MessageRow.outcome == "")
        return int(self._database.write(lambda tx: tx.execute(query.where(unfinished))))

    def find(self, wanted: MessageFilter) -> Sequence[Row]:
        """Return messages without their bytes, newest first."""
        query = MessageRow.select(*(getattr(MessageRow, name) for name in _SUMMARY)).where(*_conditions(wanted))
        query = query.order_by(MessageRow.at.desc(), MessageRow.key.desc()).limit(wanted.limit)
        return self._database.read(lambda tx: tx.rows(query))

    def get(self, key: int) -> Row:
        """Return a message with its bytes (`raw`, `answer`) and the orders that it is about (`order_ids`); raises
        NotFound."""

        def run(tx: Transaction) -> Row | None:
            row = tx.row(MessageRow.select().where(MessageRow.key == key))
            orders = MessageOrderRow.select(MessageOrderRow.order_id).where(MessageOrderRow.message_key == key)
            return row and {**row, "order_ids": sorted(tx.values(orders))}

        found = self._database.read(run)
        if found is None:
            raise NotFound(f"no message {key}")
        content = found.pop("content")
        return {**found, "raw": bytes(content), "answer": bytes(found["answer"])}

    def sweep(self, before: int) -> int:
        """Forget messages older than an instant, some at a time; return how many were forgotten."""
        old = MessageRow.select(MessageRow.key).where(MessageRow.at < before).order_by(MessageRow.at).limit(SWEEP_BATCH)

        def run(tx: Transaction) -> int:
            keys = tx.values(old)
            tx.execute(MessageOrderRow.delete().where(MessageOrderRow.message_key.in_(keys)))
            return int(tx.execute(MessageRow.delete().where(MessageRow.key.in_(keys))))

        count = 0
        while forgotten := self._database.write(run):
            count += forgotten
        return count


def _values(message: NewMessage, now: int) -> dict[str, Any]:
    return {
        "direction": message.direction.value,
        "peer": _text(message.peer),
        "origin": _text(message.origin),
        "type": _text(message.type),
        "control_id": _text(message.control_id),
        "sha256": _sha256(message.raw),
        "at": now,
        "repeats": 0,
        "content": message.raw,
    }


def _text(value: str) -> str:
    """Return what a database may hold of a text that anybody wrote."""
    short = value[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
    return "".join("?" if has_control_characters(c) else c for c in short)


def _detail(result: Result) -> str:
    return result.detail[:LONGEST_DETAIL].replace("\x00", "?").encode("utf-8", "replace").decode("utf-8")


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _put_orders(tx: Transaction, key: int, order_ids: Iterable[str]) -> None:
    for order_id in dict.fromkeys(order_ids):
        tx.execute(_ORDER, order_id=order_id, message_key=key)


def _conditions(wanted: MessageFilter) -> list[Any]:
    conditions = [
        getattr(MessageRow, name) == value
        for name in ("direction", "peer", "type", "outcome", "control_id")
        if (value := getattr(wanted, name))
    ]
    if wanted.order_id:
        of_order = MessageOrderRow.select(MessageOrderRow.message_key)
        conditions.append(MessageRow.key.in_(of_order.where(MessageOrderRow.order_id == wanted.order_id)))
    if wanted.before:
        at, key = wanted.before
        conditions.append((MessageRow.at < at) | ((MessageRow.at == at) & (MessageRow.key < key)))
    return conditions or [True]
