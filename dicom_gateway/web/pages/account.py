"""A user's own account: password, language, colours, and where they are logged in."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.users import LONGEST_PASSWORD
from dicom_gateway.errors import InvalidValue
from dicom_gateway.storage.audit import Actor
from dicom_gateway.web.authentication import peer_address
from dicom_gateway.web.pages.browsers import browser_name
from dicom_gateway.web.pages.entrance import FIRST_PAGE, logged_in, new_password
from dicom_gateway.web.pages.frame import LOGIN, Form, Submitted, Visit, Visiting, errors_by_field, leading, reader_of
from dicom_gateway.web.pages.language import Text, languages
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.users import ROLES

router = APIRouter(include_in_schema=False)

THEMES: dict[str, Text] = {
    "": _("As the computer is set"),
    "light": _("Light"),
    "dark": _("Dark"),
}


@router.get("/account")
def show_account(visit: Visiting) -> Response:
    """Show the visitor's own account."""
    sessions = [(one, browser_name(one.agent)) for one in visit.services.sessions.of(visit.user)]
    return visit.page("account.html", sessions=sessions, themes=THEMES, roles=ROLES)


@router.post("/account/appearance")
def change_appearance(visit: Visiting, form: Submitted) -> Response:
    """Keep the language and the colours that the visitor likes."""
    language, theme = form.text("language"), form.text("theme")
    if language and language not in languages():
        language = ""
    if theme not in THEMES:
        theme = ""
    visit.services.users.set_appearance(visit.user.name, language, theme, visit.actor)
    reader = reader_of(visit.request, language)  # the answer is in the language that was just chosen
    return leading("/account", reader.say(_("Your settings are kept.")))


@router.get("/account/password")
def ask_password(visit: Visiting) -> Response:
    """Ask for a new password; whoever was given theirs comes here first."""
    return visit.page("account_password.html")


@router.post("/account/password")
def change_password(visit: Visiting, form: Submitted) -> Response:
    """Change the visitor's password; sessions elsewhere end, this one goes on under a new secret."""
    user, was_given = visit.user, visit.user.must_change
    try:
        _check_old(visit, form)
        password = new_password(form)
        if password == _typed(form, "old_password"):
            raise InvalidValue("is the same as before", "password")
        visit.services.users.set_password(user.name, password, visit.actor)
    except InvalidValue as error:
        return visit.page("account_password.html", status=422, errors=errors_by_field(error))
    path = FIRST_PAGE if was_given else "/account"
    return logged_in(visit.request, visit.services, user.name, path, visit.say(_("Your new password is valid now.")))


@router.post("/account/sessions/end")
def end_session(visit: Visiting, form: Submitted) -> Response:
    """End one of the visitor's sessions."""
    session_id = form.text("session")
    visit.services.sessions.end(session_id, visit.user, visit.actor)
    if session_id == visit.session.id:
        return visit.go(LOGIN, _("You are logged off."))
    return visit.go("/account", _("That session was ended."))


@router.post("/account/sessions/end-others")
def end_other_sessions(visit: Visiting, form: Submitted) -> Response:
    """End every session of the visitor but this one."""
    for session in visit.services.sessions.of(visit.user):
        if session.id != visit.session.id:
            visit.services.sessions.end(session.id, visit.user, visit.actor)
    return visit.go("/account", _("You are logged off everywhere else."))


def _check_old(visit: Visit, form: Form) -> None:
    """Raise InvalidValue unless the old password is right; wrong ones count as failed log-ins do."""
    name, address = visit.user.name, peer_address(visit.request.scope)
    attempts: Any = visit.request.app.state.attempts
    if attempts.wait(name, address):
        raise InvalidValue("was wrong too often: try again in some minutes", "old_password")
    if visit.services.users.check(name, _typed(form, "old_password")) is None:
        attempts.fail(name, address)
        visit.services.audit.note(visit.now, Actor(f"user {name}", address), "log-in failed", f"user {name}")
        raise InvalidValue("is not your password", "old_password")
    attempts.succeed(name, address)


def _typed(form: Form, name: str) -> str:
    """Return a password as it was typed, with its spaces."""
    return next(iter(form.values.get(name, ())), "")[:LONGEST_PASSWORD]
