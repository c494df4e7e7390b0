"""The worklist over the wire: character sets, statuses, what is hidden, how many, and cancelling (PS3.4 K)."""

import struct
from datetime import date, timedelta
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from dicom_gateway.core.model import Order
from dicom_gateway.dicom.contexts import WORKLIST_FIND
from dicom_gateway.dicom.worklist import KEPT_QUERY_BYTES
from tests.dicom import wire
from tests.dicom.conftest import Serve
from tests.dicom.objects import ended, keys, performed, reference
from tests.dicom.running import TESTER, Running
from tests.dicom.wire import EXPLICIT, IMPLICIT

FIRST_DAY = date(2027, 3, 1)
NOON_UTC = 1_803_988_800_000_000  # 2027-03-02T12:00:00Z


def many_steps(gateway: Running, count: int, day: date = FIRST_DAY) -> Order:
    """Take in one order with many steps."""
    steps = [
        {"modality": "DX", "station_ae_titles": ["DX1"], "start": f"{day}T10:00:00", "description": f"view {n}"}
        for n in range(count)
    ]
    return gateway.add_order(procedures=[{"steps": steps[n : n + 50]} for n in range(0, count, 50)])


@pytest.mark.parametrize(
    ("name", "character_set", "encoded"),
    [
        pytest.param("Doe^Rex", None, b"Doe^Rex", id="ASCII"),
        pytest.param("Müller^Jürgen", "ISO_IR 100", "Müller^Jürgen".encode("latin-1"), id="umlauts"),
        pytest.param("Yamada^Tarou=山田^太郎", "ISO_IR 192", "Yamada^Tarou=山田^太郎".encode(), id="Japanese"),
        pytest.param("Łukasz^Żak", "ISO_IR 192", "Łukasz^Żak".encode(), id="Polish"),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_an_answer_has_the_smallest_character_set_that_holds_its_text(
    gateway: Running, name: str, character_set: str | None, encoded: bytes, syntax: str
) -> None:
    order = gateway.add_order(patient_name=name)
    found = gateway.find(keys(order, PatientID=""), syntax)
    assert found.statuses == [0xFF00, 0x0000]
    (answer,) = found.answers
    assert answer.get("SpecificCharacterSet") == character_set
    assert answer.PatientName == name
    assert answer.PatientID == order.patient.id
    assert encoded in wire.encode(answer)


def test_text_in_a_sequence_counts_for_the_character_set(gateway: Running) -> None:
    order = gateway.add_order(description="Schädel seitlich")
    (answer,) = gateway.find(keys(order, ScheduledProcedureStepDescription="")).answers
    assert answer.SpecificCharacterSet == "ISO_IR 100"
    assert answer.ScheduledProcedureStepSequence[0].ScheduledProcedureStepDescription == "Schädel seitlich"
    (answer,) = gateway.find(keys(order, Modality="")).answers  # not asked for
    assert "SpecificCharacterSet" not in answer


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        pytest.param("ISO_IR 100", "GRÜN*^JÖRG", id="Latin-1"),
        pytest.param("ISO_IR 192", "GRÜN*^JÖRG", id="UTF-8"),
        pytest.param(None, "GRUN*^JORG", id="without accents"),
    ],
)
def test_a_key_matches_whatever_its_character_set(gateway: Running, character_set: str | None, name: str) -> None:
    other = gateway.add_order(patient_name="Gruenwald^Joerg")  # spelt otherwise
    order = gateway.add_order(patient_name="Grünwald^Jörg")
    asked = keys(PatientName=name)
    if character_set:
        asked.SpecificCharacterSet = character_set
    found = {answer.AccessionNumber for answer in gateway.find(asked).answers}
    assert order.accession_number in found
    assert other.accession_number not in found


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("declared", [b"ISO_IR 999", b"          ", b"ISO_IR_192", b"\\ISO 2022 "])
def test_an_unknown_character_set_fails_no_query(gateway: Running, declared: bytes) -> None:
    order = gateway.add_order()
    asked = keys(order, SpecificCharacterSet="ISO_IR 101")
    assert gateway.find(wire.encode(asked).replace(b"ISO_IR 101", declared)).statuses == [0xFF00, 0x0000]


