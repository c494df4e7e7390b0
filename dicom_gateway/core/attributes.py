"""THE worklist attribute table: what an item of the Modality Worklist holds, and where it comes from (PS3.4 K.6.1.2.2).

A row is an attribute with its R/O key type and return type of Table K.6-1; VRs and tags come from pydicom's
dictionary. Matching, answers, build_item and docs/worklist.md all read this table. A row without a source is known
but never has a value: it is returned with zero length and, as an optional key that is not supported for matching
(K.2.2.1.1.2), never compared. Teeth have no key in the worklist: they are text in
CommentsOnTheScheduledProcedureStep and, after the protocol's own codes, SNOMED codes in ScheduledProtocolCodeSequence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.worklist_values import (
    Item,
    dicom_value,
    identifier_type,
    if_it_fits,
    neutered,
    procedure_description,
    protocol_codes,
    responsible_role,
    step_comments,
    step_description,
)

WILDCARD_VRS: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})  # PS3.4 C.2.2.2.4
SINGLE_VALUE_ONLY: Final = frozenset({"ScheduledStationAETitle", "Modality", "PatientID"})  # Table K.6-1
_KINDS_OF_VR: Final = {
    **dict.fromkeys(WILDCARD_VRS, "single, wildcard"),
    "DA": "single, range",
    "TM": "single, range",
    "UI": "single, UID list",
    "SQ": "sequence",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One row. `source` takes the Item, or within a sequence what the sequence's own source gave for one item;
    `origin` says in words where the value comes from; `omit_empty` leaves an empty one out of a built item (the
    alternatives and extras of a code, which devices would copy empty into their images)."""

    keyword: str
    key: str  # R, O or - (never a matching key)
    return_type: str
    origin: str = ""
    source: Callable[[Any], object] | None = None
    nested: "tuple[Attribute, ...]" = ()
    omit_empty: bool = False
    tag: BaseTag = field(init=False)
    vr: str = field(init=False)
    children: "dict[int, Attribute]" = field(init=False, repr=False, hash=False)

    def __post_init__(self) -> None:
        tag = tag_for_keyword(self.keyword)
        if tag is None:
            raise ValueError(f"{self.keyword} is not in the data dictionary")
        object.__setattr__(self, "tag", Tag(tag))
        object.__setattr__(self, "vr", dictionary_VR(tag))
        object.__setattr__(self, "children", {int(row.tag): row for row in self.nested})

    @property
    def matched(self) -> bool:
        """Whether a value of this key narrows the answer."""
        return self.source is not None and self.key != "-"

    @property
    def kinds(self) -> str:
        """Return the kinds of matching offered beside universal matching, in words."""
        if not self.matched:
            return "universal only"
        if self.keyword in SINGLE_VALUE_ONLY:
            return "single (wildcard tolerated)"
        return _KINDS_OF_VR.get(self.vr, "single")


def _row(keyword: str, key: str, return_type: str, path: str, *, omit_empty: bool = False) -> Attribute:
    """Return the row of a value that stands in the order at the dotted `path`."""
    return Attribute(keyword, key, return_type, path, attrgetter(path), omit_empty=omit_empty)


def _empty(keyword: str, key: str, return_type: str, *nested: Attribute, omit_empty: bool = False) -> Attribute:
    return Attribute(keyword, key, return_type, "always empty", None, nested, omit_empty)


_CODE: Final = (
    _row("CodeValue", "O", "1C", "value"),
    _row("CodingSchemeDesignator", "O", "1C", "scheme"),
    _empty("CodingSchemeVersion", "O", "3", omit_empty=True),
    _row("CodeMeaning", "O", "3", "meaning"),
    _empty("LongCodeValue", "O", "1C", omit_empty=True),
    _empty("URNCodeValue", "O", "1C", omit_empty=True),
)
_REFERENCE: Final = (_empty("ReferencedSOPClassUID", "O", "1"), _empty("ReferencedSOPInstanceUID", "O", "1"))
_ISSUER: Final = (
    _empty("LocalNamespaceEntityID", "O", "1C"),
    _empty("UniversalEntityID", "O", "1C"),
    _empty("UniversalEntityIDType", "O", "1C"),
)

