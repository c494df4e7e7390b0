import io
import struct
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset

from dicom_gateway.errors import RefusedObject
from dicom_gateway.study.scan import Scan, ScanLimits, scan
from tests.study.images import NATIVE, encoded, image

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
JPEG = "1.2.840.10008.1.2.4.50"
UNDEFINED = 0xFFFFFFFF


def short(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, size) + value


def long(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, size) + value


def plain(tag: int, value: bytes, length: int | None = None) -> bytes:
    """An element in implicit VR, an item or a delimiter."""
    size = len(value) if length is None else length
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, size) + value


def item(value: bytes, length: int | None = None) -> bytes:
    return plain(0xFFFEE000, value, length)


ITEM_END, SEQUENCE_END = plain(0xFFFEE00D, b""), plain(0xFFFEE0DD, b"")
NAME = short(0x00100010, b"PN", b"Doe^Rex ")
NAME_PLAIN = plain(0x00100010, b"Doe^Rex ")
SQ, PRIVATE, PIXELS, WORDS = 0x00081140, 0x00091001, 0x7FE00010, 0x00282000


def open_sequence(content: bytes, vr: bytes = b"SQ", tag: int = SQ) -> bytes:
    return long(tag, vr, content, UNDEFINED)


def nested(levels: int) -> bytes:
    return open_sequence(item(b"", UNDEFINED)) * levels + (ITEM_END + SEQUENCE_END) * levels


def nested_by_length(levels: int) -> bytes:
    data = NAME
    for _ in range(levels):
        data = long(SQ, b"SQ", item(data))
    return data


