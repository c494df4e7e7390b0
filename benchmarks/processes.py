"""What Linux says of a server's processes below /proc: processor time, memory, who belongs to whom."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"  # written to clear_refs: VmHWM begins anew, proc(5)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name, which may hold anything; raises OSError."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it and live."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:
                continue  # it has just ended
    found = [pid]
    for member in found:
        found += parents.get(member, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and of all that descend from it, ended ones too."""
    total = 0
    for member in family(pid):
        try:
            total += sum(map(int, _stat(member)[11:15]))
        except OSError:
            continue  # it ended meanwhile, and counts in its parent
    return total / TICKS


def megabytes(pid: int, field: str = "VmRSS") -> float:
    """Return the memory of one process: VmRSS now, VmHWM at most (MB of 1,000,000 bytes); raises OSError."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024 / 1e6
    raise OSError(f"no {field} of process {pid}")


def reset_peak(pid: int) -> None:
    """Let the peak of a process and its family begin anew."""
    for member in family(pid):
        try:
            Path(f"/proc/{member}/clear_refs").write_text(RESET_PEAK)
        except OSError:
            continue


def peak_megabytes(pid: int) -> float:
    """Return the peak of the largest process of a family since `reset_peak` (MB of 1,000,000 bytes)."""
    peaks = []
    for member in family(pid):
        try:
            peaks.append(megabytes(member, "VmHWM"))
        except OSError:
            continue
    return max(peaks)
