"""Patients in the database: updates, merges and their end, with the orders, images and events that go with them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_gateway.core.matching import Narrowing
from dicom_gateway.core.model import Order, Patient
from dicom_gateway.core.patients import MergeKind, MergeRefused, PatientExists, UnknownPatient
from dicom_gateway.errors import Conflict, GatewayError, InvalidValue, NotFound
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.storage.outbox import Target
from dicom_gateway.storage.patients import PatientStore
from dicom_gateway.storage.waiting import Waiting
from tests.storage.builders import PMS, GatewayStore, a_procedure, a_reference, a_step, an_order, opened

ISSUER = "MYPMS"
OLD, NEW, THIRD = (ISSUER, "P-78"), (ISSUER, "P-99"), (ISSUER, "P-100")
REX = Patient("P-78", "Doe^Rex", issuer=ISSUER, species="Dog", weight_kg=31.5)
MAX = Patient("P-99", "Doe^Max", issuer=ISSUER, species="Dog", allergies=("latex",))


def uid(number: int) -> str:
    return f"1.2.3{number}"


def taken(store: GatewayStore, number: int, patient: Patient = REX, **values: Any) -> Order:
    return store.order(f"A-{number}", a_procedure(study_instance_uid=uid(number)), **({"patient": patient} | values))


def patient_of(store: GatewayStore, order: Order) -> Patient:
    return store.orders.get(order.id).patient


def ids_on_worklist(store: GatewayStore, patient_id: str) -> list[str]:
    found = store.worklist.candidates(Narrowing(patient_id=patient_id), only_shown=True)
    return sorted(item.order.placer_order_number for item in found)


def completed(store: GatewayStore, number: int, patient: Patient = REX) -> Order:
    """An order with its image, completed and told."""
    order = taken(store, number, patient)
    image(store, number, patient.id)
    store.settle_all()
    assert store.orders.get(order.id).status.value == "COMPLETED"
    return order


def image(store: GatewayStore, number: int, patient_id: str, name: str = "1") -> None:
    store.image(f"{uid(number)}.{name}", study_instance_uid=uid(number), patient_id=patient_id)


def linked_to(store: GatewayStore, number: int) -> list[str]:
    return [instance.order_id for instance in store.studies.get(uid(number))[1]]


def told(store: GatewayStore) -> list[dict[str, Any]]:
    return [event for event in store.events() if event["type"].startswith("patient.")]


# update


def test_an_update_changes_every_open_order_and_no_other(gateway_store: GatewayStore) -> None:
    ended = completed(gateway_store, 1)
    one, two = taken(gateway_store, 2), taken(gateway_store, 3)
    other = taken(gateway_store, 4, REX.evolve(id="P-1"))
    foreign = taken(gateway_store, 5, REX.evolve(issuer="OTHER"))
    news = Patient("P-78", "Doe^Rexi", issuer=ISSUER, birth_date=date(2019, 5, 1))
    named = frozenset({"id", "name", "weight_kg"})
    assert sorted(gateway_store.patients.update(news, named, PMS)) == sorted([one.id, two.id])
    for order in (one, two):
        found = gateway_store.orders.get(order.id)
        assert found == order.evolve(version=2, patient=REX.evolve(name="Doe^Rexi", weight_kg=None))
        assert gateway_store.audit.of(f"order {order.id}")[-1]["action"] == "patient updated: id, name, weight_kg"
    assert [patient_of(gateway_store, order) for order in (ended, other, foreign)] == [
        ended.patient, other.patient, foreign.patient,
    ]  # fmt: skip
    found_by_name = gateway_store.worklist.candidates(Narrowing(name_prefix="doe^rexi"), only_shown=True)
    assert sorted(item.order.id for item in found_by_name) == sorted([one.id, two.id])
    assert gateway_store.patients.update(news, named, PMS) == ()
    assert gateway_store.orders.get(one.id).version == 2


def test_an_update_of_a_started_order(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    image(gateway_store, 1, "P-78")
    assert gateway_store.statuses(order)[0] == "STARTED"
    assert gateway_store.patients.update(REX.evolve(name="Doe^R"), frozenset({"name"}), PMS) == (order.id,)


def test_an_update_of_nobody_changes_nothing(gateway_store: GatewayStore) -> None:
    assert gateway_store.patients.update(REX, frozenset({"name"}), PMS) == ()
    assert gateway_store.patients.update(REX.evolve(issuer=""), frozenset({"name"}), PMS) == ()
    assert gateway_store.patients.arrived(("", "P-78"), PMS) == ()
    assert gateway_store.patients.resolve("", "P-78") == ("", "P-78")


def test_a_refused_update_changes_nothing(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    with pytest.raises(InvalidValue):
        gateway_store.patients.update(REX.evolve(name=""), frozenset({"name"}), PMS)
    assert gateway_store.orders.get(order.id) == order


def test_an_id_without_an_issuer_is_known_within_its_source(gateway_store: GatewayStore) -> None:
    here, there = REX.evolve(issuer=""), REX.evolve(issuer="", name="Roe^Ann", species="")
    mine = taken(gateway_store, 1, here)
    news = here.evolve(name="Doe^R")
    named = frozenset({"name"})
    assert gateway_store.patients.update(news, named, PMS) == (mine.id,)
    theirs = gateway_store.orders.save(
        an_order("A-1", a_procedure(study_instance_uid="1.9")).evolve(source="otherpms", patient=there), PMS
    )[0]
    with pytest.raises(MergeRefused):
        gateway_store.patients.update(news, named, PMS)
    assert gateway_store.patients.update(news.evolve(name="Doe^X"), named, PMS, source="mypms") == (mine.id,)
    gateway_store.patients.merge(("", "P-99"), ("", "P-78"), PMS, source="mypms")
    assert (patient_of(gateway_store, mine).id, patient_of(gateway_store, theirs)) == ("P-99", there)
    assert gateway_store.patients.resolve("", "P-78", "mypms") == ("", "P-99")
    assert gateway_store.patients.resolve("", "P-78", "otherpms") == ("", "P-78")


# merge


def test_a_merge_moves_open_orders_and_completes_the_record(gateway_store: GatewayStore) -> None:
    ended, open_one = completed(gateway_store, 1), taken(gateway_store, 2)
    theirs = taken(gateway_store, 3, MAX)
    facts = Patient("P-99", "Doe^Maximilian", issuer=ISSUER)
    found = gateway_store.patients.merge(NEW, OLD, PMS, facts)
    assert (found.is_new, set(found.order_ids), found.left) == (True, {open_one.id, theirs.id}, ())
    assert patient_of(gateway_store, open_one) == MAX.evolve(name="Doe^Maximilian", weight_kg=31.5)
    assert patient_of(gateway_store, theirs) == MAX.evolve(name="Doe^Maximilian")
    assert patient_of(gateway_store, ended) == REX
    assert ids_on_worklist(gateway_store, "P-78") == []
    assert ids_on_worklist(gateway_store, "P-99") == ["A-2", "A-3"]
    assert gateway_store.patients.resolve(*OLD) == NEW
    assert gateway_store.patients.resolve(*NEW) == NEW
    assert "patient merged: merge 1" in [row["action"] for row in gateway_store.audit.of(f"order {open_one.id}")]


def test_the_same_merge_again_does_nothing(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    first = gateway_store.patients.merge(NEW, OLD, PMS)
    again = gateway_store.patients.merge(NEW, OLD, PMS, MAX)
    assert (again.merge, again.is_new, again.order_ids) == (first.merge, False, ())
    assert gateway_store.orders.get(order.id).version == 2
    assert len(gateway_store.patients.merges()) == 1


def test_merges_at_the_same_time_are_one(gateway_store: GatewayStore) -> None:
    taken(gateway_store, 1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: gateway_store.patients.merge(NEW, OLD, PMS), range(8)))
    assert sum(one.is_new for one in found) == 1
    assert {one.merge.key for one in found} == {1}


def test_orders_that_come_under_the_old_id_are_the_survivors(gateway_store: GatewayStore) -> None:
    gateway_store.patients.merge(NEW, OLD, PMS)
    taken(gateway_store, 1, MAX)
    late = taken(gateway_store, 2)
    assert late.patient == MAX.evolve(weight_kg=31.5)
    again, is_new = gateway_store.orders.save(
        an_order("A-2", a_procedure(study_instance_uid=uid(2)), patient=REX.evolve(name="Doe^Old")), PMS
    )
    assert (again, is_new) == (late, False)
    changed = taken(gateway_store, 2, REX, reason="cough")
    assert (changed.reason, changed.patient, changed.version) == ("cough", late.patient, 2)
    as_survivor = taken(gateway_store, 2, MAX.evolve(name="Doe^Maxi"))
    assert as_survivor.patient.name == "Doe^Maxi"
    with pytest.raises(Conflict):
        taken(gateway_store, 2, MAX.evolve(id="P-1"))


def test_an_order_that_ended_before_may_be_sent_again_under_either_id(gateway_store: GatewayStore) -> None:
    ended = gateway_store.orders.get(completed(gateway_store, 1).id)
    gateway_store.patients.merge(NEW, OLD, PMS)
    assert taken(gateway_store, 1) == ended
    assert taken(gateway_store, 1, REX.evolve(id="P-99")) == ended
    assert taken(gateway_store, 1, reason="cough").patient.id == "P-99"


def test_one_accession_number_of_a_merged_patient(gateway_store: GatewayStore) -> None:
    completed(gateway_store, 1)
    number = gateway_store.orders.find(OrderFilter())[0].accession_number
    with pytest.raises(Conflict):
        taken(gateway_store, 2, MAX, accession_number=number)
    gateway_store.patients.merge(NEW, OLD, PMS)
    assert taken(gateway_store, 2, MAX, accession_number=number).accession_number == number
    with pytest.raises(Conflict):
        taken(gateway_store, 3, MAX.evolve(id="P-1"), accession_number=number)


@pytest.mark.parametrize("issuer", ["", ISSUER])
@pytest.mark.parametrize("patient_id", ["P-78", "P-99"])
def test_images_of_either_id_belong_to_the_order(gateway_store: GatewayStore, issuer: str, patient_id: str) -> None:
    order = taken(gateway_store, 1)
    gateway_store.patients.merge(NEW, OLD, PMS)
    values = {"study_instance_uid": uid(1), "issuer": issuer}
    gateway_store.image(f"{uid(1)}.1", patient_id=patient_id, **values)
    gateway_store.image(f"{uid(1)}.2", patient_id="P-1", **values)
    assert linked_to(gateway_store, 1) == [order.id, ""]
    assert gateway_store.studies.instance(f"{uid(1)}.1").header.patient_id == patient_id


def test_a_late_image_under_the_new_id_belongs_to_an_order_that_had_ended(gateway_store: GatewayStore) -> None:
    order = completed(gateway_store, 1)
    gateway_store.patients.merge(NEW, OLD, PMS)
    image(gateway_store, 1, "P-99", "2")
    assert linked_to(gateway_store, 1) == [order.id, order.id]


def test_reports_of_the_old_id_start_the_order(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    gateway_store.patients.merge(NEW, OLD, PMS)
    gateway_store.create_mpps("9.1", a_reference(uid(1)))
    assert gateway_store.statuses(order) == ["STARTED", "STARTED"]


def test_an_image_that_waited_for_the_merge_is_linked_by_it(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    image(gateway_store, 1, "P-99")
    assert linked_to(gateway_store, 1) == [""]
    gateway_store.patients.merge(NEW, OLD, PMS)
    assert linked_to(gateway_store, 1) == [order.id]
    gateway_store.settle_all()
    assert gateway_store.told().count("study.received") == 1


def test_a_report_that_waited_for_the_merge_is_linked_by_it(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    gateway_store.create_mpps("9.1", a_reference(uid(1)), PatientID="P-99")
    assert gateway_store.statuses(order)[0] == "SCHEDULED"
    gateway_store.patients.merge(NEW, OLD, PMS)
    assert gateway_store.statuses(order)[0] == "STARTED"


REFUSED = {
    "another issuer": (("OTHER", "P-99"), OLD),
    "an issuer and none": (("", "P-99"), OLD),
    "itself": (OLD, OLD),
}


@pytest.mark.parametrize(("survivor", "old"), REFUSED.values(), ids=REFUSED)
def test_merges_that_are_refused(gateway_store: GatewayStore, survivor: Any, old: Any) -> None:
    order = taken(gateway_store, 1)
    with pytest.raises(MergeRefused):
        gateway_store.patients.merge(survivor, old, PMS)
    assert gateway_store.orders.get(order.id) == order
    assert gateway_store.patients.merges() == []


@pytest.mark.parametrize("from_facts", [False, True], ids=["orders", "facts"])
def test_a_merge_across_species_is_refused(gateway_store: GatewayStore, from_facts: bool) -> None:
    taken(gateway_store, 1)
    cat = MAX.evolve(species="Cat")
    if not from_facts:
        taken(gateway_store, 2, cat)
    with pytest.raises(MergeRefused, match="species"):
        gateway_store.patients.merge(NEW, OLD, PMS, cat if from_facts else None)
    assert gateway_store.patients.merges() == []
    assert ids_on_worklist(gateway_store, "P-78") == ["A-1"]


def test_a_merge_across_sources_is_refused(gateway_store: GatewayStore) -> None:
    taken(gateway_store, 1, REX.evolve(issuer=""))
    taken(gateway_store, 2, MAX.evolve(issuer=""), source="otherpms")
    with pytest.raises(MergeRefused):
        gateway_store.patients.merge(("", "P-99"), ("", "P-78"), PMS)
    assert gateway_store.patients.merge(("", "P-99"), ("", "P-78"), PMS, source="mypms").merge.source == "mypms"


def test_what_is_unknown(gateway_store: GatewayStore) -> None:
    with pytest.raises(UnknownPatient):
        gateway_store.patients.merge(NEW, OLD, PMS, only_known=True)
    with pytest.raises(InvalidValue) as refused:
        gateway_store.patients.merge(("", "P-99"), ("", "P-78"), PMS)
    assert refused.value.field == "source"
    with pytest.raises(InvalidValue) as refused:
        gateway_store.patients.merge(NEW, (ISSUER, ""), PMS)
    assert refused.value.field == "old.id"
    assert gateway_store.patients.merge(NEW, OLD, PMS).is_new  # orders of it may come yet


def test_chains_lead_to_the_last_and_no_circle_is_made(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    gateway_store.patients.merge(NEW, OLD, PMS)
    gateway_store.patients.merge(THIRD, NEW, PMS)
    assert gateway_store.patients.resolve(*OLD) == THIRD
    assert patient_of(gateway_store, order).id == "P-100"
    for survivor, old in ((OLD, THIRD), (NEW, THIRD), (THIRD, OLD)):
        with pytest.raises(MergeRefused, match="merge"):
            gateway_store.patients.merge(survivor, old, PMS)
    image(gateway_store, 1, "P-78")
    assert linked_to(gateway_store, 1) == [order.id]


def test_a_merge_into_one_that_was_merged_itself_follows(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    second = gateway_store.patients.merge(THIRD, NEW, PMS)
    first = gateway_store.patients.merge(NEW, OLD, PMS)
    late = taken(gateway_store, 2)
    assert [patient_of(gateway_store, one).id for one in (order, late)] == ["P-100", "P-100"]
    with pytest.raises(MergeRefused, match=f"merge {second.merge.key} first"):
        gateway_store.patients.unmerge(first.merge.key, PMS)
    gateway_store.patients.unmerge(second.merge.key, PMS)
    assert [patient_of(gateway_store, one).id for one in (order, late)] == ["P-99", "P-99"]
    gateway_store.patients.unmerge(first.merge.key, PMS)
    assert [patient_of(gateway_store, one) for one in (order, late)] == [REX, REX]


# undo


def test_an_undone_merge_leaves_everything_as_it_was(gateway_store: GatewayStore) -> None:
    mine, theirs = taken(gateway_store, 1), taken(gateway_store, 2, MAX)
    merge = gateway_store.patients.merge(NEW, OLD, PMS, MAX.evolve(name="Doe^Maxi")).merge
    late = taken(gateway_store, 3)
    found = gateway_store.patients.unmerge(merge.key, PMS)
    assert (set(found.order_ids), found.left) == ({mine.id, theirs.id, late.id}, ())
    assert [patient_of(gateway_store, one) for one in (mine, theirs, late)] == [REX, MAX, REX]
    assert ids_on_worklist(gateway_store, "P-78") == ["A-1", "A-3"]
    assert gateway_store.patients.resolve(*OLD) == OLD
    assert taken(gateway_store, 4).patient == REX
    (shown,) = gateway_store.patients.merges()
    assert (shown.undone_at, shown.who, shown.kind) == (gateway_store.clock(), PMS.who, MergeKind.MERGE)
    with pytest.raises(Conflict, match="undone already"):
        gateway_store.patients.unmerge(merge.key, PMS)
    with pytest.raises(NotFound):
        gateway_store.patients.unmerge(99, PMS)
    assert gateway_store.patients.merge(NEW, OLD, PMS).merge.key == 2


def test_what_others_changed_meanwhile_is_not_taken_back(gateway_store: GatewayStore) -> None:
    theirs, ended = taken(gateway_store, 1, MAX), taken(gateway_store, 2)
    merge = gateway_store.patients.merge(NEW, OLD, PMS, MAX.evolve(name="Doe^Maxi")).merge
    gateway_store.patients.update(MAX.evolve(weight_kg=5.0), frozenset({"weight_kg"}), PMS)
    gateway_store.orders.cancel(ended.id, PMS)
    found = gateway_store.patients.unmerge(merge.key, PMS)
    assert (found.order_ids, found.left) == ((), (ended.id,))
    assert patient_of(gateway_store, theirs) == MAX.evolve(name="Doe^Maxi", weight_kg=5.0)
    assert patient_of(gateway_store, ended).id == "P-99"
    (alarm,) = gateway_store.audit.alarms()
    assert (alarm["kind"], alarm["subject"]) == ("order of a merged patient", f"order {ended.id}")


def test_a_moved_order_goes_back_although_the_survivor_was_updated(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    merge = gateway_store.patients.merge(NEW, OLD, PMS).merge
    gateway_store.patients.update(MAX, frozenset({"name"}), PMS)
    assert patient_of(gateway_store, order).name == "Doe^Max"
    gateway_store.patients.unmerge(merge.key, PMS)
    assert patient_of(gateway_store, order) == REX


def test_images_that_only_the_merge_linked_wait_again(gateway_store: GatewayStore) -> None:
    mine, theirs = taken(gateway_store, 1), taken(gateway_store, 2, MAX)
    merge = gateway_store.patients.merge(NEW, OLD, PMS).merge
    for number, patient_id, name in ((1, "P-78", "1"), (1, "P-99", "2"), (2, "P-78", "1")):
        image(gateway_store, number, patient_id, name)
    gateway_store.patients.unmerge(merge.key, PMS)
    assert linked_to(gateway_store, 1) == [mine.id, ""]
    assert linked_to(gateway_store, 2) == [""]
    assert gateway_store.studies.get(uid(2))[0].order_id == ""
    assert {alarm["kind"] for alarm in gateway_store.audit.alarms()} == {"patient differs"}
    gateway_store.settle_all()
    assert gateway_store.shown() == [f"{uid(1)}.1"]
    received = [event["order"]["id"] for event in gateway_store.events() if event["type"] == "study.received"]
    assert received == [mine.id]
    assert gateway_store.orders.get(theirs.id).status.value == "STARTED"


IDS = ["P-1", "P-2", "P-3", "P-4"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.sampled_from(IDS)),
        st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)),
    ),
    min_size=5,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_each_order_is_of_whoever_its_id_stands_for_until_all_is_undone(steps: list[tuple[str, str]]) -> None:
    own: dict[str, str] = {}
    with TemporaryDirectory() as folder, opened(Path(folder) / "gateway.db") as store:
        for number, (first, second) in enumerate(steps):
            if first == "order":
                own[taken(store, number, REX.evolve(id=second)).id] = second
            else:
                with suppress(MergeRefused):
                    store.patients.merge((ISSUER, second), (ISSUER, first), PMS)
            resolved = {patient_id: store.patients.resolve(ISSUER, patient_id)[1] for patient_id in IDS}
            assert ids_of(store) == {order: resolved[patient_id] for order, patient_id in own.items()}
        left = [merge.key for merge in store.patients.merges()]
        while left:
            before = len(left)
            for key in list(left):
                with suppress(MergeRefused):
                    store.patients.unmerge(key, PMS)
                    left.remove(key)
            assert len(left) < before
        assert ids_of(store) == own


def ids_of(store: GatewayStore) -> dict[str, str]:
    return {order.id: order.patient.id for order in store.orders.find(OrderFilter())}


# change of an id


def test_a_changed_id(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    found = gateway_store.patients.change_id(OLD, NEW, PMS)
    assert found.merge.kind is MergeKind.CHANGE
    assert patient_of(gateway_store, order) == REX.evolve(id="P-99")
    assert not gateway_store.patients.change_id(OLD, NEW, PMS).is_new
    assert taken(gateway_store, 2).patient.id == "P-99"
    back = gateway_store.patients.change_id(NEW, OLD, PMS)
    assert back.merge == replace(found.merge, undone_at=gateway_store.clock())
    assert patient_of(gateway_store, order) == REX


def test_an_id_that_somebody_has_is_not_given_away(gateway_store: GatewayStore) -> None:
    taken(gateway_store, 1)
    completed(gateway_store, 2, MAX)
    with pytest.raises(PatientExists):
        gateway_store.patients.change_id(OLD, NEW, PMS)
    gateway_store.patients.merge((ISSUER, "P-3"), (ISSUER, "P-2"), PMS)
    for taken_id in ("P-2", "P-3"):
        with pytest.raises(PatientExists):
            gateway_store.patients.change_id(OLD, (ISSUER, taken_id), PMS)


# arrived


def test_only_the_scheduled_steps_of_today_have_arrived(gateway_store: GatewayStore) -> None:
    steps = [a_step(start=f"2027-01-{day}T{hour}") for day, hour in (("14", "23:59"), ("15", "00:00"), ("16", "00:00"))]
    order = gateway_store.order("A-1", a_procedure(*steps, study_instance_uid=uid(1)), patient=REX)
    taken(gateway_store, 2, MAX)
    assert gateway_store.patients.arrived(OLD, PMS) == (order.id,)
    assert gateway_store.statuses(order) == ["ARRIVED", "SCHEDULED", "ARRIVED", "SCHEDULED"]
    assert gateway_store.patients.arrived(OLD, PMS) == ()
    gateway_store.patients.merge(NEW, OLD, PMS)
    assert len(gateway_store.patients.arrived(OLD, PMS)) == 1


def test_today_is_the_practices(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(start="2027-01-16T08:00"), study_instance_uid=uid(1)))
    gateway_store.clock.advance(15 * 3600)  # 23:00 UTC on the 15th, midnight in Berlin
    assert gateway_store.patients.arrived((ISSUER, "P-78"), PMS) == (order.id,)


# who is told


def test_those_who_hold_something_of_the_old_id_are_told_once(open_store: Any) -> None:
    store = open_store(targets=(Target("a", frozenset({"mypms"})), Target("b", frozenset({"otherpms"})), Target("c")))
    completed(store, 1)
    merge = store.patients.merge(NEW, OLD, PMS).merge
    store.patients.merge(NEW, OLD, PMS)
    (event,) = told(store)
    assert (event["type"], event["order"], event["source"]) == ("patient.merged", None, None)
    assert event["merge"] == {"id": 1, "kind": "merge", "old_id": "P-78", "survivor_id": "P-99"}
    assert (event["patient"]["id"], event["patient"]["issuer"]) == ("P-99", ISSUER)
    deliveries = [d for d in store.outbox.deliveries() if d["event_id"] == event["id"]]
    assert sorted(d["target"] for d in deliveries) == ["a", "c"]
    store.patients.unmerge(merge.key, PMS)
    _, undone = told(store)
    assert (undone["type"], undone["patient"]["id"]) == ("patient.unmerged", "P-78")
    deliveries = [d for d in store.outbox.deliveries() if d["event_id"] == undone["id"]]
    assert {d["target"]: d["detail"] for d in deliveries} == dict.fromkeys("ac", f"waits for {event['id']}")


def test_one_that_wants_other_events_only_is_not_told(open_store: Any) -> None:
    store = open_store(targets=(Target("a", types=frozenset({"study.received"})),))
    completed(store, 1)
    store.patients.merge(NEW, OLD, PMS)
    assert told(store) == []


def test_nobody_is_told_who_holds_nothing(gateway_store: GatewayStore) -> None:
    taken(gateway_store, 1)
    gateway_store.patients.merge(NEW, OLD, PMS)
    gateway_store.patients.unmerge(1, PMS)
    assert told(gateway_store) == []


def test_those_who_hold_something_of_an_earlier_id_are_told_of_a_later_merge(gateway_store: GatewayStore) -> None:
    completed(gateway_store, 1)
    gateway_store.patients.merge(NEW, OLD, PMS)
    gateway_store.patients.merge(THIRD, NEW, PMS)
    assert [event["merge"]["old_id"] for event in told(gateway_store)] == ["P-78", "P-99"]


class Broken(Waiting):
    """Fails when a merge has done all but the last."""

    def look_again(self, *_: object) -> None:
        raise GatewayError("stop")


def test_a_failure_on_the_way_changes_nothing(gateway_store: GatewayStore) -> None:
    order = taken(gateway_store, 1)
    store = gateway_store
    broken = Broken(store.outbox, store.performed, store.clock)
    with pytest.raises(GatewayError, match="stop"):
        PatientStore(store.database, store.outbox, broken, store.clock, ZoneInfo("UTC")).merge(NEW, OLD, PMS)
    assert store.orders.get(order.id) == order
    assert store.patients.merges() == []
    assert store.patients.resolve(*OLD) == OLD
