"""The order as JSON: what is taken, what is refused and where, and that an answer can be sent back."""

import copy
import json
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.core.identifiers import Minter
from dicom_gateway.core.local_time import to_instant
from dicom_gateway.core.model import BreedRegistration, Code, Order, OtherPatientID, ScheduledStep
from dicom_gateway.core.order_answer import order_document
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.orders import place
from dicom_gateway.errors import InvalidDocument

BERLIN = ZoneInfo("Europe/Berlin")
LONG = "A-24-CHARACTER-ID-123456"
LEAST: dict[str, Any] = {
    "source": "mypms",
    "placer_order_number": "A-1001",
    "patient": {"id": "P-78", "name": "Doe^Rex"},
    "procedures": [{"steps": [{"modality": "DX", "start": "2026-11-23T10:15:00"}]}],
}
FULL: dict[str, Any] = {
    "source": "mypms",
    "placer_order_number": "A-1001",
    "filler_order_number": "F-1",
    "accession_number": "ACC-1",
    "accession_number_issuer": "CLINIC",
    "priority": "STAT",
    "referring_physician": "Roe^Ann",
    "requesting_physician": "Poe^Max",
    "reason": "cough",
    "admission_id": "ADM-1",
    "admission_id_issuer": "WARD",
    "patient_location": "Room 2",
    "institution": "Example Clinic",
    "department": "Imaging",
    "confidentiality": "R",
    "patient": {
        "id": "P-78",
        "issuer": "MYPMS",
        "name": "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "birth_date": "2019-05-01",
        "sex": "M",
        "weight_kg": 31.5,
        "size_m": 0.6,
        "species": "Canine",
        "species_code": {"value": "448771007", "scheme": "SCT", "meaning": "Canis lupus familiaris"},
        "breed": "Labrador Retriever",
        "breed_codes": [{"value": "62137007", "scheme": "SCT", "meaning": "Labrador retriever dog breed"}],
        "breed_registrations": [
            {"number": "SR 1", "registry": "AKC", "registry_code": {"value": "1", "scheme": "99L", "meaning": "Club"}}
        ],
        "neutered": True,
        "responsible_person": "Doe^Jane",
        "responsible_person_role": "CUSTODIAN",
        "responsible_organization": "Shelter",
        "other_ids": [{"id": "276098", "type": "microchip", "issuer": "TASSO"}],
        "medical_alerts": ["bites"],
        "allergies": ["latex"],
        "special_needs": "muzzle",
        "state": "calm",
        "pregnancy_status": 4,
        "languages": ["de-CH", "fr"],
        "comments": "shy\nbites",
    },
    "procedures": [
        {
            "id": "P1",
            "code": {"value": "THX2", "scheme": "99LOCAL", "meaning": "Thorax 2 views"},
            "description": "Thorax 2 views",
            "comments": "inspiration",
            "transport": "on a trolley",
            "study_instance_uid": "1.2.3",
            "steps": [
                {
                    "id": "S1",
                    "modality": "DX",
                    "station_ae_titles": ["DX1", "DX2"],
                    "start": "2026-11-23T10:15:00",
                    "description": "Thorax 2 views",
                    "performer": "Roe^Ann",
                    "station_name": "ROOM1",
                    "location": "Ground floor",
                    "protocol_codes": [{"value": "A", "scheme": "99LOCAL", "meaning": "a"}],
                    "teeth": ["36", "11"],
                    "tooth_system": "fdi",
                    "pre_medication": "sedation",
                    "contrast_agent": "iohexol",
                    "expected_instances": 2,
                }
            ],
        }
    ],
}
REQUIRED = (
    "source",
    "placer_order_number",
    "patient",
    "patient.id",
    "patient.name",
    "procedures",
    "procedures[0].steps",
    "procedures[0].steps[0].modality",
    "procedures[0].steps[0].start",
)
OBJECTS = {
    "": FULL,
    "patient": FULL["patient"],
    "patient.species_code": FULL["patient"]["species_code"],
    "patient.breed_codes[0]": FULL["patient"]["breed_codes"][0],
    "patient.breed_registrations[0]": FULL["patient"]["breed_registrations"][0],
    "patient.other_ids[0]": FULL["patient"]["other_ids"][0],
    "procedures[0]": FULL["procedures"][0],
    "procedures[0].code": FULL["procedures"][0]["code"],
    "procedures[0].steps[0]": FULL["procedures"][0]["steps"][0],
    "procedures[0].steps[0].protocol_codes[0]": FULL["procedures"][0]["steps"][0]["protocol_codes"][0],
}
PARTS_REQUIRED = ("patient.other_ids[0].id", "patient.breed_registrations[0].number") + tuple(
    f"{code}.{key}"
    for code in (
        "patient.species_code",
        "patient.breed_codes[0]",
        "procedures[0].code",
        "procedures[0].steps[0].protocol_codes[0]",
    )
    for key in ("value", "scheme")
)
FIELDS = [f"{path}.{key}".lstrip(".") for path, found in OBJECTS.items() for key in found]
OPTIONAL = [field for field in FIELDS if field not in REQUIRED + PARTS_REQUIRED]


