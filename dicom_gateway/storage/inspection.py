"""A look at the database file that changes nothing: is it whole, and of which schema."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dicom_gateway.storage.migrate import migrations

MOST_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Inspection:
    """`schema` of the file and `newest` that this program knows; `problems` in SQLite's words."""

    schema: int
    newest: int
    problems: tuple[str, ...]


def inspect(path: Path) -> Inspection:
    """Return what quick_check says of a database file; it may take a minute for each gigabyte. A file that cannot be
    opened has that as its problem."""
    newest = migrations()[-1][0]
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
            rows = connection.execute(f"PRAGMA quick_check({MOST_PROBLEMS})").fetchall()
    except sqlite3.Error as error:
        return Inspection(0, newest, (str(error),))
    return Inspection(schema, newest, tuple(row[0] for row in rows if row[0] != "ok"))
