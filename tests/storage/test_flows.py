"""From an order to the events that a PMS gets, through the stores, in every order that reality has."""

from collections.abc import Callable
from typing import Any

import pytest

from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.model import Code, Patient, StepReference
from dicom_gateway.errors import Conflict, IllegalTransition, NotFound
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.studies import Received
from dicom_gateway.storage.tables import StudyRow
from tests.storage.builders import (
    OVERDUE_SECONDS,
    PMS,
    QUIET_SECONDS,
    STUDY,
    WRONG_ENTRY,
    GatewayStore,
    a_header,
    a_procedure,
    a_reference,
    a_step,
    a_stored,
    an_order,
)

ONE, TWO, THREE = "1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"
WHOLE = ["order.started", "order.completed", "study.received"]


def link_reasons(store: GatewayStore, study: str = STUDY) -> list[str]:
    return [instance.link_reason for instance in store.studies.get(study)[1]]


def last(store: GatewayStore) -> dict[str, Any]:
    return store.events()[-1]


def test_order_mpps_images_end(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(expected_instances=2)))
    assert gateway_store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    gateway_store.create_mpps()
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    gateway_store.image(ONE)
    gateway_store.image(TWO)
    gateway_store.settle()
    assert gateway_store.told() == ["order.started"]
    gateway_store.set_mpps("9.1", ONE, TWO)
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    assert gateway_store.settle() == 1
    assert gateway_store.told() == WHOLE
    received = last(gateway_store)
    assert (received["evidence"], received["late"]) == ("mpps+images", False)
    assert received["order"]["status"] == "COMPLETED"
    assert received["study"] | {"started_at": None} == {
        "instance_uid": STUDY,
        "modality": "DX",
        "started_at": None,
        "expected": 2,
        "expected_from": "order",
        "received": 2,
        "counted": 2,
        "shortfall": None,
        "missing": [],
    }
    assert gateway_store.shown() == [ONE, TWO]
    assert not gateway_store.orders.get(order.id).steps()[0].inferred
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE


def test_the_end_says_what_is_here_and_what_is_missing(gateway_store: GatewayStore) -> None:
    gateway_store.order("A-1", a_procedure(a_step(expected_instances=3)))
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", ONE, TWO)
    completed = last(gateway_store)
    assert completed["type"] == "order.completed"
    assert [completed["study"][key] for key in ("received", "expected", "missing")] == [1, 3, [TWO]]
    assert completed["series"][0]["received"] == 1