def changed(document: dict[str, Any], field: str, value: Any = None, remove: bool = False) -> dict[str, Any]:
    """Return a copy of `document` with the field at a dotted path set or removed."""
    document = copy.deepcopy(document)
    *path, last = field.replace("[0]", ".0").split(".")
    found: Any = document
    for part in path:
        found = found[int(part)] if part == "0" else found[part]
    if remove:
        del found[last]
    else:
        found[0 if last == "0" else last] = value
    return document


def parse(document: Any) -> Order:
    return parse_order(document, BERLIN)


def refused(document: Any) -> dict[str, str]:
    with pytest.raises(InvalidDocument) as raised:
        parse(document)
    return {error.field: str(error) for error in raised.value.errors}


def step_of(**changes: Any) -> ScheduledStep:
    document = copy.deepcopy(LEAST)
    document["procedures"][0]["steps"][0] |= changes
    return parse(document).steps()[0]


def test_the_least_order() -> None:
    order = parse(LEAST)
    assert (order.source, order.placer_order_number, order.priority) == ("mypms", "A-1001", "ROUTINE")
    assert (order.patient.id, order.patient.name, order.patient.issuer) == ("P-78", "Doe^Rex", "")
    (step,) = order.steps()
    assert (step.modality, step.start) == ("DX", datetime(2026, 11, 23, 10, 15))
    assert step.start_utc == to_instant(datetime(2026, 11, 23, 9, 15, tzinfo=UTC))


def test_every_field_arrives() -> None:
    order = parse(FULL)
    patient, procedure, step = order.patient, order.procedures[0], order.steps()[0]
    assert (order.accession_number, order.filler_order_number, order.admission_id) == ("ACC-1", "F-1", "ADM-1")
    assert (order.priority, order.reason, order.confidentiality) == ("STAT", "cough", "R")
    assert (order.referring_physician, order.requesting_physician) == ("Roe^Ann", "Poe^Max")
    assert patient.name == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert (patient.birth_date, patient.weight_kg, patient.size_m) == (date(2019, 5, 1), 31.5, 0.6)
    assert patient.other_ids == (OtherPatientID("276098", "microchip", "TASSO"),)
    assert (patient.neutered, patient.pregnancy_status, patient.allergies) == (True, 4, ("latex",))
    assert (procedure.code, procedure.study_instance_uid) == (Code("THX2", "99LOCAL", "Thorax 2 views"), "1.2.3")
    assert (step.station_ae_titles, step.teeth, step.expected_instances) == (("DX1", "DX2"), ("36", "11"), 2)
    assert step.protocol_codes == (Code("A", "99LOCAL", "a"),)
    assert (step.pre_medication, step.contrast_agent) == ("sedation", "iohexol")
    assert (procedure.comments, procedure.transport) == ("inspiration", "on a trolley")
    assert (order.accession_number_issuer, order.admission_id_issuer) == ("CLINIC", "WARD")
    assert (order.patient_location, order.institution, order.department) == ("Room 2", "Example Clinic", "Imaging")
    assert (patient.responsible_person_role, patient.languages) == ("CUSTODIAN", ("de-CH", "fr"))
    assert patient.comments == "shy\nbites"
    assert patient.species_code == Code("448771007", "SCT", "Canis lupus familiaris")
    assert patient.breed_codes == (Code("62137007", "SCT", "Labrador retriever dog breed"),)
    assert patient.breed_registrations == (BreedRegistration("SR 1", "AKC", Code("1", "99L", "Club")),)


