"""The day as people look at it: what is stuck and whose turn it is, what is shown first, what a search finds."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from dicom_gateway.core.board import Line, Wanted, arranged, counts, line_of, wanted
from dicom_gateway.core.completeness import NO_OWN, Expected
from dicom_gateway.core.lights import DeviceLight, Light, TargetLight
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Code, Order, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.troubles import STATES, Known, State, Trouble, Turn

MINUTE = 60 * SECOND
TODAY = date(2027, 1, 15)
AT = 1_800_000_000 * SECOND  # when a step is planned
EARLY, LATE = AT - MINUTE, AT + 16 * MINUTE


def a_line(known: Known | None = None, now: int = EARLY, *, day: int = 15, code: str = "D0274", **values: Any) -> Line:
    defaults: dict[str, Any] = {"id": "S1", "station_ae_titles": ("DX1",), "expected_instances": 4}
    step = ScheduledStep("DX", datetime(2027, 1, day, 9), AT, **(defaults | values))
    procedure = RequestedProcedure((step,), id="R1", description="Thorax", code=Code(code, "CDT", "Bitewings"))
    patient = Patient("P-78", "Doë^Rex")
    order = Order("mypms", "A-1", patient, (procedure,), id="o1", accession_number="0000000007")
    return line_of(order, procedure, step, known or Known(), NO_OWN, now, TODAY)


STARTED: dict[str, Any] = {"status": StepStatus.STARTED}
DONE: dict[str, Any] = {"status": StepStatus.COMPLETED}
SERVED = Known(served={"DX1": EARLY})
HERE = {"status": StepStatus.ARRIVED}
BEGUN = Known(begun_at=AT, news_at=AT)
CASES = {
    "planned for later": (Known(), EARLY, {}, []),
    "a quarter of an hour is not late": (Known(), AT + 15 * MINUTE, {}, []),
    "late, on no device": (Known(), LATE, {}, [(Trouble.NOT_SERVED, Turn.TECHNICIAN)]),
    "late, nobody has come": (SERVED, LATE, {}, [(Trouble.NOT_HERE, Turn.FRONT_DESK)]),
    "late, they are here": (SERVED, LATE, HERE, [(Trouble.NOT_BEGUN, Turn.TECHNICIAN)]),
    "late, and only somebody else has fetched it": (
        Known(served={"FINDSCU": EARLY}), LATE, {}, [(Trouble.NOT_SERVED, Turn.TECHNICIAN)],
    ),
    "refused, and somebody else has fetched it": (
        Known(served={"FINDSCU": EARLY}, refused={"DX1": EARLY}), EARLY, {}, [(Trouble.REFUSED, Turn.TECHNICIAN)],
    ),
    "no device is planned": (Known(), LATE, {"station_ae_titles": ()}, [(Trouble.NO_DEVICE, Turn.FRONT_DESK)]),
    "the device was refused": (Known(refused={"DX1": EARLY}), EARLY, {}, [(Trouble.REFUSED, Turn.TECHNICIAN)]),
    "refused, but served": (Known(served={"DX1": EARLY}, refused={"DX1": EARLY}), EARLY, {}, []),
    "refused and late is said once": (Known(refused={"DX1": EARLY}), LATE, {}, [(Trouble.REFUSED, Turn.TECHNICIAN)]),
    "begun just now": (BEGUN, LATE - 2 * MINUTE, STARTED, []),
    "begun, nothing came": (BEGUN, LATE, STARTED, [(Trouble.NOTHING_CAME, Turn.DEVICE)]),
    "images are coming": (replace(BEGUN, received=3, news_at=LATE - MINUTE), LATE, STARTED, []),
    "images lack": (replace(BEGUN, received=3), LATE, STARTED, [(Trouble.LACKING, Turn.TECHNICIAN)]),
    "all are here, and it is not ended": (replace(BEGUN, received=4), LATE, STARTED, []),
    "all are here, and nobody ends it": (
        replace(BEGUN, received=4, is_reporting=True), AT + 61 * MINUTE, STARTED,
        [(Trouble.UNENDED, Turn.TECHNICIAN)],
    ),
    "lacking is not said twice": (
        replace(BEGUN, received=3, is_reporting=True), AT + 61 * MINUTE, STARTED,
        [(Trouble.LACKING, Turn.TECHNICIAN)],
    ),
    "nobody says how many": (
        replace(BEGUN, received=3), LATE, {**STARTED, "expected_instances": None, "code": "X1"}, [],
    ),
    "done": (replace(BEGUN, received=4), LATE, DONE, []),
    "done with fewer than a template advises": (replace(BEGUN, received=3), LATE, DONE, []),
    "done, and the PMS was told that images lack": (
        replace(BEGUN, received=3, told_incomplete=True), LATE, DONE, [(Trouble.LACKING, Turn.TECHNICIAN)],
    ),
    "done without an image": (
        replace(BEGUN, told_incomplete=True), LATE, DONE, [(Trouble.NOTHING_CAME, Turn.DEVICE)],
    ),
    "told, and then they came": (replace(BEGUN, received=4, told_incomplete=True), LATE, DONE, []),
    "not delivered": (replace(BEGUN, received=4, parked=("pms",)), LATE, DONE, [(Trouble.PARKED, Turn.PMS)]),
    "deliveries paused": (replace(BEGUN, received=4, paused=("pms",)), LATE, DONE, [(Trouble.PAUSED, Turn.PMS)]),
    "images wait": (replace(BEGUN, received=4, waiting=1), LATE, DONE, [(Trouble.UNMATCHED, Turn.TECHNICIAN)]),
    "cancelled": (Known(parked=("pms",)), LATE, {"status": StepStatus.CANCELED}, []),
    "images of a cancelled one wait": (
        Known(waiting=2), LATE, {"status": StepStatus.CANCELED}, [(Trouble.UNMATCHED, Turn.TECHNICIAN)],
    ),
    "several": (
        Known(waiting=2, parked=("pms",)), LATE, {},
        [(Trouble.PARKED, Turn.PMS), (Trouble.UNMATCHED, Turn.TECHNICIAN), (Trouble.NOT_SERVED, Turn.TECHNICIAN)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("known", "now", "values", "expected"), CASES.values(), ids=CASES.keys())
def test_what_is_stuck_and_whose_turn_it_is(
    known: Known, now: int, values: dict[str, Any], expected: list[tuple[Trouble, Turn]]
) -> None:
    line = a_line(known, now, **values)
    assert [(one.trouble, one.turn) for one in line.stuck] == expected


def test_what_was_planned_for_yesterday_is_left_over() -> None:
    line = a_line(SERVED, LATE, day=14)
    assert line.is_left_over
    assert [(one.trouble, one.turn) for one in line.stuck] == [(Trouble.LEFT_OVER, Turn.FRONT_DESK)]
    assert wanted([line], Wanted(status="left over")) == [line]
    assert wanted([line], Wanted(status="stuck")) == wanted([line], Wanted(status="open")) == []
    day = arranged([line], 9)
    assert (list(day.left_over), list(day.stuck), list(day.groups)) == ([line], [], [])
    assert not a_line(SERVED, EARLY, day=15).is_left_over


def test_since_when_it_is_on_its_device() -> None:
    known = Known(served={"FINDSCU": 10, "DX1": 30, "DX2": 20})
    assert a_line(known).served_at == 30
    assert a_line(known, station_ae_titles=("DX1", "DX2")).served_at == 20
    assert a_line(known, station_ae_titles=()).served_at == 10
    assert a_line(known, station_ae_titles=("DX3",)).served_at == 0


def test_every_status_of_a_step_is_a_state() -> None:
    assert STATES.keys() == set(StepStatus)


def test_what_is_expected_is_said_of_each_step_whatever_has_begun() -> None:
    def expected(*statuses: StepStatus) -> list[Expected | None]:
        steps = tuple(
            ScheduledStep("IO", datetime(2027, 1, 15, 9), AT, id=f"S{n}", status=status, expected_instances=n + 1)
            for n, status in enumerate(statuses)
        )
        procedure = RequestedProcedure(steps, id="R1")
        order = Order("mypms", "A-1", Patient("P", "X"), (procedure,), id="o1")
        return [line_of(order, procedure, step, Known(), NO_OWN, EARLY, TODAY).expected for step in steps]

    both = [Expected(1, "order"), Expected(2, "order")]
    assert expected(StepStatus.SCHEDULED, StepStatus.SCHEDULED) == both
    assert expected(StepStatus.COMPLETED, StepStatus.SCHEDULED) == both
    assert expected(StepStatus.CANCELED, StepStatus.STARTED) == both


def test_a_template_says_how_many_where_the_order_does_not() -> None:
    assert a_line(expected_instances=None).expected == Expected(4, "template", "D0274 bitewings")


FOUND = {
    "everything": (Wanted(), True),
    "a name": (Wanted(text="doe"), True),
    "a name in capitals with an accent": (Wanted(text="DOË"), True),
    "the given name": (Wanted(text="rex"), True),
    "both, family name first": (Wanted(text="Doe Rex"), True),
    "both, given name first": (Wanted(text=" rex   doe "), True),
    "a patient id": (Wanted(text="p-78"), True),
    "the end of an accession number": (Wanted(text="07"), True),
    "a number of the PMS": (Wanted(text="a-1"), True),
    "what is done": (Wanted(text="thorax"), True),
    "another name": (Wanted(text="roe"), False),
    "its device": (Wanted(device="DX1"), True),
    "another device": (Wanted(device="DX2"), False),
    "its modality": (Wanted(modality="DX"), True),
    "another modality": (Wanted(modality="IO"), False),
    "its state": (Wanted(status="open"), True),
    "another state": (Wanted(status="done"), False),
    "not stuck": (Wanted(status="stuck"), False),
    "all at once": (Wanted("DX1", "DX", "open", "rex"), True),
    "all at once but one": (Wanted("DX1", "DX", "open", "max"), False),
}


@pytest.mark.parametrize(("what", "found"), FOUND.values(), ids=FOUND.keys())
def test_a_filter(what: Wanted, found: bool) -> None:
    line = a_line()
    assert wanted([line], what) == ([line] if found else [])


def test_stuck_ones_are_found_beside_their_state() -> None:
    line = a_line(now=LATE)
    for status in ("stuck", "open"):
        assert wanted([line], Wanted(status=status)) == [line]


def test_a_running_step_belongs_to_the_device_that_performs_it() -> None:
    line = a_line(Known(performed_by=("DX2",)), station_ae_titles=("DX1", "DX2"), **STARTED)
    assert line.devices == ("DX2",)
    assert wanted([line], Wanted(device="DX1")) == [line]


def test_stuck_ones_come_first_and_what_is_done_last() -> None:
    def numbered(number: int, **values: Any) -> Line:
        line = a_line(**values)
        step = line.step.evolve(start_utc=AT - number, id=f"S{number}")
        return replace(line, step=step)

    stuck, running = numbered(1, now=LATE), numbered(2, **STARTED)
    later, sooner = numbered(3), numbered(4)
    other, done = numbered(5, station_ae_titles=("DX2",)), numbered(6, **DONE)
    lines = [done, other, sooner, later, running, stuck]
    day = arranged(lines, 10)
    assert (list(day.stuck), day.hidden) == ([stuck], 0)
    assert [group.devices for group in day.groups] == [("DX1",), ("DX2",)]
    first = day.groups[0]
    assert (list(first.running), list(first.open), list(first.done)) == ([running], [sooner, later], [done])
    few = arranged(lines, 5)
    assert (few.hidden, [(list(group.done), group.done_count) for group in few.groups]) == (0, [([], 1), ([], 0)])
    assert arranged(lines, 2).hidden == 3


def test_steps_without_a_device_come_last() -> None:
    lines = [a_line(station_ae_titles=()), a_line(station_ae_titles=("ZZ",))]
    assert [group.devices for group in arranged(lines, 9).groups] == [("ZZ",), ()]


def test_counts() -> None:
    found = counts([a_line(), a_line(now=LATE), a_line(**STARTED), a_line(**DONE)])
    assert found == {"stuck": 1, State.OPEN: 2, State.RUNNING: 1, State.DONE: 1, State.CANCELED: 0, "left over": 0}


HOUR = 60 * MINUTE
LIGHTS = {
    "never seen": (DeviceLight("DX1"), Light.IDLE),
    "seen just now": (DeviceLight("DX1", seen_at=AT), Light.GOOD),
    "seen an hour ago": (DeviceLight("DX1", seen_at=AT - HOUR - 1), Light.IDLE),
    "refused": (DeviceLight("DX1", refused_at=AT), Light.BAD),
    "refused, then let in": (DeviceLight("DX1", seen_at=AT, refused_at=AT - 1), Light.GOOD),
    "let in, then refused": (DeviceLight("DX1", seen_at=AT - 1, refused_at=AT), Light.BAD),
    "nothing was delivered yet": (TargetLight("pms"), Light.IDLE),
    "delivered": (TargetLight("pms", delivered_at=AT), Light.GOOD),
    "on its way": (TargetLight("pms", waiting=1, oldest_waiting_at=AT - MINUTE, delivered_at=AT), Light.GOOD),
    "on its way, and refused": (
        TargetLight("pms", waiting=1, oldest_waiting_at=AT - MINUTE, delivered_at=AT, is_failing=True),
        Light.WARNING,
    ),
    "refused and given up": (TargetLight("pms", parked=1, waiting=1, is_failing=True), Light.BAD),
    "waits for long": (TargetLight("pms", waiting=1, oldest_waiting_at=AT - 16 * MINUTE), Light.WARNING),
    "given up": (TargetLight("pms", parked=1, delivered_at=AT), Light.BAD),
    "paused": (TargetLight("pms", is_paused=True, delivered_at=AT), Light.BAD),
}


@pytest.mark.parametrize(("one", "light"), LIGHTS.values(), ids=LIGHTS.keys())
def test_lights(one: DeviceLight | TargetLight, light: Light) -> None:
    assert one.light(AT) is light
