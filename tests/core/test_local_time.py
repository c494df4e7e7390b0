"""Local times and instants, where the clock changes and where it does not."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.local_time import from_instant, iso_utc, local_now, localise, to_instant

BERLIN, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")


def utc(text: str) -> int:
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "moment", "local", "instant"),
    [
        (BERLIN, "2026-01-15T12:00", "2026-01-15T12:00", "2026-01-15T11:00"),
        (BERLIN, "2026-07-15T12:00", "2026-07-15T12:00", "2026-07-15T10:00"),
        (BERLIN, "2026-03-29T02:00", "2026-03-29T03:00", "2026-03-29T01:00"),
        (BERLIN, "2026-03-29T02:59:59", "2026-03-29T03:59:59", "2026-03-29T01:59:59"),
        (BERLIN, "2026-03-29T03:00", "2026-03-29T03:00", "2026-03-29T01:00"),
        (BERLIN, "2026-10-25T02:00", "2026-10-25T02:00", "2026-10-25T00:00"),
        (BERLIN, "2026-10-25T02:00+01:00", "2026-10-25T02:00", "2026-10-25T01:00"),
        (BERLIN, "2026-10-25T02:00+02:00", "2026-10-25T02:00", "2026-10-25T00:00"),
        (BERLIN, "2026-01-15T12:00Z", "2026-01-15T13:00", "2026-01-15T12:00"),
        (APIA, "2011-12-30T12:00", "2011-12-31T12:00", "2011-12-30T22:00"),  # a day that never was
        (ZoneInfo("UTC"), "2026-01-15T12:00", "2026-01-15T12:00", "2026-01-15T12:00"),
    ],
)
def test_localise(zone: ZoneInfo, moment: str, local: str, instant: str) -> None:
    found = localise(datetime.fromisoformat(moment), zone)
    assert found == (datetime.fromisoformat(local), utc(instant))
    assert found[0].tzinfo is None


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)), st.sampled_from([BERLIN, APIA, ZoneInfo("UTC")]))
def test_a_local_time_that_exists_is_itself_and_its_instant_comes_back(moment: datetime, zone: ZoneInfo) -> None:
    local, instant = localise(moment, zone)
    assert local_now(instant, zone) == local
    assert localise(local, zone) == (local, instant)
    assert local >= moment


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_800_000_000_123_456, "2027-01-15T08:00:00.123Z"),
        (-1_000, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_iso_utc(instant: int, text: str) -> None:
    assert iso_utc(instant) == text


@given(st.integers(-(10**15), 10**17))
def test_instants_come_back(instant: int) -> None:
    assert to_instant(from_instant(instant)) == instant
