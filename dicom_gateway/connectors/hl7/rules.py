"""One rule of a field map: from which places a value comes, how it is read, and what it becomes.

A rule is checked when its map is read, so that a wrong one is found before a message comes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dicom_gateway.errors import SettingsError

KEEP: Final = object()  # a value that is not in a rule's `map` stays as it is
MESSAGES: Final = ("ORM", "OMG", "OMI", "SIU", "ADT")
KINDS: Final = {
    "text": "the text of one component",
    "words": "component 2, else 1: the words of a code",
    "joined": "all components, with blanks between them",
    "lines": "every repetition and segment, a line each",
    "list": "component 1 of every repetition and segment",
    "words list": "component 2, else 1, of every repetition and segment",
    "alerts": "every repetition, a long one as several values of 64 characters",
    "date": "a date; one without a day is left out",
    "moment": "a date, or a date and time, with its offset where it has one",
    "xpn": "a person name: family, given, middle, suffix, prefix, degree; further repetitions by XPN-8 (I, P)",
    "xcn": "an id, then a person name",
    "cn": "the same in sub-components",
    "name": "a text that is the whole family name, or a template of a DICOM name",
    "patient id": "CX; of several the one with the source's assigning authority",
    "ids": "CX or text: further ids",
    "cx": "CX: the id, and its authority",
    "ei": "EI: the id, and its issuer",
    "code": "value, words and scheme, where all three are there",
    "codes": "the same of every repetition",
    "coded": "words, and the code where it is complete",
    "registrations": "the number of every repetition",
    "kilograms": "a number with its unit, made kilograms",
    "metres": "a number with its unit, made metres",
    "languages": "language tags, what is none left out",
}
_LOCATION: Final = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9]\d{0,2})(?:\.([1-9]\d?))?(?:\.([1-9]\d?))?")
_PIECE: Final = re.compile(r"\{([^{}]*)\}")
_KEYS: Final = frozenset(
    {"from", "as", "map", "other", "default", "after", "not_after", "where", "unit", "also", "long", "type", "issuer"}
)


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a message; component and sub-component count from 1, 0 is the whole."""

    segment: str
    field: int
    component: int = 0
    subcomponent: int = 0

    def __str__(self) -> str:
        parts = (part for part in (self.component, self.subcomponent) if part)
        return f"{self.segment}-{self.field}" + "".join(f".{part}" for part in parts)


@dataclass(frozen=True, slots=True)
class Template:
    """Several places in one text: `text` with each location in braces."""

    text: str
    locations: tuple[Location, ...]

    def __str__(self) -> str:
        return self.text


Source = Location | Template


@dataclass(frozen=True, slots=True)
class Rule:
    """How a field of the order (`path`: "patient.name") is found. The first of `sources` that has a value is taken."""

    path: str
    sources: tuple[Source, ...]
    kind: str = "text"
    values: Mapping[str, Any] | None = None  # by folded value
    other: Any = KEEP
    default: str = ""
    after: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    where: tuple[int, frozenset[str]] | None = None  # field -> one component, folded, is among these
    unit: Location | None = None
    also: Mapping[str, str] = field(default_factory=dict)
    long: str = ""
    id_type: str = ""
    id_issuer: str = ""

    @property
    def level(self) -> str:
        """order, patient, procedure or step."""
        return self.path.partition(".")[0]

    @property
    def name(self) -> str:
        """The field within its level."""
        return self.path.partition(".")[2]

    @property
    def place(self) -> Location | None:
        """The place of its first source, where a missing value is reported."""
        if not self.sources:
            return None
        first = self.sources[0]
        return first if isinstance(first, Location) else first.locations[0]


def parse_rule(name: str, given: Any, kind: str, message: str = "") -> Rule:
    """Return the rule of a map's entry for messages of one type; raises SettingsError that names it."""
    table: dict[str, Any] = given if isinstance(given, dict) else {"from": given}
    unknown = sorted(table.keys() - _KEYS - set(MESSAGES))
    if unknown:
        raise _wrong(name, f"{unknown[0]} is not known", f"one of {', '.join(sorted(_KEYS))}, {', '.join(MESSAGES)}")
    changed = table.get(message, {})
    table = {key: value for key, value in table.items() if key in _KEYS}
    table |= changed if isinstance(changed, dict) else {"from": changed}
    kind = table.get("as", kind)
    if kind not in KINDS:
        raise _wrong(name, f"as = {kind!r} is not known", f"one of {', '.join(KINDS)}")
    values = table.get("map")
    if values is not None and not isinstance(values, dict):
        raise _wrong(name, "map is no table", 'map = { "what is sent" = "what it means" }')
    return Rule(
        path=name,
        sources=_sources(name, table.get("from", "")),
        kind=kind,
        values=None if values is None else {key.casefold(): value for key, value in values.items()},
        other=table.get("other", KEEP),
        default=str(table.get("default", "")),
        after=_names(name, table.get("after", ())),
        not_after=_names(name, table.get("not_after", ())),
        where=_where(name, table.get("where")),
        unit=_location(name, table["unit"]) if table.get("unit") else None,
        also=dict(table.get("also", {})),
        long=str(table.get("long", "")),
        id_type=str(table.get("type", "")),
        id_issuer=str(table.get("issuer", "")),
    )


def _sources(name: str, given: Any) -> tuple[Source, ...]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise _wrong(name, "from is neither a text nor a list of texts", 'from = "PID-5"')
    return tuple(_source(name, one) for one in listed if one)


def _source(name: str, text: str) -> Source:
    pieces = _PIECE.findall(text)
    if pieces:
        return Template(text, tuple(_location(name, piece) for piece in pieces))
    return _location(name, text)


def _location(name: str, text: Any) -> Location:
    found = _LOCATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise _wrong(
            name, f"{text!r} is no place in a message", "SEGMENT-FIELD[.COMPONENT[.SUB-COMPONENT]], as PID-3.4.1"
        )
    segment, *numbers = found.groups()
    return Location(segment, *(int(number or 0) for number in numbers))


def _names(name: str, given: Any) -> frozenset[str]:
    listed = [given] if isinstance(given, str) else given
    if not all(isinstance(one, str) and re.fullmatch("[A-Z][A-Z0-9]{2}", one) for one in listed):
        raise _wrong(name, f"{given!r} is no name of a segment", '"PID" or ["PID", "PV1"]')
    return frozenset(listed)


def _where(name: str, given: Any) -> tuple[int, frozenset[str]] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or len(given) != 1:
        raise _wrong(name, "where is no table of one place", 'where = { "OBX-3" = ["body weight"] }')
    [(place, wanted)] = given.items()
    return _location(name, place).field, frozenset(str(one).casefold() for one in wanted)


def _wrong(name: str, what: str, right: str) -> SettingsError:
    return SettingsError(f"{name}: {what}; expected {right}")
