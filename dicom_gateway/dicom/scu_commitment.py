"""Asking an archive to answer for images: Storage Commitment Push Model (PS3.4 J.3).

The N-ACTION names the instances; the archive reports by N-EVENT-REPORT, on the same association, or on one of its own
to our listener, where it proposes the role of SCP by role selection.
"""

import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.status import STORAGE_COMMITMENT_SERVICE_CLASS_STATUS

from dicom_gateway.dicom.contexts import VERIFICATION
from dicom_gateway.dicom.scu import Call, PeerFailed, answered, association, service_context
from dicom_gateway.dicom.status import PROCESSING_FAILURE, SUCCESS
from dicom_gateway.errors import SettingsError

COMMITMENT: Final = "1.2.840.10008.1.20.1"
WELL_KNOWN_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
REQUEST: Final = 1  # action type
POLL_SECONDS: Final = 0.1
# FailureReason, PS3.3 C.14.1.1
FAILURES: Final = {
    0x0110: "processing failure",
    0x0112: "no such object: the archive does not have it",
    0x0119: "it has this instance with another SOP class",
    0x0122: "the SOP class is not supported",
    0x0131: "the transaction UID was used before",
    0x0213: "the archive has no room now",
}


@dataclass(frozen=True, slots=True)
class Commitment:
    """What the archive says of one instance; `reason` in words when it does not answer for it."""

    sop_class_uid: str
    sop_instance_uid: str
    committed: bool
    reason: str = ""


class _Reports:
    """Takes the N-EVENT-REPORT of one transaction, from whichever association it comes on."""

    def __init__(self, transaction_uid: str) -> None:
        self._transaction_uid = transaction_uid
        self._arrived: queue.SimpleQueue[Dataset] = queue.SimpleQueue()
        self.handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, self._handle)]

    def _handle(self, event: Any) -> tuple[int, None]:
        information = event.event_information
        if str(information.get("TransactionUID", "")).strip() != self._transaction_uid:
            return PROCESSING_FAILURE, None  # of another request
        self._arrived.put(information)
        return SUCCESS, None

    def wait(self, seconds: float) -> Dataset | None:
        try:
            return self._arrived.get(timeout=seconds)
        except queue.Empty:
            return None


def request_commitment(
    call: Call,
    instances: Sequence[tuple[str, str]],
    transaction_uid: str,
    wait_seconds: float,
    listen_port: int | None = None,
) -> list[Commitment]:
    """Return what the archive says of each (SOP class, SOP instance), each named once.

    `listen_port`: where an archive that reports on an association of its own finds us. Raises NoAssociation, PeerFailed
    (also when no report came within `wait_seconds`), SettingsError when the port cannot be taken.
    """
    named = list(dict.fromkeys(instances))
    reports = _Reports(transaction_uid)
    with _listener(call, listen_port, reports):
        ends_at = time.monotonic() + wait_seconds
        report = _ask(call, named, transaction_uid, reports, ends_at)
        if report is None and listen_port is not None:
            call.say(f"waiting for a report on port {listen_port}")
            report = reports.wait(max(0.0, ends_at - time.monotonic()))
    if report is None:
        hint = "" if listen_port is not None else "; many archives report on an association of their own: use --listen"
        raise PeerFailed(f"no report from {call} within {wait_seconds:g} s{hint}")
    return _outcomes(named, report)


def _ask(
    call: Call, named: Sequence[tuple[str, str]], transaction_uid: str, reports: _Reports, ends_at: float
) -> Dataset | None:
    """Send the request; return the report that came while the association was open, None when it ended before."""
    with association(call, [service_context(COMMITMENT)], handlers=reports.handlers) as opened:
        status, _ = opened.send_n_action(_request(named, transaction_uid), REQUEST, COMMITMENT, WELL_KNOWN_INSTANCE)
        answered(call, "N-ACTION", status, STORAGE_COMMITMENT_SERVICE_CLASS_STATUS)
        call.say("waiting for the report")
        report = None
        while report is None and opened.is_established and time.monotonic() < ends_at:
            report = reports.wait(POLL_SECONDS)
        return report if report is not None else reports.wait(0.0)


def _request(named: Sequence[tuple[str, str]], transaction_uid: str) -> Dataset:
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [_reference(*instance) for instance in named]
    return request


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    return item


@contextmanager
def _listener(call: Call, port: int | None, reports: _Reports) -> Iterator[None]:
    """Listen for reports, when a port is given."""
    if port is None:
        yield
        return
    ae = AE(call.calling_ae_title)
    ae.network_timeout = None
    ae.add_supported_context(VERIFICATION)
    ae.add_supported_context(COMMITMENT, scu_role=True, scp_role=True)
    try:
        server = ae.start_server(("", port), block=False, evt_handlers=reports.handlers)
    except OSError as error:
        raise SettingsError(f"--listen {port}: {error.strerror or error}; choose another port") from error
    try:
        yield
    finally:
        if server is not None:
            server.shutdown()


def _outcomes(named: Sequence[tuple[str, str]], report: Dataset) -> list[Commitment]:
    committed = {str(item.get("ReferencedSOPInstanceUID", "")) for item in report.get("ReferencedSOPSequence") or ()}
    failed = {
        str(item.get("ReferencedSOPInstanceUID", "")): _failure(item) for item in report.get("FailedSOPSequence") or ()
    }
    return [
        Commitment(
            sop_class_uid, uid, uid in committed and uid not in failed, failed.get(uid, "") or _unnamed(uid, committed)
        )
        for sop_class_uid, uid in named
    ]


def _unnamed(uid: str, committed: set[str]) -> str:
    return "" if uid in committed else "the report does not mention it"


def _failure(item: Dataset) -> str:
    code = item.get("FailureReason")
    if not isinstance(code, int):
        return "no reason given"
    return f"0x{code:04X} {FAILURES.get(code, 'unknown reason')}"
