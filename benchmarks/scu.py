"""A fast DICOM client on a plain socket: what it sends is encoded beforehand, so that a server is measured, not it.

PS3.8 9.3 (PDUs), PS3.7 9.3 (C-FIND, C-STORE). One presentation context, Explicit VR Little Endian. Each PDU is sent by
itself, as devices do: without TCP_NODELAY, Nagle's algorithm then holds it back until the one before is acknowledged.
"""

import socket
import struct
from collections.abc import Iterable, Sequence

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
VERIFICATION = "1.2.840.10008.1.1"
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
SUCCESS = 0x0000
PENDING = (0xFF00, 0xFF01)

_APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
_IMPLEMENTATION = b"1.2.826.0.1.3680043.8.498.1"
_CONTEXT_ID = 1
_COMMAND, _LAST = 1, 2  # message control header (PS3.8 E.2)
_P_DATA, _ACCEPT, _RELEASE_RESPONSE = 4, 2, 6
_MAX_PDU = 131072
_TIMEOUT_SECONDS = 60
_NO_DATA_SET = 0x0101
ETHERNET_SEGMENT = 1448  # bytes of TCP in a frame of 1,500

Buffer = bytes | memoryview


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def _associate_request(called: str, abstract_syntax: str) -> bytes:
    context = struct.pack(">BBBB", _CONTEXT_ID, 0, 0, 0)
    context += _item(0x30, abstract_syntax.encode()) + _item(0x40, EXPLICIT_LITTLE.encode())
    user = _item(0x51, struct.pack(">I", _MAX_PDU)) + _item(0x52, _IMPLEMENTATION)
    body = struct.pack(">HH16s16s32x", 1, 0, called.ljust(16).encode(), b"BENCHMARK".ljust(16))
    body += _item(0x10, _APPLICATION_CONTEXT) + _item(0x20, context) + _item(0x50, user)
    return struct.pack(">BBI", 1, 0, len(body)) + body


def _command_element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, element, len(value)) + value


def _text(value: str) -> bytes:
    return value.encode() + b"\0" * (len(value) % 2)


def _short(value: int) -> bytes:
    return struct.pack("<H", value)


def command(field: int, sop_class_uid: str, sop_instance_uid: str = "", data_set: bool = True) -> bytes:
    """Return a request's command set (Implicit VR Little Endian, PS3.7 6.3.1), message ID 1, as one PDU."""
    elements = [
        _command_element(0x0002, _text(sop_class_uid)),
        _command_element(0x0100, _short(field)),
        _command_element(0x0110, _short(1)),
        _command_element(0x0700, _short(0)) if data_set else b"",
        _command_element(0x0800, _short(0 if data_set else _NO_DATA_SET)),
        _command_element(0x1000, _text(sop_instance_uid)) if sop_instance_uid else b"",
    ]
    body = b"".join(elements)
    return fragment(_command_element(0x0000, struct.pack("<I", len(body))) + body, _COMMAND | _LAST)


def fragment(data: Buffer, control: int) -> bytes:
    """Return a P-DATA-TF PDU that holds one fragment."""
    length = len(data)
    return struct.pack(">BBIIBB", _P_DATA, 0, length + 6, length + 2, _CONTEXT_ID, control) + bytes(data)


def fragments(data: Buffer, max_pdu: int) -> list[bytes]:
    """Return the PDUs of a data set for a receiver that takes `max_pdu` bytes a PDU (0: no limit)."""
    size = (min(max_pdu, _MAX_PDU) if max_pdu else _MAX_PDU) - 6
    starts = range(0, len(data), size)
    return [fragment(data[at : at + size], _LAST if at + size >= len(data) else 0) for at in starts]


def _status(command_set: Buffer) -> int:
    """Return (0000,0900) of a command set."""
    at = 0
    while at < len(command_set):
        group, element, length = struct.unpack_from("<HHI", command_set, at)
        if (group, element) == (0, 0x0900):
            return int.from_bytes(command_set[at + 8 : at + 10], "little")
        at += 8 + length
    raise ValueError("a response without a status")


