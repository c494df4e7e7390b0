"""A small reader of JSON Schema: says where a value is not what a schema of an OpenAPI document allows.

It knows what the API's schemas use and fails for any other keyword, so that none is passed over.
"""

import re
from datetime import datetime
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
SAID_OF = {"description", "title", "default", "examples", "example"}


def is_instant(value: str) -> bool:
    return value.endswith("Z") and datetime.fromisoformat(value).utcoffset() is not None


def is_date(value: str) -> bool:
    return datetime.strptime(value, "%Y-%m-%d") is not None


CHECKS = {
    "maxLength": lambda value, limit: len(value) <= limit,
    "minLength": lambda value, limit: len(value) >= limit,
    "maxItems": lambda value, limit: len(value) <= limit,
    "minItems": lambda value, limit: len(value) >= limit,
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
    "enum": lambda value, choices: value in choices,
    "format": lambda value, name: {"date-time": is_instant, "date": is_date}[name](value),
}


def faults(value: object, schema: dict[str, Any], document: dict[str, Any], at: str = "") -> list[str]:
    """Return what is wrong with a value, each with its place; keys that no schema names are wrong too."""
    if "$ref" in schema:
        assert schema.keys() <= {"$ref", "description"}
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        assert schema.keys() <= {"anyOf", *SAID_OF}
        found = [faults(value, choice, document, at) for choice in schema["anyOf"]]
        return [] if [] in found else found[0]
    kind = TYPES[schema["type"]]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        return [f"{at} is {type(value).__name__}, not {schema['type']}"]
    limits = schema.keys() - SAID_OF - {"type", "properties", "required", "additionalProperties", "items"}
    wrong = [
        f"{at}: {value!r} breaks {name} {schema[name]}" for name in limits if not CHECKS[name](value, schema[name])
    ]
    if isinstance(value, dict):
        wrong += _of_object(value, schema, document, at)
    if isinstance(value, list):
        for n, item in enumerate(value):
            wrong += faults(item, schema["items"], document, f"{at}[{n}]")
    return wrong


def _of_object(value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any], at: str) -> list[str]:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", False)
    wrong = [f"{at}.{key} is missing" for key in schema.get("required", ()) if key not in value]
    for key, item in value.items():
        inner = properties.get(key, others)
        wrong += faults(item, inner, document, f"{at}.{key}") if inner else [f"{at}.{key} is not described"]
    return wrong
