"""The PMS side: takes webhooks over HTTP, checks each signature (Standard Webhooks), keeps the events.

One listener serves several systems, each at a path of its own. A system that is away answers 503 with Retry-After.
"""

import base64
import json
import secrets
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from standardwebhooks import Webhook, WebhookVerificationError

from dicom_gateway.demo.expecting import WAIT_SECONDS, Unexpected

T = TypeVar("T")
Event = dict[str, Any]
RETRY_AFTER_SECONDS = 5
LARGEST_BYTES = 16 * 1024 * 1024


class Receiver:
    """Listens on a free loopback port while entered. `tell` hears (system, event) of each new event, and
    (system, None) each time a system that is away turns an event away."""

    def __init__(self, tell: Callable[[str, Event | None], None]) -> None:
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.away: set[str] = set()
        self.refused = 0
        self.turned_away: Counter[str] = Counter()
        self.events: defaultdict[str, list[Event]] = defaultdict(list)
        self._tell = tell
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, system: str) -> str:
        """Return where events for a system go."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{system}"

    def take(self, system: str, body: bytes, headers: dict[str, str]) -> int:
        """Take one event; return the HTTP status to answer with."""
        with self._news:
            if system in self.away:
                self.turned_away[system] += 1
                self._tell(system, None)
                self._news.notify_all()
                return 503
            try:
                Webhook(self.secret).verify(body, headers)
            except WebhookVerificationError:
                self.refused += 1
                return 401
            event = json.loads(body)
            if event["id"] not in {known["id"] for known in self.events[system]}:  # at least once: it may come again
                self.events[system].append(event)
                self._tell(system, event)
            self._news.notify_all()
            return 200

    def wait(self, what: str, found: Callable[[], T | None], seconds: float = WAIT_SECONDS) -> T:
        """Return the first true value of `found`, looked at with each event; raise Unexpected after `seconds`."""
        with self._news:
            value = self._news.wait_for(found, seconds)
        if not value:
            raise Unexpected(f"waited {seconds:g} s in vain for {what}")
        return value

    def of_study(self, system: str, study_uid: str, kind: str) -> Event | None:
        """Return the event of a type about a study, once it is here."""
        return next((e for e in self.events[system] if e["type"] == kind and study_of(e) == study_uid), None)

    def of_order(self, system: str, order_id: str) -> list[Event]:
        """Return the events of an order as they came."""
        return [event for event in self.events[system] if (event["order"] or {}).get("id") == order_id]


def study_of(event: Event) -> str | None:
    """Return the study that an event is about."""
    return (event["study"] or {}).get("instance_uid")


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            length = int(self.headers.get("Content-Length") or 0)
            if length > LARGEST_BYTES:
                self.send_error(413)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(self.path.strip("/"), self.rfile.read(length), headers)
            self.send_response(status)
            if status == 503:
                self.send_header("Retry-After", str(RETRY_AFTER_SECONDS))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    return Handler
