"""A small data set with all its text as UTF-8, so that a parser needs to know no other character set (PS3.5 6.1.2).

Text is read by study/character_sets, an item's by the set that the item names, else by that around it (PS3.5 7.5.3).
Parsers look for delimiters among the bytes of a character and stumble over unknown terms; after this there are none.
Elements of unknown VR stay as they are. Sequences get defined lengths.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pydicom.datadict import dictionary_VR

from dicom_gateway.core.character_sets import UTF_8
from dicom_gateway.study.character_sets import CharacterSet
from dicom_gateway.study.data_set import padded
from dicom_gateway.study.elements import Element, elements
from dicom_gateway.study.encoding import ITEM, Encoding, encoding_of, refuse, view_of

_CHARACTER_SET: Final = 0x00080005
_TEXT: Final = frozenset((b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"))
_LONG: Final = frozenset((b"SQ", b"UC", b"UN", b"UR", b"UT"))


class UnicodeText(NamedTuple):
    """The bytes, SpecificCharacterSet UTF-8; `terms` is what it was; `guesses` the sets that were assumed, as none was
    named that is known; `flawed`: some text, or a term, was not as it should be."""

    data: bytes
    terms: tuple[str, ...]
    guesses: frozenset[str]
    flawed: bool


def in_utf_8(data: bytes, transfer_syntax_uid: str) -> UnicodeText:
    """Return a data set that has been scanned with its text as UTF-8; raises RefusedObject."""
    view = view_of(data)
    encoding, _ = encoding_of(view, transfer_syntax_uid)
    writer = _Writer()
    found = list(elements(view, 0, len(view), encoding))
    root = next((_character_set(element) for element in found if element.tag == _CHARACTER_SET), CharacterSet())
    body = b"".join(writer.written(found, root))
    writer.note(root)
    term = _element(_CHARACTER_SET, b"CS", encoding, UTF_8.encode())
    return UnicodeText(term + body, root.terms, frozenset(writer.guesses), writer.flawed)


def terms_of(data: bytes, transfer_syntax_uid: str) -> tuple[str, ...]:
    """Return the terms of SpecificCharacterSet of a data set that has been scanned, as they stand there."""
    view = view_of(data)
    encoding, _ = encoding_of(view, transfer_syntax_uid)
    for element in elements(view, 0, len(view), encoding):
        if element.tag >= _CHARACTER_SET:
            return _terms(element) if element.tag == _CHARACTER_SET else ()
    return ()


def _terms(element: Element) -> tuple[str, ...]:
    return tuple(padded(term) for term in element.value()[:1024].decode("ascii", "replace").split("\\"))


def _character_set(element: Element) -> CharacterSet:
    return CharacterSet(_terms(element))


class _Writer:
    """Writes data sets anew, and remembers what was wrong with their text."""

    def __init__(self) -> None:
        self.flawed = False
        self.guesses: set[str] = set()

    def note(self, character_set: CharacterSet) -> None:
        self.flawed |= character_set.flawed
        self.guesses |= character_set.guesses

    def written(self, found: Iterable[Element], character_set: CharacterSet) -> Iterator[bytes]:
        """Yield the elements, without SpecificCharacterSet."""
        for element in found:
            vr = _vr(element)
            if element.tag == _CHARACTER_SET:
                continue
            if vr == b"SQ" and element.vr != b"UN":
                items = b"".join(self._item(item, character_set, element.encoding) for item in element.items())
                yield _element(element.tag, vr, element.encoding, items)
            elif vr in _TEXT and not element.undefined:
                text = character_set.decode(element.value()).encode("utf-8", "replace")
                yield _element(element.tag, vr, element.encoding, text)
            else:
                yield _as_it_was(element)

    def _item(self, found: Iterator[Element], around: CharacterSet, encoding: Encoding) -> bytes:
        listed = list(found)
        named = next((_character_set(element) for element in listed if element.tag == _CHARACTER_SET), None)
        body = b"".join(self.written(listed, named or around))
        if named:
            self.note(named)
        return struct.pack(f"{encoding.order}HHL", ITEM >> 16, ITEM & 0xFFFF, len(body)) + body


def _vr(element: Element) -> bytes:
    if element.vr not in (b"", b"UN"):
        return element.vr
    try:
        return dictionary_VR(element.tag).encode()
    except KeyError:
        return b"UN"


def _as_it_was(element: Element) -> bytes:
    """Return an element with its header, which stands before its value: eight bytes where they end with the length,
    or with the VR and a length of two bytes; else twelve."""
    view, start = element.view, element.start
    is_short = element.encoding.implicit or not element.vr or bytes(view[start - 4 : start - 2]) == element.vr
    return bytes(view[start - (8 if is_short else 12) : element.end])


def _element(tag: int, vr: bytes, encoding: Encoding, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    order = encoding.order
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if encoding.implicit:
        return head + struct.pack(f"{order}L", len(value)) + value
    if vr in _LONG:
        return head + vr + struct.pack(f"{order}HL", 0, len(value)) + value
    if len(value) > 0xFFFF:
        refuse("a text is too long for its VR")
    return head + vr + struct.pack(f"{order}H", len(value)) + value
