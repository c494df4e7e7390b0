"""Link received objects and performed steps to scheduled steps, inside somebody's transaction.

Gathers the candidates that the keys of an object point to; core.linking decides. What could not be linked waits, and is
looked at again when an order or a performed step comes that may be meant.
"""

import json
from collections.abc import Collection, Sequence
from functools import partial, reduce
from operator import or_

from dicom_gateway.core.linking import Candidate, Link, LinkKeys, LinkReason, link
from dicom_gateway.core.model import InstanceHeader, PerformedStep, StepReference
from dicom_gateway.core.patients import identity
from dicom_gateway.core.status import OPEN, StepEvent, StepStatus
from dicom_gateway.storage import audit, order_rows, patient_rows, study_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.codec import load_performed_step
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.match_tables import StudyDecisionRow
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.prepared import Statement, given, several
from dicom_gateway.storage.tables import (
    InstanceRow,
    OrderRow,
    PerformedImageRow,
    PerformedLinkRow,
    PerformedReferenceRow,
    PerformedStepRow,
    StepRow,
)

# Waiting for these reasons may end with a new or changed order; what a person or a device decided does not.
MAY_LINK_LATER = tuple(
    reason.value for reason in (LinkReason.NO_ORDER, LinkReason.SEVERAL_PROCEDURES, LinkReason.CANCELED)
)
MAY_LINK_AFTER_MERGE = (*MAY_LINK_LATER, LinkReason.PATIENT_DIFFERS.value)
WRONG_ENTRY_CODE = ("110514", "DCM")  # CID 9300, incorrect worklist entry selected

_NAMING = Statement(
    PerformedImageRow.select(PerformedImageRow.performed_uid).where(
        PerformedImageRow.sop_instance_uid == given("sop_instance_uid")
    )
)
_STEPS_OF = Statement(
    PerformedLinkRow.select(PerformedLinkRow.order_id, PerformedLinkRow.step_id).where(
        PerformedLinkRow.performed_uid.in_(several("performed_uids"))
    )
)
_DOCUMENTS_OF = Statement(
    PerformedStepRow.select(PerformedStepRow.document).where(
        PerformedStepRow.sop_instance_uid.in_(several("performed_uids"))
    )
)
_LAST_DOCUMENT_OF_STUDY = Statement(
    PerformedStepRow.select(PerformedStepRow.document)
    .join(PerformedReferenceRow, on=(PerformedReferenceRow.performed_uid == PerformedStepRow.sop_instance_uid))
    .where(PerformedReferenceRow.study_instance_uid == given("study_instance_uid"))
    .order_by(PerformedStepRow.created_at.desc())
    .limit(1)
)
_DECISION = Statement(StudyDecisionRow.select().where(StudyDecisionRow.study_instance_uid == given("uid")))
_Named, _ByNumber, _ByOriginalNumber = OrderRow.alias(), OrderRow.alias(), OrderRow.alias()
_OfStudy = StepRow.alias()
_CANDIDATES = Statement(
    StepRow.select(
        StepRow.order_id,
        StepRow.requested_procedure_id,
        StepRow.study_instance_uid,
        StepRow.step_id,
        StepRow.status,
        StepRow.modality,
        StepRow.accession_number,
        StepRow.patient_id,
        OrderRow.issuer,
        StepRow.original_step_id,
        StepRow.original_procedure_id,
        OrderRow.original_accession_number,
        OrderRow.source,
    )
    .join(OrderRow, on=(OrderRow.id == StepRow.order_id))
    .where(
        StepRow.order_id.in_(
            _OfStudy.select(_OfStudy.order_id).where(_OfStudy.study_instance_uid.in_(several("study_uids")))
            + _ByNumber.select(_ByNumber.id).where(_ByNumber.accession_number.in_(several("numbers")))
            + _ByOriginalNumber.select(_ByOriginalNumber.id).where(
                _ByOriginalNumber.original_accession_number.in_(several("numbers"))
            )
            + _Named.select(_Named.id).where(_Named.id.in_(several("order_ids")))
        )
    )
    .order_by(OrderRow.created_at, StepRow.key)
)


