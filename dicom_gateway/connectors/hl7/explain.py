"""What a message would become, for a person who connects a system: each field, the rule it came by, what nobody read.

Nothing is stored; what would be refused is told with everything that was read before.
"""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.interpret import Interpreted, interpret_by
from dicom_gateway.connectors.hl7.maps import FieldMap
from dicom_gateway.connectors.hl7.message import Header, read_message
from dicom_gateway.connectors.hl7.reading import Reader, Trace


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a message would become. `outcomes` say what would be done, `faults` why nothing would be."""

    header: Header | None
    traces: tuple[Trace, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    faults: tuple[Hl7Error, ...] = ()


def explain(raw: bytes, field_map: FieldMap, character_set: str, zone: ZoneInfo, today: date) -> Explanation:
    """Return what a message becomes by a map; `character_set` is that of its source."""
    try:
        message = read_message(raw, character_set)
    except Hl7Error as error:
        return Explanation(None, faults=error.faults)
    reader = Reader(message, field_map, today)
    outcomes: tuple[str, ...] = ()
    faults: tuple[Hl7Error, ...] = ()
    try:
        outcomes = _outcomes(interpret_by(reader, zone))
    except Hl7Error as error:
        faults = error.faults
    return Explanation(
        message.header,
        tuple(dict.fromkeys(reader.traces)),
        tuple((str(place), value) for place, value in reader.ignored()),
        (*message.remarks, *dict.fromkeys(reader.remarks)),
        outcomes,
        faults,
    )


def _outcomes(found: Interpreted) -> tuple[str, ...]:
    orders = [f"order {change.placer_order_number}: {change.action.value}" for change in found.orders]
    patients = [
        f"patient {change.patient.id}: {change.action.value}" + (f" from {change.old[1]}" if change.old[1] else "")
        for change in found.patients
    ]
    return tuple(orders + patients)
