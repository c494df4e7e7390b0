"""API tokens: shown once, stored hashed. A token has 256 random bits, so a plain SHA-256 keeps it safe."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

from dicom_gateway.core.ports import Clock
from dicom_gateway.errors import Conflict, InvalidValue, NotFound
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.tables import TokenRow

PREFIX = "dgw_"
LONGEST_NAME = 64


class Role(StrEnum):
    """What the bearer of a token may do."""

    PMS = "pms"  # orders and results, of its source only when it has one
    TECHNICIAN = "technician"  # orders, studies, deliveries of all sources
    ADMINISTRATOR = "administrator"  # everything


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever presents a valid token. `source` limits a PMS to its own orders; "" does not."""

    name: str
    role: Role
    source: str = ""


class TokenStore:
    """Creates, checks, lists and revokes tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, name: str, role: Role, source: str, actor: Actor, token: str = "") -> str:
        """Return a new token, to be shown once; `token` is one of `mint` that is kept somewhere already.

        Raises Conflict when the name is taken, InvalidValue for a name or source that is none.
        """
        _check(name, role, source)
        token = token or mint()
        now = self._clock()

        def run(tx: Transaction) -> None:
            if tx.row(TokenRow.select().where(TokenRow.name == name)):
                raise Conflict(f"a token named {name} exists; revoked names are not used again")
            tx.execute(TokenRow.insert(name=name, role=role.value, source=source, sha256=_hash(token), created_at=now))
            audit.record(tx, now, actor, "token created", f"token {name}", role.value)

        self._database.write(run)
        return token

    def check(self, token: str) -> Bearer | None:
        """Return who bears this token, or None."""
        query = TokenRow.select().where(TokenRow.sha256 == _hash(token), TokenRow.revoked_at.is_null())
        row = self._database.read(lambda tx: tx.row(query))
        return Bearer(row["name"], Role(row["role"]), row["source"]) if row else None

    def revoke(self, name: str, actor: Actor) -> None:
        """Make a token useless; raises NotFound."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            changed = tx.execute(
                TokenRow.update(revoked_at=now).where(TokenRow.name == name, TokenRow.revoked_at.is_null())
            )
            if not changed:
                raise NotFound(f"no valid token named {name}")
            audit.record(tx, now, actor, "token revoked", f"token {name}")

        self._database.write(run)

    def all(self) -> list[Row]:
        """Return every token's name, role, source and dates; never the token."""
        columns = (TokenRow.name, TokenRow.role, TokenRow.source, TokenRow.created_at, TokenRow.revoked_at)
        return self._database.read(lambda tx: tx.rows(TokenRow.select(*columns).order_by(TokenRow.created_at)))


def mint() -> str:
    """Return a token that nobody bears yet."""
    return PREFIX + secrets.token_urlsafe(32)


def _check(name: str, role: Role, source: str) -> None:
    for field, text in (("name", name), ("source", source)):
        if (
            text != text.strip()
            or not text.isprintable()
            or len(text) > LONGEST_NAME
            or not (text or field == "source")
        ):
            raise InvalidValue(f"must be 1 to {LONGEST_NAME} printable characters, without spaces around them", field)
    if source and role is not Role.PMS:
        raise InvalidValue(f"limits a token of the role pms only; {role} sees every source", "source")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
