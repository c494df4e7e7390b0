"""A data set in the DICOM JSON model (PS3.18 F.2) as rows of a table, nested ones below their sequence. Bounded."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydicom.datadict import keyword_for_tag

MOST_ROWS: Final = 5000
MOST_DEPTH: Final = 8
LONGEST_VALUE: Final = 2000  # characters


class DataSetRow(NamedTuple):
    """One attribute: `depth` is how many sequences it stands in; `item` is its number where an item begins."""

    depth: int
    tag: str
    keyword: str
    vr: str
    value: str
    item: int = 0


def rows_of(data_set: Mapping[str, Any]) -> list[DataSetRow]:
    """Return the attributes of a data set by tag, at most MOST_ROWS of them."""
    found: list[DataSetRow] = []
    for row in _rows(data_set, 0):
        if len(found) >= MOST_ROWS:
            break
        found.append(row)
    return found


def _rows(data_set: Mapping[str, Any], depth: int) -> Iterator[DataSetRow]:
    for tag in sorted(data_set):
        element = data_set[tag]
        vr, values = str(element.get("vr", "")), element.get("Value", [])
        name = f"({tag[:4]},{tag[4:]})"
        keyword = keyword_for_tag(int(tag, 16)) if len(tag) == 8 else ""
        if vr != "SQ":
            yield DataSetRow(depth, name, keyword, vr, _text(element, values))
            continue
        yield DataSetRow(depth, name, keyword, vr, "")
        if depth < MOST_DEPTH:
            for number, item in enumerate(values, 1):
                yield DataSetRow(depth + 1, "", "", "", "", number)
                yield from _rows(item or {}, depth + 1)


def _text(element: Mapping[str, Any], values: list[Any]) -> str:
    if "InlineBinary" in element:
        return f"{len(str(element['InlineBinary'])) * 3 // 4} bytes"
    text = "\\".join(_value(value) for value in values)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):  # a person's name
        return "=".join(str(value.get(name, "")) for name in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")
    return "" if value is None else str(value)
