"""Which order is meant: each rule, each reason, and whose images they are."""

from typing import Any

import pytest

from dicom_gateway.core.linking import LINKED, Candidate, LinkKeys, LinkReason, link, patient_agrees
from dicom_gateway.core.model import StepReference
from dicom_gateway.core.status import StepStatus

STUDY, OTHER_STUDY, FOREIGN = "1.2.1", "1.2.2", "1.2.99"


def a_step(step_id: str = "S1", **changes: Any) -> Candidate:
    values: dict[str, Any] = {
        "order_id": "O1",
        "requested_procedure_id": "P1",
        "study_instance_uid": STUDY,
        "step_id": step_id,
        "step_status": StepStatus.SCHEDULED,
        "modality": "DX",
        "accession_number": "ACC1",
        "patient_id": "P-78",
        "issuer": "MYPMS",
    }
    return Candidate(**(values | changes))


def keys(**changes: Any) -> LinkKeys:
    values: dict[str, Any] = {
        "study_instance_uid": FOREIGN,
        "accession_number": "",
        "patient_id": "P-78",
        "issuer": "MYPMS",
        "modality": "DX",
    }
    return LinkKeys(**(values | changes))


ONE = a_step()
TWO = a_step("S2", modality="CR")
THREE = a_step("S3", requested_procedure_id="P2", study_instance_uid=OTHER_STUDY)
ALL = (ONE, TWO, THREE)


def reference(
    study: str = STUDY, step: str = "S2", accession: str = "", procedure: str = ""
) -> tuple[StepReference, ...]:
    return (StepReference(study, accession, procedure, step),)


@pytest.mark.parametrize(
    ("found", "reason", "steps"),
    [
        (keys(performed=(("O1", "S2"),)), LinkReason.PERFORMED_STEP, "S2"),
        (keys(performed=(("O1", "S2"),), study_instance_uid=OTHER_STUDY), LinkReason.PERFORMED_STEP, "S2"),
        (keys(performed=(("O1", "S1"),), references=reference(step="S2")), LinkReason.PERFORMED_STEP, "S1"),
        (
            keys(performed=(("O1", "S1"), ("O1", "S2")), references=reference(step="S2")),
            LinkReason.PERFORMED_STEP,
            "S2",
        ),
        (keys(performed=(("O1", "S1"), ("O1", "S2")), modality="US"), LinkReason.PERFORMED_STEP, "S1 S2"),
        (
            keys(performed=(("O1", "S1"), ("O1", "S3")), study_instance_uid=OTHER_STUDY),
            LinkReason.PERFORMED_STEP,
            "S3",
        ),
        (keys(performed=(("O1", "S1"), ("O1", "S3"))), LinkReason.PERFORMED_STEP, "S1"),
        (keys(references=reference()), LinkReason.STEP_REFERENCE, "S2"),
        (keys(references=reference(step=" S2 ")), LinkReason.STEP_REFERENCE, "S2"),
        (keys(references=reference(FOREIGN, "S2", "ACC1", "P1")), LinkReason.STEP_REFERENCE, "S2"),
        (keys(references=reference(FOREIGN, "S2", "ACC1"), modality="CR"), LinkReason.SEVERAL_PROCEDURES, ""),
        (keys(references=reference(FOREIGN, "S2")), LinkReason.NO_ORDER, ""),
        (keys(references=reference(STUDY, "S9")), LinkReason.STUDY_UID, "S1"),
        (keys(references=reference(STUDY, "")), LinkReason.STUDY_UID, "S1"),
        (keys(study_instance_uid=OTHER_STUDY, references=reference(STUDY, "")), LinkReason.STUDY_UID, "S3"),
        (keys(study_instance_uid=STUDY), LinkReason.STUDY_UID, "S1"),
        (keys(study_instance_uid=STUDY, modality="CR"), LinkReason.STUDY_UID, "S2"),
        (keys(study_instance_uid=STUDY, modality="US"), LinkReason.STUDY_UID, "S1 S2"),
        (keys(study_instance_uid=STUDY, named_by=(("O1", "S2"),)), LinkReason.STUDY_UID, "S2"),
        (keys(study_instance_uid=STUDY, named_by=(("O2", "S2"),)), LinkReason.STUDY_UID, "S1"),
        (keys(study_instance_uid=STUDY, accession_number="ACC9"), LinkReason.STUDY_UID, "S1"),
        (keys(accession_number="ACC9"), LinkReason.NO_ORDER, ""),
        (keys(), LinkReason.NO_ORDER, ""),
    ],
)
def test_the_rules(found: LinkKeys, reason: LinkReason, steps: str) -> None:
    decided = link(found, ALL)
    assert decided.reason is reason
    assert " ".join(step.step_id for step in decided.steps) == steps
    assert (decided.reason in LINKED) == bool(decided.order_id)
    assert len({(s.order_id, s.requested_procedure_id) for s in decided.steps}) <= 1


