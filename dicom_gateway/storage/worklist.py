"""What a worklist query may find: SQL narrows by indexed columns and never loses an item that core.matching accepts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dicom_gateway.core.matching import Narrowing
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.storage.codec import load_order
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.tables import OrderRow, StationRow, StepRow

PAGE = 200


@dataclass(frozen=True, slots=True)
class ScheduledItem:
    """One line that a worklist may show: a step with its procedure and order."""

    order: Order
    procedure: RequestedProcedure
    step: ScheduledStep


class Worklist:
    """Reads scheduled steps for queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def candidates(self, narrowing: Narrowing, only_shown: bool, not_before: str = "") -> Iterator[ScheduledItem]:
        """Yield the scheduled steps that may match, by start, page by page; no connection is held in between.

        `only_shown` leaves out steps that have ended; `not_before` (YYYYMMDD) those of earlier days.
        """
        conditions = _conditions(narrowing, only_shown, not_before)
        after: tuple[int, int] | None = None
        while True:
            rows = self._page(conditions, after)
            orders: dict[str, Order] = {}
            for row in rows:
                order = orders.get(row["order_id"])
                if order is None:
                    order = orders[row["order_id"]] = load_order(row["document"])
                procedure = order.procedures[row["procedure_position"]]
                yield ScheduledItem(order, procedure, procedure.steps[row["step_position"]])
            if len(rows) < PAGE:
                return
            after = (rows[-1]["start_utc"], rows[-1]["key"])

    def _page(self, conditions: list[Any], after: tuple[int, int] | None) -> list[dict[str, Any]]:
        query = (
            StepRow.select(
                StepRow.key,
                StepRow.order_id,
                StepRow.procedure_position,
                StepRow.step_position,
                StepRow.start_utc,
                OrderRow.document,
            )
            .join(OrderRow, on=(OrderRow.id == StepRow.order_id))
            .where(*conditions)
            .order_by(StepRow.start_utc, StepRow.key)
            .limit(PAGE)
        )
        if after:
            start, key = after
            query = query.where((StepRow.start_utc > start) | ((StepRow.start_utc == start) & (StepRow.key > key)))
        return self._database.read(lambda tx: tx.rows(query))


def _conditions(narrowing: Narrowing, only_shown: bool, not_before: str) -> list[Any]:
    conditions: list[Any] = []
    for column, value in (
        (StepRow.modality, narrowing.modality),
        (StepRow.patient_id, narrowing.patient_id),
        (StepRow.accession_number, narrowing.accession_number),
        (StepRow.requested_procedure_id, narrowing.requested_procedure_id),
        (StepRow.step_id, narrowing.scheduled_procedure_step_id),
    ):
        if value is not None:
            conditions.append(column == value)
    if narrowing.study_instance_uids:
        conditions.append(StepRow.study_instance_uid.in_(list(narrowing.study_instance_uids)))
    if narrowing.station_ae_title is not None:
        conditions.append(StepRow.key.in_(_of_station(narrowing)))
    earliest = max(narrowing.date_from or "", not_before)
    if earliest:
        conditions.append(StepRow.start_date >= earliest)
    if narrowing.date_to:
        conditions.append(StepRow.start_date <= narrowing.date_to)
    if only_shown:
        # The sum keeps SQLite from walking the index of everything shown where another condition narrows better.
        conditions.append(StepRow.shown + 0 == 1 if conditions else StepRow.shown == 1)
    return conditions or [StepRow.start_utc.is_null(False)]


def _of_station(narrowing: Narrowing) -> Any:
    """Return the steps of one station, the dates applied here too so that the index serves both."""
    query = StationRow.select(StationRow.step_key).where(StationRow.ae_title == narrowing.station_ae_title)
    if narrowing.date_from:
        query = query.where(StationRow.start_date >= narrowing.date_from)
    if narrowing.date_to:
        query = query.where(StationRow.start_date <= narrowing.date_to)
    return query
