"""Dates and times as matching keys: by meaning, as ranges, and as one period of both (PS3.4 C.2.2.2.5, K.6.1.2.2).

Everything is whole microseconds: a date is the span of its day, counted from 0001-01-01; a time the span of what is
written, counted from midnight, so that a range's lower end is its first instant and its upper end its last
("-10" is up to 10:59:59.999999). No worklist attribute has the VR DT, so there is none here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_KEPT: Final = 4096  # texts that were read last: a worklist has few days and times, and compares them all the time
_DA: Final = re.compile(r"(\d{4})(?:(\d\d)(\d\d)|\.(\d\d)\.(\d\d))", re.ASCII)
_TM: Final = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?", re.ASCII)


class Span(NamedTuple):
    """What one written date or time covers: first and last microsecond."""

    first: int
    last: int


class Form(Enum):
    """The shape of a date or time key."""

    SINGLE = "a"
    CLOSED = "a-b"
    FROM = "a-"
    UNTIL = "-b"
    OPEN = "-"


@lru_cache(_KEPT)
def parse_date(text: str) -> Span:
    """Read a DA, also in the old form YYYY.MM.DD; raise ValueError if it is none."""
    found = _DA.fullmatch(text)
    if not found:
        raise ValueError("not a date")
    year, month, day, old_month, old_day = found.groups()
    first = date(int(year), int(month or old_month), int(day or old_day)).toordinal() * _DAY
    return Span(first, first + _DAY - 1)


@lru_cache(_KEPT)
def parse_time(text: str) -> Span:
    """Read a TM of any precision, also in the old form HH:MM:SS; raise ValueError if it is none."""
    found = _TM.fullmatch(text)
    if not found:
        raise ValueError("not a time")
    hour, minute, second, fraction = found.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:
        raise ValueError("not a time of day")
    first = int(hour) * _HOUR + int(minute or 0) * _MINUTE
    if second == "60":  # a leap second is legal; here it is the last instant of its minute
        return Span(first + _MINUTE - 1, first + _MINUTE - 1)
    first += int(second or 0) * _SECOND + int((fraction or "").ljust(6, "0"))
    unit = 10 ** (6 - len(fraction)) if fraction else _SECOND if second else _MINUTE if minute else _HOUR
    return Span(first, first + unit - 1)


PARSERS: Final[dict[str, Callable[[str], Span]]] = {"DA": parse_date, "TM": parse_time}


@dataclass(frozen=True, slots=True)
class Period:
    """A date or time key. `low` and `high` are what is written before and after the hyphen; a single value is both."""

    form: Form
    low: Span | None
    high: Span | None

    def holds(self, value: Span) -> bool:
        """Whether the range holds the value, or the single value means the same."""
        if self.form is Form.SINGLE:
            return self.low is not None and value.first == self.low.first
        return (self.low is None or self.low.first <= value.first) and (
            self.high is None or value.first <= self.high.last
        )

    def combines_with(self, other: "Period") -> bool:
        """Whether a date and a time key are one period: both ranges, of the same form."""
        return self.form is other.form and self.form is not Form.SINGLE


def parse_period(vr: str, text: str) -> Period:
    """Read a DA or TM key: a single value or a range; raise ValueError if it is neither."""
    parse = PARSERS[vr]
    before, hyphen, after = (part.strip() for part in text.partition("-"))
    low = parse(before) if before else None
    if not hyphen:
        return Period(Form.SINGLE, low, low)
    high = parse(after) if after else None
    form = {(True, True): Form.CLOSED, (True, False): Form.FROM, (False, True): Form.UNTIL}
    return Period(form.get((low is not None, high is not None), Form.OPEN), low, high)


def moment_in(dates: Period, times: Period, day: Span, time_of_day: Span) -> bool:
    """Whether the moment is in the one period that a date range and a time range of the same form make together."""
    moment = day.first + time_of_day.first
    if dates.low and times.low and moment < dates.low.first + times.low.first:
        return False
    return not (dates.high and times.high and moment > dates.high.first + times.high.last)


def day_of(span: Span) -> str:
    """Return the day of a date's span as YYYYMMDD."""
    return date.fromordinal(span.first // _DAY).isoformat().replace("-", "")
