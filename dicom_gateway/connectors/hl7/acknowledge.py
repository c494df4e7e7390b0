"""The answers to a message: ACK with MSA and ERR (HL7 v2.5.1 2.9.2 original mode, 2.9.3 enhanced mode, 2.15).

In enhanced mode (MSH-15 or MSH-16 has a value) there may be none, one or two: the commit answer (CA, CE, CR) and the
application's. As a message is applied before it is answered, both say the same. ERR-1 is for 2.4 and older, ERR-2 to
ERR-8 for 2.5 and newer; the text also stands in MSA-3, which every system shows.
"""

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
        _answer(to, code, name, now, error, str(error) if error else text)
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
        *(_err(to, fault) for fault in (error.faults if error else ())),
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


def _err(to: Header, fault: Hl7Error) -> list[str]:
    s = to.separators
    place = [escaped(part, s) for part in fault.location.split("^")] if fault.location else []
    coded = [fault.code, MEANINGS.get(fault.code, ""), "HL70357"]
    if _version(to) >= _MODERN:
        return ["ERR", "", s.component.join(place), s.component.join(coded), "E", "", "", "", escaped(str(fault), s)]
    old_place = [*place, "", "", ""][:3]  # segment, sequence, field; then the code and its meaning
    return ["ERR", s.component.join([*old_place, s.subcomponent.join(coded)])]


def _version(to: Header) -> tuple[int, ...]:
    numbers = to.version.split(".")
    return tuple(int(number) for number in numbers if number.isdecimal())[:2] if to.version else _MODERN


def _time(now: datetime) -> str:
    return now.strftime("%Y%m%d%H%M%S%z")
