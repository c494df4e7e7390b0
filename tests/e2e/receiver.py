"""A PMS that takes webhooks: verifies each signature, keeps each event, answers as told."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


class Receiver:
    """Listens on a free loopback port. `answers` are the status codes to give, one each; then 200."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.tries: list[str] = []
        self.answers: list[int] = []
        self._guard = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver._take(body, dict(self.headers)))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, body: bytes, headers: dict[str, str]) -> int:
        lower = {name.lower(): value for name, value in headers.items()}
        event = Webhook(SECRET).verify(body, lower)
        with self._guard:
            self.tries.append(lower["webhook-id"])
            code = self.answers.pop(0) if self.answers else 200
            if 200 <= code < 300:
                self.events.append(json.loads(json.dumps(event)))
            return code

    @property
    def settings(self) -> str:
        """The [[pms]] table for gateway.toml."""
        port = self._server.server_address[1]
        return f'[[pms]]\nname = "pms"\nurl = "http://127.0.0.1:{port}/hook"\nsecret = "{SECRET}"\n'

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a type."""
        with self._guard:
            return [event for event in self.events if event["type"] == kind]
