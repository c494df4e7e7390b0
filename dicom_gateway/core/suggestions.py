"""Which order may a study without one be meant for: ranked suggestions for a person, each with its reasons. Pure.

RULES is the whole ranking: a rule is a test with its points; of one kind only the first rule that holds counts. What
speaks against an order has points below zero. A suggestion decides nothing: linking.py does what is certain, a person
the rest. What a device says comes from images or from a performed step (`Said`), what an order says from `Asked`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from dicom_gateway.core.likeness import bare, name_parts, one_off, spellings
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import InstanceHeader, Order, PerformedStep, RequestedProcedure, ScheduledStep
from dicom_gateway.core.species import species_code, squash
from dicom_gateway.core.status import OPEN, StepStatus

HOUR: Final = 3600 * SECOND
STRONG, POSSIBLE = 70, 35  # points of a suggestion from which on it is worth that word
_SEXES: Final = ("M", "F")


class Reason(StrEnum):
    """Why an order is suggested, or what speaks against it."""

    SAME_ID = "same patient id"
    SAME_ID_OTHER_ISSUER = "same patient id of another issuer"
    OTHER_ID = "the id is another one of the patient"
    ID_ZEROS = "same patient id but for zeros or signs"
    ID_ONE_OFF = "patient id differs in one character"
    SAME_NAME = "same name"
    NAME_PARTS_SWAPPED = "same name in another order"
    NAME_SOUNDS = "same name in other letters"
    NAME_ONE_OFF = "name differs in one letter"
    NAME_PART = "one part of the name is the same"
    SAME_BIRTH_DATE = "same birth date"
    SAME_ACCESSION = "same accession number"
    ACCESSION_ALIKE = "accession number is alike"
    SAME_DEVICE = "planned on this device"
    SAME_MODALITY = "same modality"
    SAME_TEETH = "same teeth"
    SOME_TEETH = "some of the teeth"
    SAME_SPECIES = "same species"
    WITHIN_AN_HOUR = "planned within an hour of it"
    SAME_HALF_DAY = "planned within half a day of it"
    WITHIN_DAYS = "planned within three days of it"
    STILL_OPEN = "nothing has been done for it yet"
    OTHER_MODALITY = "another modality"
    OTHER_SPECIES = "another species"
    OTHER_BIRTH_DATE = "another birth date"
    OTHER_SEX = "another sex"
    CANCELED = "was cancelled"
    COMPLETED = "is complete already"


@dataclass(frozen=True, slots=True)
class Said:
    """What devices say of a study or performed step; "" and None are unknown. `at`: when it was done."""

    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    birth_date: str = ""  # DA
    sex: str = ""
    species: str = ""
    modality: str = ""
    accession_number: str = ""
    teeth: frozenset[str] = frozenset()  # FDI
    ae_titles: frozenset[str] = frozenset()
    at: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one step of an order asks for, as far as it is known."""

    order_id: str
    requested_procedure_id: str
    step_id: str
    status: StepStatus
    patient_id: str = ""
    issuer: str = ""
    other_ids: tuple[str, ...] = ()
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    species: str = ""
    modality: str = ""
    accession_numbers: tuple[str, ...] = ()
    teeth: frozenset[str] = frozenset()
    ae_titles: frozenset[str] = frozenset()
    start_utc: int = 0
    lacks: bool = False  # fewer images came for it than are expected


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A step that may be meant, its points, and what speaks for it and against it."""

    asked: Asked
    score: int
    reasons: tuple[Reason, ...]
    against: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Points for what a test finds; of one `kind` only the first rule that holds counts."""

    kind: str
    reason: Reason
    points: int
    holds: Callable[[Said, Asked], bool]


def said_by_images(headers: Sequence[InstanceHeader], ae_titles: Iterable[str], at: int, birth_date: str = "") -> Said:
    """Return what images of one patient say (at least one), received from `ae_titles` at the instant `at`."""
    first = headers[0]
    return Said(
        patient_id=first.patient_id.strip(),
        issuer=first.issuer.strip(),
        patient_name=_first(header.patient_name for header in headers),
        birth_date=birth_date,
        species=_first(header.species for header in headers),
        modality=_first(header.modality for header in headers),
        accession_number=_first(header.accession_number.strip() for header in headers),
        teeth=frozenset(tooth for header in headers for tooth in header.teeth),
        ae_titles=frozenset(ae_titles),
        at=at,
        description=_first(header.study_description or header.series_description for header in headers),
    )


