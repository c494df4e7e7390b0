"""What only some operating systems have, each with a plain fallback: the one place that asks which system this is.

TCP_QUICKACK (Linux): a device that does not set TCP_NODELAY waits for our acknowledgement before it sends the rest of
a message; a delayed one costs it 40 ms a message.
"""

import errno
import os
import socket
import sys
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]
try:
    import resource
except ImportError:  # pragma: no cover - Windows
    resource = None  # type: ignore[assignment]

QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def acknowledge_at_once(connection: socket.socket) -> None:
    """Ask the kernel to acknowledge what was read without delay; to be repeated after each read."""
    if QUICK_ACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable (where folders can be synced)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(file: IO[bytes]) -> bool:
    """Take an exclusive lock that ends with this process; False when another process holds it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def unlock(file: IO[bytes]) -> None:
    """Give a lock back."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_UN)


def lock(file: IO[bytes]) -> None:
    """Take an exclusive lock, waiting for it."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX)


def is_locked(descriptor: int) -> bool:
    """Say whether another process, or another opening of the file, holds an exclusive lock of either kind on it."""
    if fcntl is None:
        return False
    try:
        for apply in (fcntl.flock, fcntl.lockf):
            apply(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            apply(descriptor, fcntl.LOCK_UN)
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EAGAIN)  # others: a file system without locks
    return False


def most_descriptors() -> int | None:
    """Return how many files and sockets this process may have open; None where nothing bounds it."""
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound what this process may use; it dies rather than take the machine with it."""
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
