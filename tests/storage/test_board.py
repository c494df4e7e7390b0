"""A day read from the database: what is seen of each step, in a number of queries that does not grow."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dicom_gateway.core.board import Line
from dicom_gateway.core.completeness import Template, Templates
from dicom_gateway.core.lights import DeviceLight
from dicom_gateway.core.model import Code, Order
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.troubles import State, Trouble
from dicom_gateway.dicom.watching import facts_of_identifier
from dicom_gateway.storage import board as board_module
from dicom_gateway.storage import board_rows
from dicom_gateway.storage.board import Board, Today
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.observations import WorklistAsked
from dicom_gateway.storage.observing import Observer
from dicom_gateway.storage.order_finding import OrderSearch, found_by
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.storage.outbox import Target
from dicom_gateway.storage.prepared import Statement
from dicom_gateway.storage.worklist import StepVersion
from tests.storage.builders import PMS, GatewayStore, a_procedure, a_reference, a_step, an_order, opened

DAY = date(2027, 1, 15)
ZONE = ZoneInfo("Europe/Berlin")
TEMPLATES = Templates([Template("TPL2", 2, "two views")])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GatewayStore]:
    with opened(tmp_path / "gateway.db", targets=(Target("pms"), Target("other"))) as found:
        yield found


def a_board(store: GatewayStore, database: Database | None = None) -> Board:
    return Board(database or store.database, store.clock, ZONE, TEMPLATES, lambda: ["pms", "other"], lambda: ["DX1"])


def the_line(store: GatewayStore, day: date | None = None) -> Line:
    (line,) = a_board(store).day(day).lines
    return line


def ordered(store: GatewayStore, number: str = "A-1", start: str = "2027-01-15T10:00", **values: Any) -> Order:
    defaults: dict[str, Any] = {"station_ae_titles": ("DX1",)}
    study = f"1.2.3.{number.partition('-')[2]}" if number != "A-1" else "1.2.3"
    return store.order(number, a_procedure(a_step(start=start, **(defaults | values)), study_instance_uid=study))


def test_a_day_has_its_steps_and_today_those_that_were_left_over(store: GatewayStore) -> None:
    for number, start in enumerate(
        ("2027-01-15T10:00", "2027-01-16T10:00", "2027-01-14T10:00", "2027-01-08T10:00", "2027-01-07T23:59"), 1
    ):
        ordered(store, f"A-{number}", start)
    ended = ordered(store, "A-9", "2027-01-14T10:00")
    store.orders.cancel(ended.id, PMS)
    board = a_board(store)

    def numbers(day: date | None) -> list[str]:
        return sorted(line.order.placer_order_number for line in board.day(day).lines)

    assert numbers(None) == numbers(DAY) == ["A-1", "A-3", "A-4"]
    assert numbers(date(2027, 1, 14)) == ["A-3", "A-9"]
    assert numbers(date(2027, 1, 16)) == ["A-2"]
    assert numbers(date(2027, 1, 17)) == []
    left_over = [line.order.placer_order_number for line in board.day().lines if line.is_left_over]
    assert sorted(left_over) == ["A-3", "A-4"]


def test_the_day_is_that_of_the_practice(store: GatewayStore) -> None:
    store.clock.advance(15 * 3600 + 1)  # 23:00 UTC: tomorrow in Berlin
    ordered(store, start="2027-01-16T08:00")
    assert not the_line(store).is_left_over


def test_images_count_as_they_come(store: GatewayStore) -> None:
    ordered(store, expected_instances=3)
    assert the_line(store).known.received == 0
    begun = store.clock()
    store.image("1.1")
    store.clock.advance(60)
    store.image("1.2")
    line = the_line(store)
    known = line.known
    assert (line.state, known.received, known.begun_at, known.news_at) == (State.RUNNING, 2, begun, store.clock())
    assert known.studies == ("1.2.3",)
    assert line.expected is not None and line.expected.images == 3


def test_only_images_that_count(store: GatewayStore) -> None:
    ordered(store)
    store.image("1.1", presentation_intent="FOR PRESENTATION")
    store.image("1.2", presentation_intent="FOR PROCESSING")
    store.image("1.3", rows=None)
    store.image("1.4", is_quality_control=True)
    assert the_line(store).known.received == 1
    store.image("1.5", series_description='says "rows": and "is_derived":')
    assert the_line(store).known.received == 2
    store.image("1.6", rows=None, rejected_uids=("1.5",))
    assert the_line(store).known.received == 1


def test_images_of_several_studies_of_a_procedure(store: GatewayStore) -> None:
    order = ordered(store)
    store.image("1.1", accession_number=order.accession_number)
    store.image("1.2", accession_number=order.accession_number, study_instance_uid="7.7")
    assert (the_line(store).known.received, sorted(the_line(store).known.studies)) == (2, ["1.2.3", "7.7"])


def test_each_step_of_a_procedure_has_its_own_images(store: GatewayStore) -> None:
    steps = [a_step(id=name, expected_instances=2, station_ae_titles=("DX1",)) for name in ("S1", "S2")]
    store.order("A-1", a_procedure(*steps))
    store.create_mpps("9.1", a_reference(step="S1"))
    store.image("1.1", performed_step_uids=("9.1",))

    def received() -> dict[str, int]:
        return {line.step.id: line.known.received for line in a_board(store).day().lines}

    assert received() == {"S1": 1, "S2": 0}


def test_images_of_another_patient_wait(store: GatewayStore) -> None:
    order = ordered(store)
    store.image("1.1", patient_id="P-99")
    store.image("1.2", patient_id="P-99", study_instance_uid="7.7", accession_number=order.accession_number)
    store.image("1.3", patient_id="P-99", study_instance_uid="7.8", accession_number="0000000999")
    line = the_line(store)
    assert (line.known.received, line.known.waiting, line.state) == (0, 2, State.OPEN)
    assert Trouble.UNMATCHED in {one.trouble for one in line.stuck}


def test_who_performs_a_step(store: GatewayStore) -> None:
    ordered(store, station_ae_titles=("DX1", "DX2"))
    begun = store.clock()
    store.create_mpps("9.1", ae_title="DX2")
    line = the_line(store)
    assert (line.devices, line.known.is_reporting, line.known.begun_at) == (("DX2",), True, begun)
    store.clock.advance(5)
    store.set_mpps("9.1")
    known = the_line(store).known
    assert (known.is_reporting, known.news_at) == (False, store.clock())


def test_a_wrong_entry_leaves_the_step_to_its_devices(store: GatewayStore) -> None:
    ordered(store)
    store.create_mpps("9.1", ae_title="DX2")
    store.set_mpps("9.1", status="DISCONTINUED", reason=("110514", "DCM"))
    line = the_line(store)
    assert (line.step.status, line.devices, line.known.begun_at) == (StepStatus.SCHEDULED, ("DX1",), 0)


def test_who_was_served(store: GatewayStore) -> None:
    order = ordered(store)
    at = store.clock()
    _ask(store, order)
    assert the_line(store).known.served == {"DX1": at}
    (light,) = a_board(store).day().devices
    assert light == DeviceLight("DX1", seen_at=at, served_at=at)


def _ask(store: GatewayStore, order: Order) -> None:
    observer = Observer(store.database, facts_of_identifier)
    version = StepVersion(order.id, order.version, store.clock(), 0, 0)
    observer.observe(WorklistAsked("DX1", "192.0.2.9", store.clock(), b"", "1.2.840.10008.1.2", 0, (version,)))
    observer.close()


def test_a_device_that_was_refused(store: GatewayStore) -> None:
    ordered(store)
    store.unknown_devices.record("DX1", "192.0.2.9", "GATEWAY", "unknown device")
    store.unknown_devices.record("ELSE", "192.0.2.9", "GATEWAY", "unknown device")
    line = the_line(store)
    assert line.known.refused == {"DX1": store.clock()}
    assert [one.trouble for one in line.stuck] == [Trouble.REFUSED]
    assert a_board(store).day().devices == [DeviceLight("DX1", refused_at=store.clock())]


def test_what_could_not_be_delivered(store: GatewayStore) -> None:
    ordered(store)
    store.image("1.1")
    assert (the_line(store).known.parked, the_line(store).known.paused) == ((), ())
    (claimed,) = store.outbox.claim("worker", store.clock(), 1000, "pms")
    store.outbox.finish(claimed, "worker", store.clock(), False, "refused", None)
    store.outbox.pause("other", store.clock(), "answers 410")
    line = the_line(store)
    assert (line.known.parked, line.known.paused) == (("pms",), ("other",))
    first, second = a_board(store).day().targets
    assert (first.parked, first.waiting, first.is_paused) == (1, 0, False)
    assert (second.parked, second.waiting, second.paused) == (0, 1, "answers 410")
    assert second.oldest_waiting_at == store.clock()


def test_when_a_target_was_last_told(store: GatewayStore) -> None:
    ordered(store)
    store.image("1.1")
    (claimed,) = store.outbox.claim("worker", store.clock(), 1000, "pms")
    store.clock.advance(3)
    store.outbox.finish(claimed, "worker", store.clock(), True, "200", None)
    first, second = a_board(store).day().targets
    assert (first.delivered_at, first.waiting, second.delivered_at) == (store.clock(), 0, 0)
    assert a_board(store).lights()[1] == [first, second]


def test_an_order_that_changed_is_read_anew(store: GatewayStore) -> None:
    order, board = ordered(store), a_board(store)

    def state() -> tuple[State, int]:
        (line,) = board.day().lines
        return line.state, line.order.version

    assert state() == state() == (State.OPEN, 1)
    store.image("1.1")
    assert state() == (State.RUNNING, 2)
    store.settle_after(100)
    assert (state(), store.orders.get(order.id).status) == ((State.DONE, 3), "COMPLETED")


def test_a_day_is_read_once_for_all_who_ask_at_one_version(store: GatewayStore) -> None:
    ordered(store)
    board = a_board(store)
    first = board.day_at(1)
    assert board.day_at(1) is first
    assert board.day_at(2) is not first
    assert board.day_at(2, date(2027, 1, 16)).lines == []
    later = board.day_at(2)
    store.clock.advance(60)
    assert board.day_at(2) is not later
    for number in range(1, 20):
        board.day_at(2, date(2027, 2, number))
    assert len(board._shared) <= 8


def test_a_template_of_the_practice(store: GatewayStore) -> None:
    code = Code("TPL2", "99LOCAL")
    store.order("A-1", a_procedure(a_step(), code=code))
    line = the_line(store)
    assert line.expected is not None and line.expected.images == 2


class Counting(Database):
    """A database that counts the statements of its reads."""

    queries = 0

    def read(self, fn: Any) -> Any:
        def counted(tx: Transaction) -> Any:
            ran: list[str] = []
            connection = tx._database.connection()
            connection.set_trace_callback(ran.append)
            try:
                return fn(tx)
            finally:
                connection.set_trace_callback(None)
                self.queries += len(ran)

        return super().read(counted)


def test_the_number_of_queries_does_not_grow(store: GatewayStore) -> None:
    database = Counting(store.database.path)
    board = a_board(store, database)

    def queries() -> int:
        database.queries = 0
        board.day()
        return database.queries

    ordered(store)
    store.image("1.1")
    few = queries()
    for number in range(2, 30):
        ordered(store, f"A-{number}")
        store.image(f"1.{number}", study_instance_uid=f"1.2.3.{number}")
    today: Today = board.day()
    assert few > 10
    assert (queries(), len(today.lines)) == (few, 29)
    assert {line.known.received for line in today.lines} == {1}
    database.close()


STATEMENTS = {
    name: statement
    for module in (board_module, board_rows)
    for name, statement in vars(module).items()
    if isinstance(statement, Statement) and name != "_PAUSED"  # as many rows as there are targets
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_every_read_goes_along_an_index(store: GatewayStore, statement: Statement) -> None:
    def explained(tx: Transaction) -> list[str]:
        sql, values = statement.on(tx._database, _values(statement, tx))
        return [row[3] for row in tx._database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values)]

    plan = store.database.read(explained)
    assert plan and not [step for step in plan if step.startswith("SCAN")]


_LISTS = ("ids", "uids", "titles", "numbers", "targets")


def _values(statement: Statement, tx: Transaction) -> dict[str, Any]:
    try:
        statement.on(tx._database, {})
    except TypeError as error:
        names = str(error).partition("[")[2].partition("]")[0].replace("'", "").split(", ")
        return {name: ["a", "b"] if name.endswith(_LISTS) else "1" for name in names}
    return {}


SEARCHES = {
    "": ["A-3", "A-2", "A-1"],
    "doe": ["A-3", "A-1"],
    "DOE rex": ["A-1"],
    "Rex Doe": ["A-1"],
    "doe, r": ["A-1"],
    "rex": ["A-1"],
    "van der": ["A-2"],
    "van der Berg, Ann": ["A-2"],
    "Ann": ["A-2"],
    "A-": ["A-3", "A-2", "A-1"],
    "A-2": ["A-2"],
    "P-2": ["A-2"],
    "0000000003": ["A-3"],
    "ex": [],
    "%": [],
    "zzz": [],
    "\U0010ffff": [],
}


@pytest.fixture
def searchable(store: GatewayStore) -> OrderSearch:
    for number, name in (("1", "Doe^Rex"), ("2", "van der Berg^Ann"), ("3", "Doe")):
        patient = an_order().patient.evolve(id=f"P-{number}", name=name)
        store.order(f"A-{number}", a_procedure(study_instance_uid=f"1.{number}"), patient=patient)
        store.clock.advance(1)
    return OrderSearch(store.database)


@pytest.mark.parametrize(("text", "expected"), SEARCHES.items(), ids=SEARCHES.keys())
def test_a_search_over_all_days(searchable: OrderSearch, text: str, expected: list[str]) -> None:
    assert [order.placer_order_number for order in searchable.find(text, OrderFilter())] == expected


def test_a_search_has_filters_and_pages(searchable: OrderSearch) -> None:
    first = searchable.find("doe", OrderFilter(limit=1))
    assert [order.placer_order_number for order in first] == ["A-3"]
    after = (first[0].created_at, first[0].id)
    assert [order.placer_order_number for order in searchable.find("doe", OrderFilter(after=after))] == ["A-1"]
    assert searchable.find("doe", OrderFilter(device="DX9")) == []
    assert len(searchable.find("doe", OrderFilter(device="DX1", date="20270115"))) == 2


def test_a_search_goes_along_indexes(searchable: OrderSearch, store: GatewayStore) -> None:
    plans: list[str] = []

    def explained(tx: Transaction) -> None:
        sql, values = tx._database.get_sql_context().sql(found_by(["doe", "rex"])).query()
        plans.extend(row[3] for row in tx._database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values))

    store.database.read(explained)
    assert [plan for plan in plans if plan.startswith("SCAN")] == []
    assert sum("scheduled_step_given" in plan for plan in plans) >= 1


def test_patients_of_earlier_orders(searchable: OrderSearch, store: GatewayStore) -> None:
    newer = an_order().patient.evolve(id="P-1", name="Doe^Rex", species="Canine")
    store.order("A-4", a_procedure(study_instance_uid="1.4"), patient=newer)
    found = [order.patient for order in searchable.last_orders("doe")]
    assert [(one.id, one.species) for one in found] == [("P-1", "Canine"), ("P-3", "")]
    assert [order.patient for order in searchable.last_orders("doe", 1)] == [newer]
    assert searchable.last_orders(" ") == []
