"""Into the page and out: the first administrator, log-in, log-off.

The first administrator is made from this machine, or by whoever has the first token: somebody else of the network must
not be faster than the practice.
"""

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from dicom_gateway.core.users import LONGEST_PASSWORD, UserRole, folded
from dicom_gateway.errors import Conflict, InvalidDocument, InvalidValue
from dicom_gateway.network import is_loopback
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.tokens import Role
from dicom_gateway.web.authentication import peer_address
from dicom_gateway.web.health import is_of_this_machine
from dicom_gateway.web.pages.frame import (
    FLASH,
    LOGIN,
    SETUP,
    Form,
    Redirect,
    Submitted,
    Visiting,
    errors_by_field,
    leading,
    message_of,
    read_form,
    reader_of,
    renderer_of,
    session_cookie,
)
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.language import ngettext
from dicom_gateway.web.pages.rendering import HEADERS
from dicom_gateway.web.services import Services

FIRST_PAGE = "/today"
AFTER_SETUP = "/setup/practice"
UNKNOWN = "a name that nobody has"  # what was typed there may be a password

public = APIRouter(include_in_schema=False)
router = APIRouter(include_in_schema=False)

FormOfAnybody = Annotated[Form, Depends(read_form)]


@public.get(SETUP)
def show_setup(request: Request) -> Response:
    """Ask for the first administrator, while there is none."""
    services: Services = request.app.state.services
    if services.users.has_any():
        raise Redirect(AFTER_SETUP)
    return _shown(request, "setup.html", needs_token=not _is_trusted(request))


@public.post(SETUP)
def set_up(request: Request, form: FormOfAnybody) -> Response:
    """Make the first administrator and log them in."""
    services: Services = request.app.state.services
    needs_token = not _is_trusted(request)
    if services.users.has_any():
        raise Redirect(LOGIN)
    name = form.text("name")
    try:
        if needs_token:
            _check_token(services, form.text("token"))
        password = new_password(form)
        actor = Actor(f"user {name}", peer_address(request.scope))
        user = services.users.create(name, UserRole.ADMINISTRATOR, password, actor, first=True)
    except (InvalidValue, InvalidDocument, Conflict) as error:
        return _shown(
            request, "setup.html", 422, needs_token=needs_token, errors=errors_by_field(error), values={"name": name}
        )
    return logged_in(request, services, user.name, AFTER_SETUP)


@public.get(LOGIN)
def show_login(request: Request) -> Response:
    """Ask who it is."""
    services: Services = request.app.state.services
    if not services.users.has_any():
        raise Redirect(SETUP)
    return _shown(request, "login.html", following=_own_path(request.query_params.get("next", "")))


@public.post(LOGIN)
def log_in(request: Request, form: FormOfAnybody) -> Response:
    """Begin a session for a name and its password."""
    services: Services = request.app.state.services
    name, following = form.text("name"), _own_path(form.text("next", 2000))
    address, attempts = peer_address(request.scope), request.app.state.attempts
    values: dict[str, Any] = {"following": following, "values": {"name": name}}
    if seconds := attempts.wait(name, address):
        minutes = -(-seconds // 60)
        refusal = ngettext(
            "Too many log-ins have failed. Try again in %(num)s minute.",
            "Too many log-ins have failed. Try again in %(num)s minutes.",
            minutes,
        )
        return _shown(request, "login.html", 429, refusal=refusal, **values)
    user = services.users.check(name, next(iter(form.values.get("password", ())), "")[:LONGEST_PASSWORD])
    if user is None:
        attempts.fail(name, address)
        known = next((one.name for one in services.users.all() if folded(one.name) == folded(name)), UNKNOWN)
        services.audit.note(services.clock(), Actor(f"user {known}", address), "log-in failed", f"user {known}")
        refusal = _("This name and this password do not belong together.")
        return _shown(request, "login.html", 401, refusal=refusal, **values)
    attempts.succeed(name, address)
    return logged_in(request, services, user.name, following or FIRST_PAGE)


@router.post("/logout")
def log_out(visit: Visiting, form: Submitted) -> Response:
    """End the session."""
    visit.services.sessions.end(visit.session.id, visit.user, visit.actor)
    answer = visit.go(LOGIN, _("You are logged off."))
    services = visit.services  # browsers take a __Host- cookie, its end too, only as secure
    answer.delete_cookie(
        session_cookie(services), "/", secure=services.page.is_secure, httponly=True, samesite="strict"
    )
    return answer


@router.get("/")
def start(visit: Visiting) -> Response:
    """Lead to the first page."""
    return visit.go(FIRST_PAGE)


def _is_trusted(request: Request) -> bool:
    """Say whether a request comes from this machine and calls it by address: a name may be anybody's, made to lead
    here."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return is_of_this_machine(request) and is_loopback(host)


def _check_token(services: Services, token: str) -> None:
    bearer = services.tokens.check(token) if token else None
    if bearer is None or bearer.role is not Role.ADMINISTRATOR:
        raise InvalidValue("is not the first token: it stands in the file admin.token of the data folder", "token")


def new_password(form: Form) -> str:
    """Return a password that was typed twice; raises InvalidValue."""
    first, second = (next(iter(form.values.get(name, ())), "") for name in ("password", "password_again"))
    if first != second:
        raise InvalidValue("is not the same as the first one", "password_again")
    return first


def _own_path(path: str) -> str:
    """Return a path of this page; "" for anything that leads elsewhere."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else ""


def logged_in(request: Request, services: Services, name: str, path: str, done: str = "") -> Response:
    """Begin a session of a user, and lead to a page of ours, which says what was done."""
    user = services.users.get(name)
    secret = services.sessions.begin(user, peer_address(request.scope), request.headers.get("user-agent", ""))
    answer = leading(path, done)
    answer.set_cookie(
        session_cookie(services), secret, path="/", httponly=True, samesite="strict", secure=services.page.is_secure
    )
    return answer


def _shown(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    known: dict[str, Any] = {"errors": {}, "values": {}, "refusal": "", "done": message_of(request), **context}
    answer = HTMLResponse(renderer_of(request).render(reader_of(request), template, known), status, HEADERS)
    answer.delete_cookie(FLASH, path="/")  # what was said here is not said again behind the log-in
    return answer
