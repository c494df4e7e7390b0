"""Into the page and out: first start, log-in, sessions, forms of other sites, what each role may call."""

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.users import UserRole
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.tokens import Role
from dicom_gateway.web.pages.frame import mark_of
from dicom_gateway.web.pages.permissions import PAGES

PASSWORD = "correct horse 9"
ACTOR = Actor("test")
MINUTE = 60 * SECOND


def stranger(port: int, **headers: str) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=20)


def filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", path)


def routes(world: Any) -> set[tuple[str, str]]:
    from dicom_gateway.web.pages import ROUTERS

    return {(method, route.path) for router in ROUTERS for route in router.routes for method in route.methods}


def test_the_table_is_the_page(world: Any) -> None:
    assert set(PAGES) == routes(world)


@pytest.mark.parametrize(("method", "path"), list(PAGES), ids=[" ".join(call) for call in PAGES])
def test_nothing_without_a_session(shared_world: Any, shared_port: int, method: str, path: str) -> None:
    shared_world.user()
    with stranger(shared_port) as nobody:
        answer = nobody.request(method, filled(path))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize("role", list(UserRole))
def test_each_role_may_call_what_the_table_says(shared_world: Any, shared_port: int, role: UserRole) -> None:
    with shared_world.visitor(shared_port, role) as visitor:
        for (method, path), roles in PAGES.items():
            if role not in roles:
                answer = visitor.request(method, filled(path))
                assert answer.status_code == 403, (method, path)
                assert "not for your role" in answer.text


def test_the_first_start_leads_to_the_first_administrator(world: Any, port: int) -> None:
    with stranger(port) as client:
        assert client.get("/").headers["location"] == "/setup"
        assert client.get("/login").headers["location"] == "/setup"
        assert "First token" not in client.get("/setup").text
        answer = client.post("/setup", data={"name": "Anna", "password": PASSWORD, "password_again": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, "/setup/practice")
        assert client.get("/").headers["location"] == "/today"
        assert client.get("/setup").headers["location"] == "/setup/practice"
        again = client.post("/setup", data={"name": "Eve", "password": PASSWORD, "password_again": PASSWORD})
        assert again.headers["location"] == "/login"
    assert [(user.name, user.role) for user in world.services.users.all()] == [("Anna", UserRole.ADMINISTRATOR)]


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"name": "", "password": PASSWORD, "password_again": PASSWORD}, "name-error"),
        ({"name": "Anna", "password": "short", "password_again": "short"}, "password-error"),
        ({"name": "Anna", "password": PASSWORD, "password_again": "another one 9"}, "password_again-error"),
        ({"name": "Annabella", "password": "annabella1", "password_again": "annabella1"}, "password-error"),
    ],
    ids=["name", "short", "other", "own name"],
)
def test_what_is_wrong_stands_at_its_field(world: Any, port: int, fields: dict[str, str], at: str) -> None:
    with stranger(port) as client:
        answer = client.post("/setup", data=fields)
    assert answer.status_code == 422
    assert f'id="{at}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert PASSWORD not in answer.text
    assert not world.services.users.has_any()


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "192.0.2.7"}, {"Host": "evil.example"}], ids=["proxy", "name"])
def test_from_elsewhere_the_first_administrator_needs_the_first_token(
    world: Any, port: int, headers: dict[str, str]
) -> None:
    fields = {"name": "Anna", "password": PASSWORD, "password_again": PASSWORD}
    with stranger(port, **headers) as client:
        assert "First token" in client.get("/setup").text
        for token in ("", "wrong", world.tokens["technician"]):
            assert client.post("/setup", data={**fields, "token": token}).status_code == 422
        assert not world.services.users.has_any()
        assert client.post("/setup", data={**fields, "token": world.tokens["administrator"]}).status_code == 303
    assert Role.ADMINISTRATOR.value == "administrator"


def test_log_in_and_off(world: Any, port: int) -> None:
    world.user(UserRole.CLINICIAN)
    with stranger(port) as client:
        assert client.get("/badges?x=1").headers["location"] == "/login?next=%2Fbadges%3Fx%3D1"
        wrong = client.post("/login", data={"name": "the clinician", "password": "wrong password"})
        assert (wrong.status_code, "session" in client.cookies) == (401, False)
        right = client.post("/login", data={"name": "The Clinician", "password": PASSWORD, "next": "/badges"})
        assert (right.status_code, right.headers["location"]) == (303, "/badges")
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie
        page = client.get("/badges")
        assert page.status_code == 200
        assert client.post("/logout", data={}).status_code == 403
        secret = client.cookies["session"]
        assert client.post("/logout", data={"csrf": mark_of(secret)}).headers["location"] == "/login"
        client.cookies.set("session", secret, domain="127.0.0.1")
        assert client.get("/badges").headers["location"].startswith("/login")


