"""MPPS over the wire: each row of the table of statuses that is an answer of ours (PS3.4 F.7.2, F.8.2, PS3.7 10.1)."""

import struct
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid

from dicom_gateway.dicom.contexts import MPPS, MPPS_RETRIEVE, VERIFICATION
from tests.dicom import wire
from tests.dicom.objects import DX_IMAGE, ended, performed, reference
from tests.dicom.running import Running
from tests.dicom.wire import EXPLICIT
from tests.peers import dcmjs

STATUS_TAG = 0x00400252
NO_LONGER = "Performed Procedure Step Object may no longer be updated"


def steps(*items: Dataset) -> Items:
    """Return a ScheduledStepAttributesSequence, also one without an item."""
    return Items(items)


@pytest.mark.parametrize(
    ("attributes", "status", "comment"),
    [
        pytest.param({}, 0x0000, None, id="as it should be"),
        pytest.param(
            {"PerformedProcedureStepStatus": "COMPLETED"},
            0x0106,
            "an N-CREATE has the status IN PROGRESS",
            id="completed at once",
        ),
        pytest.param({"PerformedProcedureStepStatus": "STARTED"}, 0x0106, "'STARTED' is no status", id="another text"),
        pytest.param(
            {"PerformedProcedureStepStatus": None}, 0x0120, "PerformedProcedureStepStatus is required", id="no status"
        ),
        pytest.param(
            {"ScheduledStepAttributesSequence": None},
            0x0120,
            "ScheduledStepAttributesSequence is required",
            id="no step sequence",
        ),
        pytest.param(
            {"ScheduledStepAttributesSequence": steps()},
            0x0121,
            "ScheduledStepAttributesSequence is required",
            id="empty step sequence",
        ),
        pytest.param(
            {"ScheduledStepAttributesSequence": steps(reference(StudyInstanceUID=None))},
            0x0120,
            "StudyInstanceUID is required",
            id="no study",
        ),
        pytest.param(
            {"ScheduledStepAttributesSequence": steps(reference(StudyInstanceUID=""))},
            0x0121,
            "StudyInstanceUID is required",
            id="empty study",
        ),
        pytest.param({"PatientName": None, "Modality": None, "StudyID": None}, 0x0000, None, id="others absent"),
        pytest.param({"PatientID": "", "PerformedProcedureStepID": ""}, 0x0000, None, id="others empty"),
        pytest.param({"PatientID": None, "PatientBirthDate": None}, 0x0000, None, id="no patient"),
    ],
)
def test_a_create_needs_a_status_and_a_study_only(
    gateway: Running, attributes: dict[str, Any], status: int, comment: str | None
) -> None:
    uid = generate_uid()
    answer = gateway.create_mpps(uid, performed(**attributes))
    assert answer.status == status
    assert answer.command.get("ErrorComment") == comment
    assert answer.data == b""
    assert gateway.get_mpps(uid)[0] == (0x0112 if status else 0x0000)  # a refused one is not kept


@pytest.mark.parametrize(
    ("uid", "status"),
    [
        pytest.param("1.2." + "3" * 60, 0x0000, id="64 characters"),
        pytest.param("1.2.03.4", 0x0000, id="leading zero"),
        pytest.param("1.2." + "3" * 61, 0x0117, id="65 characters"),
        pytest.param("1.2.x", 0x0117, id="a letter"),
        pytest.param("../../x", 0x0117, id="a path"),
        pytest.param("1.2.\xff", 0x0117, id="not ASCII"),
    ],
)
def test_the_uid_of_a_performed_step_is_checked(gateway: Running, uid: str, status: int) -> None:
    assert gateway.create_mpps(uid, performed()).status == status
    assert gateway.set_mpps(uid, Dataset()).status == status
    assert gateway.get_mpps(uid)[0] == status


@pytest.mark.parametrize("uid", [None, b""])
def test_a_uid_is_minted_for_a_device_that_gives_none(gateway: Running, uid: Any) -> None:
    order = gateway.add_order()
    answer = gateway.create_mpps(uid, performed(reference(order), PatientID=order.patient.id))
    assert answer.status == 0x0000
    minted = answer.command["AffectedSOPInstanceUID"]
    assert minted.startswith("2.25.")
    assert gateway.order_status(order) == "STARTED"
    assert gateway.set_mpps(minted, ended()).status == 0x0000
    assert gateway.order_status(order) == "COMPLETED"


