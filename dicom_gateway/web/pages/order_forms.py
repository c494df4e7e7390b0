"""Forms of orders: what is typed becomes the order document of the API, whose checks are the only ones; and what they
refuse stands at the field where it was typed.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dicom_gateway.core.model import Order, Patient
from dicom_gateway.core.order_answer import order_document
from dicom_gateway.core.status import OPEN
from dicom_gateway.core.teeth import FDI_TEETH
from dicom_gateway.errors import InvalidDocument, InvalidValue
from dicom_gateway.web.pages.frame import Form

SOURCE: Final = "page"
PERSON, ANIMAL = "person", "animal"
AS_PLANNED: Final = "="  # the choice of a device that leaves several as they are
# Fields that are taken as they are typed, by their path in the document.
_TEXTS: Final = {
    "patient_id": "patient.id",
    "birth_date": "patient.birth_date",
    "sex": "patient.sex",
    "species": "patient.species",
    "breed": "patient.breed",
    "modality": "procedures[0].steps[0].modality",
    "description": "procedures[0].steps[0].description",
    "expected": "procedures[0].steps[0].expected_instances",
    "priority": "priority",
    "physician": "referring_physician",
    "reason": "reason",
}
_FIELD_OF: Final = {path: name for name, path in _TEXTS.items()} | {
    "patient.name": "family_name",
    "patient.responsible_person": "owner_name",
    "procedures[0].steps[0].start": "time",
    "procedures[0].steps[0].station_ae_titles[0]": "device",
    "procedures[0].description": "description",
    "patient.weight_kg": "weight",
}
_TEETH: Final = re.compile(r"procedures\[0\]\.steps\[0\]\.teeth(\[\d+\])?")
_STEP: Final = re.compile(r"procedures\[(\d+)\]\.steps\[(\d+)\]\.(\w+)(\[\d+\])?")
_CHANGED: Final = {
    "start": "time",
    "station_ae_titles": "device",
    "description": "description",
    "expected_instances": "expected",
}
FIELDS: Final = (
    *_TEXTS, "kind", "family_name", "given_name", "owner_name", "weight", "neutered", "device", "date", "time",
    "patient_of", "nonce", "walk_in",
)  # fmt: skip
UPPER: Final = tuple(f"1{n}" for n in range(8, 0, -1)) + tuple(f"2{n}" for n in range(1, 9))
LOWER: Final = tuple(f"4{n}" for n in range(8, 0, -1)) + tuple(f"3{n}" for n in range(1, 9))
MILK_UPPER: Final = tuple(f"5{n}" for n in range(5, 0, -1)) + tuple(f"6{n}" for n in range(1, 6))
MILK_LOWER: Final = tuple(f"8{n}" for n in range(5, 0, -1)) + tuple(f"7{n}" for n in range(1, 6))


def typed(form: Form) -> dict[str, str]:
    """Return what was typed into the form of a new order, to be shown again."""
    return {name: form.text(name) for name in FIELDS}


def values_of(patient: Patient, order_id: str) -> dict[str, str]:
    """Return what the form shows of a patient who is known by an earlier order."""
    family, _, given = patient.name.partition("=")[0].partition("^")
    _, _, owner = patient.responsible_person.partition("=")[0].partition("^")
    return {
        "patient_of": order_id,
        "kind": ANIMAL if patient.is_animal else PERSON,
        "patient_id": patient.id,
        "family_name": family,
        "given_name": given.replace("^", " ").strip(),
        "owner_name": owner.replace("^", " ").strip(),
        "birth_date": patient.birth_date.isoformat() if patient.birth_date else "",
        "sex": patient.sex,
        "species": patient.species,
        "breed": patient.breed,
        "weight": f"{patient.weight_kg:g}" if patient.weight_kg is not None else "",
        "neutered": {None: "", True: "yes", False: "no"}[patient.neutered],
    }


def new_document(form: Form, now: datetime, like: Order | None, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the document of a new order. `now`: the local time, when a walk-in begins; `like`: an earlier order, with
    whose patient the form was begun: what it does not show of them stays; `kinds`: the modality of a device, taken when
    none is chosen."""
    values = typed(form)
    start = now.isoformat(timespec="seconds") if values["walk_in"] else f"{values['date']}T{values['time']}"
    step: dict[str, Any] = {
        "station_ae_titles": [values["device"]] if values["device"] else [],
        "start": start,
        "description": values["description"],
        "teeth": [] if values["kind"] == ANIMAL else _teeth(form),
        "expected_instances": _number(values["expected"]),
    }
    if modality := values["modality"] or kinds.get(values["device"], ""):
        step["modality"] = modality  # else it is missing, and is refused as that
    return {
        "source": SOURCE,
        "placer_order_number": _minted("N", form, now),
        "priority": values["priority"] or "ROUTINE",
        "referring_physician": _name(values["physician"]),
        "reason": values["reason"],
        "patient": _patient(values, form, now, like),
        "procedures": [{"description": values["description"], "steps": [step]}],
    }


def _patient(values: Mapping[str, str], form: Form, now: datetime, like: Order | None) -> dict[str, Any]:
    known: dict[str, Any] = {}
    shown: dict[str, str] = {}
    if like is not None and values["patient_id"] == like.patient.id:
        known, shown = order_document(like)["patient"], values_of(like.patient, like.id)
    found = {**known, "id": values["patient_id"] or _minted("W", form, now), "sex": values["sex"]}
    found["birth_date"] = values["birth_date"] or None
    if not known or _differs(values, shown, "family_name", "given_name"):
        found["name"] = "^".join((values["family_name"], values["given_name"])).rstrip("^")
    if values["kind"] == ANIMAL:
        found |= _animal(values, shown)
    elif not known or shown["kind"] == ANIMAL:
        found |= dict.fromkeys(("species", "species_code", "breed", "neutered", "weight_kg", "responsible_person"))
        found |= {"breed_codes": [], "breed_registrations": [], "responsible_person_role": None}
    return found


