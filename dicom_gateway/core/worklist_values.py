"""Where the values of a worklist item come from, when it is more than a field of the order (PS3.4 K.6.1.2.2).

Each function is the source of one row of attributes.py; `dicom_value` writes dates, times and numbers as their VR
wants them (PS3.5 6.2).
"""

from collections.abc import Callable
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from dicom_gateway.core.model import Code, Order, OtherPatientID, RequestedProcedure, ScheduledStep
from dicom_gateway.core.teeth import tooth_code

_LONG_STRING: Final = 64  # characters of an LO
_LANGUAGES: Final = {
    "ar": "Arabic",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hu": "Hungarian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}


class Issuer(NamedTuple):
    """Who gave an identifier (PS3.3 10.14): a name that the practice uses."""

    name: str


class Item(NamedTuple):
    """What one answer is made of."""

    order: Order
    procedure: RequestedProcedure
    step: ScheduledStep


def step_description(item: Item) -> str:
    """Return the step's description; one is made up only where no protocol code stands in for it (1C)."""
    order, procedure, step = item
    if step.description or step.protocol_codes:
        return step.description
    return procedure.description or (procedure.code.meaning if procedure.code else "") or step.modality


def procedure_description(item: Item) -> str:
    """Return the procedure's description; one is made up only where no code stands in for it (1C)."""
    _, procedure, step = item
    if procedure.description or procedure.code:
        return procedure.description
    return step.description or step.modality


def protocol_codes(item: Item) -> tuple[Code, ...]:
    """Return the protocol's own codes, then those of the teeth: a device reads the first one as its program."""
    return (*item.step.protocol_codes, *(tooth_code(tooth) for tooth in item.step.teeth))


def step_comments(item: Item) -> str:
    """Return the teeth as text, or ""."""
    return f"Teeth (FDI): {', '.join(item.step.teeth)}" if item.step.teeth else ""


def neutered(item: Item) -> str:
    """Return PatientSexNeutered (PS3.3 C.2.3)."""
    return {True: "ALTERED", False: "UNALTERED", None: ""}[item.order.patient.neutered]


def responsible_role(item: Item) -> str:
    """Return ResponsiblePersonRole, which only a responsible person has: without a word from the order the owner of an
    animal, and nothing for a person, whose parent or guardian it may be."""
    patient = item.order.patient
    if not patient.responsible_person:
        return ""
    return patient.responsible_person_role or ("OWNER" if patient.is_animal else "")


def languages(item: Item) -> tuple[Code, ...]:
    """Return the patient's languages as codes (PS3.16 CID 5000), named by the table above or else by their tags."""
    tags = item.order.patient.languages
    return tuple(Code(tag, "RFC5646", _LANGUAGES.get(tag.split("-")[0].lower(), tag)) for tag in tags)


def accession_issuer(item: Item) -> tuple[Issuer, ...]:
    """Return who gave the accession number; nobody when devices see a shorter one that was minted for it."""
    order = item.order
    return _issuer("" if order.original_accession_number else order.accession_number_issuer)


def admission_issuer(item: Item) -> tuple[Issuer, ...]:
    """Return who gave the admission id."""
    return _issuer(item.order.admission_id_issuer if item.order.admission_id else "")


def _issuer(name: str) -> tuple[Issuer, ...]:
    return (Issuer(name),) if name else ()


def optional(path: str) -> Callable[[Any], tuple[object, ...]]:
    """Return what stands at `path` as the only item of a sequence, none when nothing does."""
    get = attrgetter(path)

    def source(context: Any) -> tuple[object, ...]:
        found = get(context)
        return () if found is None else (found,)

    return source


def identifier_type(other: OtherPatientID) -> str:
    """Return TypeOfPatientID (PS3.3 C.2.2, type 1): TEXT, RFID or BARCODE."""
    kinds = {"microchip": "RFID", "rfid": "RFID", "barcode": "BARCODE"}
    return kinds.get(other.type.strip().lower(), "TEXT")


def if_it_fits(path: str) -> Callable[[Item], str]:
    """Return the text at `path`, or nothing when it is longer than an LO: an identifier is never cut."""
    get = attrgetter(path)

    def source(item: Item) -> str:
        text: str = get(item)
        return text if len(text) <= _LONG_STRING else ""

    return source


def _da(found: Any) -> str:
    day: date = found
    return f"{day.year:04}{day.month:02}{day.day:02}"


def _tm(found: Any) -> str:
    moment: datetime = found
    return f"{moment:%H%M%S.%f}" if moment.microsecond else f"{moment:%H%M%S}"


_FORMATS: Final[dict[str, Callable[[Any], object]]] = {
    "DA": _da,
    "TM": _tm,
    "DS": lambda number: format(number, ".10g"),  # at most 16 characters
    "CS": str,  # an enum's value, not the enum
}


def dicom_value(vr: str, found: object) -> object:
    """Return `found` (text, number, date, datetime or a tuple of texts) as pydicom takes it for `vr`."""
    if isinstance(found, tuple):
        return list(found)
    return _FORMATS[vr](found) if vr in _FORMATS else found
