"""What a worklist query may find: SQL narrows by indexed columns and never loses an item that core.matching accepts.

Pages go along an index, those still shown first: however many orders there are, a page costs what it holds. An order is
read only when its caller does not know that version of it yet, and parsed only when somebody looks into it.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar, overload

from peewee import Tuple

from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.storage.codec import load_order
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.prepared import Statement, given, several
from dicom_gateway.storage.tables import OrderRow, StationRow, StepRow

if TYPE_CHECKING:  # matching reads data sets; what only stores orders need not load that
    from dicom_gateway.core.matching import Narrowing

PAGE = 200

_EQUAL: Final = {
    "accession_number": StepRow.accession_number,
    "requested_procedure_id": StepRow.requested_procedure_id,
    "scheduled_procedure_step_id": StepRow.step_id,
    "patient_id": StepRow.patient_id,
    "modality": StepRow.modality,
}
_FEW: Final = frozenset(_EQUAL) - {"modality"} | {"study_instance_uids"}  # what finds few steps among any number
_PLACE: Final = ("place", "start_utc", "key")  # of a row in its page; the first is the day, or the name looked up
_LAST: Final = chr(sys.maxunicode)
_DOCUMENTS: Final = Statement(OrderRow.select(OrderRow.id, OrderRow.document).where(OrderRow.id.in_(several("ids"))))


class StepVersion(NamedTuple):
    """A scheduled step as it stands in one version of its order; another version has another value."""

    order_id: str
    version: int
    changed_at: int
    procedure_position: int
    step_position: int


class StoredOrder:
    """An order as it is stored, parsed on first use. `size` is that of its document, in characters."""

    __slots__ = ("_content", "size")

    def __init__(self, document: str) -> None:
        self._content: str | Order = document
        self.size = len(document)

    @property
    def order(self) -> Order:
        """Return the order."""
        content = self._content
        if isinstance(content, str):
            content = self._content = load_order(content)
        return content


class ScheduledItem:
    """One line that a worklist may show: a step with its procedure and order."""

    __slots__ = ("stored", "version")

    def __init__(self, version: StepVersion, stored: StoredOrder) -> None:
        self.version = version
        self.stored = stored

    @property
    def order(self) -> Order:
        """Return the order."""
        return self.stored.order

    @property
    def procedure(self) -> RequestedProcedure:
        """Return the step's procedure."""
        return self.stored.order.procedures[self.version.procedure_position]

    @property
    def step(self) -> ScheduledStep:
        """Return the step."""
        return self.procedure.steps[self.version.step_position]


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Known(Protocol[T_co]):
    """What a caller keeps of steps that it has seen."""

    def get(self, version: StepVersion) -> T_co | None:
        """Return what is kept of just this version of a step."""

    def keep(self, item: ScheduledItem) -> T_co:
        """Return what a step that was not known is from now on."""


class _NothingKnown:
    def get(self, version: StepVersion) -> ScheduledItem | None:
        return None

    def keep(self, item: ScheduledItem) -> ScheduledItem:
        return item