def said_by_report(performed: PerformedStep) -> Said:
    """Return what a performed step says."""
    from dicom_gateway.core.performed import dataset_of, text  # here, not above: few who rank need pydicom

    attributes = dataset_of(performed)
    words = ("PerformedProcedureStepDescription", "PerformedProcedureTypeDescription")
    return Said(
        patient_id=performed.patient_id.strip(),
        issuer=performed.issuer.strip(),
        patient_name=text(attributes, "PatientName"),
        birth_date=text(attributes, "PatientBirthDate"),
        sex=text(attributes, "PatientSex"),
        species=text(attributes, "PatientSpeciesDescription"),
        modality=text(attributes, "Modality"),
        accession_number=_first(reference.accession_number.strip() for reference in performed.references),
        ae_titles=frozenset({performed.calling_ae_title}),
        at=performed.created_at,
        description=_first(text(attributes, word) for word in words),
    )


def asked_by(order: Order, procedure: RequestedProcedure, step: ScheduledStep) -> Asked:
    """Return what a step of an order asks for."""
    patient = order.patient
    return Asked(
        order_id=order.id,
        requested_procedure_id=procedure.id,
        step_id=step.id,
        status=step.status,
        patient_id=patient.id,
        issuer=patient.issuer,
        other_ids=tuple(other.id for other in patient.other_ids),
        patient_name=patient.name,
        birth_date=_da(patient.birth_date),
        sex=patient.sex,
        species=patient.species or (patient.species_code.meaning if patient.species_code else ""),
        modality=step.modality,
        accession_numbers=tuple(filter(None, (order.accession_number, order.original_accession_number))),
        teeth=frozenset(step.teeth),
        ae_titles=frozenset(step.station_ae_titles),
        start_utc=step.start_utc,
    )


def asked_by_steps(order: Order) -> list[Asked]:
    """Return what each step of an order asks for."""
    return [asked_by(order, procedure, step) for procedure in order.procedures for step in procedure.steps]


def rank(said: Said, asked: Iterable[Asked], limit: int) -> list[Suggestion]:
    """Return the best suggestions, best first: only steps for which something of the patient, the accession number,
    or both device and time speak. What is complete and of another patient comes behind all others."""
    found = [suggestion for one in asked if _is_worth(suggestion := weigh(said, one))]
    found.sort(
        key=lambda one: (is_of_another(one), -one.score, abs(one.asked.start_utc - (said.at or 0)), one.asked.order_id)
    )
    return found[:limit]


def weigh(said: Said, asked: Asked) -> Suggestion:
    """Return the points of one step with their reasons."""
    kinds: set[str] = set()
    score = 0
    reasons: list[Reason] = []
    against: list[Reason] = []
    for rule in RULES:
        if rule.kind in kinds or not rule.holds(said, asked):
            continue
        kinds.add(rule.kind)
        score += rule.points
        (reasons if rule.points > 0 else against).append(rule.reason)
    return Suggestion(asked, score, tuple(reasons), tuple(against))


def _is_worth(suggestion: Suggestion) -> bool:
    kinds = {_KIND[reason] for reason in suggestion.reasons}
    return suggestion.score > 0 and (names_patient(suggestion) or {"time", "modality"} <= kinds)


def names_patient(suggestion: Suggestion) -> bool:
    """Say whether something of the patient, or the accession number, speaks for a suggestion."""
    return any(_KIND[reason] in ("id", "name", "accession") for reason in suggestion.reasons)


def is_of_another(suggestion: Suggestion) -> bool:
    """Say whether nothing is left to come for a step, and nothing but a part of a name speaks for its patient."""
    of_patient = any(
        _KIND[reason] in ("id", "name", "accession") and reason is not Reason.NAME_PART for reason in suggestion.reasons
    )
    return Reason.COMPLETED in suggestion.against and not of_patient


def _same_id(said: Said, asked: Asked) -> bool:
    return bool(said.patient_id) and said.patient_id == asked.patient_id.strip()


def _issuers_agree(said: Said, asked: Asked) -> bool:
    return len({said.issuer.strip(), asked.issuer.strip()} - {""}) < 2


def _ids_alike(one: str, other: str) -> bool:
    return bool(bare(one)) and bare(one) == bare(other)


def _id_one_off(said: Said, asked: Asked) -> bool:
    one, other = bare(said.patient_id), bare(asked.patient_id)
    return min(len(one), len(other)) >= 3 and one_off(one, other)


def _same_name(said: Said, asked: Asked) -> bool:
    parts = name_parts(said.patient_name)
    return bool(parts) and parts == name_parts(asked.patient_name)


def _name_swapped(said: Said, asked: Asked) -> bool:
    parts = sorted(name_parts(said.patient_name))
    return bool(parts) and parts == sorted(name_parts(asked.patient_name))


def _name_sounds(said: Said, asked: Asked) -> bool:
    return bool(spellings(said.patient_name) & spellings(asked.patient_name))


