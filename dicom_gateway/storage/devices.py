"""The devices of the practice: those of gateway.toml and those of the database, by AE title; the file's win.

AE titles are unique in a practice: two devices of one AE title on different networks cannot be configured. Every change
is audited and moves `version`, by which other processes see that there is something new (device_book.py).
"""

import json
from collections.abc import Sequence
from dataclasses import replace

import structlog

from dicom_gateway.core.device_document import format_device, parse_device
from dicom_gateway.core.devices import Device, Origin
from dicom_gateway.core.ports import Clock
from dicom_gateway.errors import Conflict, GatewayError, NotFound
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.prepared import Statement, given
from dicom_gateway.storage.tables import CounterRow, DeviceRow

log = structlog.get_logger()

COUNTER = "devices"
_VERSION = Statement(CounterRow.select(CounterRow.value).where(CounterRow.name == given("counter")))
_ONE = Statement(
    DeviceRow.select(DeviceRow.ae_title, DeviceRow.document).where(DeviceRow.ae_title == given("ae_title"))
)
_MOVE = Statement(
    CounterRow.insert(name=given("counter"), value=1).on_conflict(
        conflict_target=[CounterRow.name], update={CounterRow.value: CounterRow.value + 1}
    )
)


class DeviceStore:
    """Lists and changes the devices. `configured`: those of gateway.toml, which are read-only here."""

    def __init__(self, database: Database, clock: Clock, configured: Sequence[Device] = ()) -> None:
        self._database = database
        self._clock = clock
        self._configured = {device.ae_title: replace(device, origin=Origin.FILE) for device in configured}

    def all(self) -> list[Device]:
        """Return every device by AE title; of two with the same AE title that of the file."""
        return self.versioned()[1]

    def versioned(self) -> tuple[int, list[Device]]:
        """Return the version and the devices that it has, as `all` does."""

        def run(tx: Transaction) -> tuple[int, list[Row]]:
            rows = tx.rows(DeviceRow.select(DeviceRow.ae_title, DeviceRow.document))
            return int(tx.value(_VERSION, counter=COUNTER) or 0), rows

        version, rows = self._database.read(run)
        stored = {device.ae_title: device for device in map(_readable, rows) if device is not None}
        merged = stored | self._configured
        return version, [merged[ae_title] for ae_title in sorted(merged)]

    def get(self, ae_title: str) -> Device:
        """Return the device of that AE title; raises NotFound."""
        ae_title = ae_title.strip()
        if ae_title in self._configured:
            return self._configured[ae_title]
        row = self._database.read(lambda tx: tx.row(_ONE, ae_title=ae_title))
        device = _readable(row) if row else None
        if device is None:
            raise NotFound(f"no device {ae_title}")
        return device

    def clashes(self) -> list[str]:
        """Return the AE titles that both the file and the database have; the database's are without effect."""
        query = DeviceRow.select(DeviceRow.ae_title).order_by(DeviceRow.ae_title)
        return [found for found in self._database.read(lambda tx: tx.values(query)) if found in self._configured]

    def version(self) -> int:
        """Return a number that moves with every change of the database's devices."""
        return int(self._database.read(lambda tx: tx.value(_VERSION, counter=COUNTER)) or 0)

    def add(self, device: Device, actor: Actor) -> None:
        """Add a device to the database; raises Conflict when there is one of that AE title."""
        if device.ae_title in self._configured:
            raise Conflict(f"device {device.ae_title} is configured in gateway.toml; change it there")
        now = self._clock()

        def run(tx: Transaction) -> None:
            if tx.row(_ONE, ae_title=device.ae_title):
                raise Conflict(f"a device {device.ae_title} exists; AE titles are unique")
            tx.execute(
                DeviceRow.insert(ae_title=device.ae_title, document=_document(device), created_at=now, changed_at=now)
            )
            self._changed(tx, now, actor, "device added", device.ae_title)

        self._database.write(run)

    def replace(self, device: Device, actor: Actor) -> None:
        """Give the device of that AE title these values; raises NotFound, or Conflict for one of the file."""
        self._refuse_configured(device.ae_title)
        now = self._clock()

        def run(tx: Transaction) -> None:
            row = tx.row(_ONE, ae_title=device.ae_title)
            if row is None:
                raise NotFound(f"no device {device.ae_title}")
            document = _document(device)
            tx.execute(DeviceRow.update(document=document, changed_at=now).where(DeviceRow.ae_title == device.ae_title))
            detail = _difference(_readable(row), replace(device, origin=Origin.DATABASE))
            self._changed(tx, now, actor, "device changed", device.ae_title, detail)

        self._database.write(run)

    def remove(self, ae_title: str, actor: Actor) -> None:
        """Remove a device of the database, also one that the file hides; raises NotFound, or Conflict for one of the
        file."""
        ae_title = ae_title.strip()
        now = self._clock()

        def run(tx: Transaction) -> None:
            if not tx.execute(DeviceRow.delete().where(DeviceRow.ae_title == ae_title)):
                self._refuse_configured(ae_title)
                raise NotFound(f"no device {ae_title}")
            self._changed(tx, now, actor, "device removed", ae_title)

        self._database.write(run)

    def _refuse_configured(self, ae_title: str) -> None:
        if ae_title in self._configured:
            raise Conflict(f"device {ae_title} is configured in gateway.toml and read-only here; change it there")

    def _changed(
        self, tx: Transaction, now: int, actor: Actor, action: str, ae_title: str, detail: str = ""
    ) -> None:  # fmt: skip
        tx.execute(_MOVE, counter=COUNTER)
        audit.record(tx, now, actor, action, f"device {ae_title}", detail)


def _document(device: Device) -> str:
    document = format_device(device)
    del document["origin"]
    return json.dumps(document, ensure_ascii=False)


def _readable(row: Row) -> Device | None:
    """Return the device of a row; None, and a line in the log, when its document was changed by hand and is wrong: it
    counts as unknown, and the others work on."""
    try:
        return parse_device(json.loads(row["document"]), Origin.DATABASE)
    except (GatewayError, ValueError) as error:
        log.error("device not readable in the database", ae_title=row["ae_title"], why=str(error))
        return None


def _difference(before: Device | None, after: Device) -> str:
    """Return which fields changed, from what to what."""
    known = format_device(before) if before else {}
    changed = (
        f"{name}: {json.dumps(known.get(name))} -> {json.dumps(value)}"
        for name, value in format_device(after).items()
        if known.get(name) != value
    )
    return "; ".join(changed)
