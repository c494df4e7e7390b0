"""`dicom-gateway store`: send DICOM files as they are."""

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dicom_gateway.cli.peer import calls_peer, json_option, print_json
from dicom_gateway.core.identifiers import printable
from dicom_gateway.dicom.scu import Call
from dicom_gateway.dicom.scu_files import ObjectFile, nothing_in, read_files
from dicom_gateway.dicom.scu_store import Result, Sent, send_files

FILES = click.Path(path_type=Path, exists=True)


@click.command()
@calls_peer
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("+sd", "--scan-directories", is_flag=True, hidden=True)
@click.option("+r", "--recurse", is_flag=True, hidden=True)
@json_option
def store(call: Call, files: tuple[Path, ...], as_json: bool, scan_directories: bool, recurse: bool) -> None:
    """Send FILES, and all DICOM files of folders and what is below them, to the peer at HOST PORT.

    Files go as they are: one whose transfer syntax the peer does not take is not sent.
    """
    objects, others = read_files(files)
    if not objects and not others:
        raise nothing_in(files)
    with progress(len(objects)) as bar:
        task = bar.add_task("sending", total=len(objects))
        results = []
        for result in send_files(call, objects):
            results.append(result)
            bar.advance(task)
            if not as_json and result.sent is not Sent.STORED:
                click.echo(f"{_shown(result.file)}: {result.sent}: {result.words}", err=True)
    for path, reason in others:
        click.echo(f"{printable(str(path))}: {Sent.NOT_SENT}: {reason}", err=True)
    stored = sum(result.sent in (Sent.STORED, Sent.WARNING) for result in results)
    failed = len(results) - stored + len(others)
    if as_json:
        listed = [_document(result) for result in results]
        listed += [{"file": str(path), "result": Sent.NOT_SENT, "meaning": reason} for path, reason in others]
        print_json({"stored": stored, "failed": failed, "files": listed})
    else:
        click.echo(f"{stored} stored, {failed} not")
    if failed:
        sys.exit(1)


def progress(count: int) -> Progress:
    """Return a progress bar on standard error, shown on a terminal when there is more than one thing to do."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=count < 2 or not console.is_terminal)


def _shown(file: ObjectFile) -> str:
    return printable(str(file.path))


def _document(result: Result) -> dict[str, Any]:
    return {
        "file": str(result.file.path),
        "result": result.sent,
        "status": None if result.status is None else f"{result.status:04X}",
        "meaning": result.words,
        "sop_class_uid": result.file.sop_class_uid,
        "sop_instance_uid": result.file.sop_instance_uid,
        "transfer_syntax_uid": result.file.transfer_syntax_uid,
    }
