"""Every verdict that core/explain.py can give is said in words of the page."""

from dataclasses import replace
from typing import Any

import pytest

from dicom_gateway.core.devices import Device, Service
from dicom_gateway.core.explain import (
    OTHER_CALLED,
    OUT_OF_RESOURCES,
    UNKNOWN,
    WRONG_ADDRESS,
    Attempt,
    Observed,
    Why,
    explain_step,
)
from dicom_gateway.core.explain_answer import step_document
from dicom_gateway.core.explain_keys import _BY_ID, _HINTS, _OTHERWISE, WORDS
from dicom_gateway.core.status import StepStatus
from dicom_gateway.web.pages.language import Text, language
from dicom_gateway.web.pages.why import VERDICTS
from dicom_gateway.web.pages.why_words import HINTS, action_of, differences, reason_of
from tests.core.test_explain import AT, MATCHES, SOMEBODY, STATION, STEP, asked, observed
from tests.core.test_explain import YESTERDAY as OTHER_DAY

SECOND = 1_000_000
YESTERDAY = replace(OTHER_DAY, action=WORDS["ScheduledProcedureStepStartDate"].action)
TRIED = Attempt(AT, "192.0.2.9", "OTHERGATE", UNKNOWN)
BEGUN = replace(STEP, status=StepStatus.STARTED)
HIDES = Device("DX1", hides_started=True)
FAILED = replace(asked(0, MATCHES), status=0x0110)
CASES: dict[str, tuple[Why, Observed]] = {
    "unknown, tried": (Why.UNKNOWN_DEVICE, observed(refusal=UNKNOWN, attempts=(TRIED,))),
    "unknown, never tried": (Why.UNKNOWN_DEVICE, observed(refusal=UNKNOWN)),
    "alike": (Why.UNKNOWN_DEVICE, observed(refusal=UNKNOWN, alike="dx1")),
    "refused for its address": (
        Why.REFUSED,
        observed(refusal=WRONG_ADDRESS, attempts=(replace(TRIED, at=AT + SECOND),)),
    ),
    "refused for another AE title": (
        Why.REFUSED,
        observed(attempts=(Attempt(AT + SECOND, "192.0.2.9", "X", OTHER_CALLED),)),
    ),
    "refused before": (Why.REFUSED, observed(attempts=(replace(TRIED, at=AT + SECOND),))),
    "refused now": (Why.REFUSED, observed(asked(0, MATCHES), refusal=WRONG_ADDRESS)),
    "not allowed": (Why.NOT_ALLOWED, observed(device=Device("DX1", services=frozenset({Service.STORAGE})))),
    "never seen": (Why.NEVER_SEEN, observed(used={})),
    **{
        f"never asked, {used}": (Why.NEVER_ASKED, observed(used={used: AT}))
        for used in ("storage", "mpps", "verification", "association")
    },
    "query not kept": (Why.NEVER_ASKED, observed(used={"worklist": AT, "association": AT})),
    "unreadable": (Why.UNREADABLE, observed(asked(0, readable=False))),
    "ended": (Why.HIDDEN, observed(asked(0, MATCHES), step=replace(STEP, status=StepStatus.COMPLETED))),
    "ended, was served": (
        Why.HIDDEN,
        observed(asked(0, MATCHES), step=replace(STEP, status=StepStatus.COMPLETED), served=(AT, AT)),
    ),
    "begun": (Why.HIDDEN, observed(asked(0, MATCHES), step=BEGUN, device=HIDES)),
    "too old": (Why.TOO_OLD, observed(asked(0, MATCHES), not_before="20261124")),
    "not to be encoded": (Why.CHARACTER_SET, observed(asked(0, MATCHES, unencodable="step SPS9: no"))),
    "too many": (Why.TOO_MANY, observed(asked(0, MATCHES, too_many=True))),
    "failed": (Why.FAILED, observed(FAILED)),
    "database away": (Why.FAILED, observed(replace(FAILED, status=OUT_OF_RESOURCES))),
    "asked before": (Why.ASKED_BEFORE, observed(asked(0, MATCHES), changed_at=AT + SECOND)),
    "asked before a change": (
        Why.ASKED_BEFORE,
        observed(asked(0, MATCHES), changed_at=AT + SECOND, is_changed=True),
    ),
    "cancelled": (Why.CANCELLED, observed(replace(asked(0, MATCHES), status=0xFE00))),
    "found, but not by the last": (Why.ON_IT, observed(asked(1, YESTERDAY), asked(0, MATCHES))),
}


@pytest.mark.parametrize(("why", "seen"), CASES.values(), ids=CASES)
def test_a_verdict_has_words(why: Why, seen: Observed) -> None:
    verdict, _ = explain_step(seen)
    assert verdict.why is why and verdict.why in VERDICTS
    english = language("en")
    reason = reason_of(verdict.reason)
    assert isinstance(reason, Text), verdict.reason
    assert english.say(reason).endswith(".") and "%" not in english.say(reason)
    if verdict.action:
        advice = action_of(verdict.action)
        assert isinstance(advice, Text), verdict.action
        assert english.say(advice).endswith(".")


def test_all_verdicts_are_tried() -> None:
    assert {why for why, _ in CASES.values()} == set(Why) - {Why.KEYS}


@pytest.mark.parametrize("action", sorted({words.action for words in WORDS.values()} | {_OTHERWISE.action, _BY_ID}))
def test_an_advice_about_a_key_has_words(action: str) -> None:
    assert isinstance(action_of(action), Text)


def test_an_advice_for_another_day_has_words() -> None:
    seen = observed(replace(asked(0, YESTERDAY), at=AT - 24 * 3600 * SECOND))
    advice = action_of(explain_step(seen)[0].action)
    assert isinstance(advice, Text) and "2026-11-22" in language("en").say(advice)


def test_hints_of_values_that_look_alike_have_words() -> None:
    written = {words for _, words in _HINTS}
    assert set(HINTS) <= written
    assert {words for words in written - set(HINTS)} == {
        "so a device shows it that gets names transliterated; they are compared as ordered"
    }


def of_keys(*keys: Any) -> dict[str, Any]:
    seen = observed(asked(0, *keys))
    return step_document(seen, *explain_step(seen))


def test_differing_keys_are_listed() -> None:
    (found,) = differences(of_keys(MATCHES, STATION))
    assert (found.asked, found.has, found.hint) == ("CT1", "DX1", None)
    assert language("en").say(found.key) == "Station (AE title)"
    hinted = replace(SOMEBODY, reason=f"{SOMEBODY.reason} (leading zeros count)")
    assert [one.hint for one in differences(of_keys(STATION, hinted))] == [None, HINTS["leading zeros count"]]
    assert differences(of_keys(MATCHES)) == []


def test_what_nobody_knows_stays_as_it_is() -> None:
    assert reason_of("something new") == "something new" == action_of("something new")
    assert action_of(None) == ""
