"""`dicom-gateway init`: a folder that works."""

import os
from pathlib import Path

import click

from dicom_gateway.cli.opening import operator
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings_loading import DEFAULT_FILE, load_settings
from dicom_gateway.settings_text import commented_toml
from dicom_gateway.storage.tokens import Role

FIRST_TOKEN = "administrator"  # noqa: S105 - a name


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path("."))
def init(directory: Path) -> None:
    """Write gateway.toml, the data folder and the first administrator's token into DIRECTORY.

    What is there already is kept as it is.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / DEFAULT_FILE
    if _write_new(config, commented_toml()):
        click.echo(f"Settings     {config}")
    settings = load_settings(config)
    gateway = Gateway(settings)
    gateway.migrate()
    try:
        token_file = settings.gateway.data_dir / "admin.token"
        if not any(row["name"] == FIRST_TOKEN for row in gateway.tokens.all()):
            token = gateway.tokens.create(FIRST_TOKEN, Role.ADMINISTRATOR, "", operator())
            _write_new(token_file, token + "\n")
            click.echo(f"First token  {token}\n             kept in {token_file}")
    finally:
        gateway.close()


def _write_new(path: Path, text: str) -> bool:
    """Write a file that only its owner can read; False when there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True
