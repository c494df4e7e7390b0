"""`dicom-gateway worklist`: what a device would see now."""

from typing import Any

import click
from pydicom import Dataset

from dicom_gateway.cli.days import day_of
from dicom_gateway.cli.opening import opened
from dicom_gateway.cli.peer import json_option, print_json
from dicom_gateway.cli.printing import table
from dicom_gateway.core.identifiers import is_ae_title
from dicom_gateway.core.matching import compile_query
from dicom_gateway.dicom.scu_find import USUAL_KEYS
from dicom_gateway.dicom.scu_keys import read_keys
from dicom_gateway.dicom.scu_values import as_values
from dicom_gateway.dicom.worklist import WorklistService
from dicom_gateway.errors import NotFound, Unavailable
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.storage.worklist import Worklist

_STEP = "ScheduledProcedureStepSequence[0]"
_KEYS = (*USUAL_KEYS, f"{_STEP}.ScheduledProcedureStepStatus")


def _ae_title(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not is_ae_title(value):
        raise click.BadParameter("an AE title has 1 to 16 characters, no backslash and no control characters")
    return value


@click.command()
@click.option("--device", required=True, callback=_ae_title, help="AE title of the device (its station AE title).")
@click.option("--date", default="", help="Only steps of this day: YYYY-MM-DD, YYYYMMDD or today.")
@json_option
@click.pass_context
def worklist(context: click.Context, device: str, date: str, as_json: bool) -> None:
    """Show what a device sees that asks for its own steps."""
    with opened(context) as gateway:
        found = _asked(gateway, _identifier(device, day_of(date, gateway.settings.zone())))
        _note_unknown(gateway, device)
    if as_json:
        print_json(found)
        return
    table(
        ("Start", "Patient", "Patient id", "Accession", "Modality", "Description", "Status", "Step"), map(_row, found)
    )


def _note_unknown(gateway: Gateway, device: str) -> None:
    """Say that a device is not configured; raises NotFound when it sees nothing, as it is refused or not named."""
    if any(device == known.ae_title for known in gateway.settings.device):
        return
    note = f"no [[device]] is named {device}"
    if not gateway.settings.accepts_unknown_devices():
        raise NotFound(f"{note}: the gateway refuses it")
    if not gateway.orders.find(OrderFilter(device=device, limit=1)):
        raise NotFound(f"{note}, and no step names it as its station")
    click.echo(note, err=True)


def _identifier(device: str, day: str) -> Dataset:
    identifier = read_keys(_KEYS)
    step = identifier.ScheduledProcedureStepSequence[0]
    step.ScheduledStationAETitle = device
    if day:
        step.ScheduledProcedureStepStartDate = day
    return identifier


def _asked(gateway: Gateway, identifier: Dataset) -> list[dict[str, Any]]:
    """Return the answers of the worklist service; raises Unavailable when they are more than it gives."""
    settings = gateway.settings.worklist
    service = WorklistService(
        Worklist(gateway.database), clock, gateway.settings.zone(), settings.max_answers, settings.hide_after_days
    )
    query = compile_query(identifier)
    found = service.find(query, identifier)
    if len(found) > settings.max_answers:
        raise Unavailable(f"more than {settings.max_answers} matches: the device is refused; name a --date")
    return [as_values(query.answer(item)[0]) for item in found]


def _row(answer: dict[str, Any]) -> tuple[object, ...]:
    step = answer["ScheduledProcedureStepSequence"][0]
    day, time = step["ScheduledProcedureStepStartDate"] or "", step["ScheduledProcedureStepStartTime"] or ""
    shown = (
        f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}",
        answer["PatientName"],
        answer["PatientID"],
        answer["AccessionNumber"],
        step["Modality"],
        step["ScheduledProcedureStepDescription"],
        step["ScheduledProcedureStepStatus"],
        step["ScheduledProcedureStepID"],
    )
    return tuple(cell if cell is not None else "" for cell in shown)
