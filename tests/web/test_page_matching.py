"""The pages of what waits to be matched and of what was done without an order, over real stores."""

import csv
import io
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pydicom
import pytest

from dicom_gateway.core.linking import WAITING
from dicom_gateway.core.local_time import from_instant
from dicom_gateway.core.model import Order, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.performed import create
from dicom_gateway.core.side_by_side import compare
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.suggestions import Asked, Reason, Said, Suggestion
from dicom_gateway.core.users import UserRole
from dicom_gateway.study.correction import FIELDS
from dicom_gateway.web.pages import match_words, study_words
from tests.storage.builders import a_reference, a_step, an_item
from tests.web.conftest import NOW, TESTER, Serve, World

STUDY = "1.2.3.4"
Keep = Callable[[Any], Any]
NAME = "Do<b>e^Rex"
TODAY = from_instant(NOW).strftime("%Y-%m-%dT%H:%M")


def element(tag: int, vr: str, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    if vr in ("OB", "OW", "SQ"):
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


PIXELS = bytes(range(200))
DATA = b"".join(
    (
        element(0x00080018, "UI", b"1.2.3.4.1\0"),
        element(0x00100010, "PN", NAME.encode()),
        element(0x00100020, "LO", b"P-87"),
        element(0x00100030, "DA", b"20200229"),
        element(0x0020000D, "UI", b"1.2.3.4\0"),
        element(0x7FE00010, "OW", PIXELS),
    )
)


def an_order(world: World, number: str = "A-1", patient_id: str = "P-78", **values: Any) -> Order:
    patient = Patient(patient_id, "Doe^Rex", "MYPMS")
    step = a_step(start=TODAY, **values) if "start" not in values else a_step(**values)
    procedure = RequestedProcedure((step,), description="Thorax", study_instance_uid=f"1.9.{number[2:]}")
    return world.services.orders.save(Order("mypms", number, patient, (procedure,)), TESTER)[0]


def step_of(order: Order) -> ScheduledStep:
    return order.steps()[0]


def place(order: Order) -> str:
    return f"order={order.id}&procedure={order.procedures[0].id}&step={step_of(order).id}"


@pytest.fixture
def keep() -> Iterator[Keep]:
    """A function that closes what it is given when the test has ended."""
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def waiting(world: World) -> World:
    world.receive(DATA, patient_id="P-87", patient_name=NAME, issuer="", rows=8, columns=8)
    return world


def report(world: World, uid: str = "9.1", study: str = "1.7.7", **values: Any) -> None:
    attributes = an_item(
        **{
            "PerformedProcedureStepStatus": "IN PROGRESS",
            "PatientID": "P-11",
            "PatientName": "Cat^Tom",
            "Modality": "DX",
            "PerformedProcedureStepDescription": "=cmd()",
            "ScheduledStepAttributesSequence": [a_reference(study)],
        }
        | values
    )
    performed = create(uid, attributes, "DX1", NOW)
    world.services.page.matches._performed_steps.create(performed, "192.0.2.9")


def test_the_way_of_a_study_through_the_pages(waiting: World, serve: Serve, keep: Keep) -> None:
    order = an_order(waiting)
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    listed = visitor.get("/unmatched")
    assert listed.status_code == 200 and "No order fits these images." in listed.text
    assert "Do&lt;b&gt;e" in listed.text and "<b>e" not in listed.text
    assert f'href="/unmatched/{STUDY}"' in listed.text
    assert visitor.get("/unmatched/list").text.count('class="card case"') == 1
    shown = visitor.get(f"/unmatched/{STUDY}")
    assert "The patient number differs in one character." in shown.text
    assert "2020-02-29" in shown.text  # which only the file's header says
    assert place(order).replace("&", "&amp;") in shown.text
    confirm = visitor.get(f"/unmatched/{STUDY}/confirm", params={"to": place(order)})
    assert confirm.status_code == 200
    for words in ("Original Attributes Sequence", "P-78", "P-87", "Accession number", order.accession_number):
        assert words in confirm.text
    assert waiting.services.studies.get(STUDY)[0].order_id == ""  # a look changes nothing
    assert visitor.get(f"/unmatched/{STUDY}/confirm", params={"order": order.id}).text == confirm.text
    done = visitor.send_form(f"/unmatched/{STUDY}", to=place(order))
    assert (done.status_code, done.headers["location"]) == (303, f"/unmatched/{STUDY}")
    assert waiting.services.studies.get(STUDY)[0].order_id == order.id
    after = visitor.get(f"/unmatched/{STUDY}")
    key = waiting.services.page.matches.of_study(STUDY)[0].key
    assert f"/matches/{key}/undo" in after.text and "Nothing of this waits" in after.text
    assert "Nothing waits." in visitor.get("/unmatched").text
    assert visitor.send_form(f"/matches/{key}/undo").status_code == 303
    assert waiting.services.studies.get(STUDY)[0].order_id == ""
    again = visitor.send_form(f"/matches/{key}/undo")
    assert again.status_code == 409 and "undone already" in again.text
    seen = [row["subject"] for row in waiting.services.audit.of(f"study {STUDY}") if row["action"] == "matched"]
    assert seen


def test_a_study_is_taken_off_its_order(world: World, serve: Serve, keep: Keep) -> None:
    order = an_order(world)
    world.receive(DATA, study_instance_uid=order.procedures[0].study_instance_uid, patient_id="P-78")
    uid = order.procedures[0].study_instance_uid
    visitor = keep(world.visitor(serve(), UserRole.CLINICIAN))
    assert f"/unmatched/{uid}/off" in visitor.get(f"/unmatched/{uid}").text
    assert visitor.send_form(f"/unmatched/{uid}/off").status_code == 303
    assert world.services.orders.get(order.id).status.value == "SCHEDULED"
    assert "Somebody took the images out of their order." in visitor.get(f"/unmatched/{uid}").text
    assert visitor.send_form(f"/unmatched/{uid}/off").status_code == 409


def test_images_that_are_left_out_go_on_waiting(waiting: World, serve: Serve, keep: Keep) -> None:
    order = an_order(waiting)
    waiting.receive(b"other", sop_instance_uid="1.2.3.4.2", patient_id="P-87", rows=8)
    _, instances = waiting.services.studies.get(STUDY)
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    keys = [str(one.key) for one in instances]
    shown = visitor.get(f"/unmatched/{STUDY}")
    assert all(f'value="{key}"' in shown.text for key in keys)
    confirm = visitor.get(f"/unmatched/{STUDY}/confirm", params={"to": place(order), "leave": keys[1]})
    assert "1 is left out and goes on waiting" in confirm.text
    none = visitor.get(f"/unmatched/{STUDY}/confirm", params={"to": place(order), "leave": keys})
    assert none.status_code == 422
    assert visitor.send_form(f"/unmatched/{STUDY}", to=place(order), leave=keys[1]).status_code == 303
    _, instances = waiting.services.studies.get(STUDY)
    assert [one.order_id for one in instances] == [order.id, ""]


def test_a_complete_order_of_another_patient_is_not_proposed(waiting: World, serve: Serve, keep: Keep) -> None:
    step = a_step(start=TODAY, expected_instances=1)
    procedure = RequestedProcedure((step,), study_instance_uid="1.9.9")
    other = Order("mypms", "A-9", Patient("X-5", "Cat^Tom", "MYPMS"), (procedure,))
    other = waiting.services.orders.save(other, TESTER)[0]
    waiting.receive(DATA, study_instance_uid="1.9.9", sop_instance_uid="1.9.9.1", patient_id="X-5", issuer="MYPMS")
    waiting.services.settlement.complete_by_hand("1.9.9", TESTER)
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    page = visitor.get(f"/unmatched/{STUDY}").text
    assert "It is complete already." in page
    [button] = re.findall(r'<button type="submit"[^>]*form="chosen"[^>]*>', page)
    assert 'class="quiet"' in button and place(other).replace("&", "&amp;") in button


def test_a_performed_step_is_matched(world: World, serve: Serve, keep: Keep) -> None:
    order = an_order(world)
    report(world)
    visitor = keep(world.visitor(serve(), UserRole.TECHNICIAN))
    assert "/unmatched/performed/9.1" in visitor.get("/unmatched").text
    shown = visitor.get("/unmatched/performed/9.1")
    assert "Cat" in shown.text
    assert "without images" in visitor.get("/unmatched/performed/9.1/confirm", params={"to": place(order)}).text
    assert visitor.send_form("/unmatched/performed/9.1", to=place(order)).status_code == 303
    assert world.services.orders.get(order.id).status.value == "STARTED"
    after = visitor.get("/unmatched/performed/9.1")
    key = world.services.page.matches.of_performed("9.1")[0].key
    assert f"/matches/{key}/undo" in after.text
    assert visitor.send_form(f"/matches/{key}/undo").headers["location"] == "/unmatched/performed/9.1"
    assert world.services.orders.get(order.id).status.value == "SCHEDULED"


def test_any_order_can_be_searched(waiting: World, serve: Serve, keep: Keep) -> None:
    far = an_order(waiting, "A-7", "Q-1", start="2025-01-01T10:00")
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    assert far.id in visitor.get(f"/unmatched/{STUDY}", params={"q": "A-7"}).text
    assert "Enter a new order" in visitor.get(f"/unmatched/{STUDY}", params={"q": "rex"}).text
    assert far.id in visitor.get(f"/unmatched/{STUDY}", params={"q": " rex doe "}).text
    assert "No order fits what you typed." in visitor.get(f"/unmatched/{STUDY}", params={"q": "nobody"}).text


@pytest.mark.parametrize(
    ("to", "status"),
    [("", 422), ("order=nothing", 404), ("x" * 600, 422), ("order=a&order=b&procedure=c&step=d&e=f", 404)],
)
def test_what_cannot_be_matched_is_said_on_the_page(
    waiting: World, serve: Serve, keep: Keep, to: str, status: int
) -> None:
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    for answer in (
        visitor.get(f"/unmatched/{STUDY}/confirm", params={"to": to}),
        visitor.send_form(f"/unmatched/{STUDY}", to=to),
    ):
        assert answer.status_code == status, answer.text
        assert "text/html" in answer.headers["content-type"] and 'role="alert"' in answer.text


def test_a_cancelled_step_and_what_is_unknown(waiting: World, serve: Serve, keep: Keep) -> None:
    order = an_order(waiting)
    waiting.services.orders.cancel(order.id, TESTER)
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    answer = visitor.send_form(f"/unmatched/{STUDY}", to=place(order))
    assert answer.status_code == 409 and "cancelled" in answer.text
    for path in ("/unmatched/9.9.9", "/unmatched/performed/9.9.9"):
        assert visitor.get(path).status_code == 404
    assert visitor.send_form("/matches/12345/undo").status_code == 404


def test_a_file_that_is_gone_does_not_hold_up_the_match(waiting: World, serve: Serve, keep: Keep) -> None:
    order = an_order(waiting)
    _, [instance] = waiting.services.studies.get(STUDY)
    waiting.services.objects.path(instance.stored.name).unlink()
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    assert visitor.get(f"/unmatched/{STUDY}").status_code == 200
    confirm = visitor.get(f"/unmatched/{STUDY}/confirm", params={"to": place(order)})
    assert confirm.status_code == 200 and "cannot be corrected" in confirm.text


def matched(world: World) -> Order:
    order = an_order(world)
    world.services.page.matches.match(STUDY, order.id, order.procedures[0].id, step_of(order).id, TESTER)
    return order


def test_what_leaves_the_gateway_is_corrected(waiting: World, serve: Serve, keep: Keep) -> None:
    port = serve()
    original = keep(waiting.client(port)).get("/api/v1/instances/1.2.3.4.1/file")
    matched(waiting)
    client = keep(waiting.client(port))
    found = client.get("/api/v1/instances/1.2.3.4.1/file")
    assert found.status_code == 200 and int(found.headers["content-length"]) == len(found.content)
    data_set = pydicom.dcmread(io.BytesIO(found.content))
    assert (data_set.PatientID, data_set.PixelData) == ("P-78", PIXELS)
    assert data_set.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientID == "P-87"
    received = client.get("/api/v1/instances/1.2.3.4.1/file?as_received=true")
    assert received.content == original.content and received.headers["etag"] == original.headers["etag"]
    visitor = keep(waiting.visitor(port, UserRole.TECHNICIAN))
    assert visitor.get("/instances/1.2.3.4.1/file").content == found.content
    assert visitor.get("/instances/1.2.3.4.1/file?version=1").content == original.content
    assert client.get("/api/v1/instances/1.2.3.4.1/file?as_received=maybe").status_code == 422


def test_ranges_of_a_corrected_file(waiting: World, serve: Serve, keep: Keep) -> None:
    matched(waiting)
    client = keep(waiting.client(serve()))
    path = "/api/v1/instances/1.2.3.4.1/file"
    whole = client.get(path)
    size, tag = len(whole.content), whole.headers["etag"]

    def part(value: str, **headers: str) -> httpx.Response:
        return client.get(path, headers={"Range": value, **headers})

    for value, start, stop in (
        ("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=140-", 140, size), ("bytes=-7", size - 7, size),
        ("bytes=0-999999", 0, size), ("bytes=-999999", 0, size),
    ):  # fmt: skip
        found = part(value)
        assert (found.status_code, found.content) == (206, whole.content[start:stop]), value
        assert found.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert int(found.headers["content-length"]) == stop - start
    assert part("bytes=3-5", **{"If-Range": tag}).status_code == 206
    for value, headers in (
        ("bytes=3-5", {"If-Range": '"other"'}), ("bytes=9-3", {}), ("bytes=-", {}), ("lines=1-2", {}),
        ("bytes=0-1,4-5", {}),
    ):  # fmt: skip
        assert (found := part(value, **headers)).status_code == 200 and found.content == whole.content, value
    for value in (f"bytes={size}-", "bytes=-0"):
        beyond = part(value)
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


def test_what_cannot_be_corrected_is_said_by_the_api(world: World, serve: Serve, keep: Keep) -> None:
    world.receive(b"no data set at all", patient_id="P-87")
    matched(world)
    client = keep(world.client(serve()))
    answer = client.get("/api/v1/instances/1.2.3.4.1/file")
    assert answer.status_code == 409 and "as it was received" in answer.json()["detail"]
    assert client.get("/api/v1/instances/1.2.3.4.1/file?as_received=1").status_code == 200


def test_the_front_desk_bills_what_was_not_ordered(waiting: World, serve: Serve, keep: Keep) -> None:
    report(waiting)
    visitor = keep(waiting.visitor(serve(), UserRole.FRONT_DESK))
    shown = visitor.get("/unordered")
    assert shown.text.count('name="note"') == 2 and "=cmd()" in shown.text and "/unmatched/" not in shown.text
    done = visitor.send_form("/unordered/seen", kind="study", uid=STUDY, note="=bill 12")
    assert (done.status_code, done.headers["location"]) == (303, "/unordered")
    assert visitor.get("/unordered").text.count('name="note"') == 1
    assert "=bill 12" in visitor.get("/unordered?seen=1").text
    for seen, expected in (("", [["P-11", "'=cmd()", "0", ""]]), ("1", [["P-87", "", "1", "'=bill 12"]])):
        answer = visitor.get("/unordered.csv", params={"seen": seen})
        assert "attachment" in answer.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert [[row["patient_id"], row["procedure"], row["images"], row["note"]] for row in rows] == expected
    assert visitor.get("/unordered?device=DX9").text.count("<tr>") == 0
    assert visitor.get("/unordered?device=DX1").text.count('name="note"') == 1
    assert visitor.send_form("/unordered/again", kind="study", uid=STUDY).status_code == 303
    assert visitor.get("/unordered").text.count('name="note"') == 2
    assert visitor.send_form("/unordered/seen", kind="performed", uid="9.1").status_code == 303
    for kind, uid in (("study", "9.9"), ("performed", "9.9"), ("other", STUDY)):
        assert visitor.send_form("/unordered/seen", kind=kind, uid=uid).status_code == 404
    assert visitor.send_form("/unordered/seen", kind="study", uid=STUDY, note="x" * 201).status_code == 422


def test_what_was_ordered_is_not_on_that_list(world: World, serve: Serve, keep: Keep) -> None:
    order = an_order(world)
    uid = order.procedures[0].study_instance_uid
    world.receive(b"one", study_instance_uid=uid)
    world.receive(b"two", study_instance_uid=uid, sop_instance_uid="1.5", patient_id="P-1")
    visitor = keep(world.visitor(serve()))
    assert "Everything that was done had an order." in visitor.get("/unordered").text
    assert "inside a study of an order" in visitor.get("/unmatched").text


def test_the_front_desk_does_not_match(waiting: World, serve: Serve, keep: Keep) -> None:
    visitor = keep(waiting.visitor(serve(), UserRole.FRONT_DESK))
    for path in ("/unmatched", "/unmatched/list", f"/unmatched/{STUDY}", f"/unmatched/{STUDY}/confirm"):
        assert visitor.get(path).status_code == 403
    for path in (f"/unmatched/{STUDY}", f"/unmatched/{STUDY}/off", "/unmatched/performed/9.1", "/matches/1/undo"):
        assert visitor.send_form(path).status_code == 403


def test_every_look_is_audited(waiting: World, serve: Serve, keep: Keep) -> None:
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    for path in ("/unmatched", f"/unmatched/{STUDY}", "/unordered"):
        visitor.get(path)
    subjects = ("to be matched", f"study {STUDY}", "performed without an order")
    assert all(waiting.services.audit.of(subject) for subject in subjects)


def test_the_badge_counts_what_waits(waiting: World, serve: Serve, keep: Keep) -> None:
    report(waiting)
    visitor = keep(waiting.visitor(serve(), UserRole.TECHNICIAN))
    assert ">2</span>" in visitor.get("/badges").text


def test_each_word_is_there() -> None:
    assert match_words.REASONS.keys() == set(Reason)
    assert match_words.ATTRIBUTES.keys() >= {field.keyword for field in FIELDS}
    assert study_words.REASONS.keys() >= WAITING
    both = ("P", "I", "N", "20200101", "M", "dog", "DX", "A1")
    said = Said(*both, frozenset({"36"}))
    asked = Asked("O", "P", "S", StepStatus.SCHEDULED)
    lines = compare(said, asked)
    assert match_words.FIELDS.keys() == {line.field for line in lines}
    fits = [Suggestion(asked, score, (Reason.SAME_ID,)) for score in (100, 70, 69, 35, 34, -50)]
    assert [match_words.fit(one)[0] for one in fits] == ["good", "good", "going", "going", "off", "off"]
    assert match_words.fit(Suggestion(asked, 100, (Reason.SAME_DEVICE,)))[0] == "off"
