"""What is to be matched by hand, and where to, as it stands in the database; and the rows that one decision writes.

Inside somebody's transaction; matching.py is where it all happens.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dicom_gateway.core.linking import Candidate, Link, LinkReason
from dicom_gateway.core.model import Instance, Order, PerformedStep, Study
from dicom_gateway.errors import Conflict, NotFound
from dicom_gateway.storage import order_rows, study_rows
from dicom_gateway.storage.codec import load_performed_step
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.linker import is_wrong_entry, live_steps
from dicom_gateway.storage.match_rows import WAITING_REASONS, decide
from dicom_gateway.storage.tables import PerformedLinkRow, PerformedReferenceRow, PerformedStepRow


@dataclass(frozen=True, slots=True)
class Waits:
    """What is to be matched: of each study the images chosen, references of performed steps by position."""

    studies: tuple[tuple[Study, tuple[Instance, ...]], ...]
    references: tuple[tuple[PerformedStep, int], ...]
    is_whole: bool  # nothing was picked out: later images follow


@dataclass(frozen=True, slots=True)
class Target:
    """Where something is matched to."""

    order: Order
    requested_procedure_id: str
    step_id: str
    link: Link


def waits_of_study(tx: Transaction, uid: str, chosen: frozenset[str] | None) -> Waits:
    study = study_rows.get_study(tx, uid)
    if study is None or not study.received:
        raise NotFound(f"no study {uid}")
    waiting = [instance for instance, _ in study_rows.instances_of(tx, uid) if not instance.order_id]
    images = tuple(one for one in waiting if chosen is None or one.header.sop_instance_uid in chosen)
    if not images or (chosen is not None and len(images) < len(chosen)):
        raise Conflict("these images do not wait to be matched any more")
    is_whole = len(images) == len(waiting) and not study.order_id
    references = _references_of(tx, PerformedReferenceRow.study_instance_uid == uid) if is_whole else ()
    return Waits(((study, images),), tuple(references), is_whole)


def waits_of_performed(tx: Transaction, performed_uid: str) -> Waits:
    known = tx.value(
        PerformedStepRow.select(PerformedStepRow.document).where(PerformedStepRow.sop_instance_uid == performed_uid)
    )
    if known is None:
        raise NotFound(f"no performed step {performed_uid}")
    references = _references_of(tx, PerformedReferenceRow.performed_uid == performed_uid)
    if not references:
        raise Conflict("this performed step does not wait to be matched")
    uids = dict.fromkeys(step.references[position].study_instance_uid for step, position in references)
    studies = []
    for uid in uids:
        study = study_rows.get_study(tx, uid)
        if study and not study.order_id:
            images = tuple(one for one, _ in study_rows.instances_of(tx, uid) if not one.order_id)
            studies += [(study, images)] if images else []
    return Waits(tuple(studies), tuple(references), True)


def _references_of(tx: Transaction, where: object) -> list[tuple[PerformedStep, int]]:
    """Return the references of performed steps that wait, but for those of a wrong entry: they report nothing."""
    rows = tx.rows(
        PerformedReferenceRow.select(PerformedReferenceRow, PerformedStepRow.document)
        .join(PerformedStepRow, on=(PerformedStepRow.sop_instance_uid == PerformedReferenceRow.performed_uid))
        .where(where, PerformedReferenceRow.link_reason.in_(WAITING_REASONS))
    )
    found = [(load_performed_step(row["document"]), row["position"]) for row in rows]
    return [(step, position) for step, position in found if not is_wrong_entry(step)]


def target_of(tx: Transaction, order_id: str, requested_procedure_id: str, step_id: str) -> Target:
    order = order_rows.load(tx, order_id)
    procedure = order_rows.procedure_of(order, requested_procedure_id) if order else None
    if order is None or procedure is None:
        raise NotFound("there is no such order or procedure")
    if step_id and step_id not in {step.id for step in procedure.steps}:
        raise NotFound("there is no such step in this order")
    steps: tuple[Candidate, ...] = live_steps(tx, order_id, requested_procedure_id, step_id)
    if not steps:
        raise Conflict("this was cancelled; have it ordered again first")
    return Target(order, requested_procedure_id, step_id, Link(LinkReason.MANUAL, steps))


def of_order(study: Study, link: Link, order: Order) -> Study:
    """Return a study as one of the order: it shows the order's patient from then on."""
    return study.evolve(
        order_id=order.id,
        requested_procedure_id=link.requested_procedure_id,
        link_reason=link.reason.value,
        patient_id=order.patient.id,
        issuer=order.patient.issuer,
        patient_name=order.patient.name,
        accession_number=order.accession_number,
        reported_at=None,
        evidence="",
    )


def decide_for(tx: Transaction, waits: Waits, studies: Iterable[str], target: Target) -> None:
    """Let what comes later for these studies follow, when it names the same patient."""
    named = {image.header.patient_id.strip() for _, images in waits.studies for image in images}
    named |= {step.patient_id.strip() for step, _ in waits.references}
    for uid in studies:
        values = {
            "study_instance_uid": uid,
            "order_id": target.order.id,
            "requested_procedure_id": target.requested_procedure_id,
            "step_id": target.step_id,
            "patient_ids": json.dumps(sorted(named)),
        }
        decide(tx, uid, values)


def set_off(tx: Transaction, study: Study, images: Sequence[Instance], now: int) -> None:
    """Write a study as one of no order, by a person's word: what comes later for it waits too."""
    uid = study.study_instance_uid
    head = images[0].header if images else None
    shown = (
        {
            "patient_id": head.patient_id.strip(),
            "issuer": head.issuer.strip(),
            "patient_name": head.patient_name,
            "accession_number": head.accession_number.strip(),
        }
        if head
        else {}
    )
    study_rows.set_study(
        tx, uid, order_id="", requested_procedure_id="", link_reason=LinkReason.UNMATCHED.value, reported_at=None,
        incomplete_told_at=None, unmatched_told_at=now, evidence="", due_at=None, **shown,
    )  # fmt: skip
    named = sorted({image.header.patient_id.strip() for image in images})
    values = {"order_id": "", "requested_procedure_id": "", "step_id": "", "patient_ids": json.dumps(named)}
    decide(tx, uid, {"study_instance_uid": uid, **values})


def links_of(tx: Transaction, references: Sequence[Row]) -> list[Row]:
    positions = {(row["performed_uid"], row["position"]) for row in references}
    uids = sorted({uid for uid, _ in positions})
    rows = tx.rows(PerformedLinkRow.select().where(PerformedLinkRow.performed_uid.in_(uids)))
    return [row for row in rows if (row["performed_uid"], row["position"]) in positions]


def unlink_reference(tx: Transaction, link: Row) -> None:
    for model, change in (
        (PerformedLinkRow, PerformedLinkRow.delete()),
        (PerformedReferenceRow, PerformedReferenceRow.update(link_reason=LinkReason.UNMATCHED.value)),
    ):
        at = (model.performed_uid == link["performed_uid"]) & (model.position == link["position"])
        tx.execute(change.where(at))
