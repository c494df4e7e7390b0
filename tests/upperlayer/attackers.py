"""Endless attackers, all at once from one loopback address.

`python -m tests.upperlayer.attackers PORT [TIMES]` runs TIMES threads of each until its standard input ends; a line of
JSON then says how often each came through.
"""

import json
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.dicom import wire
from tests.dicom.objects import keys
from tests.upperlayer.attack import (
    COMMAND,
    COMMAND_END,
    DATA,
    DATA_END,
    ECHO,
    FIND,
    HTTP,
    STORE,
    connect,
    cut_off,
    echo_command,
    find_command,
    half_store,
    hostile,
    largest_request,
    p_data,
    pdu,
    pdv,
    request_pdu,
    reset,
    store_command,
    tls_hello,
    unasked_response,
)

# Endless attackers: each call is one attempt, ended by the gateway, by its own end, or by `stop`.

Stop = threading.Event


def _wait(connection: Any, stop: Stop) -> None:
    """Take what comes until the gateway closes or all is to stop."""
    connection.settimeout(0.2)
    while not stop.is_set():
        try:
            if not connection.recv(65536):
                return
        except TimeoutError:
            continue


def _silent(port: int, stop: Stop) -> None:
    connections = []
    try:
        for _ in range(10):
            connections.append(connect(port))
        for connection in connections:
            _wait(connection, stop)
    finally:
        for connection in connections:
            connection.close()


def _first_bytes(data: Callable[[], bytes]) -> Callable[[int, Stop], None]:
    def attack(port: int, stop: Stop) -> None:
        with connect(port) as connection:
            connection.sendall(data())
            _wait(connection, stop)

    return attack


def _drip(port: int, stop: Stop) -> None:
    with connect(port) as connection:
        for byte in request_pdu("HOSTILE"):
            connection.sendall(bytes((byte,)))
            if stop.wait(0.1):
                return


def _flood(begin: Callable[[], bytes], again: Callable[[], bytes], most: int) -> Callable[[int, Stop], None]:
    """Associate, send `begin`, then `again` until the gateway ends it or `most` bytes went out; then reset."""

    def attack(port: int, stop: Stop) -> None:
        association = hostile(port)
        try:
            association.sendall(begin())
            piece, sent = again(), 0
            while sent < most and not stop.is_set():
                association.sendall(piece)
                sent += len(piece)
        finally:
            reset(association.socket)

    return attack


def _once(data: Callable[[], bytes]) -> Callable[[int, Stop], None]:
    """Associate, send, and wait for what comes of it."""

    def attack(port: int, stop: Stop) -> None:
        with cut_off(hostile(port)) as association:
            association.socket.sendall(data())
            _wait(association.socket, stop)

    return attack


def _deaf(port: int, stop: Stop) -> None:
    """Ask again and again, and never read an answer."""
    association = hostile(port, receive_buffer=4096)
    try:
        association.socket.settimeout(0.5)
        identifier = wire.encode(keys())
        while not stop.is_set():
            with suppress(TimeoutError):
                association.sendall(p_data(pdv(FIND, COMMAND_END, find_command()), pdv(FIND, DATA_END, identifier)))
    finally:
        reset(association.socket)


def _release_within(port: int, stop: Stop) -> None:
    with cut_off(hostile(port)) as association:
        association.socket.sendall(half_store() + pdu(5, bytes(4)))
        _wait(association.socket, stop)


def _probe(port: int, stop: Stop) -> None:
    connect(port).close()


def _abort(port: int, stop: Stop) -> None:
    with cut_off(hostile(port)) as association:
        association.socket.sendall(half_store() + pdu(7, bytes(4)))


def _nothing() -> bytes:
    return b""


def _find_begins() -> bytes:
    return p_data(pdv(FIND, COMMAND_END, find_command()))


def _store_begins() -> bytes:
    return p_data(pdv(STORE, COMMAND_END, store_command("1.2.3")))


def _elements() -> bytes:
    """Return an identifier of many small elements: as much work for a parser as its bytes can be."""
    return b"".join(struct.pack("<HH2sH", 0x0009, 0x1000 + n, b"LO", 2) + b"AB" for n in range(3000))


ATTACKERS: dict[str, Callable[[int, Stop], None]] = {
    "silent connections": _silent,
    "first bytes, then nothing": _first_bytes(lambda: request_pdu()[:20]),
    "one byte now and then": _drip,
    "PDU of 4 GB before association": _first_bytes(lambda: pdu(1, b"", 0xFFFFFFFF)),
    "HTTP": _first_bytes(lambda: HTTP),
    "TLS hello": _first_bytes(tls_hello),
    "largest association request": _first_bytes(largest_request),
    "PDU of 4 GB": _once(lambda: pdu(4, b"", 0xFFFFFFFF)),
    "endless command set": _flood(_nothing, lambda: p_data(pdv(ECHO, COMMAND, bytes(1000))), 64 << 20),
    "endless identifier": _flood(_find_begins, lambda: p_data(pdv(FIND, DATA, bytes(100_000))), 64 << 20),
    "identifier that does not end": _once(
        lambda: _find_begins() + b"".join(p_data(pdv(FIND, DATA, bytes(100_000))) for _ in range(9))
    ),
    "identifier of many elements": _once(
        lambda: p_data(pdv(FIND, COMMAND_END, find_command()), pdv(FIND, DATA_END, _elements()))
    ),
    "endless object": _flood(_store_begins, lambda: p_data(pdv(STORE, DATA, bytes(100_000))), 32 << 20),
    "fragments of nothing": _flood(_store_begins, lambda: p_data(*(pdv(STORE, DATA),) * 1000), 8 << 20),
    "fragments of one byte": _flood(_store_begins, lambda: p_data(*(pdv(STORE, DATA, b"x"),) * 1000), 8 << 20),
    "pipelined messages": _once(lambda: p_data(pdv(ECHO, COMMAND_END, echo_command())) * 250),
    "responses nobody asked for": _flood(
        _nothing, lambda: p_data(pdv(ECHO, COMMAND_END, unasked_response(5000))), 64 << 20
    ),
    "never reads": _deaf,
    "half a message, then reset": _flood(half_store, _nothing, 0),
    "half a message, then silence": _once(half_store),
    "half a message, then release": _release_within,
    "half a message, then abort": _abort,
    "association within an association": _once(lambda: request_pdu("HOSTILE")),
    "probe": _probe,
}


class Attack:
    """Every attacker at once, `times` threads each, until `close`. `rounds` counts attempts, by attacker."""

    def __init__(self, port: int, times: int = 1) -> None:
        self._port = port
        self._stop = threading.Event()
        self.rounds: Counter[str] = Counter()
        self._threads = [
            threading.Thread(target=self._run, args=(name, attack), daemon=True)
            for name, attack in ATTACKERS.items()
            for _ in range(times)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, name: str, attack: Callable[[int, Stop], None]) -> None:
        while not self._stop.is_set():
            with suppress(OSError, StopIteration):
                attack(self._port, self._stop)
            self.rounds[name] += 1
            self._stop.wait(0.01)

    def close(self) -> None:
        """End all attackers."""
        self._stop.set()
        deadline = time.monotonic() + 30
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
            assert not thread.is_alive()


def main() -> int:
    """Attack until standard input ends."""
    attack = Attack(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    sys.stdin.read()
    attack.close()
    print(json.dumps(attack.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
