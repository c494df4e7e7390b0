"""The worker role: settles studies that are due, delivers events to each PMS, and sweeps the object store.

Each job is a loop in a thread of its own that waits for a wake-up or the next due row, at most five seconds. One loop
a target: a PMS that is slow or away holds back nobody else.
"""

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from dicom_gateway.core.envelope import MAX_INSTANCES, describe_instance, describes_animal, with_thumbnail
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Instance, Thumbnail
from dicom_gateway.core.ports import Clock, Outcome, ResultSink
from dicom_gateway.core.schedule import next_try
from dicom_gateway.errors import GatewayError
from dicom_gateway.storage.outbox import Claimed, Outbox
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import StudyStore

log = structlog.get_logger()

LONGEST_WAIT_SECONDS = 5.0
LEASE = 90 * SECOND  # longer than a delivery can take
INLINE_BYTES = 256 * 1024


class Thumbnailer(Protocol):
    """Gives the thumbnail of an instance."""

    def thumbnail(self, instance: Instance) -> Thumbnail:
        """Return the thumbnail; never raises for what the object holds."""
        ...


class Loop:
    """Calls `job` until stopped. It returns the instant when it is due again, or None; a wake-up comes before that."""

    def __init__(self, name: str, job: Callable[[], int | None], clock: Clock, wake: threading.Event) -> None:
        self._name = name
        self._job = job
        self._clock = clock
        self._wake = wake
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End after the job in work, at the latest after `seconds`."""
        self._stopping = True
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                due = self._job()
            except GatewayError as error:
                log.warning("job failed", job=self._name, error=type(error).__name__)
                due = None
            except Exception:
                log.exception("job failed", job=self._name)
                due = None
            wait = LONGEST_WAIT_SECONDS if due is None else (due - self._clock()) / SECOND
            if not self._stopping and wait > 0:
                self._wake.wait(min(wait, LONGEST_WAIT_SECONDS))


class Settler:
    """Settles studies that are due."""

    def __init__(self, settlement: Settlement) -> None:
        self._settlement = settlement

    def run(self) -> int | None:
        """Settle what is due; return when the next one is."""
        for uid in self._settlement.due():
            try:
                self._settlement.settle(uid)
            except GatewayError:
                raise
            except Exception as error:
                log.exception("study not settled")
                self._settlement.postpone(uid, type(error).__name__)
        return self._settlement.next_due()


class Deliverer:
    """Delivers the events of one target."""

    def __init__(
        self,
        target: str,
        sink: ResultSink,
        thumbnail_mode: str,
        public_url: str,
        outbox: Outbox,
        studies: StudyStore,
        thumbnails: Thumbnailer,
        clock: Clock,
        random: Callable[[], float],
        count: Callable[[str, str, float], None],
    ) -> None:
        self._target = target
        self._sink = sink
        self._mode = thumbnail_mode
        self._public_url = public_url.rstrip("/")
        self._outbox = outbox
        self._studies = studies
        self._thumbnails = thumbnails
        self._clock = clock
        self._random = random
        self._count = count
        self._owner = f"{os.getpid()}-{threading.get_native_id()}-{target}"

    def run(self) -> int | None:
        """Deliver what is due; return when the next one is."""
        claimed = self._outbox.claim(self._owner, self._clock(), LEASE, self._target)
        for delivery in claimed:
            self._deliver(delivery)
        return self._clock() if claimed else self._outbox.next_due(self._clock(), self._target)

    def _deliver(self, delivery: Claimed) -> None:
        try:
            outcome = self._sink.deliver(delivery.event_id, delivery.occurred_at, self.payload(delivery))
        except GatewayError:
            raise
        except Exception as error:
            log.exception("event not sent", event_id=delivery.event_id)
            outcome = Outcome(False, f"internal error: {type(error).__name__}")
        now = self._clock()
        again: int | None = None
        if outcome.gone:
            self._outbox.pause(self._target, now, outcome.detail)
            again = now
        elif not outcome.delivered and not outcome.final:
            first = delivery.first_try_at if delivery.first_try_at is not None else now
            again = next_try(delivery.attempts + 1, now, first, self._random, outcome.retry_after)
        self._outbox.finish(delivery, self._owner, now, outcome.delivered, outcome.detail, again)
        word = "delivered" if outcome.delivered else "failed" if again is not None else "parked"
        self._count(self._target, word, (now - delivery.occurred_at) / SECOND)
        answer = outcome.detail.partition(":")[0]  # the rest may quote what the receiver wrote
        log.info(
            f"event {word}", target=self._target, event_id=delivery.event_id, type=delivery.event_type, answer=answer
        )

    def payload(self, delivery: Claimed) -> bytes:
        """Return the event as the target gets it: the envelope as it was, with the instances that it shows."""
        instances = self._studies.instances(delivery.instance_keys)
        instances.sort(key=_order)
        pictured = with_thumbnail([instance.header for instance in instances])
        is_animal = describes_animal(delivery.envelope["patient"])
        budget = INLINE_BYTES
        described = []
        for instance in _shown(instances, pictured):
            shown = None
            if instance.header.sop_instance_uid in pictured and self._mode != "none":
                shown, used = self._thumbnail(instance, budget)
                budget -= used
            described.append(describe_instance(instance.header, shown, is_animal))
        return json.dumps({**delivery.envelope, "instances": described}, ensure_ascii=False).encode()

    def _thumbnail(self, instance: Instance, budget: int) -> tuple[dict[str, Any], int]:
        """Return the thumbnail as the event carries it, and how many bytes it takes of what may stand inline."""
        picture = self._thumbnails.thumbnail(instance)
        shown: dict[str, Any] = {"media_type": "image/jpeg", "width": picture.width, "height": picture.height}
        data = base64.b64encode(picture.jpeg).decode()
        if self._mode == "inline" and len(data) <= budget:
            return {**shown, "data": data, "href": None}, len(data)
        href = f"{self._public_url}/api/v1/instances/{instance.header.sop_instance_uid}/thumbnail"
        return {**shown, "data": None, "href": href}, 0


def _shown(instances: Sequence[Instance], pictured: frozenset[str]) -> list[Instance]:
    """Return at most MAX_INSTANCES, in order: those with a thumbnail before the others."""
    chosen = sorted(instances, key=lambda instance: instance.header.sop_instance_uid not in pictured)[:MAX_INSTANCES]
    keys = {instance.key for instance in chosen}
    return [instance for instance in instances if instance.key in keys]


def _order(instance: Instance) -> tuple[int, str, int, int]:
    header = instance.header
    return header.series_number or 0, header.series_instance_uid, header.instance_number or 0, instance.key


class SweptStore(Protocol):
    """The object store, as far as sweeping goes."""

    def sweep_spools(self) -> int:
        """Remove what dead processes left."""
        ...

    def old_objects(self, now_seconds: float) -> Any:
        """Yield names of final objects old enough to have a row."""
        ...

    def has_space(self) -> bool:
        """Say whether more than the reserve is free."""
        ...

    def set_aside(self, name: str) -> str:
        """Move an object to quarantine."""
        ...


class Sweeper:
    """Cleans up after dead processes and holds files against rows, a little at a time."""

    SPOOL_EVERY = 60 * SECOND
    RECONCILE_AFTER = 900 * SECOND  # what the last process left is old enough by then
    RECONCILE_EVERY = 24 * 3600 * SECOND

    def __init__(
        self,
        objects: SweptStore,
        has_file: Callable[[str], bool],
        studies: StudyStore,
        checkpoint: Callable[[], None],
        alarm: Callable[[int, str, str, str], None],
        clock: Clock,
    ) -> None:
        self._objects = objects
        self._has_file = has_file
        self._studies = studies
        self._checkpoint = checkpoint
        self._alarm = alarm
        self._clock = clock
        self._reconcile_at = clock() + self.RECONCILE_AFTER

    def run(self) -> int | None:
        """Sweep; return when to do so again."""
        self._objects.sweep_spools()
        if not self._objects.has_space():
            self._alarm(self._clock(), "disk nearly full", "objects", "images are refused until there is room")
        self._checkpoint()
        now = self._clock()
        if now >= self._reconcile_at:
            self._reconcile_at = now + self.RECONCILE_EVERY
            self.reconcile()
        return now + self.SPOOL_EVERY

    def reconcile(self) -> tuple[int, int]:
        """Set aside files without a row, and raise an alarm for rows without a file; return how many of each."""
        orphans = 0
        for name in self._objects.old_objects(time.time()):
            if not self._studies.knows_object(name):
                self._objects.set_aside(name)
                orphans += 1
                log.warning("object without a row set aside", object=name)
        lost = 0
        after = 0
        while page := self._studies.object_names(after, 500):
            for key, name in page:
                if not self._has_file(name):
                    self._alarm(self._clock(), "file missing", name, f"instance {key}")
                    lost += 1
            after = page[-1][0]
        return orphans, lost


class Forgetting(Protocol):
    """What forgets rows by their age: messages, the audit."""

    def sweep(self, before: int) -> int:
        """Forget what is older than an instant; return how many rows."""
        ...


class Forgetter:
    """Forgets what is kept for long enough."""

    EVERY = 3600 * SECOND

    def __init__(self, rows: Forgetting, keep_days: int, clock: Clock) -> None:
        self._rows = rows
        self._kept = keep_days * 86_400 * SECOND
        self._clock = clock
        self._due = 0

    def run(self) -> int | None:
        """Forget, once in a while; return when to do so again."""
        now = self._clock()
        if now >= self._due:
            self._due = now + self.EVERY
            self._rows.sweep(now - self._kept)
        return self._due


def loops(
    settler: Settler, deliverers: Mapping[str, Deliverer], sweeper: Sweeper, clock: Clock,
    new_wake: Callable[[], threading.Event],
) -> Sequence[Loop]:  # fmt: skip
    """Return the loops of the worker role, not yet started."""
    jobs: dict[str, Callable[[], int | None]] = {"settle": settler.run, "sweep": sweeper.run}
    jobs |= {f"deliver-{name}": deliverer.run for name, deliverer in deliverers.items()}
    return [Loop(name, job, clock, new_wake()) for name, job in jobs.items()]
