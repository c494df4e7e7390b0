"""Small pieces of JSON Schema 2020-12, of which the API's description is made."""

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]
Properties = dict[str, tuple[Schema, str]]  # key -> its schema, what it means

REF = "#/components/schemas/{model}"
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
INSTANT: Schema = {"type": "string", "format": "date-time"}  # UTC


def text(max_length: int = 0, choices: Iterable[str] = ()) -> Schema:
    """Return a text, of at most so many characters, or one of `choices`."""
    listed = [str(choice) for choice in choices]
    return {
        "type": "string",
        **({"maxLength": max_length} if max_length else {}),
        **({"enum": listed} if listed else {}),
    }


def nullable(schema: Schema) -> Schema:
    """Return what may be null as well."""
    choices = schema.get("anyOf", [schema])
    return {"anyOf": choices if {"type": "null"} in choices else [*choices, {"type": "null"}]}


def ref(name: str) -> Schema:
    """Return a reference to a schema of the components."""
    return {"$ref": REF.format(model=name)}


def list_of(name: str) -> Schema:
    """Return a list of what a schema of the components describes."""
    return {"type": "array", "items": ref(name)}


def record(description: str, properties: Properties) -> Schema:
    """Return an object that always has all these keys."""
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "properties": {key: {**schema, "description": words} for key, (schema, words) in properties.items()},
    }


def page_of(name: str, words: str) -> Schema:
    """Return a page of a list."""
    return record(
        words,
        {
            "items": (list_of(name), "this page"),
            "next": (nullable(text()), "`cursor` of the next page; null: the last one"),
        },
    )
