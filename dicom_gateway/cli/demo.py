"""`dicom-gateway demo`: a day at two practices, to look at and as a self-test."""

import sys
from pathlib import Path

import click

from dicom_gateway.cli.folders import make_folder
from dicom_gateway.demo.play import play
from dicom_gateway.dicom.scu import log_for_a_person


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Work in this new or empty folder and keep it; else in a temporary one.",
)
@click.option("--keep", is_flag=True, help="Keep the temporary folder, with the thumbnails.")
@click.option(
    "--seconds-per-event",
    type=click.FloatRange(0, 60),
    default=0.0,
    show_default=True,
    help="Rest so long after each thing that is done, to follow it.",
)
def demo(folder: Path | None, keep: bool, seconds_per_event: float) -> None:
    """Play a day at a veterinary and a dental practice against a gateway of its own, and check each step.

    Needs no device, no PMS and no settings; uses loopback ports that are free, and ends what it started.
    """
    log_for_a_person(debug=False)
    if folder:
        make_folder(folder)
    if not play(folder, keep, seconds_per_event):
        sys.exit(1)
