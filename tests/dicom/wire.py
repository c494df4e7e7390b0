"""DICOM on a plain socket, as the tests need it: every byte of a request under control, nothing checked on the way out.

PS3.8 9.3 (PDUs), PS3.7 6.3 and annex E (command sets). Written for these tests and used nowhere else, so that the
gateway is not tested against the library that it is built on.
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Self

from pydicom import Dataset
from pydicom.datadict import dictionary_keyword, dictionary_VR, tag_for_keyword
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
NO_DATA_SET = 0x0101
WAIT_SECONDS = 15

C_STORE, C_FIND, C_ECHO, C_CANCEL = 0x0001, 0x0020, 0x0030, 0x0FFF
N_GET, N_SET, N_ACTION, N_CREATE, N_DELETE = 0x0110, 0x0120, 0x0130, 0x0140, 0x0150

Proposal = tuple[str, Sequence[str]]


def encode(data_set: Dataset, syntax: str = EXPLICIT) -> bytes:
    """Return a data set as it goes over the network."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = syntax == IMPLICIT, syntax != BIG_ENDIAN
    write_dataset(buffer, data_set)
    return buffer.getvalue()


def decode(data: bytes, syntax: str = EXPLICIT) -> Dataset:
    """Return a data set, every value read."""
    data_set = read_dataset(BytesIO(data), syntax == IMPLICIT, syntax != BIG_ENDIAN)
    data_set.decode()
    return data_set


def encode_command(elements: dict[str, Any]) -> bytes:
    """Return a command set; a value that is bytes goes out as it is, None leaves the element out."""
    body = b""
    for keyword, value in sorted(elements.items(), key=lambda pair: tag_for_keyword(pair[0]) or 0):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        if value is not None:
            data = _value(dictionary_VR(tag), value)
            body += struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(data)) + data
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def _value(vr: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if vr == "US":
        return struct.pack("<H", value)
    if vr == "AT":
        return b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in value)
    data = str(value).encode("latin-1")
    return data + (b"\0" if vr == "UI" else b" ") * (len(data) % 2)


