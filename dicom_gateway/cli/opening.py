"""What most commands begin with: settings read, database ready, and who acts."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from dicom_gateway.gateway import Gateway
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.storage.audit import Actor


@contextmanager
def opened(context: click.Context) -> Iterator[Gateway]:
    """Give the gateway of the configured settings, its database up to date; works before the first `serve`."""
    config: Path | None = context.find_root().obj
    gateway = Gateway(load_settings(config))
    gateway.migrate()
    try:
        yield gateway
    finally:
        gateway.close()


def operator() -> Actor:
    """Return whoever types the command, as the audit names them."""
    try:
        return Actor(f"command line {getpass.getuser()}")
    except (KeyError, OSError):
        return Actor("command line")
