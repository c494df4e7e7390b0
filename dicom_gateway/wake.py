"""Waking a role of another process: an empty datagram to `run/wake-<role>.sock`. A lost one costs latency only."""

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

LONGEST_ADDRESS = 100  # bytes a Unix socket address may have, with some room


class Waker:
    """Sends wake-ups to the roles below one run folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def __call__(self, role: str) -> None:
        """Wake a role; nobody listening is fine."""
        try:
            with _Address(self._folder / f"wake-{role}.sock") as address:
                self._socket.sendto(b"", address.path)
        except OSError:
            return

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class WakeMark:
    """Receives the wake-ups of one role without a thread, for who starts processes: `taken` says whether any came."""

    def __init__(self, folder: Path, role: str) -> None:
        self._socket = _bound(folder, role)
        self._socket.setblocking(False)

    def taken(self) -> bool:
        """Say whether a wake-up came since this was last asked."""
        came = False
        with suppress(OSError):  # BlockingIOError: there are no more
            while True:
                self._socket.recv(1)
                came = True
        return came

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class WakeListener:
    """Receives the wake-ups of one role and sets every event that was asked for."""

    def __init__(self, folder: Path, role: str) -> None:
        self._events: list[threading.Event] = []
        self._closed = False
        self._socket = _bound(folder, role)
        self._socket.settimeout(1.0)
        self._thread = threading.Thread(target=self._listen, name=f"wake-{role}", daemon=True)
        self._thread.start()

    def event(self) -> threading.Event:
        """Return a new event that each wake-up sets; whoever waits clears it."""
        event = threading.Event()
        self._events.append(event)
        return event

    def wake_all(self) -> None:
        """Set every event."""
        for event in self._events:
            event.set()

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._closed:
            try:
                self._socket.recv(1)
            except TimeoutError:
                continue
            self.wake_all()


def _bound(folder: Path, role: str) -> socket.socket:
    """Return the socket of a role, in the place of one that an earlier process left."""
    path = folder / f"wake-{role}.sock"
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with _Address(path) as address:
        made.bind(address.path)
    return made


class _Address:
    """The address of a Unix socket, through a short alias of its folder when the path is too long."""

    def __init__(self, path: Path) -> None:
        self._folder: int | None = None
        self.path = str(path)
        if len(os.fsencode(path)) > LONGEST_ADDRESS:
            self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            self.path = f"/proc/self/fd/{self._folder}/{path.name}"

    def __enter__(self) -> "_Address":
        return self

    def __exit__(self, *error: object) -> None:
        if self._folder is not None:
            os.close(self._folder)
