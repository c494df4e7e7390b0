"""The intake role: everything by which systems send messages in, composed: the HL7 listener and the watched folders."""

import secrets
import socket
import ssl
import threading
from collections.abc import Callable

import structlog

from dicom_gateway.certificates import dicom_context
from dicom_gateway.connectors.hl7.folder import FolderIntake, Watched
from dicom_gateway.connectors.hl7.mllp import MllpServer
from dicom_gateway.connectors.hl7.receiver import Receiver
from dicom_gateway.connectors.hl7.sources import Source, Sources
from dicom_gateway.errors import GatewayError
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.metrics import Metrics
from dicom_gateway.settings_hl7 import Hl7SourceSettings
from dicom_gateway.storage.audit import clear_alarm
from dicom_gateway.worker import Loop

log = structlog.get_logger()

ALARM = ("HL7 not served", "hl7.tls_certificate")  # kind and subject
DAY_SECONDS = 86_400


class Intake:
    """Takes messages in until it is stopped. `listening`: that of the HL7 listener, None where it is not served."""

    def __init__(self, gateway: Gateway, listening: socket.socket | None, is_ending: Callable[[], bool]) -> None:
        self._gateway = gateway
        settings, metrics = gateway.settings, Metrics()
        receiver = Receiver(
            Sources([_source(one) for one in settings.hl7_source]),
            gateway.messages,
            gateway.hl7_work(),
            clock,
            settings.zone(),
            secrets.randbits,
            metrics.count_hl7_message,
        )
        self._server: MllpServer | None = None
        reason = self._refusal(listening)
        self._tell(reason)
        if listening is not None and reason is None:
            self._server = MllpServer(
                listening, receiver, settings.hl7.as_limits(), self._tls(), metrics.count_hl7_connection,
                metrics.count_hl7_skipped,
            )  # fmt: skip
        elif listening is not None:
            listening.shutdown(socket.SHUT_RDWR)  # in every process; a later role that can serve it listens again
        self._loops = [
            Loop(
                f"folder-{one.name}", FolderIntake(_watched(one, gateway), receiver, clock, is_ending).run, clock, wake
            )
            for one, wake in ((one, threading.Event()) for one in settings.hl7_source)
            if one.folder
        ]

    def start(self) -> int:
        """Begin; return how many ways in there are."""
        if interrupted := self._gateway.messages.interrupt():
            log.warning("messages were in work when the gateway ended", count=interrupted)
        if self._server:
            self._server.start()
        for loop in self._loops:
            loop.start()
        return len(self._loops) + (self._server is not None)

    def stop(self, seconds: float) -> None:
        """Finish what is in work, at most `seconds`, and end."""
        if self._server:
            self._server.stop(seconds)
        for loop in self._loops:
            loop.stop(seconds)

    def _refusal(self, listening: socket.socket | None) -> str | None:
        """Return why the listener, which is configured, cannot be served."""
        settings = self._gateway.settings
        reason = settings.hl7_refusal()
        if reason is None and listening is None and settings.listens_for_hl7():
            if settings.hl7.tls_certificate is not None:
                return "nothing listens: the certificate could not be loaded when the gateway began to; start it again"
            # Taken over in a moment, or its port is taken: the supervisor, which binds it, raises the alarm for that.
            log.info("not listening for HL7 yet")
        return reason

    def _tls(self) -> ssl.SSLContext | None:
        hl7 = self._gateway.settings.hl7
        if hl7.tls_certificate is None or hl7.tls_key is None:
            return None
        return dicom_context(hl7.tls_certificate, hl7.tls_key, hl7.tls_client_ca)

    def _tell(self, reason: str | None) -> None:
        try:
            if reason is None:
                self._gateway.database.write(lambda tx: clear_alarm(tx, *ALARM))
            else:
                log.error("HL7 is not served", reason=reason)
                self._gateway.audit.alarm(clock(), "HL7 not served", ALARM[1], reason)
        except GatewayError as error:
            log.warning("alarm not written", error=type(error).__name__)


def _source(settings: Hl7SourceSettings) -> Source:
    return Source(
        settings.name,
        settings.sending_application,
        settings.sending_facility,
        settings.character_set,
        settings.folder is not None,
    )


def _watched(source: Hl7SourceSettings, gateway: Gateway) -> Watched:
    assert source.folder is not None
    hl7, messages = gateway.settings.hl7, gateway.settings.messages
    return Watched(
        source.folder, source.name, source.answers, hl7.quiet_seconds, hl7.message_mb << 20,
        messages.keep_days * DAY_SECONDS,
    )  # fmt: skip
