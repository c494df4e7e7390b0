"""Devices that were refused: recorded, so that a person can see who tried."""

from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.tables import UnknownDeviceRow

MAX_UNKNOWN = 1000


class UnknownDevices:
    """The attempts of devices that are not configured; bounded, the oldest go."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(self, ae_title: str, address: str, called_ae_title: str) -> None:
        """Record one refused attempt."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            tx.execute(
                UnknownDeviceRow.insert(
                    ae_title=ae_title,
                    address=address,
                    called_ae_title=called_ae_title,
                    first_seen_at=now,
                    last_seen_at=now,
                    attempts=1,
                ).on_conflict(
                    conflict_target=[UnknownDeviceRow.ae_title, UnknownDeviceRow.address],
                    update={
                        UnknownDeviceRow.called_ae_title: called_ae_title,
                        UnknownDeviceRow.last_seen_at: now,
                        UnknownDeviceRow.attempts: UnknownDeviceRow.attempts + 1,
                    },
                )
            )
            newest = UnknownDeviceRow.select(UnknownDeviceRow.last_seen_at).order_by(
                UnknownDeviceRow.last_seen_at.desc()
            )
            oldest_kept = tx.value(newest.limit(1).offset(MAX_UNKNOWN - 1))
            if oldest_kept is not None:
                tx.execute(UnknownDeviceRow.delete().where(UnknownDeviceRow.last_seen_at < oldest_kept))

        self._database.write(run)

    def all(self) -> list[Row]:
        """Return the attempts, newest first."""
        query = UnknownDeviceRow.select().order_by(UnknownDeviceRow.last_seen_at.desc())
        return self._database.read(lambda tx: tx.rows(query))