def _animal(values: Mapping[str, str], shown: Mapping[str, str]) -> dict[str, Any]:
    """Return what is said of an animal. A code belongs to the words that it came with, and goes with them."""
    found: dict[str, Any] = {
        "neutered": {"yes": True, "no": False}.get(values["neutered"]),
        "weight_kg": _number(values["weight"].replace(",", ".")),
    }
    if not shown or _differs(values, shown, "species"):
        found |= {"species": values["species"], "species_code": None, "breed_codes": []}
    if not shown or _differs(values, shown, "species", "breed"):
        found |= {"breed": values["breed"], "breed_codes": []}
    if not shown or _differs(values, shown, "family_name", "owner_name"):
        owner = "^".join((values["family_name"], values["owner_name"])).rstrip("^")
        found |= {"responsible_person": owner, "responsible_person_role": "OWNER" if owner else None}
    return found


def _differs(values: Mapping[str, str], shown: Mapping[str, str], *names: str) -> bool:
    return any(values[name] != shown.get(name, "") for name in names)


def _teeth(form: Form) -> list[str]:
    asked = form.all("teeth")
    order = {tooth: place for place, tooth in enumerate(FDI_TEETH)}
    return sorted(dict.fromkeys(asked), key=lambda tooth: order.get(tooth, len(order)))


def _number(text: str) -> object:
    """Return a number of a form; a text that is none is left to the checks."""
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[0-9]{0,9}\.[0-9]{1,9}", text) else text


def _name(text: str) -> str:
    """Return what people write ("Miller, Eva", "Eva Miller") as a person name of DICOM."""
    if "^" in text or not text:
        return text
    family, comma, given = text.partition(",")
    if not comma:
        given, _, family = text.rpartition(" ")
    return "^".join((family.strip(), given.strip())).rstrip("^")


def _minted(prefix: str, form: Form, now: datetime) -> str:
    """Return a number that the same form always gets, however often it is sent, and another one gets never."""
    contents = repr(sorted((name, values) for name, values in form.values.items() if name != "csrf"))
    digest = base64.b32encode(hashlib.sha256(f"{prefix} {contents}".encode()).digest()).decode()
    return f"{prefix}{now:%y%m%d}-{digest[:7]}"


def new_errors(error: InvalidDocument | InvalidValue, form: Form) -> dict[str, str]:
    """Return by the field of a new order's form what was refused."""
    found: dict[str, str] = {}
    for one in _each(error):
        name = "teeth" if _TEETH.fullmatch(one.field) else _FIELD_OF.get(one.field, "")
        if one.field in FIELDS:  # one that is too long to be looked at
            name = one.field
        if name == "time" and not form.has("date"):
            name = "date"
        found.setdefault(name, str(one) if name else f"{one.field}: {one}")
    return found


def _each(error: InvalidDocument | InvalidValue) -> Iterable[InvalidValue]:
    return error.errors if isinstance(error, InvalidDocument) else [error]


@dataclass(frozen=True, slots=True)
class ChangeableStep:
    """A step that has not begun, with the values of its fields; `number` names these in the form."""

    number: str
    title: str
    values: Mapping[str, str]
    planned: tuple[str, ...]


def changeable(order: Order, form: Form | None = None) -> list[ChangeableStep]:
    """Return the steps of an order that have not begun, as they are or as a form has them."""
    found = []
    for p, procedure in enumerate(order.procedures):
        for s, step in enumerate(procedure.steps):
            if step.status not in OPEN:
                continue
            number = f"{p}-{s}"
            several = len(step.station_ae_titles) > 1
            values = {
                "date": step.start.date().isoformat(),
                "time": step.start.strftime("%H:%M"),
                "device": AS_PLANNED if several else next(iter(step.station_ae_titles), ""),
                "description": step.description,
                "expected": "" if step.expected_instances is None else str(step.expected_instances),
            }
            if form is not None and f"date-{number}" in form.values:  # else it was not in the form yet
                values = {name: form.text(f"{name}-{number}") for name in values}
            title = step.description or procedure.description or step.modality
            found.append(ChangeableStep(number, title, values, step.station_ae_titles if several else ()))
    return found


def changed_document(order: Order, form: Form) -> dict[str, Any]:
    """Return the document of an order with what the form says of its steps that have not begun."""
    document = order_document(order)
    for one in changeable(order, form):
        p, s = map(int, one.number.split("-"))
        step, values = document["procedures"][p]["steps"][s], one.values
        same_time = order.procedures[p].steps[s].start.strftime("%Y-%m-%dT%H:%M")
        start = f"{values['date']}T{values['time']}"
        step |= {
            "start": step["start"] if start == same_time else start,
            "description": values["description"],
            "expected_instances": _number(values["expected"]),
        }
        if values["device"] != AS_PLANNED and [values["device"]] != step["station_ae_titles"]:
            step |= {"station_ae_titles": [values["device"]] if values["device"] else [], "station_name": None}
    return document


def change_errors(error: InvalidDocument | InvalidValue, form: Form) -> dict[str, str]:
    """Return by the field of the form of changes what was refused."""
    found: dict[str, str] = {}
    for one in _each(error):
        match = _STEP.fullmatch(one.field)
        known = _CHANGED.get(match[3]) if match else None
        number = f"{match[1]}-{match[2]}" if match else ""
        if known == "time" and not form.has(f"date-{number}"):
            known = "date"
        name = f"{known}-{number}" if known else one.field if "-" in one.field else ""
        found.setdefault(name, str(one) if name else f"{one.field}: {one}" if one.field else str(one))
    return found
