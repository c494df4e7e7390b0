"""Orders that people enter, find, change and call off on the page."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest

from dicom_gateway.core.breeds import breed_code
from dicom_gateway.core.devices import Device, Origin
from dicom_gateway.core.local_time import SECOND, local_now
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.species import species_code
from dicom_gateway.core.teeth import FDI_TEETH
from dicom_gateway.core.users import UserRole
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.storage.worklist import StepVersion
from dicom_gateway.web.pages import order_forms
from dicom_gateway.web.pages.order_entry import BREED_NAMES, SPECIES_NAMES
from tests.web.conftest import TESTER, ZONE, Visitor, World
from tests.web.test_page_today import text_of

Bodies = Callable[..., dict[str, Any]]
FORM: dict[str, Any] = {
    "nonce": "0123",
    "kind": "person",
    "family_name": "Roe",
    "given_name": "Ann",
    "patient_id": "P-9",
    "birth_date": "1988-03-14",
    "sex": "F",
    "modality": "DX",
    "device": "DX1",
    "date": "2026-09-22",
    "time": "10:15",
    "description": "Bitewings",
    "expected": "2",
    "priority": "HIGH",
    "physician": "Miller, Eva",
    "reason": "check-up",
    "teeth": ["36", "11"],
}
ANIMAL = {
    **FORM, "kind": "animal", "family_name": "Doe", "given_name": "Rex", "owner_name": "Jane", "species": "dog",
    "breed": "Beagle", "neutered": "yes", "weight": "31,5",
}  # fmt: skip


@pytest.fixture
def visitor(world: World, port: int) -> Iterator[Visitor]:
    with world.visitor(port, UserRole.FRONT_DESK) as found:
        yield found


@pytest.fixture
def stored(world: World, bodies: Bodies) -> Callable[..., Order]:
    """Take an order of a PMS in."""

    def take(number: str = "A-1", patient: dict[str, Any] | None = None, **step: Any) -> Order:
        document = bodies(number, patient=patient)
        document["procedures"][0]["steps"][0] |= step
        world.time[0] += SECOND
        return world.services.orders.save(parse_order(document, ZONE), TESTER)[0]

    return take


def all_orders(world: World) -> list[Order]:
    return list(world.services.orders.find(OrderFilter()))


def entered(world: World, visitor: Visitor, **changes: Any) -> Order:
    answer = visitor.send_form("/orders/new", **(FORM | changes))
    assert answer.status_code == 303, text_of(answer.text)
    return world.services.orders.get(answer.headers["location"].rpartition("/")[2])


def test_a_new_order(world: World, visitor: Visitor) -> None:
    order = entered(world, visitor)
    (step,) = order.steps()
    patient = order.patient
    assert (order.source, order.priority, order.reason) == ("page", "HIGH", "check-up")
    assert re.fullmatch(r"N260921-[A-Z2-7]{7}", order.placer_order_number)
    assert (patient.id, patient.name, patient.birth_date, patient.sex) == ("P-9", "Roe^Ann", date(1988, 3, 14), "F")
    assert (patient.is_animal, patient.responsible_person) == (False, "")
    assert (step.modality, step.start, step.station_ae_titles) == ("DX", datetime(2026, 9, 22, 10, 15), ("DX1",))
    assert (step.description, step.expected_instances, step.teeth) == ("Bitewings", 2, ("11", "36"))
    assert order.referring_physician == "Miller^Eva"
    assert [row["who"] for row in world.services.audit.of(f"order {order.id}")] == ["user the front desk"]


def test_an_animal(world: World, visitor: Visitor) -> None:
    order = entered(world, visitor, **ANIMAL)
    patient = order.patient
    assert (patient.name, patient.responsible_person, patient.responsible_person_role) == (
        "Doe^Rex", "Doe^Jane", "OWNER",
    )  # fmt: skip
    assert (patient.species, patient.breed, patient.neutered, patient.weight_kg) == ("dog", "Beagle", True, 31.5)
    assert patient.species_code == species_code("dog") and patient.breed_codes
    assert order.steps()[0].teeth == ()


def test_the_same_form_once_more_is_the_same_order(world: World, visitor: Visitor) -> None:
    first = entered(world, visitor)
    assert entered(world, visitor).id == first.id
    assert first.version == world.services.orders.get(first.id).version
    assert entered(world, visitor, description="Panoramic").id != first.id
    assert entered(world, visitor, nonce="4567").id != first.id
    assert len(all_orders(world)) == 3


def test_a_walk_in_is_for_now(world: World, visitor: Visitor) -> None:
    form = visitor.get("/orders/new?walk_in=1").text
    assert '<option value="DX1" selected>' in form and '<option value="DX" selected>' in form
    assert 'name="date"' not in form
    order = entered(world, visitor, walk_in="1", patient_id="", date="", time="")
    assert order.steps()[0].start == local_now(world.time[0], ZONE).replace(microsecond=0)
    assert re.fullmatch(r"W260921-[A-Z2-7]{7}", order.patient.id)
    assert order.patient.id[1:] != order.placer_order_number[1:]


def test_the_modality_of_the_device_is_taken(world: World, visitor: Visitor) -> None:
    assert entered(world, visitor, modality="").steps()[0].modality == "DX"


WRONG = {
    "no name": ({"family_name": "", "given_name": ""}, "family_name", "Please fill this in."),
    "born tomorrow": ({"birth_date": "2026-09-22"}, "birth_date", "in the future"),
    "no modality": ({"modality": "", "device": ""}, "modality", "Please fill this in."),
    "a modality that is none": ({"modality": "dx ray"}, "modality", "short code in capitals"),
    "no day": ({"date": ""}, "date", "Enter a date and a time."),
    "a time that is none": ({"time": "25:00"}, "time", "Enter a date and a time."),
    "a number in words": ({"expected": "two"}, "expected", "Enter a number."),
    "too many images": ({"expected": "100001"}, "expected", "Enter a number up to 100000."),
    "no image at all": ({"expected": "0"}, "expected", "Enter a number from 1 upwards."),
    "fewer than none": ({"expected": "-3"}, "expected", "Enter a number from 1 upwards."),
    "a device that does not make it": ({"modality": "IO"}, "device", "DX1 does not make IO, but DX."),
    "a number that is no number": ({"expected": "²"}, "expected", "Enter a number."),
    "a backslash": ({"description": "a\\b"}, "description", "\\"),
    "too long": ({"reason": "x" * 65}, "reason", "at most 64 characters"),
    "far too long": ({"reason": "x" * 600}, "reason", "at most 500 characters"),
    "a tooth that is none": ({"teeth": ["36", "99"]}, "teeth", "There is no tooth 99"),
    "a weight": ({**ANIMAL, "weight": "0"}, "weight", "Enter a number above 0."),
    "a device that is none": ({"device": "ÄÖ"}, "device", "An AE title has"),
    "a name like a sword": ({"family_name": "a^b^c^d^e^f"}, "family_name", "cannot be used that often"),
}


@pytest.mark.parametrize(("changes", "field", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_stands_at_its_field(
    world: World, visitor: Visitor, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = visitor.send_form("/orders/new", **(FORM | changes))
    assert answer.status_code == 422
    (error,) = re.findall(rf'(?s)<p class="error" id="{field}-error">(.*?)</p>', answer.text)
    assert words in text_of(error)
    assert "The order is not entered yet." in answer.text
    for name in ("family_name", "description"):
        typed = (FORM | changes)[name]
        assert f'name="{name}" type="text" value="{typed}"' in answer.text
    assert all_orders(world) == []


def test_a_device_whose_modalities_nobody_said_takes_all(world: World, visitor: Visitor) -> None:
    world.services.devices.store.add(Device("ANY1", origin=Origin.DATABASE), TESTER)
    assert entered(world, visitor, device="ANY1", modality="IO").steps()[0].station_ae_titles == ("ANY1",)


def test_all_that_is_wrong_is_said_at_once(visitor: Visitor) -> None:
    html = visitor.send_form("/orders/new", **(FORM | {"modality": "IO", "expected": "0", "date": ""})).text
    assert set(re.findall(r'id="(\w+)-error"', html)) == {"device", "expected", "date"}


def test_a_number_of_somebody_else_is_asked_about(world: World, visitor: Visitor) -> None:
    before = entered(world, visitor, family_name="Müller", given_name="Jürgen")
    world.time[0] += SECOND
    assert entered(world, visitor, family_name="MULLER", given_name="Jurgen", nonce="1").patient.id == "P-9"
    world.time[0] += SECOND
    answer = visitor.send_form("/orders/new", **FORM)
    assert answer.status_code == 422 and len(all_orders(world)) == 2
    asked = text_of(answer.text)
    assert re.search(r"The number P-9 is MULLER, Jurgen , born .*1988.* Is this the same patient\?", asked)
    (tick,) = re.findall(r'name="same_patient" value="(\w+)"', answer.text)
    assert tick in {order.id for order in all_orders(world)}
    assert visitor.send_form("/orders/new", **(FORM | {"same_patient": "yes"})).status_code == 422
    assert entered(world, visitor, same_patient=tick).patient.name == "Roe^Ann"
    assert entered(world, visitor, patient_id="P-10", family_name="Other").patient.id == "P-10"
    assert before.patient.name == "Müller^Jürgen"


def test_what_was_typed_stays_after_an_error(visitor: Visitor) -> None:
    html = visitor.send_form("/orders/new", **(FORM | {"expected": "two", "family_name": '"><b>'})).text
    assert "&#34;&gt;&lt;b&gt;" in html and "<b>" not in html.partition("<main")[2].partition('id="patient_id"')[0]
    assert '<option value="DX" selected>' in html
    assert re.search(r'value="36" checked', html) and not re.search(r'value="37" checked', html)
    assert 'name="nonce" value="0123"' in html


def test_a_form_without_the_mark_of_the_session(world: World, visitor: Visitor) -> None:
    answer = visitor.post("/orders/new", data=FORM)
    assert answer.status_code == 403
    assert all_orders(world) == []


def test_an_earlier_patient_is_found(visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    for text in ("doe", "Rex", "P-7", "doe, rex"):
        found = visitor.get("/orders/patients", params={"q": text}).text
        assert f'href="/orders/new?patient_of={order.id}"' in found and "Canine, Labrador Retriever" in found
    assert f"walk_in=1&amp;patient_of={order.id}" in visitor.get("/orders/patients?q=doe&walk_in=1").text
    assert "No earlier order fits." in visitor.get("/orders/patients?q=zzz").text
    assert visitor.get("/orders/patients?q=").text.strip() == ""


def test_an_earlier_patient_is_found_without_script(visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    assert f'href="/orders/new?patient_of={order.id}"' in visitor.get("/orders/new?q=doe").text
    assert f"patient_of={order.id}" not in visitor.get("/orders/new").text


def test_an_order_that_no_device_takes(visitor: Visitor) -> None:
    visitor.send_form("/orders/new", **(FORM | {"device": "", "modality": "MR"}))
    assert "no device is known for it yet" in visitor.get("/today").text


def test_an_earlier_patient_keeps_what_the_form_does_not_show(
    world: World, visitor: Visitor, stored: Callable[..., Order]
) -> None:
    earlier = stored(patient={"name": "Doe^Rex^III", "allergies": ["penicillin"]})
    html = visitor.get(f"/orders/new?patient_of={earlier.id}").text
    fields = dict(re.findall(r'<input id="(\w+)" name="\w+" type="\w+" value="([^"]*)"', html))
    assert (fields["given_name"], fields["patient_id"], fields["weight"]) == ("Rex III", "P-78", "31.5")
    sent = (
        FORM
        | fields
        | {"kind": "animal", "sex": "M", "neutered": "yes", "patient_of": earlier.id, "date": "2026-09-22"}
    )
    assert entered(world, visitor, **sent).patient == earlier.patient
    other = entered(world, visitor, **(sent | {"breed": "Beagle", "neutered": "no"})).patient
    assert (other.name, other.allergies, other.neutered) == ("Doe^Rex^III", ("penicillin",), False)
    assert other.breed == "Beagle" and [code.value for code in other.breed_codes] != ["62137007"]
    stranger = entered(world, visitor, **(sent | {"patient_id": "P-1"})).patient
    assert (stranger.id, stranger.name, stranger.issuer, stranger.allergies) == ("P-1", "Doe^Rex III", "", ())


def test_the_form_begins_with_what_the_practice_does(visitor: Visitor, stored: Callable[..., Order]) -> None:
    assert 'value="person" checked' in visitor.get("/orders/new").text
    stored()
    assert 'value="animal" checked' in visitor.get("/orders/new").text


def test_a_test_order_is_no_habit(world: World, visitor: Visitor, stored: Callable[..., Order], bodies: Bodies) -> None:
    stored()
    for number in range(6):
        world.time[0] += SECOND
        trial = bodies(f"TEST-{number}") | {"source": "page", "patient": {"id": "TEST", "name": "Test^Order"}}
        world.services.orders.save(parse_order(trial, ZONE), TESTER)
    assert 'value="animal" checked' in visitor.get("/orders/new").text


def test_devices_of_one_modality_are_known_to_the_form(world: World, visitor: Visitor) -> None:
    world.services.devices.store.add(Device("TWO1", modalities=("IO", "PX"), origin=Origin.DATABASE), TESTER)
    (kinds,) = re.findall(r"data-only-kinds='([^']*)'", visitor.get("/orders/new").text)
    assert json.loads(kinds) == {"DX1": "DX"}


SAID = {
    "tomorrow": ({}, "The device finds it in its worklist on that day."),
    "later today": ({"date": "2026-09-21", "time": "18:00"}, "The device finds it in its worklist."),
    "just now": ({"date": "2026-09-21", "time": "15:30"}, "The device finds it in its worklist."),
    "this morning": ({"date": "2026-09-21", "time": "08:00"}, "but its time has passed"),
    "last week": ({"date": "2026-09-14"}, "but its time has passed"),
    "a device that there is not": ({"device": "NOBODY"}, "NOBODY is no device of this practice"),
}


@pytest.mark.parametrize(("changes", "words"), SAID.values(), ids=SAID.keys())
def test_what_comes_of_a_new_order(
    world: World, visitor: Visitor, changes: dict[str, Any], words: str
) -> None:  # fmt: skip
    order = entered(world, visitor, **changes)
    shown = text_of(visitor.get(f"/orders/{order.id}").text)
    assert words in shown
    assert ("The device finds it" in shown) is ("The device finds it" in words)


def test_a_change_into_the_past_is_pointed_out(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    change(visitor, order, **{"date-0-0": "2026-09-20"})
    assert "The order is changed, but its time has passed" in text_of(visitor.get(f"/orders/{order.id}").text)
    change(visitor, world.services.orders.get(order.id), **{"date-0-0": "2026-09-20", "description-0-0": "Hip"})
    assert "but its time has passed" not in text_of(visitor.get(f"/orders/{order.id}").text)


def test_what_is_offered_has_a_code() -> None:
    assert [name for name in SPECIES_NAMES if species_code(name) is None] == []
    assert [name for name in BREED_NAMES if breed_code(name) is None and breed_code(name, "dog", "448771007") is None
            and breed_code(name, "cat", "448169003") is None] == []  # fmt: skip
    chart = (order_forms.UPPER, order_forms.LOWER, order_forms.MILK_UPPER, order_forms.MILK_LOWER)
    assert sorted(tooth for jaw in chart for tooth in jaw) == sorted(FDI_TEETH)


def change(visitor: Visitor, order: Order, **fields: Any) -> Any:
    step = order.steps()[0]
    values = {
        "version": order.version,
        "date-0-0": f"{step.start:%Y-%m-%d}",
        "time-0-0": f"{step.start:%H:%M}",
        "device-0-0": step.station_ae_titles[0],
        "description-0-0": step.description,
        "expected-0-0": step.expected_instances,
    }
    return visitor.send_form(f"/orders/{order.id}/change", **(values | fields))


def test_an_order_is_changed(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    world.services.devices.store.add(Device("DX2", modalities=("DX",), origin=Origin.DATABASE), TESTER)
    html = visitor.get(f"/orders/{order.id}/change").text
    assert "This order came from mypms." in text_of(html)
    answer = change(visitor, order, **{"date-0-0": "2026-11-24", "time-0-0": "08:30", "device-0-0": "DX2"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{order.id}")
    after = world.services.orders.get(order.id)
    before, step = order.steps()[0], after.steps()[0]
    assert (step.start, step.station_ae_titles) == (datetime(2026, 11, 24, 8, 30), ("DX2",))
    assert (step.id, step.description, step.performer) == (before.id, before.description, before.performer)
    assert after.patient == order.patient
    assert (after.accession_number, after.version) == (order.accession_number, order.version + 1)


def test_a_change_of_nothing_changes_nothing(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored(start="2026-11-23T10:15:30")
    assert change(visitor, order).status_code == 303
    assert world.services.orders.get(order.id) == order


def test_several_devices_stay_unless_one_is_chosen(
    world: World, visitor: Visitor, stored: Callable[..., Order]
) -> None:  # fmt: skip
    order = stored(station_ae_titles=["DX1", "DX7"])
    assert "As planned: DX1, DX7" in visitor.get(f"/orders/{order.id}/change").text
    change(visitor, order, **{"device-0-0": "=", "time-0-0": "11:00"})
    after = world.services.orders.get(order.id)
    assert after.steps()[0].station_ae_titles == ("DX1", "DX7")
    change(visitor, after, **{"device-0-0": "DX1"})
    assert world.services.orders.get(order.id).steps()[0].station_ae_titles == ("DX1",)


def test_what_is_wrong_in_a_change(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    for field, value in (
        ("time-0-0", "morning"),
        ("expected-0-0", "many"),
        ("date-0-0", ""),
        ("description-0-0", "\\"),
    ):
        answer = change(visitor, order, **{field: value})
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert "Please look at" not in answer.text or value in answer.text
    assert world.services.orders.get(order.id) == order


def test_a_change_to_what_the_device_does_not_make(
    world: World, visitor: Visitor, stored: Callable[..., Order]
) -> None:  # fmt: skip
    order = stored(expected_instances=0)
    world.services.devices.store.add(Device("OPG1", modalities=("PX",), origin=Origin.DATABASE), TESTER)
    answer = change(visitor, order, **{"device-0-0": "OPG1", "expected-0-0": "-3"})
    shown = text_of(answer.text)
    assert answer.status_code == 422
    assert "OPG1 does not make DX, but PX." in shown and "Enter a number from 1 upwards." in shown
    assert world.services.orders.get(order.id) == order
    assert change(visitor, order, **{"time-0-0": "12:00", "expected-0-0": "0"}).status_code == 303  # as it was


def test_which_step_a_worklist_showed(world: World, visitor: Visitor, bodies: Bodies) -> None:
    document = bodies("A-1")
    (first,) = document["procedures"][0]["steps"]
    document["procedures"][0]["steps"] = [first | {"description": "Bitewings"}, first | {"description": "Panoramic"}]
    order = world.services.orders.save(parse_order(document, ZONE), TESTER)[0]
    world.asks(b"\x10\x00\x10\x00PN\x00\x00", *(StepVersion(order.id, 1, 0, 0, n) for n in range(2)))
    shown = text_of(visitor.get(f"/orders/{order.id}").text)
    assert "Shown once on the worklist of DX1: Bitewings" in shown
    assert "Shown once on the worklist of DX1: Panoramic" in shown


def test_somebody_else_was_faster(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    change(visitor, order, **{"time-0-0": "11:00"})
    answer = change(visitor, order, **{"time-0-0": "12:00"})
    assert answer.status_code == 422
    shown = text_of(answer.text)
    assert "Somebody has changed this order meanwhile." in shown
    assert re.search(r"Stored now: \d{4}-\d\d-\d\d · 11:00 · DX1", shown) and 'value="12:00"' in answer.text
    assert world.services.orders.get(order.id).steps()[0].start.hour == 11
    change(visitor, world.services.orders.get(order.id), **{"time-0-0": "12:00"})
    assert world.services.orders.get(order.id).steps()[0].start.hour == 12


def test_a_step_that_came_meanwhile_shows_its_own_values(
    world: World, visitor: Visitor, bodies: Bodies
) -> None:  # fmt: skip
    document = bodies("A-1")
    order = world.services.orders.save(parse_order(document, ZONE), TESTER)[0]
    first = document["procedures"][0]["steps"][0]
    document["procedures"][0]["steps"].append(first | {"id": "S-2", "start": "2026-11-23T17:45:00"})
    world.services.orders.save(parse_order(document, ZONE), TESTER)
    answer = change(visitor, order, **{"time-0-0": "12:00"})
    assert 'value="12:00"' in answer.text and 'value="17:45"' in answer.text


def test_what_has_begun_cannot_be_changed(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    world.receive(study_instance_uid=order.procedures[0].study_instance_uid)
    begun = world.services.orders.get(order.id)
    assert begun.status == "STARTED"
    assert "nothing can be changed any more" in visitor.get(f"/orders/{order.id}/change").text
    change(visitor, begun, **{"time-0-0": "23:00"})
    assert world.services.orders.get(order.id).steps()[0].start == order.steps()[0].start


def test_an_order_is_called_off(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    asked = visitor.get(f"/orders/{order.id}/cancel")
    assert "Cancel this order?" in asked.text and world.services.orders.get(order.id).status == "SCHEDULED"
    assert visitor.send_form(f"/orders/{order.id}/cancel", reason="x" * 201).status_code == 422
    assert world.services.orders.get(order.id).status == "SCHEDULED"
    answer = visitor.send_form(f"/orders/{order.id}/cancel", reason="The owner: <called>")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{order.id}")
    assert "Order cancelled: The owner: <called>" in text_of(visitor.get(f"/orders/{order.id}").text)
    assert world.services.orders.get(order.id).status == "CANCELED"
    assert "cancelled already" in visitor.get(f"/orders/{order.id}/cancel").text


def test_too_late_to_call_it_off(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    world.receive(study_instance_uid=order.procedures[0].study_instance_uid)
    assert "It is too late" in visitor.get(f"/orders/{order.id}/cancel").text
    answer = visitor.send_form(f"/orders/{order.id}/cancel")
    assert answer.status_code == 409
    assert "It is too late to cancel this order: the device has begun, or it is done." in text_of(answer.text)
    assert world.services.orders.get(order.id).status == "STARTED"


@pytest.mark.parametrize("path", ["/orders/nobody/change", "/orders/nobody/cancel"])
def test_an_order_that_there_is_not(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert "There is no such order." in answer.text
    assert visitor.send_form(path).status_code == 404


def test_orders_are_found(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    rex, ann = stored(), stored("A-2", patient={"id": "P-9", "name": "Roe^Ann"}, start="2026-11-30T08:00:00")
    world.services.orders.cancel(ann.id, TESTER)

    def found(**query: str) -> set[str]:
        html = visitor.get("/orders", params=query).text
        return {one.placer_order_number for one in (rex, ann) if f"/orders/{one.id}" in html}

    assert found() == {"A-1", "A-2"} and found(q="A-") == {"A-1", "A-2"}
    assert found(q="roe") == found(q="ann") == found(q="P-9") == found(q=ann.accession_number) == {"A-2"}
    assert found(status="CANCELED") == found(date="2026-11-30") == {"A-2"}
    assert found(q="roe", status="SCHEDULED") == found(device="NOBODY") == set()
    assert "No order fits." in visitor.get("/orders?q=zzz").text
    world.database.write(lambda tx: None)  # what was seen is written before this
    saw = world.services.audit.of("orders")
    assert saw[-1]["detail"] == "q: zzz"


def test_every_step_of_an_order_is_shown(world: World, visitor: Visitor, bodies: Bodies) -> None:
    document = bodies("A-1")
    (first,) = document["procedures"][0]["steps"]
    document["procedures"][0]["steps"] = [
        first | {"description": "Bitewings"},
        first | {"description": "Panoramic", "station_ae_titles": ["OPG1"], "start": "2026-11-24T09:00:00"},
    ]
    world.services.orders.save(parse_order(document, ZONE), TESTER)

    def shown(**query: str) -> list[str]:
        return re.findall("Bitewings|Panoramic|Part . of 2", text_of(visitor.get("/orders", params=query).text))

    assert shown() == ["Bitewings", "Part 1 of 2", "Panoramic", "Part 2 of 2"]
    assert shown(device="OPG1") == shown(date="2026-11-24") == ["Panoramic", "Part 2 of 2"]


def test_a_patient_of_a_cancelled_order(world: World, visitor: Visitor, stored: Callable[..., Order]) -> None:
    order = stored()
    world.services.orders.cancel(order.id, TESTER)
    answer = visitor.send_form(f"/orders/{order.id}/arrived")
    assert "This order was cancelled" in visitor.get(answer.headers["location"]).text


def test_orders_page_by_page(world: World, visitor: Visitor, bodies: Bodies) -> None:
    made = [parse_order(bodies(f"A-{n}", patient={"id": f"P-{n}"}), ZONE) for n in range(60)]
    world.services.orders.save_all(made, TESTER)
    first = visitor.get("/orders?q=doe").text
    (older,) = re.findall(r'href="(/orders\?q=doe&amp;cursor=[^"]+)"', first)
    second = visitor.get(older.replace("&amp;", "&")).text
    rows = [set(re.findall(r'href="/orders/([0-9a-f]{26})"', html)) for html in (first, second)]
    assert (len(rows[0]), len(rows[1]), rows[0] & rows[1]) == (50, 10, set())
    assert "Older orders" not in second


@pytest.mark.parametrize("query", ["status=NONE", "date=tomorrow", "cursor=%21"])
def test_a_filter_that_cannot_be(visitor: Visitor, query: str) -> None:
    assert visitor.get(f"/orders?{query}").status_code == 422


def test_a_wrong_day_is_told_in_the_language_of_the_reader(visitor: Visitor) -> None:
    for path in ("/orders?date=tomorrow", "/today?day=tomorrow"):
        shown = text_of(visitor.get(path, headers={"accept-language": "de"}).text)
        assert "Geben Sie ein Datum" in shown and "date" not in shown.lower().replace("datum", "")


def test_the_page_of_an_order_that_was_entered_here(visitor: Visitor, world: World) -> None:
    order = entered(world, visitor, priority="STAT", description="")
    shown = text_of(visitor.get(f"/orders/{order.id}").text)
    assert "Priority Emergency" in shown and "2 expected" in shown and "DX DX" not in shown
    assert "Order entered on this page · the front desk" in shown


def test_no_orders_at_all(visitor: Visitor) -> None:
    assert "There are no orders yet." in visitor.get("/orders").text


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Miller, Eva", "Miller^Eva"),
        ("Eva Miller", "Miller^Eva"),
        ("Miller", "Miller"),
        ("", ""),
        ("M^E^^Dr", "M^E^^Dr"),
    ],
)
def test_a_name_as_people_write_it(world: World, visitor: Visitor, typed: str, name: str) -> None:
    assert entered(world, visitor, physician=typed).referring_physician == name
