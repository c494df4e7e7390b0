"""Statements: composed once, the same answers as the query, and each walks an index."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

import dicom_gateway.storage
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.prepared import Statement, columns, given, several
from dicom_gateway.storage.tables import AlarmRow, CounterRow

ROWS = {"a": 1, "b": 2, "c": 3, "d'": 4}
SELECT = CounterRow.select().order_by(CounterRow.name)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("prepared") / "gateway.db"
    migrate(path)
    found = Database(path)
    found.write(lambda tx: tx.insert_all(CounterRow, ({"name": n, "value": v} for n, v in ROWS.items())))
    yield found
    found.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "gateway.db")
    found = Database(tmp_path / "gateway.db")
    yield found
    found.close()


NAMED = Statement(SELECT.where(CounterRow.name.in_(several("names")), CounterRow.value > given("above")))


@settings(max_examples=50)
@for_all(names=st.lists(st.sampled_from([*ROWS, "", "?", "x"]), max_size=6), above=st.integers(-1, 4))
def test_a_statement_answers_as_its_query(filled: Database, names: list[str], above: int) -> None:
    query = SELECT.where(CounterRow.name.in_(names), CounterRow.value > above)
    verbs: list[Callable[[Transaction], list[Any]]] = [
        lambda tx: [tx.rows(query), tx.row(query), tx.values(query), tx.value(query)],
        lambda tx: [verb(NAMED, names=names, above=above) for verb in (tx.rows, tx.row, tx.values, tx.value)],
    ]
    expected, found = (filled.read(verb) for verb in verbs)
    assert found == expected
    assert found[2] == sorted(name for name in set(names) if ROWS.get(name, -2) > above)


@pytest.mark.parametrize(
    "values", [{}, {"names": []}, {"names": [], "above": 1, "below": 2}], ids=["none", "too few", "too many"]
)
def test_just_its_parameters(filled: Database, values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="above"):
        filled.read(lambda tx: tx.rows(NAMED, **values))


def test_a_value_is_no_sql(filled: Database) -> None:
    by_name = Statement(SELECT.where(CounterRow.name == given("name")))
    assert filled.read(lambda tx: tx.value(by_name, name="d'")) == "d'"
    assert filled.read(lambda tx: tx.rows(by_name, name="' OR '1'='1")) == []


def test_statements_that_write(database: Database) -> None:
    put = Statement(
        CounterRow.insert(**columns(("name", "value"))).on_conflict(
            conflict_target=[CounterRow.name], update={CounterRow.value: CounterRow.value + given("value")}
        )
    )
    add = Statement(CounterRow.update(value=CounterRow.value + 1).where(CounterRow.name.in_(several("names"))))
    raised = Statement(AlarmRow.insert(**columns(("raised_at", "kind", "subject", "detail", "count"))))
    alarm = {"raised_at": 1, "kind": "k", "detail": "", "count": 1}

    def run(tx: Transaction) -> list[Any]:
        for name, value in (("a", 1), ("b", 5), ("a", 2)):
            tx.execute(put, name=name, value=value)
        changed = tx.execute(add, names=["a", "b", "x"])
        keys = [tx.execute(raised, subject=subject, **alarm) for subject in "xy"]
        moved = tx.returning(Statement(CounterRow.update(value=0).returning(CounterRow)))
        return [
            changed,
            keys,
            sorted(moved, key=lambda row: str(row["name"])),
            tx.execute(Statement(AlarmRow.delete())),
        ]

    assert database.write(run) == [2, [1, 2], [{"name": "a", "value": 0}, {"name": "b", "value": 0}], 2]


def statements() -> Iterator[tuple[str, Statement]]:
    """Yield every statement that a module of storage keeps."""
    for module in pkgutil.iter_modules(dicom_gateway.storage.__path__, "dicom_gateway.storage."):
        if not module.ispkg:
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Statement):
                    yield f"{module.name.rpartition('.')[2]}.{name}", value


WHOLE = {  # statements that read a whole table, which is small
    "badges._UNKNOWN": "refused devices are bounded",
    "badges._ALARMS": "one for each kind and subject, until somebody ends it",
    "board._PAUSED": "one row a PMS",
    "delivery_control._PAUSED": "one row a PMS",
    "figures._REFUSED_CALLS": "refused devices are bounded",
    "figures._IN_WORK": "of the last messages only",
    "timeline._ASKED": "some rows a device",
}


def test_what_reads_whole_tables_is_there() -> None:
    assert dict(statements()).keys() >= WHOLE.keys()


@pytest.mark.parametrize("statement", [pytest.param(s, id=name) for name, s in statements() if name not in WHOLE])
def test_every_statement_walks_an_index(database: Database, statement: Statement) -> None:
    def plan(tx: Transaction) -> list[str]:
        with pytest.raises(TypeError) as error:
            statement.on(tx._database, {"": None})
        names = str(error.value).split("[")[1].split("]")[0].replace("'", "").replace(",", "").split()
        text, values = statement.on(tx._database, {name: "ab" for name in names})
        return [row[3] for row in tx._database.execute_sql(f"EXPLAIN QUERY PLAN {text}", values)]

    assert not [step for step in database.read(plan) if step.startswith("SCAN")]
