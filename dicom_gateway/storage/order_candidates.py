"""Finds orders that may be meant by something, or by what somebody types, inside a transaction: by step, then whole.

The rows of steps are enough for a first ranking; only the best are read as documents.
"""

from datetime import timedelta
from itertools import islice
from typing import Any, Final

from dicom_gateway.core.folding import name_index
from dicom_gateway.core.local_time import from_instant
from dicom_gateway.core.model import Order
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.suggestions import Asked, Said
from dicom_gateway.storage import order_rows
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.tables import OrderRow, StepRow

LOOKED_INTO: Final = 60  # orders that are read for one ranking
DAYS_BEFORE, DAYS_AFTER = 7, 1  # of the image: when its order was planned
_STEP: Final = (
    StepRow.order_id, StepRow.requested_procedure_id, StepRow.step_id, StepRow.status, StepRow.patient_id,
    StepRow.patient_name, StepRow.modality, StepRow.accession_number, StepRow.start_utc,
)  # fmt: skip


def nearby(tx: Transaction, said: Said) -> list[Row]:
    """Return the steps that were planned about then, and those of the patient or accession number at any time."""
    conditions = []
    if said.at:
        day = from_instant(said.at).date()
        days = [f"{day + timedelta(days=n):%Y%m%d}" for n in range(-DAYS_BEFORE, DAYS_AFTER + 1)]
        conditions.append(StepRow.start_date.in_(days))
    if said.patient_id:
        bare = said.patient_id.lstrip("0")
        conditions.append(StepRow.patient_id.in_(sorted({said.patient_id, bare, said.patient_id.upper()} - {""})))
    if said.accession_number:
        conditions.append(_has_number(said.accession_number))
    if name_index(said.patient_name):
        conditions.append(StepRow.shown.in_([0, 1]) & (StepRow.patient_name == name_index(said.patient_name)))
    return [row for where in conditions for row in tx.rows(_steps(where))]


def _steps(where: Any) -> Any:
    return StepRow.select(*_STEP).where(where).order_by(StepRow.start_utc.desc()).limit(20_000)


def _has_number(number: str) -> Any:
    of_orders = OrderRow.select(OrderRow.id).where(
        (OrderRow.accession_number == number) | (OrderRow.original_accession_number == number)
    )
    return StepRow.order_id.in_(of_orders)


def asked(row: Row) -> Asked:
    """Return what is known of a step without its order's document."""
    return Asked(
        order_id=row["order_id"],
        requested_procedure_id=row["requested_procedure_id"],
        step_id=row["step_id"],
        status=StepStatus(row["status"]),
        patient_id=row["patient_id"],
        patient_name=row["patient_name"],
        modality=row["modality"],
        accession_numbers=(row["accession_number"],) if row["accession_number"] else (),
        start_utc=row["start_utc"],
    )


def orders_of(tx: Transaction, order_ids: Any) -> dict[str, Order]:
    """Return the first orders of these ids."""
    wanted = list(islice(dict.fromkeys(order_ids), LOOKED_INTO))
    found = ((order_id, order_rows.load(tx, order_id)) for order_id in wanted)
    return {order_id: order for order_id, order in found if order is not None}
