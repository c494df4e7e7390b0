"""The audit as a person reads it: newest first, filtered, page by page, of a table that has millions of rows.

A page costs the same however long the table is: one index gives the order, what it cannot decide is looked for in a
bounded number of rows. Where those end without a full page, the page says so and the next one goes on from there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from peewee import fn

from dicom_gateway.storage import audit_subjects
from dicom_gateway.storage.audit_subjects import About
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.prepared import Statement, given
from dicom_gateway.storage.tables import AuditRow

ROWS_LOOKED_AT: Final = 50_000  # for one page
MOST_NAMES: Final = 200  # that a person is given to choose from
EXPORTED_AT_ONCE: Final = 1000
SWEPT_AT_ONCE: Final = 500

_BY_COLUMN: Final = ("who", "action")  # behind the subjects; the first that is given decides which index is walked
_NEXT_NAME: Final = {
    name: Statement(
        AuditRow.select(fn.MIN(getattr(AuditRow, name))).where(getattr(AuditRow, name) > given("after"))
    )
    for name in ("who", "action")
}  # fmt: skip


class AuditPlace(NamedTuple):
    """Where a page ended: an instant and the key of a row."""

    at: int
    key: int


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines are wanted; "" and None are no limit. `action` that ends with a colon is that and whatever follows;
    `text` stands anywhere in a line, whatever its capitals (of ASCII letters), or begins the name or a number of whom
    it is about; the `subject` of an order takes in its studies, performed steps and events; `since` (included) and
    `until` (not included) are instants."""

    who: str = ""
    action: str = ""
    subject: str = ""
    text: str = ""
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Lines, newest first. `next`: where the next page begins, None at the end. `is_partial`: fewer lines than asked
    for, because enough was looked at; more may follow."""

    rows: tuple[Row, ...]
    next: AuditPlace | None
    is_partial: bool = False


class AuditReader:
    """Reads the audit for people."""

    def __init__(self, database: Database, rows_looked_at: int = ROWS_LOOKED_AT) -> None:
        self._database = database
        self._rows_looked_at = rows_looked_at

    def page(self, wanted: AuditFilter, after: AuditPlace | None = None, limit: int = 100) -> AuditPage:
        """Return the lines that are wanted and stand behind `after`."""
        return self._database.read(lambda tx: self._page(tx, wanted, after, limit))

    def pages(self, wanted: AuditFilter) -> Iterator[tuple[Row, ...]]:
        """Yield every line that is wanted, some at once, each time in a transaction of its own."""
        after: AuditPlace | None = None
        while True:
            page = self.page(wanted, after, EXPORTED_AT_ONCE)
            yield page.rows
            if page.next is None:
                return
            after = page.next

    def about(self, subjects: Iterable[str]) -> dict[str, About]:
        """Return whom subjects are about; those about nobody are left out."""
        wanted = list(subjects)
        return self._database.read(lambda tx: audit_subjects.about(tx, wanted))

    def names(self) -> tuple[list[str], list[str]]:
        """Return who ever acted, and what was ever done: the first of each by name. Of actions that say more after a
        colon ("order changed: patient") the colon is the end."""
        return self._database.read(lambda tx: (_names(tx, "who"), _names(tx, "action")))

    def sweep(self, before: int) -> int:
        """Forget lines older than an instant, some at a time; return how many were forgotten."""
        old = AuditRow.select(AuditRow.key).where(AuditRow.at < before).order_by(AuditRow.at).limit(SWEPT_AT_ONCE)
        count = 0
        while forgotten := self._database.write(
            lambda tx: int(tx.execute(AuditRow.delete().where(AuditRow.key.in_(old))))
        ):
            count += forgotten
        return count

    def _page(self, tx: Transaction, wanted: AuditFilter, after: AuditPlace | None, limit: int) -> AuditPage:
        walked, others = _conditions(tx, wanted)
        newest_first = (AuditRow.at.desc(), AuditRow.key.desc())
        walk = AuditRow.select().where(AuditRow.at >= 0, *walked, *_range(wanted, after)).order_by(*newest_first)
        if not others:
            return _cut(tx.rows(walk.limit(limit + 1)), limit)
        looked_at = walk.select(AuditRow.key).limit(self._rows_looked_at)
        found = AuditRow.select().where(AuditRow.key.in_(looked_at), *others).order_by(*newest_first)
        page = _cut(tx.rows(found.limit(limit + 1)), limit)
        if page.next is not None:
            return page
        last = tx.row(walk.select(AuditRow.at, AuditRow.key).offset(self._rows_looked_at - 1))
        return AuditPage(page.rows, AuditPlace(**last), is_partial=True) if last else page


def _conditions(tx: Transaction, wanted: AuditFilter) -> tuple[list[Any], list[Any]]:
    """Return what the walk along an index decides, and what each line that it meets is asked."""
    begins = wanted.action.endswith(":")
    given_ones = [name for name in _BY_COLUMN if getattr(wanted, name) and not (begins and name == "action")]
    equal = [getattr(AuditRow, name) == getattr(wanted, name) for name in given_ones]
    if wanted.subject:
        equal.insert(0, _one_of(audit_subjects.widened(tx, wanted.subject)))
    others = equal[1:]
    if begins:
        others.append(AuditRow.action.startswith(wanted.action))
    if wanted.text:
        others.append(_says(wanted.text, audit_subjects.named(tx, wanted.text)))
    return equal[:1], others


def _one_of(subjects: set[str]) -> Any:
    return AuditRow.subject.in_(sorted(subjects)) if len(subjects) > 1 else AuditRow.subject == next(iter(subjects))


def _says(text: str, subjects: set[str]) -> Any:
    """Return the condition that a line has a text or is about one of `subjects`."""
    found = AuditRow.who.contains(text)
    for column in (AuditRow.origin, AuditRow.action, AuditRow.subject, AuditRow.detail):
        found |= column.contains(text)
    return found | _one_of(subjects) if subjects else found


def _range(wanted: AuditFilter, after: AuditPlace | None) -> list[Any]:
    found: list[Any] = []
    if wanted.since is not None:
        found.append(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditRow.at < wanted.until)
    if after is not None:
        found += [AuditRow.at <= after.at, (AuditRow.at < after.at) | (AuditRow.key < after.key)]
    return found


def _cut(rows: list[Row], limit: int) -> AuditPage:
    here = tuple(rows[:limit])
    return AuditPage(here, AuditPlace(here[-1]["at"], here[-1]["key"]) if len(rows) > limit else None)


def _names(tx: Transaction, column: str) -> list[str]:
    """Return the first values of a column, each found by one look into its index."""
    found: list[str] = []
    after = ""
    while len(found) < MOST_NAMES:
        name = tx.value(_NEXT_NAME[column], after=after)
        if name is None:
            break
        kind, colon, _more = name.partition(":") if column == "action" else (name, "", "")
        found.append(kind + colon)
        after = f"{kind};" if colon else name  # the character behind the colon: nothing of this kind is met again
    return found