def test_by_https_the_cookie_is_secure_at_its_end_too(world: Any, serve: Any) -> None:
    page = replace(world.services.page, is_secure=True)
    world.services = replace(world.services, page=page)
    port = serve()
    secret = world.services.sessions.begin(world.user(), "127.0.0.1", "test")
    headers = {"Cookie": f"__Host-session={secret}"}
    with stranger(port, **headers) as client:
        answer = client.post("/logout", data={"csrf": mark_of(secret)})
    ended = [one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-session=")]
    assert answer.status_code == 303
    assert len(ended) == 1 and "Secure" in ended[0] and "Path=/" in ended[0] and "Max-Age=0" in ended[0]


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"])
def test_a_log_in_leads_nowhere_else(world: Any, port: int, following: str) -> None:
    world.user()
    with stranger(port) as client:
        answer = client.post("/login", data={"name": "the administrator", "password": PASSWORD, "next": following})
    assert answer.headers["location"] == "/today"


def test_log_ins_that_fail_often_must_wait(world: Any, port: int) -> None:
    world.user()
    fields = {"name": "the administrator", "password": "guess guess 1"}
    with stranger(port) as client:
        assert [client.post("/login", data=fields).status_code for _ in range(7)] == [401] * 5 + [429] * 2
        assert client.post("/login", data={**fields, "password": PASSWORD}).status_code == 429
        world.time[0] += 15 * MINUTE
        assert client.post("/login", data={**fields, "password": PASSWORD}).status_code == 303


def test_a_failed_log_in_is_audited_without_what_was_typed(world: Any, port: int) -> None:
    world.user()
    with stranger(port) as client:
        client.post("/login", data={"name": "my secret typed in the wrong field", "password": "x"})
        client.post("/login", data={"name": "THE ADMINISTRATOR", "password": "x"})
    found = world.services.audit.of("user the administrator")
    assert [row["action"] for row in found] == ["user created", "log-in failed"]
    assert [row["action"] for row in world.services.audit.of("user a name that nobody has")] == ["log-in failed"]


@pytest.mark.parametrize(("minutes", "clicks", "lives"), [(29, 1, True), (31, 1, False), (29, 30, False)], ids=str)
def test_a_session_ends_by_idleness_and_by_age(world: Any, port: int, minutes: int, clicks: int, lives: bool) -> None:
    with world.visitor(port) as visitor:
        for _ in range(clicks):
            world.time[0] += minutes * MINUTE
            answer = visitor.get("/badges")
        assert (answer.status_code == 200) is lives


def test_what_a_page_asks_by_itself_is_no_click(world: Any, port: int) -> None:
    with world.visitor(port) as visitor:
        world.time[0] += 20 * MINUTE
        assert visitor.get("/badges", headers={"X-Live": "1"}).status_code == 200
        world.time[0] += 20 * MINUTE
        part = visitor.get("/badges", headers={"X-Live": "1", "HX-Request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login")


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}], ids=str
)
def test_forms_of_other_sites_are_refused(world: Any, port: int, headers: dict[str, str]) -> None:
    with world.visitor(port) as visitor:
        visitor.headers.update(headers)
        assert visitor.send_form("/logout").status_code == 403
    with stranger(port, **headers) as client:
        assert client.post("/login", data={}).status_code == 403
    with world.visitor(port) as visitor:
        assert visitor.get("/badges").status_code == 200


def test_a_disabled_user_is_out_at_once(world: Any, port: int) -> None:
    with world.visitor(port, UserRole.TECHNICIAN) as visitor:
        assert visitor.get("/badges").status_code == 200
        world.services.users.disable("the technician", ACTOR)
        assert visitor.get("/badges").status_code == 303


@pytest.mark.parametrize("wish", ["de", "de-AT,en;q=0.5", "fr, de;q=0.9"])
def test_the_page_speaks_the_readers_language(world: Any, port: int, wish: str) -> None:
    world.user()
    with stranger(port, **{"Accept-Language": wish}) as client:
        assert '<html lang="de"' in client.get("/login").text
        assert '<html lang="en"' in client.get("/login", headers={"Accept-Language": "fr,*"}).text


def test_static_files_are_kept_for_ever_by_their_tag(world: Any, port: int) -> None:
    world.user()
    with stranger(port) as client:
        addresses = re.findall(r"/static/[a-z.-]+\?v=[0-9a-f]{12}", client.get("/login").text)
        assert len(addresses) >= 4
        for address in addresses:
            answer = client.get(address)
            assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
            assert "immutable" not in client.get(address.partition("?")[0]).headers["cache-control"]
        assert client.get("/static/../frame.py").status_code == 404
        assert client.get("/static/%2e%2e%2fapp.py").status_code == 404


def test_nothing_of_a_page_is_inline_or_from_outside(world: Any, port: int) -> None:
    world.user()
    with stranger(port) as client:
        answer = client.get("/login")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert not re.findall(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|(?:src|href)=\"(?!/|#)", answer.text)


def test_a_stream_tells_of_changes_and_of_the_end(world: Any, port: int) -> None:
    with world.visitor(port) as visitor, visitor.stream("GET", "/live") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        world.services.tokens.create("another", Role.PMS, "", ACTOR)
        assert next(line for line in lines if line.startswith("event:")) == "event: change"
        assert stream.headers["content-type"].startswith("text/event-stream")
        world.draining.set()
        assert not [line for line in lines if line.startswith("event: end")]
