"""Performed steps in the database: once each, whole, and unchanged by what is refused."""

import pytest

from dicom_gateway.core.performed_refusals import DuplicateInstance, NoLongerUpdatable
from dicom_gateway.core.status import PerformedStatus
from dicom_gateway.errors import InvalidValue, NotFound
from dicom_gateway.storage.tables import PerformedImageRow, PerformedLinkRow
from tests.storage.builders import GatewayStore, a_procedure, a_reference, a_step, an_item


def test_a_performed_step_comes_back_whole(gateway_store: GatewayStore) -> None:
    performed = gateway_store.create_mpps("9.1", PatientName="Müller^Bär")
    assert gateway_store.performed.get("9.1") == performed
    changed = gateway_store.set_mpps("9.1", "1.1", status="DISCONTINUED", reason=("110500", "DCM"))
    assert gateway_store.performed.get("9.1") == changed
    assert changed.status is PerformedStatus.DISCONTINUED and changed.discontinuation_reason is not None


def test_a_second_n_create_changes_nothing(gateway_store: GatewayStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps()
    before = gateway_store.set_mpps()
    with pytest.raises(DuplicateInstance) as raised:
        gateway_store.create_mpps(PatientID="P-79")
    assert raised.value.n_status == 0x0111
    assert gateway_store.performed.get("9.1") == before
    assert gateway_store.statuses(order) == ["COMPLETED", "COMPLETED"]


def test_an_n_set_of_what_is_not_known(gateway_store: GatewayStore) -> None:
    with pytest.raises(NotFound) as raised:
        gateway_store.set_mpps("9.9")
    assert raised.value.n_status == 0x0112
    with pytest.raises(NotFound):
        gateway_store.performed.get("9.9")


def test_a_refused_n_set_changes_nothing(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    before = gateway_store.create_mpps()
    with pytest.raises(InvalidValue):
        gateway_store.set_mpps(status="DONE")
    assert gateway_store.performed.get("9.1") == before
    ended = gateway_store.set_mpps()
    with pytest.raises(NoLongerUpdatable):
        gateway_store.set_mpps(status="DISCONTINUED")
    assert gateway_store.performed.get("9.1") == ended
    assert gateway_store.told() == ["order.started", "order.completed"]
    assert len(gateway_store.audit.of("performed step 9.1")) == 2


def test_the_images_named_are_those_of_the_last_report(gateway_store: GatewayStore) -> None:
    gateway_store.create_mpps(
        "9.1",
        PerformedSeriesSequence=[
            an_item(SeriesInstanceUID="1.2", ReferencedImageSequence=[an_item(ReferencedSOPInstanceUID="1.1")])
        ],
    )
    gateway_store.set_mpps("9.1", "1.2", "1.3")
    query = PerformedImageRow.select(PerformedImageRow.sop_instance_uid).order_by(PerformedImageRow.sop_instance_uid)
    assert gateway_store.database.read(lambda tx: tx.values(query)) == ["1.2", "1.3"]


@pytest.mark.parametrize(("step", "linked"), [("S1", ["S1"]), ("S2", ["S2"]), ("", ["S1", "S2"]), ("S9", ["S1", "S2"])])
def test_which_steps_a_reference_means(gateway_store: GatewayStore, step: str, linked: list[str]) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(id="S1"), a_step(id="S2")))
    gateway_store.create_mpps("9.1", a_reference(step=step))
    query = PerformedLinkRow.select(PerformedLinkRow.step_id).order_by(PerformedLinkRow.step_id)
    assert gateway_store.database.read(lambda tx: tx.values(query)) == linked
    started = [s.id for s in gateway_store.orders.get(order.id).steps() if s.status == "STARTED"]
    assert started == linked


def test_a_walk_in_is_kept(gateway_store: GatewayStore) -> None:
    gateway_store.create_mpps("9.1", a_reference("1.7"), PatientID="")
    gateway_store.image("1.7.1", study_instance_uid="1.7")
    gateway_store.set_mpps("9.1", "1.7.1")
    gateway_store.settle_all()
    assert gateway_store.told() == ["study.unmatched"]
    assert gateway_store.performed.get("9.1").status is PerformedStatus.COMPLETED
