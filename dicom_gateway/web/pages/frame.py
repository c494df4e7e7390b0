"""What every page has: whose visit it is, what they may do, forms, messages, and the page around the contents.

A request without a session leads to the log-in; one of a part of a page (htmx) makes the browser go there. What is
unsafe needs the session's own mark in its form, and must come from our own page.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dicom_gateway.core.users import User
from dicom_gateway.errors import InvalidDocument, InvalidValue, NotAllowed
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.sessions import Session
from dicom_gateway.web.authentication import peer_address
from dicom_gateway.web.pages.language import Language, Text, chosen
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.permissions import allowed
from dicom_gateway.web.pages.rendering import HEADERS, Renderer
from dicom_gateway.web.services import Services

LOGIN = "/login"
SETUP = "/setup"
OWN_PASSWORD = "/account/password"  # noqa: S105 - a path
FLASH = "message"
ENDED = _("Your session has ended. Log in to go on where you were.")
MAX_FIELDS = 2000
LONGEST_FIELD = 10_000
_CONTROL = {code: None for code in range(32) if code not in (9, 10)}


class Redirect(Exception):
    """The visit is to go on elsewhere; `why` is said there."""

    def __init__(self, path: str, why: Text | None = None) -> None:
        super().__init__(path)
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in, without the mark of the session."""

    values: Mapping[str, list[str]]

    def text(self, name: str, most: int = 500) -> str:
        """Return a field in one piece, "" when it is not there; raises InvalidValue when it is too long."""
        value = next(iter(self.values.get(name, ())), "").strip()
        if len(value) > most:
            raise InvalidValue(f"must have at most {most} characters", name)
        return value

    def all(self, name: str) -> list[str]:
        """Return every value of a field that may be there several times, those that are empty left out."""
        return [value.strip() for value in self.values.get(name, ()) if value.strip()]

    def has(self, name: str) -> bool:
        """Say whether a box was ticked, or a field filled in."""
        return bool(self.all(name))


