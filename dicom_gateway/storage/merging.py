"""Merges of patients, done and undone inside one transaction: the orders that move, the images that belong elsewhere
then, and who is told.

IHE RAD TF-2 4.12.4.1.3 (Merge). Orders that have not ended move; when in doubt an image belongs to nobody and waits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dicom_gateway.core.envelope import Event, EventType, merge_subject
from dicom_gateway.core.linking import LINKED, LinkReason
from dicom_gateway.core.model import Instance, Order, Patient
from dicom_gateway.core.patients import (
    Identity,
    Merge,
    MergeKind,
    MergeRefused,
    PatientExists,
    UnknownPatient,
    is_open,
    joined,
    refuse_other_species,
)
from dicom_gateway.errors import Conflict, NotFound
from dicom_gateway.storage import audit, order_rows, patient_rows, study_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Transaction
from dicom_gateway.storage.linker import MAY_LINK_AFTER_MERGE, alarm_waiting, link_instance
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.tables import StudyRow
from dicom_gateway.storage.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Changed:
    """What a merge, or its end, did: to which orders, by id. `is_new`: it was not so before; `left`: orders that have
    ended meanwhile and stay with the survivor."""

    merge: Merge
    order_ids: tuple[str, ...] = ()
    is_new: bool = True
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Merging:
    """What happens to patients in one transaction, at `now`, because `actor` said so."""

    tx: Transaction
    outbox: Outbox
    waiting: Waiting
    now: int
    actor: Actor

    def put_patient(self, order: Order, patient: Patient, action: str) -> Order:
        """Write an order with another patient, as its next version; the order itself when nothing differs."""
        if patient == order.patient:
            return order
        after = order.evolve(patient=patient, version=order.version + 1)
        order_rows.change(self.tx, self.outbox, order, after, self.now, self.actor, action)
        return after

    def same_before(self, survivor: Identity, old: Identity) -> Merge | None:
        """Return the merge by which the one stands for the other already."""
        hops = patient_rows.path(self.tx, old)
        return hops[0] if hops and hops[0].survivor == survivor else None

    def refuse(self, survivor: Identity, old: Identity) -> None:
        """Raise MergeRefused when an earlier merge stands in the way."""
        before = patient_rows.path(self.tx, old)
        if before:
            raise MergeRefused(f"the old id was merged into another one before: undo merge {before[0].key} first")
        circle = next((hop for hop in patient_rows.path(self.tx, survivor) if hop.survivor == old), None)
        if circle:
            raise MergeRefused(f"merge {circle.key} went the other way: undo it first")

    def refuse_unknown(self, old: Identity) -> None:
        """Raise UnknownPatient when there is no order of a patient."""
        if not patient_rows.orders_of(self.tx, patient_rows.behind(self.tx, old)):
            raise UnknownPatient("there is no order of a patient of the old id")

    def refuse_taken(self, new: Identity) -> None:
        """Raise PatientExists when an id is that of a patient, or was."""
        is_known = patient_rows.path(self.tx, new) or len(patient_rows.behind(self.tx, new)) > 1
        if is_known or patient_rows.orders_of(self.tx, [new]):
            raise PatientExists("a patient of the new id exists already; merge the two instead")

    def merge(self, kind: MergeKind, survivor: Identity, old: Identity, facts: Patient | None = None) -> Changed:
        """Let an identity stand for another one. Raises MergeRefused for animals of different species."""
        onward = patient_rows.path(self.tx, survivor)
        target = onward[-1].survivor if onward else survivor
        theirs = patient_rows.orders_of(self.tx, patient_rows.behind(self.tx, old))
        ours = patient_rows.orders_of(self.tx, patient_rows.behind(self.tx, target))
        refuse_other_species((facts, *(order.patient for order in ours)), (order.patient for order in theirs))
        merge = patient_rows.add_merge(self.tx, kind, old, survivor, self.actor.who, self.now)
        record = ours[0].patient if ours else None
        moved = [self._move(order, [merge, *onward], record, facts) for order in theirs if is_open(order)]
        if facts is not None:
            moved += [one for order in ours if is_open(order) and (one := self._complete(order, merge, facts))]
        audit.record(self.tx, self.now, self.actor, "patients merged", merge_subject(merge), f"{len(moved)} orders")
        self._tell(EventType.PATIENT_MERGED, merge, {order.id for order in theirs})
        self._look_again(target)
        return Changed(merge, tuple(moved))

    def _move(self, order: Order, hops: list[Merge], survivor: Patient | None, facts: Patient | None) -> str:
        """Give an open order of the old patient to the survivor; return its id."""
        patient = joined((facts, survivor, order.patient))
        patient = patient.evolve(id=hops[-1].survivor_id, issuer=hops[-1].issuer)
        self.put_patient(order, patient, f"patient merged: merge {hops[0].key}")
        patient_rows.note(self.tx, hops, order.id, order.patient, patient)
        return order.id

    def _complete(self, order: Order, merge: Merge, facts: Patient) -> str:
        """Give an open order of the survivor what is said of it; return its id, "" when nothing differs."""
        patient = joined((facts, order.patient)).evolve(id=order.patient.id, issuer=order.patient.issuer)
        if self.put_patient(order, patient, f"patient updated: merge {merge.key}") is order:
            return ""
        patient_rows.keep(self.tx, merge, order.id, order.patient, patient)
        return order.id

    def _look_again(self, survivor: Identity) -> None:
        """Link what waits because its id was another patient's until now."""
        for order in patient_rows.orders_of(self.tx, patient_rows.behind(self.tx, survivor)):
            self.waiting.look_again(self.tx, order, self.actor, MAY_LINK_AFTER_MERGE)

    def _tell(self, kind: EventType, merge: Merge, order_ids: Collection[str]) -> None:
        """Tell those once who were told of the old patient's orders and images."""
        targets = self.outbox.holders(self.tx, order_ids, merge_subject(merge))
        self.outbox.emit_to(self.tx, Event(kind, self.now, merge=merge), merge.source, targets)

    def undo(self, key: int) -> Changed:
        """Undo a merge. Raises NotFound, Conflict when it is undone, MergeRefused when a later one stands on it."""
        merge = patient_rows.get_merge(self.tx, key)
        if merge is None:
            raise NotFound(f"no merge {key}")
        if merge.undone_at is not None:
            raise Conflict(f"merge {key} is undone already")
        onward = patient_rows.path(self.tx, merge.survivor)
        if onward:
            raise MergeRefused(f"the survivor was merged in turn: undo merge {onward[0].key} first")
        all_before = patient_rows.orders_of(self.tx, patient_rows.behind(self.tx, merge.survivor))
        merge = patient_rows.end_merge(self.tx, merge, self.now)
        restored, left = self._restore(merge, {order.id: order for order in all_before})
        theirs = patient_rows.orders_of(self.tx, patient_rows.behind(self.tx, merge.old))
        ours = patient_rows.orders_of(self.tx, patient_rows.behind(self.tx, merge.survivor))
        self._part_images({order.id: order.patient.id for order in (*theirs, *ours)})
        subject = merge_subject(merge)
        audit.record(self.tx, self.now, self.actor, "merge undone", subject, f"{len(restored)} orders")
        self._tell(EventType.PATIENT_UNMERGED, merge, {*(order.id for order in theirs), *left})
        return Changed(merge, tuple(restored), left=tuple(left))

    def _restore(self, merge: Merge, orders: dict[str, Order]) -> tuple[list[str], list[str]]:
        """Give orders their patient of before; return the ids of those, and of those that have ended and stay as they
        are, with an alarm each. What was said of the survivor meanwhile stays."""
        restored, left = [], []
        for order_id, before, after in patient_rows.moves_of(self.tx, merge):
            order = orders.get(order_id)
            if order is None:
                continue
            is_moved = before.id != after.id  # else it was the survivor's own, and completed
            if is_open(order) and (is_moved or order.patient == after):
                self.put_patient(order, before, f"patient restored: merge {merge.key} undone")
                restored.append(order_id)
            elif is_moved:
                detail = f"merge {merge.key} was undone"
                audit.raise_alarm(self.tx, self.now, "order of a merged patient", f"order {order_id}", detail)
                left.append(order_id)
        return restored, left

    def _part_images(self, patient_ids: Mapping[str, str]) -> None:
        """Take back the links of images that are of another patient again than their order (`patient_ids`, by order
        id): they wait, with an alarm."""
        query = StudyRow.select(StudyRow.study_instance_uid).where(StudyRow.order_id.in_(list(patient_ids)))
        for uid in self.tx.values(query):
            linked = [one for one, _ in study_rows.instances_of(self.tx, uid) if one.link_reason in LINKED]
            judged = [one for one in linked if one.link_reason != LinkReason.MANUAL]
            foreign = [one for one in judged if one.header.patient_id.strip() != patient_ids.get(one.order_id)]
            parted = [one for one in foreign if self._part_image(one)]
            if parted and len(parted) == len(linked):
                reason = LinkReason.PATIENT_DIFFERS.value
                study_rows.set_study(self.tx, uid, order_id="", requested_procedure_id="", link_reason=reason)
            if parted:
                study_rows.set_study(self.tx, uid, due_at=self.now)
                self.tx.wake("worker")

    def _part_image(self, instance: Instance) -> bool:
        link = link_instance(self.tx, instance.header)
        if link.reason is not LinkReason.PATIENT_DIFFERS:
            return False
        study_rows.relink_instance(self.tx, instance.key, link)
        alarm_waiting(self.tx, self.now, link.reason, instance.header, self.actor)
        return True
