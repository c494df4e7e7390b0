"""Storage: C-STORE (PS3.4 B). Success means that the object survives a kill and a power cut.

The data set is kept as received, never decoded and encoded again, and written while it comes. The order: check, fsync
the file, rename, fsync the folder, commit the row, answer. When in doubt the image is kept and marked; what cannot be
kept as what it claims to be is refused, with a bounded copy in quarantine and an alarm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom.presentation import PresentationContext

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
from dicom_gateway.study.encoding import Source
from dicom_gateway.study.metadata import read_header
from dicom_gateway.study.scan import scan
from dicom_gateway.upperlayer.commands import C_STORE_RQ, Command

log = structlog.get_logger()

SMALL_BYTES = 256 << 10  # of an object that is looked at in memory; a larger one is looked at in its file


@dataclass(frozen=True, slots=True)
class _Request:
    """What the command and the presentation context of a C-STORE say."""

    sop_class_uid: str
    sop_instance_uid: str
    abstract_syntax: str
    transfer_syntax_uid: str


class StoreService:
    """Receives objects. `count(ae_title, outcome, bytes)` is told of each."""

    def __init__(self, objects: ObjectStore, studies: StudyStore, count: Callable[[str, str, int], None]) -> None:
        self.objects = objects
        self.studies = studies
        self.count = count

    def receive_object(self, association: Any, context: PresentationContext, request: Command) -> "ReceivingObject":
        """Begin to receive the object of a request."""
        said = _Request(
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            abstract_syntax=str(context.abstract_syntax),
            transfer_syntax_uid=str(context.transfer_syntax[0]),
        )
        return ReceivingObject(self, said, peer_of(association))

    def handle_store(self, event: Any) -> Dataset | int:
        """Keep one object that pynetdicom has received; return its status."""
        uids = (event.request.AffectedSOPClassUID or "", event.request.AffectedSOPInstanceUID or "")
        request = Command(C_STORE_RQ, event.request.MessageID, None, str(uids[0]), str(uids[1]), True)
        receiving = self.receive_object(event.assoc, event.assoc._accepted_cx[event.context.context_id], request)
        if event.request.DataSet:
            receiving.write(event.request.DataSet.getbuffer())
        return receiving.finish()


class ReceivingObject:
    """One object while it comes. What goes wrong is kept until the end, when the device is told."""

    def __init__(self, service: StoreService, request: _Request, peer: Peer) -> None:
        self._service = service
        self._request = request
        self._peer = peer
        self._length = 0
        self._small = bytearray()
        self._error: Exception | None = None
        self._spool: SpoolFile | None = None
        try:
            check_request(request)
        except RefusedObject as error:
            self._error = error
        try:
            self._spool = service.objects.open()
            self._spool.write_head(
                file_head(request.sop_class_uid, request.sop_instance_uid, request.transfer_syntax_uid, peer.ae_title)
            )
        except Exception as error:
            self._give_up(error)

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the data set."""
        self._length += len(data)
        if self._length <= SMALL_BYTES:
            self._small += data
        if self._spool is None or (self._error and self._length > QUARANTINE_COPY_BYTES):
            return
        try:
            self._spool.write(data)
        except Exception as error:
            self._give_up(error)

    def finish(self) -> Dataset | int:
        """Keep the object; return its status."""
        try:
            outcome = self._kept()
        except RefusedObject as error:
            self._quarantine(error)
            return self._failed(error, "refused")
        except Exception as error:
            self.discard()
            return self._failed(error, "failed")
        self._service.count(self._peer.ae_title, outcome.value, self._length)
        log.info("object received", reference=self._peer.reference, ae_title=self._peer.ae_title, outcome=outcome.value)
        return SUCCESS

    def discard(self) -> None:
        """Forget the object."""
        if self._spool is not None:
            self._spool.discard()
            self._spool = None

    def _give_up(self, error: Exception) -> None:
        self._error = self._error or error
        self.discard()

    def _failed(self, error: Exception, outcome: str) -> Dataset:
        self._service.count(self._peer.ae_title, outcome, self._length)
        return of_store_or_find(error, self._peer.reference)

    def _kept(self) -> Received:
        if self._error is not None:
            raise self._error
        spool = self._spool
        assert spool is not None
        if self._length <= SMALL_BYTES:
            header = check_object(self._request, self._small)
        else:
            with spool.data() as data:
                header = check_object(self._request, data)
        return self._keep(header, spool)

    def _keep(self, header: InstanceHeader, spool: SpoolFile) -> Received:
        """Make the file and then its row durable, unless these bytes are known and safe."""
        objects, studies, peer = self._service.objects, self._service.studies, self._peer
        known = studies.find_same(header.sop_instance_uid, self._request.transfer_syntax_uid, spool.sha256())
        if known and objects.exists(known.stored):
            self.discard()
            return Received.SAME
        stored = spool.commit(self._request.transfer_syntax_uid)
        try:
            if known:
                studies.restore(known, stored)
                return Received.SAME
            outcome = studies.receive(header, stored, peer.ae_title, peer.address)
        except BaseException:
            objects.remove(stored)
            raise
        if outcome is Received.SAME:
            objects.remove(stored)
        return outcome

    def _quarantine(self, error: RefusedObject) -> None:
        """Keep a bounded copy of a refused object; that it cannot be kept changes nothing for the device."""
        objects, peer = self._service.objects, self._peer
        try:
            if self._spool is None:
                return
            stored = self._spool.quarantine(self._request.transfer_syntax_uid)
            refused = Quarantined(
                calling_ae_title=peer.ae_title,
                address=peer.address,
                sop_class_uid=printable(self._request.sop_class_uid, 64),
                sop_instance_uid=printable(self._request.sop_instance_uid, 64),
                dimse_status=error.c_status,
                reason=str(error),
                object_name=stored.name,
                data_length=self._length,
            )
            try:
                self._service.studies.quarantine(refused)
            except BaseException:
                objects.remove(stored)  # without its row nobody would know or remove it
                raise
        except GatewayError as failure:
            log.warning("refused object not kept", reference=peer.reference, error=type(failure).__name__)


def check_request(request: _Request) -> None:
    """Raise RefusedObject, with its status, for a request whose object may not be kept whatever it is."""
    if request.sop_class_uid != request.abstract_syntax or request.abstract_syntax in SERVICES:
        raise RefusedObject("SOP class is not that of the presentation context", SOP_CLASS_NOT_SUPPORTED)
    if not is_uid(request.sop_instance_uid):
        raise RefusedObject("SOP instance UID is empty, too long or no UID", INVALID_SOP_INSTANCE)


def check_object(request: _Request, data: Source) -> InstanceHeader:
    """Return the header of an object that may be kept; raises RefusedObject with the status for one that may not."""
    found = scan(data, request.transfer_syntax_uid)
    header = read_header(data, request.transfer_syntax_uid, found.pixel_offset)
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