@pytest.mark.parametrize("uid", [None, b""])
def test_a_set_without_a_uid_is_refused(gateway: Running, uid: Any) -> None:
    assert gateway.set_mpps(uid, ended()).status == 0x0117
    assert gateway.get_mpps(uid)[0] == 0x0117


def test_a_second_create_changes_nothing(gateway: Running) -> None:
    uid, first = generate_uid(), performed(StudyID="1")
    assert gateway.create_mpps(uid, first).status == 0x0000
    assert gateway.create_mpps(uid, first).status == 0x0111
    gateway.set_mpps(uid, ended())
    assert gateway.create_mpps(uid, performed(StudyID="2")).status == 0x0111
    status, stored = gateway.get_mpps(uid)
    assert (stored.StudyID, stored.PerformedProcedureStepStatus) == ("1", "COMPLETED")


@pytest.mark.parametrize("named", [DX_IMAGE, VERIFICATION, MPPS_RETRIEVE, "1.2.3", None])
def test_another_sop_class_in_the_command_is_refused(gateway: Running, named: str | None) -> None:
    uid = generate_uid()
    assert gateway.create_mpps(uid, performed(), AffectedSOPClassUID=named).status == 0x0118
    assert gateway.create_mpps(uid, performed()).status == 0x0000
    assert gateway.set_mpps(uid, ended(), RequestedSOPClassUID=named).status == 0x0118
    assert gateway.get_mpps(uid)[1].PerformedProcedureStepStatus == "IN PROGRESS"
    status = gateway.get_mpps(uid, RequestedSOPClassUID=named)[0]
    assert status == (0x0000 if named == MPPS_RETRIEVE else 0x0118)


@pytest.mark.parametrize(
    ("attributes", "status", "kept"),
    [
        pytest.param({"PerformedProcedureStepStatus": "COMPLETED"}, 0x0000, "COMPLETED", id="completed"),
        pytest.param({"PerformedProcedureStepStatus": "DISCONTINUED"}, 0x0000, "DISCONTINUED", id="discontinued"),
        pytest.param({"PerformedProcedureStepStatus": None}, 0x0000, "IN PROGRESS", id="without a status"),
        pytest.param({"PerformedProcedureStepStatus": "IN PROGRESS"}, 0x0000, "IN PROGRESS", id="in progress"),
        pytest.param({"PerformedProcedureStepStatus": "DONE"}, 0x0106, "IN PROGRESS", id="another text"),
        pytest.param({"PerformedSeriesSequence": None}, 0x0000, "COMPLETED", id="without series"),
        pytest.param({"PerformedSeriesSequence": steps()}, 0x0000, "COMPLETED", id="with empty series"),
        pytest.param(
            {"PerformedProcedureStepEndDate": None, "PerformedProcedureStepEndTime": None},
            0x0000,
            "COMPLETED",
            id="without an end",
        ),
        pytest.param({"PatientID": "OTHER", "Modality": "CT"}, 0x0000, "COMPLETED", id="what may not be set"),
        pytest.param({"CommentsOnThePerformedProcedureStep": "x"}, 0x0000, "COMPLETED", id="what was never created"),
    ],
)
def test_a_set_moves_the_status_and_is_lenient_at_the_end(
    gateway: Running, attributes: dict[str, Any], status: int, kept: str
) -> None:
    uid = generate_uid()
    gateway.create_mpps(uid, performed())
    answer = gateway.set_mpps(uid, ended(**attributes))
    assert answer.status == status
    assert answer.command["AffectedSOPInstanceUID"] == uid
    assert answer.command.get("AttributeIdentifierList") == ([STATUS_TAG] if status else None)
    stored = gateway.get_mpps(uid)[1]
    assert stored.PerformedProcedureStepStatus == kept
    assert (stored.PatientID, stored.Modality) == ("P-1", "DX")
    assert ("PerformedProcedureStepEndDate" in stored and bool(stored.PerformedProcedureStepEndDate)) == (
        status == 0x0000 and "PerformedProcedureStepEndDate" not in attributes
    )


