"""What a received object says of itself: ONE table from attribute to the way it is read (PS3.3 C.7, 10.6). What the
image shows (teeth, view, region, side) is in anatomy.py.

Nothing in a data set makes this fail: a bad value is given as empty and flagged. The flags are those of data_set.py,
scan.py's `encoding_mismatch`, and `leading_zero_uid`, `pixel_data_length`, `pixel_description`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from pydicom.uid import KeyObjectSelectionDocumentStorage

from dicom_gateway.core.model import InstanceHeader, StepReference
from dicom_gateway.errors import RefusedObject
from dicom_gateway.study.anatomy import read_anatomy, read_breed, read_neutered, read_species
from dicom_gateway.study.data_set import (
    DataSet,
    Flags,
    iso_of_date_and_time,
    iso_of_datetime,
    parse_date,
    parse_time,
)
from dicom_gateway.study.elements import elements
from dicom_gateway.study.encoding import UNDEFINED, Source, encoding_of, view_of
from dicom_gateway.study.pixel_length import PixelDescription, native_length

_LEADING_ZERO: Final = re.compile(r"(^|\.)0[0-9]")  # PS3.5 9.1 forbids it; everyday all the same
_ACQUIRED: Final = ("Acquisition", "Content", "Series", "Study")
_REJECTIONS: Final = frozenset({("113001", "DCM"), ("113037", "DCM"), ("113038", "DCM")})  # PS3.16 CID 7010


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of InstanceHeader and how it is read from a data set."""

    attribute: str
    read: Callable[[DataSet], Any]


def _text(attribute: str, *keywords: str) -> Field:
    """The first of `keywords` that is not empty."""
    return Field(attribute, lambda data_set: next(filter(None, map(data_set.text, keywords)), ""))


def _integer(attribute: str, keyword: str) -> Field:
    return Field(attribute, lambda data_set: data_set.integer(keyword))


def _uid(attribute: str, keyword: str) -> Field:
    def read(data_set: DataSet) -> str:
        uid = data_set.text(keyword)
        if _LEADING_ZERO.search(uid):
            data_set.flags.add("leading_zero_uid")
        return uid

    return Field(attribute, read)


def _parsed(attribute: str, keyword: str, parse: Callable[[str], str]) -> Field:
    return Field(attribute, lambda data_set: data_set.parsed(keyword, parse, ""))


def _acquired_at(data_set: DataSet) -> str:
    if moment := data_set.parsed("AcquisitionDateTime", iso_of_datetime, ""):
        return moment
    for start in _ACQUIRED:
        if day := data_set.parsed(f"{start}Date", parse_date, ""):
            clock = data_set.parsed(f"{start}Time", parse_time, "")
            return iso_of_date_and_time(day, clock)
    return ""


def _references(data_set: DataSet) -> tuple[StepReference, ...]:
    own = data_set.text("StudyInstanceUID")
    return tuple(
        StepReference(
            item.text("StudyInstanceUID") or own,
            item.text("AccessionNumber"),
            item.text("RequestedProcedureID"),
            item.text("ScheduledProcedureStepID"),
        )
        for item in data_set.items("RequestAttributesSequence")
    )


def _source_uids(data_set: DataSet) -> tuple[str, ...]:
    return _referenced(data_set.items("SourceImageSequence"))


def _rejected_uids(data_set: DataSet) -> tuple[str, ...]:
    """Return what a Key Object Selection document rejects (PS3.3 A.35.4, IHE IOCM)."""
    if data_set.text("SOPClassUID") != KeyObjectSelectionDocumentStorage:
        return ()
    if not any((code.value, code.scheme) in _REJECTIONS for code in data_set.codes("ConceptNameCodeSequence")):
        return ()
    return tuple(
        uid
        for study in data_set.items("CurrentRequestedProcedureEvidenceSequence")
        for series in study.items("ReferencedSeriesSequence")
        for uid in _referenced(series.items("ReferencedSOPSequence"))
    )