DOG = Code("448771007", "SCT", "Canis lupus familiaris")
LABRADOR = Code("62137007", "SCT", "Labrador retriever dog breed")
CAT = Code("448169003", "SCT", "Felis catus")
LOCAL = {"value": "HD", "scheme": "99PMS", "meaning": "Haushund"}
ANIMALS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "words": ({"species": "dog", "breed": "labrador"}, ("dog", DOG, "labrador", (LABRADOR,))),
    "code values": (
        {"species": DOG.value, "breed": LABRADOR.value},
        (DOG.meaning, DOG, LABRADOR.meaning, (LABRADOR,)),
    ),
    "unknown words": ({"species": "dragon", "breed": "green"}, ("dragon", None, "green", ())),
    "a breed of another animal": ({"species": "cat", "breed": "labrador"}, ("cat", CAT, "labrador", ())),
    "a code of the PMS": ({"species": "dog", "species_code": LOCAL}, ("dog", Code(*LOCAL.values()), "", ())),
    "a code alone": ({"species_code": LOCAL}, ("Haushund", Code(*LOCAL.values()), "", ())),
    "several breeds": (
        {"breed": "labrador x beagle", "breed_codes": [LOCAL, LOCAL | {"value": "X"}]},
        ("", None, "labrador x beagle", (Code(*LOCAL.values()), Code("X", "99PMS", "Haushund"))),
    ),
}


@pytest.mark.parametrize(("sent", "found"), ANIMALS.values(), ids=ANIMALS)
def test_species_and_breed_are_coded_where_their_words_are_known(sent: dict[str, Any], found: tuple[Any, ...]) -> None:
    patient = parse(LEAST | {"patient": LEAST["patient"] | sent}).patient
    assert (patient.species, patient.species_code, patient.breed, patient.breed_codes) == found


def test_a_registry_is_coded_where_its_words_are_known() -> None:
    sent = [
        {"number": "1", "registry": "AKC"},
        {"number": "2", "registry": "VDH"},
        {"number": "3", "registry": "109218"},
    ]
    patient = parse(changed(LEAST, "patient.breed_registrations", sent)).patient
    assert patient.breed_registrations == (
        BreedRegistration("1", "AKC", Code("109200", "DCM", "America Kennel Club")),
        BreedRegistration("2", "VDH"),
        BreedRegistration("3", "United Kennel Club", Code("109218", "DCM", "United Kennel Club")),
    )


def test_who_gave_a_number_that_is_minted_is_not_kept() -> None:
    assert parse(changed(FULL, "accession_number", None)).accession_number_issuer == ""


@pytest.mark.parametrize("field", REQUIRED)
def test_required(field: str) -> None:
    assert refused(changed(LEAST, field, remove=True)) == {field: "is required"}
    assert list(refused(changed(LEAST, field, None))) == [field]


@pytest.mark.parametrize("field", [f for f in (*REQUIRED, *PARTS_REQUIRED) if not f.endswith(("start", "modality"))])
def test_required_and_empty(field: str) -> None:
    empty: Any = [] if field.endswith(("procedures", "steps")) else {} if field == "patient" else "  "
    found = refused(changed(FULL, field, empty))
    assert found and all(name.startswith(field) for name in found)


@pytest.mark.parametrize("name", ["^", "^^^", "=", " ^ "])
def test_separators_alone_are_no_name(name: str) -> None:
    assert refused(changed(LEAST, "patient.name", name)) == {"patient.name": "must not be empty"}


