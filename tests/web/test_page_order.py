"""The page of an order: its timeline, the documents behind it, and why it is not on a device's worklist."""

import re
from collections.abc import Callable
from datetime import date
from html import unescape
from typing import Any

import httpx
import pytest
from pydicom import Dataset

from dicom_gateway.core.explain import Why
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.model import Order, RequestedProcedure
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.performed import create, update
from dicom_gateway.core.users import UserRole
from dicom_gateway.storage.audit import VIEWED, Actor
from dicom_gateway.storage.messages import Direction, NewMessage, Result
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.worklist import StepVersion
from dicom_gateway.web.pages.why import VERDICTS

SECOND = 1_000_000
BY_PATIENT = b"\x10\x00\x20\x00LO\x04\x00P-9 "
UNIVERSAL = b"\x10\x00\x10\x00PN\x00\x00"
DEVICE = Actor("device DX1", "192.0.2.9")


@pytest.fixture
def order(world: Any, bodies: Callable[..., dict[str, Any]]) -> Order:
    document = bodies("A-1", patient={"name": "<b>Müller^Bello"})
    found: Order = world.services.orders.save(
        parse_order(document, world.services.zone, date(2026, 11, 23)), Actor("token mypms")
    )[0]
    return found


@pytest.fixture
def visitor(world: Any, port: int) -> Any:
    with world.visitor(port) as visitor:
        yield visitor


def words(answer: httpx.Response) -> str:
    """Return what a page says, without its marks."""
    assert answer.status_code == 200, answer.text
    text = re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<head>.*?</head>", "", answer.text))
    return " ".join(unescape(text).split())


def report(world: Any, order: Order, uid: str = "9.1", **values: Any) -> str:
    """Let a device report the start of the first step; return the UID of the report."""
    [procedure] = order.procedures
    item, data_set = Dataset(), Dataset()
    item.StudyInstanceUID = procedure.study_instance_uid
    item.ScheduledProcedureStepID = procedure.steps[0].id
    data_set.ScheduledStepAttributesSequence = [item]
    data_set.PerformedProcedureStepStatus = "IN PROGRESS"
    data_set.PatientID, data_set.PatientName = order.patient.id, "Müller^<i>Bello"
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    store = PerformedStepStore(world.database, world.services.outbox, world.services.clock)
    store.create(create(uid, data_set, "DX1", world.time[0]), "192.0.2.9")
    return uid


def end_report(world: Any, uid: str, *images: str) -> None:
    """Let the device report the end."""
    series, changes = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2.3.4.0", []
    for image in images:
        item = Dataset()
        item.ReferencedSOPInstanceUID = image
        series.ReferencedImageSequence.append(item)
    changes.PerformedSeriesSequence = [series]
    changes.PerformedProcedureStepStatus = "COMPLETED"
    store = PerformedStepStore(world.database, world.services.outbox, world.services.clock)
    store.update(uid, lambda stored: update(stored, changes, world.time[0]), DEVICE)


def wait(world: Any, seconds: float) -> None:
    world.time[0] += round(seconds * SECOND)


def do_the_job(world: Any, order: Order) -> str:
    """Let the whole of an order happen, and its PMS refuse the first event; return that event."""
    uid = order.procedures[0].study_instance_uid
    wait(world, 5)
    world.asks(UNIVERSAL, StepVersion(order.id, 1, 0, 0, 0))
    wait(world, 5)
    report(world, order)
    for number in range(2):
        wait(world, 5)
        world.receive(
            bytes([number]), sop_instance_uid=f"1.2.3.4.{number}", study_instance_uid=uid, performed_step_uids=("9.1",)
        )
    wait(world, 5)
    end_report(world, "9.1", "1.2.3.4.0", "1.2.3.4.1")
    world.services.settlement.settle(uid)
    (claimed,) = world.services.outbox.claim("me", world.time[0], 30 * SECOND, "clinic")
    world.services.outbox.finish(claimed, "me", world.time[0], False, "500 Internal Server Error: <oh>", None)
    event_id: str = claimed.event_id
    return event_id


def test_the_story_of_an_order(world: Any, visitor: httpx.Client, order: Order) -> None:
    event_id = do_the_job(world, order)
    page = visitor.get(f"/orders/{order.id}")
    text = words(page)
    in_order = (
        "16:13:20 Order received from mypms · practice system, with the access mypms",
        "16:13:25 Shown once on the worklist of DX1 · device DX1",
        "16:13:30 The device reported the start of the examination · device DX1 Report of the device (MPPS)",
        "16:13:35 – 16:13:40 2 images from DX1 · device DX1 Study",
        "16:13:45 The device reported the end of the examination",
        "16:13:45 The examination is done · device DX1",
        "Complete: the device reported the end, and every image that it named is here.",
        "clinic could not be told: the examination has begun",
        "The PMS had an error of its own.",
        "It answered: <oh>",
        "Still open",
        "clinic is still to be told: ",
    )
    places = [text.find(part) for part in in_order]
    assert -1 not in places, [part for part, at in zip(in_order, places, strict=True) if at < 0]
    assert places == sorted(places)
    for link in ("/performed-steps/9.1", f"/events/{event_id}", f"/orders/{order.id}/why?device=DX1"):
        assert f'href="{link}"' in page.text
    assert page.text.count("/thumbnail") == 2
    assert "2 of 2 images" in text


