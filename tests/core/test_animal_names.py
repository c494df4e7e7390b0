"""Owner and animal in a name, as a device has them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.animal_names import as_named, names_an_animal, swapped
from dicom_gateway.core.devices import AnimalNames
from dicom_gateway.core.model import Order, Patient, RequestedProcedure, ScheduledStep

STEP = ScheduledStep("DX", datetime(2030, 1, 7), 0)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Smith^Rex", "Rex^Smith"),
        ("Smith", "^Smith"),
        ("Smith^Rex^^Dr", "Rex^Smith^^Dr"),
        ("Yamada^Pochi=山田^ポチ", "Pochi^Yamada=ポチ^山田"),
        ("", ""),
        ("Smith^Rex=", "Rex^Smith="),
    ],
)
def test_swapped(name: str, other: str) -> None:
    assert swapped(name) == other


@given(st.lists(st.tuples(st.text("ab"), st.text("cd", min_size=1)), min_size=1, max_size=3))
def test_twice_is_as_before(groups: list[tuple[str, str]]) -> None:
    name = "=".join("^".join(group) for group in groups)
    assert swapped(swapped(name)) == name


@pytest.mark.parametrize(
    ("patient", "is_animal"),
    [
        (Patient("1", "A^B"), False),
        (Patient("1", "A^B", species="dog"), True),
        (Patient("1", "A^B", breed="Beagle"), True),
        (Patient("1", "A^B", neutered=False), True),
        (Patient("1", "A^B", responsible_organization="Zoo"), True),
        (Patient("1", "A^B", responsible_person="A"), True),
        (Patient("1", "A^B", responsible_person="A", responsible_person_role="OWNER"), True),
        (Patient("1", "A^B", responsible_person="A", responsible_person_role="PARENT"), False),
    ],
    ids=repr,
)
def test_only_the_name_of_an_animal_is_changed_and_only_for_a_device_that_wants_it(
    patient: Patient, is_animal: bool
) -> None:
    order = Order("pms", "1", patient, (RequestedProcedure((STEP,)),))
    assert names_an_animal(patient) is is_animal
    assert as_named(order, AnimalNames.OWNER_FIRST) is order
    assert as_named(order, AnimalNames.ANIMAL_FIRST).patient.name == ("B^A" if is_animal else "A^B")
