"""Matching by hand: what a person's word does to images, performed steps, steps, events, alarms; and undoing it."""

from collections.abc import Callable
from typing import Any

import pytest
from peewee import SqliteDatabase

from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.model import Order
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.suggestions import Reason
from dicom_gateway.errors import Conflict, NotFound
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Transaction
from dicom_gateway.storage.match_tables import MatchRow, SeenToRow, StudyDecisionRow
from dicom_gateway.storage.matching import MatchStore
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.tables import (
    AlarmRow,
    InstanceRow,
    PerformedLinkRow,
    PerformedReferenceRow,
    StudyRow,
)
from dicom_gateway.storage.unmatched import SeenTo, UnmatchedStore, _waiting_studies
from tests.storage.builders import (
    OVERDUE_SECONDS,
    QUIET_SECONDS,
    STUDY,
    WRONG_ENTRY,
    GatewayStore,
    a_procedure,
    a_reference,
    a_step,
)

TESS = Actor("Tess", "192.0.2.50")
OWN = "1.2.840.99.5"  # a study UID that the device made up


@pytest.fixture
def matches(gateway_store: GatewayStore) -> MatchStore:
    return a_match_store(gateway_store)


def a_match_store(store: GatewayStore) -> MatchStore:
    return MatchStore(store.database, store.outbox, store.performed, store.clock)


def of_nobody(store: GatewayStore, *uids: str, **values: Any) -> None:
    """Receive images of a study that no order is known for."""
    for uid in uids:
        store.image(uid, **{"study_instance_uid": OWN, "patient_id": "P-87", "patient_name": "Do^Rex"} | values)


def to(order: Order, step: int | None = 0) -> tuple[str, str, str]:
    """Return order, procedure and step as `match` takes them; None: no step in particular."""
    procedure = order.procedures[0]
    return order.id, procedure.id, "" if step is None else procedure.steps[step].id


def links(store: GatewayStore) -> dict[str, tuple[str, str, str]]:
    """Return where each image belongs, by its UID."""
    rows = store.database.read(lambda tx: tx.rows(InstanceRow.select()))
    return {row["sop_instance_uid"]: (row["order_id"], row["step_id"], row["link_reason"]) for row in rows}


def everything(store: GatewayStore) -> dict[str, Any]:
    """Return all that a match may change, but for versions, events and when to look again."""

    def read(tx: Transaction) -> dict[str, Any]:
        tables = (StudyRow, InstanceRow, PerformedReferenceRow, PerformedLinkRow, StudyDecisionRow, AlarmRow)
        rows = {model.__name__: tx.rows(model.select()) for model in tables}
        for row in rows["StudyRow"]:
            del row["due_at"]
        for row in rows["AlarmRow"]:
            del row["key"]
        return rows

    return store.database.read(read)


def test_a_study_of_no_order_is_matched_delivered_and_its_step_started(
    gateway_store: GatewayStore, matches: MatchStore
) -> None:
    store, order = gateway_store, gateway_store.order()
    of_nobody(store, "1.1", "1.2")
    store.settle_after(QUIET_SECONDS)
    assert store.told() == ["study.unmatched"]
    key = matches.match(OWN, *to(order), TESS)
    assert links(store) == {uid: (order.id, order.steps()[0].id, LinkReason.MANUAL.value) for uid in ("1.1", "1.2")}
    assert store.statuses(order) == ["STARTED", "STARTED"]
    store.settle()
    assert store.told() == ["study.unmatched", "order.started", "order.completed", "study.received"]
    received = store.events()[-1]
    assert received["patient"]["id"] == "P-78" and received["order"]["id"] == order.id
    assert received["study"]["instance_uid"] == OWN and received["study"]["received"] == 2
    study = store.studies.get(OWN)[0]
    assert (study.patient_id, study.patient_name, study.link_reason) == ("P-78", "Doe^Rex", "matched by hand")
    [kept] = matches.of_study(OWN)
    assert (kept.key, kept.who, kept.action, kept.undone_at) == (key, "Tess", "match", None)
    assert matches.for_order(order.id) == [kept] == [matches.get(key)]
    for subject in (f"study {OWN}", f"order {order.id}"):
        assert "matched" in [row["action"] for row in store.audit.of(subject)]


