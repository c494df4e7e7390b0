"""The users of the page, for an administrator: who there is, new ones, their roles, passwords and sessions.

A password that is made here is shown in the answer to the form, once, and must be changed at the first log-in.
"""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.users import User, UserRole
from dicom_gateway.errors import Conflict, InvalidValue
from dicom_gateway.storage.initial_passwords import initial_password
from dicom_gateway.web.pages.frame import Form, Submitted, Visit, Visiting, errors_by_field
from dicom_gateway.web.pages.language import Text, languages
from dicom_gateway.web.pages.language import gettext as _

router = APIRouter(include_in_schema=False)

ROLES: dict[UserRole, tuple[Text, Text]] = {  # what a role is called, and what it may do
    UserRole.FRONT_DESK: (
        _("Front desk"),
        _("Makes, changes and cancels orders, looks at pictures, and bills what was done without an order."),
    ),
    UserRole.TECHNICIAN: (
        _("Technician"),
        _("The same, and matches images to orders, and looks after devices and deliveries."),
    ),
    UserRole.CLINICIAN: (
        _("Clinician"),
        _("Makes orders, looks at images and downloads them, and matches them to orders."),
    ),
    UserRole.ADMINISTRATOR: (
        _("Administrator"),
        _("May do everything: also connections, users and the audit."),
    ),
}


@router.get("/users")
def show_users(visit: Visiting) -> Response:
    """List the users."""
    return visit.page("users.html", users=visit.services.users.all(), roles=ROLES)


@router.get("/users/new")
def ask_user(visit: Visiting) -> Response:
    """Ask for a new user."""
    return _form(visit, {"name": "", "role": UserRole.FRONT_DESK.value, "language": visit.user.language})


@router.post("/users/new")
def add_user(visit: Visiting, form: Submitted) -> Response:
    """Make a user, and show the password for the first log-in."""
    values = {name: form.text(name) for name in ("name", "role", "language")}
    password, store = initial_password(), visit.services.users
    try:
        user = store.create(values["name"], _role(form), password, visit.actor, must_change=True)
    except (InvalidValue, Conflict) as error:
        return _form(visit, values, error)
    if values["language"] in languages():
        store.set_appearance(user.name, values["language"], "", visit.actor)
    return visit.page("user_password.html", of=user, password=password, is_new=True)


@router.get("/users/change")
def show_user(visit: Visiting, name: str = "") -> Response:
    """Show a user, and what can be changed about them."""
    return _shown(visit, visit.services.users.get(name[:200]))


@router.post("/users/role")
def change_role(visit: Visiting, form: Submitted) -> Response:
    """Give a user another role."""
    user = _user(visit, form)
    try:
        visit.services.users.set_role(user.name, _role(form), visit.actor)
    except (InvalidValue, Conflict) as error:
        return _shown(visit, user, error)
    return visit.go(_place(user), _("The role of %(name)s was changed.", name=user.name))


@router.post("/users/password")
def reset_password(visit: Visiting, form: Submitted) -> Response:
    """Give a user a new password, and show it."""
    user, password = _user(visit, form), initial_password()
    visit.services.users.set_password(user.name, password, visit.actor, must_change=True)
    return visit.page("user_password.html", of=user, password=password, is_new=False)


@router.post("/users/disable")
def disable_user(visit: Visiting, form: Submitted) -> Response:
    """Let a user in no more."""
    user = _user(visit, form)
    try:
        visit.services.users.disable(user.name, visit.actor)
    except Conflict as error:
        return _shown(visit, user, error)
    return visit.go(_place(user), _("%(name)s cannot log in any more.", name=user.name))


@router.post("/users/enable")
def enable_user(visit: Visiting, form: Submitted) -> Response:
    """Let a user in again."""
    user = _user(visit, form)
    visit.services.users.enable(user.name, visit.actor)
    return visit.go(_place(user), _("%(name)s can log in again.", name=user.name))


@router.post("/users/log-off")
def end_sessions(visit: Visiting, form: Submitted) -> Response:
    """Log a user off, wherever they are logged in."""
    user = _user(visit, form)
    visit.services.sessions.end_all(user, visit.actor)
    return visit.go(_place(user), _("%(name)s was logged off everywhere.", name=user.name))


def _form(visit: Visit, values: dict[str, str], error: InvalidValue | Conflict | None = None) -> Response:
    errors = errors_by_field(error) if error else {}
    status = 422 if error else 200
    return visit.page("user_form.html", status=status, values=values, errors=errors, roles=ROLES)


def _shown(visit: Visit, user: User, error: InvalidValue | Conflict | None = None) -> Response:
    sessions = visit.services.sessions.of(user)
    errors = errors_by_field(error) if error else {}
    status = 422 if error else 200
    return visit.page("user.html", status=status, of=user, sessions=sessions, errors=errors, roles=ROLES)


def _user(visit: Visit, form: Form) -> User:
    return visit.services.users.get(form.text("name"))


def _role(form: Form) -> UserRole:
    try:
        return UserRole(form.text("role"))
    except ValueError:
        raise InvalidValue(f"must be {', '.join(repr(role.value) for role in UserRole)}", "role") from None


def _place(user: User) -> str:
    return f"/users/change?name={quote(user.name, safe='')}"
