"""What messages mean: order control, fields by HL7's data types, and each fault with its place."""

import re
from typing import Any

import pytest

from dicom_gateway.connectors.hl7.control import Action
from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.maps import load_map
from dicom_gateway.core.model import Order
from tests.connectors.hl7.samples import OBR, ORC, PID, message, read

ACTIONS = {
    ("NW", "SC"): Action.SAVE, ("NW", "IP"): Action.SAVE, ("NW", ""): Action.SAVE, ("XO", "SC"): Action.SAVE,
    ("XO", ""): Action.CHANGE, ("XO", "CM"): Action.COMPLETE, ("SC", "CM"): Action.COMPLETE,
    ("SC", "A"): Action.COMPLETE, ("SC", "IP"): Action.NEW_ONLY, ("CA", "CA"): Action.CANCEL, ("CA", ""): Action.CANCEL,
    ("DC", "CA"): Action.DISCONTINUE, ("DC", ""): Action.DISCONTINUE,
}  # fmt: skip
CODES = ("NW", "XO", "SC", "CA", "DC", "SN", "RP", "OK", "")
STATUSES = ("SC", "IP", "CM", "CA", "A", "DC", "HD", "")


def order_of(*segments: str, **values: Any) -> Order:
    (change,) = read(message(*segments, **values)).orders
    assert change.order is not None
    return change.order


def refusal_of(*segments: str, **values: Any) -> Hl7Error:
    with pytest.raises(Hl7Error) as raised:
        read(message(*segments, **values))
    return raised.value


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("status", STATUSES)
def test_order_control(code: str, status: str) -> None:
    raw = message(PID, f"ORC|{code}|A-1|||{status}||^^^20270115100000", OBR)
    if (code, status) in ACTIONS:
        (change,) = read(raw).orders
        assert change.action is ACTIONS[code, status]
        assert (change.placer_order_number, change.patient) == ("A-1", ("MYPMS", "P-78"))
        return
    with pytest.raises(Hl7Error, match=re.escape(code or "(empty)")) as raised:
        read(raw)
    assert (raised.value.ack, raised.value.code, raised.value.location) == ("AE", "101", "ORC^1^1")
    assert "Taken are NW SC, NW IP, NW, XO SC" in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "version", "segments", "fault"),
    [
        pytest.param("ORU^R01", "2.5", (), ("AR", "200", "MSH^1^9"), id="another type"),
        pytest.param("ORM^O02", "2.5", (), ("AR", "201", "MSH^1^9"), id="another event"),
        pytest.param("ADT^A99", "2.5", (PID,), ("AR", "201", "MSH^1^9"), id="another event of patients"),
        pytest.param("SIU^S26", "2.5", (PID,), ("AR", "201", "MSH^1^9"), id="another event of appointments"),
        pytest.param("ORM^O01", "3.0", (PID, ORC, OBR), ("AR", "203", "MSH^1^12"), id="another version"),
        pytest.param("ORM^O01", "2.5", (PID,), ("AE", "100", "ORC^1"), id="no order"),
        pytest.param("ORM^O01", "2.5", (ORC, OBR), ("AE", "100", "PID^1"), id="no patient"),
        pytest.param("ORM^O01", "2.5", ("PID|1||||Doe", ORC, OBR), ("AE", "101", "PID^1^3"), id="no patient id"),
        pytest.param("ORM^O01", "2.5", ("PID|1||7", ORC, OBR), ("AE", "101", "PID^1^5"), id="no name"),
        pytest.param(
            "ORM^O01",
            "2.5",
            (PID, ORC, "ORC|NW||||SC", "OBR|2"),
            ("AE", "101", "ORC^2^2"),
            id="no number in the second",
        ),
        pytest.param("ORM^O01", "2.5", (PID, ORC, "OBR|1|A-1"), ("AE", "101", "OBR^1^24"), id="no modality"),
        pytest.param(
            "ORM^O01", "2.5", (PID, ORC.replace("2027", "27-"), OBR), ("AE", "102", "ORC^1^7^1^4"), id="bad start"
        ),
        pytest.param(
            "ORM^O01",
            "2.5",
            (PID.replace("20190501", "20190230"), ORC, OBR),
            ("AE", "102", "PID^1^7"),
            id="no such day",
        ),
        pytest.param(
            "ORM^O01",
            "2.5",
            (PID.replace("20190501", "20270116"), ORC, OBR),
            ("AE", "102", "PID^1^7"),
            id="not born yet",
        ),
        pytest.param(
            "ORM^O01", "2.5", (PID.replace("P-78", "9" * 65), ORC, OBR), ("AE", "102", "PID^1^3"), id="id too long"
        ),
        pytest.param("ORM^O01", "2.5", (PID, ORC), ("AE", "100", "OBR^1"), id="no request"),
        pytest.param(
            "ORM^O01", "2.5", (PID, ORC, OBR, ORC.replace("A-1", "A-2")), ("AE", "100", "OBR^2"), id="no second request"
        ),
        pytest.param("ORM^O01", "2.5", (PID, OBR), ("AE", "100", "ORC^1"), id="no order control"),
        pytest.param("OMI^O23", "2.5", (PID, ORC, OBR), ("AE", "100", "IPC^1"), id="no step"),
        pytest.param("", "2.5", (PID, ORC, OBR), ("AE", "101", "MSH^1^9"), id="no message type"),
        pytest.param(
            "OMG^O19", "2.5", (PID, ORC, OBR, PID, "OBR|1|OLD"), ("AE", "100", "PID^2^3"), id="a prior result"
        ),
        pytest.param(
            "ORM^O01",
            "2.5",
            (PID, ORC, OBR, PID.replace("Rex", "Max"), ORC, OBR),
            ("AE", "100", "PID^2^5"),
            id="another name",
        ),
        pytest.param(
            "SIU^S12",
            "2.5",
            ("SCH|A-1", PID, PID.replace("8", "9"), "AIS|1|A|X|202702011400"),
            ("AE", "100", "PID^2^3"),
            id="an appointment of two patients",
        ),
        pytest.param("ADT^A08", "2.5", (), ("AE", "100", "PID^1"), id="nobody"),
        pytest.param("ADT^A40", "2.5", (PID,), ("AE", "100", "MRG^1"), id="merged with nobody"),
        pytest.param("ADT^A08", "2.5", ("PID|1||||Doe",), ("AE", "101", "PID^1^3"), id="a patient without an id"),
        pytest.param("SIU^S12", "2.5", ("SCH|", PID), ("AE", "101", "SCH^1^26"), id="appointment of no order"),
        pytest.param("SIU^S12", "2.5", ("SCH|A-1", PID), ("AE", "100", "AIS^1"), id="appointment without a time"),
    ],
)
def test_what_cannot_be_taken_is_named(
    kind: str, version: str, segments: tuple[str, ...], fault: tuple[str, str, str]
) -> None:
    error = refusal_of(*segments, kind=kind, version=version)
    assert (error.ack, error.code, error.location) == fault