# name: (syntax, good, bad): each malformed input stands beside its harmless neighbour
PAIRS = {
    "element past the end": (EXPLICIT, short(0x00100010, b"PN", b"Doe^"), short(0x00100010, b"PN", b"Doe^", 6)),
    "long element past the end": (EXPLICIT, long(PIXELS, b"OB", b"1234"), long(PIXELS, b"OB", b"1234", 6)),
    "implicit element past the end": (IMPLICIT, NAME_PLAIN, plain(0x00100010, b"Doe^", 6)),
    "huge length": (EXPLICIT, long(WORDS, b"OB", b""), long(WORDS, b"OB", b"", 0xFFFFFFFE)),
    "cut in a header": (EXPLICIT, NAME, NAME + NAME[:5]),
    "cut in a long header": (EXPLICIT, NAME + long(PIXELS, b"OB", b""), NAME + long(PIXELS, b"OB", b"")[:10]),
    "sequence without end": (
        EXPLICIT,
        open_sequence(item(NAME) + SEQUENCE_END),
        open_sequence(item(NAME)),
    ),
    "item without end": (
        EXPLICIT,
        open_sequence(item(NAME + ITEM_END, UNDEFINED) + SEQUENCE_END),
        open_sequence(item(NAME, UNDEFINED) + SEQUENCE_END),
    ),
    "sequence past the end": (EXPLICIT, long(SQ, b"SQ", item(NAME)), long(SQ, b"SQ", item(NAME), 100)),
    "item past its sequence": (
        EXPLICIT,
        long(SQ, b"SQ", item(NAME)) + NAME,
        long(SQ, b"SQ", item(NAME, len(NAME) + 8)) + NAME,
    ),
    "element past its item": (
        EXPLICIT,
        long(SQ, b"SQ", item(NAME) + item(NAME)),
        long(SQ, b"SQ", item(NAME, len(NAME) - 2) + item(NAME)),
    ),
    "no item in a sequence": (EXPLICIT, long(SQ, b"SQ", b""), long(SQ, b"SQ", NAME)),
    "no item in an implicit sequence": (IMPLICIT, plain(SQ, item(NAME_PLAIN)), plain(SQ, NAME_PLAIN)),
    "fragment past the end": (
        JPEG,
        open_sequence(item(b"") + item(b"1234") + SEQUENCE_END, b"OB", PIXELS),
        open_sequence(item(b"") + item(b"1234", 400) + SEQUENCE_END, b"OB", PIXELS),
    ),
    "fragment of undefined length": (
        JPEG,
        open_sequence(item(b"1234") + SEQUENCE_END, b"OB", PIXELS),
        open_sequence(item(b"1234", UNDEFINED) + SEQUENCE_END, b"OB", PIXELS),
    ),
    "something else among fragments": (
        JPEG,
        open_sequence(item(b"1234") + SEQUENCE_END + NAME, b"OB", PIXELS),
        open_sequence(item(b"1234") + NAME + SEQUENCE_END, b"OB", PIXELS),
    ),
    "delimiter at the top": (EXPLICIT, NAME, NAME + ITEM_END),
    "delimiter in a sequence of known length": (
        EXPLICIT,
        long(SQ, b"SQ", item(NAME) + SEQUENCE_END),
        long(SQ, b"SQ", SEQUENCE_END + item(NAME)),
    ),
    "delimiter in an item of known length": (
        EXPLICIT,
        long(SQ, b"SQ", item(NAME + ITEM_END)),
        long(SQ, b"SQ", item(ITEM_END + NAME)),
    ),
    "delimiter in an item of known length, then an item": (
        EXPLICIT,
        long(SQ, b"SQ", item(b"") + item(b"")),
        long(SQ, b"SQ", item(ITEM_END + item(b""))),
    ),
    "sequence that ends in an item's header": (EXPLICIT, long(SQ, b"SQ", item(b"")), long(SQ, b"SQ", item(b""), 4)),
    "item past its sequence into an element": (
        EXPLICIT,
        long(SQ, b"SQ", item(NAME)) + NAME,
        long(SQ, b"SQ", item(NAME + NAME)[:24]) + NAME,
    ),
    "sequence past its item": (
        EXPLICIT,
        long(SQ, b"SQ", item(long(SQ, b"SQ", item(NAME)))),
        long(SQ, b"SQ", item(long(SQ, b"SQ", item(NAME))[:20])) + NAME,
    ),
    "delimiter past its sequence": (
        EXPLICIT,
        long(SQ, b"SQ", item(NAME + ITEM_END, UNDEFINED)),
        long(SQ, b"SQ", item(NAME + ITEM_END, UNDEFINED), 28),
    ),
    "65 levels": (EXPLICIT, nested(64), nested(65)),
    "65 levels of known length": (EXPLICIT, nested_by_length(64), nested_by_length(65)),
    "20,000 levels": (EXPLICIT, nested(1), nested(20_000)),
    "rubbish at the end": (EXPLICIT, NAME + bytes(3), NAME + b"\1\2\3"),
    "rubbish after padding": (EXPLICIT, NAME + bytes(512), NAME + bytes(511) + b"\1"),
    "a preamble": (EXPLICIT, NAME, bytes(128) + b"DICM" + NAME),
    "a web page": (EXPLICIT, NAME, b"<!DOCTYPE html><html><body>404</body></html>"),
    "claimed implicit": (IMPLICIT, NAME_PLAIN, short(0x00100010, b"QQ", b"Doe^Rex ")),
}


@pytest.mark.parametrize(("syntax", "good", "bad"), PAIRS.values(), ids=PAIRS)
def test_malformed_is_refused_and_its_neighbour_is_not(syntax: str, good: bytes, bad: bytes) -> None:
    assert scan(good, syntax).length == len(good.rstrip(b"\0") if good.startswith(NAME + b"\0") else good)
    with pytest.raises(RefusedObject) as refused:
        scan(bad, syntax)
    assert refused.value.c_status == 0xC000


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95"])
def test_deflated_is_for_the_caller_to_inflate(syntax: str) -> None:
    with pytest.raises(RefusedObject, match="deflated"):
        scan(NAME, syntax)


