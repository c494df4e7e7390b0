"""The TCP connection under an association, plain or TLS: every read and write has its time, and it can be cut from
another thread.

A device that leaves Nagle's algorithm on waits for our acknowledgement before it sends the rest of a message: reads are
acknowledged at once, and what we send goes out at once.
"""

import os
import selectors
import socket
import ssl
import threading
import time
from contextlib import suppress

from dicom_gateway.operating_system import acknowledge_at_once

LINGER_SECONDS = 1.0
_DRAIN_BYTES = 64 << 10


class Lost(Exception):
    """The connection is gone: closed, reset or cut. The peer hears nothing more."""


class HandshakeFailed(Lost):
    """No TLS came about."""


class Late(Exception):
    """The peer let a deadline pass."""


class Connection:
    """A connected socket. One thread reads; any may send, cut or close."""

    def __init__(self, connected: socket.socket, address: str) -> None:
        self._socket = connected
        self.address = address
        self._timeout: float | None = None
        self._closing = threading.Lock()  # a descriptor that is closed may be another file's at once
        with suppress(OSError):  # gone already: the first read says so
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            acknowledge_at_once(connected)

    @property
    def socket(self) -> socket.socket:
        """The socket, for pynetdicom's own association."""
        return self._socket

    def secure(self, context: ssl.SSLContext, seconds: float) -> None:
        """Do the server's side of a TLS handshake within `seconds`; raises Late or HandshakeFailed."""
        deadline = time.monotonic() + seconds
        try:
            self._socket = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
            self._shake_hands(deadline)
        except TimeoutError as error:
            raise Late("TLS handshake") from error
        except (OSError, ValueError) as error:
            raise HandshakeFailed(f"TLS handshake: {getattr(error, 'reason', None) or type(error).__name__}") from error
        self._timeout = 0

    def _shake_hands(self, deadline: float) -> None:
        """Step by step, because a timeout of the socket begins anew with every record."""
        assert isinstance(self._socket, ssl.SSLSocket)
        self._socket.settimeout(0)
        while True:
            try:
                return self._socket.do_handshake()
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ, deadline)
            except ssl.SSLWantWriteError:
                self._wait(selectors.EVENT_WRITE, deadline)

    def _wait(self, event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, event)
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise TimeoutError

    def read_into(self, space: memoryview, seconds: float) -> int | None:
        """Read what is there, at least one byte; None when nothing came within `seconds`; raises Lost."""
        try:
            if seconds != self._timeout:
                self._socket.settimeout(seconds)
                self._timeout = seconds
            count = self._socket.recv_into(space)
            if count:
                acknowledge_at_once(self._socket)
        except TimeoutError:
            return None
        except (OSError, ValueError) as error:
            raise Lost(type(error).__name__) from error
        if not count:
            raise Lost("closed by the peer")
        return count

    def read_waiting(self, space: memoryview) -> int:
        """Read what is there, without waiting: 0 when there is nothing, or nothing more comes."""
        try:
            if not isinstance(self._socket, ssl.SSLSocket):  # a socket with a timeout is non-blocking below
                return os.readv(self._socket.fileno(), [space])
            self._socket.settimeout(0)
            self._timeout = 0
            return self._socket.recv_into(space)
        except (OSError, ValueError):
            return 0  # nothing yet, or gone: the next read that waits says so

    def send(self, data: bytes, seconds: float) -> None:
        """Send everything within `seconds`; raises Late or Lost."""
        deadline = time.monotonic() + seconds
        left = memoryview(data)
        try:
            while left:
                if (remaining := deadline - time.monotonic()) <= 0:
                    raise TimeoutError
                if self._timeout != seconds:
                    self._socket.settimeout(min(seconds, remaining))
                    self._timeout = seconds
                left = left[self._socket.send(left) :]
        except TimeoutError as error:
            raise Late("the peer does not read") from error
        except (OSError, ValueError) as error:
            raise Lost(type(error).__name__) from error

    def send_at_once(self, data: bytes) -> None:
        """Send what goes without waiting, from any thread; nothing on TLS, whose state belongs to one thread."""
        with self._closing, suppress(OSError, ValueError):
            if not isinstance(self._socket, ssl.SSLSocket):
                os.write(self._socket.fileno(), data)  # never blocks: a socket with a timeout is non-blocking below

    def cut(self) -> None:
        """End every read and write on it at once, from any thread."""
        with self._closing, suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self, linger: bool = False) -> None:
        """Close it; with `linger` let the peer read what was sent last, and close first, for a second."""
        with suppress(OSError, ValueError):
            if linger:
                self._linger()
        with self._closing, suppress(OSError):
            self._socket.close()

    def _linger(self) -> None:
        """Let the peer close first, as PS3.8 9.2 has it (ARTIM): a socket that is closed with bytes unread resets the
        connection, and our last word may be lost with it."""
        deadline = time.monotonic() + LINGER_SECONDS
        while (remaining := deadline - time.monotonic()) > 0:
            self._socket.settimeout(remaining)
            if not socket.socket.recv(self._socket, _DRAIN_BYTES):  # below TLS
                return