def test_every_fault_of_a_message_is_told_at_once() -> None:
    error = refusal_of(PID.replace("20190501", "18000101"), ORC, OBR.replace("|DX", "|toolongforamodality"))
    assert [fault.location for fault in error.faults] == ["PID^1^7", "OBR^1^24^1^1"]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("Doe^Rex", "Doe^Rex"),
        ("Doe^John^Q^Jr^Dr^MD", "Doe^John^Q^Dr^Jr MD"),
        ("Doe^John^^^^MD", "Doe^John^^^MD"),
        ("van der Berg&van der&Berg^Kim", "van der Berg^Kim"),
        ("Yamada^Taro^^^^^^A~\u5c71\u7530^\u592a\u90ce^^^^^^I~\u3084\u307e\u3060^\u305f\u308d\u3046^^^^^^P",
         "Yamada^Taro=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046"),
        ("Doe~Roe", "Doe"),
        (r"A\S\B\E\C^Rex", "A B C^Rex"),
    ],
)  # fmt: skip
def test_a_name_is_put_in_the_order_of_dicom(sent: str, name: str) -> None:
    assert order_of(PID.replace("Doe^Rex", sent), ORC, OBR).patient.name == name


@pytest.mark.parametrize(
    ("sent", "local"),
    [
        ("20270115", "2027-01-15T00:00:00"),
        ("202701151030", "2027-01-15T10:30:00"),
        ("2027011510", "2027-01-15T10:00:00"),
        ("20270115103045.123", "2027-01-15T10:30:45"),
        ("20270115103000+0000", "2027-01-15T11:30:00"),
        ("20270115103000&D", "2027-01-15T00:00:00"),
        ("20270115103000&M", "2027-01-15T10:30:00"),
    ],
)
def test_a_start_has_its_precision_and_its_zone(sent: str, local: str) -> None:
    (step,) = order_of(PID, ORC.replace("20270115100000", sent), OBR).steps()
    assert step.start.isoformat() == local