def link_instance(tx: Transaction, header: InstanceHeader) -> Link:
    """Decide where a received object belongs."""
    by_hand = _decided(tx, header.study_instance_uid, header.patient_id)
    if by_hand:
        return by_hand
    naming = tx.values(_NAMING, sop_instance_uid=header.sop_instance_uid)
    if _of_wrong_entry(tx, {*naming, *header.performed_step_uids}, header.study_instance_uid):
        return Link(LinkReason.WRONG_ENTRY)
    performed = _steps_of(tx, header.performed_step_uids)
    named_by = _steps_of(tx, naming)
    keys = LinkKeys(
        study_instance_uid=header.study_instance_uid,
        accession_number=header.accession_number,
        patient_id=header.patient_id,
        issuer=header.issuer,
        modality=header.modality,
        references=header.references,
        performed=performed,
        named_by=named_by,
    )
    return link(keys, candidates(tx, keys))


def link_reference(tx: Transaction, performed: PerformedStep, reference: StepReference, modality: str) -> Link:
    """Decide which scheduled steps one item of a performed step means."""
    by_hand = _decided(tx, reference.study_instance_uid, performed.patient_id, empty_agrees=True)
    if by_hand:
        return by_hand
    keys = LinkKeys(
        study_instance_uid=reference.study_instance_uid,
        accession_number=reference.accession_number,
        patient_id=performed.patient_id,
        issuer=performed.issuer,
        modality=modality,
        references=(reference,),
        empty_patient_agrees=True,
    )
    return link(keys, candidates(tx, keys))


def _decided(tx: Transaction, uid: str, patient_id: str, empty_agrees: bool = False) -> Link | None:
    """Return what a person decided for the images of a study that name this patient; None: nothing that holds."""
    row = tx.row(_DECISION, uid=uid)
    theirs = patient_id.strip()
    if row is None or not (theirs in json.loads(row["patient_ids"]) or (empty_agrees and not theirs)):
        return None
    if not row["order_id"]:
        return Link(LinkReason.UNMATCHED)
    steps = live_steps(tx, row["order_id"], row["requested_procedure_id"], row["step_id"])
    return Link(LinkReason.MANUAL, steps) if steps else None


def live_steps(tx: Transaction, order_id: str, requested_procedure_id: str, step_id: str) -> tuple[Candidate, ...]:
    """Return the steps of a procedure ("" as `step_id`: all) that were not cancelled."""
    of_order = candidates(tx, LinkKeys("", "", "", "", performed=((order_id, ""),)))
    return tuple(
        step
        for step in of_order
        if step.requested_procedure_id == requested_procedure_id
        and step_id in ("", step.step_id)
        and step.step_status is not StepStatus.CANCELED
    )


def candidates(tx: Transaction, keys: LinkKeys) -> list[Candidate]:
    """Return every scheduled step that one of the keys points to, in the order of their orders."""
    uids = {keys.study_instance_uid, *(r.study_instance_uid for r in keys.references)} - {""}
    numbers = {keys.accession_number.strip(), *(r.accession_number.strip() for r in keys.references)} - {""}
    order_ids = {order_id for order_id, _ in (*keys.performed, *keys.named_by)}
    rows = tx.rows(_CANDIDATES, study_uids=uids, numbers=numbers, order_ids=order_ids)
    return [_candidate(row, _other_ids(tx, row, keys.patient_id.strip())) for row in rows]


def _other_ids(tx: Transaction, row: Row, patient_id: str) -> tuple[str, ...]:
    """Return the ids that were merged with an order's patient, where its own is not the one that is looked for."""
    if patient_id in ("", row["patient_id"]):
        return ()
    return tuple(patient_rows.known_as(tx, identity(row["issuer"], row["patient_id"], row["source"])))


def _candidate(row: Row, other_patient_ids: tuple[str, ...]) -> Candidate:
    return Candidate(
        order_id=row["order_id"],
        requested_procedure_id=row["requested_procedure_id"],
        study_instance_uid=row["study_instance_uid"],
        step_id=row["step_id"],
        step_status=StepStatus(row["status"]),
        modality=row["modality"],
        accession_number=row["accession_number"],
        patient_id=row["patient_id"],
        issuer=row["issuer"],
        original_step_id=row["original_step_id"],
        original_procedure_id=row["original_procedure_id"],
        original_accession_number=row["original_accession_number"],
        other_patient_ids=other_patient_ids,
    )