def test_later_images_follow_the_decision_of_that_patient_only(
    gateway_store: GatewayStore, matches: MatchStore
) -> None:
    order = gateway_store.order()
    of_nobody(gateway_store, "1.1")
    matches.match(OWN, *to(order), TESS)
    gateway_store.settle_after(QUIET_SECONDS)
    of_nobody(gateway_store, "1.2")
    of_nobody(gateway_store, "1.3", patient_id="P-99")
    found = links(gateway_store)
    assert found["1.2"][::2] == (order.id, LinkReason.MANUAL.value)
    assert found["1.3"][0] == ""
    gateway_store.settle_after(QUIET_SECONDS)
    assert gateway_store.shown() == ["1.1", "1.2"]


def test_the_word_of_a_person_beats_the_rules(gateway_store: GatewayStore, matches: MatchStore) -> None:
    """The device took the wrong line: its images name order A, and are of order B."""
    store = gateway_store
    wrong = store.order("A-1")
    right = store.order("A-2", a_procedure(a_step(), study_instance_uid="1.2.9"))
    store.image("1.1")
    store.settle_after(QUIET_SECONDS)
    assert links(store)["1.1"][0] == wrong.id
    matches.unmatch(STUDY, TESS)
    assert links(store)["1.1"] == ("", "", LinkReason.UNMATCHED.value)
    assert store.statuses(wrong) == ["SCHEDULED", "SCHEDULED"]
    assert store.told()[-1] == "study.withdrawn"
    withdrawn = store.events()[-1]
    assert (withdrawn["order"]["id"], withdrawn["order"]["status"]) == (wrong.id, "SCHEDULED")
    assert withdrawn["study"]["instance_uid"] == STUDY and withdrawn["instances"] == []
    store.image("1.2")
    assert links(store)["1.2"] == ("", "", LinkReason.UNMATCHED.value)
    matches.match(STUDY, *to(right), TESS)
    store.image("1.3")
    assert {place[0] for place in links(store).values()} == {right.id}
    store.settle_after(QUIET_SECONDS)
    received = [event for event in store.events() if event["type"] == "study.received"]
    assert [event["order"]["id"] for event in received] == [wrong.id, right.id]
    assert received[-1]["study"]["received"] == 3


def test_an_order_that_changes_takes_nothing_back(gateway_store: GatewayStore, matches: MatchStore) -> None:
    store, order = gateway_store, gateway_store.order()
    store.image("1.1", accession_number="ACC-1")
    matches.unmatch(STUDY, TESS)
    store.order("A-9", a_procedure(study_instance_uid="1.2.7"), accession_number="ACC-1")
    store.order(reason="changed")
    assert links(store)["1.1"] == ("", "", LinkReason.UNMATCHED.value)
    assert store.statuses(order) == ["SCHEDULED", "SCHEDULED"]


@pytest.mark.parametrize("settled", [False, True], ids=["at once", "after it was delivered"])
def test_undo_restores_exactly(gateway_store: GatewayStore, matches: MatchStore, settled: bool) -> None:
    store, order = gateway_store, gateway_store.order()
    of_nobody(store, "1.1", "1.2")
    store.settle_after(QUIET_SECONDS)
    before, statuses = everything(store), store.statuses(order)
    key = matches.match(OWN, *to(order), TESS)
    if settled:
        store.settle()
        assert store.statuses(order) == ["COMPLETED", "COMPLETED"]
    undone = matches.undo(key, TESS)
    assert everything(store) == before
    assert store.statuses(order) == statuses == ["SCHEDULED", "SCHEDULED"]
    assert undone.undone_at == store.clock.now and matches.get(key) == undone
    assert store.told()[-1] == "study.withdrawn" and store.events()[-1]["order"]["status"] == "SCHEDULED"
    with pytest.raises(Conflict):
        matches.undo(key, TESS)
    matches.match(OWN, *to(order), TESS)
    store.settle()
    assert store.told()[-1] == "study.received"


def test_undo_of_an_arrived_patient_is_arrived_again(gateway_store: GatewayStore, matches: MatchStore) -> None:
    store = gateway_store
    order = store.order("A-1", a_procedure(a_step(status=StepStatus.ARRIVED)))
    of_nobody(store, "1.1")
    statuses = store.statuses(order)
    key = matches.match(OWN, *to(order), TESS)
    assert store.statuses(order) == ["STARTED", "STARTED"]
    matches.undo(key, TESS)
    assert store.statuses(order) == statuses


