"""A whole data set for people to read: the shape of the DICOM JSON model (PS3.18 F.2) with keywords as names.

Bounded, whatever comes: long values are given by their size in bytes, long lists are cut and say so.
"""

import base64
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydicom.datadict import dictionary_VR, keyword_for_tag

from dicom_gateway.errors import DamagedFile, RefusedObject
from dicom_gateway.study.character_sets import CharacterSet
from dicom_gateway.study.data_set import NUMBERS, numbers, padded
from dicom_gateway.study.elements import Element, elements
from dicom_gateway.study.encoding import EXPLICIT, PIXEL_DATA, encoding_of, view_of

Json: TypeAlias = dict[str, Any]

_PREAMBLE: Final = 132  # bytes, with "DICM" (PS3.10 7.1)
_MAX_BINARY: Final = 1024  # bytes
_MAX_TEXT: Final = 16 * 1024  # bytes
_MAX_ITEMS: Final = 100
_MAX_DEPTH: Final = 16
_MAX_ELEMENTS: Final = 10_000
_TEXT: Final = frozenset(b"AE AS CS DA DT IS DS LO PN SH TM UC UI".split())
_LONG_TEXT: Final = frozenset((b"LT", b"ST", b"UT", b"UR"))  # a backslash is no delimiter here
_TRANSFER_SYNTAX_UID: Final = 0x00020010


class _Description:
    """Turns elements into JSON values until the budget is spent."""

    def __init__(self) -> None:
        self._left = _MAX_ELEMENTS

    def data_set(self, found: Iterable[Element], character_set: CharacterSet, depth: int = 0) -> Json:
        described: Json = {}
        try:
            for element in found:
                self._left -= 1
                if self._left < 0:
                    described["truncated"] = True
                    break
                if element.tag == 0x00080005:
                    terms = element.value()[:_MAX_BINARY].decode("ascii", "replace").split("\\")
                    character_set = CharacterSet([padded(term) for term in terms])
                name = keyword_for_tag(element.tag) or f"{element.tag:08X}"
                described.setdefault(name, self._element(element, character_set, depth))
        except RefusedObject:
            described["unreadable"] = True
        return described

    def _element(self, element: Element, character_set: CharacterSet, depth: int) -> Json:
        vr = element.vr if element.vr not in (b"", b"UN") else _dictionary_vr(element.tag)
        if element.vr == b"UN" and element.undefined:
            vr = b"SQ"  # PS3.5 6.2.2, note 2
        described: Json = {"vr": vr.decode("ascii", "replace")}
        length = element.end - element.start
        if not length:
            return described
        if vr == b"SQ" and (element.vr != b"UN" or element.undefined):
            return described | self._items(element, character_set, depth)
        if element.tag in PIXEL_DATA or element.undefined or length > _limit(vr):
            return described | {"bytes": length}
        return described | _value(element, vr, character_set)

    def _items(self, element: Element, character_set: CharacterSet, depth: int) -> Json:
        if depth >= _MAX_DEPTH:
            return {"truncated": True}
        values: list[Json] = []
        for item in element.items():
            if len(values) == _MAX_ITEMS or self._left < 0:
                return {"Value": values, "truncated": True}
            values.append(self.data_set(item, character_set, depth + 1))
        return {"Value": values}


def _limit(vr: bytes) -> int:
    return _MAX_TEXT if vr in _TEXT or vr in _LONG_TEXT else _MAX_BINARY


def _dictionary_vr(tag: int) -> bytes:
    try:
        return dictionary_VR(tag)[:2].encode()  # "US or SS": the first
    except KeyError:
        return b"UN"


def _value(element: Element, vr: bytes, character_set: CharacterSet) -> Json:
    if vr in NUMBERS:
        return {"Value": [number if math.isfinite(number) else str(number) for number in numbers(element, vr)]}
    if vr in _TEXT:
        return {"Value": [padded(value) for value in character_set.decode(element.value()).split("\\")]}
    if vr in _LONG_TEXT:
        return {"Value": [character_set.decode(element.value()).rstrip()]}
    return {"InlineBinary": base64.b64encode(element.value()).decode()}


def full_metadata(path: Path) -> Json:
    """Describe a stored file: {keyword or GGGGEEEE: {"vr", "Value" | "InlineBinary" | "bytes"}}, without pixel data.

    Ends with "unreadable" where it cannot be parsed further. Raises DamagedFile when this is not a DICOM file, or a
    deflated one.
    """
    description = _Description()
    meta, data_set = _opened(path)
    described = description.data_set(meta, CharacterSet())
    return described | description.data_set(data_set, CharacterSet())


def data_set_of(path: Path) -> Iterator[Element]:
    """Yield the elements of a stored file's data set, each value read when it is asked for; raises DamagedFile as
    full_metadata does, and RefusedObject where it cannot be parsed further."""
    return _opened(path)[1]


def _opened(path: Path) -> tuple[list[Element], Iterator[Element]]:
    """Return the elements of the file meta information and of the data set; raises DamagedFile."""
    try:
        with path.open("rb") as file:
            view = view_of(file)
    except OSError as error:
        raise DamagedFile(f"{path.name}: {error.strerror}") from error
    if bytes(view[_PREAMBLE - 4 : _PREAMBLE]) != b"DICM":
        raise DamagedFile(f"{path.name} is not a DICOM file")
    try:
        meta = _file_meta(view)
        start = meta[-1].end if meta else _PREAMBLE
        syntax = next((element.value()[:64] for element in meta if element.tag == _TRANSFER_SYNTAX_UID), b"")
        encoding, _ = encoding_of(view[start:], padded(syntax.decode("ascii", "replace")))
    except RefusedObject as error:
        raise DamagedFile(f"{path.name}: {error}") from error
    return meta, elements(view, start, len(view), encoding)


def _file_meta(view: memoryview) -> list[Element]:
    """Return the elements of group 2, which are explicit little endian whatever follows (PS3.10 7.1)."""
    found: list[Element] = []
    position = _PREAMBLE
    while bytes(view[position : position + 2]) == b"\2\0":
        found.append(next(elements(view, position, len(view), EXPLICIT)))
        position = found[-1].end
    return found
