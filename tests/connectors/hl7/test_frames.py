"""MLLP frames out of bytes, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.connectors.hl7.frames import FrameReader, TooLarge, framed

ONE, TWO = b"MSH|^~\\&|A\rPID|1\r", b"MSH|^~\\&|B\n"


def read(*parts: bytes, most: int = 1000) -> tuple[list[bytes], FrameReader]:
    reader, found = FrameReader(most), []
    for part in parts:
        reader.feed(part)
        while (message := reader.next()) is not None:
            found.append(message)
    return found, reader


@pytest.mark.parametrize(
    ("parts", "messages", "skipped"),
    [
        pytest.param([framed(ONE)], [ONE], 0, id="one"),
        pytest.param([framed(ONE) + framed(TWO)], [ONE, TWO], 0, id="two in one segment"),
        pytest.param([b"\x0b" + ONE + b"\x1c"], [ONE], 0, id="no CR"),
        pytest.param([b"\x0b" + ONE + b"\x1c", framed(TWO)], [ONE, TWO], 0, id="no CR and another"),
        pytest.param([b"\x0b" + ONE + b"\x1c", b"\r" + framed(TWO)], [ONE, TWO], 0, id="CR later"),
        pytest.param([b"\x0b" + ONE + b"\x1c\r\n" + framed(TWO)], [ONE, TWO], 1, id="CR LF"),
        pytest.param([b"GET / HTTP/1.1\r\n\r\n" + framed(ONE)], [ONE], 18, id="bytes before"),
        pytest.param([b"\r" + framed(ONE)], [ONE], 1, id="CR before"),
        pytest.param([b"nothing"], [], 7, id="no frame at all"),
        pytest.param([b"\x0bMSH|^~\\&|ga", b"ve up" + framed(ONE)], [ONE], 17, id="begun anew"),
        pytest.param([framed(b"MSH|a\x0bb\x0bMSHb|\r")], [b"MSH|a\x0bb\x0bMSHb|\r"], 0, id="VT in a text"),
        pytest.param([framed(b"\xef\xbb\xbf" + ONE)], [b"\xef\xbb\xbf" + ONE], 0, id="byte order mark"),
        pytest.param([b"\x0b\x1c\r" + framed(ONE)], [b"", ONE], 0, id="empty frame"),
    ],
)
def test_messages(parts: list[bytes], messages: list[bytes], skipped: int) -> None:
    found, reader = read(*parts)
    assert found == messages
    assert reader.skipped == skipped
    assert not reader.is_inside


def test_a_frame_without_end() -> None:
    found, reader = read(b"\x0bMSH|", b"more")
    assert found == []
    assert reader.is_inside
    assert reader.head == b"MSH|more"
    assert reader.size == 9


@pytest.mark.parametrize("end", [b"", b"\x1c\r"], ids=["no end", "with its end"])
def test_a_frame_that_is_too_large(end: bytes) -> None:
    reader = FrameReader(10)
    reader.feed(framed(b"0123456789"))
    assert reader.next() == b"0123456789"
    reader.feed(b"\x0b0123456789A" + end)
    with pytest.raises(TooLarge) as raised:
        reader.next()
    assert raised.value.head.startswith(b"0123456789A")


TEXT = st.binary(max_size=30).map(lambda data: b"MSH|" + data.replace(b"\x0b", b"").replace(b"\x1c", b""))


@given(st.lists(TEXT, max_size=5), st.data())
def test_cuts_change_nothing(messages: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(framed(message) for message in messages)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    found, reader = read(*parts)
    assert (found, reader.skipped) == (messages, 0)


@given(st.binary(max_size=60), st.integers(1, 5))
def test_any_bytes_make_the_same_messages_one_by_one(data: bytes, size: int) -> None:
    whole, first = read(data)
    pieces, second = read(*(data[at : at + size] for at in range(0, len(data), size)))
    assert pieces == whole
    assert (first.skipped, first.size) == (second.skipped, second.size)