@pytest.mark.parametrize("told", [False, True])
def test_unmatching_is_undone_too(gateway_store: GatewayStore, matches: MatchStore, told: bool) -> None:
    store, order = gateway_store, gateway_store.order()
    store.image("1.1")
    if told:
        store.settle_after(QUIET_SECONDS)
    before, statuses = links(store), store.statuses(order)
    key = matches.unmatch(STUDY, TESS)
    assert store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    matches.undo(key, TESS)
    assert (links(store), store.statuses(order)) == (before, statuses)
    store.settle_after(QUIET_SECONDS)
    assert store.told().count("study.received") == 1 + told
    assert store.told().count("study.withdrawn") == 1
    assert store.told().count("order.completed" if told else "order.started") == 2


def test_undo_is_refused_when_something_came_since(gateway_store: GatewayStore, matches: MatchStore) -> None:
    order = gateway_store.order()
    of_nobody(gateway_store, "1.1")
    key = matches.match(OWN, *to(order), TESS)
    of_nobody(gateway_store, "1.2")
    before = everything(gateway_store)
    with pytest.raises(Conflict, match="since"):
        matches.undo(key, TESS)
    assert everything(gateway_store) == before
    matches.unmatch(OWN, TESS)
    with pytest.raises(Conflict):
        matches.undo(key, TESS)
    with pytest.raises(NotFound):
        matches.undo(key + 100, TESS)


def test_a_step_that_something_else_speaks_for_stays_started(gateway_store: GatewayStore, matches: MatchStore) -> None:
    store, order = gateway_store, gateway_store.order()
    of_nobody(store, "1.1")
    key = matches.match(OWN, *to(order), TESS)
    store.image("5.1")  # of the order's own study
    matches.undo(key, TESS)
    assert store.statuses(order) == ["STARTED", "STARTED"]
    assert links(store)["5.1"][0] == order.id and links(store)["1.1"][0] == ""


def test_images_of_another_patient_inside_a_study_join_it(gateway_store: GatewayStore, matches: MatchStore) -> None:
    """The technician typed the id of one image wrongly: a person says that it is of the order after all."""
    store, order = gateway_store, gateway_store.order()
    store.image("1.1")
    store.image("1.2", patient_id="P-87")
    store.settle_after(QUIET_SECONDS)
    assert store.shown() == ["1.1"]
    assert [alarm["kind"] for alarm in store.audit.alarms()] == ["patient differs"]
    before = everything(store)
    key = matches.match(STUDY, *to(order), TESS, ["1.2"])
    assert store.audit.alarms() == []
    store.settle()
    assert store.told()[-1] == "study.updated" and store.shown() == ["1.1", "1.2"]
    matches.undo(key, TESS)
    assert links(store)["1.2"][0] == ""
    assert everything(store)["AlarmRow"] == before["AlarmRow"]
    store.settle()
    assert store.told()[-2:] == ["study.withdrawn", "study.received"]  # what remains of it is told anew
    assert store.events()[-1]["study"]["received"] == 1


def test_images_of_another_patient_go_to_their_own_order(gateway_store: GatewayStore, matches: MatchStore) -> None:
    store, order = gateway_store, gateway_store.order()
    other = store.order("A-2", a_procedure(a_step(), study_instance_uid="1.2.9"))
    store.image("1.1")
    store.image("1.2", patient_id="P-87")
    key = matches.match(STUDY, *to(other), TESS, ["1.2"])
    assert {uid: place[0] for uid, place in links(store).items()} == {"1.1": order.id, "1.2": other.id}
    assert store.statuses(other) == ["COMPLETED", "COMPLETED"]
    store.settle_after(QUIET_SECONDS)
    received = {event["order"]["id"]: event for event in store.events() if event["type"] == "study.received"}
    assert received[order.id]["study"]["received"] == received[other.id]["study"]["received"] == 1
    assert received[other.id]["evidence"] == "manual"
    assert store.shown() == ["1.1", "1.2"]
    matches.undo(key, TESS)
    assert links(store)["1.2"][0] == "" and store.statuses(other) == ["SCHEDULED", "SCHEDULED"]
    assert store.told()[-1] == "study.withdrawn" and store.events()[-1]["order"]["id"] == other.id


