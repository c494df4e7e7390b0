"""The page of connections: who sees it, the forms of JSON and HL7, their tests, and what is set in a file."""

import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from dicom_gateway.core.local_settings import LocalKind
from dicom_gateway.core.users import UserRole
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.tokens import Role
from tests.web.conftest import Visitor, World
from tests.web.connected import SECRET

HOOK = {"name": "front-desk", "url": "https://pms.example.org/hook", "secret": SECRET, "scope": "all", "token": "yes"}
HL7 = {
    "name": "old-pms", "host": "192.168.1.30", "port": "2575", "template": "orm", "map": "vetera",
    "sending_application": "VETERA", "ways": ["out", "in"], "scope": "all",
}  # fmt: skip


class Hook(BaseHTTPRequestHandler):
    """Answers as the server's `status` says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def hook() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), Hook)
    server.status = 200
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url_of(server: Any) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/hook"


@pytest.fixture
def visitor(world: World, port: int) -> Iterator[Visitor]:
    with world.visitor(port) as visitor:
        yield visitor


def rows(world: World, kind: LocalKind) -> dict[str, dict[str, Any]]:
    return {row.name: dict(row.document) for row in world.services.connections.store.all() if row.kind is kind}


def test_what_the_file_has_is_shown_and_cannot_be_changed(world: World, visitor: Visitor) -> None:
    page = visitor.get("/connections").text
    assert "clinic" in page and "http://127.0.0.1:9/hook" in page and "gateway.toml" in page
    assert "/connections/pms/clinic" not in page
    for path in ("/connections/pms/clinic", "/connections/remove?kind=pms&name=clinic"):
        answer = visitor.get(path)
        assert (
            answer.status_code == 200
            and "gateway.toml" in answer.text
            and "<form method" not in answer.text.split("<main")[1]
        )
    assert visitor.get("/connections/pms/nobody").status_code == 404
    assert visitor.send_form("/connections/pms/clinic", **HOOK).status_code == 404
    refused = visitor.send_form("/connections/new/webhook", **{**HOOK, "name": "clinic"})
    assert refused.status_code == 422 and "clinic" in refused.text
    assert visitor.send_form("/connections/remove", kind="pms", name="clinic").status_code == 404


def test_a_webhook_is_added_with_a_token_of_its_source_and_both_secrets_are_shown_once(
    world: World, visitor: Visitor
) -> None:
    form = visitor.get("/connections/new/webhook").text
    found = re.search(r'name="secret"[^>]*value="(whsec_[^"]+)"', form)
    assert found
    secret = found[1].replace("&#43;", "+")
    made = visitor.send_form("/connections/new/webhook", **{**HOOK, "secret": secret, "source": "mypms"})
    assert made.status_code == 200
    token = re.search(r"dgw_[A-Za-z0-9_-]+", made.text)
    assert token and secret in made.text
    bearer = world.services.tokens.check(token[0])
    assert bearer is not None and (bearer.role, bearer.source, bearer.name) == (Role.PMS, "mypms", "front-desk")
    stored = rows(world, LocalKind.PMS)["front-desk"]
    assert stored == {"name": "front-desk", "type": "webhook", "url": HOOK["url"], "secret": secret}
    shown = visitor.get("/connections").text
    assert "front-desk" in shown and secret not in shown and token[0] not in shown
    assert secret not in visitor.get("/connections/pms/front-desk").text
    audit = world.services.audit.of("pms front-desk")
    assert [row["action"] for row in audit] == ["setting added"] and secret not in str(audit)


def test_a_change_that_is_not_in_effect_yet_says_so(world: World, visitor: Visitor) -> None:
    assert "taken over" not in visitor.get("/connections/live").text
    visitor.send_form("/connections/new/webhook", **HOOK)
    assert "taken over" in visitor.get("/connections/live").text


def test_its_own_orders_only(world: World, visitor: Visitor) -> None:
    visitor.send_form("/connections/new/webhook", **{**HOOK, "scope": "own"})
    assert rows(world, LocalKind.PMS)["front-desk"]["sources"] == ["front-desk"]


def test_a_second_connection_of_the_name_of_a_revoked_token_gets_another_token(world: World, visitor: Visitor) -> None:
    visitor.send_form("/connections/new/webhook", **HOOK)
    assert visitor.send_form("/connections/revoke", name="front-desk").status_code == 303
    assert visitor.send_form("/connections/remove", kind="pms", name="front-desk").status_code == 303
    assert "dgw_" in visitor.send_form("/connections/new/webhook", **HOOK).text
    assert {row["name"] for row in world.services.tokens.all()} >= {"front-desk", "front-desk-2"}
    assert visitor.send_form("/connections/revoke", name="administrator").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("name", "with space", id="name"),
        pytest.param("name", "", id="no name"),
        pytest.param("url", "http://203.0.113.1/", id="unencrypted to the internet"),
        pytest.param("url", "pms", id="no URL"),
        pytest.param("secret", "guess", id="weak secret"),
        pytest.param("secret", "", id="no secret"),
    ],
)
def test_errors_stand_at_their_fields_and_nothing_is_kept(
    world: World, visitor: Visitor, field: str, value: str
) -> None:
    answer = visitor.send_form("/connections/new/webhook", **{**HOOK, field: value})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text and f'name="{field}"' in answer.text
    assert not rows(world, LocalKind.PMS)
    assert [row["name"] for row in world.services.tokens.all() if row["name"] == "front-desk"] == []


@pytest.mark.parametrize(
    ("status", "note", "words"),
    [
        pytest.param(200, "good", "the PMS took the test event", id="taken"),
        pytest.param(401, "waiting", "does not accept our signature", id="not signed"),
        pytest.param(404, "waiting", "has nothing at this address", id="not there"),
        pytest.param(410, "waiting", "wants no events at this address", id="gone"),
        pytest.param(307, "waiting", "answers that it has moved", id="redirected"),
        pytest.param(500, "waiting", "had an error of its own", id="broken"),
    ],
)
def test_a_test_says_what_came_and_keeps_nothing(
    world: World, visitor: Visitor, hook: Any, status: int, note: str, words: str
) -> None:
    hook.status = status
    answer = visitor.send_form("/connections/new/webhook", **{**HOOK, "url": url_of(hook), "do": "test"})
    assert answer.status_code == 200
    assert words in answer.text and f'<div class="note {note}"' in answer.text
    assert SECRET in answer.text  # it is still to be entered in the PMS
    assert not rows(world, LocalKind.PMS)


def test_a_test_of_what_is_set_up(visitor: Visitor, hook: Any) -> None:
    visitor.send_form("/connections/new/webhook", **{**HOOK, "url": url_of(hook)})
    answer = visitor.send_form("/connections/test", name="front-desk")
    assert "the PMS took the test event" in answer.text
    assert "no program listens on this port" in visitor.send_form("/connections/test", name="clinic").text
    assert visitor.send_form("/connections/test", name="nobody").status_code == 404


def test_hl7_both_ways_and_each_is_changed_alone(world: World, visitor: Visitor) -> None:
    made = visitor.send_form("/connections/new/hl7", **HL7)
    assert made.status_code == 200 and "192.168.1.30" in made.text
    assert rows(world, LocalKind.PMS)["old-pms"] == {
        "name": "old-pms", "type": "hl7", "host": "192.168.1.30", "port": 2575, "template": "orm",
    }  # fmt: skip
    source = {"name": "old-pms", "map": "vetera", "sending_application": "VETERA"}
    assert rows(world, LocalKind.HL7_SOURCE)["old-pms"] == source
    changed = visitor.send_form("/connections/pms/old-pms", **{**HL7, "host": "192.168.1.31", "tls": "yes"})
    assert changed.status_code == 303
    assert rows(world, LocalKind.PMS)["old-pms"]["host"] == "192.168.1.31"
    assert rows(world, LocalKind.PMS)["old-pms"]["tls"] is True
    assert visitor.get("/connections/source?name=old-pms").status_code == 200
    visitor.send_form("/connections/source", name="old-pms", map="default", sending_application="OTHER")
    assert rows(world, LocalKind.HL7_SOURCE)["old-pms"] == source | {"map": "default", "sending_application": "OTHER"}
    page = visitor.get("/connections").text
    assert "mllps://192.168.1.31:2575" in page and "OTHER" in page and "none yet" in page


@pytest.mark.parametrize(
    "ways", [pytest.param(["in"], id="in"), pytest.param(["out"], id="out"), pytest.param(["in", "out"], id="both")]
)
def test_after_saving_the_page_says_what_to_enter_in_the_pms(visitor: Visitor, ways: list[str]) -> None:
    host = HL7["host"] if "out" in ways else ""
    made = visitor.send_form("/connections/new/hl7", **{**HL7, "ways": ways, "host": host, "port": "2599"})
    assert made.status_code == 200
    assert ("192.168.1.30" in made.text and "2599" in made.text) == ("out" in ways)
    assert ("own computer can send" in made.text and "<code>2575</code>" in made.text) == ("in" in ways)


@pytest.mark.parametrize(
    ("kind", "fields", "wrong"),
    [
        pytest.param("webhook", {}, ["name", "url", "secret"], id="nothing"),
        pytest.param("webhook", {"name": "a b", "secret": "guess"}, ["name", "url", "secret"], id="wrong and missing"),
        pytest.param("hl7", {"ways": ["out", "in"]}, ["name", "host"], id="HL7"),
    ],
)
def test_all_that_is_wrong_is_said_at_once(
    visitor: Visitor, kind: str, fields: dict[str, Any], wrong: list[str]
) -> None:
    answer = visitor.send_form(f"/connections/new/{kind}", **fields)
    assert answer.status_code == 422
    assert re.findall(r'class="error" id="(\w+)-error"', answer.text) == wrong


def test_only_orders_by_hl7(world: World, visitor: Visitor) -> None:
    visitor.send_form("/connections/new/hl7", **{**HL7, "ways": ["in"], "host": ""})
    assert not rows(world, LocalKind.PMS) and "old-pms" in rows(world, LocalKind.HL7_SOURCE)
    nothing = visitor.send_form("/connections/new/hl7", **{**HL7, "ways": []})
    assert nothing.status_code == 422 and "at least one of the two" in nothing.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("port", "many"), ("port", "99999"), ("host", "8.8.8.8"), ("host", ""), ("character_set", "KLINGON")],
)
def test_errors_of_hl7_keep_neither_way(world: World, visitor: Visitor, field: str, value: str) -> None:
    answer = visitor.send_form("/connections/new/hl7", **{**HL7, field: value})
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text
    assert not rows(world, LocalKind.PMS) and not rows(world, LocalKind.HL7_SOURCE)


def test_hl7_where_somebody_listens_without_an_answer_is_yellow(visitor: Visitor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closing = threading.Thread(target=_accept_and_close, args=(listening,))
        closing.start()
        fields = {**HL7, "host": "127.0.0.1", "port": str(listening.getsockname()[1]), "do": "test"}
        answer = visitor.send_form("/connections/new/hl7", **fields)
        closing.join()
    assert "Somebody listens there" in answer.text and "the first result will tell" in answer.text


def _accept_and_close(listening: socket.socket) -> None:
    for _ in range(2):  # the connection that looks, and the message
        connection, _address = listening.accept()
        connection.close()


def test_the_secret_stays_when_the_rest_is_changed_and_a_new_one_is_shown_once(world: World, visitor: Visitor) -> None:
    visitor.send_form("/connections/new/webhook", **HOOK)
    changed = visitor.send_form("/connections/pms/front-desk", url="https://other.example.org/", scope="all")
    assert changed.status_code == 303
    assert rows(world, LocalKind.PMS)["front-desk"]["secret"] == SECRET
    assert rows(world, LocalKind.PMS)["front-desk"]["url"] == "https://other.example.org/"
    fields = {"url": "https://other.example.org/", "scope": "all", "renew_secret": "yes"}
    renewed = visitor.send_form("/connections/pms/front-desk", **fields)
    secret = rows(world, LocalKind.PMS)["front-desk"]["secret"]
    assert secret != SECRET and secret in renewed.text


def test_removing_asks_first(world: World, visitor: Visitor) -> None:
    visitor.send_form("/connections/new/webhook", **HOOK)
    assert "front-desk" in visitor.get("/connections/remove?kind=pms&name=front-desk").text
    assert "front-desk" in rows(world, LocalKind.PMS)
    assert visitor.send_form("/connections/remove", kind="pms", name="front-desk").status_code == 303
    assert not rows(world, LocalKind.PMS)
    assert visitor.send_form("/connections/remove", kind="practice", name="").status_code == 422
    with pytest.raises(NotFound):
        world.services.connections.store.get(LocalKind.PMS, "front-desk")


@pytest.mark.parametrize(
    ("role", "sees", "changes"),
    [
        (UserRole.FRONT_DESK, False, False),
        (UserRole.CLINICIAN, False, False),
        (UserRole.TECHNICIAN, True, False),
        (UserRole.ADMINISTRATOR, True, True),
    ],
)
def test_technicians_look_and_test_administrators_change(
    world: World, port: int, role: UserRole, sees: bool, changes: bool
) -> None:
    with world.visitor(port, role) as visitor:
        assert visitor.get("/connections").status_code == (200 if sees else 403)
        assert visitor.send_form("/connections/test", name="clinic").status_code == (200 if sees else 403)
        assert visitor.get("/connections/new").status_code == (200 if changes else 403)
        made = visitor.send_form("/connections/new/webhook", **HOOK)
        assert made.status_code == (200 if changes else 403)
    assert bool(rows(world, LocalKind.PMS)) is changes
