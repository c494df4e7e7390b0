"""The roles: what each process of a gateway runs, composed from the parts of gateway.py, until it drains."""

import gc
import os
import random
import secrets
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from dicom_gateway import __version__
from dicom_gateway.certificates import dicom_context
from dicom_gateway.errors import GatewayError
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.settings import DICOM_TLS, Listener, Settings
from dicom_gateway.storage import heartbeat
from dicom_gateway.storage.audit import clear_alarm
from dicom_gateway.storage.worklist import Worklist
from dicom_gateway.wake import WakeListener

if TYPE_CHECKING:
    from dicom_gateway.metrics import Gauge

log = structlog.get_logger()

DRAIN_SECONDS = 30.0
LOOK_SECONDS = 0.5
SWITCH_SECONDS = 0.001  # a thread that waits to accept or to answer an echo gets its turn sooner than Python's 5 ms
PROBE_EVERY_SECONDS = 10.0
TLS_ALARM = ("DICOM TLS not served", "dicom.tls_certificate")  # kind and subject


@dataclass(frozen=True, slots=True)
class RoleContext:
    """What a role gets when it starts: listening sockets by name, and an event that asks it to drain."""

    sockets: Mapping[str, socket.socket]
    draining: threading.Event

    def wait_until_draining(self) -> None:
        """Return when the role is to drain. Looks every half second: a signal that the kernel gives to another thread
        does not wake the main one out of a wait without an end, and then its handler would never run."""
        while not self.draining.wait(LOOK_SECONDS):
            continue


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
        settings.limits.as_limits(),
        frozenset(device.ae_title for device in settings.device if device.stock_association),
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    service.start(context.sockets["dicom"], _secure(gateway, context.sockets.get(DICOM_TLS)))
    gc.collect()
    gc.freeze()  # what is there for good is not looked at again: a full collection stops every association for 50 ms
    log.info("ready")
    context.wait_until_draining()
    service.stop(DRAIN_SECONDS)


def _secure(gateway: Gateway, listening: socket.socket | None) -> tuple[socket.socket, ssl.SSLContext] | None:
    """Return what serves DICOM over TLS, if it is configured. When it cannot be served nobody listens, and an alarm
    stands until it can."""
    dicom, reason = gateway.settings.dicom, gateway.settings.dicom_tls_refusal()
    is_wanted = dicom.tls_certificate is not None and dicom.tls_key is not None
    if is_wanted and reason is None and listening is None:
        reason = "the certificate could not be loaded when the gateway started; start it again"
    _tell_of_tls(gateway, reason)
    if dicom.tls_certificate and dicom.tls_key and listening and reason is None:
        return listening, dicom_context(dicom.tls_certificate, dicom.tls_key, dicom.tls_client_ca)
    if listening:
        listening.shutdown(socket.SHUT_RDWR)  # in every process; a later role that can serve it listens again
    return None


def _tell_of_tls(gateway: Gateway, reason: str | None) -> None:
    try:
        if reason is None:
            gateway.database.write(lambda tx: clear_alarm(tx, *TLS_ALARM))
        else:
            log.error("DICOM over TLS is not served", reason=reason)
            gateway.audit.alarm(clock(), *TLS_ALARM, reason)
    except GatewayError as error:
        log.warning("alarm not written", error=type(error).__name__)


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
    context.wait_until_draining()
    for loop in running:
        loop.stop(DRAIN_SECONDS)
    listener.close()
    decoder.close()


def run_intake(gateway: Gateway, context: RoleContext) -> None:
    """Wait: every connector that takes orders in (HL7, watched folders) runs in this role, and none is configured."""
    log.info("ready", connectors=0)
    context.wait_until_draining()


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
    context.wait_until_draining()
    stop()


ROLES: dict[str, Callable[[Gateway, RoleContext], None]] = {
    "dicom": run_dicom,
    "intake": run_intake,
    "worker": run_worker,
    "web": run_web,
}
LISTENING_ROLES = {"dicom": ("dicom", DICOM_TLS), "web": ("web",)}  # role -> the listeners that it serves


def listeners_of(settings: Settings, roles: Iterable[str]) -> list[Listener]:
    """Return where these roles listen; DICOM over TLS is left out when it cannot be served."""
    names = {name for role in roles for name in LISTENING_ROLES.get(role, ())}
    if settings.dicom_tls_refusal():
        names.discard(DICOM_TLS)
    return [listener for listener in settings.listeners() if listener.name in names]


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
    """Whether each component works, for /readyz. The C-ECHO and the write are done at most every ten seconds."""

    def __init__(self, gateway: Gateway, context: RoleContext) -> None:
        self._gateway = gateway
        self._context = context
        self._echo = _Remembered(self._echoes)
        self._writes = _Remembered(self._beats)

    def components(self) -> dict[str, str]:
        """Return each component with "ok" or "failed"."""
        checks: dict[str, Callable[[], bool]] = {
            "database": self._database,
            "store": lambda: (
                (self._gateway.data_dir / "objects").is_dir() and os.access(self._gateway.data_dir, os.W_OK)
            ),
            "space": lambda: self._gateway.objects.has_space(),
            "running": lambda: not self._context.draining.is_set(),
            "dicom": self._echo.holds,
        }
        return {name: "ok" if _holds(check) else "failed" for name, check in checks.items()}

    def _database(self) -> bool:
        """Read a row each time, and write one now and then."""
        heartbeat.look(self._gateway.database)
        return self._writes.holds()

    def _beats(self) -> bool:
        heartbeat.beat(self._gateway.database, clock())
        return True

    def _echoes(self) -> bool:
        from dicom_gateway.dicom.scu import echo

        dicom = self._gateway.settings.dicom
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(dicom.host, dicom.host)  # noqa: S104
        return echo(host, dicom.port, dicom.ae_title, dicom.ae_title)


class _Remembered:
    """A check that costs something: its answer holds for a while; one thread asks, the others wait for it."""

    def __init__(self, check: Callable[[], bool]) -> None:
        self._check = check
        self._guard = threading.Lock()
        self._answer = False
        self._at = float("-inf")

    def holds(self) -> bool:
        """Return the answer, at most PROBE_EVERY_SECONDS old."""
        with self._guard:
            if time.monotonic() - self._at > PROBE_EVERY_SECONDS:
                self._answer = _holds(self._check)
                self._at = time.monotonic()
            return self._answer


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
