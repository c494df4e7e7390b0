"""The MLLP listener: HL7 messages over TCP or TLS, a thread a connection, each answered before the next is read.

Senders keep connections open, several of them and idle, and leave half-open ones behind: a connection too many takes
the place of the one that has been idle the longest. Every byte has a limit and every message a deadline.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import structlog

from dicom_gateway.connectors.hl7.frames import FrameReader, TooLarge, framed
from dicom_gateway.connectors.hl7.limits import Limits
from dicom_gateway.connectors.hl7.sender import Receiving, Sender
from dicom_gateway.upperlayer.acceptors import Acceptors
from dicom_gateway.upperlayer.connection import Connection, HandshakeFailed, Late, Lost

log = structlog.get_logger()

READ_BYTES = 64 << 10
LARGE_BYTES = 1 << 20  # messages beyond it are worked on one at a time
BUFFERED_MESSAGES = 4  # so many of the largest may be on their way at once; small ones always
STOP_SECONDS = 10.0
NAMES = ("hl7-server", "hl7-connection")


@dataclass(eq=False)
class _Held:
    """An open connection: since when it waits for a message (None: one is on its way or in work), and how many bytes
    of one are kept."""

    connection: Connection
    idle_since: float | None = field(default_factory=time.monotonic)
    kept: int = 0


class _Room:
    """Counts the open connections and the bytes that they keep."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: set[_Held] = set()
        self._guard = threading.Lock()
        self._is_closing = False

    def enter(self, held: _Held) -> tuple[bool, _Held | None]:
        """Count a connection; return whether there is room, and the idle one that has to make it."""
        with self._guard:
            address = held.connection.address
            neighbours = [one for one in self._open if one.connection.address == address]
            if len(neighbours) >= self._limits.connections_per_address:
                crowd = neighbours
            elif len(self._open) >= self._limits.connections:
                crowd = list(self._open)
            else:
                crowd = []
            idle = [one for one in crowd if one.idle_since is not None]
            if self._is_closing or (crowd and not idle):
                return False, None
            victim = min(idle, key=lambda one: one.idle_since or 0.0, default=None)
            self._open.discard(victim) if victim else None
            self._open.add(held)
            return True, victim

    def leave(self, held: _Held) -> None:
        """Count a connection no more."""
        with self._guard:
            self._open.discard(held)

    def wait(self, held: _Held, reader: FrameReader) -> bool:
        """Say that a connection waits for bytes; False when it need not, because the listener ends."""
        with self._guard:
            held.kept = reader.size
            if reader.is_inside:
                held.idle_since = None
            elif held.idle_since is None:
                held.idle_since = time.monotonic()
            return not self._is_closing or reader.is_inside

    def work(self, held: _Held) -> None:
        """Say that a message of a connection is in work."""
        with self._guard:
            held.idle_since = None

    def gives_up(self, held: _Held) -> bool:
        """Say whether so many large messages are on their way that this one cannot be kept too. What is given up counts
        no more at once, so that no other is given up for the same bytes."""
        with self._guard:
            kept = sum(one.kept for one in self._open)
            if held.kept <= LARGE_BYTES or kept <= BUFFERED_MESSAGES * self._limits.message_bytes:
                return False
            held.kept = 0
            return True

    def close(self) -> None:
        """Let nobody in any more and cut those who wait."""
        with self._guard:
            self._is_closing = True
            waiting = [one for one in self._open if one.idle_since is not None]
        for one in waiting:
            one.connection.cut()

    def empty(self, seconds: float) -> None:
        """Return when everybody has left; those who have not after `seconds` are cut."""
        deadline = time.monotonic() + seconds
        while self._open and time.monotonic() < deadline:
            time.sleep(0.01)
        with self._guard:
            left = list(self._open)
        for one in left:
            one.connection.cut()


