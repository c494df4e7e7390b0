"""The root command, and how errors end it.

A command is imported when it is named, so that a role of `serve` does not load the libraries of every other command.
"""

import gc
import os
import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from pathlib import Path

import click

from dicom_gateway import __version__
from dicom_gateway.errors import GatewayError, InvalidDocument, SettingsError

OURS = (
    "init",
    "serve",
    "token",
    "users",
    "devices",
    "orders",
    "patients",
    "worklist",
    "studies",
    "deliveries",
    "messages",
    "hl7",
    "alarms",
    "pms",
    "check",
    "demo",
)
TOOLS = ("echo", "find", "store", "mpps", "commit")


class _Commands(MutableMapping[str, click.Command]):
    """Commands by name; each is found under its name in the module of its name."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._found: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        command = self._found[name]
        if command is None:
            command = self._found[name] = getattr(import_module(f"dicom_gateway.cli.{name}"), name)
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@click.group(commands=_Commands((*OURS, *TOOLS)), context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file; else DICOM_GATEWAY_CONFIG, else ./gateway.toml.",
)
@click.version_option(__version__, prog_name="dicom-gateway")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Connect practice management systems and imaging devices."""
    gc.enable()
    context.obj = config


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
    except PermissionError as error:
        click.echo(f"{error.filename}: {error.strerror}; run this as the user of the gateway", err=True)
        sys.exit(SettingsError.exit_code)
