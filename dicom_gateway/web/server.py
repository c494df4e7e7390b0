"""uvicorn on inherited listening sockets: runs in the caller's thread until it is told to stop, then drains.

Signals belong to whoever runs the role. uvicorn waits for the headers of a request, and for silent clients, without an
end; here both have a deadline and connections are counted, in total and for each address.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and numbers of connections that the server grants."""

    header_seconds: float = 15  # from the connection, or from the first byte of a later request, to its last header
    idle_seconds: int = 15  # between requests
    drain_seconds: int = 30
    connections: int = 512
    connections_per_address: int = 128


class WebServer:
    """Serves `app` on listening sockets, which it closes. `tls`: PEM files of certificate and key.

    `behind_proxy`: every request comes through one proxy, whose X-Forwarded-For ends with the client's address.
    Raises OSError or ssl.SSLError for TLS files that cannot be used.
    """

    def __init__(
        self,
        app: ASGIApp,
        sockets: Sequence[socket.socket],
        tls: tuple[Path, Path] | None = None,
        behind_proxy: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self._sockets = list(sockets)
        config = uvicorn.Config(
            _behind_proxy(app) if behind_proxy else app,
            loop="asyncio",
            http=_protocol(limits, behind_proxy),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=limits.idle_seconds,
            timeout_graceful_shutdown=limits.drain_seconds,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
        config.load()
        self._server = _Server(config)

    def run(self) -> None:
        """Serve until `stop`; then finish running requests, for `drain_seconds` at most."""
        asyncio.run(self._server.serve(sockets=self._sockets))

    def stop(self) -> None:
        """Tell `run` to end; callable from any thread and from a signal handler, also before `run`."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _protocol(limits: Limits, one_address: bool) -> type[H11Protocol]:
    per_address = limits.connections if one_address else limits.connections_per_address

    class Protocol(H11Protocol):
        """HTTP/1.1 with a deadline for the headers and a bound on connections."""

        header_deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # asyncio leaves this out for a socket that was not made by name; an answer then waits 40 ms for an ACK.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            mine = self.client[0] if self.client else ""
            same = sum(1 for other in self.connections if _address(other) == mine)
            if len(self.connections) > limits.connections or same > per_address:
                transport.abort()
            self._await_headers()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is None or self.cycle.response_complete:
                self._await_headers()
            elif self.header_deadline is not None:
                self.header_deadline.cancel()
                self.header_deadline = None

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.header_deadline is not None:
                self.header_deadline.cancel()

        def _await_headers(self) -> None:
            if self.header_deadline is None:
                self.header_deadline = self.loop.call_later(limits.header_seconds, self.transport.abort)

    return Protocol


def _address(connection: Any) -> str:
    client = getattr(connection, "client", None)
    return client[0] if client else ""


def _behind_proxy(app: ASGIApp) -> ASGIApp:
    """Take the client's address from what the proxy itself added: the last one of X-Forwarded-For.

    What stands before it came from the client, who may claim anything.
    """

    async def proxied(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
            address = forwarded.rpartition(",")[2].strip()
            if address:
                scope = {**scope, "client": (address, 0)}
        await app(scope, receive, send)

    return proxied
