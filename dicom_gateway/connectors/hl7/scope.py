"""Where in a message a rule looks: the segments of its order first, then those of the whole message.

An order is what begins with its ORC (several OBR of one ORC are several, each with that ORC); an IPC is a step of it.
What is looked at is remembered, so that what nobody reads can be shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from dicom_gateway.connectors.hl7.errors import SEGMENT_SEQUENCE, Hl7Error
from dicom_gateway.connectors.hl7.message import NULL, Message, Repetition, Segment
from dicom_gateway.connectors.hl7.rules import Location, Rule

OF_ITS_ORDER: Final = frozenset({"NTE", "OBX"})  # those of another part of the message say nothing of this order

Reads = set[tuple[int, int]]  # (position of the segment, field)


@dataclass(frozen=True)
class Place:
    """One repetition of a field, found by a location."""

    message: Message
    segment: Segment
    location: Location
    repetition: int  # from 1
    parts: Repetition

    @property
    def hl7(self) -> str:
        """The place as ERR-2 names it: SEGMENT^number^field[^repetition[^component]]."""
        where = f"{self.segment.name}^{self.segment.number}^{self.location.field}"
        if self.repetition > 1 or self.location.component:
            where += f"^{self.repetition}"
        return f"{where}^{self.location.component}" if self.location.component else where

    def raw(self, component: int, subcomponent: int = 1) -> str:
        """Return a component as it was sent; "" where there is none."""
        part = self.parts[component - 1] if component <= len(self.parts) else ()
        return part[subcomponent - 1] if subcomponent <= len(part) else ""

    def text(self, component: int = 0, subcomponent: int = 0) -> str:
        """Return the text of a component (default: the location's, or the first): unescaped, each run of white space
        one blank. Without a sub-component it is the first."""
        component = component or self.location.component or 1
        found = self.raw(component, subcomponent or self.location.subcomponent or 1)
        return " ".join(self.message.text(found).split())

    @cached_property
    def lines(self) -> str:
        """The text of the location with its line breaks."""
        return self.message.text(self.raw(self.location.component or 1, self.location.subcomponent or 1)).strip()

    @property
    def shown(self) -> str:
        """The whole repetition, or component, as it was sent."""
        component = self.location.component
        signs = self.message.header.separators
        parts = self.parts[component - 1 : component] if component else self.parts
        return signs.component.join(signs.subcomponent.join(part) for part in parts)

    @property
    def subcomponents(self) -> int:
        """How many sub-components the location's component has."""
        component = self.location.component or 1
        return len(self.parts[component - 1]) if component <= len(self.parts) else 0

    @property
    def is_null(self) -> bool:
        """Whether the sender says that there is no value any more."""
        return self.shown == NULL

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at the location."""
        return not self.shown.strip("".join(self.message.header.separators) + " \n")


class Scope:
    """What a rule may look at: `own` segments, then `others`."""

    def __init__(self, message: Message, own: Sequence[Segment], others: Sequence[Segment], reads: Reads) -> None:
        self._message = message
        self._own = _by_name(own)
        self._others = _by_name(others)
        self._reads = reads

    def places(self, rule: Rule, location: Location) -> Iterator[Place]:
        """Yield every repetition that has a value at a location of the rule, in the order of the message."""
        for segments in (self._own, self._others):
            found = False
            for segment in segments.get(location.segment, ()):
                if self._is_meant(rule, segment, segments is self._own):
                    for place in self.of_segment(segment, location):
                        found = True
                        yield place
            if found:
                return

    def of_segment(self, segment: Segment, location: Location) -> Iterator[Place]:
        """Yield the repetitions of a field of one segment that have a value at the location."""
        for number, parts in enumerate(segment.repetitions(location.field), 1):
            place = Place(self._message, segment, location, number, parts)
            self._reads.add((segment.position, location.field))
            if not place.is_empty:
                yield place

    def first(self, name: str) -> Segment | None:
        """Return the first segment of a name."""
        return next(iter((*self._own.get(name, ()), *self._others.get(name, ()))), None)

    def number_of(self, name: str) -> int:
        """Return the number of the first segment of a name; that of one more than the message has when none is here."""
        found = self.first(name)
        return found.number if found else 1 + sum(one.name == name for one in self._message.segments)

    def _is_meant(self, rule: Rule, segment: Segment, is_own: bool) -> bool:
        if not is_own and segment.name in OF_ITS_ORDER and rule.level != "patient":
            return False
        if rule.after or rule.not_after:
            before = self._message.owners[segment.position]
            if (rule.after and before not in rule.after) or before in rule.not_after:
                return False
        if rule.where is None:
            return True
        field, wanted = rule.where
        texts = {
            self._message.text(one).strip().casefold()
            for parts in segment.repetitions(field)
            for component in parts
            for one in component
        }
        if texts & wanted:
            self._reads.add((segment.position, field))
            return True
        return False


def _by_name(segments: Sequence[Segment]) -> dict[str, list[Segment]]:
    found: dict[str, list[Segment]] = {}
    for segment in segments:
        found.setdefault(segment.name, []).append(segment)
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """The segments of one order: its ORC, its OBR and what follows it."""

    segments: tuple[Segment, ...]

    def named(self, name: str) -> list[Segment]:
        """Return its segments of a name."""
        return [one for one in self.segments if one.name == name]

    def with_one(self, name: str, kept: Segment | None) -> tuple[Segment, ...]:
        """Return its segments, of those of a name only `kept`."""
        return tuple(one for one in self.segments if one.name != name or one is kept)


def groups_of(message: Message) -> tuple[list[Group], tuple[Segment, ...]]:
    """Return the orders of a message, and the segments that belong to none of them. A PID behind an order begins what
    belongs to the orders behind it."""
    common: list[Segment] = []
    found: list[list[Segment]] = []
    patient: list[Segment] = []  # the last PID behind an order, with what follows it up to its first ORC
    control: list[Segment] = []
    is_patient = False
    for segment in message.segments:
        has_request = bool(found) and any(one.name == "OBR" for one in found[-1])
        if segment.name == "ORC":
            is_patient = False
            control = [*patient, segment]
            found.append([*control])
        elif found and (is_patient or segment.name == "PID"):
            patient = [*patient, segment] if is_patient else [segment]
            is_patient = True
        elif segment.name == "OBR" and (has_request or not found):
            found.append([*control, segment])
        elif found:
            found[-1].append(segment)
        else:
            common.append(segment)
    return [Group(tuple(one)) for one in found], tuple(common)


def refuse_other_patients(message: Message) -> None:
    """Raise Hl7Error (100) for a message of orders in which it is not sure whose an order is: with two PID that are not
    the same, or with an OBR that follows a later PID without an ORC, as those of prior results do (OMG^O19)."""
    first: Segment | None = None
    later: Segment | None = None  # a PID behind the first one, until the next ORC
    for segment in message.segments:
        if segment.name == "PID":
            first, later = (first, segment) if first else (segment, None)
            if first is not segment and (field := _first_difference(first, segment)):
                raise Hl7Error(
                    f"this PID differs from the first one in PID-{field}: send the orders of each patient in a message "
                    "of their own, and none of prior results",
                    SEGMENT_SEQUENCE,
                    f"PID^{segment.number}^{field}",
                )
        elif segment.name == "ORC":
            later = None
        elif segment.name == "OBR" and later:
            text = "there is no ORC between this PID and its OBR: prior results are not taken"
            raise Hl7Error(text, SEGMENT_SEQUENCE, f"PID^{later.number}^3")


def _first_difference(one: Segment, other: Segment) -> int:
    """Return the number of a field in which two PID differ, PID-3 before all others; 0 for none."""
    numbers = (3, *range(2, 1 + max(one.field_count, other.field_count)))  # PID-1 counts
    return next((number for number in numbers if one.repetitions(number) != other.repetitions(number)), 0)
