"""A small PMS: takes events, checks their signatures, prints them, and saves the thumbnails.

Usage: python sample_data/receive_webhooks.py [--settings] [--secret SECRET] [PORT [FOLDER]]   (default: 9090 received)
--settings only prints the [[pms]] table that belongs into gateway.toml. --secret is that of the gateway's
connection (whsec_...), where it has one of its own.
"""

import argparse
import base64
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

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
    """Answers 200 to what is signed with the secret, 401 to everything else."""

    folder = Path("received")
    secret = SECRET

    def do_POST(self) -> None:
        """Take one event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            take(Webhook(self.secret).verify(body, {k.lower(): v for k, v in self.headers.items()}), self.folder)
            self.send_response(200)
        except WebhookVerificationError:
            self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def main() -> None:
    """Print the settings, or listen until interrupted."""
    parser = argparse.ArgumentParser(description="A small PMS: takes events, checks, prints, saves thumbnails.")
    parser.add_argument("--settings", action="store_true", help="only print the [[pms]] table for gateway.toml")
    parser.add_argument("--secret", default=SECRET, help="the secret of the connection, whsec_...")
    parser.add_argument("port", nargs="?", type=int, default=9090)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("received"))
    asked = parser.parse_args()
    url = f"http://127.0.0.1:{asked.port}/"
    if asked.settings:
        print(f'\n[[pms]]\nname = "sample"\nurl = "{url}"\nsecret = "{asked.secret}"')
        return
    Handler.folder, Handler.secret = asked.folder, asked.secret
    try:
        Webhook(asked.secret)
    except (ValueError, EmptyWebhookSecretError):
        sys.exit("the secret must be whsec_ and base64, as the page of the connection shows it")
    try:
        server = HTTPServer(("127.0.0.1", asked.port), Handler)
    except (OSError, OverflowError) as error:
        sys.exit(f"cannot listen on {url}: {error}; end the program that uses the port, or name another one")
    asked.folder.mkdir(parents=True, exist_ok=True)
    print(f"listening on {url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
