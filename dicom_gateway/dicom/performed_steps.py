"""Modality Performed Procedure Step: N-CREATE and N-SET, and N-GET on its own SOP class (PS3.4 F.7, F.8).

Success means that the report survives a kill and a power cut, and that every scheduled step it names has moved.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import structlog
from pydicom import Dataset

from dicom_gateway.core.identifiers import is_uid, mint_uid
from dicom_gateway.core.performed import create, dataset_of, update
from dicom_gateway.core.ports import Clock
from dicom_gateway.dicom.contexts import MPPS, MPPS_RETRIEVE
from dicom_gateway.dicom.identifier import read_data_set
from dicom_gateway.dicom.peer import peer_of
from dicom_gateway.dicom.status import (
    INVALID_SOP_INSTANCE,
    NO_SUCH_SOP_CLASS,
    REQUESTED_ATTRIBUTES_NOT_SUPPORTED,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    of_normalized,
    status,
)
from dicom_gateway.storage.performed_steps import PerformedStepStore

log = structlog.get_logger()

Answer = tuple[Dataset | int, Dataset | None]

MAX_ELEMENTS = 100_000  # a report names each image: three elements of an item


class PerformedStepService:
    """Receives what devices report of their performed steps."""

    def __init__(
        self, performed_steps: PerformedStepStore, clock: Clock, random_bits: Callable[[int], int],
        count: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._performed_steps = performed_steps
        self._clock = clock
        self._random_bits = random_bits
        self._count = count

    def handle_create(self, event: Any) -> Answer:
        """Keep a new performed step."""
        peer = peer_of(event.assoc)
        given = str(event.request.AffectedSOPInstanceUID or "")
        uid = given or mint_uid(self._random_bits)
        refusal = _refusal(event, event.request.AffectedSOPClassUID, MPPS, uid)
        if refusal is not None:
            return refusal, None
        try:
            attributes = _whole(event, event.request.AttributeList)
            performed = create(uid, attributes, peer.ae_title, self._clock())
            self._performed_steps.create(performed, peer.address)
        except Exception as error:
            return self._failed(error, peer.ae_title, peer.reference, "N-CREATE")
        self._count(peer.ae_title, performed.status.value)
        log.info("performed step created", reference=peer.reference, ae_title=peer.ae_title, uid=uid)
        answer = Dataset()
        if not given:
            answer.AffectedSOPInstanceUID = uid  # pynetdicom moves it into the response's command set
        return SUCCESS, answer

    def handle_set(self, event: Any) -> Answer:
        """Update a performed step; end it when the status says so."""
        peer = peer_of(event.assoc)
        uid = str(event.request.RequestedSOPInstanceUID or "")
        refusal = _refusal(event, event.request.RequestedSOPClassUID, MPPS, uid)
        if refusal is not None:
            return refusal, None
        try:
            changes = _whole(event, event.request.ModificationList)
            now = self._clock()
            performed = self._performed_steps.update(uid, lambda stored: update(stored, changes, now), peer.actor)
        except Exception as error:
            return self._failed(error, peer.ae_title, peer.reference, "N-SET")
        self._count(peer.ae_title, performed.status.value)
        log.info(
            "performed step updated",
            reference=peer.reference,
            ae_title=peer.ae_title,
            uid=uid,
            status=performed.status.value,
        )
        return SUCCESS, None

    def handle_get(self, event: Any) -> Answer:
        """Return what is stored of a performed step."""
        peer = peer_of(event.assoc)
        uid = str(event.request.RequestedSOPInstanceUID or "")
        refusal = _refusal(event, event.request.RequestedSOPClassUID, MPPS_RETRIEVE, uid, MPPS)
        if refusal is not None:
            return refusal, None
        try:
            stored = dataset_of(self._performed_steps.get(uid))
        except Exception as error:
            return self._failed(error, peer.ae_title, peer.reference, "N-GET")
        wanted = event.request.AttributeIdentifierList or []
        wanted = [wanted] if isinstance(wanted, int) else list(wanted)
        answer = Dataset()
        for tag in wanted or stored.keys():
            if tag in stored:
                answer.add(stored[tag])
        answer.SpecificCharacterSet = "ISO_IR 192"
        missing = [tag for tag in wanted if tag not in stored and tag != 0x00080005]
        return (REQUESTED_ATTRIBUTES_NOT_SUPPORTED if missing else SUCCESS), answer

    def _failed(self, error: Exception, ae_title: str, reference: str, operation: str) -> Answer:
        self._count(ae_title, f"{operation} refused")
        return of_normalized(error, reference), None


def _refusal(event: Any, sop_class_uid: Any, service: str, uid: str, *named: str) -> Dataset | None:
    """Return the status of an operation that its presentation context or its command does not allow."""
    if str(event.context.abstract_syntax) != service:
        return status(UNRECOGNIZED_OPERATION, "not an operation of this presentation context")
    if str(sop_class_uid or "") not in (service, *named):
        return status(NO_SUCH_SOP_CLASS, "SOP class is not that of the presentation context")
    if not is_uid(uid):
        return status(INVALID_SOP_INSTANCE, "SOP instance UID is empty, too long or no UID")
    return None


def _whole(event: Any, data: BytesIO | None) -> Dataset:
    """Return the data set of a request; raises RefusedObject when it cannot be parsed."""
    return Dataset() if data is None else read_data_set(data, event.context.transfer_syntax, MAX_ELEMENTS)
