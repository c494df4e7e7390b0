"""The order as JSON: what a PMS sends, checked field by field, and what it gets back.

Lengths are those of the DICOM attribute that will carry the value (PS3.5 6.2); nothing is ever cut. An id that is
too long for SH is not refused: a short one is minted and the original kept (core/orders.py).
"""

import re
from datetime import date, datetime, time
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from dicom_gateway.core.identifiers import (
    LO_LENGTH,
    PN_GROUP_LENGTH,
    SH_LENGTH,
    has_control_characters,
    has_leading_zero,
    is_ae_title,
    is_uid,
)
from dicom_gateway.core.local_time import localise
from dicom_gateway.core.model import Code, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.teeth import parse_teeth
from dicom_gateway.errors import InvalidDocument, InvalidValue

_UID = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))*", re.ASCII)  # PS3.5 9.1; what a device sends is taken as it is
_ISO_DATE = re.compile(r"(?:1[5-9]|2\d)\d\d-\d\d-\d\d")  # from 1500 to 2999


def _plain(value: str) -> str:
    value = value.strip()
    if has_control_characters(value):
        raise ValueError("must not hold control characters")
    if "\\" in value:
        raise ValueError("must not hold a backslash, which separates values in DICOM")
    return value


def _person_name(value: str) -> str:
    groups = _plain(value).split("=")
    if len(groups) > 3:
        raise ValueError("a person name has at most three component groups, separated by =")
    if any(len(group) > PN_GROUP_LENGTH for group in groups):
        raise ValueError(f"each component group of a person name has at most {PN_GROUP_LENGTH} characters")
    if any(group.count("^") > 4 for group in groups):
        raise ValueError("a person name has at most five components, separated by ^")
    return value.strip() if value.strip("=^ ") else ""  # separators alone are no name


def _uid(value: str) -> str:
    value = value.strip()
    if value and has_leading_zero(value):
        raise ValueError("must be a UID without needless zeros: 1.02 is not allowed, 1.2 and 1.0 are")
    if value and not (is_uid(value) and _UID.fullmatch(value)):
        raise ValueError("must be a UID: at most 64 characters, numbers separated by single dots")
    return value


def _ae_title(value: str) -> str:
    value = value.strip()
    if not is_ae_title(value):
        raise ValueError("must be an AE title: 1 to 16 characters without backslash")
    return value


def _code_string(value: str) -> str:
    value = value.strip()
    if not (1 <= len(value) <= SH_LENGTH) or not all(
        c.isascii() and (c.isupper() or c.isdigit() or c in " _") for c in value
    ):
        raise ValueError("must be a DICOM code such as DX: 1 to 16 capital letters, digits, spaces or underscores")
    return value


