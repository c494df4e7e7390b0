"""Devices as Orthanc's configuration has them: the entries of DicomModalities, an array or an object each.

An array is AE title, host, port and perhaps a manufacturer; an object has AET, Host, Port and what is allowed. The JSON
has comments. What a device cannot take over is left out and named, with the reason.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from dicom_gateway.core.device_document import parse_device
from dicom_gateway.core.devices import Device, Service
from dicom_gateway.core.identifiers import printable
from dicom_gateway.errors import InvalidDocument, InvalidValue

LONGEST_NAME = 64
_TEXT = r'"(?:\\.|[^"\\])*"'
_COMMENT = re.compile(rf"({_TEXT})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"({_TEXT})|,(?=\s*[}}\]])", re.DOTALL)
_ARRAY = ("AET", "Host", "Port", "Manufacturer")
_FIELDS = {"ae_title": "AET", "host": "Host", "port": "Port"}  # ours -> Orthanc's
_MAY = (  # what lets a device use a service; what lets every device, and Orthanc's value of that when it is not there
    (Service.WORKLIST, "AllowFindWorklist", "DicomAlwaysAllowFindWorklist", False),
    (Service.STORAGE, "AllowStore", "DicomAlwaysAllowStore", True),
)
_NO_SERVICE = "the gateway has no such service"
_LEFT_OUT: dict[str, tuple[object, str]] = {  # with which value nothing is lost, else why it is left out
    "Manufacturer": ("Generic", "what is special about a device has options of its own here"),
    "AllowEcho": (True, "C-ECHO is always allowed"),
    "AllowFind": (False, _NO_SERVICE),
    "AllowGet": (False, _NO_SERVICE),
    "AllowMove": (False, _NO_SERVICE),
    "AllowStorageCommitment": (False, _NO_SERVICE),
    "AllowNAction": (False, _NO_SERVICE),
    "AllowNEventReport": (False, _NO_SERVICE),
    "RetrieveMethod": ("SystemDefault", _NO_SERVICE),
    "AllowTranscoding": (True, "objects are kept as they come"),
    "UseDicomTls": (False, "the gateway calls devices without TLS"),
    "LocalAet": ("", "the gateway has one AE title for all"),
    "Timeout": (0, "deadlines are settings, the same for all"),
}
_TAKEN = frozenset(("AET", "Host", "Port", *(name for _, name, _, _ in _MAY)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One modality by its name in Orthanc: the device that it becomes, None for none, and what was left out, with the
    reason."""

    name: str
    device: Device | None
    left_out: tuple[str, ...] = ()


def read_modalities(text: str) -> list[Entry]:
    """Return the entries of a whole configuration, of its DicomModalities, or of what GET /modalities?expand answers;
    raises InvalidValue for what is none of these."""
    configuration = _decoded(text)
    modalities = configuration.get("DicomModalities", configuration)
    if not isinstance(modalities, dict):
        raise InvalidValue("DicomModalities must be an object: a name for each modality")
    if modalities is configuration and not any(map(_is_entry, modalities.values())):
        raise InvalidValue("this has no DicomModalities")
    found: list[Entry] = []
    names: dict[str, str] = {}  # by AE title
    for name, value in modalities.items():
        entry = _entry(printable(name, LONGEST_NAME), value, configuration)
        if entry.device and entry.device.ae_title in names:
            other = names[entry.device.ae_title]
            entry = Entry(
                entry.name, None, (f"{other} has the AE title {entry.device.ae_title} too, and AE titles are unique",)
            )
        elif entry.device:
            names[entry.device.ae_title] = entry.name
        found.append(entry)
    return found


def _decoded(text: str) -> dict[str, Any]:
    plain = _TRAILING_COMMA.sub(r"\1", _COMMENT.sub(lambda found: found[1] or " ", text.removeprefix("\ufeff")))
    if plain.lstrip().startswith('"'):  # the one section, cut out of its file
        plain = f"{{{plain.strip().rstrip(',')}}}"
    try:
        value = json.loads(plain)
    except RecursionError:
        raise InvalidValue("this is nested too deep") from None
    except json.JSONDecodeError as error:
        raise InvalidValue(f"this is not JSON: {error.msg} near {printable(plain[error.pos :][:30])!r}") from None
    if not isinstance(value, dict):
        raise InvalidValue("this is not a configuration of Orthanc: it must be a JSON object")
    return value


def _is_entry(value: object) -> bool:
    return (isinstance(value, list) and len(value) in (3, 4)) or (isinstance(value, dict) and "AET" in value)


def _entry(name: str, value: object, configuration: Mapping[str, Any]) -> Entry:
    if isinstance(value, list) and len(value) in (3, 4):
        value = dict(zip(_ARRAY, value, strict=False))
    if not isinstance(value, dict):
        return Entry(name, None, ("it must be an array [AE title, host, port] or an object with AET, Host and Port",))
    unfilled = [key for key in _TAKEN & value.keys() if isinstance(value[key], str) and "${" in value[key]]
    if unfilled:
        return Entry(name, None, (f"{', '.join(sorted(unfilled))} is a variable, which only Orthanc fills in",))
    services, left_out = _services(value, configuration)
    if not services & {Service.WORKLIST, Service.STORAGE}:
        return Entry(name, None, ("it may neither ask for a worklist nor send images: no imaging device",))
    networks, why_any = _networks(value, configuration)
    document = {ours: value[theirs] for ours, theirs in _FIELDS.items() if theirs in value}
    try:
        device = parse_device(
            {**document, "allowed_from": networks, "services": [one for one in Service if one in services]}
        )
    except InvalidDocument as error:
        return Entry(name, None, tuple(f"{_FIELDS.get(one.field, one.field)} {one}" for one in error.errors))
    return Entry(name, device, (*left_out, *why_any, *_lost(value)))


def _services(value: Mapping[str, Any], configuration: Mapping[str, Any]) -> tuple[set[Service], list[str]]:
    """Return what a modality may use. MPPS is not Orthanc's, so everybody may; when in doubt images are taken."""
    services, left_out = set(Service), []
    for service, name, name_of_all, all_by_default in _MAY:
        if value.get(name) is not False:
            continue
        if configuration.get(name_of_all, all_by_default) is True:
            left_out.append(f"{name} false: without effect in Orthanc while {name_of_all} is true")
        else:
            services.discard(service)
    return services, left_out


def _networks(value: Mapping[str, Any], configuration: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return from where a modality may call: Orthanc looks at the address only when it is told to."""
    if configuration.get("DicomCheckModalityHost") is not True:
        return [], []
    host = str(value.get("Host", ""))
    try:
        return [str(ip_address(host))], []
    except ValueError:
        return [], ["DicomCheckModalityHost: its host is a name, so it may call from any address"]


def _lost(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a device cannot take over, by reason."""
    by_reason: dict[str, list[str]] = {}
    for key, given in value.items():
        harmless, why = _LEFT_OUT.get(key, (None, "it is not known here"))
        if key not in _TAKEN and given != harmless:
            shown = key if given is True else f"{key} {printable(json.dumps(given, ensure_ascii=False), 40)}"
            by_reason.setdefault(why, []).append(shown)
    for why, names in by_reason.items():
        yield f"{', '.join(names)}: {why}"
