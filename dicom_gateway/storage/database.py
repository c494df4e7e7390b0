"""The database: one writer thread a process, pooled readers, durable before anybody is told.

`write(fn)` hands `fn` to the writer thread, which runs whatever is queued in one BEGIN IMMEDIATE, each item in a
SAVEPOINT, commits, and then wakes the callers: commits of several associations share one sync. An item that raises
rolls back alone; a failed COMMIT fails all. `read(fn)` runs in the caller's thread on a pooled connection with one
consistent snapshot; `fn` does no other input or output. Connections are WAL with synchronous=FULL: a commit that
returned survives a power cut.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import peewee
import structlog
from playhouse.pool import MaxConnectionsExceeded, PooledSqliteDatabase

from dicom_gateway.core.ports import Wake
from dicom_gateway.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")
Row = dict[str, Any]

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "wal_autocheckpoint": 10000,
}
MAX_BATCH = 256
READ_CONNECTIONS = 64
READ_WAIT_SECONDS = 5
# What a full disk, a lock or a damaged file raises; rows that are stepped to raise sqlite3's own.
_ERRORS = (peewee.DatabaseError, peewee.InterfaceError, sqlite3.DatabaseError, sqlite3.InterfaceError)
_BUGS = (peewee.IntegrityError, peewee.ProgrammingError, sqlite3.IntegrityError, sqlite3.ProgrammingError)


class Transaction:
    """What a function given to `read` or `write` works with: queries in, plain rows out."""

    def __init__(self, database: peewee.Database) -> None:
        self._database = database
        self.to_wake: set[str] = set()

    def rows(self, query: Any) -> list[Row]:
        """Return all rows of a select as dictionaries."""
        return list(query.dicts().execute(self._database))

    def row(self, query: Any) -> Row | None:
        """Return the first row of a select, or None."""
        return next(iter(self.rows(query.limit(1))), None)

    def values(self, query: Any) -> list[Any]:
        """Return the first column of all rows of a select."""
        return [found[0] for found in query.tuples().execute(self._database)]

    def value(self, query: Any) -> Any:
        """Return the first column of the first row of a select, or None."""
        return next(iter(self.values(query)), None)

    def execute(self, query: Any) -> Any:
        """Run an insert, update or delete; return peewee's result (key or number of rows)."""
        return query.execute(self._database)

    def returning(self, query: Any) -> list[Row]:
        """Run a query with RETURNING; return its rows."""
        return [dict(found) for found in query.dicts().execute(self._database)]

    def insert_all(self, model: Any, rows: Iterable[Row]) -> None:
        """Insert rows (as dictionaries of columns); none is fine."""
        listed = list(rows)
        if listed:
            model.insert_many(listed).execute(self._database)

    def wake(self, role: str) -> None:
        """Wake a role once this transaction is committed: it has rows to do."""
        self.to_wake.add(role)


class _Item(Generic[T]):
    """One queued write, its result, and the caller who waits for it."""

    def __init__(self, fn: Callable[[Transaction], T]) -> None:
        self.fn = fn
        self.done = threading.Event()
        self.result: T | None = None
        self.error: BaseException | None = None

    def finish(self, error: BaseException | None = None) -> None:
        self.error = error
        self.done.set()


