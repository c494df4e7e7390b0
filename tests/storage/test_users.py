"""Users and their sessions: made, checked, changed, ended; an administrator always stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.users import UserRole, check_password
from dicom_gateway.errors import Conflict, InvalidValue, NotFound
from dicom_gateway.storage.audit import Actor, AuditStore
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.sessions import SESSIONS_A_USER, SessionStore
from dicom_gateway.storage.users import UserStore

PASSWORD, OTHER = "correct horse 9", "another horse 8"
TESTER = Actor("test")
ADMINISTRATOR, TECHNICIAN = UserRole.ADMINISTRATOR, UserRole.TECHNICIAN


@pytest.fixture
def time() -> list[int]:
    return [1_790_000_000_000_000]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "gateway.db")
    database = Database(tmp_path / "gateway.db")
    yield database
    database.close()


@pytest.fixture
def users(database: Database, time: list[int]) -> UserStore:
    return UserStore(database, lambda: time[0])


@pytest.fixture
def sessions(database: Database, time: list[int]) -> SessionStore:
    return SessionStore(database, lambda: time[0], 60 * SECOND, 600 * SECOND)


def test_a_user_is_known_by_name_and_password_only(users: UserStore) -> None:
    made = users.create("Änne", TECHNICIAN, PASSWORD, TESTER)
    assert users.check("änne ", PASSWORD) == made
    assert users.check("Änne", PASSWORD + "x") is None
    assert users.check("nobody", PASSWORD) is None


def test_names_that_look_alike_are_one(users: UserStore) -> None:
    users.create("Anna", TECHNICIAN, PASSWORD, TESTER)
    with pytest.raises(Conflict, match="already"):
        users.create("ANNA", ADMINISTRATOR, PASSWORD, TESTER)


def test_only_one_is_the_first(users: UserStore) -> None:
    users.create("Anna", ADMINISTRATOR, PASSWORD, TESTER, first=True)
    with pytest.raises(Conflict, match="administrator already"):
        users.create("Eve", ADMINISTRATOR, PASSWORD, TESTER, first=True)
    assert [user.name for user in users.all()] == ["Anna"]


def test_the_last_administrator_stays(users: UserStore) -> None:
    users.create("Anna", ADMINISTRATOR, PASSWORD, TESTER)
    users.create("Tom", TECHNICIAN, PASSWORD, TESTER)
    for change in (lambda: users.disable("Anna", TESTER), lambda: users.set_role("anna", TECHNICIAN, TESTER)):
        with pytest.raises(Conflict, match="last administrator"):
            change()
    assert users.check("Anna", PASSWORD)
    users.set_role("Tom", ADMINISTRATOR, TESTER)
    users.disable("Anna", TESTER)
    assert users.check("Anna", PASSWORD) is None
    users.enable("Anna", TESTER)
    assert users.check("Anna", PASSWORD)


def test_another_password_ends_the_sessions(users: UserStore, sessions: SessionStore) -> None:
    user = users.create("Anna", ADMINISTRATOR, PASSWORD, TESTER)
    secret = sessions.begin(user, "127.0.0.1", "browser")
    users.set_password("Anna", OTHER, TESTER, must_change=True)
    assert sessions.find(secret) is None
    assert users.check("Anna", PASSWORD) is None
    found = users.check("Anna", OTHER)
    assert found is not None and found.must_change


def test_nothing_of_a_password_or_a_secret_is_kept(
    users: UserStore, sessions: SessionStore, database: Database
) -> None:
    secret = sessions.begin(users.create("Anna", ADMINISTRATOR, PASSWORD, TESTER), "127.0.0.1", "browser")
    database.close()
    kept = b"".join(path.read_bytes() for path in database.path.parent.glob("gateway.db*"))
    assert PASSWORD.encode() not in kept
    assert secret.encode() not in kept
    assert b"$argon2id$" in kept


@pytest.mark.parametrize(
    "password", ["short", "x" * 201, "aaaaaaaaaaaaa", "Qwertyuiop", "Hans-Peter1"], ids=lambda p: p[:9]
)
def test_passwords_that_are_not_taken(users: UserStore, password: str) -> None:
    with pytest.raises(InvalidValue):
        check_password("Hans-Peter", password)
    check_password("Hans-Peter", PASSWORD)


def test_nobody_of_that_name(users: UserStore) -> None:
    for change in (
        lambda: users.get("x"),
        lambda: users.disable("x", TESTER),
        lambda: users.set_password("x", PASSWORD, TESTER),
    ):
        with pytest.raises(NotFound):
            change()


def test_sessions_live_while_somebody_is_there(users: UserStore, sessions: SessionStore, time: list[int]) -> None:
    secret = sessions.begin(users.create("Anna", ADMINISTRATOR, PASSWORD, TESTER), "127.0.0.1", "browser")
    for _ in range(9):
        time[0] += 59 * SECOND
        found = sessions.find(secret)
        assert found is not None
        time[0] += 1 * SECOND
        sessions.touch(found)
        users.set_appearance("Anna", "", "", TESTER)  # waits for what was queued before it
    time[0] += 61 * SECOND
    assert sessions.find(secret) is None


def test_sessions_are_bounded(users: UserStore, sessions: SessionStore, time: list[int]) -> None:
    user = users.create("Anna", ADMINISTRATOR, PASSWORD, TESTER)
    secrets = []
    for _ in range(SESSIONS_A_USER + 3):
        time[0] += 1
        secrets.append(sessions.begin(user, "127.0.0.1", "browser"))
    assert len(sessions.of(user)) == SESSIONS_A_USER
    assert sessions.find(secrets[0]) is None and sessions.find(secrets[-1]) is not None


def test_everything_is_audited(users: UserStore, sessions: SessionStore, database: Database) -> None:
    user = users.create("Anna", ADMINISTRATOR, PASSWORD, TESTER)
    sessions.begin(user, "127.0.0.1", "browser")
    sessions.end_all(user, TESTER)
    users.set_password("Anna", OTHER, TESTER)
    actions = [row["action"] for row in AuditStore(database).of("user Anna")]
    assert actions == ["user created", "logged in", "sessions ended", "password changed"]