def test_the_patient_and_what_was_downloaded(world: Any, visitor: httpx.Client, order: Order) -> None:
    do_the_job(world, order)
    for detail in ("1 image as png", "3 images as jpeg", "image 1.2.3 as dicom", "document 1.2.3", "else"):
        subject = f"study {order.procedures[0].study_instance_uid}"
        world.services.audit.note(world.time[0], DEVICE, "exported", subject, detail)
    world.database.write(lambda tx: None)
    text = words(visitor.get(f"/orders/{order.id}"))
    for part in (
        "Sex Male", "Neutered Yes", "Weight in kg 31.5", "1 image was downloaded as PNG",
        "3 images were downloaded as JPEG", "An image was downloaded as DICOM", "A document was downloaded",
        "Images were downloaded ·",
    ):  # fmt: skip
        assert part in text, part


def test_names_are_text(visitor: httpx.Client, order: Order) -> None:
    page = visitor.get(f"/orders/{order.id}")
    assert "<b>M" not in page.text and "<bdi>&lt;b&gt;Müller, Bello</bdi>" in page.text


def test_looking_is_recorded_once_and_not_by_live_parts(world: Any, visitor: httpx.Client, order: Order) -> None:
    visitor.get(f"/orders/{order.id}")
    visitor.get(f"/orders/{order.id}/timeline", headers={"X-Live": "1"})
    world.database.write(lambda tx: None)  # what was handed over before is written
    seen = [line for line in world.services.audit.of(f"order {order.id}") if line["action"] == VIEWED]
    assert [line["who"] for line in seen] == ["user the administrator"]
    assert "viewed" not in visitor.get(f"/orders/{order.id}/timeline").text


def test_the_live_part(world: Any, visitor: httpx.Client, order: Order) -> None:
    assert f'hx-get="/orders/{order.id}/timeline"' in visitor.get(f"/orders/{order.id}").text
    before = words(visitor.get(f"/orders/{order.id}/timeline"))
    report(world, order)
    after = words(visitor.get(f"/orders/{order.id}/timeline"))
    assert "in progress" not in before and "in progress" in after
    assert "<html" not in visitor.get(f"/orders/{order.id}/timeline").text


@pytest.mark.parametrize("path", ["", "/timeline", "/why"])
def test_an_unknown_order(visitor: httpx.Client, path: str) -> None:
    answer = visitor.get(f"/orders/0000{path}")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/html")


def test_a_new_order_is_no_order_of_that_name(visitor: httpx.Client) -> None:
    assert visitor.get("/orders/new").status_code == 200


def test_what_can_be_changed_and_called_off(world: Any, port: int, visitor: httpx.Client, order: Order) -> None:
    cancel, change = f'href="/orders/{order.id}/cancel"', f'href="/orders/{order.id}/change"'
    page = visitor.get(f"/orders/{order.id}").text
    assert cancel in page and change in page
    report(world, order)
    page = visitor.get(f"/orders/{order.id}").text
    assert cancel not in page and change not in page


def test_the_front_desk_sees_the_story_but_no_documents(world: Any, port: int, order: Order) -> None:
    event_id = do_the_job(world, order)
    with world.visitor(port, UserRole.FRONT_DESK) as desk:
        page = desk.get(f"/orders/{order.id}")
        assert "2 images from DX1" in words(page)
        assert "/performed-steps/" not in page.text and "/events/" not in page.text
        for path in ("/messages", "/messages/1", "/performed-steps/9.1", f"/events/{event_id}"):
            assert desk.get(path).status_code == 403
        assert desk.get(f"/orders/{order.id}/why").status_code == 200


def test_a_patient_can_be_checked_in_on_the_day(world: Any, visitor: Any, order: Order) -> None:
    arrived = f'action="/orders/{order.id}/arrived"'
    assert arrived not in visitor.get(f"/orders/{order.id}").text
    day = world.services.orders.save(
        order.evolve(procedures=tuple(_today(world, procedure) for procedure in order.procedures)), Actor("token mypms")
    )[0]
    assert arrived in visitor.get(f"/orders/{day.id}").text
    assert visitor.send_form(f"/orders/{day.id}/arrived").headers["location"] == f"/orders/{day.id}"
    page = visitor.get(f"/orders/{day.id}")
    assert arrived not in page.text and "The patient is here · the administrator" in words(page)


def _today(world: Any, procedure: RequestedProcedure) -> RequestedProcedure:
    now = local_now(world.time[0], world.services.zone)
    steps = (step.evolve(start=now, start_utc=world.time[0]) for step in procedure.steps)
    return procedure.evolve(steps=tuple(steps))


# Why is it not on my device?