class Association:
    """An association with a server on loopback; raises ConnectionError when it is refused or ends early.

    Without `nodelay`: a device on a network, with Nagle's algorithm and segments as Ethernet has them.
    """

    def __init__(self, port: int, called: str, abstract_syntax: str, nodelay: bool = True) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(_TIMEOUT_SECONDS)
        if nodelay:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:  # loopback's own segments of 64 KB would hide what the algorithm holds back
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, ETHERNET_SEGMENT)
        self._socket.connect(("127.0.0.1", port))
        self._unread = bytearray()
        self._socket.sendall(_associate_request(called, abstract_syntax))
        kind, body = self._read_pdu()
        if kind != _ACCEPT:
            raise ConnectionError(f"no association: PDU type {kind}, {body[:4].hex()}")
        self.max_pdu = self._negotiated(body)

    def echo(self) -> int:
        """Return the status of a C-ECHO."""
        self._socket.sendall(command(0x0030, VERIFICATION, data_set=False))
        return self._response()[0]

    def find(self, identifier: bytes) -> list[bytes]:
        """Return the encoded answers to a worklist C-FIND."""
        status, answers = self.ask(identifier)
        if status != SUCCESS:
            raise ConnectionError(f"C-FIND ended with 0x{status:04X}")
        return answers

    def ask(self, identifier: bytes) -> tuple[int, list[bytes]]:
        """Return how a worklist C-FIND ended, and its encoded answers."""
        self._socket.sendall(command(0x0020, WORKLIST_FIND) + fragment(identifier, _LAST))
        answers: list[bytes] = []
        while True:
            status, answer = self._response()
            if status not in PENDING:
                return status, answers
            answers.append(answer)

    def store(self, pdus: Iterable[Buffer]) -> None:
        """Send a C-STORE request, PDU by PDU, and wait until it is answered with success."""
        for pdu in pdus:
            self._socket.sendall(pdu)
        status, _ = self._response()
        if status != SUCCESS:
            raise ConnectionError(f"C-STORE ended with 0x{status:04X}")

    def release(self) -> None:
        """Release the association and close the connection."""
        self._socket.sendall(struct.pack(">BBII", 5, 0, 4, 0))
        kind, _ = self._read_pdu()
        if kind != _RELEASE_RESPONSE:
            raise ConnectionError(f"no release: PDU type {kind}")
        self._socket.close()

    def _response(self) -> tuple[int, bytes]:
        """Return the status of the next response, and its data set if it is a pending one."""
        command_set, data_set = bytearray(), bytearray()
        status: int | None = None
        while True:
            for control, value in self._values():
                (command_set if control & _COMMAND else data_set).extend(value)
                if not control & _LAST:
                    continue
                if control & _COMMAND:
                    status = _status(bytes(command_set))
                if status is not None and (status not in PENDING or not control & _COMMAND):
                    return status, bytes(data_set)

    def _values(self) -> Sequence[tuple[int, bytes]]:
        """Return the presentation data values of the next P-DATA-TF PDU (none holds parts of two responses)."""
        kind, body = self._read_pdu()
        if kind != _P_DATA:
            raise ConnectionError(f"PDU type {kind} instead of P-DATA-TF")
        values, at = [], 0
        while at < len(body):
            length = int.from_bytes(body[at : at + 4], "big")
            values.append((body[at + 5], body[at + 6 : at + 4 + length]))
            at += 4 + length
        return values

    def _read_pdu(self) -> tuple[int, bytes]:
        self._fill(6)
        length = int.from_bytes(self._unread[2:6], "big")
        self._fill(6 + length)
        kind, body = self._unread[0], bytes(self._unread[6 : 6 + length])
        del self._unread[: 6 + length]
        return kind, body

    def _fill(self, length: int) -> None:
        while len(self._unread) < length:
            piece = self._socket.recv(1 << 16)
            if not piece:
                raise ConnectionError("the server closed the connection")
            self._unread += piece

    def _negotiated(self, body: bytes) -> int:
        """Return the server's maximum PDU length, the context accepted with it (PS3.8 9.3.3)."""
        at, limit = 68, 0
        while at < len(body):
            kind, length = body[at], int.from_bytes(body[at + 2 : at + 4], "big")
            if kind == 0x21 and body[at + 6]:
                raise ConnectionError(f"presentation context refused: result {body[at + 6]}")
            if kind == 0x51:
                limit = int.from_bytes(body[at + 4 : at + 8], "big")
            at += 4 if kind == 0x50 else 4 + length  # the user information's items follow one by one
        return limit
