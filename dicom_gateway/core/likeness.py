"""How alike are two identifiers or two names that people typed: what differs by a slip of the hand or by the alphabet.

Names are compared folded (without case and accents), component by component, and as they may be written in Latin
letters. Nothing here decides who somebody is.
"""

from functools import lru_cache
from typing import Final

from dicom_gateway.core.folding import fold
from dicom_gateway.core.species import squash
from dicom_gateway.core.transliteration import transliterated

_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


def bare(identifier: str) -> str:
    """Return an identifier without case, signs and leading zeros."""
    return squash(identifier).lstrip("0")


def one_off(one: str, other: str) -> bool:
    """Say whether two texts differ by one character: another one, one more, one less, or two that changed places."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, theirs = one[start:], other[start:]
    if rest[1:] in (theirs[1:], theirs) or rest == theirs[1:]:
        return True
    return len(rest) > 1 and rest[:2] == theirs[1::-1] and rest[2:] == theirs[2:]


@lru_cache(8192)  # a ranking asks for each name many times
def name_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a name's first component group that is not empty, folded."""
    group = next((group for group in name.split("=") if group.strip("^ ")), "")
    return tuple(part for component in group.split("^") for part in fold(component).replace(",", " ").split())


@lru_cache(8192)
def spellings(name: str) -> frozenset[tuple[str, ...]]:
    """Return a name as it may be written in Latin letters, its parts sorted."""
    written = {name.translate(_UMLAUTS), name, *name.split("=")}
    latin = {transliterated(one, "PN", str.isascii) for one in written if one.strip("^= ")}
    return frozenset(tuple(sorted(name_parts(one))) for one in latin) - {()}
