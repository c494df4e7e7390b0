"""Performed procedure steps: what an N-CREATE and an N-SET may say, and what becomes of the stored one.

PS3.4 F.7.2, after the data set's text is decoded. Strict only in what the gateway cannot do without: the status, and
an item of ScheduledStepAttributesSequence with a study. Whatever else is missing is accepted and marked, because a
refused report leaves a step open for ever. A sequence in an N-SET is whole: it replaces.
"""

import base64
import json
from typing import Any

from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from dicom_gateway.core.identifiers import is_uid
from dicom_gateway.core.model import Code, PerformedStep, StepReference
from dicom_gateway.core.performed_refusals import MissingAttribute, MissingAttributeValue, NoLongerUpdatable
from dicom_gateway.core.status import PERFORMED_FINAL, PerformedStatus
from dicom_gateway.errors import InvalidValue

# Type 1 and 2 attributes of an N-CREATE that are accepted and marked when absent (Table F.7.2-1).
WANTED_IN_CREATE = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformedStationName",
    "PerformedLocation",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "PerformedProcedureStepDescription",
    "PerformedProcedureTypeDescription",
    "ProcedureCodeSequence",
    "PerformedProcedureStepEndDate",
    "PerformedProcedureStepEndTime",
    "Modality",
    "StudyID",
    "PerformedProtocolCodeSequence",
    "PerformedSeriesSequence",
)
NEEDED_WHEN_FINAL = ("PerformedSeriesSequence", "PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime")
# An N-SET may not change these (Table F.7.2-1, "Not allowed"); they are ignored and marked.
FIXED_AT_CREATE = (
    "ScheduledStepAttributesSequence",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "ReferencedPatientSequence",
    "AdmissionID",
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformedStationName",
    "PerformedLocation",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "Modality",
    "StudyID",
)


def create(uid: str, attributes: Dataset, calling_ae_title: str, now: int) -> PerformedStep:
    """Return the performed step that an N-CREATE makes.

    Raises MissingAttribute, MissingAttributeValue, or InvalidValue for a status other than IN PROGRESS.
    """
    attributes = readable(attributes)
    status = _status(attributes)
    if status is None:
        present = "PerformedProcedureStepStatus" in attributes
        raise (MissingAttributeValue if present else MissingAttribute)("PerformedProcedureStepStatus")
    if status is not PerformedStatus.IN_PROGRESS:
        raise InvalidValue("an N-CREATE has the status IN PROGRESS", "PerformedProcedureStepStatus")
    references = _references(attributes)
    marks = [f"no {keyword}" for keyword in WANTED_IN_CREATE if keyword not in attributes]
    return _derived(
        PerformedStep(
            sop_instance_uid=uid,
            status=status,
            calling_ae_title=calling_ae_title,
            created_at=now,
            attributes="",
            references=references,
            patient_id=text(attributes, "PatientID"),
            issuer=text(attributes, "IssuerOfPatientID"),
            marks=tuple(marks),
        ),
        attributes,
    )


def update(stored: PerformedStep, changes: Dataset, now: int) -> PerformedStep:
    """Return the performed step after an N-SET; without a status it is an intermediate update.

    Raises NoLongerUpdatable after a final status, InvalidValue for a status of other text.
    """
    if stored.status in PERFORMED_FINAL:
        raise NoLongerUpdatable("Performed Procedure Step Object may no longer be updated")
    changes = readable(changes)
    status = _status(changes) or stored.status
    attributes = dataset_of(stored)
    marks = list(stored.marks)
    for element in changes:
        if element.keyword == "SpecificCharacterSet":
            continue
        if element.keyword in FIXED_AT_CREATE:
            marks.append(f"N-SET of {element.keyword} ignored")
        else:
            attributes.add(element)
    attributes.PerformedProcedureStepStatus = status.value
    ended_at = stored.ended_at
    if status in PERFORMED_FINAL:
        ended_at = now
        marks += [f"ended without {keyword}" for keyword in NEEDED_WHEN_FINAL if not attributes.get(keyword)]
    changed = stored.evolve(status=status, ended_at=ended_at, marks=tuple(dict.fromkeys(marks)))
    return _derived(changed, attributes)


