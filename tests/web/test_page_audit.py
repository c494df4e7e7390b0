"""The page of the audit: filters, pages, plain words, and the export."""

import ast
import csv
import io
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from dicom_gateway.core.status import StepEvent
from dicom_gateway.core.users import UserRole
from dicom_gateway.storage.audit import Actor, record
from dicom_gateway.storage.audit_reading import AuditReader
from dicom_gateway.web.pages.audit import cell
from dicom_gateway.web.pages.audit_words import ACTIONS, action_words, alarm_path, detail_parts, subject_path
from dicom_gateway.web.pages.language import Text

SECOND = 1_000_000
PACKAGE = Path(__file__).resolve().parents[2] / "dicom_gateway"
AT = {"record": 3, "note": 2, "_changed": 3, "record_match": 3}  # which argument is the action


def put(world: Any, *lines: tuple[str, str, str, str], at: int = 0) -> None:
    def write(tx: Any) -> None:
        for who, action, subject, detail in lines:
            record(tx, at or world.time[0], Actor(who, "192.0.2.1"), action, subject, detail)

    world.database.write(write)


@pytest.fixture
def visitor(world: Any, port: int) -> Any:
    with world.visitor(port) as visitor:
        yield visitor


def rows(html: str) -> list[str]:
    body = html.split("<tbody>")[1].split("</tbody>")[0] if "<tbody>" in html else ""
    return re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)


def test_who_did_what_in_plain_words(world: Any, visitor: Any) -> None:
    put(world, ("device <DX1>", "order changed: patient, accession_number", "order 77", "a < b"))
    page = visitor.get("/audit").text
    found = next(row for row in rows(page) if "order 77" in row)
    assert "order changed, patient, accession number" in found and 'href="/orders/77"' in found
    assert "device &lt;DX1&gt;" in found and "a &lt; b" in found and "192.0.2.1" in found


def test_who_saw_a_patient(world: Any, visitor: Any, client: Any, bodies: Any) -> None:
    order = client.post("/api/v1/orders", json=bodies(patient={"id": "4711", "name": "Müller^Rex"})).json()
    subject = f"order {order['id']}"
    study = f"study {order['procedures'][0]['study_instance_uid']}"
    world.receive(study_instance_uid=study.removeprefix("study "), patient_name="Other^Name", patient_id="4711")
    put(world, ("user Ann", "viewed", subject, ""), ("user Bob", "viewed", study, ""), ("user Bob", "viewed", "x", ""))
    for text in ("Rex", "müller", "4711", order["accession_number"], order["placer_order_number"]):
        page = visitor.get("/audit", params={"text": text, "action": "viewed", "who": "user Ann"}).text
        (line,) = rows(page)
        assert "Müller, Rex" in line and "4711" in line and f"/orders/{order['id']}" in line, text
    assert rows(visitor.get("/audit", params={"text": "Nobody", "who": "user Ann"}).text) == []
    (link,) = re.findall(r'href="(/audit[?]subject=[^"]+)"', visitor.get(f"/orders/{order['id']}").text)
    found = rows(visitor.get(unescape(link) + "&action=viewed").text)
    assert ">Ann<" in "".join(found) and ">Bob<" in "".join(found) and ">x<" not in "".join(found), link


def test_who_saw_this_is_for_administrators(world: Any, port: int, client: Any, bodies: Any) -> None:
    order = client.post("/api/v1/orders", json=bodies()).json()
    with world.visitor(port, UserRole.TECHNICIAN) as technician:
        assert "/audit" not in technician.get(f"/orders/{order['id']}").text


def test_instants_of_details_are_local(world: Any, visitor: Any) -> None:
    put(world, ("user Ann", "delivery replayed", "event 1", "clinic: delivered before at 2026-09-21T14:13:20.000Z, ok"))
    page = visitor.get("/audit?who=user+Ann").text
    (line,) = rows(page)
    assert "2026-09-21T" not in line and line.count("13:20") == 2 and ", ok" in line, line
    assert detail_parts("at 2026-99-21T14:13:20.000Z") == ["at ", "2026-99-21T14:13:20.000Z", ""]


