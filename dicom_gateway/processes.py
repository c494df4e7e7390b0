"""The processes of a gateway, as Linux shows them below /proc: each role, how much memory it has, since when it runs.

They are the children of the supervisor whose child this process is, too. Elsewhere nothing is known of them, which is
no fault.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dicom_gateway.core.health_answer import RoleProcess

_OPTION = "--role"
_PROC = Path("/proc")
_PARENT, _STARTED = 1, 19  # fields of stat behind the name: the parent, and the start in ticks since the machine's


def role_processes(proc: Path = _PROC, parent: int | None = None) -> tuple[RoleProcess, ...]:
    """Return the roles that run beside this one, by name; () where the system does not say."""
    parent = os.getppid() if parent is None else parent
    found = (_process(folder, parent) for folder in _processes(proc))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.role, one.pid)))


def _processes(proc: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (folder for folder in proc.iterdir() if folder.name.isascii() and folder.name.isdigit())


def _process(folder: Path, parent: int) -> RoleProcess | None:
    """Return the role of a process, None when it has none, is another's child, or has ended meanwhile."""
    try:
        fields = (folder / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
        if int(fields[_PARENT]) != parent:
            return None
        role = _role((folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0"))
        pages = int((folder / "statm").read_text("ascii").split()[1])
        uptime = float((folder.parent / "uptime").read_text("ascii").split()[0])
        age = uptime - int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
    memory, since = pages * os.sysconf("SC_PAGE_SIZE"), round((time.time() - age) * 1_000_000)
    return RoleProcess(role, int(folder.name), memory, since) if role else None


def _role(command: Sequence[str]) -> str:
    """Return the value of `--role` of a command line, "" without one."""
    places = [index for index, word in enumerate(command[:-1]) if word == _OPTION]
    return command[places[0] + 1] if places else ""
