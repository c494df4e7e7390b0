"""A PMS that listens for HL7: a real MLLP server on a free loopback port, as well-behaved or as rude as a test says."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answering = Callable[["Receiver", socket.socket, bytes], None]


@dataclass
class Receiver:
    """What came, message by message, and over how many connections; `released` ends what it is still doing."""

    port: int = 0
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    ends: int = 0  # connections that have ended
    released: threading.Event = field(default_factory=threading.Event)


def ack(message: bytes, code: str = "AA", err: str = "", control: str | None = None) -> bytes:
    """Return an acknowledgement of a message in its frame."""
    number = message.split(b"\r")[0].split(b"|")[9].decode() if control is None else control
    text = f"MSH|^~\\&|PMS||||20270101||ACK|1|P|2.5.1\rMSA|{code}|{number}\r{err}"
    return b"\x0b" + text.encode() + b"\x1c\r"


def answers(*codes: str, err: str = "") -> Answering:
    """Answer each message with these codes, one after the other on the same connection."""

    def answer(receiver: Receiver, connection: socket.socket, message: bytes) -> None:
        for code in codes:
            connection.sendall(ack(message, code, err))

    return answer


def sends(data: bytes) -> Answering:
    """Answer with bytes."""
    return lambda receiver, connection, message: connection.sendall(data)


def closes(receiver: Receiver, connection: socket.socket, message: bytes) -> None:
    """Close instead of an answer."""
    connection.shutdown(socket.SHUT_RDWR)


def silent(receiver: Receiver, connection: socket.socket, message: bytes) -> None:
    """Answer nothing until the test is over."""
    receiver.released.wait(30)


@contextmanager
def receiving(answer: Answering, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver that answers each message by `answer`."""
    receiver = Receiver()
    threads: list[threading.Thread] = []
    opened: list[socket.socket] = []
    listening = socket.create_server(("127.0.0.1", 0))
    receiver.port = listening.getsockname()[1]

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                receiver.connections += 1
                opened.append(connection)
                thread = threading.Thread(target=serve, args=(connection,))
                threads.append(thread)
                thread.start()

    def serve(plain: socket.socket) -> None:
        with suppress(OSError):
            connection = tls.wrap_socket(plain, server_side=True) if tls else plain
            opened.append(connection)
            waiting = b""
            while data := connection.recv(65536):
                waiting += data
                while b"\x1c\r" in waiting:
                    frame, waiting = waiting.split(b"\x1c\r", 1)
                    receiver.messages.append(frame.removeprefix(b"\x0b"))
                    answer(receiver, connection, receiver.messages[-1])
        receiver.ends += 1

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        accepting.join(5)
        listening.close()
        for connection in opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for connection in opened:
            connection.close()