def test_an_order_without_a_start_is_for_today() -> None:
    (step,) = order_of(PID, "ORC|NW|A-1|||SC", OBR).steps()
    assert step.start.isoformat() == "2027-01-15T00:00:00"


@pytest.mark.parametrize(
    ("number", "unit", "weight"),
    [
        ("12.5", "kg", 12.5), ("5900", "g", 5.9), ("10", "lb", 4.53592), ("4,2", "KG", 4.2),
        ("12", "stone", None), ("12", "", None), ("heavy", "kg", None), ("0", "kg", None),
    ],
)  # fmt: skip
def test_a_weight_is_made_kilograms(number: str, unit: str, weight: float | None) -> None:
    raw = message(PID, ORC, OBR, f"OBX|1|NM|^BODY Weight||{number}|{unit}", "OBX|2|NM|^Body Height||60|cm")
    found = read(raw)
    (change,) = found.orders
    assert change.order is not None
    assert (change.order.patient.weight_kg, change.order.patient.size_m) == (weight, 0.6)
    assert bool([remark for remark in found.remarks if "weight" in remark]) is (weight is None and number != "0")


@pytest.mark.parametrize(
    ("sent", "sex"), [("M", "M"), ("F", "F"), ("O", "O"), ("U", ""), ("A", "O"), ("N", "O"), ("", "")]
)
def test_a_sex_that_dicom_does_not_have_is_another(sent: str, sex: str) -> None:
    assert order_of(PID[:-1] + sent, ORC, OBR).patient.sex == sex


def test_the_id_of_the_configured_authority_is_the_patients() -> None:
    pid = PID.replace("P-78^^^MYPMS", "1^^^OTHER~2^^^MYPMS&1.2.3&ISO~3")
    (change,) = read(message(pid, ORC, OBR), load_map(source="mypms", assigning_authority="MYPMS")).orders
    assert change.order is not None
    assert (change.patient, {one.id for one in change.order.patient.other_ids}) == (("MYPMS", "2"), {"1", "3"})
    assert order_of(pid, ORC, OBR).patient.id == "1"


def test_a_birth_date_without_its_day_is_left_out_and_told() -> None:
    found = read(message(PID.replace("20190501", "2019"), ORC, OBR))
    assert found.orders[0].order is not None
    assert found.orders[0].order.patient.birth_date is None
    assert "PID-7: a date without its day is left out" in found.remarks


def test_a_null_is_no_value() -> None:
    order = order_of('PID|1||P-78^^^MYPMS||Doe^Rex||""|""|""', ORC, OBR)
    assert (order.patient.birth_date, order.patient.sex, order.patient.responsible_person_role) == (None, "", "")


def test_several_groups_of_one_number_are_one_order() -> None:
    order = order_of(PID, ORC, OBR, ORC, OBR.replace("THX^Thorax", "ABD^Abdomen"))
    assert [procedure.description for procedure in order.procedures] == ["Thorax", "Abdomen"]


def test_several_requests_of_one_control_are_one_order() -> None:
    order = order_of(PID, ORC, OBR, OBR.replace("|DX", "|US"))
    assert [step.modality for step in order.steps()] == ["DX", "US"]


def test_requests_of_one_procedure_id_are_its_steps() -> None:
    request = OBR.replace("|" * 20, "|" * 15 + "RP-1" + "|" * 5)
    order = order_of(PID, ORC, request, ORC, request)
    assert [len(procedure.steps) for procedure in order.procedures] == [2]


def test_several_numbers_are_several_orders_of_one_patient() -> None:
    raw = message(PID, ORC, OBR, ORC.replace("A-1", "A-2"), OBR.replace("A-1", "A-2"), "OBX|1|NM|^Body Weight||7|kg")
    found = [change.order for change in read(raw).orders]
    assert [order and (order.placer_order_number, order.patient.weight_kg) for order in found] == [
        ("A-1", 7),
        ("A-2", 7),
    ]


def test_a_value_of_one_order_is_not_that_of_another() -> None:
    error = refusal_of(PID, ORC, OBR, ORC.replace("A-1", "A-2"), "OBR|2|A-2")
    assert error.location == "OBR^2^24"


def test_two_accession_numbers_in_one_order_are_refused() -> None:
    first = OBR.replace("^99X||||||||||||||", "^99X||||||||||||||ACC-1", 1)
    error = refusal_of(PID, ORC, first, ORC, first.replace("ACC-1", "ACC-2"))
    assert (error.code, error.location) == ("102", "OBR^1^18")


