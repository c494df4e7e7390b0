"""What the conformance statement says beyond the code's own tables; the codes and limits come from the code.

PS3.7 Annex C and PS3.4 B.2.3, F.7.2, K.4.1.1.4 (statuses), IHE RAD scheduled workflow (how values travel). Who adds a
status to the gateway adds its row here: tests/test_statement.py compares with dicom/status.py and the exceptions.
"""

from typing import NamedTuple

from dicom_gateway.core.performed_refusals import (
    DuplicateInstance,
    MissingAttribute,
    MissingAttributeValue,
    NoLongerUpdatable,
)
from dicom_gateway.dicom import status
from dicom_gateway.errors import InvalidValue, NotFound, Unavailable


class Status(NamedTuple):
    """A status that the gateway answers with."""

    service: str
    code: int
    meaning: str
    when: str


MEANINGS = {
    status.SUCCESS: "Success",
    status.PENDING: "Pending",
    status.PENDING_WARNING: "Pending, warning",
    status.CANCEL: "Cancel",
    status.OUT_OF_RESOURCES: "Out of resources",
    status.DATA_SET_MISMATCH: "Data set does not match SOP class",
    status.CANNOT_UNDERSTAND: "Cannot understand, unable to process",
    status.REQUESTED_ATTRIBUTES_NOT_SUPPORTED: "Warning: requested optional attributes are not supported",
    status.INVALID_SOP_INSTANCE: "Invalid SOP instance",
    status.NO_SUCH_SOP_CLASS: "No such SOP class",
    status.SOP_CLASS_NOT_SUPPORTED: "SOP class not supported",
    status.NOT_AUTHORISED: "Refused: not authorised",
    status.PROCESSING_FAILURE: "Processing failure",
    status.UNRECOGNIZED_OPERATION: "Unrecognized operation",
    InvalidValue.n_status: "Invalid attribute value",
    NotFound.n_status: "No such SOP instance",
    Unavailable.n_status: "Resource limitation",
    DuplicateInstance.n_status: "Duplicate SOP instance",
    MissingAttribute.n_status: "Missing attribute",
    MissingAttributeValue.n_status: "Missing attribute value",
}


def _of(service: str, *rows: tuple[int, str]) -> tuple[Status, ...]:
    return tuple(Status(service, code, MEANINGS[code], when) for code, when in rows)


_BAD_UID = "the SOP Instance UID has over 64 characters, or others than digits and dots"
_OTHER_CLASS = "the command names another SOP class than the presentation context"
_BUG = "an internal error; the Error Comment has a reference to the log"
_WRONG_OPERATION = "an operation that the presentation context does not have"
_NOT_ALLOWED = "the device may no longer use the service since this association was accepted"
_ENDED = f'Error ID 0x{NoLongerUpdatable.error_id:04X}, Error Comment "{NoLongerUpdatable.__doc__}"'
_DISK = "the disk is below `storage.reserve_mb` or full"
_PERFORMED = (
    (status.INVALID_SOP_INSTANCE, _BAD_UID),
    (status.NO_SUCH_SOP_CLASS, _OTHER_CLASS),
    (Unavailable.n_status, "the database cannot take it now; it may succeed later"),
    (status.PROCESSING_FAILURE, f"the data set cannot be parsed, or {_BUG}"),
    (status.UNRECOGNIZED_OPERATION, _WRONG_OPERATION),
    (status.NOT_AUTHORISED, _NOT_ALLOWED),
)
STATUSES = (
    *_of("C-ECHO", (status.SUCCESS, "always"), (status.UNRECOGNIZED_OPERATION, _WRONG_OPERATION)),
    *_of(
        "C-FIND",
        (status.PENDING, "a match; every key is one of the worklist"),
        (status.PENDING_WARNING, "a match; a key is not one of the worklist and is left out of the answer"),
        (status.SUCCESS, "after the last match, or when nothing matches"),
        (status.CANCEL, "after a C-CANCEL"),
        (status.OUT_OF_RESOURCES, "more matches than `worklist.max_answers` (none is sent), or no database"),
        (status.SOP_CLASS_NOT_SUPPORTED, _OTHER_CLASS),
        (
            status.CANNOT_UNDERSTAND,
            "there is no identifier, or it cannot be parsed; or an answer has text that no character set of the device "
            "carries, and its profile refuses transliteration: the Error Comment names the attribute",
        ),
        (status.PROCESSING_FAILURE, _BUG),
        (status.UNRECOGNIZED_OPERATION, _WRONG_OPERATION),
        (status.NOT_AUTHORISED, _NOT_ALLOWED),
    ),
    *_of(
        "N-CREATE",
        (status.SUCCESS, "the report is kept, and every scheduled step that it means has moved"),
        (InvalidValue.n_status, "a status other than IN PROGRESS, or a StudyInstanceUID that is none"),
        (DuplicateInstance.n_status, "the SOP Instance UID is known, also when the data set is the same"),
        (MissingAttribute.n_status, "no status, no ScheduledStepAttributesSequence, or no StudyInstanceUID in it"),
        (MissingAttributeValue.n_status, "one of these is there and empty"),
        *_PERFORMED,
    ),
    *_of(
        "N-SET",
        (status.SUCCESS, "the change is kept, and at its end every scheduled step that it means has moved"),
        (InvalidValue.n_status, "a status of another text than the three of PS3.4 F.7.2"),
        (NotFound.n_status, "the performed step is not known"),
        (NoLongerUpdatable.n_status, f"the performed step has ended: {_ENDED}"),
        *_PERFORMED,
    ),
    *_of(
        "N-GET",
        (status.SUCCESS, "every attribute that was asked for, or all that are kept"),
        (status.REQUESTED_ATTRIBUTES_NOT_SUPPORTED, "one that was asked for is not kept; the others come"),
        (NotFound.n_status, "the performed step is not known"),
        *_PERFORMED,
    ),
    *_of(
        "C-STORE",
        (status.SUCCESS, "object and index entry survive a kill and a power cut, or were here already"),
        (status.INVALID_SOP_INSTANCE, f"{_BAD_UID}; or there is none"),
        (status.SOP_CLASS_NOT_SUPPORTED, _OTHER_CLASS),
        (status.OUT_OF_RESOURCES, f"{_DISK}, or the database is not available"),
        (status.DATA_SET_MISMATCH, "SOP class or instance UID of command and data set differ, or no StudyInstanceUID"),
        (status.CANNOT_UNDERSTAND, "cut off, nested too deep, too many elements, or not to be parsed"),
        (status.PROCESSING_FAILURE, _BUG),
        (status.NOT_AUTHORISED, f"{_NOT_ALLOWED}; the object is not kept"),
    ),
)

