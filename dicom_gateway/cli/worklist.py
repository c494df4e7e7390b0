"""`dicom-gateway worklist`: what a device would see now; `worklist explain`: why it does not see an order."""

from typing import Any

import click
from pydicom import Dataset

from dicom_gateway.cli.days import day_of
from dicom_gateway.cli.opening import opened, order_named
from dicom_gateway.cli.peer import json_option, print_json
from dicom_gateway.cli.printing import table
from dicom_gateway.core.explain_answer import explanation_lines
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


def _ae_title(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_ae_title(value):
        raise click.BadParameter("an AE title has 1 to 16 characters, no backslash and no control characters")
    return value


@click.group(invoke_without_command=True)
@click.option("--device", callback=_ae_title, help="AE title of the device (its station AE title).")
@click.option("--date", default="", help="Only steps of this day: YYYY-MM-DD, YYYYMMDD or today.")
@json_option
@click.pass_context
def worklist(context: click.Context, device: str | None, date: str, as_json: bool) -> None:
    """Show what a device sees that asks for its own steps."""
    if context.invoked_subcommand is not None:
        if device is not None or date or as_json:
            raise click.UsageError(f"options of {context.invoked_subcommand} stand behind it")
        return
    if device is None:
        raise click.UsageError("Missing option '--device'.")
    with opened(context) as gateway:
        found = _asked(gateway, _identifier(device, day_of(date, gateway.settings.zone())), device)
        _note_unknown(gateway, device)
    if as_json:
        print_json(found)
        return
    table(
        ("Start", "Patient", "Patient id", "Accession", "Modality", "Description", "Status", "Step"), map(_row, found)
    )


@worklist.command("explain")
@click.argument("order")
@click.option("--device", required=True, callback=_ae_title, help="AE title with which the device calls.")
@json_option
@click.pass_context
def explain(context: click.Context, order: str, device: str, as_json: bool) -> None:
    """Say why ORDER is on the worklist of a device, or is not: its last real queries against the order, key by key.

    ORDER is an order id, a placer order number or an accession number.
    """
    with opened(context) as gateway:
        found = gateway.explainer.explain(order_named(gateway, order), device.strip())
    if as_json:
        print_json(found)
        return
    for line in explanation_lines(found, gateway.settings.zone()):
        click.echo(line)


def _note_unknown(gateway: Gateway, device: str) -> None:
    """Say that a device is not configured; raises NotFound when it sees nothing, as it is refused or not named."""
    if any(device == known.ae_title for known in gateway.device_store.all()):
        return
    note = f"no device is named {device}"
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


def _asked(gateway: Gateway, identifier: Dataset, device: str) -> list[dict[str, Any]]:
    """Return the answers of the worklist service; raises Unavailable when they are more than it gives."""
    settings = gateway.settings.worklist
    service = WorklistService(
        Worklist(gateway.database),
        clock,
        gateway.settings.zone(),
        settings.max_answers,
        settings.hide_after_days,
        profile=gateway.device_book.profile,
    )
    query = compile_query(identifier)
    found = service.find(query, identifier, device)
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
