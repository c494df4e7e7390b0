"""The walk over PDUs and fragments: whatever the pieces in which bytes come, the same comes out, or the same error.

What is expected is told by a second walk, written here over the whole bytes, which knows nothing of buffers.
"""

import itertools
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_gateway.upperlayer.commands import data_units
from dicom_gateway.upperlayer.limits import MAX_PDU_BYTES, PDU_SLACK_BYTES
from dicom_gateway.upperlayer.units import BUFFER_BYTES, Fragment, InvalidUnit, Unit, UnitReader
from tests.upperlayer.attack import p_data, pdu, pdv

REQUEST_BYTES = 100
LARGEST_PDU = MAX_PDU_BYTES + PDU_SLACK_BYTES

# Bytes of a command set or data set: context, is_command, is_last, bytes. Or a PDU: type, bytes. Or an error: reason.
Found = tuple[int, bool, bool, bytes] | tuple[int, bytes] | tuple[str, int]


def walk(data: bytes, request_bytes: int = REQUEST_BYTES, largest: int = LARGEST_PDU) -> list[Found]:
    """Return what a stream holds, by slicing it."""
    found: list[Found] = []
    at = 0
    while len(data) - at >= 6:
        kind, length = data[at], int.from_bytes(data[at + 2 : at + 6], "big")
        if not 1 <= kind <= 7:
            return [*found, ("invalid", 1)]
        if length > request_bytes if kind != 4 else not 6 <= length <= largest:
            return [*found, ("invalid", 6)]
        if kind == 4:
            values, is_valid = _values(data[at + 6 : at + 6 + length], length, len(data) - at - 6)
            found += values
            if not is_valid:
                return [*found, ("invalid", 6)]
        elif len(data) - at >= 6 + length:
            found.append((kind, data[at : at + 6 + length]))
        at += 6 + length
    return found


def _values(body: bytes, length: int, left: int) -> tuple[list[Found], bool]:
    """Return the values of a P-DATA-TF, and whether it is valid as far as the `left` bytes of the stream tell."""
    found: list[Found] = []
    at = 0
    while at < length:
        if left - at < 6:
            return found, True
        if length - at < 6:
            return found, False
        size = int.from_bytes(body[at : at + 4], "big")
        if not 2 <= size <= length - at - 4:
            return found, False
        data = body[at + 6 : at + 4 + size]
        is_whole = len(data) == size - 2
        if data or is_whole:
            found.append((body[at + 4], bool(body[at + 5] & 1), is_whole and bool(body[at + 5] & 2), data))
        at += 4 + size
    return found, True


def joined(found: Sequence[Found]) -> list[Found]:
    """Put runs together that belong together, so that fragmentation does not show."""
    result: list[Found] = []
    for one in found:
        before = result[-1] if result else None
        if before and len(one) == len(before) == 4 and one[:2] == before[:2] and not before[2]:
            result[-1] = (before[0], before[1], one[2], before[3] + one[3])
        else:
            result.append(one)
    return result


def read(data: bytes, cuts: Sequence[int] = (), buffer_bytes: int = BUFFER_BYTES) -> list[Found]:
    """Return what a reader makes of a stream that comes in pieces; checks that it makes progress in a fixed space."""
    reader = UnitReader(REQUEST_BYTES, buffer_bytes)
    reader.may_carry_data = True
    found: list[Found] = []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in itertools.pairwise(edges):
        while begin < end:
            space = reader.space()
            assert 0 < len(space) <= buffer_bytes
            count = min(len(space), end - begin)
            space[:count] = data[begin : begin + count]
            reader.received(count)
            begin += count
            try:
                while (one := reader.next()) is not None:
                    found.append(_plain(one))
                    assert len(found) <= len(data)
            except InvalidUnit as error:
                with pytest.raises(InvalidUnit):
                    reader.next()  # nothing comes after it
                return [*found, ("invalid", error.reason)]
    return found


def _plain(one: Fragment | Unit) -> Found:
    if isinstance(one, Unit):
        return one.kind, one.data
    return one.context_id, one.is_command, one.is_last, bytes(one.data)


def value(context: int, control: int, data: bytes) -> bytes:
    """Return a presentation data value."""
    return pdv(context, control, data)


