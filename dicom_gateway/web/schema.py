"""The API described for machines (OpenAPI 3.1): bodies from the order document itself, answers, problems.

Bodies are read and checked by core.order_document, not by the framework; this module tells the framework what to say.
"""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dicom_gateway.web.answer_schemas import answer_schemas
from dicom_gateway.web.device_examples import EXAMPLE_DEVICE_DOCUMENT
from dicom_gateway.web.examples import EXAMPLE_ORDER, EXAMPLE_PROBLEM
from dicom_gateway.web.json_schema import Schema, list_of, ref
from dicom_gateway.web.patient_schemas import EXAMPLE_MERGE_DOCUMENT, MERGE_DOCUMENT
from dicom_gateway.web.problems import PROBLEM_JSON

Answers = dict[int | str, dict[str, Any]]

_PROBLEM_CONTENT = {PROBLEM_JSON: {"schema": ref("Problem")}}
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
_OF_EVERY_CALL = (401, 403, 422, 429, 500, 503)
_OF_EVERY_BODY = (400, 408, 413, 415)
_EXAMPLES: dict[str, Any] = {
    "OrderDocument": EXAMPLE_ORDER,
    "OrderBatch": {"orders": [EXAMPLE_ORDER]},
    "DeviceDocument": EXAMPLE_DEVICE_DOCUMENT,
    "MergeDocument": EXAMPLE_MERGE_DOCUMENT,
}

_PROBLEM: Schema = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "description": "always about:blank"},
        "title": {"type": "string", "description": "the status in words"},
        "status": {"type": "integer", "description": "of the answer"},
        "detail": {"type": "string", "description": "for a person"},
        "errors": {
            "type": "array",
            "description": "each value that cannot be taken",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "description": "such as procedures[0].steps[0].start"},
                    "message": {"type": "string", "description": "what is wrong, completing the field"},
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
        "orders": {**list_of("OrderDocument"), "maxItems": 1000, "description": "each with its own outcome"}
    },
}


def body(model: str) -> Schema:
    """Return what a route says of its body, a model of the components."""
    content = {"application/json": {"schema": ref(model), "example": _written(_EXAMPLES[model])}}
    return {"requestBody": {"required": True, "content": content}}


def answers(good: dict[int, str], model: str, example: object, *problems: int) -> Answers:
    """Return what a route says of its answers: each good status with its words, a model of the components and an
    example of it, statuses of problems."""
    content = {"application/json": {"schema": ref(model), "example": _written(example)}}
    return {**{status: {"description": text, "content": content} for status, text in good.items()}, **_of(problems)}


def answers_bytes(media_type: str, text: str, *problems: int) -> Answers:
    """Return what a route says that answers with bytes."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": text, "content": content}, **_of(problems)}


def _written(example: object) -> str:
    """Return an example as text: the framework drops every null of one that it can look into."""
    return json.dumps(example)


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
    schemas.update(answer_schemas(), OrderBatch=_BATCH, MergeDocument=MERGE_DOCUMENT, Problem=_PROBLEM)
    return document


def _complete(operation: Schema) -> None:
    found = operation["responses"]
    for answer in (operation.get("requestBody", {}), *found.values()):
        for content in answer.get("content", {}).values():
            if "example" in content:
                content["example"] = json.loads(content["example"])
    if PROBLEM_JSON not in found.get("422", {}).get("content", {}):
        found.pop("422", None)  # the framework's own, which is never answered
    secured = _OF_EVERY_CALL if "security" in operation else ()
    with_body = _OF_EVERY_BODY if "requestBody" in operation else ()
    for status, answer in _of((*secured, *with_body)).items():
        found.setdefault(str(status), answer)
    operation["responses"] = dict(sorted(found.items()))
