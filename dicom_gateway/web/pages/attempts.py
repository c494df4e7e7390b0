"""Log-ins that failed, counted for each address and each name: beyond a number the next must wait.

Only names are counted together with their address, so that nobody locks out somebody else; the address alone has a
larger number (a practice is one address behind its router), and a name from everywhere a larger one still.
"""

import threading
from collections import OrderedDict

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.users import folded

WINDOW = 900 * SECOND
OF_NAME_AND_ADDRESS = 5
OF_ADDRESS = 50
OF_NAME = 200
COUNTED = 4096


class Attempts:
    """Counts failures; used from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def wait(self, name: str, address: str) -> int:
        """Return for how many seconds a log-in is not even tried; 0 when it is."""
        now = self._clock()
        with self._guard:
            waits = [self._left(key, most, now) for key, most in _keys(name, address)]
        return -(-max(waits) // SECOND)

    def fail(self, name: str, address: str) -> None:
        """Count a failure."""
        now = self._clock()
        with self._guard:
            for key, _ in _keys(name, address):
                since, count = self._failures.pop(key, (now, 0))
                if now - since >= WINDOW:
                    since, count = now, 0
                self._failures[key] = since, count + 1
            while len(self._failures) > COUNTED:
                self._failures.popitem(last=False)

    def succeed(self, name: str, address: str) -> None:
        """Forget the failures of a name at an address."""
        with self._guard:
            self._failures.pop((folded(name), address), None)

    def _left(self, key: tuple[str, str], most: int, now: int) -> int:
        since, count = self._failures.get(key, (now, 0))
        return max(0, since + WINDOW - now) if count >= most else 0


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    plain = folded(name)[:200]
    return ((plain, address), OF_NAME_AND_ADDRESS), (("", address), OF_ADDRESS), ((plain, ""), OF_NAME)
