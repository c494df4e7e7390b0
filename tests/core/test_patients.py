"""Updates and merges of a patient's record, and images of a patient whose record was merged."""

from dataclasses import fields
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.linking import Candidate, LinkKeys, patient_agrees
from dicom_gateway.core.model import Code, OtherPatientID, Patient
from dicom_gateway.core.patients import (
    FIELDS,
    Identity,
    MergeRefused,
    checked_id,
    identity,
    joined,
    refuse_other_species,
    updated,
)
from dicom_gateway.core.status import StepStatus
from dicom_gateway.errors import InvalidValue

DOG, CAT = Code("448771007", "SCT", "Canis lupus"), Code("448169003", "SCT", "Felis catus")
REX = Patient(
    "P-78", "Doe^Rex", issuer="MYPMS", birth_date=date(2019, 5, 1), sex="M", weight_kg=31.5, species="Dog",
    species_code=DOG, breed="Beagle", breed_codes=(Code("1", "SCT"),), neutered=True, allergies=("latex",),
)  # fmt: skip


def a_patient(**values: Any) -> Patient:
    return Patient(**({"id": "P-1", "name": "Doe"} | values))


UPDATES = {
    "nothing is named": ((), {"name": "Other"}, {}),
    "a name": (("name",), {"name": "Doe^Max", "sex": "F"}, {"name": "Doe^Max"}),
    "a field that is deleted": (("birth_date", "sex"), {}, {"birth_date": None, "sex": ""}),
    "a fact that is false": (("neutered",), {"neutered": False}, {"neutered": False}),
    "a list": (("allergies",), {"allergies": ()}, {"allergies": ()}),
    "words take their code": (
        ("species",), {"species": "Cat", "species_code": CAT}, {"species": "Cat", "species_code": CAT},
    ),
    "words without a code leave none": (("breed",), {"breed": "Mix"}, {"breed": "Mix", "breed_codes": ()}),
    "a code takes its words": (
        ("species_code",), {"species": "Cat", "species_code": CAT}, {"species": "Cat", "species_code": CAT},
    ),
    "the identity stays": (("id", "issuer"), {"id": "other", "issuer": "other"}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("named", "news", "changes"), UPDATES.values(), ids=UPDATES)
def test_an_update_changes_what_it_names(named: tuple[str, ...], news: Any, changes: Any) -> None:
    assert updated(REX, a_patient(**news), frozenset(named)) == REX.evolve(**changes)


@pytest.mark.parametrize(
    ("named", "field"),
    [({"name"}, "patient.name"), ({"colour", "sex"}, "patient.colour")],
    ids=["a name is needed", "no such field"],
)
def test_an_update_that_cannot_be(named: set[str], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        updated(REX, a_patient(name=""), frozenset(named))
    assert refused.value.field == field


@given(st.sets(st.sampled_from(sorted(FIELDS))))
def test_what_is_not_named_stays(named: set[str]) -> None:
    news = Patient("P-78", "New^Name", issuer="MYPMS")
    after = updated(REX, news, frozenset(named))
    with_codes = named | {
        other for pair in (("species", "species_code"), ("breed", "breed_codes")) for other in pair if named & set(pair)
    }
    for field in fields(Patient):
        expected = news if field.name in with_codes else REX
        assert getattr(after, field.name) == getattr(expected, field.name)


def test_a_joined_record_is_of_the_first_and_completed_by_the_others() -> None:
    first = a_patient(weight_kg=30.0, species="Dog", allergies=("iodine",), neutered=False)
    second = REX.evolve(other_ids=(OtherPatientID("276"),))
    assert joined((first, second)) == REX.evolve(
        id="P-1", issuer="", name="Doe", weight_kg=30.0, species_code=None, neutered=False,
        allergies=("iodine", "latex"), other_ids=(OtherPatientID("276"),),
    )  # fmt: skip


@given(st.permutations([REX, a_patient(allergies=("iodine", "latex")), a_patient(medical_alerts=("bites",))]))
def test_a_joined_record_loses_no_warning(records: list[Patient]) -> None:
    found = joined(records)
    assert (found.id, found.issuer) == (records[0].id, records[0].issuer)
    assert sorted(found.allergies) == ["iodine", "latex"]
    assert found.medical_alerts == ("bites",)
    assert joined([found, *records]) == found


SPECIES = {
    "unknown of one": ({}, {"species": "Dog"}, True),
    "the same words": ({"species": "rabbit "}, {"species": "Rabbit"}, True),
    "other words": ({"species": "Rabbit"}, {"species": "Hamster"}, False),
    "the same code": ({"species": "Hund", "species_code": DOG}, {"species": "Dog", "species_code": DOG}, True),
    "other codes": ({"species": "pet", "species_code": DOG}, {"species": "pet", "species_code": CAT}, False),
    "a person and a person": ({"sex": "F"}, {"sex": "F"}, True),
}


@pytest.mark.parametrize(("one", "other", "is_fine"), SPECIES.values(), ids=SPECIES)
def test_species(one: Any, other: Any, is_fine: bool) -> None:
    records = ([None, a_patient(), a_patient(**one)], [a_patient(**other), a_patient(species="Fish")])
    if is_fine:
        refuse_other_species(*records)
    else:
        with pytest.raises(MergeRefused):
            refuse_other_species(*records)


def test_an_id_without_an_issuer_is_of_its_source() -> None:
    assert identity("", "1", "a") != identity("", "1", "b")
    assert identity("ISS", "1", "a") == identity("ISS", "1", "b") == Identity("ISS", "1")


@pytest.mark.parametrize("bad", ["", "  ", "A" * 65, "a\nb", "a\\b", "a\x00"], ids=repr)
def test_ids_that_are_none(bad: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        checked_id(bad, "old.id")
    assert refused.value.field == "old.id"
    assert checked_id(" P-1 ", "old.id") == "P-1"


AGREES = {
    "its own": ("P-1", "", True),
    "one merged with it": ("P-0", "", True),
    "one merged with it, of its issuer": (" P-0", "ISS", True),
    "one merged with it, of another issuer": ("P-0", "OTHER", False),
    "another": ("P-2", "", False),
    "none": ("", "", False),
}


@pytest.mark.parametrize(("patient_id", "issuer", "agrees"), AGREES.values(), ids=AGREES)
def test_an_image_agrees_with_what_was_merged(patient_id: str, issuer: str, agrees: bool) -> None:
    candidate = Candidate(
        "o", "RP", "1.2", "S", StepStatus.SCHEDULED, "DX", "A", "P-1", "ISS", other_patient_ids=("P-1", "P-0")
    )
    assert patient_agrees(LinkKeys("1.2", "", patient_id, issuer), candidate) is agrees
