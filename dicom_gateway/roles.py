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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

from dicom_gateway.certificates import dicom_context
from dicom_gateway.errors import GatewayError
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.settings import DICOM_TLS, Listener, Settings
from dicom_gateway.storage.audit import clear_alarm
from dicom_gateway.storage.observing import Observer
from dicom_gateway.storage.worklist import Worklist
from dicom_gateway.wake import WakeListener

log = structlog.get_logger()

DRAIN_SECONDS = 30.0
LOOK_SECONDS = 0.5
SWITCH_SECONDS = 0.001  # a thread that waits to accept or to answer an echo gets its turn sooner than Python's 5 ms
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
    from dicom_gateway.dicom.watching import Watch, facts_of_identifier
    from dicom_gateway.dicom.worklist import WorklistService
    from dicom_gateway.metrics import Metrics

    settings, metrics = gateway.settings, Metrics()
    observer = Observer(gateway.database, facts_of_identifier, metrics.count_dropped_observation)
    worklist = WorklistService(
        Worklist(gateway.database),
        clock,
        settings.zone(),
        settings.worklist.max_answers,
        settings.worklist.hide_after_days,
        metrics.count_query,
        gateway.device_book.profile,
        observer.observe,
    )
    service = DicomService(
        settings.dicom.ae_title,
        settings.dicom.check_called_ae_title,
        settings.dicom.extra_storage_classes,
        gateway.device_book.current,
        gateway.unknown_devices,
        worklist,
        StoreService(gateway.objects, gateway.studies, metrics.count_object),
        PerformedStepService(gateway.performed_steps, clock, secrets.randbits, metrics.count_performed_step),
        metrics.count_association,
        settings.limits.as_limits(),
        Watch(observer.observe, clock),
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    service.start(context.sockets["dicom"], _secure(gateway, context.sockets.get(DICOM_TLS)))
    gc.collect()
    gc.freeze()  # what is there for good is not looked at again: a full collection stops every association for 50 ms
    log.info("ready")
    context.wait_until_draining()
    service.stop(DRAIN_SECONDS)
    observer.close()


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
    from dicom_gateway.worker import Deliverer, Forgetter, Forgetting, Loop, Settler, Sweeper, loops

    metrics, decoder = Metrics(), Decoder()
    thumbnails = Thumbnails(decoder, gateway.object_path, gateway.objects.thumbnail_path)
    sinks = gateway.sinks()
    deliverers = {
        pms.name: Deliverer(
            pms.name,
            sinks[pms.name],
            pms.thumbnail_mode,
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
    kept: list[tuple[Forgetting, int]] = [
        (gateway.messages, gateway.settings.messages.keep_days),
        (gateway.audit_reader, gateway.settings.audit.keep_days),
    ]
    running = [
        *loops(Settler(gateway.settlement), deliverers, sweeper, clock, listener.event),
        *(
            Loop("forget", Forgetter(rows, days, clock).run, clock, listener.event())
            for rows, days in kept
            if days  # 0: for ever
        ),
    ]
    for loop in running:
        loop.start()
    log.info("ready")
    context.wait_until_draining()
    for loop in running:
        loop.stop(DRAIN_SECONDS)
    listener.close()
    decoder.close()


def run_intake(gateway: Gateway, context: RoleContext) -> None:
    """Take messages in until drained: by HL7, and from watched folders."""
    from dicom_gateway.intake import Intake

    intake = Intake(gateway, context.sockets.get("hl7"), context.draining.is_set)
    log.info("ready", connectors=intake.start())
    context.wait_until_draining()
    intake.stop(DRAIN_SECONDS)


def run_web(gateway: Gateway, context: RoleContext) -> None:
    """Serve the API and the page until drained."""
    from dicom_gateway.web_role import WebRole

    role = WebRole(gateway, context.sockets["web"], context.draining.is_set)
    threading.Thread(target=_stop_when_draining, args=(context, role.stop), name="drain", daemon=True).start()
    log.info("ready")
    role.run()


def _stop_when_draining(context: RoleContext, stop: Callable[[], None]) -> None:
    context.wait_until_draining()
    stop()


ROLES: dict[str, Callable[[Gateway, RoleContext], None]] = {
    "dicom": run_dicom,
    "intake": run_intake,
    "worker": run_worker,
    "web": run_web,
}
LISTENING_ROLES = {  # role -> the listeners that it serves
    "dicom": ("dicom", DICOM_TLS),
    "intake": ("hl7",),
    "web": ("web",),
}


def listeners_of(settings: Settings, roles: Iterable[str]) -> list[Listener]:
    """Return where these roles listen; DICOM over TLS is left out when it cannot be served."""
    names = {name for role in roles for name in LISTENING_ROLES.get(role, ())}
    if settings.dicom_tls_refusal():
        names.discard(DICOM_TLS)
    if not settings.listens_for_hl7() or settings.hl7_refusal():
        names.discard("hl7")
    return [listener for listener in settings.listeners() if listener.name in names]


def run_role(role: str, settings: Settings, sockets: Mapping[str, socket.socket], drain_pipe: int | None) -> None:
    """Run one role in this process until a signal, or the end of `drain_pipe`, asks it to drain."""
    draining = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: draining.set())
    if drain_pipe is not None:
        threading.Thread(target=_wait_for_end, args=(drain_pipe, draining), name="drain-pipe", daemon=True).start()
    gateway = Gateway(settings)
    if gateway.local.unread:
        log.warning("the settings of the page are left out", why=gateway.local.unread)
    try:
        ROLES[role](gateway, RoleContext(sockets, draining))
    finally:
        gateway.close()


def _wait_for_end(pipe: int, draining: threading.Event) -> None:
    """Return when the other end of the pipe is closed: the supervisor is gone or wants an end."""
    while os.read(pipe, 1):
        continue
    draining.set()
