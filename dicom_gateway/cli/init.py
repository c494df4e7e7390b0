"""`dicom-gateway init`: a folder that works."""

import os
from pathlib import Path

import click

from dicom_gateway.cli.first_token import MAKE_ANOTHER, NAME, is_revoked, token_file
from dicom_gateway.cli.folders import make_folder
from dicom_gateway.cli.opening import operator
from dicom_gateway.gateway import Gateway
from dicom_gateway.operating_system import sync_folder
from dicom_gateway.settings_loading import DEFAULT_FILE, load_settings
from dicom_gateway.settings_text import commented_toml
from dicom_gateway.storage.tokens import Role, mint

KEPT = "  (was there, kept as it is)"


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path("."))
def init(directory: Path) -> None:
    """Write gateway.toml, the data folder and the first administrator's token into DIRECTORY.

    What is there already is kept as it is; only a token file that the database does not know is replaced.
    """
    make_folder(directory)
    config = directory / DEFAULT_FILE
    is_new = _write_new(config, commented_toml())
    click.echo(f"Settings     {config}{'' if is_new else KEPT}")
    settings = load_settings(config)
    make_folder(settings.gateway.data_dir)
    database = settings.database_path()
    was_there = database.exists()
    gateway = Gateway(settings)
    gateway.migrate()
    click.echo(f"Database     {database}{KEPT if was_there else ''}")
    try:
        click.echo(f"First token  {_first_token(gateway)}")
    finally:
        gateway.close()


def _first_token(gateway: Gateway) -> str:
    """Make the first token, unless it is there; return what to print of it."""
    file = token_file(gateway.data_dir)
    if is_revoked(gateway):
        return f"{file}  (revoked; {MAKE_ANOTHER})"
    if any(row["name"] == NAME for row in gateway.tokens.all()):
        return f"{file}{KEPT}" if file.exists() else f"made before, and {file} is gone: see `dicom-gateway token`"
    token = mint()
    # The file first: cut off here, the next `init` replaces it. A row without its file would lock everybody out.
    _replace(file, token + "\n")
    gateway.tokens.create(NAME, Role.ADMINISTRATOR, "", operator(), token)
    return f"{token}\n             kept in {file}"


def _replace(path: Path, text: str) -> None:
    """Write a file that only its owner can read, durably, whatever was there; it is never half written."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    sync_folder(path.parent)


def _write_new(path: Path, text: str) -> bool:
    """Write a file that only its owner can read; False when there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True
