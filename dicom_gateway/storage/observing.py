"""The queue of observations and the thread that writes them: at most once a second, dropped rather than waited for.

`observe` costs microseconds and no write. Served steps and habits that were written within the last minute are counted
in memory meanwhile, so that a device which asks every few seconds does not wear a disk out; the queries themselves are
written each second. What is dropped, the oldest first, is counted. Closing writes what is there.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Final, Generic, TypeVar

import structlog

from dicom_gateway.core.habits import Habit, QueryFacts, ServiceUsed
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.errors import GatewayError
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.observation_rows import AskedQuery, SeenRow, put_habits, put_queries, put_served
from dicom_gateway.storage.observations import DeviceSeen, Observation, WorklistAsked
from dicom_gateway.storage.worklist import StepVersion

log = structlog.get_logger()

MOST_WAITING: Final = 10_000  # observations
MOST_BYTES_WAITING: Final = 64 << 20  # about
MOST_COUNTED: Final = 50_000  # served steps, and habits, that are counted in memory; those written lately
MOST_QUERIES: Final = 256  # of all devices, while the database is away
WRITE_SECONDS: Final = 1.0
RENEWED_AFTER: Final = 60 * SECOND
ROWS_A_WRITE: Final = 500  # whoever else writes waits no longer than for these
LARGEST_QUERY: Final = 64 << 10  # bytes of an identifier that is kept

Describe = Callable[[bytes, str], QueryFacts]  # identifier, transfer syntax UID; never raises
Key = TypeVar("Key")
T = TypeVar("T")


class _Tally(Generic[Key]):
    """What was seen and is not written yet, and what was written lately."""

    def __init__(self, count_dropped: Callable[[], None]) -> None:
        self._count_dropped = count_dropped
        self._seen: OrderedDict[Key, tuple[int, int, int]] = OrderedDict()  # first, last, times
        self._written: OrderedDict[Key, int] = OrderedDict()

    def add(self, key: Key, at: int) -> None:
        """Count one more."""
        first, last, times = self._seen.get(key, (at, at, 0))
        self._seen[key] = (first, max(last, at), times + 1)
        if len(self._seen) > MOST_COUNTED:
            self._seen.popitem(last=False)
            self._count_dropped()

    def due(self, everything: bool) -> list[SeenRow[Key]]:
        """Return what is to be written now: what is new, or was seen a minute after it was written."""
        return [
            SeenRow(key, *seen, is_new=key not in self._written)
            for key, seen in self._seen.items()
            if everything or seen[1] - self._written.get(key, 0) >= RENEWED_AFTER
        ]

    def written(self, rows: Sequence[SeenRow[Key]]) -> None:
        """Note what has been written."""
        for row in rows:
            self._seen.pop(row.key, None)
            self._written[row.key] = row.last_at
            self._written.move_to_end(row.key)
        while len(self._written) > MOST_COUNTED:
            self._written.popitem(last=False)


class Observer:
    """Takes observations from any thread, and writes them from its own. `describe` reads an identifier;
    `count_dropped` is told of each observation that is given up."""

    def __init__(
        self, database: Database, describe: Describe, count_dropped: Callable[[], None] = lambda: None,
        seconds: float = WRITE_SECONDS,
    ) -> None:  # fmt: skip
        self._database = database
        self._describe = describe
        self._count_dropped = count_dropped
        self._seconds = seconds
        self._waiting: deque[Observation] = deque()
        self._bytes_waiting = 0
        self._guard = threading.Lock()
        self._arrived = threading.Event()
        self._closing = threading.Event()
        self._served: _Tally[tuple[StepVersion, str]] = _Tally(count_dropped)
        self._habits: _Tally[tuple[str, Habit, str]] = _Tally(count_dropped)
        self._queries: OrderedDict[tuple[str, str], AskedQuery] = OrderedDict()
        self._thread = threading.Thread(target=self._write_forever, name="observations", daemon=True)
        self._thread.start()

    def observe(self, observation: Observation) -> None:
        """Take an observation and return at once; the oldest ones go when too many wait."""
        dropped = 0
        with self._guard:
            self._waiting.append(observation)
            self._bytes_waiting += _weight(observation)
            while len(self._waiting) > MOST_WAITING or self._bytes_waiting > MOST_BYTES_WAITING:
                self._bytes_waiting -= _weight(self._waiting.popleft())
                dropped += 1
        for _ in range(dropped):
            self._count_dropped()
        if not self._arrived.is_set():
            self._arrived.set()

    def close(self) -> None:
        """Write what is there, and end; nothing is to be observed afterwards."""
        self._closing.set()
        self._arrived.set()
        self._thread.join()

    def _write_forever(self) -> None:
        while not self._closing.is_set():
            self._arrived.wait()
            self._closing.wait(self._seconds)
            self._arrived.clear()
            self._write(everything=False)
        self._write(everything=True)

    def _write(self, everything: bool) -> None:
        """Write what is due; what cannot be written now is kept, within bounds, with what comes next."""
        for observation in self._taken():
            try:
                self._add(observation)
            except Exception as error:  # a bug must not end what observes the devices, nor lose the others
                _log_bug("observation not read", error)
        try:
            queries = _pages(list(self._queries.values()))
            served, habits = _pages(self._served.due(everything)), _pages(self._habits.due(everything))
            for page in zip_longest(queries, served, habits, fillvalue=()):
                self._write_page(*page)
        except GatewayError as error:
            log.warning("observations not written", error=type(error).__name__)
        except Exception as error:  # likewise
            _log_bug("observations not written", error)

    def _taken(self) -> list[Observation]:
        with self._guard:
            taken = list(self._waiting)
            self._waiting.clear()
            self._bytes_waiting = 0
        return taken

    def _add(self, observation: Observation) -> None:
        if isinstance(observation, DeviceSeen):
            for kind, name in observation.facts:
                self._habits.add((observation.ae_title, kind, name), observation.at)
            return
        found = self._described(observation)
        ae_title, at = observation.ae_title, observation.at
        for kind, name in ((Habit.SERVICE, ServiceUsed.WORKLIST.value), *found.facts):
            self._habits.add((ae_title, kind, name), at)
        for version in observation.served:
            self._served.add((version, ae_title), at)
        if found.shape:
            place = (ae_title, found.shape)
            before = self._queries.pop(place, None)
            self._queries[place] = AskedQuery(found.shape, observation, before.times + 1 if before else 1)
        while len(self._queries) > MOST_QUERIES:
            self._queries.popitem(last=False)
            self._count_dropped()

    def _described(self, asked: WorklistAsked) -> QueryFacts:
        if len(asked.identifier) > LARGEST_QUERY:
            return QueryFacts("", ((Habit.QUIRK, f"sends queries of more than {LARGEST_QUERY >> 10} KiB"),))
        return self._describe(asked.identifier, asked.transfer_syntax_uid)

    def _write_page(
        self, queries: Sequence[AskedQuery], served: Sequence[SeenRow[tuple[StepVersion, str]]],
        habits: Sequence[SeenRow[tuple[str, Habit, str]]],
    ) -> None:  # fmt: skip
        def run(tx: Transaction) -> None:
            put_queries(tx, queries)
            put_served(tx, served)
            put_habits(tx, habits)

        self._database.write(run)
        for query in queries:
            self._queries.pop((query.asked.ae_title, query.shape), None)
        self._served.written(served)
        self._habits.written(habits)


def _log_bug(what: str, error: Exception) -> None:
    log.error(what, error=type(error).__name__)
    log.debug(what, exc_info=error)  # with values, it may hold patient data


def _weight(observation: Observation) -> int:
    """Return about how many bytes wait with an observation."""
    if isinstance(observation, WorklistAsked):
        return 300 + len(observation.identifier) + 16 * len(observation.served)
    return 300 + 100 * len(observation.facts)


def _pages(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), ROWS_A_WRITE):
        yield rows[start : start + ROWS_A_WRITE]
