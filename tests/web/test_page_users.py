"""The users of the page and a user's own account."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from dicom_gateway.core.users import UserRole
from dicom_gateway.web.pages.browsers import browser_name
from dicom_gateway.web.pages.language import language
from dicom_gateway.web.pages.permissions import PAGES, allowed
from dicom_gateway.web.pages.users import ROLES
from tests.web.conftest import PASSWORD, TESTER, Visitor, World

ANNA = "Anna <b> & Co/1"
OURS = [key for key in PAGES if key[1].startswith(("/users", "/account"))]


Browse = Callable[..., Visitor]


@pytest.fixture
def browse(world: World, port: int) -> Iterator[Browse]:
    """Log in as the user of a role, or go on with a session; as often as wanted."""
    with ExitStack() as stack:

        def begin(role: UserRole = UserRole.ADMINISTRATOR, secret: str = "") -> Visitor:
            return stack.enter_context(Visitor(port, secret) if secret else world.visitor(port, role))

        yield begin


@pytest.fixture
def visitor(browse: Browse) -> Visitor:
    """An administrator's browser."""
    return browse()


def shown(answer: httpx.Response) -> str:
    """Return a page as it reads."""
    assert answer.status_code in (200, 422), answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def initial_password(answer: httpx.Response) -> str:
    found = re.search(r'id="initial-password">([^<]+)<', answer.text)
    assert found, answer.text
    return found[1]


def actions(world: World, name: str) -> list[str]:
    return [row["action"] for row in world.services.audit.of(f"user {name}")]


def add(visitor: Visitor, name: str = ANNA, role: str = "front desk", language: str = "") -> str:
    """Add a user and return the password for the first log-in."""
    answer = visitor.send_form("/users/new", name=name, role=role, language=language)
    assert answer.status_code == 200, answer.text
    return initial_password(answer)


class TestUsers:
    def test_a_new_user_gets_a_password_that_must_be_changed(self, world: World, visitor: Visitor) -> None:
        password = add(visitor, language="de")
        user = world.services.users.check(ANNA, password)
        assert user is not None
        assert (user.role, user.must_change, user.language) == (UserRole.FRONT_DESK, True, "de")
        page = visitor.get("/users")
        assert ANNA in shown(page)
        assert "<b>" not in page.text
        assert password not in visitor.get("/users").text

    def test_what_is_wrong_stands_at_its_field(self, world: World, visitor: Visitor) -> None:
        add(visitor)
        taken = visitor.send_form("/users/new", name=ANNA.upper(), role="clinician")
        assert taken.status_code == 422
        assert f"There is a user named {ANNA.upper()} already." in shown(taken)
        assert "<B>" not in taken.text
        nameless = visitor.send_form("/users/new", name=" ", role="clinician")
        assert 'aria-describedby="name-error name-hint"' in nameless.text
        assert "Enter 1 to 64 characters" in shown(nameless)
        strange = visitor.send_form("/users/new", name="Berta", role="owner")
        assert "Choose one of these" in shown(strange)
        assert len(world.services.users.all()) == 2

    def test_another_role(self, world: World, visitor: Visitor) -> None:
        add(visitor)
        answer = visitor.send_form("/users/role", name=ANNA, role="clinician")
        assert answer.status_code == 303
        assert "Clinician" in shown(visitor.get(answer.headers["location"]))
        assert world.services.users.get(ANNA).role is UserRole.CLINICIAN

    def test_a_new_password_ends_the_old_one_and_the_sessions(self, world: World, visitor: Visitor) -> None:
        old = add(visitor)
        secret = world.services.sessions.begin(world.services.users.get(ANNA), "192.0.2.9", "")
        new = initial_password(visitor.send_form("/users/password", name=ANNA))
        assert world.services.users.check(ANNA, old) is None
        assert world.services.users.check(ANNA, new) is not None
        assert world.services.sessions.find(secret) is None

    def test_disable_and_enable(self, world: World, visitor: Visitor) -> None:
        password = add(visitor)
        secret = world.services.sessions.begin(world.services.users.get(ANNA), "192.0.2.9", "")
        assert visitor.send_form("/users/disable", name=ANNA).status_code == 303
        assert world.services.sessions.find(secret) is None
        assert world.services.users.check(ANNA, password) is None
        assert "Disabled" in shown(visitor.get("/users"))
        assert visitor.send_form("/users/enable", name=ANNA).status_code == 303
        assert world.services.users.check(ANNA, password) is not None
        assert actions(world, ANNA) == ["user created", "logged in", "user disabled", "user enabled"]

    def test_log_off_everywhere(self, world: World, visitor: Visitor) -> None:
        add(visitor)
        user = world.services.users.get(ANNA)
        for _ in range(2):
            world.services.sessions.begin(user, "192.0.2.9", "")
        assert "in 2 browsers" in shown(visitor.get("/users/change", params={"name": ANNA}))
        visitor.send_form("/users/log-off", name=ANNA)
        assert world.services.sessions.of(user) == []

    @pytest.mark.parametrize(("path", "field"), [("/users/role", {"role": "clinician"}), ("/users/disable", {})])
    def test_the_last_administrator_stays(
        self, world: World, visitor: Visitor, path: str, field: dict[str, str]
    ) -> None:
        name = world.user().name
        answer = visitor.send_form(path, name=name, **field)
        assert answer.status_code == 422
        assert "This is the last administrator, who must stay." in shown(answer)
        assert world.services.users.get(name) == world.user()

    def test_who_is_not_there(self, visitor: Visitor) -> None:
        for answer in (visitor.get("/users/change?name=nobody"), visitor.send_form("/users/disable", name="nobody")):
            assert answer.status_code == 404
            assert "There is no user nobody." in html.unescape(answer.text)

    @pytest.mark.parametrize("role", [role for role in UserRole if role is not UserRole.ADMINISTRATOR])
    def test_nobody_else_may(self, world: World, browse: Browse, role: UserRole) -> None:
        visitor = browse(role)
        assert visitor.get("/users").status_code == 403
        assert visitor.send_form("/users/role", name=world.user(role).name, role="administrator").status_code == 403
        assert world.services.users.get(world.user(role).name).role is role


