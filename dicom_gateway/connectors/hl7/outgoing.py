"""Events as HL7 messages, by templates (docs/hl7-results.md).

A segment of which every value is empty is left out, and so are empty components and fields at an end (HL7 v2.5.1
2.5.3). MSH is written here; it is the same at every try, so that a receiver knows a repeat.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dicom_gateway.connectors.hl7.escapes import escaped
from dicom_gateway.connectors.hl7.facts import Known, Place, places
from dicom_gateway.connectors.hl7.message import Separators
from dicom_gateway.connectors.hl7.template import BRACES, NUMBER, Group, Template
from dicom_gateway.connectors.hl7.values import VALUES
from dicom_gateway.core.transliteration import Carries, transliterated

SEPARATORS: Final = Separators()
_EMPTY_ENDS: Final = (
    (re.compile(r"&+(?=[\^~|]|$)"), ""),
    (re.compile(r"\^+(?=[~|]|$)"), ""),
    (re.compile(r"\|+$"), ""),
)
_LONG_CONTROL_ID: Final = (2, 7)  # MSH-10 has 199 characters from 2.7 on, 20 before


@dataclass(frozen=True, slots=True)
class Header:
    """What MSH says the same of every message: MSH-3 to MSH-6, MSH-18 and the codec of that; `is_enhanced`: both
    acknowledgements are asked for (MSH-15 and MSH-16)."""

    names: tuple[str, str, str, str]
    character_set: str
    codec: str
    is_enhanced: bool = False


def control_id(event_id: str, version: str) -> str:
    """Return MSH-10 of an event, the same for each try: the id itself, or the first 20 of its random characters."""
    numbers = tuple(int(number) for number in version.split("."))
    return event_id if numbers >= _LONG_CONTROL_ID else event_id.removeprefix("evt_")[:20]


def compose(template: Template, header: Header, known: Known) -> tuple[str, bytes]:
    """Return (MSH-9, message) of an event that the template knows.

    The same event and order give the same bytes: MSH-7 is when the event occurred. A character that the target's
    character set lacks is written in Latin letters.
    """
    name, words = template.events[str(known.event["type"])]
    message = template.messages[name]
    carries = _carries(header.codec)

    def text(value: str) -> str:
        written = value if header.codec == "utf-8" or not value else transliterated(value, "", carries)
        return escaped(written, SEPARATORS)

    filler = _Filler(words, text)
    lines = [_msh(template, header, message.type, known, text), *filler.group(message.body, Place(known))]
    return message.type, "".join(f"{line}\r" for line in lines).encode(header.codec, "replace")


def _msh(template: Template, header: Header, kind: str, known: Known, text: Callable[[str], str]) -> str:
    acks = ("AL", "AL") if header.is_enhanced else ("", "")
    at = VALUES["occurred_at"].of(Place(known))
    control = control_id(str(known.event["id"]), template.version)
    fields = [*map(text, header.names), at, "", kind, control, "P", template.version, "", "", *acks, ""]
    return "|".join(["MSH", SEPARATORS.encoding, *fields, header.character_set])


class _Filler:
    """Fills the segments of one message."""

    def __init__(self, words: Mapping[str, str], text: Callable[[str], str]) -> None:
        self._words = words
        self._text = text
        self._numbers: Counter[str] = Counter()

    def group(self, group: Group, place: Place) -> Iterable[str]:
        """Yield the segments of a group at a place."""
        for one in group.segments:
            if isinstance(one, Group):
                for inner in places(place, one.each):
                    yield from self.group(one, inner)
            elif line := self._segment(one, place):
                yield line

    def _segment(self, line: str, place: Place) -> str:
        name = line[:3]
        found = {key: self._value(key, place) for key in BRACES.findall(line) if key != NUMBER}
        if found and not any(found.values()):
            return ""
        self._numbers[name] += 1
        found[NUMBER] = str(self._numbers[name])
        return _trimmed(BRACES.sub(lambda match: found[match[1]], line))

    def _value(self, key: str, place: Place) -> str:
        if key in self._words:
            return self._fill(self._words[key], place)
        value = VALUES[key]
        content = value.of(place)
        if value.otherwise is None:
            return self._text(content)
        return content or _trimmed(self._fill(value.otherwise, place))

    def _fill(self, text: str, place: Place) -> str:
        return BRACES.sub(lambda match: self._value(match[1], place), text)


def _trimmed(line: str) -> str:
    for pattern, replacement in _EMPTY_ENDS:
        line = pattern.sub(replacement, line)
    return line


def _carries(codec: str) -> Carries:
    def carries(character: str) -> bool:
        try:
            character.encode(codec)
        except UnicodeEncodeError:
            return False
        return True

    return carries
