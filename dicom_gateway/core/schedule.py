"""When a delivery that failed is tried again, and when it is given up (parked, with an alarm).

Quick at first, then hourly, until LONGEST_TRYING after the first try, with jitter, as Standard Webhooks advises.
A receiver's Retry-After (RFC 9110 10.2.3) wins over the table. Instants are integer microseconds UTC.
"""

import math
from collections.abc import Callable

SECOND = 1_000_000  # microseconds
WAITS = (5, 30, 2 * 60, 10 * 60, 30 * 60, 60 * 60)  # seconds after try 1, 2, ...; the last one repeats
JITTER = 0.2  # each wait is up to this share shorter or longer, so that receivers that come back are not stormed
LONGEST_TRYING = 72 * 3600  # seconds after the first try
LONGEST_RETRY_AFTER = 24 * 3600  # seconds; a receiver that asks for more gets this
SHORTEST_RETRY_AFTER = WAITS[0]  # seconds; "Retry-After: 0", always, would otherwise be a storm of our own


def next_try(
    attempt: int, now: int, first_try_at: int, random: Callable[[], float], retry_after: float | None = None
) -> int | None:
    """Return the instant of the next try after failed try number `attempt` (from 1); None means: park it.

    `random` gives numbers in [0, 1). `retry_after` is what the receiver asked, in seconds from `now`: it is bounded
    to SHORTEST_RETRY_AFTER and LONGEST_RETRY_AFTER, gets no jitter, and is ignored when negative or not a number. It
    may name an instant after LONGEST_TRYING: that one try is still made, and is the last.
    """
    if attempt < 1:
        raise ValueError(f"tries count from 1, not {attempt}")
    last_instant = first_try_at + LONGEST_TRYING * SECOND
    if now >= last_instant:
        return None
    if retry_after is not None and retry_after >= 0:  # false for NaN
        return now + math.ceil(min(max(retry_after, SHORTEST_RETRY_AFTER), LONGEST_RETRY_AFTER) * SECOND)
    wait = WAITS[min(attempt, len(WAITS)) - 1]
    at = now + round(wait * SECOND * (1 - JITTER + 2 * JITTER * random()))
    return at if at <= last_instant else None
