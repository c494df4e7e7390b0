"""What a person sees and does of the deliveries to each PMS: how it stands, pause, resume, and replay.

A replayed delivery keeps its event's id and goes to the end of its line (target and subject), so that whatever is
on its way about the same order comes first. What it was before stands in the audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from peewee import fn

from dicom_gateway.core.identifiers import has_control_characters, printable
from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.ports import Clock
from dicom_gateway.errors import Conflict, InvalidValue, NotFound
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.delivery_lines import OCCUPIED, DeliveryStatus
from dicom_gateway.storage.prepared import Statement, given
from dicom_gateway.storage.tables import DeliveryRow, TargetRow

LONGEST_REASON = 200  # characters
PAUSED, RESUMED, REPLAYED = "deliveries paused", "deliveries resumed", "delivery replayed"

_OF_TARGET = DeliveryRow.target == given("target")


def _with(status: DeliveryStatus) -> object:
    return _OF_TARGET & (DeliveryRow.status == status.value)


_OPEN = Statement(
    DeliveryRow.select(
        DeliveryRow.status, fn.COUNT(DeliveryRow.key).alias("n"), fn.MIN(DeliveryRow.created_at).alias("oldest")
    )
    .where(_OF_TARGET, DeliveryRow.status.in_([DeliveryStatus.PENDING.value, DeliveryStatus.PARKED.value]))
    .group_by(DeliveryRow.status)
)
# What was delivered has its end in due_at too, which the index knows.
_DELIVERED_SINCE = Statement(
    DeliveryRow.select(fn.COUNT(DeliveryRow.key)).where(
        _with(DeliveryStatus.DELIVERED), DeliveryRow.due_at >= given("since")
    )
)
_LAST_DELIVERED = Statement(DeliveryRow.select(fn.MAX(DeliveryRow.due_at)).where(_with(DeliveryStatus.DELIVERED)))
FAILING = Statement(
    DeliveryRow.select(DeliveryRow.detail)
    .where(_with(DeliveryStatus.PENDING), DeliveryRow.attempts > 0, DeliveryRow.due_at.is_null(False))
    .order_by(DeliveryRow.due_at.desc())
    .limit(1)
)
_PAUSED = Statement(TargetRow.select().where(TargetRow.paused_at.is_null(False)))
_DELIVERY = Statement(DeliveryRow.select().where(DeliveryRow.event_id == given("event_id"), _OF_TARGET))


@dataclass(frozen=True, slots=True)
class Standing:
    """How the deliveries to one target stand. Instants are microseconds, 0 for none; `failure` is the detail of the
    last try that failed, "" when nothing is failing."""

    target: str
    waiting: int = 0
    parked: int = 0
    delivered: int = 0  # since the instant that was asked for
    oldest_waiting_at: int = 0
    last_delivered_at: int = 0
    failure: str = ""
    paused_at: int = 0
    paused_because: str = ""


class DeliveryControl:
    """Looks at the targets that are configured, pauses and resumes them, and replays what was delivered."""

    def __init__(self, database: Database, clock: Clock, targets: Sequence[str]) -> None:
        self._database = database
        self._clock = clock
        self.targets = tuple(targets)

    def standings(self, since: int) -> list[Standing]:
        """Return how each target stands, in the order of the settings; `delivered` counts from `since` on."""

        def run(tx: Transaction) -> list[Standing]:
            paused = {row["name"]: row for row in tx.rows(_PAUSED)}
            return [
                _standing(tx, name, since, *_pause_of(paused[name]) if name in paused else ()) for name in self.targets
            ]

        return self._database.read(run)

    def pause(self, target: str, reason: str, actor: Actor) -> None:
        """Send nothing more to a target until somebody resumes it; its queue is kept.

        Raises NotFound for an unknown target, InvalidValue without a reason, Conflict when it is paused already.
        """
        self._require(target)
        now, because = self._clock(), _checked(reason)
        told = f"{actor.who}: {because}"
        values = {"paused_at": now, "reason": told}

        def run(tx: Transaction) -> None:
            if _is_paused(tx, target):
                raise Conflict(f"{target} is paused already")
            tx.execute(
                TargetRow.insert(name=target, **values).on_conflict(
                    conflict_target=[TargetRow.name],
                    update={getattr(TargetRow, name): value for name, value in values.items()},
                )
            )
            audit.raise_alarm(tx, now, "target paused", target, told)
            audit.record(tx, now, actor, PAUSED, f"target {target}", because)

        self._database.write(run)

    def resume(self, target: str, actor: Actor) -> bool:
        """Send to a target again what waits for it; return whether it was paused. Raises NotFound."""
        self._require(target)
        now = self._clock()

        def run(tx: Transaction) -> bool:
            if not _is_paused(tx, target):
                return False
            tx.execute(TargetRow.update(paused_at=None, reason="").where(TargetRow.name == target))
            audit.clear_alarm(tx, "target paused", target)
            audit.record(tx, now, actor, RESUMED, f"target {target}")
            tx.wake("worker")
            return True

        return self._database.write(run)

    def replay(self, event_id: str, target: str, actor: Actor) -> None:
        """Deliver an event once more to a target that has taken it. Raises NotFound, or Conflict for one that has not
        been delivered (see Outbox.retry) and for a target that is not configured any more."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            row = tx.row(_DELIVERY, event_id=event_id, target=target)
            if row is None:
                raise NotFound(f"no delivery of {printable(event_id, 64)} to {printable(target, 64)}")
            if target not in self.targets:
                raise Conflict(f"there is no PMS {target} any more")
            if row["status"] != DeliveryStatus.DELIVERED.value:
                raise Conflict("only what was delivered can be sent once more; this one has not been taken yet")
            held = tx.values(OCCUPIED, subject=row["subject"], targets=[target])
            tx.execute(
                DeliveryRow.update(
                    key=DeliveryRow.select(fn.MAX(DeliveryRow.key) + 1),
                    status=DeliveryStatus.PENDING.value,
                    created_at=now,
                    due_at=None if held else now,
                    first_try_at=None,
                    attempts=0,
                    detail="",
                    finished_at=None,
                ).where(DeliveryRow.key == row["key"])
            )
            before = f"{target}: delivered before at {iso_utc(row['finished_at'] or row['created_at'])}"
            audit.record(tx, now, actor, REPLAYED, event_id, f"{before}, {row['detail']}")
            tx.wake("worker")

        self._database.write(run)

    def _require(self, target: str) -> None:
        if target not in self.targets:
            raise NotFound(f"no PMS {printable(target, 64)}")


