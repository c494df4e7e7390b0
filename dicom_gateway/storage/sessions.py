"""Sessions of the page: begun with a log-in, ended by a log-off, by idleness, by age, or with the user.

The secret of a session has 256 random bits and is kept as its hash only.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.users import User
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.user_tables import SessionRow, UserRow
from dicom_gateway.storage.users import user_of

TOUCH = 60 * SECOND  # so often at most a request is noted
SESSIONS_A_USER = 20
LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True)
class Session:
    """A session, and whose it is. `id` is the hash of its secret."""

    id: str
    user: User
    created_at: int
    last_seen_at: int
    address: str
    agent: str


class SessionStore:
    """The sessions. `idle` and `most`: microseconds without a request, and altogether, after which one ends."""

    def __init__(self, database: Database, clock: Clock, idle: int, most: int) -> None:
        self._database = database
        self._clock = clock
        self._idle = idle
        self._most = most

    def begin(self, user: User, address: str, agent: str) -> str:
        """Begin a session after a log-in; return its secret, for the browser only."""
        secret, now = secrets.token_urlsafe(32), self._clock()

        def run(tx: Transaction) -> None:
            ended = (SessionRow.last_seen_at < now - self._idle) | (SessionRow.created_at < now - self._most)
            tx.execute(SessionRow.delete().where(ended))
            own = SessionRow.select(SessionRow.sha256).where(SessionRow.user_name == user.name)
            kept = tx.values(own.order_by(SessionRow.last_seen_at.desc()))
            tx.execute(SessionRow.delete().where(SessionRow.sha256.in_(kept[SESSIONS_A_USER - 1 :])))
            tx.execute(
                SessionRow.insert(
                    sha256=id_of(secret), user_name=user.name, created_at=now, last_seen_at=now, address=address,
                    agent=agent[:LONGEST_AGENT],
                )
            )  # fmt: skip
            tx.execute(UserRow.update(last_seen_at=now).where(UserRow.name == user.name))
            audit.record(tx, now, Actor(f"user {user.name}", address), "logged in", f"user {user.name}")

        self._database.write(run)
        return secret

    def find(self, secret: str) -> Session | None:
        """Return the session of a secret; None when there is none, or it has ended."""
        query = _joined().where(SessionRow.sha256 == id_of(secret), UserRow.disabled_at.is_null())
        found = self._database.read(lambda tx: tx.row(query))
        if found is None or not self._lives(found):
            return None
        return _session(found)

    def touch(self, session: Session) -> None:
        """Note that somebody is there; written at most once a minute, and not waited for."""
        now = self._clock()
        if now - session.last_seen_at < TOUCH:
            return

        def run(tx: Transaction) -> None:
            tx.execute(SessionRow.update(last_seen_at=now).where(SessionRow.sha256 == session.id))
            tx.execute(UserRow.update(last_seen_at=now).where(UserRow.name == session.user.name))

        self._database.submit(run)

    def of(self, user: User) -> list[Session]:
        """Return the sessions of a user, the last used first."""
        query = _joined().where(SessionRow.user_name == user.name).order_by(SessionRow.last_seen_at.desc())
        rows = self._database.read(lambda tx: tx.rows(query))
        return [_session(row) for row in rows if self._lives(row)]

    def end(self, session_id: str, user: User, actor: Actor) -> None:
        """End a session of a user; none of that id is fine."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            where = (SessionRow.sha256 == session_id) & (SessionRow.user_name == user.name)
            if tx.execute(SessionRow.delete().where(where)):
                audit.record(tx, now, actor, "logged off", f"user {user.name}")

        self._database.write(run)

    def end_all(self, user: User, actor: Actor) -> None:
        """End every session of a user."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            if tx.execute(SessionRow.delete().where(SessionRow.user_name == user.name)):
                audit.record(tx, now, actor, "sessions ended", f"user {user.name}")

        self._database.write(run)

    def _lives(self, row: Row) -> bool:
        now = self._clock()
        return bool(now - row["session_seen_at"] < self._idle and now - row["begun_at"] < self._most)


def id_of(secret: str) -> str:
    """Return what a session is known by."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _joined() -> Any:
    return SessionRow.select(
        UserRow,
        SessionRow.sha256,
        SessionRow.address,
        SessionRow.agent,
        SessionRow.created_at.alias("begun_at"),
        SessionRow.last_seen_at.alias("session_seen_at"),
    ).join(UserRow, on=(UserRow.name == SessionRow.user_name))


def _session(row: Row) -> Session:
    return Session(row["sha256"], user_of(row), row["begun_at"], row["session_seen_at"], row["address"], row["agent"])
