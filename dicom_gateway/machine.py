"""What the page shows of the machine under a gateway: its disk, the size of its database, its roles, its versions."""

import platform
import shutil
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dicom_gateway import __version__
from dicom_gateway.core.health_answer import Machine
from dicom_gateway.gateway import Gateway
from dicom_gateway.processes import role_processes

_LIBRARIES = ("pydicom", "pynetdicom", "peewee", "fastapi", "uvicorn", "pillow")


def machine_of(gateway: Gateway) -> Machine:
    """Return the state of just now; raises OSError when the data folder is gone."""
    path = gateway.database.path
    return Machine(
        data_dir=str(gateway.data_dir),
        total=shutil.disk_usage(gateway.data_dir).total,
        free=gateway.objects.files.free_bytes(gateway.data_dir),
        reserve=gateway.settings.storage.reserve_mb << 20,
        database=_size(path),
        wal=_size(path.with_name(path.name + "-wal")),
        roles=role_processes(),
        versions=(
            ("dicom_gateway", __version__),
            ("Python", platform.python_version()),
            ("SQLite", sqlite3.sqlite_version),
            *((name, _version(name)) for name in _LIBRARIES),
        ),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
