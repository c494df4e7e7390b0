"""The practice's local time and instants in UTC.

A step stores both: the local date and time as served and compared, and the instant for order and deadlines. A local
time that a clock change skips moves forward; one that happens twice is the first.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MICROSECOND = 1
SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_instant(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970 UTC."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_instant(instant: int) -> datetime:
    """Return microseconds since 1970 UTC as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=instant)


def localise(moment: datetime, zone: ZoneInfo) -> tuple[datetime, int]:
    """Return (naive local time in `zone`, instant) of a naive local or an aware datetime."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone, fold=0)
    in_utc = moment.astimezone(UTC)
    return in_utc.astimezone(zone).replace(tzinfo=None, fold=0), to_instant(in_utc)


def local_now(instant: int, zone: ZoneInfo) -> datetime:
    """Return the practice's naive local time at `instant`."""
    return from_instant(instant).astimezone(zone).replace(tzinfo=None)


def iso_utc(instant: int) -> str:
    """Return an instant as ISO 8601 text in UTC with a Z."""
    return from_instant(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")