def test_a_performed_step_and_its_images_go_together(gateway_store: GatewayStore, matches: MatchStore) -> None:
    store, order = gateway_store, gateway_store.order()
    store.create_mpps("9.1", a_reference(OWN), PatientID="P-87")
    of_nobody(store, "1.1")
    store.set_mpps("9.1", "1.1")
    before = everything(store)
    key = matches.match_performed("9.1", *to(order), TESS)
    assert links(store)["1.1"][0] == order.id
    assert store.statuses(order) == ["COMPLETED", "COMPLETED"]
    store.settle()
    assert store.events()[-1]["evidence"] == "mpps+images"
    matches.undo(key, TESS)
    assert everything(store) == before and store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    matches.match(OWN, *to(order), TESS)  # from the other end
    assert store.statuses(order) == ["COMPLETED", "COMPLETED"]
    matches.unmatch(OWN, TESS)
    assert store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    assert not store.database.read(lambda tx: tx.rows(PerformedLinkRow.select()))


def test_a_performed_step_without_images_is_matched_and_undone(
    gateway_store: GatewayStore, matches: MatchStore
) -> None:
    store, order = gateway_store, gateway_store.order()
    store.create_mpps("9.1", a_reference(OWN), PatientID="P-87")
    before = everything(store)
    key = matches.match_performed("9.1", *to(order), TESS)
    assert store.statuses(order) == ["STARTED", "STARTED"]
    assert [one.key for one in matches.of_performed("9.1")] == [key]
    matches.undo(key, TESS)
    assert everything(store) == before and store.statuses(order) == ["SCHEDULED", "SCHEDULED"]
    matches.match_performed("9.1", *to(order), TESS)
    store.set_mpps("9.1", "1.1")
    of_nobody(store, "1.1")
    assert links(store)["1.1"][0] == order.id
    with pytest.raises(Conflict):
        matches.match_performed("9.1", *to(order), TESS)


def test_a_later_report_follows_the_decision(gateway_store: GatewayStore, matches: MatchStore) -> None:
    store, order = gateway_store, gateway_store.order()
    of_nobody(store, "1.1")
    matches.match(OWN, *to(order), TESS)
    store.create_mpps("9.1", a_reference(OWN), PatientID="P-87")
    store.create_mpps("9.2", a_reference(OWN), PatientID="P-11")
    linked = store.database.read(lambda tx: tx.rows(PerformedLinkRow.select()))
    assert [(row["performed_uid"], row["order_id"]) for row in linked] == [("9.1", order.id)]


def test_images_of_the_wrong_line_go_to_the_right_one_without_the_report(
    gateway_store: GatewayStore, matches: MatchStore
) -> None:
    store, wrong = gateway_store, gateway_store.order()
    right = store.order("A-2", a_procedure(a_step(), study_instance_uid="1.2.9"))
    store.create_mpps("9.1")
    store.image("1.1")
    store.set_mpps("9.1", "1.1", status="DISCONTINUED", reason=WRONG_ENTRY)
    assert links(store)["1.1"][2] == "incorrect worklist entry selected"
    matches.match(STUDY, *to(right), TESS)
    assert links(store)["1.1"][0] == right.id
    assert (store.statuses(wrong)[0], store.statuses(right)[0]) == ("SCHEDULED", "STARTED")
    with pytest.raises(Conflict):
        matches.match_performed("9.1", *to(right), TESS)


def test_a_wrong_entry_reported_afterwards_does_not_take_what_a_person_matched(
    gateway_store: GatewayStore, matches: MatchStore
) -> None:
    store, order = gateway_store, gateway_store.order()
    store.create_mpps("9.1")
    store.image("1.1", patient_id="P-87")
    matches.match(STUDY, *to(order), TESS)
    store.set_mpps("9.1", "1.1", status="DISCONTINUED", reason=WRONG_ENTRY)
    assert links(store)["1.1"][0] == order.id


def test_a_number_of_images_that_the_order_names_is_waited_for(
    gateway_store: GatewayStore, matches: MatchStore
) -> None:
    store = gateway_store
    order = store.order("A-1", a_procedure(a_step(expected_instances=2)))
    of_nobody(store, "1.1")
    matches.match(OWN, *to(order), TESS)
    store.settle_after(QUIET_SECONDS)
    assert "study.received" not in store.told()
    store.settle_after(OVERDUE_SECONDS)
    assert store.told()[-1] == "order.incomplete"
    of_nobody(store, "1.2")
    store.settle_after(QUIET_SECONDS)
    assert store.told()[-1] == "study.received"


