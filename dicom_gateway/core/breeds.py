"""Breeds: the names that people write, and their codes (PS3.16 CID 7480, 2,701 breeds).

The names are pydicom's, loaded when the first animal with a breed comes (50 ms, 15 MB; then kept). A name counts when
it is the whole name of one breed of that species, with or without the word for it ("Beagle", "Golden retriever",
"Golden retriever dog breed"); whatever is ambiguous or unknown has no code and is served as the description.
"""

import re
from functools import cache
from typing import Final, NamedTuple

from dicom_gateway.core.model import Code
from dicom_gateway.core.species import squash

_KIND: Final = re.compile(
    r"(?:\s*superbreed)?(?:\s*of)?\s*\b(dog|cat|horse|cattle|cow|pig|sheep|goat|rabbit|chicken)?\s*(?:super)?(?:breed)?$"
)
_KINDS_OF_SPECIES: Final[dict[str, frozenset[str]]] = {
    "448771007": frozenset({"dog"}),
    "448169003": frozenset({"cat"}),
    "35354009": frozenset({"horse"}),
    "34618005": frozenset({"cattle", "cow"}),
    "78678003": frozenset({"pig"}),
    "125099002": frozenset({"sheep"}),
    "125097000": frozenset({"goat"}),
    "36571002": frozenset({"rabbit"}),
}
# What people write -> the name in the dictionary, which spells some breeds in its own way.
_ALIASES: Final = {
    squash(word): squash(name)
    for word, name in {
        "Labrador": "Labrador retriever",
        "Labrador-Retriever": "Labrador retriever",
        "Deutscher Schäferhund": "German shepherd dog",
        "Jack Russell terrier": "Jack Russel terrier",
        "Siberian husky": "Siberian huskie",
        "Doberman": "Doberman pinscher",
        "Dobermann": "Doberman pinscher",
        "Bichon frise": "Bichons frise dog",
        "Saint Bernard": "St. Bernard dog",
        "DSH": "Domestic shorthaired cat",
        "Domestic shorthair": "Domestic shorthaired cat",
        "DLH": "Domestic longhaired cat",
        "Domestic longhair": "Domestic longhaired cat",
        "DMH": "Domestic medium-haired cat",
        "Domestic mediumhair": "Domestic medium-haired cat",
        "British shorthair": "British shorthaired cat",
        "mixed": "Mixed breed",
        "crossbreed": "Mixed breed",
        "mongrel": "Mixed breed",
        "Mischling": "Mixed breed",
    }.items()
}


class _Breed(NamedTuple):
    code: Code
    kind: str  # the animal that its name says; "" when it says none


def breed_code(text: str, species: str = "", species_value: str = "") -> Code | None:
    """Return the code of a breed: by its name or its code value; None if it is unknown, ambiguous, or of an animal
    other than the one meant: `species` as written, `species_value` its code value where it has one."""
    key = squash(text)
    if not key:
        return None
    whole, without_kind = _names()
    key = _ALIASES.get(key, key)
    exact = whole.get(key)
    if exact is not None:
        return exact.code if _fits(exact, species_value) else None
    if species and not species_value:  # an animal that CID 7454 does not know: its breeds are not these
        return None
    found = [breed for breed in without_kind.get(key, ()) if _fits(breed, species_value)]
    return found[0].code if len(found) == 1 else None


def _fits(breed: _Breed, species_value: str) -> bool:
    kinds = _KINDS_OF_SPECIES.get(species_value)
    return not species_value or not breed.kind or (kinds is not None and breed.kind in kinds)


@cache
def _names() -> tuple[dict[str, _Breed], dict[str, list[_Breed]]]:
    """Return the breeds by whole name and code value, and by name without the word for the animal."""
    from pydicom.sr.codedict import codes  # here, not above: it takes 50 ms and 15 MB, which few roles need

    whole: dict[str, _Breed] = {}
    without_kind: dict[str, list[_Breed]] = {}
    context = codes.cid7480
    for name in (name for name in dir(context) if name[0].isupper()):
        entry = getattr(context, name)
        meaning = entry.meaning.lower()
        end = _KIND.search(meaning)
        assert end is not None
        breed = _Breed(Code(entry.value, entry.scheme_designator, entry.meaning), end[1] or "")
        whole |= {squash(word): breed for word in (entry.value, meaning, name, meaning.removesuffix(" breed"))}
        if short := squash(meaning[: end.start()]):
            without_kind.setdefault(short, []).append(breed)
    return whole, without_kind
