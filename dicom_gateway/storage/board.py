"""Reads a day of scheduled steps with everything that says how they are, always in the same number of queries.

The day is one date of the practice; steps of the days before it that have not ended are left over. What was seen of
them is found by their orders and studies, each along an index.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from peewee import fn

from dicom_gateway.core.board import Line, line_of
from dicom_gateway.core.completeness import Templates
from dicom_gateway.core.lights import DeviceLight, TargetLight
from dicom_gateway.core.local_time import SECOND, local_now
from dicom_gateway.core.model import Order
from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.board_rows import Gathered, gather
from dicom_gateway.storage.codec import load_order
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.delivery_control import FAILING
from dicom_gateway.storage.delivery_lines import DeliveryStatus
from dicom_gateway.storage.observation_tables import DeviceHabitRow, DeviceQueryRow
from dicom_gateway.storage.prepared import Statement, given, several
from dicom_gateway.storage.tables import DeliveryRow, OrderRow, StepRow, TargetRow, UnknownDeviceRow

LEFT_OVER_DAYS: Final = 7
MOST_STEPS: Final = 5000  # of one day; nobody reads more
MOST_SHARED: Final = 8  # days that are kept as they were read last
MOST_KNOWN: Final = 5000  # orders that are kept parsed, 5 KB each

_PLACE = (
    StepRow.order_id, StepRow.procedure_position, StepRow.step_position, OrderRow.version, OrderRow.changed_at,
)  # fmt: skip
_WITH_ORDER = StepRow.select(*_PLACE).join(OrderRow, on=(OrderRow.id == StepRow.order_id))
_OF_DAY = Statement(_WITH_ORDER.where(StepRow.start_date == given("day")).order_by(StepRow.key).limit(MOST_STEPS))
_LEFT_OVER = Statement(
    _WITH_ORDER.where(StepRow.shown == 1, StepRow.start_date >= given("first_day"), StepRow.start_date < given("day"))
    .order_by(StepRow.start_date.desc())
    .limit(MOST_STEPS)
)
_DOCUMENTS = Statement(OrderRow.select(OrderRow.id, OrderRow.document).where(OrderRow.id.in_(several("order_ids"))))
_PAUSED = Statement(TargetRow.select(TargetRow.name, TargetRow.reason).where(TargetRow.paused_at.is_null(False)))
_REFUSED = Statement(
    UnknownDeviceRow.select(UnknownDeviceRow.ae_title, fn.MAX(UnknownDeviceRow.last_seen_at).alias("at"))
    .where(UnknownDeviceRow.ae_title.in_(several("ae_titles")))
    .group_by(UnknownDeviceRow.ae_title)
)
_SEEN = Statement(
    DeviceHabitRow.select(DeviceHabitRow.ae_title, fn.MAX(DeviceHabitRow.last_at).alias("at"))
    .where(DeviceHabitRow.ae_title.in_(several("ae_titles")))
    .group_by(DeviceHabitRow.ae_title)
)
_ASKED = Statement(
    DeviceQueryRow.select(DeviceQueryRow.ae_title, fn.MAX(DeviceQueryRow.at).alias("at"))
    .where(DeviceQueryRow.ae_title.in_(several("ae_titles")))
    .group_by(DeviceQueryRow.ae_title)
)
_OF_TARGET = (DeliveryRow.target == given("target")) & (DeliveryRow.status == given("status"))
_STANDING = Statement(
    DeliveryRow.select(fn.COUNT(DeliveryRow.key).alias("n"), fn.MIN(DeliveryRow.key).alias("oldest")).where(_OF_TARGET)
)
_CREATED_AT = Statement(DeliveryRow.select(DeliveryRow.created_at).where(DeliveryRow.key == given("key")))
# What was delivered keeps in due_at when: the end of the index says the last.
_LAST_DUE = Statement(DeliveryRow.select(fn.MAX(DeliveryRow.due_at)).where(_OF_TARGET))


@dataclass(frozen=True, slots=True)
class Today:
    """A day as it is stored: its lines, and the lights of the devices and targets."""

    lines: Sequence[Line]
    devices: Sequence[DeviceLight]
    targets: Sequence[TargetLight]


class _Moment(NamedTuple):
    now: int
    today: date
    ae_titles: set[str]
    targets: list[str]


class Board:
    """Reads days. `targets` gives the names of those who are told of orders, `ae_titles` the configured devices."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        zone: ZoneInfo,
        templates: Templates,
        targets: Callable[[], Sequence[str]],
        ae_titles: Callable[[], Iterable[str]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._templates = templates
        self._targets = targets
        self._ae_titles = ae_titles
        self._known: dict[str, tuple[tuple[int, int], Order]] = {}  # by id: of which version and when, and the order
        self._shared: dict[date | None, tuple[tuple[int, int], Today]] = {}

    def day(self, day: date | None = None) -> Today:
        """Return a day, the practice's today unless given; only today has what was left over."""
        now = self._clock()
        today = local_now(now, self._zone).date()
        known = set(self._ae_titles())
        targets = list(self._targets())
        moment = _Moment(now, today, known, targets)
        return self._database.read(lambda tx: self._read(tx, day or today, moment))

    def day_at(self, version: int, day: date | None = None) -> Today:
        """Return a day as `day` does, read once for all who ask at one `version` of the database and in one minute."""
        key = (version, self._clock() // (60 * SECOND))
        kept = self._shared.get(day)
        if kept is None or kept[0] != key:
            kept = (key, self.day(day))
            if len(self._shared) >= MOST_SHARED:
                self._shared = {}
            self._shared[day] = kept
        return kept[1]

    def _read(self, tx: Transaction, day: date, moment: _Moment) -> Today:
        now, today, known, targets = moment
        places = tx.rows(_OF_DAY, day=_da(day))
        if day == today:
            first_day = today - timedelta(days=LEFT_OVER_DAYS)
            places += tx.rows(_LEFT_OVER, day=_da(today), first_day=_da(first_day))
        orders = self._orders(tx, places)
        paused = {row["name"]: row["reason"] for row in tx.rows(_PAUSED) if row["name"] in targets}
        gathered = gather(tx, list(orders.values()), targets, list(paused))
        stations = {one for order in orders.values() for step in order.steps() for one in step.station_ae_titles}
        refused = _instants(tx, _REFUSED, stations | known)
        lines = [self._line(orders[place["order_id"]], place, gathered, refused, now, today) for place in places]
        lights = _device_lights(tx, sorted(known | stations), refused)
        return Today(lines, lights, [_target_light(tx, name, paused) for name in targets])

    def _orders(self, tx: Transaction, places: Iterable[Row]) -> dict[str, Order]:
        """Return the orders of these steps; read and parsed are those only that have changed since they were last."""
        wanted = {place["order_id"]: (place["version"], place["changed_at"]) for place in places}
        known = self._known
        found = {
            order_id: kept[1] for order_id, now in wanted.items() if (kept := known.get(order_id)) and kept[0] == now
        }
        rows = tx.rows(_DOCUMENTS, order_ids=[order_id for order_id in wanted if order_id not in found])
        read = {row["id"]: load_order(row["document"]) for row in rows}
        if len(known) + len(read) > MOST_KNOWN:
            self._known = known = {}
        known.update((order_id, (wanted[order_id], order)) for order_id, order in read.items())
        return found | read

    def _line(
        self, order: Order, place: Row, gathered: Gathered, refused: dict[str, int], now: int, today: date
    ) -> Line:  # fmt: skip
        procedure = order.procedures[place["procedure_position"]]
        step = procedure.steps[place["step_position"]]
        known = gathered.of(order, procedure, step, refused)
        return line_of(order, procedure, step, known, self._templates, now, today)

    def lights(self) -> tuple[Sequence[DeviceLight], Sequence[TargetLight]]:
        """Return the lights of the configured devices and of the targets."""
        known, targets = sorted(self._ae_titles()), list(self._targets())

        def run(tx: Transaction) -> tuple[Sequence[DeviceLight], Sequence[TargetLight]]:
            paused = {row["name"]: row["reason"] for row in tx.rows(_PAUSED)}
            devices = _device_lights(tx, known, _instants(tx, _REFUSED, known))
            return devices, [_target_light(tx, name, paused) for name in targets]

        return self._database.read(run)


def _da(day: date) -> str:
    return day.strftime("%Y%m%d")


def _instants(tx: Transaction, statement: Statement, ae_titles: Iterable[str]) -> dict[str, int]:
    return {row["ae_title"]: row["at"] for row in tx.rows(statement, ae_titles=list(ae_titles))}


def _device_lights(tx: Transaction, ae_titles: Sequence[str], refused: dict[str, int]) -> list[DeviceLight]:
    seen, asked = _instants(tx, _SEEN, ae_titles), _instants(tx, _ASKED, ae_titles)
    return [
        DeviceLight(one, max(seen.get(one, 0), asked.get(one, 0)), asked.get(one, 0), refused.get(one, 0))
        for one in ae_titles
    ]


def _target_light(tx: Transaction, name: str, paused: dict[str, str]) -> TargetLight:
    parked = tx.row(_STANDING, target=name, status=DeliveryStatus.PARKED.value)
    waiting = tx.row(_STANDING, target=name, status=DeliveryStatus.PENDING.value)
    assert parked is not None and waiting is not None  # counting always has an answer
    return TargetLight(
        name,
        paused=paused.get(name, ""),
        is_paused=name in paused,
        parked=parked["n"],
        waiting=waiting["n"],
        oldest_waiting_at=tx.value(_CREATED_AT, key=waiting["oldest"]) or 0,
        delivered_at=tx.value(_LAST_DUE, target=name, status=DeliveryStatus.DELIVERED.value) or 0,
        is_failing=bool(waiting["n"]) and tx.value(FAILING, target=name) is not None,
    )
