"""What a message asks for: its type and event, and the order control of each order (HL7 v2.5.1 4.5.1.1).

ORC-1 and ORC-5 together, through the map's table. A pair that is not in it changes nothing and creates nothing.
"""

import re
from enum import StrEnum
from typing import Final

from dicom_gateway.connectors.hl7.errors import EVENT_CODE, MESSAGE_TYPE, REQUIRED, VERSION, Hl7Error
from dicom_gateway.connectors.hl7.maps import FieldMap
from dicom_gateway.connectors.hl7.message import Message, Segment
from dicom_gateway.core.identifiers import printable

ORDER_MESSAGES: Final = {"ORM": "O01", "OMG": "O19", "OMI": "O23"}
OTHERS: Final = ("ADT", "SIU")
_SHOWN: Final = 20  # characters of a sender's code in an answer


class Action(StrEnum):
    """What is done with an order."""

    SAVE = "taken, new or changed"
    CHANGE = "changed, its status as it was"
    NEW_ONLY = "taken when it is new"
    CANCEL = "cancelled"
    COMPLETE = "completed"
    DISCONTINUE = "discontinued"
    APPOINT = "moved to its appointment"


class PatientAction(StrEnum):
    """What is done with a patient."""

    UPDATE = "updated"
    MERGE = "merged"
    CHANGE_ID = "got another id"
    ARRIVE = "arrived"


ACTION_OF: Final = {  # a status of [control] -> what is done
    "SCHEDULED": Action.SAVE,
    "UNCHANGED": Action.CHANGE,
    "NEW_ONLY": Action.NEW_ONLY,
    "CANCELED": Action.CANCEL,
    "COMPLETED": Action.COMPLETE,
    "DISCONTINUED": Action.DISCONTINUE,
}
APPOINTMENT_OF: Final = {  # the same of [events] for SIU
    "SCHEDULED": Action.APPOINT,
    "CANCELED": Action.CANCEL,
    "DISCONTINUED": Action.DISCONTINUE,
}
PATIENT_OF: Final = {  # and for ADT
    "PATIENT": PatientAction.UPDATE,
    "MERGE": PatientAction.MERGE,
    "CHANGE_ID": PatientAction.CHANGE_ID,
    "ARRIVED": PatientAction.ARRIVE,
}
TAKES: Final = frozenset({Action.SAVE, Action.CHANGE, Action.NEW_ONLY})  # what has the whole order


def event_of(message: Message, field_map: FieldMap) -> str:
    """Return what the message is, as TYPE^EVENT.

    Raises Hl7Error (101, 200, 201, 203) for what is not taken. An event that MSH-9 leaves out stands in EVN-1,
    or is the only one of its type.
    """
    header = message.header
    for field, value in ((9, header.message_type), (10, header.control_id)):
        if not value:
            raise Hl7Error(f"MSH-{field} is empty", REQUIRED, f"MSH^1^{field}")
    if header.version and not re.match(r"2(\.|$)", header.version):
        raise Hl7Error(f"HL7 version {_shown(header.version)} is not taken; 2.x is", VERSION, "MSH^1^12")
    kind = header.message_type
    if kind in ORDER_MESSAGES:
        wanted = ORDER_MESSAGES[kind]
        if header.trigger not in ("", wanted):
            raise Hl7Error(f"{kind}^{_shown(header.trigger)} is not taken; {kind}^{wanted} is", EVENT_CODE, "MSH^1^9")
        return f"{kind}^{wanted}"
    if kind not in OTHERS:
        taken = ", ".join(f"{name}^{event}" for name, event in ORDER_MESSAGES.items())
        raise Hl7Error(f"messages {_shown(kind)} are not taken; {taken}, ADT and SIU are", MESSAGE_TYPE, "MSH^1^9")
    event = f"{kind}^{header.trigger or _event_segment(message)}"
    if event not in field_map.events:
        raise Hl7Error(f"{_shown(event)} is not taken; see the events of the source's map", EVENT_CODE, "MSH^1^9")
    return event


def _event_segment(message: Message) -> str:
    for segment in message.segments:
        if segment.name == "EVN":
            return _text(message, segment, 1)
    return ""


def order_action(message: Message, control: Segment | None, field_map: FieldMap) -> Action:
    """Return what ORC-1 and ORC-5 ask for; raises Hl7Error (101, ORC-1) for a pair that the table does not have."""
    code = _text(message, control, 1)
    status = _text(message, control, 5)
    wanted = field_map.control.get(f"{code}_{status}")
    if wanted is None:
        number = control.number if control else 1
        taken = ", ".join(pair.replace("_", " ").strip() for pair, meant in field_map.control.items() if meant)
        raise Hl7Error(
            f"order control {_shown(code) or '(empty)'} in ORC-1 with order status {_shown(status) or '(empty)'} in "
            f"ORC-5 is not taken; nothing was changed. Taken are {taken}",
            REQUIRED,
            f"ORC^{number}^1",
        )
    return ACTION_OF[wanted]


def _text(message: Message, segment: Segment | None, field: int) -> str:
    repetitions = segment.repetitions(field) if segment else ()
    return message.text(repetitions[0][0][0]).strip().upper() if repetitions else ""


def _shown(text: str) -> str:
    return printable(text, _SHOWN)