def test_what_was_missing_is_marked(gateway: Running) -> None:
    uid = generate_uid()
    gateway.create_mpps(uid, performed(StudyID=None))
    gateway.set_mpps(uid, ended(PerformedSeriesSequence=None, PatientID="OTHER"))
    marks = gateway.performed_steps.get(uid).marks
    assert marks == ("no StudyID", "N-SET of PatientID ignored", "ended without PerformedSeriesSequence")


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
@pytest.mark.parametrize("again", [{}, {"PerformedProcedureStepStatus": None}, {"PerformedProcedureStepStatus": "X"}])
def test_nothing_may_be_set_after_the_end(gateway: Running, status: str, again: dict[str, Any]) -> None:
    uid = generate_uid()
    gateway.create_mpps(uid, performed())
    gateway.set_mpps(uid, ended(status))
    answer = gateway.set_mpps(uid, ended(status, **again))
    assert answer.status == 0x0110
    assert answer.command["ErrorID"] == 0xA710
    assert answer.command["ErrorComment"] == NO_LONGER
    assert gateway.get_mpps(uid)[1].PerformedProcedureStepStatus == status


def test_an_unknown_performed_step_is_said_to_be_unknown(gateway: Running) -> None:
    assert gateway.set_mpps("1.2.3.4.999", ended()).status == 0x0112
    assert gateway.get_mpps("1.2.3.4.999") == (0x0112, Dataset())


def test_a_sequence_in_a_set_replaces_the_stored_one(gateway: Running) -> None:
    uid = generate_uid()
    gateway.create_mpps(uid, performed())
    for series in ("1.2.3.1", "1.2.3.2"):
        item = Dataset()
        item.SeriesInstanceUID, item.ProtocolName = series, "p"
        gateway.set_mpps(uid, ended(PerformedProcedureStepStatus=None, PerformedSeriesSequence=Items([item])))
    assert [item.SeriesInstanceUID for item in gateway.get_mpps(uid)[1].PerformedSeriesSequence] == ["1.2.3.2"]


@pytest.mark.parametrize(
    ("keywords", "status", "found"),
    [
        pytest.param(("PatientID", "StudyID"), 0x0000, ["PatientID", "StudyID"], id="what is kept"),
        pytest.param(("PatientID", "PatientWeight"), 0x0001, ["PatientID"], id="one that is not kept"),
        pytest.param(("PatientWeight",), 0x0001, [], id="only one that is not kept"),
        pytest.param(("SpecificCharacterSet", "PatientID"), 0x0000, ["PatientID"], id="the character set"),
    ],
)
def test_a_get_returns_what_is_asked_for(
    gateway: Running, keywords: tuple[str, ...], status: int, found: list[str]
) -> None:
    uid = generate_uid()
    gateway.create_mpps(uid, performed())
    answered, stored = gateway.get_mpps(uid, *keywords)
    assert answered == status
    assert [element.keyword for element in stored] == ["SpecificCharacterSet", *found]


def test_a_get_without_a_list_returns_everything(gateway: Running) -> None:
    uid, said = generate_uid(), performed()
    gateway.create_mpps(uid, said)
    status, stored = gateway.get_mpps(uid)
    assert status == 0x0000
    assert {element.keyword for element in stored} == {element.keyword for element in said} | {"SpecificCharacterSet"}
    assert gateway.get_mpps(uid, RequestedSOPClassUID=MPPS)[0] == 0x0000  # named as it is kept


@pytest.mark.parametrize(
    ("context", "operation"),
    [
        pytest.param(MPPS, wire.N_GET, id="N-GET beside its own context"),
        pytest.param(MPPS, wire.N_ACTION, id="N-ACTION"),
        pytest.param(MPPS, wire.N_DELETE, id="N-DELETE"),
        pytest.param(MPPS_RETRIEVE, wire.N_SET, id="N-SET on Retrieve"),
        pytest.param(MPPS_RETRIEVE, wire.N_CREATE, id="N-CREATE on Retrieve"),
    ],
)
def test_an_operation_that_the_context_does_not_have(gateway: Running, context: str, operation: int) -> None:
    uid = generate_uid()
    gateway.create_mpps(uid, performed())
    command = {"CommandField": operation, "RequestedSOPClassUID": context, "AffectedSOPClassUID": context}
    uids = {"RequestedSOPInstanceUID": uid, "AffectedSOPInstanceUID": uid, "ActionTypeID": 1}
    with gateway.associate((context, (EXPLICIT,))) as association:
        answer = association.request(1, {**command, **uids}, wire.encode(ended()))
        assert answer.status == 0x0211
        assert answer.command["CommandField"] == operation | 0x8000
    assert gateway.get_mpps(uid)[1].PerformedProcedureStepStatus == "IN PROGRESS"