class Worklist:
    """Reads scheduled steps for queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @overload
    def candidates(self, narrowing: "Narrowing", only_shown: bool, not_before: str = "") -> Iterator[ScheduledItem]: ...

    @overload
    def candidates(self, narrowing: "Narrowing", only_shown: bool, not_before: str, known: Known[T]) -> Iterator[T]: ...

    def candidates(
        self, narrowing: "Narrowing", only_shown: bool, not_before: str = "", known: Any = None
    ) -> Iterator[Any]:
        """Yield the scheduled steps that may match, page by page; no connection is held in between.

        Those shown come by start (by name where one is looked up), then likewise those that have ended, which
        `only_shown` leaves out; `not_before` (YYYYMMDD) leaves out those of earlier days. A step is what `known`
        makes of it.
        """
        values = _values(narrowing, not_before)
        known = _NothingKnown() if known is None else known
        for shown in (1,) if only_shown else (1, 0):
            yield from self._pages(values | {"shown": shown}, known)

    def _pages(self, values: Row, known: Known[T]) -> Iterator[T]:
        after: Row | None = {}
        while after is not None:
            found, after = self._database.read(partial(_read, values | after, known))
            yield from found
            if after:
                for behind in ("date_from", "name_from"):  # beside the place in the index they would be in its way
                    values.pop(behind, None)


def _read(values: Row, known: Known[T], tx: Transaction) -> tuple[list[T], Row | None]:
    """Return the steps of one page, and after which place the next page begins."""
    rows = tx.rows(_page(frozenset(values)), **values)
    found: dict[StepVersion, T | None] = {}
    for row in rows:
        version = StepVersion(*(row[name] for name in StepVersion._fields))
        found[version] = known.get(version)
    missing = {version.order_id for version, one in found.items() if one is None}
    if missing:
        stored = {row["id"]: StoredOrder(row["document"]) for row in tx.rows(_DOCUMENTS, ids=list(missing))}
        for version, one in found.items():
            if one is None:
                found[version] = known.keep(ScheduledItem(version, stored[version.order_id]))
    after = {f"after_{name}": rows[-1][name] for name in _PLACE} if len(rows) == PAGE else None
    return list(found.values()), after  # type: ignore[arg-type]


def _values(narrowing: "Narrowing", not_before: str) -> Row:
    """Return the conditions that SQL applies, with their values. Where a key finds few steps, or a name is looked up,
    the index of another key would be walked instead: core alone compares those."""
    values = {name: value for name, value in asdict(narrowing).items() if value}
    prefix = values.pop("name_prefix", "").rstrip(_LAST)
    earliest = max(narrowing.date_from or "", not_before)
    if earliest:
        values["date_from"] = earliest
    if values.keys() & _FEW:
        values.pop("station_ae_title", None)
    elif prefix and not values.keys() & {"date_from", "date_to"}:
        return {"name_from": prefix, "name_until": following(prefix)}
    return values


def following(prefix: str) -> str:
    """Return a text that stands behind all those that begin with `prefix`, by code points."""
    before, last = prefix[:-1], prefix[-1]
    following = "\ue000" if last == "\ud7ff" else chr(ord(last) + 1)  # surrogates are no text
    return before + following


@cache
def _page(asked: frozenset[str]) -> Statement:
    """Return the statement for a page of what meets the conditions `asked`. What orders a page are columns of the
    index that finds it, so that nothing is sorted where there may be many."""
    by_station = "station_ae_title" in asked
    along: Any = StationRow if by_station else StepRow
    key = StationRow.step_key if by_station else StepRow.key
    place = (StepRow.patient_name if "name_until" in asked else along.start_date, along.start_utc, key)
    conditions: list[Any] = [column == given(name) for name, column in _EQUAL.items() if name in asked]
    conditions += [
        condition
        for name, condition in (
            ("study_instance_uids", StepRow.study_instance_uid.in_(several("study_instance_uids"))),
            ("station_ae_title", StationRow.ae_title == given("station_ae_title")),
            ("date_from", along.start_date >= given("date_from")),
            ("date_to", along.start_date <= given("date_to")),
            ("name_from", StepRow.patient_name >= given("name_from")),
            ("name_until", StepRow.patient_name < given("name_until")),
            ("after_key", Tuple(*place) > Tuple(*(given(f"after_{name}") for name in _PLACE))),
        )
        if name in asked
    ]
    # The sum keeps the index of everything shown out of it where a key finds few steps.
    conditions.append((along.shown + 0 if asked & _FEW else along.shown) == given("shown"))
    query = StepRow.select(
        *(column.alias(name) for name, column in zip(_PLACE, place, strict=True)),
        StepRow.order_id,
        StepRow.procedure_position,
        StepRow.step_position,
        OrderRow.version,
        OrderRow.changed_at,
    ).join(OrderRow, on=(OrderRow.id == StepRow.order_id))
    if by_station:
        query = query.join(StationRow, on=(StationRow.step_key == StepRow.key))
    return Statement(query.where(*conditions).order_by(*place).limit(PAGE))
