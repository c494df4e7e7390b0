"""Worklist answers as bytes: each element of an item is encoded once and kept, an answer joins those that are asked.

PS3.5 6.2 (padding), 7.1 (elements), 7.5 (sequences of defined length), PS3.4 K.6.1.2.2 (what an answer holds). Most
answers are ASCII, which is tried first; for others core chooses the character set by all characters of the answer, so
elements are kept by character set too.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final

from dicom_gateway.core.attributes import ATTRIBUTES, Attribute
from dicom_gateway.core.character_set_choice import Choice
from dicom_gateway.core.character_sets import ASCII, Repertoire
from dicom_gateway.core.matching import Level
from dicom_gateway.core.transliteration import transliterated
from dicom_gateway.core.worklist_item import ItemValues
from dicom_gateway.errors import RefusedObject

CANNOT_ENCODE: Final = 0xC000  # PS3.4 table K.4-1: unable to process
_LONG_LENGTH: Final = frozenset({"SQ", "UC", "UN", "UR", "UT"})
_MOST_FORMS: Final = 8  # in which an item is kept; a device may name another character set in each query
_by_tag: Final = attrgetter("tag")


class Form:
    """How elements are encoded, little endian always; `prefix` is what stands before those of an answer. Forms compare
    by identity: `form_of` makes one of a kind."""

    __slots__ = ("encode", "explicit", "prefix", "repertoire", "transliterates")

    def __init__(self, explicit: bool, repertoire: Repertoire, transliterates: bool) -> None:
        self.explicit = explicit
        self.repertoire = repertoire
        self.transliterates = transliterates
        self.encode: Callable[[str], bytes] = repertoire.encode
        term = "\\".join(repertoire.terms).encode()
        term += b" " * (len(term) % 2)
        self.prefix = head(0x0008, 0x0005, "CS" if explicit else "", len(term)) + term if term else b""

    def written(self, value: str, vr: str) -> bytes:
        """Return one value as bytes; raises UnicodeEncodeError."""
        if self.transliterates and not all(map(self.repertoire.carries, value)):
            value = transliterated(value, vr, self.repertoire.carries)
        return self.encode(value)


class ElementValues(ItemValues):
    """The values of an item, and its elements as bytes, by form and tag."""

    __slots__ = ("_characters", "_elements", "chosen")

    def __init__(self, context: object, rows: tuple[Attribute, ...] = ATTRIBUTES) -> None:
        super().__init__(context, rows)
        self._elements: dict[Form, dict[int, bytes]] = {}
        self._characters: dict[int, frozenset[str]] = {}
        self.chosen: tuple[Level, Choice, Form] | None = None  # how the last query was answered: devices ask again

    def elements(self, form: Form) -> dict[int, bytes]:
        """Return the elements encoded so far."""
        found = self._elements.get(form)
        if found is None:
            if len(self._elements) >= _MOST_FORMS:
                self._elements = {}
            found = self._elements.setdefault(form, {})
        return found

    @property
    def forms_kept(self) -> int:
        """Return in how many forms elements are kept."""
        return len(self._elements)

    def characters(self, row: Attribute) -> frozenset[str]:
        """Return the characters beyond ASCII of an attribute, or of all that is in its items."""
        found = self._characters.get(row.tag)
        if found is None:
            if row.vr == "SQ":
                found = frozenset().union(*(sub.characters(one) for sub in self.items(row) for one in sub.rows))
            else:
                found = frozenset(c for value in self.written(row) for c in value if not c.isascii())
            self._characters[row.tag] = found
        return found


@lru_cache(4096)  # few tags, few lengths
def head(group: int, element: int, vr: str, length: int) -> bytes:
    """Return tag, VR and length of an element; without a VR: as Implicit VR has them."""
    if not vr:
        return struct.pack("<HHI", group, element, length)
    if vr in _LONG_LENGTH:
        return struct.pack("<HH2sHI", group, element, vr.encode(), 0, length)
    return struct.pack("<HH2sH", group, element, vr.encode(), length)


@lru_cache(1024)
def form_of(explicit: bool, repertoire: Repertoire, transliterates: bool = False) -> Form:
    """Return the form of Explicit or Implicit VR Little Endian in a character set."""
    return Form(explicit, repertoire, transliterates)


class AnswerWriter:
    """Writes the answers to one query; `transliterated` collects the keywords of what was not sent as it is.

    `refuses`: text that no set carries raises RefusedObject (0xC000), which names the attribute, and is not
    transliterated.
    """

    def __init__(self, explicit: bool, choice: Choice, refuses: bool = False) -> None:
        self.transliterated: set[str] = set()
        self._explicit = explicit
        self._choice = choice
        self._refuses = refuses
        self._ascii = form_of(explicit, ASCII)

    def answer(self, asked: Level, item: ElementValues) -> bytes:
        """Return what a query asks of an item that it matches, with its own SpecificCharacterSet."""
        chosen = item.chosen
        if chosen and chosen[0] is asked and chosen[1] is self._choice and chosen[2].explicit is self._explicit:
            return chosen[2].prefix + _joined(asked, item, chosen[2])
        try:
            return _joined(asked, item, self._ascii)
        except UnicodeEncodeError:
            form = self._form(asked, item)
        if not form.transliterates:
            item.chosen = asked, self._choice, form
        return form.prefix + _joined(asked, item, form)

    def _form(self, asked: Level, item: ElementValues) -> Form:
        characters = frozenset[str]().union(*(found for _, found in _characters(asked, item)))
        repertoire = self._choice.smallest(characters)
        if repertoire is not None:
            return form_of(self._explicit, repertoire)
        repertoire = self._choice.closest(characters)
        keywords = [row.keyword for row, found in _characters(asked, item) if not all(map(repertoire.carries, found))]
        if self._refuses:
            raise RefusedObject(f"cannot encode {keywords[0]} in this device's sets", CANNOT_ENCODE)
        self.transliterated.update(keywords)
        return form_of(self._explicit, repertoire, transliterates=True)


def _characters(asked: Level, item: ElementValues) -> Iterator[tuple[Attribute, frozenset[str]]]:
    """Yield the attributes that an answer holds, with their characters beyond ASCII."""
    for row in asked.asked:
        below = asked.levels.get(row.tag)
        if below is None:
            yield row, item.characters(row)
        else:
            for sub in _items(row, below, item):
                yield from _characters(below, sub)


def _items(row: Attribute, below: Level, item: ElementValues) -> list[ElementValues]:
    return [sub for sub in item.items(row) if not row.matched or below.matches(sub)]


def _joined(asked: Level, item: ElementValues, form: Form) -> bytes:
    kept = item.elements(form)
    parts = []
    for row in asked.asked:
        below = asked.levels.get(row.tag)
        if below is not None:
            items = _items(row, below, item)
            parts.append(_sequence(row, [_joined(below, sub, form) for sub in items], form))
            continue
        part = kept.get(row.tag)
        if part is None:
            part = kept[row.tag] = _element(row, item, form)
        parts.append(part)
    return b"".join(parts)


def _element(row: Attribute, item: ElementValues, form: Form) -> bytes:
    if row.vr == "SQ":
        return _sequence(row, [_whole(sub, form) for sub in item.items(row)], form)
    values = item.written(row)
    if row.vr == "US":
        encoded = b"".join(struct.pack("<H", int(value)) for value in values)
    else:
        encoded = b"\\".join(form.written(value, row.vr) for value in values)
    if len(encoded) % 2:
        encoded += b"\0" if row.vr == "UI" else b" "
    return _head(row, len(encoded), form) + encoded


def _whole(item: ElementValues, form: Form) -> bytes:
    """Return an item of a sequence that is asked for as a whole."""
    rows = (row for row in sorted(item.rows, key=_by_tag) if not row.omit_empty or item.written(row))
    return b"".join(_element(row, item, form) for row in rows)


def _sequence(row: Attribute, items: Sequence[bytes], form: Form) -> bytes:
    body = b"".join(head(0xFFFE, 0xE000, "", len(encoded)) + encoded for encoded in items)
    return _head(row, len(body), form) + body


def _head(row: Attribute, length: int, form: Form) -> bytes:
    return head(row.tag >> 16, row.tag & 0xFFFF, row.vr if form.explicit else "", length)
