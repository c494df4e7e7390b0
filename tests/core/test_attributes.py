from datetime import date, datetime
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicom_gateway.core.attributes import ATTRIBUTES, ROOT, WORKLIST, build_item, markdown_table
from dicom_gateway.core.model import (
    BreedRegistration,
    Code,
    Order,
    OtherPatientID,
    Patient,
    RequestedProcedure,
    ScheduledStep,
)
from dicom_gateway.core.status import StepStatus

PAGE = Path(__file__).parents[2] / "docs" / "worklist.md"

STEP = ScheduledStep(
    modality="IO",
    start=datetime(2026, 7, 5, 10, 15),
    start_utc=0,
    id="S1",
    status=StepStatus.ARRIVED,
    station_ae_titles=("IO1", "IO2"),
    station_name="Room 1",
    location="Ground floor",
    description="Bitewing",
    performer="Roe^Ann",
    protocol_codes=(Code("BW2", "99LOCAL", "Bitewings"),),
    teeth=("36", "37"),
    pre_medication="sedation",
    contrast_agent="iohexol",
)
PROCEDURE = RequestedProcedure(
    steps=(STEP,),
    id="R1",
    code=Code("BW", "99LOCAL", "Bitewing exam"),
    description="Two bitewings",
    comments="inspiration",
    transport="trolley",
    study_instance_uid="1.2.3",
)
PATIENT = Patient(
    id="P-78",
    name="Doe^Rex=山田^太郎",
    issuer="MYPMS",
    birth_date=date(2019, 5, 1),
    sex="M",
    weight_kg=31.5,
    size_m=0.6,
    species="Canine",
    species_code=Code("448771007", "SCT", "Canis lupus familiaris"),
    breed="Labrador Retriever",
    breed_codes=(Code("62137007", "SCT", "Labrador retriever dog breed"),),
    breed_registrations=(
        BreedRegistration("SR 1", "AKC", Code("109200", "DCM", "America Kennel Club")),
        BreedRegistration("7", "VDH"),
    ),
    neutered=True,
    languages=("de-CH", "xx"),
    comments="shy",
    responsible_person="Doe^Jane",
    responsible_organization="Shelter",
    other_ids=(OtherPatientID("276098", "microchip", "ISO"), OtherPatientID("T9", "tattoo")),
    medical_alerts=("pacemaker", "bites"),
    allergies=("iodine",),
    special_needs="muzzle",
    state="calm",
    pregnancy_status=2,
)
ORDER = Order(
    source="mypms",
    placer_order_number="A-1001",
    patient=PATIENT,
    procedures=(PROCEDURE,),
    accession_number="ACC1",
    filler_order_number="F-1",
    priority="STAT",
    referring_physician="Ref^One",
    requesting_physician="Req^Two",
    reason="cough",
    admission_id="ADM",
    admission_id_issuer="WARD",
    accession_number_issuer="CLINIC",
    patient_location="Room 2",
    institution="Example Clinic",
    department="Imaging",
    confidentiality="V",
)
BARE_STEP = ScheduledStep(modality="DX", start=datetime(2026, 1, 2), start_utc=0)
BARE = Order("pms", "1", Patient("P", "Doe"), (RequestedProcedure((BARE_STEP,)),))


def build(order: Order, **step: object) -> Dataset:
    procedure = order.procedures[0]
    return build_item(order, procedure, procedure.steps[0].evolve(**step))


def step_of(item: Dataset) -> Dataset:
    (step,) = item.ScheduledProcedureStepSequence
    return step