def test_a_procedure_as_a_whole_starts_all_its_steps(gateway_store: GatewayStore, matches: MatchStore) -> None:
    order = gateway_store.order("A-1", a_procedure(a_step(), a_step("IO")))
    of_nobody(gateway_store, "1.1")
    matches.match(OWN, *to(order, None), TESS)
    assert gateway_store.statuses(order) == ["STARTED", "STARTED", "STARTED"]
    assert links(gateway_store)["1.1"][:2] == (order.id, "")


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda m, o: m.match("9.9.9", *to(o), TESS), NotFound),
        (lambda m, o: m.match(OWN, "nothing", "RP", "", TESS), NotFound),
        (lambda m, o: m.match(OWN, o.id, "RP", "", TESS), NotFound),
        (lambda m, o: m.match(OWN, o.id, o.procedures[0].id, "S9", TESS), NotFound),
        (lambda m, o: m.match(OWN, *to(o), TESS, ["7.7"]), Conflict),
        (lambda m, o: m.match(OWN, *to(o), TESS, []), Conflict),
        (lambda m, o: m.match_performed("9.9", *to(o), TESS), NotFound),
        (lambda m, o: m.unmatch("9.9.9", TESS), NotFound),
        (lambda m, o: m.unmatch(OWN, TESS), Conflict),
        (lambda m, o: m.get(7), NotFound),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    gateway_store: GatewayStore, matches: MatchStore, act: Callable[[MatchStore, Order], Any], error: type[Exception]
) -> None:
    order = gateway_store.order()
    of_nobody(gateway_store, "1.1")
    before = everything(gateway_store)
    with pytest.raises(error):
        act(matches, order)
    assert everything(gateway_store) == before
    assert not gateway_store.database.read(lambda tx: tx.rows(MatchRow.select()))


def test_what_is_matched_twice_and_a_cancelled_step_are_refused(
    gateway_store: GatewayStore, matches: MatchStore
) -> None:
    order = gateway_store.order()
    called_off = gateway_store.order("A-2", a_procedure(study_instance_uid="1.2.9"))
    gateway_store.orders.cancel(called_off.id, TESS)
    of_nobody(gateway_store, "1.1")
    with pytest.raises(Conflict, match="cancelled"):
        matches.match(OWN, *to(called_off), TESS)
    matches.match(OWN, *to(order), TESS)
    with pytest.raises(Conflict):
        matches.match(OWN, *to(order), TESS)


class _Failing(PerformedStepStore):
    """Fails when the second thing of a match is about to be written."""

    def link(self, *values: Any) -> None:
        super().link(*values)
        raise RuntimeError("the power goes here")


def test_a_failure_in_the_middle_leaves_nothing_half(gateway_store: GatewayStore) -> None:
    store, order = gateway_store, gateway_store.order()
    store.create_mpps("9.1", a_reference(OWN), PatientID="P-87")
    of_nobody(store, "1.1")
    before, told = everything(store), store.told()
    failing = MatchStore(store.database, store.outbox, _Failing(store.database, store.outbox, store.clock), store.clock)
    with pytest.raises(RuntimeError):
        failing.match(OWN, *to(order), TESS)
    assert (everything(store), store.told()) == (before, told)
    assert store.statuses(order) == ["SCHEDULED", "SCHEDULED"]


def test_the_tables_are_there(gateway_store: GatewayStore) -> None:
    for model in (MatchRow, SeenToRow, StudyDecisionRow):
        assert gateway_store.database.read(lambda tx, model=model: tx.rows(model.select())) == []


@pytest.fixture
def unmatched(gateway_store: GatewayStore) -> UnmatchedStore:
    return UnmatchedStore(gateway_store.database, gateway_store.clock)


