"""Bring a database file to the schema of this program: numbered SQL files, each in one transaction, under a lock."""

import re
import sqlite3
from importlib import resources
from pathlib import Path

from dicom_gateway.errors import Unavailable
from dicom_gateway.operating_system import lock
from dicom_gateway.storage.database import PRAGMAS

_NAME = re.compile(r"(\d{4})_\w+\.sql")


def migrations() -> list[tuple[int, str]]:
    """Return (number, SQL) of every migration, in order."""
    folder = resources.files("dicom_gateway.storage") / "migrations"
    found = [(match, file) for file in folder.iterdir() if (match := _NAME.fullmatch(file.name))]
    return sorted((int(match[1]), file.read_text(encoding="utf-8")) for match, file in found)


def migrate(path: Path) -> int:
    """Create or update the database at `path`; return the number of its schema. Safe to call from several processes.

    Raises Unavailable when the file cannot be opened or was written by a newer program.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "ab") as guard:
        lock(guard)
        try:
            connection = sqlite3.connect(path, isolation_level=None)
            try:
                return _migrate(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise Unavailable(f"the database {path} cannot be prepared: {error}") from error


def _migrate(connection: sqlite3.Connection) -> int:
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
    known = migrations()
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > known[-1][0]:
        raise Unavailable(f"the database has schema {version}; this program knows {known[-1][0]}: use a newer program")
    for number, sql in known:
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
    return known[-1][0]