FULL = build(ORDER)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Doe^Rex=山田^太郎"),
        ("PatientID", "P-78"),
        ("IssuerOfPatientID", "MYPMS"),
        ("PatientBirthDate", "20190501"),
        ("PatientSex", "M"),
        ("PatientWeight", 31.5),
        ("PatientSize", 0.6),
        ("PatientSpeciesDescription", "Canine"),
        ("PatientBreedDescription", "Labrador Retriever"),
        ("PatientSexNeutered", "ALTERED"),
        ("ResponsiblePerson", "Doe^Jane"),
        ("ResponsiblePersonRole", "OWNER"),
        ("ResponsibleOrganization", "Shelter"),
        ("MedicalAlerts", ["pacemaker", "bites"]),
        ("Allergies", "iodine"),
        ("SpecialNeeds", "muzzle"),
        ("PatientState", "calm"),
        ("PregnancyStatus", 2),
        ("ConfidentialityConstraintOnPatientDataDescription", "V"),
        ("RequestedProcedureID", "R1"),
        ("RequestedProcedureDescription", "Two bitewings"),
        ("StudyInstanceUID", "1.2.3"),
        ("StudyDate", ""),
        ("StudyTime", ""),
        ("RequestedProcedurePriority", "STAT"),
        ("ReasonForTheRequestedProcedure", "cough"),
        ("AccessionNumber", "ACC1"),
        ("RequestingPhysician", "Req^Two"),
        ("ReferringPhysicianName", "Ref^One"),
        ("PlacerOrderNumberImagingServiceRequest", "A-1001"),
        ("FillerOrderNumberImagingServiceRequest", "F-1"),
        ("AdmissionID", "ADM"),
        ("CurrentPatientLocation", "Room 2"),
        ("InstitutionName", "Example Clinic"),
        ("InstitutionalDepartmentName", "Imaging"),
        ("PatientTransportArrangements", "trolley"),
        ("RequestedProcedureComments", "inspiration"),
        ("PatientComments", "shy"),
    ],
)
def test_root_attribute(keyword: str, value: object) -> None:
    assert FULL[keyword].value == value


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ScheduledStationAETitle", ["IO1", "IO2"]),
        ("ScheduledProcedureStepStartDate", "20260705"),
        ("ScheduledProcedureStepStartTime", "101500"),
        ("Modality", "IO"),
        ("ScheduledPerformingPhysicianName", "Roe^Ann"),
        ("ScheduledProcedureStepDescription", "Bitewing"),
        ("ScheduledStationName", "Room 1"),
        ("ScheduledProcedureStepLocation", "Ground floor"),
        ("ScheduledProcedureStepID", "S1"),
        ("ScheduledProcedureStepStatus", "ARRIVED"),
        ("PreMedication", "sedation"),
        ("RequestedContrastAgent", "iohexol"),
        ("CommentsOnTheScheduledProcedureStep", "Teeth (FDI): 36, 37"),
    ],
)
def test_step_attribute(keyword: str, value: object) -> None:
    assert step_of(FULL)[keyword].value == value


def codes(sequence) -> list[tuple[str, str, str]]:
    return [(item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning) for item in sequence]


def test_codes_and_teeth() -> None:
    assert codes(FULL.RequestedProcedureCodeSequence) == [("BW", "99LOCAL", "Bitewing exam")]
    assert codes(step_of(FULL).ScheduledProtocolCodeSequence) == [
        ("BW2", "99LOCAL", "Bitewings"),
        ("866006002", "SCT", "Mandibular left first molar tooth"),
        ("863898000", "SCT", "Mandibular left second molar tooth"),
    ]


def test_an_animal_is_coded() -> None:
    assert codes(FULL.PatientSpeciesCodeSequence) == [("448771007", "SCT", "Canis lupus familiaris")]
    assert codes(FULL.PatientBreedCodeSequence) == [("62137007", "SCT", "Labrador retriever dog breed")]
    known, unknown = FULL.BreedRegistrationSequence
    assert (known.BreedRegistrationNumber, unknown.BreedRegistrationNumber) == ("SR 1", "7")
    assert codes(known.BreedRegistryCodeSequence) == [("109200", "DCM", "America Kennel Club")]
    assert len(unknown.BreedRegistryCodeSequence) == 0


