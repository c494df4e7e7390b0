"""The answers to a message: ACK with MSA and ERR (HL7 v2.5.1 2.9.2 original mode, 2.9.3 enhanced mode, 2.15).

In enhanced mode (MSH-15 or MSH-16 has a value) there may be none, one or two: the commit answer (CA, CE, CR) and the
application's. As a message is applied before it is answered, both say the same. Up to 2.4 ERR-1 repeats for each fault
and has no text, which MSA-3 has of all; from 2.5 on each fault has an ERR, and MSA-3 the text of the first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import hl7  # type: ignore[import-untyped]

from dicom_gateway.connectors.hl7.errors import AE, AR, MEANINGS, Hl7Error
from dicom_gateway.connectors.hl7.escapes import escaped
from dicom_gateway.connectors.hl7.message import Header, Separators

APPLICATION: Final = "DICOM_GATEWAY"  # MSH-3 where the sender named nobody
AA: Final = "AA"
_COMMIT: Final = {AA: "CA", AE: "CE", AR: "CR"}
_MODERN: Final = (2, 5)
LONGEST_TEXT: Final = 1000  # characters of MSA-3, unescaped
# HL7 table 0155: for which outcome an answer is wanted
_WANTED: Final = {"AL": (AA, AE, AR), "NE": (), "ER": (AE, AR), "SU": (AA,), "": ()}
UNREADABLE: Final = Header(Separators())


def acknowledge(
    header: Header | None, control_id: str, now: datetime, error: Hl7Error | None = None, text: str = ""
) -> tuple[bytes, ...]:
    """Return the answers to a message, in the order they are sent, each without a frame.

    `header` is that of the message, None when it could not be read; `control_id` becomes MSH-10 (the second answer's
    with "-2" behind it); `now` is written with its offset when it has one; `text` is MSA-3 of a message that was taken.
    """
    to = header or UNREADABLE
    outcome = error.ack if error else AA
    codes = _codes(to, outcome)
    ids = (control_id, f"{control_id}-2")
    return tuple(
        _answer(to, code, name, now, error, _text(to, error) if error else text)
        for code, name in zip(codes, ids, strict=False)
    )


def _codes(to: Header, outcome: str) -> list[str]:
    if not (to.accept_ack or to.application_ack):
        return [outcome]
    commit = [_COMMIT[outcome]] if outcome in _WANTED.get(to.accept_ack, (outcome,)) else []
    return commit + ([outcome] if outcome in _WANTED.get(to.application_ack, (outcome,)) else [])


def _answer(to: Header, code: str, control_id: str, now: datetime, error: Hl7Error | None, text: str) -> bytes:
    s = to.separators
    application, facility, receiving_application, receiving_facility = to.names
    segments = [
        ["MSH", s.field, s.encoding, receiving_application or APPLICATION, receiving_facility, application, facility,
         _time(now), "", _type(to), control_id, to.processing_id or "P", to.version or "2.5.1", *[""] * 5,
         to.character_set],
        ["MSA", code, escaped(to.control_id, s), escaped(text, s)],
        *(_errors(to, error.faults) if error else ()),
    ]  # fmt: skip
    factory = hl7.Factory
    separators = "\r" + s.field + s.repetition + s.component + s.subcomponent
    built = factory.create_message(
        sequence=[
            factory.create_segment(
                sequence=[
                    factory.create_field(sequence=[value], esc=s.escape, separators=separators) for value in values
                ],
                esc=s.escape,
                separators=separators,
            )
            for values in segments
        ],
        esc=s.escape,
        separators=separators,
    )
    return str(built).encode(to.codec, "replace")


def _type(to: Header) -> str:
    s = to.separators
    parts = ["ACK", to.trigger] if to.trigger else ["ACK"]
    return s.component.join([*parts, "ACK"] if to.trigger and _version(to) > (2, 3) else parts)


def _text(to: Header, error: Hl7Error) -> str:
    """Return MSA-3: before 2.5 the texts of as many faults as there is room for."""
    if _version(to) >= _MODERN:
        return str(error)
    texts = list(dict.fromkeys(map(str, error.faults)))
    taken = texts[:1]
    for number, text in enumerate(texts[1:], 1):
        if len("; ".join((*taken, text))) > LONGEST_TEXT:
            return "; ".join((*taken, f"and {len(texts) - number} more"))
        taken.append(text)
    return "; ".join(taken)


def _errors(to: Header, faults: Sequence[Hl7Error]) -> list[list[str]]:
    """Return the ERR segments: one for each fault, before 2.5 one with a repetition for each."""
    s = to.separators
    if _version(to) < _MODERN:
        return [["ERR", s.repetition.join(_old_error(s, fault) for fault in faults)]]
    return [
        ["ERR", "", s.component.join(_place(s, fault)), s.component.join(_coded(fault)), "E", "", "", "",
         escaped(str(fault), s)]
        for fault in faults
    ]  # fmt: skip


def _old_error(s: Separators, fault: Hl7Error) -> str:
    place = [*_place(s, fault), "", "", ""][:3]  # segment, sequence, field; then the code and its meaning
    return s.component.join([*place, s.subcomponent.join(_coded(fault))])


def _place(s: Separators, fault: Hl7Error) -> list[str]:
    return [escaped(part, s) for part in fault.location.split("^")] if fault.location else []


def _coded(fault: Hl7Error) -> list[str]:
    return [fault.code, MEANINGS.get(fault.code, ""), "HL70357"]


def _version(to: Header) -> tuple[int, ...]:
    numbers = to.version.split(".")
    return tuple(int(number) for number in numbers if number.isdecimal())[:2] if to.version else _MODERN


def _time(now: datetime) -> str:
    return now.strftime("%Y%m%d%H%M%S%z")
