"""Settings of the page over those of the file: which wins, what is left out, and where each comes from."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dicom_gateway.core.local_settings import LocalKind, LocalSetting
from dicom_gateway.errors import Conflict, InvalidDocument, NotFound
from dicom_gateway.settings import Settings
from dicom_gateway.settings_loading import load_settings, settings_origin
from dicom_gateway.settings_local import PAGE, Local, checked, is_local, laid_over, with_local, without_local
from dicom_gateway.storage.audit import Actor, AuditStore
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.local_settings import LocalSettingsStore, read_stored
from dicom_gateway.storage.migrate import migrate

SECRET = "whsec_" + "QUJD" * 8
HOOK = {"name": "front-desk", "type": "webhook", "url": "https://pms.example.org/hook", "secret": SECRET}
HL7 = {"name": "old-pms", "type": "hl7", "host": "192.168.1.30", "port": 2575}
SOURCE = {"name": "mypms", "sending_application": "MYPMS"}
IN_FILE = f'[[pms]]\nname = "front-desk"\nurl = "https://file.example.org"\nsecret = "{SECRET}"\n'
PRACTICE = {"practice": "Vet am Park", "time_zone": "Europe/Berlin"}

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    for name in [name for name in os.environ if name.upper().startswith("DICOM_GATEWAY_")]:
        monkeypatch.delenv(name)

    def load(text: str = "", **variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(f"DICOM_GATEWAY_{name}", value)
        path = tmp_path / "gateway.toml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path)

    return load


def rows(*documents: tuple[LocalKind, dict[str, Any]]) -> tuple[int, list[LocalSetting]]:
    return 7, [LocalSetting(kind, str(document.get("name", "")), document, 1) for kind, document in documents]


def over(settings: Settings, *documents: tuple[LocalKind, dict[str, Any]]) -> Local:
    return laid_over(settings, rows(*documents))


def test_rows_become_settings_and_name_the_page(load: Load) -> None:
    found = over(
        load(), (LocalKind.PMS, HOOK), (LocalKind.PMS, HL7), (LocalKind.HL7_SOURCE, SOURCE),
        (LocalKind.PRACTICE, PRACTICE),
    )  # fmt: skip
    settings, origin = found.settings, settings_origin(found.settings)
    assert (found.version, found.left_out) == (7, ())
    assert [(pms.name, pms.destination) for pms in settings.pms] == [
        ("front-desk", "https://pms.example.org/hook"), ("old-pms", "mllp://192.168.1.30:2575"),
    ]  # fmt: skip
    assert settings.pms[0].signing_secret().get_secret_value() == SECRET
    assert settings.listens_for_hl7() and settings.hl7_source[0].sending_application == "MYPMS"
    assert (settings.gateway.practice, str(settings.zone())) == ("Vet am Park", "Europe/Berlin")
    names = ("pms", "hl7_source", "gateway.practice", "gateway.time_zone")
    assert [origin[name] for name in names] == [PAGE] * 4
    assert origin["gateway.data_dir"] == origin["dicom.port"] == "default"
    assert found.in_effect() == [
        "gateway.practice", "gateway.time_zone", "pms front-desk", "pms old-pms", "hl7_source mypms",
    ]  # fmt: skip


def test_what_comes_from_both_says_both(load: Load) -> None:
    settings = over(load(IN_FILE), (LocalKind.PMS, HL7)).settings
    place = settings_origin(settings)["pms"]
    assert place.endswith("gateway.toml and the page")
    assert [is_local(settings, LocalKind.PMS, name) for name in ("front-desk", "old-pms")] == [False, True]


def test_the_file_wins_over_a_row_of_the_same_name_and_says_so(load: Load) -> None:
    found = over(load(IN_FILE), (LocalKind.PMS, HOOK), (LocalKind.PMS, HL7))
    assert [pms.destination for pms in found.settings.pms] == ["https://file.example.org", "mllp://192.168.1.30:2575"]
    (left,) = found.left_out
    assert left.subject == "pms front-desk"
    assert "gateway.toml has a [[pms]] table named front-desk, which wins" in left.why


def test_a_variable_wins_over_the_page(load: Load) -> None:
    settings = load(GATEWAY__TIME_ZONE="Europe/Paris")
    found = over(settings, (LocalKind.PRACTICE, PRACTICE))
    assert str(found.settings.zone()) == "Europe/Paris"
    assert "DICOM_GATEWAY_GATEWAY__TIME_ZONE" in found.left_out[0].why


@pytest.mark.parametrize(
    ("kind", "document", "field"),
    [
        pytest.param(LocalKind.PMS, HOOK | {"url": "http://203.0.113.9/"}, "url", id="public without TLS"),
        pytest.param(LocalKind.PMS, HOOK | {"secret": "short"}, "secret", id="bad secret"),
        pytest.param(LocalKind.PMS, HOOK | {"host": "192.168.1.2"}, "host", id="of another type"),
        pytest.param(LocalKind.PMS, {"name": "p", "type": "webhook", "secret": SECRET}, "url", id="missing"),
        pytest.param(LocalKind.PMS, HL7 | {"template": "nonsense"}, "template", id="no such template"),
        pytest.param(LocalKind.PMS, HL7 | {"template": "/etc/passwd.toml"}, "template", id="a file of the machine"),
        pytest.param(LocalKind.PMS, HL7 | {"tls_key": "/etc/key.pem"}, "tls_key", id="another file"),
        pytest.param(LocalKind.PMS, HL7 | {"host": "8.8.8.8"}, "host", id="beyond private networks"),
        pytest.param(LocalKind.PMS, HL7 | {"port": "many"}, "port", id="no number"),
        pytest.param(LocalKind.PMS, HOOK | {"name": "with space"}, "name", id="bad name"),
        pytest.param(LocalKind.HL7_SOURCE, SOURCE | {"map": "nobody"}, "map", id="no such map"),
        pytest.param(LocalKind.HL7_SOURCE, SOURCE | {"folder": "/tmp"}, "folder", id="a folder"),
        pytest.param(LocalKind.HL7_SOURCE, SOURCE | {"character_set": "KLINGON"}, "character_set", id="character set"),
        pytest.param(LocalKind.PRACTICE, {"practice": "P", "time_zone": "Mars/Base"}, "time_zone", id="zone"),
    ],
)
def test_a_wrong_row_is_left_out_named_and_the_rest_holds(
    load: Load, kind: LocalKind, document: dict[str, Any], field: str
) -> None:
    other = {"name": "fine", "type": "hl7", "host": "192.168.1.31"}
    found = over(load(), (kind, document), (LocalKind.PMS, other))
    assert [pms.name for pms in found.settings.pms] == ["fine"]
    (left,) = found.left_out
    assert left.kind is kind and left.why
    with pytest.raises(InvalidDocument) as refused:
        checked(load(), kind, document)
    assert field in {error.field for error in refused.value.errors}
    assert "short" not in str(refused.value) or field != "secret"


def test_two_sources_of_one_sender_are_refused_and_each_beside_itself_is_not(load: Load) -> None:
    twin = {"name": "twin", "sending_application": "MYPMS"}
    found = over(load(), (LocalKind.HL7_SOURCE, SOURCE), (LocalKind.HL7_SOURCE, twin))
    assert [one.name for one in found.settings.hl7_source] == ["mypms"]
    assert found.left_out[0].name == "twin"
    checked(found.settings, LocalKind.HL7_SOURCE, SOURCE | {"map": "vetera"})
    with pytest.raises(InvalidDocument):
        checked(found.settings, LocalKind.HL7_SOURCE, twin)


def test_a_name_of_the_file_cannot_be_taken(load: Load) -> None:
    with pytest.raises(Conflict, match="front-desk"):
        checked(load(IN_FILE), LocalKind.PMS, HOOK)


def test_laying_over_twice_is_laying_over_once_and_leaves_the_first_as_it_was(load: Load) -> None:
    first = load(IN_FILE)
    second = over(first, (LocalKind.PMS, HL7), (LocalKind.PRACTICE, PRACTICE)).settings
    again = over(second, (LocalKind.PMS, HL7), (LocalKind.PRACTICE, PRACTICE))
    assert again.left_out == ()
    assert again.settings == second and settings_origin(again.settings) == settings_origin(second)
    without = over(second).settings
    assert without == first and settings_origin(without) == settings_origin(first)
    assert len(first.pms) == 1 and settings_origin(first)["gateway.practice"] == "default"
    assert without_local(without) == first


def test_a_process_reads_the_rows_of_its_own_database(load: Load) -> None:
    settings = load()
    assert with_local(settings).version == 0  # no database yet
    migrate(settings.database_path())
    database = Database(settings.database_path())
    store = LocalSettingsStore(database, lambda: 1)
    try:
        store.add(LocalSetting(LocalKind.PMS, "front-desk", HOOK), Actor("test"))
        found = with_local(settings)
        assert [pms.name for pms in found.settings.pms] == ["front-desk"]
        assert found.version == store.version() == 1
    finally:
        database.close()


def test_a_damaged_database_leaves_the_settings_of_the_file(load: Load) -> None:
    settings = load(IN_FILE)
    settings.database_path().parent.mkdir(parents=True, exist_ok=True)
    settings.database_path().write_bytes(b"no database" * 100)
    found = with_local(settings)
    assert [pms.name for pms in found.settings.pms] == ["front-desk"] and found.version == 0


def test_a_row_that_nobody_understands_is_passed_over(load: Load) -> None:
    settings = load()
    migrate(settings.database_path())
    database = Database(settings.database_path())
    try:
        LocalSettingsStore(database, lambda: 1).add(LocalSetting(LocalKind.PMS, "front-desk", HOOK), Actor("test"))
        for kind, document in (("pms", "{"), ("pms", "[]"), ("of a newer program", "{}")):
            name = f"row of {kind} {document}"
            statement = f"INSERT INTO local_setting VALUES ('{kind}', '{name}', '{document}', 0)"  # noqa: S608
            _execute(settings.database_path(), statement)
        assert [row.name for row in read_stored(settings.database_path())[1]] == ["front-desk"]
    finally:
        database.close()


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


class TestStore:
    """The store itself: names, audit, versions, wake-ups."""

    @pytest.fixture
    def woken(self) -> list[str]:
        return []

    @pytest.fixture
    def store(self, tmp_path: Path, woken: list[str], request: pytest.FixtureRequest) -> LocalSettingsStore:
        migrate(tmp_path / "gateway.db")
        database = Database(tmp_path / "gateway.db", woken.append)
        request.addfinalizer(database.close)
        self.database = database
        return LocalSettingsStore(database, lambda: 5)

    def audit(self) -> list[tuple[str, str, str]]:
        found = AuditStore(self.database).of("pms front-desk")
        return [(row["who"], row["action"], row["detail"]) for row in found]

    def test_every_change_is_audited_without_the_secret_and_wakes_the_supervisor(
        self, store: LocalSettingsStore, woken: list[str]
    ) -> None:
        actor = Actor("user Ann")
        store.add(LocalSetting(LocalKind.PMS, "front-desk", HOOK), actor)
        store.put(LocalSetting(LocalKind.PMS, "front-desk", HOOK | {"url": "https://other.example.org"}), actor)
        store.put(LocalSetting(LocalKind.PMS, "front-desk", HOOK | {"url": "https://other.example.org"}), actor)
        store.remove(LocalKind.PMS, "front-desk", actor)
        assert self.audit() == [
            ("user Ann", "setting added", "name, secret, type, url"),
            ("user Ann", "setting changed", "url"),
            ("user Ann", "setting removed", ""),
        ]
        assert woken == ["supervisor"] * 3 and store.version() == 3

    def test_names_are_unique_and_what_is_not_there_cannot_be_removed(self, store: LocalSettingsStore) -> None:
        store.add(LocalSetting(LocalKind.PMS, "front-desk", HOOK), Actor("test"))
        store.add(LocalSetting(LocalKind.HL7_SOURCE, "front-desk", SOURCE), Actor("test"))
        with pytest.raises(Conflict):
            store.add(LocalSetting(LocalKind.PMS, "front-desk", HOOK), Actor("test"))
        assert store.get(LocalKind.PMS, "front-desk").document == HOOK
        assert {row.kind for row in store.all()} == {LocalKind.HL7_SOURCE, LocalKind.PMS}
        for act in (store.get, lambda kind, name: store.remove(kind, name, Actor("test"))):
            with pytest.raises(NotFound):
                act(LocalKind.PMS, "nobody")
        assert store.version() == 2
