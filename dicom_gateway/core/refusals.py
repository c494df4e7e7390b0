"""Why a value is refused, in this project's words: one table for orders and for the parameters of requests.

pydantic finds what is wrong; what a person reads is here, each message completing "FIELD ...".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from dicom_gateway.errors import InvalidValue

# By pydantic's type of an error; its context fills the braces.
WORDS: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "string_type": "must be text",
    "string_unicode": "must be text that is Unicode",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a number of fewer digits",
}
OTHER = "cannot be taken as it is"


def refusals(found: Sequence[ErrorDetails], own_words: Mapping[str, str], leave_out: int = 0) -> list[InvalidValue]:
    """Return what pydantic found, each with its dotted field without the first `leave_out` parts.

    `own_words` go before WORDS; our own validators (value_error) have spoken already.
    """
    inside = {item["loc"][:n] for item in found for n in range(len(item["loc"]))}
    # A list whose item is wrong counts as too short as well; the item's own error says it all.
    return [
        InvalidValue(_message(item, {**WORDS, **own_words}), _field(item["loc"][leave_out:]))
        for item in found
        if item["type"] != "too_short" or item["loc"] not in inside
    ]


def _message(item: ErrorDetails, words: Mapping[str, str]) -> str:
    context: dict[str, Any] = item.get("ctx", {})
    if item["type"] == "value_error":
        return str(context["error"])
    return words.get(item["type"], OTHER).format_map(context)


def _field(parts: Sequence[int | str]) -> str:
    field = ""
    for part in parts:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    return field
