"""Merges of patients by the API: done, listed, undone, refused, and kept from a PMS."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Bodies = Callable[..., dict[str, Any]]
MERGES = "/api/v1/patients/merges"
ASKED = {"old_id": "P-78", "survivor_id": "P-99", "issuer": "MYPMS"}


def patient_id(client: httpx.Client, order: dict[str, Any]) -> str:
    found: str = client.get(f"/api/v1/orders/{order['id']}").json()["patient"]["id"]
    return found


def test_a_merge_moves_the_order_and_its_undoing_moves_it_back(client: httpx.Client, bodies: Bodies) -> None:
    order = client.post("/api/v1/orders", json=bodies("M-1")).json()
    merge = client.post(MERGES, json=ASKED).json()
    assert (merge["order_ids"], merge["who"]) == ([order["id"]], "token administrator")
    assert patient_id(client, order) == "P-99"
    assert client.post("/api/v1/orders", json=bodies("M-2")).json()["patient"]["id"] == "P-99"
    undone = client.post(f"{MERGES}/{merge['id']}/undo").json()
    assert (len(undone["order_ids"]), undone["left"]) == (2, [])
    assert patient_id(client, order) == "P-78"


def test_merges_page_by_page(client: httpx.Client, bodies: Bodies) -> None:
    for number in range(3):
        client.post("/api/v1/orders", json=bodies(f"M-{number}", patient={"id": f"P-{number}"}))
        assert client.post(MERGES, json=ASKED | {"old_id": f"P-{number}"}).status_code == 201
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(MERGES, params={"limit": 1, "cursor": cursor}).json()
        found += [merge["old_id"] for merge in page["items"]]
        cursor = page["next"]
    assert found == ["P-2", "P-1", "P-0"]


REFUSED = {
    "not known": (ASKED | {"old_id": "nobody"}, 404),
    "the same": (ASKED | {"survivor_id": "P-78"}, 409),
    "no ids": ({}, 422),
    "a strange field": (ASKED | {"colour": "red"}, 422),
    "an id that is none": (ASKED | {"survivor_id": "a\\b"}, 422),
    "no object": ([], 422),
}


@pytest.mark.parametrize(("asked", "status"), REFUSED.values(), ids=REFUSED)
def test_refused(client: httpx.Client, bodies: Bodies, asked: object, status: int) -> None:
    client.post("/api/v1/orders", json=bodies("M-1"))
    assert client.post(MERGES, json=asked).status_code == status
    assert client.get(MERGES).json()["items"] == []


def test_the_fields_of_a_refusal(client: httpx.Client) -> None:
    errors = client.post(MERGES, json={"old_id": "A" * 65, "colour": 1}).json()["errors"]
    assert {error["field"] for error in errors} == {"old_id", "survivor_id", "colour"}


@pytest.mark.parametrize("name", ["0", "99", "x", "9" * 30, "%20"])
def test_a_merge_that_is_not_there(client: httpx.Client, name: str) -> None:
    assert client.post(f"{MERGES}/{name}/undo").status_code == 404
