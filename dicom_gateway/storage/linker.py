"""Link received objects and performed steps to scheduled steps, inside somebody's transaction.

Gathers the candidates that the keys of an object point to; core.linking decides. What could not be linked waits, and is
looked at again when an order comes that may be meant.
"""

from collections.abc import Iterable, Sequence

from dicom_gateway.core.linking import Candidate, Link, LinkKeys, LinkReason, link
from dicom_gateway.core.model import InstanceHeader, PerformedStep, StepReference
from dicom_gateway.core.status import StepStatus
from dicom_gateway.storage.codec import load_performed_step
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.tables import (
    OrderRow,
    PerformedImageRow,
    PerformedLinkRow,
    PerformedStepRow,
    StepRow,
)


def link_instance(tx: Transaction, header: InstanceHeader) -> Link:
    """Decide where a received object belongs."""
    naming = tx.values(
        PerformedImageRow.select(PerformedImageRow.performed_uid).where(
            PerformedImageRow.sop_instance_uid == header.sop_instance_uid
        )
    )
    if _of_wrong_entry(tx, {*naming, *header.performed_step_uids}):
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


def candidates(tx: Transaction, keys: LinkKeys) -> list[Candidate]:
    """Return every scheduled step that one of the keys points to, in the order of their orders."""
    uids = {keys.study_instance_uid, *(r.study_instance_uid for r in keys.references)} - {""}
    numbers = {keys.accession_number.strip(), *(r.accession_number.strip() for r in keys.references)} - {""}
    order_ids = {order_id for order_id, _ in (*keys.performed, *keys.named_by)}
    order_ids |= set(tx.values(StepRow.select(StepRow.order_id).where(StepRow.study_instance_uid.in_(list(uids)))))
    for column in (OrderRow.accession_number, OrderRow.original_accession_number):
        order_ids |= set(tx.values(OrderRow.select(OrderRow.id).where(column.in_(list(numbers)))))
    query = (
        StepRow.select(StepRow, OrderRow.issuer, OrderRow.original_accession_number)
        .join(OrderRow, on=(OrderRow.id == StepRow.order_id))
        .where(StepRow.order_id.in_(list(order_ids)))
        .order_by(OrderRow.created_at, StepRow.key)
    )
    return [_candidate(row) for row in tx.rows(query)] if order_ids else []


def _candidate(row: Row) -> Candidate:
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
    )


def _steps_of(tx: Transaction, performed_uids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if not performed_uids:
        return ()
    rows = tx.rows(
        PerformedLinkRow.select(PerformedLinkRow.order_id, PerformedLinkRow.step_id).where(
            PerformedLinkRow.performed_uid.in_(list(performed_uids))
        )
    )
    return tuple((row["order_id"], row["step_id"]) for row in rows)


WRONG_ENTRY_CODE = ("110514", "DCM")  # CID 9300, incorrect worklist entry selected


def is_wrong_entry(performed: PerformedStep) -> bool:
    """Say whether the device reported that the wrong line of the worklist had been picked."""
    reason = performed.discontinuation_reason
    return reason is not None and (reason.value, reason.scheme) == WRONG_ENTRY_CODE


def _of_wrong_entry(tx: Transaction, performed_uids: Iterable[str]) -> bool:
    documents = tx.values(
        PerformedStepRow.select(PerformedStepRow.document).where(
            PerformedStepRow.sop_instance_uid.in_(list(performed_uids))
        )
    )
    return any(is_wrong_entry(load_performed_step(document)) for document in documents)
