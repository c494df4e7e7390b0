"""Words for species, breeds and registries, and the codes that stand for them."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

from dicom_gateway.core.breeds import breed_code
from dicom_gateway.core.model import Code
from dicom_gateway.core.species import REGISTRIES, SPECIES, registry_code, species_code

DOG, CAT, HORSE = "448771007", "448169003", "35354009"


def context_group(name: str) -> dict[str, Code]:
    group = getattr(codes, name)
    entries = {entry: getattr(group, entry) for entry in dir(group) if entry[0].isupper()}
    return {name: Code(entry.value, entry.scheme_designator, entry.meaning) for name, entry in entries.items()}


@pytest.mark.parametrize(("table", "group"), [(SPECIES, "cid7454"), (REGISTRIES, "cid7481")], ids=str)
def test_the_tables_are_those_of_the_dictionary(table: tuple[Code, ...], group: str) -> None:
    assert set(table) == set(context_group(group).values()) and len(set(table)) == len(table)


@pytest.mark.parametrize("code", SPECIES, ids=lambda code: code.meaning)
def test_a_species_is_known_by_its_name_and_its_code(code: Code) -> None:
    assert species_code(code.meaning) == species_code(code.value) == code


WORDS = {
    "dog": DOG,
    "Canine": DOG,
    "HUND": DOG,
    " canine (Dog) ": DOG,
    "Dog / Hund": DOG,
    "cat": CAT,
    "Katze": CAT,
    "Equine": HORSE,
    "chèvre": "125097000",
    "guinea-pig": "125076001",
    "Guinea Pig": "125076001",
    "Canis": "388490000",
    "bird": None,
    "dogs": None,
    "dog/cat": None,
    "cat (ill)": None,
    "": None,
    "()": None,
}


@pytest.mark.parametrize(("word", "value"), WORDS.items(), ids=repr)
def test_a_word_for_a_species(word: str, value: str | None) -> None:
    found = species_code(word)
    assert (found.value if found else None) == value


REGISTRY_WORDS = {"AKC": "109200", "American Kennel Club": "109200", "UKC": "109218", "109221": "109221", "CKC": None}


@pytest.mark.parametrize(("word", "value"), REGISTRY_WORDS.items(), ids=repr)
def test_a_word_for_a_registry(word: str, value: str | None) -> None:
    found = registry_code(word)
    assert (found.value if found else None) == value


BREEDS = [
    ("Labrador Retriever", "dog", DOG, "Labrador retriever dog breed"),
    ("LABRADOR", "", "", "Labrador retriever dog breed"),
    ("LabradorRetrieverDogBreed", "", "", "Labrador retriever dog breed"),
    ("62137007", "", "", "Labrador retriever dog breed"),
    ("Beagle", "", "", "Beagle"),
    ("Golden retriever dog", "dog", DOG, "Golden retriever dog breed"),
    ("Quarter Horse", "horse", HORSE, "Quarter horse breed"),
    ("German Shepherd", "dog", DOG, "German shepherd dog"),
    ("Deutscher Schäferhund", "Hund", DOG, "German shepherd dog"),
    ("DSH", "cat", CAT, "Domestic shorthaired cat"),
    ("Domestic Short Hair", "cat", CAT, "Domestic shorthaired cat"),
    ("Siamese", "cat", CAT, "Siamese cat"),
    ("Siamese", "", "", None),  # a pig too
    ("Icelandic", "horse", HORSE, "Icelandic horse breed"),
    ("mixed", "dog", DOG, "Mixed breed dog"),
    ("Mischling", "", "", None),
    ("Labrador", "cat", CAT, None),
    ("Beagle mix", "dog", DOG, None),
    ("Siamese cat", "dog", DOG, None),
    ("Abtenauer", "bird", "", None),  # an animal without a code has no breeds here
    ("dog", "dog", DOG, None),
    ("breed", "", "", None),
    ("", "dog", DOG, None),
]


@pytest.mark.parametrize(("name", "species", "value", "meaning"), BREEDS, ids=lambda text: text or "none")
def test_a_name_of_a_breed(name: str, species: str, value: str, meaning: str | None) -> None:
    found = breed_code(name, species, value)
    assert (found.meaning if found else None) == meaning


def test_every_breed_is_known_by_its_whole_name_and_its_code() -> None:
    for name, code in context_group("cid7480").items():
        assert breed_code(code.meaning) == breed_code(code.value) == breed_code(name) == code


@given(st.text(max_size=30))
def test_any_text_has_a_code_or_none(text: str) -> None:
    for found in (species_code(text), breed_code(text), registry_code(text)):
        assert found is None or found.value


def test_no_role_loads_the_dictionary_to_start() -> None:
    roles = (
        "dicom_gateway.web.app, dicom_gateway.dicom.server, dicom_gateway.storage.orders, dicom_gateway.study.metadata"
    )
    program = f"import sys, {roles}; sys.exit('pydicom.sr' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
