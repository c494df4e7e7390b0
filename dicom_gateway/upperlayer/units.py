"""From the bytes of a connection to PDUs and message fragments (PS3.8 9.3 and annex E); no socket, no thread.

The caller reads into `space()`, says how much with `received()`, and takes what is there with `next()` until it is
None. A fragment of a message is handed on piece by piece as it comes, in a view of the buffer that holds until the
next `space()`; every other PDU comes whole. Whatever the pieces in which bytes come, the same bytes come out, and
`is_last` with the last of them. What no peer may send raises InvalidUnit, and nothing comes after that.
"""

from dataclasses import dataclass

from dicom_gateway.upperlayer.limits import MAX_PDU_BYTES, PDU_SLACK_BYTES

BUFFER_BYTES = 256 << 10
ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA_TF, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
UNRECOGNIZED_PDU, UNEXPECTED_PDU, INVALID_PARAMETER = 1, 2, 6  # reasons of a provider's A-ABORT, PS3.8 table 9-26

_HEADER = 6  # of a PDU: type, reserved, length; of a PDV: length, context, control
_IS_COMMAND, _IS_LAST = 1, 2  # message control header, PS3.8 E.2


class InvalidUnit(Exception):
    """The peer sent what PS3.8 does not allow; `reason` is that of the A-ABORT."""

    def __init__(self, what: str, reason: int = INVALID_PARAMETER) -> None:
        super().__init__(what)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fragment:
    """Some bytes of a command set or a data set; `is_last`: with them it is whole."""

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


@dataclass(frozen=True, slots=True)
class Unit:
    """A whole PDU other than P-DATA-TF, its header included."""

    kind: int
    data: bytes


class UnitReader:
    """Splits one direction of one connection. `request_bytes`: the longest PDU other than P-DATA-TF.

    `may_carry_data` is set once the association is established. `completed` counts PDUs.
    """

    def __init__(self, request_bytes: int, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._longest = min(request_bytes, buffer_bytes - _HEADER)
        self._buffer = memoryview(bytearray(buffer_bytes))
        self._begin = self._end = 0
        self._pdu_left = 0  # bytes of the P-DATA-TF that are still to be split
        self._pdv_left = 0
        self._context_id = 0
        self._control = 0
        self.may_carry_data = False
        self.completed = 0

    @property
    def is_inside(self) -> bool:
        """Whether a PDU has begun and not ended."""
        return self._pdu_left > 0 or self._pdv_left > 0 or self._begin < self._end

    def space(self) -> memoryview:
        """Return where the next bytes go; views that were handed out end here."""
        left = self._end - self._begin
        if self._begin:
            self._buffer[:left] = bytes(self._buffer[self._begin : self._end])
            self._begin, self._end = 0, left
        return self._buffer[left:]

    def received(self, count: int) -> None:
        """Take note that `count` bytes were read into `space()`."""
        self._end += count

    def next(self) -> Fragment | Unit | None:
        """Return what comes next, None when more bytes are needed; raises InvalidUnit."""
        while True:
            if self._pdv_left:
                return self._rest_of_fragment() if self._begin < self._end else None
            if self._end - self._begin < _HEADER:
                return None
            if self._pdu_left:
                if (fragment := self._begin_fragment()) is not None:
                    return fragment
            elif (found := self._begin_unit()) is not None:
                return found
            elif not self._pdu_left:
                return None

    def peek(self) -> bytes | None:
        """Return the next PDU, whole and left where it is; None while there is none."""
        if self._pdu_left or self._pdv_left or self._end - self._begin < _HEADER:
            return None
        whole = _HEADER + int.from_bytes(self._buffer[self._begin + 2 : self._begin + _HEADER], "big")
        if self._end - self._begin < whole:
            return None
        return bytes(self._buffer[self._begin : self._begin + whole])

    def skip(self) -> None:
        """Pass over the PDU that `peek` returned."""
        unit = self.peek()
        assert unit is not None
        self._begin += len(unit)
        self.completed += 1

    def _begin_unit(self) -> Unit | None:
        kind = self._buffer[self._begin]
        length = int.from_bytes(self._buffer[self._begin + 2 : self._begin + _HEADER], "big")
        if kind == P_DATA_TF:
            self._begin_data(length)
            return None
        if not ASSOCIATE_RQ <= kind <= ABORT:
            raise InvalidUnit(f"PDU of type {kind}", UNRECOGNIZED_PDU)
        if length > self._longest:
            raise InvalidUnit(f"PDU of type {kind} with {length} bytes")
        end = self._begin + _HEADER + length
        if self._end < end:
            return None
        unit = Unit(kind, bytes(self._buffer[self._begin : end]))
        self._begin = end
        self.completed += 1
        return unit

    def _begin_data(self, length: int) -> None:
        if not self.may_carry_data:
            raise InvalidUnit("P-DATA-TF without an association", UNEXPECTED_PDU)
        if not _HEADER <= length <= MAX_PDU_BYTES + PDU_SLACK_BYTES:
            raise InvalidUnit(f"P-DATA-TF of {length} bytes")
        self._begin += _HEADER
        self._pdu_left = length

    def _begin_fragment(self) -> Fragment | None:
        """Read the header of a presentation data value; return it when it has no more than that."""
        if self._pdu_left < _HEADER:
            raise InvalidUnit("P-DATA-TF ends within the header of a presentation data value")
        begin = self._begin
        length = int.from_bytes(self._buffer[begin : begin + 4], "big")
        if not 2 <= length <= self._pdu_left - 4:
            raise InvalidUnit(f"presentation data value of {length} bytes in {self._pdu_left}")
        self._context_id, self._control = self._buffer[begin + 4], self._buffer[begin + 5]
        self._begin += _HEADER
        self._pdu_left -= _HEADER
        self._pdv_left = length - 2
        return None if self._pdv_left else self._fragment(0)

    def _rest_of_fragment(self) -> Fragment:
        return self._fragment(min(self._pdv_left, self._end - self._begin))

    def _fragment(self, count: int) -> Fragment:
        begin = self._begin
        self._begin += count
        self._pdv_left -= count
        self._pdu_left -= count
        if not self._pdu_left:
            self.completed += 1
        is_last = not self._pdv_left and bool(self._control & _IS_LAST)
        data = self._buffer[begin : self._begin]
        return Fragment(self._context_id, bool(self._control & _IS_COMMAND), is_last, data)
