"""Devices that were refused: recorded with what they tried, so that a person can see who they are."""

import json
from collections.abc import Sequence

from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.tables import UnknownDeviceRow

MAX_UNKNOWN = 1000
MAX_PROPOSED = 32  # abstract syntaxes of an attempt that are kept


class UnknownDevices:
    """The attempts of devices that may not associate; bounded, the oldest go."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(
        self, ae_title: str, address: str, called_ae_title: str, reason: str = "", proposed: Sequence[str] = (),
        tls: bool = False,
    ) -> None:  # fmt: skip
        """Record one refused attempt: why it was refused, the names of the abstract syntaxes that it proposed, and
        whether it came over TLS. What is kept of a device is its last attempt, and their number."""
        now = self._clock()
        tried = {
            "called_ae_title": called_ae_title,
            "last_seen_at": now,
            "reason": reason,
            "proposed": json.dumps(list(dict.fromkeys(proposed))[:MAX_PROPOSED]),
            "tls": int(tls),
        }

        def run(tx: Transaction) -> None:
            tx.execute(
                UnknownDeviceRow.insert(
                    ae_title=ae_title, address=address, first_seen_at=now, attempts=1, **tried
                ).on_conflict(
                    conflict_target=[UnknownDeviceRow.ae_title, UnknownDeviceRow.address],
                    update={UnknownDeviceRow.attempts: UnknownDeviceRow.attempts + 1, **tried},
                )
            )
            newest = UnknownDeviceRow.select(UnknownDeviceRow.last_seen_at).order_by(
                UnknownDeviceRow.last_seen_at.desc()
            )
            oldest_kept = tx.value(newest.limit(1).offset(MAX_UNKNOWN - 1))
            if oldest_kept is not None:
                tx.execute(UnknownDeviceRow.delete().where(UnknownDeviceRow.last_seen_at < oldest_kept))

        self._database.write(run)

    def forget(self, ae_title: str) -> None:
        """Forget the attempts of an AE title: it is configured now."""
        self._database.write(
            lambda tx: tx.execute(UnknownDeviceRow.delete().where(UnknownDeviceRow.ae_title == ae_title))
        )

    def all(self) -> list[Row]:
        """Return the attempts, newest first: `proposed` is a list of names, `tls` true or false."""
        query = UnknownDeviceRow.select().order_by(UnknownDeviceRow.last_seen_at.desc())
        rows = self._database.read(lambda tx: tx.rows(query))
        return [row | {"proposed": json.loads(row["proposed"]), "tls": bool(row["tls"])} for row in rows]
