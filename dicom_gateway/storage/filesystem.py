"""The calls that make a file durable, in one place so that a test can make any of them fail or forget."""

import os
from contextlib import suppress
from pathlib import Path

from dicom_gateway.operating_system import sync_folder


class FileSystem:
    """The real file system."""

    def create(self, path: Path) -> int:
        """Open a new file for writing; return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write some of `data`; return how many bytes."""
        return os.write(descriptor, data)

    def truncate(self, descriptor: int, length: int) -> None:
        """Cut a file to `length` bytes."""
        os.ftruncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        """Make the contents of a file durable."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its final name."""
        os.rename(source, target)

    def make_folder(self, path: Path) -> bool:
        """Make a folder (not its parents); False when it is there."""
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            return False
        return True

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        sync_folder(path)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone is fine."""
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder; one that is gone or in use is fine."""
        with suppress(OSError):
            path.rmdir()

    def free_bytes(self, path: Path) -> int:
        """Return how many bytes can still be written below `path`."""
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize
