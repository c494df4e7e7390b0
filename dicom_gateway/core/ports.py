"""What inner code asks of outer code; gateway.py hands the implementations in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Clock = Callable[[], int]  # microseconds since 1970-01-01T00:00:00Z
Wake = Callable[[str], None]  # the role to wake: rows are due; a lost wake-up costs latency only


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try to deliver an event ended."""

    delivered: bool
    detail: str  # for a person: "200 OK", "connection refused"
    retry_after: float | None = None  # seconds, as the receiver asked
    gone: bool = False  # the receiver wants no more (410): pause the target, keep its queue
    final: bool = False  # the receiver will not take this event: park it


class ResultSink(Protocol):
    """A PMS that takes events."""

    def deliver(self, event_id: str, occurred_at: int, payload: bytes) -> Outcome:
        """Send one event; never raises for what the network or the receiver does."""
        ...
