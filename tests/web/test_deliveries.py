"""Deliveries, refused devices and alarms."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest


@pytest.fixture
def event(world: Any, client: httpx.Client, bodies: Callable[..., dict[str, Any]]) -> str:
    """The id of an event whose delivery is parked."""
    order = client.post("/api/v1/orders", json=bodies()).json()
    client.post(f"/api/v1/orders/{order['id']}/cancel")
    outbox, now = world.services.outbox, world.time[0]
    (claimed,) = outbox.claim("me", now, 1_000_000, target="clinic")
    assert outbox.finish(claimed, "me", now, delivered=False, detail="404 Not Found", next_try=None)
    event_id: str = claimed.event_id
    return event_id


def test_a_parked_delivery_is_shown_and_raises_an_alarm(client: httpx.Client, event: str) -> None:
    (item,) = client.get("/api/v1/deliveries?status=parked&target=clinic&limit=5").json()["items"]
    assert (item["event_id"], item["type"], item["status"]) == (event, "order.canceled", "parked")
    assert (item["attempts"], item["detail"], item["due_at"]) == (1, "404 Not Found", None)
    assert item["finished_at"] == "2026-09-21T14:13:20.000Z"
    found = client.get(f"/api/v1/deliveries/{event}").json()
    assert found["envelope"]["id"] == event
    assert found["deliveries"][0]["status"] == "parked"
    (alarm,) = client.get("/api/v1/alarms").json()["items"]
    assert (alarm["kind"], alarm["subject"], alarm["count"]) == ("delivery parked", event, 1)


def test_an_alarm_ends_once_somebody_has_seen_to_it(world: Any, port: int, client: httpx.Client, event: str) -> None:
    (alarm,) = client.get("/api/v1/alarms").json()["items"]
    with world.client(port, "technician") as technician:
        assert technician.post(f"/api/v1/alarms/{alarm['id']}/clear").json() == alarm
        assert technician.post(f"/api/v1/alarms/{alarm['id']}/clear").status_code == 404
    assert client.get("/api/v1/alarms").json()["items"] == []
    assert [row["who"] for row in world.services.audit.of(event) if row["action"] == "alarm cleared"] == [
        "token technician"
    ]


@pytest.mark.parametrize("id", ["0", "-1", "x", "9" * 18, "9" * 40, "\u0661", "1.0"])
def test_an_alarm_that_is_not_there(client: httpx.Client, event: str, id: str) -> None:
    assert client.post(f"/api/v1/alarms/{id}/clear").status_code == 404


def test_retry_makes_it_due(world: Any, client: httpx.Client, event: str) -> None:
    world.time[0] += 5_000_000
    answer = client.post(f"/api/v1/deliveries/{event}/retry").json()
    assert answer["retried"] == 1
    assert answer["deliveries"][0]["status"] == "pending"
    assert answer["deliveries"][0]["due_at"] == "2026-09-21T14:13:25.000Z"
    assert world.services.outbox.claim("me", world.time[0], 1, target="clinic")


@pytest.mark.parametrize(
    ("query", "number"), [("", 1), ("status=", 1), ("status=delivered", 0), ("target=other", 0), ("status=pending", 0)]
)
def test_filters(client: httpx.Client, event: str, query: str, number: int) -> None:
    assert len(client.get(f"/api/v1/deliveries?{query}").json()["items"]) == number


@pytest.mark.parametrize("query", ["status=lost", "limit=0", "cursor=x", "order_id=1"])
def test_bad_parameters(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/api/v1/deliveries?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_an_unknown_event(client: httpx.Client) -> None:
    assert client.get("/api/v1/deliveries/evt_0").status_code == 404
    assert client.post("/api/v1/deliveries/evt_0/retry").status_code == 404


def test_refused_devices(world: Any, client: httpx.Client) -> None:
    for _ in range(2):
        world.services.unknown_devices.record("<b>NEW", "10.0.0.7", "DCMGATEWAY")
    (device,) = client.get("/api/v1/devices/unknown").json()["items"]
    assert (device["ae_title"], device["address"], device["attempts"]) == ("<b>NEW", "10.0.0.7", 2)


@pytest.mark.parametrize("path", ["devices/unknown", "alarms"])
@pytest.mark.parametrize("query", ["limit=0", "cursor=x", "kind=x", "status=parked"])
def test_bad_parameters_of_other_lists(client: httpx.Client, path: str, query: str) -> None:
    answer = client.get(f"/api/v1/{path}?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


def test_a_call_without_parameters_takes_none(client: httpx.Client, event: str) -> None:
    order = client.get("/api/v1/orders").json()["items"][0]["id"]
    for method, path in (
        ("GET", f"deliveries/{event}"),
        ("POST", f"deliveries/{event}/retry"),
        ("GET", f"orders/{order}"),
        ("POST", f"orders/{order}/cancel"),
        ("POST", "alarms/1/clear"),
        ("GET", "studies/1.2"),
    ):
        answer = client.request(method, f"/api/v1/{path}?force=1&x=")
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["force", "x"])
        assert answer.json()["errors"][0]["message"] == "is not a parameter of this request"


def pages(client: httpx.Client, path: str, key: str, limit: int) -> list[list[Any]]:
    """Return the pages of a list, of each item one value."""
    found, cursor = [], ""
    while cursor is not None:
        answer = client.get(f"/api/v1/{path}", params={"limit": limit, "cursor": cursor}).json()
        assert answer.keys() == {"items", "next"}
        found.append([item[key] for item in answer["items"]])
        cursor = answer["next"]
    return found


def in_pages(values: list[Any], limit: int) -> list[list[Any]]:
    return [values[start : start + limit] for start in range(0, len(values), limit)] or [[]]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_deliveries_come_in_pages(client: httpx.Client, bodies: Callable[..., dict[str, Any]], limit: int) -> None:
    expected = []
    for n in range(3):
        order = client.post("/api/v1/orders", json=bodies(f"P-{n}")).json()
        client.post(f"/api/v1/orders/{order['id']}/cancel")
        expected.insert(0, order["id"])
    assert pages(client, "deliveries", "order_id", limit) == in_pages(expected, limit)
    first = client.get("/api/v1/deliveries?limit=1&status=pending&target=clinic").json()
    after = {"limit": 1, "status": "pending", "target": "clinic", "cursor": first["next"]}
    assert client.get("/api/v1/deliveries", params=after).json()["items"][0]["order_id"] == expected[1]


@pytest.mark.parametrize("limit", [1, 2, 4, 5])
def test_alarms_come_in_pages(world: Any, client: httpx.Client, limit: int) -> None:
    for n in range(12):
        world.services.audit.alarm(1 + n // 4, "kind", f"subject {n}", "")
    expected = [f"subject {n}" for n in range(11, -1, -1)]
    assert pages(client, "alarms", "subject", limit) == in_pages(expected, limit)


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_unknown_devices_come_in_pages(world: Any, client: httpx.Client, limit: int) -> None:
    names = ["A", "A B:C", "\u00c4" * 16, "%2F/?&"]
    for n, name in enumerate(names):
        world.services.unknown_devices.record(name, f"2001:db8::{n}", "DCMGATEWAY")
    found = pages(client, "devices/unknown", "ae_title", limit)
    assert [len(page) for page in found] == [len(page) for page in in_pages(names, limit)]
    assert sorted(sum(found, [])) == sorted(names)


def test_a_delivery_says_for_which_one_it_waits(
    world: Any, client: httpx.Client, bodies: Callable[..., dict[str, Any]]
) -> None:
    order = client.post("/api/v1/orders", json=bodies()).json()
    client.post(f"/api/v1/orders/{order['id']}/cancel")
    client.post("/api/v1/orders", json=bodies(reason="again"))
    client.post(f"/api/v1/orders/{order['id']}/cancel")
    other = client.post("/api/v1/orders", json=bodies("A-2")).json()
    client.post(f"/api/v1/orders/{other['id']}/cancel")
    third, second, first = client.get("/api/v1/deliveries").json()["items"]
    assert [item["detail"] for item in (first, second, third)] == [None, f"waits for {first['event_id']}", None]
    shown = client.get(f"/api/v1/deliveries/{second['event_id']}").json()
    assert shown["deliveries"][0]["detail"] == f"waits for {first['event_id']}"
    outbox, now = world.services.outbox, world.time[0]
    claimed = outbox.claim("me", now, 1_000_000, target="clinic")[0]
    assert outbox.finish(claimed, "me", now, delivered=True, detail="200 OK", next_try=None)
    assert [item["detail"] for item in client.get("/api/v1/deliveries").json()["items"]] == [None, None, "200 OK"]
