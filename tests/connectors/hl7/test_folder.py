"""A watched folder: files that are finished are taken once; half-written, locked, linked ones are left alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_gateway.connectors.hl7.errors import REQUIRED, Hl7Error
from dicom_gateway.connectors.hl7.folder import FolderIntake, Watched
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.errors import Unavailable
from tests.connectors.hl7.intake_builders import Intake, a_message, opened

QUIET = 2.0


class Folder:
    """A drop folder with its intake, and a clock that is moved by looking."""

    def __init__(self, path: Path, intake: Intake, **values: object) -> None:
        self.path = path
        self.intake = intake
        self.time = 100.0
        self.is_ending = False
        watched = Watched(path, "vetera", quiet_seconds=QUIET, **values)  # type: ignore[arg-type]
        self._watched = watched
        self.restart()

    def restart(self) -> None:
        self.watcher = FolderIntake(
            self._watched, self.intake.receiver, lambda: self.intake.now, lambda: self.is_ending, lambda: self.time
        )

    def drop(self, name: str, data: bytes | None = None, age: float = 0) -> Path:
        """Write a file; `age`: by how many seconds it is older than it is."""
        path = self.path / name
        path.write_bytes(a_message(name) if data is None else data)
        if age:
            at = path.stat().st_mtime - age
            os.utime(path, (at, at))
        return path

    def look(self, seconds: float = 0) -> int:
        """Look after so many seconds; return in how many the next look is due."""
        self.time += seconds
        due = self.watcher.run()
        assert due is not None
        return (due - self.intake.now) // SECOND

    def look_twice(self) -> None:
        """Look until what is there now has been quiet."""
        self.look()
        self.look(QUIET)

    @property
    def taken(self) -> list[str]:
        return [control_id for control_id, *_ in self.intake.worked]

    @property
    def names(self) -> dict[str, list[str]]:
        """The files of each folder."""
        found = {"": self.path} | {name: self.path / name for name in ("work", "done", "failed")}
        return {
            key: sorted(one.name for one in path.iterdir() if not one.is_dir() or one.is_symlink())
            for key, path in found.items()
            if path.exists()
        }


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[Intake]:
    with opened(tmp_path / "gateway.db") as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, intake: Intake) -> Folder:
    (tmp_path / "drop").mkdir()
    return Folder(tmp_path / "drop", intake, answers=True)


def test_a_file_is_taken_once_it_is_quiet(folder: Folder) -> None:
    folder.drop("a.hl7")
    assert folder.look() == 1
    folder.look(QUIET - 0.1)
    assert folder.taken == []
    folder.look(0.1)
    assert folder.taken == ["a.hl7"]
    assert folder.names == {"": ["a.hl7.ack"], "work": [], "done": ["a.hl7"], "failed": []}
    assert b"MSA|AA|a.hl7" in (folder.path / "a.hl7.ack").read_bytes()
    assert folder.intake.worked[0][1:] == ("vetera", "a.hl7")
    folder.look_twice()
    assert folder.taken == ["a.hl7"]


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_still_changes_is_left_alone(folder: Folder, change: str) -> None:
    path = folder.drop("a.hl7", b"MSH|")
    for _ in range(3):
        folder.look(QUIET - 0.5)
        if change == "size":
            path.write_bytes(path.read_bytes() + b"more")
        else:
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    folder.look(QUIET - 0.5)
    assert folder.names["work"] == [] and folder.names[""] == ["a.hl7"]
    path.write_bytes(a_message("a.hl7"))
    folder.look_twice()
    assert folder.taken == ["a.hl7"]


@pytest.mark.parametrize("name", ["a.hl7.tmp", "a.TMP", ".a.hl7", "~a.hl7", "a.part", "a.hl7~"])
def test_a_file_that_is_not_finished_by_its_name(folder: Folder, name: str) -> None:
    """It is taken at once when it is renamed: it is whole then."""
    path = folder.drop(name, a_message("1"))
    folder.look_twice()
    folder.look_twice()
    assert folder.taken == []
    path.rename(folder.path / "b.hl7")
    folder.look()
    assert folder.taken == ["1"]
    assert folder.names["done"] == ["b.hl7"]


def test_a_file_that_is_renamed_and_still_written_to_waits(folder: Folder) -> None:
    path = folder.drop("a.tmp")
    folder.look()
    path.rename(folder.path / "a.hl7")
    (folder.path / "a.hl7").write_bytes(a_message("changed"))
    folder.look()
    assert folder.taken == []
    folder.look(QUIET)
    assert folder.taken == ["changed"]


def test_an_answer_of_ours_and_an_empty_file_are_left_alone(folder: Folder) -> None:
    folder.drop("old.ack")
    folder.drop("empty.hl7", b"")
    folder.look_twice()
    assert folder.taken == []
    assert folder.names[""] == ["empty.hl7", "old.ack"]


HOLD = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    getattr(fcntl, sys.argv[2])(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["flock", "lockf"])
def test_a_locked_file_is_left_alone_until_it_is_free(folder: Folder, kind: str) -> None:
    path = folder.drop("a.hl7")
    command = [sys.executable, "-c", HOLD, str(path), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        folder.look_twice()
        assert folder.names[""] == ["a.hl7"] and folder.taken == []
        holder.communicate(b"")
    folder.look()
    assert folder.taken == ["a.hl7"]


def test_no_link_is_followed(folder: Folder, tmp_path: Path) -> None:
    secret = tmp_path / "secret.hl7"
    secret.write_bytes(a_message("secret"))
    (folder.path / "link.hl7").symlink_to(secret)
    os.link(secret, folder.path / "hard.hl7")
    (folder.path / "folder.hl7").mkdir()
    os.mkfifo(folder.path / "pipe.hl7")
    folder.look_twice()
    assert folder.taken == []
    assert folder.names[""] == ["hard.hl7", "link.hl7", "pipe.hl7"]
    secret.unlink()
    folder.look()
    assert folder.taken == ["secret"], "the only name that is left is in the folder"


@pytest.mark.parametrize("name", ["work", "done", "failed"])
def test_a_folder_of_ours_that_is_a_link_is_not_used(folder: Folder, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder.path / name).symlink_to(outside)
    folder.drop("a.hl7")
    folder.look_twice()
    assert folder.taken == []
    assert list(outside.iterdir()) == []
    assert folder.look() == 10


def test_an_answer_does_not_write_through_a_link(folder: Folder, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (folder.path / "a.hl7.ack").symlink_to(target)
    folder.drop("a.hl7")
    folder.look_twice()
    assert target.read_bytes() == b"precious"
    assert b"MSA|AA" in (folder.path / "a.hl7.ack").read_bytes()


def test_what_is_refused_lies_in_failed_with_its_reason(folder: Folder) -> None:
    folder.intake.fail = [Hl7Error("ORC-2 must have the placer number", REQUIRED, "ORC^1^2")]
    folder.drop("a.hl7")
    folder.look_twice()
    assert folder.names == {"": ["a.hl7.ack"], "work": [], "done": [], "failed": ["a.hl7", "a.hl7.reason.txt"]}
    reason = (folder.path / "failed" / "a.hl7.reason.txt").read_text()
    assert reason == "AE 101 (ORC^1^2): ORC-2 must have the placer number\n"
    assert b"MSA|AE|a.hl7" in (folder.path / "a.hl7.ack").read_bytes()
    assert (folder.path / "failed" / "a.hl7").read_bytes() == a_message("a.hl7")


@pytest.mark.parametrize("data", [b"no HL7 at all", b"\x00\xff" * 100, b"\xef\xbb\xbf"], ids=["text", "binary", "mark"])
def test_what_is_no_message_is_refused(folder: Folder, data: bytes) -> None:
    folder.drop("a.hl7", data)
    folder.look_twice()
    assert folder.names["failed"] == ["a.hl7", "a.hl7.reason.txt"]


def test_no_answer_unless_it_is_wanted(tmp_path: Path, intake: Intake) -> None:
    (tmp_path / "other").mkdir()
    folder = Folder(tmp_path / "other", intake)
    folder.drop("a.hl7")
    folder.look_twice()
    assert folder.names == {"": [], "work": [], "done": ["a.hl7"], "failed": []}


def test_a_file_that_is_too_large(tmp_path: Path, intake: Intake) -> None:
    (tmp_path / "other").mkdir()
    folder = Folder(tmp_path / "other", intake, most_bytes=1 << 20)
    folder.drop("a.hl7", a_message("1") + b"A" * (1 << 20))
    folder.look_twice()
    assert folder.names["failed"] == ["a.hl7", "a.hl7.reason.txt"]
    assert (folder.path / "failed" / "a.hl7.reason.txt").read_text() == "the file is larger than 1 MB\n"
    assert intake.kept() == []


def test_files_are_taken_in_the_order_in_which_they_were_written(folder: Folder) -> None:
    for age, name in ((5, "c"), (9, "b"), (1, "a")):
        folder.drop(name, age=age)
    folder.look_twice()
    assert folder.taken == ["b", "c", "a"]


def test_several_messages_in_a_file(folder: Folder) -> None:
    folder.intake.fail = [Hl7Error("wrong", REQUIRED, "PID^1^3")]
    folder.drop("a.hl7", a_message("1") + a_message("2"))
    folder.look_twice()
    assert folder.taken == ["2"]
    assert (folder.path / "failed" / "a.hl7.reason.txt").read_text() == "message 1: AE 101 (PID^1^3): wrong\n"


def test_the_same_name_and_the_same_content_again(folder: Folder) -> None:
    for number in (1, 1, 2):
        folder.drop("a.hl7", a_message(str(number)))
        folder.look_twice()
    assert folder.taken == ["1", "2"]
    assert folder.names["done"] == ["a.hl7", "a~2.hl7", "a~3.hl7"]


def test_while_the_database_is_away_files_wait_in_their_order(folder: Folder) -> None:
    folder.intake.fail = [Unavailable("full"), Unavailable("full")]
    folder.drop("a", age=5)
    folder.drop("b")
    folder.look_twice()
    assert folder.names == {"": [], "work": ["a", "b"], "done": [], "failed": []}
    folder.drop("c")
    assert folder.look(QUIET) == 10
    assert folder.taken == []
    folder.look()
    folder.look_twice()
    assert folder.taken == ["a", "b", "c"]


def test_what_was_in_work_when_it_ended_is_not_done_twice(folder: Folder) -> None:
    """Ended before the work, and after it, before the file was moved."""
    folder.drop("a", age=5)
    folder.drop("b")
    folder.look_twice()
    os.rename(folder.path / "done" / "a", folder.path / "work" / "a")
    folder.drop("c").rename(folder.path / "work" / "c")
    folder.restart()
    folder.look()
    assert folder.taken == ["a", "b", "c"]
    assert folder.names == {"": ["a.ack", "b.ack", "c.ack"], "work": [], "done": ["a", "b", "c"], "failed": []}


def test_nothing_more_is_begun_at_the_end(folder: Folder) -> None:
    folder.drop("a", age=5)
    folder.drop("b")

    def end() -> None:
        folder.is_ending = True

    folder.intake.during = end
    folder.look_twice()
    assert folder.taken == ["a"]
    assert folder.names["work"] == ["b"]
    folder.is_ending = False
    folder.intake.during = lambda: None
    folder.look()
    assert folder.taken == ["a", "b"]


def test_a_file_whose_writer_goes_on_after_it_was_claimed_is_given_back(folder: Folder) -> None:
    folder.drop("a", age=5)
    folder.drop("b", b"MSH|half")
    held = open(folder.path / "b", "ab")

    def write_on() -> None:
        held.seek(0)
        held.truncate()
        held.write(a_message("b"))
        held.close()
        folder.intake.during = lambda: None

    folder.intake.during = write_on
    folder.look_twice()
    assert folder.names == {"": ["a.ack", "b"], "work": [], "done": ["a"], "failed": []}
    folder.look_twice()
    assert folder.taken == ["a", "b"]


def test_a_folder_that_is_not_there_yet(tmp_path: Path, intake: Intake) -> None:
    folder = Folder(tmp_path / "share", intake)
    assert folder.look() == 10
    folder.path.mkdir()
    folder.drop("a")
    folder.look_twice()
    assert folder.taken == ["a"]


@pytest.mark.parametrize("name", ["a b.hl7", "ä.hl7", "a\nb", "x" * 250, "\udcff.hl7", "-rf", "a..b"], ids=ascii)
def test_names(folder: Folder, name: str) -> None:
    folder.drop(name, a_message("1"))
    folder.look_twice()
    assert folder.taken == ["1"]
    assert len(folder.names["done"]) == 1


def test_descriptors_do_not_grow(folder: Folder) -> None:
    folder.drop("first")
    folder.look_twice()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        folder.drop(f"{number}")
        folder.look_twice()
    assert len(os.listdir("/proc/self/fd")) == before


def test_old_files_of_done_are_forgotten(tmp_path: Path, intake: Intake) -> None:
    (tmp_path / "other").mkdir()
    folder = Folder(tmp_path / "other", intake, keep_seconds=1000)
    folder.look()
    for name, age in (("old", 1001), ("new", 999)):
        folder.drop(name)
        at = intake.now // SECOND + 3600 - age
        os.utime(folder.path / name, (at, at))
    folder.look_twice()
    assert folder.names["done"] == ["new", "old"], "it is looked at once an hour"
    intake.now += 3600 * SECOND
    folder.look()
    assert folder.names["done"] == ["new"]
