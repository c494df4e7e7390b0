"""A worklist query against one item, key by key: what was asked, what the item has, and why the two do not meet.

core.matching decides; this says it in words (PS3.4 C.2.2.2, K.2.2.1.1). The words of a key are one row of WORDS.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.sequence import Sequence

from dicom_gateway.core.attributes import Attribute
from dicom_gateway.core.folding import fold, name_index
from dicom_gateway.core.habits import OF_A_PERSON
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.matching import Level, Query
from dicom_gateway.core.transliteration import transliterated
from dicom_gateway.core.worklist_item import Readable
from dicom_gateway.core.worklist_keys import is_wildcard

_STEP: Final = "ScheduledProcedureStepSequence"
_DATE: Final = "ScheduledProcedureStepStartDate"
_TIME: Final = "ScheduledProcedureStepStartTime"
_DAY: Final = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)")
_CLOCK: Final = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(?:\.\d+)?")

Carries = Callable[[str], bool]  # whether the character set of a query carries a text


class Words(NamedTuple):
    """How a key is spoken of: what the query asks, what the step has or lacks, what to do."""

    asks: str
    has: str
    lacks: str
    action: str


_OTHERWISE: Final = Words(
    "asks by {key} {asked}",
    "the order has {has}",
    "the order has none",
    "clear this key at the device, or send the order with this value",
)
_BY_ID: Final = "ask by patient id, or set the device to UTF-8 (ISO_IR 192)"
_IDENTIFIER: Final = "type the value as the order has it, or leave the field empty at the device"
WORDS: Final[Mapping[str, Words]] = {
    "ScheduledStationAETitle": Words(
        "asks for station {asked}",
        "the step is for {has}",
        "the step names no station",
        "send the order with this station, give the device the step's modality, or correct the station AE title at the"
        " device",
    ),
    _DATE: Words(
        "asks for {asked}",
        "the step is on {has}",
        "the step has no date",
        "choose the day of the step, or a longer period, at the device; or correct the order's start",
    ),
    _TIME: Words(
        "asks for the time {asked}",
        "the step is at {has}",
        "the step has no time",
        "choose a longer period at the device, or leave the time empty",
    ),
    "Modality": Words(
        "asks for modality {asked}",
        "the step is {has}",
        "the step has none",
        "set the device's worklist filter to the modality of the step, or correct the order",
    ),
    "ScheduledProcedureStepStatus": Words(
        "asks for the status {asked}",
        "the step is {has}",
        "the step has none",
        "let the device ask without a status",
    ),
    "PatientID": Words("asks by PatientID {asked}", "the order has {has}", "the order has none", _IDENTIFIER),
    "PatientName": Words(
        "asks by name {asked}",
        "the order has {has}",
        "the order has none",
        "type the beginning of the name and *, or leave the name empty at the device",
    ),
    "AccessionNumber": Words(
        "asks by accession number {asked}", "the order has {has}", "the order has none", _IDENTIFIER
    ),
}


@dataclass(frozen=True, slots=True)
class KeyResult:
    """One key of a query that narrows. `reason` and `action` are "" where it matches; `of_a_person`: a query with it
    looks for somebody, so that it says nothing about others."""

    key: str
    matched: bool
    asked: str
    has: str
    reason: str = ""
    action: str = ""
    of_a_person: bool = False
    uncarried: bool = False  # the character set of the query is the reason


def compare(
    query: Query, item: Readable, character_set: str = "", carries: Carries = str.isascii,
    raw: Mapping[str, str] = MappingProxyType({}),
) -> list[KeyResult]:  # fmt: skip
    """Return each key of the query that narrows, the keys of the step first. `character_set` is how the query names
    its own, `carries` what that can; `raw`: what `raw_texts` gives of its identifier."""
    found = list(_results(query.root, item, "", _Sent(character_set or "ASCII", carries, raw)))
    return sorted(found, key=lambda result: result.key not in WORDS)


def raw_texts(identifier: Dataset) -> dict[str, str]:
    """Return, printable, what stands in the keys of an identifier and of its step, by keyword, readable or not."""
    found: dict[str, str] = {}
    for tag in identifier.keys():
        keyword = keyword_for_tag(tag)
        value: Any = identifier.get_item(tag).value
        if isinstance(value, Sequence):
            found |= raw_texts(value[0]) if keyword == _STEP and value else {}
        elif value:
            text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
            found[keyword] = printable(text.strip(" \0"), 64)
    return found


class _Sent(NamedTuple):
    name: str  # of the character set
    carries: Carries
    raw: Mapping[str, str]


def _results(level: Level, item: Readable, path: str, sent: _Sent) -> Iterator[KeyResult]:
    rows = {int(row.tag): row for row in level.asked}
    for tag, test in level.tests.items():
        row = rows[tag]
        if row.keyword == _STEP:
            for step in item.items(row):
                yield from _results(level.levels[tag], step, path, sent)
        elif row.vr == "SQ":
            yield _of_sequence(level.levels[tag], row, item, test(item))
        else:
            yield _of_value(level, row, item, path, sent, test(item))


def _of_value(
    level: Level, row: Attribute, item: Readable, path: str, sent: _Sent, matched: bool
) -> KeyResult:  # fmt: skip
    key = f"{path}{row.keyword}"
    values, texts = level.values.get(row.tag, []), item.texts(row)
    asked, has = _spoken(row, values), _spoken(row, texts)
    if row.keyword == _DATE and _is_one_period(level):
        asked, has = _period(level, item)
    if matched:
        return KeyResult(key, True, asked, has, of_a_person=row.keyword in OF_A_PERSON)
    words = WORDS.get(row.keyword, _OTHERWISE)
    if not values:
        raw = sent.raw.get(row.keyword, "")
        said = f"{words.asks.format(key=key, asked=raw)}, which" if raw else key
        reason = f"{said} cannot be read, so it finds nothing"
        return KeyResult(key, False, raw, has, reason, "correct this key at the device, or leave it empty")
    uncarried = row.vr == "PN" and any(not sent.carries(name_index(text)) for text in texts)
    hint = f"; it was asked in {sent.name}, which cannot carry it" if uncarried else _hint(row, values, texts)
    said = words.asks.format(key=key, asked=asked)
    reason = f"{said}, {words.has.format(has=has) if texts else words.lacks}{hint}"
    is_shown_otherwise = any(_is_as_shown(row, key, text) for key in values for text in texts)
    action = _BY_ID if uncarried or is_shown_otherwise else words.action
    return KeyResult(key, False, asked, has, reason, action, row.keyword in OF_A_PERSON, uncarried)


def _of_sequence(level: Level, row: Attribute, item: Readable, matched: bool) -> KeyResult:
    asked = " and ".join(
        f"{inner.keyword} {' or '.join(level.values[inner.tag])}"
        for inner in level.asked
        if level.values.get(inner.tag)
    )
    compared = [inner for inner in level.asked if inner.tag in level.tests]
    items = [" ".join(text for inner in compared for text in one.texts(inner)) for one in item.items(row)]
    has = printable(", ".join(filter(None, items)))
    if matched:
        return KeyResult(row.keyword, True, asked, has)
    lacks = f"no item of the step has that: {has}" if has else "the order has none"
    reason = f"asks by {row.keyword} with {asked}, {lacks}"
    return KeyResult(row.keyword, False, asked, has, reason, _OTHERWISE.action)


def _spoken(row: Attribute, values: list[str]) -> str:
    speak = {"DA": _dates, "TM": _times}.get(row.vr, printable)
    return " or ".join(speak(value) for value in values)


def _dates(text: str) -> str:
    return _range(text, lambda part: _DAY.sub(r"\1-\2-\3", part))


def _times(text: str) -> str:
    return _range(text, _clock)


def _clock(text: str) -> str:
    found = _CLOCK.fullmatch(text)
    return f"{found[1]}:{found[2] or '00'}{f':{found[3]}' if found[3] not in (None, '00') else ''}" if found else text


def _range(text: str, speak: Callable[[str], str]) -> str:
    low, hyphen, high = (part.strip() for part in printable(text).partition("-"))
    if not hyphen:
        return speak(low)
    if low and high:
        return f"{speak(low)} to {speak(high)}"
    return f"{speak(low)} or later" if low else f"{speak(high)} or earlier"


def _is_one_period(level: Level) -> bool:
    tags = {row.keyword: row.tag for row in level.asked}
    return _TIME in tags and tags[_TIME] in level.periods and tags[_TIME] not in level.tests


def _period(level: Level, item: Readable) -> tuple[str, str]:
    """Return, of a date and a time range that are one period, what it is, and when the step is."""
    rows = {row.keyword: row for row in level.asked}
    parts = [level.values[rows[keyword].tag][0].partition("-") for keyword in (_DATE, _TIME)]
    ends = [f"{_dates(day.strip())} {_times(clock.strip())}".strip() for day, clock in zip(*parts, strict=True)]
    asked = _ends(ends[0], ends[2])
    has = " ".join(_spoken(rows[keyword], item.texts(rows[keyword])) for keyword in (_DATE, _TIME))
    return asked, has


def _ends(low: str, high: str) -> str:
    if low and high:
        return f"{low} to {high}"
    return f"{low} or later" if low else f"{high} or earlier"


def _hint(row: Attribute, asked: list[str], has: list[str]) -> str:
    """Return what makes two values differ that look alike; "" when they do not."""
    for key in asked:
        for text in has:
            for alike, words in _HINTS:
                if alike(row, key, text):
                    return f" ({words})"
    return ""


def _only_capitals(row: Attribute, key: str, text: str) -> bool:
    return row.vr != "PN" and key.casefold() == text.casefold()


def _only_zeros(row: Attribute, key: str, text: str) -> bool:
    return row.vr in ("LO", "SH") and key.lstrip("0") == text.lstrip("0")


def _only_a_part(row: Attribute, key: str, text: str) -> bool:
    return row.vr in ("LO", "SH", "PN", "AE") and not is_wildcard(row.vr, key) and fold(key) in fold(text)


def _later_part(row: Attribute, key: str, text: str) -> bool:
    part, name = fold(key).strip("*"), fold(text)
    return row.vr == "PN" and not key.startswith("*") and bool(part) and part in name and not name.startswith(part)


def _blank_for_caret(row: Attribute, key: str, text: str) -> bool:
    part, name = fold(key).strip("* "), fold(text)
    return row.vr == "PN" and " " in part and part not in name and part in name.replace("^", " ")


def _is_as_shown(row: Attribute, key: str, text: str) -> bool:
    """Say whether a key is what a device shows that got a name in ASCII letters."""
    part = fold(key).strip("*")
    is_name = row.vr == "PN" and bool(part and text) and part not in fold(text)
    return is_name and part in fold(transliterated(text, "PN", str.isascii))


def _spelt_out(row: Attribute, key: str, text: str) -> bool:
    part = fold(key).strip("*")
    return row.vr == "PN" and part not in fold(text) and _with_e(part) in _with_e(text.casefold())


def _with_e(text: str) -> str:
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ø", "oe"), ("æ", "ae"), ("å", "aa")):
        text = text.replace(umlaut, letters)
    return text


def _over_midnight(row: Attribute, key: str, text: str) -> bool:
    low, _, high = key.partition("-")
    return row.vr == "TM" and bool(high) and low.replace(":", "") > high.replace(":", "")


_HINTS: Final = (
    (_only_capitals, "capitals count"),
    (_only_zeros, "leading zeros count"),
    (_only_a_part, "the whole value is compared; * stands for any characters"),
    (_later_part, "begin with *: this is a later part of the name"),
    (_blank_for_caret, "^ between the parts, no blank"),
    (_is_as_shown, "so a device shows it that gets names transliterated; they are compared as ordered"),
    (_spelt_out, "accents do not count, but ue is not ü"),
    (_over_midnight, "a time alone never reaches over midnight"),
)
