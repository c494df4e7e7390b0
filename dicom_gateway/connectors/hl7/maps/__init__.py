"""Field maps: TOML that says which HL7 field becomes what of an order, and what an order control code does to it.

Shipped ones stand beside this module; one of a practice's own is a file that names its `base` and what is different.
Everything is checked when it is read: a field that orders do not have, a place that is none, a status that is none.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel

from dicom_gateway.connectors.hl7.rules import MESSAGES, Rule, parse_rule
from dicom_gateway.core.order_document import OrderDocument, ProcedureDocument, StepDocument
from dicom_gateway.core.patient_document import PatientDocument
from dicom_gateway.errors import SettingsError

SHIPPED: Final = ("default", "assistovet", "vetera")
LEVELS: Final[Mapping[str, type[BaseModel]]] = {
    "order": OrderDocument,
    "patient": PatientDocument,
    "procedure": ProcedureDocument,
    "step": StepDocument,
}
STATUSES: Final = ("SCHEDULED", "COMPLETED", "CANCELED", "DISCONTINUED", "UNCHANGED", "NEW_ONLY")  # of [control]
EVENTS: Final = ("SCHEDULED", "CANCELED", "DISCONTINUED", "PATIENT", "ARRIVED", "MERGE", "CHANGE_ID")  # of [events]
KIND_OF: Final = {
    "order.placer_order_number": "text",
    "order.accession_number": "ei",
    "order.referring_physician": "xcn",
    "order.requesting_physician": "xcn",
    "order.reason": "words",
    "order.admission_id": "cx",
    "order.patient_location": "joined",
    "patient.id": "patient id",
    "patient.name": "xpn",
    "patient.birth_date": "date",
    "patient.weight_kg": "kilograms",
    "patient.size_m": "metres",
    "patient.species": "coded",
    "patient.breed": "coded",
    "patient.breed_registrations": "registrations",
    "patient.responsible_person": "xpn",
    "patient.responsible_organization": "words",
    "patient.other_ids": "ids",
    "patient.medical_alerts": "alerts",
    "patient.allergies": "words list",
    "patient.languages": "languages",
    "patient.comments": "lines",
    "patient.state": "words",
    "patient.special_needs": "words",
    "procedure.code": "code",
    "procedure.comments": "lines",
    "procedure.transport": "words",
    "step.start": "moment",
    "step.performer": "cn",
    "step.protocol_codes": "codes",
    "step.station_ae_titles": "list",
    "step.station_name": "words",
    "step.location": "words",
    "step.teeth": "list",
}
_NOT_FROM_A_MAP: Final = frozenset(
    {"order.source", "order.patient", "order.procedures", "procedure.steps", "step.status"}
)
_SECTIONS: Final = frozenset({*LEVELS, "control", "events", "base", "title"})
MOST_BASES: Final = 5


@dataclass(frozen=True)
class FieldMap:
    """A field map as it is used for one source.

    `source` is the order's source, `assigning_authority` the one whose patient id is taken where there are several.
    `control` maps ORC-1_ORC-5, `events` TYPE^EVENT to what is done.
    """

    name: str
    title: str
    tables: Mapping[str, Mapping[str, Any]]
    control: Mapping[str, str]
    events: Mapping[str, str]
    source: str = ""
    assigning_authority: str = ""
    _rules: dict[tuple[str, str], tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)

    def rules(self, message_type: str, level: str = "") -> tuple[Rule, ...]:
        """Return the rules for messages of a type ("ORM"), of one level or of all, in the order of the map; `other_ids`
        has several."""
        key = (message_type, level)
        if key not in self._rules:
            self._rules[key] = tuple(
                rule
                for one, table in self.tables.items()
                for name, given in table.items()
                for rule in _parsed(f"{one}.{name}", given, message_type)
                if level in ("", one)
            )
        return self._rules[key]

    def of_source(self, source: str, assigning_authority: str = "") -> Self:
        """Return this map for a source."""
        return replace(self, source=source, assigning_authority=assigning_authority)


def load_map(name_or_path: str | Path = "default", source: str = "", assigning_authority: str = "") -> FieldMap:
    """Return a shipped map by its name, or that of a file.

    Raises SettingsError for a name that is none, a file that cannot be read, and whatever is wrong in it.
    """
    return _load(str(name_or_path)).of_source(source, assigning_authority)


@lru_cache(maxsize=32)
def _load_shipped(name: str) -> FieldMap:
    return _made(name, files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"), 0)


def _load(name: str, depth: int = 0, folder: Path | None = None) -> FieldMap:
    if name in SHIPPED:
        return _load_shipped(name)
    if depth > MOST_BASES:
        raise SettingsError(f"map {name}: more than {MOST_BASES} maps, each the base of the next")
    path = Path(name) if folder is None else folder / name
    if path.suffix != ".toml":
        raise SettingsError(
            f"map {name}: there is no such map; expected {', '.join(SHIPPED)}, or the path of a .toml file"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"map {path}: cannot be read: {error}") from None
    return _made(str(path), text, depth, path.parent)


def _made(name: str, text: str, depth: int, folder: Path | None = None) -> FieldMap:
    try:
        read = tomllib.loads(text)
        found = _checked(name, _on_base(read, depth, folder))
    except (tomllib.TOMLDecodeError, SettingsError) as error:
        raise SettingsError(f"map {name}: {error}") from None
    for message_type in ("", *MESSAGES):  # a rule that is wrong is found now
        try:
            found.rules(message_type)
        except SettingsError as error:
            raise SettingsError(f"map {name}: {error}") from None
    return found


def _on_base(read: dict[str, Any], depth: int, folder: Path | None) -> dict[str, Any]:
    base = read.get("base", "")
    if not base:
        return read
    below = _load(str(base), depth + 1, folder)
    whole: dict[str, Any] = {level: dict(table) for level, table in below.tables.items()}
    whole |= {"control": dict(below.control), "events": dict(below.events), "title": below.title}
    for key, value in read.items():
        whole[key] = {**whole.get(key, {}), **value} if isinstance(value, dict) else value
    return whole


def _checked(name: str, read: dict[str, Any]) -> FieldMap:
    unknown = sorted(read.keys() - _SECTIONS)
    if unknown:
        raise SettingsError(f"{unknown[0]} is not known; expected one of {', '.join(sorted(_SECTIONS))}")
    for level, document in LEVELS.items():
        for field_name in read.get(level, {}):
            whole = f"{level}.{field_name}"
            if field_name not in document.model_fields or whole in _NOT_FROM_A_MAP:
                raise SettingsError(f"{whole} is not a field of an order that a map can fill")
    tables = {level: read.get(level, {}) for level in LEVELS}
    control = _actions("control", read.get("control", {}), STATUSES)
    events = _actions("events", read.get("events", {}), EVENTS)
    return FieldMap(name, str(read.get("title", "")), tables, control, events)


def _actions(section: str, given: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, str]:
    for key, action in given.items():
        if action and action not in known:
            raise SettingsError(f"{section}.{key}: {action!r} is not known; expected one of {', '.join(known)}")
    return {key: action for key, action in given.items() if action}


def _parsed(name: str, given: Any, message_type: str) -> list[Rule]:
    kind = KIND_OF.get(name, "text")
    several = given if isinstance(given, list) and given and all(isinstance(one, dict) for one in given) else [given]
    return [parse_rule(name, one, kind, message_type) for one in several]
