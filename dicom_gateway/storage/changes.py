"""Whether any process has committed anything: SQLite's data_version, looked at with a connection of its own."""

import sqlite3
import threading
import time
from pathlib import Path

FRESH_SECONDS = 0.2


class Changes:
    """A number that moves with the commits of all processes; looked at only so often, however many ask."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._at = float("-inf")
        self._seen = 0

    def version(self) -> int:
        """Return the number; the last one while the database is away."""
        with self._guard:
            if time.monotonic() - self._at >= FRESH_SECONDS:
                self._at = time.monotonic()
                self._seen = self._look()
            return self._seen

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _look(self) -> int:
        try:
            if self._connection is None:
                uri = f"{self._path.absolute().as_uri()}?mode=ro"
                self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=1)
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return self._seen