def test_a_locked_database_is_a_lack_of_resources_that_passes(gateway: Running) -> None:
    uid, other = generate_uid(), generate_uid()
    gateway.create_mpps(other, performed())
    with gateway.locked_database():
        assert gateway.create_mpps(uid, performed()).status == 0x0213
        assert gateway.set_mpps(other, ended()).status == 0x0213
    assert gateway.create_mpps(uid, performed()).status == 0x0000
    assert gateway.set_mpps(other, ended()).status == 0x0000


@pytest.mark.parametrize(
    ("character_set", "name"), [("ISO_IR 100", "Müller^Jürgen"), ("ISO_IR 192", "Yamada^Tarou=山田^太郎")]
)
def test_text_is_kept_as_unicode_each_report_by_its_own_character_set(
    gateway: Running, character_set: str, name: str
) -> None:
    uid = generate_uid()
    gateway.create_mpps(uid, performed(SpecificCharacterSet=character_set, PatientName=name))
    said = ended(PerformedProcedureStepStatus=None, SpecificCharacterSet="ISO_IR 101")  # Latin-2
    said.PerformedProcedureStepDescription = "Zażółć"
    gateway.set_mpps(uid, said)
    stored = gateway.get_mpps(uid)[1]
    assert stored.SpecificCharacterSet == "ISO_IR 192"
    assert stored.PatientName == name
    assert stored.PerformedProcedureStepDescription == "Zażółć"


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_an_unknown_character_set_refuses_no_report(gateway: Running) -> None:
    uid = generate_uid()
    said = wire.encode(performed(SpecificCharacterSet="ISO_IR 101", PatientName="Meier^J"))
    assert gateway.create_mpps(uid, said.replace(b"ISO_IR 101", b"ISO_IR 999")).status == 0x0000
    assert gateway.get_mpps(uid)[1].PatientName == "Meier^J"


@pytest.mark.parametrize(
    ("before", "after", "keyword"),
    [
        pytest.param(b"20261123", b"tomorrow", "PerformedProcedureStepStartDate", id="date"),
        pytest.param(b"101500", b"noon  ", "PerformedProcedureStepStartTime", id="time"),
        pytest.param(b"DX1 ", b"D\x1b\\ ", "PerformedStationAETitle", id="AE title"),
        pytest.param(b"PPS1", b"P\0\0\x07", "PerformedProcedureStepID", id="controls"),
    ],
)
def test_a_value_that_does_not_fit_its_vr_refuses_no_report(
    gateway: Running, before: bytes, after: bytes, keyword: str
) -> None:
    uid = generate_uid()
    assert gateway.create_mpps(uid, wire.encode(performed()).replace(before, after)).status == 0x0000
    assert gateway.get_mpps(uid, "PatientID")[1].PatientID == "P-1"


def test_a_number_that_is_none_refuses_no_report(gateway: Running) -> None:
    uid = generate_uid()
    said = wire.encode(performed(PatientSize="1.75"))
    assert gateway.create_mpps(uid, said.replace(b"1.75", b"tall")).status == 0x0000
    assert gateway.get_mpps(uid)[1].PatientID == "P-1"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff" * 100, id="no elements"),
        pytest.param(wire.encode(performed())[:-3], id="truncated"),
        pytest.param(
            (struct.pack("<HH2sHL", 0x0040, 0x0270, b"SQ", 0, 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 5000,
            id="5,000 levels",
        ),
    ],
)
def test_a_report_that_cannot_be_decoded_is_a_processing_failure(gateway: Running, data: bytes) -> None:
    uid, other = generate_uid(), generate_uid()
    answer = gateway.create_mpps(uid, data)
    assert answer.status == 0x0110
    assert not answer.command["ErrorComment"].startswith("internal error")
    gateway.create_mpps(other, performed())
    assert gateway.set_mpps(other, data).status == 0x0110
    assert gateway.set_mpps(other, ended()).status == 0x0000


