"""The order as the API shows it: the body that was sent, completed by everything minted. It can be sent back."""

from collections.abc import Mapping
from typing import Any

from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.model import Code, Order, Patient, RequestedProcedure, ScheduledStep

ServedTo = Mapping[str, list[dict[str, Any]]]  # step id -> which devices it went to, as the API shows them


def order_document(order: Order, served: ServedTo | None = None) -> dict[str, Any]:
    """Return the order as the API shows it: the body that was sent, completed by everything minted, and by which
    devices each step was `served` to."""
    return {
        "id": order.id,
        "status": order.status.value,
        "version": order.version,
        "created_at": iso_utc(order.created_at),
        "source": order.source,
        "placer_order_number": order.placer_order_number,
        "filler_order_number": order.filler_order_number or None,
        "accession_number": order.accession_number,
        "original_accession_number": order.original_accession_number or None,
        "accession_number_issuer": order.accession_number_issuer or None,
        "priority": order.priority,
        "referring_physician": order.referring_physician or None,
        "requesting_physician": order.requesting_physician or None,
        "reason": order.reason or None,
        "admission_id": order.admission_id or None,
        "admission_id_issuer": order.admission_id_issuer or None,
        "patient_location": order.patient_location or None,
        "institution": order.institution or None,
        "department": order.department or None,
        "confidentiality": order.confidentiality or None,
        "patient": _patient_document(order.patient),
        "procedures": [_procedure_document(procedure, served or {}) for procedure in order.procedures],
    }


def _patient_document(patient: Patient) -> dict[str, Any]:
    return {
        "id": patient.id,
        "issuer": patient.issuer or None,
        "name": patient.name,
        "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
        "sex": patient.sex or None,
        "weight_kg": patient.weight_kg,
        "size_m": patient.size_m,
        "species": patient.species or None,
        "species_code": _code_document(patient.species_code),
        "breed": patient.breed or None,
        "breed_codes": [_code_document(code) for code in patient.breed_codes],
        "breed_registrations": [
            {"number": one.number, "registry": one.registry or None, "registry_code": _code_document(one.registry_code)}
            for one in patient.breed_registrations
        ],
        "neutered": patient.neutered,
        "responsible_person": patient.responsible_person or None,
        "responsible_person_role": patient.responsible_person_role or None,
        "responsible_organization": patient.responsible_organization or None,
        "other_ids": [
            {"id": other.id, "type": other.type or None, "issuer": other.issuer or None} for other in patient.other_ids
        ],
        "medical_alerts": list(patient.medical_alerts),
        "allergies": list(patient.allergies),
        "special_needs": patient.special_needs or None,
        "state": patient.state or None,
        "pregnancy_status": patient.pregnancy_status,
        "languages": list(patient.languages),
        "comments": patient.comments or None,
    }


def _procedure_document(procedure: RequestedProcedure, served: ServedTo) -> dict[str, Any]:
    return {
        "id": procedure.id,
        "original_id": procedure.original_id or None,
        "code": _code_document(procedure.code),
        "description": procedure.description or None,
        "comments": procedure.comments or None,
        "transport": procedure.transport or None,
        "study_instance_uid": procedure.study_instance_uid,
        "steps": [_step_document(step, served.get(step.id, [])) for step in procedure.steps],
    }


def _step_document(step: ScheduledStep, served: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": step.id,
        "original_id": step.original_id or None,
        "status": step.status.value,
        "modality": step.modality,
        "station_ae_titles": list(step.station_ae_titles),
        "start": step.start.isoformat(),
        "description": step.description or None,
        "performer": step.performer or None,
        "station_name": step.station_name or None,
        "location": step.location or None,
        "protocol_codes": [_code_document(code) for code in step.protocol_codes],
        "teeth": list(step.teeth),
        "pre_medication": step.pre_medication or None,
        "contrast_agent": step.contrast_agent or None,
        "expected_instances": step.expected_instances,
        "served": served,
    }


def _code_document(code: Code | None) -> dict[str, Any] | None:
    return {"value": code.value, "scheme": code.scheme, "meaning": code.meaning or None} if code else None