class MllpServer:
    """Accepts connections on `listening` and gives their messages to `receiver`, whose answers go back.

    `count` is told of events (metrics.HL7_EVENTS), `count_skipped` of bytes that belonged to no message.
    """

    def __init__(
        self,
        listening: socket.socket,
        receiver: Receiving,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        tls: ssl.SSLContext | None = None,
        count: Callable[[str], None] = lambda event: None,
        count_skipped: Callable[[int], None] = lambda number: None,
    ) -> None:
        self._receiver = receiver
        self._limits = limits
        self._tls = tls
        self._count = count
        self._count_skipped = count_skipped
        self._room = _Room(limits)
        self._large = threading.Lock()
        self._acceptors = Acceptors(listening, self._serve, NAMES)

    def start(self) -> None:
        """Accept connections in threads of their own."""
        self._acceptors.start()

    def stop(self, seconds: float) -> None:
        """Accept nothing more; messages that have begun are received and answered, within `seconds`."""
        self._acceptors.stop(STOP_SECONDS)
        self._room.close()
        self._room.empty(seconds)

    def _serve(self, connected: socket.socket, client_address: Any) -> None:
        held = _Held(Connection(connected, str(client_address[0])))
        has_room, victim = self._room.enter(held)
        if victim is not None:
            self._count("made room")
            victim.connection.cut()
        if not has_room:
            self._count("connection refused")
            connected.close()
            return
        try:
            self._converse(held)
        except Exception:
            log.exception("connection ended by an error", address=held.connection.address)
        finally:
            held.connection.close(linger=True)
            self._room.leave(held)

    def _converse(self, held: _Held) -> None:
        connection, reader = held.connection, FrameReader(self._limits.message_bytes)
        try:
            if self._tls is not None:
                connection.secure(self._tls, self._limits.handshake_seconds)
            self._count("accepted")
            self._answer_all(held, reader)
        except HandshakeFailed as error:
            self._came_to_nothing("handshake failed", held, str(error))
        except Late as error:
            self._came_to_nothing("late", held, str(error))
        except TooLarge as error:
            self._refuse(held, error.head, "too large", f"larger than {self._limits.message_bytes >> 20} MB")
        except Lost:
            if reader.is_inside:
                self._came_to_nothing("unfinished", held, "closed within a message")
        finally:
            self._count_skipped(reader.skipped)

    def _answer_all(self, held: _Held, reader: FrameReader) -> None:
        """Answer messages until nobody waits for any more."""
        space = memoryview(bytearray(READ_BYTES))
        began: float | None = None
        while True:
            message = reader.next()
            if message is not None:
                began = None
                self._answer(held, message)
                continue
            if not self._room.wait(held, reader):
                return
            if self._room.gives_up(held):
                reason = "too many large messages at once; send it again later"
                self._refuse(held, reader.head, "no room", reason, is_temporary=True)
                return
            began = (began or time.monotonic()) if reader.is_inside else None
            if (count := self._read(held, space, began)) is None:
                if began is not None:
                    seconds = self._limits.message_seconds
                    self._refuse(held, reader.head, "late", f"not there as a whole after {seconds:g} s")
                return
            reader.feed(space[:count])

    def _read(self, held: _Held, space: memoryview, began: float | None) -> int | None:
        """Read what is there; None when nothing came in time."""
        if began is None:
            deadline = (held.idle_since or time.monotonic()) + self._limits.idle_seconds
        else:
            deadline = began + self._limits.message_seconds
        remaining = deadline - time.monotonic()
        return held.connection.read_into(space, remaining) if remaining > 0 else None

    def _answer(self, held: _Held, message: bytes) -> None:
        if not message.strip():
            return  # some senders look this way whether anybody is there
        self._room.work(held)
        with self._large if len(message) > LARGE_BYTES else nullcontext():
            answers = self._receiver.receive(message, Sender(held.connection.address))
        self._send(held, answers)

    def _refuse(self, held: _Held, head: bytes, event: str, reason: str, is_temporary: bool = False) -> None:
        """Answer a message that is given up, and its connection with it: where the next begins nobody knows."""
        self._came_to_nothing(event, held, reason)
        answers = self._receiver.refuse(head, Sender(held.connection.address), reason, is_temporary)
        try:
            self._send(held, answers)
        except (Late, Lost):
            log.info("refusal not read", address=held.connection.address)

    def _send(self, held: _Held, answers: tuple[bytes, ...]) -> None:
        if answers:
            held.connection.send(b"".join(map(framed, answers)), self._limits.send_seconds)

    def _came_to_nothing(self, event: str, held: _Held, why: str) -> None:
        self._count(event)
        log.info(f"hl7: {event}", why=why, address=held.connection.address)
