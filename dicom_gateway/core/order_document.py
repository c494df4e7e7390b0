"""The order as JSON: what a PMS sends, checked field by field (order_fields.py), and the core's order that it makes.

An id that is too long for SH is not refused: a short one is minted and the original kept (core/orders.py).
"""

from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError

from dicom_gateway.core.local_time import localise
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.order_fields import (
    AeTitle,
    AnyId,
    LongText,
    Modality,
    NoneIsNoItem,
    Number,
    PersonName,
    ShortText,
    Start,
    Text,
    Tooth,
    Uid,
)
from dicom_gateway.core.patient_document import CodeDocument, Document, PatientDocument
from dicom_gateway.core.refusals import refusals
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.teeth import parse_teeth
from dicom_gateway.errors import InvalidDocument, InvalidValue

_OWN_WORDS = {"extra_forbidden": "is not a field of an order"}


class StepDocument(Document):
    """One scheduled procedure step."""

    read_only = frozenset({"original_id", "served"})
    id: AnyId = ""
    modality: Modality
    station_ae_titles: Annotated[tuple[AeTitle, ...], Field(max_length=32), NoneIsNoItem] = ()
    start: Start
    description: Text = ""
    performer: PersonName = ""
    station_name: ShortText = ""
    location: ShortText = ""
    protocol_codes: Annotated[tuple[CodeDocument, ...], Field(max_length=32), NoneIsNoItem] = ()
    teeth: Annotated[tuple[Tooth, ...], Field(max_length=52), NoneIsNoItem] = ()
    tooth_system: Annotated[
        Literal["fdi", "universal"], BeforeValidator(lambda value: "fdi" if value is None else value)
    ] = "fdi"
    pre_medication: Text = ""
    contrast_agent: Text = ""
    expected_instances: Annotated[Annotated[int, Field(ge=0, le=100_000)] | None, Number] = None
    status: ShortText = ""

    def to_step(self, zone: ZoneInfo) -> ScheduledStep:
        """Return the core value; `start` is read in `zone` unless it has an offset."""
        start, start_utc = localise(self.start, zone)
        return ScheduledStep(
            id=self.id,
            modality=self.modality,
            start=start,
            start_utc=start_utc,
            station_ae_titles=tuple(dict.fromkeys(self.station_ae_titles)),
            station_name=self.station_name,
            location=self.location,
            description=self.description,
            performer=self.performer,
            protocol_codes=tuple(code.to_code() for code in self.protocol_codes),
            teeth=parse_teeth(self.teeth, self.tooth_system),
            pre_medication=self.pre_medication,
            contrast_agent=self.contrast_agent,
            expected_instances=self.expected_instances,
            status=StepStatus.CANCELED if self.status == StepStatus.CANCELED else StepStatus.SCHEDULED,
        )


class ProcedureDocument(Document):
    """One requested procedure: one study."""

    read_only = frozenset({"original_id"})
    id: AnyId = ""
    code: CodeDocument | None = None
    description: Text = ""
    comments: LongText = ""
    transport: Text = ""
    study_instance_uid: Uid = ""
    steps: Annotated[tuple[StepDocument, ...], Field(min_length=1, max_length=50)]


class OrderDocument(Document):
    """An order: one patient, one or more requested procedures with their steps."""

    read_only = frozenset({"id", "status", "version", "created_at", "original_accession_number"})

    source: Annotated[Text, Field(min_length=1)]
    placer_order_number: Annotated[AnyId, Field(min_length=1)]
    filler_order_number: AnyId = ""
    accession_number: AnyId = ""
    accession_number_issuer: Text = ""
    priority: Annotated[
        Literal["STAT", "HIGH", "ROUTINE", "MEDIUM", "LOW"],
        BeforeValidator(lambda value: "ROUTINE" if value is None else value),
    ] = "ROUTINE"
    referring_physician: PersonName = ""
    requesting_physician: PersonName = ""
    reason: Text = ""
    admission_id: Text = ""
    admission_id_issuer: Text = ""
    patient_location: Text = ""
    institution: Text = ""
    department: Text = ""
    confidentiality: Text = ""
    patient: PatientDocument
    procedures: Annotated[tuple[ProcedureDocument, ...], Field(min_length=1, max_length=50)]


def parse_order(document: object, zone: ZoneInfo, today: date | None = None) -> Order:
    """Return the order that a decoded JSON `document` describes, nothing minted yet.

    Nobody is born after `today`, which is this machine's date in `zone` unless given. Raises InvalidDocument with
    every field that cannot be taken.
    """
    context = {"today": today or datetime.now(zone).date()}
    try:
        parsed = OrderDocument.model_validate(document, context=context)
    except ValidationError as error:
        raise InvalidDocument(refusals(error.errors(include_url=False), _OWN_WORDS)) from None
    return to_order(parsed, zone)


def to_order(parsed: OrderDocument, zone: ZoneInfo) -> Order:
    """Return the core order of a checked document; raises InvalidDocument for a tooth that does not exist."""
    errors: list[InvalidValue] = []
    procedures = []
    for p, procedure in enumerate(parsed.procedures):
        steps = []
        for s, step in enumerate(procedure.steps):
            try:
                steps.append(step.to_step(zone))
            except InvalidValue as error:
                errors.append(InvalidValue(str(error), f"procedures[{p}].steps[{s}].{error.field}"))
        code = procedure.code.to_code() if procedure.code else None
        procedures.append(
            RequestedProcedure(
                id=procedure.id,
                code=code,
                description=procedure.description,
                comments=procedure.comments,
                transport=procedure.transport,
                study_instance_uid=procedure.study_instance_uid,
                steps=tuple(steps),
            )
        )
    if errors:
        raise InvalidDocument(errors)
    flat = parsed.model_dump(exclude={"patient", "procedures"})
    if not parsed.accession_number:  # the gateway mints one, which is not the issuer's
        flat["accession_number_issuer"] = ""
    return Order(**flat, patient=parsed.patient.to_patient(), procedures=tuple(procedures))
