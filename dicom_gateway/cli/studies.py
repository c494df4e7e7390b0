"""`dicom-gateway studies`: what was received, and getting it out."""

import logging
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from dicom_gateway import logs
from dicom_gateway.cli.folders import make_folder
from dicom_gateway.cli.opening import opened, order_of
from dicom_gateway.cli.peer import json_option, print_json
from dicom_gateway.cli.printing import table, when
from dicom_gateway.cli.store import progress
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.model import Instance
from dicom_gateway.core.study_answer import current, in_series, ordered, study_document, study_summary
from dicom_gateway.gateway import Gateway
from dicom_gateway.study.export import SUFFIXES, Exported, export_objects, export_pictures, picture_decoder


@click.group()
def studies() -> None:
    """List, show and export received studies."""


@studies.command("list")
@click.option("--order", default="", help="Only studies of this order.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10000), help="At most so many.")
@json_option
@click.pass_context
def list_studies(context: click.Context, order: str, limit: int, as_json: bool) -> None:
    """List received studies, newest first."""
    with opened(context) as gateway:
        found = gateway.studies.find(order_id=order_of(gateway, order).id if order else "", limit=limit)
    if as_json:
        print_json([study_summary(study) for study in found])
        return
    rows = [
        (s.study_instance_uid, s.modality, s.received, s.patient_id, s.patient_name, s.accession_number, s.order_id,
         when(s.last_received_at))
        for s in found
    ]  # fmt: skip
    headings = ("Study", "Modality", "Images", "Patient id", "Patient", "Accession", "Order", "Last image")
    table(headings, rows)


@studies.command("show")
@click.argument("uid")
@json_option
@click.pass_context
def show(context: click.Context, uid: str, as_json: bool) -> None:
    """Show the study of that UID, its series and instances."""
    with opened(context) as gateway:
        study, instances = gateway.studies.get(uid)
        of = ordered(study, gateway.orders, gateway.studies)
        document = study_document(study, instances, gateway.public_url(), of, gateway.templates)
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        if name == "patient":
            value = "  ".join(str(part) for part in value.values() if part)
        if name != "series":
            click.echo(f"{name.replace('_', ' '):<24}{printable(str('' if value is None else value))}".rstrip())
    headings = ("Series", "Image", "Modality", "Pixels", "Frames", "View", "Flags", "SOP instance")
    table(headings, (_row(series, one) for series in document["series"] for one in series["instances"]))


def _row(series: dict[str, Any], instance: dict[str, Any]) -> tuple[object, ...]:
    size = f"{instance['columns']} x {instance['rows']}" if instance["rows"] else ""
    view = " ".join(part for part in (instance["laterality"], instance["view"]) if part)
    cells = (series["number"], instance["number"], instance["modality"], size, instance["frames"], view)
    shown = tuple("" if cell is None else cell for cell in cells)
    return (*shown, ", ".join(instance["flags"]), instance["sop_instance_uid"])


@studies.command("export")
@click.argument("uid")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--format", "form", default="dicom", show_default=True, type=click.Choice(list(SUFFIXES)),
    help="The objects, or pictures (not for diagnosis).",
)  # fmt: skip
@click.option("--as-received", is_flag=True, help="Objects as the device sent them, also those matched by hand.")
@click.option("--all-frames", is_flag=True, help="A picture of every frame, not of the middle one alone.")
@click.pass_context
def export(
    context: click.Context, uid: str, folder: Path, form: str, as_received: bool, all_frames: bool
) -> None:  # fmt: skip
    """Write the images of the study of that UID into FOLDER; nothing there is overwritten. Those that somebody matched
    to an order have its patient and numbers."""
    logs.set_up("export", level=logging.CRITICAL)  # what is not drawn is printed here
    with opened(context) as gateway:
        _, instances = gateway.studies.get(uid)
        chosen = [current(versions) for series in in_series(instances) for versions in series]
        make_folder(folder)
        total = sum(one.header.frames or 1 for one in chosen) if all_frames and form != "dicom" else len(chosen)
        written = failed = 0
        with progress(total) as bar:
            task = bar.add_task("exporting", total=total)
            for one in _exported(gateway, chosen, folder, form, all_frames, as_received):
                bar.advance(task)
                written += not one.problem
                failed += one.failed
                if one.problem:
                    click.echo(f"{printable(str(one.path))}: {one.problem}", err=True)
    click.echo(f"{written} written, {failed} failed")
    if failed:
        sys.exit(1)


def _exported(
    gateway: Gateway, instances: list[Instance], folder: Path, form: str, all_frames: bool, as_received: bool
) -> Iterator[Exported]:
    if form == "dicom":
        delivered = gateway.delivered
        yield from export_objects(instances, folder, delivered.as_received if as_received else delivered.stream)
        return
    with closing(picture_decoder(form)) as decoder:
        yield from export_pictures(instances, folder, gateway.object_path, decoder, SUFFIXES[form], all_frames)
