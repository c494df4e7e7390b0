"""Reads the settings from a TOML file and the environment, and says of every bad one what would be right.

The file is the one asked for, else DICOM_GATEWAY_CONFIG, else ./gateway.toml when it exists. A variable is
DICOM_GATEWAY_SECTION__NAME and beats the file; a list is JSON and replaces the file's list. One SettingsError holds a
line for each problem: name, origin, value (never a secret), what is wrong, what would be right.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dicom_gateway.errors import SettingsError
from dicom_gateway.settings import PREFIX, Settings
from dicom_gateway.settings_text import annotation_at, dotted, holds_secret, known_locations, right, shown, variable
from dicom_gateway.settings_values import Contradiction, Location

CONFIG_VARIABLE = PREFIX + "CONFIG"
DEFAULT_FILE = "gateway.toml"
_HEADER = re.compile(r"""\s*(\[\[?)\s*([\w."'-]+)\s*\]""")
_KEY = re.compile(r"""\s*([\w."'-]+)\s*=""")

WHAT = {  # pydantic's words are for programmers
    "missing": "is missing",
    "tuple_type": "is not a list",
    "model_type": "is not a table",
    "model_attributes_type": "is not a table",
    "string_type": "is not text",
    "path_type": "is not text",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_parsing_size": "is too large",
    "bool_type": "is not one of the two",
    "bool_parsing": "is not one of the two",
    "literal_error": "is not one of them",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
}


@dataclass(frozen=True, slots=True)
class _Origins:
    """Where each setting was written; `unknown` are variables that name no setting."""

    path: Path | None
    lines: Mapping[Location, int]
    variables: Mapping[Location, str]
    unknown: Mapping[Location, str]

    def variable(self, location: Location) -> str | None:
        """Return the variable that `location` was read from."""
        return next((self.variables[at] for at in _and_what_it_is_in(location) if at in self.variables), None)

    def of(self, location: Location) -> str:
        """Name the variable, or the file and the line, that holds `location` or what it is in."""
        if name := self.variable(location):
            return f"variable {name}"
        line = next((f", line {self.lines[at]}" for at in _and_what_it_is_in(location) if at in self.lines), "")
        return "default" if self.path is None else f"{self.path}{line}"


def _and_what_it_is_in(location: Location) -> Iterator[Location]:
    return (location[:length] for length in range(len(location), 0, -1))


def load_settings(config: Path | None = None) -> Settings:
    """Return the settings of `config` (or of the file found in its stead) and the environment, paths made absolute.

    Raises SettingsError: a missing or broken file, and every unknown or bad setting, one line each.
    """
    path = _find(config)
    text = "" if path is None else _read(path)
    values = {} if path is None else _parse(path, text)
    origins = _Origins(path, _lines(text), *_variables())
    settings = _validate(values, origins).relative_to(Path.cwd() if path is None else path.parent)
    _check_surroundings(settings, origins)
    settings._origin.update({dotted(at): str(path) for at in known_locations() if _is_in(at, values)})
    settings._origin.update({dotted(at): name for at, name in origins.variables.items()})
    return settings


def settings_origin(settings: Settings) -> dict[str, str]:
    """Return where each value came from: "dicom.port" -> "default", the file's path or the variable's name.

    `device`, `hl7_source`, `pms` and `template` come from one place as a whole. Settings that load_settings did not
    make are all "default".
    """
    names = [dotted(location) for location in known_locations()]
    return {name: settings._origin.get(name, "default") for name in names}


def _find(config: Path | None) -> Path | None:
    asked = os.environ.get(CONFIG_VARIABLE, "")
    path, origin = (config, "--config") if config else (Path(asked or DEFAULT_FILE), f"variable {CONFIG_VARIABLE}")
    if os.path.isfile(path):  # unlike Path.is_file, False where a folder above may not be entered
        return path.absolute()
    if config or asked:
        what = "is not a file" if os.path.exists(path) else "does not exist"
        raise SettingsError(f'{path} ({origin}) {what}; right is a settings file, which "dicom-gateway init" writes')
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows editors begin a file with a byte order mark
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise SettingsError(f'{path} is not TOML: {error}; right is, for example, host = "127.0.0.1"') from None


def _lines(text: str) -> dict[Location, int]:
    """Map what a TOML text sets to line numbers; what stands inside an inline table is found at its beginning."""
    lines: dict[Location, int] = {}
    counts: dict[Location, int] = {}
    table: Location = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = tuple(header[2].split("."))
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *(part.strip("\"'") for part in key[1].split("."))), number)
    return lines


def _variables() -> tuple[dict[Location, str], dict[Location, str]]:
    known = {variable(location): location for location in known_locations()}
    ours = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name != CONFIG_VARIABLE)
    unknown = [name for name in ours if name not in known]
    return (
        {known[name]: name for name in ours if name in known},
        {tuple(name[len(PREFIX) :].lower().split("__")): name for name in unknown},
    )


