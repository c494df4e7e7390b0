"""The users of the page: made, checked by password (argon2), changed, disabled; at least one administrator stays."""

import threading
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from dicom_gateway.core.ports import Clock
from dicom_gateway.core.users import User, UserRole, check_name, check_password, folded
from dicom_gateway.errors import Conflict, NotFound
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.user_tables import SessionRow, UserRow

AT_ONCE = 2  # passwords hashed at a time: each takes 64 MiB


class UserStore:
    """The users; every change is audited."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._hashing = threading.Semaphore(AT_ONCE)

    def has_any(self) -> bool:
        """Say whether anybody may log in at all."""
        return self._database.read(lambda tx: tx.value(UserRow.select(UserRow.name).limit(1))) is not None

    def create(
        self, name: str, role: UserRole, password: str, actor: Actor, *, must_change: bool = False, first: bool = False
    ) -> User:
        """Make a user; `first` makes one only while there is none. Raises Conflict and InvalidValue."""
        check_name(name)
        check_password(name, password)
        now = self._clock()
        values = {
            "name": name,
            "folded": folded(name),
            "role": role.value,
            "password_hash": self._hash(password),
            "must_change": int(must_change),
            "language": "",
            "theme": "",
            "created_at": now,
        }

        def run(tx: Transaction) -> None:
            if first and tx.value(UserRow.select(UserRow.name).limit(1)) is not None:
                raise Conflict("there is an administrator already: log in, or ask them")
            if tx.row(UserRow.select().where(UserRow.folded == folded(name))):
                raise Conflict(f"there is a user named {name} already")
            tx.execute(UserRow.insert(values))
            audit.record(tx, now, actor, "user created", f"user {name}", role.value)

        self._database.write(run)
        return self.get(name)

    def check(self, name: str, password: str) -> User | None:
        """Return the user of a name and a password, None for any other pair. As slow for names that nobody has."""
        row = self._database.read(lambda tx: tx.row(UserRow.select().where(UserRow.folded == folded(name))))
        is_right = self._verify(row["password_hash"] if row else self._nobodys_hash, password)
        return user_of(row) if row and is_right and row["disabled_at"] is None else None

    def get(self, name: str) -> User:
        """Return a user; raises NotFound."""
        row = self._database.read(lambda tx: tx.row(UserRow.select().where(UserRow.folded == folded(name))))
        if row is None:
            raise NotFound(f"no user {name}")
        return user_of(row)

    def all(self) -> list[User]:
        """Return every user by name."""
        return [
            user_of(row) for row in self._database.read(lambda tx: tx.rows(UserRow.select().order_by(UserRow.folded)))
        ]

    def set_password(self, name: str, password: str, actor: Actor, *, must_change: bool = False) -> None:
        """Give a user another password and end their sessions; raises NotFound and InvalidValue."""
        check_password(name, password)
        values = {"password_hash": self._hash(password), "must_change": int(must_change)}
        self._change(name, values, actor, "password changed", ends_sessions=True)

    def set_role(self, name: str, role: UserRole, actor: Actor) -> None:
        """Give a user another role; raises NotFound, Conflict for the last administrator."""
        self._change(name, {"role": role.value}, actor, "role changed", role.value)

    def disable(self, name: str, actor: Actor) -> None:
        """Let a user in no more and end their sessions; raises NotFound, Conflict for the last administrator."""
        self._change(name, {"disabled_at": self._clock()}, actor, "user disabled", ends_sessions=True)

    def enable(self, name: str, actor: Actor) -> None:
        """Let a user in again; raises NotFound."""
        self._change(name, {"disabled_at": None}, actor, "user enabled")

    def set_appearance(self, name: str, language: str, theme: str, actor: Actor) -> None:
        """Keep what a user likes to see; "" is what the browser says."""
        self._change(name, {"language": language, "theme": theme}, actor, "appearance changed")

    def _change(
        self, name: str, values: Row, actor: Actor, action: str, detail: str = "", ends_sessions: bool = False
    ) -> None:
        now = self._clock()

        def run(tx: Transaction) -> None:
            row = tx.row(UserRow.select().where(UserRow.folded == folded(name)))
            if row is None:
                raise NotFound(f"no user {name}")
            tx.execute(UserRow.update(values).where(UserRow.name == row["name"]))
            if _administrates(row) and not _administrators(tx):
                raise Conflict("the last administrator stays: make another one first")
            if ends_sessions:
                tx.execute(SessionRow.delete().where(SessionRow.user_name == row["name"]))
            audit.record(tx, now, actor, action, f"user {row['name']}", detail)

        self._database.write(run)

    @cached_property
    def _nobodys_hash(self) -> str:
        return self._hash("of a name that nobody has")

    def _hash(self, password: str) -> str:
        with self._hashing:
            return self._hasher.hash(password)

    def _verify(self, known: str, password: str) -> bool:
        with self._hashing:
            try:
                return self._hasher.verify(known, password)
            except (VerificationError, InvalidHashError):
                return False


def _administrates(row: Row) -> bool:
    return row["role"] == UserRole.ADMINISTRATOR.value and row["disabled_at"] is None


def _administrators(tx: Transaction) -> int:
    found = UserRow.select(UserRow.name).where(
        UserRow.role == UserRole.ADMINISTRATOR.value, UserRow.disabled_at.is_null()
    )
    return len(tx.values(found))


def user_of(row: Row) -> User:
    """Return the user of a row."""
    names = ("name", "language", "theme", "created_at", "disabled_at", "last_seen_at")
    return User(role=UserRole(row["role"]), must_change=bool(row["must_change"]), **{name: row[name] for name in names})
