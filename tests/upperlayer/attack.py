"""Broken and hostile peers as a library: their bytes, and an association under full control (PS3.8 9.3, PS3.7 E)."""

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.dicom import wire

HOSTILE = "127.0.0.2"
VERIFICATION = "1.2.840.10008.1.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
DX_IMAGE = "1.2.840.10008.5.1.4.1.1.1.1"
ECHO, STORE, FIND = 1, 3, 5  # the presentation contexts that `Hostile` proposes
PROPOSALS = ((VERIFICATION, (wire.EXPLICIT,)), (DX_IMAGE, (wire.EXPLICIT,)), (WORKLIST, (wire.EXPLICIT,)))
HTTP = b"GET / HTTP/1.1\r\nHost: gateway\r\nUser-Agent: probe\r\n\r\n"
COMMAND, DATA, COMMAND_END, DATA_END = 1, 0, 3, 2


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """Return a PDU, with a length of its own when one is given."""
    return struct.pack(">BBL", kind, 0, len(body) if length is None else length) + body


def pdv(context: int, control: int, data: bytes = b"", length: int | None = None) -> bytes:
    """Return a presentation data value, with a length of its own when one is given."""
    return struct.pack(">LBB", len(data) + 2 if length is None else length, context, control) + data


def p_data(*values: bytes) -> bytes:
    """Return a P-DATA-TF of presentation data values."""
    return pdu(4, b"".join(values))


def command_set(field: int, sop_class: str, with_data: bool = False, **elements: Any) -> bytes:
    """Return a command set."""
    said = {"CommandField": field, "AffectedSOPClassUID": sop_class, "MessageID": 1, "Priority": 0}
    return wire.encode_command({**said, "CommandDataSetType": 1 if with_data else wire.NO_DATA_SET, **elements})


def echo_command(**elements: Any) -> bytes:
    """Return the command set of a C-ECHO-RQ."""
    return command_set(wire.C_ECHO, VERIFICATION, **{"Priority": None, **elements})


def store_command(uid: str, **elements: Any) -> bytes:
    """Return the command set of a C-STORE-RQ."""
    return command_set(wire.C_STORE, DX_IMAGE, True, AffectedSOPInstanceUID=uid, **elements)


def find_command(**elements: Any) -> bytes:
    """Return the command set of a C-FIND-RQ."""
    return command_set(wire.C_FIND, WORKLIST, True, **elements)


def tls_hello() -> bytes:
    """Return the first bytes that a TLS client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, outgoing, server_hostname="gateway")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def request_pdu(calling: str = "DX1", items: bytes | None = None) -> bytes:
    """Return an A-ASSOCIATE-RQ for Verification, or with other items than its own."""
    if items is None:
        context = _item(0x30, VERIFICATION.encode()) + _item(0x40, wire.IMPLICIT.encode())
        items = _item(0x10, wire.APPLICATION_CONTEXT.encode()) + _item(0x20, bytes((1, 0, 0, 0)) + context)
        items += _item(0x50, _item(0x51, struct.pack(">L", 16384)) + _item(0x52, b"1.2.3.4"))
    body = struct.pack(">HH", 1, 0) + b"DCMGATEWAY".ljust(16) + calling.encode().ljust(16) + bytes(32) + items
    return pdu(1, body)


def largest_request(length: int = 64 << 10) -> bytes:
    """Return an A-ASSOCIATE-RQ of about `length` bytes that is as much work as such a one can be."""
    context = bytes((1, 0, 0, 0)) + _item(0x30, b"1.2") + _item(0x40, b"1.2")
    one = _item(0x20, context)
    end = _item(0x50, _item(0x51, struct.pack(">L", 16384)) + _item(0x52, b"1.2.3.4"))
    begin = _item(0x10, wire.APPLICATION_CONTEXT.encode())
    return request_pdu("HOSTILE", begin + one * ((length - 68 - len(begin) - len(end)) // len(one)) + end)


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def connect(port: int, source: str = HOSTILE, seconds: float = wire.WAIT_SECONDS) -> socket.socket:
    """Open a connection from an address of the loopback network."""
    return socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(source, 0))


def reset(connection: socket.socket) -> None:
    """Close a connection with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_to_end(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes or resets; TimeoutError when it does not."""
    received = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


@dataclass
class Hostile(wire.Association):
    """An association from another address, for the contexts ECHO, STORE and FIND; what it sends is up to the caller.

    `receive_buffer`: bytes that its kernel takes for it before it reads (0: as usual).
    """

    calling: str = "HOSTILE"
    source: str = HOSTILE
    receive_buffer: int = 0

    def __post_init__(self) -> None:
        self.socket = socket.socket()
        try:
            if self.receive_buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
            self.socket.settimeout(wire.WAIT_SECONDS)
            self.socket.bind((self.source, 0))
            self.socket.connect(("127.0.0.1", self.port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open()
        except BaseException:
            self.socket.close()
            raise

    def sendall(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def echo(self) -> int:
        """Return the status of a C-ECHO."""
        self.sendall(p_data(pdv(ECHO, COMMAND_END, echo_command())))
        return self.receive().status

    def end(self) -> tuple[int, ...]:
        """Return source and reason of the A-ABORT that ends it; () when it is closed without one."""
        received = read_to_end(self.socket)
        while received and received[0] != 7:
            received = received[6 + int.from_bytes(received[2:6], "big") :]
        return (received[8], received[9]) if len(received) >= 10 else ()


def hostile(port: int, **options: Any) -> Hostile:
    """Open an association from the hostile address."""
    return Hostile(port, PROPOSALS, **options)


@contextmanager
def cut_off(association: wire.Association) -> Iterator[wire.Association]:
    """Have an association that is just dropped at the end."""
    try:
        yield association
    finally:
        association.socket.close()


def half_store(size: int = 50_000) -> bytes:
    """Return a C-STORE that ends in the middle of its data set."""
    return p_data(pdv(STORE, COMMAND_END, store_command("1.2.3"))) + p_data(pdv(STORE, DATA, bytes(size)))


def unasked_response(size: int = 0, **elements: Any) -> bytes:
    """Return the command set of a C-ECHO-RSP of about `size` bytes."""
    said = {"CommandField": 0x8030, "MessageID": None, "MessageIDBeingRespondedTo": 1, "Status": 0, "Priority": None}
    return command_set(0x8030, VERIFICATION, **{**said, "ErrorComment": b"x" * size or None, **elements})
