"""What an association may leave behind in its process: threads, descriptors, spool files, memory."""

import gc
import os
import threading
from contextlib import suppress
from pathlib import Path

from pynetdicom.association import Association

from tests.dicom.running import Running, wait_for


def threads() -> int:
    """Return how many threads of this process serve a connection."""
    return sum(thread.name == "association" for thread in threading.enumerate())


def descriptors(pid: int | str = "self") -> list[str]:
    """Return what the descriptors of a process refer to."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.append(os.readlink(entry))
    return found


def sockets() -> int:
    """Return how many sockets this process has open."""
    return sum(name.startswith("socket:") for name in descriptors())


def resident_bytes(pid: int | str = "self") -> int:
    """Return how much memory a process really has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def threads_of(pid: int) -> int:
    """Return how many threads a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def left_behind(running: Running) -> dict[str, object]:
    """Return what is there although nobody is connected, without what is empty."""
    found: dict[str, object] = {
        "threads": threads(),
        "associations": running.service.open_associations(),
        "spool": running.files("spool"),
        "open files": [name for name in descriptors() if name.startswith(str(running.folder)) and ".part" in name],
    }
    return {name: value for name, value in found.items() if value}


def wait_until_settled(running: Running, seconds: float = 10) -> None:
    """Wait until nothing is left of any connection."""
    try:
        wait_for(lambda: not left_behind(running), "nothing is left", seconds)
    except AssertionError as error:
        raise AssertionError(f"left behind: {left_behind(running)}") from error


def association_objects() -> int:
    """Return how many associations the garbage collector finds alive, after it has run."""
    gc.collect()
    return sum(isinstance(one, Association) for one in gc.get_objects())
