"""What most commands begin with: settings read, database ready, and who acts."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from dicom_gateway.errors import SettingsError
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings import Settings
from dicom_gateway.settings_loading import CONFIG_VARIABLE, DEFAULT_FILE, load_settings, settings_origin
from dicom_gateway.storage.audit import Actor


@contextmanager
def opened(context: click.Context) -> Iterator[Gateway]:
    """Give the gateway of the configured settings, its database up to date; works before the first `serve`.

    Raises SettingsError in a folder where there is no gateway: a new one there would hide that it is the wrong folder.
    """
    config: Path | None = context.find_root().obj
    settings = load_settings(config)
    if not _is_somewhere(config, settings):
        raise SettingsError(f"no {DEFAULT_FILE} here: use --config FILE, or dicom-gateway init")
    gateway = Gateway(settings)
    gateway.migrate()
    try:
        yield gateway
    finally:
        gateway.close()


def _is_somewhere(config: Path | None, settings: Settings) -> bool:
    has_file = config is not None or bool(os.environ.get(CONFIG_VARIABLE)) or os.path.isfile(DEFAULT_FILE)
    origin = settings_origin(settings)
    is_named = {origin["gateway.data_dir"], origin["database.url"]} != {"default"}
    return has_file or is_named or settings.database_path().exists()


def operator() -> Actor:
    """Return whoever types the command, as the audit names them."""
    try:
        return Actor(f"command line {getpass.getuser()}")
    except (KeyError, OSError):
        return Actor("command line")
