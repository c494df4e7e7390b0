"""The bytes of an object as they leave the gateway: as received, or corrected to the order that a person matched it to.

Every way out asks here: the API, the page's downloads, the export of the command line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.model import Instance, Order, RequestedProcedure, ScheduledStep, StoredObject
from dicom_gateway.study.correct import Corrected, correct
from dicom_gateway.study.correction import Correction
from dicom_gateway.study.export import ObjectStream, object_stream


@dataclass(frozen=True, slots=True)
class Delivered:
    """`path_of` gives the file of an object, `order_of` an order by its id (None: there is none), `matched_at` when an
    instance was matched by hand, and the requested procedure that it was matched to."""

    path_of: Callable[[StoredObject], Path]
    order_of: Callable[[str], Order | None]
    matched_at: Callable[[Instance], tuple[int, str]]

    def corrected(self, instance: Instance) -> Corrected | None:
        """Return a matched object as it is delivered, None for one that goes as it was received.

        Raises DamagedFile, and NotCorrectable for what cannot be written anew.
        """
        if instance.link_reason != LinkReason.MANUAL:
            return None
        order = self.order_of(instance.order_id)
        at, procedure_id = self.matched_at(instance)
        place = _place(order, procedure_id, instance.step_id) if order else None
        if order is None or place is None:
            return None
        return correct(
            self.path_of(instance.stored), instance.stored, Correction(order, *place, at, instance.calling_ae_title)
        )

    def stream(self, instance: Instance) -> ObjectStream:
        """Return the bytes of an object; raises as `corrected` does."""
        found = self.corrected(instance)
        return ObjectStream(found.length, found.read()) if found else self.as_received(instance)

    def as_received(self, instance: Instance) -> ObjectStream:
        """Return the bytes of an object as they came; raises DamagedFile."""
        return object_stream(instance, self.path_of)


def preview(instance: Instance, path: Path, order: Order, procedure_id: str, step_id: str, at: int) -> Corrected | None:
    """Return an object as it would be delivered once it is matched; None when there is no such procedure."""
    place = _place(order, procedure_id, step_id)
    return correct(path, instance.stored, Correction(order, *place, at, instance.calling_ae_title)) if place else None


def _place(order: Order, procedure_id: str, step_id: str) -> tuple[RequestedProcedure, ScheduledStep | None] | None:
    for procedure in order.procedures:
        found = next((step for step in procedure.steps if step.id == step_id), None)
        if found or (procedure.id == procedure_id and not step_id):
            return procedure, found
    return next(((procedure, None) for procedure in order.procedures if procedure.id == procedure_id), None)
