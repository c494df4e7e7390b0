"""Studies that do not follow the book: wrong lines, several studies a procedure, several procedures a report."""

import pytest

from dicom_gateway.core.model import Order
from dicom_gateway.core.performed import update
from tests.storage.builders import PMS, WRONG_ENTRY, GatewayStore, a_procedure, a_reference, a_step, an_item

ONE, TWO = "1.2.3.1.1", "1.2.3.1.2"


def wrong_line(store: GatewayStore) -> None:
    store.create_mpps()
    store.set_mpps("9.1", status="DISCONTINUED", reason=WRONG_ENTRY)


def alarms(store: GatewayStore) -> list[str]:
    return [row["kind"] for row in store.audit.alarms()]


@pytest.fixture
def order(gateway_store: GatewayStore) -> Order:
    return gateway_store.order("A-1", a_procedure(a_step(expected_instances=1)))


def nothing_of_it_was_delivered(store: GatewayStore, order: Order) -> None:
    store.settle_all()
    assert store.statuses(order)[0] == "SCHEDULED"
    assert "study.received" not in store.told()
    assert store.shown() == []
    assert "incorrect worklist entry selected" in alarms(store)


def test_images_after_a_wrong_line_wait(gateway_store: GatewayStore, order: Order) -> None:
    wrong_line(gateway_store)
    gateway_store.image(ONE)
    nothing_of_it_was_delivered(gateway_store, order)


def test_images_of_a_wrong_line_from_another_ae_title_wait(gateway_store: GatewayStore, order: Order) -> None:
    gateway_store.create_mpps()
    gateway_store.image(ONE, ae_title="DX1STORE")
    gateway_store.set_mpps("9.1", status="DISCONTINUED", reason=WRONG_ENTRY)
    nothing_of_it_was_delivered(gateway_store, order)


def test_images_before_the_report_of_a_wrong_line_wait(gateway_store: GatewayStore, order: Order) -> None:
    gateway_store.image(ONE)
    wrong_line(gateway_store)
    nothing_of_it_was_delivered(gateway_store, order)


def test_after_a_wrong_line_the_right_one_is_delivered(gateway_store: GatewayStore, order: Order) -> None:
    wrong_line(gateway_store)
    gateway_store.clock.advance(60)
    gateway_store.create_mpps("9.2")
    gateway_store.image(TWO)
    gateway_store.set_mpps("9.2", TWO)
    gateway_store.settle_all()
    assert gateway_store.statuses(order)[0] == "COMPLETED"
    assert gateway_store.shown() == [TWO]


def test_only_steps_that_have_begun_are_expected(gateway_store: GatewayStore) -> None:
    steps = a_step("DX", expected_instances=1), a_step("IO", expected_instances=2)
    order = gateway_store.order("A-1", a_procedure(*steps))
    gateway_store.image(ONE)
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["STARTED", "COMPLETED", "SCHEDULED"]
    assert gateway_store.told() == ["order.started", "study.received"]


def test_a_cancelled_step_is_not_expected(gateway_store: GatewayStore) -> None:
    gateway_store.order("A-1", a_procedure(a_step("DX", expected_instances=1), a_step("IO", expected_instances=2)))
    order = gateway_store.order("A-1", a_procedure(a_step("DX", expected_instances=1)))
    gateway_store.image(ONE)
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED", "CANCELED"]
    assert "order.incomplete" not in gateway_store.told()


def test_one_report_of_two_procedures_misses_nothing(gateway_store: GatewayStore) -> None:
    order = gateway_store.order(
        "A-1", a_procedure(a_step()), a_procedure(a_step(), study_instance_uid="1.2.4", description="other")
    )
    gateway_store.create_mpps("9.1", a_reference("1.2.3"), a_reference("1.2.4"))
    gateway_store.image(ONE)
    gateway_store.image("1.2.4.1.1", study_instance_uid="1.2.4")
    gateway_store.set_mpps("9.1", ONE, "1.2.4.1.1")
    gateway_store.settle_all()
    received = [event for event in gateway_store.events() if event["type"] == "study.received"]
    assert [(event["evidence"], event["study"]["missing"]) for event in received] == [("mpps+images", [])] * 2
    assert gateway_store.statuses(order)[0] == "COMPLETED"
    assert "order.incomplete" not in gateway_store.told()


