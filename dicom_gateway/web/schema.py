"""The API described for machines (OpenAPI 3.1): bodies from the order document itself, answers by example, problems.

Bodies are read and checked by core.order_document, not by the framework; this module tells the framework what to say.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from dicom_gateway.core.order_document import OrderDocument
from dicom_gateway.web.examples import EXAMPLE_ORDER, EXAMPLE_PROBLEM
from dicom_gateway.web.problems import PROBLEM_JSON

Schema = dict[str, Any]
Answers = dict[int | str, dict[str, Any]]

_REF = "#/components/schemas/{model}"
_PROBLEM_CONTENT = {PROBLEM_JSON: {"schema": {"$ref": _REF.format(model="Problem")}}}
_PROBLEMS = {
    400: "the body is not JSON",
    401: "no valid token",
    403: "this token may not do this",
    404: "there is nothing of that name",
    408: "the body came too slowly",
    409: "what is asked contradicts what is stored",
    413: "the body is too large",
    415: "the body is of another type, or compressed",
    422: "some values cannot be taken; `errors` names each",
    429: "too many invalid tokens",
    500: "unexpected error, with a reference to the log",
    503: "the database or the disk cannot take more now; try again later",
}
_OF_EVERY_CALL = (401, 403, 429, 500, 503)
_OF_EVERY_BODY = (400, 408, 413, 415)
_EXAMPLES = {"OrderDocument": EXAMPLE_ORDER, "OrderBatch": {"orders": [EXAMPLE_ORDER]}}

_PROBLEM: Schema = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "for a person"},
        "errors": {
            "type": "array",
            "description": "each value that cannot be taken",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "description": "such as procedures[0].steps[0].start"},
                    "message": {"type": "string"},
                },
            },
        },
    },
    "example": EXAMPLE_PROBLEM,
}
_BATCH: Schema = {
    "type": "object",
    "description": "Several orders.",
    "required": ["orders"],
    "additionalProperties": False,
    "properties": {
        "orders": {"type": "array", "maxItems": 1000, "items": {"$ref": _REF.format(model="OrderDocument")}}
    },
}


def body(model: str) -> Schema:
    """Return what a route says of its body, a model of the components."""
    content = {"application/json": {"schema": {"$ref": _REF.format(model=model)}, "example": _EXAMPLES[model]}}
    return {"requestBody": {"required": True, "content": content}}


def answers(good: dict[int, str], example: object, *problems: int) -> Answers:
    """Return what a route says of its answers: each good status with its words, one example, statuses of problems."""
    content = {"application/json": {"schema": {"type": "object"}, "example": example}}
    return {**{status: {"description": text, "content": content} for status, text in good.items()}, **_of(problems)}


def answers_bytes(media_type: str, text: str, *problems: int) -> Answers:
    """Return what a route says that answers with bytes."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": text, "content": content}, **_of(problems)}


def _of(statuses: tuple[int, ...]) -> Answers:
    return {status: {"description": _PROBLEMS[status], "content": _PROBLEM_CONTENT} for status in statuses}


class DescribedApp(FastAPI):
    """An application that describes itself as this module says."""

    def openapi(self) -> Schema:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = _describe(self)
        return self.openapi_schema


def _describe(app: FastAPI) -> Schema:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, tags=app.openapi_tags, routes=app.routes
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete(operation)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(_order_schemas(), OrderBatch=_BATCH, Problem=_PROBLEM)
    return document


def _complete(operation: Schema) -> None:
    found = operation["responses"]
    if PROBLEM_JSON not in found.get("422", {}).get("content", {}):
        found.pop("422", None)  # the framework's own, which is never answered
    secured = _OF_EVERY_CALL if "security" in operation else ()
    with_body = _OF_EVERY_BODY if "requestBody" in operation else ()
    for status, answer in _of((*secured, *with_body)).items():
        found.setdefault(str(status), answer)
    operation["responses"] = dict(sorted(found.items()))


def _order_schemas() -> dict[str, Schema]:
    _, described = models_json_schema([(OrderDocument, "validation")], ref_template=_REF)
    schemas: dict[str, Schema] = described["$defs"]
    for schema in schemas.values():
        required = schema.get("required", ())
        for name, field in schema["properties"].items():
            if name not in required:
                schema["properties"][name] = _or_null(field)
    return schemas


def _or_null(field: Schema) -> Schema:
    """Return the schema of an optional field: null says the same as leaving it out."""
    choices = field.get("anyOf", [{key: value for key, value in field.items() if key not in _NOTES}])
    if {"type": "null"} not in choices:
        choices = [*choices, {"type": "null"}]
    return {"anyOf": choices, **{key: value for key, value in field.items() if key in _NOTES}}


_NOTES = frozenset({"title", "description", "default"})
