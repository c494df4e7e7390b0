"""What came before its order: images and performed steps that wait are looked at again when an order is taken in."""

from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.model import Order
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import OPEN, StepEvent
from dicom_gateway.storage import order_rows, study_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.codec import load_performed_step
from dicom_gateway.storage.database import Transaction
from dicom_gateway.storage.linker import link_instance, link_reference
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.performed_steps import PerformedStepStore, modality_of
from dicom_gateway.storage.tables import InstanceRow, PerformedReferenceRow, PerformedStepRow

# Waiting for these reasons may end with a new or changed order; what a person or a device decided does not.
MAY_LINK_LATER = tuple(
    reason.value for reason in (LinkReason.NO_ORDER, LinkReason.SEVERAL_PROCEDURES, LinkReason.CANCELED)
)


class Waiting:
    """Links what waits once the order that it belongs to is known."""

    def __init__(self, outbox: Outbox, performed_steps: PerformedStepStore, clock: Clock) -> None:
        self._outbox = outbox
        self._performed_steps = performed_steps
        self._clock = clock

    def look_again(self, tx: Transaction, order: Order, actor: Actor) -> None:
        """Link waiting performed steps and images that name a study or the accession number of `order`."""
        uids = [procedure.study_instance_uid for procedure in order.procedures]
        numbers = [n for n in (order.accession_number, order.original_accession_number) if n]
        self._performed(tx, uids, numbers, actor)
        self._images(tx, uids, numbers, actor)

    def _performed(self, tx: Transaction, uids: list[str], numbers: list[str], actor: Actor) -> None:
        rows = tx.rows(
            PerformedReferenceRow.select(PerformedReferenceRow, PerformedStepRow.document)
            .join(PerformedStepRow, on=(PerformedStepRow.sop_instance_uid == PerformedReferenceRow.performed_uid))
            .where(
                PerformedReferenceRow.link_reason.in_(MAY_LINK_LATER),
                PerformedReferenceRow.study_instance_uid.in_(uids)
                | PerformedReferenceRow.accession_number.in_(numbers),
            )
        )
        for row in rows:
            performed = load_performed_step(row["document"])
            reference = performed.references[row["position"]]
            link = link_reference(tx, performed, reference, modality_of(performed))
            self._performed_steps.link(tx, performed, row["position"], link, actor)

    def _images(self, tx: Transaction, uids: list[str], numbers: list[str], actor: Actor) -> None:
        now = self._clock()
        rows = tx.rows(
            InstanceRow.select().where(
                InstanceRow.current == 1,
                InstanceRow.order_id == "",
                InstanceRow.link_reason.in_(MAY_LINK_LATER),
                InstanceRow.study_instance_uid.in_(uids) | InstanceRow.accession_number.in_(numbers),
            )
        )
        for row in rows:
            instance = study_rows.instance_of(row)
            link = link_instance(tx, instance.header)
            study_rows.relink_instance(tx, instance.key, link)
            study = study_rows.get_study(tx, instance.header.study_instance_uid)
            if not link.order_id or study is None:
                continue
            if not study.order_id:
                study = study.evolve(
                    order_id=link.order_id,
                    requested_procedure_id=link.requested_procedure_id,
                    link_reason=link.reason.value,
                )
                study_rows.put_study(tx, study, now)
                tx.wake("worker")
            order = order_rows.load(tx, link.order_id)
            events = {step.step_id: StepEvent.START for step in link.steps if step.step_status in OPEN}
            if order and events:
                order_rows.move_steps(tx, self._outbox, order, events, now, actor)
