"""Who did what, when, from where; and what a person must look at. Written in the transaction that it is about."""

from dataclasses import dataclass

from dicom_gateway.errors import NotFound
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.prepared import Statement, columns
from dicom_gateway.storage.tables import AlarmRow, AuditRow


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a token's name, a device's AE title, `command line`, `gateway`; and from which address."""

    who: str
    origin: str = ""


GATEWAY = Actor("gateway")
VIEWED = "viewed"

_RECORD = Statement(AuditRow.insert(**columns(("at", "who", "origin", "action", "subject", "detail"))))
_RAISE = Statement(
    AlarmRow.insert(**columns(("raised_at", "kind", "subject", "detail")), count=1).on_conflict(
        conflict_target=[AlarmRow.kind, AlarmRow.subject],
        preserve=[AlarmRow.raised_at, AlarmRow.detail],
        update={AlarmRow.count: AlarmRow.count + 1},
    )
)


def record(tx: Transaction, at: int, actor: Actor, action: str, subject: str, detail: str = "") -> None:
    """Add one line to the audit."""
    tx.execute(_RECORD, at=at, who=actor.who, origin=actor.origin, action=action, subject=subject, detail=detail)


def raise_alarm(tx: Transaction, at: int, kind: str, subject: str, detail: str) -> None:
    """Raise an alarm, or count it again."""
    tx.execute(_RAISE, raised_at=at, kind=kind, subject=subject, detail=detail)


def clear_alarm(tx: Transaction, kind: str, subject: str) -> None:
    """End an alarm whose reason is gone; none of that kind and subject is fine."""
    tx.execute(AlarmRow.delete().where(AlarmRow.kind == kind, AlarmRow.subject == subject))


class AuditStore:
    """Reads what was recorded, raises alarms and ends them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, subject: str) -> list[Row]:
        """Return the audit of one subject, oldest first."""
        query = AuditRow.select().where(AuditRow.subject == subject).order_by(AuditRow.key)
        return self._database.read(lambda tx: tx.rows(query))

    def alarms(self) -> list[Row]:
        """Return all alarms, newest first."""
        return self._database.read(lambda tx: tx.rows(AlarmRow.select().order_by(AlarmRow.raised_at.desc())))

    def alarm(self, at: int, kind: str, subject: str, detail: str) -> None:
        """Raise an alarm in a transaction of its own."""
        self._database.write(lambda tx: raise_alarm(tx, at, kind, subject, detail))

    def note(self, at: int, actor: Actor, action: str, subject: str, detail: str = "") -> None:
        """Add one line to the audit in a transaction of its own."""
        self._database.write(lambda tx: record(tx, at, actor, action, subject, detail))

    def saw(self, at: int, actor: Actor, subject: str, detail: str = "") -> None:
        """Add that somebody was shown something of patients; written soon, not waited for."""
        self._database.submit(lambda tx: record(tx, at, actor, VIEWED, subject, detail))

    def clear(self, key: int, actor: Actor, at: int) -> Row:
        """End the alarm of that key because a person has seen to it; return what it was. Raises NotFound."""

        def run(tx: Transaction) -> Row:
            row = tx.row(AlarmRow.select().where(AlarmRow.key == key))
            if row is None:
                raise NotFound(f"no alarm {key}")
            clear_alarm(tx, row["kind"], row["subject"])
            record(tx, at, actor, "alarm cleared", row["subject"], row["kind"])
            return row

        return self._database.write(run)
