"""`dicom-gateway hl7 send`: a message, or several, to an MLLP listener, and what it answers."""

import sys
from pathlib import Path
from typing import BinaryIO

import click

from dicom_gateway.cli.peer import PORT
from dicom_gateway.connectors.hl7.batch import split
from dicom_gateway.connectors.hl7.client import MllpClient, NotAnswered, Tls
from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.message import read_header
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.message_answer import readable

TAKEN = ("AA", "CA")
LONGEST_LINE = 2000  # characters of a segment of an answer

_file = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.argument("file", type=click.File("rb"))
@click.argument("host")
@click.argument("port", type=PORT)
@click.option(
    "-to", "--timeout", default=30.0, show_default=True, type=click.FloatRange(0.1, 86400),
    help="Seconds to wait for each answer.",
)  # fmt: skip
@click.option("--tls", is_flag=True, help="Over TLS.")
@click.option("--ca", type=_file, help="PEM file of the CAs that vouch for the listener; else those of this machine.")
@click.option("--certificate", type=_file, help="PEM file of a certificate to show.")
@click.option("--key", type=_file, help="PEM file of its key.")
@click.option("-v", "--verbose", is_flag=True, help="Show each answer as a whole.")
def send(
    file: BinaryIO,
    host: str,
    port: int,
    timeout: float,
    tls: bool,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    verbose: bool,
) -> None:
    """Send the messages of FILE ("-": standard input) one after the other; a batch (BHS, FHS) goes as a whole.

    Exit code 1 when one was refused or not answered.
    """
    raw = file.read()
    batch = split(raw)
    secured = Tls(ca, certificate, key) if tls or ca or certificate else None
    client = MllpClient(host, port, timeout, secured, keep=True)
    is_refused = False
    try:
        for message in (raw,) if batch.headers else batch.messages:
            is_refused |= not _sent(client, message, verbose)
    except NotAnswered as error:
        click.echo(f"{client.where}: {error}", err=True)
        is_refused = True
    finally:
        client.close()
    if is_refused:
        sys.exit(1)


def _sent(client: MllpClient, message: bytes, verbose: bool) -> bool:
    """Send one message and print its answers; say whether it was taken, all of it."""
    wanted = _waits_for_application(message)
    is_taken = True

    def read(answer: bytes) -> bool | None:
        nonlocal is_taken
        lines = [line for line in readable(answer).replace("\n", "\r").split("\r") if line]
        codes = [line[4:6] for line in lines if line.startswith("MSA")]
        for line in lines:
            if verbose or line[:3] in ("MSA", "ERR"):
                click.echo(printable(line, LONGEST_LINE))
        is_taken = is_taken and bool(codes) and all(code in TAKEN for code in codes)
        return None if wanted and codes and codes[-1] == "CA" else True

    client.exchange(message, read)
    return is_taken


def _waits_for_application(message: bytes) -> bool:
    """Say whether a message asks for an answer of the application after the one that it was received (MSH-16)."""
    try:
        return read_header(message).application_ack in ("AL", "SU")
    except Hl7Error:
        return False  # whatever it is, somebody wants to see what is said to it
