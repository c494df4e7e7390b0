"""A message as its sender meant it: bytes -> header and segments, every value reachable by its place (HL7 v2.5.1 2.5).

python-hl7 splits what is decoded and mended here: any line end ends a segment, and a line that is none (a line break
inside a field) goes on with the one before. Separators are those of the message.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import hl7  # type: ignore[import-untyped]

from dicom_gateway.connectors.hl7 import charsets
from dicom_gateway.connectors.hl7.errors import AR, SEGMENT_SEQUENCE, Hl7Error
from dicom_gateway.connectors.hl7.escapes import unescape

MAX_PARTS = 50_000  # fields, repetitions, components and sub-components of a message; an order has about 200
HEAD_BYTES = 8192  # MSH is within them
FRAME_BYTES = b"\x0b\x1c\r\n\t \x00"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
NULL = '""'  # HL7's "delete what is there"

Repetition = tuple[tuple[str, ...], ...]  # components, each its sub-components


class Separators(NamedTuple):
    """What separates fields, components, repetitions and sub-components, and what escapes."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding(self) -> str:
        """MSH-2."""
        return self.component + self.repetition + self.escape + self.subcomponent


@dataclass(frozen=True, slots=True)
class Header:
    """MSH. `names` are MSH-3 to MSH-6 as they were sent, for the answer; the rest is text."""

    separators: Separators
    names: tuple[str, str, str, str] = ("", "", "", "")
    sending_application: str = ""
    sending_facility: str = ""
    message_type: str = ""
    trigger: str = ""
    control_id: str = ""
    processing_id: str = ""
    version: str = ""
    accept_ack: str = ""  # MSH-15: AL, NE, ER, SU or ""
    application_ack: str = ""  # MSH-16
    character_set: str = ""  # MSH-18 as sent
    codec: str = "ascii"  # what the message was read in


class Segment:
    """One segment: `name`, `number` among those of its name (from 1), `position` in the message."""

    def __init__(self, parsed: Any, number: int, position: int) -> None:
        self._parsed = parsed
        self.name: str = str(parsed[0])
        self.number = number
        self.position = position
        self._read: dict[int, tuple[Repetition, ...]] = {}

    @property
    def field_count(self) -> int:
        """The number of the last field."""
        return len(self._parsed) - 1

    def repetitions(self, field: int) -> tuple[Repetition, ...]:
        """Return the repetitions of a field, still escaped; none when it is empty."""
        found = self._read.get(field)
        if found is None:
            has_value = 0 < field < len(self._parsed) and str(self._parsed[field])
            found = tuple(_repetition(one) for one in self._parsed[field]) if has_value else ()
            self._read[field] = found
        return found


@dataclass(frozen=True)
class Message:
    """A message. `remarks`: what was unusual and taken all the same."""

    header: Header
    segments: tuple[Segment, ...]
    remarks: tuple[str, ...] = ()

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """For each segment the name of the one that a run of its name follows: what a note belongs to."""
        found: list[str] = []
        for before, segment in zip((None, *self.segments), self.segments, strict=False):
            is_run = before is not None and before.name == segment.name
            found.append(found[-1] if is_run else before.name if before else "")
        return tuple(found)

    def text(self, escaped: str) -> str:
        """Return a value without escape sequences; HL7's null is ""."""
        return "" if escaped == NULL else unescape(escaped, self.header.separators, self.header.codec)


def read_header(raw: bytes, default_charset: str = "") -> Header:
    """Return what MSH says, of bytes that may be the beginning of a message only.

    Raises Hl7Error (AR 100) when they do not begin with an MSH that can be read.
    """
    body, marked = _unframed(raw)
    end = re.search(rb"[\r\n]", body) if not marked or marked == charsets.UTF_8 else None
    line = body[: end.start() if end else HEAD_BYTES]
    text, codec, _ = charsets.decode(line, marked, _claimed(line, marked), default_charset)
    return _header(re.split(r"[\r\n]", text, maxsplit=1)[0], codec)


