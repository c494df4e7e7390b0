"""What ADT messages ask of patients: update, merge, change of id, arrival (HL7 v2.5.1 3.3).

A field that is empty stays as it is stored, one that holds "" is deleted.
"""

from dataclasses import dataclass, fields
from datetime import date
from itertools import pairwise
from typing import Any, Final

from pydantic import ValidationError

from dicom_gateway.connectors.hl7.control import PatientAction
from dicom_gateway.connectors.hl7.documents import Named, read_patient, refusal, without_none
from dicom_gateway.connectors.hl7.errors import REQUIRED, SEGMENT_SEQUENCE, Hl7Error
from dicom_gateway.connectors.hl7.message import Segment
from dicom_gateway.connectors.hl7.reading import Reader
from dicom_gateway.connectors.hl7.rules import Location, Rule
from dicom_gateway.core.model import Patient
from dicom_gateway.core.patient_document import PatientDocument
from dicom_gateway.core.refusals import refusals
from dicom_gateway.errors import InvalidValue

_EMPTY: Final = Patient("", "")
_FIELDS: Final = frozenset(one.name for one in fields(Patient)) - {"id", "issuer"}
_OLD_ID: Final = Rule("patient.id", (Location("MRG", 1),), "patient id")
_NEEDS_OLD_ID: Final = frozenset({PatientAction.MERGE, PatientAction.CHANGE_ID})


@dataclass(frozen=True, slots=True)
class PatientChange:
    """What a message asks of a patient. Of `patient` only the fields that are `named` say something, empty ones too.
    `old` is the id of MRG-1: who is merged into the patient, or the id before the change. `location` is the id's."""

    action: PatientAction
    patient: Patient
    named: frozenset[str]
    location: str
    old: Named = ("", "")
    old_location: str = ""

    @property
    def identity(self) -> Named:
        """Which patient."""
        return self.patient.issuer, self.patient.id


def patient_changes(reader: Reader, action: PatientAction, today: date) -> list[PatientChange]:
    """Return what a message asks, for each PID with what follows it; raises Hl7Error for what cannot be taken."""
    groups = _patients(reader.message.segments)
    if not groups:
        raise Hl7Error("there is no PID segment", SEGMENT_SEQUENCE, "PID^1")
    return [_change(reader, action, group, today) for group in groups]


def _patients(segments: tuple[Segment, ...]) -> list[tuple[Segment, ...]]:
    starts = [number for number, segment in enumerate(segments) if segment.name == "PID"]
    return [segments[start:end] for start, end in pairwise([*starts, len(segments)])]


def _change(reader: Reader, action: PatientAction, group: tuple[Segment, ...], today: date) -> PatientChange:
    scope, locations = reader.scope(group), dict[str, str]()
    only = "id" if action is PatientAction.ARRIVE else ""
    document = read_patient(reader, scope, locations, "patient.", only)
    for _, text in reader.moved:
        document["comments"] = "\n".join(filter(None, (document.get("comments"), text)))
    reader.moved.clear()
    kept = without_none(document)
    deleted = {name: getattr(_EMPTY, name) for name in _FIELDS & (document.keys() - kept.keys()) - {"name"}}
    patient = _parsed(kept, locations, today).evolve(**deleted, **({} if "name" in kept else {"name": ""}))
    old, old_location = _old_identity(reader, action, group)
    named = frozenset(_FIELDS & (kept.keys() | deleted.keys()))
    return PatientChange(action, patient, named, locations["patient.id"], old, old_location)


def _parsed(document: dict[str, Any], locations: dict[str, str], today: date) -> Patient:
    """Return the patient; a name is not asked for here."""
    try:
        return PatientDocument.model_validate({"name": "-", **document}, context={"today": today}).to_patient()
    except ValidationError as error:
        found = refusals(error.errors(include_url=False), {})
        named = [InvalidValue(str(one), f"patient.{one.field}") for one in found]
        raise refusal(named, locations) from None


def _old_identity(reader: Reader, action: PatientAction, group: tuple[Segment, ...]) -> tuple[Named, str]:
    if action not in _NEEDS_OLD_ID:
        return ("", ""), ""
    place, found = reader.one(_OLD_ID, reader.scope(group))
    number = next((segment.number for segment in group if segment.name == "MRG"), 1)
    if place is None or not found.get("id"):
        raise Hl7Error("MRG-1: the id that the patient had is missing", REQUIRED, f"MRG^{number}^1")
    return (found.get("issuer") or "", found["id"]), place
