"""`dicom-gateway orders`: add, list, show, cancel and import orders without the API."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from dicom_gateway.cli.days import day_of
from dicom_gateway.cli.importing import ENCODINGS, import_file
from dicom_gateway.cli.opening import opened, operator, order_of
from dicom_gateway.cli.printing import table
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_answer import order_document
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.order_table import read_json
from dicom_gateway.core.status import OrderStatus
from dicom_gateway.errors import InvalidValue
from dicom_gateway.gateway import Gateway
from dicom_gateway.reaching import WHAT_TO_DO, unreached
from dicom_gateway.storage.orders import OrderFilter


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
        _note_unreached([order], gateway)


def _note_unreached(orders: list[Order], gateway: Gateway) -> None:
    if note := unreached(orders, gateway.stations()):
        click.echo(f"{note}; {WHAT_TO_DO}", err=True)


@orders.command("list")
@click.option("--status", type=click.Choice([status.value for status in OrderStatus]), help="Only of this status.")
@click.option("--date", default="", help="Only orders with a step on this day: YYYY-MM-DD, YYYYMMDD or today.")
@click.option("--device", default="", help="Only orders with a step for this station AE title.")
@click.option("--modality", default="", help="Only orders with a step of this modality.")
@click.option("--patient-id", default="", help="Only orders of this patient id.")
@click.option("--accession-number", default="", help="Only orders of this accession number.")
@click.option("--placer-order-number", default="", help="Only orders that the PMS calls so.")
@click.option("--source", default="", help="Only orders of this source.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10000), help="At most so many.")
@click.pass_context
def list_orders(context: click.Context, /, status: str | None, date: str, **wanted: Any) -> None:
    """List orders, newest first."""
    with opened(context) as gateway:
        day = day_of(date, gateway.settings.zone())
        found = gateway.orders.find(OrderFilter(status=status or "", date=day, **wanted))
    rows = [
        (o.id, o.status, o.accession_number, o.placer_order_number, o.patient.id, o.patient.name, _start(o))
        for o in found
    ]
    table(("Id", "Status", "Accession", "Placer number", "Patient id", "Patient", "Start"), rows)


def _start(order: Order) -> str:
    return min(step.start for step in order.steps()).isoformat(sep=" ", timespec="minutes")


@orders.command("show")
@click.argument("order_id")
@click.pass_context
def show(context: click.Context, order_id: str) -> None:
    """Show an order as JSON."""
    with opened(context) as gateway:
        order = order_of(gateway, order_id)
        _print_json(order_document(order, gateway.observations.served_to([order.id]).get(order.id)))


@orders.command("cancel")
@click.argument("order_id")
@click.pass_context
def cancel(context: click.Context, order_id: str) -> None:
    """Cancel an order that has not begun."""
    with opened(context) as gateway:
        order = gateway.orders.cancel(order_of(gateway, order_id).id, operator())
    click.echo(f"{order.id} {order.status}")


@orders.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_context
def import_orders(context: click.Context, file: Path) -> None:
    """Add or update the orders of FILE: JSON lines (.jsonl), or CSV with a header of dotted names, a row a step.

    Each order has its own outcome; the command fails when one of them does.
    """
    if file.suffix.lower() not in ENCODINGS:
        raise InvalidValue(f"{file.name} is neither .csv nor .jsonl; use `orders add` for one order")
    with opened(context) as gateway:
        taken, refused = import_file(gateway, file)
        _note_unreached(taken, gateway)
    if refused:
        sys.exit(1)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
