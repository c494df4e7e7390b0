"""A machine whose power can be cut: counts the calls that change a disk, fails one, and keeps what was synced.

Of what was not synced it keeps nothing, all, or sectors by lot, as real disks do; names likewise.
"""

import errno
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dicom_gateway.storage.filesystem import FileSystem

SECTOR = 512
Surviving = Callable[[bytes, bytes], bytes]  # synced, current -> what is there afterwards


class Failure(NamedTuple):
    """Call number `at` (from 1) fails with `number` (of errno), once."""

    at: int
    number: int


class Power:
    """Counts calls. At call `cut_at` the power goes: `left` is what the disk then holds; every later call fails.

    `keepers` give {path: contents} of what survives. `guard` is held whenever what is durable changes; hold it as well
    when asking `is_cut` before counting something as acknowledged.
    """

    def __init__(self, seed: int, cut_at: int, failure: Failure | None = None) -> None:
        self.random = random.Random(seed)
        self.guard = threading.RLock()
        self.is_cut = threading.Event()
        self.left: dict[Path, bytes] = {}
        self.keepers: list[Callable[[Surviving], dict[Path, bytes]]] = []
        self.calls = 0
        self.armed = False
        self._cut_at = cut_at
        self._failure = failure
        self._mode = self.random.choice(("nothing", "all", "by lot"))

    def call(self) -> int:
        """Count a call; return 0, or the errno with which it fails."""
        if not self.armed:
            return 0
        with self.guard:
            self.calls += 1
            if self.calls == self._cut_at:
                for keeper in self.keepers:
                    self.left |= keeper(self._surviving)
                self.is_cut.set()
            if self.is_cut.is_set():
                return errno.EIO
            return self._failure.number if self._failure and self.calls == self._failure.at else 0

    def survives(self) -> bool:
        """Say whether a name that was not synced is there afterwards."""
        return self._mode == "all" or (self._mode == "by lot" and self.random.random() < 0.5)

    def _surviving(self, synced: bytes, current: bytes) -> bytes:
        if self._mode != "by lot":
            return current if self._mode == "all" else synced
        length = self.random.choice((len(synced), len(current)))
        padded = [contents[:length].ljust(length, b"\0") for contents in (synced, current)]
        starts = range(0, length, SECTOR)
        return b"".join(self.random.choice(padded)[start : start + SECTOR] for start in starts)


class _File:
    def __init__(self, path: Path) -> None:
        self.path = path  # where it really is
        self.synced = b""

    def current(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return self.synced


class ForgetfulDisk(FileSystem):
    """A file system below `root` that forgets at a power cut what was not synced."""

    def __init__(self, root: Path, power: Power) -> None:
        self._root = root
        self._power = power
        self._open: dict[int, _File] = {}
        self._names: dict[Path, _File] = {}
        self._synced_names: dict[Path, _File] = {}
        self._new_folders: set[Path] = set()
        power.keepers.append(self._left)

    def create(self, path: Path) -> int:
        """Open a new file; its name is not synced."""
        self._call()
        descriptor = super().create(path)
        with self._power.guard:
            self._open[descriptor] = self._names[path] = _File(path)
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write what fits into a few sectors, so that there are many instants to cut at."""
        self._call()
        return super().write(descriptor, data[: 16 * SECTOR])

    def truncate(self, descriptor: int, length: int) -> None:
        """Cut a file; that it is shorter is not synced."""
        self._call()
        super().truncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        """Remember the contents."""
        with self._power.guard:
            self._call()
            file = self._open[descriptor]
            file.synced = file.path.read_bytes()

    def close(self, descriptor: int) -> None:
        """Close a file."""
        with self._power.guard:
            super().close(descriptor)
            del self._open[descriptor]

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, not synced."""
        with self._power.guard:
            self._call()
            super().rename(source, target)
            file = self._names[target] = self._names.pop(source)
            file.path = target

    def make_folder(self, path: Path) -> bool:
        """Make a folder, not synced."""
        with self._power.guard:
            self._call()
            made = super().make_folder(path)
            if made and self._power.armed:
                self._new_folders.add(path)
            return made

    def sync_folder(self, path: Path) -> None:
        """Remember the names in a folder."""
        with self._power.guard:
            self._call()
            self._new_folders = {folder for folder in self._new_folders if folder.parent != path}
            elsewhere = {name: file for name, file in self._synced_names.items() if name.parent != path}
            self._synced_names = elsewhere | {name: file for name, file in self._names.items() if name.parent == path}

    def remove(self, path: Path) -> None:
        """Remove a file; that it is gone is not synced."""
        with self._power.guard:
            self._call()
            super().remove(path)
            self._names.pop(path, None)

    def free_bytes(self, path: Path) -> int:
        """There is room."""
        return 1 << 40

    def _call(self) -> None:
        if number := self._power.call():
            raise OSError(number, os.strerror(number))

    def _left(self, surviving: Surviving) -> dict[Path, bytes]:
        lost_folders = {folder for folder in self._new_folders if not self._power.survives()}
        left = {}
        for path in self._names.keys() | self._synced_names.keys():
            now, synced = self._names.get(path), self._synced_names.get(path)
            file = now if now is synced or self._power.survives() else synced
            if file is not None and path.parent not in lost_folders:
                left[path.relative_to(self._root)] = surviving(file.synced, file.current())
        return left
