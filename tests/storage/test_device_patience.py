"""How long a study waits, by the devices that sent it, and a device that never ends what it reports."""

import pytest

from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.core.status import StepStatus
from dicom_gateway.storage.audit import Actor
from tests.storage.builders import (
    OVERDUE_SECONDS,
    QUIET_SECONDS,
    STUDY,
    GatewayStore,
    a_procedure,
    a_reference,
    a_step,
)

ONE, TWO, THREE = "1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"
WHOLE = ["order.started", "order.completed", "study.received"]


def known(*devices: Device) -> Devices:
    """Return these devices; others may associate too."""
    return Devices(devices, accept_unknown=True)


@pytest.fixture
def store(gateway_store: GatewayStore) -> GatewayStore:
    """A gateway with a device of its own patience beside others."""
    gateway_store.devices = known(
        Device("DX1"),
        Device("QUICK", quiet_seconds=5, incomplete_after_seconds=20),
        Device("SLOW", quiet_seconds=2 * QUIET_SECONDS, incomplete_after_seconds=2 * OVERDUE_SECONDS),
    )
    return gateway_store


@pytest.mark.parametrize(
    ("senders", "seconds"),
    [
        pytest.param(["DX1"], QUIET_SECONDS, id="as for all"),
        pytest.param(["STRANGER"], QUIET_SECONDS, id="unknown"),
        pytest.param(["QUICK"], 5, id="sooner"),
        pytest.param(["SLOW"], 2 * QUIET_SECONDS, id="later"),
        pytest.param(["SLOW", "QUICK"], 2 * QUIET_SECONDS, id="the longest, the quick one last"),
        pytest.param(["QUICK", "SLOW"], 2 * QUIET_SECONDS, id="the longest, the slow one last"),
        pytest.param(["QUICK", "DX1"], QUIET_SECONDS, id="the general one is longer"),
    ],
)
def test_a_study_is_quiet_after_what_its_devices_say(store: GatewayStore, senders: list[str], seconds: int) -> None:
    store.order()
    for uid, sender in zip((ONE, TWO), senders, strict=False):
        store.image(uid, ae_title=sender)
    store.settle_after(seconds - 1)
    assert store.told() == ["order.started"]
    store.settle_after(1)
    assert store.told() == WHOLE


@pytest.mark.parametrize(("sender", "seconds"), [("QUICK", 5), ("DX1", QUIET_SECONDS), ("SLOW", 2 * QUIET_SECONDS)])
def test_a_study_without_an_order_waits_as_long(store: GatewayStore, sender: str, seconds: int) -> None:
    store.image(ONE, ae_title=sender)
    store.settle_after(seconds - 1)
    assert store.told() == []
    store.settle_after(1)
    assert store.told() == ["study.unmatched"]


@pytest.mark.parametrize(
    ("sender", "seconds"), [("QUICK", 20), ("DX1", OVERDUE_SECONDS), ("SLOW", 2 * OVERDUE_SECONDS)]
)
def test_missing_images_are_told_after_what_the_device_says(store: GatewayStore, sender: str, seconds: int) -> None:
    store.order("A-1", a_procedure(a_step(expected_instances=2)))
    store.image(ONE, ae_title=sender)
    store.settle_after(seconds - 1)
    assert store.told() == ["order.started"]
    store.settle_after(1)
    assert store.told() == ["order.started", "order.incomplete"]


def test_who_reports_counts_as_who_sends(store: GatewayStore) -> None:
    store.order()
    store.create_mpps(ae_title="SLOW")
    store.image(ONE, ae_title="QUICK")
    store.set_mpps("9.1")
    store.settle_after(2 * QUIET_SECONDS - 1)
    assert "study.received" not in store.told()
    store.settle_after(1)
    assert store.events()[-1]["evidence"] == "mpps+quiet"


def test_a_change_of_the_device_holds_for_what_waits(store: GatewayStore) -> None:
    store.order()
    store.image(ONE, ae_title="SLOW")
    store.settle_after(QUIET_SECONDS)
    assert store.told() == ["order.started"]
    store.devices = known()
    store.settle_after(QUIET_SECONDS)
    assert store.told() == WHOLE


@pytest.mark.parametrize("sends_mpps", [True, False])
def test_an_open_report_holds_a_study_only_of_a_device_that_ends_its_reports(
    store: GatewayStore, sends_mpps: bool
) -> None:
    store.devices = known(Device("DX1", sends_mpps=sends_mpps))
    order = store.order()
    store.create_mpps()
    store.image(ONE)
    store.settle_after(QUIET_SECONDS - 1)
    assert store.told() == ["order.started"]
    store.settle_after(10 * OVERDUE_SECONDS)
    assert store.told() == (["order.started"] if sends_mpps else WHOLE)
    (step,) = store.orders.get(order.id).steps()
    assert (step.status, step.inferred) == ((StepStatus.STARTED, False) if sends_mpps else (StepStatus.COMPLETED, True))


def test_a_report_that_ends_all_the_same_changes_nothing_that_was_told(store: GatewayStore) -> None:
    store.devices = known(Device("DX1", sends_mpps=False))
    order = store.order()
    store.create_mpps()
    store.image(ONE)
    store.settle_after(QUIET_SECONDS)
    assert (store.told(), store.events()[-1]["evidence"]) == (WHOLE, "quiet")
    store.set_mpps("9.1", ONE)
    store.settle_all()
    assert (store.told(), store.statuses(order)) == (WHOLE, ["COMPLETED", "COMPLETED"])


def test_a_report_that_ends_is_evidence_whoever_sends_it(store: GatewayStore) -> None:
    store.devices = known(Device("DX1", sends_mpps=False))
    store.order()
    store.create_mpps()
    store.image(ONE)
    store.set_mpps("9.1", ONE)
    store.settle()
    assert store.events()[-1]["evidence"] == "mpps+images"


def test_an_expected_number_is_waited_for_without_a_report(store: GatewayStore) -> None:
    store.devices = known(Device("DX1", sends_mpps=False))
    store.order("A-1", a_procedure(a_step(expected_instances=2)))
    store.create_mpps()
    store.image(ONE)
    store.settle_after(QUIET_SECONDS)
    assert store.told() == ["order.started"]
    store.image(TWO)
    store.settle_after(QUIET_SECONDS)
    assert store.events()[-1]["evidence"] == "count+quiet"


def test_the_open_report_of_another_device_still_holds_the_study(store: GatewayStore) -> None:
    store.devices = known(Device("DX1", sends_mpps=False), Device("IO1"))
    store.order("A-1", a_procedure(a_step(id="S1"), a_step("IO", id="S2", station_ae_titles=("IO1",))))
    store.create_mpps("9.1", a_reference(step="S1"))
    store.create_mpps("9.2", a_reference(step="S2"), ae_title="IO1", Modality="IO")
    store.image(ONE)
    store.settle_after(10 * OVERDUE_SECONDS)
    assert "study.received" not in store.told()
    store.set_mpps("9.2")
    store.settle_after(QUIET_SECONDS)
    assert "study.received" in store.told()
    assert store.studies.get(STUDY)[0].evidence == "mpps+quiet"


def test_a_person_completes_a_study_whose_device_ends_nothing(store: GatewayStore) -> None:
    store.devices = known(Device("DX1", sends_mpps=False))
    order = store.order()
    store.create_mpps()
    store.image(ONE)
    store.settlement.complete_by_hand(STUDY, Actor("token admin"))
    assert store.statuses(order) == ["COMPLETED", "COMPLETED"]
