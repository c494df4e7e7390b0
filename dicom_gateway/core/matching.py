"""Which worklist items a C-FIND identifier finds, and what each answer holds (PS3.4 C.2.2.2, K.2.2, K.4.1.1.3).

A query is compiled once and asked of many items. Worklist rules that differ from Query/Retrieve: a value that the
item does not know fails every key but a universal one (K.2.2.1.1.1), and date and time ranges of the same form are
one period. Tolerances, each kept in `Query.remarks`: wildcards where Table K.6-1 wants a single value, several values
in a key (any one is enough), several items in a sequence key (the first counts), a key that cannot be read (it
matches nothing). Multiple value and empty value matching need a negotiation that the worklist does not have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Final

from pydicom import config
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from dicom_gateway.core.attributes import ROOT, SINGLE_VALUE_ONLY, WORKLIST, Attribute, element, empty_element
from dicom_gateway.core.worklist_item import DataSetValues, Readable
from dicom_gateway.core.worklist_keys import Test, is_wildcard, key_test, name_prefix, read_values
from dicom_gateway.core.worklist_periods import PARSERS, Period, Span, day_of, moment_in, parse_period

ItemTest = Callable[[Readable], bool]


def _tag(keyword: str) -> BaseTag:
    return Tag(tag_for_keyword(keyword) or 0)


_STEP: Final = WORKLIST.tag
_START_DATE: Final = _tag("ScheduledProcedureStepStartDate")
_START_TIME: Final = _tag("ScheduledProcedureStepStartTime")
_STATUS: Final = _tag("ScheduledProcedureStepStatus")
_STUDY: Final = _tag("StudyInstanceUID")
_NAME: Final = _tag("PatientName")
_MOST_UIDS: Final = 1_000  # SQL takes no list of any length
# They say how the others are read, or have no place here: neither compared, nor answered, nor missed.
_SILENT: Final = frozenset(
    _tag(keyword) for keyword in ("SpecificCharacterSet", "TimezoneOffsetFromUTC", "QueryRetrieveLevel")
)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What SQL may leave out before `matches` decides: each field is None (or empty) or a condition every match meets.

    Texts are without padding and compare exactly with texts stored without padding; a multi-valued station AE title
    meets it with any value. Dates are YYYYMMDD, both ends included.
    """

    station_ae_title: str | None = None
    modality: str | None = None
    patient_id: str | None = None
    accession_number: str | None = None
    requested_procedure_id: str | None = None
    scheduled_procedure_step_id: str | None = None
    study_instance_uids: tuple[str, ...] = ()
    date_from: str | None = None
    date_to: str | None = None
    name_prefix: str | None = None  # of worklist_keys.name_index of the name, which has one value


_NARROWED_AT_ROOT: Final = {
    "patient_id": _tag("PatientID"),
    "accession_number": _tag("AccessionNumber"),
    "requested_procedure_id": _tag("RequestedProcedureID"),
}
_NARROWED_AT_STEP: Final = {
    "station_ae_title": _tag("ScheduledStationAETitle"),
    "modality": _tag("Modality"),
    "scheduled_procedure_step_id": _tag("ScheduledProcedureStepID"),
}


