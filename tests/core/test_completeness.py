"""How many images a procedure makes, and which of those that came count."""

from datetime import datetime
from typing import Any

import pytest

from dicom_gateway.core.completeness import TEMPLATES, Expected, Template, Templates, counted, shortfall
from dicom_gateway.core.model import Code, InstanceHeader, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import StepStatus


def step(id: str = "s1", *codes: str, **values: Any) -> ScheduledStep:
    protocol = tuple(Code(code, "CDT") for code in codes)
    return ScheduledStep("IO", datetime(2026, 11, 23, 9), 0, id, protocol_codes=protocol, **values)


def procedure(*steps: ScheduledStep, code: str = "") -> RequestedProcedure:
    return RequestedProcedure(steps or (step(),), code=Code(code, "CDT") if code else None)


FOUR = Expected(4, "template", "D0274 bitewings")
GONE = {"status": StepStatus.CANCELED}
EXPECTATIONS = {
    "the order says": (procedure(step(expected_instances=3), code="D0274"), Expected(3, "order")),
    "the procedure's code": (procedure(code="D0274"), FOUR),
    "the protocol's code": (procedure(step("s1", "D0274")), FOUR),
    "the protocol's before the procedure's": (procedure(step("s1", "D0274"), code="D0330"), FOUR),
    "a protocol that nobody knows": (procedure(step("s1", "X1", "D0274")), FOUR),
    "no fixed count": (procedure(code="D0210"), None),
    "nobody knows": (procedure(code="X1"), None),
    "no code": (procedure(), None),
    "a procedure of several steps": (procedure(step("s1"), step("s2"), code="D0274"), None),
    "one step says nothing": (procedure(step("s1", "D0274"), step("s2")), None),
    "both steps": (
        procedure(step("s1", "D0274"), step("s2", "D0330")),
        Expected(5, "template", "D0274 bitewings, D0330 panoramic"),
    ),
    "one by the order, one by a template": (
        procedure(step("s1", expected_instances=2), step("s2", "D0330")),
        Expected(3, "template", "D0330 panoramic"),
    ),
    "a cancelled step": (procedure(step("s1", "D0274"), step("s2", "D0330", **GONE)), FOUR),
    "one has begun": (procedure(step("s1", "D0274", status=StepStatus.STARTED), step("s2", "D0330")), FOUR),
}


@pytest.mark.parametrize(("asked", "expected"), EXPECTATIONS.values(), ids=EXPECTATIONS)
def test_expected(asked: RequestedProcedure, expected: Expected | None) -> None:
    assert Templates().expected(asked) == expected


def test_of_some_steps() -> None:
    assert Templates().expected(procedure(step("s1", "D0274"), step("s2")), ["s1"]) == FOUR
    assert Templates().expected(procedure(step("s1", "D0274"), step("s2")), ["s2"]) is None


def test_a_practice_changes_and_adds_templates() -> None:
    templates = Templates([Template("D0274", 2, "two will do"), Template("OPG", 1, ""), Template("D0330", 0, "")])
    assert templates.expected(procedure(code="D0274")) == Expected(2, "template", "D0274 two will do")
    assert templates.expected(procedure(code="OPG")) == Expected(1, "template", "OPG")
    assert templates.expected(procedure(code="D0330")) is None


def test_each_code_stands_once() -> None:
    codes = [template.code for template in TEMPLATES]
    assert len(codes) == len(set(codes)) and {"D0210", "D0277", "D0368"} <= set(codes)


def image(uid: str, **values: Any) -> InstanceHeader:
    return InstanceHeader(uid, "1.2.840.10008.5.1.4.1.1.1.3", "1.2", "1.2.1", **{"rows": 8, "columns": 8, **values})


RAW, SHOWN = {"presentation_intent": "FOR PROCESSING"}, {"presentation_intent": "FOR PRESENTATION"}
COUNTS = {
    "nothing": ([], ""),
    "images": ([image("1"), image("2")], "1 2"),
    "a rejected one": ([image("1"), image("2"), image("9", rows=None, rejected_uids=("1",))], "2"),
    "a report": ([image("1"), image("2", rows=None)], "1"),
    "a phantom": ([image("1"), image("2", is_quality_control=True)], "1"),
    "raw beside processed": ([image("1", **RAW), image("2", **SHOWN)], "2"),
    "raw alone": ([image("1", **RAW), image("2", **RAW)], "1 2"),
    "raw beside what does not say": ([image("1", **RAW), image("2")], "1 2"),
    "derived beside its source": ([image("1"), image("2", is_derived=True, source_uids=("1",))], "1"),
    "derived from elsewhere": ([image("1"), image("2", is_derived=True, source_uids=("7",))], "1 2"),
    "derived, no source named": ([image("1"), image("2", is_derived=True)], "1 2"),
    "derived of a rejected one": (
        [image("1"), image("2", is_derived=True, source_uids=("1",)), image("9", rows=None, rejected_uids=("1",))],
        "2",
    ),
    "names itself": ([image("1", is_derived=True, source_uids=("1",))], "1"),
    "original with a source": ([image("1"), image("2", source_uids=("1",))], "1 2"),
}


@pytest.mark.parametrize(("headers", "uids"), COUNTS.values(), ids=COUNTS)
def test_what_counts(headers: list[InstanceHeader], uids: str) -> None:
    assert [header.sop_instance_uid for header in counted(headers)] == uids.split()


@pytest.mark.parametrize(
    ("expected", "received", "words"),
    [
        (FOUR, 2, "2 of 4 images (D0274 bitewings)"),
        (FOUR, 4, ""),
        (FOUR, 5, ""),
        (Expected(3, "order"), 0, "0 of 3 images"),
        (None, 0, ""),
    ],
)
def test_shortfall_in_words(expected: Expected | None, received: int, words: str) -> None:
    assert shortfall(expected, received) == words
