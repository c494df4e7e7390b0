"""Orders from CSV and JSON lines: what is one order, what is refused and with which line, whatever program saved it."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.model import Code
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.order_table import COLUMNS, read_orders
from dicom_gateway.errors import InvalidDocument, InvalidValue

HEADER = "source,placer_order_number,patient.id,patient.name,procedure.description,step.modality,step.start"
ROW = "csv,C-1,P-1,Doe^Rex,Thorax,DX,2026-11-23T10:00"


def read(*lines: str, as_csv: bool = True) -> dict[str, Any]:
    """Return what is found at each place; an error as its text."""
    return {
        place: str(found) if isinstance(found, InvalidValue) else found
        for place, found in read_orders("\n".join(lines), as_csv)
    }


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_the_header_tells_the_separator(separator: str) -> None:
    (order,) = read(*(line.replace(",", separator) for line in (HEADER, ROW))).values()
    assert order["patient"] == {"id": "P-1", "name": "Doe^Rex"}
    assert order["procedures"] == [
        {"description": "Thorax", "steps": [{"modality": "DX", "start": "2026-11-23T10:00"}]}
    ]


def test_rows_of_one_order_are_its_steps() -> None:
    second = ROW.replace("Thorax,DX", "Abdomen,US")
    found = read(HEADER, ROW, ROW.replace("C-1", "C-2"), second, ROW)
    assert [len(p["steps"]) for p in found["line 2"]["procedures"]] == [1, 1, 1]
    assert [p["description"] for p in found["line 2"]["procedures"]] == ["Thorax", "Abdomen", "Thorax"]
    assert found.keys() == {"line 2", "line 3"}


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [("P-1", "P-2", "patient.id"), ("Doe^Rex", "Roe^Ann", "patient.name"), ("P-1", "", "patient.id")],
)
def test_rows_that_contradict_each_other_are_no_order(old: str, new: str, column: str) -> None:
    other = ROW.replace("C-1", "C-2")
    found = read(HEADER, ROW, other, ROW, ROW.replace(old, new), ROW.replace("P-1", "P-3"))
    assert found.keys() == {"lines 2 and 5", "line 3"}
    assert f"differ in {column};" in found["lines 2 and 5"]


def test_rows_without_a_number_are_not_one_order() -> None:
    found = read(HEADER, ROW.replace("C-1", ""), ROW.replace("C-1", "").replace("P-1", "P-2"))
    assert [order["patient"]["id"] for order in found.values()] == ["P-1", "P-2"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("a,b", "placer_order_number among them"),
        ("", "placer_order_number among them"),
        (f"{HEADER},patient", "names patient, which is no field of an order; there is patient.allergies"),
        (f"{HEADER},patient.nmae", "names patient.nmae, which is no field of an order; there is patient.name"),
        (f"{HEADER},procedures", "names procedures, which"),
        (f"{HEADER},patient.id.x", "names patient.id.x, which"),
        (f"{HEADER},patient.id", "names patient.id twice"),
        (f"{HEADER},\x1b[31m", "names \\x1b[31m, which"),
    ],
)
def test_a_header_that_cannot_be(header: str, said: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read(header, ROW)
    assert said in str(refused.value)


@pytest.mark.parametrize("column", sorted(COLUMNS))
def test_every_column_is_a_field_of_an_order(column: str) -> None:
    columns = {"placer_order_number", column}
    (document,) = read(",".join(columns), ",".join("1" for _ in columns)).values()
    with pytest.raises(InvalidDocument) as refused:
        parse_order(document, ZoneInfo("UTC"))
    assert "is not a field" not in str(refused.value)


CELLS = [
    ("patient.weight_kg", "31.5", 31.5),
    ("patient.weight_kg", "31", 31.0),
    ("patient.weight_kg", "3.1e1", 31.0),
    ("patient.size_m", "0.6", 0.6),
    ("patient.pregnancy_status", "4", 4),
    ("step.expected_instances", "2", 2),
    ("step.expected_instances", "2.0", 2),
    ("step.expected_instances", "two", "must be a number"),
    ("patient.weight_kg", "nan", "must be a finite number"),
    *(("patient.neutered", cell, True) for cell in ("true", "TRUE", "yes", "y", "t", "on", "1")),
    *(("patient.neutered", cell, False) for cell in ("false", "No", "n", "f", "off", "0")),
    ("patient.neutered", "maybe", "must be true or false"),
]


@pytest.mark.parametrize(("column", "cell", "value"), CELLS, ids=str)
def test_a_cell_becomes_what_its_field_is(column: str, cell: str, value: Any) -> None:
    (document,) = read(f"{HEADER},{column}", f"{ROW},{cell}").values()
    if isinstance(value, str):
        with pytest.raises(InvalidDocument) as refused:
            parse_order(document, ZoneInfo("UTC"))
        assert value in str(refused.value)
        return
    order = parse_order(document, ZoneInfo("UTC"))
    part = order.patient if column.startswith("patient.") else order.steps()[0]
    found = getattr(part, column.partition(".")[2])
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("cell", ["4,5", "0,25", "-1,5", "1.234,5"])
def test_a_number_with_a_comma_is_told_how_it_is_written(cell: str) -> None:
    lines = [f"{HEADER},patient.weight_kg", f"{ROW},4.5", f"{ROW.replace('C-1', 'C-2')},{cell}"]
    found = read(*(line.replace(",", ";", 7) for line in lines))
    assert found["line 2"]["patient"]["weight_kg"] == 4.5
    assert found["line 3"].startswith(f"patient.weight_kg is {cell}: it must be a number with a point, as 4.5")


def test_identifiers_and_the_registration_of_an_animal_have_columns() -> None:
    names = "patient.tattoo,patient.microchip,patient.species,patient.species_code.value,patient.species_code.scheme"
    registration = "patient.breed_registration.number,patient.breed_registration.registry,patient.languages"
    (document,) = read(f"{HEADER},{names},{registration}", f"{ROW},T9,276098,dog,HD,99L,SR 1,AKC,de|fr").values()
    patient = parse_order(document, ZoneInfo("UTC")).patient
    assert [(one.id, one.type) for one in patient.other_ids] == [("T9", "tattoo"), ("276098", "microchip")]
    assert patient.species_code == Code("HD", "99L")
    (registered,) = patient.breed_registrations
    assert (registered.number, registered.registry, registered.registry_code) == (
        "SR 1",
        "AKC",
        Code("109200", "DCM", "America Kennel Club"),
    )
    assert patient.languages == ("de", "fr")


def test_json_lines_hold_what_the_api_takes() -> None:
    (document,) = read(
        '{"source": "s", "placer_order_number": "1", "patient": {"species": "cat"}}', as_csv=False
    ).values()
    assert document["patient"] == {"species": "cat"}


def test_more_cells_than_names() -> None:
    found = read(HEADER, ROW + ",x", ROW, ROW.replace("C-1", "C-2") + ",,")
    assert found["line 2"] == "this line has more cells than the header has names"
    assert found.keys() == {"line 2", "line 3", "line 4"}


def test_a_line_is_counted_where_its_row_begins() -> None:
    found = read(HEADER, ROW.replace("Thorax", '"Tho\nrax"'), "", ROW.replace("C-1", "C-2"))
    assert list(found) == ["line 2", "line 5"]


def test_what_is_not_csv_is_named_with_its_line() -> None:
    with pytest.raises(InvalidValue, match="^line 3: this is not CSV"):
        read(HEADER, ROW, '"x' + "y" * 200_000 + '"')


def test_json_lines() -> None:
    found = read('{"a": 1}', "", "{", "[" * 100_000, '{"b": 2}\r', as_csv=False)
    assert (found["line 1"], found["line 5"]) == ({"a": 1}, {"b": 2})
    assert "not JSON" in found["line 3"]
    assert found["line 4"] == "this is nested too deeply"


@given(st.text(alphabet='abc,;\t|"\n\r .ä\x00', max_size=60), st.booleans())
def test_whatever_a_file_holds_it_is_read_or_refused(text: str, with_header: bool) -> None:
    try:
        for _, found in read_orders(f"{HEADER}\n{text}" if with_header else text, True):
            assert isinstance(found, dict | InvalidValue)
    except InvalidValue as error:
        assert str(error)
