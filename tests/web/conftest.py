"""A running web role over real stores on a new database: a real uvicorn on a free loopback port."""

import copy
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from dicom_gateway.core.completeness import Template, Templates
from dicom_gateway.core.completion import Patience
from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.device_sheet import Place, sheet_document
from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.core.health_answer import Machine, RoleProcess, ShownSetting
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Instance, InstanceHeader, StoredObject, Thumbnail
from dicom_gateway.core.users import User, UserRole
from dicom_gateway.dicom.explaining import Explainer
from dicom_gateway.dicom.file_meta import file_head
from dicom_gateway.dicom.watching import facts_of_identifier
from dicom_gateway.storage.admission import Admission
from dicom_gateway.storage.audit import Actor, AuditStore
from dicom_gateway.storage.audit_reading import AuditReader
from dicom_gateway.storage.badges import count_waiting
from dicom_gateway.storage.board import Board
from dicom_gateway.storage.changes import Changes
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.delivery_control import DeliveryControl
from dicom_gateway.storage.device_traffic import DeviceTraffic
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.storage.figures import FiguresStore
from dicom_gateway.storage.matching import MatchStore
from dicom_gateway.storage.messages import Direction, MessageStore, NewMessage, Result
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.storage.observations import ObservationStore, WorklistAsked
from dicom_gateway.storage.observing import Observer
from dicom_gateway.storage.order_finding import OrderSearch
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox, Target
from dicom_gateway.storage.patients import PatientStore
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.sessions import SessionStore
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import StudyStore
from dicom_gateway.storage.study_search import StudySearch
from dicom_gateway.storage.timeline import TimelineStore
from dicom_gateway.storage.tokens import Role, TokenStore
from dicom_gateway.storage.unknown_devices import UnknownDevices
from dicom_gateway.storage.unmatched import UnmatchedStore
from dicom_gateway.storage.users import UserStore
from dicom_gateway.storage.waiting import Waiting
from dicom_gateway.storage.worklist import StepVersion, Worklist
from dicom_gateway.study.delivered import Delivered
from dicom_gateway.study.viewing import Viewing
from dicom_gateway.web.app import create_app
from dicom_gateway.web.examples import EXAMPLE_ORDER
from dicom_gateway.web.pages.frame import mark_of
from dicom_gateway.web.server import Limits, WebServer
from dicom_gateway.web.services import DeviceServices, HealthServices, PageServices, Services
from tests.web import connected

MACHINE = Machine(
    "/srv/data", 100 << 30, 40 << 30, 1 << 30, 5 << 20, 1 << 10,
    (RoleProcess("web", 4711, 90 << 20, 1_789_990_000_000_000),),
    (("dicom_gateway", "1.2.3"),),
)  # fmt: skip
SETTINGS = [
    ShownSetting("dicom.port", "11112", True, "default"),
    ShownSetting("gateway.practice", "Practice <1>", False, "/etc/gateway.toml"),
]
PASSWORD = "correct horse 9"  # of every user
NOW = 1_790_000_000_000_000
JPEG = b"\xff\xd8 a picture \xff\xd9"
HEAD = file_head("1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4.1", "1.2.840.10008.1.2.1", "DX1")
TESTER = Actor("test")
ZONE = ZoneInfo("Europe/Berlin")
TEMPLATES = Templates([Template("OWN3", 3, "three views")])
CONFIGURED = [Device("DX1", modalities=("DX",))]
PLACE = Place("DCMGATEWAY", "192.168.1.10", 11112, 2762, False, False, False)
DEVICES = Devices([Device("DX9", modalities=("DX", "IO"))], accept_unknown=True)


@dataclass
class Pictures:
    """Thumbnails as a test wants them; `hold` makes each wait for `go_on`."""

    is_tile: bool = False
    error: Exception | None = None
    asked: int = 0
    hold: bool = False
    waiting: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def thumbnail(self, instance: Instance) -> Thumbnail:
        self.asked += 1
        if self.hold:
            self.waiting.set()
            assert self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        return Thumbnail(JPEG, 256, 200, self.is_tile)


class Visitor(httpx.Client):
    """Somebody who is logged in: `get` and `post` as a browser sends them, and no redirect is followed."""

    def __init__(self, port: int, secret: str, **options: Any) -> None:
        super().__init__(
            base_url=f"http://127.0.0.1:{port}", cookies={"session": secret}, trust_env=False, timeout=20, **options
        )
        self.mark = mark_of(secret)

    def send_form(self, path: str, **fields: Any) -> httpx.Response:
        """Post a form with the mark of the session; a list is a field that is there several times."""
        return self.post(path, data={"csrf": self.mark, **fields})


