"""Do what an interpreted message asks, durably, and say in HL7's words why not.

A message with several orders does all of it or nothing: what cannot end is found before anything is stored, and all
orders that are taken are one transaction. The same message again changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from dicom_gateway.connectors.hl7.control import Action, PatientAction
from dicom_gateway.connectors.hl7.errors import AE, DATA_TYPE, DUPLICATE_KEY, UNKNOWN_KEY, Hl7Error
from dicom_gateway.connectors.hl7.interpret import Interpreted, OrderChange, interpret
from dicom_gateway.connectors.hl7.maps import FieldMap
from dicom_gateway.connectors.hl7.message import Message
from dicom_gateway.connectors.hl7.patients import PatientChange
from dicom_gateway.connectors.hl7.receiver import Applied
from dicom_gateway.connectors.hl7.sources import Source
from dicom_gateway.core.local_time import from_instant, localise
from dicom_gateway.core.model import Order, ScheduledStep
from dicom_gateway.core.orders import cancel, end
from dicom_gateway.core.patients import PatientExists, UnknownPatient
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import OPEN, OrderStatus, StepEvent, StepStatus
from dicom_gateway.errors import Conflict, IllegalTransition, InvalidDocument, InvalidValue, NotFound
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.orders import OrderFilter, OrderStore
from dicom_gateway.storage.patients import PatientStore

_EVENT_OF: Final = {Action.COMPLETE: StepEvent.COMPLETE_ORDER, Action.DISCONTINUE: StepEvent.DISCONTINUE_ORDER}
_ENDED: Final = frozenset({OrderStatus.COMPLETED, OrderStatus.DISCONTINUED})
# The first that fits says the code of table 0357, and AE or AR ("": by the code).
_ANSWERS: Final = (
    (UnknownPatient, UNKNOWN_KEY, ""),
    (PatientExists, DUPLICATE_KEY, ""),
    (NotFound, UNKNOWN_KEY, ""),
    (InvalidValue, DATA_TYPE, ""),
    (InvalidDocument, DATA_TYPE, ""),
    (Conflict, DUPLICATE_KEY, AE),
)


class Stores(NamedTuple):
    """Where orders and patients are kept."""

    orders: OrderStore
    patients: PatientStore


class Applier:
    """Does the work of messages (receiver.Work); `maps` has the field map of each source, by its name."""

    def __init__(self, stores: Stores, maps: Mapping[str, FieldMap], clock: Clock, zone: ZoneInfo) -> None:
        self._stores = stores
        self._maps = maps
        self._clock = clock
        self._zone = zone

    def __call__(self, message: Message, source: Source, origin: str) -> Applied:
        """Do what a message asks; raises Hl7Error, or Unavailable when it may be done later."""
        today = from_instant(self._clock()).astimezone(self._zone).date()
        found = interpret(message, self._maps[source.name], self._zone, today)
        applied = apply(found, self._stores, Actor(f"hl7 {source.name}", origin), source.name, self._zone)
        own = tuple(remark for remark in found.remarks if remark not in message.remarks)
        return Applied(applied.order_ids, (*own, *applied.remarks))


def apply(found: Interpreted, stores: Stores, actor: Actor, source: str, zone: ZoneInfo) -> Applied:
    """Do what a message means; return which orders it was about. Raises Hl7Error and Unavailable."""
    order_ids: list[str] = []
    for asked in found.patients:
        is_about_old = asked.action is PatientAction.MERGE
        with _answered(asked.old_location if is_about_old else asked.location):
            order_ids += _PATIENT[asked.action](asked, stores.patients, actor, source)
    if not found.orders:
        return Applied(tuple(dict.fromkeys(order_ids)))
    return _apply_orders(found.orders, stores, actor, zone)


def _apply_orders(changes: Sequence[OrderChange], stores: Stores, actor: Actor, zone: ZoneInfo) -> Applied:
    order_ids: list[str] = []
    remarks: list[str] = []
    known = [(change, _stored(change, stores)) for change in changes]
    for change, stored in known:
        if stored and not _may_end(change, stored):
            _end(change, stored, stores, actor)  # raises, and the refusal is told to who wants to know
    wanted = [order for change, stored in known if (order := _wanted(change, stored, zone))]
    with _answered(changes[0].location):
        order_ids += [order.id for order, _ in stores.orders.save_all(wanted, actor, again=True)] if wanted else []
    for change, stored in known:
        if stored and change.action in (*_EVENT_OF, Action.CANCEL):
            order_ids.append(_end(change, stored, stores, actor).id)
        elif stored and change.action is Action.NEW_ONLY:
            remarks.append("the order is known; nothing of it was changed")
            order_ids.append(stored.id)
    return Applied(tuple(dict.fromkeys(order_ids)), tuple(remarks))


def _stored(change: OrderChange, stores: Stores) -> Order | None:
    """Return the order that a change is about; raises Hl7Error (204) when it must be known and is not, or is another
    patient's."""
    wanted = OrderFilter(source=change.source, placer_order_number=change.placer_order_number, limit=1)
    stored = next(iter(stores.orders.find(wanted)), None)
    must_be_known = change.action in (*_EVENT_OF, Action.CANCEL) or (
        change.action is Action.APPOINT and change.document is None
    )
    if stored is None and must_be_known:
        raise Hl7Error("no order of this placer order number is known here", UNKNOWN_KEY, change.location)
    if stored and change.patient[1]:
        issuer, patient_id = stores.patients.resolve(*change.patient, change.source)
        own = stores.patients.resolve(stored.patient.issuer, stored.patient.id, stored.source)
        if patient_id != own[1] or (issuer and own[0] and issuer != own[0]):
            raise Hl7Error("the order of this placer order number is of another patient", UNKNOWN_KEY, "PID^1^3")
    return stored


