"""Why an order is not on a worklist, what a step was served to, and what a device does, from outside."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dicom_gateway.storage.worklist import StepVersion

BY_PATIENT = b"\x10\x00\x20\x00LO\x04\x00P-9 "
UNIVERSAL = b"\x10\x00\x10\x00PN\x00\x00"


@pytest.fixture
def order(client: httpx.Client, bodies: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return client.post("/api/v1/orders", json=bodies("E-1")).json()  # type: ignore[no-any-return]


def test_an_order_that_is_not_on_it(world: Any, client: httpx.Client, order: dict[str, Any]) -> None:
    world.asks(BY_PATIENT)
    (step,) = client.get(f"/api/v1/orders/{order['id']}/explain", params={"device": "DX1 "}).json()["steps"]
    assert (step["on_worklist"], step["why"]) == (False, "keys do not match")
    assert step["reason"].endswith("none finds this one: asks by PatientID P-9, the order has P-78")
    assert step["queries"][0]["address"] == "192.0.2.9"


def test_an_order_that_was_served(world: Any, client: httpx.Client, order: dict[str, Any]) -> None:
    assert order["procedures"][0]["steps"][0]["served"] == []
    world.asks(UNIVERSAL, StepVersion(order["id"], 1, 0, 0, 0))
    (step,) = client.get(f"/api/v1/orders/{order['id']}/explain", params={"device": "DX1"}).json()["steps"]
    assert step["on_worklist"] and step["served"]["first_at"] == "2026-09-21T14:13:20.000Z"
    (shown,) = client.get("/api/v1/orders").json()["items"]
    for answer in (client.get(f"/api/v1/orders/{order['id']}").json(), shown):
        (served,) = answer["procedures"][0]["steps"][0]["served"]
        assert served == {"ae_title": "DX1", "first_at": step["served"]["first_at"], "last_at": served["first_at"]}


def test_an_order_can_be_sent_back_with_what_was_served(
    world: Any, client: httpx.Client, order: dict[str, Any]
) -> None:
    world.asks(UNIVERSAL, StepVersion(order["id"], 1, 0, 0, 0))
    shown = client.get(f"/api/v1/orders/{order['id']}").json()
    again = client.post("/api/v1/orders", json=shown)
    assert (again.status_code, again.json()) == (200, shown)


@pytest.mark.parametrize("query", ["", "?device=", "?device=a%5Cb", f"?device={'A' * 17}", "?device=DX1&x=1"])
def test_explain_wants_an_ae_title(client: httpx.Client, order: dict[str, Any], query: str) -> None:
    answer = client.get(f"/api/v1/orders/{order['id']}/explain{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_pms_does_not_see_what_devices_ask(world: Any, port: int, order: dict[str, Any]) -> None:
    world.asks(BY_PATIENT)
    with world.client(port, "mypms") as pms:
        for path in (f"/api/v1/orders/{order['id']}/explain?device=DX1", "/api/v1/devices/DX1/habits"):
            assert pms.get(path).status_code == 403
        assert pms.get(f"/api/v1/orders/{order['id']}").status_code == 200


def test_habits(world: Any, client: httpx.Client) -> None:
    world.asks(BY_PATIENT)
    world.asks(UNIVERSAL)
    habits = client.get("/api/v1/devices/DX1/habits").json()
    assert {(habit["kind"], habit["name"]) for habit in habits["habits"]} == {
        ("service", "worklist"),
        ("matching key", "PatientID"),
        ("return key", "PatientName"),
    }
    assert len(habits["queries"]) == 2
    assert client.get("/api/v1/devices/DX2/habits").status_code == 404


def test_habits_of_a_device_that_was_refused(world: Any, client: httpx.Client) -> None:
    assert client.get("/api/v1/devices/NEW/habits").json()["detail"].endswith("it was never seen")
    world.services.unknown_devices.record("NEW", "192.0.2.9", "PACS", "unknown device")
    answer = client.get("/api/v1/devices/NEW/habits")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "nothing is known of a device NEW: it was refused; see devices unknown",
    )
