"""The one who calls: opening an association, why there is none, and C-ECHO (PS3.8 7.1, PS3.7 9.1.5).

An association that cannot be had raises NoAssociation; a peer that refuses a service, answers with a failure or falls
silent raises PeerFailed. Both say why in words. The other services are in scu_find.py, scu_store.py, scu_mpps.py and
scu_commitment.py.
"""

import logging
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom import config as pydicom_config
from pydicom.uid import UID
from pynetdicom import AE, _config, debug_logger, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.status import VERIFICATION_SERVICE_CLASS_STATUS

from dicom_gateway.core.identifiers import printable
from dicom_gateway.dicom.contexts import EXPLICIT_LITTLE, IMPLICIT_LITTLE, VERIFICATION
from dicom_gateway.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_gateway.dicom.scu_words import CONTEXT_RESULTS, abort_reason, rejection_reason, status_in_words
from dicom_gateway.dicom.status import SUCCESS
from dicom_gateway.errors import GatewayError

TIMEOUT_SECONDS = 5
MAX_PDU_BYTES = 131072

Statuses = dict[int, tuple[str, str]]
Handlers = Sequence[tuple[Any, Callable[..., Any]]]


class NoAssociation(GatewayError):
    """There is no association: no such host, no connection, rejected or aborted."""

    exit_code = 3


class PeerFailed(GatewayError):
    """The peer does not offer the service, answered with a failure, or did not answer."""


def _silent(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to call, as whom, and how many seconds to wait for each answer; `say` is told each step in words."""

    host: str
    port: int
    calling_ae_title: str
    called_ae_title: str
    seconds: float = 30.0
    say: Callable[[str], None] = _silent

    def __str__(self) -> str:
        return f"{self.called_ae_title} at {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The status that a peer answered with, in words; of a C-ECHO also how long it took (milliseconds), and whose
    software the peer is."""

    code: int
    words: str
    milliseconds: float = 0.0
    implementation_class_uid: str = ""

    @property
    def ok(self) -> bool:
        """Whether the peer did what was asked, perhaps with a warning (PS3.7 annex C)."""
        return self.code in (SUCCESS, 0x0001, 0x0107, 0x0116) or self.code >> 12 == 0xB


def log_for_a_person(debug: bool) -> None:
    """Show pynetdicom's whole log, which holds patient data, or none of it: errors are raised and said in words."""
    pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE  # a peer's odd values are shown as they are
    if debug:
        debug_logger()
        return
    _config.LOG_HANDLER_LEVEL = "none"
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)


def echo(host: str, port: int, calling_ae_title: str, called_ae_title: str) -> bool:
    """Say whether the AE at `host`:`port` answers a C-ECHO."""
    try:
        verify(Call(host, port, calling_ae_title, called_ae_title, TIMEOUT_SECONDS))
    except GatewayError:
        return False
    return True


def verify(call: Call) -> Answer:
    """Send a C-ECHO; return the peer's success. Raises NoAssociation or PeerFailed."""
    with association(call, [service_context(VERIFICATION)]) as open_association:
        began = time.monotonic()
        found = open_association.send_c_echo()
        took = (time.monotonic() - began) * 1000
        answer = answered(call, "C-ECHO", found, VERIFICATION_SERVICE_CLASS_STATUS)
        implementation = str(open_association.acceptor.implementation_class_uid or "")
    return Answer(answer.code, answer.words, round(took, 1), implementation)


def service_context(sop_class_uid: str) -> PresentationContext:
    """Return the presentation context of a service whose data sets are never compressed."""
    return build_context(sop_class_uid, [EXPLICIT_LITTLE, IMPLICIT_LITTLE])


def answered(call: Call, request: str, status: Dataset, statuses: Statuses) -> Answer:
    """Return a status of the peer in words; raises PeerFailed for a failure and when there was no answer."""
    answer = any_answer(call, request, status, statuses)
    if not answer.ok:
        raise PeerFailed(f"{call} answered {request} with {answer.words}")
    return answer


def any_answer(call: Call, request: str, status: Dataset, statuses: Statuses) -> Answer:
    """Return whatever status the peer gave; raises PeerFailed when there was no answer."""
    if "Status" not in status:
        raise PeerFailed(
            f"no answer to {request}: {call} ended the association, sent what is no answer, "
            f"or took more than {call.seconds:g} s"
        )
    answer = Answer(int(status.Status), status_in_words(status, statuses))
    call.say(f"{request}: {answer.words}")
    return answer


