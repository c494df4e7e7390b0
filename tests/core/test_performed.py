"""What an N-CREATE and an N-SET may say, and what becomes of the stored performed step."""

import json
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from dicom_gateway.core.model import Code, PerformedStep, StepReference
from dicom_gateway.core.performed import (
    FIXED_AT_CREATE,
    NEEDED_WHEN_FINAL,
    WANTED_IN_CREATE,
    create,
    dataset_of,
    readable,
    update,
)
from dicom_gateway.core.performed_refusals import (
    DuplicateInstance,
    MissingAttribute,
    MissingAttributeValue,
    NoLongerUpdatable,
)
from dicom_gateway.core.status import PerformedStatus
from dicom_gateway.errors import GatewayError, InvalidValue, NotFound, Unavailable

NOW = 1_800_000_000_000_000
UID = "1.2.840.99"


def item(**values: Any) -> Dataset:
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


def references(*values: Dataset) -> dict[str, Any]:
    return {"ScheduledStepAttributesSequence": list(values)}


REFERENCE = {
    "StudyInstanceUID": "1.2.3",
    "AccessionNumber": "ACC1",
    "RequestedProcedureID": "P1",
    "ScheduledProcedureStepID": "S1",
}


def a_report(**values: Any) -> Dataset:
    """Return the attributes of an N-CREATE that lacks nothing the gateway needs."""
    least = {"PerformedProcedureStepStatus": "IN PROGRESS", **references(item(**REFERENCE))}
    return item(**(least | values))


def a_series(uid: str, *images: str, others: tuple[str, ...] = ()) -> Dataset:
    return item(
        SeriesInstanceUID=uid,
        ReferencedImageSequence=[item(ReferencedSOPInstanceUID=image) for image in images],
        ReferencedNonImageCompositeSOPInstanceSequence=[item(ReferencedSOPInstanceUID=other) for other in others],
    )


def created(**values: Any) -> PerformedStep:
    return create(UID, a_report(**values), "DX1", NOW)


def without(dataset: Dataset, keyword: str) -> Dataset:
    delattr(dataset, keyword)
    return dataset


def as_received(dataset: Dataset) -> Dataset:
    """Return the data set as it comes off the wire: encoded in its character set, nothing decoded yet."""
    encoded = DicomBytesIO()
    encoded.is_implicit_VR = encoded.is_little_endian = True
    write_dataset(encoded, dataset)
    return read_dataset(BytesIO(encoded.getvalue()), True, True)


def test_create() -> None:
    performed = created(PatientID=" P-78 ", IssuerOfPatientID="MYPMS")
    assert (performed.sop_instance_uid, performed.calling_ae_title, performed.created_at) == (UID, "DX1", NOW)
    assert performed.status is PerformedStatus.IN_PROGRESS
    assert (performed.patient_id, performed.issuer, performed.ended_at) == ("P-78", "MYPMS", None)
    assert performed.references == (StepReference("1.2.3", "ACC1", "P1", "S1"),)


def test_one_report_for_several_steps_and_for_none() -> None:
    performed = created(**references(item(**REFERENCE), item(StudyInstanceUID="1.2.4", AccessionNumber="")))
    assert performed.references == (StepReference("1.2.3", "ACC1", "P1", "S1"), StepReference("1.2.4"))


REFUSED_CREATES = {
    "status COMPLETED": (a_report(PerformedProcedureStepStatus="COMPLETED"), InvalidValue, 0x0106),
    "status DISCONTINUED": (a_report(PerformedProcedureStepStatus="DISCONTINUED"), InvalidValue, 0x0106),
    "other status": (a_report(PerformedProcedureStepStatus="STARTED"), InvalidValue, 0x0106),
    "no status": (without(a_report(), "PerformedProcedureStepStatus"), MissingAttribute, 0x0120),
    "empty status": (a_report(PerformedProcedureStepStatus=""), MissingAttributeValue, 0x0121),
    "no sequence": (without(a_report(), "ScheduledStepAttributesSequence"), MissingAttribute, 0x0120),
    "no item": (a_report(**references()), MissingAttributeValue, 0x0121),
    "no study": (a_report(**references(item(AccessionNumber="1"))), MissingAttribute, 0x0120),
    "empty study": (a_report(**references(item(StudyInstanceUID=""))), MissingAttributeValue, 0x0121),
    "no study in the second item": (
        a_report(**references(item(**REFERENCE), item(AccessionNumber="1"))),
        MissingAttribute,
        0x0120,
    ),
}


