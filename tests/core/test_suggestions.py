"""The ranking of orders for a study without one, rule by rule and as a whole."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from dicom_gateway.core.likeness import one_off
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import InstanceHeader, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.side_by_side import compare
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.suggestions import (
    RULES,
    Asked,
    Reason,
    Said,
    asked_by,
    is_of_another,
    rank,
    said_by_images,
    weigh,
)

AT = 1_800_000_000 * SECOND
HOUR = 3600 * SECOND
ASKED = Asked(
    "O1", "RP1", "SPS1", StepStatus.SCHEDULED, "P-0078", "MYPMS", ("CHIP9",), "Müller^Rex", "20200229", "M", "dog",
    "DX", ("A100045",), frozenset({"36"}), frozenset({"DX1"}), AT,
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said("P-0078"), Reason.SAME_ID),
        (Said("P-0078", "MYPMS"), Reason.SAME_ID),
        (Said("P-0078", "OTHER"), Reason.SAME_ID_OTHER_ISSUER),
        (Said("CHIP9"), Reason.OTHER_ID),
        (Said("p0078"), Reason.ID_ZEROS),
        (Said("P-0079"), Reason.ID_ONE_OFF),
        (Said("P-0087"), Reason.ID_ONE_OFF),
        (Said("P-007"), Reason.ID_ONE_OFF),
        (Said(patient_name="MÜLLER^REX"), Reason.SAME_NAME),
        (Said(patient_name="Rex^Müller"), Reason.NAME_PARTS_SWAPPED),
        (Said(patient_name="Mueller^Rex"), Reason.NAME_SOUNDS),
        (Said(patient_name="Mullar^Rex"), Reason.NAME_ONE_OFF),
        (Said(patient_name="Rex"), Reason.NAME_PART),
        (Said(birth_date="20200229"), Reason.SAME_BIRTH_DATE),
        (Said(birth_date="20200228"), Reason.OTHER_BIRTH_DATE),
        (Said(accession_number="A100045"), Reason.SAME_ACCESSION),
        (Said(accession_number="A100054"), Reason.ACCESSION_ALIKE),
        (Said(ae_titles=frozenset({"DX1"})), Reason.SAME_DEVICE),
        (Said(modality="DX"), Reason.SAME_MODALITY),
        (Said(modality="US"), Reason.OTHER_MODALITY),
        (Said(teeth=frozenset({"36", "37"})), Reason.SAME_TEETH),
        (Said(teeth=frozenset({"36"})), Reason.SAME_TEETH),
        (Said(species="Canis lupus familiaris"), Reason.SAME_SPECIES),
        (Said(species="cat"), Reason.OTHER_SPECIES),
        (Said(sex="F"), Reason.OTHER_SEX),
        (Said(at=AT + HOUR), Reason.WITHIN_AN_HOUR),
        (Said(at=AT - 2 * HOUR), Reason.SAME_HALF_DAY),
        (Said(at=AT + 48 * HOUR), Reason.WITHIN_DAYS),
        (Said(), Reason.STILL_OPEN),
    ],
)
def test_each_rule(said: Said, reason: Reason) -> None:
    found = weigh(said, ASKED)
    assert reason in (*found.reasons, *found.against)
    [rule] = [rule for rule in RULES if rule.reason is reason]
    same_kind = {other.reason for other in RULES if other.kind == rule.kind} - {reason}
    assert not same_kind & {*found.reasons, *found.against}
    assert (reason in found.against) == (rule.points < 0)


def test_nothing_speaks_where_nothing_is_known() -> None:
    nothing = Asked("O1", "RP1", "S1", StepStatus.STARTED)
    assert weigh(Said(), nothing) == weigh(Said(), nothing)
    assert weigh(Said(), nothing).reasons == weigh(Said(), nothing).against == ()
    assert weigh(Said("", "", "^"), replace(nothing, patient_name="^^")).score == 0


def test_names_in_other_letters() -> None:
    other = replace(ASKED, patient_name="Yamada^Tarou=山田^太郎")
    assert Reason.NAME_SOUNDS in weigh(Said(patient_name="YAMADA^TAROU"), other).reasons or (
        Reason.SAME_NAME in weigh(Said(patient_name="YAMADA^TAROU"), other).reasons
    )
    russian = replace(ASKED, patient_name="Иванов^Иван")
    assert Reason.NAME_SOUNDS in weigh(Said(patient_name="Ivanov^Ivan"), russian).reasons


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("78", "78", False), ("78", "79", True), ("78", "780", True), ("780", "78", True), ("78", "87", True),
        ("78", "88", True), ("1234", "1243", True), ("1234", "2143", False), ("", "1", True), ("12", "1234", False),
        ("abc", "acb", True), ("abcd", "acbe", False),
    ],
)  # fmt: skip
def test_one_character_off(one: str, other: str, expected: bool) -> None:
    assert one_off(one, other) is one_off(other, one) is expected


def test_the_best_come_first_and_what_only_happens_to_be_open_does_not_come() -> None:
    said = Said("P-0078", patient_name="Muller^Rex", modality="DX", at=AT)
    right = ASKED
    namesake = replace(ASKED, order_id="O2", patient_id="P-9000", other_ids=(), start_utc=AT + 50 * HOUR)
    stranger = replace(
        ASKED, order_id="O3", patient_id="X1", other_ids=(), patient_name="Cat^Tom", start_utc=AT + 900 * HOUR
    )
    neighbour = replace(stranger, order_id="O4", start_utc=AT)  # on that modality at that time: perhaps mixed up
    found = rank(said, [stranger, neighbour, namesake, right], 10)
    assert [one.asked.order_id for one in found] == ["O1", "O2", "O4"]
    assert [one.asked.order_id for one in rank(said, [stranger, namesake, right], 1)] == ["O1"]


def test_a_cancelled_step_and_another_species_fall_behind() -> None:
    said = Said("P-0078", species="cat", at=AT)
    assert weigh(said, ASKED).score < weigh(replace(said, species="dog"), ASKED).score - 40
    assert weigh(said, replace(ASKED, status=StepStatus.CANCELED)).against[-1] is Reason.CANCELED


def test_one_common_tooth_of_many_is_not_the_same_teeth() -> None:
    asked = replace(ASKED, teeth=frozenset({"35", "36", "37"}))
    found = weigh(Said(teeth=frozenset({"36", "46"})), asked)
    assert Reason.SOME_TEETH in found.reasons and Reason.SAME_TEETH not in found.reasons
    assert found.score < weigh(Said(teeth=frozenset({"36", "37"})), asked).score
    assert not {Reason.SOME_TEETH, Reason.SAME_TEETH} & {*weigh(Said(teeth=frozenset({"11"})), asked).reasons}


def test_what_is_complete_and_of_another_patient_comes_last() -> None:
    said = Said("Q-1", patient_name="Roe^Tom", modality="DX", ae_titles=frozenset({"DX1"}), at=AT)
    done = replace(ASKED, order_id="O5", status=StepStatus.COMPLETED)
    open_one = replace(ASKED, order_id="O6", ae_titles=frozenset(), start_utc=AT + 11 * HOUR)
    assert [one.asked.order_id for one in rank(said, [done, open_one], 9)] == ["O6", "O5"]
    assert Reason.COMPLETED in weigh(said, done).against
    assert is_of_another(weigh(said, done))
    assert not is_of_another(weigh(said, replace(done, lacks=True))), "images of it may still come"
    assert not is_of_another(weigh(replace(said, patient_id="P-0078"), done)), "a picture taken later"
    part = weigh(replace(said, patient_name="Smith^Rex"), done)
    assert Reason.NAME_PART in part.reasons and is_of_another(part), "namesakes are not one patient"


def test_what_is_compared_comes_from_order_and_images() -> None:
    patient = Patient(
        "P-78", "Doe^Rex", "MYPMS", date(2020, 2, 29), "M", species="dog", other_ids=(OtherPatientID("C1"),)
    )
    step = ScheduledStep("DX", datetime(2027, 1, 15, 9), AT, "SPS1", station_ae_titles=("DX1",), teeth=("36",))
    procedure = RequestedProcedure((step,), "RP1")
    order = Order("pms", "1", patient, (procedure,), "O1", accession_number="A1", original_accession_number="LONG-A1")
    asked = asked_by(order, procedure, step)
    header = InstanceHeader(
        "1.1", "1.2", "1.3", "1.4", " P-77 ", "", "Doe^Rex", modality="DX", teeth=("36",), species="dog"
    )
    said = said_by_images([header], ["DX1"], AT, "20200229")
    found = {line.field: (line.theirs, line.ours, line.differs) for line in compare(said, asked)}
    assert found["patient_id"] == ("P-77", "P-78", True)
    assert found["patient_name"] == ("Doe^Rex", "Doe^Rex", False)
    assert found["birth_date"] == ("20200229", "20200229", False)
    assert found["accession_number"] == ("", "A1", True)
    assert set(weigh(said, asked).reasons) >= {Reason.SAME_NAME, Reason.SAME_TEETH, Reason.SAME_DEVICE}
