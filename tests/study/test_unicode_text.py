"""A data set whose text is made UTF-8 is the same data set otherwise, in every encoding and at every level."""

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.filereader import read_dataset

from dicom_gateway.errors import RefusedObject
from dicom_gateway.study.unicode_text import in_utf_8, terms_of
from tests.dicom import wire
from tests.dicom.text_samples import EACH, Sample

SYNTAXES = pytest.mark.parametrize(
    "syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG_ENDIAN], ids=["explicit", "implicit", "big endian"]
)


def parsed(data: bytes, syntax: str) -> Dataset:
    return read_dataset(BytesIO(data), syntax == wire.IMPLICIT, syntax != wire.BIG_ENDIAN)


def element(tag: int, vr: str, value: bytes, syntax: str, length: int | None = None) -> bytes:
    """Return an element; `length` stands in for that of the value."""
    order = ">" if syntax == wire.BIG_ENDIAN else "<"
    value += b" " * (len(value) % 2)
    size = len(value) if length is None else length
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if syntax == wire.IMPLICIT or not vr:
        return head + struct.pack(f"{order}L", size) + value
    if vr in ("SQ", "UT", "UN", "OB", "UC"):
        return head + vr.encode() + struct.pack(f"{order}HL", 0, size) + value
    return head + vr.encode() + struct.pack(f"{order}H", size) + value


@SYNTAXES
@EACH
@pytest.mark.parametrize("undefined", [False, True], ids=["defined", "undefined"])
def test_text_at_every_level(sample: Sample, syntax: str, undefined: bool) -> None:
    """An item without a set of its own has that around it; one that names a set has that."""
    name = element(0x00400006, "PN", sample.encoded, syntax)
    own = element(0x00080005, "CS", b"ISO_IR 100", syntax) + element(0x00400006, "PN", b"M\xfcller", syntax)
    unlimited = 0xFFFFFFFF if undefined else None
    items = b"".join(
        element(0xFFFEE000, "", body + (element(0xFFFEE00D, "", b"", syntax) if undefined else b""), syntax, unlimited)
        for body in (name, own)
    )
    end = element(0xFFFEE0DD, "", b"", syntax) if undefined else b""
    data = element(0x00080005, "CS", sample.terms.encode(), syntax) if sample.terms else b""
    data += element(0x00080050, "SH", b"A1", syntax) + element(0x00100010, "PN", sample.encoded, syntax)
    data += element(0x00400100, "SQ", items + end, syntax, unlimited)
    data += element(0x00400400, "LT", b"a\\b", syntax) + element(0x00402016, "LO", sample.encoded, syntax)
    found = in_utf_8(data, syntax)
    assert terms_of(data, syntax) == (tuple(sample.terms.split("\\")) if sample.terms else ())
    assert not found.flawed
    read = parsed(found.data, syntax)
    assert read.SpecificCharacterSet == "ISO_IR 192"
    assert read.PatientName == read.PlacerOrderNumberImagingServiceRequest == sample.name
    assert read.AccessionNumber == "A1"
    assert read.CommentsOnTheScheduledProcedureStep == "a\\b"
    first, second = read.ScheduledProcedureStepSequence
    assert first.ScheduledPerformingPhysicianName == sample.name
    assert second.ScheduledPerformingPhysicianName == "Müller"
    assert "SpecificCharacterSet" not in second


@pytest.mark.parametrize(
    ("name", "text", "guesses"),
    [
        ("Müller".encode(), "Müller", {"ISO_IR 192"}),
        ("Müller".encode("latin-1"), "Müller", {"ISO_IR 100"}),
        (b"Miller", "Miller", set()),
    ],
)
@pytest.mark.parametrize("term", ["", "KLINGON", "rot13"])
def test_without_a_known_set_text_is_guessed(name: bytes, text: str, guesses: set[str], term: str) -> None:
    data = element(0x00080005, "CS", term.encode(), wire.EXPLICIT) + element(0x00100010, "PN", name, wire.EXPLICIT)
    found = in_utf_8(data, wire.EXPLICIT)
    assert parsed(found.data, wire.EXPLICIT).PatientName == text
    assert found.guesses == guesses
    assert found.flawed is bool(guesses or term)


def test_what_is_no_text_stays_as_it_is() -> None:
    others = (
        element(0x00080060, "CS", b"DX", wire.EXPLICIT)
        + element(0x00280010, "US", b"\x1b\x24", wire.EXPLICIT)
        + element(0x00311001, "UN", b"M\xfcller", wire.EXPLICIT)
        + element(0x00420011, "OB", b"\x1b$B\xfc", wire.EXPLICIT)
    )
    found = in_utf_8(element(0x00080050, "SH", b"A", wire.EXPLICIT) + others, wire.EXPLICIT)
    assert found.data.endswith(others)


def test_text_too_long_for_its_vr_is_refused() -> None:
    data = element(0x00100010, "LO", b"\xfc" * 40_000, wire.EXPLICIT)
    with pytest.raises(RefusedObject):
        in_utf_8(data, wire.EXPLICIT)


@given(text=st.text("aä山Ж", max_size=8), numbers=st.lists(st.integers(0, 65535), max_size=3))
@SYNTAXES
def test_everything_else_reads_alike(syntax: str, text: str, numbers: list[int]) -> None:
    sent = Dataset()
    sent.SpecificCharacterSet = "ISO_IR 192"
    sent.PatientName, sent.PatientID, sent.PregnancyStatus = text, text, numbers
    sent.StudyInstanceUID, sent.PatientWeight = "1.2.3", "31.5"
    item = Dataset()
    item.CodeMeaning = text
    sent.RequestedProcedureCodeSequence = [item, Dataset()]
    data = wire.encode(sent, syntax)
    assert in_utf_8(data, syntax).data == data
