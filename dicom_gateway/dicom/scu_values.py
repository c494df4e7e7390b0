"""A data set for a person's eyes and for scripts: keyword -> value, sequences as lists of the same.

An attribute whose multiplicity may exceed one is always a list, so that the shape does not depend on the values. What
has no keyword is named by its tag (GGGGEEEE); an empty value is null. Bytes are hexadecimal. Text is decoded by the
SpecificCharacterSet of the data set, which is left out.
"""

from collections.abc import Iterator
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VM, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicom_gateway.core.identifiers import printable

_INTEGERS = frozenset({"IS", "US", "UL", "SS", "SL", "UV", "SV"})
_DECIMALS = frozenset({"DS", "FL", "FD"})
_CHARACTER_SET = 0x00080005


def as_values(data_set: Dataset) -> dict[str, Any]:
    """Return a data set as JSON values."""
    return {_name(tag): _values(tag, data_set) for tag in sorted(data_set.keys()) if tag != _CHARACTER_SET}


def as_lines(data_set: Dataset, indent: int = 2) -> Iterator[str]:
    """Yield a data set as lines for a person; items are indented below their sequence."""
    for name, value in as_values(data_set).items():
        yield from _lines(name, value, indent)


def _lines(name: str, value: Any, indent: int) -> Iterator[str]:
    start = " " * indent
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield f"{start}{name}[{number}]"
            for inner, found in item.items():
                yield from _lines(inner, found, indent + 2)
        return
    shown = "\\".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    yield f"{start}{name:<{max(1, 44 - indent)}} {printable(shown, 1000)}".rstrip()


def _name(tag: BaseTag) -> str:
    return keyword_for_tag(tag) or f"{tag:08X}"


def _values(tag: BaseTag, data_set: Dataset) -> Any:
    try:
        element = data_set[tag]
        return _of_element(element)
    except Exception:  # whatever a library makes of garbage: it is shown as the bytes that came
        raw = data_set.get_item(tag)
        value = raw.value if raw is not None else b""
        return value.hex() if isinstance(value, bytes) else str(value)


def _of_element(element: DataElement) -> Any:
    if element.VR == "SQ":
        return [as_values(item) for item in element.value]
    if element.value is None or element.VM == 0:
        return [] if _has_many(element.tag) else None
    values = list(element.value) if element.VM > 1 else [element.value]
    read = [_plain(element.VR, value) for value in values]
    return read if len(read) > 1 or _has_many(element.tag) else read[0]


def _has_many(tag: BaseTag) -> bool:
    return dictionary_has_tag(tag) and dictionary_VM(tag) != "1"


def _plain(vr: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if vr in _INTEGERS:
        return int(value)
    if vr in _DECIMALS:
        return float(value)
    return str(value)