def test_looking_at_the_audit_is_audited(world: Any, visitor: Any) -> None:
    visitor.get("/audit")
    world.database.write(lambda tx: None)  # what was handed over is written
    assert [row["action"] for row in world.services.audit.of("audit")] == ["viewed"]


def test_filters(world: Any, visitor: Any) -> None:
    put(world, ("user Ann", "viewed", "order 1", ""), ("user Ann", "exported", "study 1.2", "image 7 as png"))
    put(world, ("user Bob", "viewed", "order 2", ""), at=world.time[0] - 3 * 86_400 * SECOND)
    for query, count in (
        ({"who": "user Ann"}, 2),
        ({"who": "user Ann", "action": "viewed"}, 1),
        ({"subject": "study 1.2"}, 1),
        ({"text": "PNG"}, 1),
        ({"to": "2026-09-19"}, 1),
        ({"from": "2026-09-18", "to": "2026-09-18"}, 1),
        ({"from": "2026-09-19", "to": "2026-09-19"}, 0),
        ({"who": "nobody"}, 0),
    ):
        assert len(rows(visitor.get("/audit", params=query).text)) == count, query
    page = visitor.get("/audit", params={"who": "user Ann", "action": "viewed"}).text
    assert 'value="user Ann"' in page and re.search(r'<option value="viewed" selected>', page)
    assert "There is nothing of this kind." in visitor.get("/audit?who=nobody").text


def test_a_day_is_that_of_the_practice(world: Any, visitor: Any) -> None:
    midnight = 1_789_941_600 * SECOND  # 2026-09-21 00:00 in Berlin
    put(world, ("user Ann", "viewed", "order before", ""), at=midnight - 1)
    put(world, ("user Ann", "viewed", "order after", ""), at=midnight)
    (found,) = rows(visitor.get("/audit?who=user+Ann&from=2026-09-21&to=2026-09-21").text)
    assert "order after" in found


def test_page_by_page(world: Any, visitor: Any) -> None:
    put(world, *[("gateway", "started", f"order n{number}", "") for number in range(250)])
    seen: list[str] = []
    address = "/audit?who=gateway"
    for _ in range(3):
        page = visitor.get(address).text
        seen += re.findall(r"order (n\d+)</bdi>", page)
        more = re.search(r'class="more"><a [^>]*href="([^"]+)"', page)
        if more is None:
            break
        address = more[1].replace("&amp;", "&")
    assert seen == [f"n{number}" for number in reversed(range(250))]


def test_a_search_that_looked_at_enough_goes_on(world: Any, port: int) -> None:
    object.__setattr__(world.services.health, "audit", AuditReader(world.database, rows_looked_at=5))
    put(world, ("gateway", "started", "order needle", ""))
    put(world, *[("gateway", "started", "order hay", "") for _ in range(8)])
    with world.visitor(port) as visitor:
        page = visitor.get("/audit?text=needle&who=gateway").text
        assert "Nothing was found so far." in page and "Looked through everything back to" in page
        further = re.search(r'class="more"><a [^>]*href="([^"]+)"', page)
        assert further is not None
        assert "order needle" in visitor.get(further[1].replace("&amp;", "&")).text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "0001-01-01"}, "from"),
        ({"text": "x" * 201}, "text"),
    ],
    ids=str,
)
def test_a_wrong_filter_is_named(visitor: Any, query: dict[str, str], field: str) -> None:
    answer = visitor.get("/audit", params=query)
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text
    assert visitor.get("/audit.csv", params=query).status_code == 422


