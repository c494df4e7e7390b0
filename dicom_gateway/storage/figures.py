"""Numbers of the last days for the page: from order to first image, images by the hour, what went wrong by device.

Computed from rows that are there anyway, over a bounded number of days and rows, and kept for a minute: ten people who
look cost as much as one. Days and hours are those of the practice.
"""

import statistics
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from peewee import SQL, fn

from dicom_gateway.core.local_time import SECOND, local_now, localise
from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.message_tables import MessageRow
from dicom_gateway.storage.prepared import Statement, given
from dicom_gateway.storage.tables import (
    InstanceRow,
    OrderRow,
    PerformedReferenceRow,
    PerformedStepRow,
    QuarantineRow,
    StudyRow,
    UnknownDeviceRow,
)

KEPT_SECONDS: Final = 60
ORDER_DAYS: Final = 14
DAYS: Final = 7  # of images and failures
MOST_STUDIES: Final = 20_000
MOST_FAILURES: Final = 10_000
_QUARTER: Final = 900 * SECOND  # an hour begins with a quarter in every zone
_DAY: Final = 86_400 * SECOND

_TOOK = Statement(
    StudyRow.select(
        OrderRow.created_at,
        InstanceRow.select(InstanceRow.received_at)
        .where(InstanceRow.study_instance_uid == StudyRow.study_instance_uid, InstanceRow.current == 1)
        .order_by(InstanceRow.key)
        .limit(1)
        .alias("first_image_at"),
    )
    .join(OrderRow, on=(OrderRow.id == StudyRow.order_id))
    .where(StudyRow.last_received_at >= given("since"))
    .order_by(StudyRow.last_received_at.desc())
    .limit(MOST_STUDIES)
)
_quarter = (InstanceRow.received_at / SQL(str(_QUARTER))).alias("quarter")
_RECEIVED = Statement(
    InstanceRow.select(
        _quarter, fn.COUNT(SQL("*")).alias("images"), fn.SUM(InstanceRow.data_length).alias("bytes")
    )
    .where(InstanceRow.received_at >= given("since"))
    .group_by(SQL("quarter"))
)  # fmt: skip
_REFUSED_OBJECTS = Statement(
    QuarantineRow.select(QuarantineRow.calling_ae_title)
    .where(QuarantineRow.at >= given("since"))
    .order_by(QuarantineRow.at.desc())
    .limit(MOST_FAILURES)
)
_REFUSED_CALLS = Statement(
    UnknownDeviceRow.select(UnknownDeviceRow.ae_title, UnknownDeviceRow.attempts).where(
        UnknownDeviceRow.last_seen_at >= given("since")
    )
)
_INCOMPLETE = Statement(
    StudyRow.select(
        InstanceRow.select(InstanceRow.calling_ae_title)
        .where(InstanceRow.study_instance_uid == StudyRow.study_instance_uid)
        .limit(1)
        .alias("sent_by"),
        PerformedReferenceRow.select(PerformedStepRow.calling_ae_title)
        .join(PerformedStepRow, on=(PerformedStepRow.sop_instance_uid == PerformedReferenceRow.performed_uid))
        .where(PerformedReferenceRow.study_instance_uid == StudyRow.study_instance_uid)
        .limit(1)
        .alias("reported_by"),
    )
    .where(StudyRow.last_received_at >= given("since"), StudyRow.incomplete_told_at.is_null(False))
    .order_by(StudyRow.last_received_at.desc())
    .limit(MOST_FAILURES)
)
_last_messages = MessageRow.select(MessageRow.finished_at).order_by(MessageRow.at.desc()).limit(1000).alias("last")
_IN_WORK = Statement(
    MessageRow.select(fn.COUNT(SQL("*"))).from_(_last_messages).where(_last_messages.c.finished_at.is_null())
)
_SCHEMA = Statement(SQL("PRAGMA user_version"))


@dataclass(frozen=True, slots=True)
class OrderToImage:
    """Of the orders whose first image came on a day: how long it took since the order had come, in seconds; None on a
    day without any."""

    day: date
    orders: int
    median: float | None
    ninetieth: float | None


@dataclass(frozen=True, slots=True)
class HourOfDay:
    """Images that came in an hour of the day: today, and on average of the seven days before."""

    hour: int
    today: int
    before: float


@dataclass(frozen=True, slots=True)
class DeviceFailures:
    """What went wrong with a device ("": none is known) in the last seven days. `refused_calls` counts all of a device
    that was refused within that time."""

    ae_title: str
    refused_calls: int = 0
    refused_objects: int = 0
    incomplete: int = 0  # studies that lacked images when they were due