NOT_OFFERED = {
    "1.2.840.10008.1.20.1": "storage commitment: a device that waits for it keeps its images",
    "1.2.840.10008.3.1.2.3.5": "MPPS notification: the PMS is told by webhooks instead",
    "1.2.840.10008.5.1.4.1.2.2.1": "query: images are listed and fetched by the HTTP API",
    "1.2.840.10008.5.1.4.1.2.2.2": "retrieval",
    "1.2.840.10008.5.1.4.1.2.2.3": "retrieval",
    "1.2.840.10008.5.1.4.1.2.1.1": "query",
    "1.2.840.10008.5.1.4.34.6.1": "unified procedure steps",
    "1.2.840.10008.5.1.4.33": "instance availability notification",
    "1.2.840.10008.5.1.1.9": "print",
}
TOOLS = {
    "echo": ("Verification", "C-ECHO"),
    "find": ("Modality Worklist Information Model - FIND", "C-FIND"),
    "store": ("the class and transfer syntax of each file", "C-STORE"),
    "mpps": ("Modality Performed Procedure Step", "N-CREATE, N-SET"),
    "commit": ("Storage Commitment Push Model", "N-ACTION; takes the N-EVENT-REPORT"),
}
_ITEM, _REQUEST = "ScheduledStepAttributesSequence>", "RequestAttributesSequence>"
# Worklist keyword -> (where it comes back in MPPS, in an image, what is done with it).
MAPPING = {
    "PatientID": ("PatientID", "PatientID", "must agree with the order's (an empty one of an MPPS agrees)"),
    "IssuerOfPatientID": ("IssuerOfPatientID", "IssuerOfPatientID", "must agree where both sides have one"),
    "PatientName": ("PatientName", "PatientName", "kept as said; never decides where something belongs"),
    "PatientBirthDate": ("PatientBirthDate", "PatientBirthDate", "kept as said"),
    "PatientSex": ("PatientSex", "PatientSex", "kept as said"),
    "StudyInstanceUID": (f"{_ITEM}StudyInstanceUID", "StudyInstanceUID", "links, after the references below"),
    "AccessionNumber": (f"{_ITEM}AccessionNumber", "AccessionNumber", "links, when nothing before it did"),
    "RequestedProcedureID": (
        f"{_ITEM}RequestedProcedureID",
        f"{_REQUEST}RequestedProcedureID",
        "part of a reference to the step",
    ),
    "ScheduledProcedureStepID": (
        f"{_ITEM}ScheduledProcedureStepID",
        f"{_REQUEST}ScheduledProcedureStepID",
        "links to the step, within its study or with accession number and procedure id",
    ),
    "RequestedProcedureCodeSequence": ("ProcedureCodeSequence", "ProcedureCodeSequence", "kept as said"),
    "ScheduledProtocolCodeSequence": (
        "PerformedProtocolCodeSequence",
        f"{_REQUEST}ScheduledProtocolCodeSequence",
        "kept as said",
    ),
    "Modality": ("Modality", "Modality", "tells steps of one study apart; never refuses a match"),
    "ScheduledStationAETitle": ("PerformedStationAETitle", "-", "kept as said"),
}
