"""The database: one writer, consistent readers, nobody left waiting, and what happens when it is away."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import peewee
import pytest

from dicom_gateway.errors import Conflict, Unavailable
from dicom_gateway.storage import heartbeat, order_rows
from dicom_gateway.storage.database import PRAGMAS, Database, Transaction
from dicom_gateway.storage.migrate import migrate, migrations
from dicom_gateway.storage.tables import TABLES, AuditRow, CounterRow, StationRow

DEADLINE = 20  # seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "gateway.db"
    migrate(found)
    return found


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    found = Database(path, busy_seconds=0.2)
    yield found
    found.close()


def put(name: str, value: int = 1) -> Callable[[Transaction], Any]:
    return lambda tx: tx.execute(CounterRow.insert(name=name, value=value))


def names(database: Database) -> list[str]:
    return sorted(database.read(lambda tx: tx.values(CounterRow.select(CounterRow.name))))


def test_sixteen_writers(database: Database) -> None:
    def write(writer: int) -> list[int]:
        return [database.write(lambda tx: order_rows.count(tx, "n")) for _ in range(25)]

    with ThreadPoolExecutor(16) as pool:
        numbers = [number for found in pool.map(write, range(16)) for number in found]
    assert sorted(numbers) == list(range(1, 401))
    assert database.read(lambda tx: tx.value(CounterRow.select(CounterRow.value))) == 400


def test_writers_and_readers_together(database: Database) -> None:
    """A transfer between two rows: no reader ever sees half of it."""
    database.write(lambda tx: (put("a", 500)(tx), put("b", 500)(tx)))
    ended = threading.Event()

    def move(tx: Transaction) -> None:
        tx.execute(CounterRow.update(value=CounterRow.value - 1).where(CounterRow.name == "a"))
        tx.execute(CounterRow.update(value=CounterRow.value + 1).where(CounterRow.name == "b"))

    def read() -> set[int]:
        sums = set()
        while not ended.is_set():
            sums.add(database.read(lambda tx: sum(tx.values(CounterRow.select(CounterRow.value)))))
        return sums

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for _ in range(100):
                database.write(move)
        finally:
            ended.set()
        assert {total for reader in readers for total in reader.result(DEADLINE)} == {1000}


def test_a_read_sees_one_snapshot(database: Database) -> None:
    query = CounterRow.select(CounterRow.name)

    def read(tx: Transaction) -> tuple[list[str], list[str]]:
        before = tx.values(query)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(database.write, put("late")).result(DEADLINE)
        return before, tx.values(query)

    assert database.read(read) == ([], [])
    assert names(database) == ["late"]


def test_a_read_cannot_write(database: Database) -> None:
    database.read(put("x"))
    assert names(database) == []


class Gate:
    """Holds the writer thread in one item, so that what follows is one batch."""

    def __init__(self, database: Database, then: Callable[[Transaction], Any] = lambda tx: None) -> None:
        self._entered, self._open, self._then = threading.Event(), threading.Event(), then
        self._pool = ThreadPoolExecutor(16)
        self._first = self._pool.submit(database.write, self._hold)
        assert self._entered.wait(DEADLINE)

    def _hold(self, tx: Transaction) -> None:
        self._entered.set()
        assert self._open.wait(DEADLINE)
        self._then(tx)

    def run(self, *calls: Callable[[], Any]) -> list[Any]:
        futures = [self._pool.submit(call) for call in calls]
        self._open.set()
        self._first.exception(DEADLINE)
        with self._pool:
            return [future.exception(DEADLINE) or future.result() for future in futures]


def test_an_item_that_raises_rolls_back_alone(database: Database) -> None:
    def bad(tx: Transaction) -> None:
        put("bad")(tx)
        raise Conflict("no")

    def broken(tx: Transaction) -> None:
        put("good1")(tx)
        tx.execute(CounterRow.insert(name="good1", value=2))

    results = Gate(database).run(
        lambda: database.write(put("good0")),
        lambda: database.write(bad),
        lambda: database.write(broken),
        lambda: database.write(lambda tx: 1 // 0),
        lambda: database.write(put("good2")),
    )
    assert [type(result) for result in results] == [int, Conflict, peewee.IntegrityError, ZeroDivisionError, int]
    assert names(database) == ["good0", "good2"]


def test_the_first_item_of_a_batch_rolls_back_alone(database: Database) -> None:
    def bad(tx: Transaction) -> None:
        put("bad")(tx)
        raise Conflict("no")

    gate = Gate(database, bad)
    pending = [database.submit(put(f"good{n}")) for n in range(2)]
    assert gate.run() == []
    assert [type(item.wait()) for item in pending] == [int, int]
    with pytest.raises(Conflict):
        database.write(bad)
    assert names(database) == ["good0", "good1"]


def test_who_comes_while_a_transaction_is_open_shares_its_commit(path: Path) -> None:
    commits: list[str] = []
    database = Database(path, wake=commits.append)
    gate = Gate(database)
    pending = [database.submit(lambda tx: tx.wake("worker")) for _ in range(5)]
    assert commits == []
    gate.run()
    for item in pending:
        item.wait()
    assert commits == ["worker"]
    database.close()


def test_submit_does_not_wait(database: Database) -> None:
    gate = Gate(database)
    good, bad = database.submit(put("good")), database.submit(lambda tx: 1 // 0)
    assert names(database) == []
    gate.run()
    for _ in range(2):
        assert type(good.wait()) is int
        with pytest.raises(ZeroDivisionError):
            bad.wait()
    assert names(database) == ["good"]


def test_all_who_wait_for_a_lock_are_told_at_once(path: Path) -> None:
    database = Database(path, busy_seconds=0.5)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    for item in [database.submit(put(f"x{n}")) for n in range(20)]:
        with pytest.raises(Unavailable):
            item.wait()
    assert time.monotonic() - begun < 5  # one after the other: 10
    other.close()
    database.close()


def test_what_a_write_returns(database: Database) -> None:
    assert database.write(lambda tx: "result") == "result"
    assert database.write(lambda tx: None) is None


def test_a_locked_database_is_unavailable_and_recovers(database: Database, path: Path) -> None:
    database.write(put("before"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(Unavailable):
            database.write(put("lost"))
    assert names(database) == ["before"]  # reading goes on
    other.execute("COMMIT")
    other.close()
    database.write(put("after"))
    assert names(database) == ["after", "before"]


def test_a_full_disk_is_unavailable_and_recovers(database: Database) -> None:
    def fill(tx: Transaction) -> None:
        tx._database.execute_sql("PRAGMA max_page_count = 1")  # no more than there are already
        tx.insert_all(CounterRow, ({"name": f"filler {n} {'x' * 2000}", "value": n} for n in range(200)))

    results = Gate(database).run(
        lambda: database.write(put("first")), lambda: database.write(fill), lambda: database.write(put("second"))
    )
    kept = [name for name, result in zip(("first", "second"), results[::2], strict=True) if isinstance(result, int)]
    assert isinstance(results[1], Unavailable)
    assert names(database) == sorted(kept)
    with pytest.raises(Unavailable):
        database.write(fill)


def test_a_lock_that_ends_in_time_is_waited_for(path: Path) -> None:
    database = Database(path, busy_seconds=DEADLINE)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.1, other.execute, ["COMMIT"])
    release.start()
    database.write(put("x"))
    release.join()
    other.close()
    assert names(database) == ["x"]
    database.close()


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    database = Database(tmp_path / "nowhere" / "gateway.db", busy_seconds=0.1)
    with pytest.raises(Unavailable):
        database.write(put("x"))
    with pytest.raises(Unavailable):
        database.read(lambda tx: tx.values(CounterRow.select()))
    with pytest.raises(Unavailable):
        database.checkpoint()
    database.close()


def test_a_database_that_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "later" / "gateway.db"
    database = Database(path)
    with pytest.raises(Unavailable):
        database.write(put("x"))
    migrate(path)
    database.write(put("x"))
    assert names(database) == ["x"]
    database.close()


def test_close_is_idempotent_and_final(path: Path) -> None:
    database = Database(path)
    database.write(put("x"))
    for _ in range(2):
        database.close()
    write, read = (lambda: database.write(put("y"))), (lambda: database.read(lambda tx: None))
    for call in (write, read, lambda: database.submit(put("y")), database.checkpoint):
        with pytest.raises(Unavailable, match="closed"):
            call()


def test_close_finishes_what_is_queued_and_leaves_nobody_waiting(path: Path) -> None:
    database = Database(path)
    taken: list[str] = []

    def write(writer: int) -> None:
        for n in range(1000):
            try:
                database.write(put(f"{writer}-{n}"))
            except Unavailable:
                return
            taken.append(f"{writer}-{n}")
            begun.set()
        raise AssertionError("nobody closed the database")

    begun = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write, n) for n in range(8)]
        assert begun.wait(DEADLINE)
        database.close()
        for writer in writers:
            writer.result(DEADLINE)
    again = Database(path)
    assert names(again) == sorted(taken)
    again.close()


def test_roles_are_woken_once_a_commit_and_only_then(path: Path) -> None:
    woken: list[tuple[str, list[str]]] = []
    other = Database(path)
    database = Database(path, wake=lambda role: woken.append((role, names(other))))

    def due(tx: Transaction) -> None:
        put("due")(tx)
        tx.wake("worker")
        tx.wake("worker")

    database.write(due)
    database.write(put("idle"))
    assert woken == [("worker", ["due"])]
    database.close()
    other.close()


def test_a_wake_that_fails_costs_nothing(path: Path) -> None:
    def wake(role: str) -> None:
        raise OSError("nobody listens")

    database = Database(path, wake=wake)
    for n in range(2):
        database.write(lambda tx, n=n: (put(f"x{n}")(tx), tx.wake("worker")))  # type: ignore[misc]
    assert names(database) == ["x0", "x1"]
    database.close()


def test_a_commit_is_synced(database: Database) -> None:
    def pragmas(tx: Transaction) -> dict[str, Any]:
        return {name: tx._database.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}

    expected = PRAGMAS | {"synchronous": 2, "busy_timeout": 200}
    assert database.write(pragmas) == expected
    assert database.read(pragmas) == expected


def test_a_foreign_key_holds(database: Database) -> None:
    with pytest.raises(peewee.IntegrityError):
        station = StationRow.insert(ae_title="X", start_date="20270101", step_key=9, shown=1, start_utc=0)
        database.write(lambda tx: tx.execute(station))


def test_checkpoint_moves_the_log_into_the_file(database: Database, path: Path) -> None:
    database.write(put("x"))
    before = path.stat().st_size
    database.write(lambda tx: [put(f"n{n}")(tx) for n in range(2000)])
    database.checkpoint()
    assert path.stat().st_size > before


def test_the_verbs_of_a_transaction(database: Database) -> None:
    database.write(lambda tx: tx.insert_all(CounterRow, ({"name": n, "value": v} for n, v in (("a", 1), ("b", 2)))))
    database.write(lambda tx: tx.insert_all(CounterRow, []))
    query = CounterRow.select().order_by(CounterRow.name)

    def read(tx: Transaction) -> list[Any]:
        nothing = query.where(CounterRow.name.in_([]))
        return [tx.rows(query), tx.row(query), tx.values(query), tx.value(query), tx.row(nothing), tx.value(nothing)]

    both = [{"name": "a", "value": 1}, {"name": "b", "value": 2}]
    assert database.read(read) == [both, both[0], ["a", "b"], "a", None, None]
    update = CounterRow.update(value=9).where(CounterRow.name == "b")
    assert database.write(lambda tx: tx.returning(update.returning(CounterRow))) == [{"name": "b", "value": 9}]
    assert database.write(lambda tx: tx.execute(CounterRow.delete())) == 2


def columns_of(path: Path) -> dict[str, dict[str, tuple[str, bool]]]:
    """Return the columns of every table: their type, and whether they may be NULL."""
    connection = sqlite3.connect(path)
    try:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        tables = [row[0] for row in connection.execute(query)]
        return {
            table: {
                name: (kind, not not_null and not key)
                for _, name, kind, not_null, _, key in connection.execute(f"PRAGMA table_info({table})")
            }
            for table in tables
        }
    finally:
        connection.close()


KINDS = {peewee.TextField: "TEXT", peewee.BlobField: "BLOB"}


def test_every_table_has_a_model_with_its_columns(path: Path) -> None:
    models = {
        model._meta.table_name: {
            name: (KINDS.get(type(field), "INTEGER"), field.null) for name, field in model._meta.columns.items()
        }
        for model in TABLES
    }
    assert columns_of(path) == models


def test_the_columns_of_a_table_stand_in_the_order_of_its_model(path: Path) -> None:
    found = columns_of(path)
    for model in TABLES:
        assert list(found[model._meta.table_name]) == list(model._meta.columns)


def test_no_null_stands_in_a_unique_key(path: Path) -> None:
    connection = sqlite3.connect(path)
    nullable = {t: {c for c, (_, null) in columns.items() if null} for t, columns in columns_of(path).items()}
    for table in nullable:
        for _, index, unique, *_ in connection.execute(f"PRAGMA index_list({table})").fetchall():
            keys = {row[2] for row in connection.execute(f"PRAGMA index_info({index})")}
            assert not unique or not keys & nullable[table], f"{table}.{index}"
    connection.close()


def test_migrate_twice(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO counter VALUES ('kept', 7)")
    connection.commit()
    before = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    assert migrate(path) == migrate(path) == migrations()[-1][0]
    assert connection.execute("SELECT value FROM counter").fetchall() == [(7,)]
    assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before
    connection.close()


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    newer = migrations()[-1][0] + 1
    connection.execute(f"PRAGMA user_version = {newer}")
    with pytest.raises(Unavailable, match="newer program"):
        migrate(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (newer,)
    connection.close()


def test_migrations_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "gateway.db"
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(migrate, [path] * 4)) == {migrations()[-1][0]}


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(Unavailable):
        migrate(path)
    assert path.read_bytes().startswith(b"not a database")


def test_absent_is_empty_text(database: Database) -> None:
    with pytest.raises(peewee.IntegrityError):
        database.write(
            lambda tx: tx.execute(AuditRow.insert(at=1, who=None, origin="", action="", subject="", detail=""))
        )


def damage(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"not a database " * (path.stat().st_size // 15))


def test_a_damaged_file_is_unavailable(path: Path, database: Database) -> None:
    damage(path)
    with pytest.raises(Unavailable):
        names(database)
    with pytest.raises(Unavailable):
        database.write(put("a"))


@pytest.mark.parametrize("error", [peewee.IntegrityError, peewee.ProgrammingError, sqlite3.ProgrammingError])
def test_a_mistake_of_ours_is_no_unavailable_database(database: Database, error: type[Exception]) -> None:
    def fail(tx: Transaction) -> None:
        raise error("ours")

    for run in (database.read, database.write):
        with pytest.raises(error):
            run(fail)


def test_the_heartbeat_reads_and_writes(path: Path, database: Database) -> None:
    for now in (1, 2):
        heartbeat.look(database)
        heartbeat.beat(database, now)
    assert database.read(lambda tx: tx.rows(CounterRow.select())) == [{"name": "heartbeat", "value": 2}]


def test_the_heartbeat_misses_what_open_connections_still_have(path: Path, database: Database) -> None:
    heartbeat.beat(database, 1)
    database.checkpoint()
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with pytest.raises(Unavailable, match="gone"):
        heartbeat.beat(database, 2)


def test_the_heartbeat_does_not_beat_while_another_process_writes(path: Path, database: Database) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        heartbeat.beat(database, 1)
    other.execute("ROLLBACK")
    other.close()
    heartbeat.beat(database, 1)
