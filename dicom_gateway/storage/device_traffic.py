"""What devices did last: heard of, served a worklist, an image, a report; turned away. Three queries for any number of
devices; the times of habits are exact to a minute."""

from collections.abc import Iterable
from dataclasses import dataclass

from peewee import SQL, fn

from dicom_gateway.core.habits import Habit, ServiceUsed
from dicom_gateway.core.lights import DeviceLight
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.observation_tables import DeviceHabitRow, DeviceQueryRow
from dicom_gateway.storage.prepared import Statement, given, several
from dicom_gateway.storage.tables import QuarantineRow, UnknownDeviceRow

MOST_REASONS = 10

_USED = Statement(
    DeviceHabitRow.select(DeviceHabitRow.ae_title, DeviceHabitRow.name, DeviceHabitRow.last_at).where(
        DeviceHabitRow.ae_title.in_(several("ae_titles")), DeviceHabitRow.kind == Habit.SERVICE.value
    )
)
_ASKED = Statement(
    DeviceQueryRow.select(DeviceQueryRow.ae_title, fn.MAX(DeviceQueryRow.at).alias("at"))
    .where(DeviceQueryRow.ae_title.in_(several("ae_titles")))
    .group_by(DeviceQueryRow.ae_title)
)
_TURNED_AWAY = Statement(
    UnknownDeviceRow.select(UnknownDeviceRow.ae_title, fn.MAX(UnknownDeviceRow.last_seen_at).alias("at"))
    .where(UnknownDeviceRow.ae_title.in_(several("ae_titles")))
    .group_by(UnknownDeviceRow.ae_title)
)
_REFUSED_OBJECTS = Statement(
    QuarantineRow.select(
        QuarantineRow.reason, fn.COUNT(QuarantineRow.key).alias("times"), fn.MAX(QuarantineRow.at).alias("at")
    )
    .where(QuarantineRow.at >= given("since"), QuarantineRow.calling_ae_title == given("ae_title"))
    .group_by(QuarantineRow.reason)
    .order_by(SQL("at").desc())
    .limit(MOST_REASONS)
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was last heard of a device; instants, 0: never."""

    light: DeviceLight
    image_at: int = 0
    report_at: int = 0


class DeviceTraffic:
    """Reads what devices did last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, ae_titles: Iterable[str]) -> dict[str, Traffic]:
        """Return the traffic of each of these devices."""
        names = list(ae_titles)
        return self._database.read(lambda tx: _traffic(tx, names))

    def refused_objects(self, ae_title: str, since: int) -> list[Row]:
        """Return why objects of a device were refused since an instant: each `reason` with how many `times` and when
        last (`at`), the last ones first."""
        return self._database.read(lambda tx: tx.rows(_REFUSED_OBJECTS, since=since, ae_title=ae_title))


def _traffic(tx: Transaction, names: list[str]) -> dict[str, Traffic]:
    used = {(row["ae_title"], row["name"]): row["last_at"] for row in tx.rows(_USED, ae_titles=names)}
    asked = {row["ae_title"]: row["at"] for row in tx.rows(_ASKED, ae_titles=names)}
    refused = {row["ae_title"]: row["at"] for row in tx.rows(_TURNED_AWAY, ae_titles=names)}
    found = {}
    for name in names:
        seen = max(asked.get(name, 0), *(used.get((name, service), 0) for service in ServiceUsed))
        light = DeviceLight(name, seen, asked.get(name, 0), refused.get(name, 0))
        found[name] = Traffic(light, used.get((name, ServiceUsed.STORAGE), 0), used.get((name, ServiceUsed.MPPS), 0))
    return found
