"""Builders for the tests of storage: an order, an image, a performed step, and all stores on one database."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from peewee import SQL
from pydicom import Dataset

from dicom_gateway.core.completion import Patience
from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.core.local_time import SECOND, to_instant
from dicom_gateway.core.model import (
    InstanceHeader,
    Order,
    Patient,
    PerformedStep,
    RequestedProcedure,
    ScheduledStep,
    StoredObject,
)
from dicom_gateway.core.performed import create, update
from dicom_gateway.storage.audit import Actor, AuditStore
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox, Target
from dicom_gateway.storage.patients import PatientStore
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import Received, StudyStore
from dicom_gateway.storage.tables import EventRow
from dicom_gateway.storage.tokens import TokenStore
from dicom_gateway.storage.unknown_devices import UnknownDevices
from dicom_gateway.storage.waiting import Waiting
from dicom_gateway.storage.worklist import Worklist

START = 1_800_000_000 * SECOND  # 2027-01-15T08:00:00Z
QUIET_SECONDS, OVERDUE_SECONDS = 60, 900
PMS = Actor("token mypms", "192.0.2.7")
DEVICES = Devices(
    [Device("DX1", modalities=("DX",)), Device("IO1", modalities=("IO",)), Device("IO2", modalities=("IO",))],
    accept_unknown=True,
)
STUDY = "1.2.3"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
WRONG_ENTRY = ("110514", "DCM")


class Clock:
    """A clock that stands still until it is moved; instants are microseconds."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


def a_step(modality: str = "DX", start: str = "2027-01-15T10:00", **values: Any) -> ScheduledStep:
    local = datetime.fromisoformat(start)
    return ScheduledStep(modality, local, to_instant(local.replace(tzinfo=UTC) - timedelta(hours=1)), **values)


def a_procedure(*steps: ScheduledStep, **values: Any) -> RequestedProcedure:
    return RequestedProcedure(steps or (a_step(),), **({"study_instance_uid": STUDY} | values))


def an_order(number: str = "A-1", *procedures: RequestedProcedure, **values: Any) -> Order:
    patient = Patient("P-78", "Doe^Rex", issuer="MYPMS")
    return Order("mypms", number, patient, procedures or (a_procedure(),)).evolve(**values)


def a_header(uid: str = "1.2.3.1.1", **values: Any) -> InstanceHeader:
    defaults: dict[str, Any] = {
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
        "study_instance_uid": STUDY,
        "series_instance_uid": f"{STUDY}.1",
        "patient_id": "P-78",
        "patient_name": "Doe^Rex",
        "modality": "DX",
        "rows": 8,
        "columns": 8,
    }
    return InstanceHeader(uid, **(defaults | values))


def a_stored(sha256: str, transfer_syntax_uid: str = EXPLICIT_LE) -> StoredObject:
    return StoredObject(f"objects/{sha256[:2]}/{sha256[:32]}.dcm", transfer_syntax_uid, 300, 1000, sha256)


def an_item(**values: Any) -> Dataset:
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


def a_reference(study: str = STUDY, step: str = "", accession: str = "", procedure: str = "") -> Dataset:
    return an_item(
        StudyInstanceUID=study,
        AccessionNumber=accession,
        RequestedProcedureID=procedure,
        ScheduledProcedureStepID=step,
    )