def test_languages_in_the_order_of_preference() -> None:
    assert codes(FULL.PatientPrimaryLanguageCodeSequence) == [("de-CH", "RFC5646", "German"), ("xx", "RFC5646", "xx")]


def test_who_gave_the_numbers() -> None:
    (accession,), (admission,) = FULL.IssuerOfAccessionNumberSequence, FULL.IssuerOfAdmissionIDSequence
    assert (accession.LocalNamespaceEntityID, admission.LocalNamespaceEntityID) == ("CLINIC", "WARD")
    assert "UniversalEntityID" not in accession
    minted = build(ORDER.evolve(original_accession_number="A-NUMBER-TOO-LONG-FOR-SH", admission_id=""))
    assert len(minted.IssuerOfAccessionNumberSequence) == len(minted.IssuerOfAdmissionIDSequence) == 0


@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({}, "OWNER"),
        ({"responsible_person_role": "CUSTODIAN"}, "CUSTODIAN"),
        ({"responsible_person": ""}, ""),
        ({"responsible_person": "", "responsible_person_role": "AGENT"}, ""),
        (dict.fromkeys(("species", "breed"), "") | {"species_code": None, "breed_codes": ()}, "OWNER"),  # neutered
    ],
)
def test_who_is_responsible(changes: dict[str, object], role: str) -> None:
    assert build(ORDER.evolve(patient=PATIENT.evolve(**changes))).ResponsiblePersonRole == role


def test_nobody_owns_a_person() -> None:
    child = BARE.patient.evolve(responsible_person="Doe^Jane")
    assert build(BARE.evolve(patient=child)).ResponsiblePersonRole == ""
    parent = child.evolve(responsible_person_role="PARENT")
    assert build(BARE.evolve(patient=parent)).ResponsiblePersonRole == "PARENT"


def test_a_code_has_no_empty_alternative_that_a_device_would_copy() -> None:
    (code,) = FULL.RequestedProcedureCodeSequence
    assert [element.keyword for element in code] == ["CodeValue", "CodingSchemeDesignator", "CodeMeaning"]


def test_other_patient_ids() -> None:
    chip, tattoo = FULL.OtherPatientIDsSequence
    assert (chip.PatientID, chip.IssuerOfPatientID, chip.TypeOfPatientID) == ("276098", "ISO", "RFID")
    assert (tattoo.PatientID, tattoo.TypeOfPatientID) == ("T9", "TEXT")
    assert "IssuerOfPatientID" not in tattoo


@pytest.mark.parametrize("item", [FULL, build(BARE)], ids=["full", "bare"])
def test_every_attribute_of_the_table_is_there_with_its_vr(item: Dataset) -> None:
    for dataset, rows in ((item, ATTRIBUTES), (step_of(item), WORKLIST.nested)):
        assert {element.keyword for element in dataset} == {row.keyword for row in rows}
        assert all(element.VR == dictionary_VR(element.tag) for element in dataset)


def test_what_is_unknown_is_empty_and_can_be_encoded() -> None:
    item = build(BARE)
    known = {element.keyword for element in item if not element.is_empty}
    assert known == {
        "PatientName",
        "PatientID",
        "ScheduledProcedureStepSequence",
        "RequestedProcedureDescription",
        "RequestedProcedurePriority",
        "PlacerOrderNumberImagingServiceRequest",
    }
    assert item.PatientSex == "" and item.PregnancyStatus is None and len(item.OtherPatientIDsSequence) == 0
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, item)
    assert out.tell() > 500


CODE = Code("X", "99L", "Meaning")


@pytest.mark.parametrize(
    ("step", "procedure", "expected"),
    [
        ({"description": "S"}, {"description": "P"}, "S"),
        ({}, {"description": "P", "code": CODE}, "P"),
        ({}, {"code": CODE}, "Meaning"),
        ({}, {"code": Code("X", "99L")}, "DX"),
        ({}, {}, "DX"),
        ({"teeth": ("36",)}, {}, "DX"),
        ({"protocol_codes": (CODE,)}, {"description": "P"}, ""),
    ],
)
def test_a_step_has_a_description_or_a_protocol_code(step: dict, procedure: dict, expected: str) -> None:
    asked = BARE_STEP.evolve(**step)
    item = build_item(BARE, RequestedProcedure((asked,), **procedure), asked)
    assert step_of(item).ScheduledProcedureStepDescription == expected