def decode_command(data: bytes) -> dict[str, Any]:
    """Return a command set by keyword."""
    found: dict[str, Any] = {}
    position = 0
    while position < len(data):
        group, element, length = struct.unpack_from("<HHL", data, position)
        value = data[position + 8 : position + 8 + length]
        position += 8 + length
        tag = group << 16 | element
        vr = dictionary_VR(tag)
        if vr == "US":
            found[dictionary_keyword(tag)] = struct.unpack("<H", value)[0]
        elif vr == "AT":
            numbers = struct.unpack(f"<{length // 2}H", value)
            found[dictionary_keyword(tag)] = [a << 16 | b for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
        else:
            found[dictionary_keyword(tag)] = value.decode("latin-1").rstrip("\0 ")
    return found


@dataclass
class Message:
    """A DIMSE message: its command set by keyword and the bytes of its data set, b"" without one."""

    command: dict[str, Any]
    data: bytes = b""

    @property
    def status(self) -> int:
        return int(self.command["Status"])


@dataclass
class Association:
    """An association that a device opens. `accepted` and `results`: context id -> transfer syntax, result."""

    port: int
    proposals: Sequence[Proposal]
    calling: str = "DX1"
    called: str = "DCMGATEWAY"
    calling_bytes: bytes | None = None
    fragment: int = 100_000
    accepted: dict[int, str] = field(default_factory=dict)
    results: dict[int, int] = field(default_factory=dict)
    rejected: tuple[int, int, int] | None = None
    maximum: int = 0
    _message_id: int = 0

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._open()
        except BaseException:
            self.socket.close()
            raise

    def _open(self) -> None:
        self.socket.sendall(self._request())
        kind, body = self.read_pdu()
        if kind == 2:
            self._accept(body)
        elif kind == 3:
            self.rejected = (body[1], body[2], body[3])
            self.socket.close()
        else:
            raise ConnectionError(f"PDU of type {kind}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def close(self) -> None:
        """Release, if that is still possible, and close the connection."""
        try:
            if self.rejected is None and ended_well(self):
                self.release()
        except OSError:
            pass
        finally:
            self.socket.close()

    def release(self) -> None:
        """Release the association and wait for the answer."""
        self.send_pdu(5, bytes(4))
        kind, _ = self.read_pdu()
        assert kind == 6, f"PDU of type {kind} after a release request"

    def context(self, abstract_syntax: str = "") -> int:
        """Return the first accepted context, of an abstract syntax if one is named."""
        return next(n for n in self.accepted if not abstract_syntax or self.proposals[n // 2][0] == abstract_syntax)

    def request(self, context: int, command: dict[str, Any], data: bytes | None = None) -> Message:
        """Send a request and return its only response."""
        self.send(context, command, data)
        return self.receive()

    def send(self, context: int, command: dict[str, Any], data: bytes | None = None) -> int:
        """Send a message; return its Message ID. What the command does not say is filled in."""
        self._message_id += 1
        filled = {
            "MessageID": self._message_id,
            "CommandDataSetType": NO_DATA_SET if data is None else 0,
            **command,
        }
        self.send_command(context, encode_command(filled))
        if data is not None:
            self.send_data(context, data)
        return self._message_id

    def send_command(self, context: int, command: bytes) -> None:
        """Send the bytes of a command set."""
        self._send_fragments(context, command, 1)

    def send_data(self, context: int, data: bytes, last: bool = True) -> None:
        """Send a data set or, when not `last`, a part of it."""
        self._send_fragments(context, data, 0, last)

    def receive(self) -> Message:
        """Return the next message; raises ConnectionError when the other side aborts or closes."""
        command, data = b"", b""
        while True:
            kind, body = self.read_pdu()
            if kind != 4:
                raise ConnectionError(f"PDU of type {kind}")
            position = 0
            while position < len(body):
                length, _, control = struct.unpack_from(">LBB", body, position)
                fragment = body[position + 6 : position + 4 + length]
                position += 4 + length
                if control & 1:
                    command += fragment
                else:
                    data += fragment
                if control == 2 or (control == 3 and decode_command(command)["CommandDataSetType"] == NO_DATA_SET):
                    return Message(decode_command(command), data)

    def send_pdu(self, kind: int, body: bytes) -> None:
        """Send one PDU."""
        self.socket.sendall(struct.pack(">BBL", kind, 0, len(body)) + body)

    def read_pdu(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU."""
        kind, _, length = struct.unpack(">BBL", self._read(6))
        return kind, self._read(length)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("closed")
            data += piece
        return data

    def _send_fragments(self, context: int, data: bytes, control: int, last: bool = True) -> None:
        size = min(self.fragment, self.maximum - 6 if self.maximum else self.fragment)
        for start in range(0, max(len(data), 1), size):
            final = last and start + size >= len(data)
            piece = data[start : start + size]
            flags = control | (2 if final else 0)
            self.send_pdu(4, struct.pack(">LBB", len(piece) + 2, context, flags) + piece)

    def _request(self) -> bytes:
        calling = self.calling_bytes if self.calling_bytes is not None else self.calling.ljust(16).encode()
        body = struct.pack(">HH", 1, 0) + self.called.ljust(16).encode() + calling + bytes(32)
        body += _item(0x10, APPLICATION_CONTEXT.encode())
        for index, (abstract_syntax, syntaxes) in enumerate(self.proposals):
            inner = _item(0x30, abstract_syntax.encode()) + b"".join(_item(0x40, one.encode()) for one in syntaxes)
            body += _item(0x20, bytes((2 * index + 1, 0, 0, 0)) + inner)
        body += _item(0x50, _item(0x51, struct.pack(">L", 16384)) + _item(0x52, b"1.2.3.4") + _item(0x55, b"TEST"))
        return struct.pack(">BBL", 1, 0, len(body)) + body

    def _accept(self, body: bytes) -> None:
        for kind, value in _items(body[68:]):
            if kind == 0x21:
                self.results[value[0]] = value[2]
                if value[2] == 0:
                    self.accepted[value[0]] = next(v for k, v in _items(value[4:]) if k == 0x40).decode()
            elif kind == 0x50:
                self.maximum = next(struct.unpack(">L", v)[0] for k, v in _items(value) if k == 0x51)


def ended_well(association: Association) -> bool:
    """Say whether the connection is open and nothing unread is on it."""
    association.socket.setblocking(False)
    try:
        return not isinstance(association.socket.recv(1, socket.MSG_PEEK), bytes)
    except BlockingIOError:
        return True
    finally:
        association.socket.settimeout(WAIT_SECONDS)


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def _items(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    position = 0
    while position < len(data):
        kind, _, length = struct.unpack_from(">BBH", data, position)
        found.append((kind, data[position + 4 : position + 4 + length]))
        position += 4 + length
    return found