def test_a_part_that_is_cancelled_is_a_cancelled_step() -> None:
    order = order_of(PID, ORC, OBR, ORC.replace("NW", "CA").replace("|SC|", "|CA|"), OBR)
    assert [step.status for step in order.steps()] == ["SCHEDULED", "CANCELED"]


def test_parts_that_contradict_each_other_are_refused() -> None:
    error = refusal_of(PID, ORC, OBR, ORC.replace("NW", "DC").replace("|SC|", "|CA|"), OBR)
    assert (error.ack, error.code) == ("AE", "101")


def test_notes_belong_to_what_they_follow() -> None:
    order = order_of(PID, "NTE|1||Bites", ORC, "NTE|1||Urgent", OBR, "NTE|1||Left\\.br\\Right")
    assert order.patient.comments == "Bites"
    assert order.procedures[0].comments == "Urgent\nLeft\nRight"


def test_clinical_information_is_never_cut() -> None:
    words = " ".join(["word"] * 40)
    order = order_of(PID, ORC, OBR.replace("^99X|||||||||", f"^99X|||||||||{words}", 1))
    assert " ".join(order.patient.medical_alerts) == words
    assert max(map(len, order.patient.medical_alerts)) <= 64


@pytest.mark.parametrize(("event", "action"), [("S12", "APPOINT"), ("S13", "APPOINT"), ("S14", "APPOINT"),
                                               ("S15", "CANCEL"), ("S17", "CANCEL")])  # fmt: skip
def test_appointments(event: str, action: str) -> None:
    raw = message("SCH|A-1", PID, "AIS|1|A|X|202701201400", "AIL|1|A|ROOM 2", kind=f"SIU^{event}")
    (change,) = read(raw).orders
    assert change.action is Action[action]
    assert change.document is None
    if action == "APPOINT":
        assert change.appointed == ("start", "station_name", "location")


def test_an_appointment_is_a_whole_order_where_the_map_says_so(tmp_path: Any) -> None:
    path = tmp_path / "siu.toml"
    path.write_text('base = "default"\n[step]\nmodality = { from = "", default = "DX" }\n')
    raw = message("SCH|A-1", PID, "AIS|1|A|THX^Thorax^99X|202701201400", kind="SIU^S12")
    (change,) = read(raw, load_map(path, source="mypms")).orders
    assert change.document is not None
    assert change.document["procedures"][0]["description"] == "Thorax"


def test_patients_of_one_message_are_merged_one_by_one() -> None:
    raw = message(PID, "MRG|1", PID.replace("P-78", "P-79"), "MRG|2^^^MYPMS", kind="ADT^A40")
    found = read(raw).patients
    assert [(change.identity, change.old) for change in found] == [
        (("MYPMS", "P-78"), ("", "1")),
        (("MYPMS", "P-79"), ("MYPMS", "2")),
    ]


def test_an_update_names_what_it_says_and_what_it_deletes() -> None:
    (change,) = read(message('PID|1||P-78||""||""|F', "NTE|1||Bites", kind="ADT^A08")).patients
    assert change.named == {"birth_date", "sex", "comments"}
    assert (change.patient.birth_date, change.patient.sex, change.patient.comments) == (None, "F", "Bites")


def test_the_event_may_stand_in_evn() -> None:
    assert read(message("EVN|A08", PID, kind="ADT")).event == "ADT^A08"


def test_what_nobody_reads_is_listed() -> None:
    found = read(message(PID, ORC, OBR, "ZZZ|1|hello|"))
    assert ("ZZZ-2", "hello") in found.ignored
    assert not [place for place, _ in found.ignored if place in ("ORC-1", "ORC-5", "PID-5")]


def test_a_message_without_a_control_id_is_refused() -> None:
    raw = message(PID, ORC, OBR).replace(b"|C-1|", b"||")
    with pytest.raises(Hl7Error, match="MSH-10 is empty") as raised:
        read(raw)
    assert (raised.value.ack, raised.value.code, raised.value.location) == ("AE", "101", "MSH^1^10")


def test_what_follows_a_repeated_patient_is_of_the_next_orders() -> None:
    visits = ("PV1|1|||||||1^House", "PV1|2|||||||2^Grey")
    second, third = (ORC.replace("A-1", number) for number in ("B-2", "C-3"))
    raw = message(PID, visits[0], ORC, OBR, PID, visits[1], second, OBR, third, OBR)
    physicians = [one.order.referring_physician for one in read(raw).orders if one.order]
    assert physicians == ["House", "Grey", "Grey"]
