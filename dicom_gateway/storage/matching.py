"""A person's word about where a study or a performed step belongs: matched to an order, taken off it, undone.

Each is one transaction: images and performed steps are linked, steps moved, the PMS told and the audit written, or
nothing is. What was before is kept with it (match_rows.py), so that undoing restores it exactly. A stored object never
changes; study/correct.py says what is delivered in its place. Images that come later for the study follow (linker.py).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from dicom_gateway.core.completeness import counted
from dicom_gateway.core.completion import Evidence
from dicom_gateway.core.envelope import Event, EventType, StudyFacts
from dicom_gateway.core.linking import Link, LinkReason
from dicom_gateway.core.model import Instance, Order, ScheduledStep, Study
from dicom_gateway.core.orders import with_steps
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import TRANSITIONS, StepEvent, StepStatus
from dicom_gateway.errors import Conflict, NotFound
from dicom_gateway.storage import order_rows, study_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.linker import live_steps, started_by
from dicom_gateway.storage.match_cases import (
    Target,
    Waits,
    decide_for,
    links_of,
    of_order,
    set_off,
    target_of,
    unlink_reference,
    waits_of_performed,
    waits_of_study,
)
from dicom_gateway.storage.match_records import MATCH, UNMATCH, Matched, keep_match, matched_of, record_match
from dicom_gateway.storage.match_rows import (
    Scope,
    Snapshot,
    clear_alarms,
    is_spoken_for,
    look_anew,
    put_back,
    same_place,
    scope_of,
    snapshot,
    told_since,
)
from dicom_gateway.storage.match_tables import MatchRow
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.tables import InstanceRow, PerformedReferenceRow

_UNMATCHED: Final = Link(LinkReason.UNMATCHED)


class MatchStore:
    """Matches studies and performed steps by hand, and takes that back."""

    def __init__(self, database: Database, outbox: Outbox, performed_steps: PerformedStepStore, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._performed_steps = performed_steps
        self._clock = clock

    def match(
        self, study_instance_uid: str, order_id: str, requested_procedure_id: str, step_id: str, actor: Actor,
        instances: Iterable[str] | None = None,
    ) -> int:  # fmt: skip
        """Match the waiting images of a study (all, or those of these SOP Instance UIDs) to a procedure of an order,
        or to one step of it ("": none in particular); return the key that undoes it. Its performed steps go along.

        Raises NotFound, or Conflict when nothing of it waits, or the step was cancelled.
        """
        chosen = None if instances is None else frozenset(instances)

        def run(tx: Transaction) -> int:
            waits = waits_of_study(tx, study_instance_uid, chosen)
            target = target_of(tx, order_id, requested_procedure_id, step_id)
            return self._match(tx, waits, target, actor, study_instance_uid, "")

        return self._database.write(run)

    def match_performed(
        self, performed_uid: str, order_id: str, requested_procedure_id: str, step_id: str, actor: Actor
    ) -> int:
        """Match a performed step, with the images of its study that wait; as `match` does."""

        def run(tx: Transaction) -> int:
            waits = waits_of_performed(tx, performed_uid)
            target = target_of(tx, order_id, requested_procedure_id, step_id)
            return self._match(tx, waits, target, actor, "", performed_uid)

        return self._database.write(run)

    def unmatch(self, study_instance_uid: str, actor: Actor) -> int:
        """Take a study off its order, whoever linked it: its images and performed steps wait again, and its steps are
        to be done again. Return the key that undoes it. Raises NotFound, or Conflict when it is of no order."""
        return self._database.write(lambda tx: self._unmatch(tx, study_instance_uid, actor))

    def undo(self, key: int, actor: Actor) -> Matched:
        """Put back what was before a match or its opposite; return it. Raises NotFound, or Conflict when it is undone
        already or something came or was decided since."""
        return self._database.write(lambda tx: self._undo(tx, key, actor))

    def of_study(self, study_instance_uid: str) -> list[Matched]:
        """Return the decisions about a study, newest first."""
        return self._found(MatchRow.study_instance_uid == study_instance_uid)

    def of_performed(self, performed_uid: str) -> list[Matched]:
        """Return the decisions about a performed step, newest first."""
        return self._found(MatchRow.performed_uid == performed_uid)

    def for_order(self, order_id: str) -> list[Matched]:
        """Return the decisions for an order, newest first."""
        return self._found(MatchRow.order_id == order_id)

    def matched_at(self, instance: Instance) -> tuple[int, str]:
        """Return when an instance that is matched by hand was, or came afterwards, and its requested procedure."""
        study = instance.header.study_instance_uid
        query = MatchRow.select(MatchRow.at, MatchRow.requested_procedure_id).where(
            (MatchRow.order_id == instance.order_id) & (MatchRow.action == MATCH) & MatchRow.undone_at.is_null(),
            MatchRow.study_instance_uid.in_([study, ""]),
        )
        order = (MatchRow.study_instance_uid == study).desc(), MatchRow.key.desc()
        row = self._database.read(lambda tx: tx.row(query.order_by(*order)))
        return (
            (max(row["at"], instance.received_at), row["requested_procedure_id"]) if row else (instance.received_at, "")
        )

    def get(self, key: int) -> Matched:
        """Return a decision; raises NotFound."""
        found = self._found(MatchRow.key == key)
        if not found:
            raise NotFound(f"no match {key}")
        return found[0]

    def _found(self, where: object) -> list[Matched]:
        query = MatchRow.select().where(where).order_by(MatchRow.key.desc()).limit(100)
        return [matched_of(row) for row in self._database.read(lambda tx: tx.rows(query))]

    def _match(
        self, tx: Transaction, waits: Waits, target: Target, actor: Actor, study_uid: str, performed_uid: str
    ) -> int:
        now, order = self._clock(), target.order
        performed = tuple(dict.fromkeys(step.sop_instance_uid for step, _ in waits.references))
        announced = (step.references[position].study_instance_uid for step, position in waits.references)
        studies = tuple(dict.fromkeys([*(study.study_instance_uid for study, _ in waits.studies), *announced]))
        scope = Scope(studies, performed, (order.id,))
        before = snapshot(tx, scope)
        for step, position in waits.references:
            self._performed_steps.link(tx, step, position, target.link, actor)
        for study, images in waits.studies:
            self._match_images(tx, study, images, target, now, actor)
        if waits.is_whole:
            decide_for(tx, waits, studies, target)
        key = keep_match(tx, MATCH, now, actor, scope, before, study_uid, performed_uid, target)
        count = sum(len(images) for _, images in waits.studies)
        detail = f"match {key}: {count} images, {len(waits.references)} reports"
        record_match(tx, now, actor, "matched", study_uid, performed_uid, order.id, detail)
        tx.wake("worker")
        return key

    def _match_images(
        self, tx: Transaction, study: Study, images: Sequence[Instance], target: Target, now: int, actor: Actor
    ) -> None:
        order_id = target.order.id
        steps = live_steps(tx, order_id, target.requested_procedure_id, target.step_id)
        link = Link(LinkReason.MANUAL, steps)  # anew: a performed step may have moved them
        for instance in images:
            study_rows.relink_instance(tx, instance.key, link)
        clear_alarms(tx, study.study_instance_uid)
        order = order_rows.load(tx, order_id) or target.order
        mine = study if study.order_id else of_order(study, link, order)
        if mine.order_id == order_id:
            study_rows.put_study(tx, mine, now)
            events = started_by(tx, link)
            facts = partial(study_rows.facts_of, tx, study=mine)
            order_rows.move_steps(tx, self._outbox, order, events, now, actor, facts)
        else:
            self._report_strays(tx, of_order(study.evolve(order_id=""), link, order), images, order, link, now, actor)

    def _report_strays(
        self, tx: Transaction, study: Study, images: Sequence[Instance], order: Order, link: Link, now: int,
        actor: Actor,
    ) -> None:  # fmt: skip
        """Tell of images in the study of another order, which no study of their own stands for: as they are, they are
        what came, and the steps that nobody reports on end with them."""
        headers = [instance.header for instance in images]
        procedure = order_rows.procedure_of(order, link.requested_procedure_id)
        facts = StudyFacts(study, headers, procedure, len(counted(headers)))
        order = order_rows.move_steps(tx, self._outbox, order, started_by(tx, link), now, actor, lambda _: facts)
        ids = [step.step_id for step in link.steps]
        reported = study_rows.reported_of(tx, order.id, ids)
        spoken_for = {step_id for _, step_ids in reported.values() for step_id in step_ids}
        status = {step.id: step.status for step in order.steps()}
        events = {
            step_id: StepEvent.INFER_COMPLETE
            for step_id in ids
            if step_id not in spoken_for and (status[step_id], StepEvent.INFER_COMPLETE) in TRANSITIONS
        }
        order = order_rows.move_steps(tx, self._outbox, order, events, now, actor, lambda _: facts)
        keys = tuple(instance.key for instance in images)
        self._outbox.emit(tx, Event(EventType.STUDY_RECEIVED, now, order, facts, keys, Evidence.MANUAL.value))
        study_rows.told(tx, keys, now)

    def _unmatch(self, tx: Transaction, uid: str, actor: Actor) -> int:
        now, study = self._clock(), study_rows.get_study(tx, uid)
        if study is None or not (study.received or study.order_id):
            raise NotFound(f"no study {uid}")
        found = study_rows.instances_of(tx, uid)
        linked = [(instance, told) for instance, told in found if instance.order_id]
        references = tx.rows(PerformedReferenceRow.select().where(PerformedReferenceRow.study_instance_uid == uid))
        performed = tuple(dict.fromkeys(row["performed_uid"] for row in references))
        links = links_of(tx, references)
        orders = [study.order_id, *(one.order_id for one, _ in linked), *(link["order_id"] for link in links)]
        if not any(orders):
            raise Conflict("this study belongs to no order")
        scope = Scope((uid,), performed, tuple(dict.fromkeys(filter(None, orders))))
        before = snapshot(tx, scope)
        for instance, _ in linked:
            study_rows.relink_instance(tx, instance.key, _UNMATCHED)
            tx.execute(InstanceRow.update(told_at=None).where(InstanceRow.key == instance.key))
        for link in links:
            unlink_reference(tx, link)
        set_off(tx, study, [instance for instance, _ in found], now)
        changed = {instance.order_id for instance, told in linked if told}
        for order_id in scope.orders:
            images = [instance for instance, _ in linked if instance.order_id == order_id]
            mine = [one for one in links if one["order_id"] == order_id]
            if self._take_back(tx, order_id, study, images, mine, actor):
                changed.add(order_id)
        withdrawn = sorted(changed)
        self._withdraw(tx, study, withdrawn, now)
        target = scope.orders[0], study.requested_procedure_id
        key = keep_match(tx, UNMATCH, now, actor, scope, before, uid, "", target, withdrawn)
        detail = f"match {key}: {len(linked)} images"
        for order_id in scope.orders:
            record_match(tx, now, actor, "unmatched", uid, "", order_id, detail)
        return key

    def _take_back(
        self, tx: Transaction, order_id: str, study: Study, images: Sequence[Instance], links: Sequence[Row],
        actor: Actor,
    ) -> bool:  # fmt: skip
        """Let the steps be done again that nothing belongs to any more; say whether there were any."""
        order = order_rows.load(tx, order_id)
        if order is None:
            return False
        named = {instance.step_id for instance in images} | {link["step_id"] for link in links}
        events = {
            step.id: StepEvent.TAKE_BACK
            for procedure in order.procedures
            for step in procedure.steps
            if (step.id in named or ("" in named and procedure.id == study.requested_procedure_id))
            and (step.status, StepEvent.TAKE_BACK) in TRANSITIONS
            and not is_spoken_for(tx, order_id, procedure.id, step.id)
        }
        return order_rows.move_steps(tx, self._outbox, order, events, self._clock(), actor) is not order

    def _withdraw(self, tx: Transaction, study: Study, order_ids: Iterable[str], now: int) -> None:
        """Tell that a study is not of its order, where somebody was told of it or of what it had begun; what remains of
        it is told anew."""
        for order_id in order_ids:
            order = order_rows.load(tx, order_id)
            if order:
                procedure = order_rows.procedure_of(order, study.requested_procedure_id)
                facts = StudyFacts(study, (), procedure)
                self._outbox.emit(tx, Event(EventType.STUDY_WITHDRAWN, now, order, facts))

    def _undo(self, tx: Transaction, key: int, actor: Actor) -> Matched:
        row = tx.row(MatchRow.select().where(MatchRow.key == key))
        if row is None:
            raise NotFound(f"no match {key}")
        if row["undone_at"] is not None:
            raise Conflict("this was undone already")
        before, after = json.loads(row["before"]), json.loads(row["after"])
        scope = scope_of(after["scope"])
        current = snapshot(tx, scope)
        if not same_place(current, after):
            raise Conflict("something came or was decided since: match it, or take it off its order, anew")
        now = self._clock()
        put_back(tx, scope, before)
        told = told_since(before, current)
        again = [*after["withdrawn"], *told] if row["action"] == UNMATCH else told
        for uid in scope.studies:
            look_anew(tx, uid, before, again, now)
        moved = [
            order_id
            for order_id in scope.orders
            if self._steps_back(tx, order_id, before, current, row["action"], actor)
        ]
        for uid in scope.studies:
            study = study_rows.get_study(tx, uid)
            if study and row["action"] == MATCH:
                shown = replace(study, requested_procedure_id=row["requested_procedure_id"])
                self._withdraw(tx, shown, sorted({*told, *moved}), now)
        tx.execute(MatchRow.update(undone_at=now).where(MatchRow.key == key))
        done = "match undone" if row["action"] == MATCH else "unmatching undone"
        uids = row["study_instance_uid"], row["performed_uid"]
        record_match(tx, now, actor, done, *uids, row["order_id"], f"match {key}")
        tx.wake("worker")
        return matched_of({**row, "undone_at": now})

    def _steps_back(
        self, tx: Transaction, order_id: str, before: Snapshot, current: Snapshot, action: str, actor: Actor
    ) -> bool:
        """Give steps the status of before, where nothing else speaks for what they are now; say whether any changed."""
        order = order_rows.load(tx, order_id)
        if order is None:
            return False
        procedure_of = {step.id: procedure.id for procedure in order.procedures for step in procedure.steps}
        were = before["steps"].get(order_id, {})

        def restored(step: ScheduledStep) -> ScheduledStep:
            was = were.get(step.id)
            if was is None or was == current["steps"][order_id].get(step.id) or step.status is StepStatus.CANCELED:
                return step
            if action == MATCH and is_spoken_for(tx, order_id, procedure_of[step.id], step.id):
                return step
            return step.evolve(status=StepStatus(was[0]), inferred=bool(was[1]))

        after = with_steps(order, restored)
        if after is not order:
            order_rows.change(tx, self._outbox, order, after, self._clock(), actor, "steps as before the match")
        return after is not order
