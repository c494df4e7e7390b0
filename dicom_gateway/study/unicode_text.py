"""A small data set with all its text as UTF-8, so that a parser needs to know no other character set (PS3.5 6.1.2).

Text is read by study/character_sets, an item's by the set that the item names, else by that around it (PS3.5 7.5.3).
Parsers look for delimiters among the bytes of a character and stumble over unknown terms; after this there are none.
Elements of unknown VR stay as they are. Sequences get defined lengths, where their tag or VR says that they are some.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from dicom_gateway.core.character_sets import UTF_8
from dicom_gateway.study.character_sets import CharacterSet
from dicom_gateway.study.data_set import padded
from dicom_gateway.study.elements import Element, elements
from dicom_gateway.study.encoding import ITEM, SEQUENCE_END, UNDEFINED, Encoding, encoding_of, refuse, view_of

Piece = bytes | memoryview

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
    writer = UnicodeWriter()
    found = list(elements(view, 0, len(view), encoding))
    root = character_set_of(found)
    body = b"".join(writer.written(found, root))
    writer.note(root)
    return UnicodeText(utf_8_term(encoding) + body, root.terms, frozenset(writer.guesses), writer.flawed)


def utf_8_term(encoding: Encoding) -> bytes:
    """Return the element SpecificCharacterSet that says UTF-8."""
    return encoded(_CHARACTER_SET, b"CS", encoding, UTF_8.encode())


def character_set_of(found: Iterable[Element]) -> CharacterSet:
    """Return the character set that the elements of a data set name."""
    return next((_character_set(element) for element in found if element.tag == _CHARACTER_SET), CharacterSet())


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


class UnicodeWriter:
    """Writes data sets anew, and remembers what was wrong with their text."""

    def __init__(self) -> None:
        self.flawed = False
        self.guesses: set[str] = set()

    def note(self, character_set: CharacterSet) -> None:
        self.flawed |= character_set.flawed
        self.guesses |= character_set.guesses

    def written(self, found: Iterable[Element], character_set: CharacterSet) -> Iterator[Piece]:
        """Yield each element, one piece each, without SpecificCharacterSet."""
        for element in found:
            vr = vr_of(element)
            if element.tag == _CHARACTER_SET:
                continue
            if vr == b"SQ" and element.vr != b"UN":
                yield _sequence(element, self.items(element, character_set))
            elif vr in _TEXT and not element.undefined:
                text = character_set.decode(element.value()).encode("utf-8", "replace")
                yield encoded(element.tag, vr, element.encoding, text)
            else:
                yield _as_it_was(element)

    def items(self, sequence: Element, around: CharacterSet) -> bytes:
        """Return the items of a sequence, one after the other."""
        return b"".join(self._item(item, around, sequence.encoding) for item in sequence.items())

    def _item(self, found: Iterator[Element], around: CharacterSet, encoding: Encoding) -> bytes:
        listed = list(found)
        named = next((_character_set(element) for element in listed if element.tag == _CHARACTER_SET), None)
        body = b"".join(self.written(listed, named or around))
        if named:
            self.note(named)
        return item_of(body, encoding)


def vr_of(element: Element) -> bytes:
    """Return the VR of an element, by the dictionary where none stands with it."""
    if element.vr not in (b"", b"UN"):
        return element.vr
    try:
        return dictionary_VR(element.tag).encode()
    except KeyError:
        return b"UN"


def _sequence(element: Element, items: bytes) -> bytes:
    """Return a sequence of known length; one that nothing but its unknown length shows to be a sequence keeps that."""
    encoding = element.encoding
    if not (encoding.implicit and element.undefined) or dictionary_has_tag(element.tag):
        return encoded(element.tag, b"SQ", encoding, items)
    order, tag = encoding.order, element.tag
    head = struct.pack(f"{order}HHL", tag >> 16, tag & 0xFFFF, UNDEFINED)
    return head + items + struct.pack(f"{order}HHL", SEQUENCE_END >> 16, SEQUENCE_END & 0xFFFF, 0)


def _as_it_was(element: Element) -> memoryview:
    """Return an element with its header, not copied: it may be large. The header stands before the value: eight bytes
    where they end with the length, or with the VR and a length of two bytes; else twelve."""
    view, start = element.view, element.start
    is_short = element.encoding.implicit or not element.vr or bytes(view[start - 4 : start - 2]) == element.vr
    return view[start - (8 if is_short else 12) : element.end]


def item_of(body: bytes, encoding: Encoding) -> bytes:
    """Return an item of a sequence, of known length."""
    return struct.pack(f"{encoding.order}HHL", ITEM >> 16, ITEM & 0xFFFF, len(body)) + body


def encoded(tag: int, vr: bytes, encoding: Encoding, value: bytes) -> bytes:
    """Return an element with a value that is text, or the items of a sequence; raises RefusedObject when it is too long
    for its VR."""
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
