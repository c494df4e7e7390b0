"""`dicom-gateway commit`: does an archive answer for these images?"""

import secrets
import sys
from pathlib import Path

import click

from dicom_gateway.cli.peer import PORT, calls_peer, json_option, print_json
from dicom_gateway.cli.printing import table
from dicom_gateway.cli.store import FILES
from dicom_gateway.core.identifiers import mint_uid
from dicom_gateway.dicom.scu import Call
from dicom_gateway.dicom.scu_commitment import request_commitment
from dicom_gateway.dicom.scu_files import nothing_in, read_files
from dicom_gateway.errors import InvalidValue


@click.command()
@calls_peer
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("--listen", "listen_port", type=PORT, help="Port where the peer finds us to report, if it calls back.")
@click.option(
    "--wait", default=60.0, show_default=True, type=click.FloatRange(0.1, 86400), help="Seconds to wait for the report."
)
@json_option
def commit(call: Call, files: tuple[Path, ...], listen_port: int | None, wait: float, as_json: bool) -> None:
    """Ask the peer at HOST PORT to commit itself to storing the images of FILES, and print what it says of each."""
    objects, others = read_files(files)
    for path, reason in others:
        click.echo(f"{path}: {reason}", err=True)
    if others:
        raise InvalidValue("name DICOM files, or a folder of them")
    if not objects:
        raise nothing_in(files)
    instances = [(file.sop_class_uid, file.sop_instance_uid) for file in objects]
    found = request_commitment(call, instances, mint_uid(secrets.randbits), wait, listen_port)
    if as_json:
        print_json(
            [
                {
                    "sop_class_uid": one.sop_class_uid,
                    "sop_instance_uid": one.sop_instance_uid,
                    "committed": one.committed,
                    "reason": one.reason or None,
                }
                for one in found
            ]
        )
    else:
        rows = [(one.sop_instance_uid, "committed" if one.committed else "failed", one.reason) for one in found]
        table(("SOP instance", "Answer", "Reason"), rows)
    if not all(one.committed for one in found):
        sys.exit(1)