def test_one_report_moves_every_step_that_it_names(gateway: Running) -> None:
    first, second = gateway.add_order(patient_id="P-SAME"), gateway.add_order(patient_id="P-SAME")
    uid = generate_uid()
    said = performed(reference(first), reference(second), PatientID="P-SAME")
    assert gateway.create_mpps(uid, said).status == 0x0000
    assert [gateway.order_status(order) for order in (first, second)] == ["STARTED", "STARTED"]
    gateway.set_mpps(uid, ended("DISCONTINUED"))
    assert [gateway.order_status(order) for order in (first, second)] == ["DISCONTINUED", "DISCONTINUED"]


def test_a_wrong_entry_opens_the_step_again(gateway: Running) -> None:
    order, uid = gateway.add_order(), generate_uid()
    gateway.create_mpps(uid, performed(reference(order), PatientID=order.patient.id))
    reason = Dataset()
    reason.CodeValue, reason.CodingSchemeDesignator = "110514", "DCM"
    reason.CodeMeaning = "Incorrect worklist entry selected"
    said = ended("DISCONTINUED", PerformedProcedureStepDiscontinuationReasonCodeSequence=Items([reason]))
    assert gateway.set_mpps(uid, said).status == 0x0000
    assert gateway.order_status(order) == "SCHEDULED"
    assert gateway.get_mpps(uid)[1].PerformedProcedureStepDiscontinuationReasonCodeSequence[0].CodeValue == "110514"


def test_an_unscheduled_examination_is_never_an_error(gateway: Running) -> None:
    order, uid = gateway.add_order(), generate_uid()
    assert gateway.create_mpps(uid, performed(reference())).status == 0x0000
    assert gateway.set_mpps(uid, ended()).status == 0x0000
    assert gateway.order_status(order) == "SCHEDULED"


def test_dcmjs_reports_a_performed_step(gateway: Running) -> None:
    """An independent device: create, create again, set, set again, get."""
    order, uid = gateway.add_order(), generate_uid()
    item = reference(order)
    attributes = {
        "ScheduledStepAttributesSequence": [
            {
                keyword: item[keyword].value
                for keyword in ("StudyInstanceUID", "AccessionNumber", "RequestedProcedureID")
            }
            | {"ScheduledProcedureStepID": item.ScheduledProcedureStepID}
        ],
        "PatientName": order.patient.name,
        "PatientID": order.patient.id,
        "PerformedProcedureStepID": "PPS2",
        "PerformedStationAETitle": "DX1",
        "PerformedProcedureStepStartDate": "20261123",
        "PerformedProcedureStepStartTime": "101500",
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "Modality": "DX",
    }

    def report(operation: str, value: dict[str, Any]) -> tuple[int, Any]:
        (answer,) = dcmjs(gateway.port, "DX1", operation, {"uid": uid, "attributes": value})
        return answer["status"], answer["dataset"]

    assert report("create", attributes)[0] == 0x0000
    assert gateway.order_status(order) == "STARTED"
    assert report("create", attributes)[0] == 0x0111
    done = {
        "PerformedProcedureStepStatus": "COMPLETED",
        "PerformedProcedureStepEndDate": "20261123",
        "PerformedProcedureStepEndTime": "103000",
        "PerformedSeriesSequence": [{"SeriesInstanceUID": "1.2.3", "ProtocolName": "Thorax"}],
    }
    assert report("set", done)[0] == 0x0000
    assert gateway.order_status(order) == "COMPLETED"
    assert report("set", done)[0] == 0x0110
    (answer,) = dcmjs(gateway.port, "DX1", "get", {"uid": uid})
    assert answer["status"] == 0x0000
    assert answer["dataset"]["PerformedProcedureStepStatus"] == "COMPLETED"
    assert answer["dataset"]["PatientID"] == order.patient.id
