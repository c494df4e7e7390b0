"""What the day expects: a condition at once, or within a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

from dicom_gateway.errors import GatewayError

T = TypeVar("T")
POLL_SECONDS = 0.05
WAIT_SECONDS = 20.0


class Unexpected(GatewayError):
    """A step of the day had another outcome than it should."""


def expect(condition: object, what: str) -> None:
    """Raise Unexpected unless `condition` is true; `what` says what was expected."""
    if not condition:
        raise Unexpected(f"expected: {what}")


def wait_for(condition: Callable[[], T | None], what: str, seconds: float = WAIT_SECONDS) -> T:
    """Return the first true value of `condition`; raise Unexpected after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise Unexpected(f"waited {seconds:g} s in vain: {what}")
        time.sleep(POLL_SECONDS)
