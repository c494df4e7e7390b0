"""Threads that wait for connections, some at a time: whoever gets one serves it, and another takes the place.

No connection is handed from thread to thread: under load each such handover waits its turn behind every thread that
has work, and so does a single thread that accepts for all; new devices would then wait for seconds. Stopping leaves the
socket as it is to the other processes that have it: whoever connects meanwhile waits for the next one that accepts.
"""

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

WAITING = 8
NO_DESCRIPTOR_SECONDS = 0.1  # of rest when there is no descriptor or thread for another connection
WAITING_NAME, SERVING_NAME = "dicom-server", "association"


class Acceptors:
    """Accepts on `listening`; `serve(connected, address)` is called in a thread of its own, and may take long."""

    def __init__(
        self, listening: socket.socket, serve: Callable[[socket.socket, Any], None],
        names: tuple[str, str] = (WAITING_NAME, SERVING_NAME),
    ) -> None:  # fmt: skip
        self._listening = listening
        self._serve = serve
        self._names = names  # of a thread that waits, and that serves
        self._waiting = 0
        self._is_stopping = False
        self._guard = threading.Lock()
        self._ended, self._end = os.pipe()  # closing the one lets everybody who waits see the other end

    def start(self) -> None:
        """Begin to wait."""
        self._listening.setblocking(False)  # of several that see a connection one gets it
        for _ in range(WAITING):
            self._add()

    def stop(self, seconds: float) -> None:
        """Wait no more; returns when nobody does, or after `seconds`. Other processes go on with the socket."""
        with self._guard:
            if self._is_stopping:
                return
            self._is_stopping = True
        os.close(self._end)
        deadline = time.monotonic() + seconds
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.005)
        self._listening.close()
        if not self._waiting:
            os.close(self._ended)

    def _add(self) -> None:
        with self._guard:
            self._waiting += 1
        try:
            threading.Thread(target=self._accept, name=self._names[0], daemon=True).start()
        except RuntimeError:  # no thread to be had; others are waiting still
            with self._guard:
                self._waiting -= 1

    def _accept(self) -> None:
        """Accept and serve for as long as this thread is one of those who should wait."""
        while True:
            accepted = self._next()
            with self._guard:
                self._waiting -= 1
                is_last = self._waiting < WAITING - 1
            if accepted is None:
                return
            if is_last:
                self._add()
            threading.current_thread().name = self._names[1]
            self._serve(*accepted)
            threading.current_thread().name = self._names[0]
            with self._guard:
                if self._waiting >= WAITING or self._is_stopping:
                    return
                self._waiting += 1

    def _next(self) -> tuple[socket.socket, Any] | None:
        """Return a connection; None when stopping."""
        if self._is_stopping:
            return None
        poll = select.poll()
        for descriptor in (self._listening.fileno(), self._ended):
            poll.register(descriptor, select.POLLIN)
        while not self._is_stopping:
            poll.poll()
            try:
                return None if self._is_stopping else self._accepted()
            except BlockingIOError:
                continue  # another one has it
            except OSError:
                if not self._is_stopping:
                    time.sleep(NO_DESCRIPTOR_SECONDS)  # it will be there again at once
        return None

    def _accepted(self) -> tuple[socket.socket, Any]:
        connected, address = self._listening.accept()
        connected.setblocking(True)
        return connected, address