@dataclass
class World:
    """What stands behind the API, and what a test may change about it."""

    database: Database
    services: Services
    pictures: Pictures
    time: list[int]
    components: dict[str, str]
    draining: threading.Event
    tokens: dict[str, str]
    echoed: dict[str, Echoed]  # how a C-ECHO ends, by AE title

    def client(self, port: int, token: str = "administrator", **options: Any) -> httpx.Client:
        """Return a client that bears a token by its name ("" for none)."""
        headers = {"Authorization": f"Bearer {self.tokens[token]}"} if token else {}
        return httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=20, **options
        )

    def user(self, role: UserRole = UserRole.ADMINISTRATOR) -> User:
        """Return the user of a role, made when it is first asked for."""
        store = self.services.users
        known = {user.role: user for user in store.all()}
        return known.get(role) or store.create(f"the {role}", role, PASSWORD, TESTER)

    def visitor(self, port: int, role: UserRole = UserRole.ADMINISTRATOR, **options: Any) -> "Visitor":
        """Return a browser of sorts in which the user of a role is logged in."""
        secret = self.services.sessions.begin(self.user(role), "127.0.0.1", "test")
        return Visitor(port, secret, **options)

    def receive(self, data: bytes = b"pixels", **header: Any) -> StoredObject:
        """Keep an object as a device would have sent it."""
        spool = self.services.objects.open()
        spool.write_head(HEAD)
        spool.write(data)
        stored = spool.commit("1.2.840.10008.1.2.1")
        values = {
            "sop_instance_uid": "1.2.3.4.1",
            "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
            "study_instance_uid": "1.2.3.4",
            "series_instance_uid": "1.2.3.4.0",
            "patient_id": "P-78",
            "issuer": "MYPMS",
            "modality": "DX",
            "series_number": 1,
            "instance_number": 1,
        }
        self.services.studies.receive(InstanceHeader(**{**values, **header}), stored, "DX1", "127.0.0.1")
        return stored

    def asks(self, keys: bytes, *served: StepVersion, ae_title: str = "DX1") -> None:
        """Let a device have asked the worklist, in explicit little endian, and got these steps."""
        observer = Observer(self.database, facts_of_identifier)
        at, syntax = self.time[0], "1.2.840.10008.1.2.1"
        observer.observe(WorklistAsked(ae_title, "192.0.2.9", at, keys, syntax, 0, served))
        observer.close()

    def messages(self) -> tuple[int, int]:
        """Keep a message that was accepted, and one of nobody that is in work; return their keys."""
        store = self.services.messages
        came = NewMessage(Direction.IN, "mypms", "192.0.2.7", "ORM^O01", "4711", b"MSH|^~\\&|MYPMS\rPID|1||P-7||\xe4\r")
        kept = store.record(came, Result("AA", "", b"MSH|\rMSA|AA|4711\r", ("order-1",)))
        return kept, store.begin(NewMessage(Direction.IN, "", "192.0.2.8", "", "", b"\x00")).wait()


