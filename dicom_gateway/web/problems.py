"""Errors as the API answers them: application/problem+json (RFC 9457), always of one shape.

{type, title, status, detail, errors: [{field, message}]}. What nobody foresaw is answered with a reference that the log
names too, and with nothing else.
"""

import secrets
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dicom_gateway.core.refusals import refusals
from dicom_gateway.errors import DamagedFile, GatewayError, InvalidDocument, InvalidValue, Unavailable

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 5
NO_PARAMETER = "is not a parameter of this request"
_SAFE_TO_SHOW = (Unavailable, DamagedFile)  # of the errors with a status of 500 and above
_OWN_WORDS = {"extra_forbidden": NO_PARAMETER}

log = structlog.get_logger()


def problem_document(status: int, detail: str = "", errors: Sequence[InvalidValue] = ()) -> dict[str, Any]:
    """Return a problem as JSON values."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or HTTPStatus(status).phrase,
        "errors": [{"field": error.field, "message": str(error)} for error in errors],
    }


def problem(
    status: int, detail: str = "", errors: Sequence[InvalidValue] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return a problem as the answer."""
    return _answer(problem_document(status, detail, errors), headers)


def problem_of(error: Exception) -> dict[str, Any]:
    """Return the problem that an error is; what nobody foresaw is logged and gets a reference."""
    if isinstance(error, InvalidDocument):
        return problem_document(error.http_status, "some values cannot be taken", error.errors)
    if isinstance(error, InvalidValue):
        return problem_document(error.http_status, "some values cannot be taken", [error])
    if isinstance(error, GatewayError) and (error.http_status < 500 or isinstance(error, _SAFE_TO_SHOW)):
        return problem_document(error.http_status, str(error))
    return _unexpected(error)


def answer_error(error: Exception) -> Response:
    """Return the answer to an error of this program."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if isinstance(error, Unavailable) else None
    return _answer(problem_of(error), headers)


async def handle_gateway_error(_: Request, error: Exception) -> Response:
    """Answer what a store or the core raised."""
    return answer_error(error)


async def handle_http_error(_: Request, error: Exception) -> Response:
    """Answer what the framework or the body reader raised: no such page, method or JSON."""
    assert isinstance(error, HTTPException)
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail
    return problem(error.status_code, detail, headers=error.headers)


async def handle_invalid_request(_: Request, error: Exception) -> Response:
    """Answer parameters that cannot be taken."""
    assert isinstance(error, RequestValidationError)
    # The first part of a field says where it stands: query, path.
    return answer_error(InvalidDocument(refusals(error.errors(), _OWN_WORDS, leave_out=1)))


def _answer(document: dict[str, Any], headers: Mapping[str, str] | None) -> JSONResponse:
    return JSONResponse(document, document["status"], headers, media_type=PROBLEM_JSON)


def _unexpected(error: Exception) -> dict[str, Any]:
    """Log without the error's text, which may hold a patient's data; that stands at DEBUG."""
    reference = secrets.token_hex(8)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("unexpected error", reference=reference, error=type(error).__qualname__, where=where[-12:])
    log.debug("unexpected error", reference=reference, text=repr(error))
    return problem_document(500, f"unexpected error; the log has it under reference {reference}")