def _standing(tx: Transaction, name: str, since: int, paused_at: int = 0, because: str = "") -> Standing:
    found = {row["status"]: row for row in tx.rows(_OPEN, target=name)}
    waiting, parked = (found.get(one.value) for one in (DeliveryStatus.PENDING, DeliveryStatus.PARKED))
    return Standing(
        name,
        waiting=waiting["n"] if waiting else 0,
        parked=parked["n"] if parked else 0,
        delivered=tx.value(_DELIVERED_SINCE, target=name, since=since),
        oldest_waiting_at=waiting["oldest"] if waiting else 0,
        last_delivered_at=tx.value(_LAST_DELIVERED, target=name) or 0,
        failure=(tx.value(FAILING, target=name) or "") if waiting else "",
        paused_at=paused_at,
        paused_because=because,
    )


def _pause_of(row: dict[str, object]) -> tuple[int, str]:
    return int(str(row["paused_at"])), str(row["reason"])


def _is_paused(tx: Transaction, target: str) -> bool:
    return any(row["name"] == target for row in tx.rows(_PAUSED))


def _checked(reason: str) -> str:
    text = " ".join(reason.split())
    if not text:
        raise InvalidValue("say why, so that whoever finds the queue knows", "reason")
    if len(text) > LONGEST_REASON or has_control_characters(text):
        raise InvalidValue(f"must be at most {LONGEST_REASON} plain characters", "reason")
    return text
