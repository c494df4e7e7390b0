"""`dicom-gateway echo`: is there a DICOM peer, and does it talk to us?"""

import click

from dicom_gateway.cli.peer import calls_peer, json_option, print_json
from dicom_gateway.dicom.scu import Call, verify


@click.command()
@calls_peer
@json_option
def echo(call: Call, as_json: bool) -> None:
    """Send a C-ECHO to the peer at HOST PORT."""
    answer = verify(call)
    if as_json:
        print_json({"status": f"{answer.code:04X}", "meaning": answer.words, "milliseconds": answer.milliseconds})
    else:
        click.echo(f"{call} answered: {answer.words}, {answer.milliseconds:g} ms")