class Query:
    """A compiled identifier; `remarks` says what was unusual about it, by keyword, without a value.

    It never changes and may be used from several threads. `root` holds its keys as levels, for those who write answers
    themselves; `unsupported`: a key is not supported for existence (status 0xFF01 instead of 0xFF00).
    """

    def __init__(self, identifier: Dataset) -> None:
        remarks: list[str] = []
        self.root = Level(identifier, ROOT, remarks)
        self.remarks = tuple(remarks)
        self.unsupported = self.root.unsupported

    def matches(self, item: Dataset | Readable) -> bool:
        """Whether every key matches the whole worklist item (as from build_item, or its values)."""
        return self.root.matches(DataSetValues(item) if isinstance(item, Dataset) else item)

    def answer(self, item: Dataset) -> tuple[Dataset, bool]:
        """Return the response identifier for an item that matches: what was asked for and nothing else, without
        SpecificCharacterSet; and whether a key is not supported for existence (status 0xFF01 instead of 0xFF00)."""
        return self.root.answer(item), self.unsupported

    @property
    def hides_final(self) -> bool:
        """Whether steps that have ended are left out: the query does not ask for a status."""
        return not self._step_level().values.get(_STATUS)

    @property
    def narrowing(self) -> Narrowing:
        """Return what SQL may use without losing an item that `matches` accepts."""
        step = self._step_level()
        texts = {name: _single_text(self.root, tag) for name, tag in _NARROWED_AT_ROOT.items()}
        texts |= {name: _single_text(step, tag) for name, tag in _NARROWED_AT_STEP.items()}
        uids = self.root.values.get(_STUDY, [])
        first, last = _date_bounds(step.periods.get(_START_DATE))
        names = self.root.values.get(_NAME, [])
        return Narrowing(
            **texts,
            study_instance_uids=() if "*" in uids or len(uids) > _MOST_UIDS else tuple(uids),
            date_from=first,
            date_to=last,
            name_prefix=(name_prefix(names[0]) if len(names) == 1 else "") or None,
        )

    def _step_level(self) -> "Level":
        return self.root.levels.get(_STEP) or _NO_LEVEL


class Level:
    """The keys of the identifier, or of the item of one of its sequence keys: `asked` in the order of their tags,
    `levels` below those that are sequences and have keys of their own."""

    def __init__(self, keys: Dataset, rows: Mapping[int, Attribute], remarks: list[str]) -> None:
        self.asked: list[Attribute] = []
        self.levels: dict[int, Level] = {}  # of the sequence keys whose item has attributes
        self.values: dict[int, list[str]] = {}  # of the keys that are compared
        self.periods: dict[int, Period] = {}  # of the start date and time, when they have one value
        self.unsupported = False
        self._tests: dict[int, ItemTest] = {}
        self._remarks = remarks
        for tag in keys.keys():
            row = rows.get(tag)
            if row is not None:
                self.asked.append(row)
                self._add(row, keys)
            elif not _says_nothing(tag):
                self.unsupported = True
        self._combine_date_and_time()
        self.asked.sort(key=attrgetter("tag"))

    def matches(self, item: Readable) -> bool:
        """Whether every key of this level matches the item."""
        return all(test(item) for test in self._tests.values())

    def answer(self, item: Dataset) -> Dataset:
        """Return what this level asks of the item."""
        answer = Dataset()
        for row in self.asked:
            answer[row.tag] = self._answered(row, item)
        return answer

    @property
    def tests(self) -> Mapping[int, ItemTest]:
        """Return the test of each key that narrows, by tag; a start date stands for its time where both are one
        period."""
        return self._tests

    @property
    def is_universal(self) -> bool:
        """Whether every item matches."""
        return not self._tests

    def _add(self, row: Attribute, keys: Dataset) -> None:
        try:
            if row.vr == "SQ":
                self._add_sequence(row, keys[row.tag].value)
            elif row.matched:
                self._add_value(row, read_values(keys, row.tag, row.vr))
        except Exception:  # whatever a library makes of garbage: a bad key matches nothing and fails no query
            self._remark(row, "cannot be read")
            if row.matched:
                self._tests[row.tag] = _matches_nothing
                self.values[row.tag] = []

    def _add_sequence(self, row: Attribute, items: Any) -> None:
        if not items:
            return  # zero length, whatever its VR: the whole sequence is asked for
        if not isinstance(items, Sequence):
            raise ValueError("not a sequence")
        if len(items) > 1:
            self._remark(row, "several items, the first counts")
        if all(_says_nothing(tag) for tag in items[0].keys()):
            return  # likewise
        level = self.levels[row.tag] = Level(items[0], row.children, self._remarks)
        self.unsupported |= level.unsupported
        if row.matched and not level.is_universal:
            self._tests[row.tag] = partial(_any_item_matches, row, level)

    def _add_value(self, row: Attribute, values: list[str]) -> None:
        test = key_test(row.vr, values)
        self.values[row.tag] = values
        if test is None:
            return
        if len(values) > 1 and row.vr != "UI":
            self._remark(row, "several values, any one is enough")
        if row.keyword in SINGLE_VALUE_ONLY and any(is_wildcard(row.vr, value) for value in values):
            self._remark(row, "wildcard")
        if row.tag in (_START_DATE, _START_TIME) and len(values) == 1:
            self.periods[row.tag] = parse_period(row.vr, values[0])
        self._tests[row.tag] = partial(_any_value_matches, row, test)

    def _combine_date_and_time(self) -> None:
        dates, times = self.periods.get(_START_DATE), self.periods.get(_START_TIME)
        if dates and times and dates.combines_with(times):
            del self._tests[_START_TIME]
            self._tests[_START_DATE] = partial(_starts_within, dates, times)

    def _remark(self, row: Attribute, text: str) -> None:
        self._remarks.append(f"{row.keyword}: {text}")

    def _answered(self, row: Attribute, item: Dataset) -> DataElement:
        found = item.get(row.tag)
        if found is None:
            return empty_element(row)
        level = self.levels.get(row.tag)
        if level is None:
            return _copy_element(found)
        whole = not row.matched
        return element(
            row, Sequence([level.answer(sub) for sub in found.value if whole or level.matches(DataSetValues(sub))])
        )


