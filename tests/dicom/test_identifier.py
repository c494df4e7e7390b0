"""Text of requests: by the character set that is named; by none, UTF-8 where it can be nothing else, else Latin-1."""

from io import BytesIO

import pytest
from pydicom import Dataset

from dicom_gateway.dicom.identifier import Request, read_data_set, read_request
from dicom_gateway.errors import RefusedObject

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def element(group: int, number: int, vr: bytes, value: bytes, explicit: bool) -> bytes:
    value += b" " * (len(value) % 2)
    tag = group.to_bytes(2, "little") + number.to_bytes(2, "little")
    if not explicit:
        return tag + len(value).to_bytes(4, "little") + value
    if vr == b"SQ":
        return tag + vr + b"\0\0" + len(value).to_bytes(4, "little") + value
    return tag + vr + len(value).to_bytes(2, "little") + value


def message(name: bytes, character_set: bytes = b"", syntax: str = EXPLICIT) -> Dataset:
    """Return a data set with a name at the root and a nested one, read."""
    explicit = syntax == EXPLICIT
    nested = element(0x0040, 0x0006, b"PN", name, explicit)
    item = b"\xfe\xff\x00\xe0" + len(nested).to_bytes(4, "little") + nested
    data = element(0x0008, 0x0005, b"CS", character_set, explicit) if character_set else b""
    data += element(0x0010, 0x0010, b"PN", name, explicit) + element(0x0040, 0x0100, b"SQ", item, explicit)
    return read_data_set(BytesIO(data), syntax)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize(
    ("name", "character_set"),
    [
        ("Müller^Jörg".encode(), b""),
        ("Müller^Jörg".encode("latin-1"), b""),
        ("Müller^Jörg".encode(), b"ISO_IR 192"),
        ("Müller^Jörg".encode("latin-1"), b"ISO_IR 100"),
    ],
    ids=["UTF-8 unnamed", "Latin-1 unnamed", "UTF-8", "Latin-1"],
)
def test_text_is_read_as_it_was_meant(name: bytes, character_set: bytes, syntax: str) -> None:
    found = message(name, character_set, syntax)
    assert found.PatientName == "Müller^Jörg"
    assert found.ScheduledProcedureStepSequence[0].ScheduledPerformingPhysicianName == "Müller^Jörg"


def test_a_named_character_set_is_believed() -> None:
    assert message("Müller".encode(), b"ISO_IR 100").PatientName == "MÃ¼ller"


def request(name: bytes, character_set: bytes = b"") -> Request:
    data = element(0x0008, 0x0005, b"CS", character_set, True) if character_set else b""
    return read_request(BytesIO(data + element(0x0010, 0x0010, b"PN", name, True)), EXPLICIT)


@pytest.mark.parametrize(
    ("name", "character_set", "sent", "named", "remarks"),
    [
        pytest.param(b"Miller", b"", "", (), (), id="ASCII"),
        pytest.param(b"Miller", b"ISO_IR 100", "ISO_IR 100", ("ISO_IR 100",), (), id="ASCII in Latin-1"),
        pytest.param(b"M\xfcller", b"ISO_IR 100", "ISO_IR 100", ("ISO_IR 100",), (), id="Latin-1"),
        pytest.param(b"M\xfcller", b"", "", (), ("text read as ISO_IR 100",), id="Latin-1 unnamed"),
        pytest.param("Müller".encode(), b"", "ISO_IR 192", (), ("text read as ISO_IR 192",), id="UTF-8 unnamed"),
        pytest.param(
            b"Miller", b"ISO-IR 100", "ISO-IR 100", ("ISO_IR 100",), ("unknown or misspelt value 1",), id="misspelt"
        ),
        pytest.param(
            b"M\xfcller",
            b"ISO_IR 100\\KLINGON",
            ["ISO_IR 100", "KLINGON"],
            ("ISO_IR 100",),
            ("unknown or misspelt value 2",),
            id="one of two unknown",
        ),
        pytest.param(
            b"\x1b$)C\xfb\xf3",
            b"\\ISO 2022 IR 149",
            ["", "ISO 2022 IR 149"],
            ("", "ISO 2022 IR 149"),
            (),
            id="code extensions",
        ),
        pytest.param(
            b"\x1b$)C\xfb\xf3",
            b"ISO_IR 100",
            "ISO_IR 100",
            ("ISO_IR 100",),
            ("some text is not in it",),
            id="unannounced",
        ),
    ],
)
def test_what_is_named_stays_and_what_is_tolerated_is_said(
    name: bytes, character_set: bytes, sent: object, named: tuple[str, ...], remarks: tuple[str, ...]
) -> None:
    found = request(name, character_set)
    assert found.data_set.get("SpecificCharacterSet", "") == sent
    assert found.character_set == named
    assert found.remarks == tuple(f"SpecificCharacterSet: {remark}" for remark in remarks)


def test_what_cannot_be_parsed_is_refused() -> None:
    with pytest.raises(RefusedObject):
        read_data_set(BytesIO(b"\x10\x00\x10\x00PN\xff\x00abc"), EXPLICIT)
