"""The day as people look at it: one line a scheduled step, what is shown first, and what a filter finds.

The store brings an order's step beside what is known of it; troubles.py says what is stuck and whose turn it is. The
words that people read are the page's. Pure: `now` is an instant, `today` the practice's date.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from dicom_gateway.core.completeness import NOT_EXPECTED, Expected, Templates
from dicom_gateway.core.folding import fold
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.troubles import STATES, Case, Known, State, Stuck, Trouble, troubles


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the day. `expected` is None where nobody says how many images it makes."""

    order: Order
    procedure: RequestedProcedure
    step: ScheduledStep
    known: Known
    expected: Expected | None
    stuck: tuple[Stuck, ...]
    is_left_over: bool

    @property
    def state(self) -> State:
        """How far it is."""
        return STATES[self.step.status]

    @property
    def standings(self) -> tuple[str, ...]:
        """By which words a filter finds it: its state, and STUCK when it needs somebody, or LEFT_OVER."""
        if not self.stuck:
            return (self.state,)
        is_left_over = [one.trouble for one in self.stuck] == [Trouble.LEFT_OVER]
        return (LEFT_OVER,) if is_left_over else (self.state, STUCK)

    @property
    def devices(self) -> tuple[str, ...]:
        """Where it belongs: the devices that perform it, else those that it is planned for."""
        return self.known.performed_by or self.step.station_ae_titles

    @property
    def served_at(self) -> int:
        """When a device that it is planned for first got it; 0: none did."""
        return self.known.served_at(self.step.station_ae_titles)

    @property
    def description(self) -> str:
        """What is to be done, in the words of the order."""
        code = self.procedure.code
        return self.step.description or self.procedure.description or (code.meaning or code.value if code else "")

    def is_about(self, folded: str) -> bool:
        """Say whether a folded text stands in one of the names and numbers of the line."""
        order, patient = self.order, self.order.patient
        texts = (
            patient.name.replace("^", " "),
            " ".join(reversed(patient.name.partition("=")[0].split("^"))),
            patient.id,
            order.accession_number,
            order.original_accession_number,
            order.placer_order_number,
            self.description,
        )
        return any(folded in fold(text) for text in texts)


def line_of(
    order: Order, procedure: RequestedProcedure, step: ScheduledStep, known: Known, templates: Templates,
    now: int, today: date,
) -> Line:  # fmt: skip
    """Return the line of a step at `now`."""
    expected = expected_of(procedure, step, templates)
    is_left_over = step.start.date() < today
    case = Case(step.status, step.start_utc, step.station_ae_titles, known, expected, now, is_left_over)
    return Line(order, procedure, step, known, expected, troubles(case), is_left_over)


def expected_of(procedure: RequestedProcedure, step: ScheduledStep, templates: Templates) -> Expected | None:
    """Return how many images one step makes, begun or not, by the order or a template; None when nobody says."""
    if len(procedure.steps) == 1 and step.status not in NOT_EXPECTED:
        return templates.expected(procedure)
    afresh = tuple(one.evolve(status=StepStatus.SCHEDULED) for one in procedure.steps)
    return templates.expected(procedure.evolve(steps=afresh), (step.id,))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show of a day; "" is anything. `status` is a State, STUCK or LEFT_OVER."""

    device: str = ""
    modality: str = ""
    status: str = ""
    text: str = ""


STUCK: Final = "stuck"
LEFT_OVER: Final = "left over"


def wanted(lines: Iterable[Line], what: Wanted) -> list[Line]:
    """Return the lines that are wanted, in their order."""
    folded = fold(" ".join(what.text.split()))
    return [
        line
        for line in lines
        if (not what.device or what.device in line.devices or what.device in line.step.station_ae_titles)
        and (not what.modality or line.step.modality == what.modality)
        and (not what.status or what.status in line.standings)
        and (not folded or line.is_about(folded))
    ]


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one device, or of several that may each do them; `done_count`: those that are done, shown or not."""

    devices: tuple[str, ...]
    running: Sequence[Line]
    open: Sequence[Line]
    done: Sequence[Line]
    done_count: int


@dataclass(frozen=True, slots=True)
class Day:
    """The lines of a day as they are shown: those that need somebody, what was left over, the others by device.
    `hidden`: lines beyond the limit, but for those that are done."""

    stuck: Sequence[Line]
    left_over: Sequence[Line]
    groups: Sequence[Group]
    hidden: int


def arranged(lines: Iterable[Line], limit: int) -> Day:
    """Return lines as a page shows them: at most `limit`, those that need somebody first, those that are done last."""
    ordered = sorted(lines, key=lambda line: (line.step.start_utc, line.order.id, line.step.id))
    stuck = [line for line in ordered if STUCK in line.standings]
    left_over = [line for line in ordered if LEFT_OVER in line.standings]
    others = [line for line in ordered if not line.stuck]
    pending = [*stuck, *left_over, *(line for line in others if line.state in _PENDING)]
    done = [line for line in others if line.state not in _PENDING]
    shown = {id(line) for line in [*pending, *done][:limit]}
    by_devices: dict[tuple[str, ...], list[Line]] = {}
    for line in others:
        by_devices.setdefault(line.devices, []).append(line)
    groups = [_group(devices, by_devices[devices], shown) for devices in sorted(by_devices, key=_last_if_none)]
    return Day(
        [line for line in stuck if id(line) in shown],
        [line for line in left_over if id(line) in shown],
        [group for group in groups if group.running or group.open or group.done_count],
        max(0, len(pending) - limit),
    )


_PENDING: Final = frozenset({State.OPEN, State.RUNNING})


def _last_if_none(devices: tuple[str, ...]) -> tuple[bool, tuple[str, ...]]:
    return not devices, devices


def _group(devices: tuple[str, ...], lines: Sequence[Line], shown: Collection[int]) -> Group:
    done = [line for line in lines if line.state not in _PENDING]
    return Group(
        devices,
        running=[line for line in lines if line.state is State.RUNNING and id(line) in shown],
        open=[line for line in lines if line.state is State.OPEN and id(line) in shown],
        done=[line for line in done if id(line) in shown],
        done_count=len(done),
    )


def counts(lines: Iterable[Line]) -> dict[str, int]:
    """Return how many lines are stuck, are left over, and stand at each state."""
    found: dict[str, int] = dict.fromkeys([STUCK, LEFT_OVER, *State], 0)
    for line in lines:
        for standing in line.standings:
            found[standing] += 1
    return found