def _name_one_off(said: Said, asked: Asked) -> bool:
    one, other = " ".join(sorted(name_parts(said.patient_name))), " ".join(sorted(name_parts(asked.patient_name)))
    return min(len(one), len(other)) >= 5 and one_off(one, other)


def _name_part(said: Said, asked: Asked) -> bool:
    theirs = {part for part in name_parts(said.patient_name) if len(part) > 2}
    return bool(theirs & set(name_parts(asked.patient_name)))


def _species_of(words: str) -> str:
    code = species_code(words)
    return code.value if code else squash(words)


def _near(hours: float) -> Callable[[Said, Asked], bool]:
    return lambda said, asked: bool(said.at and asked.start_utc) and abs(said.at - asked.start_utc) <= hours * HOUR  # type: ignore[operator]


def _both(attribute: str, equal: bool, read: Callable[[str], str] = str) -> Callable[[Said, Asked], bool]:
    """Return the test whether both sides say something of `attribute`, and the same, or something else."""

    def holds(said: Said, asked: Asked) -> bool:
        one, other = getattr(said, attribute), getattr(asked, attribute)
        return bool(one and other) and (read(one) == read(other)) is equal

    return holds


def _same_teeth(said: Said, asked: Asked) -> bool:
    """Say whether both name the same teeth, or one of them some of the other's and no further ones."""
    return bool(said.teeth and asked.teeth) and (said.teeth <= asked.teeth or said.teeth >= asked.teeth)


def _accession_alike(said: Said, asked: Asked) -> bool:
    number = said.accession_number
    return bool(number) and any(
        _ids_alike(number, other) or (len(number) > 3 and one_off(bare(number), bare(other)))
        for other in asked.accession_numbers
    )


RULES: Final = (
    Rule("id", Reason.SAME_ID, 45, lambda said, asked: _same_id(said, asked) and _issuers_agree(said, asked)),
    Rule("id", Reason.SAME_ID_OTHER_ISSUER, 25, _same_id),
    Rule("id", Reason.OTHER_ID, 40, lambda said, asked: bool(said.patient_id) and said.patient_id in asked.other_ids),
    Rule("id", Reason.ID_ZEROS, 35, lambda said, asked: _ids_alike(said.patient_id, asked.patient_id)),
    Rule("id", Reason.ID_ONE_OFF, 20, _id_one_off),
    Rule("name", Reason.SAME_NAME, 35, _same_name),
    Rule("name", Reason.NAME_PARTS_SWAPPED, 30, _name_swapped),
    Rule("name", Reason.NAME_SOUNDS, 30, _name_sounds),
    Rule("name", Reason.NAME_ONE_OFF, 22, _name_one_off),
    Rule("name", Reason.NAME_PART, 8, _name_part),
    Rule("birth", Reason.SAME_BIRTH_DATE, 20, _both("birth_date", True)),
    Rule("birth", Reason.OTHER_BIRTH_DATE, -20, _both("birth_date", False)),
    Rule("accession", Reason.SAME_ACCESSION, 45, lambda said, asked: said.accession_number in asked.accession_numbers),
    Rule("accession", Reason.ACCESSION_ALIKE, 20, _accession_alike),
    Rule("device", Reason.SAME_DEVICE, 12, lambda said, asked: bool(said.ae_titles & asked.ae_titles)),
    Rule("modality", Reason.SAME_MODALITY, 10, _both("modality", True)),
    Rule("modality", Reason.OTHER_MODALITY, -12, _both("modality", False)),
    Rule("teeth", Reason.SAME_TEETH, 12, _same_teeth),
    Rule("teeth", Reason.SOME_TEETH, 4, lambda said, asked: bool(said.teeth & asked.teeth)),
    Rule("species", Reason.SAME_SPECIES, 5, _both("species", True, _species_of)),
    Rule("species", Reason.OTHER_SPECIES, -40, _both("species", False, _species_of)),
    Rule(
        "sex", Reason.OTHER_SEX, -10, lambda said, asked: said.sex != asked.sex and {said.sex, asked.sex} == {*_SEXES}
    ),
    Rule("time", Reason.WITHIN_AN_HOUR, 18, _near(1)),
    Rule("time", Reason.SAME_HALF_DAY, 10, _near(12)),
    Rule("time", Reason.WITHIN_DAYS, 3, _near(72)),
    Rule("status", Reason.STILL_OPEN, 6, lambda said, asked: asked.status in OPEN),
    Rule("status", Reason.CANCELED, -30, lambda said, asked: asked.status is StepStatus.CANCELED),
    Rule("status", Reason.COMPLETED, -15, lambda said, asked: asked.status is StepStatus.COMPLETED and not asked.lacks),
)
_KIND: Final = {rule.reason: rule.kind for rule in RULES}


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _da(day: date | None) -> str:
    return day.strftime("%Y%m%d").zfill(8) if day else ""
