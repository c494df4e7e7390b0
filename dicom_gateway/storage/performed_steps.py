"""Performed steps: reported by a device, kept whole, and what they mean for orders, each report in one transaction."""

from collections.abc import Callable
from functools import partial

from dicom_gateway.core.linking import Link, LinkReason
from dicom_gateway.core.model import Order, PerformedStep, Study
from dicom_gateway.core.performed_refusals import DuplicateInstance
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import PERFORMED_FINAL, TRANSITIONS, StepEvent, event_of_performed
from dicom_gateway.errors import NotFound
from dicom_gateway.storage import audit, order_rows, study_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.codec import dump_performed_step, load_performed_step
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.linker import is_wrong_entry, link_reference, link_waiting_images
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.tables import (
    InstanceRow,
    PerformedImageRow,
    PerformedLinkRow,
    PerformedReferenceRow,
    PerformedStepRow,
    StudyRow,
)


class PerformedStepStore:
    """Performed steps and the scheduled steps that they perform."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    def create(self, performed: PerformedStep, address: str) -> None:
        """Keep a new performed step and start every scheduled step that it names. Durable when this returns.

        Raises DuplicateInstance when its UID is known.
        """
        now = self._clock()
        actor = Actor(f"device {performed.calling_ae_title}", address)

        def run(tx: Transaction) -> None:
            if _load(tx, performed.sop_instance_uid) is not None:
                raise DuplicateInstance("this performed step exists")
            _put(tx, performed, now)
            audit.record(tx, now, actor, "performed step created", f"performed step {performed.sop_instance_uid}")
            for position, reference in enumerate(performed.references):
                self.link(
                    tx, performed, position, link_reference(tx, performed, reference, modality_of(performed)), actor
                )

        self._database.write(run)

    def update(self, uid: str, change: Callable[[PerformedStep], PerformedStep], actor: Actor) -> PerformedStep:
        """Replace a performed step by `change(stored)` and move the scheduled steps when it has ended. Durable when
        this returns. Raises NotFound, and what `change` raises."""
        now = self._clock()

        def run(tx: Transaction) -> PerformedStep:
            stored = _load(tx, uid)
            if stored is None:
                raise NotFound(f"no performed step {uid}")
            changed = change(stored)
            _put(tx, changed, now)
            detail = f"{changed.status}"
            audit.record(tx, now, actor, "performed step updated", f"performed step {uid}", detail)
            if changed.status in PERFORMED_FINAL:
                self._end(tx, changed, now, actor)
                _alarm_incomplete(tx, changed, now)
            return changed

        return self._database.write(run)

    def get(self, uid: str) -> PerformedStep:
        """Return a performed step; raises NotFound."""
        found = self._database.read(lambda tx: _load(tx, uid))
        if found is None:
            raise NotFound(f"no performed step {uid}")
        return found

    def link(self, tx: Transaction, performed: PerformedStep, position: int, link: Link, actor: Actor) -> None:
        """Record what one reference of a performed step means, and start those steps."""
        now = self._clock()
        reference = performed.references[position]
        tx.execute(
            PerformedReferenceRow.insert(
                performed_uid=performed.sop_instance_uid,
                position=position,
                study_instance_uid=reference.study_instance_uid,
                accession_number=reference.accession_number,
                link_reason=link.reason.value,
            ).on_conflict(
                conflict_target=[PerformedReferenceRow.performed_uid, PerformedReferenceRow.position],
                update={PerformedReferenceRow.link_reason: link.reason.value},
            )
        )
        if not link.order_id:
            return
        tx.insert_all(
            PerformedLinkRow,
            (
                {
                    "performed_uid": performed.sop_instance_uid,
                    "position": position,
                    "order_id": step.order_id,
                    "step_id": step.step_id,
                    "requested_procedure_id": step.requested_procedure_id,
                }
                for step in link.steps
            ),
        )
        study = _announce(tx, performed, reference.study_instance_uid, link, now)
        order = order_rows.load(tx, link.order_id)
        events = {s.step_id: StepEvent.START for s in link.steps if (s.step_status, StepEvent.START) in TRANSITIONS}
        if order:
            facts = partial(study_rows.facts_of, tx, study=study)
            order_rows.move_steps(tx, self._outbox, order, events, now, actor, facts)
        # An image that came first may refer to this performed step and to nothing else.
        link_waiting_images(tx, self._outbox, [reference.study_instance_uid], (), now, actor)
        if performed.status in PERFORMED_FINAL:
            self._end(tx, performed, now, actor)

    def _end(self, tx: Transaction, performed: PerformedStep, now: int, actor: Actor) -> None:
        """Move every scheduled step of a performed step that has ended, and let the worker look at the studies."""
        links = tx.rows(PerformedLinkRow.select().where(PerformedLinkRow.performed_uid == performed.sop_instance_uid))
        for order_id in dict.fromkeys(link["order_id"] for link in links):
            self._end_in_order(
                tx, performed, order_id, [row for row in links if row["order_id"] == order_id], now, actor
            )
        if is_wrong_entry(performed):
            _unlink(tx, performed, now)

    def _end_in_order(
        self, tx: Transaction, performed: PerformedStep, order_id: str, links: list[Row], now: int, actor: Actor
    ) -> None:
        order = order_rows.load(tx, order_id)
        if order is None:
            return
        status_of = {step.id: step.status for step in order.steps()}
        events = {}
        for link in links:
            step_id = link["step_id"]
            reported = study_rows.reported_of(tx, order_id, [step_id])
            event = event_of_performed((found.status for found, _ in reported.values()), is_wrong_entry(performed))
            if event and (status_of.get(step_id), event) in TRANSITIONS:
                events[step_id] = event
        found = (study_rows.get_study(tx, reference.study_instance_uid) for reference in performed.references)
        study = next((one for one in found if one and one.order_id == order_id), None)
        facts = partial(study_rows.facts_of, tx, study=study) if study else _no_facts
        order_rows.move_steps(tx, self._outbox, order, events, now, actor, facts)
        _name_steps(tx, performed, order_id, links)
        procedures = {link["requested_procedure_id"] for link in links}
        due = StudyRow.update(due_at=now).where(
            StudyRow.order_id == order_id, StudyRow.requested_procedure_id.in_(list(procedures))
        )
        if tx.execute(due):
            tx.wake("worker")


def _no_facts(order: Order) -> None:
    return None


def _alarm_incomplete(tx: Transaction, performed: PerformedStep, now: int) -> None:
    """Mark a device whose final reports lack what they must hold; once a device, counted."""
    lacking = [mark for mark in performed.marks if mark.startswith("ended without")]
    if lacking:
        subject = f"device {performed.calling_ae_title}"
        audit.raise_alarm(tx, now, "performed step incomplete", subject, "; ".join(lacking))


def _load(tx: Transaction, uid: str) -> PerformedStep | None:
    document = tx.value(
        PerformedStepRow.select(PerformedStepRow.document).where(PerformedStepRow.sop_instance_uid == uid)
    )
    return load_performed_step(document) if document is not None else None


def _put(tx: Transaction, performed: PerformedStep, now: int) -> None:
    values = {"status": performed.status.value, "changed_at": now, "document": dump_performed_step(performed)}
    tx.execute(
        PerformedStepRow.insert(
            sop_instance_uid=performed.sop_instance_uid,
            calling_ae_title=performed.calling_ae_title,
            created_at=performed.created_at,
            **values,
        ).on_conflict(
            conflict_target=[PerformedStepRow.sop_instance_uid],
            update={getattr(PerformedStepRow, name): value for name, value in values.items()},
        )
    )
    tx.execute(PerformedImageRow.delete().where(PerformedImageRow.performed_uid == performed.sop_instance_uid))
    rows = ({"performed_uid": performed.sop_instance_uid, "sop_instance_uid": uid} for uid in performed.image_uids)
    tx.insert_all(PerformedImageRow, rows)


def modality_of(performed: PerformedStep) -> str:
    """Return the modality that a performed step names."""
    from dicom_gateway.core.performed import dataset_of, text  # here, not above: most who open a store need no pydicom

    return text(dataset_of(performed), "Modality")


def _announce(tx: Transaction, performed: PerformedStep, uid: str, link: Link, now: int) -> Study:
    """Return the study that a linked performed step makes, its row made when no image has come yet. Images that are
    there say themselves whose they are."""
    study = study_rows.get_study(tx, uid)
    if study is None:
        study = Study(
            uid,
            order_id=link.order_id,
            requested_procedure_id=link.requested_procedure_id,
            link_reason=link.reason.value,
            patient_id=link.steps[0].patient_id,
            issuer=link.steps[0].issuer,
            accession_number=link.steps[0].accession_number,
            modality=modality_of(performed),
            started_at=now,
            last_received_at=now,
        )
        study_rows.put_study(tx, study, None)
    return study


def _name_steps(tx: Transaction, performed: PerformedStep, order_id: str, links: list[Row]) -> None:
    """Give images that are linked to the procedure as a whole the one step whose performed step names them."""
    if len(links) != 1:
        return
    named = PerformedImageRow.select(PerformedImageRow.sop_instance_uid).where(
        PerformedImageRow.performed_uid == performed.sop_instance_uid
    )
    tx.execute(
        InstanceRow.update(step_id=links[0]["step_id"]).where(
            InstanceRow.order_id == order_id, InstanceRow.step_id == "", InstanceRow.sop_instance_uid.in_(named)
        )
    )


def _unlink(tx: Transaction, performed: PerformedStep, now: int) -> None:
    """Take back the links of a performed step for which the wrong line of the worklist had been picked: its images
    wait to be matched by hand."""
    uid = performed.sop_instance_uid
    links = tx.rows(PerformedLinkRow.select().where(PerformedLinkRow.performed_uid == uid))
    tx.execute(PerformedLinkRow.delete().where(PerformedLinkRow.performed_uid == uid))
    reason = LinkReason.WRONG_ENTRY.value
    tx.execute(PerformedReferenceRow.update(link_reason=reason).where(PerformedReferenceRow.performed_uid == uid))
    for link in links:
        others = tx.values(
            PerformedLinkRow.select(PerformedLinkRow.performed_uid).where(
                PerformedLinkRow.order_id == link["order_id"], PerformedLinkRow.step_id == link["step_id"]
            )
        )
        studies = StudyRow.select(StudyRow.study_instance_uid).where(
            StudyRow.order_id == link["order_id"], StudyRow.requested_procedure_id == link["requested_procedure_id"]
        )
        for study_uid in tx.values(studies):
            _unlink_instances(tx, performed, study_uid, "" if others else link["step_id"], now)
    if links:
        audit.raise_alarm(tx, now, reason, f"performed step {uid}", f"from device {performed.calling_ae_title}")


def _unlink_instances(tx: Transaction, performed: PerformedStep, study_uid: str, step_id: str, now: int) -> None:
    """Unlink the images of a performed step in one study. With a `step_id`, no other performed step remains for that
    scheduled step: then every image of it that none names goes too, from whatever AE title and whenever it came."""
    named_by_others = set(
        tx.values(
            PerformedImageRow.select(PerformedImageRow.sop_instance_uid)
            .join(PerformedLinkRow, on=(PerformedLinkRow.performed_uid == PerformedImageRow.performed_uid))
            .where(
                PerformedLinkRow.order_id.in_(
                    StudyRow.select(StudyRow.order_id).where(StudyRow.study_instance_uid == study_uid)
                )
            )
        )
    )
    remaining = 0
    for instance, _ in study_rows.instances_of(tx, study_uid):
        header = instance.header
        mine = (
            header.sop_instance_uid in performed.image_uids
            or performed.sop_instance_uid in header.performed_step_uids
            or (step_id and instance.step_id in ("", step_id) and header.sop_instance_uid not in named_by_others)
        )
        if mine and instance.link_reason != LinkReason.MANUAL:
            study_rows.relink_instance(tx, instance.key, Link(LinkReason.WRONG_ENTRY))
        else:
            remaining += bool(instance.order_id)
    if not remaining:
        study_rows.set_study(
            tx, study_uid, order_id="", requested_procedure_id="", link_reason=LinkReason.WRONG_ENTRY.value, due_at=now
        )
        tx.wake("worker")
