"""What templates can say: each name in braces, where it can be used, and what fills it.

`VALUES` is the table of docs/hl7-results.md; a test holds the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from dicom_gateway.connectors.hl7.facts import EVENT, PROCEDURE, STEP, THUMBNAIL, Place
from dicom_gateway.core.model import Code

ORDER_STATUS: Final = {  # HL7 table 0038
    "SCHEDULED": "SC",
    "ARRIVED": "SC",
    "READY": "SC",
    "STARTED": "IP",
    "COMPLETED": "CM",
    "DISCONTINUED": "DC",
    "CANCELED": "CA",
}
_SEX: Final = {"M": "M", "F": "F", "O": "O"}


@dataclass(frozen=True, slots=True)
class Value:
    """A name that templates may use: where, what it is, what fills it. `otherwise`: it is a field as it was sent to us,
    escaped already, and this template stands in where there was none."""

    scope: str
    meaning: str
    of: Callable[[Place], str]
    otherwise: str | None = None


def _moment(iso: str | None, zone: ZoneInfo) -> str:
    """Return an instant as HL7's TS, in the practice's time with its offset."""
    if not iso:
        return ""
    return datetime.fromisoformat(iso.replace("Z", "+00:00")).astimezone(zone).strftime("%Y%m%d%H%M%S%z")


def _name(component: int) -> Callable[[Place], str]:
    """Return what gives a component of the patient's name (PS3.5 6.2.1.1), of its first group that has any."""

    def of(place: Place) -> str:
        groups = place.patient.name.split("=") if place.patient else []
        group = next((one for one in groups if one.strip("^ ")), "")
        components = group.split("^")
        return components[component].strip() if component < len(components) else ""

    return of


def _event(part: str, name: str) -> Callable[[Place], str]:
    def of(place: Place) -> str:
        value = place.known.part(part).get(name)
        return "" if value is None else str(value)

    return of


def _accession(place: Place) -> str:
    return _event("order", "accession_number")(place)


def _filler(place: Place) -> str:
    order = place.known.order
    return (order.filler_order_number if order else "") or _accession(place)


def _code(place: Place) -> Code:
    found = place.procedure.code if place.procedure else None
    return found or Code("", "")


def _step_code(place: Place) -> Code:
    step = place.of_step
    return step.protocol_codes[0] if step and step.protocol_codes else Code("", "")


def _step_text(place: Place) -> str:
    step = place.of_step
    return (step.description if step else "") or _step_code(place).meaning


def _procedure_text(place: Place) -> str:
    said = place.procedure.description if place.procedure else ""
    return said or _code(place).meaning or _step_text(place) or _modality(place)


def _procedure_id(place: Place) -> str:
    procedure = place.procedure
    return (procedure.original_id or procedure.id) if procedure else ""


def _step_id(place: Place) -> str:
    step = place.of_step
    return (step.original_id or step.id) if step else ""


def _modality(place: Place) -> str:
    step = place.of_step
    return step.modality if step else _event("study", "modality")(place)


def _status(place: Place) -> str:
    return ORDER_STATUS.get(_event("order", "status")(place), "")


def _birth_date(place: Place) -> str:
    born = place.patient.birth_date if place.patient else None
    return born.strftime("%Y%m%d") if born else ""


def _thumbnail(place: Place) -> str:
    return str((place.instance.get("thumbnail") or {}).get("data") or "")


def _patient_id(place: Place) -> str:
    return place.patient.id if place.patient else _event("patient", "id")(place)


def _patient_issuer(place: Place) -> str:
    return place.patient.issuer if place.patient else _event("patient", "issuer")(place)


def _sent(name: str) -> Callable[[Place], str]:
    return lambda place: place.sent(name)


def _sent_patient(name: str) -> Callable[[Place], str]:
    return lambda place: place.known.sent.patient.get(name, "")


