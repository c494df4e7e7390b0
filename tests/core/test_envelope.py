"""The envelope: every key always there, and which images get a thumbnail."""

import json
from datetime import datetime
from typing import Any

import pytest

from dicom_gateway.core.envelope import (
    ALL_THUMBNAILS_UP_TO,
    MAX_INSTANCES,
    Event,
    EventType,
    StudyFacts,
    describe_instance,
    envelope,
    with_thumbnail,
)
from dicom_gateway.core.model import InstanceHeader, Order, Patient, RequestedProcedure, ScheduledStep, Study
from dicom_gateway.core.status import OrderStatus

NOW = 1_800_000_000_123_456
ORDER = Order(
    "mypms",
    "A-1001",
    Patient("P-78", "Doe^Rex", issuer="MYPMS"),
    (RequestedProcedure((ScheduledStep("DX", datetime(2026, 11, 23), 0),)),),
    id="o1",
    status=OrderStatus.COMPLETED,
    accession_number="ACC1",
)
STUDY = Study("1.2.3", patient_id="P-9", modality="DX", started_at=NOW)


def header(number: int | None, series: str = "1.2.3.1", **changes: Any) -> InstanceHeader:
    uid = f"{series}.{number or 0}"
    return InstanceHeader(uid, "1.2", "1.2.3", series, instance_number=number, modality="DX", **changes)


KEYS = {
    "": "id type occurred_at source order patient study series instances instances_truncated evidence late",
    "order": "id placer_order_number accession_number status",
    "patient": "id issuer",
    "study": "instance_uid modality started_at expected expected_from received counted shortfall missing",
}
PROCEDURE = RequestedProcedure((ScheduledStep("DX", datetime(2027, 1, 15, 9), 0, "s1", expected_instances=4),))
FACTS = StudyFacts(STUDY, [header(1), header(2), header(1, "1.2.3.2", series_number=-1)], PROCEDURE, 3, ["9.2", "9.1"])
EVENTS = {
    "whole": Event(EventType.STUDY_RECEIVED, NOW, ORDER, FACTS, (1, 2), "mpps+images"),
    "no study": Event(EventType.ORDER_CANCELED, NOW, ORDER),
    "no order": Event(EventType.STUDY_UNMATCHED, NOW, None, StudyFacts(Study("1.2.3"))),
    "neither": Event(EventType.TEST, NOW),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_every_key_is_always_there(event: Event) -> None:
    found = json.loads(json.dumps(envelope("evt_1", event)))
    assert list(found) == KEYS[""].split()
    for name in ("order", "patient", "study"):
        assert found[name] is None or list(found[name]) == KEYS[name].split()
    assert isinstance(found["series"], list) and found["instances"] == []


def test_a_whole_event() -> None:
    found = envelope("evt_1", EVENTS["whole"])
    assert (found["id"], found["type"], found["occurred_at"]) == (
        "evt_1",
        "study.received",
        "2027-01-15T08:00:00.123Z",
    )
    assert (found["source"], found["evidence"], found["late"]) == ("mypms", "mpps+images", False)
    assert found["order"] == {
        "id": "o1",
        "placer_order_number": "A-1001",
        "accession_number": "ACC1",
        "status": "COMPLETED",
    }
    assert found["patient"] == {"id": "P-78", "issuer": "MYPMS"}
    assert found["study"] == {
        "instance_uid": "1.2.3",
        "modality": "DX",
        "started_at": "2027-01-15T08:00:00.123Z",
        "expected": 4,
        "expected_from": "order",
        "received": 3,
        "counted": 3,
        "shortfall": "3 of 4 images",
        "missing": ["9.1", "9.2"],
    }
    assert [(one["instance_uid"], one["received"]) for one in found["series"]] == [("1.2.3.2", 1), ("1.2.3.1", 2)]


def test_an_event_without_order_speaks_of_the_patient_in_the_images() -> None:
    found = envelope("evt_1", Event(EventType.STUDY_UNMATCHED, NOW, None, StudyFacts(STUDY)))
    assert (found["source"], found["order"], found["patient"]) == (None, None, {"id": "P-9", "issuer": None})


def test_the_pms_gets_its_own_accession_number_back() -> None:
    order = ORDER.evolve(original_accession_number="A-LONG-ACCESSION-NUMBER")
    found = envelope("evt_1", Event(EventType.ORDER_STARTED, NOW, order))
    assert found["order"]["accession_number"] == "A-LONG-ACCESSION-NUMBER"


@pytest.mark.parametrize(("count", "truncated"), [(MAX_INSTANCES, False), (MAX_INSTANCES + 1, True)])
def test_truncation_is_told(count: int, truncated: bool) -> None:
    event = Event(EventType.STUDY_RECEIVED, NOW, ORDER, FACTS, tuple(range(count)))
    assert envelope("evt_1", event)["instances_truncated"] is truncated


@pytest.mark.parametrize(("event", "subject"), [("whole", "o1"), ("no study", "o1"), ("no order", "1.2.3")])
def test_the_subject_is_what_is_delivered_in_order(event: str, subject: str) -> None:
    assert EVENTS[event].subject == subject


def test_an_instance() -> None:
    found = describe_instance(header(3, rows=10, columns=20, teeth=("36",), view="AP"), None)
    assert found == {
        "sop_instance_uid": "1.2.3.1.3",
        "sop_class_uid": "1.2",
        "modality": "DX",
        "number": 3,
        "rows": 10,
        "columns": 20,
        "frames": None,
        "view": "AP",
        "laterality": None,
        "teeth": ["36"],
        "acquired_at": None,
        "thumbnail": None,
    }


@pytest.mark.parametrize(
    ("count", "numbers"),
    [
        (1, {1}),
        (ALL_THUMBNAILS_UP_TO, set(range(1, ALL_THUMBNAILS_UP_TO + 1))),
        (ALL_THUMBNAILS_UP_TO + 1, {1, 11, 21}),
        (500, {1, 251, 500}),
    ],
)
def test_thumbnails_of_a_series(count: int, numbers: set[int]) -> None:
    headers = [header(number) for number in range(count, 0, -1)]
    assert with_thumbnail(headers) == {f"1.2.3.1.{number}" for number in numbers}


def test_each_series_counts_for_itself() -> None:
    headers = [header(n, series) for series in ("1.1", "1.2") for n in range(1, 21)]
    assert len(with_thumbnail(headers)) == 40