def test_why_it_is_not_on_it(world: Any, visitor: httpx.Client, order: Order) -> None:
    world.asks(BY_PATIENT)
    page = visitor.get(f"/orders/{order.id}/why", params={"device": "DX1"})
    text = words(page)
    assert "The device asks for something else than what the order says." in text
    assert "What to do:" in text
    assert "PatientID P-9 P-78 differs" in text
    assert re.search(r'<option value="DX1" selected>', page.text)


def test_why_it_is_on_it(world: Any, visitor: httpx.Client, order: Order) -> None:
    world.asks(UNIVERSAL, StepVersion(order.id, 1, 0, 0, 0))
    text = words(visitor.get(f"/orders/{order.id}/why", params={"device": "DX1"}))
    assert "It is on the worklist of this device." in text
    assert "It was shown there first at Sep 21, 2026 16:13:20" in text


def test_devices_to_choose_from(world: Any, visitor: httpx.Client, order: Order) -> None:
    world.asks(UNIVERSAL, ae_title="ASKED")
    world.services.unknown_devices.record("REFUSED", "192.0.2.8", "DCMGATEWAY", "unknown device", [], False)
    page = visitor.get(f"/orders/{order.id}/why").text
    assert re.findall(r'<option value="(\w+)"( selected)?>', page) == [
        ("DX1", " selected"),
        ("ASKED", ""),
        ("REFUSED", ""),
    ]
    strange = visitor.get(f"/orders/{order.id}/why", params={"device": '"><script>'})
    assert strange.status_code == 200 and '"><script>' not in strange.text


def test_every_verdict_has_a_sentence() -> None:
    assert set(VERDICTS) == set(Why)


# Documents


def test_a_message_with_its_answer(world: Any, visitor: httpx.Client) -> None:
    key, in_work = world.messages()
    page = visitor.get(f"/messages/{key}")
    text = words(page)
    assert "<b>MSH</b>|^~\\&amp;|MYPMS\n<b>PID</b>|1||P-7||ä\n" in page.text
    assert "<b>MSA</b>|AA|4711" in page.text
    assert "accepted" in text and 'href="/orders/order-1"' in page.text
    assert "in work" in words(visitor.get(f"/messages/{in_work}"))
    assert "\\x00" in words(visitor.get(f"/messages/{in_work}"))
    for missing in (f"{in_work + 1}", "x", "1" * 30):
        assert visitor.get(f"/messages/{missing}").status_code == 404


def test_a_message_is_text(world: Any, visitor: httpx.Client) -> None:
    new = NewMessage(Direction.OUT, "pms<i>", "192.0.2.7:2575", "ORU^R01", "1", b"OBX|1|<script>\r")
    key = world.services.messages.record(new, Result("AR", "<u>no", b""))
    page = visitor.get(f"/messages/{key}").text
    assert "&lt;script&gt;" in page and "|<script>" not in page and "<u>no" not in page and "pms<i>" not in page


def test_the_list_of_messages(world: Any, visitor: httpx.Client) -> None:
    world.messages()
    new = NewMessage(Direction.OUT, "other", "192.0.2.7:2575", "ORU^R01", "1", b"MSH|")
    for number in range(51):
        wait(world, 1)
        world.services.messages.record(new, Result("AE", f"number {number}"))
    page = visitor.get("/messages")
    assert "number 50" in page.text and "number 0<" not in page.text
    (older,) = re.findall(r'href="(/messages\?[^"]*cursor=[^"]+)"', page.text)
    assert "number 0<" in visitor.get(unescape(older)).text
    came = visitor.get("/messages", params={"direction": "in"}).text
    assert "ORM^O01" in came and "number" not in re.sub(r"<form.*?</form>", "", came, flags=re.DOTALL)
    refused = visitor.get("/messages", params={"outcome": "AE", "peer": "other", "direction": ""})
    assert refused.text.count("ORU^R01") == 50
    assert "No message fits." in visitor.get("/messages", params={"peer": "nobody"}).text
    assert visitor.get("/messages", params={"cursor": "nonsense"}).status_code == 422


def test_a_report_attribute_by_attribute(world: Any, visitor: httpx.Client, order: Order) -> None:
    uid = report(world, order)
    page = visitor.get(f"/performed-steps/{uid}")
    text = words(page)
    assert "PatientName (0010,0010) PN Müller^<i>Bello" in text and "<i>Bello" not in page.text
    assert f"StudyInstanceUID (0020,000D) UI {order.procedures[0].study_instance_uid}" in text
    assert "Item 1" in text and 'class="depth-1"' in page.text
    assert f'href="/orders/{order.id}"' in page.text
    assert visitor.get("/performed-steps/9.9").status_code == 404


def test_an_event_with_its_deliveries(world: Any, visitor: httpx.Client, order: Order) -> None:
    event_id = do_the_job(world, order)
    page = visitor.get(f"/events/{event_id}")
    text = words(page)
    assert "Event: the examination has begun" in text
    assert "could not be delivered The PMS had an error of its own." in text
    assert "It answered: <oh>" in text
    assert f'"id": "{event_id}"' in unescape(page.text)
    assert "Retry now" in text and "Send once more" not in text
    assert visitor.get("/events/evt_none").status_code == 404
