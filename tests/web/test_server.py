"""The server itself: inherited sockets, TLS, deadlines, bounds, and an orderly end."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from dicom_gateway.web.app import create_app
from dicom_gateway.web.server import Limits, WebServer

THUMBNAIL = "/api/v1/instances/1.2.3.4.1/thumbnail"
JPEG = b"\xff\xd8 a picture \xff\xd9"


class Running:
    """A server in a thread of its own, to be stopped by the test."""

    def __init__(self, world: Any, **options: Any) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.server = WebServer(create_app(world.services), [self.listener], **options)
        self.thread = threading.Thread(target=self.server.run)

    def stop(self, seconds: float = 10) -> float:
        """Stop it; return how long that took."""
        began = time.monotonic()
        self.server.stop()
        self.thread.join(seconds)
        assert not self.thread.is_alive()
        return time.monotonic() - began


def read_all(connection: socket.socket) -> bytes:
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionResetError:
        return b""


def test_a_running_request_is_finished(world: Any) -> None:
    world.receive()
    world.pictures.hold = True
    running = Running(world)
    running.thread.start()
    with world.client(running.port) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, THUMBNAIL)
        assert world.pictures.waiting.wait(10)
        running.server.stop()
        deadline = time.monotonic() + 10
        while _accepts(running.port):
            assert time.monotonic() < deadline
        assert running.thread.is_alive()
        world.pictures.go_on.set()
        assert answer.result(10).content == JPEG
    assert running.stop() < 5


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_drain_has_an_end(world: Any) -> None:
    world.receive()
    world.pictures.hold = True
    running = Running(world, limits=Limits(drain_seconds=1))
    running.thread.start()
    with world.client(running.port) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, THUMBNAIL)
        assert world.pictures.waiting.wait(10)
        running.server.stop()
        try:
            assert running.stop() < 8
        finally:
            world.pictures.go_on.set()
        assert isinstance(answer.exception(10), httpx.HTTPError) or answer.result().status_code == 500


def test_silent_and_idle_clients_do_not_delay_the_end(world: Any) -> None:
    running = Running(world)
    running.thread.start()
    with world.client(running.port) as idle, socket.create_connection(("127.0.0.1", running.port)) as silent:
        assert idle.get("/healthz").status_code == 200
        silent.sendall(b"GET /hea")
        assert running.stop() < 5


def test_stop_before_run(world: Any) -> None:
    running = Running(world)
    running.server.stop()
    running.thread.start()
    running.stop()
    assert running.listener.fileno() == -1


def test_signals_stay_whose_they_are(world: Any) -> None:
    def mine(*_: object) -> None:
        """The role's own handler."""

    before = [signal.signal(number, mine) for number in (signal.SIGTERM, signal.SIGINT)]
    during: list[Any] = []
    running = Running(world)

    def watch() -> None:
        with world.client(running.port) as client:
            client.get("/healthz")
        during.extend(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT))
        running.server.stop()

    watcher = threading.Thread(target=watch)
    try:
        watcher.start()
        running.server.run()  # in the main thread, where uvicorn would take the signals
    finally:
        watcher.join(20)
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
    assert during == [mine, mine]


def test_an_answer_does_not_wait_for_an_acknowledgement(client: httpx.Client) -> None:
    """Without TCP_NODELAY each answer takes 40 ms more, however fast the machine is."""
    took = []
    for _ in range(25):
        began = time.monotonic()
        assert client.get("/healthz").status_code == 200
        took.append(time.monotonic() - began)
    assert min(took[1:]) < 0.03


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "], ids=str)
def test_headers_have_a_deadline(serve: Callable[..., int], sent: bytes) -> None:
    port = serve(limits=Limits(header_seconds=0.2))
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(sent)
        assert read_all(connection) == b""


def test_later_headers_have_a_deadline_too(serve: Callable[..., int]) -> None:
    port = serve(limits=Limits(header_seconds=1.0))
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(whole)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(whole[:-2])
        assert b"HTTP/1.1" not in read_all(connection)


def test_a_slow_answer_is_not_cut_by_the_deadline_of_headers(world: Any, serve: Callable[..., int]) -> None:
    world.receive()
    world.pictures.hold = True
    port = serve(limits=Limits(header_seconds=1.0))
    timer = threading.Timer(2.0, world.pictures.go_on.set)
    timer.start()
    with world.client(port) as client:
        assert client.get(THUMBNAIL).content == JPEG
    timer.join()


@pytest.mark.parametrize("limits", [Limits(connections=3), Limits(connections_per_address=3)], ids=["all", "address"])
def test_connections_are_bounded_and_come_back(world: Any, serve: Callable[..., int], limits: Limits) -> None:
    port = serve(limits=limits)
    open_connections = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(3)]
    for connection in open_connections:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(("127.0.0.1", port), 10) as one_more:
        assert read_all(one_more) == b""
    for connection in open_connections:
        connection.close()
    with world.client(port) as client:
        deadline = time.monotonic() + 10
        while not _answers(client):
            assert time.monotonic() < deadline


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_behind_a_proxy_the_last_address_counts(world: Any, serve: Callable[..., int], bodies: Any) -> None:
    headers = [("x-forwarded-for", "1.1.1.1, 2.2.2.2"), ("x-forwarded-for", "3.3.3.3")]
    for number, (behind_proxy, origin) in enumerate([(False, "127.0.0.1"), (True, "3.3.3.3")]):
        with world.client(serve(behind_proxy=behind_proxy)) as client:
            order = client.post("/api/v1/orders", json=bodies(f"P-{number}"), headers=headers).json()
            assert client.get("/metrics", headers=headers).status_code == 403
        (line,) = world.services.audit.of(f"order {order['id']}")
        assert line["origin"] == origin


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the openssl command is missing: TLS was NOT tested")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([openssl, *request.split(), *names], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def test_tls(serve: Callable[..., int], certificate: tuple[Path, Path]) -> None:
    port = serve(tls=certificate)
    with socket.create_connection(("127.0.0.1", port)):  # says nothing, and delays nobody
        trusting = ssl.create_default_context(cafile=str(certificate[0]))
        with httpx.Client(verify=trusting, trust_env=False) as client:
            assert client.get(f"https://127.0.0.1:{port}/healthz").json() == {"status": "alive"}
    with httpx.Client(trust_env=False) as plain, pytest.raises(httpx.TransportError):
        plain.get(f"http://127.0.0.1:{port}/healthz")


def test_tls_files_that_cannot_be_used(world: Any, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nonsense")
    for name in ("cert.pem", "absent.pem"):
        with pytest.raises(OSError):
            WebServer(create_app(world.services), [], tls=(tmp_path / name, tmp_path / name))


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"A-ASSOCIATE" * 10 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000],
    ids=["TLS hello", "nonsense", "endless header"],
)
def test_what_is_not_http(world: Any, port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(sent)
        answer = read_all(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    with world.client(port) as client:
        assert client.get("/healthz").status_code == 200
