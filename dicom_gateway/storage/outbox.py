"""Events and their way to each target: at least once, in order per order, with an id that is stable over retries.

An event is written in the transaction that it tells of, with one delivery per target that wants its source. A
delivery is claimed by lease, sent outside any transaction, and finished only by its owner. One that stands behind
another of its line (target and subject) has no `due_at`: it gets one when that one is delivered or parked, so what is
due is found without walking what waits.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from dicom_gateway.core.completeness import NO_OWN, Templates
from dicom_gateway.core.envelope import Event, envelope
from dicom_gateway.errors import NotFound
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.delivery_lines import CALL_NEXT, CLAIM, HOLD, NEXT_DUE, OCCUPIED, DeliveryStatus, waits_for
from dicom_gateway.storage.prepared import Statement, columns, given, several
from dicom_gateway.storage.tables import DeliveryRow, EventRow, TargetRow


@dataclass(frozen=True, slots=True)
class Target:
    """A PMS that takes events: of the named sources and types, or of all when none is named."""

    name: str
    sources: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    def wants(self, source: str, event_type: str) -> bool:
        """Say whether events of `source` ("": of no order) and of a type go to this target."""
        return (not self.sources or source in self.sources) and self.takes(event_type)

    def takes(self, event_type: str) -> bool:
        """Say whether events of a type go to this target."""
        return not self.types or event_type in self.types


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

    def __init__(
        self,
        database: Database,
        targets: Sequence[Target],
        random_bits: Callable[[int], int],
        templates: Templates = NO_OWN,
    ) -> None:
        self._database = database
        self._targets = {target.name: target for target in targets}
        self._random_bits = random_bits
        self._templates = templates

    def holders(self, tx: Transaction, order_ids: Collection[str], subject: str = "") -> list[str]:
        """Return the targets that were told, or will be, of one of these orders or of a subject."""
        found = set(tx.values(_TOLD_OF, subject=subject, targets=list(self._targets))) if subject else set()
        listed = sorted(order_ids)
        for start in range(0, len(listed), 500):
            found.update(tx.values(_HOLDERS, order_ids=listed[start : start + 500]))
        return sorted(found & self._targets.keys())

    def emit_to(self, tx: Transaction, event: Event, source: str, targets: list[str]) -> None:
        """Queue an event for those of these targets that want its type; none is fine."""
        wanted = [name for name in targets if self._targets[name].takes(event.type.value)]
        if wanted:
            self._insert(tx, event, source, wanted)

    def emit(self, tx: Transaction, event: Event) -> str:
        """Queue an event for every target that wants it, within the caller's transaction; return its id."""
        source = event.order.source if event.order else ""
        targets = [name for name, target in self._targets.items() if target.wants(source, event.type.value)]
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
                envelope=json.dumps(envelope(event_id, event, self._templates), ensure_ascii=False),
                instance_keys=json.dumps(event.instance_keys),
            )
        )
        subject = event.subject or event_id
        held = set(tx.values(OCCUPIED, subject=subject, targets=targets))
        tx.insert_all(
            DeliveryRow,
            (
                {
                    "event_id": event_id,
                    "target": target,
                    "subject": subject,
                    "status": DeliveryStatus.PENDING.value,
                    "created_at": event.occurred_at,
                    "due_at": None if target in held else event.occurred_at,
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
            taken = tx.returning(CLAIM, owner=owner, now=now, lease_until=now + lease, target=target, limit=limit)
            events = {event["id"]: event for event in tx.rows(_EVENTS, event_ids=[row["event_id"] for row in taken])}
            return [_claimed(row, events[row["event_id"]]) for row in sorted(taken, key=lambda row: row["key"])]

        return self._database.write(run) if self.next_due(now, target) <= now else []

    def next_due(self, now: int, target: str) -> int:
        """Return when the next delivery of a target that nobody holds is due; far in the future when there is none."""
        found = self._database.read(lambda tx: tx.value(NEXT_DUE, now=now, target=target))
        return int(found) if found is not None else now + 3_600_000_000

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
                _FINISH,
                key=claimed.key,
                owner=owner,
                now=now,
                status=status.value,
                due_at=next_try if next_try is not None else now,
                detail=detail,
                finished_at=None if status is DeliveryStatus.PENDING else now,
            )
            if changed and next_try is None:
                tx.execute(CALL_NEXT, key=claimed.key, now=now)
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
            DeliveryRow.select(DeliveryRow, EventRow.type, EventRow.order_id, EventRow.study_instance_uid, waits_for())
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
        return [shown(row) for row in self._database.read(lambda tx: tx.rows(query))]

    def event(self, event_id: str) -> Row:
        """Return an event with its envelope and its deliveries; raises NotFound."""

        def run(tx: Transaction) -> Row:
            row = tx.row(EventRow.select().where(EventRow.id == event_id))
            if row is None:
                raise NotFound(f"no event {event_id}")
            query = DeliveryRow.select(DeliveryRow, waits_for()).where(DeliveryRow.event_id == event_id)
            deliveries = [shown(delivery) for delivery in tx.rows(query.order_by(DeliveryRow.key))]
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
            asked = tx.rows(
                DeliveryRow.select(DeliveryRow.target, fn.COUNT(DeliveryRow.key).alias("n"))
                .where(where)
                .group_by(DeliveryRow.target)
            )
            targets, count = [row["target"] for row in asked], sum(int(row["n"]) for row in asked)
            tx.execute(
                DeliveryRow.update(
                    status=DeliveryStatus.PENDING.value, due_at=now, first_try_at=None, attempts=0, finished_at=None
                ).where(where & DeliveryRow.due_at.is_null(False))
            )
            tx.execute(HOLD, targets=targets, now=now)
            tx.execute(TargetRow.update(paused_at=None, reason="").where(TargetRow.name.in_(targets)))
            for name in targets:
                audit.clear_alarm(tx, "target paused", name)
            audit.record(tx, now, actor, "delivery asked for again", event_id or f"target {target}", f"{count}")
            tx.wake("worker")
            return count

        return self._database.write(run)

    def depth(self) -> dict[tuple[str, str], int]:
        """Return how many deliveries stand at each (target, status)."""
        query = DeliveryRow.select(
            DeliveryRow.target, DeliveryRow.status, fn.COUNT(DeliveryRow.key).alias("n")
        ).group_by(DeliveryRow.target, DeliveryRow.status)
        rows = self._database.read(lambda tx: tx.rows(query))
        return {(row["target"], row["status"]): row["n"] for row in rows}


_EVENTS = Statement(EventRow.select().where(EventRow.id.in_(several("event_ids"))))
_HOLDERS = Statement(
    DeliveryRow.select(DeliveryRow.target)
    .distinct()
    .join(EventRow, on=(EventRow.id == DeliveryRow.event_id))
    .where(EventRow.order_id.in_(several("order_ids")))
)
_TOLD_OF = Statement(
    DeliveryRow.select(DeliveryRow.target)
    .distinct()
    .where(DeliveryRow.target.in_(several("targets")), DeliveryRow.subject == given("subject"))
)
_FINISH = Statement(
    DeliveryRow.update(
        attempts=DeliveryRow.attempts + 1,
        first_try_at=fn.COALESCE(DeliveryRow.first_try_at, given("now")),
        lease_owner="",
        lease_until=0,
        **columns(("status", "due_at", "detail", "finished_at")),
    ).where(DeliveryRow.key == given("key"), DeliveryRow.lease_owner == given("owner"))
)


def shown(row: Row) -> Row:
    """Return a delivery that was read with `waits_for`: the detail of one that waits for another says for which."""
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
