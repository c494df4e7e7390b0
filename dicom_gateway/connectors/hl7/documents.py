"""The order document of one placer order number, put together from the parts of a message that are about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from dicom_gateway.connectors.hl7.control import Action
from dicom_gateway.connectors.hl7.errors import DATA_TYPE, REQUIRED, SEGMENT_SEQUENCE, Hl7Error
from dicom_gateway.connectors.hl7.kinds import Fields
from dicom_gateway.connectors.hl7.message import Message, Segment
from dicom_gateway.connectors.hl7.reading import Reader
from dicom_gateway.connectors.hl7.scope import Group, Scope
from dicom_gateway.core.status import StepStatus
from dicom_gateway.errors import InvalidValue

_MISSING: Final = ("is required", "must not be empty")


Named = tuple[str, str]  # issuer ("" for none) and id of a patient


class Part(NamedTuple):
    """One ORC and OBR of an order, and what is asked of it."""

    action: Action
    group: Group


@dataclass
class Draft:
    """An order in the making. `location` is the place of its number, `locations` those of the document's fields."""

    placer_order_number: str
    location: str
    fields: Fields
    common: tuple[Segment, ...]  # segments of no order
    others: tuple[Segment, ...]  # and those of other orders
    locations: dict[str, str]
    parts: list[Part] = field(default_factory=list)

    def add(self, part: Part, fields: Fields) -> None:
        """Add a part of the order and what it says of the order; raises Hl7Error for another accession number."""
        own, other = (one.get("accession_number") for one in (self.fields, fields))
        if own and other and own != other:
            where = self.locations.get("accession_number", "")
            raise Hl7Error("one order has two accession numbers; send an order for each", DATA_TYPE, where)
        self.fields = fields | self.fields
        self.parts.append(part)

    def document(self, reader: Reader, source: str) -> dict[str, Any]:
        """Return the order document; raises Hl7Error when the parts contradict each other."""
        patient = read_patient(reader, self.patient_scope(reader), self.locations)
        procedures: list[dict[str, Any]] = []
        known: dict[str, dict[str, Any]] = {}  # by id or study UID: parts of one procedure are its steps
        for part in self.parts:
            reader.reads |= {(ipc.position, field) for ipc in part.group.named("IPC") for field in (2, 3)}
            for segments in _procedure_segments(part.group):
                self._add_procedure(reader, part, segments, procedures, known)
        document = {**self.fields, "source": source, "patient": patient, "procedures": procedures}
        for target, text in reader.moved:
            level, _, name = target.partition(".")
            holder = patient if level == "patient" else procedures[0]
            holder[name] = "\n".join(filter(None, (holder.get(name), text)))
        reader.moved.clear()
        found: dict[str, Any] = without_none(document)
        return found

    def patient_scope(self, reader: Reader) -> Scope:
        """Return where the patient is looked for: in this order, then in the whole message."""
        own = self.parts[0].group.segments
        return reader.scope(own, (*self.common, *self.others))

    def _add_procedure(
        self,
        reader: Reader,
        part: Part,
        segments: list[tuple[Segment, ...]],
        procedures: list[dict[str, Any]],
        known: dict[str, dict[str, Any]],
    ) -> None:
        """Read one procedure, whose steps are each read from one of `segments`."""
        path = f"procedures[{len(procedures)}]."
        found = reader.level("procedure", reader.scope(segments[0], self.common), path, self.locations)
        key = found.get("id") or found.get("study_instance_uid") or ""
        procedure = known.get(key) if key else None
        if procedure is None:
            procedure = {**found, "steps": []}
            procedures.append(procedure)
            known |= {key: procedure} if key else {}
        path = f"procedures[{procedures.index(procedure)}]."
        for own in segments:
            step_path = f"{path}steps[{len(procedure['steps'])}]."
            step = reader.level("step", reader.scope(own, self.common), step_path, self.locations)
            if part.action is Action.CANCEL:
                step["status"] = StepStatus.CANCELED.value
            procedure["steps"].append(step)


