"""Worklist answers as bytes: each element of an item is encoded once and kept, an answer joins those that are asked.

PS3.5 6.2 (padding), 7.1 (elements), 7.5 (sequences of defined length), PS3.4 K.6.1.2.2 (what an answer holds). The
answer's character set is the smallest that carries its text, so elements are kept by character set too: a name that
has no place in it is not encoded, and the next larger set is tried.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple

from dicom_gateway.core.attributes import ATTRIBUTES, Attribute
from dicom_gateway.core.matching import Level
from dicom_gateway.core.worklist_item import ItemValues

_LONG_LENGTH: Final = frozenset({"SQ", "UC", "UN", "UR", "UT"})
_CHARACTER_SETS: Final = (("", "ascii"), ("ISO_IR 100", "latin-1"), ("ISO_IR 192", "utf-8"))  # the smallest first
_by_tag: Final = attrgetter("tag")


class Form(NamedTuple):
    """How elements are encoded, little endian always; `prefix` is what stands before those of an answer."""

    explicit: bool
    codec: str
    prefix: bytes


class ElementValues(ItemValues):
    """The values of an item, and its elements as bytes, by form and tag."""

    __slots__ = ("_elements",)

    def __init__(self, context: object, rows: tuple[Attribute, ...] = ATTRIBUTES) -> None:
        super().__init__(context, rows)
        self._elements: dict[Form, dict[int, bytes]] = {}

    def elements(self, form: Form) -> dict[int, bytes]:
        """Return the elements encoded so far."""
        found = self._elements.get(form)
        return self._elements.setdefault(form, {}) if found is None else found


@lru_cache(4096)  # few tags, few lengths
def head(group: int, element: int, vr: str, length: int) -> bytes:
    """Return tag, VR and length of an element; without a VR: as Implicit VR has them."""
    if not vr:
        return struct.pack("<HHI", group, element, length)
    if vr in _LONG_LENGTH:
        return struct.pack("<HH2sHI", group, element, vr.encode(), 0, length)
    return struct.pack("<HH2sH", group, element, vr.encode(), length)


def _character_set(term: str, explicit: bool) -> bytes:
    value = (term + " " * (len(term) % 2)).encode()
    return head(0x0008, 0x0005, "CS" if explicit else "", len(value)) + value if term else b""


_FORMS: Final = {
    explicit: tuple(Form(explicit, codec, _character_set(term, explicit)) for term, codec in _CHARACTER_SETS)
    for explicit in (True, False)
}


def encoded_answer(asked: Level, item: ElementValues, explicit: bool) -> bytes:
    """Return what a query asks of an item that it matches, in Explicit or Implicit VR Little Endian, with its own
    SpecificCharacterSet; raises UnicodeEncodeError for text that is no Unicode (half of a surrogate pair)."""
    *smaller, largest = _FORMS[explicit]
    for form in smaller:
        try:
            return form.prefix + _joined(asked, item, form)
        except UnicodeEncodeError:
            continue
    return largest.prefix + _joined(asked, item, largest)


def _joined(asked: Level, item: ElementValues, form: Form) -> bytes:
    kept = item.elements(form)
    parts = []
    for row in asked.asked:
        below = asked.levels.get(row.tag)
        if below is not None:
            items = [sub for sub in item.items(row) if not row.matched or below.matches(sub)]
            parts.append(_sequence(row, [_joined(below, sub, form) for sub in items], form))
            continue
        part = kept.get(row.tag)
        if part is None:
            part = kept[row.tag] = _element(row, item, form)
        parts.append(part)
    return b"".join(parts)


def _element(row: Attribute, item: ElementValues, form: Form) -> bytes:
    if row.vr == "SQ":
        return _sequence(row, [_whole(sub, form) for sub in item.items(row)], form)
    values = item.written(row)
    if row.vr == "US":
        encoded = b"".join(struct.pack("<H", int(value)) for value in values)
    else:
        encoded = "\\".join(values).encode(form.codec)
    if len(encoded) % 2:
        encoded += b"\0" if row.vr == "UI" else b" "
    return _head(row, len(encoded), form) + encoded


def _whole(item: ElementValues, form: Form) -> bytes:
    """Return an item of a sequence that is asked for as a whole."""
    rows = (row for row in sorted(item.rows, key=_by_tag) if not row.omit_empty or item.written(row))
    return b"".join(_element(row, item, form) for row in rows)


def _sequence(row: Attribute, items: Sequence[bytes], form: Form) -> bytes:
    body = b"".join(head(0xFFFE, 0xE000, "", len(encoded)) + encoded for encoded in items)
    return _head(row, len(body), form) + body


def _head(row: Attribute, length: int, form: Form) -> bytes:
    return head(row.tag >> 16, row.tag & 0xFFFF, row.vr if form.explicit else "", length)
