"""The connections that reads share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import peewee
import pytest

from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.readers import NoneFree, Readers

DEADLINE = 20  # seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    migrate(tmp_path / "gateway.db")
    return tmp_path / "gateway.db"


def test_a_connection_is_lent_again(path: Path) -> None:
    readers = Readers(path, {}, 2, 0)
    with readers.lent() as first, readers.lent() as second:
        assert first is not second
    with readers.lent() as again:
        assert again in (first, second)
    readers.close()
    assert first.is_closed() and second.is_closed()


def test_no_more_than_the_limit(path: Path) -> None:
    readers = Readers(path, {}, 1, 0.01)
    for _ in range(2):
        with readers.lent(), pytest.raises(NoneFree), readers.lent():
            raise AssertionError("lent twice")
    readers.close()


def test_who_waits_gets_the_one_that_comes_back(path: Path) -> None:
    readers = Readers(path, {}, 1, DEADLINE)
    asking = threading.Event()

    def ask() -> peewee.SqliteDatabase:
        asking.set()
        with readers.lent() as found:
            return found

    with ThreadPoolExecutor(1) as pool:
        with readers.lent() as held:
            waiting = pool.submit(ask)
            assert asking.wait(DEADLINE)
        assert waiting.result(DEADLINE) is held
    readers.close()


def test_one_that_failed_is_not_lent_again(path: Path) -> None:
    readers = Readers(path, {}, 1, 0)
    with pytest.raises(peewee.OperationalError), readers.lent() as failed:
        failed.execute_sql("SELECT * FROM nowhere")
    assert failed.is_closed()
    with pytest.raises(KeyError), readers.lent() as kept:
        raise KeyError("nothing of the connection's")
    with readers.lent() as again:
        assert again is kept is not failed
    readers.close()


def test_one_that_cannot_be_opened_takes_no_room(tmp_path: Path) -> None:
    readers = Readers(tmp_path / "nowhere" / "gateway.db", {}, 1, 0)
    for _ in range(3):
        with pytest.raises(peewee.OperationalError), readers.lent():
            raise AssertionError("opened")


def test_one_that_is_lent_is_closed_when_it_comes_back(path: Path) -> None:
    readers = Readers(path, {}, 1, 0)
    with readers.lent() as lent:
        readers.close()
        lent.execute_sql("SELECT 1")
    assert lent.is_closed()
