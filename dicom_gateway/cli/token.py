"""`dicom-gateway token`: who may use the API."""

import click

from dicom_gateway.cli.opening import opened, operator
from dicom_gateway.cli.printing import table, when
from dicom_gateway.errors import InvalidValue
from dicom_gateway.storage.tokens import Role

_SUBJECTS = {"name": "NAME", "source": "--source"}


@click.group()
def token() -> None:
    """Create, list and revoke API tokens."""


@token.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What the bearer may do.")
@click.option("--source", default="", help="Limit a PMS to the orders of this source.")
@click.pass_context
def create(context: click.Context, name: str, role: str, source: str) -> None:
    """Print a new token for NAME; it is not shown again."""
    with opened(context) as gateway:
        try:
            made = gateway.tokens.create(name, Role(role), source, operator())
        except InvalidValue as error:
            raise InvalidValue(f"{_SUBJECTS[error.field]} {error}") from error
    click.echo(made)


@token.command("list")
@click.pass_context
def list_tokens(context: click.Context) -> None:
    """List the tokens, not their values."""
    with opened(context) as gateway:
        rows = [
            (row["name"], row["role"], row["source"], when(row["created_at"]), when(row["revoked_at"]))
            for row in gateway.tokens.all()
        ]
    table(("Name", "Role", "Source", "Created", "Revoked"), rows)


@token.command("revoke")
@click.argument("name")
@click.pass_context
def revoke(context: click.Context, name: str) -> None:
    """Make the token of NAME useless."""
    with opened(context) as gateway:
        gateway.tokens.revoke(name, operator())
    click.echo(f"revoked {name}")