def test_the_last_image_ends_it(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", ONE, TWO)
    gateway_store.settle_after(1)
    assert gateway_store.told() == WHOLE[:2]
    gateway_store.image(TWO)
    assert gateway_store.settle() == 1
    assert gateway_store.told() == WHOLE
    assert last(gateway_store)["evidence"] == "mpps+images"


def test_an_image_that_is_named_and_never_comes(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", ONE, TWO)
    gateway_store.settle()
    gateway_store.settle_after(QUIET_SECONDS - 0.001)
    assert gateway_store.told() == WHOLE[:2]
    gateway_store.settle_after(0.001)
    received = last(gateway_store)
    assert (received["type"], received["evidence"]) == ("study.received", "mpps+quiet")
    assert received["study"]["missing"] == [TWO]


def test_an_intermediate_update_ends_nothing(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", status="IN PROGRESS")
    gateway_store.settle_after(100 * OVERDUE_SECONDS)
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    assert gateway_store.told() == ["order.started"]


def test_images_before_the_order(gateway_store: GatewayStore) -> None:
    gateway_store.image(ONE)
    gateway_store.image(TWO)
    assert link_reasons(gateway_store) == [LinkReason.NO_ORDER] * 2
    order = gateway_store.order()
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    assert link_reasons(gateway_store) == [LinkReason.STUDY_UID] * 2
    started = last(gateway_store)
    assert (started["type"], started["study"]["instance_uid"]) == ("order.started", STUDY)
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE
    assert gateway_store.shown() == [ONE, TWO]


@pytest.mark.parametrize("image_first", [True, False], ids=["image first", "image last"])
def test_mpps_before_the_order(gateway_store: GatewayStore, image_first: bool) -> None:
    if image_first:
        gateway_store.image(ONE)
    gateway_store.create_mpps()
    gateway_store.set_mpps("9.1", ONE)
    if not image_first:
        gateway_store.image(ONE)
    assert gateway_store.told() == []
    order = gateway_store.order()
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    gateway_store.settle()
    assert gateway_store.told() == WHOLE
    assert last(gateway_store)["evidence"] == "mpps+images"
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE


def test_an_open_mpps_before_the_order(gateway_store: GatewayStore) -> None:
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    order = gateway_store.order()
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    gateway_store.settle_all()
    assert gateway_store.told() == ["order.started"]
    gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE


@pytest.mark.parametrize(("expected", "evidence"), [(2, "count+quiet"), (1, "count+quiet"), (None, "quiet")], ids=str)
def test_images_without_mpps(gateway_store: GatewayStore, expected: int | None, evidence: str) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(expected_instances=expected)))
    gateway_store.image(ONE)
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    gateway_store.clock.advance(QUIET_SECONDS - 1)
    gateway_store.image(TWO)
    gateway_store.settle_after(QUIET_SECONDS - 0.001)
    assert gateway_store.told() == ["order.started"]
    gateway_store.settle_after(0.001)
    assert gateway_store.told() == WHOLE
    assert last(gateway_store)["evidence"] == evidence
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    assert gateway_store.orders.get(order.id).steps()[0].inferred


def test_incomplete_is_told_once(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(expected_instances=3)))
    gateway_store.image(ONE)
    gateway_store.settle_after(QUIET_SECONDS)
    gateway_store.settle_after(OVERDUE_SECONDS - QUIET_SECONDS - 0.001)
    assert gateway_store.told() == ["order.started"]
    gateway_store.settle_after(0.001)
    assert gateway_store.told() == ["order.started", "order.incomplete"]
    assert last(gateway_store)["study"]["received"] == 1
    gateway_store.image(TWO)
    gateway_store.settle_all()
    assert gateway_store.told() == ["order.started", "order.incomplete"]
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    gateway_store.image(THREE)
    gateway_store.settle_all()
    assert gateway_store.told() == ["order.started", "order.incomplete", *WHOLE[1:]]
    assert gateway_store.shown() == [ONE, TWO, THREE]


BITEWINGS = Code("D0272", "CDT")


def test_a_template_advises_where_the_order_says_nothing(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(code=BITEWINGS))
    gateway_store.image(ONE)
    gateway_store.settle_after(OVERDUE_SECONDS - 0.001)
    assert gateway_store.told() == ["order.started"]
    gateway_store.settle_after(0.001)
    assert gateway_store.told() == ["order.started", "order.incomplete", *WHOLE[1:]]
    study = last(gateway_store)["study"]
    told = [study[key] for key in ("expected", "expected_from", "received", "counted", "shortfall")]
    assert told == [2, "template", 1, 1, "1 of 2 images (D0272 bitewings)"]
    assert last(gateway_store)["evidence"] == "quiet"
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    gateway_store.image(TWO)
    gateway_store.settle_all()
    assert gateway_store.told()[-1] == "study.updated" and last(gateway_store)["study"]["shortfall"] is None


def test_a_rejected_image_does_not_count(gateway_store: GatewayStore) -> None:
    gateway_store.order("A-1", a_procedure(a_step(expected_instances=2)))
    gateway_store.image(ONE)
    gateway_store.image(TWO)
    gateway_store.image(THREE, rows=None, modality="KO", rejected_uids=(TWO,))
    gateway_store.settle_after(QUIET_SECONDS)
    assert gateway_store.told() == ["order.started"]
    gateway_store.image(f"{STUDY}.1.4")
    gateway_store.settle_after(QUIET_SECONDS)
    assert gateway_store.told() == WHOLE
    assert [last(gateway_store)["study"][key] for key in ("received", "counted")] == [4, 2]