@pytest.mark.parametrize(
    ("step", "procedure", "expected"),
    [
        ({"description": "S"}, {"description": "P"}, "P"),
        ({"description": "S"}, {"code": CODE}, ""),
        ({"description": "S"}, {}, "S"),
        ({}, {}, "DX"),
    ],
)
def test_a_procedure_has_a_description_or_a_code(step: dict, procedure: dict, expected: str) -> None:
    asked = BARE_STEP.evolve(**step)
    item = build_item(BARE, RequestedProcedure((asked,), **procedure), asked)
    assert item.RequestedProcedureDescription == expected


@pytest.mark.parametrize(("neutered", "expected"), [(True, "ALTERED"), (False, "UNALTERED"), (None, "")])
def test_neutered(neutered: bool | None, expected: str) -> None:
    assert build(BARE.evolve(patient=BARE.patient.evolve(neutered=neutered))).PatientSexNeutered == expected


def test_nobody_responsible_has_no_role() -> None:
    assert build(BARE).ResponsiblePersonRole == ""


@pytest.mark.parametrize("weight", [31.5, 0.1 + 0.2, 1 / 3, 99_999.123456789, 0.0000123456789])
def test_a_weight_fits_its_vr(weight: float) -> None:
    item = build(BARE.evolve(patient=BARE.patient.evolve(weight_kg=weight)))
    assert len(str(item.PatientWeight)) <= 16
    assert float(item.PatientWeight) == pytest.approx(weight, rel=1e-9)


def test_an_order_number_is_given_whole_or_not_at_all() -> None:
    assert build(BARE.evolve(placer_order_number="x" * 64)).PlacerOrderNumberImagingServiceRequest == "x" * 64
    assert build(BARE.evolve(placer_order_number="x" * 65)).PlacerOrderNumberImagingServiceRequest == ""


def test_a_start_of_a_small_year_and_a_fraction() -> None:
    step = step_of(build(BARE, start=datetime(987, 1, 2, 3, 4, 5, 60)))
    assert (step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime) == ("09870102", "030405.000060")


def test_two_items_share_nothing() -> None:
    first, second = build(ORDER), build(ORDER)
    step_of(first).Modality = "US"
    first.MedicalAlerts.append("x")
    assert step_of(second).Modality == "IO" and second.MedicalAlerts == ["pacemaker", "bites"]


# Table K.6-1: what every SCP must match, with its return type.
REQUIRED = {
    "ScheduledStationAETitle": "1",
    "ScheduledProcedureStepStartDate": "1",
    "ScheduledProcedureStepStartTime": "1",
    "Modality": "1",
    "ScheduledPerformingPhysicianName": "2",
    "PatientName": "1",
    "PatientID": "1",
    "ScheduledProcedureStepSequence": "1",
}


def test_required_keys_are_those_of_the_standard() -> None:
    rows = (*ATTRIBUTES, *WORKLIST.nested)
    assert {row.keyword: row.return_type for row in rows if row.key == "R"} == REQUIRED
    assert all(row.matched for row in rows if row.key == "R")


def test_no_attribute_stands_twice() -> None:
    assert len(ROOT) == len(ATTRIBUTES)
    assert len(WORKLIST.children) == len(WORKLIST.nested)


def test_an_unknown_keyword_is_refused() -> None:
    with pytest.raises(ValueError, match="NoSuchKeyword"):
        type(WORKLIST)("NoSuchKeyword", "O", "3")


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition("<!-- attributes -->\n")[2].partition("<!-- /attributes -->")[0]
    assert shown.strip() == markdown_table().strip()
