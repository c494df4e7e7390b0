"""Observations: handed over at once, written later and together, bounded, and never in the way."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dicom_gateway.core.habits import Habit, QueryFacts
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.storage import observation_rows, observing
from dicom_gateway.storage.observation_tables import DeviceHabitRow
from dicom_gateway.storage.observations import DeviceSeen, ObservationStore, WorklistAsked
from dicom_gateway.storage.observing import Observer
from dicom_gateway.storage.worklist import StepVersion
from tests.storage.builders import GatewayStore, a_procedure, a_step

AT = 1_790_000_000 * SECOND
SERVICE: tuple[Habit, str] = (Habit.SERVICE, "verification")


def described(identifier: bytes, transfer_syntax_uid: str) -> QueryFacts:
    """Say that an identifier has the shape of its first byte."""
    return QueryFacts(identifier[:1].decode(), ((Habit.RETURN_KEY, "PatientName"),))


@pytest.fixture
def observers(gateway_store: GatewayStore) -> Iterator[Callable[..., Observer]]:
    """Make observers; each is closed."""
    made: list[Observer] = []

    def make(**options: Any) -> Observer:
        made.append(Observer(gateway_store.database, described, **{"seconds": 0.01, **options}))
        return made[-1]

    yield make
    for observer in made:
        observer.close()


@pytest.fixture
def observed(gateway_store: GatewayStore) -> ObservationStore:
    return ObservationStore(gateway_store.database)


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until `condition()` holds."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.005)


def asked(identifier: bytes = b"a", at: int = AT, *served: StepVersion, **changes: Any) -> WorklistAsked:
    values = {
        "ae_title": "DX1", "address": "192.0.2.9", "at": at, "identifier": identifier,
        "transfer_syntax_uid": "1.2.840.10008.1.2", "status": 0, "served": served,
    }  # fmt: skip
    return WorklistAsked(**(values | changes))


def step_of(order: Any, procedure: int = 0, step: int = 0) -> StepVersion:
    return StepVersion(order.id, order.version, AT, procedure, step)


def test_closing_writes_what_is_there(
    gateway_store: GatewayStore, observed: ObservationStore, observers: Callable[..., Observer]
) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(), a_step()))
    observer = observers(seconds=60)
    observer.observe(asked(b"a", AT, step_of(order), step_of(order, 0, 1)))
    observer.observe(asked(b"a2", AT + 5 * SECOND, step_of(order), status=0xA700))
    observer.close()
    (query,) = observed.queries_of("DX1")
    assert (query.identifier, query.at, query.status, query.answers, query.times) == (
        b"a2",
        AT + 5 * SECOND,
        0xA700,
        1,
        2,
    )
    assert query.address == "192.0.2.9"
    first, second = (step.id for step in order.steps())
    found = {
        one.step_id: (one.ae_title, one.first_at, one.last_at, one.times)
        for one in observed.served([order.id])[order.id]
    }
    assert found == {first: ("DX1", AT, AT + 5 * SECOND, 2), second: ("DX1", AT, AT, 1)}
    assert {(seen.kind, seen.name) for seen in observed.habits_of("DX1")} == {
        (Habit.SERVICE, "worklist"),
        (Habit.RETURN_KEY, "PatientName"),
    }


def test_it_is_written_without_closing(observed: ObservationStore, observers: Callable[..., Observer]) -> None:
    observers().observe(DeviceSeen("DX1", AT, (SERVICE,)))
    wait_until(lambda: observed.habits_of("DX1"))


def test_a_step_of_several_devices(
    gateway_store: GatewayStore, observed: ObservationStore, observers: Callable[..., Observer]
) -> None:
    order = gateway_store.order()
    observer = observers()
    for ae_title in ("DX2", "DX1"):
        observer.observe(asked(b"a", AT + len(ae_title), step_of(order), ae_title=ae_title))
    observer.close()
    (step,) = order.steps()
    shown = observed.served_to([order.id])[order.id][step.id]
    assert [one["ae_title"] for one in shown] == ["DX1", "DX2"]
    assert observed.served_to(["another"]) == {}


def test_what_was_written_lately_is_counted_in_memory(
    observed: ObservationStore, observers: Callable[..., Observer]
) -> None:
    observer = observers()
    observer.observe(DeviceSeen("DX1", AT, (SERVICE,)))
    wait_until(lambda: observed.habits_of("DX1"))
    observer.observe(DeviceSeen("DX1", AT + 59 * SECOND, (SERVICE,)))
    observer.observe(DeviceSeen("DX1", AT, ((Habit.QUIRK, "mark"),)))
    wait_until(lambda: len(observed.habits_of("DX1")) == 2)
    assert [seen.last_at for seen in observed.habits_of("DX1")] == [AT, AT]
    observer.observe(DeviceSeen("DX1", AT + 60 * SECOND, (SERVICE,)))
    wait_until(lambda: observed.habits_of("DX1")[1].times == 3)
    assert observed.habits_of("DX1")[1].last_at == AT + 60 * SECOND
    assert observed.habits_of("DX1")[1].first_at == AT


def test_the_oldest_are_dropped_and_counted(observed: ObservationStore, observers: Callable[..., Observer]) -> None:
    dropped: list[None] = []
    observer = observers(seconds=60, count_dropped=lambda: dropped.append(None))
    for number in range(observing.MOST_WAITING + 3):
        observer.observe(DeviceSeen(f"D{number}", AT, (SERVICE,)))
    assert len(dropped) == 3
    observer.close()
    assert not observed.habits_of("D2")
    assert observed.habits_of(f"D{observing.MOST_WAITING + 2}")


def test_large_ones_are_dropped_sooner(observers: Callable[..., Observer]) -> None:
    dropped: list[None] = []
    observer = observers(seconds=60, count_dropped=lambda: dropped.append(None))
    for _ in range(66):
        observer.observe(asked(bytes(1 << 20)))
    assert len(dropped) == 3


def test_a_database_that_is_away(
    gateway_store: GatewayStore, observed: ObservationStore, observers: Callable[..., Observer]
) -> None:
    observer, asleep, go_on = observers(), threading.Event(), threading.Event()

    def hold(tx: Any) -> None:
        asleep.set()
        assert go_on.wait(20)

    held = gateway_store.database.submit(hold)
    assert asleep.wait(20)
    for number in range(100):  # nobody waits for the database
        observer.observe(asked(b"a", AT + number))
    go_on.set()
    held.wait()
    wait_until(lambda: [query.times for query in observed.queries_of("DX1")] == [100])


@pytest.mark.parametrize("size", [observing.LARGEST_QUERY, observing.LARGEST_QUERY + 1])
def test_how_large_a_query_is_kept(observed: ObservationStore, observers: Callable[..., Observer], size: int) -> None:
    observer = observers()
    observer.observe(asked(b"a" * size))
    observer.close()
    is_kept = size == observing.LARGEST_QUERY
    assert bool(observed.queries_of("DX1")) is is_kept
    assert (Habit.QUIRK in {seen.kind for seen in observed.habits_of("DX1")}) is not is_kept


def test_the_last_queries_of_a_device_are_kept(observed: ObservationStore, observers: Callable[..., Observer]) -> None:
    observer = observers()
    for number, shape in enumerate("abcdefghijk"):
        observer.observe(asked(shape.encode(), AT + number * SECOND))
    observer.observe(asked(b"z", ae_title="CT1"))
    observer.close()
    kept = [query.identifier.decode() for query in observed.queries_of("DX1")]
    assert kept == list("kjihgfed") and len(kept) == observation_rows.QUERIES_KEPT
    assert len(observed.queries_of("CT1")) == 1


def test_names_and_devices_are_bounded(
    gateway_store: GatewayStore, observed: ObservationStore, observers: Callable[..., Observer]
) -> None:
    observer = observers()
    names = observation_rows.NAMES_KEPT + 5
    observer.observe(DeviceSeen("DX1", AT, tuple((Habit.STORES, f"1.2.{number}") for number in range(names))))
    for number in range(observation_rows.DEVICES_KEPT + 5):
        observer.observe(DeviceSeen(f"D{number}", AT + 1 + number, (SERVICE,)))
    observer.close()
    devices = gateway_store.database.read(
        lambda tx: tx.values(DeviceHabitRow.select(DeviceHabitRow.ae_title).distinct())
    )
    assert len(devices) == observation_rows.DEVICES_KEPT
    assert observed.habits_of("DX1") == ()  # the device that was not seen for the longest time

    observer = observers()
    observer.observe(DeviceSeen("DX1", AT + SECOND, tuple((Habit.STORES, f"1.2.{number}") for number in range(names))))
    observer.close()
    assert len(observed.habits_of("DX1")) == observation_rows.NAMES_KEPT


def test_a_step_that_is_gone_is_passed_over(observed: ObservationStore, observers: Callable[..., Observer]) -> None:
    observer = observers()
    observer.observe(asked(b"a", AT, StepVersion("no order", 1, AT, 0, 0)))
    observer.close()
    assert observed.served(["no order"]) == {}
    assert observed.queries_of("DX1")


def test_it_goes_on_after_a_bug(observed: ObservationStore, observers: Callable[..., Observer]) -> None:
    observer = observers()
    observer.observe(asked(b"\xff"))  # `described` cannot read it
    observer.observe(asked(b"a"))
    wait_until(lambda: observed.queries_of("DX1"))
