"""The elements of a data set and of the items in it, one after the other, each value read when it is asked for.

Our own reading and not pydicom's for what every received object goes through: pydicom reports what it tolerates
through Python's warning filters, which are one for all threads, converts values that nobody asked for, and recurses.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from dicom_gateway.study.encoding import (
    ITEM,
    ITEM_END,
    UNDEFINED,
    Encoding,
    Head,
    is_sequence,
    name_of,
    refuse,
    unknown_items,
)
from dicom_gateway.study.walk import DATA_SET, FRAGMENTS, SEQUENCE, Frame, Walk


class Element(NamedTuple):
    """One element of a data set; its value is view[start:end], with delimiters where `undefined`."""

    tag: int
    vr: bytes
    view: memoryview
    start: int
    end: int
    undefined: bool
    encoding: Encoding

    def value(self) -> bytes:
        """Return the value as encoded."""
        return bytes(self.view[self.start : self.end])

    def items(self) -> Iterator[Iterator["Element"]]:
        """Yield the elements of each item of a sequence; raise RefusedObject."""
        encoding, position = self.encoding, self.start
        if self.vr == b"UN":
            encoding = unknown_items(self.view, position, encoding)
        while position + 8 <= self.end:
            tag, length = encoding.item(self.view, position)
            if tag != ITEM:
                break
            frame = Frame(DATA_SET, self.end, True, encoding)
            end = position + 8 + length if length != UNDEFINED else _walk(self.view).over(frame, position + 8)
            if end > self.end:
                refuse("an item passes the end of its sequence")
            yield elements(self.view, position + 8, end, encoding)
            position = end


def _walk(view: memoryview) -> Walk:
    return Walk(view, depth=64, elements=2_000_000)


def elements(view: memoryview, start: int, end: int, encoding: Encoding) -> Iterator[Element]:
    """Yield the elements of one data set, or of one item up to its delimiter; raise RefusedObject."""
    position = start
    while position + 8 <= end:
        tag, vr, length, value = _head(view, position, encoding)
        if tag == ITEM_END:
            return
        if length == UNDEFINED:
            sequence = is_sequence(tag, vr)
            inner = unknown_items(view, value, encoding) if vr == b"UN" else encoding
            position = _walk(view).over(Frame(SEQUENCE if sequence else FRAGMENTS, end, True, inner), value)
            vr = b"SQ" if sequence and vr == b"" else vr
        else:
            position = value + length
        if position > end:
            refuse(f"the value of {name_of(tag)} passes the end")
        yield Element(tag, vr, view, value, position, length == UNDEFINED, encoding)


def _head(view: memoryview, position: int, encoding: Encoding) -> Head:
    try:
        return encoding.head(view, position)
    except struct.error:
        refuse("the data set ends within the header of an element")