def dataset_of(performed: PerformedStep) -> Dataset:
    """Return all attributes of a performed step, text as Unicode."""
    return Dataset.from_json(json.loads(performed.attributes))


def readable(attributes: Dataset) -> Dataset:
    """Return a copy whose text is Unicode, decoded by the character set that each data set names.

    A value that does not fit its VR is kept, as bytes of VR OB: nothing that a device says is dropped.
    """
    return Dataset.from_json(_as_json(attributes))


def _as_json(attributes: Dataset) -> dict[str, Any]:
    """Return DICOM JSON (PS3.18 F.2). pydicom's own leaves out a sequence of which one value is bad, and changes a
    setting of the whole process while it runs."""
    found: dict[str, Any] = {}
    for tag in sorted(attributes.keys()):
        try:
            element = attributes[tag]
            if element.VR == "SQ":
                value = {"vr": "SQ", "Value": [_as_json(item) for item in element.value]}
            else:
                value = element.to_json_dict(None, 0)
                Dataset.from_json({f"{tag:08X}": value})
        except Exception:
            value = {"vr": "OB", "InlineBinary": base64.b64encode(_bytes_of(attributes.get_item(tag))).decode()}
        found[f"{tag:08X}"] = value
    return found


def _bytes_of(element: Any) -> bytes:
    value = element.value
    return value if isinstance(value, bytes) else str(value).encode()


def text(attributes: Dataset, keyword: str) -> str:
    """Return the value of an attribute as stripped text, "" when absent, empty or unreadable."""
    value = attributes.get(keyword)
    if value is None or isinstance(value, bytes):
        return ""
    joined = "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)
    return joined.replace("\0", "").strip()


def _items(attributes: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence, none when it is absent or unreadable."""
    value = attributes.get(keyword)
    return list(value) if isinstance(value, Sequence) else []


def _status(attributes: Dataset) -> PerformedStatus | None:
    value = text(attributes, "PerformedProcedureStepStatus")
    if not value:
        return None
    try:
        return PerformedStatus(value)
    except ValueError:
        raise InvalidValue(f"{value!r} is no status", "PerformedProcedureStepStatus") from None


def _references(attributes: Dataset) -> tuple[StepReference, ...]:
    if "ScheduledStepAttributesSequence" not in attributes:
        raise MissingAttribute("ScheduledStepAttributesSequence")
    items = _items(attributes, "ScheduledStepAttributesSequence")
    if not items:
        raise MissingAttributeValue("ScheduledStepAttributesSequence")
    references = []
    for item in items:
        uid = text(item, "StudyInstanceUID")
        if not uid:
            error = MissingAttributeValue if "StudyInstanceUID" in item else MissingAttribute
            raise error("StudyInstanceUID")
        if not is_uid(uid):
            raise InvalidValue("is no UID", "StudyInstanceUID")
        references.append(
            StepReference(
                study_instance_uid=uid,
                accession_number=text(item, "AccessionNumber"),
                requested_procedure_id=text(item, "RequestedProcedureID"),
                scheduled_procedure_step_id=text(item, "ScheduledProcedureStepID"),
            )
        )
    return tuple(references)


def _derived(performed: PerformedStep, attributes: Dataset) -> PerformedStep:
    """Return the performed step with everything that is read off its attributes."""
    series = _items(attributes, "PerformedSeriesSequence")
    images = [
        text(item, "ReferencedSOPInstanceUID")
        for one in series
        for keyword in ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
        for item in _items(one, keyword)
    ]
    reasons = _items(attributes, "PerformedProcedureStepDiscontinuationReasonCodeSequence")
    reason = reasons[0] if reasons else None
    return performed.evolve(
        attributes=json.dumps(_as_json(attributes), ensure_ascii=False),
        series_instance_uids=tuple(filter(None, (text(one, "SeriesInstanceUID") for one in series))),
        image_uids=tuple(dict.fromkeys(uid for uid in images if is_uid(uid))),
        discontinuation_reason=Code(
            text(reason, "CodeValue"), text(reason, "CodingSchemeDesignator"), text(reason, "CodeMeaning")
        )
        if reason is not None
        else None,
    )
