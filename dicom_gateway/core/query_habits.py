"""What a query shows of the device that sends it: the keys that it asks, its character set, quirks, and its shape.

The shape is the identifier without the dates and times of the schedule (PS3.4 K.6.1.2.2) and without the values that
name somebody, so that tomorrow's query, and the search for the next patient, is the same one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicom_gateway.core.habits import LONGEST_NAME, OF_A_PERSON, Fact, Habit, QueryFacts
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.matching import Level, Query

_TEXT: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_LEVEL_OF_STEP: Final = "ScheduledProcedureStepSequence"
_OF_A_DAY: Final = frozenset(
    tag_for_keyword(keyword) for keyword in ("ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime")
)
_VARYING: Final = _OF_A_DAY | frozenset(map(tag_for_keyword, OF_A_PERSON))


def facts_of_query(identifier: Dataset, query: Query, remarks: Iterable[str], names_character_set: bool) -> QueryFacts:
    """Return what an identifier, read and compiled with `remarks`, shows. `names_character_set`: the bytes that were
    sent do; reading may have assumed one."""
    facts = [*_keys(query.root)]
    if names_character_set:
        facts.append((Habit.CHARACTER_SET, _terms(identifier) or "empty"))
    elif _has_text_beyond_ascii(identifier):
        used = "UTF-8" if _terms(identifier) == "ISO_IR 192" else "text beyond ASCII"
        facts.append((Habit.QUIRK, f"sends {used} and names no character set"))
    facts += [(Habit.QUIRK, remark) for remark in remarks]
    facts += [(Habit.QUIRK, quirk) for quirk in dict.fromkeys(_quirks(identifier))]
    if not query.hides_final:
        facts.append((Habit.QUIRK, "asks for the status of a step"))
    return QueryFacts(shape_of(identifier), tuple(dict.fromkeys(facts)))


def unreadable_query(raw: bytes) -> QueryFacts:
    """Return what an identifier that cannot be parsed shows."""
    return QueryFacts(_digest(raw), ((Habit.QUIRK, "sends a query that cannot be read"),))


def shape_of(identifier: Dataset) -> str:
    """Return the shape of an identifier: two that differ only in dates and times of the schedule, or in
    whom they look for, have the same."""
    return _digest(repr(list(_pieces(identifier))).encode("utf-8", "backslashreplace"))


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]


def _pieces(data_set: Dataset) -> Iterator[tuple[int, object]]:
    for tag in sorted(data_set.keys()):
        if tag.element == 0:  # a group length changes with the date's form
            continue
        value: Any = data_set.get_item(tag).value
        if isinstance(value, Sequence):
            yield int(tag), [list(_pieces(item)) for item in value]
        else:
            yield int(tag), bool(value) if tag in _VARYING else value


def _keys(level: Level, path: str = "") -> Iterator[Fact]:
    for row in level.asked:
        below = level.levels.get(row.tag)
        if below is not None:
            yield from _keys(below, "" if row.keyword == _LEVEL_OF_STEP else f"{path}{row.keyword}.")
            continue
        is_compared = row.tag in level.tests or row.tag in level.periods
        yield (Habit.MATCHING_KEY if is_compared else Habit.RETURN_KEY), f"{path}{row.keyword}"


def _terms(identifier: Dataset) -> str:
    """Return the terms of SpecificCharacterSet as they are written."""
    value: Any = identifier.get("SpecificCharacterSet") or ""
    text = value if isinstance(value, str) else "\\".join(map(str, value))
    return printable(text.strip(), LONGEST_NAME)


def _has_text_beyond_ascii(data_set: Dataset) -> bool:
    for tag in data_set.keys():
        value: Any = data_set.get_item(tag).value
        if isinstance(value, Sequence):
            if any(map(_has_text_beyond_ascii, value)):
                return True
        elif isinstance(value, bytes | str) and not value.isascii() and _is_text(tag):
            return True
    return False


def _is_text(tag: BaseTag) -> bool:
    return not tag.is_private and dictionary_has_tag(tag) and dictionary_VR(tag) in _TEXT


def _quirks(data_set: Dataset) -> Iterator[str]:
    for tag in data_set.keys():
        if tag.element == 0:
            yield "sends group lengths"
        elif tag.is_private:
            yield "sends private keys"
        elif keyword_for_tag(tag) == "QueryRetrieveLevel":
            yield "sends QueryRetrieveLevel, which a worklist does not have"
        else:
            yield from _quirks_below(data_set, tag)


def _quirks_below(data_set: Dataset, tag: BaseTag) -> Iterator[str]:
    value: Any = data_set.get_item(tag).value
    if isinstance(value, Sequence):
        for item in value:
            yield from _quirks(item)
