"""Values of core as JSON text and back, without a hand-written line per field."""

from pydantic import TypeAdapter

from dicom_gateway.core.model import InstanceHeader, Order, Patient, PerformedStep

ORDER: TypeAdapter[Order] = TypeAdapter(Order)
PATIENT: TypeAdapter[Patient] = TypeAdapter(Patient)
PERFORMED_STEP: TypeAdapter[PerformedStep] = TypeAdapter(PerformedStep)
INSTANCE_HEADER: TypeAdapter[InstanceHeader] = TypeAdapter(InstanceHeader)


def dump_order(order: Order) -> str:
    """Return the order as JSON text."""
    return ORDER.dump_json(order).decode()


def load_order(text: str) -> Order:
    """Return the order of JSON text."""
    return ORDER.validate_json(text)


def dump_patient(patient: Patient) -> str:
    """Return the patient as JSON text."""
    return PATIENT.dump_json(patient).decode()


def load_patient(text: str) -> Patient:
    """Return the patient of JSON text."""
    return PATIENT.validate_json(text)


def dump_performed_step(performed: PerformedStep) -> str:
    """Return the performed step as JSON text."""
    return PERFORMED_STEP.dump_json(performed).decode()


def load_performed_step(text: str) -> PerformedStep:
    """Return the performed step of JSON text."""
    return PERFORMED_STEP.validate_json(text)


def dump_header(header: InstanceHeader) -> str:
    """Return the header as JSON text."""
    return INSTANCE_HEADER.dump_json(header, exclude_defaults=True).decode()


def load_header(text: str) -> InstanceHeader:
    """Return the header of JSON text."""
    return INSTANCE_HEADER.validate_json(text)