def test_what_waits_is_listed_newest_first_and_paged(gateway_store: GatewayStore, unmatched: UnmatchedStore) -> None:
    store = gateway_store
    store.order()
    store.image("1.1")  # of the order: nothing to do
    store.clock.advance(1)
    store.image("1.2", patient_id="P-87")  # a stranger inside its study
    store.clock.advance(1)
    store.create_mpps("9.1", a_reference("1.2.77"), PatientID="P-1", PatientName="Cat^Tom", PatientBirthDate="20200101")
    for number in range(3):
        store.clock.advance(1)
        of_nobody(store, *(f"3.{number}.{image}" for image in range(8)), study_instance_uid=f"1.2.30.{number}")
    store.create_mpps("9.2", a_reference("1.2.30.2"), PatientID="P-87", PatientBirthDate="20190101")
    assert unmatched.count() == 5
    found = unmatched.waiting(limit=2)
    found += unmatched.waiting(limit=10, before=(found[-1].at, found[-1].uid))
    assert [case.uid for case in found] == ["1.2.30.2", "1.2.30.1", "1.2.30.0", "9.1", STUDY]
    newest, report, stray = found[0], found[3], found[4]
    assert (newest.images, len(newest.instances), newest.reasons) == (8, 6, ["no order"])
    assert [step.sop_instance_uid for step in newest.performed] == ["9.2"]
    assert (newest.described.patient_id, newest.described.birth_date) == ("P-87", "20190101")
    assert report.study is None and report.described.patient_name == "Cat^Tom"
    assert report.subject == "performed step 9.1" and newest.subject == "study 1.2.30.2"
    assert (stray.images, stray.reasons) == (1, ["patient differs"])
    assert [case.uid for case in unmatched.waiting(no_order_only=True)] == [case.uid for case in found[:4]]
    assert len(unmatched.study("1.2.30.2").instances) == 8
    assert unmatched.performed("9.1").described.birth_date == "20200101"
    assert unmatched.performed("9.2").uid == "9.2"
    for nothing in (lambda: unmatched.study("9.9"), lambda: unmatched.performed("9.9")):
        with pytest.raises(NotFound):
            nothing()


def test_what_is_matched_waits_no_more(
    gateway_store: GatewayStore, unmatched: UnmatchedStore, matches: MatchStore
) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps("9.1", a_reference(OWN), PatientID="P-87")
    of_nobody(gateway_store, "1.1")
    assert unmatched.count() == 1
    key = matches.match(OWN, *to(order), TESS)
    assert (unmatched.count(), unmatched.waiting()) == (0, [])
    matches.undo(key, TESS)
    assert unmatched.count() == 1


def test_what_somebody_has_seen_to_waits_no_more_until_more_of_it_comes(
    gateway_store: GatewayStore, unmatched: UnmatchedStore
) -> None:
    of_nobody(gateway_store, "1.1")
    unmatched.see_to(f"study {OWN}", "billed 12.50", TESS)
    assert (unmatched.count(), unmatched.waiting()) == (0, [])
    [seen] = unmatched.waiting(seen_to=True)
    assert seen.seen_to and (seen.seen_to.who, seen.seen_to.note) == ("Tess", "billed 12.50")
    unmatched.see_to(f"study {OWN}", "billed 13", TESS)
    assert unmatched.study(OWN).seen_to == SeenTo(gateway_store.clock.now, "Tess", "billed 13")
    gateway_store.clock.advance(1)
    of_nobody(gateway_store, "1.2")
    assert unmatched.count() == 1 and unmatched.waiting()[0].seen_to is None
    unmatched.see_to(f"study {OWN}", "", TESS)
    unmatched.see_again(f"study {OWN}", TESS)
    assert unmatched.count() == 1
    with pytest.raises(NotFound):
        unmatched.see_again(f"study {OWN}", TESS)
    actions = [row["action"] for row in gateway_store.audit.of(f"study {OWN}")]
    assert actions.count("seen to without an order") == 3 and actions[-1] == "to be seen to again"


def test_orders_are_suggested(gateway_store: GatewayStore, unmatched: UnmatchedStore) -> None:
    store = gateway_store
    right = store.order("A-1")
    for number in range(2, 90):
        patient = right.patient.evolve(id=f"Q-{number}", name=f"Other{number}^Cat", issuer="")
        store.order(f"A-{number}", a_procedure(study_instance_uid=f"1.2.8.{number}"), patient=patient)
    of_nobody(store, "1.1", patient_id="P-87")
    said = unmatched.study(OWN).described
    (best, order), *others = unmatched.suggestions(said)
    assert order.id == right.id and Reason.ID_ONE_OFF in best.reasons
    assert len(others) == 11 and all(best.score > other.score for other, _ in others)


def test_the_condition_of_the_count_uses_its_index(gateway_store: GatewayStore) -> None:
    """One image in thousands waits: the others are not read for the number beside the navigation's word."""
    query = _waiting_studies()
    plan = gateway_store.database.read(lambda tx: tx._database.execute_sql(*_explained(query)).fetchall())
    assert any("instance_waiting" in str(row) for row in plan), plan


def _explained(query: Any) -> tuple[str, list[Any]]:
    sql, values = SqliteDatabase(":memory:").get_sql_context().sql(query).query()
    return f"EXPLAIN QUERY PLAN {sql}", values