def private_key(asked: Dataset) -> None:
    asked.add_new(0x00310010, "LO", "DEVICE")
    asked.add_new(0x00311001, "LO", "")


def nested_private_key(asked: Dataset) -> None:
    private_key(asked.ScheduledProcedureStepSequence[0])


def other_attribute(asked: Dataset) -> None:
    asked.WindowCenter = ""


def query_retrieve_level(asked: Dataset) -> None:
    asked.QueryRetrieveLevel = "PATIENT"


def pregnancy_status(asked: Dataset) -> None:
    asked.PregnancyStatus = 0


def empty_character_set(asked: Dataset) -> None:
    asked.SpecificCharacterSet = ""


def time_zone(asked: Dataset) -> None:
    asked.TimezoneOffsetFromUTC = "+0100"


def known_but_always_empty(asked: Dataset) -> None:
    asked.PreMedication = asked.CurrentPatientLocation = asked.PatientComments = ""


@pytest.mark.parametrize(
    ("add", "status"),
    [
        pytest.param(lambda asked: None, 0xFF00, id="keys of the model"),
        pytest.param(query_retrieve_level, 0xFF00, id="QueryRetrieveLevel"),
        pytest.param(pregnancy_status, 0xFF00, id="PregnancyStatus 0"),
        pytest.param(empty_character_set, 0xFF00, id="empty character set"),
        pytest.param(time_zone, 0xFF00, id="time zone"),
        pytest.param(private_key, 0xFF01, id="private"),
        pytest.param(nested_private_key, 0xFF01, id="private, in the step"),
        pytest.param(other_attribute, 0xFF01, id="not in the model"),
    ],
)
def test_only_a_key_that_is_not_supported_makes_the_answer_a_warning(gateway: Running, add: Any, status: int) -> None:
    order = gateway.add_order()
    asked = keys(order)
    add(asked)
    found = gateway.find(asked)
    assert found.statuses == [status, 0x0000]
    assert found.answers[0].AccessionNumber == order.accession_number


def test_a_key_that_is_known_and_empty_comes_back_empty(gateway: Running) -> None:
    asked = keys(gateway.add_order())
    known_but_always_empty(asked.ScheduledProcedureStepSequence[0])
    asked.CurrentPatientLocation = ""
    del asked.ScheduledProcedureStepSequence[0].CurrentPatientLocation
    del asked.ScheduledProcedureStepSequence[0].PatientComments
    found = gateway.find(asked)
    assert found.statuses == [0xFF00, 0x0000]
    assert found.answers[0]["CurrentPatientLocation"].is_empty
    assert found.answers[0].ScheduledProcedureStepSequence[0]["PreMedication"].is_empty


def test_group_lengths_are_harmless(gateway: Running) -> None:
    asked = wire.encode(keys(gateway.add_order()))
    group_length = struct.pack("<HH2sHL", 8, 0, b"UL", 4, 24)
    assert gateway.find(group_length + asked).statuses == [0xFF00, 0x0000]


def test_an_answer_holds_what_was_asked_for_and_nothing_else(gateway: Running) -> None:
    (answer,) = gateway.find(keys(gateway.add_order(), Modality="", RequestedProcedureID="")).answers
    assert {element.keyword for element in answer} == {
        "AccessionNumber",
        "PatientName",
        "RequestedProcedureID",
        "ScheduledProcedureStepSequence",
    }
    assert [element.keyword for element in answer.ScheduledProcedureStepSequence[0]] == ["Modality"]


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        pytest.param({"ScheduledProcedureStepStartDate": "20261123"}, 1, id="day"),
        pytest.param({"ScheduledProcedureStepStartDate": "20261120-20261125"}, 1, id="range"),
        pytest.param({"ScheduledProcedureStepStartDate": "20261124-"}, 0, id="later"),
        pytest.param({"ScheduledProcedureStepStartDate": "next week"}, 0, id="no date"),
        pytest.param({"ScheduledProcedureStepStartTime": "10-11"}, 1, id="time range"),
        pytest.param({"ScheduledStationAETitle": "DX1"}, 1, id="station"),
        pytest.param({"ScheduledStationAETitle": "DX"}, 0, id="part of a station"),
        pytest.param({"Modality": "DX"}, 1, id="modality"),
        pytest.param({"Modality": "dx"}, 0, id="modality has case"),
        pytest.param({"StudyInstanceUID": "no uid"}, 0, id="no UID"),
        pytest.param({"PatientSize": "tall"}, 0, id="no number"),
        pytest.param({"PatientWeight": "*"}, 1, id="universal by a star"),
    ],
)
def test_a_bad_value_of_a_key_matches_nothing_and_fails_nothing(
    gateway: Running, attributes: dict[str, str], found: int
) -> None:
    """Values go out as bytes: pydicom would not write some of them."""
    order = gateway.add_order()
    asked = keys(order, **dict.fromkeys(attributes, ""))
    data = wire.encode(asked)
    for keyword, value in attributes.items():
        raw = value.encode() + b" " * (len(value) % 2)
        step = asked.ScheduledProcedureStepSequence[0]
        element = (step if keyword in step else asked)[keyword]
        head = struct.pack("<HH2s", element.tag.group, element.tag.element, element.VR.encode())
        data = data.replace(head + b"\0\0", head + struct.pack("<H", len(raw)) + raw)
        if keyword in step:
            data = with_sequence_length(data, len(raw))
    assert gateway.find(data).statuses == [0xFF00] * found + [0x0000]


