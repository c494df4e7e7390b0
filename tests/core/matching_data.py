"""Queries and items of the matching tests: as plain texts by keyword, and as the bytes that devices send."""

import struct
from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from dicom_gateway.core.attributes import ROOT, Attribute
from tests.core.matching_oracle import Item, Keys, Path

ITEM = b"\xfe\xff\x00\xe0"


def model(path: Path) -> bool | None:
    """Say whether the attribute table compares the attribute at `path`; None when it does not have it."""
    rows: Mapping[int, Attribute] = ROOT
    row = None
    for keyword in path:
        row = rows.get(tag_of(keyword))
        if row is None:
            return None
        rows = row.children
    return row.matched if row is not None else None


def tag_of(keyword: str) -> BaseTag:
    """Return the tag of a keyword, or of `gggg,eeee`."""
    group, comma, element = keyword.partition(",")
    return Tag(int(group, 16), int(element, 16)) if comma else Tag(tag_for_keyword(keyword) or 0)


def as_texts(keys: dict[str, Any]) -> Keys:
    """Return keys whose several values are a list as they are sent: one text each."""
    return {
        keyword: key
        if isinstance(key, str)
        else [as_texts(item) for item in key]
        if not key or isinstance(key[0], dict)
        else "\\".join(key)
        for keyword, key in keys.items()
    }


def wire(keys: Keys, encoding: str = "utf-8", character_set: str = "ISO_IR 192") -> bytes:
    """Return a query in Implicit VR Little Endian, its elements in the order of their tags."""
    if character_set:
        keys = {"SpecificCharacterSet": character_set, **keys}
    elements = []
    for keyword, key in sorted(keys.items(), key=lambda pair: tag_of(pair[0])):
        tag = tag_of(keyword)
        value = _items(key, encoding) if isinstance(key, list) else _value(keyword, key, encoding)
        elements.append(struct.pack("<HHI", tag.group, tag.element, len(value)) + value)
    return b"".join(elements)


def _items(items: list[Keys], encoding: str) -> bytes:
    encoded = [wire(item, encoding, "") for item in items]
    return b"".join(ITEM + struct.pack("<I", len(item)) + item for item in encoded)


def _value(keyword: str, text: str, encoding: str) -> bytes:
    if "," not in keyword and dictionary_VR(keyword) == "US":
        return b"".join(struct.pack("<H", int(one)) for one in text.split("\\") if one)
    value = text.encode(encoding)
    return value + b" " * (len(value) % 2)


def identifier(keys: Keys) -> Dataset:
    """Return a query as it is when it has just been read."""
    return read_dataset(DicomBytesIO(wire(keys)), is_implicit_VR=True, is_little_endian=True)


def plain(data_set: Dataset) -> Item:
    """Return an item, or an answer, as plain texts; without SpecificCharacterSet."""
    return {
        element.keyword: [plain(one) for one in element.value] if element.VR == "SQ" else _texts(element.value)
        for element in data_set
        if element.keyword != "SpecificCharacterSet"
    }


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, MultiValue | list | tuple) else [value]
    return [str(one) for one in values if one not in (None, "")]