class TestAccount:
    def change(self, visitor: Visitor, old: str, new: str, again: str = "") -> httpx.Response:
        fields = {"old_password": old, "password": new, "password_again": again or new}
        return visitor.send_form("/account/password", **fields)

    def test_another_password(self, world: World, browse: Browse) -> None:
        visitor = browse(UserRole.CLINICIAN)
        elsewhere = browse(UserRole.CLINICIAN)
        answer = self.change(visitor, PASSWORD, " spaces count here ")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/account"
        assert world.services.users.check(world.user(UserRole.CLINICIAN).name, " spaces count here ") is not None
        assert "Your new password is valid now." in shown(visitor.get("/account"))
        assert elsewhere.get("/account").status_code == 303

    @pytest.mark.parametrize(
        ("old", "new", "again", "words"),
        [
            ("wrong", "a new password", "", "This is not your password."),
            (PASSWORD, "short", "", "This is too short: at least 10 characters."),
            (PASSWORD, "password1234", "", "This password is too easy to guess."),
            (PASSWORD, "the clinician1", "", "The password is too much like the name."),
            (PASSWORD, "a new password", "a new passwort", "The two passwords differ."),
            (PASSWORD, PASSWORD, "", "This is the password that you have already."),
        ],
    )
    def test_what_is_wrong(self, world: World, browse: Browse, old: str, new: str, again: str, words: str) -> None:
        visitor = browse(UserRole.CLINICIAN)
        answer = self.change(visitor, old, new, again)
        assert answer.status_code == 422
        assert words in shown(answer)
        assert f'value="{new}"' not in answer.text
        assert world.services.users.check(world.user(UserRole.CLINICIAN).name, PASSWORD) is not None

    def test_guessing_the_old_password_is_limited(self, world: World, browse: Browse) -> None:
        visitor = browse(UserRole.CLINICIAN)
        answers = [shown(self.change(visitor, f"guess {number}", "a new password")) for number in range(6)]
        assert "This is not your password." in answers[4]
        assert "It was wrong too often." in answers[5]
        assert "It was wrong too often." in shown(self.change(visitor, PASSWORD, "a new password"))
        assert actions(world, world.user(UserRole.CLINICIAN).name).count("log-in failed") == 5

    def test_whoever_was_given_a_password_comes_here_first(
        self, world: World, visitor: Visitor, browse: Browse
    ) -> None:
        given = add(visitor, "Berta")
        secret = world.services.sessions.begin(world.services.users.get("Berta"), "127.0.0.1", "")
        newcomer = browse(secret=secret)
        for path in ("/account", "/", "/badges"):
            assert newcomer.get(path).headers["location"] == "/account/password"
        page = newcomer.get("/account/password")
        assert "for the first log-in only" in shown(page)
        assert "data-live" not in page.text, "a part that is fetched would lead here again, for ever"
        assert self.change(newcomer, given, given).status_code == 422
        assert self.change(newcomer, given, "a password of my own").headers["location"] == "/today"
        assert newcomer.get("/account").status_code == 200

    def test_language_and_colours(self, world: World, browse: Browse) -> None:
        visitor = browse(UserRole.CLINICIAN)
        assert '<html lang="en">' in visitor.get("/account").text
        visitor.send_form("/account/appearance", language="de", theme="dark")
        page = visitor.get("/account")
        assert '<html lang="de" data-theme="dark">' in page.text
        assert "Ihre Einstellungen sind gespeichert." in page.text
        visitor.send_form("/account/appearance", language="xx", theme='"><script>')
        assert '<html lang="en">' in visitor.get("/account").text

    def test_sessions_are_shown_and_ended(self, world: World, browse: Browse) -> None:
        here, there = (browse(UserRole.CLINICIAN) for _ in range(2))
        page = here.get("/account")
        (session_id,) = re.findall(r'name="session" value="(\w+)"', page.text)
        assert "This one" in shown(page)
        here.send_form("/account/sessions/end", session=session_id)
        assert there.get("/account").status_code == 303
        assert here.get("/account").status_code == 200

    def test_all_others_are_ended(self, world: World, browse: Browse) -> None:
        here, *others = (browse(UserRole.CLINICIAN) for _ in range(3))
        here.send_form("/account/sessions/end-others")
        assert [one.get("/account").status_code for one in (here, *others)] == [200, 303, 303]

    def test_nobody_ends_the_session_of_somebody_else(self, world: World, browse: Browse) -> None:
        stranger, victim = browse(UserRole.FRONT_DESK), browse(UserRole.CLINICIAN)
        (session,) = world.services.sessions.of(world.user(UserRole.CLINICIAN))
        stranger.send_form("/account/sessions/end", session=session.id)
        assert victim.get("/account").status_code == 200

    def test_the_message_of_the_log_off_is_said_once(self, world: World, browse: Browse) -> None:
        visitor = browse(UserRole.CLINICIAN)
        assert visitor.send_form("/logout").status_code == 303
        assert "You are logged off." in visitor.get("/login").text
        assert "You are logged off." not in visitor.get("/login").text


@pytest.mark.parametrize(("method", "path"), OURS)
def test_forms_need_the_mark_of_the_session(world: World, browse: Browse, method: str, path: str) -> None:
    visitor = browse()
    if method == "POST":
        name = world.services.users.create("Carla", UserRole.CLINICIAN, PASSWORD, TESTER).name
        assert visitor.post(path, data={"name": name, "role": "administrator"}).status_code == 403
        assert world.services.users.get(name).role is UserRole.CLINICIAN
    else:
        assert visitor.get(path, params={"name": world.user().name}).status_code == 200


def test_every_role_has_its_words_and_its_account() -> None:
    assert list(ROLES) == list(UserRole)
    assert all(allowed(role, "GET", "/account") for role in UserRole)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.0", "Another browser"),
        ("", "Another browser"),
    ],
)
def test_browsers_are_told_apart(agent: str, name: str) -> None:
    assert language("en").say(browser_name(agent)) == name