@pytest.mark.parametrize(("report", "error", "status"), REFUSED_CREATES.values(), ids=REFUSED_CREATES)
def test_what_an_n_create_cannot_do_without(report: Dataset, error: type[GatewayError], status: int) -> None:
    with pytest.raises(GatewayError) as raised:
        create(UID, report, "DX1", NOW)
    assert type(raised.value) is error
    assert raised.value.n_status == status


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(("uid", "taken"), [("1.2.x", False), ("../../1", False), ("1.02.3", True)])
def test_the_study_of_a_reference_is_a_uid(uid: str, taken: bool) -> None:
    report = a_report(**references(item(StudyInstanceUID=uid)))
    if taken:
        assert create(UID, report, "DX1", NOW).references[0].study_instance_uid == uid
    else:
        with pytest.raises(InvalidValue):
            create(UID, report, "DX1", NOW)


def test_the_statuses_of_the_other_errors() -> None:
    assert (DuplicateInstance.n_status, NotFound.n_status, Unavailable.n_status) == (0x0111, 0x0112, 0x0213)
    assert (NoLongerUpdatable.n_status, NoLongerUpdatable.error_id) == (0x0110, 0xA710)


@pytest.mark.parametrize("keyword", WANTED_IN_CREATE)
def test_what_else_is_missing_is_accepted_and_marked(keyword: str) -> None:
    everything = a_report(**{wanted: None for wanted in WANTED_IN_CREATE})
    assert create(UID, everything, "DX1", NOW).marks == ()
    assert create(UID, without(everything, keyword), "DX1", NOW).marks == (f"no {keyword}",)


def test_an_intermediate_update_leaves_the_status() -> None:
    performed = update(created(), item(PerformedProcedureStepDescription="2 views"), NOW + 1)
    assert (performed.status, performed.ended_at) == (PerformedStatus.IN_PROGRESS, None)
    assert dataset_of(performed).PerformedProcedureStepDescription == "2 views"


@pytest.mark.parametrize("status", ["", "IN PROGRESS"])
def test_an_update_with_no_other_status(status: str) -> None:
    performed = update(created(), item(PerformedProcedureStepStatus=status), NOW + 1)
    assert performed.status is PerformedStatus.IN_PROGRESS
    assert dataset_of(performed).PerformedProcedureStepStatus == "IN PROGRESS"


def test_an_update_with_a_status_that_does_not_exist() -> None:
    with pytest.raises(InvalidValue) as raised:
        update(created(), item(PerformedProcedureStepStatus="DONE"), NOW + 1)
    assert raised.value.n_status == 0x0106


def final(status: str = "COMPLETED", **values: Any) -> Dataset:
    whole = {
        "PerformedProcedureStepStatus": status,
        "PerformedProcedureStepEndDate": "20261123",
        "PerformedProcedureStepEndTime": "1030",
        "PerformedSeriesSequence": [a_series("1.9", "1.9.1", "1.9.2", others=("1.9.3",))],
    }
    return item(**(whole | values))


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
def test_a_final_update(status: str) -> None:
    before = created(**{wanted: None for wanted in WANTED_IN_CREATE})
    performed = update(before, final(status), NOW + 1)
    assert performed.status == status
    assert performed.ended_at == NOW + 1
    assert performed.series_instance_uids == ("1.9",)
    assert performed.image_uids == ("1.9.1", "1.9.2", "1.9.3")
    assert performed.marks == ()
    assert dataset_of(performed).PerformedProcedureStepStatus == status


