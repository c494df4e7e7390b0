"""What every command that calls a DICOM peer takes: DCMTK's flags, HOST and PORT, and the gateway's own AE title."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from dicom_gateway.core.identifiers import is_ae_title
from dicom_gateway.dicom.scu import Call, log_for_a_person
from dicom_gateway.settings_loading import load_settings

PORT = click.IntRange(1, 65535)


def _ae_title(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not is_ae_title(value):
        raise click.BadParameter("an AE title has 1 to 16 characters, no backslash and no control characters")
    return value


def calls_peer(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command HOST, PORT and the options of a caller; its first argument becomes the Call."""

    @wraps(function)
    def run(
        host: str, port: int, calling: str, called: str, timeout: float, verbose: bool, debug: bool, **others: Any
    ) -> None:
        log_for_a_person(debug)
        calling = calling or load_settings(click.get_current_context().find_root().obj).dicom.ae_title
        say = (lambda text: click.echo(text, err=True)) if verbose or debug else (lambda text: None)
        function(Call(host, port, calling, called, timeout, say), **others)

    for decorate in (
        click.argument("port", type=PORT),
        click.argument("host"),
        click.option("-d", "--debug", is_flag=True, help="Show the whole protocol, patient data included."),
        click.option("-v", "--verbose", is_flag=True, help="Show each step and status."),
        click.option(
            "-to", "--timeout", default=30.0, show_default=True, type=click.FloatRange(0.1, 86400),
            help="Seconds to wait for a connection and for each answer.",
        ),
        click.option(
            "-aec", "--call", "called", default="ANY-SCP", show_default=True, callback=_ae_title,
            help="AE title of the peer.",
        ),
        click.option(
            "-aet", "--aetitle", "calling", default="", callback=_ae_title,
            help="Our AE title; else that of the settings, DCMGATEWAY.",
        ),
    ):  # fmt: skip
        run = decorate(run)
    return run


def keys_option(help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command `-k KEY[=VALUE]`, any number of times."""
    return click.option("-k", "--key", "keys", multiple=True, metavar="KEY[=VALUE]", help=help_text)


def json_option(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def print_json(value: object) -> None:
    """Print JSON for a script."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
