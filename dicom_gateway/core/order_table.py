"""Orders from a file: JSON lines, or CSV with dotted names and one row a step.

The CSV header names the fields of the order document: `patient.id`, `procedure.code.value`, `step.modality`. Its cells
are separated by commas, semicolons or tabs. Rows of the same source and placer order number are one order, and say the
same of it in every other column; within it, rows of the same procedure (all its columns alike) are one procedure.
Lists are separated by `|`; empty cells are absent. A cell of a number or a truth value becomes one here, because the
order document takes text for neither. `patient.microchip` and `patient.tattoo` are items of `other_ids`, and
`patient.breed_registration` is the only one of `breed_registrations`.
"""

import csv
import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from io import StringIO
from typing import Any

from pydantic import BaseModel

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.order_document import OrderDocument, ProcedureDocument, StepDocument
from dicom_gateway.core.patient_document import BreedRegistrationDocument, CodeDocument, PatientDocument
from dicom_gateway.errors import InvalidValue

LISTS = frozenset(
    {"step.station_ae_titles", "step.teeth", "patient.medical_alerts", "patient.allergies", "patient.languages"}
)
IDENTIFIERS = {"patient.microchip": "microchip", "patient.tattoo": "tattoo"}  # column -> type of an item of other_ids
NUMBERS = frozenset({"patient.weight_kg", "patient.size_m", "patient.pregnancy_status", "step.expected_instances"})
TRUTHS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "off", "0"), False
)
SEPARATORS = ",;\t"
_WITH_COMMA = re.compile(r"[-+]?[0-9.]{0,20},[0-9]{1,20}")
_MODELS: dict[str, type[BaseModel]] = {
    "": OrderDocument,
    "patient.": PatientDocument,
    "patient.species_code.": CodeDocument,
    "patient.breed_registration.": BreedRegistrationDocument,
    "procedure.": ProcedureDocument,
    "procedure.code.": CodeDocument,
    "step.": StepDocument,
}
_HOLD_FIELDS = frozenset(
    {
        "patient",
        "procedures",
        "procedure.steps",
        "procedure.code",
        "patient.other_ids",
        "patient.species_code",
        "patient.breed_codes",
        "patient.breed_registrations",
        "patient.breed_registration.registry_code",
        "step.protocol_codes",
    }
)
_FIELDS = frozenset(prefix + name for prefix, model in _MODELS.items() for name in model.model_fields) - _HOLD_FIELDS
COLUMNS = _FIELDS | IDENTIFIERS.keys()

Document = dict[str, Any]
Cells = dict[str, str]  # by column, those that are not empty


def read_orders(text: str, as_csv: bool) -> Iterator[tuple[str, object]]:
    """Yield (place in the file, decoded order document, or the InvalidValue that says why there is none).

    Raises InvalidValue for a CSV without a usable header, or that cannot be read to its end.
    """
    return _from_csv(text) if as_csv else _from_json_lines(text)


def read_json(text: str) -> object:
    """Return what a JSON text holds; raises InvalidValue, also for what is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise InvalidValue("this is nested too deeply") from None
    except ValueError as error:
        raise InvalidValue(f"this is not JSON: {error}") from None


def _from_json_lines(text: str) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(StringIO(text), 1):
        if line.strip():
            document: object
            try:
                document = read_json(line)
            except InvalidValue as error:
                document = error
            yield f"line {number}", document


def _from_csv(text: str) -> Iterator[tuple[str, object]]:
    rows = _rows(text)
    _, header = next(rows, (1, []))
    columns = _checked([name.strip() for name in header])
    found: dict[object, list[tuple[int, Cells]]] = {}  # the rows of each order
    refused: list[tuple[str, InvalidValue]] = []
    for line, row in rows:
        cells = {name: cell.strip() for name, cell in zip(columns, row, strict=False) if cell.strip()}
        if any(cell.strip() for cell in row[len(columns) :]) or "" in cells:
            refused.append((f"line {line}", InvalidValue("this line has more cells than the header has names")))
        elif cells:
            number = cells.get("placer_order_number")
            found.setdefault((cells.get("source"), number) if number else line, []).append((line, cells))
    yield from refused
    yield from map(_order, found.values())


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its first line."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(SEPARATORS, key=first.count), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InvalidValue(f"line {line}: this is not CSV: {error}") from None
        if row:
            yield line, row


def _checked(names: list[str]) -> list[str]:
    """Return the header's names; raises InvalidValue for one that is no field, or that stands there twice."""
    if "placer_order_number" not in names:
        raise InvalidValue("the first line must name the columns, placer_order_number among them")
    for name in filter(None, names):
        if name not in COLUMNS:
            inside = [column for column in sorted(COLUMNS) if column.startswith(f"{name}.")]
            near = (inside or get_close_matches(name, sorted(COLUMNS)))[:3]
            hint = f"; there is {' or '.join(near)}" if near else ""
            raise InvalidValue(f"the first line names {printable(name, 60)}, which is no field of an order{hint}")
        if names.count(name) > 1:
            raise InvalidValue(f"the first line names {name} twice")
    return names


def _order(rows: list[tuple[int, Cells]]) -> tuple[str, object]:
    """Return the order that these rows make, or why they make none."""
    (line, first), *others = rows
    for row_line, cells in rows:
        if wrong := [name for name in NUMBERS & cells.keys() if _WITH_COMMA.fullmatch(cells[name])]:
            what = f"{min(wrong)} is {cells[min(wrong)]}: it must be a number with a point, as 4.5"
            return f"line {row_line}", InvalidValue(f"{what}; nothing of its order was taken")
    for other_line, cells in others:
        differ = sorted(n for n in first.keys() | cells if _is_of_order(n) and first.get(n) != cells.get(n))
        if differ:
            what = f"rows of one order differ in {', '.join(differ)}; nothing of it was taken"
            return f"lines {line} and {other_line}", InvalidValue(what)
    document = _row_document(first)
    for _, cells in others:
        _add_row(document, _row_document(cells))
    return f"line {line}", document


def _is_of_order(name: str) -> bool:
    return not name.startswith(("procedure.", "step."))


def _row_document(cells: Cells) -> Document:
    """Return the order that one row describes: one procedure with one step."""
    document: Document = {}
    for name, cell in cells.items():
        if name in IDENTIFIERS:
            identifiers = document.setdefault("patient", {}).setdefault("other_ids", [])
            identifiers.append({"id": cell, "type": IDENTIFIERS[name]})
            continue
        target = document
        *path, last = name.split(".")
        for part in path:
            target = target.setdefault(part, {})
        target[last] = _value(name, cell)
    if registration := document.get("patient", {}).pop("breed_registration", None):
        document["patient"]["breed_registrations"] = [registration]
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
        return _as_number(cell)
    if name == "patient.neutered":
        return TRUTHS.get(cell.lower(), cell)
    return cell


def _as_number(cell: str) -> object:
    """Return the number that a cell says, or the cell, for the order document to refuse it by its field."""
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
