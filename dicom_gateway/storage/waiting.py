"""What came before its order: images and performed steps that wait are looked at again when an order is taken in."""

from collections.abc import Sequence

from dicom_gateway.core.model import Order
from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.codec import load_performed_step
from dicom_gateway.storage.database import Transaction
from dicom_gateway.storage.linker import MAY_LINK_LATER, link_reference, link_waiting_images
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.performed_steps import PerformedStepStore, modality_of
from dicom_gateway.storage.tables import PerformedReferenceRow, PerformedStepRow


class Waiting:
    """Links what waits once the order that it belongs to is known."""

    def __init__(self, outbox: Outbox, performed_steps: PerformedStepStore, clock: Clock) -> None:
        self._outbox = outbox
        self._performed_steps = performed_steps
        self._clock = clock

    def look_again(
        self, tx: Transaction, order: Order, actor: Actor, reasons: Sequence[str] = MAY_LINK_LATER
    ) -> None:  # fmt: skip
        """Link performed steps and images that wait for one of `reasons` and name a study or the accession number of
        `order`."""
        uids = [procedure.study_instance_uid for procedure in order.procedures]
        numbers = [n for n in (order.accession_number, order.original_accession_number) if n]
        self._performed(tx, uids, numbers, actor, reasons)
        link_waiting_images(tx, self._outbox, uids, numbers, self._clock(), actor, reasons)

    def _performed(
        self, tx: Transaction, uids: list[str], numbers: list[str], actor: Actor, reasons: Sequence[str]
    ) -> None:  # fmt: skip
        rows = tx.rows(
            PerformedReferenceRow.select(PerformedReferenceRow, PerformedStepRow.document)
            .join(PerformedStepRow, on=(PerformedStepRow.sop_instance_uid == PerformedReferenceRow.performed_uid))
            .where(
                PerformedReferenceRow.link_reason.in_(reasons),
                PerformedReferenceRow.study_instance_uid.in_(uids)
                | PerformedReferenceRow.accession_number.in_(numbers),
            )
        )
        for row in rows:
            performed = load_performed_step(row["document"])
            reference = performed.references[row["position"]]
            link = link_reference(tx, performed, reference, modality_of(performed))
            self._performed_steps.link(tx, performed, row["position"], link, actor)
