"""What SQL leaves for the worklist: pages, stations, dates and statuses; matching itself is tested with core."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from dicom_gateway.core.matching import Narrowing
from dicom_gateway.core.model import Patient
from dicom_gateway.core.status import StepStatus
from dicom_gateway.storage import order_rows
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.prepared import Statement
from dicom_gateway.storage.worklist import PAGE, ScheduledItem, StepVersion, Worklist
from tests.storage.builders import PMS, GatewayStore, a_procedure, a_step


def found(store: GatewayStore, only_shown: bool = True, not_before: str = "", **narrowing: Any) -> list[str]:
    """Return the step ids of what may match, in order."""
    items = Worklist(store.database).candidates(Narrowing(**narrowing), only_shown, not_before)
    return [item.step.id for item in items]


@pytest.fixture
def filled(gateway_store: GatewayStore) -> GatewayStore:
    """Two steps today, one tomorrow for two stations, one of another patient without any station."""
    today = a_procedure(a_step(id="T1"), a_step("CR", "2027-01-15T09:00", id="T2", station_ae_titles=("CR1",)), id="P1")
    gateway_store.order("A-1", today, accession_number="ACC1")
    tomorrow = a_procedure(a_step("IO", "2027-01-16T08:00", id="M1"), study_instance_uid="1.2.4")
    gateway_store.order("A-2", tomorrow)
    stranger = a_procedure(a_step("US", "2027-01-14T08:00", id="Y1"), study_instance_uid="1.2.5")
    gateway_store.order("A-3", stranger, patient=Patient("P-79", "Roe^Tom"))
    return gateway_store


@pytest.mark.parametrize(
    ("narrowing", "steps"),
    [
        ({}, "Y1 T2 T1 M1"),
        ({"station_ae_title": "IO2"}, "M1"),
        ({"station_ae_title": "IO2", "date_from": "20270116", "date_to": "20270116"}, "M1"),
        ({"station_ae_title": "IO2", "date_to": "20270115"}, ""),
        ({"station_ae_title": "IO2", "date_from": "20270117"}, ""),
        ({"station_ae_title": "NONE"}, ""),
        ({"modality": "CR"}, "T2"),
        ({"modality": "cr"}, ""),
        ({"patient_id": "P-79"}, "Y1"),
        ({"accession_number": "ACC1"}, "T2 T1"),
        ({"requested_procedure_id": "P1", "modality": "DX"}, "T1"),
        ({"scheduled_procedure_step_id": "M1"}, "M1"),
        ({"study_instance_uids": ("1.2.4", "1.2.5", "9.9")}, "Y1 M1"),
        ({"date_from": "20270115"}, "T2 T1 M1"),
        ({"date_to": "20270115"}, "Y1 T2 T1"),
        ({"date_from": "20270115", "date_to": "20270115"}, "T2 T1"),
        ({"name_prefix": "roe"}, "Y1"),
        ({"name_prefix": "roe^t", "station_ae_title": "NONE", "modality": "NONE"}, "Y1"),
        ({"name_prefix": "d"}, "T2 T1 M1"),
        ({"name_prefix": "doe^rex^"}, ""),
        ({"name_prefix": "\U0010ffff"}, "Y1 T2 T1 M1"),
        ({"name_prefix": "d\U0010ffff", "modality": "CR", "patient_id": "P-78"}, "T2"),
        ({"not_before": "20270116"}, "M1"),
        ({"not_before": "20270114", "date_from": "20270116"}, "M1"),
        ({"not_before": "20270116", "date_from": "20270114"}, "M1"),
    ],
    ids=str,
)
def test_narrowing(filled: GatewayStore, narrowing: dict[str, Any], steps: str) -> None:
    assert found(filled, **narrowing) == steps.split()


def test_a_step_of_two_stations_appears_once(filled: GatewayStore) -> None:
    assert found(filled, modality="IO") == ["M1"]
    for station in ("IO1", "IO2"):
        assert found(filled, station_ae_title=station) == ["M1"]


def test_an_item_holds_its_own_step_and_procedure(filled: GatewayStore) -> None:
    items = list(filled.worklist.candidates(Narrowing(accession_number="ACC1"), True))
    assert [(item.order.placer_order_number, item.procedure.id, item.step.modality) for item in items] == [
        ("A-1", "P1", "CR"),
        ("A-1", "P1", "DX"),
    ]


@pytest.mark.parametrize("status", StepStatus)
def test_steps_that_have_ended_are_hidden_unless_asked_for(gateway_store: GatewayStore, status: StepStatus) -> None:
    order = gateway_store.order()
    step = order.steps()[0].evolve(status=status)
    moved = order.evolve(procedures=(order.procedures[0].evolve(steps=(step,)),))
    gateway_store.database.write(lambda tx: order_rows.put(tx, moved, 0))
    ended = status in (StepStatus.COMPLETED, StepStatus.CANCELED, StepStatus.DISCONTINUED)
    assert found(gateway_store) == ([] if ended else [step.id])
    assert found(gateway_store, only_shown=False) == [step.id]


def test_a_step_goes_and_comes_back_with_its_order(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.orders.cancel(order.id, PMS)
    assert found(gateway_store) == []
    gateway_store.order(reason="pain")
    assert found(gateway_store) == [order.steps()[0].id]
    gateway_store.create_mpps()
    assert found(gateway_store) == [order.steps()[0].id]
    gateway_store.set_mpps()
    assert found(gateway_store) == []


@pytest.mark.parametrize("size", [PAGE, PAGE + 1, 2 * PAGE + 50])
def test_pages(gateway_store: GatewayStore, size: int) -> None:
    """Every step once and in order, most of them at the same moment."""
    starts = ["2027-01-15T10:00", "2027-01-15T10:00", "2027-01-15T10:00", "2027-01-15T09:00"]
    for start in range(0, size, 50):
        count = min(50, size - start)
        steps = [a_step(start=starts[n % 4], id=f"S{start + n}") for n in range(count)]
        gateway_store.order(f"A-{start}", a_procedure(*steps, study_instance_uid=f"1.2.{start + 1}"))
    items = list(gateway_store.worklist.candidates(Narrowing(), True))
    assert len(items) == size
    assert len({item.step.id for item in items}) == size
    assert [item.step.start for item in items] == sorted(item.step.start for item in items)
    assert all(item.step in item.procedure.steps for item in items)


def test_no_connection_is_held_between_pages(gateway_store: GatewayStore) -> None:
    for n in range(5):
        steps = [a_step(id=f"S{n}-{m}") for m in range(50)]
        gateway_store.order(f"A-{n}", a_procedure(*steps, study_instance_uid=f"1.2.{n + 1}"))
    items = gateway_store.worklist.candidates(Narrowing(), True)
    first = next(items)
    gateway_store.orders.cancel(first.order.id, PMS)
    gateway_store.database.checkpoint()
    assert 1 + len(list(items)) in (200, 250)


def test_those_that_have_ended_come_after_those_that_are_shown(gateway_store: GatewayStore) -> None:
    first = gateway_store.order("A-1", a_procedure(a_step(start="2027-01-15T08:00", id="EARLY")))
    gateway_store.order("A-2", a_procedure(a_step(start="2027-01-16T08:00", id="LATE"), study_instance_uid="1.2.4"))
    assert found(gateway_store, only_shown=False) == ["EARLY", "LATE"]
    gateway_store.orders.cancel(first.id, PMS)
    assert found(gateway_store, only_shown=False) == ["LATE", "EARLY"]
    for narrowing in ({"modality": "DX"}, {"station_ae_title": "DX1"}, {"patient_id": "P-78"}):
        assert sorted(found(gateway_store, only_shown=False, **narrowing)) == ["EARLY", "LATE"]
        assert found(gateway_store, **narrowing) == ["LATE"]


# --- what a page costs -----------------------------------------------------------------------------------------------

FEW = {
    "accession_number": "X",
    "requested_procedure_id": "X",
    "scheduled_procedure_step_id": "X",
    "patient_id": "X",
    "study_instance_uids": ("1.2",),
}
MANY = {
    "station_ae_title": "X",
    "modality": "DX",
    "date_from": "20270101",
    "date_to": "20270131",
    "name_prefix": "doe",
}


def subsets(values: dict[str, Any]) -> list[dict[str, Any]]:
    names = [combination for size in range(len(values) + 1) for combination in combinations(values, size)]
    return [{name: values[name] for name in combination} for combination in names]


class Watched:
    """A database that notes how each statement is to be run."""

    def __init__(self, store: GatewayStore) -> None:
        self._database = store.database
        self.plans: list[list[str]] = []
        self.texts: list[str] = []

    def read(self, fn: Callable[[Any], Any]) -> Any:
        return self._database.read(lambda tx: fn(_Watching(self, tx)))


class _Watching:
    def __init__(self, watched: Watched, tx: Transaction) -> None:
        self._watched = watched
        self._tx = tx

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        text, flat = statement.on(self._tx._database, values)
        plan = self._tx._database.execute_sql(f"EXPLAIN QUERY PLAN {text}", flat).fetchall()
        self._watched.texts.append(text)
        self._watched.plans.append([row[3] for row in plan])
        return self._tx.rows(statement, **values)


@pytest.fixture(scope="module")
def two_pages(tmp_path_factory: pytest.TempPathFactory) -> GatewayStore:
    """More than a page of steps that every one of MANY finds."""
    store = GatewayStore(tmp_path_factory.mktemp("two_pages") / "gateway.sqlite3")
    for start in range(0, PAGE + 50, 50):
        steps = [a_step(id=f"S{start + n}", station_ae_titles=("X",)) for n in range(50)]
        store.order(f"A-{start}", a_procedure(*steps, study_instance_uid=f"1.2.{start + 1}"))
    return store


@pytest.mark.parametrize("narrowing", subsets(MANY), ids=lambda narrowing: " ".join(narrowing) or "everything")
def test_a_page_goes_along_an_index_and_sorts_nothing(two_pages: GatewayStore, narrowing: dict[str, Any]) -> None:
    watched = Watched(two_pages)
    items = list(Worklist(watched).candidates(Narrowing(**narrowing), False))  # type: ignore[arg-type]
    assert len(items) == PAGE + 50
    pages = [plan for plan, text in zip(watched.plans, watched.texts, strict=True) if "ORDER BY" in text]
    assert len(pages) == 3  # two of those shown, one of those that have ended
    for plan in pages:
        assert all(line.startswith("SEARCH") for line in plan), plan
        assert "shown=?" in plan[0]
        dated, named = narrowing.keys() & {"date_from", "date_to"}, "name_prefix" in narrowing
        assert ("patient_name" in plan[0]) == (named and not dated)
        assert ("start_date" in plan[0]) == bool(dated or (plan is pages[1] and not named))


@pytest.mark.parametrize(
    "narrowing",
    [{**few, **many} for few in subsets(FEW)[1:] for many in subsets(MANY)],
    ids=" ".join,
)
def test_a_key_that_finds_few_is_what_is_looked_for(two_pages: GatewayStore, narrowing: dict[str, Any]) -> None:
    watched = Watched(two_pages)
    assert list(Worklist(watched).candidates(Narrowing(**narrowing), True)) == []  # type: ignore[arg-type]
    (plan,) = watched.plans
    columns = {"scheduled_procedure_step_id": "step_id", "study_instance_uids": "study_instance_uid"}
    assert any(f"({columns.get(name, name)}=?" in plan[0] for name in FEW), plan


class Remembered:
    """Keeps the steps that it was given."""

    def __init__(self) -> None:
        self.items: dict[StepVersion, ScheduledItem] = {}
        self.kept = 0

    def get(self, version: StepVersion) -> ScheduledItem | None:
        return self.items.get(version)

    def keep(self, item: ScheduledItem) -> ScheduledItem:
        self.kept += 1
        return self.items.setdefault(item.version, item)


def test_an_order_is_read_once_a_version(gateway_store: GatewayStore) -> None:
    gateway_store.order("A-1", a_procedure(a_step(id="S1"), a_step(id="S2")))
    gateway_store.order("A-2", a_procedure(a_step(id="S3"), study_instance_uid="1.2.4"))
    remembered, watched = Remembered(), Watched(gateway_store)
    worklist = Worklist(watched)  # type: ignore[arg-type]
    for reads in (1, 0):
        watched.texts.clear()
        items = list(worklist.candidates(Narrowing(), True, "", remembered))
        assert [item.step.id for item in items] == ["S1", "S2", "S3"]
        assert sum("document" in text for text in watched.texts) == reads
    gateway_store.order("A-2", a_procedure(a_step("IO", id="S3"), study_instance_uid="1.2.4"))
    items = list(worklist.candidates(Narrowing(), True, "", remembered))
    assert [item.step.modality for item in items] == ["DX", "DX", "IO"]
    assert remembered.kept == 4


@pytest.mark.parametrize("change", ["order", "cancel", "begin", "patient"])
def test_every_change_is_another_version(gateway_store: GatewayStore, change: str) -> None:
    def versions() -> set[StepVersion]:
        return {item.version for item in gateway_store.worklist.candidates(Narrowing(), False)}

    order = gateway_store.order()
    before = versions()
    assert before == versions()
    {
        "order": lambda: gateway_store.order(reason="pain"),
        "cancel": lambda: gateway_store.orders.cancel(order.id, PMS),
        "begin": gateway_store.create_mpps,
        "patient": lambda: gateway_store.order(patient=order.patient.evolve(name="Roe^Rex")),
    }[change]()
    assert len(versions()) == 1
    assert not before & versions()


def test_a_write_that_forgets_the_version_is_another_version_all_the_same(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    (before,) = gateway_store.worklist.candidates(Narrowing(), True)
    gateway_store.database.write(lambda tx: order_rows.put(tx, order.evolve(reason="pain"), 99))
    (after,) = gateway_store.worklist.candidates(Narrowing(), True)
    assert before.version != after.version and before.version.version == after.version.version
    assert after.order.reason == "pain"


@pytest.mark.parametrize("last", ["a", "\ud7ff", "\U0010fffe", "\U0010ffff"], ids=ascii)
def test_names_are_found_whatever_comes_after_what_is_looked_for(gateway_store: GatewayStore, last: str) -> None:
    for n, name in enumerate(("b", f"b{last}", f"b{last}\U0010ffff", f"b{last}z", "c")):
        gateway_store.order(
            f"A-{n}", a_procedure(a_step(id=f"S{n}"), study_instance_uid=f"1.2.{n + 1}"), patient=Patient("P", name)
        )
    assert {"S1", "S2", "S3"} <= set(found(gateway_store, name_prefix=f"b{last}"))
    assert "S4" not in found(gateway_store, name_prefix=f"b{last}")
