"""The root command, and how errors end it."""

import os
import sys
from pathlib import Path

import click

from dicom_gateway import __version__
from dicom_gateway.cli.deliveries import deliveries
from dicom_gateway.cli.init import init
from dicom_gateway.cli.orders import orders
from dicom_gateway.cli.pms import pms
from dicom_gateway.cli.serve import serve
from dicom_gateway.cli.token import token
from dicom_gateway.errors import GatewayError, InvalidDocument


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file; else DICOM_GATEWAY_CONFIG, else ./gateway.toml.",
)
@click.version_option(__version__, prog_name="dicom-gateway")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Connect practice management systems and imaging devices."""
    context.obj = config


for command in (init, serve, token, orders, deliveries, pms):
    cli.add_command(command)


def main() -> None:
    """Run the command line; an error of ours ends it with its message and its exit code.

    What it writes holds patient data, so only its owner may read it.
    """
    os.umask(0o077)
    try:
        cli()
    except InvalidDocument as error:
        for item in error.errors:
            click.echo(f"{item.field}: {item}" if item.field else str(item), err=True)
        sys.exit(error.exit_code)
    except GatewayError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
