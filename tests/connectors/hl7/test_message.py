"""Bytes become the message that was meant, whatever their separators, line ends and character set; or a reason."""

import codecs
import re

import pytest

from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.message import MAX_PARTS, Message, read_header, read_message

NAME = "Gr\u00fc\u00dfer^Ki\u010da"
LATIN_NAME = "Gr\u00fcn^Fl\u00f6ckchen"


def text(name: str, charset: str = "") -> str:
    return f"MSH|^~\\&|A|B|C|D|20270115||ORM^O01|1|P|2.5||||||{charset}\rPID|1||7||{name}\r"


def name_of(message: Message) -> str:
    pid = next(segment for segment in message.segments if segment.name == "PID")
    return "^".join(message.text(part[0]) for part in pid.repetitions(5)[0])


@pytest.mark.parametrize(
    ("raw", "default", "codec", "is_remarked"),
    [
        pytest.param(text(LATIN_NAME).encode(), "", "utf-8", True, id="nothing named, UTF-8"),
        pytest.param(text(LATIN_NAME).encode("cp1252"), "", "cp1252", True, id="nothing named, Windows"),
        pytest.param(text(LATIN_NAME).encode("latin-1"), "8859/1", "iso8859-1", False, id="the source's set"),
        pytest.param(text(LATIN_NAME, "8859/1").encode("latin-1"), "UTF-8", "iso8859-1", False, id="MSH-18 first"),
        pytest.param(text(LATIN_NAME, "UNICODE UTF-8").encode(), "8859/1", "utf-8", False, id="UTF-8 named"),
        pytest.param(text(LATIN_NAME, "8859/1").encode(), "", "utf-8", True, id="UTF-8 under another claim"),
        pytest.param(text(LATIN_NAME, "UTF-8").encode("latin-1"), "", "cp1252", True, id="no UTF-8 under that claim"),
        pytest.param(codecs.BOM_UTF8 + text(LATIN_NAME, "8859/1").encode(), "", "utf-8", False, id="BOM first"),
        pytest.param(text(LATIN_NAME).encode("utf-16"), "", "utf-16-le", False, id="UTF-16 with its BOM"),
        pytest.param(text(LATIN_NAME, "KLINGON").encode(), "8859/1", "utf-8", True, id="unknown set"),
        pytest.param(text(LATIN_NAME, "8859/15~ISO IR87").encode("iso8859-15"), "", "iso8859-15", False, id="several"),
        pytest.param(text(LATIN_NAME, "ASCII").encode("latin-1"), "", "cp1252", True, id="not ASCII"),
    ],
)
def test_the_character_set_is_found(raw: bytes, default: str, codec: str, is_remarked: bool) -> None:
    message = read_message(raw, default)
    assert name_of(message) == LATIN_NAME
    assert message.header.codec == codec
    assert bool(message.remarks) is is_remarked
    assert read_header(raw, default).control_id == "1"


def test_windows_signs_under_a_latin_1_claim_are_kept() -> None:
    message = read_message(text("O\u2019Hara^Zo\u00eb", "8859/1").encode("cp1252"))
    assert name_of(message) == "O\u2019Hara^Zo\u00eb"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n"], ids=repr)
def test_any_line_end_ends_a_segment(end: str) -> None:
    message = read_message(b"\x0b" + text(NAME).replace("\r", end).encode() + b"\x1c\r")
    assert [segment.name for segment in message.segments] == ["MSH", "PID"]
    assert message.remarks == ("no character set is named for what is not ASCII; read as utf-8",)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        pytest.param("Freunde e.V.^Max", True, id="words"),
        pytest.param("Umg|x", True, id="small letters"),
        pytest.param("USA is far", True, id="no separator behind it"),
        pytest.param("NTE|1||x", False, id="a segment"),
        pytest.param("ZX1", False, id="an empty segment"),
        pytest.param("   ", False, id="nothing"),
    ],
)
def test_a_line_that_is_no_segment_goes_on_with_the_one_before(line: str, kept: bool) -> None:
    message = read_message(text("Tierheim und \r" + line).encode())
    segment = message.segments[1]
    assert (re.split(r"[|^]", line)[0] in str(segment.repetitions(5))) is kept
    assert ("a line that is no segment was read as the rest of the one before" in message.remarks) is kept


def test_other_separators_are_taken() -> None:
    message = read_message(
        b"MSH#*!\\$#A#B#C#D#2027##ORM*O01#1#P#2.3\rPID#1##7!8##Doe$Roe*Rex\\S\\\\T\\\\F\\\\R\\\\E\\\r"
    )
    assert (message.header.message_type, message.header.trigger) == ("ORM", "O01")
    pid = message.segments[1]
    assert [one[0][0] for one in pid.repetitions(3)] == ["7", "8"]
    assert pid.repetitions(5)[0][0] == ("Doe", "Roe")
    assert message.text(pid.repetitions(5)[0][1][0]) == "Rex*$#!\\"


@pytest.mark.parametrize(
    ("raw", "code", "ack"),
    [
        pytest.param(b"", "100", "AR", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\n", "100", "AR", id="another protocol"),
        pytest.param(b"PID|1\r", "100", "AR", id="no MSH"),
        pytest.param(b"MSH", "100", "AR", id="MSH only"),
        pytest.param(b"MSHX^~\\&X", "100", "AR", id="a letter separates"),
        pytest.param(b"MSH|^^^^|A", "100", "AR", id="separators alike"),
        pytest.param(text(NAME).encode() + text(NAME).encode(), "100", "AE", id="two messages"),
        pytest.param(text("^" * (MAX_PARTS + 1)).encode(), "100", "AR", id="too many parts"),
    ],
)
def test_what_is_no_message_is_refused(raw: bytes, code: str, ack: str) -> None:
    with pytest.raises(Hl7Error) as raised:
        read_message(raw)
    assert (raised.value.code, raised.value.ack) == (code, ack)


def test_a_large_value_is_taken() -> None:
    message = read_message(text("A" * 10_000_000).encode())
    assert len(name_of(message)) == 10_000_000


def test_the_header_is_read_from_the_beginning_of_a_message() -> None:
    header = read_header(text(NAME).encode()[:60])
    assert (header.sending_application, header.sending_facility, header.control_id) == ("A", "B", "1")
    assert header.names == ("A", "B", "C", "D")
