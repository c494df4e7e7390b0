"""Shares of this process: of the associations of one address only a few work at a time.

Threads of one Python process take turns; forty that never rest, from one address, would leave a device at another one a
fortieth. What waits for the network, the disk or the database does not count as work.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 4  # more than the processors that one device could make use of here


class Share:
    """One association's part in the share of its address. Used by the association's thread; others are passed over."""

    def __init__(self, of_address: threading.Semaphore) -> None:
        self._of_address = of_address
        self._worker: int | None = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work, once few others of the address do."""
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Let others of the address work while this thread, if it is the one that works, waits for something."""
        if self._worker != threading.get_ident():
            yield
            return
        self._give()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        self._of_address.acquire()
        self._worker = threading.get_ident()

    def _give(self) -> None:
        self._worker = None
        self._of_address.release()


class Shares:
    """The share of each address that is connected."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[threading.Semaphore, int]] = {}
        self._guard = threading.Lock()

    @contextmanager
    def of(self, address: str) -> Iterator[Share]:
        """Lend a part in the share of an address."""
        with self._guard:
            share, users = self._of.get(address, (threading.Semaphore(AT_ONCE), 0))
            self._of[address] = share, users + 1
        try:
            yield Share(share)
        finally:
            with self._guard:
                share, users = self._of[address]
                if users == 1:
                    del self._of[address]
                else:
                    self._of[address] = share, users - 1
