"""`dicom-gateway orders`: add, list, show, cancel and import orders without the API."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from dicom_gateway.cli.opening import opened, operator
from dicom_gateway.cli.printing import table
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_answer import order_document
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.order_table import read_orders
from dicom_gateway.errors import GatewayError, InvalidDocument, InvalidValue
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
        document = json.load(file)
    except ValueError as error:
        raise InvalidValue(f"this is not JSON: {error}") from error
    with opened(context) as gateway:
        order, _ = gateway.orders.save(parse_order(document, gateway.settings.zone()), operator())
    _print_json(order_document(order))


@orders.command("list")
@click.option("--status", default="", help="Only orders of this status.")
@click.option("--date", default="", help="Only orders with a step on this day (YYYY-MM-DD).")
@click.option("--device", default="", help="Only orders with a step for this station AE title.")
@click.option("--modality", default="", help="Only orders with a step of this modality.")
@click.option("--patient-id", default="", help="Only orders of this patient id.")
@click.option("--accession-number", default="", help="Only orders of this accession number.")
@click.option("--source", default="", help="Only orders of this source.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10000), help="At most so many.")
@click.pass_context
def list_orders(context: click.Context, /, date: str, **wanted: Any) -> None:
    """List orders, newest first."""
    with opened(context) as gateway:
        found = gateway.orders.find(OrderFilter(date=date.replace("-", ""), **wanted))
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
    failed = taken = 0
    with opened(context) as gateway, open(file, encoding="utf-8-sig", newline="") as text:
        for place, document in read_orders(text, as_csv=file.suffix.lower() == ".csv"):
            try:
                gateway.orders.save(parse_order(document, gateway.settings.zone()), operator())
                taken += 1
            except InvalidDocument as error:
                failed += 1
                for item in error.errors:
                    click.echo(f"{place}: {item.field}: {item}", err=True)
            except GatewayError as error:
                failed += 1
                click.echo(f"{place}: {error}", err=True)
    click.echo(f"{taken} taken, {failed} refused")
    if failed:
        sys.exit(1)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
