"""THE composition root: settings -> database, stores, services, roles. Nothing else constructs a store or a service.

Each role builds only what it needs, so its process imports only that.
"""

import os
import random
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from dicom_gateway import __version__
from dicom_gateway.core.completion import Patience
from dicom_gateway.core.devices import Device, Devices, Network
from dicom_gateway.core.model import StoredObject
from dicom_gateway.core.ports import ResultSink
from dicom_gateway.errors import GatewayError
from dicom_gateway.network import is_loopback
from dicom_gateway.settings import Settings
from dicom_gateway.storage.audit import AuditStore
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.devices import UnknownDevices
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox, Target
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import StudyStore
from dicom_gateway.storage.tokens import TokenStore
from dicom_gateway.storage.waiting import Waiting
from dicom_gateway.storage.worklist import Worklist
from dicom_gateway.wake import WakeListener, Waker

if TYPE_CHECKING:
    from dicom_gateway.metrics import Gauge

log = structlog.get_logger()

DRAIN_SECONDS = 30.0
ECHO_EVERY_SECONDS = 10.0
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def clock() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class Gateway:
    """The parts of a gateway, each made when it is first asked for. `close` ends those that were."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data_dir = settings.gateway.data_dir
        self.run_dir = self.data_dir / "run"
        for folder in (self.data_dir, self.run_dir):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def migrate(self) -> None:
        """Create or update the database."""
        migrate(self.settings.database_path())

    @cached_property
    def waker(self) -> Waker:
        """Wakes roles of other processes."""
        return Waker(self.run_dir)

    @cached_property
    def database(self) -> Database:
        """The database."""
        return Database(self.settings.database_path(), self.waker)

    @cached_property
    def objects(self) -> ObjectStore:
        """The files of received objects."""
        return ObjectStore(self.data_dir, self.settings.storage.reserve_mb << 20, secrets.randbits)

    @cached_property
    def devices(self) -> Devices:
        """The configured devices, and the gateway itself, whose C-ECHO shows that it is alive."""
        own_host = self.settings.dicom.host
        here = LOOPBACK if is_loopback(own_host) else (*LOOPBACK, *_network_of(own_host))
        own = Device(self.settings.dicom.ae_title, allowed_from=here)
        configured = [Device(**device.model_dump()) for device in self.settings.device]
        return Devices([own, *configured], self.settings.accepts_unknown_devices())

    @cached_property
    def outbox(self) -> Outbox:
        """The events to deliver."""
        targets = [Target(pms.name, frozenset(pms.sources)) for pms in self.settings.pms]
        return Outbox(self.database, targets, secrets.randbits)

    @cached_property
    def performed_steps(self) -> PerformedStepStore:
        """Performed steps."""
        return PerformedStepStore(self.database, self.outbox, clock)

    @cached_property
    def orders(self) -> OrderStore:
        """Orders."""
        waiting = Waiting(self.outbox, self.performed_steps, clock)
        prefix = self.settings.orders.accession_prefix
        return OrderStore(
            self.database, self.outbox, waiting, clock, secrets.randbits, self.devices.stations_of, prefix
        )

    @cached_property
    def studies(self) -> StudyStore:
        """Received studies."""
        return StudyStore(self.database, self.outbox, clock, self.settings.completion.quiet_seconds)

    @cached_property
    def settlement(self) -> Settlement:
        """What settles studies."""
        completion = self.settings.completion
        patience = Patience(completion.quiet_seconds, completion.incomplete_after_seconds)
        return Settlement(self.database, self.outbox, clock, patience)

    @cached_property
    def tokens(self) -> TokenStore:
        """API tokens."""
        return TokenStore(self.database, clock)

    @cached_property
    def audit(self) -> AuditStore:
        """Audit and alarms."""
        return AuditStore(self.database)

    @cached_property
    def unknown_devices(self) -> UnknownDevices:
        """Devices that were refused."""
        return UnknownDevices(self.database, clock)

    def close(self) -> None:
        """End what was made."""
        made = vars(self)
        for name in ("objects", "database", "waker"):
            if name in made:
                made[name].close()

    def object_path(self, stored: StoredObject) -> Path:
        """Return the path of a stored object."""
        return self.objects.path(stored.name)

    def public_url(self) -> str:
        """Return the address under which a PMS reaches the API."""
        web = self.settings.web
        if web.public_url:
            return web.public_url
        scheme = "https" if web.tls_certificate else "http"
        host = f"[{web.host}]" if ":" in web.host else web.host
        return f"{scheme}://{host}:{web.port}"

    def sinks(self) -> dict[str, ResultSink]:
        """Return what sends events to each PMS."""
        from dicom_gateway.connectors.http_transport import HttpTransport
        from dicom_gateway.connectors.webhook import WebhookSink

        transport = HttpTransport()
        return {
            pms.name: WebhookSink(pms.url, pms.signing_secret().get_secret_value(), transport, clock)
            for pms in self.settings.pms
        }


def _network_of(host: str) -> tuple[Network, ...]:
    try:
        return (ip_network(host),)
    except ValueError:
        return ()


@dataclass(frozen=True, slots=True)
class RoleContext:
    """What a role gets when it starts: listening sockets by name, and an event that asks it to drain."""

    sockets: Mapping[str, socket.socket]
    draining: threading.Event


def run_dicom(gateway: Gateway, context: RoleContext) -> None:
    """Serve worklist, MPPS and storage until drained."""
    from dicom_gateway.dicom.performed_steps import PerformedStepService
    from dicom_gateway.dicom.server import DicomService
    from dicom_gateway.dicom.store import StoreService
    from dicom_gateway.dicom.worklist import WorklistService
    from dicom_gateway.metrics import Metrics

    settings, metrics = gateway.settings, Metrics()
    worklist = WorklistService(
        Worklist(gateway.database),
        clock,
        settings.zone(),
        settings.worklist.max_answers,
        settings.worklist.hide_after_days,
        metrics.count_query,
    )
    service = DicomService(
        settings.dicom.ae_title,
        settings.dicom.check_called_ae_title,
        settings.dicom.extra_storage_classes,
        gateway.devices,
        gateway.unknown_devices,
        worklist,
        StoreService(gateway.objects, gateway.studies, metrics.count_object),
        PerformedStepService(gateway.performed_steps, clock, secrets.randbits, metrics.count_performed_step),
        metrics.count_association,
    )
    service.start(context.sockets["dicom"])
    log.info("ready")
    context.draining.wait()
    service.stop(DRAIN_SECONDS)


def run_worker(gateway: Gateway, context: RoleContext) -> None:
    """Settle studies, deliver events and sweep until drained."""
    from dicom_gateway.metrics import Metrics
    from dicom_gateway.study.decoder import Decoder
    from dicom_gateway.study.thumbnails import Thumbnails
    from dicom_gateway.worker import Deliverer, Settler, Sweeper, loops

    metrics, decoder = Metrics(), Decoder()
    thumbnails = Thumbnails(decoder, gateway.object_path, gateway.objects.thumbnail_path)
    sinks = gateway.sinks()
    deliverers = {
        pms.name: Deliverer(
            pms.name,
            sinks[pms.name],
            pms.thumbnails,
            gateway.public_url(),
            gateway.outbox,
            gateway.studies,
            thumbnails,
            clock,
            random.SystemRandom().random,
            metrics.count_delivery,
        )
        for pms in gateway.settings.pms
    }
    sweeper = Sweeper(
        gateway.objects,
        lambda name: gateway.objects.path(name).exists(),
        gateway.studies,
        gateway.database.checkpoint,
        gateway.audit.alarm,
        clock,
    )
    listener = WakeListener(gateway.run_dir, "worker")
    running = loops(Settler(gateway.settlement), deliverers, sweeper, clock, listener.event)
    for loop in running:
        loop.start()
    log.info("ready")
    context.draining.wait()
    for loop in running:
        loop.stop(DRAIN_SECONDS)
    listener.close()
    decoder.close()


def run_intake(gateway: Gateway, context: RoleContext) -> None:
    """Wait: every connector that takes orders in (HL7, watched folders) runs in this role, and none is configured."""
    log.info("ready", connectors=0)
    context.draining.wait()


def run_web(gateway: Gateway, context: RoleContext) -> None:
    """Serve the API and the page until drained."""
    from dicom_gateway.metrics import exposition
    from dicom_gateway.study.decoder import Decoder
    from dicom_gateway.study.thumbnails import Thumbnails
    from dicom_gateway.web.app import create_app
    from dicom_gateway.web.server import WebServer
    from dicom_gateway.web.services import Services

    settings, decoder = gateway.settings, Decoder()
    readiness = Readiness(gateway, context)
    services = Services(
        orders=gateway.orders,
        studies=gateway.studies,
        settlement=gateway.settlement,
        outbox=gateway.outbox,
        tokens=gateway.tokens,
        audit=gateway.audit,
        unknown_devices=gateway.unknown_devices,
        objects=gateway.objects,
        thumbnails=Thumbnails(decoder, gateway.object_path, gateway.objects.thumbnail_path),
        zone=settings.zone(),
        clock=clock,
        readiness=readiness.components,
        metrics=lambda: exposition(gauges(gateway)),
        draining=context.draining.is_set,
        public_url=gateway.public_url(),
        version=__version__,
    )
    web = settings.web
    tls = (web.tls_certificate, web.tls_key) if web.tls_certificate and web.tls_key else None
    server = WebServer(create_app(services), [context.sockets["web"]], tls, web.behind_proxy)
    threading.Thread(target=_stop_when_draining, args=(context, server.stop), name="drain", daemon=True).start()
    log.info("ready")
    server.run()
    decoder.close()


def _stop_when_draining(context: RoleContext, stop: Callable[[], None]) -> None:
    context.draining.wait()
    stop()


ROLES: dict[str, Callable[[Gateway, RoleContext], None]] = {
    "dicom": run_dicom,
    "intake": run_intake,
    "worker": run_worker,
    "web": run_web,
}
LISTENING_ROLES = {"dicom": "dicom", "web": "web"}  # role -> the listener that it serves


def run_role(role: str, settings: Settings, sockets: Mapping[str, socket.socket], drain_pipe: int | None) -> None:
    """Run one role in this process until a signal, or the end of `drain_pipe`, asks it to drain."""
    draining = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: draining.set())
    if drain_pipe is not None:
        threading.Thread(target=_wait_for_end, args=(drain_pipe, draining), name="drain-pipe", daemon=True).start()
    gateway = Gateway(settings)
    try:
        ROLES[role](gateway, RoleContext(sockets, draining))
    finally:
        gateway.close()


def _wait_for_end(pipe: int, draining: threading.Event) -> None:
    """Return when the other end of the pipe is closed: the supervisor is gone or wants an end."""
    while os.read(pipe, 1):
        continue
    draining.set()


class Readiness:
    """Whether each component works, for /readyz. The C-ECHO is done at most every ten seconds."""

    def __init__(self, gateway: Gateway, context: RoleContext) -> None:
        self._gateway = gateway
        self._context = context
        self._guard = threading.Lock()
        self._echo_ok = False
        self._echo_at = float("-inf")

    def components(self) -> dict[str, str]:
        """Return each component with "ok" or "failed"."""
        checks: dict[str, Callable[[], bool]] = {
            "database": lambda: self._gateway.database.read(lambda tx: True),
            "store": lambda: (
                (self._gateway.data_dir / "objects").is_dir() and os.access(self._gateway.data_dir, os.W_OK)
            ),
            "space": lambda: self._gateway.objects.has_space(),
            "running": lambda: not self._context.draining.is_set(),
            "dicom": self._echo,
        }
        return {name: "ok" if _holds(check) else "failed" for name, check in checks.items()}

    def _echo(self) -> bool:
        from dicom_gateway.dicom.scu import echo

        with self._guard:
            if time.monotonic() - self._echo_at > ECHO_EVERY_SECONDS:
                dicom = self._gateway.settings.dicom
                host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(dicom.host, dicom.host)  # noqa: S104
                self._echo_ok = echo(host, dicom.port, dicom.ae_title, dicom.ae_title)
                self._echo_at = time.monotonic()
            return self._echo_ok


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (GatewayError, OSError):
        return False


def gauges(gateway: Gateway) -> "tuple[Gauge, ...]":
    """Return what is read when somebody asks for metrics."""
    from dicom_gateway.metrics import Gauge

    return (
        Gauge(
            "dicom_gateway_orders",
            "Orders by status.",
            ("status",),
            lambda: {(status,): float(n) for status, n in gateway.orders.by_status().items()},
        ),
        Gauge(
            "dicom_gateway_outbox",
            "Deliveries by target and status.",
            ("target", "status"),
            lambda: {labels: float(n) for labels, n in gateway.outbox.depth().items()},
        ),
        Gauge("dicom_gateway_alarms", "Alarms that stand.", (), lambda: {(): float(len(gateway.audit.alarms()))}),
        Gauge(
            "dicom_gateway_free_bytes",
            "Free space where objects are kept.",
            (),
            lambda: {(): float(gateway.objects.files.free_bytes(gateway.data_dir))},
        ),
    )