def test_a_report_without_any_image(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_all()
    assert gateway_store.told() == [*WHOLE[:2], "order.incomplete"]
    assert last(gateway_store)["study"]["missing"] == [ONE]
    gateway_store.image(ONE)
    gateway_store.settle_all()
    assert gateway_store.told() == [*WHOLE[:2], "order.incomplete", "study.received"]


@pytest.mark.parametrize("with_mpps", [True, False])
def test_a_late_image(gateway_store: GatewayStore, with_mpps: bool) -> None:
    order = gateway_store.order()
    if with_mpps:
        gateway_store.create_mpps()
    gateway_store.image(ONE)
    if with_mpps:
        gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE
    gateway_store.image(TWO)
    gateway_store.image(THREE)
    gateway_store.settle_all()
    assert gateway_store.told() == [*WHOLE, "study.updated"]
    late = last(gateway_store)
    assert late["late"] is True and late["study"]["received"] == 3 and len(late["instance_keys"]) == 2
    assert gateway_store.shown() == [ONE, TWO, THREE]
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]


def test_completed_by_hand(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(expected_instances=3)))
    gateway_store.image(ONE)
    gateway_store.settlement.complete_by_hand(STUDY, Actor("Ann", "192.0.2.8"))
    assert gateway_store.told() == WHOLE
    assert last(gateway_store)["evidence"] == "manual"
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    assert [row["who"] for row in gateway_store.audit.of(f"study {STUDY}")] == ["Ann"]
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE


def test_nothing_to_complete_by_hand(gateway_store: GatewayStore) -> None:
    with pytest.raises(NotFound):
        gateway_store.settlement.complete_by_hand(STUDY, PMS)
    gateway_store.image(ONE)
    with pytest.raises(Conflict):
        gateway_store.settlement.complete_by_hand(STUDY, PMS)


