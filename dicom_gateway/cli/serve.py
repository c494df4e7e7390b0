"""`dicom-gateway serve`: run the gateway, or one of its roles."""

from pathlib import Path

import click

from dicom_gateway import __version__, logs
from dicom_gateway.cli import first_token
from dicom_gateway.cli.folders import make_folder
from dicom_gateway.errors import SettingsError
from dicom_gateway.gateway import Gateway
from dicom_gateway.listening import bind_all, inherited
from dicom_gateway.roles import ROLES, listeners_of, run_role
from dicom_gateway.settings import Settings
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.starting import explaining_ports, refuse_second
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
    make_folder(settings.gateway.data_dir)
    with explaining_ports(settings):
        if role == "all":
            _serve_all(settings, config, log_json)
        else:
            _serve_role(role, settings, inherit, drain_pipe)


def _serve_all(settings: Settings, config: Path | None, log_json: bool) -> None:
    click.echo(f"dicom_gateway {__version__}")
    refuse_second(settings.gateway.data_dir)
    if remark := first_token.remark(settings):
        click.echo(remark)
    Supervisor(settings, config, click.echo, log_json).run()


def _serve_role(role: str, settings: Settings, inherit: tuple[str, ...], drain_pipe: int | None) -> None:
    if role == "web" and (refusal := settings.web_refusal()):
        raise SettingsError(f"the web role does not start: {refusal}")
    sockets = inherited(inherit)
    if drain_pipe is None:
        gateway = Gateway(settings)
        gateway.migrate()
        sockets = bind_all(listeners_of(gateway.settings, [role]))
    run_role(role, settings, sockets, drain_pipe)