values = st.builds(value, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=30))
data_pdus = st.lists(values, min_size=1, max_size=5).map(lambda parts: p_data(*parts))
other_pdus = st.builds(pdu, st.sampled_from((1, 2, 3, 5, 6, 7)), st.binary(max_size=REQUEST_BYTES))
streams = st.lists(data_pdus | other_pdus, max_size=8).map(b"".join)
cuts = st.lists(st.integers(0, 600), max_size=40)
buffers = st.sampled_from((REQUEST_BYTES + 6, REQUEST_BYTES + 7, 150, BUFFER_BYTES))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid stream with some bytes changed, inserted, removed, or the end cut off."""
    data = bytearray(draw(streams))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        removed = draw(st.integers(0, 4))
        data[at : at + removed] = draw(st.binary(max_size=4) | st.just(b"\xff\xff\xff\xff"))
    return bytes(data)


@settings(deadline=None)
@given(streams, cuts, buffers)
def test_valid_bytes_in_any_pieces_are_what_one_read_gives(data: bytes, cuts: list[int], buffer: int) -> None:
    assert joined(read(data, cuts, buffer)) == joined(read(data)) == joined(walk(data))
    assert ("invalid", 6) not in walk(data)


@settings(deadline=None)
@given(streams, buffers)
def test_valid_bytes_one_by_one_are_what_one_read_gives(data: bytes, buffer: int) -> None:
    assert joined(read(data, range(len(data)), buffer)) == joined(walk(data))


@settings(deadline=None)
@given(mutated() | st.binary(max_size=400), cuts, buffers)
def test_any_bytes_in_any_pieces_end_the_same_way(data: bytes, cuts: list[int], buffer: int) -> None:
    assert joined(read(data, cuts, buffer)) == joined(read(data)) == joined(walk(data))


@settings(deadline=None)
@given(streams, cuts)
def test_each_last_fragment_says_so_once(data: bytes, cuts: list[int]) -> None:
    ends = [one[2] for one in walk(data) if len(one) == 4].count(True)
    assert [one[2] for one in read(data, cuts) if len(one) == 4].count(True) == ends


@settings(deadline=None)
@given(st.lists(data_pdus | other_pdus, max_size=6), st.integers(0, 6))
def test_looking_ahead_takes_nothing(pdus: list[bytes], skipped: int) -> None:
    reader = UnitReader(REQUEST_BYTES)
    reader.may_carry_data = True
    data = b"".join(pdus)
    reader.space()[: len(data)] = data
    reader.received(len(data))
    for one in pdus[:skipped]:
        assert reader.peek() == reader.peek() == one
        reader.skip()
    assert reader.completed == min(skipped, len(pdus))
    found: list[Found] = []
    while (next_one := reader.next()) is not None:
        found.append(_plain(next_one))
    assert joined(found) == joined(walk(b"".join(pdus[skipped:])))
    assert reader.peek() is None
    assert reader.completed == len(pdus)


@settings(deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=200))
def test_there_is_nothing_to_see_within_a_pdu(begun: bytes, rest: bytes) -> None:
    """Bytes of a data set that look like a PDU are none."""
    reader = UnitReader(REQUEST_BYTES)
    reader.may_carry_data = True
    data = pdu(4, pdv(1, 0, begun + rest))[: 12 + len(begun)]
    reader.space()[: len(data)] = data
    reader.received(len(data))
    while reader.next() is not None:
        assert reader.is_inside == bool(rest)
    assert reader.peek() is None


@settings(deadline=None)
@given(streams, st.integers(0, 600))
def test_a_pdu_is_begun_or_ended(data: bytes, cut: int) -> None:
    reader = UnitReader(REQUEST_BYTES)
    reader.may_carry_data = True
    part = data[:cut]
    reader.space()[: len(part)] = part
    reader.received(len(part))
    while reader.next() is not None:
        pass
    ends, at = {0}, 0
    while at < len(data):
        at += 6 + int.from_bytes(data[at + 2 : at + 6], "big")
        ends.add(at)
    assert reader.is_inside == (len(part) not in ends)
    assert reader.completed == sum(0 < end <= len(part) for end in ends)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(pdu(1, b"", 0xFFFFFFFF), 6, id="request of 4 GB"),
        pytest.param(pdu(1, b"", REQUEST_BYTES + 1), 6, id="request one byte too long"),
        pytest.param(pdu(4, b"", 0xFFFFFFFF), 6, id="data of 4 GB"),
        pytest.param(pdu(4, b"", LARGEST_PDU + 1), 6, id="data one byte too long"),
        pytest.param(pdu(4, b""), 6, id="no data"),
        pytest.param(pdu(0, b""), 1, id="type 0"),
        pytest.param(pdu(8, b""), 1, id="type 8"),
        pytest.param(b"GET / HTTP/1.1\r\n", 1, id="HTTP"),
        pytest.param(p_data(pdv(1, 3, b"", 0)) + bytes(6), 6, id="value of length 0"),
        pytest.param(p_data(pdv(1, 3, b"", 1)) + bytes(6), 6, id="value of length 1"),
        pytest.param(p_data(pdv(1, 3, b"ab", 5)), 6, id="value beyond its PDU"),
        pytest.param(p_data(pdv(1, 3, b"ab"), b"abc") + bytes(6), 6, id="PDU that ends in the head of a value"),
    ],
)
def test_what_no_peer_may_send(data: bytes, reason: int) -> None:
    """The length of a PDU is judged by its head alone, before a byte of it is taken in."""
    assert read(data)[-1] == ("invalid", reason)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pdu(1, b"x" * REQUEST_BYTES), id="longest request"),
        pytest.param(p_data(pdv(1, 2, b"x" * (LARGEST_PDU - 6))), id="longest data"),
        pytest.param(p_data(*[pdv(1, 0, b"x")] * 10_000), id="many values"),
        pytest.param(p_data(pdv(1, 3)), id="empty last fragment"),
        pytest.param(p_data(pdv(1, 0xFF, b"x")), id="reserved bits of the control header"),
        pytest.param(b"\x04\xff" + p_data(pdv(1, 3, b"x"))[2:], id="reserved byte of a PDU"),
        pytest.param(pdu(7, b""), id="abort without its fields"),
    ],
)
def test_what_every_peer_may_send(data: bytes) -> None:
    found = joined(read(data, range(0, len(data), 1000)))
    assert found == joined(walk(data))
    assert len(found) == 1


def test_data_comes_only_within_an_association() -> None:
    reader = UnitReader(REQUEST_BYTES)
    data = p_data(pdv(1, 3, b"x"))
    reader.space()[: len(data)] = data
    reader.received(len(data))
    with pytest.raises(InvalidUnit) as refused:
        reader.next()
    assert refused.value.reason == 2


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(7, 60) | st.just(0), st.booleans(), st.integers(0, 255), cuts)
def test_what_we_send_can_be_read(data: bytes, largest: int, is_command: bool, context: int, cuts: list[int]) -> None:
    units = list(data_units(context, data, is_command, largest))
    assert all(struct.unpack_from(">BBL", unit) == (4, 0, len(unit) - 6) for unit in units)
    assert not largest or all(len(unit) - 6 <= largest for unit in units)
    assert joined(read(b"".join(units), cuts)) == [(context, is_command, True, data)]