def with_sequence_length(data: bytes, more: int) -> bytes:
    """Return the bytes with the length of the step sequence and of its item corrected."""
    place = data.index(struct.pack("<HH2s", 0x0040, 0x0100, b"SQ"))
    sequence, item = struct.unpack_from("<L", data, place + 8)[0], struct.unpack_from("<L", data, place + 16)[0]
    fixed = bytearray(data)
    struct.pack_into("<L", fixed, place + 8, sequence + more)
    struct.pack_into("<L", fixed, place + 16, item + more)
    return bytes(fixed)


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
def test_a_step_that_has_ended_is_shown_only_to_those_who_ask(gateway: Running, status: str) -> None:
    order = gateway.add_order()
    uid = f"1.2.3.{order.accession_number.lstrip('0')}.{len(status)}"
    gateway.create_mpps(uid, performed(reference(order), PatientID=order.patient.id))
    assert gateway.find(keys(order)).statuses == [0xFF00, 0x0000]  # a started one stays
    gateway.set_mpps(uid, ended(status))
    assert gateway.find(keys(order)).statuses == [0x0000]
    assert gateway.find(keys(order, ScheduledProcedureStepStatus="")).statuses == [0x0000]
    asked = keys(order, ScheduledProcedureStepStatus=status)
    (answer,) = gateway.find(asked).answers
    assert answer.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == status
    assert gateway.find(keys(order, ScheduledProcedureStepStatus="SCHEDULED")).statuses == [0x0000]


def test_more_matches_than_the_limit_are_refused_as_a_whole(serve: Serve) -> None:
    gateway = serve(max_answers=3)
    orders = [gateway.add_order() for _ in range(3)]
    assert gateway.find(keys()).statuses == [0xFF00] * 3 + [0x0000]
    orders.append(gateway.add_order())
    found = gateway.find(keys())
    assert found.statuses == [0xA700]
    assert found.comment == "more than 3 matches; narrow the query"
    assert gateway.find(keys(orders[3])).statuses == [0xFF00, 0x0000]


def test_an_answer_has_one_step_and_all_pages_come(serve: Serve) -> None:
    """More steps than a page of the database holds, of the same moment."""
    gateway = serve()
    order = many_steps(gateway, 450)
    found = gateway.find(keys(order, ScheduledProcedureStepID=""))
    assert found.statuses == [0xFF00] * 450 + [0x0000]
    steps = [answer.ScheduledProcedureStepSequence for answer in found.answers]
    assert {len(sequence) for sequence in steps} == {1}
    assert {sequence[0].ScheduledProcedureStepID for sequence in steps} == {step.id for step in order.steps()}


ALL = {"PatientID": "", "RequestedProcedureDescription": "", "ScheduledProcedureStepStatus": "", "Modality": ""}
SENT = {"placer_order_number": "changes", "patient_id": "P-1", "accession_number": "CHANGES"}