@pytest.mark.parametrize("after", ["x", "1", "1-", "-1-2", "1-2-3", "9" * 19 + "-1"])
def test_a_wrong_place_is_the_beginning(world: Any, visitor: Any, after: str) -> None:
    put(world, ("user Ann", "viewed", "order 1", ""))
    assert "order 1" in visitor.get("/audit", params={"after": after}).text


def test_export(world: Any, visitor: Any) -> None:
    put(world, *[("gateway", "started", f"order n{number}", "") for number in range(1500)])
    put(world, ("=HYPERLINK(1)", "viewed", "+1", '@x, "quoted"\nünlaut'))
    answer = visitor.get("/audit.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-2026-09-21.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, *lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert head == ["at", "who", "origin", "action", "subject", "detail"]
    evil = next(line for line in lines if "HYPERLINK" in line[1])
    assert evil[1:] == ["'=HYPERLINK(1)", "192.0.2.1", "viewed", "'+1", '\'@x, "quoted"\nünlaut']
    assert evil[0] == "2026-09-21T14:13:20.000Z"
    assert [line[4] for line in lines if line[1] == "gateway"] == [f"order n{n}" for n in reversed(range(1500))]


def test_the_export_is_what_was_asked_for_and_audited(world: Any, visitor: Any) -> None:
    put(world, ("user Ann", "viewed", "order 1", ""), ("user Bob", "viewed", "order 2", ""))
    page = visitor.get("/audit?who=user+Ann&from=2026-09-01").text
    address = re.search(r'href="(/audit\.csv[^"]*)"', page)
    assert address is not None
    answer = visitor.get(address[1].replace("&amp;", "&")).text
    assert "order 1" in answer and "order 2" not in answer
    (line,) = [row for row in world.services.audit.of("audit") if row["action"] == "audit exported"]
    assert (line["who"], line["detail"]) == ("user the administrator", "who user Ann, from 2026-09-01")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell(f"a{text}") == f"a{text}" and cell("") == ""


@pytest.mark.parametrize("role", [UserRole.FRONT_DESK, UserRole.TECHNICIAN, UserRole.CLINICIAN])
def test_administrators_only(world: Any, port: int, role: UserRole) -> None:
    with world.visitor(port, role) as visitor:
        for path in ("/audit", "/audit.csv"):
            assert visitor.get(path).status_code == 403


def test_subjects_lead_to_their_pages() -> None:
    assert subject_path("order 0a") == "/orders/0a" and subject_path("study 1.2") == "/studies/1.2"
    assert subject_path("device A/B") == "/devices/A%252FB" and subject_path("order ../x") == "/orders/..%2Fx"
    assert subject_path("performed step 1.2") == "/performed-steps/1.2"
    assert (
        alarm_path("delivery parked", "ev 1") == "/events/ev%201" and alarm_path("no order", "study 1") == "/studies/1"
    )
    assert [subject_path(subject) for subject in ("today", "user Ann", "order", "order ", "device ", "")] == [""] * 6


def test_words_of_actions() -> None:
    assert action_words("viewed") == [ACTIONS["viewed"]]
    assert action_words("started, completed") == [ACTIONS["started"], ACTIONS["completed"]]
    assert action_words("order changed: a_b") == [ACTIONS["order changed"], "a b"]
    assert action_words("order changed:") == [ACTIONS["order changed"]]
    assert action_words("something: new") == ["something", "new"] and action_words("odd, thing") == ["odd, thing"]


def test_every_action_of_the_program_has_words() -> None:
    """An action that is written as a text in the source, or is an event of a step, is one of the table."""
    found = {event.value for event in StepEvent} - {StepEvent.CHANGE.value, StepEvent.CANCEL.value}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = _name(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in AT and len(node.args) > AT[name]:
                action = node.args[AT[name]]
                if isinstance(action, ast.Constant) and isinstance(action.value, str):
                    found.add(action.value)
    assert {"device added", "logged in", "started"} <= found
    assert {action for action in found if not all(isinstance(one, Text) for one in action_words(action))} == set()


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