_STEP: Final = (
    _row("ScheduledStationAETitle", "R", "1", "step.station_ae_titles"),
    _row("ScheduledProcedureStepStartDate", "R", "1", "step.start"),
    _row("ScheduledProcedureStepStartTime", "R", "1", "step.start"),
    _row("Modality", "R", "1", "step.modality"),
    _row("ScheduledPerformingPhysicianName", "R", "2", "step.performer"),
    Attribute(
        "ScheduledProcedureStepDescription",
        "O",
        "1C",
        "step.description; without it and protocol codes: the procedure's description, code meaning, the modality",
        step_description,
    ),
    Attribute(
        "ScheduledProtocolCodeSequence", "O", "1C", "step.protocol_codes, then step.teeth", protocol_codes, _CODE
    ),
    _row("ScheduledStationName", "O", "2", "step.station_name"),
    _row("ScheduledProcedureStepLocation", "O", "2", "step.location"),
    _row("ScheduledProcedureStepID", "O", "1", "step.id"),
    _row("ScheduledProcedureStepStatus", "O", "3", "step.status"),
    _empty("PreMedication", "O", "2C"),
    _empty("RequestedContrastAgent", "O", "2C"),
    Attribute("CommentsOnTheScheduledProcedureStep", "O", "3", "step.teeth as text", step_comments),
    _empty("ScheduledProcedureStepEndDate", "O", "3"),
    _empty("ScheduledProcedureStepEndTime", "O", "3"),
    _empty("ReferencedDefinedProtocolSequence", "O", "3", *_REFERENCE),
    _empty("ReferencedPerformedProtocolSequence", "O", "3", *_REFERENCE),
)

_PATIENT: Final = (
    _row("PatientName", "R", "1", "order.patient.name"),
    _row("PatientID", "R", "1", "order.patient.id"),
    _row("IssuerOfPatientID", "O", "3", "order.patient.issuer"),
    _empty("IssuerOfPatientIDQualifiersSequence", "O", "3", _ISSUER[1], _ISSUER[2]),
    Attribute(
        "OtherPatientIDsSequence",
        "O",
        "3",
        "order.patient.other_ids",
        attrgetter("order.patient.other_ids"),
        (
            _row("PatientID", "O", "1", "id"),
            _row("IssuerOfPatientID", "O", "3", "issuer", omit_empty=True),
            Attribute("TypeOfPatientID", "O", "1", "type: microchip RFID, barcode BARCODE, else TEXT", identifier_type),
        ),
    ),
    _empty("OtherPatientNames", "O", "3"),
    _row("PatientBirthDate", "O", "2", "order.patient.birth_date"),
    _row("PatientSex", "O", "2", "order.patient.sex"),
    _empty("PatientAge", "O", "3"),
    _row("PatientSize", "O", "3", "order.patient.size_m"),
    _row("PatientWeight", "O", "2", "order.patient.weight_kg"),
    _empty("PatientPrimaryLanguageCodeSequence", "O", "3", *_CODE),
    _row("ConfidentialityConstraintOnPatientDataDescription", "O", "2", "order.confidentiality"),
    _empty("PatientComments", "O", "3"),
    _row("PatientState", "O", "2", "order.patient.state"),
    _row("PregnancyStatus", "O", "2", "order.patient.pregnancy_status"),
    _row("MedicalAlerts", "O", "2", "order.patient.medical_alerts"),
    _row("Allergies", "O", "2", "order.patient.allergies"),
    _row("SpecialNeeds", "O", "2", "order.patient.special_needs"),
    _empty("PertinentDocumentsSequence", "-", "3", *_REFERENCE),
    _empty("CurrentPatientLocation", "O", "2"),
    _empty("ReferencedPatientSequence", "O", "2", *_REFERENCE),
)