def test_a_report_in_the_orders_study_and_images_in_the_devices_own(gateway_store: GatewayStore, order: Order) -> None:
    gateway_store.create_mpps()
    own = {"study_instance_uid": "7.7", "accession_number": order.accession_number}
    gateway_store.image("7.7.1", **own)
    gateway_store.set_mpps("9.1", "7.7.1")
    gateway_store.settle_all()
    assert gateway_store.told() == ["order.started", "order.completed", "study.received"]


def test_a_study_of_each_image_counts_for_the_procedure(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(expected_instances=2)))
    for number in (1, 2):
        gateway_store.image(f"7.{number}.1", study_instance_uid=f"7.{number}", accession_number=order.accession_number)
    gateway_store.settle_all()
    assert gateway_store.statuses(order)[0] == "COMPLETED"
    assert sorted(gateway_store.told()) == ["order.completed", "order.started", "study.received", "study.received"]


def test_too_few_over_several_studies_are_told_once(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(expected_instances=3)))
    for number in (1, 2):
        gateway_store.image(f"7.{number}.1", study_instance_uid=f"7.{number}", accession_number=order.accession_number)
    gateway_store.settle_all()
    assert gateway_store.told().count("order.incomplete") == 1


def test_a_study_shows_the_patient_of_its_order_not_a_stranger_who_came_first(
    gateway_store: GatewayStore, order: Order
) -> None:
    gateway_store.image(ONE, patient_id="STRANGER", patient_name="Stranger^Secret")
    gateway_store.image(TWO)
    gateway_store.settle_all()
    study, _ = gateway_store.studies.get("1.2.3")
    assert (study.patient_id, study.patient_name) == ("P-78", "Doe^Rex")
    assert gateway_store.shown() == [TWO]
    unmatched = next(event for event in gateway_store.events() if event["type"] == "study.unmatched")
    assert (unmatched["patient"]["id"], unmatched["order"], unmatched["study"]["received"]) == ("STRANGER", None, 1)


def test_an_order_that_comes_for_images_of_another_patient_raises_an_alarm(gateway_store: GatewayStore) -> None:
    gateway_store.image(ONE, patient_id="P-79")
    gateway_store.order()
    assert "patient differs" in alarms(gateway_store)
    assert gateway_store.studies.get("1.2.3")[0].link_reason == "patient differs"


def test_a_report_that_ends_without_series_marks_its_device_once(gateway_store: GatewayStore) -> None:
    for uid in ("9.1", "9.2"):
        gateway_store.create_mpps(uid)
        changes = an_item(PerformedProcedureStepStatus="COMPLETED")
        gateway_store.performed.update(
            uid, lambda stored, changes=changes: update(stored, changes, gateway_store.clock()), PMS
        )
    gateway_store.create_mpps("9.3")
    gateway_store.set_mpps("9.3", ONE)
    marked = [row for row in gateway_store.audit.alarms() if row["kind"] == "performed step incomplete"]
    assert [(row["subject"], row["count"]) for row in marked] == [("device DX1", 2)]


def test_a_stranger_in_an_announced_study_is_told_although_the_images_came_under_another(
    gateway_store: GatewayStore, order: Order
) -> None:
    gateway_store.create_mpps()
    gateway_store.image("7.7.1", study_instance_uid="7.7", accession_number=order.accession_number)
    gateway_store.image(ONE, patient_id="P-79")
    gateway_store.set_mpps("9.1", "7.7.1")
    gateway_store.settle_all()
    assert sorted(gateway_store.told()) == ["order.completed", "order.started", "study.received", "study.unmatched"]
    assert gateway_store.shown() == ["7.7.1"]
