"""The database: one writer thread a process, pooled readers, durable before anybody is told.

`write(fn)` hands `fn` to the writer thread, which runs whatever is queued, and what comes meanwhile, in one BEGIN
IMMEDIATE, each item but the first in a SAVEPOINT, commits, and then wakes the callers: those who come while one commit
is synced share the next. An item that raises rolls back alone; a failed COMMIT fails all. `submit(fn)` does not wait.
`read(fn)` runs in the caller's thread on a pooled connection with one consistent snapshot. `fn` does no other input or
output. Connections are WAL with synchronous=FULL: a commit that returned survives a power cut. Processes that write
take turns (turns.py).
"""

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import peewee
import structlog

from dicom_gateway.core.ports import Wake
from dicom_gateway.errors import Unavailable
from dicom_gateway.storage.prepared import Statement
from dicom_gateway.storage.readers import ERRORS, NoneFree, Readers, close
from dicom_gateway.storage.turns import Turns

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
CACHED_STATEMENTS = 512  # a connection; those with a list have a text for each length
_BUGS = (peewee.IntegrityError, peewee.ProgrammingError, sqlite3.IntegrityError, sqlite3.ProgrammingError)


# How an item of a transaction ends, by whether it is the first.
_KEPT: dict[bool, tuple[str, ...]] = {True: (), False: ("RELEASE item",)}
_UNDONE = {True: ("ROLLBACK", "BEGIN IMMEDIATE"), False: ("ROLLBACK TO item", "RELEASE item")}


class Transaction:
    """What a function given to `read` or `write` works with: queries in, plain rows out.

    A query is one of peewee's, or a Statement with the values of its parameters.
    """

    def __init__(self, database: peewee.Database) -> None:
        self._database = database
        self.to_wake: set[str] = set()

    def rows(self, query: Any, /, **values: Any) -> list[Row]:
        """Return all rows of a select as dictionaries."""
        if not isinstance(query, Statement):
            return list(query.dicts().execute(self._database))
        cursor = self._run(query, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, found, strict=True)) for found in cursor]

    def row(self, query: Any, /, **values: Any) -> Row | None:
        """Return the first row of a select, or None."""
        if not isinstance(query, Statement):
            query = query.limit(1)
        return next(iter(self.rows(query, **values)), None)

    def values(self, query: Any, /, **values: Any) -> list[Any]:
        """Return the first column of all rows of a select."""
        found = self._run(query, values) if isinstance(query, Statement) else query.tuples().execute(self._database)
        return [row[0] for row in found]

    def value(self, query: Any, /, **values: Any) -> Any:
        """Return the first column of the first row of a select, or None."""
        return next(iter(self.values(query, **values)), None)

    def execute(self, query: Any, /, **values: Any) -> Any:
        """Run an insert, update or delete; return the key of what was inserted, or the number of rows changed."""
        if not isinstance(query, Statement):
            return query.execute(self._database)
        cursor = self._run(query, values)
        return cursor.lastrowid if query.is_insert else cursor.rowcount

    def returning(self, query: Any, /, **values: Any) -> list[Row]:
        """Run a query with RETURNING; return its rows."""
        if isinstance(query, Statement):
            return self.rows(query, **values)
        return [dict(found) for found in query.dicts().execute(self._database)]

    def _run(self, statement: Statement, values: Row) -> Any:
        return self._database.execute_sql(*statement.on(self._database, values))

    def insert_all(self, model: Any, rows: Iterable[Row]) -> None:
        """Insert rows (as dictionaries of columns); none is fine."""
        listed = list(rows)
        if listed:
            model.insert_many(listed).execute(self._database)

    def wake(self, role: str) -> None:
        """Wake a role once this transaction is committed: it has rows to do."""
        self.to_wake.add(role)


class Pending(Generic[T]):
    """A queued write on its way."""

    def __init__(self, fn: Callable[[Transaction], T]) -> None:
        self._fn = fn
        self._busy = threading.Lock()  # held until it has ended; half the price of an Event
        self._busy.acquire()
        self._result: T | None = None
        self._error: BaseException | None = None

    def wait(self) -> T:
        """Return what the function returned once it is committed and synced; raises what it raised, or Unavailable."""
        with self._busy:
            if self._error is not None:
                raise self._error
            return self._result  # type: ignore[return-value]

    def _run(self, transaction: Transaction) -> None:
        self._result = self._fn(transaction)

    def _finish(self, error: BaseException | None = None) -> None:
        self._error = error
        self._busy.release()