_ANIMAL: Final = (
    _row("PatientSpeciesDescription", "O", "3", "order.patient.species"),
    _empty("PatientSpeciesCodeSequence", "O", "3", *_CODE),
    Attribute("PatientSexNeutered", "O", "3", "order.patient.neutered: ALTERED or UNALTERED", neutered),
    _row("PatientBreedDescription", "O", "3", "order.patient.breed"),
    _empty("PatientBreedCodeSequence", "O", "3", *_CODE),
    _empty(
        "BreedRegistrationSequence",
        "O",
        "3",
        _empty("BreedRegistrationNumber", "O", "1"),
        _empty("BreedRegistryCodeSequence", "O", "1", *_CODE),
    ),
    _row("ResponsiblePerson", "O", "3", "order.patient.responsible_person"),
    Attribute("ResponsiblePersonRole", "O", "3", "OWNER with a responsible person", responsible_role),
    _row("ResponsibleOrganization", "O", "3", "order.patient.responsible_organization"),
)

_PROCEDURE: Final = (
    _row("RequestedProcedureID", "O", "1", "procedure.id"),
    Attribute(
        "RequestedProcedureDescription",
        "O",
        "1C",
        "procedure.description; without it and a code: the step's description, the modality",
        procedure_description,
    ),
    Attribute(
        "RequestedProcedureCodeSequence",
        "O",
        "1C",
        "procedure.code",
        lambda item: (item.procedure.code,) if item.procedure.code else (),
        _CODE,
    ),
    _row("StudyInstanceUID", "O", "1", "procedure.study_instance_uid"),
    _empty("StudyDate", "O", "3"),
    _empty("StudyTime", "O", "3"),
    _empty("ReferencedStudySequence", "O", "2", *_REFERENCE),
    _row("RequestedProcedurePriority", "O", "2", "order.priority"),
    _empty("PatientTransportArrangements", "O", "2"),
    _row("ReasonForTheRequestedProcedure", "O", "3", "order.reason"),
    _empty("ReasonForRequestedProcedureCodeSequence", "O", "3", *_CODE),
    _empty("RequestedProcedureComments", "O", "3"),
    _empty("RequestedProcedureLocation", "O", "3"),
    _empty("ConfidentialityCode", "O", "3"),
    _empty("ReportingPriority", "O", "3"),
)

_ORDER: Final = (
    _row("AccessionNumber", "O", "2", "order.accession_number"),
    _empty("IssuerOfAccessionNumberSequence", "O", "3", *_ISSUER),
    _row("RequestingPhysician", "O", "2", "order.requesting_physician"),
    _row("ReferringPhysicianName", "O", "2", "order.referring_physician"),
    _empty("RequestingService", "O", "3"),
    Attribute(
        "PlacerOrderNumberImagingServiceRequest",
        "O",
        "3",
        "order.placer_order_number, up to 64 characters",
        if_it_fits("order.placer_order_number"),
    ),
    Attribute(
        "FillerOrderNumberImagingServiceRequest",
        "O",
        "3",
        "order.filler_order_number, up to 64 characters",
        if_it_fits("order.filler_order_number"),
    ),
    _empty("OrderPlacerIdentifierSequence", "O", "3", *_ISSUER),
    _empty("OrderFillerIdentifierSequence", "O", "3", *_ISSUER),
    _empty("ImagingServiceRequestComments", "O", "3"),
    _row("AdmissionID", "O", "2", "order.admission_id"),
    _empty("IssuerOfAdmissionIDSequence", "O", "3", *_ISSUER),
    _empty("AdmittingDiagnosesDescription", "O", "3"),
    _empty("InstitutionName", "O", "3"),
    _empty("InstitutionalDepartmentName", "O", "3"),
)