@pytest.mark.parametrize("keyword", NEEDED_WHEN_FINAL)
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "absent"])
def test_a_final_update_that_lacks_something_is_accepted_and_marked(keyword: str, empty: bool) -> None:
    before = created(**{wanted: None for wanted in WANTED_IN_CREATE})
    changes = final(**{keyword: None}) if empty else without(final(), keyword)
    performed = update(before, changes, NOW + 1)
    assert (performed.status, performed.ended_at) == (PerformedStatus.COMPLETED, NOW + 1)
    assert performed.marks == (f"ended without {keyword}",)


def test_what_came_before_the_end_counts() -> None:
    before = update(created(), without(final(), "PerformedProcedureStepStatus"), NOW + 1)
    performed = update(before, item(PerformedProcedureStepStatus="COMPLETED"), NOW + 2)
    assert not [mark for mark in performed.marks if mark.startswith("ended without")]
    assert performed.image_uids == ("1.9.1", "1.9.2", "1.9.3")


@pytest.mark.parametrize("ended", ["COMPLETED", "DISCONTINUED"])
@pytest.mark.parametrize(
    "changes",
    [item(), item(PerformedProcedureStepStatus="IN PROGRESS"), final(), item(PerformedProcedureStepStatus="DONE")],
    ids=["nothing", "in progress", "the same again", "no status"],
)
def test_after_the_end_nothing_changes(ended: str, changes: Dataset) -> None:
    performed = update(created(), final(ended), NOW + 1)
    with pytest.raises(NoLongerUpdatable) as raised:
        update(performed, changes, NOW + 2)
    assert str(raised.value) == "Performed Procedure Step Object may no longer be updated"
    assert raised.value.n_status == 0x0110


def test_a_sequence_replaces_what_was_there() -> None:
    before = update(created(), item(PerformedSeriesSequence=[a_series("1.8", "1.8.1")]), NOW + 1)
    performed = update(before, item(PerformedSeriesSequence=[a_series("1.9", "1.9.1")]), NOW + 2)
    assert (performed.series_instance_uids, performed.image_uids) == (("1.9",), ("1.9.1",))
    emptied = update(performed, item(PerformedSeriesSequence=[]), NOW + 3)
    assert (emptied.series_instance_uids, emptied.image_uids) == ((), ())


def test_an_update_without_the_sequence_keeps_it() -> None:
    before = update(created(), item(PerformedSeriesSequence=[a_series("1.8", "1.8.1")]), NOW + 1)
    assert update(before, item(FilmConsumptionSequence=[]), NOW + 2).image_uids == ("1.8.1",)


def test_an_image_that_is_named_twice_counts_once() -> None:
    twice = [a_series("1.8", "1.8.1", "1.8.2"), a_series("1.9", "1.8.1")]
    assert update(created(), item(PerformedSeriesSequence=twice), NOW).image_uids == ("1.8.1", "1.8.2")


@pytest.mark.parametrize("keyword", FIXED_AT_CREATE)
def test_what_an_update_may_not_change_is_ignored_and_marked(keyword: str) -> None:
    before = created(PatientID="P-78")
    sequence = keyword.endswith("Sequence")
    value: Any = [item(StudyInstanceUID="9.9")] if sequence else "20200101" if "Date" in keyword else "1200"
    performed = update(before, item(**{keyword: value}), NOW + 1)
    assert performed.marks == (*before.marks, f"N-SET of {keyword} ignored")
    assert dataset_of(performed) == dataset_of(before)
    assert (performed.patient_id, performed.references) == (before.patient_id, before.references)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("CommentsOnThePerformedProcedureStep", "moved"), ("TotalNumberOfExposures", 3), ("EntranceDose", 7)],
)
def test_what_was_not_created_may_be_set(keyword: str, value: Any) -> None:
    assert getattr(dataset_of(update(created(), item(**{keyword: value}), NOW + 1)), keyword) == value


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            item(CodeValue="110514", CodingSchemeDesignator="DCM", CodeMeaning="Incorrect worklist entry selected"),
            Code("110514", "DCM", "Incorrect worklist entry selected"),
        ),
        (item(CodeValue="X", CodingSchemeDesignator="99MINE"), Code("X", "99MINE")),
        (None, None),
    ],
    ids=["standard", "of its own", "none"],
)
def test_the_reason_is_kept(code: Dataset | None, expected: Code | None) -> None:
    reasons = {"PerformedProcedureStepDiscontinuationReasonCodeSequence": [code] if code else []}
    assert update(created(), final("DISCONTINUED", **reasons), NOW).discontinuation_reason == expected


