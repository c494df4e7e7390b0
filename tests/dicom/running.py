"""The DICOM service as gateway.py composes it, in this process, over real stores below one folder; and what a device
or a practice does with it, as verbs."""

import secrets
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.core.model import Instance, Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.ports import Clock
from dicom_gateway.dicom.contexts import MPPS, MPPS_RETRIEVE, VERIFICATION, WORKLIST_FIND
from dicom_gateway.dicom.performed_steps import PerformedStepService
from dicom_gateway.dicom.server import DicomService
from dicom_gateway.dicom.store import StoreService
from dicom_gateway.dicom.watching import Watch, facts_of_identifier
from dicom_gateway.dicom.worklist import WorklistService
from dicom_gateway.storage.audit import Actor, AuditStore
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.storage.observations import ObservationStore
from dicom_gateway.storage.observing import Observer
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox, Target
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.studies import Quarantined, StudyStore
from dicom_gateway.storage.unknown_devices import UnknownDevices
from dicom_gateway.storage.waiting import Waiting
from dicom_gateway.storage.worklist import Worklist
from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS, Limits
from tests.dicom import wire
from tests.dicom.objects import DX_IMAGE
from tests.dicom.wire import EXPLICIT, Association, Message
from tests.peers import dcmtk

ZONE = ZoneInfo("Europe/Berlin")
TESTER = Actor("test")
AE_TITLE = "DCMGATEWAY"
BUSY_SECONDS = 0.3
OBSERVING_SECONDS = 0.02
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
DEVICES = (
    Device(AE_TITLE, allowed_from=LOOPBACK),
    Device("DX1", modalities=("DX",), allowed_from=LOOPBACK),
    Device("US1", modalities=("US",)),
    Device("FOREIGN", allowed_from=(ip_network("192.0.2.0/24"),)),
)


def now() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@dataclass
class Settings:
    """What a test may want otherwise than the rest. The last three stand in for a store that is broken."""

    check_called_ae_title: bool = False
    extra_storage_classes: Sequence[str] = ()
    accept_unknown: bool = False
    max_answers: int = 5000
    hide_after_days: int = 0
    reserve_bytes: int = 0
    clock: Clock = now
    devices: Sequence[Device] = DEVICES
    limits: Limits = DEFAULT_LIMITS
    objects: Any = None
    worklist: Any = None
    performed_steps: Any = None


