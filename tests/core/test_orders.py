"""What becomes of an order that a PMS sends: minted, repeated, updated, cancelled, ordered again."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.core.identifiers import Minter
from dicom_gateway.core.model import Order, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.orders import cancel, place, with_steps
from dicom_gateway.core.status import OrderStatus, StepStatus
from dicom_gateway.errors import Conflict, IllegalTransition, InvalidDocument

NOW = 1_800_000_000_000_000
LONG = "A-24-CHARACTER-ID-123456"
OPEN = ("SCHEDULED", "ARRIVED", "READY")
BEGUN = ("STARTED", "DEPARTED", "DISCONTINUED", "COMPLETED")


class Numbers:
    """Randomness and counters that count."""

    def __init__(self) -> None:
        self.bits = 0
        self.counters: dict[str, int] = {}

    def random_bits(self, size: int) -> int:
        self.bits += 1
        return self.bits

    def count(self, name: str) -> int:
        self.counters[name] = self.counters.get(name, 0) + 1
        return self.counters[name]


STATIONS = Devices(
    [
        Device("DX1", modalities=("DX",), station_names=("Room 1", "Room 1b")),
        Device("DX2", modalities=("DX",)),
        Device("US1", modalities=("US",), station_names=("Cart",)),
    ],
    accept_unknown=False,
)


class Placer:
    """Places orders one after the other, as the store would."""

    def __init__(self, prefix: str = "") -> None:
        numbers = Numbers()
        self.minter = Minter(numbers.random_bits, numbers.count, prefix)

    def __call__(self, incoming: Order, stored: Order | None = None) -> Order:
        return place(incoming, stored, self.minter, STATIONS, NOW if stored is None else NOW + 1)


@pytest.fixture
def put() -> Placer:
    return Placer()


def a_step(**changes: Any) -> ScheduledStep:
    return ScheduledStep("DX", datetime(2026, 11, 23, 10, 15), NOW).evolve(**changes)


def a_procedure(*steps: ScheduledStep, **changes: Any) -> RequestedProcedure:
    return RequestedProcedure(steps or (a_step(),)).evolve(**changes)


def an_order(*procedures: RequestedProcedure, **changes: Any) -> Order:
    patient = Patient("P-78", "Doe^Rex", issuer="MYPMS")
    return Order("mypms", "A-1001", patient, procedures or (a_procedure(),)).evolve(**changes)


def at(order: Order, status: str, position: int = 0) -> Order:
    """Return the order with one step at another status."""
    step = order.steps()[position]
    return with_steps(order, lambda s: s.evolve(status=StepStatus(status)) if s is step else s)


def test_a_new_order_gets_what_it_lacks(put: Placer) -> None:
    order = put(an_order())
    (procedure,) = order.procedures
    (step,) = procedure.steps
    assert order.id and order.created_at == NOW and order.version == 1
    assert order.accession_number == "0000000001"
    assert procedure.id == "RP0000000001" and step.id == "SPS0000000001"
    assert procedure.study_instance_uid.startswith("2.25.")
    assert (step.status, order.status) == (StepStatus.SCHEDULED, OrderStatus.SCHEDULED)
    assert (order.original_accession_number, procedure.original_id, step.original_id) == ("", "", "")


def test_what_the_pms_gives_is_kept(put: Placer) -> None:
    sent = an_order(a_procedure(a_step(id="S1"), id="P1", study_instance_uid="1.2.3"), accession_number="ACC-1")
    order = put(sent)
    assert order.accession_number == "ACC-1"
    assert (order.procedures[0].id, order.procedures[0].study_instance_uid) == ("P1", "1.2.3")
    assert order.steps()[0].id == "S1"


def test_a_prefix_stands_before_a_minted_accession_number() -> None:
    assert Placer("KL")(an_order()).accession_number == "KL0000000001"


def test_ids_too_long_for_sh_are_minted_over_and_the_original_kept(put: Placer) -> None:
    order = put(an_order(a_procedure(a_step(id=LONG), id=LONG), accession_number=LONG))
    procedure, step = order.procedures[0], order.steps()[0]
    for short, original in (
        (order.accession_number, order.original_accession_number),
        (procedure.id, procedure.original_id),
        (step.id, step.original_id),
    ):
        assert 0 < len(short) <= 16
        assert original == LONG


def test_sixteen_characters_are_not_too_long(put: Placer) -> None:
    sixteen = "A123456789012345"
    order = put(an_order(a_procedure(a_step(id=sixteen), id=sixteen), accession_number=sixteen))
    assert order.accession_number == order.procedures[0].id == order.steps()[0].id == sixteen
    assert order.original_accession_number == order.procedures[0].original_id == order.steps()[0].original_id == ""


@pytest.mark.parametrize(
    "sent",
    [
        an_order(),
        an_order(a_procedure(a_step(id="S1"), id="P1", study_instance_uid="1.2.3"), accession_number="ACC-1"),
        an_order(a_procedure(a_step(id=LONG), id=LONG), accession_number=LONG),
        an_order(a_procedure(a_step(), a_step(id="S2")), a_procedure(id="P2")),
    ],
    ids=["nothing minted", "everything given", "ids too long", "some given"],
)
def test_the_same_again_changes_nothing(put: Placer, sent: Order) -> None:
    stored = put(sent)
    assert put(sent, stored) is stored


def test_what_was_minted_can_be_sent_back(put: Placer) -> None:
    stored = put(an_order(a_procedure(a_step(id=LONG), id=LONG), accession_number=LONG))
    assert put(stored, stored) is stored
    bare = with_steps(stored, lambda step: step.evolve(original_id="")).evolve(original_accession_number="")
    bare = bare.evolve(procedures=tuple(p.evolve(original_id="") for p in bare.procedures))
    assert put(bare, stored) is stored


def test_an_update_is_the_next_version_and_keeps_what_was_minted(put: Placer) -> None:
    stored = put(an_order())
    changed = put(an_order(a_procedure(a_step(description="2 views"))), stored)
    assert (changed.version, changed.id, changed.created_at) == (2, stored.id, NOW)
    assert changed.accession_number == stored.accession_number
    assert changed.procedures[0].study_instance_uid == stored.procedures[0].study_instance_uid
    assert changed.steps() == (stored.steps()[0].evolve(description="2 views"),)


def test_another_accession_number_replaces_the_first(put: Placer) -> None:
    stored = put(an_order(accession_number=LONG))
    changed = put(an_order(accession_number="ACC-2"), stored)
    assert (changed.accession_number, changed.original_accession_number) == ("ACC-2", "")


def test_steps_match_by_position_without_id(put: Placer) -> None:
    stored = put(an_order(a_procedure(a_step(description="one"), a_step(description="two"))))
    changed = put(an_order(a_procedure(a_step(description="uno"), a_step(description="due"))), stored)
    assert [(s.id, s.description) for s in changed.steps()] == [("SPS0000000001", "uno"), ("SPS0000000002", "due")]


def test_steps_match_by_id_in_any_order(put: Placer) -> None:
    stored = put(an_order(a_procedure(a_step(id="S1", description="one"), a_step(id="S2", description="two"))))
    changed = put(an_order(a_procedure(a_step(id="S2", description="due"), a_step(id="S1"))), at(stored, "ARRIVED", 1))
    assert [(s.id, s.description, s.status.value) for s in changed.steps()] == [
        ("S2", "due", "ARRIVED"),
        ("S1", "", "SCHEDULED"),
    ]


def test_a_step_matches_by_the_id_that_was_too_long(put: Placer) -> None:
    stored = put(an_order(a_procedure(a_step(), a_step(id=LONG))))
    changed = put(an_order(a_procedure(a_step(id=LONG, description="x"))), stored)
    assert [step.id for step in changed.steps()] == [step.id for step in stored.steps()]
    assert [step.status.value for step in changed.steps()] == ["CANCELED", "SCHEDULED"]
    assert changed.steps()[1].original_id == LONG


def test_a_step_that_is_named_is_not_also_matched_by_position(put: Placer) -> None:
    stored = put(an_order(a_procedure(a_step(id="S1"), a_step(id="S2"))))
    changed = put(an_order(a_procedure(a_step(description="new"), a_step(id="S1"))), stored)
    assert [(s.id, s.description, s.status.value) for s in changed.steps()] == [
        ("SPS0000000001", "new", "SCHEDULED"),
        ("S2", "", "CANCELED"),
        ("S1", "", "SCHEDULED"),
    ]


def test_procedures_match_by_position_and_by_id(put: Placer) -> None:
    stored = put(an_order(a_procedure(id="P1"), a_procedure()))
    uids = [p.study_instance_uid for p in stored.procedures]
    by_position = put(an_order(a_procedure(), a_procedure(description="x")), stored)
    assert [p.study_instance_uid for p in by_position.procedures] == uids
    by_id = put(an_order(a_procedure(id="RP0000000001"), a_procedure(id="P1", description="x")), stored)
    assert [p.study_instance_uid for p in by_id.procedures] == uids[::-1]


@pytest.mark.parametrize("status", OPEN)
def test_a_step_left_out_is_cancelled(put: Placer, status: str) -> None:
    stored = at(put(an_order(a_procedure(a_step(), a_step()))), status, 1)
    changed = put(an_order(), stored)
    assert [step.status.value for step in changed.steps()] == ["SCHEDULED", "CANCELED"]
    assert changed.status is OrderStatus.SCHEDULED
    assert put(an_order(), changed) is changed


def test_a_procedure_left_out_is_cancelled(put: Placer) -> None:
    stored = put(an_order(a_procedure(), a_procedure()))
    changed = put(an_order(), stored)
    assert [step.status.value for step in changed.steps()] == ["SCHEDULED", "CANCELED"]


@pytest.mark.parametrize("status", BEGUN)
@pytest.mark.parametrize(
    "two", [(a_procedure(a_step(), a_step()),), (a_procedure(), a_procedure())], ids=["step", "procedure"]
)
def test_what_has_begun_cannot_be_left_out(put: Placer, status: str, two: tuple[RequestedProcedure, ...]) -> None:
    stored = at(put(an_order(*two)), status, 1)
    with pytest.raises(Conflict, match="left out"):
        put(an_order(), stored)


@pytest.mark.parametrize("status", (*OPEN, *BEGUN))
def test_an_update_keeps_the_status(put: Placer, status: str) -> None:
    stored = at(put(an_order()), status)
    changed = put(an_order(a_procedure(a_step(description="x"))), stored)
    assert changed.steps()[0].status.value == status
    assert changed.version == stored.version + 1


def test_an_inferred_end_stays_inferred(put: Placer) -> None:
    stored = with_steps(put(an_order()), lambda s: s.evolve(status=StepStatus.COMPLETED, inferred=True))
    assert put(an_order(a_procedure(a_step(description="x"))), stored).steps()[0].inferred


@pytest.mark.parametrize(
    "patient",
    [Patient("P-79", "Doe^Rex", issuer="MYPMS"), Patient("P-78", "Doe^Rex", issuer="OTHER"), Patient("P-78", "Doe")],
    ids=["id", "issuer", "no issuer"],
)
def test_an_order_never_changes_its_patient(put: Placer, patient: Patient) -> None:
    stored = put(an_order())
    with pytest.raises(Conflict, match="another patient"):
        put(an_order(patient=patient), stored)


def test_the_patient_may_get_another_name(put: Placer) -> None:
    stored = put(an_order())
    changed = put(an_order(patient=stored.patient.evolve(name="Roe^Rex", weight_kg=31.5)), stored)
    assert (changed.patient.name, changed.version) == ("Roe^Rex", 2)


@pytest.mark.parametrize("status", BEGUN)
def test_the_study_uid_of_a_begun_procedure_is_fixed(put: Placer, status: str) -> None:
    stored = at(put(an_order()), status)
    with pytest.raises(Conflict, match="study instance UID"):
        put(an_order(a_procedure(study_instance_uid="1.2.3")), stored)
    same = stored.procedures[0].study_instance_uid
    assert put(an_order(a_procedure(study_instance_uid=same)), stored) is stored


@pytest.mark.parametrize("status", OPEN)
def test_the_study_uid_of_an_open_procedure_may_change(put: Placer, status: str) -> None:
    stored = at(put(an_order()), status)
    changed = put(an_order(a_procedure(study_instance_uid="1.2.3")), stored)
    assert changed.procedures[0].study_instance_uid == "1.2.3"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (an_order(a_procedure(id="P1"), a_procedure(id="P1")), "procedures.id"),
        (an_order(a_procedure(a_step(id="S"), a_step(id="S"))), "procedures.steps.id"),
        (an_order(a_procedure(a_step(id="S")), a_procedure(a_step(id="S"))), "procedures.steps.id"),
        (
            an_order(a_procedure(study_instance_uid="1.2"), a_procedure(study_instance_uid="1.2")),
            "procedures.study_instance_uid",
        ),
    ],
    ids=["procedure", "step", "step of another procedure", "study"],
)
def test_ids_that_stand_twice_are_refused(put: Placer, sent: Order, field: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        put(sent)
    assert [error.field for error in raised.value.errors] == [field]


def test_a_step_does_not_move_to_another_procedure(put: Placer) -> None:
    stored = put(an_order(a_procedure(a_step(id="S1"), id="P1"), a_procedure(a_step(id="S2"), id="P2")))
    moved = an_order(a_procedure(a_step(id="S2"), id="P1"), a_procedure(a_step(id="S3"), id="P2"))
    with pytest.raises(Conflict, match="S2"):
        put(moved, stored)


@pytest.mark.parametrize(
    ("step", "stations"),
    [
        (a_step(), ("DX1", "DX2")),
        (a_step(station_ae_titles=("MINE",)), ("MINE",)),
        (a_step(modality="IO"), ()),
        (a_step(modality="IO", station_ae_titles=("MINE",)), ("MINE",)),
    ],
    ids=["of the configured devices", "as sent", "no such device", "as sent, no such device"],
)
def test_the_stations(put: Placer, step: ScheduledStep, stations: tuple[str, ...]) -> None:
    assert put(an_order(a_procedure(step))).steps()[0].station_ae_titles == stations


def test_cancel(put: Placer) -> None:
    stored = at(put(an_order(a_procedure(a_step(), a_step()))), "ARRIVED", 1)
    cancelled = cancel(stored)
    assert {step.status for step in cancelled.steps()} == {StepStatus.CANCELED}
    assert (cancelled.status, cancelled.version) == (OrderStatus.CANCELED, stored.version + 1)


def test_a_sender_may_order_again_by_the_same_order(put: Placer) -> None:
    cancelled = cancel(put(an_order()))
    assert put(an_order(), cancelled) is cancelled
    again = place(an_order(), cancelled, put.minter, STATIONS, NOW + 1, again=True)
    assert (again.status, again.version) == (OrderStatus.SCHEDULED, cancelled.version + 1)
    assert place(an_order(), again, put.minter, STATIONS, NOW + 2, again=True) is again


def test_cancel_again_changes_nothing(put: Placer) -> None:
    cancelled = cancel(put(an_order()))
    assert cancel(cancelled) is cancelled


@pytest.mark.parametrize("status", BEGUN)
@pytest.mark.parametrize("position", [0, 1])
def test_cancel_after_the_beginning_is_refused(put: Placer, status: str, position: int) -> None:
    stored = at(put(an_order(a_procedure(a_step(), a_step()))), status, position)
    with pytest.raises(IllegalTransition, match=f"too late.*{status}"):
        cancel(stored)


CHANGES: dict[str, Order] = {
    "of the order": an_order(reason="limping"),
    "of the patient": an_order(patient=Patient("P-78", "Doe^Max", issuer="MYPMS")),
    "of the procedure": an_order(a_procedure(description="Thorax")),
    "of the step": an_order(a_procedure(a_step(expected_instances=2))),
    "a step more": an_order(a_procedure(a_step(), a_step())),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_ordered_again_after_a_cancellation_with_a_change(put: Placer, changed: Order) -> None:
    cancelled = cancel(put(an_order()))
    again = put(changed, cancelled)
    assert again.status is OrderStatus.SCHEDULED
    assert {step.status for step in again.steps()} == {StepStatus.SCHEDULED}
    assert (again.version, again.id, again.steps()[0].id) == (3, cancelled.id, cancelled.steps()[0].id)


@pytest.mark.parametrize(
    "sent",
    [
        an_order(),
        an_order(a_procedure(a_step(id=LONG), id=LONG), accession_number=LONG),
        an_order(a_procedure(a_step(), a_step(id="S2")), a_procedure(id="P2")),
    ],
    ids=["one step", "ids too long", "several"],
)
def test_a_late_retry_does_not_undo_a_cancellation(put: Placer, sent: Order) -> None:
    cancelled = cancel(put(sent))
    assert put(sent, cancelled) is cancelled
    assert put(cancelled, cancelled) is cancelled


def test_a_late_retry_does_not_bring_back_a_step_that_was_left_out(put: Placer) -> None:
    two = an_order(a_procedure(a_step(), a_step()))
    fewer = put(an_order(), put(two))
    assert put(two, fewer) is fewer
    again = put(two.evolve(reason="limping"), fewer)
    assert [step.status.value for step in again.steps()] == ["SCHEDULED", "SCHEDULED"]


def test_a_late_retry_leaves_what_has_begun_beside_a_cancelled_step(put: Placer) -> None:
    two = an_order(a_procedure(a_step(), a_step()))
    begun = at(at(put(two), "CANCELED", 1), "STARTED", 0)
    assert put(two, begun) is begun


def test_with_steps_leaves_an_unchanged_order_alone(put: Placer) -> None:
    stored = put(an_order())
    same: Callable[[ScheduledStep], ScheduledStep] = lambda step: step.evolve()  # noqa: E731
    assert with_steps(stored, same) is stored


def test_a_left_out_procedure_keeps_its_place(put: Placer) -> None:
    stored = put(an_order(a_procedure(id="P1", description="one"), a_procedure(id="P2", description="two")))
    fewer = put(an_order(a_procedure(id="P2", description="two")), stored)
    again = put(an_order(a_procedure(description="one"), a_procedure(description="two")), fewer)
    assert [(p.id, p.description) for p in again.procedures] == [("P1", "one"), ("P2", "two")]
    assert [p.study_instance_uid for p in again.procedures] == [p.study_instance_uid for p in stored.procedures]


def test_two_procedures_never_get_one_study_by_an_update(put: Placer) -> None:
    stored = put(an_order(a_procedure(id="P1", study_instance_uid="1.2.3"), a_procedure(id="P2")))
    with pytest.raises(Conflict):
        put(an_order(a_procedure(id="P2", study_instance_uid="1.2.3")), stored)
    assert put(an_order(a_procedure(id="P2", study_instance_uid="1.2.4")), stored).version == 2


def test_a_new_order_of_cancelled_steps_is_cancelled(put: Placer) -> None:
    assert put(an_order(a_procedure(a_step(status=StepStatus.CANCELED)))).status is OrderStatus.CANCELED


@given(st.lists(st.lists(st.sampled_from(["", "A", "B", "C"]), min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_same_order_sent_again_changes_nothing_whatever_came_before(histories: list[list[str]]) -> None:
    put = Placer()
    stored: Order | None = None
    for ids in histories:
        named = [name for name in ids if name]
        if len(set(named)) < len(named):
            continue
        body = an_order(*(a_procedure(id=name) for name in ids))
        stored = put(body, stored)
        assert put(body, stored) is stored


@pytest.mark.parametrize(
    ("step", "ae_titles", "name"),
    [
        pytest.param({"modality": "US"}, ("US1",), "Cart", id="by its modality"),
        pytest.param({"station_ae_titles": ("DX1",)}, ("DX1",), "Room 1", id="named, the first of two names"),
        pytest.param({"station_ae_titles": ("DX1",), "station_name": "Mine"}, ("DX1",), "Mine", id="the order's own"),
        pytest.param({"station_ae_titles": ("DX2",)}, ("DX2",), "", id="a device without a name"),
        pytest.param({"station_ae_titles": ("OTHER",)}, ("OTHER",), "", id="an unknown device"),
        pytest.param({}, ("DX1", "DX2"), "", id="several devices"),
        pytest.param({"modality": "MR"}, (), "", id="no device"),
    ],
)
def test_a_step_of_one_device_gets_its_station_name(
    put: Placer, step: dict[str, Any], ae_titles: tuple[str, ...], name: str
) -> None:
    incoming = an_order(a_procedure(a_step(**step)))
    placed = put(incoming)
    (found,) = placed.steps()
    assert (found.station_ae_titles, found.station_name) == (ae_titles, name)
    assert put(incoming, placed) is placed


def test_another_device_brings_its_own_station_name(put: Placer) -> None:
    placed = put(an_order(a_procedure(a_step(station_ae_titles=("DX1",)))))
    moved = put(an_order(a_procedure(a_step(station_ae_titles=("US1",)))), placed)
    assert [step.station_name for step in moved.steps()] == ["Cart"]
