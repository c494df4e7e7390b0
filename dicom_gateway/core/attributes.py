"""THE worklist attribute table: what an item of the Modality Worklist holds, and where it comes from (PS3.4 K.6.1.2.2).

A row is an attribute with its R/O key type and return type of Table K.6-1; VRs and tags come from pydicom's
dictionary. Matching, answers, build_item and docs/worklist.md all read this table. A row without a source is known
but never has a value: it is returned with zero length and, as an optional key that is not supported for matching
(K.2.2.1.1.2), never compared. Teeth have no key in the worklist: they are text in
CommentsOnTheScheduledProcedureStep and, after the protocol's own codes, SNOMED codes in ScheduledProtocolCodeSequence.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Final

from pydicom import config
from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicom_gateway.core.attribute import (
    CODE,
    ISSUER,
    NAMED_ISSUER,
    REFERENCE,
    SINGLE_VALUE_ONLY,
    WILDCARD_VRS,
    Attribute,
    empty,
    plain,
)
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.worklist_values import (
    Item,
    accession_issuer,
    admission_issuer,
    dicom_value,
    identifier_type,
    if_it_fits,
    languages,
    neutered,
    optional,
    procedure_description,
    protocol_codes,
    responsible_role,
    step_comments,
    step_description,
)

__all__ = [
    "ATTRIBUTES",
    "ROOT",
    "SINGLE_VALUE_ONLY",
    "WILDCARD_VRS",
    "WORKLIST",
    "Attribute",
    "Wanted",
    "build_item",
    "element",
    "empty_element",
    "markdown_table",
    "wanted",
]

_STEP: Final = (
    plain("ScheduledStationAETitle", "R", "1", "step.station_ae_titles"),
    plain("ScheduledProcedureStepStartDate", "R", "1", "step.start"),
    plain("ScheduledProcedureStepStartTime", "R", "1", "step.start"),
    plain("Modality", "R", "1", "step.modality"),
    plain("ScheduledPerformingPhysicianName", "R", "2", "step.performer"),
    Attribute(
        "ScheduledProcedureStepDescription",
        "O",
        "1C",
        "step.description; without it and protocol codes: the procedure's description, code meaning, the modality",
        step_description,
    ),
    Attribute("ScheduledProtocolCodeSequence", "O", "1C", "step.protocol_codes, then step.teeth", protocol_codes, CODE),
    plain("ScheduledStationName", "O", "2", "step.station_name"),
    plain("ScheduledProcedureStepLocation", "O", "2", "step.location"),
    plain("ScheduledProcedureStepID", "O", "1", "step.id"),
    plain("ScheduledProcedureStepStatus", "O", "3", "step.status"),
    plain("PreMedication", "O", "2C", "step.pre_medication"),
    plain("RequestedContrastAgent", "O", "2C", "step.contrast_agent"),
    Attribute("CommentsOnTheScheduledProcedureStep", "O", "3", "step.teeth as text", step_comments),
    empty("ScheduledProcedureStepEndDate", "O", "3"),
    empty("ScheduledProcedureStepEndTime", "O", "3"),
    empty("ReferencedDefinedProtocolSequence", "O", "3", *REFERENCE),
    empty("ReferencedPerformedProtocolSequence", "O", "3", *REFERENCE),
)

_PATIENT: Final = (
    plain("PatientName", "R", "1", "order.patient.name"),
    plain("PatientID", "R", "1", "order.patient.id"),
    plain("IssuerOfPatientID", "O", "3", "order.patient.issuer"),
    empty("IssuerOfPatientIDQualifiersSequence", "O", "3", ISSUER[1], ISSUER[2]),
    Attribute(
        "OtherPatientIDsSequence",
        "O",
        "3",
        "order.patient.other_ids",
        attrgetter("order.patient.other_ids"),
        (
            plain("PatientID", "O", "1", "id"),
            plain("IssuerOfPatientID", "O", "3", "issuer", omit_empty=True),
            Attribute("TypeOfPatientID", "O", "1", "type: microchip RFID, barcode BARCODE, else TEXT", identifier_type),
        ),
    ),
    empty("OtherPatientNames", "O", "3"),
    plain("PatientBirthDate", "O", "2", "order.patient.birth_date"),
    plain("PatientSex", "O", "2", "order.patient.sex"),
    empty("PatientAge", "O", "3"),
    plain("PatientSize", "O", "3", "order.patient.size_m"),
    plain("PatientWeight", "O", "2", "order.patient.weight_kg"),
    Attribute(
        "PatientPrimaryLanguageCodeSequence", "O", "3", "order.patient.languages, scheme RFC5646", languages, CODE
    ),
    plain("ConfidentialityConstraintOnPatientDataDescription", "O", "2", "order.confidentiality"),
    plain("PatientComments", "O", "3", "order.patient.comments"),
    plain("PatientState", "O", "2", "order.patient.state"),
    plain("PregnancyStatus", "O", "2", "order.patient.pregnancy_status"),
    plain("MedicalAlerts", "O", "2", "order.patient.medical_alerts"),
    plain("Allergies", "O", "2", "order.patient.allergies"),
    plain("SpecialNeeds", "O", "2", "order.patient.special_needs"),
    empty("PertinentDocumentsSequence", "-", "3", *REFERENCE),
    plain("CurrentPatientLocation", "O", "2", "order.patient_location"),
    empty("ReferencedPatientSequence", "O", "2", *REFERENCE),
)

_ANIMAL: Final = (
    plain("PatientSpeciesDescription", "O", "3", "order.patient.species"),
    Attribute(
        "PatientSpeciesCodeSequence",
        "O",
        "3",
        "order.patient.species_code, sent or known by its words (CID 7454)",
        optional("order.patient.species_code"),
        CODE,
    ),
    Attribute("PatientSexNeutered", "O", "3", "order.patient.neutered: ALTERED or UNALTERED", neutered),
    plain("PatientBreedDescription", "O", "3", "order.patient.breed"),
    Attribute(
        "PatientBreedCodeSequence",
        "O",
        "3",
        "order.patient.breed_codes, sent or known by the breed's name (CID 7480)",
        attrgetter("order.patient.breed_codes"),
        CODE,
    ),
    Attribute(
        "BreedRegistrationSequence",
        "O",
        "3",
        "order.patient.breed_registrations",
        attrgetter("order.patient.breed_registrations"),
        (
            plain("BreedRegistrationNumber", "O", "1", "number"),
            Attribute(
                "BreedRegistryCodeSequence",
                "O",
                "1",
                "registry_code, sent or known by the registry's name (CID 7481)",
                optional("registry_code"),
                CODE,
            ),
        ),
    ),
    plain("ResponsiblePerson", "O", "3", "order.patient.responsible_person"),
    Attribute(
        "ResponsiblePersonRole",
        "O",
        "3",
        "order.patient.responsible_person_role; without it OWNER for the responsible person of an animal",
        responsible_role,
    ),
    plain("ResponsibleOrganization", "O", "3", "order.patient.responsible_organization"),
)

_PROCEDURE: Final = (
    plain("RequestedProcedureID", "O", "1", "procedure.id"),
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
        CODE,
    ),
    plain("StudyInstanceUID", "O", "1", "procedure.study_instance_uid"),
    empty("StudyDate", "O", "3"),
    empty("StudyTime", "O", "3"),
    empty("ReferencedStudySequence", "O", "2", *REFERENCE),
    plain("RequestedProcedurePriority", "O", "2", "order.priority"),
    plain("PatientTransportArrangements", "O", "2", "procedure.transport"),
    plain("ReasonForTheRequestedProcedure", "O", "3", "order.reason"),
    empty("ReasonForRequestedProcedureCodeSequence", "O", "3", *CODE),
    plain("RequestedProcedureComments", "O", "3", "procedure.comments"),
    empty("RequestedProcedureLocation", "O", "3"),
    empty("ConfidentialityCode", "O", "3"),
    empty("ReportingPriority", "O", "3"),
)

_ORDER: Final = (
    plain("AccessionNumber", "O", "2", "order.accession_number"),
    Attribute(
        "IssuerOfAccessionNumberSequence",
        "O",
        "3",
        "order.accession_number_issuer, unless the number was minted",
        accession_issuer,
        NAMED_ISSUER,
    ),
    plain("RequestingPhysician", "O", "2", "order.requesting_physician"),
    plain("ReferringPhysicianName", "O", "2", "order.referring_physician"),
    empty("RequestingService", "O", "3"),
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
    empty("OrderPlacerIdentifierSequence", "O", "3", *ISSUER),
    empty("OrderFillerIdentifierSequence", "O", "3", *ISSUER),
    empty("ImagingServiceRequestComments", "O", "3"),
    plain("AdmissionID", "O", "2", "order.admission_id"),
    Attribute("IssuerOfAdmissionIDSequence", "O", "3", "order.admission_id_issuer", admission_issuer, NAMED_ISSUER),
    empty("AdmittingDiagnosesDescription", "O", "3"),
    plain("InstitutionName", "O", "3", "order.institution"),
    plain("InstitutionalDepartmentName", "O", "3", "order.department"),
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
