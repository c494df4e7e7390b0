"""The options of a command that enters a device: one for each field of its document, made from the document's model.

A list's option may be given several times; given once and empty it empties the list. What is given is checked by
core.device_document, and told in the names of the options.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, get_args, get_origin

import click

from dicom_gateway.core.device_document import DeviceDocument
from dicom_gateway.errors import InvalidDocument, InvalidValue

_NAMES = {  # where the option is not simply the field's name
    "modalities": "modality",
    "allowed_from": "from",
    "services": "service",
    "character_sets": "character-set",
    "station_names": "station-name",
}
_METAVARS = {"host": "HOST", "port": "PORT", "allowed_from": "NETWORK", "services": "worklist|mpps|storage"}
OPTIONS = {
    field: f"--{_NAMES.get(field, field.replace('_', '-'))}"
    for field in DeviceDocument.model_fields
    if field != "ae_title"
}
Command = Callable[..., None]


def device_options(function: Command) -> Command:
    """Give a command an option for each field of a device; its parameter `given` is what was given, by field."""

    @wraps(function)
    def run(**parameters: Any) -> None:
        given = {field: parameters.pop(field) for field in OPTIONS}
        function(
            given={field: _value(value) for field, value in given.items() if value not in (None, ())}, **parameters
        )

    command: Command = run
    for field in reversed(OPTIONS):
        command = _option(field)(command)
    return command


def _option(field: str) -> Callable[[Command], Command]:
    found = DeviceDocument.model_fields[field]
    option, words = OPTIONS[field], str(found.description).replace("empty:", "none:")
    if found.annotation is bool:
        return click.option(f"{option}/--no-{option[2:]}", field, default=None, help=words)
    if get_origin(found.annotation) is tuple:
        metavar = _METAVARS.get(field, option[2:].upper().replace("-", "_"))
        return click.option(option, field, multiple=True, metavar=metavar, help=f"{words} May be repeated.")
    choices = [value for value in get_args(found.annotation) if isinstance(value, str)]
    metavar = "|".join(choices) or _METAVARS.get(field, "NUMBER")
    return click.option(option, field, metavar=metavar, help=words)


def _value(value: Any) -> Any:
    """Return what a document has for what was given: ("",) empties a list."""
    return [] if value == ("",) else list(value) if isinstance(value, tuple) else value


def in_options(error: InvalidDocument) -> InvalidDocument:
    """Return an error about a document in the words of the command line."""
    return InvalidDocument([InvalidValue(str(one), _option_of(one.field)) for one in error.errors])


def _option_of(field: str) -> str:
    return OPTIONS.get(field.partition("[")[0], field)