def _steps_of(tx: Transaction, performed_uids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if not performed_uids:
        return ()
    rows = tx.rows(_STEPS_OF, performed_uids=performed_uids)
    return tuple((row["order_id"], row["step_id"]) for row in rows)


def is_wrong_entry(performed: PerformedStep) -> bool:
    """Say whether the device reported that the wrong line of the worklist had been picked."""
    reason = performed.discontinuation_reason
    return reason is not None and (reason.value, reason.scheme) == WRONG_ENTRY_CODE


def _of_wrong_entry(tx: Transaction, performed_uids: Collection[str], study_instance_uid: str) -> bool:
    """Say whether a performed step of an image was of the wrong entry; an image that belongs to none is taken to be of
    the last that was reported for its study."""
    documents = (
        tx.values(_DOCUMENTS_OF, performed_uids=performed_uids)
        if performed_uids
        else tx.values(_LAST_DOCUMENT_OF_STUDY, study_instance_uid=study_instance_uid)
    )
    # A document names every image of its step: it is read only if the code stands anywhere in it.
    return any(WRONG_ENTRY_CODE[0] in text and is_wrong_entry(load_performed_step(text)) for text in documents)


def started_by(tx: Transaction, link: Link) -> dict[str, StepEvent]:
    """Return the steps that an image starts, by step id: none where it could be of several steps and a performed step
    speaks for one of them, because that device will speak for the others as well."""
    events = {step.step_id: StepEvent.START for step in link.steps if step.step_status in OPEN}
    if not events or len(link.steps) == 1:
        return events
    return {} if study_rows.reported_of(tx, link.order_id, [step.step_id for step in link.steps]) else events


def link_waiting_images(
    tx: Transaction, outbox: Outbox, uids: Sequence[str], numbers: Sequence[str], now: int, actor: Actor,
    reasons: Sequence[str] = MAY_LINK_LATER,
) -> None:  # fmt: skip
    """Look again at the images that wait for one of these reasons, of these studies or with these accession numbers."""
    # A condition on an empty list would make SQLite read the whole table.
    keys = [
        condition
        for values, condition in (
            (uids, InstanceRow.study_instance_uid.in_(list(uids))),
            (numbers, InstanceRow.accession_number.in_(list(numbers))),
        )
        if values
    ]
    if not keys:
        return
    waits = (InstanceRow.current == 1) & (InstanceRow.order_id == "") & InstanceRow.link_reason.in_(reasons)
    for row in tx.rows(InstanceRow.select().where(waits, reduce(or_, keys))):
        instance = study_rows.instance_of(row)
        found = link_instance(tx, instance.header)
        study_rows.relink_instance(tx, instance.key, found)
        study = study_rows.get_study(tx, instance.header.study_instance_uid)
        order = order_rows.load(tx, found.order_id) if found.order_id else None
        if study is None:
            continue
        if order is None:
            if not study.order_id:
                study_rows.set_study(tx, study.study_instance_uid, link_reason=found.reason.value)
            if found.reason is LinkReason.PATIENT_DIFFERS:
                alarm_waiting(tx, now, found.reason, instance.header, actor)
            continue
        study = study_rows.linked(study, found, instance.header)
        study_rows.put_study(tx, study, now)
        tx.wake("worker")
        events = started_by(tx, found)
        if events:
            order_rows.move_steps(tx, outbox, order, events, now, actor, partial(study_rows.facts_of, tx, study=study))


def alarm_waiting(tx: Transaction, now: int, reason: LinkReason, header: InstanceHeader, actor: Actor) -> None:
    """Raise an alarm for an image that waits although its study or its keys point to an order."""
    detail = f"from {actor.who}, instance {header.sop_instance_uid}"
    audit.raise_alarm(tx, now, reason.value, f"study {header.study_instance_uid}", detail)
