"""Storage: C-STORE (PS3.4 B). Success means that the object survives a kill and a power cut.

The data set is kept as received, never decoded and encoded again. The order: check, fsync the file, rename, fsync the
folder, commit the row, answer. When in doubt the image is kept and marked; what cannot be kept as what it claims to
be is refused, with a bounded copy in quarantine and an alarm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from pydicom import Dataset

from dicom_gateway.core.identifiers import has_leading_zero, is_uid, printable
from dicom_gateway.core.model import InstanceHeader
from dicom_gateway.dicom.contexts import SERVICES
from dicom_gateway.dicom.file_meta import file_head
from dicom_gateway.dicom.peer import Peer, peer_of
from dicom_gateway.dicom.status import (
    DATA_SET_MISMATCH,
    INVALID_SOP_INSTANCE,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    of_store_or_find,
)
from dicom_gateway.errors import GatewayError, RefusedObject
from dicom_gateway.storage.objects import QUARANTINE_COPY_BYTES, ObjectStore, SpoolFile
from dicom_gateway.storage.studies import Quarantined, Received, StudyStore
from dicom_gateway.study.metadata import read_header
from dicom_gateway.study.scan import scan

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Request:
    """A C-STORE request: what its command and its presentation context say, and its data set."""

    sop_class_uid: str
    sop_instance_uid: str
    abstract_syntax: str
    transfer_syntax_uid: str
    data: memoryview


class StoreService:
    """Receives objects. `count(ae_title, outcome, bytes)` is told of each."""

    def __init__(self, objects: ObjectStore, studies: StudyStore, count: Callable[[str, str, int], None]) -> None:
        self._objects = objects
        self._studies = studies
        self._count = count

    def handle_store(self, event: Any) -> Dataset | int:
        """Keep one object; return its status."""
        peer = peer_of(event.assoc)
        request = _Request(
            sop_class_uid=str(event.request.AffectedSOPClassUID or ""),
            sop_instance_uid=str(event.request.AffectedSOPInstanceUID or ""),
            abstract_syntax=str(event.context.abstract_syntax),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            data=event.request.DataSet.getbuffer() if event.request.DataSet else memoryview(b""),
        )
        try:
            outcome = self._receive_or_quarantine(request, peer)
        except RefusedObject as error:
            return self._failed(request, peer, error, "refused")
        except Exception as error:
            return self._failed(request, peer, error, "failed")
        self._count(peer.ae_title, outcome.value, len(request.data))
        log.info("object received", reference=peer.reference, ae_title=peer.ae_title, outcome=outcome.value)
        return SUCCESS

    def _receive_or_quarantine(self, request: _Request, peer: Peer) -> Received:
        try:
            return self._receive(request, peer)
        except RefusedObject as error:
            self._quarantine(request, peer, error)
            raise

    def _failed(self, request: _Request, peer: Peer, error: Exception, outcome: str) -> Dataset:
        self._count(peer.ae_title, outcome, len(request.data))
        return of_store_or_find(error, peer.reference)

    def _receive(self, request: _Request, peer: Peer) -> Received:
        header = check(request)
        spool = self._objects.open(len(request.data))
        try:
            spool.write_head(
                file_head(request.sop_class_uid, request.sop_instance_uid, request.transfer_syntax_uid, peer.ae_title)
            )
            spool.write(request.data)
            return self._keep(request, header, spool, peer)
        except BaseException:
            spool.discard()
            raise

    def _keep(self, request: _Request, header: InstanceHeader, spool: SpoolFile, peer: Peer) -> Received:
        """Make the file and then its row durable, unless these bytes are known and safe."""
        known = self._studies.find_same(header.sop_instance_uid, request.transfer_syntax_uid, spool.sha256())
        if known and self._objects.exists(known.stored):
            spool.discard()
            return Received.SAME
        stored = spool.commit(request.transfer_syntax_uid)
        try:
            if known:
                self._studies.restore(known, stored)
                return Received.SAME
            outcome = self._studies.receive(header, stored, peer.ae_title, peer.address)
        except BaseException:
            self._objects.remove(stored)
            raise
        if outcome is Received.SAME:
            self._objects.remove(stored)
        return outcome

    def _quarantine(self, request: _Request, peer: Peer, error: RefusedObject) -> None:
        """Keep a bounded copy of a refused object; that it cannot be kept changes nothing for the device."""
        try:
            spool = self._objects.open(min(len(request.data), QUARANTINE_COPY_BYTES))
            spool.write(request.data[:QUARANTINE_COPY_BYTES])
            stored = spool.commit(request.transfer_syntax_uid, "quarantine")
            refused = Quarantined(
                calling_ae_title=peer.ae_title,
                address=peer.address,
                sop_class_uid=printable(request.sop_class_uid, 64),
                sop_instance_uid=printable(request.sop_instance_uid, 64),
                dimse_status=error.c_status,
                reason=str(error),
                object_name=stored.name,
                data_length=len(request.data),
            )
            try:
                self._studies.quarantine(refused)
            except BaseException:
                self._objects.remove(stored)  # without its row nobody would know or remove it
                raise
        except GatewayError as failure:
            log.warning("refused object not kept", reference=peer.reference, error=type(failure).__name__)


def check(request: _Request) -> InstanceHeader:
    """Return the header of a request that may be kept; raises RefusedObject with the status for one that may not."""
    if request.sop_class_uid != request.abstract_syntax or request.abstract_syntax in SERVICES:
        raise RefusedObject("SOP class is not that of the presentation context", SOP_CLASS_NOT_SUPPORTED)
    if not is_uid(request.sop_instance_uid):
        raise RefusedObject("SOP instance UID is empty, too long or no UID", INVALID_SOP_INSTANCE)
    found = scan(request.data, request.transfer_syntax_uid)
    header = read_header(request.data, request.transfer_syntax_uid, found.pixel_offset)
    if header.sop_class_uid != request.sop_class_uid:
        raise RefusedObject("SOP class of command and data set differ", DATA_SET_MISMATCH)
    if header.sop_instance_uid != request.sop_instance_uid:
        raise RefusedObject("SOP instance UID of command and data set differ", DATA_SET_MISMATCH)
    if not is_uid(header.study_instance_uid):
        raise RefusedObject("no study instance UID", DATA_SET_MISMATCH)
    flags = [*found.flags, *header.flags]
    if has_leading_zero(header.sop_instance_uid):
        flags.append("leading_zero_uid")
    if not is_uid(header.series_instance_uid):
        flags.append("no_series_uid")
    return header.evolve(flags=tuple(dict.fromkeys(flags)))