@contextmanager
def association(
    call: Call, contexts: Sequence[PresentationContext], roles: Sequence[Any] = (), handlers: Handlers = ()
) -> Iterator[Association]:
    """Open an association with at least one accepted context, and release it at the end (abort it after a failure of
    ours). Raises NoAssociation, or PeerFailed when the peer accepts none of the contexts."""
    found = _open(call, contexts, roles, handlers)
    try:
        yield found
    except BaseException as error:
        if found.is_established:
            found.release() if isinstance(error, GatewayError) else found.abort()
        raise
    if found.is_established:
        call.say("releasing the association")
        found.release()


@dataclass(slots=True)
class _Witness:
    """What was seen of a request for an association, beyond what pynetdicom keeps of it."""

    connected: bool = False
    abort: tuple[int, int] | None = None  # source, reason
    rejection: Any = None  # the primitive; pynetdicom takes one that comes at once for a lost connection
    handlers: list[tuple[Any, Callable[..., Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.handlers = [(evt.EVT_CONN_OPEN, self._see_connection), (evt.EVT_PDU_RECV, self._see_pdu)]

    def _see_connection(self, event: Any) -> None:
        self.connected = True

    def _see_pdu(self, event: Any) -> None:
        if type(event.pdu).__name__ == "A_ABORT_RQ":
            self.abort = event.pdu.source, event.pdu.reason_diagnostic
        elif type(event.pdu).__name__ == "A_ASSOCIATE_RJ":
            self.rejection = event.pdu.to_primitive()


def _open(call: Call, contexts: Sequence[PresentationContext], roles: Sequence[Any], handlers: Handlers) -> Association:
    call.say(f"calling {call} as {call.calling_ae_title}")
    ae = AE(call.calling_ae_title)
    ae.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.acse_timeout = ae.dimse_timeout = ae.connection_timeout = call.seconds
    ae.network_timeout = None  # how long to wait is decided request by request
    witness = _Witness()
    for address in _addresses(call):
        found = ae.associate(
            address,
            call.port,
            contexts=list(contexts),
            ae_title=call.called_ae_title,
            max_pdu=MAX_PDU_BYTES,
            ext_neg=list(roles),
            evt_handlers=[*witness.handlers, *handlers],
        )
        if witness.connected:
            break
    if not found.is_established:
        raise _refused(call, found, witness)
    _say_accepted(call, found)
    return found


def _addresses(call: Call) -> list[str]:
    try:
        found = socket.getaddrinfo(call.host, call.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoAssociation(f"no such host: {printable(call.host)} has no address") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _refused(call: Call, found: Association, witness: _Witness) -> GatewayError:
    """Return why there is no association."""
    if not witness.connected:
        return NoAssociation(f"no connection to {call.host}:{call.port}: {_why_no_connection(call)}")
    if witness.rejection is not None:
        return NoAssociation(f"{call} rejected the association: {rejection_reason(witness.rejection)}")
    if found.rejected_contexts and not found.accepted_contexts:
        refused = "; ".join(dict.fromkeys(map(_context_in_words, found.rejected_contexts)))
        return PeerFailed(f"{call} took the association, but nothing that was asked for: {refused}")
    if witness.abort is not None:
        return NoAssociation(f"{call} aborted the association: {abort_reason(*witness.abort)}")
    return NoAssociation(
        f"{call} did not answer the request for an association within {call.seconds:g} s, or closed the connection: "
        "is it a DICOM port, and one without TLS?"
    )


def _why_no_connection(call: Call) -> str:
    """Connect once more, because pynetdicom keeps no reason."""
    try:
        socket.create_connection((call.host, call.port), timeout=call.seconds).close()
    except TimeoutError:
        return f"no answer within {call.seconds:g} s; is it switched on, is the address right, does a firewall stop it?"
    except ConnectionRefusedError:
        return "connection refused: nothing listens on that port, or a firewall refuses it"
    except OSError as error:
        return error.strerror or str(error)
    return "the first try failed, another one did not; try again"


def _context_in_words(context: PresentationContext) -> str:
    reason = CONTEXT_RESULTS.get(context.result or 0, "not accepted")
    return f"{UID(context.abstract_syntax or '').name} ({reason})"


def _say_accepted(call: Call, found: Association) -> None:
    acceptor = found.acceptor
    implementation = printable(str(acceptor.implementation_version_name or acceptor.implementation_class_uid or "?"))
    call.say(f"association accepted (software {implementation}), PDUs up to {acceptor.maximum_length} bytes")
    for context in found.accepted_contexts:
        call.say(f"accepted: {UID(context.abstract_syntax or '').name} in {context.transfer_syntax[0].name}")
    for context in found.rejected_contexts:
        call.say(f"not accepted: {_context_in_words(context)}")
