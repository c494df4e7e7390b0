"""The object store: durable, or not there at all, whatever call of the file system fails."""

import errno
import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dicom_gateway.core.model import StoredObject
from dicom_gateway.errors import DamagedFile, Unavailable
from dicom_gateway.operating_system import try_lock
from dicom_gateway.storage.filesystem import FileSystem
from dicom_gateway.storage.objects import ORPHAN_SECONDS, QUARANTINE_COPY_BYTES, SPACE_CHECK_BYTES, ObjectStore

SYNTAX = "1.2.840.10008.1.2.1"
HEAD, BODY = b"\0" * 128 + b"DICM", b"data set" * 1000


class Disk(FileSystem):
    """A real file system of which one call fails from its `after`th time on, and that keeps a list of its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing, self.after, self.number = "", 1, 0
        self.chunk = 1 << 30
        self.free = 1 << 40
        self.open: set[int] = set()

    def fail(self, call: str, number: int, after: int = 1) -> None:
        self.failing, self.number, self.after = call, number, after

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if call == self.failing:
            self.after -= 1
            if self.after <= 0:
                raise OSError(self.number, os.strerror(self.number))

    def create(self, path: Path) -> int:
        self._called("create")
        descriptor = super().create(path)
        self.open.add(descriptor)
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        self._called("write")
        return super().write(descriptor, data[: self.chunk])

    def truncate(self, descriptor: int, length: int) -> None:
        self._called("truncate")
        super().truncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        self._called("sync")
        super().sync(descriptor)

    def close(self, descriptor: int) -> None:
        super().close(descriptor)  # a failed close has closed all the same
        self.open.remove(descriptor)
        self._called("close")

    def rename(self, source: Path, target: Path) -> None:
        self._called("rename")
        super().rename(source, target)

    def make_folder(self, path: Path) -> bool:
        self._called("make_folder")
        return super().make_folder(path)

    def sync_folder(self, path: Path) -> None:
        self._called(f"sync_folder {path.name if len(path.name) > 2 else 'last'}")
        super().sync_folder(path)

    def remove(self, path: Path) -> None:
        self._called("remove")
        super().remove(path)

    def free_bytes(self, path: Path) -> int:
        self._called("free_bytes")
        return self.free


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def open_store(tmp_path: Path, disk: Disk) -> Iterator[Callable[..., ObjectStore]]:
    with ExitStack() as stack:

        def opened(reserve: int = 0, seed: int = 1) -> ObjectStore:
            store = ObjectStore(tmp_path / "store", reserve, random.Random(seed).getrandbits, disk)
            stack.callback(store.close)
            disk.calls.clear()
            return store

        yield opened


@pytest.fixture
def store(open_store: Callable[..., ObjectStore]) -> ObjectStore:
    return open_store()


def put(store: ObjectStore, body: bytes = BODY, area: str = "objects") -> StoredObject:
    file = store.open(len(body))
    file.write_head(HEAD)
    file.write(body[:10])
    file.write(memoryview(body)[10:])
    return file.commit(SYNTAX, area)


def files(store: ObjectStore) -> list[str]:
    """Return everything but locks below the store."""
    found = (path.relative_to(store.root) for path in store.root.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.name != "lock")


def test_put(store: ObjectStore) -> None:
    stored = put(store)
    assert store.path(stored.name).read_bytes() == HEAD + BODY
    assert (stored.offset, stored.length, stored.transfer_syntax_uid) == (len(HEAD), len(BODY), SYNTAX)
    assert stored.sha256 == hashlib.sha256(BODY).hexdigest()
    assert files(store) == [stored.name]
    assert store.exists(stored)
    assert store.path(stored.name).stat().st_mode & 0o077 == 0


def test_the_order_of_the_durable_write(store: ObjectStore, disk: Disk) -> None:
    put(store)
    assert disk.calls == [
        "free_bytes", "create", "write", "write", "write", "sync", "close", "make_folder", "sync_folder objects",
        "rename", "sync_folder last",
    ]  # fmt: skip
    assert disk.open == set()


def test_a_disk_that_writes_little_at_a_time(store: ObjectStore, disk: Disk) -> None:
    disk.chunk = 100
    stored = put(store)
    assert store.path(stored.name).read_bytes() == HEAD + BODY
    assert stored.sha256 == hashlib.sha256(BODY).hexdigest()


CALLS = [
    ("free_bytes", 1),
    ("create", 1),
    ("write", 1),
    ("write", 2),
    ("write", 3),
    ("sync", 1),
    ("close", 1),
    ("make_folder", 1),
    ("sync_folder objects", 1),
    ("rename", 1),
    ("sync_folder last", 1),
]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize(("call", "after"), CALLS)
def test_any_call_may_fail(store: ObjectStore, disk: Disk, call: str, after: int, number: int) -> None:
    before = put(store, b"before")
    disk.fail(call, number, after)
    with pytest.raises(Unavailable):
        put(store)
    assert disk.open == set()
    assert files(store) == [before.name]

    disk.fail("", 0)
    stored = put(store)
    assert files(store) == sorted([before.name, stored.name])


@pytest.mark.parametrize(("call", "after"), CALLS)
def test_a_dead_disk_also_fails_to_clean_up(store: ObjectStore, disk: Disk, call: str, after: int) -> None:
    class Dead(Disk):
        def remove(self, path: Path) -> None:
            raise OSError(errno.EIO, "input/output error")

    dead = store.files = Dead()
    dead.fail(call, errno.EIO, after)
    with pytest.raises(Unavailable):
        put(store)
    assert dead.open == set()


def test_a_new_folder_that_was_not_made_durable_is_made_again(store: ObjectStore, disk: Disk) -> None:
    disk.fail("sync_folder objects", errno.EIO)
    with pytest.raises(Unavailable):
        put(store)
    assert list((store.root / "objects").iterdir()) == []


def test_discard(store: ObjectStore, disk: Disk) -> None:
    file = store.open()
    file.write(b"x")
    file.discard()
    file.discard()
    assert files(store) == [] and disk.open == set()


@pytest.mark.parametrize(("free", "taken"), [(1099, False), (1100, True)])
def test_the_reserve(open_store: Callable[..., ObjectStore], disk: Disk, free: int, taken: bool) -> None:
    store = open_store(reserve=1000)
    disk.free = free
    if taken:
        store.open(100).discard()
    else:
        with pytest.raises(Unavailable, match="nearly full"):
            store.open(100)
    assert files(store) == []


@pytest.mark.parametrize(("free", "taken"), [(1009, False), (1010, True)])
def test_the_reserve_while_an_object_grows(
    open_store: Callable[..., ObjectStore], disk: Disk, free: int, taken: bool
) -> None:
    store = open_store(reserve=1000)
    disk.free = 1000
    file = store.open()
    disk.free = free
    file.write(bytes(SPACE_CHECK_BYTES))
    if taken:
        file.write(bytes(10))
        file.write(bytes(10))
        file.discard()
        assert disk.calls.count("free_bytes") == 2
    else:
        with pytest.raises(Unavailable, match="nearly full"):
            file.write(bytes(10))
    assert files(store) == [] and disk.open == set()


def test_what_is_announced_is_looked_at_once(store: ObjectStore, disk: Disk) -> None:
    file = store.open(3 * SPACE_CHECK_BYTES)
    for _ in range(3):
        file.write(bytes(SPACE_CHECK_BYTES))
    file.discard()
    assert disk.calls.count("free_bytes") == 1


def test_has_space(open_store: Callable[..., ObjectStore], disk: Disk) -> None:
    store = open_store(reserve=1000)
    disk.free = 1000
    assert store.has_space()
    disk.free = 999
    assert not store.has_space()
    disk.fail("free_bytes", errno.EIO)
    assert not store.has_space()


def test_the_real_file_system_knows_its_free_space(tmp_path: Path) -> None:
    assert FileSystem().free_bytes(tmp_path) > 0
    store = ObjectStore(tmp_path / "s", 1 << 62, random.Random(1).getrandbits)
    with pytest.raises(Unavailable):
        store.open()


@pytest.mark.parametrize(
    "name",
    ["", "../x", "objects/../../etc/passwd", "/etc/passwd", "objects/ab/x.dcm", "spool/ab/" + "0" * 32 + ".dcm",
     "objects/ab/" + "0" * 32 + ".dcm\n", "objects/ab/" + "0" * 31 + "\0.dcm", "OBJECTS/ab/" + "0" * 32 + ".dcm"],
    ids=ascii,
)  # fmt: skip
def test_a_name_that_is_not_ours_has_no_path(store: ObjectStore, name: str) -> None:
    with pytest.raises(DamagedFile):
        store.path(name)


def test_exists_wants_the_full_length(store: ObjectStore) -> None:
    stored = put(store)
    os.truncate(store.path(stored.name), stored.offset + stored.length - 1)
    assert not store.exists(stored)
    store.remove(stored)
    assert not store.exists(stored) and files(store) == []
    store.remove(stored)


def test_the_sweep_takes_only_folders_of_the_dead(open_store: Callable[..., ObjectStore]) -> None:
    living, sweeper = open_store(seed=1), open_store(seed=2)
    theirs, ours = living.open(), sweeper.open()
    theirs.write(b"theirs")
    ours.write(b"ours")
    dead = living.root / "spool" / ("d" * 16)
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "half.part").write_bytes(b"half")
    (living.root / "spool" / "stray").write_bytes(b"a file")
    assert sweeper.sweep_spools() == 1
    assert not dead.exists()
    for store, file in ((living, theirs), (sweeper, ours)):
        assert store.exists(file.commit(SYNTAX))


def test_the_sweep_takes_a_folder_once_its_process_is_gone(store: ObjectStore) -> None:
    folder = store.root / "spool" / ("d" * 16)
    folder.mkdir()
    (folder / "half.part").write_bytes(b"half")
    with open(folder / "lock", "ab") as held:
        assert try_lock(held)
        assert store.sweep_spools() == 0
        assert folder.exists()
    assert store.sweep_spools() == 1
    assert files(store) == []


def test_an_object_whose_spool_is_gone_is_not_taken(store: ObjectStore) -> None:
    file = store.open()
    file.write(b"x")
    shutil.rmtree(store.root / "spool")
    (store.root / "spool").mkdir()
    with pytest.raises(Unavailable):
        file.commit(SYNTAX)
    assert files(store) == []


def test_a_spool_folder_that_somebody_removed(store: ObjectStore) -> None:
    put(store)
    shutil.rmtree(next((store.root / "spool").iterdir()))
    assert store.exists(put(store))


def test_close_gives_the_spool_up(store: ObjectStore) -> None:
    put(store)
    store.close()
    store.close()
    assert list((store.root / "spool").iterdir()) == []
    assert store.exists(put(store))
    store.close()


def test_old_objects(store: ObjectStore) -> None:
    stored = put(store)
    folder = store.path(stored.name).parent
    (folder / "notes.dcm").touch()
    (store.root / "objects" / "stray").touch()
    changed = store.path(stored.name).stat().st_mtime
    assert list(store.old_objects(changed + ORPHAN_SECONDS)) == []
    assert list(store.old_objects(changed + ORPHAN_SECONDS + 1)) == [stored.name]


def test_an_object_that_goes_while_we_look(store: ObjectStore) -> None:
    first, second = sorted([put(store), put(store)], key=lambda stored: stored.name)
    found = store.old_objects(2**40)
    assert next(found) == first.name
    store.remove(second)
    assert list(found) == []


def test_set_aside(store: ObjectStore) -> None:
    stored = put(store)
    name = store.set_aside(stored.name)
    assert name == stored.name.replace("objects/", "quarantine/")
    assert files(store) == [name]
    assert store.path(name).read_bytes() == HEAD + BODY
    with pytest.raises(DamagedFile):
        store.set_aside("objects/../x")


def test_quarantine_is_an_area_of_its_own(store: ObjectStore) -> None:
    stored = put(store, area="quarantine")
    assert stored.name.startswith("quarantine/")
    assert store.exists(stored)


def test_the_data_set_can_be_read_before_it_is_committed(store: ObjectStore) -> None:
    file = store.open()
    with file.data() as data:
        assert bytes(data) == b""
    file.write_head(HEAD)
    with file.data() as data:
        assert bytes(data) == b""
    file.write(BODY)
    with file.data() as data:
        assert data == BODY and data.readonly and file.written == len(BODY)
    with pytest.raises(ValueError, match="released"):
        data[0]
    file.write(b"more")
    with file.data() as data:
        assert data == BODY + b"more" and file.written == len(data)
    assert store.path(file.commit(SYNTAX).name).read_bytes() == HEAD + BODY + b"more"


def test_a_piece_of_the_data_set_that_somebody_keeps(store: ObjectStore) -> None:
    file = store.open()
    file.write(BODY)
    with pytest.raises(KeyError), file.data() as data:
        piece = data[8:16]
        raise KeyError("not hidden by what closing says")
    file.discard()
    assert bytes(piece) == BODY[8:16]


def test_a_data_set_that_is_gone(store: ObjectStore, disk: Disk) -> None:
    file = store.open()
    file.write(b"x")
    shutil.rmtree(store.root / "spool")
    with pytest.raises(Unavailable), file.data():
        raise AssertionError("read")
    assert disk.open == set()


def refused(store: ObjectStore, body: bytes) -> StoredObject:
    file = store.open()
    file.write_head(HEAD)
    file.write(body)
    return file.quarantine(SYNTAX)


@pytest.mark.parametrize("more", [-1, 0, 1], ids=["less", "limit", "more"])
def test_quarantine_keeps_so_much_at_most(store: ObjectStore, disk: Disk, more: int) -> None:
    body = random.Random(1).randbytes(QUARANTINE_COPY_BYTES + more)
    kept = body[:QUARANTINE_COPY_BYTES]
    stored = refused(store, body)
    assert (stored.offset, stored.length, stored.sha256) == (len(HEAD), len(kept), hashlib.sha256(kept).hexdigest())
    assert files(store) == [stored.name] and stored.name.startswith("quarantine/")
    assert store.path(stored.name).read_bytes() == HEAD + kept
    cut = ["truncate"] if more > 0 else []
    at = disk.calls.index("sync")
    assert disk.calls[at - len(cut) : at] == cut and disk.calls.count("truncate") == len(cut)
    assert disk.open == set()


@pytest.mark.parametrize("call", ["truncate", "sync", "rename", "sync_folder last"])
def test_what_cannot_be_quarantined_leaves_nothing(store: ObjectStore, disk: Disk, call: str) -> None:
    disk.fail(call, errno.EIO)
    with pytest.raises(Unavailable):
        refused(store, bytes(QUARANTINE_COPY_BYTES + 1))
    assert files(store) == [] and disk.open == set()


def test_thumbnails_have_a_path(store: ObjectStore) -> None:
    assert store.thumbnail_path("ab" * 32) == store.root / "thumbnails" / "ab" / f"{'ab' * 32}.jpg"
