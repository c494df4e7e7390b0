"""What the gateway learns of a device that uses it, and that it costs no answer anything."""

from typing import Any

import pytest
from pydicom import Dataset

from dicom_gateway.core.habits import Habit
from dicom_gateway.dicom.contexts import MPPS, VERIFICATION, WORKLIST_FIND
from dicom_gateway.dicom.watching import facts_of_identifier
from tests.dicom import wire
from tests.dicom.objects import DX_IMAGE, image, keys, performed
from tests.dicom.running import Running, wait_for
from tests.dicom.wire import EXPLICIT, IMPLICIT


def facts(gateway: Running, ae_title: str = "DX1") -> set[tuple[str, str]]:
    return {(seen.kind.value, seen.name) for seen in gateway.observations.habits_of(ae_title)}


def test_what_a_device_does_is_learnt(gateway: Running) -> None:
    gateway.find(keys(Modality="DX", SpecificCharacterSet="ISO_IR 100"), IMPLICIT)
    gateway.store(image())
    gateway.create_mpps(None, performed())
    with gateway.associate((VERIFICATION, (EXPLICIT,))) as association:
        association.request(1, {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION})
    expected = {
        ("service", "association"),
        ("service", "worklist"),
        ("service", "storage"),
        ("service", "mpps"),
        ("service", "verification"),
        ("implementation", "TEST (1.2.3.4)"),
        ("proposes", WORKLIST_FIND),
        ("proposes", MPPS),
        ("transfer syntax", IMPLICIT),
        ("stores", DX_IMAGE),
        ("matching key", "Modality"),
        ("return key", "AccessionNumber"),
        ("character set", "ISO_IR 100"),
    }
    wait_for(lambda: expected <= facts(gateway), "habits")
    document = gateway.observations.document_of("DX1")
    assert document["sends_mpps"]
    assert {"kind": "stores", "name": f"Digital X-Ray Image Storage - For Presentation ({DX_IMAGE})"}.items() <= next(
        habit for habit in document["habits"] if habit["kind"] == "stores"
    ).items()


def test_a_step_that_was_served_is_known(gateway: Running) -> None:
    order = gateway.add_order()
    assert len(gateway.find(keys(order)).answers) == 1
    (step,) = order.steps()
    wait_for(lambda: gateway.observations.served([order.id]), "served")
    (served,) = gateway.observations.served([order.id])[order.id]
    assert (served.step_id, served.ae_title, served.times) == (step.id, "DX1", 1)
    assert served.first_at == served.last_at > order.created_at


def with_level(asked: Dataset) -> None:
    asked.QueryRetrieveLevel = "PATIENT"


def with_private(asked: Dataset) -> None:
    asked.add_new(0x00091001, "LO", "x")


def with_station_wildcard(asked: Dataset) -> None:
    asked.ScheduledProcedureStepSequence[0].ScheduledStationAETitle = "DX*"


def with_status(asked: Dataset) -> None:
    asked.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus = "SCHEDULED"


QUIRKS: list[tuple[Any, str]] = [
    (with_level, "sends QueryRetrieveLevel, which a worklist does not have"),
    (with_private, "sends private keys"),
    (with_station_wildcard, "ScheduledStationAETitle: wildcard"),
    (with_status, "asks for the status of a step"),
]


@pytest.mark.parametrize(("change", "quirk"), QUIRKS, ids=[change.__name__ for change, _ in QUIRKS])
def test_a_quirk(change: Any, quirk: str) -> None:
    asked = keys()
    assert not [name for kind, name in facts_of_identifier(wire.encode(asked), EXPLICIT).facts if kind is Habit.QUIRK]
    change(asked)
    assert (Habit.QUIRK, quirk) in facts_of_identifier(wire.encode(asked), EXPLICIT).facts


def test_group_lengths() -> None:
    raw = b"\x10\x00\x00\x00UL\x04\x00\x08\x00\x00\x00" + b"\x10\x00\x10\x00PN\x00\x00"
    assert (Habit.QUIRK, "sends group lengths") in facts_of_identifier(raw, EXPLICIT).facts


@pytest.mark.parametrize(
    ("text", "quirk"),
    [
        ("Müller".encode(), "sends UTF-8 and names no character set"),
        ("Müller".encode("latin-1"), "sends text beyond ASCII and names no character set"),
    ],
    ids=["UTF-8", "Latin-1"],
)
def test_text_without_a_character_set(text: bytes, quirk: str) -> None:
    raw = (
        b"\x10\x00\x10\x00PN" + len(text + b"*" * (len(text) % 2)).to_bytes(2, "little") + text + b"*" * (len(text) % 2)
    )
    assert (Habit.QUIRK, quirk) in facts_of_identifier(raw, EXPLICIT).facts


def test_a_query_that_cannot_be_read() -> None:
    found = facts_of_identifier(b"\x08\x00\x05\x00CS\xff\xff", EXPLICIT)
    assert found.facts == ((Habit.QUIRK, "sends a query that cannot be read"),)
    assert found.shape


SAME = [
    (keys(ScheduledProcedureStepStartDate="20261122"), keys(ScheduledProcedureStepStartDate="20261123"), True),
    (keys(ScheduledProcedureStepStartTime="10"), keys(ScheduledProcedureStepStartTime="1100-1200"), True),
    (keys(ScheduledProcedureStepStartDate="20261122"), keys(ScheduledProcedureStepStartDate=""), False),
    (keys(Modality="DX"), keys(Modality="IO"), False),
    (keys(Modality=""), keys(), False),
    (keys(PatientID="1"), keys(PatientID="2"), True),
    (keys(PatientName="Doe*"), keys(PatientName="Rex*"), True),
    (keys(PatientID="1"), keys(PatientID=""), False),
]


@pytest.mark.parametrize(("one", "other", "same"), SAME, ids=range(len(SAME)))
def test_the_shape_of_a_query_leaves_dates_and_persons_out(one: Dataset, other: Dataset, same: bool) -> None:
    shapes = {facts_of_identifier(wire.encode(asked), EXPLICIT).shape for asked in (one, other)}
    assert (len(shapes) == 1) is same


def test_an_answer_waits_for_no_write(gateway: Running) -> None:
    order = gateway.add_order()
    with gateway.locked_database():
        assert gateway.find(keys(order, Modality="DX")).statuses == [0xFF00, 0x0000]
    wait_for(lambda: gateway.observations.served([order.id]), "served")
