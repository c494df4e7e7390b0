"""The connections that reads share: at most so many, each lent to one thread at a time, the last one back lent first.

peewee's own pool keeps its state per thread and costs more than a small query. One that failed is not lent again.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import peewee

# What a full disk, a lock or a damaged file raises; rows that are stepped to raise sqlite3's own.
ERRORS = (peewee.DatabaseError, peewee.InterfaceError, sqlite3.DatabaseError, sqlite3.InterfaceError)


class NoneFree(Exception):
    """Every connection is lent, and none came back in time."""


class Readers:
    """Connections to the SQLite file at `path`; `pragmas` and `options` (of sqlite3.connect) are those of each."""

    def __init__(self, path: Path, pragmas: Mapping[str, Any], limit: int, wait_seconds: float, **options: Any) -> None:
        self._path = path
        self._options = {"pragmas": dict(pragmas), "check_same_thread": False, **options}
        self._wait_seconds = wait_seconds
        self._free = threading.BoundedSemaphore(limit)
        self._idle: list[peewee.SqliteDatabase] = []
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[peewee.SqliteDatabase]:
        """Lend a connection; raises NoneFree, or an error of peewee's when it cannot be opened."""
        if not self._free.acquire(timeout=self._wait_seconds):
            raise NoneFree(f"all connections were busy for {self._wait_seconds} s")
        try:
            connection = self._taken() or self._opened()
            failed = False
            try:
                yield connection
            except ERRORS:
                failed = True
                raise
            finally:
                if failed or self._closed:
                    close(connection)
                else:
                    self._idle.append(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close the connections; those that are lent, when they come back."""
        self._closed = True
        while connection := self._taken():
            close(connection)

    def _taken(self) -> peewee.SqliteDatabase | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _opened(self) -> peewee.SqliteDatabase:
        connection = peewee.SqliteDatabase(str(self._path), autoconnect=False, thread_safe=False, **self._options)
        connection.connect()
        return connection


def close(connection: peewee.SqliteDatabase) -> None:
    """Close a connection, in whatever state it is."""
    with suppress(*ERRORS):
        connection.close()
