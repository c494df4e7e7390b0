"""The DICOM side as a whole: who may associate, which service answers what, how it starts and drains.

PS3.8 7.1 (rejection: 1/1/3 calling AE title not recognised, 1/1/7 called), PS3.7 9.1.5 (C-ECHO).
"""

import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from pydicom import config as pydicom_config
from pynetdicom import AE, _config, evt

from dicom_gateway.core.devices import Devices
from dicom_gateway.dicom.contexts import supported_contexts
from dicom_gateway.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_gateway.dicom.peer import peer_of
from dicom_gateway.dicom.performed_steps import PerformedStepService
from dicom_gateway.dicom.status import SUCCESS
from dicom_gateway.dicom.store import StoreService
from dicom_gateway.dicom.worklist import WorklistService
from dicom_gateway.errors import GatewayError
from dicom_gateway.storage.devices import UnknownDevices
from dicom_gateway.upperlayer.server import DicomServer

log = structlog.get_logger()

MAX_PDU_BYTES = 131072
MAX_ASSOCIATIONS = 200
IDLE_SECONDS = 300
CALLING_NOT_RECOGNISED = (1, 1, 3)


class DicomService:
    """Accepts associations and hands each request to its service."""

    def __init__(
        self,
        ae_title: str,
        check_called_ae_title: bool,
        extra_storage_classes: Sequence[str],
        devices: Devices,
        unknown_devices: UnknownDevices,
        worklist: WorklistService,
        store: StoreService,
        performed_steps: PerformedStepService,
        count: Callable[[str], None],
    ) -> None:
        _config.LOG_HANDLER_LEVEL = "none"
        _config.LOG_REQUEST_IDENTIFIERS = False
        _config.LOG_RESPONSE_IDENTIFIERS = False
        _config.VALIDATORS["UI"] = _any_uid
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # what matters is logged here, without patient data
        pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE  # its warnings hold patient data
        self._devices = devices
        self._unknown_devices = unknown_devices
        self._count = count
        self._server: DicomServer | None = None
        self._contexts = supported_contexts(extra_storage_classes)
        self._ae = _application_entity(ae_title, check_called_ae_title)
        self._handlers: list[tuple[Any, Callable[..., Any]]] = [
            (evt.EVT_REQUESTED, self._handle_requested),
            (evt.EVT_ACCEPTED, self._handle_accepted),
            (evt.EVT_RELEASED, lambda event: self._ended(event, "released")),
            (evt.EVT_ABORTED, lambda event: self._ended(event, "aborted")),
            (evt.EVT_C_ECHO, self._handle_echo),
            (evt.EVT_C_FIND, worklist.handle_find),
            (evt.EVT_C_STORE, store.handle_store),
            (evt.EVT_N_CREATE, performed_steps.handle_create),
            (evt.EVT_N_SET, performed_steps.handle_set),
            (evt.EVT_N_GET, performed_steps.handle_get),
        ]

    def start(self, listening: socket.socket) -> None:
        """Accept associations on a socket that is bound."""
        self._server = DicomServer(self._ae, listening, self._contexts, self._handlers)
        self._server.start()

    def stop(self, seconds: float) -> None:
        """Accept nothing more, let open associations finish for `seconds`, then abort what is left."""
        server = self._server
        if server is None:
            return
        server.stop_accepting()
        deadline = time.monotonic() + seconds
        quiet = 0  # twice in a row, because a message is in neither place between its queue and its service
        while time.monotonic() < deadline and quiet < 2:
            quiet = 0 if server.is_busy() else quiet + 1
            time.sleep(0.02)
        server.end_associations()
        self._server = None

    def open_associations(self) -> int:
        """Return how many associations are open."""
        return len(self._server.active_associations) if self._server else 0

    def is_busy(self) -> bool:
        """Say whether a message is in work on any association."""
        return self._server is not None and self._server.is_busy()

    def _handle_requested(self, event: Any) -> None:
        peer = peer_of(event.assoc)
        reason = self._devices.refusal(peer.ae_title, peer.address)
        if not reason:
            return
        self._count("refused")
        log.warning("device refused", reason=reason, ae_title=peer.ae_title, address=peer.address)
        event.assoc.acse.send_reject(*CALLING_NOT_RECOGNISED)
        try:
            self._unknown_devices.record(peer.ae_title, peer.address, peer.called_ae_title)
        except GatewayError as error:
            log.warning("refused device not recorded", error=type(error).__name__)
        event.assoc.kill()  # returns once the rejection is sent; without it the connection is closed before

    def _handle_accepted(self, event: Any) -> None:
        peer = peer_of(event.assoc)
        self._count("accepted")
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


def _application_entity(ae_title: str, check_called_ae_title: bool) -> AE:
    ae = AE(ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = MAX_PDU_BYTES
    ae.maximum_associations = MAX_ASSOCIATIONS
    ae.network_timeout = IDLE_SECONDS
    ae.require_called_aet = check_called_ae_title
    return ae


def _any_uid(uid: Any) -> tuple[bool, str]:
    """Let every UID through: the services answer a bad one with 0x0117, where pynetdicom would abort."""
    return True, ""
