"""Processes that write take turns: one that always has something to write does not keep the others out."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicom_gateway.errors import Unavailable
from dicom_gateway.storage import order_rows
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.turns import Turns

# Four callers whose transactions hold the lock for a while, one after the other, as devices that send do.
BUSY = """
import sys, threading, time
from pathlib import Path
from dicom_gateway.storage import order_rows
from dicom_gateway.storage.database import Database

database = Database(Path(sys.argv[1]))

def write(tx):
    order_rows.count(tx, "busy")
    time.sleep(0.02)

def go_on():
    while True:
        database.write(write)

for _ in range(4):
    threading.Thread(target=go_on, daemon=True).start()
print("busy", flush=True)
sys.stdin.read()
"""


@contextmanager
def busy_processes(path: Path, number: int) -> Iterator[None]:
    """Let so many other processes write without a pause."""
    started = [
        subprocess.Popen([sys.executable, "-c", BUSY, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(number)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"busy\n"
        yield
    finally:
        for process in started:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("others", [1, 3])
def test_a_busy_process_keeps_nobody_out(tmp_path: Path, others: int) -> None:
    path = tmp_path / "gateway.db"
    migrate(path)
    database = Database(path, busy_seconds=2)
    try:
        with busy_processes(path, others):
            for number in range(1, 21):  # without turns one of these waits for longer than it is willing to
                assert database.write(lambda tx: order_rows.count(tx, "mine")) == number
    finally:
        database.close()


def test_a_turn_that_is_not_given_is_not_waited_for_longer_than_asked(tmp_path: Path) -> None:
    mine, theirs = Turns(tmp_path / "gateway.db", 0.2), Turns(tmp_path / "gateway.db", 0.2)
    with theirs.taken():
        began = time.monotonic()
        with mine.taken():  # SQLite's own lock decides then
            assert 0.15 < time.monotonic() - began < 5
    patient, began = Turns(tmp_path / "gateway.db", 20), time.monotonic()
    with patient.taken():
        assert time.monotonic() - began < 5
    for turns in (mine, theirs, patient):
        turns.close()


def test_turns_end_with_their_process(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    migrate(path)
    with busy_processes(path, 1):
        pass
    database = Database(path, busy_seconds=0.2)
    began = time.monotonic()
    try:
        database.write(lambda tx: order_rows.count(tx, "mine"))
        assert time.monotonic() - began < 5
    except Unavailable:
        pytest.fail("a killed process still holds its turn")
    finally:
        database.close()
