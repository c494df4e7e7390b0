"""Today: what is shown of a day to whom, filters, the rest of a long day, live parts, and whom the audit names."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from dicom_gateway.core.board import LEFT_OVER, STUCK
from dicom_gateway.core.lights import Light
from dicom_gateway.core.local_time import SECOND, local_now
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.status import OrderStatus, StepStatus
from dicom_gateway.core.troubles import State, Trouble, Turn
from dicom_gateway.core.users import UserRole
from dicom_gateway.storage.worklist import StepVersion
from dicom_gateway.web.pages.board_words import ACTIONS, COLOURS, ORDER_STATUSES, STANDINGS, STATUSES, TROUBLES, TURNS
from tests.web.conftest import NOW, TESTER, ZONE, Visitor, World

Bodies = Callable[..., dict[str, Any]]
KEYS = b"\x10\x00\x10\x00PN\x00\x00"


def text_of(html: str) -> str:
    """Return what a reader sees of a page, without the space between."""
    body = re.sub(r"(?s)<(script|style|head).*?</\1>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def visitor(world: World, port: int) -> Iterator[Visitor]:
    with world.visitor(port, UserRole.FRONT_DESK) as found:
        yield found


@pytest.fixture
def order(world: World, bodies: Bodies) -> Callable[..., Order]:
    """Enter an order that begins so many minutes from now."""

    def enter(number: str = "A-1", minutes: float = 30, **values: Any) -> Order:
        patient = values.pop("patient", {})
        document = bodies(number, patient={"id": f"P-{number}", **patient})
        start: datetime = local_now(world.time[0], ZONE) + timedelta(minutes=minutes)
        document["procedures"][0]["steps"][0] |= {"start": start.isoformat(timespec="seconds"), **values}
        return world.services.orders.save(parse_order(document, ZONE), TESTER)[0]

    return enter


def test_every_trouble_status_and_light_has_its_words() -> None:
    assert TROUBLES.keys() | {Trouble.UNMATCHED} == set(Trouble)
    assert ACTIONS.keys() < set(Trouble)
    assert set(TURNS) == set(Turn)
    assert set(COLOURS) == set(Light)
    assert set(STATUSES) == set(StepStatus)
    assert set(ORDER_STATUSES) == set(OrderStatus)
    assert set(STANDINGS) == {STUCK, LEFT_OVER, *State}


def test_an_empty_day(visitor: Visitor) -> None:
    shown = text_of(visitor.get("/today").text)
    assert "Nothing is planned for this day." in shown
    assert "clinic : nothing was delivered yet" in shown
    assert "DX1 : never seen" in shown


def test_a_planned_step(world: World, visitor: Visitor, order: Callable[..., Order]) -> None:
    made = order(patient={"name": "Roe^Ann"}, description="Hip <2> & knee", teeth=["36"])
    answer = visitor.get("/today")
    assert answer.status_code == 200
    shown = text_of(answer.text)
    for words in ("Roe, Ann", "Canine", "Hip <2> & knee", "Teeth 36", "0 of 2", "16:43", "Planned", "1 Planned"):
        assert words in shown
    assert f'href="/orders/{made.id}"' in answer.text
    assert "<2>" not in answer.text
    assert "Stuck: somebody" not in shown
    world.database.write(lambda tx: None)  # what was seen is written before this
    saw = [row for row in world.services.audit.of("today") if row["who"] == "user the front desk"]
    assert len(saw) == 1


def test_what_is_stuck_comes_first_and_says_whose_turn_it_is(
    world: World, visitor: Visitor, order: Callable[..., Order]
) -> None:
    order("A-1", 30, patient={"name": "Calm^Carl"})
    late = order("A-2", -20, patient={"name": "Late^Lou"})
    shown = text_of(visitor.get("/today").text)
    assert shown.index("Late, Lou") < shown.index("Calm, Carl")
    assert "Technician: Its time has passed and no device has fetched it." in shown
    world.asks(KEYS, StepVersion(late.id, late.version, NOW, 0, 0))
    shown = text_of(visitor.get("/today").text)
    assert "Front desk: Its time has passed. Has the patient come?" in shown
    assert "DX1 last seen 16:13, last worklist 16:13" in shown.replace(" : ", " ")


def test_images_as_they_come(world: World, visitor: Visitor, order: Callable[..., Order]) -> None:
    made = order()
    study = made.procedures[0].study_instance_uid
    world.receive(study_instance_uid=study, patient_id=made.patient.id, rows=8, columns=8)
    answer = visitor.get("/today")
    assert "1 of 2" in text_of(answer.text)
    assert f'<a href="/studies/{study}">1 of 2</a>' in answer.text
    assert "Running" in text_of(answer.text)
    world.time[0] += 16 * 60 * SECOND
    assert "Only 1 of 2 images came." in text_of(visitor.get("/today").text)


def test_images_that_wait(world: World, visitor: Visitor, order: Callable[..., Order]) -> None:
    made = order()
    world.receive(study_instance_uid=made.procedures[0].study_instance_uid, patient_id="P-99")
    shown = text_of(visitor.get("/today").text)
    assert "1 image looks as if it belonged here and waits to be matched." in shown


def test_a_delivery_that_was_given_up(world: World, visitor: Visitor, order: Callable[..., Order]) -> None:
    made = order()
    world.services.orders.cancel(made.id, TESTER)
    other = order("A-2")
    world.receive(study_instance_uid=other.procedures[0].study_instance_uid, patient_id=other.patient.id)
    outbox = world.services.outbox
    for claimed in outbox.claim("worker", world.time[0], 1000, "clinic", limit=5):
        outbox.finish(claimed, "worker", world.time[0], False, "refused", None)
    shown = text_of(visitor.get("/today").text)
    assert "Practice system: The result could not be delivered to clinic." in shown
    assert "clinic : 2 could not be delivered" in shown


def test_a_practice_system_that_refuses(world: World, visitor: Visitor, order: Callable[..., Order]) -> None:
    world.services.orders.cancel(order().id, TESTER)
    outbox = world.services.outbox
    (claimed,) = outbox.claim("worker", world.time[0], 1000, "clinic")
    outbox.finish(claimed, "worker", world.time[0], False, "refused", world.time[0] + 60 * SECOND)
    html = visitor.get("/today").text
    assert "clinic : does not take it, 1 waits since 16:13" in text_of(html)
    assert 'class="light yellow"' in html
    outbox.pause("clinic", world.time[0], "answers 410")
    assert "deliveries are paused, 1 waits" in text_of(visitor.get("/today").text)


FILTERS = {
    "device=DX1": {"A-1", "A-3"},
    "device=IO1": {"A-2"},
    "device=NOBODY": set(),
    "modality=IO": {"A-2"},
    "status=open": {"A-1", "A-2"},
    "status=canceled": {"A-3"},
    "status=stuck": set(),
    "text=lou": {"A-2"},
    "text=DOE": {"A-1", "A-3"},
    "text=%25": set(),
    "status=open&text=doe": {"A-1"},
}


@pytest.mark.parametrize(("query", "expected"), FILTERS.items(), ids=FILTERS.keys())
def test_a_filter(
    world: World, visitor: Visitor, order: Callable[..., Order], query: str, expected: set[str]
) -> None:  # fmt: skip
    made = [order("A-1", 30), order("A-2", 40, patient={"name": "Late^Lou"}, modality="IO", station_ae_titles=["IO1"])]
    made.append(order("A-3", 50))
    world.services.orders.cancel(made[2].id, TESTER)
    for path in ("/today", "/today/board"):
        html = visitor.get(f"{path}?{query}").text
        assert {one.placer_order_number for one in made if f"/orders/{one.id}" in html} == expected


def test_a_filter_that_finds_nothing_says_so(visitor: Visitor, order: Callable[..., Order]) -> None:
    order()
    shown = text_of(visitor.get("/today?text=zzz").text)
    assert "Nothing of this day fits the filter." in shown
    assert "Nothing is planned" not in shown


def test_other_days(visitor: Visitor, order: Callable[..., Order]) -> None:
    order("A-1", 24 * 60, patient={"name": "Next^Nora"})
    assert "Next, Nora" not in visitor.get("/today").text
    tomorrow = visitor.get("/today?day=2026-09-22")
    assert "Next, Nora" in tomorrow.text
    assert 'href="/today"' in tomorrow.text
    assert "Patient is here" not in tomorrow.text
    assert visitor.get("/today?day=2026-09-21").text.count("Today") >= 2


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "0001-01-01", "9999-12-31", "20260921 "])
def test_a_day_that_there_is_not(visitor: Visitor, day: str) -> None:
    answer = visitor.get("/today", params={"day": day})
    assert answer.status_code in (200, 422)
    assert "Internal" not in answer.text


@pytest.mark.parametrize("shown", ["-1", "x", "99999999999", "²", ""])
def test_how_many_lines_somebody_wants(visitor: Visitor, shown: str) -> None:
    assert visitor.get("/today", params={"shown": shown}).status_code == 200


def test_left_over_from_earlier_days(visitor: Visitor, order: Callable[..., Order]) -> None:
    made = order("A-1", -2 * 24 * 60)
    html = visitor.get("/today").text
    assert "Left over from earlier days (1)" in text_of(html)
    assert "was planned for an earlier day" in text_of(html)
    assert f"/orders/{made.id}/change" in html
    assert "Stuck: somebody" not in text_of(html)


def test_a_long_day_comes_in_parts(world: World, visitor: Visitor, bodies: Bodies) -> None:
    made = []
    for number in range(160):
        document = bodies(f"A-{number}", patient={"id": f"P-{number}"})
        document["procedures"][0]["steps"][0]["start"] = "2026-09-21T18:00:00"
        made.append(parse_order(document, ZONE))
    world.services.orders.save_all(made, TESTER)

    def lines(path: str) -> int:
        return len(set(re.findall(r'href="/orders/([0-9a-f]{26})"', visitor.get(path).text)))

    first = visitor.get("/today").text
    assert lines("/today") == lines("/today/board") == 60
    assert "100 are not shown" in text_of(first)
    (more,) = re.findall(r'hx-get="(/today/board\?shown=\d+)"', first)
    assert lines(more) == lines(more.replace("/board", "")) == 160
    assert "not shown" not in visitor.get(more).text


def test_a_live_part_is_no_visit_and_changes_no_address(visitor: Visitor, order: Callable[..., Order]) -> None:
    order()
    live = visitor.get("/today/board?device=DX1", headers={"X-Live": "1"})
    assert "HX-Replace-Url" not in live.headers
    assert "<html" not in live.text
    filtered = visitor.get("/today/board?device=DX1&shown=60")
    assert filtered.headers["HX-Replace-Url"] == "/today?device=DX1"


def test_a_page_that_was_left_open_over_midnight(world: World, visitor: Visitor) -> None:
    (part,) = re.findall(r'data-live hx-get="(/today/board[^"]*)"', visitor.get("/today").text)
    assert "HX-Redirect" not in visitor.get(part).headers
    world.time[0] += 24 * 3600 * SECOND
    with world.visitor(int(visitor.base_url.port or 0), UserRole.FRONT_DESK) as later:
        assert later.get(part).headers["HX-Redirect"] == "/today"


@pytest.mark.parametrize("role", UserRole)
def test_everybody_sees_the_day(world: World, port: int, role: UserRole) -> None:
    with world.visitor(port, role) as visitor:
        assert visitor.get("/today").status_code == 200
        assert "New order" in visitor.get("/today").text


def test_nobody_sees_it_without_a_session(world: World, port: int) -> None:
    with Visitor(port, "nothing") as stranger:
        for path in ("/today", "/today/board"):
            assert stranger.get(path).status_code in (303, 307)


def test_a_patient_who_is_here(world: World, visitor: Visitor, order: Callable[..., Order]) -> None:
    made = order(patient={"name": "Roe^Ann"})
    answer = visitor.send_form(f"/orders/{made.id}/arrived", back="/today?device=DX1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/today?device=DX1")
    assert world.services.orders.get(made.id).status == "ARRIVED"
    shown = visitor.get("/today").text
    assert "Noted: the patient is here." in shown
    assert f'action="/orders/{made.id}/arrived"' not in shown


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "/todayx", "", "/api/v1"])
def test_the_way_back_stays_here(visitor: Visitor, order: Callable[..., Order], back: str) -> None:
    made = order()
    assert visitor.send_form(f"/orders/{made.id}/arrived", back=back).headers["location"] == f"/orders/{made.id}"
