"""The envelope: every key always there, and which images get a thumbnail."""

import json
from dataclasses import replace
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
    describes_animal,
    envelope,
    with_thumbnail,
)
from dicom_gateway.core.model import Code, InstanceHeader, Order, Patient, RequestedProcedure, ScheduledStep, Study
from dicom_gateway.core.patients import Merge, MergeKind
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
    "": "id type occurred_at source order patient study series instances instances_truncated evidence late merge",
    "order": "id placer_order_number accession_number status",
    "patient": "id issuer species breed neutered responsible_person responsible_organization",
    "merge": "id kind old_id survivor_id",
    "study": "instance_uid modality started_at received expected expected_from counted shortfall missing",
}
PROCEDURE = RequestedProcedure((ScheduledStep("DX", datetime(2027, 1, 15, 9), 0, "s1", expected_instances=4),))
FACTS = StudyFacts(STUDY, [header(1), header(2), header(1, "1.2.3.2", series_number=-1)], PROCEDURE, 3, ["9.2", "9.1"])
MERGE = Merge(3, MergeKind.MERGE, "ISS", "", "P-1", "P-2", "token mypms", NOW)
EVENTS = {
    "whole": Event(EventType.STUDY_RECEIVED, NOW, ORDER, FACTS, (1, 2), "mpps+images"),
    "no study": Event(EventType.ORDER_CANCELED, NOW, ORDER),
    "no order": Event(EventType.STUDY_UNMATCHED, NOW, None, StudyFacts(Study("1.2.3"))),
    "neither": Event(EventType.TEST, NOW),
    "merge": Event(EventType.PATIENT_MERGED, NOW, merge=MERGE),
}

NOBODY = dict.fromkeys(KEYS["patient"].split())
REX = {"species": "Canine", "breed": "Beagle", "neutered": False, "responsible_person": "Doe^Jane"}
SHELTER = REX | {"responsible_organization": "Shelter"}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_every_key_is_always_there(event: Event) -> None:
    found = json.loads(json.dumps(envelope("evt_1", event)))
    assert list(found) == KEYS[""].split()
    for name in ("order", "patient", "study", "merge"):
        assert found[name] is None or list(found[name]) == KEYS[name].split()
    assert isinstance(found["series"], list) and found["instances"] == []


@pytest.mark.parametrize(("undone_at", "patient_id"), [(None, "P-2"), (NOW, "P-1")], ids=["merged", "unmerged"])
def test_a_merge(undone_at: int | None, patient_id: str) -> None:
    event = Event(EventType.PATIENT_MERGED, NOW, merge=replace(MERGE, undone_at=undone_at))
    found = envelope("evt_1", event)
    assert found["merge"] == {"id": 3, "kind": "merge", "old_id": "P-1", "survivor_id": "P-2"}
    assert found["patient"] == NOBODY | {"id": patient_id, "issuer": "ISS"}
    assert (found["source"], found["order"], event.subject) == (None, None, "patient merge 3")


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
    assert found["patient"] == NOBODY | {"id": "P-78", "issuer": "MYPMS"}
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
    assert (found["source"], found["order"], found["patient"]) == (None, None, NOBODY | {"id": "P-9"})


def test_an_animal_is_described_as_the_order_says_else_the_images() -> None:
    order = ORDER.evolve(patient=ORDER.patient.evolve(**SHELTER))
    facts = StudyFacts(STUDY, [header(1), header(2, **REX)])
    of_order = envelope("evt_1", Event(EventType.STUDY_RECEIVED, NOW, order, facts))["patient"]
    assert of_order == {"id": "P-78", "issuer": "MYPMS", **SHELTER}
    of_images = envelope("evt_1", Event(EventType.STUDY_UNMATCHED, NOW, None, facts))["patient"]
    assert of_images == NOBODY | {"id": "P-9"} | REX


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
    found = describe_instance(
        header(3, rows=10, columns=20, teeth=("36",), supernumerary_teeth=("48",), view="AP"), None
    )
    assert found == {
        "sop_instance_uid": "1.2.3.1.3",
        "sop_class_uid": "1.2",
        "modality": "DX",
        "number": 3,
        "rows": 10,
        "columns": 20,
        "frames": None,
        "view": "AP",
        "region": None,
        "laterality": None,
        "teeth": ["36"],
        "supernumerary_teeth": ["48"],
        "teeth_universal": ["19", "82"],
        "from_text": [],
        "acquired_at": None,
        "thumbnail": None,
    }


SAID: dict[str, tuple[dict[str, Any] | None, tuple[str, ...], list[str]]] = {
    "animal, from words": ({"species": "Canine"}, ("teeth", "view"), []),
    "animal by its breed": ({"species": None, "breed": "Beagle"}, ("teeth", "view"), []),
    "animal that is not neutered": ({"neutered": False}, ("teeth", "view"), []),
    "unlisted species": ({"species": "Parrot"}, ("teeth", "view"), []),
    "animal, from codes": ({"species": "Canine"}, ("view",), ["36"]),
    "human": ({"species": "Mensch", "breed": "x"}, ("teeth", "view"), ["36"]),
    "nothing known": (NOBODY, ("teeth", "view"), ["36"]),
    "nobody": (None, ("teeth", "view"), ["36"]),
}


@pytest.mark.parametrize(("patient", "from_text", "teeth"), SAID.values(), ids=SAID)
def test_of_an_animal_no_teeth_are_read_from_words(
    patient: dict[str, Any] | None, from_text: tuple[str, ...], teeth: list[str]
) -> None:
    one = header(3, teeth=("36",), view="Periapical", from_text=from_text)
    found = describe_instance(one, None, describes_animal(patient))
    assert (found["teeth"], found["supernumerary_teeth"], found["view"]) == (teeth, [], "Periapical")
    assert found["teeth_universal"] == (["19"] if teeth else [])
    assert found["from_text"] == [name for name in from_text if teeth or name != "teeth"]


def test_an_order_that_says_nothing_of_an_animal_leaves_it_to_the_images() -> None:
    facts = StudyFacts(STUDY, [header(1), header(2, **REX)])
    found = envelope("evt_1", Event(EventType.STUDY_RECEIVED, NOW, ORDER, facts))["patient"]
    assert found == NOBODY | {"id": "P-78", "issuer": "MYPMS"} | REX


def test_a_species_that_is_only_a_code_has_its_meaning() -> None:
    order = ORDER.evolve(patient=ORDER.patient.evolve(species_code=Code("448169003", "SCT", "Felis catus")))
    assert envelope("evt_1", Event(EventType.ORDER_STARTED, NOW, order))["patient"]["species"] == "Felis catus"


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
