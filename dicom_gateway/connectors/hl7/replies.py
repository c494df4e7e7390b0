"""What a receiver's acknowledgement means for a delivery (HL7 v2.5.1 2.9.2, 2.9.3, tables 0008 and 0357).

Delivered is only what was answered AA; CA says no more than that it was kept. What the receiver calls temporary is
tried again as if it were away, what can never be taken is given up at once, anything else after a few tries.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dicom_gateway.connectors.hl7.errors import MEANINGS, Hl7Error
from dicom_gateway.connectors.hl7.message import Message, Segment, read_message
from dicom_gateway.core.identifiers import printable

LONGEST_DETAIL: Final = 300  # characters


class Means(Enum):
    """What follows from an answer."""

    TAKEN = "taken"
    WAIT = "the application's answer is still to come"
    LATER = "try again on the schedule"
    FEW = "try again a few times"
    NEVER = "give up"


_OUTCOMES: Final = {"AA": "AA", "AE": "AE", "AR": "AR", "CA": "CA", "CE": "AE", "CR": "AR"}
_TEMPORARY: Final = frozenset({"206", "207"})  # locked, internal error: whatever the letters
_HOPELESS: Final = frozenset({"200", "201", "202", "203", "204", "205"})
_FIRST_CODE: Final = re.compile(r"\d{1,3}$")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its code (AA, CE, ...), the control id that it names, the error code of table 0357 ("" for none), and
    what the receiver wrote."""

    code: str
    control_id: str
    error: str = ""
    text: str = ""

    @property
    def means(self) -> Means:
        """What follows from it."""
        outcome = _OUTCOMES.get(self.code)
        if outcome in ("AA", "CA"):
            return Means.TAKEN if outcome == "AA" else Means.WAIT
        if self.error in _TEMPORARY:
            return Means.LATER
        return Means.NEVER if outcome == "AR" and self.error in _HOPELESS else Means.FEW

    @property
    def detail(self) -> str:
        """It in words; what stands behind the colon the receiver wrote."""
        named = " ".join(part for part in (self.code, self.error, MEANINGS.get(self.error, "")) if part)
        return printable(f"{named}: {' '.join(self.text.split())}" if self.text else named, LONGEST_DETAIL)


def read_reply(raw: bytes) -> Reply | None:
    """Return what an answer says; None for what is no acknowledgement."""
    try:
        message = read_message(raw)
    except Hl7Error:
        return None
    msa = next((one for one in message.segments if one.name == "MSA"), None)
    if msa is None:
        return None
    code = _value(message, msa, 1).upper()
    if code not in _OUTCOMES:
        return None
    errors = [one for one in message.segments if one.name == "ERR"]
    found = [error for one in errors if (error := _error(message, one))]
    said = [_value(message, msa, 3), *(text for one in errors for text in _texts(message, one))]
    text = "; ".join(dict.fromkeys(part for part in said if part))
    return Reply(code, _value(message, msa, 2), found[0] if found else _code(_value(message, msa, 6)), text)


def _value(message: Message, segment: Segment, field: int, component: int = 1, sub: int = 1) -> str:
    for repetition in segment.repetitions(field):
        if len(repetition) >= component and len(repetition[component - 1]) >= sub:
            return message.text(repetition[component - 1][sub - 1]).strip()
    return ""


def _error(message: Message, err: Segment) -> str:
    """Return the code of an ERR: ERR-3.1 from 2.5 on, ERR-1.4.1 before."""
    return _code(_value(message, err, 3)) or _code(_value(message, err, 1, 4))


def _code(text: str) -> str:
    return text if _FIRST_CODE.match(text) else ""


def _texts(message: Message, err: Segment) -> list[str]:
    return [_value(message, err, 8), _value(message, err, 7)]