def build(folder: Path) -> World:
    """Return everything on a new database below `folder`, with a token of each kind."""
    migrate(folder / "gateway.sqlite3")
    database = Database(folder / "gateway.sqlite3")
    time, components, draining, pictures = [NOW], {"database": "ok", "store": "ok"}, threading.Event(), Pictures()

    def clock() -> int:
        return time[0]

    changes = Changes(database.path)
    outbox = Outbox(database, [Target("clinic")], secrets.randbits)
    waiting = Waiting(outbox, PerformedStepStore(database, outbox, clock), clock)
    tokens = TokenStore(database, clock)
    devices, unknown = DeviceStore(database, clock, CONFIGURED), UnknownDevices(database, clock)
    echoed: dict[str, Echoed] = {}
    objects = ObjectStore(folder / "store", 0, secrets.randbits)
    explainer = Explainer(
        ObservationStore(database), unknown, Worklist(database), lambda: DEVICES, clock, ZONE, 5000, 0
    )
    orders = OrderStore(database, outbox, waiting, clock, secrets.randbits, lambda: DEVICES)
    matches = MatchStore(database, outbox, PerformedStepStore(database, outbox, clock), clock)
    services = Services(
        orders=orders,
        patients=PatientStore(database, outbox, waiting, clock, ZONE),
        studies=StudyStore(database, outbox, clock, 60),
        settlement=Settlement(database, outbox, clock, Patience(60, 900)),
        templates=TEMPLATES,
        outbox=outbox,
        messages=MessageStore(database, clock),
        tokens=tokens,
        users=UserStore(database, clock),
        sessions=SessionStore(database, clock, 1800 * SECOND, 12 * 3600 * SECOND),
        page=PageServices(
            practice="Practice <1>",
            is_secure=False,
            version=changes.version,
            badges=lambda: count_waiting(database),
            viewing=Viewing(lambda stored: objects.path(stored.name)),
            study_search=StudySearch(database),
            board=Board(
                database,
                clock,
                ZONE,
                TEMPLATES,
                lambda: ["clinic"],
                lambda: [device.ae_title for device in devices.all()],
            ),
            order_search=OrderSearch(database),
            timelines=TimelineStore(database),
            matches=matches,
            unmatched=UnmatchedStore(database, clock),
            deliveries=DeliveryControl(database, clock, ["clinic"]),
        ),
        health=HealthServices(
            FiguresStore(database, clock, ZONE),
            DeviceTraffic(database),
            AuditReader(database),
            lambda: MACHINE,
            lambda: SETTINGS,
        ),  # fmt: skip
        connections=connected.services(database, clock),
        audit=AuditStore(database),
        devices=DeviceServices(
            devices,
            Admission(devices, unknown, PLACE.ae_title),
            lambda device: sheet_document(device, PLACE),
            lambda device: echoed[device.ae_title],
        ),
        unknown_devices=unknown,
        observations=ObservationStore(database),
        explain=explainer.explain,
        objects=objects,
        delivered=Delivered(lambda stored: objects.path(stored.name), orders.get, matches.matched_at),
        thumbnails=pictures,
        zone=ZONE,
        clock=clock,
        readiness=lambda: components,
        metrics=lambda: (b"dicom_gateway_up 1\n", "text/plain; version=0.0.4"),
        draining=draining.is_set,
        public_url="http://gateway.example",
        version="1.2.3",
    )
    made = {
        name: tokens.create(name, role, source, TESTER)
        for name, role, source in (
            ("administrator", Role.ADMINISTRATOR, ""),
            ("technician", Role.TECHNICIAN, ""),
            ("any pms", Role.PMS, ""),
            ("mypms", Role.PMS, "mypms"),
            ("otherpms", Role.PMS, "otherpms"),
        )
    }
    return World(database, services, pictures, time, components, draining, made, echoed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("web")


Serve = Callable[..., int]


def serving(world: World) -> Iterator[Serve]:
    """Yield a function that serves the world's application (or another one) and returns its port."""
    running: list[tuple[WebServer, threading.Thread]] = []

    def serve(app: Any = None, limits: Limits | None = None, **options: Any) -> int:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        port: int = listener.getsockname()[1]
        server = WebServer(app or create_app(world.services), [listener], limits=limits or Limits(), **options)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        return port

    yield serve
    for server, _ in running:
        server.stop()
    for _, thread in running:
        thread.join(40)
        assert not thread.is_alive()


def living(folder: Path) -> Iterator[World]:
    """Yield a world below `folder`, and end it."""
    world = build(folder)
    yield world
    world.services.page.viewing.close()
    world.services.objects.close()
    world.database.close()


@pytest.fixture
def world(folder: Callable[[], Path]) -> Iterator[World]:
    yield from living(folder())


@pytest.fixture(scope="module")
def shared_world(folder: Callable[[], Path]) -> Iterator[World]:
    """A world for all tests of a module that leave it as it is."""
    yield from living(folder())


@pytest.fixture(scope="module")
def shared_port(shared_world: World) -> Iterator[int]:
    server = serving(shared_world)
    yield next(server)()
    next(server, None)


@pytest.fixture(scope="module")
def shared_client(shared_world: World, shared_port: int) -> Iterator[httpx.Client]:
    with shared_world.client(shared_port) as client:
        yield client


@pytest.fixture
def serve(world: World) -> Iterator[Serve]:
    yield from serving(world)


@pytest.fixture
def port(serve: Serve) -> int:
    """The port of a server over `world`."""
    return serve()


@pytest.fixture
def client(world: World, port: int) -> Iterator[httpx.Client]:
    """An administrator's client."""
    with world.client(port) as client:
        yield client


@pytest.fixture(scope="session")
def bodies() -> Callable[..., dict[str, Any]]:
    """Make order bodies: `bodies(number, source=..., patient=...)`."""

    def body(number: str = "A-1", patient: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        found = copy.deepcopy(EXAMPLE_ORDER) | {"placer_order_number": number} | changes
        found["patient"] |= patient or {}
        return found

    return body
