"""What `check` finds out about HL7 without sending a message: who has the port, and can a folder be watched."""

import os
import socket
from contextlib import suppress
from pathlib import Path

from dicom_gateway.connectors.hl7.drop import DONE, FAILED, WORK
from dicom_gateway.starting import runs

MANY_FILES = 1000


def listens(host: str, port: int, data_dir: Path, seconds: float) -> bool:
    """Say whether somebody accepts connections while the gateway runs: MLLP has no question that leaves no trace."""
    with suppress(OSError), socket.create_connection((host, port), seconds):
        return runs(data_dir) is not False
    return False


def folder_fault(folder: Path) -> tuple[str, str] | None:
    """Return why a folder cannot be watched, and what to do; None when it can."""
    if not folder.is_dir():
        return f"{folder} is not there", "make it, or mount the share that it is on"
    parts = [folder, *(path for name in (WORK, DONE, FAILED) if (path := folder / name).exists())]
    if missing := [path for path in parts if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]:
        advice = "let the user of the gateway read, write and rename there"
        return f"{', '.join(map(str, missing))} cannot be written by this user", advice
    if linked := [path for path in parts[1:] if path.is_symlink() or not path.is_dir()]:
        return f"{linked[0]} is no folder of its own", "remove it; the gateway makes it"
    devices = {path.stat().st_dev for path in parts}
    if len(devices) > 1:
        return f"{folder} and what is in it are on several file systems", "files are moved by renaming: use one"
    return None


def refused(folder: Path) -> int:
    """Return how many files lie in `failed`, of the first ones."""
    try:
        with os.scandir(folder / FAILED) as entries:
            return sum(
                not entry.name.endswith(".reason.txt") for entry, _ in zip(entries, range(MANY_FILES), strict=False)
            )
    except OSError:
        return 0
