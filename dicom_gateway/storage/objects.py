"""The object store: received objects as files. THE only place where something received becomes a name on disk, and
that name is ours: random, with no part of any UID.

The durable write: bytes into `spool/<process>/`, fsync of the file, rename to `objects/ab/<name>.dcm`, fsync of the
folder; after that the caller commits the row, and only then is success answered. A failed fsync is never retried on the
same file. Each process holds an OS lock on its spool folder while it lives; the sweep takes only folders whose lock it
gets, and moves a final object that no row knows to `quarantine/` after ten minutes.

Free space is looked at when an object begins and again after each 16 MiB of it, so that all files being written go
below the reserve by 16 MiB each at most, beyond what they announced.
"""

import errno
import hashlib
import mmap
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from dicom_gateway.core.model import StoredObject
from dicom_gateway.errors import DamagedFile, Unavailable
from dicom_gateway.operating_system import try_lock
from dicom_gateway.storage.filesystem import FileSystem

_NAME = re.compile(r"(objects|quarantine)/[0-9a-f]{2}/[0-9a-f]{32}\.dcm")
ORPHAN_SECONDS = 600
QUARANTINE_COPY_BYTES = 16 << 20
SPACE_CHECK_BYTES = 16 << 20


class SpoolFile:
    """An object on its way to the store. Write, then `commit`, `quarantine` or `discard`; a failure discards."""

    def __init__(self, store: "ObjectStore", path: Path, expected_bytes: int) -> None:
        self._store = store
        self._path = path
        self._descriptor: int | None = store.files.create(path)
        self._hash = hashlib.sha256()
        self._size = 0
        self._offset = 0
        self._room = max(expected_bytes, SPACE_CHECK_BYTES)  # up to this size free space has been looked at

    def write_head(self, data: bytes) -> None:
        """Write what stands before the data set: preamble and file meta information; it is not hashed."""
        self._write(memoryview(data))
        self._offset = self._size

    @property
    def written(self) -> int:
        """How many bytes of the data set have been written."""
        return self._size - self._offset

    def write(self, data: bytes | memoryview) -> None:
        """Write a part of the data set; raises Unavailable when the disk does not take it."""
        self._hash.update(data)
        self._write(memoryview(data))

    def sha256(self) -> str:
        """Return the hash (hex) of the data set written so far."""
        return self._hash.hexdigest()

    @contextmanager
    def data(self) -> Iterator[memoryview]:
        """Lend the data set written so far, read-only and not in memory: the pages that are looked at are mapped.

        Not after `commit`, `quarantine` or `discard`. Raises Unavailable and discards when the file cannot be read.
        """
        if not self.written:
            yield memoryview(b"")
            return
        try:
            with open(self._path, "rb") as file:
                mapped = mmap.mmap(file.fileno(), self._size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise self._failed(error) from error
        whole = memoryview(mapped)
        part = whole[self._offset :]
        try:
            yield part
        finally:
            part.release()
            whole.release()
            # Whoever still holds a piece of it, as an exception's traceback may, keeps the mapping until it lets go.
            with suppress(BufferError):
                mapped.close()

    def commit(self, transfer_syntax_uid: str, area: str = "objects") -> StoredObject:
        """Make the file durable under its final name and return where it is; raises Unavailable and leaves nothing."""
        name = f"{area}/{self._path.stem[:2]}/{self._path.stem}.dcm"
        try:
            self._finish(name)
        except OSError as error:
            raise self._failed(error) from error
        return StoredObject(name, transfer_syntax_uid, self._offset, self.written, self.sha256())

    def quarantine(self, transfer_syntax_uid: str) -> StoredObject:
        """Make at most QUARANTINE_COPY_BYTES of the data set durable in quarantine and return where they are; length
        and hash are those of what is kept. Raises Unavailable and leaves nothing."""
        if self.written > QUARANTINE_COPY_BYTES:
            with self.data() as data:
                self._hash = hashlib.sha256(data[:QUARANTINE_COPY_BYTES])
            self._size = self._offset + QUARANTINE_COPY_BYTES
            assert self._descriptor is not None
            try:
                self._store.files.truncate(self._descriptor, self._size)
            except OSError as error:
                raise self._failed(error) from error
        return self.commit(transfer_syntax_uid, "quarantine")

    def discard(self) -> None:
        """Remove the file; what cannot be removed now goes with its folder, at the end or in a sweep."""
        for step in (self._close, self._remove):
            with suppress(OSError):
                step()

    def _finish(self, name: str) -> None:
        files = self._store.files
        assert self._descriptor is not None
        files.sync(self._descriptor)
        self._close()
        target = self._store.root / name
        self._store.ensure_folder(target.parent)
        files.rename(self._path, target)
        try:
            files.sync_folder(target.parent)
        except OSError:
            files.remove(target)
            raise

    def _write(self, data: memoryview) -> None:
        assert self._descriptor is not None
        try:
            if self._size + len(data) > self._room:
                if not self._store.has_room(len(data)):
                    raise OSError(errno.ENOSPC, "the disk is nearly full")
                self._room = self._size + len(data) + SPACE_CHECK_BYTES
            while data:
                written = self._store.files.write(self._descriptor, data)
                self._size += written
                data = data[written:]
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> Unavailable:
        self.discard()
        return Unavailable(f"the disk did not take the object: {error.strerror}")

    def _remove(self) -> None:
        self._store.files.remove(self._path)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._store.files.close(descriptor)


class ObjectStore:
    """Files of received objects below `root`. `reserve_bytes`: below so much free space nothing more is taken."""

    def __init__(
        self,
        root: Path,
        reserve_bytes: int,
        random_bits: Callable[[int], int],
        files: FileSystem | None = None,
    ) -> None:
        self.root = root
        self.files = files or FileSystem()
        self._reserve = reserve_bytes
        self._random_bits = random_bits
        self._lock_file: IO[bytes] | None = None
        self._spool: Path | None = None
        self._guard = threading.Lock()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = [self.files.make_folder(root / name) for name in ("objects", "quarantine", "spool", "thumbnails")]
        if any(made):
            self.files.sync_folder(root)

    def open(self, expected_bytes: int = 0) -> SpoolFile:
        """Begin a new object of about `expected_bytes` (0: nobody knows); raises Unavailable when the disk is full or
        nearly so."""
        try:
            if not self.has_room(expected_bytes):
                raise Unavailable("the disk is nearly full")
            try:
                return self._new_file(expected_bytes)
            except FileNotFoundError:
                self._forget_lost_spool()
                return self._new_file(expected_bytes)
        except OSError as error:
            raise Unavailable(f"the disk does not take objects: {error.strerror}") from error

    def _new_file(self, expected_bytes: int) -> SpoolFile:
        return SpoolFile(self, self._spool_folder() / f"{self._random_bits(128):032x}.part", expected_bytes)

    def has_room(self, more_bytes: int) -> bool:
        """Say whether the reserve is left when `more_bytes` are written; raises OSError when the disk does not say."""
        return self.files.free_bytes(self.root) >= self._reserve + more_bytes

    def has_space(self) -> bool:
        """Say whether more than the reserve is free."""
        try:
            return self.has_room(0)
        except OSError:
            return False

    def path(self, name: str) -> Path:
        """Return the path of a stored object; raises DamagedFile for anything that is not such a name."""
        if not _NAME.fullmatch(name):
            raise DamagedFile(f"{name!r} is not the name of an object")
        return self.root / name

    def exists(self, stored: StoredObject) -> bool:
        """Say whether the file is there in its full length."""
        try:
            return self.path(stored.name).stat().st_size == stored.offset + stored.length
        except OSError:
            return False

    def remove(self, stored: StoredObject) -> None:
        """Remove an object that no row refers to."""
        self.files.remove(self.path(stored.name))

    def thumbnail_path(self, sha256: str) -> Path:
        """Return where the thumbnail of the object with that hash is kept."""
        return self.root / "thumbnails" / sha256[:2] / f"{sha256}.jpg"

    def ensure_folder(self, folder: Path) -> None:
        """Make a folder durable if it is new; nobody uses it before that."""
        with self._guard:
            if self.files.make_folder(folder):
                try:
                    self.files.sync_folder(folder.parent)
                except OSError:
                    self.files.remove_folder(folder)  # so that the next one tries again
                    raise

    def close(self) -> None:
        """Give the spool folder up."""
        with self._guard:
            if self._spool is not None and self._lock_file is not None:
                shutil.rmtree(self._spool, ignore_errors=True)
                self._lock_file.close()
                self._spool = self._lock_file = None

    def sweep_spools(self) -> int:
        """Remove the spool folders of processes that are gone; return how many."""
        removed = 0
        for folder in (self.root / "spool").iterdir():
            if folder == self._spool:
                continue
            try:
                with open(folder / "lock", "ab") as guard:
                    if try_lock(guard):
                        shutil.rmtree(folder, ignore_errors=True)
                        removed += 1
            except OSError:
                continue
        return removed

    def old_objects(self, now_seconds: float) -> Iterator[str]:
        """Yield the names of final objects that are old enough for their row to be there."""
        for folder in sorted((self.root / "objects").iterdir()):
            for file in sorted(folder.iterdir()) if folder.is_dir() else ():
                name = f"objects/{folder.name}/{file.name}"
                with suppress(FileNotFoundError):
                    if _NAME.fullmatch(name) and now_seconds - file.stat().st_mtime > ORPHAN_SECONDS:
                        yield name

    def set_aside(self, name: str) -> str:
        """Move an object that no row knows to quarantine; return its new name."""
        source = self.path(name)
        target_name = name.replace("objects/", "quarantine/", 1)
        target = self.root / target_name
        self.ensure_folder(target.parent)
        self.files.rename(source, target)
        self.files.sync_folder(target.parent)
        return target_name

    def _forget_lost_spool(self) -> None:
        """Begin anew when somebody removed the spool folder of this living process."""
        with self._guard:
            if self._spool is not None and self._lock_file is not None and not self._spool.exists():
                self._lock_file.close()
                self._spool = self._lock_file = None

    def _spool_folder(self) -> Path:
        with self._guard:
            while self._spool is None:
                folder = self.root / "spool" / f"{self._random_bits(64):016x}"
                folder.mkdir(mode=0o700)
                with suppress(FileNotFoundError):  # a sweep came between making and locking it, and removed it
                    lock_file = open(folder / "lock", "ab")
                    if try_lock(lock_file) and (folder / "lock").exists():
                        self._lock_file, self._spool = lock_file, folder
                    else:
                        lock_file.close()
            return self._spool
