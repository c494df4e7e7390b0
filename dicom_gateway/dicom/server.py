"""The DICOM side as a whole: who may associate, which service answers what, how it starts and drains.

PS3.8 7.1 (rejection: 1/1/3 calling AE title not recognised, 1/1/7 called, 2/3/2 local limit), PS3.7 9.1.5 (C-ECHO).
"""

import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from pydicom import config as pydicom_config
from pydicom.uid import UID
from pynetdicom import AE, _config, evt

from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.core.habits import ServiceUsed
from dicom_gateway.core.identifiers import printable
from dicom_gateway.dicom.authorisation import SecondGuard, terms_of
from dicom_gateway.dicom.contexts import supported_contexts
from dicom_gateway.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_gateway.dicom.peer import Peer, peer_of
from dicom_gateway.dicom.performed_steps import PerformedStepService
from dicom_gateway.dicom.status import SUCCESS
from dicom_gateway.dicom.store import StoreService
from dicom_gateway.dicom.watching import UNWATCHED, Watch
from dicom_gateway.dicom.worklist import WorklistService
from dicom_gateway.errors import GatewayError
from dicom_gateway.storage.unknown_devices import UnknownDevices
from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS, MAX_PDU_BYTES, Limits
from dicom_gateway.upperlayer.server import DicomServer, Gate
from dicom_gateway.upperlayer.terms import Terms, attempt_of

log = structlog.get_logger()

CLEAN_UP_SECONDS = 2.0
CALLING_NOT_RECOGNISED, CALLED_NOT_RECOGNISED, LOCAL_LIMIT_EXCEEDED = (1, 1, 3), (1, 1, 7), (2, 3, 2)
OTHER_CALLED, TOO_MANY = "calls another AE title", "too many associations"
REJECTIONS = {  # what else than an unknown device: (result, source, reason), and as what it is counted
    OTHER_CALLED: (CALLED_NOT_RECOGNISED, "refused"),
    TOO_MANY: (LOCAL_LIMIT_EXCEEDED, "over limit"),
}


