"""The MLLP client: one message out, its answers in, over TCP or TLS, within a bounded time (HL7 v2.5.1 2.9).

The name is resolved for each connection and every address judged as those of webhooks are: without TLS nothing goes
beyond private networks, and nothing at all to link-local and metadata addresses. A connection is kept only when asked;
one that the receiver has dropped meanwhile is replaced once.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dicom_gateway.connectors.hl7.frames import FrameReader, TooLarge, framed
from dicom_gateway.connectors.http_transport import (
    ALLOWED,
    ERRNOS,
    MOST_ADDRESSES,
    Kind,
    NotSent,
    Resolver,
    kind_of,
    resolve,
    resolve_within,
)

T = TypeVar("T")
CONNECT_SECONDS = 5.0  # to one address, TLS included
RESOLVE_SECONDS = 8.0
SETUP_SECONDS = 20.0  # until the message can be sent, whatever the name and the addresses do
ANSWER_BYTES = 1 << 20
READ_BYTES = 64 << 10


class NotAnswered(Exception):
    """There is no answer; the text says why, never in the receiver's words. `was_sent`: the message may have come."""

    def __init__(self, why: str, was_sent: bool = False) -> None:
        super().__init__(why)
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class Tls:
    """How the receiver is trusted: by the CAs of a PEM file, else those of this machine; what is shown to it."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context, read anew so that a renewed certificate counts; raises OSError or ValueError."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate and self.key:
            context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        return context


class _Broken(Exception):
    """A kept connection was gone before anything was answered on it."""


class MllpClient:
    """Sends to one receiver, one message at a time; may be shared by threads. `answer_seconds` bounds the time from the
    last byte sent to the last answer."""

    def __init__(
        self, host: str, port: int, answer_seconds: float, tls: Tls | None = None, keep: bool = False,
        resolver: Resolver = resolve, connect_seconds: float = CONNECT_SECONDS,
    ) -> None:  # fmt: skip
        self._host = host
        self._port = port
        self._seconds = answer_seconds
        self._tls = tls
        self._keep = keep
        self._resolver = resolver
        self._connect_seconds = connect_seconds
        self._kept: socket.socket | None = None
        self._guard = threading.Lock()

    @property
    def where(self) -> str:
        """The receiver, for a person."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    def exchange(self, message: bytes, read: Callable[[bytes], T | None]) -> T:
        """Send a message, and give `read` each answer without its frame until it returns something, which is returned.

        Raises NotAnswered, and what `read` raises.
        """
        with self._guard:
            end = time.monotonic() + SETUP_SECONDS + self._seconds  # of everything: a delivery has a lease
            if kept := self._take_kept():
                with suppress(_Broken):
                    return self._converse(kept, message, read, end, is_kept=True)
            return self._converse(self._connect(), message, read, end)

    def reach(self) -> str:
        """Connect and close again; return what was found, in words. Raises NotAnswered."""
        connection = self._connect()
        secured = f", {connection.version()}" if isinstance(connection, ssl.SSLSocket) else ""
        connection.close()
        return f"connected to {self.where}{secured}"

    def close(self) -> None:
        """Close a connection that is kept."""
        with self._guard:
            if self._kept:
                self._kept.close()
                self._kept = None

    def _take_kept(self) -> socket.socket | None:
        kept, self._kept = self._kept, None
        if kept is None:
            return None
        readable, _, _ = select.select([kept], [], [], 0)  # its end, or an answer that nobody waits for any more
        if readable:
            kept.close()
            return None
        return kept

    def _converse(
        self, connection: socket.socket, message: bytes, read: Callable[[bytes], T | None], end: float,
        is_kept: bool = False,
    ) -> T:  # fmt: skip
        is_done = False
        try:
            deadline = min(end, time.monotonic() + self._seconds)
            self._send(connection, framed(message), deadline, is_kept)
            found = self._receive(connection, read, deadline, is_kept)
            is_done = True
            return found
        finally:
            if is_done and self._keep:
                self._kept = connection
            else:
                connection.close()

    def _send(self, connection: socket.socket, data: bytes, deadline: float, is_kept: bool) -> None:
        left = memoryview(data)
        try:
            while left:
                connection.settimeout(_left(deadline))
                left = left[connection.send(left) :]
        except TimeoutError:
            raise NotAnswered(f"the message was not taken within {self._seconds:g} s") from None
        except (OSError, ValueError) as error:
            if is_kept:
                raise _Broken from error
            raise NotAnswered(_words(error)) from None

    def _receive(
        self, connection: socket.socket, read: Callable[[bytes], T | None], deadline: float, is_kept: bool
    ) -> T:
        reader, answers = FrameReader(ANSWER_BYTES), 0
        try:
            while True:
                while (answer := reader.next()) is not None:
                    answers += 1
                    if (found := read(answer)) is not None:
                        return found
                connection.settimeout(_left(deadline))
                data = connection.recv(READ_BYTES)
                if not data:
                    raise ConnectionResetError
                reader.feed(data)
        except TooLarge:
            raise NotAnswered(f"the answer is larger than {ANSWER_BYTES} bytes", was_sent=True) from None
        except TimeoutError:
            missing = "the application's answer" if answers else "no answer"
            verb = " did not come" if answers else ""
            raise NotAnswered(f"{missing}{verb} within {self._seconds:g} s", was_sent=True) from None
        except (OSError, ValueError) as error:
            if is_kept and not answers and not reader.is_inside:
                raise _Broken from error
            closed = "the connection was closed without an answer"
            raise NotAnswered(_words(error) if isinstance(error, ssl.SSLError) else closed, was_sent=True) from None

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + SETUP_SECONDS
        context = self._context()
        failure: Exception = OSError()
        for address in self._addresses(deadline):
            try:
                return self._connected(address, context, min(deadline, time.monotonic() + self._connect_seconds))
            except (OSError, ValueError) as error:
                failure = error
        late = f"no connection within {self._connect_seconds:g} s"
        raise NotAnswered(late if isinstance(failure, TimeoutError) else _words(failure)) from None

    def _context(self) -> ssl.SSLContext | None:
        try:
            return self._tls.context() if self._tls else None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            raise NotAnswered(f"the files for TLS cannot be loaded ({why})") from None

    def _addresses(self, deadline: float) -> Sequence[str]:
        try:
            found = resolve_within(min(RESOLVE_SECONDS, _left(deadline)), self._resolver, self._host, self._port)
        except NotSent as error:
            raise NotAnswered(str(error)) from None
        if not found:
            raise NotAnswered("the host name has no address")
        for address in found:
            if reason := refusal(address, self._tls is not None):
                raise NotAnswered(reason)
        return found[:MOST_ADDRESSES]

    def _connected(self, address: str, context: ssl.SSLContext | None, deadline: float) -> socket.socket:
        plain = socket.create_connection((address, self._port), _left(deadline))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if context is None:
                return plain
            plain.settimeout(_left(deadline))
            return context.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise


def refusal(address: str, is_secured: bool) -> str:
    """Say why no message may go to an address, "" where it may."""
    try:
        kind = kind_of(address)
    except ValueError:
        return f"refused: {address!r} is no address"
    if kind in ALLOWED["https" if is_secured else "http"]:
        return ""
    if kind is Kind.PUBLIC:
        return f"refused: {address} is a public address; use tls = true"
    return f"refused: {address} is {kind.value}"


def _left(deadline: float) -> float:
    """Seconds, always more than 0 (0 would mean not to wait at all)."""
    return max(0.001, deadline - time.monotonic())


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason}" if error.reason else "TLS failed"
    with suppress(KeyError):
        return ERRNOS[getattr(error, "errno", None) or 0]
    return "the connection was lost"