ODD = {
    "nothing": (EXPLICIT, b"", Scan(0, None)),
    "pixel data": (EXPLICIT, NAME + long(PIXELS, b"OW", bytes(100)), Scan(128, 16)),
    "float pixel data": (EXPLICIT, NAME + long(0x7FE00008, b"OF", bytes(100)), Scan(128, 16)),
    "pixel data in implicit": (IMPLICIT, NAME_PLAIN + plain(PIXELS, bytes(100)), Scan(124, 16)),
    "pixel data of an icon only": (
        EXPLICIT,
        long(0x00880200, b"SQ", item(long(PIXELS, b"OB", bytes(4)))),
        Scan(36, None),
    ),
    "elements behind pixel data": (
        EXPLICIT,
        NAME + long(PIXELS, b"OW", bytes(4)) + long(0xFFFCFFFC, b"OB", bytes(10)),
        Scan(54, 16),
    ),
    "zeros behind": (EXPLICIT, NAME + bytes(1000), Scan(16, None, ("trailing_padding",))),
    "three zeros behind": (EXPLICIT, NAME + bytes(3), Scan(16, None, ("trailing_padding",))),
    "zeros behind pixel data": (
        IMPLICIT,
        plain(PIXELS, bytes(4)) + bytes(20),
        Scan(12, 0, ("trailing_padding",)),
    ),
    "fragments without delimiter": (
        JPEG,
        open_sequence(item(b"") + item(b"1234"), b"OB", PIXELS),
        Scan(32, 0, ("no_sequence_delimiter",)),
    ),
    "fragments in UN": (JPEG, open_sequence(item(b"1234") + SEQUENCE_END, b"UN", PIXELS), Scan(32, 0)),
    "UN sequence, implicit inside": (
        EXPLICIT,
        open_sequence(item(plain(PRIVATE, b"abcd" * 0x1000)) + SEQUENCE_END, b"UN", PRIVATE) + NAME,
        Scan(12 + 8 + 8 + 0x4000 + 8 + 16, None),
    ),
    "UN sequence, explicit inside": (
        EXPLICIT,
        open_sequence(item(NAME) + SEQUENCE_END, b"UN", PRIVATE) + NAME,
        Scan(60, None),
    ),
    "UN of known length is not looked into": (EXPLICIT, long(SQ, b"UN", b"whatever") + NAME, Scan(36, None)),
    "private sequence of undefined length in implicit": (
        IMPLICIT,
        plain(PRIVATE, item(NAME_PLAIN) + SEQUENCE_END, UNDEFINED),
        Scan(40, None),
    ),
    "implicit element among explicit ones": (EXPLICIT, NAME + plain(PRIVATE, b"abcd") + NAME, Scan(44, None)),
    "VR ?? with a short length": (EXPLICIT, short(PRIVATE, b"??", b"abcd") + NAME, Scan(28, None)),
    "a VR of the future": (EXPLICIT, long(PRIVATE, b"ZZ", b"abcd") + NAME, Scan(32, None)),
    "implicit agreed, explicit sent": (IMPLICIT, NAME, Scan(16, None, ("encoding_mismatch",))),
    "explicit agreed, implicit sent": (EXPLICIT, NAME_PLAIN, Scan(16, None)),
}


@pytest.mark.parametrize(("syntax", "data", "expected"), ODD.values(), ids=ODD)
def test_odd_but_clear_is_taken(syntax: str, data: bytes, expected: Scan) -> None:
    assert scan(data, syntax) == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(short(PRIVATE, b"LO", b"abcd") * 300_000, id="300,000 elements"),
        pytest.param(plain(PRIVATE, b"abcd") * 300_000, id="300,000 implicit elements"),
        pytest.param(open_sequence(item(short(PRIVATE, b"LO", b"abcd")) * 200_000 + SEQUENCE_END), id="200,000 items"),
        pytest.param(open_sequence(item(b"") * 200_000 + SEQUENCE_END), id="200,000 empty items"),
        pytest.param(NAME + bytes(50_000_000), id="50 MB of zeros"),
    ],
)
def test_many_elements_take_bounded_time(data: bytes) -> None:
    started = time.process_time()
    assert scan(data, EXPLICIT).length > 0

    assert time.process_time() - started < 3  # a tenth of it on a quiet machine


@pytest.mark.parametrize(("count", "refused"), [(10, False), (11, True)])
@pytest.mark.parametrize("many", [lambda n: NAME * n, lambda n: open_sequence(item(b"") * (n - 2) + SEQUENCE_END)])
def test_too_many_elements(many: object, count: int, refused: bool) -> None:
    limits = ScanLimits(elements=10)
    data = many(count)  # type: ignore[operator]
    if refused:
        with pytest.raises(RefusedObject, match="too many"):
            scan(data, EXPLICIT, limits)
    else:
        assert scan(data, EXPLICIT, limits).length == len(data)


