"""`dicom-gateway check`: is everything set up right, and what to do where it is not."""

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from dicom_gateway.checking import Finding, State, check_all, worst
from dicom_gateway.checking_work import check_work
from dicom_gateway.cli.peer import json_option, print_json
from dicom_gateway.core.identifiers import printable
from dicom_gateway.dicom.scu import log_for_a_person
from dicom_gateway.errors import SettingsError
from dicom_gateway.settings_loading import CONFIG_VARIABLE, DEFAULT_FILE, load_settings
from dicom_gateway.settings_local import Local, with_local

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red"}


@click.command()
@json_option
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Look at configuration, folders, ports, database, disk, devices, PMS connections, clock, and at what waits."""
    log_for_a_person(debug=False)
    findings = []
    for finding in _findings(context.find_root().obj):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    if worst(findings) is State.FAILED:
        sys.exit(1)


def _findings(config: Path | None) -> Iterator[Finding]:
    try:
        local = with_local(load_settings(config))
    except SettingsError as error:
        for line in str(error).splitlines():
            yield Finding("configuration", State.FAILED, line, "mend it; the rest is looked at once this can be read")
        return
    path = config or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)
    yield from _of_the_page(local)
    yield from check_all(local.settings, path if path.is_file() else None)
    yield from check_work(local.settings)


def _of_the_page(local: Local) -> Iterator[Finding]:
    """Yield what comes from the page rather than from the file, and what of it is not in effect."""
    if made := local.in_effect():
        yield Finding("settings of the page", State.OK, f"made on the page: {', '.join(made)}")
    for left in local.left_out:
        advice = "change or remove it on the page, under Connections"
        yield Finding("settings of the page", State.WARNING, f"{left.subject} is not in effect: {left.why}", advice)


def _print(finding: Finding) -> None:
    state = click.style(f"{finding.state:<8}", fg=_COLOURS[finding.state])
    click.echo(f"{state}{finding.check}: {printable(finding.found, 1000)}")
    if finding.advice:
        click.echo(f"        {printable(finding.advice, 1000)}")
