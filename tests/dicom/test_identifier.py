"""Text of requests that name no character set: UTF-8 where it can be nothing else, else Latin-1."""

from io import BytesIO

import pytest
from pydicom import Dataset

from dicom_gateway.dicom.identifier import read_data_set
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


def test_what_cannot_be_parsed_is_refused() -> None:
    with pytest.raises(RefusedObject):
        read_data_set(BytesIO(b"\x10\x00\x10\x00PN\xff\x00abc"), EXPLICIT)
