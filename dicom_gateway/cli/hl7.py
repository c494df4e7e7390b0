"""`dicom-gateway hl7`: look at HL7 messages before they count."""

import sys
from datetime import datetime
from pathlib import Path

import click

from dicom_gateway.cli.hl7_send import send
from dicom_gateway.cli.printing import table
from dicom_gateway.connectors.hl7.batch import split
from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.explain import Explanation, explain
from dicom_gateway.connectors.hl7.maps import SHIPPED, FieldMap, load_map
from dicom_gateway.connectors.hl7.message import read_header
from dicom_gateway.connectors.hl7.sender import Sender
from dicom_gateway.connectors.hl7.sources import Source, Sources
from dicom_gateway.errors import NotFound
from dicom_gateway.settings import Settings
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.settings_local import with_local

NOT_READ = "(not read)"
REFUSED = 1  # the exit code when a message would not be taken


@click.group()
def hl7() -> None:
    """Look at HL7 messages, and send them."""


hl7.add_command(send)


@hl7.command("explain")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--source", default="", help="Read it as this source's, or by this map; else as its sender's.")
@click.pass_context
def explain_file(context: click.Context, file: Path, source: str) -> None:
    """Show what the messages of FILE would become: each field, by which rule, and what nobody read.

    Nothing is stored and nobody is answered. The command fails when a message would be refused.
    """
    settings = with_local(load_settings(context.find_root().obj)).settings
    zone = settings.zone()
    is_refused = False
    for raw in split(file.read_bytes()).messages:
        field_map, character_set = _map_for(raw, source, settings)
        found = explain(raw, field_map, character_set, zone, datetime.now(zone).date())
        _print(found, field_map)
        is_refused = is_refused or bool(found.faults)
    if is_refused:
        sys.exit(REFUSED)


def _map_for(raw: bytes, wanted: str, settings: Settings) -> tuple[FieldMap, str]:
    """Return the map and the character set of a message: of the source that is `wanted`, else of its sender."""
    known = {one.name: one for one in settings.hl7_source}
    if wanted and wanted not in known and wanted not in SHIPPED:
        names = ", ".join([*known, *SHIPPED])
        raise NotFound(f"no source and no map is called {wanted}; there are {names}")
    if wanted in SHIPPED and wanted not in known:
        return load_map(wanted), ""
    try:
        name = (
            wanted
            or Sources([_source(one.name, settings) for one in settings.hl7_source])
            .of(read_header(raw), Sender(""))
            .name
        )
    except Hl7Error:
        return load_map(), ""
    found = known[name]
    return load_map(found.map, found.name, found.assigning_authority), found.character_set


def _source(name: str, settings: Settings) -> Source:
    found = next(one for one in settings.hl7_source if one.name == name)
    return Source(name, found.sending_application, found.sending_facility)


def _print(found: Explanation, field_map: FieldMap) -> None:
    if found.header:
        header = found.header
        sender = " ".join(filter(None, (header.sending_application, header.sending_facility))) or "nobody named"
        kind = "^".join(filter(None, (header.message_type, header.trigger)))
        click.echo(f"{kind} of {sender}, version {header.version or '?'}, read as {header.codec}, map {field_map.name}")
    ignored = ((NOT_READ, value, "", place) for place, value in found.ignored)
    table(("Field", "Value", "Rule", "Place"), [*found.traces, *ignored])
    for remark in found.remarks:
        click.echo(f"note: {remark}")
    for outcome in found.outcomes:
        click.echo(f"would be: {outcome}")
    for fault in found.faults:
        click.echo(f"refused: {fault.ack} {fault.code} {fault.location}: {fault}")
