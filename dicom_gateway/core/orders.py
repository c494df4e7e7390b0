"""From what a PMS sent to what is stored: minting, updating, cancelling. Pure; the store calls it in a transaction.

An update replaces the order as a whole. Procedures and steps with an id match by it, those without by position; a
step that is left out is cancelled when its status allows it. What was cancelled is ordered again by an order in which
something is changed. The same order once more does so only for senders of whom a late retry is known as one (`again`):
it must not undo a cancellation.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from dicom_gateway.core.identifiers import SH_LENGTH, Minter
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import FINAL, OrderStatus, StepEvent, StepStatus, advance, order_status
from dicom_gateway.errors import Conflict, IllegalTransition, InvalidDocument, InvalidValue

Part = TypeVar("Part", RequestedProcedure, ScheduledStep)


class Stations(Protocol):
    """What intake asks of the devices of the practice."""

    def stations_of(self, modality: str) -> tuple[str, ...]:
        """Return the AE titles of the devices of a modality."""

    def station_name(self, ae_title: str) -> str:
        """Return the station name of a device; "" when it has none."""


def place(
    incoming: Order, stored: Order | None, minter: Minter, stations: Stations, now: int, *, again: bool = False
) -> Order:
    """Return the order to store: `incoming` with everything minted, or `stored` replaced by it.

    Returns `stored` itself when nothing changed but that it lists what was cancelled; with `again` that orders it anew:
    for senders whose late retries are known before they come here. Raises Conflict for another patient than the stored
    order's, a step that cannot be left out any more or stands in another procedure, or another study UID of a procedure
    that has begun; InvalidDocument for ids that stand twice.
    """
    _check_ids(incoming)
    if stored is None:
        blank = incoming.evolve(id=minter.order_id(), created_at=now)
        return _settled(_with_accession(blank, None, minter), _procedures(incoming, (), minter, stations))
    if (incoming.patient.issuer, incoming.patient.id) != (stored.patient.issuer, stored.patient.id):
        raise Conflict("this order exists and belongs to another patient; use another placer_order_number")
    procedures = _procedures(incoming, stored.procedures, minter, stations)
    changed = _with_accession(incoming, stored, minter).evolve(
        id=stored.id, created_at=stored.created_at, version=stored.version
    )
    changed = _settled(changed, procedures)
    if changed == stored or (not again and _with_cancelled(changed, stored) == stored):
        return stored
    return changed.evolve(version=stored.version + 1)


def cancel(order: Order) -> Order:
    """Return the order cancelled; raises IllegalTransition when a step has begun. A cancelled order stays as it is."""
    if order.status is OrderStatus.CANCELED:
        return order
    begun = [step for step in order.steps() if (step.status, StepEvent.CANCEL) not in _CANCELLABLE]
    if begun:
        raise IllegalTransition(f"too late to cancel: step {begun[0].id} is {begun[0].status}")
    return with_steps(order, lambda step: step.evolve(status=advance(step.status, StepEvent.CANCEL)))


def end(order: Order, event: StepEvent) -> Order:
    """Return the order ended because its PMS says so (COMPLETE_ORDER, DISCONTINUE_ORDER); steps that have ended stay,
    and so does an order that has ended so. Raises IllegalTransition when a step does not allow it."""
    if order.status is _ENDED_BY[event]:
        return order
    after = with_steps(
        order, lambda step: step if step.status in FINAL else step.evolve(status=advance(step.status, event))
    )
    if after is order:
        raise IllegalTransition(f"an order that is {order.status} does not allow: {event.value}")
    return after


_ENDED_BY = {StepEvent.COMPLETE_ORDER: OrderStatus.COMPLETED, StepEvent.DISCONTINUE_ORDER: OrderStatus.DISCONTINUED}


def with_steps(order: Order, change: Callable[[ScheduledStep], ScheduledStep]) -> Order:
    """Return the order with each step replaced by `change(step)`, its status derived anew, and the next version when
    anything differs."""
    procedures = tuple(p.evolve(steps=tuple(change(step) for step in p.steps)) for p in order.procedures)
    if procedures == order.procedures:
        return order
    status = order_status(step.status for p in procedures for step in p.steps)
    return order.evolve(procedures=procedures, status=status, version=order.version + 1)


_CANCELLABLE = {
    (status, StepEvent.CANCEL)
    for status in (StepStatus.SCHEDULED, StepStatus.ARRIVED, StepStatus.READY, StepStatus.CANCELED)
}


def _check_ids(order: Order) -> None:
    errors = []
    procedure_ids = [p.id for p in order.procedures if p.id]
    step_ids = [step.id for step in order.steps() if step.id]
    uids = [p.study_instance_uid for p in order.procedures if p.study_instance_uid]
    for field, values in (
        ("procedures.id", procedure_ids),
        ("procedures.steps.id", step_ids),
        ("procedures.study_instance_uid", uids),
    ):
        if len(set(values)) != len(values):
            errors.append(InvalidValue("stands twice in this order", field))
    if errors:
        raise InvalidDocument(errors)


def _settled(order: Order, procedures: tuple[RequestedProcedure, ...]) -> Order:
    """Return the order with its procedures and the status that follows; raises Conflict for what stands twice."""
    for name, values in (
        ("step", [step.id for procedure in procedures for step in procedure.steps]),
        ("procedure", [procedure.id for procedure in procedures]),
        ("study instance UID", [procedure.study_instance_uid for procedure in procedures]),
    ):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise Conflict(f"{name} {twice} belongs to another procedure of this order")
    status = order_status(step.status for procedure in procedures for step in procedure.steps)
    return order.evolve(procedures=procedures, status=status)


def _with_accession(order: Order, stored: Order | None, minter: Minter) -> Order:
    number, original = order.accession_number, ""
    if stored and number in ("", stored.accession_number, stored.original_accession_number):
        number, original = stored.accession_number, stored.original_accession_number
    elif len(number) > SH_LENGTH:
        number, original = minter.accession_number(), number
    elif not number:
        number = minter.accession_number()
    return order.evolve(accession_number=number, original_accession_number=original)


def _procedures(
    incoming: Order, stored: Sequence[RequestedProcedure], minter: Minter, stations: Stations
) -> tuple[RequestedProcedure, ...]:
    pairs, left_out = _pair(incoming.procedures, stored)
    placed = [_procedure(new, old, minter, stations) for new, old in pairs]
    for position, old in left_out:
        placed.insert(position, old.evolve(steps=tuple(_left_out(step) for step in old.steps)))
    return tuple(placed)


def _procedure(
    new: RequestedProcedure, old: RequestedProcedure | None, minter: Minter, stations: Stations
) -> RequestedProcedure:
    uid = new.study_instance_uid or (old.study_instance_uid if old else "") or minter.uid()
    if old and uid != old.study_instance_uid and any(step.status not in _UNTOUCHED for step in old.steps):
        raise Conflict("the study instance UID cannot change once a step has begun")
    pairs, left_out = _pair(new.steps, old.steps if old else ())
    steps = [_step(step, before, minter, stations) for step, before in pairs]
    for position, before in left_out:
        steps.insert(position, _left_out(before))
    identity = _identity(new.id, old, minter.procedure_id)
    return new.evolve(id=identity[0], original_id=identity[1], study_instance_uid=uid, steps=tuple(steps))


_UNTOUCHED = frozenset({StepStatus.SCHEDULED, StepStatus.ARRIVED, StepStatus.READY, StepStatus.CANCELED})


def _step(new: ScheduledStep, old: ScheduledStep | None, minter: Minter, stations: Stations) -> ScheduledStep:
    identity = _identity(new.id, old, minter.step_id)
    ae_titles = new.station_ae_titles or stations.stations_of(new.modality)
    name = new.station_name or (stations.station_name(ae_titles[0]) if len(ae_titles) == 1 else "")
    new = new.evolve(id=identity[0], original_id=identity[1], station_ae_titles=ae_titles, station_name=name)
    if old is None:
        return new
    if new.status is StepStatus.CANCELED:
        return _left_out(new.evolve(status=old.status, inferred=old.inferred))
    event = StepEvent.REORDER if old.status is StepStatus.CANCELED else StepEvent.CHANGE
    return new.evolve(status=advance(old.status, event), inferred=old.inferred)


def _with_cancelled(order: Order, stored: Order) -> Order:
    """Return the order with the steps cancelled that are cancelled in the stored one."""
    cancelled = {step.id for step in stored.steps() if step.status is StepStatus.CANCELED}
    if not cancelled:
        return order
    again = with_steps(order, lambda step: step.evolve(status=StepStatus.CANCELED) if step.id in cancelled else step)
    return again.evolve(version=stored.version)


def _left_out(step: ScheduledStep) -> ScheduledStep:
    try:
        return step.evolve(status=advance(step.status, StepEvent.CANCEL))
    except IllegalTransition:
        raise Conflict(f"step {step.id} is {step.status} and cannot be left out any more") from None


def _identity(sent: str, old: RequestedProcedure | ScheduledStep | None, mint: Callable[[], str]) -> tuple[str, str]:
    """Return (id that devices see, original id): a short one is minted for none or one that is too long."""
    if old and sent in ("", old.id, old.original_id):
        return old.id, old.original_id
    if not sent:
        return mint(), ""
    return (mint(), sent) if len(sent) > SH_LENGTH else (sent, "")


def _is_cancelled(part: RequestedProcedure | ScheduledStep) -> bool:
    steps = part.steps if isinstance(part, RequestedProcedure) else (part,)
    return all(step.status is StepStatus.CANCELED for step in steps)


def _pair(new: Sequence[Part], old: Sequence[Part]) -> tuple[list[tuple[Part, Part | None]], list[tuple[int, Part]]]:
    """Pair each new part with the old one that it replaces; return the pairs, and the old parts left out, each with
    its position, which it keeps.

    A part without an id replaces the one at its position. When there are more old parts than new ones, those that were
    left out before have no position, so that the same order sent again pairs the same way.
    """
    places = old if len(old) == len(new) else [part for part in old if not _is_cancelled(part)] or old
    by_id = {name: part for part in old for name in (part.id, part.original_id) if name}
    used = {by_id[part.id].id for part in new if part.id in by_id}
    pairs: list[tuple[Part, Part | None]] = []
    for position, part in enumerate(new):
        before = by_id.get(part.id)
        if not part.id and position < len(places) and places[position].id not in used:
            before = places[position]
            used.add(before.id)
        pairs.append((part, before))
    return pairs, [(position, part) for position, part in enumerate(old) if part.id not in used]
