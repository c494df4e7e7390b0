"""Orders in the database: once however often they are sent, found by what they hold, and never mixed up."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dicom_gateway.core.model import Patient
from dicom_gateway.errors import Conflict, IllegalTransition, InvalidDocument, NotFound
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.storage.tables import OrderRow, StationRow, StepRow
from tests.storage.builders import PMS, STUDY, GatewayStore, a_procedure, a_step, an_order

LONG = "A-24-CHARACTER-ID-123456"


def uid(number: int) -> str:
    return f"1.2.{number}"


def numbered(store: GatewayStore, number: int, *steps: Any, **values: Any) -> Any:
    return store.order(f"A-{number}", a_procedure(*steps, study_instance_uid=uid(number)), **values)


def test_save_and_get(gateway_store: GatewayStore) -> None:
    order, created = gateway_store.orders.save(an_order(), PMS)
    assert created
    assert gateway_store.orders.get(order.id) == order
    assert order.steps()[0].station_ae_titles == ("DX1",)
    assert (order.created_at, order.version) == (gateway_store.clock(), 1)
    with pytest.raises(NotFound):
        gateway_store.orders.get("none")
    assert gateway_store.told() == []


def test_the_same_again_changes_nothing(gateway_store: GatewayStore) -> None:
    order, _ = gateway_store.orders.save(an_order(), PMS)
    gateway_store.clock.advance(60)
    for _ in range(2):
        assert gateway_store.orders.save(an_order(), PMS) == (order, False)
    assert len(gateway_store.audit.of(f"order {order.id}")) == 1


def test_the_same_number_of_another_source_is_another_order(gateway_store: GatewayStore) -> None:
    first = gateway_store.order()
    second = gateway_store.order("A-1", a_procedure(study_instance_uid="1.9"), source="other")
    assert first.id != second.id


def test_sixteen_at_once_make_one_order(gateway_store: GatewayStore) -> None:
    with ThreadPoolExecutor(16) as pool:
        saved = list(pool.map(lambda _: gateway_store.orders.save(an_order(), PMS), range(16)))
    assert len({order.id for order, _ in saved}) == 1
    assert [created for _, created in saved].count(True) == 1


def test_every_change_is_in_the_audit(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.clock.advance(1)
    gateway_store.orders.save(an_order(reason="cough"), Actor("other token", "192.0.2.8"))
    gateway_store.image()
    with pytest.raises(IllegalTransition):
        gateway_store.orders.cancel(order.id, PMS)
    rows = gateway_store.audit.of(f"order {order.id}")
    assert [(row["who"], row["origin"], row["action"]) for row in rows] == [
        ("token mypms", "192.0.2.7", "order received"),
        ("other token", "192.0.2.8", "order changed: reason"),
        ("device DX1", "192.0.2.9", "started"),
        ("token mypms", "192.0.2.7", "cancel refused"),
    ]
    assert rows[1]["at"] == rows[0]["at"] + 1_000_000
    assert [row["detail"] for row in rows[:3]] == [
        "version 1, SCHEDULED",
        "version 2, SCHEDULED",
        "version 3, STARTED",
    ]


def test_an_mpps_and_its_effect_are_in_the_audit(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.set_mpps()
    actions = [row["action"] for row in gateway_store.audit.of("performed step 9.1")]
    assert actions == ["performed step created", "performed step updated"]
    effects = [(row["who"], row["detail"]) for row in gateway_store.audit.of(f"order {order.id}")[1:]]
    assert effects == [("device DX1", "version 2, STARTED"), ("device DX1", "version 3, COMPLETED")]


def test_a_cancellation_is_in_the_audit_once(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    for _ in range(2):
        gateway_store.orders.cancel(order.id, PMS)
    actions = [row["action"] for row in gateway_store.audit.of(f"order {order.id}")]
    assert actions == ["order received", "order cancelled"]
    with pytest.raises(NotFound):
        gateway_store.orders.cancel("none", PMS)


def test_a_refused_order_leaves_nothing(gateway_store: GatewayStore) -> None:
    twice = a_procedure(a_step(id="S"), a_step(id="S"))
    with pytest.raises(InvalidDocument):
        gateway_store.order("A-1", twice)
    assert gateway_store.orders.find(OrderFilter()) == []
    assert gateway_store.order().accession_number == "0000000001"


def test_an_accession_number_of_another_patient_is_refused(gateway_store: GatewayStore) -> None:
    numbered(gateway_store, 1, accession_number="ACC1")
    stranger = Patient("P-79", "Roe^Tom", issuer="MYPMS")
    with pytest.raises(Conflict, match="accession"):
        numbered(gateway_store, 2, accession_number="ACC1", patient=stranger)
    assert len(gateway_store.orders.find(OrderFilter())) == 1
    assert numbered(gateway_store, 3, accession_number="ACC1").accession_number == "ACC1"  # the same patient


def test_an_original_accession_number_of_another_patient_is_refused(gateway_store: GatewayStore) -> None:
    numbered(gateway_store, 1, accession_number=LONG)
    with pytest.raises(Conflict, match="accession"):
        numbered(gateway_store, 2, accession_number=LONG, patient=Patient("P-79", "Roe"))


def test_an_accession_number_of_a_pms_that_looks_like_ours_is_passed_over(gateway_store: GatewayStore) -> None:
    stranger = Patient("P-79", "Roe^Tom")
    numbered(gateway_store, 1, accession_number="0000000001", patient=stranger)
    assert numbered(gateway_store, 2).accession_number == "0000000002"


def test_a_study_of_another_order_is_refused(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    with pytest.raises(Conflict, match="study"):
        gateway_store.order("A-2")
    assert gateway_store.orders.save(an_order(), PMS)[1] is False


def test_minted_numbers_go_on_over_orders(gateway_store: GatewayStore) -> None:
    orders = [gateway_store.order(f"A-{n}", a_procedure(study_instance_uid="")) for n in range(3)]
    assert [order.accession_number for order in orders] == ["0000000001", "0000000002", "0000000003"]
    assert len({order.steps()[0].id for order in orders}) == 3
    assert len({order.procedures[0].study_instance_uid for order in orders}) == 3


def test_the_rows_of_an_updated_order_are_those_of_its_steps(gateway_store: GatewayStore) -> None:
    first = a_procedure(a_step("IO", id="S1"), a_step(id="S2"))
    gateway_store.order("A-1", first)
    gateway_store.order("A-1", a_procedure(a_step("CR", "2027-02-01T08:00", id="S2", station_ae_titles=("CR7",))))
    steps = gateway_store.database.read(lambda tx: tx.rows(StepRow.select().order_by(StepRow.step_id)))
    assert [(r["step_id"], r["status"], r["modality"], r["start_date"], r["step_position"]) for r in steps] == [
        ("S1", "CANCELED", "IO", "20270115", 0),
        ("S2", "SCHEDULED", "CR", "20270201", 1),
    ]
    stations = gateway_store.database.read(lambda tx: tx.rows(StationRow.select().order_by(StationRow.ae_title)))
    assert [(r["ae_title"], r["start_date"]) for r in stations] == [
        ("CR7", "20270201"),
        ("IO1", "20270115"),
        ("IO2", "20270115"),
    ]


def test_the_row_of_an_order_follows_its_status(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.image()
    (row,) = gateway_store.database.read(lambda tx: tx.rows(OrderRow.select()))
    assert (row["id"], row["status"], row["version"]) == (order.id, "STARTED", 2)
    assert gateway_store.orders.by_status() == {"STARTED": 1}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "4 3 2 1"),
        ({"status": "SCHEDULED"}, "4 3 1"),
        ({"status": "STARTED"}, "2"),
        ({"date": "20270116"}, "3"),
        ({"device": "IO2"}, "3"),
        ({"device": "io2"}, ""),
        ({"modality": "IO"}, "3"),
        ({"modality": "IO", "date": "20270115"}, ""),
        ({"patient_id": "P-79"}, "4"),
        ({"accession_number": "ACC1"}, "1"),
        ({"accession_number": LONG}, "2"),
        ({"accession_number": "ACC"}, ""),
        ({"source": "other"}, "4"),
        ({"source": "other", "patient_id": "P-78"}, ""),
        ({"limit": 2}, "4 3"),
    ],
    ids=str,
)
def test_find(gateway_store: GatewayStore, wanted: dict[str, Any], found: str) -> None:
    numbered(gateway_store, 1, accession_number="ACC1")
    gateway_store.clock.advance(1)
    numbered(gateway_store, 2, accession_number=LONG)
    gateway_store.image(study_instance_uid=uid(2))
    gateway_store.clock.advance(1)
    numbered(gateway_store, 3, a_step("IO", "2027-01-16T08:00"), a_step("DX"))
    gateway_store.clock.advance(1)
    numbered(gateway_store, 4, patient=Patient("P-79", "Roe"), source="other")
    orders = gateway_store.orders.find(OrderFilter(**wanted))
    assert " ".join(order.placer_order_number.removeprefix("A-") for order in orders) == found


def test_pages_of_orders_of_the_same_instant(gateway_store: GatewayStore) -> None:
    everything = {numbered(gateway_store, n).id for n in range(7)}
    seen: list[str] = []
    after = None
    while page := gateway_store.orders.find(OrderFilter(limit=3, after=after)):
        seen += [order.id for order in page]
        after = (page[-1].created_at, page[-1].id)
    assert len(seen) == 7 and set(seen) == everything


def test_an_order_with_every_character_comes_back(gateway_store: GatewayStore) -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    order = gateway_store.order(patient=Patient("Ä'\"%_", name), reason='x" OR 1=1 --')
    assert gateway_store.orders.get(order.id) == order
    assert [o.id for o in gateway_store.orders.find(OrderFilter(patient_id="Ä'\"%_"))] == [order.id]
    assert gateway_store.orders.find(OrderFilter(patient_id="Ä%")) == []


def test_an_update_may_change_the_study_of_what_has_not_begun(gateway_store: GatewayStore) -> None:
    gateway_store.image("1.9.1", study_instance_uid="1.9")
    order = gateway_store.order()
    gateway_store.order("A-1", a_procedure(study_instance_uid="1.9"))
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    with pytest.raises(Conflict):
        gateway_store.order("A-1", a_procedure(study_instance_uid=STUDY))
