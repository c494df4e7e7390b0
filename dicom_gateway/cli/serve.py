"""`dicom-gateway serve`: run the gateway, or one of its roles."""

from pathlib import Path

import click

from dicom_gateway import __version__, logs
from dicom_gateway.errors import SettingsError
from dicom_gateway.gateway import Gateway
from dicom_gateway.listening import bind_all, inherited
from dicom_gateway.roles import LISTENING_ROLES, ROLES, run_role
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.supervisor import Supervisor


@click.command()
@click.option(
    "--role",
    type=click.Choice(["all", *ROLES]),
    default="all",
    show_default=True,
    help="Run everything, or one role in this process.",
)
@click.option("--log-json", is_flag=True, help="Log as JSON lines.")
@click.option("--inherit", multiple=True, hidden=True, help="name=descriptor of a listening socket.")
@click.option("--drain-pipe", type=int, hidden=True, help="Descriptor whose end asks the role to drain.")
@click.pass_context
def serve(context: click.Context, role: str, log_json: bool, inherit: tuple[str, ...], drain_pipe: int | None) -> None:
    """Run the gateway until it is asked to end."""
    config: Path | None = context.find_root().obj
    logs.set_up(role, log_json)
    settings = load_settings(config)
    if role == "all":
        click.echo(f"dicom_gateway {__version__}")
        Supervisor(settings, config, click.echo, log_json).run()
        return
    if role == "web" and (refusal := settings.web_refusal()):
        raise SettingsError(f"the web role does not start: {refusal}")
    sockets = inherited(inherit)
    if drain_pipe is None:
        Gateway(settings).migrate()
        wanted = LISTENING_ROLES.get(role)
        sockets = bind_all(listener for listener in settings.listeners() if listener.name == wanted)
    run_role(role, settings, sockets, drain_pipe)