@dataclass(slots=True)
class Visit:
    """One request of somebody who is logged in."""

    request: Request
    services: Services
    session: Session
    secret: str
    reader: Language
    done: list[str] = field(default_factory=list)  # the message of the page before

    @property
    def user(self) -> User:
        """Whose visit it is."""
        return self.session.user

    @property
    def actor(self) -> Actor:
        """The visitor, as the audit names them."""
        return Actor(f"user {self.user.name}", peer_address(self.request.scope))

    @property
    def zone(self) -> ZoneInfo:
        """The practice's zone."""
        return self.services.zone

    @property
    def language(self) -> str:
        """The code of the visitor's language."""
        return self.reader.code

    @property
    def now(self) -> int:
        """The instant."""
        return self.services.clock()

    def may(self, method: str, path: str) -> bool:
        """Say whether the visitor may call a route, by its path with places."""
        return allowed(self.user.role, method, path)

    def say(self, text: Text | str) -> str:
        """Return a marked text in the visitor's language."""
        return self.reader.say(text)

    def saw(self, subject: str, detail: str = "") -> None:
        """Record that the visitor was shown something of patients; not waited for."""
        self.services.audit.saw(self.now, self.actor, subject, detail)

    def page(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """Return a whole page."""
        known = {"errors": {}, **context}
        answer = HTMLResponse(self._rendered(template, known), status, HEADERS)
        if FLASH in self.request.cookies:
            answer.delete_cookie(FLASH, path="/")
        return answer

    def fragment(self, template: str, **context: Any) -> HTMLResponse:
        """Return a part of a page."""
        return HTMLResponse(self._rendered(template, {"errors": {}, **context}), headers=HEADERS)

    def go(self, path: str, done: Text | str = "") -> Response:
        """Lead to another page of ours (303), which says what was done."""
        return leading(path, self.say(done))

    def _rendered(self, template: str, context: Mapping[str, Any]) -> str:
        own = {
            "visit": self,
            "user": self.user,
            "may": self.may,
            "csrf_mark": mark_of(self.secret),
            "done": message_of(self.request),
            "path": self.request.url.path,
            "now": self.now,
        }
        return renderer_of(self.request).render(self.reader, template, {**own, **context})


def renderer_of(request: Request) -> Renderer:
    """Return the program's renderer."""
    renderer: Renderer = request.app.state.renderer
    return renderer


def leading(path: str, done: str = "") -> Response:
    """Return the answer that leads to a page of ours, which says what was done."""
    answer = RedirectResponse(path, 303)
    say_next(answer, done)
    return answer


def say_next(answer: Response, done: str) -> None:
    """Let the next page say what was done."""
    if done:
        answer.set_cookie(FLASH, quote(done), max_age=60, path="/", httponly=True, samesite="strict")


def message_of(request: Request) -> str:
    """Return what the page before said was done, "" when it said nothing."""
    return unquote(request.cookies.get(FLASH, ""))[:500]


def mark_of(secret: str) -> str:
    """Return what a form of a session carries: nobody without the session's secret can make it."""
    return hashlib.sha256(f"form {secret}".encode()).hexdigest()


def reader_of(request: Request, own: str = "") -> Language:
    """Return the language of whoever asks."""
    return chosen(own, request.headers.get("accept-language", ""))


def errors_by_field(error: Exception) -> dict[str, str]:
    """Return what is wrong by field, for a form; "" holds what belongs to none."""
    found = error.errors if isinstance(error, InvalidDocument) else [error]
    return {getattr(one, "field", ""): str(one) for one in reversed(found)}


def session_cookie(services: Services) -> str:
    """Return the name of the session's cookie."""
    return "__Host-session" if services.page.is_secure else "session"


def visiting(request: Request) -> Visit:
    """Return the visit of a request; raises Redirect without a session, NotAllowed without the right."""
    services: Services = request.app.state.services
    secret = request.cookies.get(session_cookie(services), "")
    session = services.sessions.find(secret) if secret else None
    if session is None:
        raise Redirect(_entrance(request, services), ENDED if secret else None)
    path = request.scope["route"].path
    if not allowed(session.user.role, request.method, path):
        raise NotAllowed("this is not for your role: ask whoever administrates the gateway")
    if session.user.must_change and path not in (OWN_PASSWORD, "/logout"):
        raise Redirect(OWN_PASSWORD)
    if "x-live" not in request.headers:
        services.sessions.touch(session)
    return Visit(request, services, session, secret, reader_of(request, session.user.language))


def _entrance(request: Request, services: Services) -> str:
    if not services.users.has_any():
        return SETUP
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or "hx-request" in request.headers:
        wanted = urlsplit(request.headers.get("referer", "")).path or "/"
    return LOGIN if wanted == "/" else f"{LOGIN}?next={quote(wanted, safe='')}"


Visiting = Annotated[Visit, Depends(visiting)]


async def read_form(request: Request) -> Form:
    """Return a form that comes from a page of ours; raises NotAllowed for one of another site, InvalidValue for one
    that cannot be read."""
    _refuse_other_sites(request)
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError:
        raise InvalidValue("the form cannot be read") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if len(value) > LONGEST_FIELD:
            raise InvalidValue(f"must have at most {LONGEST_FIELD} characters", name)
        values.setdefault(name, []).append(value.replace("\r\n", "\n").translate(_CONTROL))
    return Form(values)


def _refuse_other_sites(request: Request) -> None:
    origin = request.headers.get("origin", "")
    is_foreign = bool(origin) and urlsplit(origin).netloc not in _own_places(request)
    if is_foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowed("this form came from another site")


def _own_places(request: Request) -> set[str]:
    services: Services = request.app.state.services
    return {request.headers.get("host", ""), urlsplit(services.public_url).netloc}


async def submitted(request: Request, visit: Visiting) -> Form:
    """Return the form of a visit; raises NotAllowed unless it carries the mark of the session."""
    form = await read_form(request)
    if not hmac.compare_digest(form.text("csrf"), mark_of(visit.secret)):
        raise NotAllowed("this form is of another session: load the page again, and send it once more")
    return form


Submitted = Annotated[Form, Depends(submitted)]
_ERROR_TITLES = {
    403: _("You may not do this"),
    404: _("There is no such page"),
    405: _("There is no such page"),
    409: _("This does not fit what is stored"),
    422: _("This cannot be taken"),
    503: _("The gateway cannot do this now"),
}
_OTHERWISE = _("Something went wrong")


def error_title(status: int) -> Text:
    """Return what an error is called on the page."""
    return _ERROR_TITLES.get(status, _OTHERWISE)