@pytest.mark.parametrize("name", ["Doe", "^Rex", "=山田^太郎", "Doe^Rex^^Dr^III"])
def test_names(name: str) -> None:
    assert parse(changed(LEAST, "patient.name", name)).patient.name == name


@pytest.mark.parametrize("field", OPTIONAL)
def test_null_is_absent(field: str) -> None:
    assert parse(changed(FULL, field, None)) == parse(changed(FULL, field, remove=True))


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path or "order")
def test_an_unknown_field_is_refused(path: str) -> None:
    field = f"{path}.patientname".lstrip(".")
    assert refused(changed(FULL, field, "x")) == {field: "is not a field of an order"}


@pytest.mark.parametrize("document", [None, [], "order", 5, True], ids=str)
def test_what_is_no_object(document: Any) -> None:
    assert refused(document) == {"": "must be a JSON object"}


LENGTHS = [
    ("source", 64),
    ("placer_order_number", 200),
    ("accession_number", 200),
    ("reason", 64),
    ("admission_id", 64),
    ("confidentiality", 64),
    ("patient.id", 64),
    ("patient.issuer", 64),
    ("patient.name", 64),
    ("patient.species", 64),
    ("patient.responsible_person", 64),
    ("patient.responsible_person_role", 16),
    ("patient.breed_registrations[0].number", 64),
    ("patient.comments", 10240),
    ("procedures[0].comments", 10240),
    ("procedures[0].transport", 64),
    ("procedures[0].steps[0].contrast_agent", 64),
    ("patient_location", 64),
    ("patient.other_ids[0].id", 64),
    ("patient.other_ids[0].type", 16),
    ("patient.allergies[0]", 64),
    ("referring_physician", 64),
    ("procedures[0].id", 200),
    ("procedures[0].description", 64),
    ("procedures[0].code.value", 16),
    ("procedures[0].code.scheme", 16),
    ("procedures[0].code.meaning", 64),
    ("procedures[0].steps[0].id", 200),
    ("procedures[0].steps[0].description", 64),
    ("procedures[0].steps[0].performer", 64),
    ("procedures[0].steps[0].station_name", 16),
    ("procedures[0].steps[0].location", 16),
    ("procedures[0].steps[0].modality", 16),
    ("procedures[0].steps[0].station_ae_titles[0]", 16),
]


@pytest.mark.parametrize(("field", "length"), LENGTHS, ids=[field for field, _ in LENGTHS])
def test_nothing_is_cut(field: str, length: int) -> None:
    parse(changed(FULL, field, "X" * length))
    assert list(refused(changed(FULL, field, "X" * (length + 1)))) == [field]


def test_each_component_group_of_a_name_has_its_own_length() -> None:
    parse(changed(LEAST, "patient.name", "=".join(["ä" * 64] * 3)))
    for name in ("a=" + "b" * 65, "a=b=c=d", "^".join("abcdef")):
        assert list(refused(changed(LEAST, "patient.name", name))) == ["patient.name"]


def test_ids_longer_than_sh_are_taken() -> None:
    order = parse(changed(changed(FULL, "procedures[0].steps[0].id", LONG), "accession_number", LONG))
    assert order.accession_number == order.steps()[0].id == LONG


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "a\x1bb", "a\x7fb", "a\x9fb", "a\\b"], ids=ascii)
@pytest.mark.parametrize(
    "field", ["reason", "patient.id", "patient.name", "placer_order_number", "procedures[0].code.value"]
)
def test_control_characters_and_backslashes(field: str, text: str) -> None:
    assert list(refused(changed(FULL, field, text))) == [field]


@pytest.mark.parametrize("text", ["Müller", "東京", "a b", "a/b", "a\u00a0b", "<script>"])
def test_other_characters_are_kept(text: str) -> None:
    assert parse(changed(FULL, "reason", f" {text} ")).reason == text