class GatewayStore:
    """All stores on one database, with the verbs of devices and of a PMS."""

    def __init__(self, path: Path, targets: tuple[Target, ...] = (Target("pms"),)) -> None:
        self.clock = Clock()
        self.devices = DEVICES
        self.woken: list[str] = []
        self.random = random.Random(20260115)
        self._numbers = threading.Lock()
        migrate(path)
        self.database = Database(path, wake=self.woken.append)
        self.outbox = Outbox(self.database, targets, self.random_bits)
        self.performed = PerformedStepStore(self.database, self.outbox, self.clock)
        self.waiting = Waiting(self.outbox, self.performed, self.clock)
        self.orders = OrderStore(
            self.database, self.outbox, self.waiting, self.clock, self.random_bits, lambda: self.devices
        )
        self.studies = StudyStore(
            self.database, self.outbox, self.clock, QUIET_SECONDS, lambda ae_title: self.devices.profile(ae_title)
        )
        self.settlement = Settlement(
            self.database, self.outbox, self.clock, Patience(QUIET_SECONDS, OVERDUE_SECONDS),
            devices=lambda: self.devices,
        )  # fmt: skip
        self.patients = PatientStore(
            self.database, self.outbox, self.waiting, self.clock, ZoneInfo("Europe/Berlin")
        )  # fmt: skip
        self.worklist = Worklist(self.database)
        self.audit = AuditStore(self.database)
        self.tokens = TokenStore(self.database, self.clock)
        self.unknown_devices = UnknownDevices(self.database, self.clock)
        self._uids = 0

    def random_bits(self, size: int) -> int:
        with self._numbers:
            return self.random.getrandbits(size)

    def order(self, number: str = "A-1", *procedures: RequestedProcedure, **values: Any) -> Order:
        """Take an order in; return it as stored."""
        return self.orders.save(an_order(number, *procedures, **values), PMS)[0]

    def image(self, uid: str = "1.2.3.1.1", ae_title: str = "DX1", **values: Any) -> Received:
        """Receive one image; its contents depend on its UID only."""
        return self.receive(a_header(uid, **values), ae_title=ae_title)

    def receive(self, header: InstanceHeader, stored: StoredObject | None = None, ae_title: str = "DX1") -> Received:
        stored = stored or a_stored(f"{header.sop_instance_uid:0>64}"[-64:])
        return self.studies.receive(header, stored, ae_title, "192.0.2.9")

    def create_mpps(
        self, uid: str = "9.1", *references: Dataset, ae_title: str = "DX1", **values: Any
    ) -> PerformedStep:
        """Report a performed step begun."""
        report = an_item(
            **{
                "PerformedProcedureStepStatus": "IN PROGRESS",
                "PatientID": "P-78",
                "Modality": "DX",
                "ScheduledStepAttributesSequence": list(references or (a_reference(),)),
            }
            | values
        )
        performed = create(uid, report, ae_title, self.clock())
        self.performed.create(performed, "192.0.2.9")
        return performed

    def set_mpps(
        self, uid: str = "9.1", *images: str, status: str = "COMPLETED", reason: tuple[str, str] | None = None
    ) -> PerformedStep:
        """Report a performed step ended, naming images."""
        changes = an_item(PerformedProcedureStepStatus=status)
        if status != "IN PROGRESS":
            changes.PerformedProcedureStepEndDate, changes.PerformedProcedureStepEndTime = "20270115", "1030"
            named = [an_item(ReferencedSOPInstanceUID=image) for image in images]
            changes.PerformedSeriesSequence = [an_item(SeriesInstanceUID="1.2.3.1", ReferencedImageSequence=named)]
        if reason:
            code = an_item(CodeValue=reason[0], CodingSchemeDesignator=reason[1])
            changes.PerformedProcedureStepDiscontinuationReasonCodeSequence = [code]
        now = self.clock()
        return self.performed.update(uid, lambda stored: update(stored, changes, now), Actor("device DX1", "192.0.2.9"))

    def settle(self) -> int:
        """Settle every study that is due; return how many there were."""
        due = self.settlement.due()
        for uid in due:
            self.settlement.settle(uid)
        return len(due)

    def settle_after(self, seconds: float) -> None:
        """Let time pass, then settle."""
        self.clock.advance(seconds)
        self.settle()

    def settle_all(self, limit: int = 50) -> None:
        """Let time pass until no study is due any more."""
        for _ in range(limit):
            if not self.settle():
                due = self.settlement.next_due()
                if due is None:
                    return
                self.clock.now = max(self.clock.now, due)
        raise AssertionError("there is always another study due")

    def events(self) -> list[dict[str, Any]]:
        """Return all events in the order they occurred, each its envelope with `instance_keys`."""
        ids = self.database.read(lambda tx: tx.rows(EventRow.select(EventRow.id).order_by(SQL("rowid"))))
        found = [self.outbox.event(row["id"]) for row in ids]
        return [event["envelope"] | {"instance_keys": json.loads(event["instance_keys"])} for event in found]

    def told(self) -> list[str]:
        """Return the types of all events in the order they occurred."""
        return [event["type"] for event in self.events()]

    def shown(self) -> list[str]:
        """Return the SOP Instance UIDs that study events hold, one for each time."""
        keys = [key for event in self.events() for key in event["instance_keys"]]
        by_key = {instance.key: instance.header.sop_instance_uid for instance in self.studies.instances(keys)}
        return sorted(by_key[key] for key in keys)

    def statuses(self, order: Order) -> list[str]:
        """Return the status of an order and those of its steps."""
        found = self.orders.get(order.id)
        return [found.status.value, *(step.status.value for step in found.steps())]


@contextmanager
def opened(path: Path, **values: Any) -> Iterator[GatewayStore]:
    """Open all stores on a new database and close them."""
    store = GatewayStore(path, **values)
    try:
        yield store
    finally:
        store.database.close()
