"""The webhook target: one event is one signed HTTP POST of a JSON document.

Signing, headers and what an answer means follow Standard Webhooks 1.0 (webhook-id, webhook-timestamp,
webhook-signature with HMAC-SHA256); Retry-After follows RFC 9110 10.2.3. Everything here but `WebhookSink.deliver`
is pure; sockets and address rules are in http_transport.py.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from standardwebhooks import Webhook

from dicom_gateway import __version__
from dicom_gateway.connectors.http_transport import Answer
from dicom_gateway.core.ports import Clock, Outcome
from dicom_gateway.core.schedule import LONGEST_RETRY_AFTER
from dicom_gateway.errors import InvalidValue

LONGEST_DETAIL = 200  # characters
_MICROSECONDS = 1_000_000
_SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix that marks a secret, not a secret
_KEY_BYTES = range(24, 65)  # Standard Webhooks, signature scheme
_EVENT_ID = re.compile(r"[A-Za-z0-9_:-]{1,128}")  # a full stop would make what is signed ambiguous


class Transport(Protocol):
    """Sends one POST; gives the receiver's answer, or the outcome when there was none."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer | Outcome:
        """Never raises for what the network or the receiver does."""
        ...


class WebhookSink:
    """A PMS that takes events as webhooks (a ResultSink).

    `secret` is "whsec_" and 24 to 64 bytes in base64; InvalidValue otherwise, when the sink is made.
    """

    def __init__(self, url: str, secret: str, transport: Transport, clock: Clock) -> None:
        check_secret(secret)
        self._url = url
        self._secret = secret
        self._transport = transport
        self._clock = clock

    def deliver(self, event_id: str, occurred_at: int, payload: bytes) -> Outcome:
        """Send one event (`payload` is its UTF-8 JSON, which says itself when it occurred).

        The signed timestamp is the time of this try, so that a receiver's window for replays suits retries too.
        """
        headers = sign(self._secret, event_id, self._clock() // _MICROSECONDS, payload)
        answer = self._transport.post(self._url, headers, payload)
        if isinstance(answer, Outcome):
            return answer
        return outcome_of(answer.status, answer.headers, answer.excerpt, self._clock())


def check_secret(secret: str) -> None:
    """Raise InvalidValue unless `secret` is one after Standard Webhooks; the text never repeats it.

    The library drops what is not base64 without a word, and then signs with a key that the receiver does not have.
    """
    text = secret.strip().removeprefix(_SECRET_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise InvalidValue('must be "whsec_" followed by base64 (alphabet with + and /)', "secret") from None
    if len(key) not in _KEY_BYTES:
        raise InvalidValue(f"must be 24 to 64 random bytes in base64, this is {len(key)}", "secret")


def sign(secret: str, event_id: str, timestamp_seconds: int, payload: bytes) -> dict[str, str]:
    """Return all headers of one try; `timestamp_seconds` is the time of this try, in seconds since 1970 UTC.

    `event_id` is 1 to 128 letters, digits, "_", ":" or "-", `secret` one that check_secret accepts; InvalidValue
    otherwise. `payload` is UTF-8.
    """
    check_secret(secret)
    if not _EVENT_ID.fullmatch(event_id):
        raise InvalidValue("must be 1 to 128 letters, digits, _, : or -", "event_id")
    moment = datetime.fromtimestamp(timestamp_seconds, tz=UTC)  # the library signs other zones' wall clock as UTC
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp_seconds),
        "webhook-signature": Webhook(secret.strip()).sign(event_id, moment, payload.decode("utf-8")),
        "content-type": "application/json",
        "user-agent": f"dicom-gateway/{__version__}",
    }


def outcome_of(status: int, headers: Mapping[str, str], body_excerpt: bytes, now: int) -> Outcome:
    """Say what the receiver's answer means for the delivery.

    `now` (microseconds UTC) is what a Retry-After date is compared with. `detail` is for a person: escaped, at most
    LONGEST_DETAIL characters; it may quote what the receiver wrote.
    """
    title = f"{status} {_phrase(status)}".rstrip()
    if 200 <= status < 300:
        return Outcome(delivered=True, detail=title)
    if 300 <= status < 400:
        return Outcome(False, f"{title}: redirects are not followed", _retry_after(headers, now))
    said = " ".join(body_excerpt[: 4 * LONGEST_DETAIL].decode("utf-8", "replace").split())
    return Outcome(
        delivered=False,
        detail=_printable(f"{title}: {said}" if said else title),
        retry_after=_retry_after(headers, now),
        gone=status == HTTPStatus.GONE,
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _printable(text: str) -> str:
    """Escape what would move a cursor, break a line or turn the direction of reading; cut to LONGEST_DETAIL."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
    return shown if len(shown) <= LONGEST_DETAIL else shown[: LONGEST_DETAIL - 3] + "..."


def _retry_after(headers: Mapping[str, str], now: int) -> float | None:
    """Return the seconds that Retry-After asks for, at most LONGEST_RETRY_AFTER; None for none, bad or past."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), float(LONGEST_RETRY_AFTER))
    try:
        date = parsedate_to_datetime(value)
        seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now / _MICROSECONDS
    except (ValueError, OverflowError):
        return None
    return min(seconds, float(LONGEST_RETRY_AFTER)) if seconds > 0 else None