VALUES: Final[Mapping[str, Value]] = {
    "event_id": Value(EVENT, "the id of the event", lambda at: str(at.known.event["id"])),
    "event_type": Value(EVENT, "the type of the event", lambda at: str(at.known.event["type"])),
    "occurred_at": Value(EVENT, "when it occurred", lambda at: _moment(at.known.event["occurred_at"], at.known.zone)),
    "order_status": Value(EVENT, "status of the order as ORC-5 has it: SC, IP, CM, DC, CA", _status),
    "placer_number": Value(EVENT, "placer order number", _event("order", "placer_order_number")),
    "filler_number": Value(EVENT, "filler order number; the accession number where the PMS gave none", _filler),
    "accession_number": Value(EVENT, "accession number, as the PMS sent it", _accession),
    "patient_id": Value(EVENT, "patient id", _patient_id),
    "patient_issuer": Value(EVENT, "issuer (assigning authority) of the patient id", _patient_issuer),
    "patient_family": Value(EVENT, "family name", _name(0)),
    "patient_given": Value(EVENT, "given name", _name(1)),
    "patient_middle": Value(EVENT, "middle name", _name(2)),
    "patient_prefix": Value(EVENT, "name prefix", _name(3)),
    "patient_suffix": Value(EVENT, "name suffix", _name(4)),
    "patient_birth_date": Value(EVENT, "date of birth", _birth_date),
    "patient_sex": Value(EVENT, "M, F, O or nothing", lambda at: _SEX.get(at.patient.sex if at.patient else "", "")),
    "pid_2": Value(EVENT, "PID-2 of the order's message", _sent_patient("PID-2"), ""),
    "pid_3": Value(
        EVENT,
        "PID-3 of the order's message, else patient_id and patient_issuer",
        _sent_patient("PID-3"),
        "{patient_id}^^^{patient_issuer}",
    ),
    "study_uid": Value(EVENT, "Study Instance UID of the images", _event("study", "instance_uid")),
    "study_started_at": Value(
        EVENT, "when the study began", lambda at: _moment(at.known.part("study").get("started_at"), at.known.zone)
    ),
    "images_received": Value(EVENT, "images that are here", _event("study", "received")),
    "images_expected": Value(EVENT, "images that are expected", _event("study", "expected")),
    "shortfall": Value(EVENT, "what is missing, in words", _event("study", "shortfall")),
    "study_link": Value(EVENT, "address of the study, when `web.public_url` is set", lambda at: at.known.link),
    "orc_2": Value(PROCEDURE, "ORC-2 of the order's message, else placer_number", _sent("ORC-2"), "{placer_number}"),
    "orc_3": Value(PROCEDURE, "ORC-3 of the order's message, else filler_number", _sent("ORC-3"), "{filler_number}"),
    "obr_2": Value(PROCEDURE, "OBR-2 of the order's message, else orc_2", _sent("OBR-2"), "{orc_2}"),
    "obr_3": Value(PROCEDURE, "OBR-3 of the order's message, else orc_3", _sent("OBR-3"), "{orc_3}"),
    "procedure_id": Value(PROCEDURE, "requested procedure id, as the PMS sent it", _procedure_id),
    "procedure_code": Value(PROCEDURE, "code of the procedure", lambda at: _code(at).value),
    "procedure_text": Value(PROCEDURE, "description of the procedure", _procedure_text),
    "procedure_scheme": Value(PROCEDURE, "coding scheme of the code", lambda at: _code(at).scheme),
    "procedure_study_uid": Value(
        PROCEDURE,
        "Study Instance UID that devices got",
        lambda at: at.procedure.study_instance_uid if at.procedure else "",
    ),
    "modality": Value(PROCEDURE, "modality of the first step", _modality),
    "step_id": Value(PROCEDURE, "scheduled step id, as the PMS sent it; outside of a step that of the first", _step_id),
    "step_modality": Value(STEP, "modality", _modality),
    "step_code": Value(STEP, "protocol code", lambda at: _step_code(at).value),
    "step_text": Value(STEP, "description", _step_text),
    "step_scheme": Value(STEP, "coding scheme of the protocol code", lambda at: _step_code(at).scheme),
    "step_station": Value(
        STEP, "first station AE title", lambda at: next(iter(at.step.station_ae_titles), "") if at.step else ""
    ),
    "thumbnail_base64": Value(THUMBNAIL, "the JPEG", _thumbnail),
    "image_uid": Value(THUMBNAIL, "SOP Instance UID", lambda at: str(at.instance.get("sop_instance_uid") or "")),
}
