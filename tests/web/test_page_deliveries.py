"""The page of deliveries: how each PMS stands, failures in plain words, retry, replay, pause and resume."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from dicom_gateway.core.delivery_words import Told
from dicom_gateway.core.envelope import Event, EventType
from dicom_gateway.core.model import Order, Patient
from dicom_gateway.core.users import UserRole
from dicom_gateway.storage.delivery_control import PAUSED, REPLAYED, RESUMED
from dicom_gateway.web.pages.delivery_texts import TEXTS, words_of
from dicom_gateway.web.pages.language import language
from dicom_gateway.web.pages.timeline_words import EVENTS

SECOND = 1_000_000
WHO = "user the technician"


@pytest.fixture
def visitor(world: Any, port: int) -> Iterator[Any]:
    with world.visitor(port, UserRole.TECHNICIAN) as visitor:
        yield visitor


def words(answer: httpx.Response) -> str:
    """Return what a page says, without its marks."""
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def emit(world: Any, number: int = 1, kind: EventType = EventType.ORDER_STARTED) -> str:
    order = Order("mypms", f"A-{number}", Patient("P-7", "Doe^Rex"), (), id=f"{number:026}")
    found: str = world.database.write(lambda tx: world.services.outbox.emit(tx, Event(kind, world.time[0], order)))
    return found


def try_one(world: Any, detail: str, again: int | None = None) -> str:
    """Let the oldest delivery be tried once; return its event."""
    (claimed,) = world.services.outbox.claim("me", world.time[0], 30 * SECOND, "clinic")
    next_try = world.time[0] + again * SECOND if again else None
    is_delivered = detail == "200 OK"
    assert world.services.outbox.finish(claimed, "me", world.time[0], is_delivered, detail, next_try)
    found: str = claimed.event_id
    return found


def status_of(world: Any, event_id: str) -> str:
    (delivery,) = world.services.outbox.event(event_id)["deliveries"]
    found: str = delivery["status"]
    return found


def test_before_anything_was_told(visitor: httpx.Client) -> None:
    text = words(visitor.get("/deliveries"))
    assert "clinic Nothing was delivered yet" in text
    assert "Nothing was to be told yet." in text


def test_how_a_pms_stands(world: Any, visitor: httpx.Client) -> None:
    emit(world, 1)
    try_one(world, "200 OK")
    emit(world, 2)
    try_one(world, "404 Not Found: <b>no such page")
    emit(world, 3)
    try_one(world, "connection refused", again=300)
    world.time[0] += 60 * SECOND
    page = visitor.get("/deliveries")
    text = words(page)
    assert "clinic Needs somebody" in text
    assert "Nobody answered at the address of the PMS." in text
    assert "Waiting 1 , the oldest for 1 min 0 s Could not be delivered 1 Delivered today 1" in text
    assert "Delivered today 1 Last delivered Sep 21, 2026" in text
    assert "could not be delivered The PMS has nothing at this address." in text
    assert "The gateway does not try any more: once the cause is mended, retry it." in text
    assert "It answered: <b>no such page" in text and "<b>no such" not in page.text
    assert "waiting Nobody answered at the address of the PMS." in text
    assert "Next try at Sep 21, 2026 16:18:20" in text
    assert "delivered 16:13:20 The PMS took it." in text


def test_yesterday_is_not_today(world: Any, visitor: httpx.Client) -> None:
    emit(world)
    try_one(world, "200 OK")
    assert "Delivered today 1" in words(visitor.get("/deliveries"))
    world.time[0] += 8 * 3600 * SECOND  # past midnight in Berlin
    session = world.services.sessions.begin(world.user(UserRole.TECHNICIAN), "127.0.0.1", "test")
    with httpx.Client(base_url=visitor.base_url, cookies={"session": session}, trust_env=False) as again:
        assert "Delivered today 0" in words(again.get("/deliveries"))


def test_the_list_can_be_filtered(world: Any, visitor: httpx.Client) -> None:
    first, second = emit(world, 1), emit(world, 2)
    assert try_one(world, "200 OK") == first
    for query, shown in (
        ({}, {first, second}),
        ({"status": "delivered"}, {first}),
        ({"status": "pending", "target": "clinic"}, {second}),
        ({"status": "nonsense", "target": "nobody"}, {first, second}),
    ):
        for path in ("/deliveries", "/deliveries/list"):
            found = visitor.get(path, params=query).text
            assert set(re.findall(r'href="/events/(evt_\w+)"', found)) == shown
    assert "No event fits." in visitor.get("/deliveries", params={"status": "parked"}).text


def test_page_after_page(world: Any, visitor: httpx.Client) -> None:
    made = [emit(world, number) for number in range(60)]
    seen: list[str] = []
    path = "/deliveries?status=pending"
    for _ in range(2):
        page = visitor.get(path).text
        seen += re.findall(r'href="/events/(evt_\w+)"', page)
        older = re.findall(r'href="(/deliveries\?[^"]*cursor=[^"]+)"', page)
        path = unescape(older[0]) if older else ""
    assert seen == made[::-1] and not path
    assert visitor.get("/deliveries?cursor=nonsense").status_code == 422


def test_retry_one(world: Any, visitor: Any) -> None:
    emit(world)
    event_id = try_one(world, "500 Internal Server Error")
    assert "Retry now" in visitor.get("/deliveries").text
    answer = visitor.send_form("/deliveries/retry", event=event_id, target="clinic", back="/deliveries?status=parked")
    assert (answer.status_code, answer.headers["location"]) == (303, "/deliveries?status=parked")
    assert status_of(world, event_id) == "pending"
    assert [line["who"] for line in world.services.audit.of(event_id)] == [WHO]
    assert visitor.send_form("/deliveries/retry", event="evt_none", target="clinic").status_code == 404


def test_retry_everything(world: Any, visitor: Any) -> None:
    made = [emit(world, number) for number in range(3)]
    for _ in made:
        try_one(world, "500 Internal Server Error")
    answer = visitor.send_form("/deliveries/retry-all", target="clinic")
    assert answer.status_code == 303
    assert {status_of(world, event_id) for event_id in made} == {"pending"}
    assert "3 deliveries are tried again now." in words(visitor.get("/deliveries"))
    assert visitor.send_form("/deliveries/retry-all", target="nobody").status_code == 404


def test_replay(world: Any, visitor: Any) -> None:
    event_id = emit(world)
    refused = visitor.send_form("/deliveries/replay", event=event_id, target="clinic")
    assert refused.status_code == 409 and status_of(world, event_id) == "pending"
    try_one(world, "200 OK")
    page = visitor.get(f"/events/{event_id}").text
    assert "Send once more" in page and "data-ask" in page
    answer = visitor.send_form("/deliveries/replay", event=event_id, target="clinic", back=f"/events/{event_id}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/events/{event_id}")
    assert status_of(world, event_id) == "pending"
    assert [(line["who"], line["action"]) for line in world.services.audit.of(event_id)] == [(WHO, REPLAYED)]
    assert try_one(world, "200 OK") == event_id


@pytest.mark.parametrize("back", ["https://evil.example/deliveries", "//evil.example", "/users", "javascript:1", ""])
def test_buttons_lead_back_to_our_page_only(world: Any, visitor: Any, back: str) -> None:
    event_id = emit(world)
    answer = visitor.send_form("/deliveries/retry", event=event_id, target="clinic", back=back)
    assert answer.headers["location"] == "/deliveries"


def test_pause_and_resume(world: Any, visitor: Any) -> None:
    event_id = emit(world)
    assert "Nothing is lost: events wait." in words(visitor.get("/deliveries/pause", params={"target": "clinic"}))
    answer = visitor.send_form("/deliveries/pause", target="clinic", reason="server <b>moves")
    assert (answer.status_code, answer.headers["location"]) == (303, "/deliveries")
    page = visitor.get("/deliveries")
    text = words(page)
    assert "clinic Paused Paused since Sep 21, 2026 16:13. the technician : server <b>moves" in text
    assert "<b>moves" not in page.text
    assert "Retry now" not in text and "Retry everything" not in text and "Resume" in text
    assert world.services.outbox.claim("me", world.time[0], SECOND, "clinic") == []
    assert visitor.send_form("/deliveries/resume", target="clinic").status_code == 303
    assert try_one(world, "200 OK") == event_id
    lines = world.services.audit.of("target clinic")
    assert [(line["who"], line["action"]) for line in lines] == [(WHO, PAUSED), (WHO, RESUMED)]
    visitor.send_form("/deliveries/resume", target="clinic")
    assert "clinic was not paused." in words(visitor.get("/deliveries"))


def test_a_pause_needs_a_reason(world: Any, visitor: Any) -> None:
    answer = visitor.send_form("/deliveries/pause", target="clinic", reason=" ")
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text and 'id="reason-error"' in answer.text
    assert world.services.outbox.paused() == {}
    kept = visitor.send_form("/deliveries/pause", target="clinic", reason="x" * 300)
    assert kept.status_code == 422 and f'value="{"x" * 300}"' in kept.text
    world.services.outbox.pause("clinic", world.time[0], "410 Gone")
    twice = visitor.send_form("/deliveries/pause", target="clinic", reason="why")
    assert twice.status_code == 422 and "paused already" in twice.text
    assert visitor.get("/deliveries/pause", params={"target": "nobody"}).status_code == 404
    assert visitor.send_form("/deliveries/pause", target="nobody", reason="why").status_code == 404


def test_a_pms_that_wants_no_more(world: Any, visitor: httpx.Client) -> None:
    emit(world)
    world.services.outbox.pause("clinic", world.time[0], "410 Gone: moved to <b>")
    text = words(visitor.get("/deliveries"))
    assert "Paused since Sep 21, 2026 16:13. The PMS says that it wants no more events at this address." in text


def test_live_parts(world: Any, visitor: httpx.Client) -> None:
    page = visitor.get("/deliveries", params={"status": "pending"}).text
    assert 'hx-get="/deliveries/standings"' in page and 'hx-get="/deliveries/list?status=pending"' in page
    emit(world)
    for path in ("/deliveries/standings", "/deliveries/list"):
        assert "<html" not in visitor.get(path).text
    assert "the examination has begun" in visitor.get("/deliveries/list").text


@pytest.mark.parametrize("role", [UserRole.FRONT_DESK, UserRole.CLINICIAN])
def test_who_may_only_look(world: Any, port: int, role: UserRole) -> None:
    event_id = emit(world)
    try_one(world, "500 Internal Server Error")
    with world.visitor(port, role) as visitor:
        page = visitor.get("/deliveries")
        assert page.status_code == 200 and "could not be delivered" in page.text
        assert "/deliveries/retry" not in page.text and "/deliveries/pause" not in page.text
        for path in ("retry", "retry-all", "replay", "pause", "resume"):
            fields = {"event": event_id, "target": "clinic", "reason": "why"}
            assert visitor.send_form(f"/deliveries/{path}", **fields).status_code == 403
    assert status_of(world, event_id) == "parked" and world.services.outbox.paused() == {}


def test_without_the_mark_of_the_session_nothing_is_done(world: Any, visitor: httpx.Client) -> None:
    answer = visitor.post("/deliveries/pause", data={"target": "clinic", "reason": "why"})
    assert answer.status_code == 403 and world.services.outbox.paused() == {}


def test_every_failure_and_every_event_has_words() -> None:
    assert set(TEXTS) == set(Told)
    assert set(EVENTS) >= set(EventType)
    english = language("en")
    for sentence, advice in TEXTS.values():
        assert english.say(sentence).endswith(".") and english.say(advice).endswith(".")


def test_what_the_gateway_does_next_depends_on_where_it_stands() -> None:
    assert words_of("connection refused", "delivered").then == ""
    assert words_of("", "pending").then == "" == words_of("waits for evt_1", "pending").then
    assert words_of("connection refused", "pending").then != words_of("connection refused", "parked").then != ""


def test_whom_it_is_about_and_what_people_did(world: Any, visitor: Any, client: Any, bodies: Any) -> None:
    order = client.post("/api/v1/orders", json=bodies(patient={"name": "Müller^Rex"})).json()
    known = world.services.orders.get(order["id"])
    world.database.write(
        lambda tx: world.services.outbox.emit(tx, Event(EventType.ORDER_STARTED, world.time[0], known))
    )  # fmt: skip
    assert "Müller, Rex" in words(visitor.get("/deliveries"))
    event_id = try_one(world, "200 OK")
    assert "What people did" not in words(visitor.get(f"/events/{event_id}"))
    visitor.send_form("/deliveries/replay", event=event_id, target="clinic")
    shown = words(visitor.get(f"/events/{event_id}")).split("What people did about it")[1].split("as it is sent")[0]
    assert "the technician : delivered once more" in shown and shown.count("13:20") == 2 and "2026-09-21T" not in shown
