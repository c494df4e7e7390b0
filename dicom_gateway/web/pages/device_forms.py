"""The form of a device: its document as fields of a page, and what was filled in as a document."""

import re
from collections.abc import Mapping
from typing import Any, Final

from dicom_gateway.core.device_document import format_device
from dicom_gateway.core.devices import Device
from dicom_gateway.errors import InvalidValue
from dicom_gateway.web.pages.frame import Form, errors_by_field

_LISTS: Final = {  # field -> what stands between its values
    "modalities": r"[,;\s]+",
    "allowed_from": r"[,;\s]+",
    "character_sets": r"[,;\n]+",  # terms and station names may hold a space
    "station_names": r"[,;\n]+",
}
_TICKS: Final = ("sends_mpps", "hides_started", "stock_association")
_NUMBERS: Final = ("port", "quiet_seconds", "incomplete_after_seconds", "associations", "object_mb")
_TEXTS: Final = ("ae_title", "host", "unencodable", "animal_names")
LONGEST: Final = 2000


def split(text: str, name: str) -> list[str]:
    """Return the values of a list that was typed into one field."""
    values = [value.strip() for value in re.split(_LISTS[name], text) if value.strip()]
    return [value.upper() for value in values] if name == "modalities" else values


def document_of(form: Form) -> dict[str, Any]:
    """Return what was filled in as a device's document, for `parse_device`; raises InvalidValue for a field that is too
    long."""
    document: dict[str, Any] = {name: form.text(name, LONGEST) for name in _TEXTS if name in form.values}
    document |= {name: split(_listed(form, name), name) for name in _LISTS}
    document |= {name: form.has(name) for name in _TICKS}
    document |= {name: _number(form.text(name)) for name in _NUMBERS if form.has(name)}
    document["services"] = form.all("services")
    return document


def fields_of(device: Device) -> dict[str, Any]:
    """Return a device as the fields of its form: text, lists in one text, ticks as true or false."""
    return _shown(format_device(device))


def filled_in(form: Form) -> dict[str, Any]:
    """Return what was filled in as fields of the form, to show it again."""
    fields: dict[str, Any] = {name: "".join(form.values.get(name, ())[:1]) for name in (*_TEXTS, *_NUMBERS)}
    fields |= {name: ", ".join(form.all(name)) for name in _LISTS}
    return fields | {name: form.has(name) for name in _TICKS} | {"services": form.all("services")}


def errors_at_fields(error: Exception) -> dict[str, str]:
    """Return what is wrong by field; what is wrong with a value of a list stands at its list."""
    return {name.partition("[")[0]: text for name, text in reversed(errors_by_field(error).items())}


def _listed(form: Form, name: str) -> str:
    """Return the values of a list as one text: some are ticked, each a field of the same name, others are typed."""
    text = ", ".join(form.all(name))
    if len(text) > LONGEST:
        raise InvalidValue(f"must have at most {LONGEST} characters", name)
    return text


def _shown(document: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: "" if value is None else value for name, value in document.items()}
    return fields | {name: ", ".join(document[name]) for name in _LISTS} | {"port": document["port"] or ""}


def _number(text: str) -> int | str:
    """Return a number; what is none stays text, which `parse_device` refuses in words."""
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else text
