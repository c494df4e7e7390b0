"""Orders of a file, one after the other: taken, or refused with what is wrong in the words of that file."""

import re
from pathlib import Path
from typing import Any

import click

from dicom_gateway.cli.opening import operator
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.order_table import read_orders
from dicom_gateway.errors import GatewayError, InvalidDocument, InvalidValue
from dicom_gateway.gateway import Gateway

ENCODINGS = {".csv": "CSV UTF-8", ".jsonl": "UTF-8"}  # as programs name them that save such a file
_IN_PROCEDURE = re.compile(r"procedures\[(\d+)\](?:\.steps\[(\d+)\])?")
_ITEM = re.compile(r"\[\d+\]$")


def import_file(gateway: Gateway, file: Path) -> tuple[list[Order], int]:
    """Save the orders of a file, say of each that is refused why, and how many went which way; return those taken and
    how many were refused. Raises InvalidValue for a file that cannot be read, or not to its end."""
    suffix = file.suffix.lower()
    text = _text(file, ENCODINGS[suffix])
    taken: list[Order] = []
    refused, ended = 0, False
    try:
        for place, document in read_orders(text, as_csv=suffix == ".csv"):
            found = _take(gateway, document, as_csv=suffix == ".csv")
            if isinstance(found, Order):
                taken.append(found)
                continue
            refused += 1
            for problem in found:
                click.echo(f"{place}: {problem}", err=True)
        ended = True
    finally:
        if ended or taken or refused:
            click.echo(f"{len(taken)} taken, {refused} refused")
    return taken, refused


def _text(file: Path, encoding: str) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValue(f"{file.name} is not UTF-8; save it as {encoding}") from None
    except OSError as error:
        raise InvalidValue(f"{file.name} cannot be read: {error.strerror}") from None


def _take(gateway: Gateway, document: Any, as_csv: bool) -> Order | list[str]:
    """Save an order and return it, or what is wrong with it."""
    try:
        if isinstance(document, GatewayError):
            raise document
        return gateway.orders.save(parse_order(document, gateway.settings.zone()), operator())[0]
    except InvalidDocument as error:
        names = [_column(item.field, document) if as_csv else item.field for item in error.errors]
        return [f"{name}: {item}" if name else str(item) for name, item in zip(names, error.errors, strict=True)]
    except GatewayError as error:
        return [str(error)]


def _column(field: str, document: Any) -> str:
    """Return the column of a field of an order that was read from a CSV, and which row when it has several."""
    match = _IN_PROCEDURE.match(field)
    if match is None:
        return _ITEM.sub("", field)
    procedure, step = int(match[1]), match[2]
    name = f"{'step' if step else 'procedure'}{_ITEM.sub('', field[match.end() :])}"
    steps = [len(one["steps"]) for one in document["procedures"]]
    row = sum(steps[:procedure]) + int(step or 0) + 1
    return f"{name} (row {row} of this order)" if sum(steps) > 1 else name
