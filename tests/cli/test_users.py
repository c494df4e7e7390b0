"""`dicom-gateway users`: for whoever is locked out of the page."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from dicom_gateway.core.users import User, UserRole
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.storage.initial_passwords import initial_password
from tests.cli.tools import answer, run, said
from tests.e2e.program import Program

Make = Callable[..., Program]


@contextmanager
def opened(program: Program) -> Iterator[Gateway]:
    gateway = Gateway(load_settings(program.config))
    gateway.migrate()
    yield gateway
    gateway.close()


def logs_in(program: Program, name: str, password: str) -> User | None:
    with opened(program) as gateway:
        return gateway.users.check(name, password)


def test_add_prints_a_password_that_must_be_changed(program: Make) -> None:
    gateway = program()
    password = said(gateway, "users", "add", "anna", "--role", "front-desk").strip()
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){2}", password)
    user = logs_in(gateway, "anna", password)
    assert user is not None
    assert (user.role, user.must_change) == (UserRole.FRONT_DESK, True)


def test_a_typed_password_is_not_shown_and_stays(program: Make) -> None:
    gateway = program()
    typed = "a long password\na long password\n"
    done = run(gateway, "users", "add", "Anna B.", "--role", "administrator", "--typed", text=typed)
    assert done.returncode == 0
    assert "a long password" not in done.stdout + done.stderr
    user = logs_in(gateway, "anna b.", "a long password")
    assert user is not None
    assert (user.name, user.must_change) == ("Anna B.", False)


@pytest.mark.parametrize(
    ("arguments", "text", "code", "words"),
    [
        (("add", "ANNA", "--role", "technician"), None, 1, "there is a user named ANNA already"),
        (("add", " x", "--role", "technician"), None, 2, "NAME must be 1 to 64"),
        (("add", "berta", "--role", "owner"), None, 2, "'owner' is not one of"),
        (("password", "anna", "--typed"), "short\nshort\n", 2, "the password must have at least 10"),
        (("password", "berta"), None, 1, "no user berta; `dicom-gateway users list` names them"),
        (("role", "berta", "clinician"), None, 1, "no user berta"),
        (("role", "anna", "clinician"), None, 1, "the last administrator stays"),
        (("disable", "anna"), None, 1, "the last administrator stays"),
        (("enable", "berta"), None, 1, "no user berta"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_refusals(program: Make, arguments: tuple[str, ...], text: str | None, code: int, words: str) -> None:
    gateway = program()
    said(gateway, "users", "add", "anna", "--role", "administrator")
    assert words in said(gateway, "users", *arguments, code=code, text=text)
    (user,) = answer(gateway, "users", "list")
    assert (user["role"], user["disabled_at"], user["must_change_password"]) == ("administrator", None, True)


def test_password_role_disable_and_enable(program: Make) -> None:
    gateway = program()
    first = said(gateway, "users", "add", "anna", "--role", "administrator").strip()
    said(gateway, "users", "add", "berta", "--role", "administrator")
    second = said(gateway, "users", "password", "ANNA").strip()
    assert logs_in(gateway, "anna", first) is None
    assert logs_in(gateway, "anna", second) is not None
    said(gateway, "users", "role", "anna", "clinician")
    said(gateway, "users", "disable", "anna")
    assert logs_in(gateway, "anna", second) is None
    assert re.search(r"^anna\tclinician\tdisabled\t", said(gateway, "users", "list"), re.MULTILINE)
    said(gateway, "users", "enable", "anna")
    user = logs_in(gateway, "anna", second)
    assert user is not None
    assert user.role is UserRole.CLINICIAN


def test_another_password_ends_the_sessions(program: Make) -> None:
    gateway = program()
    said(gateway, "users", "add", "anna", "--role", "administrator")
    with opened(gateway) as parts:
        secret = parts.sessions.begin(parts.users.get("anna"), "192.0.2.1", "")
        assert parts.sessions.find(secret) is not None
        said(gateway, "users", "password", "anna")
        assert parts.sessions.find(secret) is None


def test_what_is_done_stands_in_the_audit(program: Make) -> None:
    gateway = program()
    said(gateway, "users", "add", "anna", "--role", "administrator")
    said(gateway, "users", "password", "anna")
    with opened(gateway) as parts:
        lines = parts.audit.of("user anna")
    assert [line["action"] for line in lines] == ["user created", "password changed"]
    assert all(line["who"].startswith("command line") for line in lines)


def test_initial_passwords_differ() -> None:
    assert len({initial_password() for _ in range(100)}) == 100