def draft_of(reader: Reader, group: Group, common: tuple[Segment, ...]) -> Draft:
    """Return the order that a group belongs to, without parts; raises Hl7Error (101) when nothing gives its number."""
    locations: dict[str, str] = {}
    fields = reader.level("order", reader.scope(group.segments, common), "", locations)
    number = fields.get("placer_order_number")
    where = locations.get("placer_order_number", "ORC^1^2")
    if not number:
        rules = reader.field_map.rules(reader.message.header.message_type)
        places = [str(one) for rule in rules if rule.path == "order.placer_order_number" for one in rule.sources]
        text = f"there is no placer order number; the map looks for it in {', '.join(places) or 'no place'}"
        raise Hl7Error(text, REQUIRED, where)
    known = {segment.position for segment in (*group.segments, *common)}
    others = tuple(segment for segment in reader.message.segments if segment.position not in known)
    return Draft(str(number), where, fields, common, others, locations)


def read_patient(
    reader: Reader, scope: Scope, locations: dict[str, str], path: str = "patient.", only: str = ""
) -> Fields:
    """Return the patient of a document, or `only` one field; the id by which it is known is not one of the others."""
    patient = reader.level("patient", scope, path, locations, only)
    others = patient.get("other_ids")
    if others:
        patient["other_ids"] = [one for one in others if one["id"] != patient.get("id")]
        if not patient["other_ids"]:  # nothing was said of them
            del patient["other_ids"]
    return patient


def patient_of(reader: Reader, draft: Draft) -> Named:
    """Return the patient whom an order that ends is said to belong to; its id is "" when nobody is named."""
    patient = read_patient(reader, draft.patient_scope(reader), {}, only="id")
    return patient.get("issuer") or "", patient.get("id") or ""


def refusal(errors: Sequence[InvalidValue], locations: Mapping[str, str]) -> Hl7Error:
    """Return what a document is refused for, each fault with its place in the message."""
    faults = [_fault(error, locations) for error in errors]
    first = faults[0]
    return Hl7Error(str(first), first.code, first.location, more=faults[1:])


def naming_segments(error: Hl7Error, message: Message) -> Hl7Error:
    """Return the error with each fault of a field that is missing because its segment is, as one of the segment."""
    there = {f"{segment.name}^{segment.number}" for segment in message.segments}
    faults: dict[tuple[str, str, str], Hl7Error] = {}
    for fault in error.faults:
        name, number, *_ = (*fault.location.split("^"), "", "")
        where = f"{name}^{number}"
        if fault.code == REQUIRED and number and where not in there:
            fault = Hl7Error(f"there is no {name} segment where one is needed", SEGMENT_SEQUENCE, where)
        faults.setdefault((fault.code, fault.location, str(fault)), fault)
    first, *more = faults.values()
    return Hl7Error(str(first), first.code, first.location, first.ack, more)


def _fault(error: InvalidValue, locations: Mapping[str, str]) -> Hl7Error:
    field_name = error.field
    while field_name and field_name not in locations:
        field_name = field_name[: max(field_name.rfind("."), field_name.rfind("["), 0)]
    where = locations.get(field_name, "")
    segment, _, rest = where.partition("^")
    place = f"{segment}-{rest.split('^')[1]}: " if "^" in rest else ""
    code = REQUIRED if str(error) in _MISSING else DATA_TYPE
    return Hl7Error(f"{place}{error.field} {error}", code, where)


def without_none(value: Any) -> Any:
    """Return a document without what was deleted."""
    if isinstance(value, dict):
        return {key: without_none(one) for key, one in value.items() if one is not None}
    return [without_none(one) for one in value] if isinstance(value, list) else value


def _procedure_segments(group: Group) -> list[list[tuple[Segment, ...]]]:
    """Return for each procedure of a group the segments that each of its steps is read from: an IPC is a step, those of
    one requested procedure id (IPC-2), else of one study (IPC-3), are one procedure."""
    found: dict[object, list[tuple[Segment, ...]]] = {}
    for ipc in group.named("IPC"):
        key = ipc.repetitions(2) or ipc.repetitions(3)
        found.setdefault(key, []).append(group.with_one("IPC", ipc))
    return list(found.values()) or [[group.segments]]