def test_the_wrong_line_was_picked(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", ONE, TWO, status="DISCONTINUED", reason=WRONG_ENTRY)
    assert gateway_store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    gateway_store.image(TWO)
    assert link_reasons(gateway_store) == [LinkReason.WRONG_ENTRY] * 2
    gateway_store.settle_all()
    assert gateway_store.told() == ["order.started", "study.unmatched"]
    assert last(gateway_store)["order"] is None
    assert gateway_store.statuses(order) == ["SCHEDULED", "SCHEDULED"]

    gateway_store.create_mpps("9.2")
    gateway_store.image(THREE)
    gateway_store.set_mpps("9.2", THREE)
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    assert gateway_store.shown() == [THREE]


def test_another_reason_discontinues(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", ONE, status="DISCONTINUED", reason=("110513", "DCM"))
    assert gateway_store.statuses(order) == ["DISCONTINUED", "DISCONTINUED"]
    gateway_store.settle_all()
    assert gateway_store.told() == ["order.started", "order.discontinued", "study.received"]
    assert gateway_store.shown() == [ONE]
    gateway_store.create_mpps("9.2")
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    gateway_store.set_mpps("9.2")
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]


def test_a_wrong_line_reported_before_the_order_came(gateway_store: GatewayStore) -> None:
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", ONE, status="DISCONTINUED", reason=WRONG_ENTRY)
    order = gateway_store.order()
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    assert "order.started" not in gateway_store.told() and gateway_store.shown() == []


@pytest.mark.parametrize("patient_id", ["P-79", "", "p-78"])
def test_an_image_of_another_patient_is_not_delivered(gateway_store: GatewayStore, patient_id: str) -> None:
    order = gateway_store.order()
    assert gateway_store.image(ONE, patient_id=patient_id) is Received.NEW
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    assert link_reasons(gateway_store) == [LinkReason.PATIENT_DIFFERS]
    assert gateway_store.told() == ["study.unmatched"]
    assert last(gateway_store)["order"] is None and gateway_store.shown() == []
    assert [alarm["kind"] for alarm in gateway_store.audit.alarms()] == ["patient differs"]


def test_a_stranger_among_the_images_is_not_delivered(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.image(ONE)
    gateway_store.image(TWO, patient_id="P-79", patient_name="Stranger")
    gateway_store.set_mpps("9.1", ONE, TWO)
    gateway_store.settle_all()
    assert gateway_store.told() == [*WHOLE, "study.unmatched"]
    assert gateway_store.shown() == [ONE]
    study, instances = gateway_store.studies.get(STUDY)
    assert study.patient_name == "Doe^Rex"
    assert [instance.flags for instance in instances] == [(), ("patient_differs",)]


def test_an_mpps_of_another_patient_moves_nothing(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps("9.1", PatientID="P-79")
    gateway_store.set_mpps("9.1")
    assert gateway_store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    gateway_store.create_mpps("9.2", PatientID="")
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]


def test_an_mpps_does_not_make_a_strangers_images_ours(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.image(ONE, patient_id="P-79", patient_name="Stranger", accession_number="X")
    gateway_store.create_mpps()
    gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_all()
    study = gateway_store.studies.get(STUDY)[0]
    assert (study.patient_id, study.patient_name) == ("P-79", "Stranger")
    assert gateway_store.shown() == []


def two_steps(**values: Any) -> Any:
    return a_procedure(a_step("DX", id="S1", **values), a_step("CR", id="S2", **values))


def test_one_mpps_for_two_steps(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", two_steps())
    gateway_store.create_mpps("9.1", a_reference(step="S1"), a_reference(step="S2"))
    assert gateway_store.statuses(order) == ["STARTED", "STARTED", "STARTED"]
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", ONE)
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED", "COMPLETED"]
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE


def test_one_mpps_for_two_orders(gateway_store: GatewayStore) -> None:
    first = gateway_store.order("A-1", a_procedure(a_step(id="S1")))
    second = gateway_store.order("A-2", a_procedure(a_step(id="S1"), study_instance_uid="1.2.4"))
    gateway_store.create_mpps("9.1", a_reference(step="S1"), a_reference("1.2.4", step="S1"))
    gateway_store.image(ONE, performed_step_uids=("9.1",))
    gateway_store.image("1.2.4.1.1", study_instance_uid="1.2.4", performed_step_uids=("9.1",))
    gateway_store.set_mpps("9.1", ONE, "1.2.4.1.1")
    gateway_store.settle_all()
    assert gateway_store.statuses(first) == gateway_store.statuses(second) == ["COMPLETED", "COMPLETED"]
    received = [event for event in gateway_store.events() if event["type"] == "study.received"]
    assert sorted((event["order"]["id"], event["study"]["instance_uid"]) for event in received) == sorted(
        [(first.id, STUDY), (second.id, "1.2.4")]
    )
    assert gateway_store.shown() == [ONE, "1.2.4.1.1"]


def test_two_mpps_for_one_step(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps("9.1")
    gateway_store.create_mpps("9.2")
    gateway_store.image(ONE)
    gateway_store.image(TWO)
    gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_after(OVERDUE_SECONDS)
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    gateway_store.set_mpps("9.2", TWO)
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE
    assert last(gateway_store)["evidence"] == "mpps+images"


def test_the_last_of_two_was_discontinued(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps("9.1")
    gateway_store.create_mpps("9.2")
    gateway_store.set_mpps("9.1")
    gateway_store.set_mpps("9.2", status="DISCONTINUED")
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]


def test_an_additional_mpps_after_the_end(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps("9.1")
    gateway_store.image(ONE)
    gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_all()
    gateway_store.create_mpps("9.2")
    gateway_store.image(TWO)
    gateway_store.set_mpps("9.2", TWO)
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    assert gateway_store.told() == [*WHOLE, "study.updated"]


def test_an_image_that_could_be_of_two_steps_starts_only_what_nobody_reports(gateway_store: GatewayStore) -> None:
    steps = a_procedure(a_step(id="S1"), a_step(id="S2"))
    order = gateway_store.order("A-1", steps)
    gateway_store.create_mpps("9.1", a_reference(step="S1"))
    gateway_store.image(ONE)
    assert gateway_store.statuses(order) == ["STARTED", "STARTED", "SCHEDULED"]
    gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["STARTED", "COMPLETED", "SCHEDULED"]
    assert gateway_store.studies.get(STUDY)[1][0].step_id == "S1"


def test_an_image_that_could_be_of_two_steps_starts_both_without_a_report(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(id="S1"), a_step(id="S2")))
    gateway_store.image(ONE)
    assert gateway_store.statuses(order) == ["STARTED", "STARTED", "STARTED"]
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE


def test_one_step_reported_and_one_not(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", two_steps(expected_instances=1))
    gateway_store.create_mpps("9.1", a_reference(step="S1"))
    gateway_store.image(ONE)
    gateway_store.image(TWO, modality="CR")
    gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_after(1)
    assert gateway_store.statuses(order) == ["STARTED", "COMPLETED", "STARTED"]
    assert gateway_store.told() == ["order.started"]
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED", "COMPLETED"]
    assert gateway_store.told() == WHOLE
    assert [step.inferred for step in gateway_store.orders.get(order.id).steps()] == [False, True]


def test_the_study_uid_of_the_device_and_our_accession_number(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", accession_number="ACC1")
    gateway_store.create_mpps("9.1", a_reference("1.5", accession="ACC1"))
    gateway_store.image("1.5.1", study_instance_uid="1.5", accession_number="ACC1")
    gateway_store.set_mpps("9.1", "1.5.1")
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]
    assert gateway_store.told() == WHOLE
    assert last(gateway_store)["study"]["instance_uid"] == "1.5"


def test_a_reference_to_a_performed_step_that_comes_later(gateway_store: GatewayStore) -> None:
    gateway_store.order("A-1", accession_number="ACC1")
    gateway_store.image("1.5.1", study_instance_uid="1.5", performed_step_uids=("9.1",))
    gateway_store.create_mpps("9.1", a_reference("1.5", accession="ACC1"))
    gateway_store.set_mpps("9.1", "1.5.1")
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE
    assert gateway_store.shown() == ["1.5.1"]


def test_images_that_name_their_step(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(id="S1"), a_step(id="S2")))
    gateway_store.image(ONE, references=(StepReference(STUDY, "", "", "S2"),))
    assert gateway_store.statuses(order) == ["STARTED", "SCHEDULED", "STARTED"]
    assert gateway_store.studies.get(STUDY)[1][0].step_id == "S2"


def test_a_cancelled_order_is_not_reopened_by_an_image(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.orders.cancel(order.id, PMS)
    gateway_store.image(ONE)
    gateway_store.create_mpps()
    gateway_store.set_mpps("9.1", ONE)
    gateway_store.settle_all()
    assert gateway_store.statuses(order) == ["CANCELED", "CANCELED"]
    assert gateway_store.told() == ["order.canceled", "study.unmatched"]
    assert gateway_store.order().status == "CANCELED"  # a late retry
    assert gateway_store.order(reason="cough").status == "COMPLETED"  # ordered again: now somebody wants it
    gateway_store.settle_all()
    assert gateway_store.told()[2:] == WHOLE


@pytest.mark.parametrize("begin", ["image", "create_mpps"])
def test_too_late_to_cancel(gateway_store: GatewayStore, begin: str) -> None:
    order = gateway_store.order()
    getattr(gateway_store, begin)()
    with pytest.raises(IllegalTransition):
        gateway_store.orders.cancel(order.id, PMS)
    assert gateway_store.told() == ["order.started", "order.cancel_refused"]
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    assert gateway_store.audit.of(f"order {order.id}")[-1]["action"] == "cancel refused"


def test_cancel_is_told_once(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    for _ in range(2):
        assert gateway_store.orders.cancel(order.id, PMS).status == "CANCELED"
    assert gateway_store.told() == ["order.canceled"]


def test_an_unmatched_study_is_told_once(gateway_store: GatewayStore) -> None:
    gateway_store.image(ONE)
    gateway_store.settle_after(QUIET_SECONDS - 0.001)
    assert gateway_store.told() == []
    gateway_store.settle_after(0.001)
    assert gateway_store.told() == ["study.unmatched"]
    told = last(gateway_store)
    assert (told["order"], told["source"], told["instance_keys"]) == (None, None, [])
    assert told["study"]["received"] == 1
    gateway_store.image(TWO)
    gateway_store.settle_all()
    assert gateway_store.told() == ["study.unmatched"]


def test_an_unmatched_study_that_is_matched_in_time_is_not_told(gateway_store: GatewayStore) -> None:
    gateway_store.image(ONE)
    gateway_store.settle_after(QUIET_SECONDS - 1)
    gateway_store.order()
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE


REPEATS: dict[str, tuple[Callable[[GatewayStore], Received], Received, list[str]]] = {
    "the same": (lambda store: store.image(ONE), Received.SAME, []),
    "re-encoded": (
        lambda store: store.receive(a_header(ONE), a_stored("b" * 64, "1.2.840.10008.1.2.4.70")),
        Received.RE_ENCODED,
        ["instance re-encoded"],
    ),
    "other contents": (
        lambda store: store.receive(a_header(ONE), a_stored("c" * 64)),
        Received.CONFLICT,
        ["instance conflict"],
    ),
}


@pytest.mark.parametrize(("again", "kind", "alarms"), REPEATS.values(), ids=REPEATS)
def test_the_same_instance_again(
    gateway_store: GatewayStore, again: Callable[[GatewayStore], Received], kind: Received, alarms: list[str]
) -> None:
    gateway_store.order()
    assert gateway_store.image(ONE) is Received.NEW
    for _ in range(2):
        assert again(gateway_store) is kind
        kind = Received.SAME
    study, instances = gateway_store.studies.get(STUDY)
    assert study.received == 1
    assert [(one.version, one.current) for one in instances] == [(1, True), (2, False)][: 1 + len(alarms)]
    assert [alarm["kind"] for alarm in gateway_store.audit.alarms()] == alarms
    gateway_store.settle_all()
    assert gateway_store.told() == WHOLE
    assert gateway_store.shown() == [ONE]
    assert gateway_store.studies.instance(ONE).version == 1


def test_a_further_version_leaves_the_study_as_it_is(gateway_store: GatewayStore) -> None:
    gateway_store.image(ONE, patient_id="P-79")
    gateway_store.order()
    before = gateway_store.studies.get(STUDY)[0]
    gateway_store.receive(a_header(ONE), a_stored("c" * 64))
    assert gateway_store.studies.get(STUDY)[0] == before


def test_a_study_shows_the_patient_in_its_images_also_after_an_mpps(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.create_mpps()
    assert gateway_store.studies.find() == []
    gateway_store.image(ONE)
    (study,) = gateway_store.studies.find()
    assert (study.patient_name, study.modality, study.received) == ("Doe^Rex", "DX", 1)


def test_an_accession_number_of_two_procedures_waits(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(), a_procedure(study_instance_uid="1.2.4"), accession_number="ACC1")
    gateway_store.image("1.5.1", study_instance_uid="1.5", accession_number="ACC1")
    assert link_reasons(gateway_store, "1.5") == [LinkReason.SEVERAL_PROCEDURES]
    assert gateway_store.statuses(order)[0] == "SCHEDULED"


def test_the_worker_is_woken_when_there_is_something_to_settle(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.create_mpps()
    gateway_store.woken.clear()
    gateway_store.image(ONE)
    assert gateway_store.woken == []
    gateway_store.set_mpps("9.1", ONE, TWO)
    assert gateway_store.woken == ["worker"]
    gateway_store.settle()
    gateway_store.woken.clear()
    gateway_store.image(TWO)
    assert gateway_store.woken == ["worker"]


def test_settling_twice_changes_nothing(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.image(ONE)
    gateway_store.clock.advance(QUIET_SECONDS)
    for _ in range(2):
        gateway_store.settlement.settle(STUDY)
    gateway_store.settlement.settle("1.9.9")
    assert gateway_store.told() == WHOLE


def test_a_study_is_due_when_it_says(gateway_store: GatewayStore) -> None:
    assert gateway_store.settlement.next_due() is None
    gateway_store.image(ONE)
    assert gateway_store.settlement.next_due() == gateway_store.clock() + QUIET_SECONDS * 1_000_000
    assert gateway_store.settlement.due() == []
    gateway_store.clock.advance(QUIET_SECONDS)
    assert gateway_store.settlement.due() == [STUDY]
    gateway_store.settle()
    assert gateway_store.database.read(lambda tx: tx.values(StudyRow.select(StudyRow.due_at))) == [None]


def test_a_changed_order_after_the_beginning(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps()
    changed = gateway_store.order("A-1", a_procedure(a_step(description="2 views")))
    assert (changed.id, changed.version) == (order.id, 3)
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]
    assert gateway_store.told() == ["order.started"]
    with pytest.raises(Conflict):
        gateway_store.orders.save(an_order("A-1", patient=Patient("P-79", "Roe")), PMS)