def read_message(raw: bytes, default_charset: str = "") -> Message:
    """Return the message that `raw` holds, without its frame; `default_charset` is that of its source.

    Raises Hl7Error (100) for what is no message, for several in one, and for one of too many parts.
    """
    body, marked = _unframed(raw)
    text, codec, remarks = charsets.decode(body, marked, _claimed(body, marked), default_charset)
    lines = re.sub(r"\r\n?|\n", "\r", text).strip("\r").split("\r")
    header = _header(lines[0], codec)
    if sum(map(text.count, header.separators)) > MAX_PARTS:
        raise Hl7Error(f"the message has more than {MAX_PARTS} parts", SEGMENT_SEQUENCE, ack=AR)
    mended = _mended(lines, header.separators)
    if len(mended) < len([line for line in lines if line.strip()]):
        remarks.append("a line that is no segment was read as the rest of the one before")
    if any(line.startswith("MSH") for line in mended[1:]):
        raise Hl7Error("a second MSH segment: send one message at a time, or a batch (BHS)", SEGMENT_SEQUENCE, "MSH^2")
    mended[0] = _declaring(mended[0], header.separators)
    return Message(header, tuple(_segments(mended)), tuple(remarks))


def _unframed(raw: bytes) -> tuple[bytes, str]:
    body, marked = charsets.without_bom(raw.strip(FRAME_BYTES) if raw[:2] not in UTF_16_MARKS else raw)
    return (body, marked) if marked.startswith("utf-16") else (body.lstrip(FRAME_BYTES), marked)


def _claimed(body: bytes, marked: str) -> str:
    """Return MSH-18, its first repetition, before anything is decoded."""
    if marked.startswith("utf-16"):
        return ""
    line = re.split(rb"[\r\n]", body[:HEAD_BYTES], maxsplit=1)[0].decode("latin-1")
    try:
        separators = _separators(line)
    except Hl7Error:
        return ""
    fields = line.split(separators.field)
    return fields[17].split(separators.repetition)[0].strip() if len(fields) > 17 else ""


def _separators(line: str) -> Separators:
    """Return the separators that an MSH segment declares; what is left out is the usual one."""
    sign = line[3:4]
    if line[:3] != "MSH" or not sign or sign.isalnum() or sign.isspace():
        raise Hl7Error("the message does not begin with MSH and a field separator", SEGMENT_SEQUENCE, "MSH^1", AR)
    declared = line[4:].split(sign, 1)[0][:4]  # a fifth, of HL7 2.7, says that a value was cut
    usual = Separators()
    found = Separators(sign, *declared, *usual[1 + len(declared) :])
    if not declared or len(set(found)) < len(found) or any(one.isalnum() or one.isspace() for one in found):
        raise Hl7Error("MSH-1 and MSH-2 must be different signs, as in MSH|^~\\&|", SEGMENT_SEQUENCE, "MSH^1^2", AR)
    return found


def _header(line: str, codec: str) -> Header:
    separators = _separators(line)
    fields = line.split(separators.field)

    def field(number: int) -> str:
        return fields[number - 1].strip() if number <= len(fields) else ""

    def part(number: int, component: int = 1) -> str:
        parts = field(number).split(separators.repetition)[0].split(separators.component)
        value = parts[component - 1].strip() if component <= len(parts) else ""
        return "" if value == NULL else unescape(value, separators, codec)

    return Header(
        separators=separators,
        names=(field(3), field(4), field(5), field(6)),
        sending_application=part(3),
        sending_facility=part(4),
        message_type=part(9).upper(),
        trigger=part(9, 2).upper(),
        control_id=part(10),
        processing_id=part(11),
        version=part(12),
        accept_ack=part(15).upper(),
        application_ack=part(16).upper(),
        character_set=field(18),
        codec=codec,
    )


def _mended(lines: Sequence[str], separators: Separators) -> list[str]:
    begins = re.compile(rf"[A-Z][A-Z0-9]{{2}}({re.escape(separators.field)}|$)")
    mended = [lines[0]]
    for line in lines[1:]:
        if begins.match(line):
            mended.append(line)
        elif line.strip():
            mended[-1] += f"\n{line}"
    return mended


def _declaring(line: str, separators: Separators) -> str:
    """Return MSH with all four signs of MSH-2, which python-hl7 needs."""
    return separators.field.join(["MSH", separators.encoding, *line.split(separators.field)[2:]])


def _segments(lines: Sequence[str]) -> Iterator[Segment]:
    counts: dict[str, int] = {}
    for position, parsed in enumerate(hl7.parse("\r".join(lines))):
        name = str(parsed[0])
        counts[name] = counts.get(name, 0) + 1
        yield Segment(parsed, counts[name], position)


def _repetition(parsed: Any) -> Repetition:
    """Return the components of what python-hl7 parsed, which is plain text where there is only one."""
    if isinstance(parsed, str):
        return ((parsed,),)
    return tuple((part,) if isinstance(part, str) else tuple(map(str, part)) for part in parsed)