@dataclass(frozen=True, slots=True)
class Figures:
    """`images_by_day`: of the seven days before today, and today. `bytes_a_day`: what came in on average, 0.0 when
    nothing did."""

    at: int
    order_to_image: tuple[OrderToImage, ...]
    hours: tuple[HourOfDay, ...]
    images_by_day: tuple[tuple[date, int], ...]
    failures: tuple[DeviceFailures, ...]
    bytes_a_day: float


class FiguresStore:
    """Computes the figures of just now, and keeps them for a minute."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._guard = threading.Lock()
        self._kept: Figures | None = None

    def now(self) -> Figures:
        """Return the figures, at most a minute old; one caller computes them, the others wait for it."""
        with self._guard:
            now = self._clock()
            if self._kept is None or not 0 <= now - self._kept.at < KEPT_SECONDS * SECOND:
                self._kept = self._database.read(lambda tx: self._compute(tx, now))
            return self._kept

    def failures_of(self, ae_title: str) -> DeviceFailures:
        """Return what went wrong with one device."""
        found = (one for one in self.now().failures if one.ae_title == ae_title)
        return next(found, DeviceFailures(ae_title))

    def messages_in_work(self) -> int:
        """Return how many of the last thousand messages have been begun and not ended."""
        return int(self._database.read(lambda tx: tx.value(_IN_WORK)))

    def schema(self) -> int:
        """Return the number of the database's schema."""
        return int(self._database.read(lambda tx: tx.value(_SCHEMA)))

    def _compute(self, tx: Transaction, now: int) -> Figures:
        today = local_now(now, self._zone).date()
        since = self._begin(today - timedelta(days=DAYS))
        received = tx.rows(_RECEIVED, since=since)
        by_hour = self._by_hour(received)
        return Figures(
            at=now,
            order_to_image=self._order_to_image(tx, today),
            hours=tuple(_hour(by_hour, today, hour) for hour in range(24)),
            images_by_day=tuple(
                (day, sum(count for (its_day, _), count in by_hour.items() if its_day == day))
                for day in _days(today, DAYS + 1)
            ),
            failures=_failures(tx, now - DAYS * _DAY),
            bytes_a_day=_bytes_a_day(received, now),
        )

    def _order_to_image(self, tx: Transaction, today: date) -> tuple[OrderToImage, ...]:
        days = _days(today, ORDER_DAYS)
        took: dict[date, list[float]] = {day: [] for day in days}
        for row in tx.rows(_TOOK, since=self._begin(days[0])):
            first = row["first_image_at"]
            day = None if first is None else local_now(first, self._zone).date()
            if day in took:
                took[day].append(max(0, first - row["created_at"]) / SECOND)
        return tuple(_summary(day, sorted(found)) for day, found in took.items())

    def _by_hour(self, received: Iterable[Row]) -> Counter[tuple[date, int]]:
        found: Counter[tuple[date, int]] = Counter()
        for row in received:
            local = local_now(row["quarter"] * _QUARTER, self._zone)
            found[local.date(), local.hour] += row["images"]
        return found

    def _begin(self, day: date) -> int:
        return localise(datetime.combine(day, datetime.min.time()), self._zone)[1]


def _days(today: date, count: int) -> list[date]:
    """Return the last days, today being the last one."""
    return [today - timedelta(days=back) for back in reversed(range(count))]


def _summary(day: date, seconds: Sequence[float]) -> OrderToImage:
    """Return the median and the 90th percentile (nearest rank) of sorted durations."""
    if not seconds:
        return OrderToImage(day, 0, None, None)
    rank = -(-len(seconds) * 9 // 10)
    return OrderToImage(day, len(seconds), statistics.median(seconds), seconds[rank - 1])


def _hour(by_hour: Counter[tuple[date, int]], today: date, hour: int) -> HourOfDay:
    before = sum(by_hour[day, hour] for day in _days(today, DAYS + 1)[:-1])
    return HourOfDay(hour, by_hour[today, hour], before / DAYS)


def _failures(tx: Transaction, since: int) -> tuple[DeviceFailures, ...]:
    calls: Counter[str] = Counter()
    for row in tx.rows(_REFUSED_CALLS, since=since):
        calls[row["ae_title"]] += row["attempts"]
    objects = Counter(tx.values(_REFUSED_OBJECTS, since=since))
    lacking = Counter(row["sent_by"] or row["reported_by"] or "" for row in tx.rows(_INCOMPLETE, since=since))
    return tuple(
        DeviceFailures(name, calls[name], objects[name], lacking[name])
        for name in sorted(calls.keys() | objects.keys() | lacking.keys())
    )


def _bytes_a_day(received: Sequence[Row], now: int) -> float:
    """Return the bytes that came in a day, over the days since the first of them came; a day at least."""
    if not received:
        return 0.0
    days = max(1.0, (now - min(row["quarter"] for row in received) * _QUARTER) / _DAY)
    return float(sum(row["bytes"] for row in received) / days)
