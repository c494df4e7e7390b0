"""HL7 messages that came and went, for operators."""

from typing import Any

import httpx
import pytest


def test_a_message_with_its_contents(world: Any, client: httpx.Client) -> None:
    kept, in_work = world.messages()
    items = client.get("/api/v1/messages").json()["items"]
    assert [item["id"] for item in items] == [in_work, kept]
    assert not [item for item in items if "text" in item or "answer" in item]
    shown = client.get(f"/api/v1/messages/{kept}").json()
    assert shown["text"] == "MSH|^~\\&|MYPMS\rPID|1||P-7||\N{LATIN SMALL LETTER A WITH DIAERESIS}\r"
    assert (shown["answer"], shown["order_ids"]) == ("MSH|\rMSA|AA|4711\r", ["order-1"])
    assert (shown["peer"], shown["outcome"], shown["detail"]) == ("mypms", "AA", None)
    waiting = client.get(f"/api/v1/messages/{in_work}").json()
    assert (waiting["peer"], waiting["outcome"], waiting["finished_at"], waiting["text"]) == (None, None, None, "\x00")


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("direction=in", 2), ("direction=", 2), ("direction=out", 0), ("peer=mypms", 1), ("type=ORM^O01", 1),
        ("outcome=AA", 1), ("outcome=AE", 0), ("control_id=4711", 1), ("order_id=order-1", 1), ("order_id=x", 0),
    ],
)  # fmt: skip
def test_filters(world: Any, client: httpx.Client, query: str, number: int) -> None:
    world.messages()
    assert len(client.get(f"/api/v1/messages?{query}").json()["items"]) == number


def test_pages(world: Any, client: httpx.Client) -> None:
    keys = [*world.messages(), *world.messages(), *world.messages()]
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        answer = client.get("/api/v1/messages", params={"limit": 4, "cursor": cursor}).json()
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next"]
    assert seen == keys[::-1]


@pytest.mark.parametrize("query", ["direction=both", "limit=0", "cursor=x", "cursor=MTphYmM", "source=x"])
def test_bad_parameters(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/api/v1/messages?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("id", ["0", "x", "-1", "9" * 18, "9" * 30, "\u0661"])
def test_one_that_is_not_there(client: httpx.Client, id: str) -> None:
    assert client.get(f"/api/v1/messages/{id}").status_code == 404


@pytest.mark.parametrize("token", ["any pms", "mypms"])
def test_no_pms_reads_them(world: Any, port: int, token: str) -> None:
    kept, _ = world.messages()
    with world.client(port, token) as client:
        for path in ("", f"/{kept}"):
            assert client.get(f"/api/v1/messages{path}").status_code == 403


def test_a_technician_reads_them(world: Any, port: int) -> None:
    kept, _ = world.messages()
    with world.client(port, "technician") as client:
        assert client.get(f"/api/v1/messages/{kept}").status_code == 200
