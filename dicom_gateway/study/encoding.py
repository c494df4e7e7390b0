"""How data elements are encoded: headers, items and delimiters (PS3.5 7.1, 7.5, A.4); no value is touched here.

What devices get wrong and is still clear is read as they meant it: elements left in implicit VR inside explicit ones,
the VR "??", UN sequences in the encoding around them, implicit agreed upon and explicit sent.
"""

import mmap
import struct
from collections.abc import Callable
from typing import BinaryIO, Final, NamedTuple, NoReturn, TypeAlias

from pydicom.datadict import DicomDictionary  # type: ignore[attr-defined]

from dicom_gateway.errors import RefusedObject

Source: TypeAlias = bytes | bytearray | memoryview | mmap.mmap | BinaryIO
Head: TypeAlias = tuple[int, bytes, int, int]  # tag, VR (b"" where none is written), length, where the value begins

UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD
PIXEL_DATA: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})  # float, double float, integer
CANNOT_UNDERSTAND: Final = 0xC000  # PS3.4 table B.2-1

_SHORT: Final = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
VRS: Final = _SHORT | _LONG
_SEQUENCES: Final = frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ")


class Encoding(NamedTuple):
    """How a data set is encoded; `head` reads an element's header, `item` the (tag, length) of an item."""

    head: Callable[[memoryview, int], Head]
    item: Callable[[memoryview, int], tuple[int, int]]
    order: str  # "<" or ">", as struct has it
    implicit: bool


def refuse(message: str) -> NoReturn:
    """Raise RefusedObject: the data set cannot be parsed."""
    raise RefusedObject(message, CANNOT_UNDERSTAND)


def name_of(tag: int) -> str:
    """Return a tag as people write it: (0010,0010)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _item_reader(order: str) -> Callable[[memoryview, int], tuple[int, int]]:
    unpack = struct.Struct(f"{order}HHL").unpack_from

    def item(view: memoryview, position: int) -> tuple[int, int]:
        group, element, length = unpack(view, position)
        return group << 16 | element, length

    return item


def _implicit_head(view: memoryview, position: int, unpack: Callable[..., tuple[int, int, int]]) -> Head:
    group, element, length = unpack(view, position)
    tag = group << 16 | element
    return tag, b"SQ" if tag in _SEQUENCES else b"", length, position + 8


def _implicit(order: str) -> Encoding:
    unpack = struct.Struct(f"{order}HHL").unpack_from
    return Encoding(lambda view, position: _implicit_head(view, position, unpack), _item_reader(order), order, True)


def _explicit(order: str) -> Encoding:
    unpack = struct.Struct(f"{order}HH2sH").unpack_from
    unpack_long = struct.Struct(f"{order}L").unpack_from
    unpack_implicit = struct.Struct(f"{order}HHL").unpack_from

    def head(view: memoryview, position: int) -> Head:
        group, element, vr, length = unpack(view, position)
        if vr in _SHORT:
            return group << 16 | element, vr, length, position + 8
        # A VR of a later edition has two zero bytes and 32 bits of length (PS3.5 7.1.2).
        if vr in _LONG or (vr.isalpha() and vr.isupper() and not length):
            return group << 16 | element, vr, unpack_long(view, position + 8)[0], position + 12
        if vr == b"??" or (vr.isalpha() and vr.isupper()):
            return group << 16 | element, vr, length, position + 8
        return _implicit_head(view, position, unpack_implicit)

    return Encoding(head, _item_reader(order), order, False)


IMPLICIT: Final = _implicit("<")
EXPLICIT: Final = _explicit("<")
BIG_ENDIAN: Final = _explicit(">")

IMPLICIT_SYNTAXES: Final = frozenset({"1.2.840.10008.1.2", "1.2.840.113619.5.2"})  # the latter: GE, pixels big endian
BIG_ENDIAN_SYNTAX: Final = "1.2.840.10008.1.2.2"
DEFLATED_SYNTAXES: Final = frozenset(
    {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}  # PS3.5 A.5, A.7, A.14
)


def view_of(source: Source) -> memoryview:
    """Return the bytes of `source`; of a file, those from its position on, mapped and not read.

    The map lives as long as its views do. A file that is being written must be flushed before.
    """
    if isinstance(source, bytes | bytearray | memoryview | mmap.mmap):
        return memoryview(source).cast("B")
    start = source.tell()
    try:
        descriptor = source.fileno()
    except OSError:  # in memory: io.UnsupportedOperation
        return memoryview(source.read())
    try:
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))[start:]
    except ValueError:  # nothing can be mapped of an empty file
        return memoryview(b"")


def encoding_of(view: memoryview, transfer_syntax_uid: str) -> tuple[Encoding, tuple[str, ...]]:
    """Return the encoding of a data set, and the flag `encoding_mismatch` where it is not the one agreed upon.

    Raises RefusedObject for a deflated one: it must be inflated first, by somebody who bounds what comes out.
    """
    if transfer_syntax_uid in DEFLATED_SYNTAXES:
        refuse("the data set is deflated")
    if transfer_syntax_uid == BIG_ENDIAN_SYNTAX:
        return BIG_ENDIAN, ()
    if transfer_syntax_uid not in IMPLICIT_SYNTAXES:
        return EXPLICIT, ()  # which reads implicit elements too
    return (EXPLICIT, ("encoding_mismatch",)) if bytes(view[4:6]) in VRS else (IMPLICIT, ())


def unknown_items(view: memoryview, position: int, around: Encoding) -> Encoding:
    """Return the encoding of the items at `position` of a UN sequence: implicit, or wrongly that `around` it."""
    return around if bytes(view[position + 12 : position + 14]) in VRS else IMPLICIT


def is_sequence(tag: int, vr: bytes) -> bool:
    """Whether an element of undefined length holds items that are data sets, and not fragments of pixels."""
    return vr == b"SQ" or (vr in (b"UN", b"") and tag not in PIXEL_DATA)
