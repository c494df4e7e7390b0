"""Where and with what a benchmark ran: figures mean nothing without it."""

import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.servers import program

_VERSION_ARGUMENTS = {"DCMTK": ("storescp", "--version"), "Orthanc": ("Orthanc", "--version")}
_PACKAGES = ("dicom_gateway", "pynetdicom", "pydicom", "peewee")


def description(*folders: Path) -> str:
    """Return date, processor, system and versions, and the file systems of `folders`, as Markdown lines."""
    versions = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    versions += [f"{package} {version(package)}" for package in _PACKAGES]
    versions += [f"{name} {_version_of(*arguments)}" for name, arguments in _VERSION_ARGUMENTS.items()]
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load before the run {os.getloadavg()[0]:.1f}.",
        f"{_processor()}, {os.cpu_count()} cores; {platform.system()} {platform.release()} {platform.machine()}.",
        ", ".join(versions) + ".",
    ]
    if folders:
        lines.append("File systems: " + ", ".join(dict.fromkeys(file_system(folder) for folder in folders)) + ".")
    return "  \n".join(lines)


def file_system(folder: Path) -> str:
    """Return the type of the file system that `folder` is on."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mounted_on, kind, *_ = line.split()
        if folder.resolve().is_relative_to(mounted_on) and len(mounted_on) >= len(best[0]):
            best = (mounted_on, kind)
    return best[1]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _version_of(name: str, argument: str) -> str:
    path = program(name)
    if path is None:
        return "not installed"
    words = subprocess.run([path, argument], capture_output=True, text=True, check=False).stdout.split()
    return next((word.lstrip("v") for word in words if word.lstrip("v")[:1].isdigit()), "of unknown version")
