"""How much waits for a person: the small numbers of the page's navigation."""

from dataclasses import dataclass

from peewee import fn

from dicom_gateway.storage.database import Database
from dicom_gateway.storage.delivery_lines import DeliveryStatus
from dicom_gateway.storage.prepared import Statement
from dicom_gateway.storage.tables import AlarmRow, DeliveryRow, UnknownDeviceRow
from dicom_gateway.storage.unmatched import count_unmatched

_PARKED = Statement(
    DeliveryRow.select(fn.COUNT(DeliveryRow.key)).where(DeliveryRow.status == DeliveryStatus.PARKED.value)
)
_UNKNOWN = Statement(UnknownDeviceRow.select(fn.COUNT(UnknownDeviceRow.ae_title)))
_ALARMS = Statement(AlarmRow.select(fn.COUNT(AlarmRow.key)))


@dataclass(frozen=True, slots=True)
class Badges:
    """Numbers of what waits: studies to be matched, parked deliveries, refused devices, alarms."""

    unmatched: int
    parked: int
    unknown_devices: int
    alarms: int


def count_waiting(database: Database) -> Badges:
    """Return how much waits just now."""
    return database.read(
        lambda tx: Badges(count_unmatched(tx), tx.value(_PARKED), tx.value(_UNKNOWN), tx.value(_ALARMS))
    )