class DicomService:
    """Accepts associations and hands each request to its service. `devices` is asked at the begin of each."""

    def __init__(
        self,
        ae_title: str,
        check_called_ae_title: bool,
        extra_storage_classes: Sequence[str],
        devices: Callable[[], Devices],
        unknown_devices: UnknownDevices,
        worklist: WorklistService,
        store: StoreService,
        performed_steps: PerformedStepService,
        count: Callable[[str], None],
        limits: Limits = DEFAULT_LIMITS,
        watch: Watch = UNWATCHED,
    ) -> None:
        _config.LOG_HANDLER_LEVEL = "none"
        _config.LOG_REQUEST_IDENTIFIERS = False
        _config.LOG_RESPONSE_IDENTIFIERS = False
        _config.VALIDATORS["UI"] = _any_uid
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # what matters is logged here, without patient data
        pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE  # its warnings hold patient data
        self._devices = devices
        self._known = Devices((), accept_unknown=False)  # as the last association found them
        self._unknown_devices = unknown_devices
        self._count = count
        self._limits = limits
        self._gate = Gate(limits)
        guard = SecondGuard(self._profile)
        self._watch = watch
        self._receive_object = watch.receive(guard.receive(store.receive_object))
        self._servers: list[DicomServer] = []
        self._contexts = supported_contexts(extra_storage_classes)
        self._abstract_syntaxes = [str(context.abstract_syntax) for context in self._contexts]
        self._called_ae_title = ae_title if check_called_ae_title else ""
        self._ae = _application_entity(ae_title, limits.idle_seconds)
        self._handlers: list[tuple[Any, Callable[..., Any]]] = [
            (evt.EVT_REQUESTED, self._handle_requested),
            (evt.EVT_ACCEPTED, self._handle_accepted),
            (evt.EVT_RELEASED, lambda event: self._ended(event, "released")),
            (evt.EVT_ABORTED, lambda event: self._ended(event, "aborted")),
            (evt.EVT_ASYNC_OPS, lambda event: (1, 1)),  # one operation at a time, and the peer is told so
            (evt.EVT_C_ECHO, watch.used(ServiceUsed.VERIFICATION, self._handle_echo)),
            (evt.EVT_C_FIND, guard.find(worklist.handle_find)),
            (evt.EVT_C_STORE, watch.stored(guard.store(store.handle_store))),
            (evt.EVT_N_CREATE, watch.used(ServiceUsed.MPPS, guard.report(performed_steps.handle_create))),
            (evt.EVT_N_SET, watch.used(ServiceUsed.MPPS, guard.report(performed_steps.handle_set))),
            (evt.EVT_N_GET, guard.report(performed_steps.handle_get)),
        ]

    def start(self, listening: socket.socket, secure: tuple[socket.socket, ssl.SSLContext] | None = None) -> None:
        """Accept associations on a socket that is bound, and with TLS on another one."""
        places: list[tuple[socket.socket, ssl.SSLContext | None]] = [(listening, None)]
        if secure is not None:
            places.append(secure)
        for place, tls in places:
            server = DicomServer(
                self._ae, place, self._contexts, self._handlers, self._receive_object, self._gate, self._limits, tls,
                self._terms_of, self._count,
            )  # fmt: skip
            self._servers.append(server)
            server.start()

    def stop(self, seconds: float) -> None:
        """Accept nothing more, let open associations finish for `seconds`, then abort what is left."""
        for server in self._servers:
            server.stop_accepting()
        deadline = time.monotonic() + seconds
        quiet = 0  # twice in a row, because a message is in neither place between its queue and its service
        while time.monotonic() < deadline and quiet < 2:
            quiet = 0 if self.is_busy() else quiet + 1
            time.sleep(0.02)
        for server in self._servers:
            server.end_associations()
        for server in self._servers:
            server.wait_until_gone(CLEAN_UP_SECONDS)
        self._servers.clear()

    def open_associations(self) -> int:
        """Return how many associations are open."""
        return sum(len(server.active_associations) for server in self._servers)

    def is_busy(self) -> bool:
        """Say whether a message is in work on any association."""
        return any(server.is_busy() for server in self._servers)

    def _profile(self, ae_title: str) -> Device:
        return self._known.profile(ae_title)

    def _terms_of(self, ae_title: str) -> Terms:
        """Return what an association that begins gets."""
        self._known = self._devices()
        return terms_of(self._profile(ae_title), self._limits, self._abstract_syntaxes)

    def _handle_requested(self, event: Any) -> None:
        peer = peer_of(event.assoc)
        reason = self._refusal(event.assoc, peer)
        if not reason:
            return
        rejection, counted_as = REJECTIONS.get(reason, (CALLING_NOT_RECOGNISED, "refused"))
        self._count(counted_as)
        log.warning(
            "device refused",
            reason=reason,
            ae_title=peer.ae_title,
            address=peer.address,
            called_ae_title=peer.called_ae_title,
        )
        event.assoc.acse.send_reject(*rejection)
        if rejection is not LOCAL_LIMIT_EXCEEDED:
            self._record_refused(event.assoc, peer, reason)
        event.assoc.kill()  # with pynetdicom's own association it returns once the rejection is sent

    def _record_refused(self, association: Any, peer: Peer, reason: str) -> None:
        attempt = attempt_of(association)
        proposed = [printable(UID(uid).name, 64) for uid in attempt.abstract_syntaxes]
        try:
            self._unknown_devices.record(
                peer.ae_title, peer.address, peer.called_ae_title, reason, proposed, attempt.tls
            )
        except GatewayError as error:
            log.warning("refused device not recorded", error=type(error).__name__)

    def _refusal(self, association: Any, peer: Peer) -> str:
        """Return why a peer may not associate; "" when it may, and its association is counted then."""
        if reason := self._known.refusal(peer.ae_title, peer.address):
            return reason
        if self._called_ae_title not in ("", peer.called_ae_title):
            return OTHER_CALLED
        most = self._profile(peer.ae_title).associations
        return "" if self._gate.admit(association, peer.ae_title, peer.address, most) else TOO_MANY

    def _handle_accepted(self, event: Any) -> None:
        peer = peer_of(event.assoc)
        self._count("accepted")
        self._watch.accepted(event.assoc)
        log.info(
            "association accepted",
            reference=peer.reference,
            ae_title=peer.ae_title,
            address=peer.address,
            called_ae_title=peer.called_ae_title,
        )

    def _ended(self, event: Any, how: str) -> None:
        self._count(how)
        log.info(f"association {how}", reference=peer_of(event.assoc).reference)

    def _handle_echo(self, event: Any) -> int:
        return SUCCESS


def _application_entity(ae_title: str, idle_seconds: float) -> AE:
    ae = AE(ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = MAX_PDU_BYTES
    ae.network_timeout = idle_seconds
    return ae


def _any_uid(uid: Any) -> tuple[bool, str]:
    """Let every UID through: the services answer a bad one with 0x0117, where pynetdicom would abort."""
    return True, ""
