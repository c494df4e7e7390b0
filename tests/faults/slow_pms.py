"""A PMS that misbehaves as told, and what the worker's delivery loop does about it, with the clock moved.

The real outbox, delivery loop and webhook over real sockets; only the clock is ours. The receiver keeps what it took,
with the signature checked, whether or not it said so.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

from dicom_gateway.connectors.http_transport import HttpTransport
from dicom_gateway.connectors.webhook import WebhookSink
from dicom_gateway.core.envelope import Event, EventType
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Instance, Thumbnail
from dicom_gateway.core.ports import Clock, Outcome
from dicom_gateway.storage.audit import Actor
from dicom_gateway.study.tile import no_preview
from dicom_gateway.worker import LEASE, Deliverer
from tests.e2e.program import free_port
from tests.e2e.receiver import SECRET
from tests.storage.builders import GatewayStore, an_order

# What the receiver does with an event: takes it and then answers, or does not.
TAKES = frozenset({"200", "drop after taking"})
FAULTS = ("500", "429", "drop", "drop after taking", "410")
RETRY_AFTER = 7200  # seconds, with each 429
DAY = 24 * 3600


class Killed(BaseException):
    """The worker's process ended here."""


def check_signature(headers: dict[str, str], body: bytes) -> None:
    """Fail unless the headers sign the body; the timestamp is that of the moved clock, so its age says nothing."""
    lower = {name.lower(): value for name, value in headers.items()}
    at = datetime.fromtimestamp(int(lower["webhook-timestamp"]), UTC)
    assert lower["webhook-signature"] == Webhook(SECRET).sign(lower["webhook-id"], at, body.decode())


class SlowPms:
    """Answers each event with what `behave` says. `taken` are (order, event id) as they came, repeats too."""

    def __init__(self, behave: Callable[[], str]) -> None:
        self.taken: list[tuple[str, str]] = []
        self.done: Counter[str] = Counter()
        pms = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                check_signature(dict(self.headers), body)
                what = pms._take(behave(), body)
                if what.startswith("drop"):
                    return
                self.send_response(int(what))
                if what == "429":
                    self.send_header("Retry-After", str(RETRY_AFTER))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "SlowPms":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, what: str, body: bytes) -> str:
        self.done[what] += 1
        if what in TAKES:
            event = json.loads(body)
            self.taken.append((event["order"]["id"], event["id"]))
        return what


class Line:
    """The way to the PMS: nobody listens while it is away; the worker may die just after sending an event."""

    def __init__(self, url: str, clock: Clock, away_until: int, dies: Callable[[], bool]) -> None:
        transport = HttpTransport()
        away = f"http://127.0.0.1:{free_port()}/hook"
        self._sinks = {target: WebhookSink(target, SECRET, transport, clock) for target in (url, away)}
        self._url, self._away = url, away
        self._clock, self._away_until = clock, away_until
        self._dies = dies
        self.tries = 0

    def deliver(self, event_id: str, occurred_at: int, payload: bytes) -> Outcome:
        """Send one event."""
        self.tries += 1
        url = self._away if self._clock() < self._away_until else self._url
        outcome = self._sinks[url].deliver(event_id, occurred_at, payload)
        if self._dies():
            raise Killed
        return outcome


class Undrawn:
    """Draws nothing: these events show no instances."""

    def thumbnail(self, instance: Instance) -> Thumbnail:
        """Return a tile."""
        return no_preview()


class Delivery:
    """Events of many orders on their way to one PMS that is away for a day and then answers with faults by lot."""

    def __init__(self, store: GatewayStore, orders: int, events: int, kills: int, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._store = store
        self._kills = kills
        self.killed = self.told_again = 0
        self.emitted: dict[str, list[str]] = {}
        for number in range(events):
            self._emit(f"o{number % orders}")

    def _emit(self, order_id: str) -> None:
        event = Event(EventType.ORDER_STARTED, self._store.clock(), an_order(id=order_id))
        event_id = self._store.database.write(lambda tx: self._store.outbox.emit(tx, event))
        self.emitted.setdefault(order_id, []).append(event_id)

    def behave(self) -> str:
        """Say what the PMS does next."""
        return self._random.choice(FAULTS) if self._random.random() < 0.5 else "200"

    def _dies(self) -> bool:
        dies = self.killed < self._kills and self._random.random() < 0.05
        self.killed += dies
        return dies

    def run(self) -> SlowPms:
        """Deliver until nothing is pending, moving the clock to whatever is due next; return the PMS."""
        clock = self._store.clock
        with SlowPms(lambda: self.behave()) as pms:
            self.line = Line(pms.url, clock, clock() + DAY * SECOND, self._dies)
            while self._store.outbox.depth().get(("pms", "pending")):
                clock.now = max(clock.now, self._step())
        return pms

    def _step(self) -> int:
        """Deliver what is due once; return when to go on."""
        try:
            due = self._deliverer().run()
        except Killed:
            return self._store.clock() + LEASE
        if self._store.outbox.paused():
            self.told_again += 1
            self._store.outbox.retry(self._store.clock(), Actor("test"), target="pms")
            return self._store.clock()
        assert due is not None
        return due

    def _deliverer(self) -> Deliverer:
        store = self._store
        return Deliverer(
            "pms", self.line, "none", "http://127.0.0.1", store.outbox, store.studies, Undrawn(), store.clock,
            self._random.random, lambda *_: None,
        )  # fmt: skip


def check(delivery: Delivery, pms: SlowPms, store: GatewayStore) -> None:
    """Hold what the PMS took against what was emitted: each at least once, and in order per order."""
    by_order: dict[str, list[str]] = {}
    for order_id, event_id in pms.taken:
        by_order.setdefault(order_id, []).append(event_id)
    for order_id, emitted in delivery.emitted.items():
        taken = [emitted.index(event_id) for event_id in by_order[order_id]]
        assert sorted(set(taken)) == list(range(len(emitted))), f"an event of {order_id} is lost"
        assert taken == sorted(taken), f"the events of {order_id} came out of order"
    total = sum(len(emitted) for emitted in delivery.emitted.values())
    assert store.outbox.depth() == {("pms", "delivered"): total}
