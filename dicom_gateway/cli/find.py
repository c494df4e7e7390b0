"""`dicom-gateway find`: ask for a worklist as a device does."""

import click

from dicom_gateway.cli.peer import calls_peer, json_option, keys_option, print_json
from dicom_gateway.dicom.scu import Call
from dicom_gateway.dicom.scu_find import find_worklist, misplaced, worklist_identifier
from dicom_gateway.dicom.scu_values import as_lines, as_values


@click.command()
@calls_peer
@click.option("-W", "--worklist", is_flag=True, help="Ask for the modality worklist (there is no other model).")
@keys_option("Attribute to match or to return, as DCMTK writes it; none: the usual ones.")
@json_option
def find(call: Call, worklist: bool, keys: tuple[str, ...], as_json: bool) -> None:
    """Ask the peer at HOST PORT for its modality worklist.

    A key is PatientName=SMI*, 0010,0020 or ScheduledProcedureStepSequence[0].Modality=DX; without a value it is only
    returned.
    """
    identifier = worklist_identifier(keys)
    for remark in misplaced(identifier):
        _note(remark)
    answers = find_worklist(call, identifier, _note)
    if as_json:
        print_json([as_values(answer) for answer in answers])
        return
    count = 0
    for count, answer in enumerate(answers, 1):
        click.echo(f"{count}")
        for line in as_lines(answer):
            click.echo(line)
    click.echo(f"{count} {'answer' if count == 1 else 'answers'}", err=True)


def _note(text: str) -> None:
    click.echo(text, err=True)
