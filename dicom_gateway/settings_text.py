"""The settings as text: names, what would be right, the commented gateway.toml, the table of the manual.

All of it is made from the models of settings.py, so that a new setting is in each at once. Nothing here shows a secret.
"""

import json
import re
from collections.abc import Iterator
from inspect import isclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from dicom_gateway.settings import PREFIX, Settings
from dicom_gateway.settings_values import EmptyIsNone, Form, Location

_LONGEST_VALUE = 80
_SECRETS = ((r"//.*@", "//***@"), (r"whsec_[^\s\"]+", "whsec_***"), (r"(://[^\s?]*)\?.*", r'\1?***"'))
_PLAIN = {bool: "true or false", str: "text"}

_EXAMPLES = """\
# One [[device]] table for each device that calls the gateway.
# [[device]]
# ae_title = "DX1"
# host = "192.168.1.20"
# port = 104
# modalities = ["DX"]
# allowed_from = ["192.168.1.20/32"]

# One [[hl7_source]] table for each system that sends HL7, by MLLP or as files.
# [[hl7_source]]
# name = "mypms"
# sending_application = "MYPMS"
# map = "default"

# One [[pms]] table for each target of events. A secret is whsec_ and what `openssl rand -base64 32` prints.
# [[pms]]
# name = "front-desk"
# type = "webhook"
# url = "https://pms.example.org/dicom-events"
# secret = "whsec_PUT-A-SECRET-HERE"
# sources = ["mypms"]
# thumbnails = "inline"

# [[pms]]
# name = "practice-system"
# type = "hl7"
# host = "192.168.1.30"
# port = 2575
# template = "orm"

# One [[template]] table for each procedure code whose number of images is another than the gateway thinks.
# [[template]]
# code = "D0274"
# images = 4
# label = "bitewings"
"""


def dotted(location: Location) -> str:
    """Return "device[1].ae_title" for ("device", 1, "ae_title"), control characters escaped."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".").encode("unicode_escape").decode()


def variable(location: Location) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + "__".join(str(part) for part in location).upper()


def known_locations() -> list[Location]:
    """Return each setting that has a variable: ("dicom", "port"), ..., ("device",), ("hl7_source",), ..."""
    found: list[Location] = []
    for section, field in Settings.model_fields.items():
        names = getattr(field.annotation, "model_fields", None)
        found.extend((section, name) for name in names) if names else found.append((section,))
    return found


def annotation_at(location: Location) -> Any:
    """Return the annotation of what stands at `location`, with its forms; None where there is no such setting."""
    annotation: Any = Settings
    for part in location:
        if isinstance(part, int):
            annotation = get_args(annotation)[0]
        else:
            annotation = get_type_hints(annotation, include_extras=True).get(part) if isclass(annotation) else None
    return annotation


def holds_secret(annotation: Any) -> bool:
    """Say whether a value of this annotation is or has a secret."""
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return any(holds_secret(hint) for hint in get_type_hints(annotation, include_extras=True).values())
    return annotation is SecretStr or any(holds_secret(item) for item in get_args(annotation))


def right(annotation: Any) -> str:
    """Say what a right value of this annotation looks like."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        said = next((text for item in args[1:] if (text := _said(item))), "")
        return (said or right(args[0])) + (' or ""' if EmptyIsNone in args else "")
    if origin is tuple:
        return f"a list, each item {right(args[0])}"
    if origin is Literal:
        return " or ".join(json.dumps(choice) for choice in args)
    if origin in (Union, UnionType):
        return right(args[0])
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return f"a table of {', '.join(annotation.model_fields)}"
    return _PLAIN[annotation]


def _said(item: object) -> str:
    if isinstance(item, FieldInfo):
        low, high = item.metadata
        return f"a whole number from {low.ge} to {high.le}"
    return item.text if isinstance(item, Form) else ""


def shown(value: object) -> str:
    """Return a bad value as a person may see it in a terminal or a log: short, escaped, without passwords."""
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > 2**64:
        return "a huge number"
    text = _json(value if isinstance(value, str | int | float | None) else str(value))
    for pattern, mask in _SECRETS:
        text = re.sub(pattern, mask, text)
    return text if len(text) <= _LONGEST_VALUE else f'{text[:_LONGEST_VALUE]}..."'


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.default
    for empty, text in ((None, '""'), ((), "[]"), ({}, "{}")):
        if value == empty:
            return text
    return _json(value if isinstance(value, bool | int | tuple) else str(value))


def _json(value: object) -> str:
    """Return JSON with letters as they are; only what cannot be seen is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def commented_toml() -> str:
    """Return a gateway.toml in which every setting stands as a comment with its default and its meaning."""
    head = [
        "# Settings of the DICOM gateway. A line without its leading # takes effect at the next start.",
        "# Relative paths begin at the folder of this file. A variable DICOM_GATEWAY_SECTION__NAME beats the file.",
        "",
    ]
    for section, field in Settings.model_fields.items():
        if isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            head += [f"# {field.annotation.__doc__}", f"[{section}]"]
            for name, setting in field.annotation.model_fields.items():
                head += [f"# {setting.description}", f"# {name} = {_default(setting)}"]
            head.append("")
    return "\n".join([*head, _EXAMPLES])


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for section, field in Settings.model_fields.items():
        is_list = field.default == ()
        model: Any = get_args(field.annotation)[0] if is_list else field.annotation
        for name, setting in model.model_fields.items():
            where: Location = (section,) if is_list else (section, name)
            default = "required" if setting.is_required() else f"`{_default(setting)}`"
            label = f"{section}[].{name}" if is_list else f"{section}.{name}"
            yield f"`{label}`", default, str(setting.description), f"`{variable(where)}`" + " (JSON)" * is_list


def markdown_table() -> str:
    """Return the table of all settings for the manual."""
    lines = [("Setting", "Default", "Meaning", "Environment"), ("---", "---", "---", "---"), *_rows()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
