"""`dicom-gateway orders`: add, list, show, cancel and import orders without the API."""

import json
import sys
from datetime import date as Date
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from dicom_gateway.cli.opening import opened, operator
from dicom_gateway.cli.printing import table
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_answer import order_document
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.order_table import read_json, read_orders
from dicom_gateway.core.status import OrderStatus
from dicom_gateway.errors import GatewayError, InvalidDocument, InvalidValue
from dicom_gateway.gateway import Gateway
from dicom_gateway.storage.orders import OrderFilter

ENCODINGS = {".csv": "CSV UTF-8", ".jsonl": "UTF-8"}  # as programs name them that save such a file


@click.group()
def orders() -> None:
    """Add, list, show, cancel and import orders."""


@orders.command("add")
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
@click.pass_context
def add(context: click.Context, file: Any) -> None:
    """Add or update the order of a JSON FILE (default: standard input)."""
    try:
        document = read_json(file.read())
    except UnicodeDecodeError as error:
        raise InvalidValue("this is not UTF-8; save it as UTF-8") from error
    with opened(context) as gateway:
        order, _ = gateway.orders.save(parse_order(document, gateway.settings.zone()), operator())
    _print_json(order_document(order))


@orders.command("list")
@click.option("--status", type=click.Choice([status.value for status in OrderStatus]), help="Only of this status.")
@click.option("--date", default="", help="Only orders with a step on this day: YYYY-MM-DD, YYYYMMDD or today.")
@click.option("--device", default="", help="Only orders with a step for this station AE title.")
@click.option("--modality", default="", help="Only orders with a step of this modality.")
@click.option("--patient-id", default="", help="Only orders of this patient id.")
@click.option("--accession-number", default="", help="Only orders of this accession number.")
@click.option("--source", default="", help="Only orders of this source.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10000), help="At most so many.")
@click.pass_context
def list_orders(context: click.Context, /, status: str | None, date: str, **wanted: Any) -> None:
    """List orders, newest first."""
    with opened(context) as gateway:
        day = _day(date, gateway.settings.zone())
        found = gateway.orders.find(OrderFilter(status=status or "", date=day, **wanted))
    rows = [
        (o.id, o.status, o.accession_number, o.placer_order_number, o.patient.id, o.patient.name, _start(o))
        for o in found
    ]
    table(("Id", "Status", "Accession", "Placer number", "Patient id", "Patient", "Start"), rows)


def _day(text: str, zone: ZoneInfo) -> str:
    """Return a day as YYYYMMDD, "" for none; raises BadParameter."""
    if not text:
        return ""
    if text == "today":
        return f"{datetime.now(zone):%Y%m%d}"
    try:
        if not text.replace("-", "").isdigit():
            raise ValueError("a week")
        return f"{Date.fromisoformat(text):%Y%m%d}"
    except ValueError:
        raise click.BadParameter("a day is written YYYY-MM-DD, YYYYMMDD or today", param_hint="--date") from None


def _start(order: Order) -> str:
    return min(step.start for step in order.steps()).isoformat(sep=" ", timespec="minutes")


@orders.command("show")
@click.argument("order_id")
@click.pass_context
def show(context: click.Context, order_id: str) -> None:
    """Show an order as JSON."""
    with opened(context) as gateway:
        _print_json(order_document(gateway.orders.get(order_id)))


@orders.command("cancel")
@click.argument("order_id")
@click.pass_context
def cancel(context: click.Context, order_id: str) -> None:
    """Cancel an order that has not begun."""
    with opened(context) as gateway:
        order = gateway.orders.cancel(order_id, operator())
    click.echo(f"{order.id} {order.status}")


@orders.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_context
def import_orders(context: click.Context, file: Path) -> None:
    """Add or update the orders of FILE: JSON lines (.jsonl), or CSV with a header of dotted names, a row a step.

    Each order has its own outcome; the command fails when one of them does.
    """
    suffix = file.suffix.lower()
    if suffix not in ENCODINGS:
        raise InvalidValue(f"{file.name} is neither .csv nor .jsonl; use `orders add` for one order")
    text = _text(file, ENCODINGS[suffix])
    failed = taken = 0
    with opened(context) as gateway:
        found = read_orders(text, as_csv=suffix == ".csv")
        try:
            for place, document in found:
                problems = _take(gateway, document)
                taken, failed = taken + (not problems), failed + bool(problems)
                for problem in problems:
                    click.echo(f"{place}: {problem}", err=True)
        finally:
            click.echo(f"{taken} taken, {failed} refused")
    if failed:
        sys.exit(1)


def _text(file: Path, encoding: str) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValue(f"{file.name} is not UTF-8; save it as {encoding}") from None
    except OSError as error:
        raise InvalidValue(f"{file.name} cannot be read: {error.strerror}") from None


def _take(gateway: Gateway, document: object) -> list[str]:
    """Save an order; return what is wrong with it."""
    try:
        if isinstance(document, GatewayError):
            raise document
        gateway.orders.save(parse_order(document, gateway.settings.zone()), operator())
    except InvalidDocument as error:
        return [f"{item.field}: {item}" if item.field else str(item) for item in error.errors]
    except GatewayError as error:
        return [str(error)]
    return []


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
