"""What a device does, learnt from its requests: the keys that it asks, its character set, services and quirks.

A habit is a kind and a name; how often and when it was seen stands beside it. A query has a shape: its identifier
without the dates and times of the schedule (PS3.4 K.6.1.2.2) and without the values that name somebody, so that
tomorrow's query, and the search for the next patient, is the same one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.matching import Level, Query

LONGEST_NAME: Final = 200
_TEXT: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_LEVEL_OF_STEP: Final = "ScheduledProcedureStepSequence"
_OF_A_DAY: Final = frozenset(
    tag_for_keyword(keyword) for keyword in ("ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime")
)


OF_A_PERSON: Final = frozenset(  # keys of which a query with a value looks for somebody
    {
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "AccessionNumber",
        "RequestedProcedureID",
        "ScheduledProcedureStepID",
        "StudyInstanceUID",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
        "AdmissionID",
    }
)
_VARYING: Final = _OF_A_DAY | frozenset(map(tag_for_keyword, OF_A_PERSON))


class Habit(StrEnum):
    """A kind of habit, and in words what its names are."""

    SERVICE = "service"  # one of ServiceUsed
    IMPLEMENTATION = "implementation"  # version name and class UID
    PROPOSES = "proposes"  # SOP class UID
    TRANSFER_SYNTAX = "transfer syntax"  # UID, as proposed
    RETURN_KEY = "return key"  # asked without a value
    MATCHING_KEY = "matching key"  # asked with one
    CHARACTER_SET = "character set"  # as queries name it
    QUIRK = "quirk"  # in words
    STORES = "stores"  # SOP class UID


class ServiceUsed(StrEnum):
    """What a device used: the names of Habit.SERVICE."""

    ASSOCIATION = "association"
    VERIFICATION = "verification"
    WORKLIST = "worklist"
    MPPS = "mpps"
    STORAGE = "storage"


Fact = tuple[Habit, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """A habit, and when it was seen; the times are exact to a minute."""

    kind: Habit
    name: str
    first_at: int
    last_at: int
    times: int


@dataclass(frozen=True, slots=True)
class QueryFacts:
    """What a query shows of its device, and its shape."""

    shape: str
    facts: tuple[Fact, ...]


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


def implementation(version_name: str, class_uid: str) -> Fact:
    """Return how an implementation names itself (PS3.7 D.3.3.2)."""
    return Habit.IMPLEMENTATION, printable(f"{version_name or 'unnamed'} ({class_uid})", LONGEST_NAME)


_UIDS: Final = frozenset({Habit.PROPOSES, Habit.TRANSFER_SYNTAX, Habit.STORES})


def in_words(seen: Seen) -> str:
    """Return the name of a habit for a person: a UID with its name."""
    if seen.kind not in _UIDS:
        return seen.name
    known = UID(seen.name).name
    return seen.name if known == seen.name else f"{known} ({seen.name})"


def habits_document(ae_title: str, habits: tuple[Seen, ...], queries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the habits of a device as the API shows them."""
    return {
        "ae_title": ae_title,
        "first_seen_at": iso_utc(min(seen.first_at for seen in habits)) if habits else None,
        "last_seen_at": iso_utc(max(seen.last_at for seen in habits)) if habits else None,
        "sends_mpps": any((seen.kind, seen.name) == (Habit.SERVICE, ServiceUsed.MPPS) for seen in habits),
        "habits": [
            {
                "kind": seen.kind.value,
                "name": in_words(seen),
                "first_at": iso_utc(seen.first_at),
                "last_at": iso_utc(seen.last_at),
                "times": seen.times,
            }
            for seen in habits
        ],
        "queries": queries,
    }


def habits_lines(habits: tuple[Seen, ...]) -> list[tuple[str, str, int]]:
    """Return the habits for a table: kind, name in words, when it was last seen (an instant)."""
    return [(seen.kind.value, in_words(seen), seen.last_at) for seen in habits]
