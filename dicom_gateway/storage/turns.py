"""Turns of the processes that write to one database.

SQLite lets who waits for its write lock look now and then whether it is free; a process that takes it again at once can
so keep another out for longer than that one is willing to wait. Here a writer first takes the place of the next one,
then the turn, then leaves the place: whoever has just written finds the place taken and comes after the one who waits.

A turn decides about order only. What keeps transactions apart is SQLite's lock; a turn that does not come in time is
not waited for any longer, and where the system has no such locks there are no turns.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dicom_gateway.operating_system import try_lock, unlock

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.0002, 0.004


class Turns:
    """This process's part in the turns at a database; used by one thread. `seconds`: how long to wait for one."""

    def __init__(self, database: Path, seconds: float) -> None:
        self._seconds = seconds
        self._paths = [database.with_name(f"{database.name}-{name}") for name in ("next", "turn")]
        self._files: list[IO[bytes]] = []

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have the turn, or go without when it does not come in time."""
        turn = self._wait()
        try:
            yield
        finally:
            if turn is not None:
                unlock(turn)

    def _wait(self) -> IO[bytes] | None:
        deadline = time.monotonic() + self._seconds
        try:
            place, turn = self._opened()
            if not _locked(place, deadline):
                return None
            try:
                return turn if _locked(turn, deadline) else None
            finally:
                unlock(place)
        except OSError:
            return None  # the folder cannot be written: what wants to write will say so

    def close(self) -> None:
        """Give the files up."""
        for file in self._files:
            file.close()
        self._files.clear()

    def _opened(self) -> list[IO[bytes]]:
        if not self._files:
            self._files = [open(path, "ab") for path in self._paths]
        return self._files


def _locked(file: IO[bytes], deadline: float) -> bool:
    """Lock a file; False when it is not free by `deadline`."""
    pause = FIRST_PAUSE_SECONDS
    while not try_lock(file):
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    return True
