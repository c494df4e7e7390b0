"""A folder that somebody drops files into, and the folders below it that files move through: work, done, failed.

Everything goes by names inside folders that are held open: no link is followed, and no name leads anywhere else. A file
is claimed by renaming it into `work`, which one process alone does.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dicom_gateway.operating_system import is_locked

WORK, DONE, FAILED = "work", "done", "failed"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_NAMES = 10_000  # that one look takes
LONGEST_NAME = 200  # bytes of it in what is written beside a file
_PART = ".gateway.part"


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as one look found it; `identity` stays when it is renamed."""

    name: str
    identity: tuple[int, int]
    size: int
    changed_ns: int
    links: int


class Changed(Exception):
    """A file is another one, or has other contents, than a moment before."""


class Drop:
    """An open drop folder. Raises OSError for a folder that cannot be used; close it."""

    def __init__(self, folder: Path) -> None:
        self._top = os.open(folder, _ENTER & ~os.O_NOFOLLOW)  # the folder itself may be a link: its owner made it
        self._inner: dict[str, int] = {}
        try:
            for name in (WORK, DONE, FAILED):
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=self._top)
                self._inner[name] = os.open(name, _ENTER, dir_fd=self._top)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the folders."""
        for descriptor in (self._top, *self._inner.values()):
            os.close(descriptor)

    def look(self) -> Iterator[Seen]:
        """Yield the plain files that lie there."""
        return self._look(self._top)

    def in_work(self) -> list[Seen]:
        """Return the files that were claimed and not ended, oldest first."""
        return sorted(self._look(self._inner[WORK]), key=lambda seen: (seen.changed_ns, seen.name))

    def claim(self, seen: Seen) -> bool:
        """Take a file into work; False when it is locked, gone, or another one by now."""
        try:
            descriptor = os.open(seen.name, _READ, dir_fd=self._top)
        except OSError:
            return False
        try:
            if is_locked(descriptor) or _seen(seen.name, os.fstat(descriptor)) != seen:
                return False
            self._move(self._top, seen.name, WORK, seen.name)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def give_back(self, seen: Seen) -> None:
        """Put a file that is in work back where it was dropped: its writer had not finished."""
        self._move_to(self._inner[WORK], seen.name, self._top, seen.name)

    def read(self, seen: Seen, most: int) -> bytes | None:
        """Return the contents of a file in work; None when it is larger than `most` bytes. Raises Changed."""
        descriptor = os.open(seen.name, _READ, dir_fd=self._inner[WORK])
        with open(descriptor, "rb") as file:
            if _seen(seen.name, os.fstat(descriptor)) != seen:
                raise Changed
            data = file.read(most + 1)
            if _seen(seen.name, os.fstat(descriptor)) != seen or is_locked(descriptor):
                raise Changed
        return data if len(data) <= most else None

    def free_name(self, name: str, where: str) -> str:
        """Return a name that nothing in DONE or FAILED has: `name`, or with a number before its suffix."""
        return _free(name, self._inner[where])

    def end(self, name: str, where: str, kept: str) -> None:
        """Move a file from work to DONE or FAILED, where it is called `kept`."""
        self._move(self._inner[WORK], name, where, kept)

    def forget(self, where: str, before_ns: int) -> int:
        """Delete the files in DONE or FAILED that were last changed before an instant; return how many."""
        old = [seen.name for seen in self._look(self._inner[where]) if seen.changed_ns < before_ns]
        for name in old:
            os.unlink(name, dir_fd=self._inner[where])
        return len(old)

    def write(self, name: str, data: bytes, where: str = "") -> None:
        """Put a file into a folder ("" is the top) as a whole or not at all, in place of one of that name."""
        folder = self._inner[where] if where else self._top
        with suppress(FileNotFoundError):
            os.unlink(_PART, dir_fd=folder)
        with open(os.open(_PART, _NEW, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
        os.replace(_PART, name, src_dir_fd=folder, dst_dir_fd=folder)

    def _look(self, folder: int) -> Iterator[Seen]:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_NAMES:
                    return
                with suppress(OSError):
                    found = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode):
                        yield _seen(entry.name, found)

    def _move(self, source: int, name: str, where: str, kept: str) -> None:
        self._move_to(source, name, self._inner[where], kept)

    def _move_to(self, source: int, name: str, target: int, kept: str) -> None:
        """Rename, never over another file: between folders of our own only this process makes names."""
        with suppress(FileNotFoundError):
            os.stat(kept, dir_fd=target, follow_symlinks=False)
            raise FileExistsError(f"{kept} is there already")
        os.rename(name, kept, src_dir_fd=source, dst_dir_fd=target)


def beside(name: str, suffix: str) -> str:
    """Return the name of what is written beside a file, short enough for every file system."""
    return os.fsdecode(os.fsencode(name)[:LONGEST_NAME]) + suffix


def _seen(name: str, found: os.stat_result) -> Seen:
    return Seen(name, (found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns, found.st_nlink)


def _free(name: str, folder: int) -> str:
    """Return `name`, or with a number before its suffix, so that nothing of that name is in a folder."""
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (name, "")
    number, found = 1, name
    while True:
        try:
            os.stat(found, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return found
        number += 1
        found = f"{stem}~{number}{suffix}"