@pytest.mark.parametrize(
    ("statuses", "reason", "steps"),
    [
        ("SCHEDULED SCHEDULED", LinkReason.SEVERAL_PROCEDURES, ""),
        ("STARTED SCHEDULED", LinkReason.SEVERAL_PROCEDURES, ""),
        ("COMPLETED SCHEDULED", LinkReason.ACCESSION, "S3"),
        ("DISCONTINUED STARTED", LinkReason.ACCESSION, "S3"),
        ("CANCELED SCHEDULED", LinkReason.ACCESSION, "S3"),
        ("SCHEDULED COMPLETED", LinkReason.ACCESSION, "S1"),
        ("COMPLETED COMPLETED", LinkReason.SEVERAL_PROCEDURES, ""),
        ("CANCELED CANCELED", LinkReason.CANCELED, ""),
        ("COMPLETED CANCELED", LinkReason.ACCESSION, "S1"),
    ],
)
def test_the_accession_number_of_two_procedures(statuses: str, reason: LinkReason, steps: str) -> None:
    one, three = (StepStatus(status) for status in statuses.split())
    found = [a_step(step_status=one), a_step("S3", requested_procedure_id="P2", step_status=three)]
    decided = link(keys(accession_number=" ACC1 "), found)
    assert (decided.reason, " ".join(step.step_id for step in decided.steps)) == (reason, steps)
    assert bool(decided.candidates) == (not steps)


@pytest.mark.parametrize("number", ["ACC1", "ORIGINAL", " ORIGINAL "])
def test_the_accession_number_of_one_procedure(number: str) -> None:
    ended = a_step(step_status=StepStatus.COMPLETED, original_accession_number="ORIGINAL")
    decided = link(keys(accession_number=number), [ended])
    assert (decided.reason, decided.step_id) == (LinkReason.ACCESSION, "S1")


def test_an_empty_accession_number_is_no_key() -> None:
    assert link(keys(accession_number=" "), [a_step(accession_number="")]).reason is LinkReason.NO_ORDER


@pytest.mark.parametrize(
    ("step", "accession", "procedure"),
    [("S1", "ACC1", "P1"), ("LONG-STEP", "LONG-ACC", "LONG-PROC"), ("S1", "LONG-ACC", "P1")],
)
def test_references_may_hold_the_original_ids(step: str, accession: str, procedure: str) -> None:
    candidate = a_step(
        original_step_id="LONG-STEP", original_accession_number="LONG-ACC", original_procedure_id="LONG-PROC"
    )
    decided = link(keys(references=reference(FOREIGN, step, accession, procedure)), [candidate])
    assert decided.reason is LinkReason.STEP_REFERENCE


POINTS = {
    LinkReason.PERFORMED_STEP: {"performed": (("O1", "S1"),)},
    LinkReason.STEP_REFERENCE: {"references": reference(step="S1")},
    LinkReason.STUDY_UID: {"study_instance_uid": STUDY},
    LinkReason.ACCESSION: {"accession_number": "ACC1"},
}


@pytest.mark.parametrize("reason", POINTS, ids=lambda reason: reason.name)
@pytest.mark.parametrize(
    ("patient", "agrees"),
    [
        ({}, True),
        ({"patient_id": " P-78 "}, True),
        ({"issuer": ""}, True),
        ({"patient_id": "P-79"}, False),
        ({"patient_id": "p-78"}, False),
        ({"patient_id": "P-7"}, False),
        ({"patient_id": ""}, False),
        ({"patient_id": "", "empty_patient_agrees": True}, True),
        ({"patient_id": " ", "empty_patient_agrees": True}, True),
        ({"patient_id": "P-79", "empty_patient_agrees": True}, False),
        ({"issuer": "OTHER"}, False),
        ({"issuer": "OTHER", "empty_patient_agrees": True}, False),
    ],
    ids=str,
)
def test_every_rule_holds_only_if_the_patient_agrees(reason: LinkReason, patient: dict[str, Any], agrees: bool) -> None:
    decided = link(keys(**POINTS[reason], **patient), [ONE])
    assert decided.reason is (reason if agrees else LinkReason.PATIENT_DIFFERS)
    assert decided.steps == ((ONE,) if agrees else ())
    assert decided.candidates == (() if agrees else (ONE,))


def test_an_order_without_issuer_agrees_with_any() -> None:
    assert patient_agrees(keys(issuer="OTHER"), a_step(issuer=""))
    assert not patient_agrees(keys(issuer="OTHER"), a_step(issuer="MYPMS"))


def test_a_patient_who_differs_is_not_looked_for_by_a_weaker_rule() -> None:
    stranger = a_step(patient_id="P-79")
    mine = a_step("S9", order_id="O2", study_instance_uid=OTHER_STUDY)
    decided = link(keys(performed=(("O1", "S1"),), study_instance_uid=OTHER_STUDY), [stranger, mine])
    assert decided.reason is LinkReason.PATIENT_DIFFERS


@pytest.mark.parametrize("reason", POINTS, ids=lambda reason: reason.name)
def test_a_cancelled_order_waits(reason: LinkReason) -> None:
    cancelled = a_step(step_status=StepStatus.CANCELED)
    decided = link(keys(**POINTS[reason]), [cancelled])
    assert (decided.reason, decided.order_id, decided.candidates) == (LinkReason.CANCELED, "", (cancelled,))


def test_a_cancelled_step_beside_another_is_left_out() -> None:
    decided = link(keys(study_instance_uid=STUDY), [a_step(step_status=StepStatus.CANCELED), a_step("S2")])
    assert (decided.reason, decided.step_id) == (LinkReason.STUDY_UID, "S2")


def test_what_a_link_says() -> None:
    one, both, none = (link(keys(study_instance_uid=uid, modality="US"), ALL) for uid in (OTHER_STUDY, STUDY, FOREIGN))
    assert (one.order_id, one.requested_procedure_id, one.step_id) == ("O1", "P2", "S3")
    assert (both.order_id, both.requested_procedure_id, both.step_id) == ("O1", "P1", "")
    assert (none.order_id, none.requested_procedure_id, none.step_id) == ("", "", "")
