"""A receiver of webhooks: a real HTTP server on a free loopback port, as well-behaved or as rude as a test says."""

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Behaviour = Callable[[BaseHTTPRequestHandler, threading.Event], None]


@dataclass
class Request:
    """What came: `server_name` is the TLS server name."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A running receiver: its port, what it got, and `released`, which ends whatever it is still doing."""

    port: int
    requests: list[Request] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=1"


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for them: no test leaves one behind

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what many tests are about."""


@pytest.fixture
def start_receiver() -> Iterator[Callable[..., Receiver]]:
    """Start a receiver that answers each POST by `behaviour(handler, released)`; with `tls`, over TLS."""
    running: list[tuple[_Server, threading.Thread, Receiver]] = []

    def start(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> Receiver:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(self.path, headers, body))
                behaviour(self, receiver.released)

            def log_message(self, *_: object) -> None:
                pass

        server = _Server(("127.0.0.1", 0), Handler)
        receiver = Receiver(server.server_address[1])
        if tls is not None:
            tls.sni_callback = lambda _, name, __: receiver.server_names.append(name)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((server, thread, receiver))
        return receiver

    yield start
    for server, thread, receiver in running:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
