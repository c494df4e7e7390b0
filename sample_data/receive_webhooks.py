"""A small PMS: takes events, checks their signatures, prints them, and saves the thumbnails.

Usage: python sample_data/receive_webhooks.py [PORT [FOLDER]]   (default: 9090 received)
"""

import base64
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + base64.b64encode(b"only for trying things out 12345").decode()
seen: set[str] = set()


def take(event: dict[str, Any], folder: Path) -> None:
    """Print an event and save its thumbnails; an event may come more than once, with the same id."""
    if event["id"] in seen:
        return
    seen.add(event["id"])
    order = event["order"] or {}
    print(event["type"], order.get("placer_order_number", "-"), order.get("status", "-"), event["evidence"] or "")
    for instance in event["instances"]:
        thumbnail = instance["thumbnail"] or {}
        if thumbnail.get("data"):
            path = folder / f"{instance['sop_instance_uid']}.jpg"
            path.write_bytes(base64.b64decode(thumbnail["data"]))
            print("  ", path, thumbnail["width"], "x", thumbnail["height"])
    sys.stdout.flush()


class Handler(BaseHTTPRequestHandler):
    """Answers 200 to what is signed with our secret, 401 to everything else."""

    folder = Path("received")

    def do_POST(self) -> None:
        """Take one event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            take(Webhook(SECRET).verify(body, {k.lower(): v for k, v in self.headers.items()}), self.folder)
            self.send_response(200)
        except WebhookVerificationError:
            self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def main(port: int = 9090, folder: str = "received") -> None:
    """Listen until interrupted."""
    Handler.folder = Path(folder)
    Handler.folder.mkdir(parents=True, exist_ok=True)
    print(f'[[pms]]\nname = "sample"\nurl = "http://127.0.0.1:{port}/"\nsecret = "{SECRET}"\n', flush=True)
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(*(int(argument) if number == 0 else argument for number, argument in enumerate(sys.argv[1:3])))
