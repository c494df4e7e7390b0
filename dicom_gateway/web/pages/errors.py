"""Errors as pages: in plain words, with a way back. Redirects for whoever is not logged in."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dicom_gateway.web.pages.frame import Redirect, error_title, leading, reader_of, renderer_of, say_next
from dicom_gateway.web.pages.rendering import HEADERS
from dicom_gateway.web.problems import problem_of

_NOT_PAGES = ("/api/", "/healthz", "/readyz", "/metrics")


def is_page(path: str) -> bool:
    """Say whether a path is one that people look at, whose errors are pages."""
    return not path.startswith(_NOT_PAGES)


def error_page(request: Request, error: Exception) -> Response:
    """Return the page of an error of this program; what nobody foresaw is logged and gets a reference."""
    document = problem_of(error)
    details = [one["message"] for one in document["errors"]]
    return plain_page(request, document["status"], details or [document["detail"]])


def plain_page(request: Request, status: int, details: list[str]) -> Response:
    """Return the page of an error."""
    shown = [detail for detail in details if detail != HTTPStatus(status).phrase]
    context = {"title": error_title(status), "status": status, "details": shown}
    return HTMLResponse(renderer_of(request).render(reader_of(request), "error.html", context), status, HEADERS)


def lead_away(request: Request, redirect: Redirect) -> Response:
    """Lead to where the visit goes on; the part of a page takes the whole browser there."""
    why = reader_of(request).say(redirect.why) if redirect.why else ""
    if "hx-request" not in request.headers:
        return leading(redirect.path, why)
    answer = Response(status_code=401, headers={"HX-Redirect": redirect.path})
    say_next(answer, why)
    return answer
