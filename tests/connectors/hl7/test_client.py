"""The MLLP client against receivers that are well-behaved, rude, away, encrypted, or not to be called."""

import asyncio
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import hl7
import pytest
from hl7.mllp import start_hl7_server

from dicom_gateway.connectors.hl7.client import ANSWER_BYTES, MllpClient, NotAnswered, Tls, refusal
from tests.certificates import made
from tests.connectors.hl7.mllp_receiver import ack, answers, closes, receiving, sends, silent

MESSAGE = "MSH|^~\\&|GW||PMS||20270101||ORM^O01|C1|P|2.5.1||||||UNICODE UTF-8\rPID|||1||Groß\r".encode()


def first(answer: bytes) -> bytes:
    return answer


def client(port: int, seconds: float = 10, **more: object) -> MllpClient:
    return MllpClient("127.0.0.1", port, seconds, **more)  # type: ignore[arg-type]


def why(sender: MllpClient, read: Callable[[bytes], bytes | None] = first) -> tuple[str, bool]:
    with pytest.raises(NotAnswered) as caught:
        sender.exchange(MESSAGE, read)
    return str(caught.value), caught.value.was_sent


def test_a_message_goes_out_and_its_answer_comes_back() -> None:
    with receiving(answers("AA")) as receiver:
        assert client(receiver.port).exchange(MESSAGE, first).endswith(b"MSA|AA|C1\r")
        assert receiver.messages == [MESSAGE]


def test_an_answer_in_pieces() -> None:
    def drips(receiver: object, connection: socket.socket, message: bytes) -> None:
        for byte in ack(message):
            connection.sendall(bytes([byte]))

    with receiving(drips) as receiver:
        assert client(receiver.port).exchange(MESSAGE, first).endswith(b"MSA|AA|C1\r")


def test_several_answers_until_one_is_taken() -> None:
    with receiving(answers("CA", "AA")) as receiver:
        taken = client(receiver.port).exchange(MESSAGE, lambda answer: answer if b"|AA|" in answer else None)
        assert taken.endswith(b"MSA|AA|C1\r")


def test_each_message_has_its_own_connection_unless_it_is_kept() -> None:
    for keep, connections in ((False, 3), (True, 1)):
        with receiving(answers("AA")) as receiver:
            sender = client(receiver.port, keep=keep)
            for _ in range(3):
                sender.exchange(MESSAGE, first)
            sender.close()
            assert (len(receiver.messages), receiver.connections) == (3, connections)


def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    def once(receiver: object, connection: socket.socket, message: bytes) -> None:
        connection.sendall(ack(message))
        connection.shutdown(socket.SHUT_RDWR)

    with receiving(once) as receiver:
        sender = client(receiver.port, keep=True)
        for _ in range(3):
            sender.exchange(MESSAGE, first)
        assert receiver.connections == 3 and len(receiver.messages) >= 3
        sender.close()


def test_a_kept_connection_that_is_closed_in_the_middle_is_replaced_once() -> None:
    def second_time_closes(receiver: object, connection: socket.socket, message: bytes) -> None:
        if len(receiver.messages) == 2:  # type: ignore[attr-defined]
            return connection.shutdown(socket.SHUT_RDWR)
        connection.sendall(ack(message))

    with receiving(second_time_closes) as receiver:
        sender = client(receiver.port, keep=True)
        sender.exchange(MESSAGE, first)
        assert sender.exchange(MESSAGE, first).endswith(b"MSA|AA|C1\r")
        assert (receiver.connections, len(receiver.messages)) == (2, 3)
        sender.close()


def test_what_comes_late_is_not_taken_for_the_answer_to_the_next() -> None:
    more = threading.Event()

    def twice(receiver: object, connection: socket.socket, message: bytes) -> None:
        connection.sendall(ack(message, "AA") + ack(message, "AE", control="C0"))
        more.set()

    with receiving(twice) as receiver:
        sender = client(receiver.port, keep=True)
        for _ in range(2):
            assert b"|AA|" in sender.exchange(MESSAGE, first)
            assert more.wait(5)
        sender.close()
        assert receiver.connections in (1, 2)  # 1: both answers were read at once, and the second dropped


def test_no_answer() -> None:
    with receiving(silent) as receiver:
        began = time.monotonic()
        assert why(client(receiver.port, 0.3)) == ("no answer within 0.3 s", True)
        assert time.monotonic() - began < 3


def test_an_answer_that_drips_has_a_deadline() -> None:
    def drips(receiver: object, connection: socket.socket, message: bytes) -> None:
        connection.sendall(b"\x0b")
        while not receiver.released.wait(0.02):  # type: ignore[attr-defined]
            connection.sendall(b"x")

    with receiving(drips) as receiver:
        assert why(client(receiver.port, 0.3)) == ("no answer within 0.3 s", True)


def test_the_second_answer_does_not_come() -> None:
    def commits(receiver: object, connection: socket.socket, message: bytes) -> None:
        connection.sendall(ack(message, "CA"))

    with receiving(commits) as receiver:
        found = why(client(receiver.port, 0.3), lambda answer: None)
        assert found == ("the application's answer did not come within 0.3 s", True)


