"""Passing over encoded data elements, however nested, to find where they end (PS3.5 7.5, A.4).

Nothing here recurses, allocates by a declared length, or reads a value. All that cannot be parsed raises RefusedObject
with 0xC000.
"""

import struct
from typing import NamedTuple

from dicom_gateway.study.encoding import (
    ITEM,
    ITEM_END,
    PIXEL_DATA,
    SEQUENCE_END,
    UNDEFINED,
    Encoding,
    Head,
    is_sequence,
    name_of,
    refuse,
    unknown_items,
)

DATA_SET, SEQUENCE, FRAGMENTS = "data set", "sequence", "fragments"
_SPECIAL = 0x7FE00008  # pixel data, items and delimiters are from here on


class Frame(NamedTuple):
    """Something open while passing over a data set: it ends at `end`, or by a delimiter before it (`undefined`)."""

    kind: str
    end: int
    undefined: bool
    encoding: Encoding


class Walk:
    """Passes over nested elements with a stack of its own.

    `depth` bounds the sequences inside each other, `elements` the elements and items in all.
    """

    def __init__(self, view: memoryview, depth: int, elements: int) -> None:
        self.pixel_offset: int | None = None
        self.flags: tuple[str, ...] = ()
        self._view = view
        self._depth = depth
        self._left = elements
        self._stack: list[Frame] = []
        self._top_level = False

    def over(self, frame: Frame, position: int) -> int:
        """Return the position behind `frame`, whose content starts at `position`; raise RefusedObject."""
        steps = {DATA_SET: self._data_set, SEQUENCE: self._items, FRAGMENTS: self._fragments}
        self._stack = [frame]
        self._top_level = frame.kind == DATA_SET and not frame.undefined
        try:
            while self._stack:
                frame = self._stack[-1]
                if position >= frame.end:
                    self._leave(frame)
                else:
                    position = steps[frame.kind](frame, position)
        except struct.error:
            refuse("the data set ends within the header of an element")
        return position

    def _leave(self, frame: Frame) -> None:
        self._stack.pop()
        if not frame.undefined:
            return
        # Some encoders forget the delimiter at the very end: every fragment is there.
        if frame.kind == FRAGMENTS and len(self._stack) == 1 and self._top_level:
            self.flags += ("no_sequence_delimiter",)
            return
        refuse(f"a {frame.kind} has no end")

    def _data_set(self, frame: Frame, position: int) -> int:
        head, end, view, left = frame.encoding.head, frame.end, self._view, self._left
        try:
            while position < end:
                start = position
                tag, vr, length, value = found = head(view, position)
                left -= 1
                if left < 0:
                    refuse("the data set has too many elements")
                if not (0 < tag < _SPECIAL) or vr == b"SQ" or length == UNDEFINED:
                    self._left = left
                    return self._look_at(frame, position, found)
                position = value + length
                if position > end:
                    refuse(f"the value of {name_of(tag)} passes the end")
        except struct.error:
            if self._is_padding(start):
                return start
            raise
        self._left = left
        return position

    def _look_at(self, frame: Frame, position: int, found: Head) -> int:
        """Pass over an element that is more than a tag and a value."""
        tag, vr, length, value = found
        if tag == ITEM_END and not (self._top_level and len(self._stack) == 1):
            return self._close(frame, value)
        if tag == 0 and self._is_padding(position):
            return position
        if tag >> 16 in (0, 0xFFFE):
            refuse(f"{name_of(tag)} has no place in a data set")
        if tag in PIXEL_DATA and self.pixel_offset is None and self._top_level and len(self._stack) == 1:
            self.pixel_offset = position
        if vr == b"SQ" or length == UNDEFINED:
            return self._open(frame, found)
        if value + length > frame.end:
            refuse(f"the value of {name_of(tag)} passes the end")
        return value + length

    def _open(self, frame: Frame, found: Head) -> int:
        tag, vr, length, value = found
        if len(self._stack) > 2 * self._depth:
            refuse(f"{name_of(tag)} is nested too deep")
        end = frame.end if length == UNDEFINED else value + length
        if end > frame.end:
            refuse(f"{name_of(tag)} passes the end")
        sequence = is_sequence(tag, vr)
        self._stack.append(Frame(SEQUENCE if sequence else FRAGMENTS, end, length == UNDEFINED, frame.encoding))
        if vr == b"UN" and sequence:  # its items are implicit little endian (PS3.5 6.2.2, note 2)
            self._stack[-1] = self._stack[-1]._replace(encoding=unknown_items(self._view, value, frame.encoding))
        return value

    def _items(self, frame: Frame, position: int) -> int:
        tag, length = self._item(frame, position)
        if tag == SEQUENCE_END:
            return self._close(frame, position + 8)
        end = frame.end if length == UNDEFINED else position + 8 + length
        if end > frame.end:
            refuse("an item passes the end of its sequence")
        self._stack.append(Frame(DATA_SET, end, length == UNDEFINED, frame.encoding))
        return position + 8

    def _fragments(self, frame: Frame, position: int) -> int:
        tag, length = self._item(frame, position)
        if tag == SEQUENCE_END:
            return self._close(frame, position + 8)
        if position + 8 + length > frame.end:
            refuse("a fragment passes the end")
        return position + 8 + length

    def _item(self, frame: Frame, position: int) -> tuple[int, int]:
        tag, length = frame.encoding.item(self._view, position)
        if tag not in (ITEM, SEQUENCE_END):
            refuse(f"{name_of(tag)} stands where an item should")
        self._left -= 1
        if self._left < 0:
            refuse("the data set has too many elements")
        return tag, length

    def _close(self, frame: Frame, position: int) -> int:
        if not frame.undefined and position != frame.end:
            refuse(f"a delimiter within a {frame.kind} of known length")
        if position > frame.end:
            refuse(f"the delimiter of a {frame.kind} passes the end")
        self._stack.pop()
        return position

    def _is_padding(self, position: int) -> bool:
        """Whether nothing but zeros is left of the data set: some devices fill up to a block."""
        if not (self._top_level and len(self._stack) == 1):
            return False
        end, block = self._stack[0].end, 1 << 20
        padding = not any(any(self._view[at : min(at + block, end)]) for at in range(position, end, block))
        if padding:
            self.flags += ("trailing_padding",)
            self._stack[0] = self._stack[0]._replace(end=position)
        return padding