def _iso_date(value: object) -> object:
    """Let through a date as text only: pydantic takes a number as seconds since 1970."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or _ISO_DATE.fullmatch(value.strip()) is None:
        raise ValueError("must be a date such as 2019-05-01")
    return value.strip()


def _none_is_empty(value: object) -> object:
    return "" if value is None else value


def _none_is_no_item(value: object) -> object:
    return () if value is None else value


Text = Annotated[str, Field(max_length=LO_LENGTH), AfterValidator(_plain), BeforeValidator(_none_is_empty)]
ShortText = Annotated[str, Field(max_length=SH_LENGTH), AfterValidator(_plain), BeforeValidator(_none_is_empty)]
AnyId = Annotated[str, Field(max_length=200), AfterValidator(_plain), BeforeValidator(_none_is_empty)]
PersonName = Annotated[str, Field(max_length=194), AfterValidator(_person_name), BeforeValidator(_none_is_empty)]
Uid = Annotated[str, AfterValidator(_uid), BeforeValidator(_none_is_empty)]
NoneIsNoItem = BeforeValidator(_none_is_no_item)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=4096, allow_inf_nan=False)
    read_only: ClassVar[frozenset[str]] = frozenset()  # what an answer adds; ignored when it is sent back

    @model_validator(mode="before")
    @classmethod
    def _without_read_only(cls, value: Any) -> Any:
        if isinstance(value, dict) and cls.read_only & value.keys():
            return {key: item for key, item in value.items() if key not in cls.read_only}
        return value


class CodeDocument(_Document):
    """A coded concept."""

    value: Annotated[ShortText, Field(min_length=1)]
    scheme: Annotated[ShortText, Field(min_length=1)]
    meaning: Text = ""

    def to_code(self) -> Code:
        """Return the core value."""
        return Code(self.value, self.scheme, self.meaning)


class OtherIdDocument(_Document):
    """Another identifier of the patient."""

    id: Annotated[Text, Field(min_length=1)]
    type: ShortText = ""
    issuer: Text = ""


class PatientDocument(_Document):
    """A person or an animal."""

    id: Annotated[Text, Field(min_length=1)]
    issuer: Text = ""
    name: Annotated[PersonName, Field(min_length=1, description="DICOM person name, for example Doe^Rex")]
    birth_date: Annotated[date | None, BeforeValidator(_iso_date)] = None
    sex: Literal["M", "F", "O", ""] = ""
    weight_kg: Annotated[float, Field(gt=0, lt=100_000)] | None = None
    size_m: Annotated[float, Field(gt=0, lt=100)] | None = None
    species: Text = ""
    breed: Text = ""
    neutered: bool | None = None
    responsible_person: PersonName = ""
    responsible_organization: Text = ""
    other_ids: Annotated[tuple[OtherIdDocument, ...], NoneIsNoItem, Field(max_length=50)] = ()
    medical_alerts: Annotated[tuple[Text, ...], NoneIsNoItem, Field(max_length=50)] = ()
    allergies: Annotated[tuple[Text, ...], NoneIsNoItem, Field(max_length=50)] = ()
    special_needs: Text = ""
    state: Text = ""
    pregnancy_status: Annotated[int, Field(ge=1, le=4)] | None = None

    @field_validator("sex", mode="before")
    @classmethod
    def _sex(cls, value: object) -> object:
        return "" if value is None else value

    def to_patient(self) -> Patient:
        """Return the core value."""
        fields = self.model_dump(exclude={"other_ids"})
        return Patient(**fields, other_ids=tuple(OtherPatientID(**item.model_dump()) for item in self.other_ids))


class StepDocument(_Document):
    """One scheduled procedure step."""

    read_only = frozenset({"original_id"})
    id: AnyId = ""
    modality: Annotated[str, AfterValidator(_code_string)]
    station_ae_titles: Annotated[
        tuple[Annotated[str, AfterValidator(_ae_title)], ...], NoneIsNoItem, Field(max_length=32)
    ] = ()
    start: Annotated[
        datetime | date,
        Field(description="local in the practice's zone without an offset; a date alone is its first moment"),
    ]
    description: Text = ""
    performer: PersonName = ""
    station_name: ShortText = ""
    location: ShortText = ""
    protocol_codes: Annotated[tuple[CodeDocument, ...], NoneIsNoItem, Field(max_length=32)] = ()
    teeth: Annotated[tuple[str, ...], NoneIsNoItem, Field(max_length=52)] = ()
    tooth_system: Literal["fdi", "universal"] = "fdi"
    expected_instances: Annotated[int, Field(ge=0, le=100_000)] | None = None
    status: Annotated[
        ShortText, Field(description="CANCELED cancels the step, as leaving it out does; anything else is ignored")
    ] = ""

    @field_validator("start", mode="before")
    @classmethod
    def _start(cls, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError('must be a text such as "2026-11-23T10:15:00"')
        text = value.strip()
        try:
            day = date.fromisoformat(text) if len(text) == 10 else None
            moment = datetime.combine(day, time()) if day else datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("must be a date and time such as 2026-11-23T10:15:00, or a date") from None
        if not 1900 <= moment.year <= 2999:
            raise ValueError("must be a year from 1900 to 2999")
        return moment.replace(microsecond=0)

    @field_validator("tooth_system", mode="before")
    @classmethod
    def _tooth_system(cls, value: object) -> object:
        return "fdi" if value is None else value

    def to_step(self, zone: ZoneInfo) -> ScheduledStep:
        """Return the core value; `start` is read in `zone` unless it has an offset."""
        assert isinstance(self.start, datetime)
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
            expected_instances=self.expected_instances,
            status=StepStatus.CANCELED if self.status == StepStatus.CANCELED else StepStatus.SCHEDULED,
        )


class ProcedureDocument(_Document):
    """One requested procedure: one study."""

    read_only = frozenset({"original_id"})
    id: AnyId = ""
    code: CodeDocument | None = None
    description: Text = ""
    study_instance_uid: Uid = ""
    steps: Annotated[tuple[StepDocument, ...], Field(min_length=1, max_length=50)]


class OrderDocument(_Document):
    """An order: one patient, one or more requested procedures with their steps."""

    read_only = frozenset({"id", "status", "version", "created_at", "original_accession_number"})

    source: Annotated[Text, Field(min_length=1, description="the system that sends the order")]
    placer_order_number: Annotated[AnyId, Field(min_length=1)]
    filler_order_number: AnyId = ""
    accession_number: AnyId = ""
    priority: Literal["STAT", "HIGH", "ROUTINE", "MEDIUM", "LOW"] = "ROUTINE"
    referring_physician: PersonName = ""
    requesting_physician: PersonName = ""
    reason: Text = ""
    admission_id: Text = ""
    confidentiality: Text = ""
    patient: PatientDocument
    procedures: Annotated[tuple[ProcedureDocument, ...], Field(min_length=1, max_length=50)]

    @field_validator("priority", mode="before")
    @classmethod
    def _priority(cls, value: object) -> object:
        return "ROUTINE" if value is None else value


def parse_order(document: object, zone: ZoneInfo) -> Order:
    """Return the order that a decoded JSON `document` describes, nothing minted yet.

    Raises InvalidDocument with every field that cannot be taken.
    """
    try:
        parsed = OrderDocument.model_validate(document)
    except ValidationError as error:
        raise InvalidDocument(invalid_values(error)) from None
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
                study_instance_uid=procedure.study_instance_uid,
                steps=tuple(steps),
            )
        )
    if errors:
        raise InvalidDocument(errors)
    flat = parsed.model_dump(exclude={"patient", "procedures"})
    return Order(**flat, patient=parsed.patient.to_patient(), procedures=tuple(procedures))


def invalid_values(error: ValidationError) -> list[InvalidValue]:
    """Return what pydantic found, each with its dotted field."""
    found = error.errors(include_url=False)
    inside = {item["loc"][:n] for item in found for n in range(len(item["loc"]))}
    # A list whose item is wrong counts as too short as well; the item's own error says it all.
    return [_invalid(item) for item in found if item["type"] != "too_short" or item["loc"] not in inside]


def _invalid(item: Any) -> InvalidValue:
    field = ""
    for part in item["loc"]:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    message = str(item["msg"]).removeprefix("Value error, ")
    return InvalidValue(_WORDS.get(item["type"], message), field)


_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of an order",
    "model_type": "must be a JSON object",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