_NO_LEVEL: Final = Level(Dataset(), {}, [])


def _says_nothing(tag: BaseTag) -> bool:
    return tag in _SILENT or tag.element == 0  # a group length


def _matches_nothing(item: Readable) -> bool:
    return False


def _any_value_matches(row: Attribute, test: Test, item: Readable) -> bool:
    return any(map(test, item.texts(row)))


def _any_item_matches(row: Attribute, level: Level, item: Readable) -> bool:
    return any(map(level.matches, item.items(row)))


def _starts_within(dates: Period, times: Period, step: Readable) -> bool:
    days, moments = _spans(step, _START_DATE), _spans(step, _START_TIME)
    return bool(days and moments) and moment_in(dates, times, days[0], moments[0])


def _spans(step: Readable, tag: BaseTag) -> list[Span]:
    row = WORKLIST.children[tag]
    try:
        return [PARSERS[row.vr](text) for text in step.texts(row)]
    except ValueError:
        return []


def _copy_element(found: DataElement) -> DataElement:
    """Return a new element with the same value, so that a change to an answer leaves the item alone."""
    value: Any = found.value
    if found.VR == "SQ":
        value = Sequence([_copy_dataset(sub) for sub in value])
    return DataElement(found.tag, found.VR, value, already_converted=True, validation_mode=config.IGNORE)


def _copy_dataset(dataset: Dataset) -> Dataset:
    copy = Dataset()
    for found in dataset:
        copy[found.tag] = _copy_element(found)
    return copy


def _single_text(level: Level, tag: BaseTag) -> str | None:
    values = level.values.get(tag, [])
    return values[0] if len(values) == 1 and not {"*", "?"} & set(values[0]) else None


def _date_bounds(dates: Period | None) -> tuple[str | None, str | None]:
    if dates is None:
        return None, None
    return dates.low and day_of(dates.low), dates.high and day_of(dates.high)


def compile_query(identifier: Dataset) -> Query:
    """Compile a C-FIND identifier; never raises for a key's value."""
    return Query(identifier)


def matches(identifier: Dataset, item: Dataset) -> bool:
    """Whether the identifier finds the worklist item; to ask of many items, compile the query once."""
    return Query(identifier).matches(item)


def answer(identifier: Dataset, item: Dataset) -> tuple[Dataset, bool]:
    """Return `Query.answer` of a query used once."""
    return Query(identifier).answer(item)


def narrowing(identifier: Dataset) -> Narrowing:
    """Return `Query.narrowing` of a query used once."""
    return Query(identifier).narrowing


def default_hidden(identifier: Dataset) -> bool:
    """Return `Query.hides_final` of a query used once."""
    return Query(identifier).hides_final
