"""A device as a document, JSON or TOML: THE check of its fields, the same for gateway.toml, the API and the database.

`parse_device` and `format_device` go there and back. Every field but the AE title may be absent.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from dicom_gateway.core.device_fields import (
    AETitle,
    CharacterSet,
    DeviceHost,
    EmptyIsNone,
    Form,
    Megabytes,
    Modality,
    Most,
    Network,
    Port,
    Seconds,
    ServiceName,
    StationName,
)
from dicom_gateway.core.devices import AnimalNames, Device, Origin, Service, Unencodable
from dicom_gateway.core.refusals import refusals
from dicom_gateway.errors import InvalidDocument, InvalidValue

READ_ONLY = frozenset({"origin"})  # what `format_device` adds; ignored when it is sent back
_OWN_WORDS = {
    "extra_forbidden": "is not a field of a device",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}


class DeviceDocument(BaseModel):
    """A device: an AE that calls the gateway."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)

    ae_title: AETitle = Field(description="AE title with which the device calls; no two devices have the same.")
    host: DeviceHost = Field(default="", description="Address of the device, when the gateway is to call it.")
    port: Port = Field(default=0, description="TCP port of the device; 0: the gateway never calls it.")
    modalities: tuple[Modality, ...] = Field(
        default=(), description="Its modalities; a step without a station goes to every device of its modality."
    )
    allowed_from: tuple[Network, ...] = Field(
        default=(), description="IP networks it may call from; empty: any address."
    )
    services: tuple[ServiceName, ...] = Field(
        default=("worklist", "mpps", "storage"),
        description="What it may use: worklist, mpps, storage; C-ECHO it always may.",
    )
    character_sets: tuple[CharacterSet, ...] = Field(
        default=(),
        description="Character sets that it reads; empty: the one that its query names, else the smallest of ASCII, "
        "ISO_IR 100 and ISO_IR 192.",
    )
    unencodable: Literal["transliterate", "refuse"] = Field(
        default="transliterate",
        description="Text that none of its character sets carries: transliterate writes it in ASCII letters, refuse "
        "fails the query.",
    )
    station_names: tuple[StationName, ...] = Field(
        default=(), description="Its station names; a step for this device alone that names none gets the first."
    )
    animal_names: Literal["owner^animal", "animal^owner"] = Field(
        default="owner^animal", description="How it writes the name of an animal: which of the two comes first."
    )
    sends_mpps: bool = Field(
        default=True, description="It ends the performed steps that it begins; if not, no study waits for their end."
    )
    hides_started: bool = Field(
        default=False, description="Started steps are not on its worklist unless it asks for their status."
    )
    quiet_seconds: Annotated[Seconds | None, EmptyIsNone] = Field(
        default=None, description="completion.quiet_seconds for its images; empty: as for all."
    )
    incomplete_after_seconds: Annotated[Seconds | None, EmptyIsNone] = Field(
        default=None, description="completion.incomplete_after_seconds for its images; empty: as for all."
    )
    associations: Annotated[Most | None, EmptyIsNone] = Field(
        default=None,
        description="Most associations at once; empty: as for all (limits.associations_per_device).",
    )
    object_mb: Annotated[Megabytes | None, EmptyIsNone] = Field(
        default=None, description="Largest object that it may send, in MB; empty: as for all (limits.object_mb)."
    )
    stock_association: bool = Field(
        default=False, description="Serve it by pynetdicom's own association: slower, for a device that needs it."
    )

    def to_device(self, origin: Origin) -> Device:
        """Return the device, configured where `origin` says."""
        changed = {
            "services": frozenset(map(Service, self.services)),
            "unencodable": Unencodable(self.unencodable),
            "animal_names": AnimalNames(self.animal_names),
        }
        lists = {
            name: tuple(dict.fromkeys(getattr(self, name)))
            for name in ("modalities", "allowed_from", "character_sets", "station_names")
        }
        return Device(**{**dict(self), **lists, **changed, "origin": origin})


def parse_device(document: object, origin: Origin = Origin.DATABASE) -> Device:
    """Return the device of a decoded document; raises InvalidDocument that names every field which is wrong."""
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if name not in READ_ONLY}
    try:
        return DeviceDocument.model_validate(document).to_device(origin)
    except ValidationError as error:
        found = error.errors()
    raise InvalidDocument([problem for details in found for problem in _problems(details)])


def format_device(device: Device) -> dict[str, Any]:
    """Return the document of a device with every field, ready for JSON, and `origin`: `file` or `database`."""
    document = {name: getattr(device, name) for name in DeviceDocument.model_fields}
    document["allowed_from"] = list(map(str, device.allowed_from))
    document["services"] = [service.value for service in Service if service in device.services]
    for name in ("modalities", "character_sets", "station_names"):
        document[name] = list(document[name])
    for name in ("unencodable", "animal_names"):
        document[name] = document[name].value
    return {**document, "origin": device.origin.value}


def _problems(details: ErrorDetails) -> Iterator[InvalidValue]:
    for problem in refusals([details], _OWN_WORDS):
        form = _form(str(details["loc"][0])) if details["type"] == "value_error" else ""
        yield InvalidValue(f"{problem}; right is {form}" if form else str(problem), problem.field)


def _form(field: str) -> str:
    """Return what a right value of a field looks like, "" where only its bounds say it."""
    return next(_forms(get_type_hints(DeviceDocument, include_extras=True).get(field)), "")


def _forms(annotation: Any) -> Iterator[str]:
    for part in get_args(annotation):
        if isinstance(part, Form):
            yield part.text
        yield from _forms(part)