def _may_end(change: OrderChange, stored: Order) -> bool:
    try:
        if change.action is Action.CANCEL:
            cancel(stored)
        elif change.action in _EVENT_OF:
            end(stored, _EVENT_OF[change.action])
    except IllegalTransition:
        return False
    return True


def _end(change: OrderChange, stored: Order, stores: Stores, actor: Actor) -> Order:
    with _answered(change.location):
        if change.action is Action.CANCEL:
            return stores.orders.cancel(stored.id, actor)
        return stores.orders.end(stored.id, _EVENT_OF[change.action], actor)


def _wanted(change: OrderChange, stored: Order | None, zone: ZoneInfo) -> Order | None:
    """Return the order to save; None when there is nothing to save."""
    order = change.order
    if order is None or (change.action is Action.NEW_ONLY and stored):
        return None
    if change.action is Action.APPOINT and stored:
        return appointed(stored, order.steps()[0], change, zone)
    if change.action is Action.CHANGE and stored and stored.status is OrderStatus.CANCELED:
        text = "the order is cancelled; to order it again, send NW in ORC-1"
        raise Hl7Error(text, DUPLICATE_KEY, change.location, AE)
    if change.action is Action.SAVE and stored and stored.status in _ENDED:
        text = f"the order is {stored.status} already; order again under another placer order number"
        raise Hl7Error(text, DUPLICATE_KEY, change.location, AE)
    return order


def appointed(stored: Order, wanted: ScheduledStep, change: OrderChange, zone: ZoneInfo) -> Order:
    """Return a known order moved to an appointment: its steps that have not begun, the first of them to the
    appointment's start and the others by as much. One that was cancelled is scheduled again. Raises Hl7Error when
    all have begun."""
    again = stored.status is OrderStatus.CANCELED
    moved = [step for step in stored.steps() if again or step.status in OPEN]
    if not moved:
        text = f"too late for an appointment: the order is {stored.status}"
        raise Hl7Error(text, DUPLICATE_KEY, change.location, AE)
    shift = wanted.start - min(step.start for step in moved)
    values = {name: getattr(wanted, name) for name in change.appointed if name != "start"}

    def at_appointment(step: ScheduledStep) -> ScheduledStep:
        if step not in moved:
            return step
        start, start_utc = localise(step.start + shift, zone)
        status = StepStatus.SCHEDULED if again else step.status
        return step.evolve(start=start, start_utc=start_utc, status=status, **values)

    procedures = tuple(p.evolve(steps=tuple(map(at_appointment, p.steps))) for p in stored.procedures)
    return stored.evolve(procedures=procedures)


@contextmanager
def _answered(location: str) -> Iterator[None]:
    """Turn what a store refuses into an answer about `location`."""
    try:
        yield
    except (NotFound, InvalidValue, InvalidDocument, Conflict) as error:
        code, ack = next((code, ack) for kind, code, ack in _ANSWERS if isinstance(error, kind))
        raise Hl7Error(str(error), code, location, ack) from error


def _update(change: PatientChange, patients: PatientStore, actor: Actor, source: str) -> Sequence[str]:
    return patients.update(change.patient, change.named, actor, source=source)


def _merge(change: PatientChange, patients: PatientStore, actor: Actor, source: str) -> Sequence[str]:
    return patients.merge(change.identity, change.old, actor, change.patient, source=source).order_ids


def _change_id(change: PatientChange, patients: PatientStore, actor: Actor, source: str) -> Sequence[str]:
    return patients.change_id(change.old, change.identity, actor, source=source).order_ids


def _arrive(change: PatientChange, patients: PatientStore, actor: Actor, source: str) -> Sequence[str]:
    return patients.arrived(change.identity, actor, source=source)


_PATIENT: Final[Mapping[PatientAction, Callable[[PatientChange, PatientStore, Actor, str], Sequence[str]]]] = {
    PatientAction.UPDATE: _update,
    PatientAction.MERGE: _merge,
    PatientAction.CHANGE_ID: _change_id,
    PatientAction.ARRIVE: _arrive,
}