def test_text_is_unicode_whatever_it_came_in() -> None:
    latin = a_report(
        SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Bär", PerformedProcedureStepDescription="Zähne"
    )
    performed = create(UID, as_received(latin), "DX1", NOW)
    japanese = item(
        SpecificCharacterSet="ISO_IR 192",
        PerformedProcedureStepDescription="胸部",
        PerformedSeriesSequence=[item(SeriesInstanceUID="1.9", OperatorsName="山田^太郎", SeriesDescription="正面")],
    )
    found = dataset_of(update(performed, as_received(japanese), NOW + 1))
    assert str(found.PatientName) == "Müller^Bär"
    assert found.PerformedProcedureStepDescription == "胸部"
    assert str(found.PerformedSeriesSequence[0].OperatorsName) == "山田^太郎"
    assert found.PerformedSeriesSequence[0].SeriesDescription == "正面"
    assert found.SpecificCharacterSet == "ISO_IR 100"
    assert "Müller" in performed.attributes


def element(tag: int, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return b"".join(
        number.to_bytes(size, "little") for number, size in ((tag >> 16, 2), (tag & 0xFFFF, 2), (len(value), 4))
    ) + (value)


@pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:Value .* is not valid", "ignore:The value length")
@pytest.mark.parametrize(
    "bad",
    [
        element(0x00180060, b"abc"),  # a decimal string that is none
        element(0x00200013, b"one"),  # an integer string that is none
        element(0x0008103E, b"x" * 70),  # LO of 70 characters
        element(0x00080021, b"yesterday"),  # a date that is none
        element(0x00091001, b"private"),
    ],
    ids=["DS", "IS", "LO", "DA", "private"],
)
def test_one_bad_value_costs_nothing_else(bad: bytes) -> None:
    series = b"".join(
        sorted([bad, element(0x0020000E, b"1.02.9\0")], key=lambda e: (e[:2][::-1], e[2:4][::-1]))
    )  # a leading zero is everyday
    sequence = element(0x00400340, b"\xfe\xff\x00\xe0" + len(series).to_bytes(4, "little") + series)
    received = read_dataset(BytesIO(sequence), True, True)
    performed = update(created(), received, NOW + 1)
    assert performed.series_instance_uids == ("1.02.9",)
    (found,) = dataset_of(update(performed, item(), NOW + 2)).PerformedSeriesSequence
    assert len(found) == 2


def test_a_value_that_does_not_fit_is_kept_as_bytes() -> None:
    received = read_dataset(BytesIO(element(0x00180060, b"abcd")), True, True)
    assert readable(received)["KVP"].value == b"abcd"
    good = read_dataset(BytesIO(element(0x00180060, b"70.5")), True, True)
    assert readable(good)["KVP"].value == 70.5


def test_the_attributes_are_dicom_json() -> None:
    found = json.loads(created(PatientID="P-78").attributes)
    assert found["00100020"] == {"vr": "LO", "Value": ["P-78"]}
    assert found["00400270"]["Value"][0]["0020000D"]["Value"] == ["1.2.3"]


def test_create_leaves_what_it_is_given() -> None:
    report = a_report(PatientID="P-78")
    before = report.to_json()
    update(create(UID, report, "DX1", NOW), item(PerformedProcedureStepDescription="x"), NOW)
    assert report.to_json() == before
