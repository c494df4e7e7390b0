"""`dicom-gateway devices`: who may call, where we call them, and who was refused; changes hold at once."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from dicom_gateway.cli.device_options import device_options, in_options
from dicom_gateway.cli.opening import opened, operator
from dicom_gateway.cli.peer import json_option, print_json
from dicom_gateway.cli.printing import table, when
from dicom_gateway.core.device_answer import unknown_document
from dicom_gateway.core.device_document import format_device, parse_device
from dicom_gateway.core.device_sheet import sheet_text
from dicom_gateway.core.devices import Device, Origin
from dicom_gateway.core.habits import Seen, habits_lines
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.orthanc_modalities import Entry, read_modalities
from dicom_gateway.device_sheets import sheet_of
from dicom_gateway.errors import GatewayError, InvalidDocument, InvalidValue, NotFound
from dicom_gateway.gateway import Gateway
from dicom_gateway.storage.admission import Taken

_LEFT_OUT = "left out"
_NO_MODALITY = "such a device gets only steps that name it: dicom-gateway devices edit AET --modality ..."
_ALIKE = "if they are one, correct the AE title at the device instead"
_NOTHING = {"allowed_from": "any address", "host": "not known", "port": "not known"}
_WHERE = {Origin.FILE: "gateway.toml", Origin.DATABASE: "here"}


@click.group()
def devices() -> None:
    """Add, list, show, change, test, import and approve devices."""


@devices.command("add")
@click.argument("ae_title")
@device_options
@click.pass_context
def add(context: click.Context, ae_title: str, given: dict[str, Any]) -> None:
    """Add the device that calls as AE_TITLE."""
    with opened(context) as gateway:
        device = _parsed({"ae_title": ae_title, **given})
        gateway.admission.add(device, operator())
    click.echo(f"added {device.ae_title}; what to enter at its console: dicom-gateway devices sheet {device.ae_title}")


@devices.command("edit")
@click.argument("ae_title")
@device_options
@click.pass_context
def edit(context: click.Context, ae_title: str, given: dict[str, Any]) -> None:
    """Change what the options say of a device; all else stays. An empty value ("") takes one away."""
    if not given:
        raise click.UsageError("nothing to change: give at least one option")
    with opened(context) as gateway:
        try:
            device = gateway.admission.change(ae_title, given, operator())
        except InvalidDocument as error:
            raise in_options(error) from error
    click.echo(f"changed {device.ae_title}")


def _parsed(document: dict[str, Any]) -> Device:
    try:
        return parse_device(document)
    except InvalidDocument as error:
        raise in_options(error) from error


@devices.command("remove")
@click.argument("ae_title")
@click.pass_context
def remove(context: click.Context, ae_title: str) -> None:
    """Remove a device; its orders, images and reports stay."""
    with opened(context) as gateway:
        gateway.device_store.remove(ae_title, operator())
    click.echo(f"removed {ae_title.strip()}")


@devices.command("list")
@json_option
@click.pass_context
def list_devices(context: click.Context, as_json: bool) -> None:
    """List the devices by AE title: those of gateway.toml and those that were added here."""
    with opened(context) as gateway:
        found = gateway.device_store.all()
        if as_json:
            print_json([format_device(device) for device in found])
            return
        clashes = gateway.device_store.clashes()
        rows = [_row(device, clashes, gateway.observations.habits_of(device.ae_title)) for device in found]
    table(("AE title", "Modalities", "Host", "From", "Services", "Configured", "Last seen"), rows)


def _row(device: Device, clashes: list[str], habits: tuple[Seen, ...]) -> tuple[object, ...]:
    document = format_device(device)
    host = f"{device.host}:{device.port}" if device.host and device.port else device.host
    networks = ", ".join(document["allowed_from"]) or "any address"
    lists = (", ".join(document["modalities"]), host, networks, ", ".join(document["services"]) or "none")
    return (device.ae_title, *lists, _configured(device, clashes), when(_last_seen(habits)))


def _configured(device: Device, clashes: list[str]) -> str:
    where = _WHERE[device.origin]
    return f"{where}, which hides another one added here" if device.ae_title in clashes else where


def _last_seen(habits: tuple[Seen, ...]) -> int | None:
    return max((seen.last_at for seen in habits), default=None)


@devices.command("show")
@click.argument("ae_title")
@json_option
@click.pass_context
def show(context: click.Context, ae_title: str, as_json: bool) -> None:
    """Show a device: its fields, where it is configured, when it was last seen, and what it is used to do."""
    with opened(context) as gateway:
        device = gateway.device_store.get(ae_title)
        clashes, habits = gateway.device_store.clashes(), gateway.observations.habits_of(device.ae_title)
    lines = habits_lines(habits)
    document = format_device(device)
    last_seen = _last_seen(habits)
    if as_json:
        shown = [{"kind": kind, "name": name, "last_at": iso_utc(last_at)} for kind, name, last_at in lines]
        print_json({**document, "last_seen_at": iso_utc(last_seen) if last_seen else None, "habits": shown})
        return
    del document["origin"]
    for name, value in {
        **document,
        "configured in": _configured(device, clashes),
        "last seen": when(last_seen) or "never",
    }.items():
        click.echo(f"{name.replace('_', ' '):<26}{_in_words(name, value)}")
    if lines:
        click.echo()
        table(("Habit", "Last seen", "What"), [(kind, when(last_at), name) for kind, name, last_at in lines])


def _in_words(field: str, value: object) -> str:
    if isinstance(value, list):
        return printable(", ".join(value)) or _NOTHING.get(field, "none")
    if value in ("", 0) and field in _NOTHING:
        return _NOTHING[field]
    words = {True: "yes", False: "no", None: "as for all"}
    return words[value] if value is None or isinstance(value, bool) else printable(str(value))


@devices.command("echo")
@click.argument("ae_title")
@json_option
@click.pass_context
def echo(context: click.Context, ae_title: str, as_json: bool) -> None:
    """Send a C-ECHO to a device, where its host and port say; tells what failed."""
    from dicom_gateway.core.device_answer import echo_document
    from dicom_gateway.device_echo import echo as echo_device

    with opened(context) as gateway:
        device = gateway.device_store.get(ae_title)
        answer = echo_device(device, gateway.settings)
    if as_json:
        print_json(echo_document(device.ae_title, device.host, device.port, answer))
    elif answer.answered:
        place = f"{device.ae_title} at {device.host}:{device.port}"
        click.echo(f"{place} answered: {answer.words}, {answer.milliseconds:g} ms")
    else:
        click.echo(answer.words, err=True)
    if not answer.answered:
        sys.exit(1)


@devices.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_context
def import_devices(context: click.Context, file: Path) -> None:
    """Add the devices of Orthanc's DicomModalities, from FILE: a configuration of Orthanc, or that section of one.

    What was not taken over is named. Again it changes nothing; where host or port have changed there, they are renewed.
    """
    try:
        entries = read_modalities(file.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidValue(f"{file.name} is not UTF-8") from None
    except InvalidValue as error:
        raise InvalidValue(f"{file.name}: {error}") from None
    with opened(context) as gateway:
        became = Counter(_take_over(gateway, entry) for entry in entries)
        without = [one.ae_title for one in gateway.device_store.all() if not one.modalities]
    click.echo(", ".join(f"{number} {what}" for what, number in sorted(became.items())))
    if without:
        click.echo(f"without a modality: {', '.join(without)}; {_NO_MODALITY}", err=True)
    if became[_LEFT_OUT]:
        sys.exit(1)


def _take_over(gateway: Gateway, entry: Entry) -> str:
    """Add the device of an entry, and say and return what became of it."""
    if entry.device is None:
        click.echo(f"{entry.name}: {_LEFT_OUT}: {'; '.join(entry.left_out)}", err=True)
        return _LEFT_OUT
    try:
        became = gateway.admission.take_over(entry.device, operator())
    except GatewayError as error:
        click.echo(f"{entry.name}: {_LEFT_OUT}: {error}", err=True)
        return _LEFT_OUT
    click.echo(f"{entry.name}: {entry.device.ae_title} {became}")
    for reason in entry.left_out if became is not Taken.IN_FILE else ():
        click.echo(f"{entry.name}: without {reason}", err=True)
    return became.value


@devices.command("unknown")
@json_option
@click.pass_context
def unknown(context: click.Context, as_json: bool) -> None:
    """List who was refused, last seen first: when, from where, what it called us, what it wanted, and why."""
    with opened(context) as gateway:
        found = [unknown_document(row) for row in gateway.unknown_devices.all()]
    if as_json:
        print_json(found)
        return
    headings = ("AE title", "Address", "Called us", "Why refused", "Attempts", "Last seen", "TLS", "Wanted")
    rows = [
        (
            one["ae_title"], one["address"], one["called_ae_title"], one["reason"] or "", one["attempts"],
            one["last_seen_at"], "yes" if one["tls"] else "no", ", ".join(one["proposed"]),
        )
        for one in found
    ]  # fmt: skip
    table(headings, rows)


@devices.command("approve")
@click.argument("ae_title")
@click.option(
    "--from",
    "allowed_from",
    multiple=True,
    metavar="NETWORK",
    help="Where it may call from; else the address that it called from. May be repeated.",
)
@click.option("--modality", "modalities", multiple=True, metavar="MODALITY", help="Its modality. May be repeated.")
@click.pass_context
def approve(context: click.Context, ae_title: str, allowed_from: tuple[str, ...], modalities: tuple[str, ...]) -> None:
    """Let in a device that was refused; `devices unknown` lists them."""
    with opened(context) as gateway:
        for alike in _alike(gateway, ae_title.strip()):
            click.echo(f"there is a device {alike}, which differs from {ae_title} in capitals only: {_ALIKE}", err=True)
        try:
            device = gateway.admission.approve(ae_title, operator(), allowed_from, modalities)
        except InvalidDocument as error:
            raise in_options(error) from error
        except NotFound as error:
            raise NotFound(f"{error}; `dicom-gateway devices unknown` lists those that were") from error
    networks = ", ".join(format_device(device)["allowed_from"]) or "any address"
    click.echo(f"approved {device.ae_title} from {networks}")
    if not device.modalities:
        click.echo(f"without a modality: {device.ae_title}; {_NO_MODALITY}", err=True)


def _alike(gateway: Gateway, ae_title: str) -> list[str]:
    found = [device.ae_title for device in gateway.device_store.all()]
    return [] if ae_title in found else [one for one in found if one.casefold() == ae_title.casefold()]


@devices.command("sheet")
@click.argument("ae_title")
@json_option
@click.pass_context
def sheet(context: click.Context, ae_title: str, as_json: bool) -> None:
    """Print what to enter at the console of a device: whom it calls, which services, and the keys of its worklist."""
    with opened(context) as gateway:
        document = sheet_of(gateway.device_store.get(ae_title), gateway.settings)
    if as_json:
        print_json(document)
    else:
        click.echo(sheet_text(document), nl=False)
