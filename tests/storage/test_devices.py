"""Devices as rows: what is added, changed and removed, beside those of the file; and who was refused."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest

from dicom_gateway.core.devices import Device, Origin, Service
from dicom_gateway.errors import Conflict, NotFound, Unavailable
from dicom_gateway.storage.audit import Actor, AuditStore
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.device_book import DeviceBook
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.storage.migrate import migrate, migrations
from dicom_gateway.storage.unknown_devices import MAX_PROPOSED, UnknownDevices

Change = Callable[[], None]

NOW = 1_790_000_000_000_000
ADMINISTRATOR = Actor("token admin", "192.0.2.1")
FILE = Device("FILE1", modalities=("DX",))
DX1 = Device("DX1", "192.0.2.7", 104, ("DX",), (ip_network("192.0.2.7/32"),), origin=Origin.DATABASE)
US1 = Device("US1", services=frozenset({Service.STORAGE}), quiet_seconds=5, origin=Origin.DATABASE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.db"
    migrate(path)
    return path


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> DeviceStore:
    return DeviceStore(database, lambda: NOW, [FILE])


def audit(database: Database, ae_title: str) -> list[tuple[str, str, str]]:
    """Return action, who and detail of what was done to a device."""
    rows = AuditStore(database).of(f"device {ae_title}")
    return [(row["action"], row["who"], row["detail"]) for row in rows]


def test_devices_of_file_and_database_by_their_ae_titles(store: DeviceStore) -> None:
    assert store.all() == [FILE]
    for device in (US1, DX1):
        store.add(device, ADMINISTRATOR)
    assert store.all() == [DX1, FILE, US1]
    assert [store.get(name) for name in ("DX1", " FILE1 ", "US1")] == [DX1, FILE, US1]
    with pytest.raises(NotFound, match="no device dx1"):
        store.get("dx1")


def test_a_device_is_kept_as_one_of_the_database(store: DeviceStore) -> None:
    store.add(Device("X", origin=Origin.FILE), ADMINISTRATOR)
    assert store.get("X").origin is Origin.DATABASE


def test_no_two_devices_have_one_ae_title(store: DeviceStore) -> None:
    store.add(DX1, ADMINISTRATOR)
    version = store.version()
    with pytest.raises(Conflict, match="a device DX1 exists"):
        store.add(Device("DX1"), ADMINISTRATOR)
    with pytest.raises(Conflict, match="gateway.toml"):
        store.add(Device("FILE1"), ADMINISTRATOR)
    assert (store.get("DX1"), store.version()) == (DX1, version)


def test_a_device_is_replaced_as_a_whole(store: DeviceStore, database: Database) -> None:
    store.add(DX1, ADMINISTRATOR)
    store.replace(Device("DX1", port=11112), ADMINISTRATOR)
    assert store.get("DX1") == Device("DX1", port=11112, origin=Origin.DATABASE)
    added, changed = audit(database, "DX1")
    assert added == ("device added", "token admin", "")
    assert changed[:2] == ("device changed", "token admin")
    assert changed[2].split("; ") == [
        'host: "192.0.2.7" -> ""',
        "port: 104 -> 11112",
        'modalities: ["DX"] -> []',
        'allowed_from: ["192.0.2.7/32"] -> []',
    ]


def test_a_device_is_removed(store: DeviceStore, database: Database) -> None:
    store.add(DX1, ADMINISTRATOR)
    store.remove("DX1", ADMINISTRATOR)
    assert store.all() == [FILE]
    assert audit(database, "DX1")[-1] == ("device removed", "token admin", "")
    store.add(DX1, ADMINISTRATOR)
    assert store.get("DX1") == DX1


def test_what_is_not_there_cannot_change(store: DeviceStore) -> None:
    changes: list[Change] = [lambda: store.replace(DX1, ADMINISTRATOR), lambda: store.remove("DX1", ADMINISTRATOR)]
    for change in changes:
        with pytest.raises(NotFound, match="no device DX1"):
            change()
    assert store.version() == 0


def test_a_device_of_the_file_is_read_only(store: DeviceStore) -> None:
    changes: list[Change] = [lambda: store.replace(FILE, ADMINISTRATOR), lambda: store.remove("FILE1", ADMINISTRATOR)]
    for change in changes:
        with pytest.raises(Conflict, match="FILE1 is configured in gateway.toml .*; change it there"):
            change()
    assert (store.all(), store.version()) == ([FILE], 0)


def test_the_version_moves_with_every_change(store: DeviceStore) -> None:
    seen = [store.version()]
    changes: list[Change] = [
        lambda: store.add(DX1, ADMINISTRATOR),
        lambda: store.replace(DX1, ADMINISTRATOR),
        lambda: store.remove("DX1", ADMINISTRATOR),
        lambda: store.add(DX1, ADMINISTRATOR),
    ]
    for change in changes:
        change()
        seen.append(store.version())
    assert seen == sorted(set(seen))


def test_on_a_clash_the_file_wins(store: DeviceStore, database: Database) -> None:
    store.add(DX1, ADMINISTRATOR)
    assert store.clashes() == []
    later = DeviceStore(database, lambda: NOW, [FILE, Device("DX1", port=9)])
    assert later.clashes() == ["DX1"]
    assert later.get("DX1") == Device("DX1", port=9, origin=Origin.FILE)
    assert [device.port for device in later.all()] == [9, 0]
    with pytest.raises(Conflict, match="gateway.toml"):
        later.replace(DX1, ADMINISTRATOR)
    later.remove("DX1", ADMINISTRATOR)  # of the database, without effect while the file has it
    assert (later.clashes(), later.get("DX1").port) == ([], 9)


@pytest.mark.parametrize("document", ["{", "5", '{"ae_title": "DX1", "port": "x"}', '{"ae_title": "DX1", "new": 1}'])
def test_a_row_that_cannot_be_read_hides_no_other(store: DeviceStore, path: Path, document: str) -> None:
    for device in (DX1, US1):
        store.add(device, ADMINISTRATOR)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE device SET document = ? WHERE ae_title = 'DX1'", (document,))
        connection.commit()
    assert store.all() == [FILE, US1]
    with pytest.raises(NotFound):
        store.get("DX1")
    store.replace(DX1, ADMINISTRATOR)
    assert store.get("DX1") == DX1


# The devices as a process knows them.


def test_a_change_of_another_process_is_known_at_once(store: DeviceStore, path: Path) -> None:
    book = DeviceBook(store, accept_unknown=False)
    assert book.current().refusal("DX1", "192.0.2.7") == "unknown device"
    elsewhere = Database(path)
    try:
        DeviceStore(elsewhere, lambda: NOW).add(DX1, ADMINISTRATOR)
        assert book.profile("DX1") == Device("DX1")  # nobody has asked yet
        assert book.current().refusal("DX1", "192.0.2.7") == ""
        assert book.profile("DX1") == DX1
        DeviceStore(elsewhere, lambda: NOW).remove("DX1", ADMINISTRATOR)
        assert not book.current().admits("DX1", "192.0.2.7")
    finally:
        elsewhere.close()


def test_nothing_is_read_anew_while_nothing_changes(store: DeviceStore) -> None:
    book = DeviceBook(store, accept_unknown=False)
    first = book.current()
    assert book.current() is first
    store.add(DX1, ADMINISTRATOR)
    assert book.current() is not first


def test_what_is_always_there_gives_way_to_what_is_configured(store: DeviceStore) -> None:
    book = DeviceBook(store, False, [Device("FILE1", port=1), Device("DCMGATEWAY", port=2)])
    assert (book.current().profile("FILE1"), book.profile("DCMGATEWAY").port) == (FILE, 2)


def test_the_devices_stay_known_while_the_database_is_away(database: Database, store: DeviceStore) -> None:
    store.add(DX1, ADMINISTRATOR)
    book, late = DeviceBook(store, accept_unknown=False), DeviceBook(store, accept_unknown=False)
    known = book.current()
    database.close()
    assert book.current() is known
    with pytest.raises(Unavailable):
        late.current()


def test_many_who_ask_while_it_changes_end_with_the_last(store: DeviceStore) -> None:
    book, changed = DeviceBook(store, accept_unknown=False), threading.Event()

    def ask(_: int) -> None:
        while not changed.is_set():
            book.current()

    with ThreadPoolExecutor(4) as pool:
        asking = pool.map(ask, range(4))
        try:
            store.add(DX1, ADMINISTRATOR)
            for port in range(20):
                store.replace(Device("DX1", port=port), ADMINISTRATOR)
                assert book.current().profile("DX1").port == port
        finally:
            changed.set()
        assert list(asking) == [None] * 4
    assert book.profile("DX1").port == 19


# Who was refused.


def test_an_attempt_says_what_was_tried(database: Database) -> None:
    unknown = UnknownDevices(database, lambda: NOW)
    unknown.record("NEW", "192.0.2.1", "US", "unknown device", ["Verification SOP Class", "Verification SOP Class"])
    unknown.record("NEW", "192.0.2.1", "GATEWAY", "address not in allowed_from", ["CT Image Storage"], True)
    (row,) = unknown.all()
    expected = {"called_ae_title": "GATEWAY", "reason": "address not in allowed_from", "attempts": 2, "tls": True}
    assert {name: row[name] for name in expected} == expected
    assert row["proposed"] == ["CT Image Storage"]
    unknown.record("NEW", "192.0.2.1", "US", "unknown device", ["a", "b", "a", *map(str, range(100))])
    (row,) = unknown.all()
    assert (row["proposed"][:3], len(row["proposed"]), row["tls"]) == (["a", "b", "0"], MAX_PROPOSED, False)


def test_attempts_are_forgotten_by_ae_title(database: Database) -> None:
    unknown = UnknownDevices(database, lambda: NOW)
    for ae_title, address in (("NEW", "192.0.2.1"), ("NEW", "192.0.2.2"), ("OTHER", "192.0.2.1")):
        unknown.record(ae_title, address, "GATEWAY")
    unknown.forget("NEW")
    assert [row["ae_title"] for row in unknown.all()] == ["OTHER"]


def test_attempts_of_an_older_database_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    known = dict(migrations())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(known[1] + known[2] + "PRAGMA user_version = 2;")
        connection.execute("INSERT INTO unknown_device VALUES ('NEW', '192.0.2.1', 'US', 1, 2, 3)")
    migrate(path)
    database = Database(path)
    try:
        (row,) = UnknownDevices(database, lambda: NOW).all()
        assert (row["attempts"], row["reason"], row["proposed"], row["tls"]) == (3, "", [], False)
        assert json.dumps(row)
    finally:
        database.close()
