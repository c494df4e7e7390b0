"""Read the fields of an order by the rules of a map, and keep a trace of what became what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

from dicom_gateway.connectors.hl7.kinds import READ, Fields, Terms
from dicom_gateway.connectors.hl7.maps import FieldMap
from dicom_gateway.connectors.hl7.message import Message, Segment
from dicom_gateway.connectors.hl7.names import family_name
from dicom_gateway.connectors.hl7.rules import KEEP, Location, Rule, Source, Template
from dicom_gateway.connectors.hl7.scope import Place, Reads, Scope
from dicom_gateway.core.identifiers import LO_LENGTH

DELETED: Final = None  # what a field becomes that the sender says has no value any more


class Trace(NamedTuple):
    """What a field of the order became: its value for a person, by which rule, from which place (as ERR-2 names it)."""

    field: str
    value: str
    rule: str
    location: str


@dataclass
class Reader:
    """Reads one message by one map. `today` stands for a start that is missing where the map says so.

    `locations` maps each field that was looked for to its place, `remarks` tell what was left out and why.
    """

    message: Message
    field_map: FieldMap
    today: date
    traces: list[Trace] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    reads: Reads = field(default_factory=set)
    moved: list[tuple[str, str]] = field(default_factory=list)  # texts too long for their field, and where they go

    def scope(self, own: Sequence[Segment], others: Sequence[Segment] = ()) -> Scope:
        """Return where to look: `own` segments first."""
        return Scope(self.message, own, others, self.reads)

    def level(self, level: str, scope: Scope, path: str, locations: dict[str, str], only: str = "") -> Fields:
        """Return the fields of a level of the order document; `path` is that of the level in the document
        ("procedures[0]."). A field that the sender deletes is None. `only` that field, if given."""
        found: Fields = {}
        for rule in self.field_map.rules(self.message.header.message_type, level):
            if only in ("", rule.name):
                place = rule.place
                if place:
                    locations.setdefault(path + rule.name, _missing(scope, place))
                self._add(found, rule, scope, path, locations)
        return found

    def one(self, rule: Rule, scope: Scope) -> tuple[str | None, Fields]:
        """Return (place, fields) by a rule that is of no map; None for no place."""
        fields, place = self._read(rule, rule.sources[0], scope)
        return (place.hl7, fields) if place else (None, {})

    def ignored(self) -> Iterable[tuple[Location, str]]:
        """Yield what stands in the message and no rule read: its place and its value. MSH, EVN and the number of a
        segment are not."""
        for segment in self.message.segments:
            if segment.name in ("MSH", "EVN"):
                continue
            for number in range(1, segment.field_count + 1):
                if (segment.position, number) in self.reads or (number == 1 and segment.name not in _FIRST_COUNTS):
                    continue
                location = Location(segment.name, number)
                scope = Scope(self.message, (segment,), (), set())
                for place in scope.of_segment(segment, location):
                    yield location, place.shown

    def _add(self, found: Fields, rule: Rule, scope: Scope, path: str, locations: dict[str, str]) -> None:
        for source in rule.sources:
            fields, place = self._read(rule, source, scope)
            if place is not None and fields:
                self._keep(found, rule, fields, path, (str(source), place.hl7), locations)
                return
        if rule.default:
            value = self.today.isoformat() if rule.default == "today" else rule.default
            self._keep(found, rule, {rule.name: value}, path, (f"default: {rule.default}", ""), {})

    def _read(self, rule: Rule, source: Source, scope: Scope) -> tuple[Fields, Place | None]:
        if isinstance(source, Template):
            return self._filled(rule, source, scope)
        places = list(scope.places(rule, source))
        if not places:
            return {}, None
        if places[0].is_null:
            return {rule.name: DELETED}, places[0]
        fields = READ[rule.kind](rule, places, Terms(scope, self.field_map.assigning_authority, self.remarks.append))
        return _mapped(rule, fields), places[0]

    def _filled(self, rule: Rule, template: Template, scope: Scope) -> tuple[Fields, Place | None]:
        text, first = template.text, None
        for location in template.locations:
            place = next(iter(scope.places(rule, location)), None)
            first = first or place
            text = text.replace(f"{{{location}}}", family_name(place.text()) if place and not place.is_null else "", 1)
        return (_mapped(rule, {rule.name: text.rstrip("^ ")}) if first else {}), first

    def _keep(
        self, found: Fields, rule: Rule, fields: Fields, path: str, origin: tuple[str, str], locations: dict[str, str]
    ) -> None:
        rule_shown, where = origin
        is_deleted = fields.get(rule.name) is DELETED
        also = dict.fromkeys(rule.also, DELETED) if is_deleted else dict(rule.also)
        for name, value in (fields | also).items():
            if rule.long and isinstance(value, str) and len(value) > LO_LENGTH:
                self.remarks.append(f"{path}{name} is longer than {LO_LENGTH} characters; it is in {rule.long}")
                self.moved.append((rule.long, value))
                self.traces.append(Trace(rule.long, value, rule_shown, where))
                continue
            locations[path + name] = where
            found[name] = [*found[name], *value] if isinstance(found.get(name), list) and value else value
            if value not in ("", []):
                self.traces.append(Trace(path + name, _shown(value), rule_shown, where))


_FIRST_COUNTS: Final = frozenset({"ORC", "MRG", "ZDS", "IPC", "SCH"})  # whose field 1 is no number of the segment


def _missing(scope: Scope, place: Location) -> str:
    """Return where a value should have been."""
    where = f"{place.segment}^{scope.number_of(place.segment)}^{place.field}"
    return f"{where}^1^{place.component}" if place.component > 1 else where


def _mapped(rule: Rule, fields: Fields) -> Fields:
    """Return the fields with the rule's `map` applied to its own; none when that says nothing."""
    if not _has_value(fields, rule.name):
        return {}
    if rule.values is None:
        return fields
    value = fields[rule.name]
    listed = value if isinstance(value, list) else [value]
    meant = [rule.values.get(str(one).casefold(), one if rule.other is KEEP else rule.other) for one in listed]
    mapped = fields | {rule.name: meant if isinstance(value, list) else meant[0]}
    return mapped if _has_value(mapped, rule.name) else {}


def _has_value(fields: Fields, name: str) -> bool:
    return fields.get(name) not in (None, "", [])


def _shown(value: Any) -> str:
    if value is DELETED:
        return "(deleted)"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values() if part)
    return str(value).lower() if isinstance(value, bool) else str(value)
