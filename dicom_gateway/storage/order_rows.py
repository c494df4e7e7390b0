"""Orders as rows, inside somebody's transaction: load, put, and move steps with everything that follows from it."""

from collections.abc import Callable, Mapping, Sequence

from peewee import fn

from dicom_gateway.core.envelope import ORDER_EVENTS, Event, StudyFacts
from dicom_gateway.core.folding import name_index
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.orders import with_steps
from dicom_gateway.core.status import HIDDEN_FROM_WORKLIST, StepEvent, advance
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.codec import dump_order, load_order
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.prepared import Statement, columns, given, several
from dicom_gateway.storage.tables import CounterRow, OrderRow, StationRow, StepRow

_IDENTITY = ("id", "source", "placer_order_number", "created_at")
_VALUES = (
    "status",
    "version",
    "changed_at",
    "accession_number",
    "original_accession_number",
    "patient_id",
    "issuer",
    "document",
)
_STEP_VALUES = (
    "procedure_position",
    "step_position",
    "requested_procedure_id",
    "original_procedure_id",
    "study_instance_uid",
    "original_step_id",
    "status",
    "shown",
    "modality",
    "start_date",
    "start_utc",
    "patient_id",
    "patient_name",
    "accession_number",
)
_LOAD = Statement(OrderRow.select(OrderRow.document).where(OrderRow.id == given("order_id")))
_PUT = Statement(
    OrderRow.insert(**columns(_IDENTITY + _VALUES)).on_conflict(
        conflict_target=[OrderRow.id], preserve=[getattr(OrderRow, name) for name in _VALUES]
    )
)
_PUT_STEP = Statement(
    StepRow.insert(**columns(("order_id", "step_id", *_STEP_VALUES)))
    .on_conflict(
        conflict_target=[StepRow.order_id, StepRow.step_id],
        preserve=[getattr(StepRow, name) for name in _STEP_VALUES],
    )
    .returning(StepRow.key)
)
_FORGET_STATIONS = Statement(StationRow.delete().where(StationRow.step_key == given("step_key")))
_PUT_STATION = Statement(StationRow.insert(**columns(("ae_title", "shown", "start_date", "start_utc", "step_key"))))

_COUNT = Statement(
    CounterRow.insert(name=given("name"), value=1)
    .on_conflict(conflict_target=[CounterRow.name], update={CounterRow.value: CounterRow.value + 1})
    .returning(CounterRow.value)
)
_BY_NUMBER = Statement(
    OrderRow.select(OrderRow.document).where(
        OrderRow.source == given("source"), OrderRow.placer_order_number == given("placer_order_number")
    )
)
_WITH_ACCESSION = Statement(
    OrderRow.select(OrderRow.id)
    .where((OrderRow.accession_number == given("number")) | (OrderRow.original_accession_number == given("number")))
    .limit(1)
)
_FOREIGN_ACCESSION = Statement(
    OrderRow.select(OrderRow.id)
    .where(
        OrderRow.id != given("order_id"),
        OrderRow.accession_number.in_(several("numbers")) | OrderRow.original_accession_number.in_(several("numbers")),
        OrderRow.patient_id.not_in(several("patient_ids")) | (OrderRow.issuer != given("issuer")),
    )
    .limit(1)
)
_FOREIGN_STUDY = Statement(
    StepRow.select(StepRow.order_id)
    .where(StepRow.order_id != given("order_id"), StepRow.study_instance_uid.in_(several("uids")))
    .limit(1)
)

FactsOf = Callable[[Order], StudyFacts | None]  # what an event says of a study of the order


def count(tx: Transaction, name: str) -> int:
    """Return the next number of a durable counter, from 1."""
    return int(tx.returning(_COUNT, name=name)[0]["value"])


def load(tx: Transaction, order_id: str) -> Order | None:
    """Return an order by its id."""
    document = tx.value(_LOAD, order_id=order_id)
    return load_order(document) if document is not None else None


def put(tx: Transaction, order: Order, now: int) -> None:
    """Write an order and its steps, new or changed."""
    tx.execute(
        _PUT,
        id=order.id,
        source=order.source,
        placer_order_number=order.placer_order_number,
        created_at=order.created_at,
        status=order.status.value,
        version=order.version,
        changed_at=now,
        accession_number=order.accession_number,
        original_accession_number=order.original_accession_number,
        patient_id=order.patient.id,
        issuer=order.patient.issuer,
        document=dump_order(order),
    )
    for p, procedure in enumerate(order.procedures):
        for s, step in enumerate(procedure.steps):
            _put_step(tx, order, p, procedure, s, step)