class Database:
    """A SQLite file with one writer and many readers.

    `wake` is called with each role that has rows to do. `busy_seconds`: how long to wait for another process that
    writes.
    """

    def __init__(self, path: Path, wake: Wake = lambda role: None, busy_seconds: float = 5.0) -> None:
        self.path = path
        self._wake = wake
        self._pragmas = PRAGMAS | {"busy_timeout": round(busy_seconds * 1000)}
        self._queue: queue.SimpleQueue[Pending[Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()  # nothing is queued after the mark of the end
        self._readers = Readers(
            path, self._pragmas, READ_CONNECTIONS, READ_WAIT_SECONDS, cached_statements=CACHED_STATEMENTS
        )
        self._turns = Turns(path, busy_seconds)
        self._writer = threading.Thread(target=self._write_forever, name="database-writer", daemon=True)
        self._writer.start()

    def read(self, fn: Callable[[Transaction], T]) -> T:
        """Return `fn(transaction)` over one consistent snapshot; raises Unavailable when the database is away."""
        if self._closed:
            raise Unavailable("the database is closed")
        try:
            with self._readers.lent() as connection:
                connection.execute_sql("BEGIN")
                try:
                    return fn(Transaction(connection))
                finally:
                    connection.execute_sql("ROLLBACK")
        except (*ERRORS, NoneFree) as error:
            if isinstance(error, _BUGS):
                raise
            raise Unavailable(f"the database cannot be read: {error}") from error

    def write(self, fn: Callable[[Transaction], T]) -> T:
        """Return `fn(transaction)` once it is committed and synced; raises what `fn` raised, or Unavailable."""
        return self.submit(fn).wait()

    def submit(self, fn: Callable[[Transaction], T]) -> Pending[T]:
        """Queue `fn` for the writer thread and go on; raises Unavailable when the database is closed."""
        item = Pending(fn)
        with self._closing:
            if self._closed:
                raise Unavailable("the database is closed")
            self._queue.put(item)
        return item

    def probe(self) -> None:
        """Read the file with a connection of its own, past every cache; raises Unavailable."""
        if not self.path.is_file():  # open connections would go on with a file that has been deleted
            raise Unavailable("the database file is gone")
        connection = self._new_writer()
        try:
            connection.connect()
            connection.execute_sql("SELECT COUNT(*) FROM sqlite_master").fetchall()
        except ERRORS as error:
            raise Unavailable(f"the database cannot be read: {error}") from error
        finally:
            close(connection)

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the database file, as far as readers allow."""
        if self._closed:
            raise Unavailable("the database is closed")
        try:
            with self._readers.lent() as connection:
                connection.execute_sql("PRAGMA wal_checkpoint(PASSIVE)")
        except (*ERRORS, NoneFree) as error:
            raise Unavailable(f"the database cannot be written: {error}") from error

    def close(self) -> None:
        """Finish the queued writes and close every connection."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._writer.join()
        self._readers.close()

    def _write_forever(self) -> None:
        connection = self._new_writer()
        while (first := self._queue.get()) is not None:
            if not self._run_batch(connection, first):
                # Whatever state it is in, the next batch begins with a new connection.
                close(connection)
                connection = self._new_writer()
        close(connection)
        self._turns.close()

    def _new_writer(self) -> peewee.SqliteDatabase:
        return peewee.SqliteDatabase(
            str(self.path), pragmas=self._pragmas, autoconnect=False, cached_statements=CACHED_STATEMENTS
        )

    def _taken(self, first: Pending[Any]) -> Iterator[Pending[Any]]:
        """Yield `first`, and then what is queued by the time that it is asked for."""
        yield first
        for _ in range(MAX_BATCH - 1):
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            if item is None:
                self._queue.put(None)  # the mark of the end stays the last
                return
            yield item

    def _run_batch(self, connection: peewee.SqliteDatabase, first: Pending[Any]) -> bool:
        """Run and commit `first` and what comes meanwhile, and tell the callers; False when the connection is to be
        given up."""
        transaction = Transaction(connection)
        taken = self._taken(first)
        batch: list[Pending[Any]] = []
        errors: list[Exception | None] = []
        try:
            connection.connect(reuse_if_open=True)
            with self._turns.taken():
                connection.execute_sql("BEGIN IMMEDIATE")
                for item in taken:
                    batch.append(item)
                    errors.append(_run_item(connection, transaction, item, first=not errors))
                connection.execute_sql("COMMIT")
        except (peewee.DatabaseError, peewee.InterfaceError, sqlite3.Error) as error:
            for item in batch or taken:  # those who could not even begin need not wait in turn for a lock
                item._finish(Unavailable(f"the database cannot be written: {error}"))
            return False
        self._wake_all(transaction.to_wake)
        for item, raised in zip(batch, errors, strict=True):
            item._finish(raised)
        return True

    def _wake_all(self, roles: Iterable[str]) -> None:
        for role in roles:
            try:
                self._wake(role)
            except Exception:  # it is committed; a lost wake-up costs latency only
                log.warning("role not woken", role=role, exc_info=True)


def _run_item(
    connection: peewee.SqliteDatabase, transaction: Transaction, item: Pending[Any], first: bool
) -> Exception | None:
    """Run an item of an open transaction; return what it raised, its own changes undone. The first needs no savepoint:
    its changes are all there are."""
    if not first:
        connection.execute_sql("SAVEPOINT item")
    error = _error_of(item, transaction)
    # A full disk rolls the whole transaction back by itself; then undoing raises and the batch fails.
    ended = _UNDONE[first] if error else _KEPT[first]
    for statement in ended:
        connection.execute_sql(statement)
    return error


def _error_of(item: Pending[Any], transaction: Transaction) -> Exception | None:
    try:
        item._run(transaction)
    except Exception as error:
        return _translated(error)
    return None


def _translated(error: Exception) -> Exception:
    if isinstance(error, ERRORS) and not isinstance(error, _BUGS):
        return Unavailable(f"the database cannot be written: {error}")
    return error
