"""A light for each device and each PMS connection, by what was last seen of it. Pure; instants are microseconds UTC."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dicom_gateway.core.local_time import SECOND

ACTIVE_FOR: Final = 60 * 60 * SECOND  # a device that was heard of within so long is at work
SLOW_AFTER: Final = 15 * 60 * SECOND  # what waits for a PMS longer than this is not only on its way


class Light(StrEnum):
    """How somebody else is doing."""

    GOOD = "good"
    IDLE = "idle"  # nothing is known to be wrong; nothing was heard lately
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class DeviceLight:
    """What was last heard of a device; 0: never. `served_at` is when it last got a worklist, `refused_at` when it was
    last turned away."""

    ae_title: str
    seen_at: int = 0
    served_at: int = 0
    refused_at: int = 0

    def light(self, now: int) -> Light:
        """Return its light: what counts is what it did last."""
        if self.refused_at > self.seen_at:
            return Light.BAD
        return Light.GOOD if self.seen_at and now - self.seen_at <= ACTIVE_FOR else Light.IDLE


@dataclass(frozen=True, slots=True)
class TargetLight:
    """How the deliveries to one PMS are; `paused` is the reason, "" while they go; `is_failing`: the last
    try of what waits failed. Instants 0: never, none."""

    name: str
    paused: str = ""
    is_paused: bool = False
    parked: int = 0
    waiting: int = 0
    oldest_waiting_at: int = 0
    delivered_at: int = 0
    is_failing: bool = False

    def light(self, now: int) -> Light:
        """Return its light."""
        if self.is_paused or self.parked:
            return Light.BAD
        if self.is_failing or self.oldest_waiting_at and now - self.oldest_waiting_at > SLOW_AFTER:
            return Light.WARNING
        return Light.GOOD if self.delivered_at else Light.IDLE