def _put_step(
    tx: Transaction, order: Order, p: int, procedure: RequestedProcedure, s: int, step: ScheduledStep
) -> None:
    start_date = step.start.strftime("%Y%m%d")
    shown = int(step.status not in HIDDEN_FROM_WORKLIST)
    [stored] = tx.returning(
        _PUT_STEP,
        order_id=order.id,
        step_id=step.id,
        procedure_position=p,
        step_position=s,
        requested_procedure_id=procedure.id,
        original_procedure_id=procedure.original_id,
        study_instance_uid=procedure.study_instance_uid,
        original_step_id=step.original_id,
        status=step.status.value,
        shown=shown,
        modality=step.modality,
        start_date=start_date,
        start_utc=step.start_utc,
        patient_id=order.patient.id,
        patient_name=name_index(order.patient.name),
        accession_number=order.accession_number,
    )
    tx.execute(_FORGET_STATIONS, step_key=stored["key"])
    for ae_title in dict.fromkeys(step.station_ae_titles):
        tx.execute(
            _PUT_STATION,
            ae_title=ae_title,
            shown=shown,
            start_date=start_date,
            start_utc=step.start_utc,
            step_key=stored["key"],
        )


def change(
    tx: Transaction,
    outbox: Outbox,
    before: Order | None,
    after: Order,
    now: int,
    actor: Actor,
    action: str,
    facts: FactsOf = lambda order: None,
    because: str = "",
) -> None:
    """Store a new or changed order with its audit row, and tell the PMS when its status became another.

    `facts` is asked, with the order as it is then, only when there is something to tell; `because` stands in the audit.
    """
    put(tx, after, now)
    detail = f"version {after.version}, {after.status}" + (f": {because}" if because else "")
    audit.record(tx, now, actor, action, f"order {after.id}", detail)
    if before is not None and before.status is not after.status and after.status in ORDER_EVENTS:
        outbox.emit(tx, Event(ORDER_EVENTS[after.status], now, after, facts(after)))


def move_steps(
    tx: Transaction,
    outbox: Outbox,
    order: Order,
    events: Mapping[str, StepEvent],
    now: int,
    actor: Actor,
    facts: FactsOf = lambda order: None,
) -> Order:
    """Move steps (by step id) of an order by what happened to them; return the order as it is then.

    Raises IllegalTransition for an event that a step's status does not allow.
    """

    def moved(step: ScheduledStep) -> ScheduledStep:
        event = events.get(step.id)
        if event is None:
            return step
        inferred = event is StepEvent.INFER_COMPLETE or (step.inferred and event is not StepEvent.TAKE_BACK)
        return step.evolve(status=advance(step.status, event), inferred=inferred)

    after = with_steps(order, moved)
    if after is not order:
        action = ", ".join(dict.fromkeys(event.value for event in events.values()))
        change(tx, outbox, order, after, now, actor, action, facts)
    return after


def procedure_of(order: Order, requested_procedure_id: str) -> RequestedProcedure | None:
    """Return the procedure of that id."""
    return next((p for p in order.procedures if p.id == requested_procedure_id), None)


def orders_by_status(tx: Transaction) -> dict[str, int]:
    """Return how many orders stand at each status."""
    query = OrderRow.select(OrderRow.status, fn.COUNT(OrderRow.id).alias("n")).group_by(OrderRow.status)
    return {row["status"]: row["n"] for row in tx.rows(query)}


def by_number(tx: Transaction, source: str, placer_order_number: str) -> Order | None:
    """Return an order by what its PMS calls it."""
    document = tx.value(_BY_NUMBER, source=source, placer_order_number=placer_order_number)
    return load_order(document) if document is not None else None


def accession_in_use(tx: Transaction, number: str) -> bool:
    """Say whether an order has this accession number, its own or the one that its PMS sent."""
    return tx.value(_WITH_ACCESSION, number=number) is not None


def foreign_use(tx: Transaction, order: Order, patient_ids: Sequence[str]) -> tuple[Row | None, Row | None]:
    """Return another order that has this order's accession number for another patient (`patient_ids` are all that its
    own is known by), and one that has one of its study instance UIDs."""
    numbers = [n for n in (order.accession_number, order.original_accession_number) if n]
    accession = tx.row(
        _FOREIGN_ACCESSION,
        order_id=order.id,
        numbers=numbers,
        patient_ids=list(patient_ids),
        issuer=order.patient.issuer,
    )
    uids = [procedure.study_instance_uid for procedure in order.procedures]
    return accession, tx.row(_FOREIGN_STUDY, order_id=order.id, uids=uids)