def _is_in(location: Location, values: Mapping[str, Any]) -> bool:
    section = values.get(str(location[0]))
    return section is not None and (len(location) == 1 or location[1] in section)


def _validate(values: dict[str, Any], origins: _Origins) -> Settings:
    problems = [_unknown_variable(at, name) for at, name in origins.unknown.items()]
    problems += [_unknown((name,), origins) for name in values if name not in Settings.model_fields]
    settings = None
    try:
        settings = Settings(**{name: value for name, value in values.items() if name in Settings.model_fields})
    except ValidationError as error:
        problems += [line for details in error.errors() for line in _problem_lines(details, origins)]
    if problems or settings is None:
        raise SettingsError("\n".join(problems))  # outside of the handler: pydantic's error holds the values
    return settings


def _check_surroundings(settings: Settings, origins: _Origins) -> None:
    problems = []
    try:
        settings.zone()
    except SettingsError as error:
        problems.append(str(error))
    looked_at: list[tuple[Location, Contradiction | None]] = [
        *((("hl7_source", index), source.unusable()) for index, source in enumerate(settings.hl7_source)),
        *((("pms", index), pms.unusable()) for index, pms in enumerate(settings.pms)),
    ]
    for table, found in looked_at:
        if found:
            problems.append(_line((*table, *found.location), origins, found.what, found.right))
    if problems:
        raise SettingsError("\n".join(problems))


def _line(location: Location, origins: _Origins, what: str, would_be_right: str) -> str:
    return f"{dotted(location)} ({origins.of(location)}): {what}; right is {would_be_right}"


def _problem_lines(details: ErrorDetails, origins: _Origins) -> Iterator[str]:
    location = details["loc"]
    if any(at[: len(location)] == location for at in origins.unknown):
        return  # that variable is named already
    if details["type"] == "extra_forbidden":
        yield _unknown(location, origins)
    elif details["type"] == "contradiction":
        for problem in details["ctx"]["problems"]:
            yield _line(problem.location or location, origins, problem.what, problem.right)
    else:
        yield _bad_value(details, origins)


def _bad_value(details: ErrorDetails, origins: _Origins) -> str:
    location, annotation = details["loc"], annotation_at(details["loc"])
    what = WHAT.get(details["type"]) or str(details.get("ctx", {}).get("error", details["msg"]))
    silent = details["type"] == "missing" or holds_secret(annotation)
    would_be_right = right(annotation)
    if origins.variable(location) and details["type"] == "tuple_type":
        would_be_right += ", written as JSON"
    return _line(location, origins, what if silent else f"{shown(details['input'])} {what}", would_be_right)


def _unknown(location: Location, origins: _Origins) -> str:
    """Name a setting that does not exist, and the nearest that does; never its value, which may be a secret."""
    table, key = location[:-1], str(location[-1])
    siblings = list(getattr(annotation_at(table), "model_fields", {}))
    elsewhere = [dotted(at) for at in known_locations() if len(at) > 1]
    near = [dotted((*table, name)) for name in get_close_matches(key, siblings, n=1)]
    near = near or [name for name in elsewhere if name.endswith(f".{key}")]
    near = near or get_close_matches(dotted(location), elsewhere, n=1)
    there = f"one of {', '.join(siblings)}"
    return _line(location, origins, "there is no such setting", " or ".join(near) or there)


def _unknown_variable(location: Location, name: str) -> str:
    names = [variable(at).removeprefix(PREFIX) for at in known_locations()]
    asked = name[len(PREFIX) :].upper()
    near = [other for other in names if other.startswith(f"{asked}__")] or get_close_matches(asked, names, n=1)
    would_be_right = f"{PREFIX}{near[0]}" if near else f"{PREFIX}SECTION__NAME, for example {PREFIX}DICOM__PORT"
    return f"{dotted(location)} (variable {name}): there is no such setting; right is {would_be_right}"