@dataclass
class Running:
    """A running gateway and its stores."""

    folder: Path
    settings: Settings
    port: int = 0
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        settings = self.settings
        migrate(self.path)
        self.database = Database(self.path, busy_seconds=BUSY_SECONDS)
        database, clock = self.database, settings.clock
        self.devices = Devices(settings.devices, settings.accept_unknown)
        self.current_devices: Callable[[], Devices] = lambda: self.devices
        outbox = Outbox(database, [Target("clinic")], secrets.randbits)
        self.performed_steps = PerformedStepStore(database, outbox, clock)
        waiting = Waiting(outbox, self.performed_steps, clock)
        self.orders = OrderStore(database, outbox, waiting, clock, secrets.randbits, lambda: self.devices)
        self.studies = StudyStore(database, outbox, clock, 60)
        self.objects = ObjectStore(self.folder / "data", settings.reserve_bytes, secrets.randbits)
        self.audit = AuditStore(database)
        self.unknown_devices = UnknownDevices(database, clock)
        self.observations = ObservationStore(database)
        self.observer = Observer(database, facts_of_identifier, seconds=OBSERVING_SECONDS)
        self.service = DicomService(
            AE_TITLE,
            settings.check_called_ae_title,
            settings.extra_storage_classes,
            lambda: self.current_devices(),
            self.unknown_devices,
            WorklistService(
                settings.worklist or Worklist(database),
                clock,
                ZONE,
                settings.max_answers,
                settings.hide_after_days,
                lambda ae_title, answers: self.count("find"),
                lambda ae_title: self.devices.profile(ae_title),
                self.observer.observe,
            ),
            StoreService(settings.objects or self.objects, self.studies, lambda ae, outcome, size: self.count(outcome)),
            PerformedStepService(
                settings.performed_steps or self.performed_steps,
                clock,
                secrets.randbits,
                lambda ae_title, outcome: self.count(outcome),
            ),
            self.count,
            settings.limits,
            Watch(self.observer.observe, clock),
        )
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = listening.getsockname()[1]
        self.service.start(listening)

    @property
    def path(self) -> Path:
        """Where the database is."""
        return self.folder / "data" / "gateway.sqlite3"

    def count(self, event: str) -> None:
        """Count something that happened."""
        self.counted[event] += 1

    def stop(self, seconds: float = 0) -> None:
        """Drain and end everything."""
        self.service.stop(seconds)
        self.observer.close()
        self.objects.close()
        self.database.close()

    # What a device does.

    def associate(self, *proposals: wire.Proposal, **options: Any) -> Association:
        """Open an association; without proposals: everything that these tests use, in explicit little endian."""
        everything = (VERIFICATION, WORKLIST_FIND, MPPS, MPPS_RETRIEVE, DX_IMAGE)
        return Association(self.port, proposals or [(uid, (EXPLICIT,)) for uid in everything], **options)

    def echo(self, calling: str = "DX1", called: str = AE_TITLE) -> bool:
        """Verify with echoscu; say whether it worked."""
        return dcmtk("echoscu", "-aet", calling, "-aec", called, "127.0.0.1", str(self.port)).returncode == 0

    def storescu(self, *files: Path, options: Sequence[str] = ()) -> str:
        """Send files with storescu; return what it prints, its return code at the end."""
        names = [str(file) for file in files]
        done = dcmtk("storescu", "-v", "-aet", "DX1", "-aec", AE_TITLE, *options, "127.0.0.1", str(self.port), *names)
        return f"{done.stdout}{done.stderr}\nreturned {done.returncode}"

    def findscu(self, *keys: str) -> str:
        """Query the worklist with findscu; return what it prints."""
        arguments = [part for key in keys for part in ("-k", key)]
        done = dcmtk("findscu", "-v", "-W", "-aet", "DX1", "-aec", AE_TITLE, "127.0.0.1", str(self.port), *arguments)
        return done.stdout + done.stderr

    def store(
        self, data_set: Dataset | bytes, syntax: str = EXPLICIT, sop_class: str = DX_IMAGE, **command: Any
    ) -> Message:
        """Send one object and return the response; `command` overrides elements of the command set."""
        data = data_set if isinstance(data_set, bytes) else wire.encode(data_set, syntax)
        uid = None if isinstance(data_set, bytes) else data_set.get("SOPInstanceUID")
        with self.associate((sop_class, (syntax,)), calling="DX1") as association:
            filled = {"AffectedSOPClassUID": sop_class, "AffectedSOPInstanceUID": uid, "Priority": 0, **command}
            return association.request(1, {"CommandField": wire.C_STORE, **filled}, data)

    def find(self, keys: Dataset | bytes, syntax: str = EXPLICIT) -> "Found":
        """Query the worklist."""
        data = keys if isinstance(keys, bytes) else wire.encode(keys, syntax)
        command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": WORKLIST_FIND, "Priority": 0}
        found = Found()
        with self.associate((WORKLIST_FIND, (syntax,))) as association:
            association.send(1, command, data)
            while True:
                message = association.receive()
                found.statuses.append(message.status)
                if message.status not in (0xFF00, 0xFF01):
                    found.comment = message.command.get("ErrorComment", "")
                    return found
                found.answers.append(wire.decode(message.data, syntax))

    def create_mpps(self, uid: str | None, attributes: Dataset | bytes, **command: Any) -> Message:
        """Report a new performed step."""
        filled = {"AffectedSOPClassUID": MPPS, "AffectedSOPInstanceUID": uid, **command}
        return self._normalized(MPPS, wire.N_CREATE, filled, attributes)

    def set_mpps(self, uid: str | None, attributes: Dataset | bytes, **command: Any) -> Message:
        """Update a performed step."""
        filled = {"RequestedSOPClassUID": MPPS, "RequestedSOPInstanceUID": uid, **command}
        return self._normalized(MPPS, wire.N_SET, filled, attributes)

    def get_mpps(self, uid: str | None, *keywords: str, **command: Any) -> tuple[int, Dataset]:
        """Retrieve a performed step; return the status and the attributes."""
        tags = [tag_for_keyword(keyword) for keyword in keywords] or None
        filled = {"RequestedSOPClassUID": MPPS, "RequestedSOPInstanceUID": uid, "AttributeIdentifierList": tags}
        message = self._normalized(MPPS_RETRIEVE, wire.N_GET, {**filled, **command}, None)
        return message.status, wire.decode(message.data)

    def _normalized(
        self, context: str, operation: int, command: dict[str, Any], attributes: Dataset | bytes | None
    ) -> Message:
        data = attributes if isinstance(attributes, bytes | None) else wire.encode(attributes)
        with self.associate((context, (EXPLICIT,))) as association:
            return association.request(1, {"CommandField": operation, **command}, data)

    # What the practice does, and what it sees.

    def add_order(self, **changes: Any) -> Order:
        """Take in an order of one procedure with one step; `changes` go where they belong, `start` is local."""
        number = secrets.token_hex(6)
        patient = {"id": f"P-{number}", "name": "Doe^Rex"}
        step: dict[str, Any] = {"modality": "DX", "station_ae_titles": ["DX1"], "start": "2026-11-23T10:15:00"}
        order: dict[str, Any] = {"source": "test", "placer_order_number": number}
        for name, value in changes.items():
            place = patient if name in PATIENT_FIELDS else step if name in STEP_FIELDS else order
            place[name.removeprefix("patient_")] = value
        order.setdefault("procedures", [{"description": "Thorax", "steps": [step]}])
        return self.orders.save(parse_order({**order, "patient": patient}, ZONE), TESTER)[0]

    def order_status(self, order: Order) -> str:
        """Return the status of an order."""
        return self.orders.get(order.id).status.value

    def instances(self, data_set: Dataset) -> Sequence[Instance]:
        """Return the instances of a data set's study."""
        return self.studies.get(data_set.StudyInstanceUID)[1]

    def files(self, area: str = "objects") -> set[Path]:
        """Return the files below `objects/`, `quarantine/` or `spool/`, without the locks."""
        return {path for path in (self.folder / "data" / area).rglob("*") if path.is_file() and path.name != "lock"}

    def data_of(self, instance: Instance) -> bytes:
        """Return the data set of an instance as it is on disk."""
        return self.objects.path(instance.stored.name).read_bytes()[instance.stored.offset :]

    def quarantined(self) -> list[Quarantined]:
        """Return what was refused, newest first."""
        return self.studies.quarantined()

    @contextmanager
    def locked_database(self) -> Iterator[None]:
        """Hold the write lock of the database from another connection."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()


PATIENT_FIELDS = frozenset(
    {"patient_id", "patient_name", "patient_issuer", "birth_date", "sex", "species", "pregnancy_status"}
)
STEP_FIELDS = frozenset({"modality", "station_ae_titles", "start", "description", "performer"})


@dataclass
class Found:
    """What a query found: the statuses in order, the answers, the comment of the last status."""

    statuses: list[int] = field(default_factory=list)
    answers: list[Dataset] = field(default_factory=list)
    comment: str = ""


def wait_for(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Wait until `condition()` holds, at most `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        pause.wait(0.01)