WORKLIST: Final = Attribute(
    "ScheduledProcedureStepSequence", "R", "1", "one item: the step", lambda item: (item,), _STEP
)
ATTRIBUTES: Final = (WORKLIST, *_PATIENT, *_ANIMAL, *_PROCEDURE, *_ORDER)
ROOT: Final = {int(row.tag): row for row in ATTRIBUTES}


class Wanted(dict[int, "Wanted | None"]):
    """The tags of the attributes that a query names, each with those of its item; None: all of them."""


def wanted(keys: Dataset, rows: Mapping[int, Attribute] = ROOT) -> Wanted:
    """Return what an identifier names of the table; a sequence key that holds nothing names the whole sequence."""
    return Wanted((tag, _wanted_of_item(rows[tag], keys)) for tag in keys.keys() if tag in rows)


def _wanted_of_item(row: Attribute, keys: Dataset) -> Wanted | None:
    if row.vr != "SQ":
        return None
    try:
        items = keys[row.tag].value
    except Exception:  # whatever a library makes of garbage: core.matching refuses the key
        return None
    return wanted(items[0], row.children) if isinstance(items, Sequence) and items and len(items[0]) else None


def build_item(order: Order, procedure: RequestedProcedure, step: ScheduledStep, only: Wanted | None = None) -> Dataset:
    """Return the worklist item of `step`: every attribute of the table, zero length where nothing is known; with
    `only`, no others than those, which is all that matching and answering that query need.

    It holds Unicode text and no SpecificCharacterSet; values are not validated here, intake did that.
    """
    return _dataset(ATTRIBUTES, Item(order, procedure, step), only)


def element(row: Attribute, value: object) -> DataElement:
    """Return a new data element of `row` with a value as pydicom takes it; never validates."""
    return DataElement(row.tag, row.vr, value, validation_mode=config.IGNORE)


def empty_element(row: Attribute) -> DataElement:
    """Return a new zero-length data element of `row`."""
    return element(row, empty_value_for_VR(row.vr))


def _dataset(rows: Iterable[Attribute], context: object, only: Wanted | None) -> Dataset:
    elements: dict[BaseTag, DataElement | RawDataElement] = {}
    for row in rows:
        if only is not None and row.tag not in only:
            continue
        found = row.source(context) if row.source else None
        value = _value(row, found, only)
        if value is not None or not row.omit_empty:
            elements[row.tag] = empty_element(row) if value is None else element(row, value)
    return Dataset(elements)


def _value(row: Attribute, found: object, only: Wanted | None) -> object:
    """Return `found` as a DICOM value of the row's VR, None when there is nothing."""
    if found is None or found == "" or found == ():
        return None
    if row.vr == "SQ":
        assert isinstance(found, tuple)
        nested = only[row.tag] if only is not None else None
        return Sequence([_dataset(row.nested, context, nested) for context in found])
    return dicom_value(row.vr, found)


def markdown_table() -> str:
    """Return the table for docs/worklist.md; `>` marks the depth within sequences."""
    lines = [
        "| Attribute | Tag | VR | Key | Return | Matching | From |",
        "|---|---|---|---|---|---|---|",
        *(_markdown_row(row, depth) for row, depth in _walk(ATTRIBUTES)),
    ]
    return "\n".join(lines) + "\n"


def _walk(rows: Iterable[Attribute], depth: int = 0) -> Iterable[tuple[Attribute, int]]:
    for row in rows:
        yield row, depth
        yield from _walk(row.nested, depth + 1)


def _markdown_row(row: Attribute, depth: int) -> str:
    name = f"{'>' * depth}{row.keyword}"
    tag = f"({row.tag.group:04X},{row.tag.element:04X})"
    return f"| {name} | {tag} | {row.vr} | {row.key} | {row.return_type} | {row.kinds} | {row.origin} |"