def test_a_file_is_scanned_from_its_position_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(b"PREAMBLE" + NAME + long(PIXELS, b"OW", b"", 1 << 30))
        file.truncate(8 + 16 + 12 + (1 << 30))
    with path.open("rb") as file:
        file.seek(8)
        assert scan(file, EXPLICIT) == Scan(28 + (1 << 30), 16)
        assert file.tell() == 8


def test_any_kind_of_bytes(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for source in (bytearray(NAME), memoryview(NAME), io.BytesIO(NAME)):
        assert scan(source, EXPLICIT).length == 16
    with empty.open("rb") as file:
        assert scan(file, EXPLICIT).length == 0


def pieces() -> st.SearchStrategy[bytes]:
    """Fragments of encoded data sets, so that random bytes get somewhere."""
    whole = [NAME, NAME_PLAIN, ITEM_END, SEQUENCE_END, item(NAME), item(b"", UNDEFINED), open_sequence(b""), bytes(8)]
    whole += [open_sequence(b"", b"OB", PIXELS), open_sequence(b"", b"UN", PRIVATE), long(SQ, b"SQ", item(NAME))]
    return st.lists(st.one_of(st.sampled_from(whole), st.binary(max_size=12)), max_size=12).map(b"".join)


@settings(max_examples=400, deadline=2000)
@given(data=st.one_of(st.binary(max_size=200), pieces()), syntax=st.sampled_from([IMPLICIT, EXPLICIT, BIG, JPEG, "x"]))
def test_whatever_comes_it_is_scanned_or_refused(data: bytes, syntax: str) -> None:
    try:
        found = scan(data, syntax)
    except RefusedObject as refused:
        assert refused.c_status == 0xC000
    else:
        assert 0 <= found.length <= len(data)
        assert found.pixel_offset is None or found.pixel_offset < found.length


def data_sets(depth: int = 2) -> st.SearchStrategy[Dataset]:
    def build(texts: list[str], number: int, pixels: bytes, items: list[Dataset], undefined: bool) -> Dataset:
        made = Dataset()
        made.PatientID = texts[0]
        made.ImageComments = "\\".join(texts)
        made.InstanceNumber = number
        made.add_new(0x00091001, "UN", pixels)
        made.ReferencedImageSequence = items
        made["ReferencedImageSequence"].is_undefined_length = undefined
        for each in items:
            each.is_undefined_length_sequence_item = undefined
        made.Rows = number
        return made

    items = st.lists(st.deferred(lambda: data_sets(depth - 1)), max_size=2) if depth else st.just([])
    text = st.text(st.characters(min_codepoint=65, max_codepoint=90), max_size=20)
    return st.builds(
        build,
        st.lists(text, min_size=1, max_size=3),
        st.integers(0, 65535),
        st.binary(max_size=9),
        items,
        st.booleans(),
    )


@settings(max_examples=60, deadline=2000)
@given(made=data_sets(), syntax=st.sampled_from(sorted(NATIVE)), pixels=st.binary(min_size=1, max_size=40))
def test_pydicom_sees_the_same_end_and_the_same_pixel_data(made: Dataset, syntax: str, pixels: bytes) -> None:
    made.PixelData = pixels + b"\0" * (len(pixels) % 2)
    made["PixelData"].VR = "OB"
    made.BitsAllocated = 8
    data = encoded(made, syntax)

    found = scan(data, syntax)

    assert found.length == len(data) and not found.flags
    implicit, little = NATIVE[syntax]
    stream = DicomBytesIO(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_dataset(stream, implicit, little, stop_when=lambda tag, vr, length: tag == PIXELS)
    assert found.pixel_offset == stream.tell()
    with pytest.raises(RefusedObject):
        scan(data[:-1], syntax)


def test_an_encapsulated_image() -> None:
    made = image(np.zeros((4, 4), np.uint8))
    made.PixelData = encapsulate([b"1234", b"567890"])
    made["PixelData"].is_undefined_length = True
    data = encoded(made)

    found = scan(data, JPEG)

    assert found.length == len(data)
    assert found.pixel_offset is not None and data[found.pixel_offset :][:4] == b"\xe0\x7f\x10\x00"
