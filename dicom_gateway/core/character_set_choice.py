"""In which character set a device is answered: the smallest that carries the whole answer of those that it reads.

A configured list says what it reads. Without one a query does that names a set; else it is ISO_IR 100 or ISO_IR 192.
ASCII is always allowed. In a list ISO_IR 192 comes first for what is beyond ASCII, then GB18030 and GBK, then single
sets as listed, then as few as possible together by code extensions (PS3.3 C.12.1.1.2).
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, combinations
from typing import Final

from dicom_gateway.core.character_sets import (
    ASCII,
    SINGLE_BYTE,
    STAND_ALONE,
    UTF_8,
    Repertoire,
    known,
    number_of,
    repertoire,
    standard_term,
)

_MOST_TOGETHER: Final = 3  # sets that are tried together before all of them are


class Choice:
    """The sets that a device may be answered in. It never changes, and is shared by threads."""

    def __init__(self, listed: tuple[str, ...], named: tuple[str, ...]) -> None:
        self._alone = [ASCII, *map(repertoire, _alone_listed(listed) if listed else _usual(named))]
        extensions = [term for term in map(standard_term, listed) if term and term.startswith("ISO 2022")]
        self._extensions = [term for term in dict.fromkeys(extensions) if number_of(term)]
        self.smallest = lru_cache(1024)(self._smallest)
        self.closest = lru_cache(1024)(self._closest)

    def _smallest(self, characters: frozenset[str]) -> Repertoire | None:
        """Return the first set that carries all characters, None when none does."""
        sets = chain(self._alone, self._together())
        return next((one for one in sets if all(map(one.carries, characters))), None)

    def _closest(self, characters: frozenset[str]) -> Repertoire:
        """Return the set that carries most of the characters, of several the first."""
        everything = list(self._together())[-1:]
        return max((*self._alone, *everything), key=lambda one: sum(map(one.carries, characters)))

    def _together(self) -> Iterator[Repertoire]:
        """Yield the sets of code extensions: two, three, then all of them."""
        count = len(self._extensions)
        sizes = dict.fromkeys((*range(2, min(count, _MOST_TOGETHER) + 1), count))
        for size in sizes if count > 1 else ():
            yield from (repertoire(extended(terms)) for terms in combinations(self._extensions, size))


def _usual(named: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if named:
        yield named
    yield from (("ISO_IR 100",), (UTF_8,))


def _alone_listed(listed: tuple[str, ...]) -> list[tuple[str, ...]]:
    found = [known((term,)) for term in listed]
    alone = [(term,) for term in STAND_ALONE if (term,) in found]
    return [*alone, *(terms for terms in dict.fromkeys(found) if terms and terms not in alone)]


def extended(terms: tuple[str, ...]) -> tuple[str, ...]:
    """Return SpecificCharacterSet of several terms ISO 2022: a single-byte one is value 1, or that is empty."""
    first = next((term for term in terms if number_of(term) in SINGLE_BYTE), "")
    return (first, *(term for term in terms if term != first))


@lru_cache(256)
def choice_of(listed: tuple[str, ...], named: tuple[str, ...]) -> Choice:
    """Return the choice for a device that reads the sets `listed` (Defined Terms, none: not configured), and whose
    query names `named` (as `known` gives them)."""
    return Choice(listed, () if listed else named)
