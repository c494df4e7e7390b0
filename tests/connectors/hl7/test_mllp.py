"""The MLLP listener on a real socket: what senders do, and what hostile ones do."""

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hl7.client
import pytest

from dicom_gateway.certificates import dicom_context
from dicom_gateway.connectors.hl7.frames import FrameReader, framed
from dicom_gateway.connectors.hl7.limits import Limits
from dicom_gateway.connectors.hl7.mllp import MllpServer
from dicom_gateway.connectors.hl7.sender import Sender
from tests.certificates import made

SECONDS = 10.0
MESSAGE = b"MSH|^~\\&|PMS|||GW|20261123||ORM^O01|7|P|2.5.1\rPID|1||P-7\r"


class Desk:
    """Answers with what it was told; one that is held waits for `go_on`."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Sender]] = []
        self.refused: list[tuple[bytes, str, bool]] = []
        self.hold = False
        self.working = threading.Event()
        self.go_on = threading.Event()
        self.at_work = 0
        self.most_at_work = 0
        self._guard = threading.Lock()

    def receive(self, raw: bytes, sender: Sender) -> tuple[bytes, ...]:
        with self._guard:
            self.at_work += 1
            self.most_at_work = max(self.at_work, self.most_at_work)
        self.received.append((raw, sender))
        if self.hold:
            self.working.set()
            assert self.go_on.wait(SECONDS)
        with self._guard:
            self.at_work -= 1
        if raw.startswith(b"bug"):
            raise ValueError(raw)
        return tuple(b"MSA|AA|" + part for part in raw.split(b"&&")) if raw != b"silent" else ()

    def refuse(self, head: bytes, sender: Sender, reason: str, is_temporary: bool = False) -> tuple[bytes, ...]:
        self.refused.append((head, reason, is_temporary))
        return (b"MSA|AR|" + reason.encode(),)


class Running:
    """A listener with its desk."""

    def __init__(self, **values: Any) -> None:
        tls = values.pop("tls", None)
        self.desk, self.events, self.skipped = Desk(), Counter[str](), 0
        listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = listening.getsockname()[1]
        self.server = MllpServer(
            listening, self.desk, Limits(**values), tls, lambda event: self.events.update([event]), self.skip
        )
        self.server.start()
        self.clients: list[socket.socket] = []

    def skip(self, number: int) -> None:
        self.skipped += number

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        self.clients.append(client)
        return client

    def idle(self) -> int:
        """Return how many connections wait for a message."""
        return sum(held.idle_since is not None for held in list(self.server._room._open))

    def end(self) -> None:
        self.desk.go_on.set()
        for client in self.clients:
            client.close()
        self.server.stop(SECONDS)


@pytest.fixture
def run() -> Iterator[Callable[..., Running]]:
    """Start listeners; all are ended afterwards."""
    started: list[Running] = []

    def start(**values: Any) -> Running:
        started.append(Running(**values))
        return started[-1]

    yield start
    for one in started:
        one.end()


def answers(client: socket.socket, count: int = 1) -> list[bytes]:
    """Return so many answers; fewer when the connection ends."""
    reader, found = FrameReader(4 << 20), []
    while len(found) < count:
        message = reader.next()
        if message is not None:
            found.append(message)
            continue
        try:
            data = client.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            break
        reader.feed(data)
    return found


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def wait_for(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionError:
        return False
    return True


def test_a_message_is_answered(run: Callable[..., Running]) -> None:
    running = run()
    client = running.connect()
    client.sendall(framed(MESSAGE))
    assert answers(client) == [b"MSA|AA|" + MESSAGE]
    assert running.desk.received == [(MESSAGE, Sender("127.0.0.1"))]
    assert running.events == {"accepted": 1}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([framed(b"1") + framed(b"2") + framed(b"3")], [b"1", b"2", b"3"], id="several in one segment"),
        pytest.param([b"\x0b", b"MSH|", b"x\x1c", b"\r"], [b"MSH|x"], id="fragments"),
        pytest.param([b"\x0bMSH|a\nPID|b\n\x1c\r"], [b"MSH|a\nPID|b\n"], id="LF"),
        pytest.param([b"\x0b1\x1c", b"\x0b2\x1c"], [b"1", b"2"], id="no CR"),
        pytest.param([b"hello\r\n", framed(b"1")], [b"1"], id="bytes before"),
        pytest.param([framed(b"") + framed(b" \r"), framed(b"1")], [b"1"], id="empty frames"),
        pytest.param([framed(b"1&&2")], [b"1", b"2"], id="two answers"),
        pytest.param([framed(b"silent"), framed(b"1")], [b"1"], id="no answer wanted"),
    ],
)
def test_frames(run: Callable[..., Running], parts: list[bytes], expected: list[bytes]) -> None:
    client = run().connect()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for part in parts:
        client.sendall(part)
    assert answers(client, len(expected)) == [b"MSA|AA|" + one for one in expected]


def test_bytes_that_belong_to_nothing_are_counted(run: Callable[..., Running]) -> None:
    running = run()
    client = running.connect()
    client.sendall(b"GET / HTTP/1.1\r\n\r\n" + framed(b"1"))
    assert answers(client) == [b"MSA|AA|1"]
    client.close()
    wait_for(lambda: running.skipped == 18)


def test_a_segment_of_ten_megabytes(run: Callable[..., Running]) -> None:
    running = run()
    message = MESSAGE + b"OBX|1|ED|||" + b"A" * (10 << 20) + b"\r"
    client = running.connect()
    client.sendall(framed(message))
    wait_for(lambda: running.desk.received)
    assert running.desk.received[0][0] == message


@pytest.mark.parametrize("end", [b"\x1c\r", b""], ids=["with an end", "without end"])
def test_a_message_over_the_limit_is_refused_with_its_head(run: Callable[..., Running], end: bytes) -> None:
    running = run(message_bytes=1 << 20)
    client = running.connect()
    with suppress(ConnectionError):
        client.sendall(b"\x0b" + MESSAGE + b"A" * (1 << 20) + end)
    assert answers(client) == [b"MSA|AR|larger than 1 MB"]
    assert is_closed(client)
    [(head, _, is_temporary)] = running.desk.refused
    assert head.startswith(MESSAGE) and len(head) < 8192 and not is_temporary
    assert running.events["too large"] == 1


def test_a_message_that_is_not_finished_in_time(run: Callable[..., Running]) -> None:
    """One byte now and then does not lengthen its time."""
    running = run(message_seconds=0.5)
    client = running.connect()
    client.sendall(b"\x0bMSH|")
    client.settimeout(0.05)
    deadline = time.monotonic() + SECONDS
    answer = b""
    while b"\x1c" not in answer and time.monotonic() < deadline:
        with suppress(TimeoutError):
            answer += client.recv(1000)
            continue
        with suppress(ConnectionError):
            client.sendall(b"x")
    assert b"MSA|AR|not there as a whole after 0.5 s" in answer
    assert running.events["late"] == 1


def test_an_idle_connection_is_closed_and_junk_does_not_keep_it(run: Callable[..., Running]) -> None:
    running = run(idle_seconds=0.4)
    silent, noisy = running.connect(), running.connect()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            noisy.sendall(b"junk")
        except ConnectionError:
            break
        time.sleep(0.02)
    assert is_closed(silent)
    assert time.monotonic() < deadline
    assert running.desk.refused == []


def test_idle_connections_of_one_sender_stay_and_are_answered(run: Callable[..., Running]) -> None:
    running = run()
    clients = [running.connect() for _ in range(6)]
    for number in (3, 0, 3, 5):
        clients[number].sendall(framed(b"%d" % number))
        assert answers(clients[number]) == [b"MSA|AA|%d" % number]


@pytest.mark.parametrize("limits", [{"connections": 3}, {"connections_per_address": 3}], ids=str)
def test_a_connection_too_many_takes_the_place_of_the_longest_idle(run: Callable[..., Running], limits: Any) -> None:
    running = run(**{"connections_per_address": 3} | limits)
    clients = []
    for number in range(3):
        clients.append(running.connect())
        clients[-1].sendall(framed(b"%d" % number))
        answers(clients[-1])
        wait_for(lambda number=number: running.idle() == number + 1)
    clients[0].sendall(framed(b"again"))
    answers(clients[0])
    wait_for(lambda: running.idle() == 3)
    late = running.connect()
    late.sendall(framed(b"late"))
    assert answers(late) == [b"MSA|AA|late"]
    assert is_closed(clients[1])
    for number in (0, 2):
        clients[number].sendall(framed(b"still"))
        assert answers(clients[number]) == [b"MSA|AA|still"]
    assert running.events["made room"] == 1


def test_a_connection_too_many_is_closed_when_all_are_at_work(run: Callable[..., Running]) -> None:
    running = run(connections=1, connections_per_address=1)
    running.desk.hold = True
    busy = running.connect()
    busy.sendall(framed(b"1"))
    assert running.desk.working.wait(SECONDS)
    assert is_closed(running.connect())
    assert running.events["connection refused"] == 1
    running.desk.go_on.set()
    assert answers(busy) == [b"MSA|AA|1"]


def test_large_messages_at_once_are_bounded_and_small_ones_go_on(run: Callable[..., Running]) -> None:
    running = run(message_bytes=2 << 20)
    large = [running.connect() for _ in range(6)]
    for client in large:
        with suppress(ConnectionError):
            client.sendall(b"\x0bMSH|" + b"A" * (2_000_000))
    wait_for(lambda: running.desk.refused)
    small = running.connect()
    small.sendall(framed(b"small"))
    assert answers(small) == [b"MSA|AA|small"]
    assert 1 <= running.events["no room"] <= 2  # four of the largest fit
    assert {is_temporary for _, _, is_temporary in running.desk.refused} == {True}


def test_large_messages_are_worked_on_one_at_a_time(run: Callable[..., Running]) -> None:
    running = run()
    clients = [running.connect() for _ in range(3)]
    for client in clients:
        client.sendall(framed(b"A" * (1 << 20 | 1)))
    for client in clients:
        assert len(answers(client)) == 1
    assert running.desk.most_at_work == 1


def test_a_message_in_work_is_answered_before_the_end(run: Callable[..., Running]) -> None:
    running = run()
    idle, busy, inside = running.connect(), running.connect(), running.connect()
    inside.sendall(framed(b"0") + b"\x0bhalf")
    assert answers(inside) == [b"MSA|AA|0"]  # so the half behind it has been read
    running.desk.hold = True
    busy.sendall(framed(b"1"))
    assert running.desk.working.wait(SECONDS)
    stopping = threading.Thread(target=running.server.stop, args=(SECONDS,))
    stopping.start()
    assert is_closed(idle)
    wait_for(lambda: not listens(running.port))
    assert stopping.is_alive()
    inside.sendall(b"\x1c\r")
    running.desk.go_on.set()
    assert answers(busy) == [b"MSA|AA|1"]
    assert answers(inside) == [b"MSA|AA|half"]
    for client in (busy, inside):
        client.close()
    stopping.join(SECONDS)
    assert not stopping.is_alive()


def test_an_unfinished_message_does_not_hold_up_the_end(run: Callable[..., Running]) -> None:
    running = run()
    client = running.connect()
    client.sendall(b"\x0bhalf")
    before = time.monotonic()
    running.server.stop(0.3)
    assert is_closed(client)
    assert time.monotonic() - before < SECONDS
    assert running.desk.received == []


def test_an_unexpected_error_ends_one_connection_only(run: Callable[..., Running]) -> None:
    running = run()
    client, other = running.connect(), running.connect()
    client.sendall(framed(b"bug"))
    assert is_closed(client)
    other.sendall(framed(b"1"))
    assert answers(other) == [b"MSA|AA|1"]


def test_a_sender_that_goes_away_within_a_message(run: Callable[..., Running]) -> None:
    running = run()
    client = running.connect()
    client.sendall(b"\x0bhalf")
    client.close()
    wait_for(lambda: running.events["unfinished"])
    assert running.desk.received == []


def test_tls(run: Callable[..., Running], tmp_path: Path) -> None:
    """A plain sender, and one without a certificate of the CA, get nowhere and hold nobody up."""
    ca = made(tmp_path, "ca")
    server, sender = made(tmp_path, "server", ca), made(tmp_path, "sender", ca)
    running = run(tls=dicom_context(server.certificate, server.key, ca.certificate))
    running.connect()  # says nothing
    plain = running.connect()
    plain.sendall(framed(b"plain"))
    assert is_closed(plain)
    context = ssl.create_default_context(cafile=str(ca.certificate))
    context.check_hostname = False
    with pytest.raises((ssl.SSLError, ConnectionError)), context.wrap_socket(running.connect()) as stranger:
        stranger.sendall(framed(b"stranger"))
        assert stranger.recv(1) == b""
        raise ConnectionError
    context.load_cert_chain(sender.certificate, sender.key)
    with context.wrap_socket(running.connect()) as known:
        for number in (b"1", b"2"):
            known.sendall(framed(number))
            assert answers(known) == [b"MSA|AA|" + number]
    assert [raw for raw, _ in running.desk.received] == [b"1", b"2"]
    wait_for(lambda: running.events["handshake failed"] == 2)


def test_a_handshake_has_a_deadline(run: Callable[..., Running], tmp_path: Path) -> None:
    server = made(tmp_path, "server")
    running = run(tls=dicom_context(server.certificate, server.key, None), handshake_seconds=0.5)
    assert is_closed(running.connect())
    wait_for(lambda: running.events["late"] == 1)


def test_python_hl7_as_a_sender(run: Callable[..., Running]) -> None:
    running = run()
    with hl7.client.MLLPClient("127.0.0.1", running.port) as client:
        for _ in range(2):
            assert client.send_message(MESSAGE) == framed(b"MSA|AA|" + MESSAGE)


def test_many_silent_connections_hold_nobody_up(run: Callable[..., Running]) -> None:
    running = run()
    for _ in range(60):
        running.connect()
    sender = running.connect()
    sender.sendall(framed(b"1"))
    assert answers(sender) == [b"MSA|AA|1"]
    wait_for(lambda: sum(thread.name == "hl7-connection" for thread in threading.enumerate()) <= 32)