RUDE = {
    "closes": (closes, "the connection was closed without an answer"),
    "no frame": (sends(b"MSH|^~\\&|\r\nMSA|AA|C1\r\n"), "no answer within 0.5 s"),
    "too large": (sends(b"\x0b" + b"x" * (ANSWER_BYTES + 10)), f"the answer is larger than {ANSWER_BYTES} bytes"),
}


@pytest.mark.parametrize(("answer", "words"), RUDE.values(), ids=RUDE)
def test_a_rude_receiver(answer: Callable[..., None], words: str) -> None:
    with receiving(answer) as receiver:
        assert why(client(receiver.port, 0.5)) == (words, True)


def test_a_receiver_that_reads_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sender = client(listening.getsockname()[1], 0.5)
        with pytest.raises(NotAnswered, match=r"was not taken within 0\.5 s"):
            sender.exchange(b"x" * (64 << 20), first)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert why(client(port)) == ("connection refused", False)
    with pytest.raises(NotAnswered, match="connection refused"):
        client(port).reach()


def test_names_and_addresses_that_are_not_called() -> None:
    def resolver(*addresses: str) -> Callable[[str, int], list[str]]:
        return lambda host, port: list(addresses)

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror

    assert why(MllpClient("pms", 1, 1, resolver=unknown))[0] == "the host name cannot be resolved"
    assert why(MllpClient("pms", 1, 1, resolver=resolver()))[0] == "the host name has no address"
    found = why(MllpClient("pms", 1, 1, resolver=resolver("127.0.0.1", "8.8.8.8")))
    assert found == ("refused: 8.8.8.8 is a public address; use tls = true", False)


ADDRESSES = [
    ("127.0.0.1", "", ""),
    ("192.168.1.5", "", ""),
    ("fd00::5", "", ""),
    ("8.8.8.8", "a public address; use tls", ""),
    ("169.254.169.254", "link-local", "link-local"),
    ("fe80::1", "link-local", "link-local"),
    ("0.0.0.0", "unspecified", "unspecified"),
    ("nowhere", "is no address", "is no address"),
]


@pytest.mark.parametrize(("address", "plain", "secured"), ADDRESSES, ids=[one[0] for one in ADDRESSES])
def test_where_messages_may_go(address: str, plain: str, secured: str) -> None:
    for is_secured, words in ((False, plain), (True, secured)):
        found = refusal(address, is_secured)
        assert words in found and bool(found) is bool(words)


def test_tls(tmp_path: Path) -> None:
    ca = made(tmp_path, "ca")
    server, stranger, own = (made(tmp_path, name, by) for name, by in (("localhost", ca), ("other", None), ("gw", ca)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    context.load_verify_locations(ca.certificate)
    context.verify_mode = ssl.CERT_REQUIRED

    def sender(tls: Tls, host: str = "localhost") -> MllpClient:
        return MllpClient(host, receiver.port, 5, tls, resolver=lambda *_: ["127.0.0.1"])

    with receiving(answers("AA"), context) as receiver:
        known = Tls(ca.certificate, own.certificate, own.key)
        assert sender(known).exchange(MESSAGE, first).endswith(b"MSA|AA|C1\r")
        assert re.fullmatch(r"connected to localhost:\d+, TLSv1\.3", sender(known).reach())
        assert len(receiver.messages) == 1
        assert "certificate is not accepted" in why(sender(Tls(stranger.certificate, own.certificate, own.key)))[0]
        assert "certificate is not accepted" in why(sender(Tls()))[0]
        assert "certificate is not accepted" in why(sender(known, "elsewhere"))[0]
        assert "TLS failed" in why(sender(Tls(ca.certificate)))[0]
        assert why(sender(Tls(ca.certificate, tmp_path / "none", own.key)))[0].startswith("the files for TLS cannot")
        assert len(receiver.messages) == 1


def test_no_tls_where_tls_is_meant(tmp_path: Path) -> None:
    with receiving(silent) as receiver:
        found = why(
            MllpClient("127.0.0.1", receiver.port, 5, Tls(made(tmp_path, "ca").certificate), connect_seconds=0.3)
        )
        assert found == ("no connection within 0.3 s", False)


def test_python_hl7s_server_takes_it() -> None:
    """The asyncio server of another library: frames, text and acknowledgement."""
    taken: list[str] = []
    port, ready, loop = [0], threading.Event(), asyncio.new_event_loop()

    async def handle(reader: hl7.mllp.HL7StreamReader, writer: hl7.mllp.HL7StreamWriter) -> None:
        message = await reader.readmessage()
        taken.append(str(message))
        writer.writemessage(message.create_ack())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def serve() -> None:
        server = await start_hl7_server(handle, "127.0.0.1", 0, encoding="utf-8")
        port[0] = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(5)
        found = client(port[0]).exchange(MESSAGE, first)
        assert b"MSA|AA|C1" in found
        assert "Groß" in taken[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
