"""Observations as rows, inside somebody's transaction; bounded, the oldest go."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from peewee import fn

from dicom_gateway.core.habits import Habit
from dicom_gateway.storage.database import Transaction
from dicom_gateway.storage.observation_tables import DeviceHabitRow, DeviceQueryRow, ServedStepRow
from dicom_gateway.storage.observations import WorklistAsked
from dicom_gateway.storage.prepared import Statement, columns, given, several
from dicom_gateway.storage.tables import StepRow
from dicom_gateway.storage.worklist import StepVersion

QUERIES_KEPT: Final = 8  # of a device
NAMES_KEPT: Final = 200  # of one kind of habit of a device
DEVICES_KEPT: Final = 1000

Key = TypeVar("Key")

_QUERY = ("identifier", "transfer_syntax_uid", "at", "address", "status", "answers")
_COUNTED = ("first_at", "last_at", "times")
_PUT_QUERY = Statement(
    DeviceQueryRow.insert(**columns(("ae_title", "shape", "times", *_QUERY))).on_conflict(
        conflict_target=[DeviceQueryRow.ae_title, DeviceQueryRow.shape],
        preserve=[getattr(DeviceQueryRow, name) for name in _QUERY],
        update={DeviceQueryRow.times: DeviceQueryRow.times + given("times")},
    )
)
_PUT_HABIT = Statement(
    DeviceHabitRow.insert(**columns(("ae_title", "kind", "name", *_COUNTED))).on_conflict(
        conflict_target=[DeviceHabitRow.ae_title, DeviceHabitRow.kind, DeviceHabitRow.name],
        preserve=[DeviceHabitRow.last_at],
        update={DeviceHabitRow.times: DeviceHabitRow.times + given("times")},
    )
)
# By its place: an order that changed within the second since it was served keeps its steps in their places.
_STEP_ID = Statement(
    StepRow.select(StepRow.step_id).where(
        StepRow.order_id == given("order_id"),
        StepRow.procedure_position == given("procedure_position"),
        StepRow.step_position == given("step_position"),
    )
)
_PUT_SERVED = Statement(
    ServedStepRow.insert(**columns(("order_id", "step_id", "ae_title", *_COUNTED))).on_conflict(
        conflict_target=[ServedStepRow.order_id, ServedStepRow.step_id, ServedStepRow.ae_title],
        preserve=[ServedStepRow.last_at],
        update={ServedStepRow.times: ServedStepRow.times + given("times")},
    )
)
_older_query, _older_habit = DeviceQueryRow.alias(), DeviceHabitRow.alias()
_DROP_QUERIES = Statement(
    DeviceQueryRow.delete().where(
        DeviceQueryRow.ae_title == given("ae_title"),
        DeviceQueryRow.shape.not_in(
            _older_query.select(_older_query.shape)
            .where(_older_query.ae_title == given("ae_title"))
            .order_by(_older_query.at.desc())
            .limit(QUERIES_KEPT)
        ),
    )
)
_DROP_NAMES = Statement(
    DeviceHabitRow.delete().where(
        DeviceHabitRow.ae_title == given("ae_title"),
        DeviceHabitRow.kind == given("kind"),
        DeviceHabitRow.name.not_in(
            _older_habit.select(_older_habit.name)
            .where(_older_habit.ae_title == given("ae_title"), _older_habit.kind == given("kind"))
            .order_by(_older_habit.last_at.desc())
            .limit(NAMES_KEPT)
        ),
    )
)
_FORGET_HABITS = Statement(DeviceHabitRow.delete().where(DeviceHabitRow.ae_title.in_(several("ae_titles"))))
_FORGET_QUERIES = Statement(DeviceQueryRow.delete().where(DeviceQueryRow.ae_title.in_(several("ae_titles"))))


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query as its device sent it last, and how often since it was written."""

    shape: str
    asked: WorklistAsked
    times: int


@dataclass(frozen=True, slots=True)
class SeenRow(Generic[Key]):
    """Something that was seen since it was written last. `is_new`: not written before, as far as this process knows."""

    key: Key
    first_at: int
    last_at: int
    times: int
    is_new: bool = True


def put_queries(tx: Transaction, queries: Sequence[AskedQuery]) -> None:
    """Keep the last query of each shape."""
    for query in queries:
        asked = query.asked
        tx.execute(
            _PUT_QUERY,
            ae_title=asked.ae_title,
            shape=query.shape,
            identifier=b64encode(asked.identifier).decode("ascii"),
            transfer_syntax_uid=str(asked.transfer_syntax_uid),
            at=asked.at,
            address=asked.address,
            status=asked.status,
            answers=len(asked.served),
            times=query.times,
        )
    for ae_title in {query.asked.ae_title for query in queries}:
        tx.execute(_DROP_QUERIES, ae_title=ae_title)


def put_served(tx: Transaction, rows: Sequence[SeenRow[tuple[StepVersion, str]]]) -> None:
    """Keep which step went to which device."""
    for row in rows:
        version, ae_title = row.key
        step_id = tx.value(
            _STEP_ID,
            order_id=version.order_id,
            procedure_position=version.procedure_position,
            step_position=version.step_position,
        )
        if step_id is not None:
            tx.execute(
                _PUT_SERVED,
                order_id=version.order_id,
                step_id=step_id,
                ae_title=ae_title,
                first_at=row.first_at,
                last_at=row.last_at,
                times=row.times,
            )


def put_habits(tx: Transaction, rows: Sequence[SeenRow[tuple[str, Habit, str]]]) -> None:
    """Keep what devices do."""
    for row in rows:
        ae_title, kind, name = row.key
        tx.execute(
            _PUT_HABIT,
            ae_title=ae_title,
            kind=kind.value,
            name=name,
            first_at=row.first_at,
            last_at=row.last_at,
            times=row.times,
        )
    new = {row.key[:2] for row in rows if row.is_new}
    for ae_title, kind in new:
        tx.execute(_DROP_NAMES, ae_title=ae_title, kind=kind.value)
    if new:
        last_seen_first = (
            DeviceHabitRow.select(DeviceHabitRow.ae_title)
            .group_by(DeviceHabitRow.ae_title)
            .order_by(fn.MAX(DeviceHabitRow.last_at).desc())
        )
        forgotten = tx.values(last_seen_first)[DEVICES_KEPT:]
        if forgotten:
            tx.execute(_FORGET_HABITS, ae_titles=forgotten)
            tx.execute(_FORGET_QUERIES, ae_titles=forgotten)