def shown(gateway: Running, syntax: str = EXPLICIT) -> list[tuple[str, ...]]:
    """Return what the one order shows, to a query that is always the same."""
    asked = keys(AccessionNumber="CHANGES", **ALL)
    steps = [(answer, answer.ScheduledProcedureStepSequence[0]) for answer in gateway.find(asked, syntax).answers]
    return [
        (
            str(answer.PatientName),
            answer.get("SpecificCharacterSet", ""),
            step.Modality,
            step.ScheduledProcedureStepStatus,
        )
        for answer, step in steps
    ]


def test_a_changed_order_is_served_new_at_once(serve: Serve) -> None:
    """What is kept of an order, its elements and the compiled query, is asked for again after each change."""
    gateway = serve()
    order = gateway.add_order(**SENT)
    for syntax in (EXPLICIT, IMPLICIT, EXPLICIT):
        assert shown(gateway, syntax) == [("Doe^Rex", "", "DX", "SCHEDULED")]
    gateway.add_order(**SENT, patient_name="Müller^Rex")
    assert shown(gateway) == shown(gateway, IMPLICIT) == [("Müller^Rex", "ISO_IR 100", "DX", "SCHEDULED")]
    gateway.add_order(**SENT, patient_name="山田^太郎", modality="IO")
    assert shown(gateway) == shown(gateway, IMPLICIT) == [("山田^太郎", "ISO_IR 192", "IO", "SCHEDULED")]
    gateway.add_order(**SENT)
    assert shown(gateway) == [("Doe^Rex", "", "DX", "SCHEDULED")]
    gateway.create_mpps("1.2.3.4.5", performed(reference(order), PatientID="P-1"))
    assert shown(gateway) == [("Doe^Rex", "", "DX", "STARTED")]
    gateway.set_mpps("1.2.3.4.5", ended("COMPLETED"))
    assert shown(gateway) == []


def test_a_cancelled_step_is_gone_at_once_and_comes_back(serve: Serve) -> None:
    gateway = serve()
    order = gateway.add_order(**SENT)
    assert len(shown(gateway)) == 1
    gateway.orders.cancel(order.id, TESTER)
    assert shown(gateway) == []
    asked = keys(AccessionNumber="CHANGES", ScheduledProcedureStepStatus="CANCELED")
    assert gateway.find(asked).statuses == [0xFF00, 0x0000]
    gateway.add_order(**SENT, patient_name="Doe^Max")
    assert len(shown(gateway)) == 1
    assert gateway.find(asked).statuses == [0x0000]


def test_a_key_that_no_longer_matches_finds_a_changed_order_no_more(serve: Serve) -> None:
    gateway = serve()
    gateway.add_order(**SENT)
    asked = keys(PatientName="Doe*")
    assert gateway.find(asked).statuses == [0xFF00, 0x0000]
    gateway.add_order(**SENT, patient_name="Roe^Rex")
    assert gateway.find(asked).statuses == [0x0000]
    assert gateway.find(keys(PatientName="Roe*")).statuses == [0xFF00, 0x0000]


def test_an_identifier_too_long_to_be_kept_is_answered(gateway: Running) -> None:
    order = gateway.add_order()
    asked = keys(order, ReasonForTheRequestedProcedure="")
    asked.add_new(0x00310010, "LO", "DEVICE")
    asked.add_new(0x00311001, "UT", "x" * 2 * KEPT_QUERY_BYTES)
    for _ in range(2):
        assert gateway.find(asked).statuses == [0xFF01, 0x0000]


def test_a_query_can_be_cancelled(serve: Serve) -> None:
    gateway = serve()
    many_steps(gateway, 1000)
    command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": WORKLIST_FIND, "Priority": 0}
    cancel = {"CommandField": wire.C_CANCEL, "MessageID": None}
    with gateway.associate((WORKLIST_FIND, (EXPLICIT,))) as association:
        message_id = association.send(1, command, wire.encode(keys()))
        statuses = [association.receive().status]
        association.send(1, {**cancel, "MessageIDBeingRespondedTo": message_id})
        while statuses[-1] == 0xFF00:
            statuses.append(association.receive().status)
        assert statuses[-1] == 0xFE00
        assert len(statuses) < 1000
        message_id = association.send(1, command, wire.encode(keys(AccessionNumber="none")))
        assert association.receive().status == 0x0000  # the cancel was for the other query


