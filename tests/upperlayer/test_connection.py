"""The connection under an association: each read, write and handshake has its time, and another thread can cut it."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dicom_gateway.upperlayer.connection import Connection, Late, Lost
from tests.peers import need
from tests.upperlayer.attack import read_to_end, reset

SOON = 0.3
LATEST = 5.0


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """Our end of a TCP connection, and the peer's socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname(), timeout=10)
        ours, _ = listening.accept()
    connection = Connection(ours, "127.0.0.1")
    yield connection, theirs
    connection.close()
    theirs.close()


Pair = tuple[Connection, socket.socket]


def timed(action: Callable[[], Any], error: type[Exception]) -> float:
    """Return how long `action` took to raise `error`."""
    began = time.monotonic()
    with pytest.raises(error):
        action()
    return time.monotonic() - began


def test_what_is_there_is_read(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"abc")
    space = memoryview(bytearray(10))
    assert ours.read_into(space, SOON) == 3
    assert bytes(space[:3]) == b"abc"
    assert ours.read_into(space, 0.05) is None
    assert ours.read_waiting(space) == 0
    theirs.sendall(b"de")
    assert ours.read_into(space, SOON) == 2  # after a look without waiting it waits again


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["closed", "reset"])
def test_a_peer_that_is_gone_is_lost(pair: Pair, end: Callable[[socket.socket], None]) -> None:
    ours, theirs = pair
    end(theirs)
    assert timed(lambda: ours.read_into(memoryview(bytearray(10)), 10), Lost) < LATEST
    assert ours.read_waiting(memoryview(bytearray(10))) == 0
    with suppress(Lost):
        ours.send(b"x", SOON)
    ours.send_at_once(b"x")
    ours.cut()


def test_a_peer_that_does_not_read_has_its_time(pair: Pair) -> None:
    ours, _ = pair
    assert SOON <= timed(lambda: ours.send(bytes(64 << 20), SOON), Late) < LATEST


def test_a_peer_that_reads_a_little_has_no_more_time(pair: Pair) -> None:
    ours, theirs = pair
    done = threading.Event()

    def sip() -> None:
        while not done.wait(0.01):
            theirs.recv(20_000)

    reader = threading.Thread(target=sip)
    reader.start()
    try:
        assert SOON <= timed(lambda: ours.send(bytes(256 << 20), SOON), Late) < LATEST
    finally:
        done.set()
        reader.join()


def test_a_peer_that_reads_gets_everything(pair: Pair) -> None:
    ours, theirs = pair
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(read_to_end(theirs)))
    reader.start()
    ours.send(bytes(8 << 20), 10)
    ours.close(linger=True)
    reader.join(10)
    assert len(received[0]) == 8 << 20


def test_sending_at_once_never_waits(pair: Pair) -> None:
    ours, _ = pair
    assert timed(lambda: ours.send(bytes(64 << 20), 0.05), Late) < LATEST
    began = time.monotonic()
    ours.send_at_once(bytes(1 << 20))
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "wait",
    [
        pytest.param(lambda ours: ours.read_into(memoryview(bytearray(10)), 20), id="reading"),
        pytest.param(lambda ours: ours.send(bytes(64 << 20), 20), id="sending"),
    ],
)
def test_another_thread_can_cut_it(pair: Pair, wait: Callable[[Connection], object]) -> None:
    ours, _ = pair
    threading.Timer(0.1, ours.cut).start()
    assert timed(lambda: wait(ours), Lost) < LATEST


def test_the_last_word_arrives_although_something_is_unread(pair: Pair) -> None:
    """Without the lingering the kernel would answer what is unread with a reset, which overtakes what was sent."""
    ours, theirs = pair
    theirs.sendall(bytes(50_000))
    ours.send(b"goodbye", SOON)
    closing = threading.Thread(target=ours.close, args=(True,))
    closing.start()
    assert theirs.recv(100) == b"goodbye"
    assert theirs.recv(100) == b""
    theirs.close()
    closing.join(LATEST)
    assert not closing.is_alive()


def test_a_peer_that_stays_does_not_hold_up_its_end(pair: Pair) -> None:
    ours, _ = pair
    began = time.monotonic()
    ours.close(linger=True)
    assert time.monotonic() - began < LATEST


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [need("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=t",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    whole = folder / "whole.pem"
    whole.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return whole


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    """The server's settings."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def client_side(theirs: socket.socket) -> ssl.SSLSocket:
    """Do the client's handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(theirs)


def test_a_handshake_in_time(pair: Pair, server_side: ssl.SSLContext) -> None:
    ours, theirs = pair
    answers: list[bytes] = []

    def client() -> None:
        with client_side(theirs) as secured:
            secured.sendall(b"abc")
            answers.append(secured.recv(100))

    thread = threading.Thread(target=client)
    thread.start()
    ours.secure(server_side, LATEST)
    space = memoryview(bytearray(100))
    assert ours.read_into(space, LATEST) == 3
    assert ours.read_waiting(space) == 0
    ours.send(b"de", LATEST)
    thread.join(LATEST)
    assert answers == [b"de"]
    assert timed(lambda: ours.read_into(space, LATEST), Lost) < LATEST


def test_a_silent_client_has_its_time(pair: Pair, server_side: ssl.SSLContext) -> None:
    ours, _ = pair
    assert SOON <= timed(lambda: ours.secure(server_side, SOON), Late) < LATEST


def test_a_client_that_drips_has_no_more_time(pair: Pair, server_side: ssl.SSLContext) -> None:
    ours, theirs = pair
    done = threading.Event()

    def drip() -> None:
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500):
            with suppress(OSError):
                theirs.sendall(bytes((byte,)))
            if done.wait(0.05):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        assert SOON <= timed(lambda: ours.secure(server_side, SOON), Late) < LATEST
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00\x00\x00\x00\x20" + bytes(32)], ids=["HTTP", "DICOM"]
)
def test_what_is_no_handshake_is_lost_at_once(pair: Pair, server_side: ssl.SSLContext, data: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(data)
    assert timed(lambda: ours.secure(server_side, 20), Lost) < LATEST


def test_a_client_that_leaves_within_the_handshake_is_lost(pair: Pair, server_side: ssl.SSLContext) -> None:
    ours, theirs = pair
    theirs.sendall(b"\x16\x03\x01")
    theirs.close()
    assert timed(lambda: ours.secure(server_side, 20), Lost) < LATEST
