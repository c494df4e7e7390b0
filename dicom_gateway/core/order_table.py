"""Orders from a file: JSON lines, or CSV with dotted names and one row a step.

The CSV header names the fields of the order document: `patient.id`, `procedure.code.value`, `step.modality`. Rows of
the same source and placer order number are one order; within it, rows of the same procedure (all its columns alike)
are one procedure. Lists are separated by `|`; empty cells are absent.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from dicom_gateway.errors import InvalidValue

LISTS = frozenset({"step.station_ae_titles", "step.teeth", "patient.medical_alerts", "patient.allergies"})
NUMBERS = frozenset({"patient.weight_kg", "patient.size_m", "patient.pregnancy_status", "step.expected_instances"})
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Document = dict[str, Any]


def read_orders(text: Iterable[str], as_csv: bool) -> Iterator[tuple[str, object]]:
    """Yield (place in the file, order document); what is no document is passed on as it is, to be refused.

    Raises InvalidValue for a CSV without a usable header.
    """
    return _from_csv(text) if as_csv else _from_json_lines(text)


def _from_json_lines(text: Iterable[str]) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except ValueError:
                yield f"line {number}", "this line is not JSON"


def _from_csv(text: Iterable[str]) -> Iterator[tuple[str, object]]:
    reader = csv.DictReader(text)
    if not reader.fieldnames or "placer_order_number" not in reader.fieldnames:
        raise InvalidValue("the first line must name the columns, placer_order_number among them")
    orders: dict[tuple[str, str], tuple[str, Document]] = {}
    for row in reader:
        document = _row_document(row)
        key = (str(document.get("source", "")), str(document.get("placer_order_number", "")))
        if key in orders:
            _add_row(orders[key][1], document)
        else:
            orders[key] = (f"line {reader.line_num}", document)
    yield from orders.values()


def _row_document(row: dict[str | Any, str | Any]) -> Document:
    """Return the order that one row describes: one procedure with one step."""
    document: Document = {}
    for name, cell in row.items():
        if name is None or cell is None or not cell.strip():
            continue
        target = document
        *path, last = name.strip().split(".")
        for part in path:
            target = target.setdefault(part, {})
        target[last] = _value(name.strip(), cell.strip())
    procedure = document.pop("procedure", {})
    procedure["steps"] = [document.pop("step", {})]
    document["procedures"] = [procedure]
    return document


def _add_row(order: Document, row: Document) -> None:
    """Add a further row's step to the order, in a procedure of its own unless its procedure is the last one's."""
    new, last = row["procedures"][0], order["procedures"][-1]
    if {k: v for k, v in new.items() if k != "steps"} == {k: v for k, v in last.items() if k != "steps"}:
        last["steps"] += new["steps"]
    else:
        order["procedures"].append(new)


def _value(name: str, cell: str) -> object:
    if name in LISTS:
        return [item.strip() for item in cell.split("|")]
    if name in NUMBERS:
        try:
            return float(cell) if "." in cell else int(cell)
        except ValueError:
            return cell
    if name == "patient.neutered":
        return TRUTHS.get(cell.lower(), cell)
    return cell