def _referenced(items: Iterable[DataSet]) -> tuple[str, ...]:
    return tuple(filter(None, (item.text("ReferencedSOPInstanceUID") for item in items)))


def _performed_step_uids(data_set: DataSet) -> tuple[str, ...]:
    return _referenced(data_set.items("ReferencedPerformedProcedureStepSequence"))


def _frames(data_set: DataSet) -> int | None:
    frames = data_set.integer("NumberOfFrames")
    if frames is not None and frames < 1:
        data_set.flags.add("bad_value:NumberOfFrames")
        return None
    return frames


FIELDS: Final = (
    _uid("sop_instance_uid", "SOPInstanceUID"),
    _uid("sop_class_uid", "SOPClassUID"),
    _uid("study_instance_uid", "StudyInstanceUID"),
    _uid("series_instance_uid", "SeriesInstanceUID"),
    _text("patient_id", "PatientID"),
    _text("issuer", "IssuerOfPatientID"),
    _text("patient_name", "PatientName"),
    _text("accession_number", "AccessionNumber"),
    _text("modality", "Modality"),
    _integer("series_number", "SeriesNumber"),
    _text("series_description", "SeriesDescription"),
    _text("body_part", "BodyPartExamined"),
    _integer("instance_number", "InstanceNumber"),
    _integer("rows", "Rows"),
    _integer("columns", "Columns"),
    Field("frames", _frames),
    Field("species", read_species),
    Field("breed", read_breed),
    Field("neutered", read_neutered),
    _text("responsible_person", "ResponsiblePerson"),
    _text("responsible_organization", "ResponsibleOrganization"),
    _parsed("study_date", "StudyDate", parse_date),
    _parsed("study_time", "StudyTime", parse_time),
    _text("study_description", "StudyDescription"),
    Field("acquired_at", _acquired_at),
    _text("station_name", "StationName"),
    Field("references", _references),
    Field("performed_step_uids", _performed_step_uids),
    _text("presentation_intent", "PresentationIntentType"),
    Field("is_quality_control", lambda data_set: data_set.text("QualityControlImage") == "YES"),
    Field("is_derived", lambda data_set: data_set.first("ImageType") == "DERIVED"),
    Field("source_uids", _source_uids),
    Field("rejected_uids", _rejected_uids),
)


def _check_pixel_data(data_set: DataSet, actual: int) -> None:
    """Flag native pixel data of another length (bytes) than the header says (PS3.5 8.1.1)."""
    read = data_set.integer
    described = PixelDescription(
        rows=read("Rows") or 0,
        columns=read("Columns") or 0,
        samples=read("SamplesPerPixel") or 1,
        bits_allocated=read("BitsAllocated") or 0,
        frames=_frames(data_set) or 1,
        photometric_interpretation=data_set.text("PhotometricInterpretation"),
    )
    expected = native_length(described)
    if not expected:
        data_set.flags.add("pixel_description")
    elif actual not in (expected, expected + expected % 2):
        data_set.flags.add("pixel_data_length")


def read_header(data: Source, transfer_syntax_uid: str, pixel_offset: int | None) -> InstanceHeader:
    """Read the header of a whole data set (bytes, or a binary file from its position on) that scan() has passed.

    `pixel_offset` is scan()'s. Never raises for what is in it; a deflated one gives an empty header and `unreadable`.
    """
    view = view_of(data)
    try:
        encoding, mismatch = encoding_of(view, transfer_syntax_uid)
    except RefusedObject:
        return InstanceHeader("", "", "", "", flags=("unreadable",))
    flags = Flags(mismatch)
    end = len(view) if pixel_offset is None else pixel_offset
    data_set = DataSet(elements(view, 0, end, encoding), flags)
    values: dict[str, Any] = {field.attribute: field.read(data_set) for field in FIELDS}
    values |= asdict(read_anatomy(data_set))
    if pixel_offset is not None:
        _, _, length, value = encoding.head(view, pixel_offset)
        if length != UNDEFINED:
            _check_pixel_data(data_set, min(length, len(view) - value))
    return InstanceHeader(**values, flags=flags.all())
