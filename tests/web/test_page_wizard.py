"""The first steps: practice, device, PMS, and the test order on its way."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dicom_gateway.core.local_settings import LocalKind
from dicom_gateway.core.model import Order
from dicom_gateway.core.status import OrderStatus
from dicom_gateway.core.users import UserRole
from dicom_gateway.errors import Conflict
from dicom_gateway.storage.worklist import StepVersion
from dicom_gateway.web.pages.order_forms import SOURCE
from tests.web.conftest import Visitor, World

STEPS = ("/setup/practice", "/setup/device", "/setup/pms", "/setup/test")


@pytest.fixture
def visitor(world: World, port: int) -> Iterator[Visitor]:
    with world.visitor(port) as visitor:
        yield visitor


def test_each_step_can_be_reached_left_out_and_come_back_to(visitor: Visitor) -> None:
    assert visitor.get("/setup").headers["location"] == "/setup/practice"
    for step, following in zip(STEPS, (*STEPS[1:], "/today"), strict=True):
        page = visitor.get(step)
        assert page.status_code == 200
        assert f'href="{following}"' in page.text
        assert all(f'href="{other}"' in page.text for other in STEPS)


def test_name_and_zone_are_kept_as_settings_of_the_page(world: World, visitor: Visitor) -> None:
    page = visitor.get("/setup/practice").text
    assert re.search(r'<option value="[^"]+" selected>', page) and 'value="Europe/Berlin"' in page
    done = visitor.send_form("/setup/practice", practice="Vet am Park", time_zone="Europe/Berlin")
    assert done.headers["location"] == "/setup/device"
    (row,) = world.services.connections.store.all()
    assert (row.kind, dict(row.document)) == (
        LocalKind.PRACTICE, {"practice": "Vet am Park", "time_zone": "Europe/Berlin"},
    )  # fmt: skip
    known = world.services.connections.known().practice
    assert (known.name, known.zone) == ("Vet am Park", "Europe/Berlin")
    assert 'value="Vet am Park"' in visitor.get("/setup/practice").text


@pytest.mark.parametrize(
    ("practice", "zone", "field"), [("P", "Mars/Base", "time_zone"), ("back\\slash", "UTC", "practice")]
)
def test_a_wrong_practice_is_refused_at_its_field(
    world: World, visitor: Visitor, practice: str, zone: str, field: str
) -> None:
    answer = visitor.send_form("/setup/practice", practice=practice, time_zone=zone)
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text
    assert not world.services.connections.store.all()


def test_a_device_is_entered_and_its_sheet_waits_for_it(world: World, visitor: Visitor) -> None:
    done = visitor.send_form("/setup/device", ae_title="OPG1", modality="PX", address="192.168.1.21")
    assert done.status_code == 303
    device = world.services.devices.store.get("OPG1")
    assert device.modalities == ("PX",) and [str(one) for one in device.allowed_from] == ["192.168.1.21/32"]
    sheet = visitor.get(done.headers["location"]).text
    assert "DCMGATEWAY" in sheet and "11112" in sheet and "Nothing was heard of it yet" in sheet
    world.asks(b"", ae_title="OPG1")
    assert "It has asked for its worklist" in visitor.get("/setup/device/OPG1/heard").text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"ae_title": "THIS IS TOO LONG A NAME", "modality": "DX"}, "ae_title"),
        ({"ae_title": "OK", "modality": ""}, "modality"),
        ({"ae_title": "OK", "modality": "DX", "address": "no address!"}, "address"),
        ({"ae_title": "DX1", "modality": "DX"}, ""),
    ],
)
def test_a_wrong_device_is_refused_at_its_field(
    world: World, visitor: Visitor, fields: dict[str, str], field: str
) -> None:
    answer = visitor.send_form("/setup/device", **fields)
    assert answer.status_code == 422
    assert (f'id="{field}-error"' in answer.text) if field else ('role="alert"' in answer.text)
    assert [device.ae_title for device in world.services.devices.store.all()] == ["DX1"]


def test_all_that_is_wrong_with_a_device_is_said_at_once(visitor: Visitor) -> None:
    answer = visitor.send_form("/setup/device", ae_title="THIS IS TOO LONG A NAME", modality="", address="no address!")
    assert re.findall(r'class="error" id="(\w+)-error"', answer.text) == ["ae_title", "modality", "address"]


def test_a_device_with_a_slash_in_its_name_has_its_sheet(visitor: Visitor) -> None:
    done = visitor.send_form("/setup/device", ae_title="A/B C", modality="US")
    page = visitor.get(done.headers["location"])
    assert page.status_code == 200 and "A/B C" in page.text


def test_a_device_that_was_turned_away_is_picked(world: World, visitor: Visitor) -> None:
    assert "XRAY7" not in visitor.get("/setup/device").text
    world.services.unknown_devices.record("XRAY7", "192.168.1.77", "DCMGATEWAY", "unknown device")
    assert "XRAY7" in visitor.get("/setup/unknown-devices").text
    done = visitor.send_form("/setup/device", approve="XRAY7", modality="DX")
    assert done.headers["location"] == "/setup/device/XRAY7"
    assert world.services.devices.store.get("XRAY7").modalities == ("DX",)


def test_who_calls_from_elsewhere_is_told_so(world: World, visitor: Visitor) -> None:
    visitor.send_form("/setup/device", ae_title="OPG1", modality="PX", address="192.168.1.21")
    world.services.unknown_devices.record("OPG1", "192.168.1.99", "DCMGATEWAY", "address not in allowed_from")
    assert "192.168.1.99" in visitor.get("/setup/device/OPG1/heard").text


class TestOrder:
    """A test order on its way."""

    @pytest.fixture
    def order(self, world: World, visitor: Visitor) -> Order:
        done = visitor.send_form("/setup/test", device="DX1")
        assert done.status_code == 303
        return world.services.orders.get(done.headers["location"].partition("order=")[2])

    def way(self, visitor: Visitor, order: Order) -> list[tuple[str, str]]:
        """Return (state, first words) of each step as the page shows them."""
        page = visitor.get(f"/setup/test/live?order={order.id}").text
        found = re.findall(r'<li class="(\w+)">\s*<p><span class="mark"[^>]*></span>([^<]*)', page)
        return [(state, words.strip()) for state, words in found]

    def test_it_is_marked_and_for_its_device(self, order: Order) -> None:
        assert (order.source, order.patient.id, order.patient.name) == (SOURCE, "TEST", "Test^Order")
        assert order.placer_order_number.startswith("TEST-")
        (step,) = order.steps()
        assert (step.station_ae_titles, step.modality, step.expected_instances) == (("DX1",), "DX", 1)

    def test_each_step_is_ticked_as_it_happens(self, world: World, visitor: Visitor, order: Order) -> None:
        states = [state for state, _ in self.way(visitor, order)]
        assert states == ["done", "next", "later", "later", "later"]
        world.asks(b"", StepVersion(order.id, order.version, world.time[0], 0, 0))
        assert self.way(visitor, order)[1] == ("done", "DX1 has fetched it.")
        procedure = order.procedures[0]
        world.receive(
            study_instance_uid=procedure.study_instance_uid, accession_number=order.accession_number,
            patient_id="TEST", issuer="",
        )  # fmt: skip
        way = self.way(visitor, order)
        assert [state for state, _ in way] == ["done", "done", "done", "done", "next"]
        assert way[3][1] == "An image came from DX1." and way[4][1] == "clinic is told the result."
        assert f"/studies/{procedure.study_instance_uid}" in visitor.get(f"/setup/test?order={order.id}").text

    def test_what_is_awaited_has_its_advice(self, visitor: Visitor, order: Order) -> None:
        page = visitor.get(f"/setup/test/live?order={order.id}").text
        assert "Open the worklist at the device now" in page and "/why?device=DX1" in page
        assert "Take an image of anything" not in page

    def test_the_gateway_plays_the_device(self, world: World, visitor: Visitor, order: Order) -> None:
        done = visitor.send_form("/setup/test/play", order=order.id)
        assert done.status_code == 303
        assert [one.id for one in world.services.connections.play.orders] == [order.id]  # type: ignore[attr-defined]
        world.services.connections.play.error = Conflict("the test order is not on the worklist")  # type: ignore[attr-defined]
        failed = visitor.send_form("/setup/test/play", order=order.id)
        assert failed.status_code == 422 and "could not play the device" in failed.text

    def test_it_is_cleaned_away(self, world: World, visitor: Visitor, order: Order) -> None:
        assert visitor.send_form("/setup/test/clean", order=order.id).headers["location"] == "/setup/test"
        assert world.services.orders.get(order.id).status is OrderStatus.CANCELED
        assert "Make the test order" in visitor.get("/setup/test").text

    def test_one_that_has_begun_is_ended(self, world: World, visitor: Visitor, order: Order) -> None:
        world.receive(
            study_instance_uid=order.procedures[0].study_instance_uid, accession_number=order.accession_number,
            patient_id="TEST", issuer="",
        )  # fmt: skip
        visitor.send_form("/setup/test/clean", order=order.id)
        assert world.services.orders.get(order.id).status is OrderStatus.COMPLETED

    def test_no_other_order_is_touched(
        self, world: World, visitor: Visitor, client: httpx.Client, bodies: Callable[..., dict[str, Any]]
    ) -> None:
        other = client.post("/api/v1/orders", json=bodies("A-1")).json()["id"]
        for path in ("/setup/test/clean", "/setup/test/play"):
            assert visitor.send_form(path, order=other).status_code == 404
        assert visitor.get(f"/setup/test?order={other}").status_code == 404
        assert world.services.orders.get(other).status is OrderStatus.SCHEDULED


def test_a_test_order_needs_a_device(visitor: Visitor) -> None:
    assert visitor.send_form("/setup/test", device="NOBODY").status_code == 422


@pytest.mark.parametrize(
    ("role", "technical"),
    [(UserRole.FRONT_DESK, False), (UserRole.TECHNICIAN, True)],
)
def test_technicians_set_up_devices_and_administrators_the_rest(
    world: World, port: int, role: UserRole, technical: bool
) -> None:
    with world.visitor(port, role) as visitor:
        for path in ("/setup/device", "/setup/test"):
            assert visitor.get(path).status_code == (200 if technical else 403)
        for path in ("/setup/practice", "/setup/pms"):
            assert visitor.get(path).status_code == 403
