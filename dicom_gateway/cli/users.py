"""`dicom-gateway users`: the people who use the page, for whoever is locked out of it; changes hold at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from dicom_gateway.cli.opening import opened, operator
from dicom_gateway.cli.peer import json_option, print_json
from dicom_gateway.cli.printing import table, when
from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.users import User, UserRole
from dicom_gateway.errors import InvalidValue, NotFound
from dicom_gateway.gateway import Gateway
from dicom_gateway.storage.initial_passwords import initial_password

ROLES = click.Choice([role.value.replace(" ", "-") for role in UserRole])
_SUBJECTS = {"name": "NAME", "password": "the password"}
typed_option = click.option(
    "--typed", is_flag=True, help="Type the password, instead of having one made that must be changed at once."
)


@click.group()
def users() -> None:
    """Add, list, disable and enable the users of the page; give them passwords and roles."""


@users.command("add")
@click.argument("name")
@click.option("--role", type=ROLES, required=True, help="What the user does in the practice.")
@typed_option
@click.pass_context
def add(context: click.Context, name: str, role: str, typed: bool) -> None:
    """Add the user NAME and print a password for the first log-in."""
    with _with_users(context) as gateway:
        password = _password(typed)
        gateway.users.create(name, _role(role), password, operator(), must_change=not typed)
    _hand_over(password, typed, f"added {name}")


@users.command("list")
@json_option
@click.pass_context
def list_users(context: click.Context, as_json: bool) -> None:
    """List the users by name: what they may do, when they were last there, and whether they are disabled."""
    with opened(context) as gateway:
        found = gateway.users.all()
    if as_json:
        print_json([_document(user) for user in found])
        return
    rows = [
        (user.name, user.role.value, _state(user), when(user.created_at), when(user.last_seen_at)) for user in found
    ]
    table(("Name", "Role", "State", "Created", "Last seen"), rows)


@users.command("password")
@click.argument("name")
@typed_option
@click.pass_context
def set_password(context: click.Context, name: str, typed: bool) -> None:
    """Give the user NAME another password, print it, and end their sessions."""
    with _with_users(context) as gateway:
        known = gateway.users.get(name)
        password = _password(typed)
        gateway.users.set_password(known.name, password, operator(), must_change=not typed)
    _hand_over(password, typed, f"changed the password of {known.name}")


@users.command("disable")
@click.argument("name")
@click.pass_context
def disable(context: click.Context, name: str) -> None:
    """Let the user NAME in no more, and end their sessions; what they did stays in the audit."""
    with _with_users(context) as gateway:
        gateway.users.disable(name, operator())
    click.echo(f"disabled {name}")


@users.command("enable")
@click.argument("name")
@click.pass_context
def enable(context: click.Context, name: str) -> None:
    """Let the user NAME in again, with the password that they had."""
    with _with_users(context) as gateway:
        gateway.users.enable(name, operator())
    click.echo(f"enabled {name}")


@users.command("role")
@click.argument("name")
@click.argument("role", type=ROLES)
@click.pass_context
def set_role(context: click.Context, name: str, role: str) -> None:
    """Give the user NAME another role."""
    with _with_users(context) as gateway:
        gateway.users.set_role(name, _role(role), operator())
    click.echo(f"{name} is {_role(role)} now")


@contextmanager
def _with_users(context: click.Context) -> Iterator[Gateway]:
    """Give the gateway; what is wrong names the argument, and who is not there is looked for in the list."""
    with opened(context) as gateway:
        try:
            yield gateway
        except InvalidValue as error:
            raise InvalidValue(f"{_SUBJECTS[error.field]} {error}") from error
        except NotFound as error:
            raise NotFound(f"{error}; `dicom-gateway users list` names them") from error


def _password(typed: bool) -> str:
    if not typed:
        return initial_password()
    return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True))


def _hand_over(password: str, typed: bool, done: str) -> None:
    """Say what was done, and print a password that was made here, which nobody can read again."""
    click.echo(done if typed else f"{done}; the password below must be changed at the first log-in", err=True)
    if not typed:
        click.echo(password)


def _role(name: str) -> UserRole:
    return UserRole(name.replace("-", " "))


def _state(user: User) -> str:
    if user.disabled_at is not None:
        return "disabled"
    return "must change the password" if user.must_change else ""


def _document(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role.value,
        "language": user.language or None,
        "must_change_password": user.must_change,
        "created_at": iso_utc(user.created_at),
        "disabled_at": _instant(user.disabled_at),
        "last_seen_at": _instant(user.last_seen_at),
    }


def _instant(value: int | None) -> str | None:
    return None if value is None else iso_utc(value)
