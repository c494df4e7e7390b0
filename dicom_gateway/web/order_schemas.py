"""What each key of an order means, sent and answered: the words beside core.order_document, which has the types.

An answer has every key: its schema is made from the same models, with what the gateway adds.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from dicom_gateway.core.order_document import OrderDocument
from dicom_gateway.core.status import OrderStatus, StepStatus
from dicom_gateway.web.json_schema import INSTANT, INTEGER, REF, Properties, Schema, list_of, nullable, record, text

WORDS: dict[str, dict[str, str]] = {
    "OrderDocument": {
        "source": "the system that sends the order; with `placer_order_number` it names the order",
        "placer_order_number": "what the PMS calls the order",
        "filler_order_number": "what the department calls the order",
        "accession_number": "minted when absent; a longer one than DICOM's 16 characters is kept, a short one minted",
        "accession_number_issuer": "who gave the accession number; ignored when one is minted",
        "priority": "for the worklist",
        "referring_physician": "a DICOM person name, for example Roe^Ann",
        "requesting_physician": "a DICOM person name",
        "reason": "why the images are wanted",
        "admission_id": "of the visit",
        "admission_id_issuer": "who gave it",
        "patient_location": "where the patient is now, in words",
        "institution": "where the images are made, in words",
        "department": "of the institution, in words",
        "confidentiality": "a constraint on the data, in words",
        "patient": "cannot become another one: `id` and `issuer` stay",
        "procedures": "each is one study",
    },
    "PatientDocument": {
        "id": "as the PMS knows the patient",
        "issuer": "who gave the id; with `id` it names the patient",
        "name": "a DICOM person name, for example Doe^Rex",
        "birth_date": "from 1850 to today",
        "sex": "M, F or O (other)",
        "weight_kg": "kilograms",
        "size_m": "metres",
        "species": "of an animal: an everyday word (dog, Canine), a scientific name, or a code of PS3.16 CID 7454",
        "species_code": "looked up by `species` when absent; none for words that are not known",
        "breed": "of an animal: a name or a code of PS3.16 CID 7480",
        "breed_codes": "looked up by `breed` when absent; none for words that are not known",
        "breed_registrations": "numbers of an animal with breed registries",
        "neutered": "of an animal",
        "responsible_person": "an animal's owner, a child's parent; a DICOM person name",
        "responsible_person_role": "such as OWNER, PARENT or GUARDIAN; devices see OWNER for an animal without one",
        "responsible_organization": "such as a shelter",
        "other_ids": "further identifiers, for example a microchip",
        "medical_alerts": "shown on devices that ask for them",
        "allergies": "shown on devices that ask for them",
        "special_needs": "in words",
        "state": "of the patient, in words",
        "pregnancy_status": "1 not pregnant, 2 possibly, 3 definitely, 4 unknown",
        "languages": "tags such as de or fr-CH (RFC 5646), the preferred one first",
        "comments": "for the operator, in words",
    },
    "OtherIdDocument": {
        "id": "the identifier",
        "type": "what kind it is: microchip, tattoo, barcode, or other words",
        "issuer": "who gave it",
    },
    "BreedRegistrationDocument": {
        "number": "of the animal in the registry",
        "registry": "its name, abbreviation (AKC) or code of PS3.16 CID 7481",
        "registry_code": "looked up by `registry` when absent; none for words that are not known",
    },
    "ProcedureDocument": {
        "id": "the requested procedure's; minted when absent or longer than 16 characters",
        "code": "what is to be done, coded",
        "description": "what is to be done, in words",
        "comments": "for the operator, in words",
        "transport": "how the patient comes, in words",
        "study_instance_uid": "of the study that it becomes, without needless zeros; minted when absent",
        "steps": "what is to be done, each a line of a worklist",
    },
    "CodeDocument": {
        "value": "the code",
        "scheme": "its coding scheme, for example SCT or 99LOCAL",
        "meaning": "in words",
    },
    "StepDocument": {
        "id": "the scheduled procedure step's; minted when absent or longer than 16 characters",
        "modality": "a DICOM code, for example DX, IO, PX, US or CT",
        "station_ae_titles": "the devices that may do it; when absent, all configured ones of its modality",
        "start": "local in the practice's zone, or with an offset, then converted; a date alone is its first moment",
        "description": "what is to be done, in words",
        "performer": "who is to do it; a DICOM person name",
        "station_name": "of the device, in words",
        "location": "where, in words",
        "protocol_codes": "how it is to be done, coded",
        "teeth": "FDI numbers, or as `tooth_system` says",
        "tooth_system": "of `teeth`; answers are FDI",
        "pre_medication": "to be given before, in words",
        "contrast_agent": "to be given, in words",
        "expected_instances": "how many images it makes, where that is known",
        "status": "CANCELED cancels the step, as leaving it out does; anything else is ignored",
    },
}
_ORIGINAL = "what was sent for `{}` when that was too long for DICOM"
_ADDED: dict[str, Properties] = {  # by what an answer adds, or says otherwise than a body
    "OrderDocument": {
        "id": (text(32), "the gateway's, for `/api/v1/orders/{id}`"),
        "status": (text(choices=OrderStatus), "follows from the steps"),
        "version": (INTEGER, "one more with each change"),
        "created_at": (INSTANT, "when the order was first taken"),
        "accession_number": (text(16), "as devices see it"),
        "original_accession_number": (nullable(text(200)), _ORIGINAL.format("accession_number")),
    },
    "ProcedureDocument": {
        "id": (text(16), "the requested procedure's, as devices see it"),
        "original_id": (nullable(text(200)), _ORIGINAL.format("id")),
        "study_instance_uid": (text(64), "of the study that it becomes"),
    },
    "StepDocument": {
        "id": (text(16), "the scheduled procedure step's, as devices see it"),
        "original_id": (nullable(text(200)), _ORIGINAL.format("id")),
        "status": (text(choices=StepStatus), "where the step stands"),
        "start": ({"type": "string", "examples": ["2026-11-23T10:15:00"]}, "local in the practice's zone"),
        "teeth": ({"type": "array", "items": text(2)}, "FDI numbers"),
        "served": (list_of("ServedTo"), "the devices whose worklist it was on, the first one first"),
    },
}
_NEVER_ANSWERED = frozenset({"tooth_system"})
_NEVER_NULL = frozenset({"priority"})
_NOTES = frozenset({"title", "description", "default"})


def order_schemas() -> dict[str, Schema]:
    """Return the schemas of what is sent and, without "Document" in their names, of what is answered."""
    _, described = models_json_schema([(OrderDocument, "validation")], ref_template=REF)
    sent: dict[str, Schema] = described["$defs"]
    for name, schema in sent.items():
        required = schema.get("required", ())
        for field, found in schema["properties"].items():
            found["description"] = WORDS[name][field]
            if field not in required:
                schema["properties"][field] = _or_null(found)
    return sent | {_answered_name(name): _answer(name, schema) for name, schema in sent.items()}


def _answered_name(name: str) -> str:
    return name.removesuffix("Document")


def _or_null(field: Schema) -> Schema:
    """Return the schema of an optional field: null says the same as leaving it out."""
    inner = {key: value for key, value in field.items() if key not in _NOTES}
    return {**nullable(inner), **{key: value for key, value in field.items() if key in _NOTES}}


def _answer(name: str, schema: Schema) -> Schema:
    properties: Properties = {}
    for field, found in schema["properties"].items():
        if field not in _NEVER_ANSWERED:
            properties[field] = (_answered(field, found), found["description"])
    added = _ADDED.get(name, {})
    return record(schema["description"], added | properties | added)


def _answered(field: str, found: Schema) -> Schema:
    """Return the schema of an answered field: a list is always there, absent text is null."""
    inner = {key: value for key, value in found.items() if key not in _NOTES}
    choices = inner.get("anyOf", [inner])
    if field in _NEVER_NULL or any(choice.get("type") == "array" for choice in choices):
        inner = next(choice for choice in choices if choice != {"type": "null"})
    renamed: Schema = _renamed(inner)
    return renamed


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _answered_name(item) if key == "$ref" else _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value
