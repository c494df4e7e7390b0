"""Orders: taken in once however often they are sent, changed, cancelled, found; each in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import peewee

from dicom_gateway.core.envelope import Event, EventType
from dicom_gateway.core.identifiers import Minter
from dicom_gateway.core.model import Order
from dicom_gateway.core.orders import Stations, cancel, end, place
from dicom_gateway.core.patients import identity_of
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import StepEvent
from dicom_gateway.errors import Conflict, IllegalTransition, NotFound
from dicom_gateway.storage import order_rows, patient_rows
from dicom_gateway.storage.audit import Actor, record
from dicom_gateway.storage.codec import load_order
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.tables import OrderRow, StationRow, StepRow
from dicom_gateway.storage.waiting import Waiting


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What to list; "" is anything. `date` is a local start date as YYYYMMDD, `device` a station AE title, `after` the
    (created_at, id) of the last order seen."""

    status: str = ""
    date: str = ""
    device: str = ""
    modality: str = ""
    patient_id: str = ""
    accession_number: str = ""
    source: str = ""
    placer_order_number: str = ""
    limit: int = 100
    after: tuple[int, str] | None = None


class OrderStore:
    """The orders of the practice. `devices` gives what is known of the devices just now, asked at the begin of each."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        waiting: Waiting,
        clock: Clock,
        random_bits: Callable[[int], int],
        devices: Callable[[], Stations],
        accession_prefix: str = "",
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._waiting = waiting
        self._clock = clock
        self._random_bits = random_bits
        self._devices = devices
        self._accession_prefix = accession_prefix

    def save(self, incoming: Order, actor: Actor) -> tuple[Order, bool]:
        """Keep an order: new, changed, or the same again; return it with everything minted, and whether it is new. One
        of a patient whose record was merged is of the one that stands for it.

        Durable when this returns. Raises Conflict (another patient than the stored order's, an accession number or
        study of another patient, a step that cannot be left out) and InvalidDocument.
        """
        return self.save_all([incoming], actor)[0]

    def save_all(self, incoming: Sequence[Order], actor: Actor, *, again: bool = False) -> list[tuple[Order, bool]]:
        """Keep several orders, all of them or, when one cannot be kept, none; as `save` does. With `again` the same
        order once more orders what was cancelled again."""
        stations = self._devices()
        now = self._clock()

        def run(tx: Transaction) -> list[tuple[Order, bool]]:
            return [self._save(tx, one, stations, now, actor, again) for one in incoming]

        return self._database.write(run)

    def _save(
        self, tx: Transaction, incoming: Order, stations: Stations, now: int, actor: Actor, again: bool
    ) -> tuple[Order, bool]:
        stored = order_rows.by_number(tx, incoming.source, incoming.placer_order_number)
        minter = Minter(
            self._random_bits,
            lambda name: order_rows.count(tx, name),
            self._accession_prefix,
            lambda number: order_rows.accession_in_use(tx, number),
        )
        known = patient_rows.as_now(tx, stored) if stored else None
        sent, merges = patient_rows.as_sent(tx, incoming, known)
        order = place(sent, known, minter, stations, now, again=again)
        if stored and order is known:
            return stored, False
        _refuse_foreign(tx, order)
        action = "order received" if stored is None else f"order changed: {_what_changed(stored, order)}"
        order_rows.change(tx, self._outbox, stored, order, now, actor, action)
        patient_rows.note(tx, merges, order.id, incoming.patient, order.patient)
        self._waiting.look_again(tx, order, actor)
        return order_rows.load(tx, order.id) or order, stored is None

    def cancel(self, order_id: str, actor: Actor, because: str = "") -> Order:
        """Cancel an order; `because` is kept in the audit. Raises NotFound, or IllegalTransition when a step has begun
        (the PMS is told so)."""
        now = self._clock()

        def run(tx: Transaction) -> Order | IllegalTransition:
            order = order_rows.load(tx, order_id)
            if order is None:
                raise NotFound(f"no order {order_id}")
            try:
                cancelled = cancel(order)
            except IllegalTransition as refusal:
                return self._refused(tx, order, refusal, now, actor)
            if cancelled is not order:
                order_rows.change(tx, self._outbox, order, cancelled, now, actor, "order cancelled", because=because)
            return cancelled

        return _kept(self._database.write(run))

    def _refused(
        self, tx: Transaction, order: Order, refusal: IllegalTransition, now: int, actor: Actor
    ) -> IllegalTransition:
        """Keep and tell that an order was not called off; raising would undo that."""
        record(tx, now, actor, "cancel refused", f"order {order.id}", str(refusal))
        self._outbox.emit(tx, Event(EventType.ORDER_CANCEL_REFUSED, now, order))
        return refusal

    def end(self, order_id: str, event: StepEvent, actor: Actor) -> Order:
        """End an order because its PMS says that it is done or given up (COMPLETE_ORDER, DISCONTINUE_ORDER); the same
        again does nothing. Raises NotFound, or IllegalTransition when a step does not allow it; the PMS is told what
        could not be given up."""
        now = self._clock()

        def run(tx: Transaction) -> Order | IllegalTransition:
            order = order_rows.load(tx, order_id)
            if order is None:
                raise NotFound(f"no order {order_id}")
            try:
                ended = end(order, event)
            except IllegalTransition as refusal:
                if event is not StepEvent.DISCONTINUE_ORDER:
                    raise
                return self._refused(tx, order, refusal, now, actor)
            if ended is not order:
                order_rows.change(tx, self._outbox, order, ended, now, actor, event.value)
            return ended

        return _kept(self._database.write(run))

    def get(self, order_id: str) -> Order:
        """Return an order; raises NotFound."""
        found = self._database.read(lambda tx: order_rows.load(tx, order_id))
        if found is None:
            raise NotFound(f"no order {order_id}")
        return found

    def find(self, wanted: OrderFilter) -> Sequence[Order]:
        """Return orders, newest first."""
        query = OrderRow.select(OrderRow.document).where(*order_conditions(wanted))
        steps = step_conditions(wanted)
        if steps:
            matching = StepRow.select(StepRow.order_id).where(*steps)
            query = query.where(OrderRow.id.in_(matching))
        query = query.order_by(OrderRow.created_at.desc(), OrderRow.id.desc()).limit(wanted.limit)
        return [load_order(document) for document in self._database.read(lambda tx: tx.values(query))]

    def by_status(self) -> dict[str, int]:
        """Return how many orders stand at each status."""
        return self._database.read(order_rows.orders_by_status)


def _kept(result: Order | IllegalTransition) -> Order:
    if isinstance(result, IllegalTransition):
        raise result
    return result


def _what_changed(before: Order, after: Order) -> str:
    names = (f.name for f in fields(after) if f.name not in ("version", "status"))
    return ", ".join(name for name in names if getattr(before, name) != getattr(after, name))


def _refuse_foreign(tx: Transaction, order: Order) -> None:
    accession, study = order_rows.foreign_use(tx, order, patient_rows.known_as(tx, identity_of(order)))
    if accession:
        raise Conflict("this accession number belongs to an order of another patient")
    if study:
        raise Conflict("this study instance UID belongs to another order")


def order_conditions(wanted: OrderFilter) -> list[Any]:
    """Return what a filter asks of an order."""
    conditions: list[Any] = [OrderRow.id != ""]
    for column, value in (
        (OrderRow.status, wanted.status),
        (OrderRow.patient_id, wanted.patient_id),
        (OrderRow.source, wanted.source),
    ):
        if value:
            conditions.append(column == value)
    if wanted.accession_number:
        number = wanted.accession_number
        conditions.append((OrderRow.accession_number == number) | (OrderRow.original_accession_number == number))
    if wanted.placer_order_number:
        conditions.append(OrderRow.placer_order_number == wanted.placer_order_number)
        if not wanted.source:  # the unique key begins with the source; sources are few
            conditions.append(OrderRow.source.in_(_sources()))
    if wanted.after:
        at, order_id = wanted.after
        conditions.append((OrderRow.created_at < at) | ((OrderRow.created_at == at) & (OrderRow.id < order_id)))
    return conditions


def _sources() -> Any:
    """Return the query for every source, each found by one step along an index."""
    rows = OrderRow.alias()
    first = rows.select(peewee.fn.MIN(rows.source).alias("source")).cte("sources", recursive=True, columns=("source",))
    later = OrderRow.alias()
    following = later.select(peewee.fn.MIN(later.source)).where(later.source > first.c.source)
    more = first.union_all(peewee.Select((first,), (following,)).where(first.c.source.is_null(False)))
    return more.select_from(more.c.source).where(more.c.source.is_null(False))


def step_conditions(wanted: OrderFilter) -> list[Any]:
    """Return what a filter asks of one of an order's steps; none when it asks nothing of them."""
    conditions: list[Any] = []
    if wanted.date:
        conditions.append(StepRow.start_date == wanted.date)
    if wanted.modality:
        conditions.append(StepRow.modality == wanted.modality)
    if wanted.device:
        keys = StationRow.select(StationRow.step_key).where(StationRow.ae_title == wanted.device)
        conditions.append(StepRow.key.in_(keys))
    return conditions
