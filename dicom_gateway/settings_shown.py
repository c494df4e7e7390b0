"""Every setting as the page shows it to an administrator: its value, and where that was set. Secrets never.

Lists of tables (`device`, `hl7_source`, `pms`, `template`) are taken apart: each value of each table has a line.
"""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from dicom_gateway.core.health_answer import ShownSetting
from dicom_gateway.core.local_settings import LocalKind
from dicom_gateway.settings import Settings
from dicom_gateway.settings_loading import settings_origin
from dicom_gateway.settings_local import PAGE, is_local
from dicom_gateway.settings_text import annotation_at, dotted, holds_secret, known_locations, shown, variable
from dicom_gateway.settings_values import Location

DEFAULT = "default"
HIDDEN = "***"
_KINDS = {"pms": LocalKind.PMS, "hl7_source": LocalKind.HL7_SOURCE}


def settings_shown(settings: Settings) -> list[ShownSetting]:
    """Return every setting, in the order of the manual."""
    origins = settings_origin(settings)
    in_file = _file(origins)
    found: list[ShownSetting] = []
    for location in known_locations():
        value, origin = _at(settings, location), origins[dotted(location)]
        if origin == variable(location) and location[-1] in ("port", "tls_port"):
            origin = _who_set_port(location, value, in_file, origin)
        found += (
            _tables(settings, location, value, origin)
            if len(location) == 1 and value
            else [_row(location, value, origin)]
        )
    return found


def _at(settings: Settings, location: Location) -> Any:
    found: Any = settings
    for part in location:
        found = getattr(found, str(part))
    return found


def _row(location: Location, value: Any, origin: str) -> ShownSetting:
    return ShownSetting(dotted(location), _text(location, value), origin == DEFAULT, origin)


def _tables(settings: Settings, location: Location, tables: Any, origin: str) -> Iterator[ShownSetting]:
    for index, table in enumerate(tables):
        place = _place(settings, str(location[0]), table, origin)
        for field, model in type(table).model_fields.items():
            inner, value = (*location, index, field), getattr(table, field)
            is_own = not model.is_required() and value == model.default
            yield _row(inner, value, DEFAULT if is_own else place)


def _place(settings: Settings, section: str, table: Any, origin: str) -> str:
    """Return where one table of a list was set; `origin` may name two places."""
    kind = _KINDS.get(section)
    if kind is not None and is_local(settings, kind, table.name):
        return PAGE
    return origin.removesuffix(f" and {PAGE}")


def _text(location: Location, value: Any) -> str:
    if value in (None, "", (), {}):
        return ""
    if isinstance(value, SecretStr) or holds_secret(annotation_at(location)):
        return HIDDEN
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_plain(item)}" for name, item in value.items())
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = shown(value)  # without passwords and signing secrets, however long
    return text[1:-1] if text.startswith('"') and text.endswith('"') else text


def _file(origins: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the settings file that any value came from and what it holds now; "" and {} without one."""
    for origin in sorted(set(origins.values())):
        try:
            if os.path.isabs(origin):
                return origin, tomllib.loads(Path(origin).read_text("utf-8-sig"))
        except (OSError, ValueError):
            continue
    return "", {}


def _who_set_port(location: Location, value: Any, in_file: tuple[str, dict[str, Any]], origin: str) -> str:
    """Return where a port was set. The supervisor names each port that it has bound in a variable, so that of itself
    a variable says nothing."""
    path, values = in_file
    section, name = map(str, location)
    table = values.get(section)
    if isinstance(table, dict) and table.get(name) == value:
        return path
    section_model: Any = Settings.model_fields[section].annotation
    return DEFAULT if value == section_model.model_fields[name].default else origin
