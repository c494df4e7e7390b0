"""Is a study complete: each evidence, each boundary at its very microsecond."""

from dataclasses import replace

import pytest

from dicom_gateway.core.completion import Evidence, Patience, Progress, Reported, Verdict, judge, missing
from dicom_gateway.core.status import PerformedStatus

T = 1_800_000_000_000_000
QUIET, OVERDUE = 60_000_000, 900_000_000  # microseconds
PATIENCE = Patience(quiet_seconds=60, incomplete_after_seconds=900)
AB = frozenset({"1.1", "1.2"})
A = frozenset({"1.1"})
NONE = frozenset[str]()


def done(images: frozenset[str] = NONE, at: int = T) -> Reported:
    return Reported(PerformedStatus.COMPLETED, at, images)


def stopped(images: frozenset[str] = NONE, at: int = T) -> Reported:
    return Reported(PerformedStatus.DISCONTINUED, at, images)


def running(images: frozenset[str] = NONE) -> Reported:
    return Reported(PerformedStatus.IN_PROGRESS, T, images)


def here(images: frozenset[str], *reported: Reported, expected: int | None = None, at: int = T) -> Progress:
    return Progress(images, at, reported, expected)


AT_ONCE = {
    "all named are here": (here(AB, done(AB)), Verdict(Evidence.MPPS_IMAGES)),
    "more than named are here": (here(AB, done(A)), Verdict(Evidence.MPPS_IMAGES)),
    "all named by two": (here(AB, done(A), done(frozenset({"1.2"}))), Verdict(Evidence.MPPS_IMAGES)),
    "all named by one that was discontinued": (here(A, stopped(A)), Verdict(Evidence.MPPS_IMAGES)),
    "named by one, the other names none": (here(A, done(A), done()), Verdict(Evidence.MPPS_IMAGES)),
    "one is still open": (here(AB, done(AB), running()), Verdict()),
    "open, all named so far are here": (here(A, running(A)), Verdict()),
    "open, nothing here": (here(NONE, running()), Verdict()),
}


@pytest.mark.parametrize(("progress", "verdict"), AT_ONCE.values(), ids=AT_ONCE)
@pytest.mark.parametrize("later", [0, QUIET, OVERDUE, 100 * OVERDUE])
def test_what_does_not_depend_on_time(progress: Progress, verdict: Verdict, later: int) -> None:
    assert judge(progress, PATIENCE, T + later) == verdict


WHEN_QUIET = {
    "some named are missing": (here(A, done(AB)), Evidence.MPPS_QUIET),
    "none named": (here(A, done()), Evidence.MPPS_QUIET),
    "discontinued, none named": (here(A, stopped()), Evidence.MPPS_QUIET),
    "a performed step, fewer than expected": (here(A, done(), expected=5), Evidence.MPPS_QUIET),
    "as many as expected": (here(AB, expected=2), Evidence.COUNT_QUIET),
    "more than expected": (here(AB, expected=1), Evidence.COUNT_QUIET),
    "nothing known": (here(A), Evidence.QUIET),
    "none expected is nothing known": (here(A, expected=0), Evidence.QUIET),
}


@pytest.mark.parametrize(("progress", "evidence"), WHEN_QUIET.values(), ids=WHEN_QUIET)
def test_what_is_complete_once_it_is_quiet(progress: Progress, evidence: Evidence) -> None:
    waiting = Verdict(look_again_at=T + QUIET)
    assert judge(progress, PATIENCE, T) == waiting
    assert judge(progress, PATIENCE, T + QUIET - 1) == waiting
    assert judge(progress, PATIENCE, T + QUIET) == Verdict(evidence)
    assert judge(progress, PATIENCE, T + OVERDUE) == Verdict(evidence)


INCOMPLETE = {
    "fewer than expected": here(A, expected=2),
    "reported and nothing came": here(NONE, done(AB)),
    "reported, none named, nothing came": here(NONE, done()),
    "discontinued and nothing came": here(NONE, stopped()),
    "expected and nothing came": here(NONE, expected=1),
    "nothing at all": here(NONE),
}


@pytest.mark.parametrize("progress", INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_incomplete_when_it_is_overdue(progress: Progress) -> None:
    waiting = Verdict(look_again_at=T + OVERDUE)
    assert judge(progress, PATIENCE, T) == waiting
    assert judge(progress, PATIENCE, T + QUIET) == waiting
    assert judge(progress, PATIENCE, T + OVERDUE - 1) == waiting
    assert judge(progress, PATIENCE, T + OVERDUE) == Verdict(incomplete=True)


@pytest.mark.parametrize("progress", [here(A, done(at=T + 5)), here(A, done(), at=T + 5)], ids=["report", "image"])
def test_it_is_quiet_from_the_last_news_on(progress: Progress) -> None:
    assert judge(progress, PATIENCE, T + QUIET) == Verdict(look_again_at=T + 5 + QUIET)
    assert judge(progress, PATIENCE, T + 5 + QUIET) == Verdict(Evidence.MPPS_QUIET)


def test_fewer_than_a_template_advises_is_told_and_complete_when_overdue() -> None:
    advised = replace(here(A, expected=2), is_advice=True)
    assert judge(advised, PATIENCE, T + OVERDUE - 1) == Verdict(look_again_at=T + OVERDUE)
    assert judge(advised, PATIENCE, T + OVERDUE) == Verdict(Evidence.QUIET, incomplete=True)
    assert judge(replace(advised, received=2), PATIENCE, T + QUIET) == Verdict(Evidence.COUNT_QUIET)
    nothing = replace(here(NONE, expected=2), is_advice=True)
    assert judge(nothing, PATIENCE, T + OVERDUE) == Verdict(incomplete=True)


def test_incomplete_never_comes_before_quiet() -> None:
    impatient = Patience(quiet_seconds=60, incomplete_after_seconds=1)
    assert judge(here(NONE, done()), impatient, T + QUIET - 1) == Verdict(look_again_at=T + QUIET)
    assert judge(here(NONE, done()), impatient, T + QUIET) == Verdict(incomplete=True)


def test_missing() -> None:
    progress = here(A, done(AB), running(frozenset({"1.3"})))
    assert missing(progress) == {"1.2", "1.3"}
    assert missing(replace(progress, reported=())) == NONE