def test_what_is_no_text_is_refused() -> None:
    assert list(refused(changed(LEAST, "patient.id", 78))) == ["patient.id"]
    assert list(refused(changed(LEAST, "patient.id", "\ud800"))) == ["patient.id"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patient.sex", "X"),
        ("patient.weight_kg", 0),
        ("patient.weight_kg", -1),
        ("patient.weight_kg", float("nan")),
        ("patient.weight_kg", float("inf")),
        ("patient.weight_kg", True),
        ("patient.weight_kg", "31.5"),
        ("patient.weight_kg", [31.5]),
        ("patient.size_m", True),
        ("patient.size_m", "0.6"),
        ("patient.neutered", "yes"),
        ("patient.neutered", "true"),
        ("patient.neutered", "on"),
        ("patient.neutered", ""),
        ("patient.neutered", 1),
        ("patient.neutered", 0),
        ("patient.pregnancy_status", 5),
        ("patient.pregnancy_status", True),
        ("patient.pregnancy_status", "1"),
        ("procedures[0].steps[0].expected_instances", True),
        ("procedures[0].steps[0].expected_instances", "2"),
        ("procedures[0].steps[0].expected_instances", 2.5),
        ("patient.birth_date", "2019-02-30"),
        ("patient.birth_date", "20190501"),
        ("patient.birth_date", 0),
        ("patient.birth_date", "1849-12-31"),
        ("patient.birth_date", "2999-01-01"),
        ("patient.languages[0]", "German"),
        ("patient.languages[0]", "d"),
        ("patient.languages[0]", "de_CH"),
        ("patient.responsible_person_role", "OWNER!"),
        ("patient.comments", "a\x00b"),
        ("patient.comments", "a\\b"),
        ("priority", "URGENT"),
        ("procedures[0].study_instance_uid", "1.2.x"),
        ("procedures[0].study_instance_uid", "1." * 32 + "1"),
        ("procedures[0].study_instance_uid", "...."),
        ("procedures[0].study_instance_uid", "1..2"),
        ("procedures[0].study_instance_uid", ".1.2"),
        ("procedures[0].study_instance_uid", "1.2."),
        ("procedures[0].study_instance_uid", "1.02"),
        ("procedures[0].study_instance_uid", "01.2"),
        ("procedures[0].study_instance_uid", "1.\u0662"),
        ("procedures[0].steps[0].modality", "dx"),
        ("procedures[0].steps[0].modality", "DX*"),
        ("procedures[0].steps[0].modality", ""),
        ("procedures[0].steps[0].station_ae_titles[0]", ""),
        ("procedures[0].steps[0].station_ae_titles[0]", "DX\\1"),
        ("procedures[0].steps[0].expected_instances", -1),
        ("procedures[0].steps[0].tooth_system", "palmer"),
    ],
    ids=str,
)
def test_values_that_cannot_be(field: str, value: Any) -> None:
    assert list(refused(changed(FULL, field, value))) == [field]


@pytest.mark.parametrize("uid", ["1.2.0.3", "2.25.0", "0.1", "1." * 31 + "10"])
def test_uids_that_can_be(uid: str) -> None:
    order = parse_order(changed(FULL, "procedures[0].study_instance_uid", uid), BERLIN)
    assert order.procedures[0].study_instance_uid == uid


def test_a_needless_zero_in_a_uid_is_named() -> None:
    (text,) = refused(changed(FULL, "procedures[0].study_instance_uid", "1.02")).values()
    assert "needless zeros" in text


