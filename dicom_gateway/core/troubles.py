"""What can be the matter with a step, whose turn it is then, and what was seen of the step to say so.

TROUBLES is asked in its order; the words that people read are the page's. Pure: all moments are instants of our clock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from dicom_gateway.core.completeness import Expected
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.status import OPEN, StepStatus

LATE_AFTER: Final = 15 * 60 * SECOND  # after its time a step is late
SILENT_AFTER: Final = 15 * 60 * SECOND  # a device that began and sent nothing for so long has stopped
UNENDED_AFTER: Final = 60 * 60 * SECOND  # after the last news; whoever ends it has forgotten


class State(StrEnum):
    """How far a step is, for a person."""

    OPEN = "open"
    RUNNING = "running"
    DONE = "done"
    CANCELED = "canceled"


STATES: Final[Mapping[StepStatus, State]] = {
    StepStatus.SCHEDULED: State.OPEN,
    StepStatus.ARRIVED: State.OPEN,
    StepStatus.READY: State.OPEN,
    StepStatus.STARTED: State.RUNNING,
    StepStatus.DEPARTED: State.RUNNING,
    StepStatus.COMPLETED: State.DONE,
    StepStatus.CANCELED: State.CANCELED,
    StepStatus.DISCONTINUED: State.CANCELED,
}


class Turn(StrEnum):
    """Who can go on."""

    DEVICE = "device"
    TECHNICIAN = "technician"
    FRONT_DESK = "front desk"
    PMS = "PMS"


class Trouble(StrEnum):
    """Why a step is stuck."""

    PARKED = "delivery given up"
    PAUSED = "deliveries paused"
    UNMATCHED = "images wait to be matched"
    LACKING = "fewer images than expected"
    NOTHING_CAME = "begun and no image came"
    UNENDED = "begun and never ended"
    REFUSED = "the device was refused"
    LEFT_OVER = "planned for an earlier day"
    NO_DEVICE = "no device is planned"
    NOT_SERVED = "late, and on no device"
    NOT_HERE = "late, and nobody has come"
    NOT_BEGUN = "late, and not begun"


@dataclass(frozen=True, slots=True)
class Known:
    """What was seen of one step. `served` and `refused`: by AE title, when first, and when last; `begun_at` 0: not yet;
    `news_at`: the last image or report; `parked`, `paused`: targets that did not get all that is told of its order."""

    served: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    performed_by: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    begun_at: int = 0
    news_at: int = 0
    is_reporting: bool = False  # a performed step of it is in progress
    received: int = 0  # images that count
    waiting: int = 0  # images that wait to be matched
    told_incomplete: bool = False
    parked: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()

    def served_at(self, stations: tuple[str, ...]) -> int:
        """Return when one of the devices that a step is planned for, or any where it names none, first got it; 0: none.
        Whoever else asked for the whole worklist does not count."""
        return min((at for title, at in self.served.items() if not stations or title in stations), default=0)


@dataclass(frozen=True, slots=True)
class Stuck:
    """A trouble, and whose turn it is."""

    trouble: Trouble
    turn: Turn


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule looks at."""

    status: StepStatus
    start_at: int
    stations: tuple[str, ...]
    known: Known
    expected: Expected | None
    now: int
    is_left_over: bool

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_late(self) -> bool:
        return self.is_open and self.now > self.start_at + LATE_AFTER

    @property
    def is_running(self) -> bool:
        return STATES[self.status] is State.RUNNING

    @property
    def is_served(self) -> bool:
        return self.known.served_at(self.stations) > 0

    @property
    def is_short(self) -> bool:
        return self.expected is not None and self.known.received < self.expected.images

    def quiet_for(self, length: int) -> bool:
        """Say whether there was no news for so long."""
        return self.now > (max(self.known.begun_at, self.known.news_at) or self.start_at) + length

    @property
    def is_refused(self) -> bool:
        """Whether a device that it is planned for was refused, and none has got it."""
        return self.is_open and not self.is_served and any(one in self.known.refused for one in self.stations)


@dataclass(frozen=True, slots=True)
class _Rule:
    trouble: Trouble
    turn: Turn
    holds: Callable[[Case], bool]
    hides: frozenset[Trouble] = frozenset()  # what it already says


_LATE: Final = frozenset({Trouble.NOT_SERVED, Trouble.NOT_HERE, Trouble.NOT_BEGUN})

TROUBLES: Final = (
    _Rule(Trouble.PARKED, Turn.PMS, lambda case: bool(case.known.parked)),
    _Rule(Trouble.PAUSED, Turn.PMS, lambda case: bool(case.known.paused)),
    _Rule(Trouble.UNMATCHED, Turn.TECHNICIAN, lambda case: case.known.waiting > 0),
    _Rule(
        Trouble.NOTHING_CAME,
        Turn.DEVICE,
        lambda case: case.is_running and not case.known.received and case.quiet_for(SILENT_AFTER),
    ),
    _Rule(
        Trouble.LACKING,
        Turn.TECHNICIAN,
        lambda case: (
            case.is_short
            and case.known.received > 0
            and ((case.is_running and case.quiet_for(SILENT_AFTER)) or case.known.told_incomplete)
        ),
        frozenset({Trouble.UNENDED}),
    ),
    _Rule(
        Trouble.UNENDED,
        Turn.TECHNICIAN,
        lambda case: case.is_running and case.known.is_reporting and case.quiet_for(UNENDED_AFTER),
    ),
    _Rule(
        Trouble.NOTHING_CAME,
        Turn.DEVICE,
        lambda case: case.status is StepStatus.COMPLETED and case.known.told_incomplete and not case.known.received,
    ),
    _Rule(Trouble.LEFT_OVER, Turn.FRONT_DESK, lambda case: case.is_open and case.is_left_over, _LATE),
    _Rule(Trouble.REFUSED, Turn.TECHNICIAN, lambda case: case.is_refused, _LATE),
    _Rule(Trouble.NO_DEVICE, Turn.FRONT_DESK, lambda case: case.is_late and not case.stations, _LATE),
    _Rule(Trouble.NOT_SERVED, Turn.TECHNICIAN, lambda case: case.is_late and not case.is_served, _LATE),
    _Rule(Trouble.NOT_HERE, Turn.FRONT_DESK, lambda case: case.is_late and case.status is StepStatus.SCHEDULED, _LATE),
    _Rule(Trouble.NOT_BEGUN, Turn.TECHNICIAN, lambda case: case.is_late, _LATE),
)  # fmt: skip


def troubles(case: Case) -> tuple[Stuck, ...]:
    """Return what is the matter, the most pressing first."""
    if case.status in (StepStatus.CANCELED, StepStatus.DISCONTINUED) and not case.known.waiting:
        return ()
    found: dict[Trouble, Stuck] = {}
    said: set[Trouble] = set()
    for rule in TROUBLES:
        if rule.trouble not in said and rule.holds(case):
            found[rule.trouble] = Stuck(rule.trouble, rule.turn)
            said |= {rule.trouble} | rule.hides
    return tuple(found.values())
