"""What the gateway knows, as frozen values: orders and what they ask for, performed steps, studies, instances.

Names follow PS3.3 C.4 (worklist modules) and PS3.4 F (MPPS). Texts are Unicode; person names are DICOM PN strings
("Doe^Jane"). An instant is an integer: microseconds since 1970-01-01T00:00:00Z. Absent text is "".
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Self

from dicom_gateway.core.status import OrderStatus, PerformedStatus, StepStatus


class _Evolves:
    __slots__ = ()

    def evolve(self, **changes: object) -> Self:
        """Return a copy with `changes`."""
        return replace(self, **changes)  # type: ignore[type-var]


@dataclass(frozen=True, slots=True)
class Code(_Evolves):
    """A coded concept: CodeValue, CodingSchemeDesignator, CodeMeaning (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class OtherPatientID(_Evolves):
    """Another identifier of the patient, for example a microchip."""

    id: str
    type: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class BreedRegistration(_Evolves):
    """The number of an animal with a breed registry: `registry` in words, its code where one is known."""

    number: str
    registry: str = ""
    registry_code: Code | None = None


@dataclass(frozen=True, slots=True)
class Patient(_Evolves):
    """A person or an animal, identified by (issuer, id); `weight_kg` in kilograms, `size_m` in metres."""

    id: str
    name: str
    issuer: str = ""
    birth_date: date | None = None
    sex: str = ""  # M, F, O or ""
    weight_kg: float | None = None
    size_m: float | None = None
    species: str = ""
    species_code: Code | None = None
    breed: str = ""
    breed_codes: tuple[Code, ...] = ()
    breed_registrations: tuple[BreedRegistration, ...] = ()
    neutered: bool | None = None
    responsible_person: str = ""
    responsible_person_role: str = ""  # OWNER, PARENT, ... (PS3.3 C.7.1.1.1.2)
    responsible_organization: str = ""
    other_ids: tuple[OtherPatientID, ...] = ()
    medical_alerts: tuple[str, ...] = ()
    allergies: tuple[str, ...] = ()
    special_needs: str = ""
    state: str = ""
    pregnancy_status: int | None = None  # 1 not pregnant, 2 possibly, 3 definitely, 4 unknown (PS3.3 C.2.4)
    languages: tuple[str, ...] = ()  # RFC 5646 tags, the preferred one first
    comments: str = ""

    @property
    def is_animal(self) -> bool:
        """Whether something is known that only animals have."""
        return bool(
            self.species or self.species_code or self.breed or self.breed_codes or self.breed_registrations
        ) or (self.neutered is not None)


@dataclass(frozen=True, slots=True)
class ScheduledStep(_Evolves):
    """One scheduled procedure step: one line of a worklist.

    `start` is the practice's local time as served and compared; `start_utc` the instant, for order and deadlines.
    `id` is the ScheduledProcedureStepID that devices see; `original_id` what the PMS sent when that was too long.
    """

    modality: str
    start: datetime
    start_utc: int
    id: str = ""
    original_id: str = ""
    status: StepStatus = StepStatus.SCHEDULED
    station_ae_titles: tuple[str, ...] = ()
    station_name: str = ""
    location: str = ""
    description: str = ""
    performer: str = ""
    protocol_codes: tuple[Code, ...] = ()
    teeth: tuple[str, ...] = ()  # FDI
    pre_medication: str = ""
    contrast_agent: str = ""
    expected_instances: int | None = None
    inferred: bool = False  # completed without a performed step that says so


@dataclass(frozen=True, slots=True)
class RequestedProcedure(_Evolves):
    """One requested procedure: one study."""

    steps: tuple[ScheduledStep, ...]
    id: str = ""
    original_id: str = ""
    code: Code | None = None
    description: str = ""
    comments: str = ""
    transport: str = ""
    study_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class Order(_Evolves):
    """An imaging service request, identified by (source, placer order number)."""

    source: str
    placer_order_number: str
    patient: Patient
    procedures: tuple[RequestedProcedure, ...]
    id: str = ""
    status: OrderStatus = OrderStatus.SCHEDULED
    version: int = 1
    created_at: int = 0
    accession_number: str = ""
    original_accession_number: str = ""
    accession_number_issuer: str = ""
    filler_order_number: str = ""
    priority: str = "ROUTINE"  # STAT, HIGH, ROUTINE, MEDIUM, LOW (PS3.3 C.4.11)
    referring_physician: str = ""
    requesting_physician: str = ""
    reason: str = ""
    admission_id: str = ""
    admission_id_issuer: str = ""
    patient_location: str = ""
    institution: str = ""
    department: str = ""
    confidentiality: str = ""

    def steps(self) -> tuple[ScheduledStep, ...]:
        """Return all scheduled steps, in the order of their procedures."""
        return tuple(step for procedure in self.procedures for step in procedure.steps)


@dataclass(frozen=True, slots=True)
class StepReference(_Evolves):
    """Which scheduled step a device says it performs: an item of ScheduledStepAttributesSequence or
    RequestAttributesSequence."""

    study_instance_uid: str
    accession_number: str = ""
    requested_procedure_id: str = ""
    scheduled_procedure_step_id: str = ""


@dataclass(frozen=True, slots=True)
class PerformedStep(_Evolves):
    """A performed procedure step as its device reported it (PS3.4 F.7).

    `attributes` is the whole data set as DICOM JSON (PS3.18 F.2), text decoded. `marks` name what was missing or
    unusual and was accepted all the same.
    """

    sop_instance_uid: str
    status: PerformedStatus
    calling_ae_title: str
    created_at: int
    attributes: str
    references: tuple[StepReference, ...]
    patient_id: str = ""
    issuer: str = ""
    ended_at: int | None = None
    discontinuation_reason: Code | None = None
    series_instance_uids: tuple[str, ...] = ()
    image_uids: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceHeader(_Evolves):
    """What the data set of a received object says of itself; the field table is in study/metadata.py."""

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    accession_number: str = ""
    modality: str = ""
    series_number: int | None = None
    series_description: str = ""
    body_part: str = ""
    instance_number: int | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int | None = None
    view: str = ""
    laterality: str = ""
    teeth: tuple[str, ...] = ()  # FDI
    supernumerary_teeth: tuple[str, ...] = ()  # FDI number of the tooth that each stands beside
    region: str = ""
    from_text: tuple[str, ...] = ()  # which of teeth, view, region, laterality only the device's words say
    species: str = ""
    breed: str = ""
    neutered: bool | None = None
    responsible_person: str = ""
    responsible_organization: str = ""
    study_date: str = ""  # DA
    study_time: str = ""  # TM
    study_description: str = ""
    acquired_at: str = ""  # ISO 8601, local, as the device says
    station_name: str = ""
    references: tuple[StepReference, ...] = ()  # RequestAttributesSequence
    performed_step_uids: tuple[str, ...] = ()  # ReferencedPerformedProcedureStepSequence
    presentation_intent: str = ""  # FOR PRESENTATION or FOR PROCESSING
    is_quality_control: bool = False  # of a phantom, not of a patient
    is_derived: bool = False  # ImageType 1 is DERIVED
    source_uids: tuple[str, ...] = ()  # SourceImageSequence
    rejected_uids: tuple[str, ...] = ()  # what a Key Object Selection rejects
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredObject(_Evolves):
    """Where the bytes of an instance are: `name` is relative to the object store, `offset` and `length` (bytes)
    bound the data set as received, `sha256` (hex) is its hash without preamble and file meta information."""

    name: str
    transfer_syntax_uid: str
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Instance(_Evolves):
    """A received object: its header, its bytes, and how it came."""

    key: int
    header: InstanceHeader
    stored: StoredObject
    received_at: int
    calling_ae_title: str
    version: int = 1
    current: bool = True
    order_id: str = ""
    step_id: str = ""
    link_reason: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Study(_Evolves):
    """What is known of a received study. `order_id` is "" while it waits to be matched."""

    study_instance_uid: str
    order_id: str = ""
    requested_procedure_id: str = ""
    link_reason: str = ""
    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    accession_number: str = ""
    modality: str = ""
    started_at: int = 0
    last_received_at: int = 0
    reported_at: int | None = None  # study.received has been queued
    evidence: str = ""
    received: int = 0  # instances here; of a study of an order: those that belong to it
    waiting: int = 0  # instances of a study of an order that do not belong to it


@dataclass(frozen=True, slots=True)
class Thumbnail(_Evolves):
    """A small picture for people, not for diagnosis: JPEG bytes, pixels wide and high."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int
    is_tile: bool = False  # a plain labelled tile: there was nothing to decode
