"""Events and their way to each target: at least once, in order per order, with an id that is stable over retries.

An event is written in the transaction that it tells of, with one delivery per target that wants its source. A
delivery is claimed by lease, sent outside any transaction, and finished only by its owner. One that is parked no
longer holds back those behind it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from peewee import fn

from dicom_gateway.core.envelope import Event, envelope
from dicom_gateway.errors import NotFound
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.tables import DeliveryRow, EventRow, TargetRow


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"  # given up until a person asks for it again


@dataclass(frozen=True, slots=True)
class Target:
    """A PMS that takes events: of the named sources, or of all when none is named."""

    name: str
    sources: frozenset[str] = frozenset()

    def wants(self, source: str) -> bool:
        """Say whether events of `source` ("": of no order) go to this target."""
        return not self.sources or source in self.sources


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in our hands until its lease ends."""

    key: int
    target: str
    event_id: str
    event_type: str
    occurred_at: int
    attempts: int  # before this one
    first_try_at: int | None
    envelope: dict[str, Any]
    instance_keys: tuple[int, ...]


class Outbox:
    """The events to deliver."""

    def __init__(self, database: Database, targets: Sequence[Target], random_bits: Callable[[int], int]) -> None:
        self._database = database
        self._targets = {target.name: target for target in targets}
        self._random_bits = random_bits

    def emit(self, tx: Transaction, event: Event) -> str:
        """Queue an event for every target that wants it, within the caller's transaction; return its id."""
        source = event.order.source if event.order else ""
        targets = [name for name, target in self._targets.items() if target.wants(source)]
        return self._insert(tx, event, source, targets)

    def _insert(self, tx: Transaction, event: Event, source: str, targets: list[str]) -> str:
        event_id = f"evt_{self._random_bits(104):026x}"
        tx.execute(
            EventRow.insert(
                id=event_id,
                type=event.type.value,
                occurred_at=event.occurred_at,
                source=source,
                subject=event.subject or event_id,
                order_id=event.order.id if event.order else "",
                study_instance_uid=event.facts.study.study_instance_uid if event.facts else "",
                envelope=json.dumps(envelope(event_id, event), ensure_ascii=False),
                instance_keys=json.dumps(event.instance_keys),
            )
        )
        tx.insert_all(
            DeliveryRow,
            (
                {
                    "event_id": event_id,
                    "target": target,
                    "subject": event.subject or event_id,
                    "status": DeliveryStatus.PENDING.value,
                    "created_at": event.occurred_at,
                    "due_at": event.occurred_at,
                    "attempts": 0,
                    "lease_owner": "",
                    "lease_until": 0,
                    "detail": "",
                }
                for target in targets
            ),
        )
        if targets:
            tx.wake("worker")
        return event_id

    def claim(self, owner: str, now: int, lease: int, target: str, limit: int = 1) -> list[Claimed]:
        """Take up to `limit` due deliveries of a target for `lease` microseconds: of each subject only the oldest."""

        def run(tx: Transaction) -> list[Claimed]:
            due = (
                DeliveryRow.select(DeliveryRow.key)
                .where(self._first_in_line(target), DeliveryRow.due_at <= now, DeliveryRow.lease_until <= now)
                .order_by(DeliveryRow.due_at, DeliveryRow.key)
                .limit(limit)
            )
            taken = tx.returning(
                DeliveryRow.update(lease_owner=owner, lease_until=now + lease)
                .where(DeliveryRow.key.in_(due))
                .returning(DeliveryRow)
            )
            events = {
                event["id"]: event
                for event in tx.rows(EventRow.select().where(EventRow.id.in_([row["event_id"] for row in taken])))
            }
            return [_claimed(row, events[row["event_id"]]) for row in sorted(taken, key=lambda row: row["key"])]

        return self._database.write(run) if self.next_due(now, target) <= now else []

    def next_due(self, now: int, target: str) -> int:
        """Return when the next delivery of a target that nobody holds is due; far in the future when there is none."""
        query = (
            DeliveryRow.select(DeliveryRow.due_at)
            .where(self._first_in_line(target), DeliveryRow.lease_until <= now)
            .order_by(DeliveryRow.due_at)
            .limit(1)
        )
        found = self._database.read(lambda tx: tx.value(query))
        return int(found) if found is not None else now + 3_600_000_000

    def _first_in_line(self, target: str) -> Any:
        """Return the condition: pending, to this target unless it is paused, nothing before it in its line."""
        paused = TargetRow.select(TargetRow.name).where(TargetRow.paused_at.is_null(False))
        return (
            (DeliveryRow.status == DeliveryStatus.PENDING.value)
            & (DeliveryRow.target == target)
            & DeliveryRow.target.not_in(paused)
            & ~fn.EXISTS(_earlier())
        )

    def finish(
        self, claimed: Claimed, owner: str, now: int, delivered: bool, detail: str, next_try: int | None
    ) -> bool:
        """Record how a try ended: delivered, due again at `next_try`, or parked with an alarm when that is None.

        Returns False when the lease had passed to another owner; then nothing is changed.
        """

        def run(tx: Transaction) -> bool:
            status = (
                DeliveryStatus.DELIVERED
                if delivered
                else DeliveryStatus.PARKED
                if next_try is None
                else DeliveryStatus.PENDING
            )
            changed = tx.execute(
                DeliveryRow.update(
                    status=status.value,
                    attempts=DeliveryRow.attempts + 1,
                    first_try_at=fn.COALESCE(DeliveryRow.first_try_at, now),
                    due_at=next_try if next_try is not None else now,
                    lease_owner="",
                    lease_until=0,
                    detail=detail,
                    finished_at=None if status is DeliveryStatus.PENDING else now,
                ).where(DeliveryRow.key == claimed.key, DeliveryRow.lease_owner == owner)
            )
            if changed and status is DeliveryStatus.PARKED:
                audit.raise_alarm(tx, now, "delivery parked", claimed.event_id, f"{claimed.target}: {detail}")
            return bool(changed)

        return self._database.write(run)

    def pause(self, target: str, now: int, reason: str) -> None:
        """Send nothing more to a target; its queue is kept."""

        def run(tx: Transaction) -> None:
            tx.execute(
                TargetRow.insert(name=target, paused_at=now, reason=reason).on_conflict(
                    conflict_target=[TargetRow.name], update={TargetRow.paused_at: now, TargetRow.reason: reason}
                )
            )
            audit.raise_alarm(tx, now, "target paused", target, reason)

        self._database.write(run)

    def paused(self) -> dict[str, str]:
        """Return the paused targets, each with the reason."""
        query = TargetRow.select().where(TargetRow.paused_at.is_null(False))
        return {row["name"]: row["reason"] for row in self._database.read(lambda tx: tx.rows(query))}

    def deliveries(
        self, status: str = "", target: str = "", limit: int = 100, before: int | None = None
    ) -> Sequence[Row]:
        """Return deliveries with their event's type, newest first; `before` is the key of the last one seen.

        The detail of one that waits for another of its line says for which.
        """
        query = (
            DeliveryRow.select(DeliveryRow, EventRow.type, EventRow.order_id, EventRow.study_instance_uid, _waits_for())
            .join(EventRow, on=(EventRow.id == DeliveryRow.event_id))
            .order_by(DeliveryRow.key.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(DeliveryRow.key < before)
        if status:
            query = query.where(DeliveryRow.status == status)
        if target:
            query = query.where(DeliveryRow.target == target)
        return [_shown(row) for row in self._database.read(lambda tx: tx.rows(query))]

    def event(self, event_id: str) -> Row:
        """Return an event with its envelope and its deliveries; raises NotFound."""

        def run(tx: Transaction) -> Row:
            row = tx.row(EventRow.select().where(EventRow.id == event_id))
            if row is None:
                raise NotFound(f"no event {event_id}")
            query = DeliveryRow.select(DeliveryRow, _waits_for()).where(DeliveryRow.event_id == event_id)
            deliveries = [_shown(delivery) for delivery in tx.rows(query.order_by(DeliveryRow.key))]
            return {**row, "envelope": json.loads(row["envelope"]), "deliveries": deliveries}

        return self._database.read(run)

    def retry(self, now: int, actor: Actor, event_id: str = "", target: str = "") -> int:
        """Make parked and waiting deliveries due now, their schedule begun anew, of one event or of one target, and
        take back a pause of the targets concerned; return how many."""

        def run(tx: Transaction) -> int:
            where = (DeliveryRow.status != DeliveryStatus.DELIVERED.value) & (DeliveryRow.lease_until <= now)
            if event_id:
                where &= DeliveryRow.event_id == event_id
            if target:
                where &= DeliveryRow.target == target
            targets = set(tx.values(DeliveryRow.select(DeliveryRow.target).where(where)))
            changed = tx.execute(
                DeliveryRow.update(
                    status=DeliveryStatus.PENDING.value, due_at=now, first_try_at=None, attempts=0, finished_at=None
                ).where(where)
            )
            tx.execute(TargetRow.update(paused_at=None, reason="").where(TargetRow.name.in_(targets)))
            for name in targets:
                audit.clear_alarm(tx, "target paused", name)
            audit.record(tx, now, actor, "delivery asked for again", event_id or f"target {target}", f"{changed}")
            tx.wake("worker")
            return int(changed)

        return self._database.write(run)

    def depth(self) -> dict[tuple[str, str], int]:
        """Return how many deliveries stand at each (target, status)."""
        query = DeliveryRow.select(
            DeliveryRow.target, DeliveryRow.status, fn.COUNT(DeliveryRow.key).alias("n")
        ).group_by(DeliveryRow.target, DeliveryRow.status)
        rows = self._database.read(lambda tx: tx.rows(query))
        return {(row["target"], row["status"]): row["n"] for row in rows}


_EARLIER = DeliveryRow.alias()


def _earlier() -> Any:
    """Return the query for the pending deliveries that stand before a delivery in its line."""
    return _EARLIER.select(_EARLIER.event_id).where(
        _EARLIER.target == DeliveryRow.target,
        _EARLIER.subject == DeliveryRow.subject,
        _EARLIER.status == DeliveryStatus.PENDING.value,
        _EARLIER.key < DeliveryRow.key,
    )


def _waits_for() -> Any:
    return _earlier().order_by(_EARLIER.key).limit(1).alias("waits_for")


def _shown(row: Row) -> Row:
    waits_for = row.pop("waits_for")
    waits = waits_for is not None and row["status"] == DeliveryStatus.PENDING.value
    return {**row, "detail": f"waits for {waits_for}"} if waits else row


def _claimed(row: Row, event: Row) -> Claimed:
    return Claimed(
        key=row["key"],
        target=row["target"],
        event_id=row["event_id"],
        event_type=event["type"],
        occurred_at=event["occurred_at"],
        attempts=row["attempts"],
        first_try_at=row["first_try_at"],
        envelope=json.loads(event["envelope"]),
        instance_keys=tuple(json.loads(event["instance_keys"])),
    )
