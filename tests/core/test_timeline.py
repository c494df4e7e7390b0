"""The story of an order: each row becomes its line, in order, with the document behind it."""

from dataclasses import replace

import pytest

from dicom_gateway.core.delivery_words import Told
from dicom_gateway.core.history import (
    AuditLine,
    DeliveryLine,
    EventLine,
    History,
    ImageLine,
    MessageLine,
    ServedLine,
    StudyLine,
)
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.status import StepEvent
from dicom_gateway.core.timeline import ACTIONS, TOGETHER, Item, Kind, Raw, compose

T = 1_800_000_000_000_000


def images(*seconds: float, device: str = "PANO1", study: str = "1.2") -> list[ImageLine]:
    return [ImageLine(T + round(at * SECOND), device, study, f"{study}.{number}") for number, at in enumerate(seconds)]


def kinds(history: History) -> list[Kind]:
    return [item.kind for item in compose(history)]


def only(history: History) -> Item:
    (item,) = compose(history)
    return item


def test_a_whole_day_in_order() -> None:
    history = History(
        source="clinic",
        audit=[
            AuditLine(T, "token clinic", "order received", "order o1", "version 1, SCHEDULED"),
            AuditLine(T + 20 * SECOND, "device PANO1", "performed step created", "performed step 9.1"),
            AuditLine(T + 20 * SECOND, "device PANO1", "started", "order o1", "version 2, STARTED"),
            AuditLine(T + 50 * SECOND, "device PANO1", "performed step updated", "performed step 9.1", "COMPLETED"),
            AuditLine(T + 50 * SECOND, "device PANO1", "completed", "order o1", "version 3, COMPLETED"),
        ],
        messages=[MessageLine(7, T - SECOND, "in", "clinic", "ORM^O01", "AA")],
        served=[ServedLine("S1", "PANO1", T + 10 * SECOND, T + 12 * SECOND, 2)],
        images=images(30, 31, 32, 40),
        studies=[StudyLine("1.2", "P1", T + 51 * SECOND, "mpps+images")],
        events=[EventLine("evt_1", "study.received", T + 51 * SECOND)],
        deliveries=[
            DeliveryLine(
                "evt_1", "study.received", "clinic", "delivered", T + 51 * SECOND, 1, None, T + 52 * SECOND, "200 OK"
            )
        ],
    )
    story = compose(history)
    assert [(item.kind, (item.at - T) // SECOND) for item in story] == [
        (Kind.MESSAGE_IN, -1),
        (Kind.RECEIVED, 0),
        (Kind.SERVED, 10),
        (Kind.REPORT_BEGUN, 20),
        (Kind.IMAGES, 30),
        (Kind.REPORT_COMPLETED, 50),
        (Kind.COMPLETED, 50),
        (Kind.STUDY_COMPLETE, 51),
        (Kind.DELIVERED, 52),
    ]
    by_kind = {item.kind: item for item in story}
    assert by_kind[Kind.IMAGES].values["count"] == 4
    assert by_kind[Kind.IMAGES].until == T + 40 * SECOND
    assert by_kind[Kind.SERVED].until == T + 12 * SECOND
    assert by_kind[Kind.RECEIVED].values["source"] == "clinic"
    assert by_kind[Kind.REPORT_BEGUN].raw == (Raw.PERFORMED_STEP, "9.1")
    assert by_kind[Kind.MESSAGE_IN].raw == (Raw.MESSAGE, "7")
    assert by_kind[Kind.DELIVERED].raw == (Raw.EVENT, "evt_1")
    assert by_kind[Kind.STUDY_COMPLETE].raw == (Raw.STUDY, "1.2")
    assert by_kind[Kind.STUDY_COMPLETE].values == {"evidence": "mpps+images"}
    assert by_kind[Kind.SERVED].raw == (Raw.WORKLIST, "PANO1")
    assert not any(item.is_trouble or item.is_open for item in story)


GROUPS = {
    "one": (images(0), [(0, None, 1)]),
    "without a pause": (images(0, 60, 120), [(0, 120, 3)]),
    "a pause": (images(0, 61), [(0, None, 1), (61, None, 1)]),
    "two devices at once": (images(0, 2) + images(1, 3, device="CR1"), [(0, 2, 2), (1, 3, 2)]),
    "two studies at once": (images(0, 2) + images(1, study="1.3"), [(0, 2, 2), (1, None, 1)]),
    "read in another order": (images(40, 0, 20), [(0, 40, 3)]),
}


@pytest.mark.parametrize(("received", "expected"), GROUPS.values(), ids=GROUPS)
def test_images_are_told_together(received: list[ImageLine], expected: list[tuple[int, int | None, int]]) -> None:
    story = compose(History(images=received))
    found = [
        ((i.at - T) // SECOND, i.until if i.until is None else (i.until - T) // SECOND, i.values["count"])
        for i in story
    ]
    assert found == expected
    assert sum(item.values["count"] for item in story) == len(received)
    assert TOGETHER == 60 * SECOND


@pytest.mark.parametrize("event", sorted(set(StepEvent) - {StepEvent.CANCEL, StepEvent.CHANGE}))
def test_every_event_of_a_step_has_its_line(event: StepEvent) -> None:
    line = AuditLine(T, "gateway", event.value, "order o1")
    assert kinds(History(audit=[line])) == [ACTIONS[event]]


ACTIONS_IN_WORDS = {
    "completed, inferred": [Kind.INFERRED],
    "started, completed, inferred": [Kind.STARTED, Kind.INFERRED],
    "completed, discontinued": [Kind.COMPLETED, Kind.DISCONTINUED],
    "order changed: patient, procedures": [Kind.CHANGED],
    "patient merged: merge 3": [Kind.PATIENT_CHANGED],
    "patient updated: name, weight_kg": [Kind.PATIENT_CHANGED],
    "study matched": [Kind.OTHER],
    "study completed by hand": [Kind.BY_HAND],
    "order cancelled": [Kind.CANCELLED],
}


@pytest.mark.parametrize(("action", "expected"), ACTIONS_IN_WORDS.items(), ids=ACTIONS_IN_WORDS)
def test_what_the_audit_calls_it(action: str, expected: list[Kind]) -> None:
    assert kinds(History(audit=[AuditLine(T, "gateway", action, "order o1")])) == expected


def test_what_changed_is_named() -> None:
    item = only(History(audit=[AuditLine(T, "user anna", "order changed: patient, procedures", "order o1")]))
    assert (item.who, item.values["what"]) == ("user anna", ("patient", "procedures"))


def test_an_unknown_action_keeps_its_words() -> None:
    item = only(History(audit=[AuditLine(T, "user anna", "study matched", "study 1.2", "to order o1")]))
    assert item.values["action"] == "study matched" and item.values["detail"] == "to order o1"
    assert item.raw == (Raw.STUDY, "1.2")


def test_a_start_by_the_first_image_is_told() -> None:
    """Only the start that a report says itself is left out."""
    begun = AuditLine(T, "device DX1", "performed step created", "performed step 9.1")
    start = AuditLine(T, "device DX1", "started", "order o1")
    assert kinds(History(audit=[begun, start])) == [Kind.REPORT_BEGUN]
    assert kinds(History(audit=[start])) == [Kind.STARTED]
    assert kinds(History(audit=[begun, replace(start, at=T + SECOND)])) == [Kind.REPORT_BEGUN]
    assert kinds(History(audit=[begun, replace(start, at=T + SECOND + 1)])) == [Kind.REPORT_BEGUN, Kind.STARTED]
    assert kinds(History(audit=[begun, replace(start, who="device CR1")])) == [Kind.REPORT_BEGUN, Kind.STARTED]


PENDING = DeliveryLine("evt_1", "order.started", "clinic", "pending", T)
DELIVERIES = {
    "just queued": (PENDING, Kind.WAITING, Told.NOT_TRIED, True, False),
    "failing": (
        replace(PENDING, attempts=2, detail="connection refused", due_at=T + SECOND),
        Kind.WAITING,
        Told.CONNECTION_REFUSED,
        True,
        True,
    ),
    "behind another": (replace(PENDING, detail="waits for evt_0"), Kind.WAITING, Told.BEHIND, True, False),
    "delivered": (
        replace(PENDING, status="delivered", detail="AA", finished_at=T + SECOND),
        Kind.DELIVERED,
        Told.ACKNOWLEDGED,
        False,
        False,
    ),
    "given up": (
        replace(PENDING, status="parked", detail="AR 201 Unsupported event code: no", finished_at=T + SECOND),
        Kind.PARKED,
        Told.HL7_REFUSED,
        False,
        True,
    ),
}


@pytest.mark.parametrize(("line", "kind", "told", "is_open", "is_trouble"), DELIVERIES.values(), ids=DELIVERIES)
def test_a_delivery(line: DeliveryLine, kind: Kind, told: Told, is_open: bool, is_trouble: bool) -> None:
    item = only(History(events=[EventLine("evt_1", "order.started", T)], deliveries=[line]))
    assert (item.kind, item.values["told"], item.is_open, item.is_trouble) == (kind, told, is_open, is_trouble)
    assert item.at == (T if is_open else T + SECOND)


def test_what_is_open_stands_last() -> None:
    history = History(
        audit=[AuditLine(T + 60 * SECOND, "token clinic", "order cancelled", "order o1")],
        deliveries=[PENDING],
        events=[EventLine("evt_1", "order.started", T)],
    )
    assert kinds(history) == [Kind.CANCELLED, Kind.WAITING]


def test_an_event_that_nobody_is_told() -> None:
    item = only(History(events=[EventLine("evt_1", "order.incomplete", T)]))
    assert (item.kind, item.values, item.raw) == (Kind.EVENT, {"event": "order.incomplete"}, (Raw.EVENT, "evt_1"))


MESSAGES = {
    "taken": ("in", "AA", Kind.MESSAGE_IN, False, False),
    "refused": ("in", "AE", Kind.MESSAGE_IN, False, True),
    "in work": ("in", "", Kind.MESSAGE_IN, True, False),
    "result taken": ("out", "AA", Kind.MESSAGE_OUT, False, False),
    "not answered": ("out", "no answer", Kind.MESSAGE_OUT, False, True),
}


@pytest.mark.parametrize(("direction", "outcome", "kind", "is_open", "is_trouble"), MESSAGES.values(), ids=MESSAGES)
def test_a_message(direction: str, outcome: str, kind: Kind, is_open: bool, is_trouble: bool) -> None:
    item = only(History(messages=[MessageLine(3, T, direction, "clinic", "ORM^O01", outcome)]))
    assert (item.kind, item.is_open, item.is_trouble) == (kind, is_open, is_trouble)


def test_nothing_is_known_of_nothing() -> None:
    assert compose(History()) == ()


def test_a_study_that_is_not_complete_is_not_said_to_be() -> None:
    assert compose(History(studies=[StudyLine("1.2")])) == ()