WORDS = [
    ("patient.sex", "X", "must be 'M', 'F', 'O' or ''"),
    ("patient.id", 78, "must be text"),
    ("patient.id", "x" * 65, "must have at most 64 characters"),
    ("patient.id", "", "must not be empty"),
    ("patient.weight_kg", 0, "must be more than 0"),
    ("patient.weight_kg", 100_000, "must be less than 100000"),
    ("patient.weight_kg", float("inf"), "must be a finite number"),
    ("patient.weight_kg", True, "must be a number, not text and not true or false"),
    ("patient.neutered", "yes", "must be true or false"),
    ("patient.pregnancy_status", 0, "must be at least 1"),
    ("patient.pregnancy_status", 5, "must be at most 4"),
    ("patient.allergies", "latex", "must be a list"),
    ("patient.allergies", ["x"] * 51, "must have at most 50 entries"),
    ("patient.birth_date", "2019-02-30", "must be a date such as 2019-05-01"),
    ("patient.birth_date", "1849-12-31", "must not be before 1850"),
    ("patient.birth_date", "2027-01-02", "must not be after today, 2027-01-01"),
    ("procedures[0].steps[0].expected_instances", 2.5, "must be a whole number"),
    ("procedures[0].steps[0].expected_instances", 1e300, "must be a number of fewer digits"),
    ("procedures[0].steps[0].modality", "D" * 5000, None),
    ("procedures[0].steps[0].teeth", ["1" * 5000], "must have at most 8 characters"),
    ("procedures[0].code", [], "must be a JSON object"),
]


@pytest.mark.parametrize(("field", "value", "words"), WORDS, ids=lambda value: str(value)[:40])
def test_a_value_is_refused_in_plain_words(field: str, value: Any, words: str | None) -> None:
    with pytest.raises(InvalidDocument) as raised:
        parse_order(changed(FULL, field, value), BERLIN, date(2027, 1, 1))
    (error,) = raised.value.errors
    assert error.field.startswith(field)
    assert str(error) == words if words else "1 to 16 capital letters" in str(error)


def test_born_today_and_long_ago() -> None:
    for day in ("2027-01-01", "1850-01-01"):
        order = parse_order(changed(FULL, "patient.birth_date", day), BERLIN, date(2027, 1, 1))
        assert order.patient.birth_date == date.fromisoformat(day)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert parse(changed(FULL, "procedures[0].steps[0].expected_instances", 2.0)).steps()[0].expected_instances == 2
    assert parse(changed(FULL, "patient.weight_kg", 31)).patient.weight_kg == 31.0


def test_every_error_is_told_at_once() -> None:
    document = changed(changed(FULL, "patient.id", ""), "procedures[0].steps[0].start", "soon")
    assert list(refused(changed(document, "x", 1))) == ["patient.id", "procedures[0].steps[0].start", "x"]


@pytest.mark.parametrize(
    ("start", "local", "utc"),
    [
        ("2026-11-23T10:15:00", "2026-11-23T10:15:00", "2026-11-23T09:15:00"),
        ("2026-07-23T10:15:00", "2026-07-23T10:15:00", "2026-07-23T08:15:00"),
        ("2026-11-23T10:15", "2026-11-23T10:15:00", "2026-11-23T09:15:00"),
        ("2026-11-23 10:15:00", "2026-11-23T10:15:00", "2026-11-23T09:15:00"),
        (" 2026-11-23T10:15:00.750 ", "2026-11-23T10:15:00", "2026-11-23T09:15:00"),
        ("2026-11-23", "2026-11-23T00:00:00", "2026-11-22T23:00:00"),
        ("2026-11-23T10:15:00Z", "2026-11-23T11:15:00", "2026-11-23T10:15:00"),
        ("2026-11-23T10:15:00-05:00", "2026-11-23T16:15:00", "2026-11-23T15:15:00"),
        ("2026-11-23T23:30:00-05:00", "2026-11-24T05:30:00", "2026-11-24T04:30:00"),
        ("2026-03-29T01:59:59", "2026-03-29T01:59:59", "2026-03-29T00:59:59"),
        ("2026-03-29T02:30:00", "2026-03-29T03:30:00", "2026-03-29T01:30:00"),
        ("2026-03-29T03:00:00", "2026-03-29T03:00:00", "2026-03-29T01:00:00"),
        ("2026-10-25T01:59:59", "2026-10-25T01:59:59", "2026-10-24T23:59:59"),
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00", "2026-10-25T00:30:00"),
        ("2026-10-25T03:00:00", "2026-10-25T03:00:00", "2026-10-25T02:00:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00", "2026-10-25T01:30:00"),
    ],
)
def test_start(start: str, local: str, utc: str) -> None:
    step = step_of(start=start)
    assert step.start == datetime.fromisoformat(local)
    assert step.start_utc == to_instant(datetime.fromisoformat(utc).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "start",
    ["", "soon", "23.11.2026", "2026-11-31", "2026-11-23T25:00", "2026-11-23T10:15:00+99:00", "10:15", "1899-12-31",
     "3000-01-01", 1, 1.5, True, [], {}],
    ids=str,
)  # fmt: skip
def test_bad_start(start: Any) -> None:
    assert list(refused(changed(LEAST, "procedures[0].steps[0].start", start))) == ["procedures[0].steps[0].start"]


