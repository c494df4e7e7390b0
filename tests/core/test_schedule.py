"""The retry schedule: its table, its bounds, and Retry-After."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.schedule import next_try

SECOND = 1_000_000
HOUR = 3600 * SECOND
FIRST = 1_800_000_000 * SECOND

attempts = st.integers(1, 200)
elapsed = st.integers(0, 72 * HOUR - 1)
shares = st.floats(0, 1, exclude_max=True)


def half() -> float:
    return 0.5


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 3600), (7, 3600), (60, 3600)],
    ids=lambda value: str(value),
)
def test_the_waits(attempt: int, wait: int) -> None:
    now = FIRST + HOUR
    assert next_try(attempt, now, FIRST, half) == now + wait * SECOND
    assert next_try(attempt, now, FIRST, lambda: 0.0) == now + wait * SECOND * 8 // 10
    assert next_try(attempt, now, FIRST, lambda: 0.75) == now + wait * SECOND * 11 // 10


@pytest.mark.parametrize(
    ("elapsed_hours", "expected_hours"),
    [(70.9, 71.9), (71, 72), (71.1, None), (72, None), (500, None)],
    ids=["inside", "just at the end", "would be later", "at the end", "after a long stop"],
)
def test_it_is_parked_after_72_hours(elapsed_hours: float, expected_hours: float | None) -> None:
    expected = None if expected_hours is None else FIRST + int(expected_hours * 10) * HOUR // 10
    assert next_try(9, FIRST + int(elapsed_hours * 10) * HOUR // 10, FIRST, half) == expected


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (600.0, 600),
        (7.25, 7.25),
        (0.0, 5),
        (1.0, 5),
        (86_400.0, 86_400),
        (1e9, 86_400),
        (math.inf, 86_400),
        (-1.0, 120),
        (-math.inf, 120),
        (math.nan, 120),
        (None, 120),
    ],
    ids=str,
)
def test_retry_after_wins_within_bounds(asked: float | None, seconds: float) -> None:
    assert next_try(3, FIRST, FIRST, half, asked) == FIRST + int(seconds * SECOND)


def test_retry_after_allows_one_last_try_after_the_end() -> None:
    now = FIRST + 71 * HOUR
    last = next_try(80, now, FIRST, half, 2 * 3600.0)
    assert last == FIRST + 73 * HOUR
    assert next_try(81, last, FIRST, half, 2 * 3600.0) is None


@pytest.mark.parametrize("attempt", [0, -1])
def test_tries_count_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        next_try(attempt, FIRST, FIRST, half)


@given(attempts, elapsed, shares)
def test_the_next_try_is_ahead_and_never_after_the_end(attempt: int, since: int, share: float) -> None:
    now = FIRST + since
    at = next_try(attempt, now, FIRST, lambda: share)
    if at is None:
        assert since + 1.2 * HOUR > 72 * HOUR
    else:
        assert now + 4 * SECOND <= at <= min(now + 1.2 * HOUR, FIRST + 72 * HOUR)


@given(attempts, elapsed, shares, st.floats(allow_nan=True, allow_infinity=True))
def test_retry_after_is_bounded(attempt: int, since: int, share: float, asked: float) -> None:
    now = FIRST + since
    at = next_try(attempt, now, FIRST, lambda: share, asked)
    if asked >= 0:
        assert at is not None
        assert now + 5 * SECOND <= at <= now + 24 * HOUR
    else:
        assert at == next_try(attempt, now, FIRST, lambda: share)


@given(attempts, elapsed, elapsed, shares)
def test_later_is_never_sooner(attempt: int, one: int, other: int, share: float) -> None:
    def at(number: int, since: int) -> float:
        found = next_try(number, FIRST + since, FIRST, lambda: share)
        return math.inf if found is None else found

    assert at(attempt, min(one, other)) <= at(attempt, max(one, other))
    assert at(attempt, one) <= at(attempt + 1, one)


def test_a_dead_receiver_is_tried_about_eighty_times_and_then_parked() -> None:
    now, attempt = FIRST, 1
    while (at := next_try(attempt, now, FIRST, half)) is not None:
        assert at > now
        now, attempt = at, attempt + 1
    assert 70 < attempt < 90
    assert 70 * HOUR < now - FIRST <= 72 * HOUR
