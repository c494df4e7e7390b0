"""A data set as it is read for its header: by keyword, each value when asked for, and never an error for a bad one.

A value that cannot be what its attribute says is given as empty and flagged `bad_value:<keyword>`; `character_set`
and `unreadable` are the other flags. Value representations: PS3.5 6.2.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import date, time
from functools import cache
from typing import Final, TypeVar

from pydicom.datadict import dictionary_VR, tag_for_keyword

from dicom_gateway.core.model import Code
from dicom_gateway.errors import RefusedObject
from dicom_gateway.study.character_sets import CharacterSet
from dicom_gateway.study.elements import Element

MAX_TEXT: Final = 4096  # bytes; the longest text VR of the header is LO with 64 characters
MAX_ITEMS: Final = 200
NUMBERS: Final = {b"US": "H", b"SS": "h", b"UL": "L", b"SL": "l", b"FL": "f", b"FD": "d", b"UV": "Q", b"SV": "q"}
_PER_FRAME: Final = 0x52009230  # PerFrameFunctionalGroupsSequence: large, last, and of no use here
_SPECIFIC_CHARACTER_SET: Final = 0x00080005
_DA: Final = re.compile(r"(\d{4})([.]?)(\d\d)\2(\d\d)")  # with points: ACR-NEMA
_TM: Final = re.compile(r"(\d\d)(?::?(\d\d)(?::?([0-5]\d|60)(?:\.(\d{1,6}))?)?)?")
_DT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d(?:\d\d(?:\d\d(?:\.\d{1,6})?)?)?))?([+-]\d{4})?")

T = TypeVar("T")


@cache
def _tag(keyword: str) -> int:
    return tag_for_keyword(keyword) or 0


class Flags:
    """The flags of one object, each once, in the order of their discovery."""

    def __init__(self, flags: Iterable[str] = ()) -> None:
        self._flags = dict.fromkeys(flags)

    def add(self, flag: str) -> None:
        """Add a flag."""
        self._flags[flag] = None

    def all(self) -> tuple[str, ...]:
        """Return all flags."""
        return tuple(self._flags)


def padded(text: str) -> str:
    """Return a value without its padding (PS3.5 6.2)."""
    return text.strip(" \0\t\r\n")


class DataSet:
    """One data set or item. Elements behind a place that cannot be parsed are as if absent."""

    def __init__(self, elements: Iterable[Element], flags: Flags, parent: CharacterSet | None = None) -> None:
        self.flags = flags
        self._elements: dict[int, Element] = {}
        try:
            for element in elements:
                if element.tag == _PER_FRAME:
                    break
                self._elements.setdefault(element.tag, element)
        except RefusedObject:
            flags.add("unreadable")
        declared = self._elements.get(_SPECIFIC_CHARACTER_SET)
        self._character_set = parent or CharacterSet()
        if declared is not None:
            terms = declared.value()[:MAX_TEXT].decode("ascii", "replace").split("\\")
            self._character_set = CharacterSet([padded(term) for term in terms])
            self._note_character_set()

    def _note_character_set(self) -> None:
        if self._character_set.flawed:
            self.flags.add("character_set")

    def element(self, keyword: str) -> Element | None:
        """Return an element, or None when it is absent or empty."""
        found = self._elements.get(_tag(keyword))
        return None if found is None or found.start == found.end else found

    def items(self, keyword: str) -> Iterator["DataSet"]:
        """Yield the items of a sequence, at most MAX_ITEMS."""
        element = self.element(keyword)
        if element is None:
            return
        try:
            for _, item in zip(range(MAX_ITEMS), element.items(), strict=False):
                yield DataSet(item, self.flags, self._character_set)
        except RefusedObject:
            self.flags.add("unreadable")

    def text(self, keyword: str) -> str:
        """Return the only value as text; of several, or of one that is far too long: "" and a flag."""
        element = self.element(keyword)
        if element is None:
            return ""
        if element.undefined or element.end - element.start > MAX_TEXT:
            return self._bad(keyword, "")
        text = self._character_set.decode(element.value())
        self._note_character_set()
        return self._bad(keyword, "") if "\\" in text else padded(text)

    def first(self, keyword: str) -> str:
        """Return the first value as text; of one that is far too long "" and a flag."""
        element = self.element(keyword)
        if element is None:
            return ""
        if element.undefined or element.end - element.start > MAX_TEXT:
            return self._bad(keyword, "")
        return padded(self._character_set.decode(element.value()).partition("\\")[0])

    def words(self, keyword: str) -> str:
        """Return a text for people, as much of it as fits, with whatever values it has."""
        element = self.element(keyword)
        if element is None or element.undefined:
            return ""
        return padded(self._character_set.decode(element.value()[:MAX_TEXT]))

    def parsed(self, keyword: str, parse: Callable[[str], T], empty: T) -> T:
        """Return parse(text), or `empty` and a flag where it raises ValueError."""
        text = self.text(keyword)
        if not text:
            return empty
        try:
            return parse(text)
        except ValueError:
            return self._bad(keyword, empty)

    def integer(self, keyword: str) -> int | None:
        """Return the only value of an IS, DS or binary integer element."""
        element = self.element(keyword)
        if element is None:
            return None
        vr = element.vr if element.vr not in (b"", b"UN") else dictionary_VR(keyword).encode()
        if vr not in NUMBERS:
            return self.parsed(keyword, parse_integer, None)
        values = numbers(element, vr)
        return int(values[0]) if len(values) == 1 else self._bad(keyword, None)

    def code(self) -> Code | None:
        """Return the code that this item is, None when it has neither value nor meaning (PS3.3 8.8)."""
        value = self.text("CodeValue") or self.text("LongCodeValue") or self.text("URNCodeValue")
        meaning = self.text("CodeMeaning")
        return Code(value, self.text("CodingSchemeDesignator"), meaning) if value or meaning else None

    def codes(self, keyword: str) -> list[Code]:
        """Return the items of a code sequence that have a value or a meaning."""
        return [code for item in self.items(keyword) if (code := item.code()) is not None]

    def _bad(self, keyword: str, empty: T) -> T:
        self.flags.add(f"bad_value:{keyword}")
        return empty


def numbers(element: Element, vr: bytes) -> tuple[float, ...]:
    """Return the binary numbers of an element; none when its length does not fit its VR."""
    kind = NUMBERS[vr]
    size = struct.calcsize(f"={kind}")
    length = element.end - element.start
    if length % size or length > MAX_TEXT:
        return ()
    return struct.unpack(f"{element.encoding.order}{length // size}{kind}", element.value())


def parse_integer(text: str) -> int | None:
    """Return an IS value, also one written as 3.0; raise ValueError."""
    if len(text) > 16:
        raise ValueError("longer than a number can be")
    number = float(text)
    if not number.is_integer() or abs(number) >= 2**31:
        raise ValueError("not an IS value")
    return int(number)


def parse_date(text: str) -> str:
    """Return a DA value as YYYYMMDD; raise ValueError."""
    found = _DA.fullmatch(text)
    if found is None:
        raise ValueError("not a date")
    return date(int(found[1]), int(found[3]), int(found[4])).strftime("%Y%m%d").zfill(8)


def parse_time(text: str) -> str:
    """Return a TM value as HHMMSS.FFFFFF, as far as it goes; raise ValueError."""
    _clock(text)
    return text.replace(":", "")


def _clock(text: str) -> time:
    found = _TM.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    hours, minutes, seconds, fraction = found.groups(default="0")
    return time(int(hours), int(minutes), min(int(seconds), 59), int(fraction.ljust(6, "0")))  # 60: a leap second


def iso_of_date_and_time(day: str, clock: str) -> str:
    """Return YYYYMMDD and a TM value, which may be "", as ISO 8601; raise ValueError."""
    written = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return f"{written}T{_clock(clock).isoformat()}" if clock else written


def iso_of_datetime(text: str) -> str:
    """Return a DT value of at least a day as ISO 8601, with its offset if it has one; raise ValueError."""
    found = _DT.fullmatch(text)
    if found is None:
        raise ValueError("not a date and time")
    day = parse_date("".join(found.group(1, 2, 3)))
    written = iso_of_date_and_time(day, found[4] or "")
    return f"{written}{found[5][:3]}:{found[5][3:]}" if found[5] and found[4] else written
