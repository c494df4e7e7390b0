"""Who is who: a patient's identity, and what an update and a merge of records make of a patient. Pure.

IHE RAD TF-2 4.12 (Patient Update), HL7 v2.5.1 3.3.8 (A08), 3.3.40 (A40) and 3.3.47 (A47). An id is unique within its
issuer; one without an issuer within the source of its orders only, so that two practices never share a patient.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from dicom_gateway.core.identifiers import LO_LENGTH, has_control_characters, printable
from dicom_gateway.core.model import Order, Patient
from dicom_gateway.core.status import OrderStatus
from dicom_gateway.errors import Conflict, InvalidValue, NotFound


class UnknownPatient(NotFound):
    """Nothing is known of a patient of that id (HL7 table 0357: 204)."""


class PatientExists(Conflict):
    """A patient of that id exists already (HL7 table 0357: 205)."""


class MergeRefused(Conflict):
    """These records cannot be of one patient, or not in this order."""


class MergeKind(StrEnum):
    """Why an id stands for another one."""

    MERGE = "merge"  # two records were of one patient
    CHANGE = "change"  # a record got another id


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose a record is: an id of `issuer`; without one of the orders of one `source`, which is "" otherwise."""

    issuer: str
    id: str
    source: str = ""

    def called(self, patient_id: str) -> "Identity":
        """Return the identity of another id of the same issuer and source."""
        return Identity(self.issuer, patient_id, self.source)


@dataclass(frozen=True, slots=True)
class Merge:
    """An id that stands for another one, from `at` on until `undone_at`. `key` is its number, `who` said so."""

    key: int
    kind: MergeKind
    issuer: str
    source: str
    old_id: str
    survivor_id: str
    who: str
    at: int
    undone_at: int | None = None

    @property
    def old(self) -> Identity:
        """The identity that is no longer used."""
        return Identity(self.issuer, self.old_id, self.source)

    @property
    def survivor(self) -> Identity:
        """The identity that stands for it."""
        return Identity(self.issuer, self.survivor_id, self.source)


ENDED: Final = frozenset({OrderStatus.COMPLETED, OrderStatus.DISCONTINUED, OrderStatus.CANCELED})
IDENTITY: Final = frozenset({"id", "issuer"})
FIELDS: Final = frozenset(field.name for field in fields(Patient))
# What an update or a merge takes from one record only as a whole: words and their codes.
TOGETHER: Final = (("species", "species_code"), ("breed", "breed_codes"))
ALL_COUNT: Final = ("medical_alerts", "allergies", "other_ids")  # a merge loses none of these
_GROUP: Final = {name: group for group in TOGETHER for name in group}


def is_open(order: Order) -> bool:
    """Say whether an order has not ended."""
    return order.status not in ENDED


def identity_of(order: Order) -> Identity:
    """Return whose an order is."""
    return identity(order.patient.issuer, order.patient.id, order.source)


def identity(issuer: str, patient_id: str, source: str) -> Identity:
    """Return whose a record is that has come from `source`."""
    return Identity(issuer, patient_id, "" if issuer else source)


def checked_id(patient_id: str, field: str) -> str:
    """Return an id without the spaces around it; raises InvalidValue when it is none (LO, PS3.5 6.2)."""
    text = patient_id.strip()
    if not text:
        raise InvalidValue("must not be empty", field)
    if len(text) > LO_LENGTH:
        raise InvalidValue(f"must have at most {LO_LENGTH} characters", field)
    if has_control_characters(text) or "\\" in text:
        raise InvalidValue("must not hold control characters or a backslash", field)
    return text


def updated(known: Patient, news: Patient, named: frozenset[str]) -> Patient:
    """Return `known` with the fields that are `named` (as fields of Patient) as `news` has them, "" and None included;
    words and their codes together. The identity stays. Raises InvalidValue for an empty name and unknown fields."""
    unknown = sorted(named - FIELDS)
    if unknown:
        raise InvalidValue("is not a field of a patient", f"patient.{printable(unknown[0], 60)}")
    if "name" in named and not news.name:
        raise InvalidValue("must not be empty", "patient.name")
    wanted = {part for name in named - IDENTITY for part in _GROUP.get(name, (name,))}
    return known.evolve(**{name: getattr(news, name) for name in wanted})


def joined(records: Iterable[Patient | None]) -> Patient:
    """Return one record of several (at least one) of one patient: of each field what the first record says that says
    something, but every alert, allergy and other id of all. The identity is that of the first."""
    found = [record for record in records if record is not None]
    values: dict[str, object] = {
        name: next((value for one in found if (value := getattr(one, name)) not in _NOTHING), getattr(found[0], name))
        for name in FIELDS - IDENTITY - _GROUP.keys() - set(ALL_COUNT)
    }
    for group in TOGETHER:
        source = next((one for one in found if any(getattr(one, name) for name in group)), found[0])
        values |= {name: getattr(source, name) for name in group}
    for name in ALL_COUNT:
        values[name] = tuple(dict.fromkeys(item for one in found for item in getattr(one, name)))
    return found[0].evolve(**values)


_NOTHING: Final = ("", None, ())


def refuse_other_species(survivor: Iterable[Patient | None], old: Iterable[Patient | None]) -> None:
    """Raise MergeRefused when records of the two, newest first, say different species."""
    one, other = _species(survivor), _species(old)
    if one is None or other is None or not _differ(one, other):
        return
    words = [printable(record.species, 64) or "another species" for record in (other, one)]
    raise MergeRefused(f"these are animals of different species ({words[0]}, {words[1]}) and cannot be one patient")


def _species(records: Iterable[Patient | None]) -> Patient | None:
    return next((record for record in records if record and (record.species or record.species_code)), None)


def _differ(one: Patient, other: Patient) -> bool:
    if one.species_code and other.species_code and one.species_code.scheme == other.species_code.scheme:
        return one.species_code.value != other.species_code.value
    words = {record.species.strip().casefold() for record in (one, other)} - {""}
    return len(words) > 1
