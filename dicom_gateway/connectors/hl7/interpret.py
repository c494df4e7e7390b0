"""From a message to what is to be done: orders to take, change or end, patients to update or merge. Pure.

Everything an HL7 field becomes goes through the order document, so that limits and lengths are those of the API; what
it refuses is told with the place in the message that it came from.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from dicom_gateway.connectors.hl7.control import (
    APPOINTMENT_OF,
    ORDER_MESSAGES,
    PATIENT_OF,
    TAKES,
    Action,
    event_of,
    order_action,
)
from dicom_gateway.connectors.hl7.documents import (
    Draft,
    Named,
    Part,
    draft_of,
    naming_segments,
    patient_of,
    refusal,
)
from dicom_gateway.connectors.hl7.errors import REQUIRED, SEGMENT_SEQUENCE, Hl7Error
from dicom_gateway.connectors.hl7.maps import FieldMap
from dicom_gateway.connectors.hl7.message import Message
from dicom_gateway.connectors.hl7.patients import PatientChange, patient_changes
from dicom_gateway.connectors.hl7.reading import Reader, Trace
from dicom_gateway.connectors.hl7.scope import Group, groups_of, refuse_other_patients
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.errors import InvalidDocument

UNNAMED_SOURCE = "hl7"
APPOINTED = ("start", "station_ae_titles", "station_name", "location", "performer")  # what an appointment changes


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What a message asks of one order. `order` is the whole order where the message has it, `document` the same as the
    API takes it; `appointed` names the step's fields that an appointment changes, for which `order` has the values.
    `location` is the place of the number; `patient` is issuer and id, the id "" when nobody is named."""

    action: Action
    source: str
    placer_order_number: str
    location: str
    patient: Named
    order: Order | None = None
    document: dict[str, Any] | None = None
    appointed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interpreted:
    """What a message means. `traces`, `ignored` (place, value) and `remarks` are for people, and hold patient data."""

    event: str
    orders: tuple[OrderChange, ...] = ()
    patients: tuple[PatientChange, ...] = ()
    traces: tuple[Trace, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = field(default=())


def interpret(message: Message, field_map: FieldMap, zone: ZoneInfo, today: date) -> Interpreted:
    """Return what a message asks for, by the map of its source. `zone` is the practice's, `today` its date.

    Raises Hl7Error: with every field that cannot be taken, and for what the whole message cannot be.
    """
    return interpret_by(Reader(message, field_map, today), zone)


def interpret_by(reader: Reader, zone: ZoneInfo) -> Interpreted:
    """Return what the reader's message asks for; what was read before an error stays in the reader."""
    try:
        return _interpreted(reader, zone)
    except Hl7Error as error:
        raise naming_segments(error, reader.message) from None


def _interpreted(reader: Reader, zone: ZoneInfo) -> Interpreted:
    message, field_map = reader.message, reader.field_map
    event = event_of(message, field_map)
    orders: list[OrderChange] = []
    patients: list[PatientChange] = []
    kind = message.header.message_type
    if kind in ORDER_MESSAGES or kind == "SIU":
        refuse_other_patients(message)
    if kind in ORDER_MESSAGES:
        orders = _orders(reader, zone)
    elif kind == "SIU":
        orders = [_appointment(reader, APPOINTMENT_OF[_action(field_map, event, set(APPOINTMENT_OF))], zone)]
    else:
        patients = patient_changes(reader, PATIENT_OF[_action(field_map, event, set(PATIENT_OF))], reader.today)
    return Interpreted(
        event=event,
        orders=tuple(orders),
        patients=tuple(patients),
        traces=tuple(dict.fromkeys(reader.traces)),
        ignored=tuple((str(place), value) for place, value in reader.ignored()),
        remarks=(*message.remarks, *dict.fromkeys(reader.remarks)),
    )


def _action(field_map: FieldMap, event: str, possible: set[str]) -> str:
    action: str = field_map.events[event]
    if action not in possible:
        raise Hl7Error(f"the map says {action} for {event}, which is not possible", "201", "MSH^1^9")
    return action


def _orders(reader: Reader, zone: ZoneInfo) -> list[OrderChange]:
    groups, common = groups_of(reader.message)
    if not groups:
        raise Hl7Error("there is no order: no ORC and no OBR segment", SEGMENT_SEQUENCE, "ORC^1")
    drafts: dict[str, Draft] = {}
    for group in groups:
        control = next(iter(group.named("ORC")), None)
        if control:
            reader.reads |= {(control.position, 1), (control.position, 5)}
        action = order_action(reader.message, control, reader.field_map)
        draft = draft_of(reader, group, common)
        drafts.setdefault(draft.placer_order_number, draft).add(Part(action, group), draft.fields)
    return [_change(reader, draft, zone) for draft in drafts.values()]


def _change(reader: Reader, draft: Draft, zone: ZoneInfo) -> OrderChange:
    actions = {part.action for part in draft.parts}
    action = actions.pop() if len(actions) == 1 else Action.SAVE  # a part that is cancelled is a cancelled step
    if not actions <= {*TAKES, Action.CANCEL}:
        raise Hl7Error(
            "one order cannot be " + " and ".join(sorted(one.value for one in actions)) + " in one message",
            REQUIRED,
            draft.location,
        )
    if action not in TAKES:
        patient = patient_of(reader, draft)
        return OrderChange(action, _source(reader), draft.placer_order_number, draft.location, patient)
    return _whole(reader, draft, zone, action)


def _whole(reader: Reader, draft: Draft, zone: ZoneInfo, action: Action) -> OrderChange:
    """Return the change with the whole order, as the order document takes it."""
    document = draft.document(reader, _source(reader))
    try:
        order = parse_order(document, zone, reader.today)
    except InvalidDocument as error:
        raise refusal(error.errors, draft.locations) from None
    patient = (order.patient.issuer, order.patient.id)
    number = order.placer_order_number
    return OrderChange(action, order.source, number, draft.location, patient, order, document)


def _appointment(reader: Reader, action: Action, zone: ZoneInfo) -> OrderChange:
    """Return what an SIU message asks of the order that it names; with a whole order only where the map gives one."""
    group = Group(reader.message.segments)
    draft = draft_of(reader, group, ())
    draft.add(Part(Action.SAVE, group), {})
    if action is not Action.APPOINT:
        return OrderChange(
            action, _source(reader), draft.placer_order_number, draft.location, patient_of(reader, draft)
        )
    document = draft.document(reader, _source(reader))
    step, procedure = document["procedures"][0]["steps"][0], document["procedures"][0]
    is_whole = bool(step.get("modality") and (procedure.get("description") or procedure.get("code")))
    if not is_whole:  # what a known order has is not asked again
        document["patient"].setdefault("name", "-")
        step.setdefault("modality", "OT")
    try:
        order = parse_order(document, zone, reader.today)
    except InvalidDocument as error:
        raise refusal(error.errors, draft.locations) from None
    return OrderChange(
        action,
        order.source,
        order.placer_order_number,
        draft.location,
        (order.patient.issuer, order.patient.id),
        order,
        document if is_whole else None,
        tuple(name for name in APPOINTED if step.get(name)),
    )


def _source(reader: Reader) -> str:
    return reader.field_map.source or reader.message.header.sending_application or UNNAMED_SOURCE
