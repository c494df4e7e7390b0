"""What devices asked, were served and did: handed over after the answer and written later, never part of a promise.

Here is what is handed over, and what is read of what was written; observing.py has the queue in between.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from dicom_gateway.core.habits import Fact, Habit, Seen, habits_document
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.observation_tables import DeviceHabitRow, DeviceQueryRow, ServedStepRow
from dicom_gateway.storage.prepared import Statement, given, several
from dicom_gateway.storage.tables import OrderRow, UnknownDeviceRow
from dicom_gateway.storage.worklist import StepVersion

_SERVED = Statement(
    ServedStepRow.select()
    .where(ServedStepRow.order_id.in_(several("order_ids")))
    .order_by(ServedStepRow.first_at, ServedStepRow.ae_title)
)
_QUERIES = Statement(
    DeviceQueryRow.select()
    .where(DeviceQueryRow.ae_title == given("ae_title"))
    .order_by(DeviceQueryRow.at.desc(), DeviceQueryRow.shape)
)
_HABITS = Statement(
    DeviceHabitRow.select()
    .where(DeviceHabitRow.ae_title == given("ae_title"))
    .order_by(DeviceHabitRow.kind, DeviceHabitRow.name)
)
_CHANGED_AT = Statement(OrderRow.select(OrderRow.changed_at).where(OrderRow.id == given("order_id")))
_REFUSED = Statement(
    UnknownDeviceRow.select(UnknownDeviceRow.ae_title).where(UnknownDeviceRow.ae_title == given("ae_title")).limit(1)
)


class WorklistAsked(NamedTuple):
    """A worklist query as it was answered."""

    ae_title: str
    address: str
    at: int
    identifier: bytes  # as it was sent
    transfer_syntax_uid: str
    status: int  # DIMSE status of the last response
    served: tuple[StepVersion, ...]  # what was answered


class DeviceSeen(NamedTuple):
    """What a device did otherwise."""

    ae_title: str
    at: int
    facts: tuple[Fact, ...]


Observation = WorklistAsked | DeviceSeen
Observe = Callable[[Observation], None]  # hands over and returns at once


def unobserved(observation: Observation) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class KeptQuery:
    """The last query of one shape of a device. `answers` counts what it got."""

    identifier: bytes
    transfer_syntax_uid: str
    at: int
    address: str
    status: int
    answers: int
    times: int


@dataclass(frozen=True, slots=True)
class Served:
    """Which device a step went to, and when; `last_at` is exact to a minute."""

    step_id: str
    ae_title: str
    first_at: int
    last_at: int
    times: int


class ObservationStore:
    """Reads what was observed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queries_of(self, ae_title: str) -> list[KeptQuery]:
        """Return the queries kept of a device, the last one first."""
        rows = self._database.read(lambda tx: tx.rows(_QUERIES, ae_title=ae_title))
        names = KeptQuery.__dataclass_fields__
        return [
            KeptQuery(**{name: row[name] for name in names} | {"identifier": b64decode(row["identifier"])})
            for row in rows
        ]

    def habits_of(self, ae_title: str) -> tuple[Seen, ...]:
        """Return what a device does, by kind and name."""
        rows = self._database.read(lambda tx: tx.rows(_HABITS, ae_title=ae_title))
        return tuple(
            Seen(Habit(row["kind"]), row["name"], row["first_at"], row["last_at"], row["times"]) for row in rows
        )

    def document_of(self, ae_title: str) -> dict[str, Any]:
        """Return the habits of a device as the API shows them; raises NotFound for one that was never seen."""
        habits = self.habits_of(ae_title)
        if not habits:
            raise NotFound(f"nothing is known of a device {printable(ae_title, 16)}: {self._why_unknown(ae_title)}")
        queries = [
            {
                "at": iso_utc(one.at),
                "address": one.address,
                "transfer_syntax_uid": one.transfer_syntax_uid,
                "status": f"{one.status:04X}",
                "answers": one.answers,
                "times": one.times,
            }
            for one in self.queries_of(ae_title)
        ]
        return habits_document(ae_title, habits, queries)

    def _why_unknown(self, ae_title: str) -> str:
        refused = self._database.read(lambda tx: tx.value(_REFUSED, ae_title=ae_title))
        return "it was never seen" if refused is None else "it was refused; see devices unknown"

    def served_to(self, order_ids: Iterable[str]) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return by order id and step id which devices a step went to, as the API shows them."""
        return {
            order_id: {
                step_id: [
                    {"ae_title": one.ae_title, "first_at": iso_utc(one.first_at), "last_at": iso_utc(one.last_at)}
                    for one in found
                    if one.step_id == step_id
                ]
                for step_id in {one.step_id for one in found}
            }
            for order_id, found in self.served(order_ids).items()
        }

    def served(self, order_ids: Iterable[str]) -> dict[str, list[Served]]:
        """Return by order id which of its steps went to which device; orders of which none did are left out."""
        rows = self._database.read(lambda tx: tx.rows(_SERVED, order_ids=list(order_ids)))
        found: dict[str, list[Served]] = {}
        for row in rows:
            one = Served(row["step_id"], row["ae_title"], row["first_at"], row["last_at"], row["times"])
            found.setdefault(row["order_id"], []).append(one)
        return found

    def changed_at(self, order_id: str) -> int:
        """Return when an order was last changed; 0 for one that is not there."""
        return int(self._database.read(lambda tx: tx.value(_CHANGED_AT, order_id=order_id)) or 0)
