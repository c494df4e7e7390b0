"""Which of several queries decides, and how keys are spoken of."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from dicom_gateway.core.devices import Device
from dicom_gateway.core.explain import TOGETHER, Asked, Observed, Why, explain_step
from dicom_gateway.core.explain_keys import KeyResult, compare, raw_texts
from dicom_gateway.core.local_time import SECOND, from_instant
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.model import Order, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.worklist_item import ItemValues
from dicom_gateway.core.worklist_values import Item

AT = int(datetime(2026, 11, 23, 10, 0, tzinfo=UTC).timestamp()) * SECOND
STEP = ScheduledStep("DX", datetime(2026, 11, 23, 10, 15), AT, "SPS1", station_ae_titles=("DX1", "DX2"))
PROCEDURE = RequestedProcedure((STEP,), "RP1", study_instance_uid="1.2.3")
ORDER = Order("mypms", "A-1", Patient("0123", "Doe^Rex"), (PROCEDURE,), accession_number="A-1")
MATCHES = KeyResult("Modality", True, "DX", "DX")
DIFFERS = KeyResult("Modality", False, "IO", "DX", "asks for modality IO, the step is DX", "correct it")
STATION = KeyResult("ScheduledStationAETitle", False, "CT1", "DX1", "asks for station CT1, the step is for DX1", "do")
SOMEBODY = KeyResult(
    "PatientID", False, "9", "0123", "asks by PatientID 9, the order has 0123", "type", of_a_person=True
)
YESTERDAY = KeyResult("ScheduledProcedureStepStartDate", False, "2026-11-22", "2026-11-23", "asks for 2026-11-22", "do")


def asked(minutes: float, *keys: KeyResult, **values: Any) -> Asked:
    return Asked(AT + round(minutes * 60) * SECOND, "192.0.2.9", 0, 1, 1, keys=keys, **values)


def observed(*queries: Asked, **values: Any) -> Observed:
    found = Observed(
        step=STEP,
        device=Device("DX1"),
        refusal="",
        attempts=(),
        used={"worklist": AT},
        queries=queries,
        served=None,
        changed_at=AT - 3600 * SECOND,
        is_changed=False,
        not_before="",
        max_answers=5000,
        when=lambda instant: f"{from_instant(instant):%Y-%m-%d %H:%M}",
    )
    return replace(found, **values)


DECIDING = [
    ("one that finds it", (asked(0, MATCHES),), Why.ON_IT, "is on it: served at 2026-11-23 10:00"),
    ("the last one", (asked(60, STATION), asked(0, MATCHES)), Why.KEYS, STATION.reason),
    ("one of those asked together", (asked(1, DIFFERS), asked(0, MATCHES)), Why.ON_IT, "served"),
    ("no longer together", (asked(TOGETHER / SECOND / 60 + 1, DIFFERS), asked(0, MATCHES)), Why.KEYS, DIFFERS.reason),
    ("not one for somebody else", (asked(60, SOMEBODY), asked(0, STATION)), Why.KEYS, STATION.reason),
    ("one for somebody else, when there are no others", (asked(60, SOMEBODY),), Why.KEYS, SOMEBODY.reason),
    ("the nearest", (asked(1, DIFFERS, STATION), asked(0, DIFFERS)), Why.KEYS, DIFFERS.reason),
    ("every key that differs", (asked(1, DIFFERS, STATION),), Why.KEYS, f"{DIFFERS.reason}; {STATION.reason}"),
]


@pytest.mark.parametrize(
    ("queries", "why", "words"), [case[1:] for case in DECIDING], ids=[case[0] for case in DECIDING]
)
def test_which_query_decides(queries: tuple[Asked, ...], why: Why, words: str) -> None:
    verdict, of_queries = explain_step(observed(*queries))
    assert verdict.why is why and words in verdict.reason
    assert len(of_queries) == len(queries)


@pytest.mark.parametrize(
    ("newest", "words", "action"),
    [
        (asked(2, DIFFERS), f"; its last query of 10:02 did not find it: {DIFFERS.reason}", DIFFERS.action),
        (asked(2, SOMEBODY), f"; its last query of 10:02 did not find it: {SOMEBODY.reason}", SOMEBODY.action),
        (asked(2, MATCHES), "", ""),
        (asked(60, SOMEBODY), "", ""),
        (asked(-2, DIFFERS), "", ""),
    ],
    ids=["another modality", "somebody else", "found again", "much later", "earlier"],
)
def test_a_step_that_the_newest_query_missed(newest: Asked, words: str, action: str) -> None:
    shown = 2 if newest.keys == (MATCHES,) else 0
    verdict, _ = explain_step(observed(newest, asked(0, MATCHES)))
    served = f"is on it: served at 2026-11-23 10:0{shown}"
    assert (verdict.why, verdict.reason, verdict.action) == (Why.ON_IT, served + words, action)
    known = explain_step(observed(newest, asked(0, MATCHES), served=(AT, AT)))[0]
    assert "it was served until" not in known.reason


def test_where_only_searches_for_somebody_are_left() -> None:
    verdict, _ = explain_step(observed(asked(0, SOMEBODY)))
    only = f"every query that is kept looks for somebody, none finds this one: {SOMEBODY.reason}"
    assert (verdict.why, verdict.reason, verdict.action) == (Why.KEYS, only, "type")
    elsewhere, _ = explain_step(observed(asked(0, SOMEBODY), device=Device("CT1")))
    assert elsewhere.reason == f"the step is for DX1 or DX2, not for CT1; {only}"
    assert elsewhere.action.startswith("send the order with this station")
    both, _ = explain_step(observed(asked(0, STATION, SOMEBODY), device=Device("CT1")))
    assert both.reason.startswith("every query") and STATION.reason in both.reason


def test_a_device_that_differs_in_capitals_is_named_first() -> None:
    never = {"used": {}, "device": Device("dx1")}
    verdict, _ = explain_step(observed(**never, alike="DX1"))
    assert verdict.why is Why.NEVER_SEEN
    assert verdict.reason.startswith("there is a device DX1, which differs in capitals only; dx1 has never")
    assert "DX1" in verdict.action
    assert "capitals" not in explain_step(observed(**never))[0].reason


def test_a_query_of_yesterday_is_asked_again() -> None:
    verdict, _ = explain_step(observed(asked(-24 * 60, YESTERDAY)))
    assert (verdict.why, verdict.action) == (Why.KEYS, "ask again: the last query was of 2026-11-22 10:00")


def test_a_query_that_was_cancelled() -> None:
    cancelled = replace(asked(0, MATCHES), status=0xFE00)
    assert explain_step(observed(cancelled))[0].why is Why.CANCELLED
    assert explain_step(observed(cancelled, served=(AT, AT)))[0].why is Why.ON_IT


def test_a_query_that_failed() -> None:
    verdict, _ = explain_step(observed(replace(asked(0, MATCHES), status=0xA700)))
    assert (verdict.why, verdict.reason) == (
        Why.FAILED,
        "its query of 2026-11-23 10:00 failed with status A700: the database could not be read then",
    )


def test_a_step_that_was_served_before_it_changed_is_on_it() -> None:
    changed = {"changed_at": AT + 60 * SECOND, "is_changed": True}
    assert explain_step(observed(asked(0, MATCHES), **changed))[0].why is Why.ASKED_BEFORE
    assert explain_step(observed(asked(0, MATCHES), served=(AT, AT), **changed))[0].why is Why.ON_IT


def result(name: str = "Doe^Rex", **keys: Any) -> KeyResult:
    """Return what is said of the only key of a query."""
    query, step = Dataset(), Dataset()
    for keyword, value in keys.items():
        setattr(step if keyword.startswith("Scheduled") or keyword == "Modality" else query, keyword, value)
    query.ScheduledProcedureStepSequence = Items([step])
    item = ItemValues(Item(replace(ORDER, patient=Patient("0123", name)), PROCEDURE, STEP))
    compiled = compile_query(query)
    (found,) = compare(compiled, item, raw=raw_texts(query), carries=lambda text: True)
    assert found.matched is compiled.matches(item)
    return found


SPOKEN = [
    ({"ScheduledStationAETitle": "DX2"}, ""),
    ({"ScheduledStationAETitle": ["CT1", "CT2"]}, "asks for station CT1 or CT2, the step is for DX1 or DX2"),
    ({"ScheduledProcedureStepStartDate": "20261124-"}, "asks for 2026-11-24 or later, the step is on 2026-11-23"),
    ({"ScheduledProcedureStepStartDate": "-20261122"}, "asks for 2026-11-22 or earlier, the step is on 2026-11-23"),
    ({"ScheduledProcedureStepStartTime": "101530"}, "asks for the time 10:15:30, the step is at 10:15"),
    ({"PatientID": "123"}, "asks by PatientID 123, the order has 0123 (leading zeros count)"),
    (
        {"PatientID": "012"},
        "asks by PatientID 012, the order has 0123 (the whole value is compared; * stands for any characters)",
    ),
    ({"PatientID": "9*"}, "asks by PatientID 9*, the order has 0123"),
    ({"IssuerOfPatientID": "X"}, "asks by IssuerOfPatientID X, the order has none"),
    (
        {"PatientName": "Rex"},
        "asks by name Rex, the order has Doe^Rex (the whole value is compared; * stands for any characters)",
    ),
]


@pytest.mark.parametrize(("keys", "reason"), SPOKEN, ids=[str(keys) for keys, _ in SPOKEN])
def test_how_a_key_is_spoken_of(keys: dict[str, Any], reason: str) -> None:
    found = result(**keys)
    assert (found.reason, found.matched) == (reason, not reason)
    assert bool(found.action) is not found.matched


@pytest.mark.parametrize(
    ("name", "key", "hint"),
    [
        ("Müller^Rex", "Mueller*", " (accents do not count, but ue is not ü)"),
        ("Müller^Rex", "Rex*", " (begin with *: this is a later part of the name)"),
        ("Müller^Rex", "muller^rex^x*", ""),
        ("Doe^Rex", "Doe Rex*", " (^ between the parts, no blank)"),
        ("Doe^Rex", "Doe Rex", " (^ between the parts, no blank)"),
        ("Doe^Rex", "Roe*", ""),
        (
            "Иванов^Rex",
            "Ivanov*",
            " (so a device shows it that gets names transliterated; they are compared as ordered)",
        ),
    ],
)
def test_hints_for_names(name: str, key: str, hint: str) -> None:
    found = result(name, PatientName=key)
    assert found.reason == f"asks by name {key}, the order has {name}{hint}"
    assert found.action.startswith("ask by patient id") is ("transliterated" in hint)