@pytest.mark.parametrize(
    ("teeth", "system", "fdi"),
    [
        (["36", "11"], "fdi", ("36", "11")),
        (["36", "36"], "fdi", ("36",)),
        (["19", "8"], "universal", ("36", "11")),
        (["A", "t"], "universal", ("55", "85")),
        ([], "universal", ()),
    ],
)
def test_teeth(teeth: list[str], system: str, fdi: tuple[str, ...]) -> None:
    assert step_of(teeth=teeth, tooth_system=system).teeth == fdi


@pytest.mark.parametrize(("tooth", "system"), [("19", "fdi"), ("55", "universal"), ("", "fdi"), ("U", "universal")])
def test_a_tooth_that_does_not_exist(tooth: str, system: str) -> None:
    step = {**LEAST["procedures"][0]["steps"][0], "teeth": ["A" if system == "universal" else "11", tooth]}
    document = changed(LEAST, "procedures[0].steps", [{**step, "tooth_system": system}])
    assert list(refused(document)) == ["procedures[0].steps[0].teeth[1]"]


def test_station_ae_titles_stand_once() -> None:
    assert step_of(station_ae_titles=["B", "A", "B"]).station_ae_titles == ("B", "A")


def minter() -> Minter:
    bits, numbers = count(1), count(1)
    return Minter(lambda size: next(bits), lambda name: next(numbers))


TOO_LONG = changed(changed(FULL, "accession_number", LONG), "procedures[0].steps[0].id", LONG)

STATIONS = Devices([Device("DX9", modalities=("DX",))], accept_unknown=False)
NO_STATIONS = Devices([], accept_unknown=False)


@pytest.mark.parametrize(
    "document", [LEAST, FULL, changed(TOO_LONG, "procedures[0].id", LONG)], ids=["least", "full", "ids too long"]
)
def test_an_answer_can_be_sent_back_and_changes_nothing(document: dict[str, Any]) -> None:
    stored = place(parse(document), None, minter(), STATIONS, 1_800_000_000_000_000)
    answer = json.loads(json.dumps(order_document(stored)))
    assert place(parse(answer), stored, minter(), NO_STATIONS, 0) is stored


def test_an_answer_holds_all_that_was_sent() -> None:
    stored = place(parse(FULL), None, minter(), NO_STATIONS, 1_800_000_000_000_000)
    answer = order_document(stored)
    step = answer["procedures"][0]["steps"][0]
    assert (answer["status"], answer["version"], step["status"]) == ("SCHEDULED", 1, "SCHEDULED")
    assert answer["created_at"] == "2027-01-15T08:00:00.000Z"
    for path, sent in OBJECTS.items():
        shown: Any = answer
        for part in path.replace("[0]", ".0").split(".") if path else ():
            shown = shown[int(part)] if part == "0" else shown[part]
        for key, value in sent.items():
            if key != "tooth_system" and not isinstance(value, dict | list):
                assert shown[key] == value, f"{path}.{key}"
    assert step["teeth"] == ["36", "11"]


def test_an_answer_shows_what_was_minted_and_the_original() -> None:
    stored = place(parse(TOO_LONG), None, minter(), NO_STATIONS, 0)
    answer = order_document(stored)
    assert len(answer["accession_number"]) <= 16 and answer["original_accession_number"] == LONG
    step = answer["procedures"][0]["steps"][0]
    assert len(step["id"]) <= 16 and step["original_id"] == LONG