def test_a_cancel_of_another_message_changes_nothing(gateway: Running) -> None:
    asked = keys(gateway.add_order())
    command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": WORKLIST_FIND, "Priority": 0}
    with gateway.associate((WORKLIST_FIND, (EXPLICIT,))) as association:
        association.send(1, {"CommandField": wire.C_CANCEL, "MessageID": None, "MessageIDBeingRespondedTo": 999})
        association.send(1, command, wire.encode(asked))
        assert [association.receive().status for _ in range(2)] == [0xFF00, 0x0000]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff" * 100, id="no elements"),
        pytest.param(wire.encode(keys())[:-3], id="truncated"),
        pytest.param(struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", 400) + b"x", id="past the end"),
        pytest.param(
            (struct.pack("<HH2sHL", 0x0040, 0x0100, b"SQ", 0, 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 5000,
            id="5,000 levels",
        ),
    ],
)
def test_an_identifier_that_cannot_be_decoded_is_refused(gateway: Running, data: bytes) -> None:
    found = gateway.find(data)
    assert found.statuses == [0xC000]
    assert found.comment
    assert gateway.find(keys(gateway.add_order())).statuses == [0xFF00, 0x0000]


def test_a_query_without_keys_finds_everything(serve: Serve) -> None:
    gateway = serve()
    gateway.add_order()
    asked = Dataset()
    asked.PatientName = ""
    assert gateway.find(asked).statuses == [0xFF00, 0x0000]
    asked.ScheduledProcedureStepSequence = Items([])
    assert gateway.find(asked).statuses == [0xFF00, 0x0000]


@pytest.mark.parametrize(
    ("hide_after_days", "shown"),
    [pytest.param(0, {0, 1, 2, 3, 30}, id="off"), pytest.param(2, {0, 1, 2}, id="two days")],
)
def test_old_steps_are_hidden_by_day_of_the_practice(serve: Serve, hide_after_days: int, shown: set[int]) -> None:
    gateway = serve(hide_after_days=hide_after_days, clock=lambda: NOON_UTC)
    today = date(2027, 3, 2)
    orders = {n: gateway.add_order(start=f"{today - timedelta(days=n)}T00:00:00") for n in (0, 1, 2, 3, 30)}
    found = {answer.AccessionNumber for answer in gateway.find(keys()).answers}
    assert found == {orders[n].accession_number for n in shown}


def test_a_day_begins_at_midnight_of_the_practice(serve: Serve) -> None:
    """23:30 UTC is the next day in Berlin."""
    gateway = serve(hide_after_days=1, clock=lambda: NOON_UTC + int(11.5 * 3600) * 1_000_000)
    gateway.add_order(start="2027-03-01T23:59:00")
    kept = gateway.add_order(start="2027-03-02T00:00:00")
    assert [answer.AccessionNumber for answer in gateway.find(keys()).answers] == [kept.accession_number]


def test_the_class_of_the_command_must_be_that_of_the_context(gateway: Running) -> None:
    command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": "1.2.840.10008.5.1.4.1.2.2.1", "Priority": 0}
    with gateway.associate((WORKLIST_FIND, (EXPLICIT,))) as association:
        association.send(1, command, wire.encode(keys()))
        assert association.receive().status == 0x0122
        association.send(1, {**command, "AffectedSOPClassUID": WORKLIST_FIND}, wire.encode(keys(AccessionNumber="-")))
        assert association.receive().status == 0x0000


def test_findscu_finds_an_order(gateway: Running) -> None:
    order = gateway.add_order(patient_name="Doe^Findus")
    shown = gateway.findscu("PatientName=doe^findus", "StudyInstanceUID", "(0040,0100)[0].Modality=DX")
    assert "Doe^Findus" in shown
    assert order.procedures[0].study_instance_uid in shown
    assert "Find Response: 1 (Pending)" in shown
    assert "Find Response: 2" not in shown


def test_a_query_without_an_identifier_cannot_be_processed(gateway: Running) -> None:
    gateway.add_order()
    command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": WORKLIST_FIND, "Priority": 0}
    with gateway.associate((WORKLIST_FIND, (EXPLICIT,))) as association:
        assert association.request(1, command).status == 0xC000
        assert association.request(1, command, wire.encode(keys(AccessionNumber="-"))).status == 0x0000
