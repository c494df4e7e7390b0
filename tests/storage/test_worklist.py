"""What SQL leaves for the worklist: pages, stations, dates and statuses; matching itself is tested with core."""

from typing import Any

import pytest

from dicom_gateway.core.matching import Narrowing
from dicom_gateway.core.model import Patient
from dicom_gateway.core.status import StepStatus
from dicom_gateway.storage import order_rows
from dicom_gateway.storage.worklist import PAGE, Worklist
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
    gateway_store.order()
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
