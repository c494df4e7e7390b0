"""Reporting as a device does: N-CREATE and N-SET of a performed procedure step (PS3.4 F.7.2), and what they say.

The attributes begin as a device's would: copied from the worklist item, or empty for an examination without one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pynetdicom.status import PROCEDURE_STEP_STATUS

from dicom_gateway.dicom.contexts import MPPS
from dicom_gateway.dicom.scu import Answer, Call, answered, association, service_context
from dicom_gateway.dicom.worklist import with_character_set
from dicom_gateway.errors import InvalidValue

_OF_THE_PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
_OF_THE_PROCEDURE = (
    "StudyInstanceUID",
    "AccessionNumber",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
)
_OF_THE_STEP = ("ScheduledProcedureStepID", "ScheduledProcedureStepDescription", "ScheduledProtocolCodeSequence")
# Type 2 of an N-CREATE (Table F.7.2-1): there, and empty when nothing is known.
_EMPTY = (
    "ReferencedPatientSequence",
    "PerformedStationName",
    "PerformedLocation",
    "PerformedProcedureTypeDescription",
    "PerformedProcedureStepEndDate",
    "PerformedProcedureStepEndTime",
    "StudyID",
)


@dataclass(frozen=True, slots=True)
class Image:
    """An object that a performed step made."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str = ""


def creation(item: Dataset, station_ae_title: str, now: datetime, modality: str = "OT") -> Dataset:
    """Return the attributes of an N-CREATE for a worklist item (an empty one: StudyInstanceUID alone is needed);
    `now` is local, `modality` what an item without one is."""
    step = (item.get("ScheduledProcedureStepSequence") or [Dataset()])[0]
    made = Dataset()
    _copy(item, made, _OF_THE_PATIENT)
    made.ScheduledStepAttributesSequence = [_reference(item, step)]
    made.PerformedProcedureStepStatus = "IN PROGRESS"
    made.PerformedProcedureStepID = f"{now:%y%m%d%H%M%S}"
    made.PerformedStationAETitle = station_ae_title
    made.PerformedProcedureStepStartDate = f"{now:%Y%m%d}"
    made.PerformedProcedureStepStartTime = f"{now:%H%M%S}"
    made.Modality = step.get("Modality") or modality
    made.PerformedProcedureStepDescription = step.get("ScheduledProcedureStepDescription", "")
    made.ProcedureCodeSequence = item.get("RequestedProcedureCodeSequence", [])
    made.PerformedProtocolCodeSequence = step.get("ScheduledProtocolCodeSequence", [])
    made.PerformedSeriesSequence = []
    for keyword in _EMPTY:
        setattr(made, keyword, [] if keyword.endswith("Sequence") else "")
    return made


def _reference(item: Dataset, step: Dataset) -> Dataset:
    reference = Dataset()
    _copy(item, reference, _OF_THE_PROCEDURE)
    _copy(step, reference, _OF_THE_STEP)
    reference.ReferencedStudySequence = []
    return reference


def _copy(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        setattr(target, keyword, source.get(keyword, [] if keyword.endswith("Sequence") else ""))


def ending(
    status: str, now: datetime, images: Sequence[Image], new_series_uid: str, reason: Code | None = None
) -> Dataset:
    """Return the attributes of a final N-SET (`status` COMPLETED or DISCONTINUED). Images without a series, or a step
    without images, get the series `new_series_uid`: a final step names one at least."""
    made = Dataset()
    made.PerformedProcedureStepStatus = status
    made.PerformedProcedureStepEndDate = f"{now:%Y%m%d}"
    made.PerformedProcedureStepEndTime = f"{now:%H%M%S}"
    by_series: dict[str, list[Image]] = {} if images else {new_series_uid: []}
    for image in images:
        by_series.setdefault(image.series_instance_uid or new_series_uid, []).append(image)
    made.PerformedSeriesSequence = [_series(uid, members) for uid, members in by_series.items()]
    if reason is not None:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = reason.value, reason.scheme_designator
        item.CodeMeaning = reason.meaning
        made.PerformedProcedureStepDiscontinuationReasonCodeSequence = [item]
    return made


def _series(uid: str, images: Iterable[Image]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid
    series.ProtocolName = "unspecified"
    for keyword in ("PerformingPhysicianName", "OperatorsName", "SeriesDescription", "RetrieveAETitle"):
        setattr(series, keyword, "")
    series.ReferencedImageSequence = [_image(image) for image in images]
    series.ReferencedNonImageCompositeSOPInstanceSequence = []
    return series


def _image(image: Image) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.sop_class_uid, image.sop_instance_uid
    return item


def reasons() -> Mapping[str, Code]:
    """Return why a step may be discontinued, by code value (CID 9300, with those of modalities, CID 9301)."""
    found = (getattr(codes.cid9300, name) for name in codes.cid9300.dir())
    return {code.value: code for code in found}


def reason_of(value: str) -> Code:
    """Return the reason of a code value; raises InvalidValue that lists those of modalities."""
    code = reasons().get(value)
    if code is None:
        usual = (getattr(codes.cid9301, name) for name in codes.cid9301.dir())
        listed = "\n".join(f"  {code.value}  {code.meaning}" for code in usual)
        raise InvalidValue(f"{value} is no code of CID 9300; for example\n{listed}")
    return code


def create_step(call: Call, uid: str, attributes: Dataset) -> Answer:
    """Send an N-CREATE. Raises NoAssociation or PeerFailed."""
    with association(call, [service_context(MPPS)]) as opened:
        status, _ = opened.send_n_create(_with_text(attributes), MPPS, uid)
        return answered(call, "N-CREATE", status, PROCEDURE_STEP_STATUS)


def set_step(call: Call, uid: str, attributes: Dataset) -> Answer:
    """Send an N-SET. Raises NoAssociation or PeerFailed."""
    with association(call, [service_context(MPPS)]) as opened:
        status, _ = opened.send_n_set(_with_text(attributes), MPPS, uid)
        return answered(call, "N-SET", status, PROCEDURE_STEP_STATUS)


def _with_text(attributes: Dataset) -> Dataset:
    return attributes if "SpecificCharacterSet" in attributes else with_character_set(attributes)