class Database:
    """A SQLite file with one writer and many readers.

    `wake` is called with each role that has rows to do. `busy_seconds`: how long to wait for another process that
    writes.
    """

    def __init__(self, path: Path, wake: Wake = lambda role: None, busy_seconds: float = 5.0) -> None:
        self.path = path
        self._wake = wake
        self._pragmas = PRAGMAS | {"busy_timeout": round(busy_seconds * 1000)}
        self._queue: queue.SimpleQueue[_Item[Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()  # nothing is queued after the mark of the end
        self._readers = PooledSqliteDatabase(
            str(path),
            max_connections=READ_CONNECTIONS,
            timeout=READ_WAIT_SECONDS,
            pragmas=self._pragmas,
            check_same_thread=False,
        )
        self._writer = threading.Thread(target=self._write_forever, name="database-writer", daemon=True)
        self._writer.start()

    def read(self, fn: Callable[[Transaction], T]) -> T:
        """Return `fn(transaction)` over one consistent snapshot; raises Unavailable when the database is away."""
        if self._closed:
            raise Unavailable("the database is closed")
        try:
            with self._readers.connection_context(), self._readers.manual_commit():
                self._readers.execute_sql("BEGIN")
                try:
                    return fn(Transaction(self._readers))
                finally:
                    self._readers.execute_sql("ROLLBACK")
        except (*_ERRORS, MaxConnectionsExceeded) as error:
            if isinstance(error, _BUGS):
                raise
            raise Unavailable(f"the database cannot be read: {error}") from error

    def write(self, fn: Callable[[Transaction], T]) -> T:
        """Return `fn(transaction)` once it is committed and synced; raises what `fn` raised, or Unavailable."""
        item: _Item[T] = _Item(fn)
        with self._closing:
            if self._closed:
                raise Unavailable("the database is closed")
            self._queue.put(item)
        item.done.wait()
        if item.error is not None:
            raise item.error
        return item.result  # type: ignore[return-value]

    def probe(self) -> None:
        """Read the file with a connection of its own, past every cache; raises Unavailable."""
        if not self.path.is_file():  # open connections would go on with a file that has been deleted
            raise Unavailable("the database file is gone")
        connection = self._new_writer()
        try:
            connection.connect()
            connection.execute_sql("SELECT COUNT(*) FROM sqlite_master").fetchall()
        except _ERRORS as error:
            raise Unavailable(f"the database cannot be read: {error}") from error
        finally:
            _close(connection)

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the database file, as far as readers allow."""
        if self._closed:
            raise Unavailable("the database is closed")
        try:
            with self._readers.connection_context():
                self._readers.execute_sql("PRAGMA wal_checkpoint(PASSIVE)")
        except (peewee.DatabaseError, peewee.InterfaceError, MaxConnectionsExceeded) as error:
            raise Unavailable(f"the database cannot be written: {error}") from error

    def close(self) -> None:
        """Finish the queued writes and close every connection."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._writer.join()
        self._readers.close_all()

    def _write_forever(self) -> None:
        connection = self._new_writer()
        ending = False
        while not ending:
            batch, ending = self._next_batch()
            if batch and not self._run_batch(connection, batch):
                # Whatever state it is in, the next batch begins with a new connection.
                _close(connection)
                connection = self._new_writer()
        _close(connection)

    def _new_writer(self) -> peewee.SqliteDatabase:
        return peewee.SqliteDatabase(str(self.path), pragmas=self._pragmas, autoconnect=False)

    def _next_batch(self) -> tuple[list[_Item[Any]], bool]:
        """Return what is queued, at least one item, and whether the end was asked for."""
        item = self._queue.get()
        batch: list[_Item[Any]] = []
        while item is not None:
            batch.append(item)
            if len(batch) == MAX_BATCH:
                return batch, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _run_batch(self, connection: peewee.SqliteDatabase, batch: list[_Item[Any]]) -> bool:
        """Run and commit a batch and tell the callers; False when the connection is to be given up."""
        transaction = Transaction(connection)
        try:
            connection.connect(reuse_if_open=True)
            connection.execute_sql("BEGIN IMMEDIATE")
            failed = [(item, error) for item in batch if (error := self._run_item(connection, transaction, item))]
            connection.execute_sql("COMMIT")
        except (peewee.DatabaseError, peewee.InterfaceError, sqlite3.Error) as error:
            for item in batch:
                item.finish(Unavailable(f"the database cannot be written: {error}"))
            return False
        self._wake_all(transaction.to_wake)
        errors = dict(failed)
        for item in batch:
            item.finish(errors.get(item))
        return True

    def _wake_all(self, roles: Iterable[str]) -> None:
        for role in roles:
            try:
                self._wake(role)
            except Exception:  # it is committed; a lost wake-up costs latency only
                log.warning("role not woken", role=role, exc_info=True)

    def _run_item(
        self, connection: peewee.SqliteDatabase, transaction: Transaction, item: _Item[Any]
    ) -> BaseException | None:
        """Run one item in a savepoint; return what it raised, its own changes undone."""
        connection.execute_sql("SAVEPOINT item")
        try:
            item.result = item.fn(transaction)
        except Exception as error:
            # A full disk rolls the whole transaction back by itself; then this raises and the batch fails.
            connection.execute_sql("ROLLBACK TO item")
            connection.execute_sql("RELEASE item")
            return _translated(error)
        connection.execute_sql("RELEASE item")
        return None


def _translated(error: Exception) -> Exception:
    if isinstance(error, _ERRORS) and not isinstance(error, _BUGS):
        return Unavailable(f"the database cannot be written: {error}")
    return error


def _close(connection: peewee.SqliteDatabase) -> None:
    with suppress(peewee.DatabaseError, sqlite3.Error):
        connection.close()
