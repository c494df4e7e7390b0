"""Trying a connection to a PMS step by step: the name, each address, the connection, TLS, the answer to a test event.

Addresses are judged as those of deliveries are, and the test event goes to the very address that was looked at.
"""

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from dicom_gateway.connectors.http_transport import (
    ERRNOS,
    MOST_ADDRESSES,
    Answer,
    HttpTransport,
    Limits,
    NotSent,
    Resolver,
    public_and_system_authorities,
    refusal,
    resolve,
    resolve_within,
)
from dicom_gateway.connectors.webhook import outcome_of, sign
from dicom_gateway.core.connections import Found, Report
from dicom_gateway.core.ports import Clock, Outcome

RESOLVE_SECONDS = 5.0
CONNECT_SECONDS = 5.0
LIMITS = Limits(resolve=RESOLVE_SECONDS, connect=CONNECT_SECONDS, read=10.0, total=15.0)
SLOW_SECONDS = 3.0
SOON = timedelta(days=21)
_MICROSECONDS = 1_000_000
_ERRNOS = {"connection refused": Found.REFUSED}
_STATUSES: tuple[tuple[range, Found], ...] = (  # the first that holds it
    (range(200, 300), Found.TAKEN),
    (range(300, 400), Found.REDIRECTED),
    (range(401, 402), Found.NOT_SIGNED),
    (range(403, 404), Found.NOT_SIGNED),
    (range(404, 406), Found.NOT_THERE),
    (range(410, 411), Found.GONE),
    (range(400, 500), Found.NOT_TAKEN),
    (range(500, 600), Found.BROKEN),
)


class NotReached(Exception):
    """There is no connection."""

    def __init__(self, found: Found, detail: str) -> None:
        super().__init__(detail)
        self.report = Report(found, detail)


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection came about, and was closed again: to which address, and until when the certificate is valid."""

    address: str
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """An event to try a receiver with: its id and its UTF-8 JSON."""

    event_id: str
    payload: bytes


def try_webhook(
    url: str, secret: str, event: Probe, clock: Clock, resolver: Resolver = resolve, tls: ssl.SSLContext | None = None
) -> Report:
    """Send a signed test event to a webhook's receiver, once, and say what came of it. Never raises for the network."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        context = (tls or public_and_system_authorities()) if parts.scheme == "https" else None
        reached = connect(host, port, context, lambda address: refusal(address, parts.scheme) or "", resolver)
    except NotReached as error:
        return error.report
    headers = sign(secret, event.event_id, clock() // _MICROSECONDS, event.payload)
    began = time.monotonic()
    answer = HttpTransport(lambda host, port: [reached.address], LIMITS, context).post(url, headers, event.payload)
    took = time.monotonic() - began
    return _judged(answer, took, reached, datetime.fromtimestamp(clock() / _MICROSECONDS, UTC))


def _judged(answer: Answer | Outcome, seconds: float, reached: Reached, now: datetime) -> Report:
    milliseconds = round(seconds * 1000)
    if isinstance(answer, Outcome):
        late = "within" in answer.detail
        return Report(Found.TIMED_OUT if late else Found.NO_ANSWER, answer.detail, milliseconds)
    detail = outcome_of(answer.status, answer.headers, b"", 0).detail
    found = next((found for statuses, found in _STATUSES if answer.status in statuses), Found.NO_ANSWER)
    if found is Found.TAKEN and seconds > SLOW_SECONDS:
        found = Found.SLOW
    elif found is Found.TAKEN and reached.valid_until and reached.valid_until < now + SOON:
        return Report(Found.CERTIFICATE_ENDS, f"{reached.valid_until:%Y-%m-%d}", milliseconds)
    return Report(found, detail, milliseconds)


def connect(
    host: str, port: int, tls: ssl.SSLContext | None, refused: Callable[[str], str], resolver: Resolver = resolve
) -> Reached:
    """Connect to a host, with TLS when there is a context, and close again. `refused` says why an address may not be
    used, "" where it may. Raises NotReached."""
    addresses = _addresses(host, port, resolver)
    for address in addresses:
        if reason := refused(address):
            raise NotReached(Found.NOT_ALLOWED, reason)
    failure = NotReached(Found.UNREACHABLE, "no address")
    for address in addresses[:MOST_ADDRESSES]:
        try:
            return _connected(address, host, port, tls)
        except NotReached as error:
            failure = error
    raise failure


def _addresses(host: str, port: int, resolver: Resolver) -> Sequence[str]:
    try:
        found = resolve_within(RESOLVE_SECONDS, resolver, host, port)
    except NotSent as error:
        raise NotReached(Found.NOT_RESOLVED, str(error)) from None
    if not found:
        raise NotReached(Found.NOT_RESOLVED, "the host name has no address")
    return found


def _connected(address: str, host: str, port: int, tls: ssl.SSLContext | None) -> Reached:
    try:
        with socket.create_connection((address, port), CONNECT_SECONDS) as plain:
            if tls is None:
                return Reached(address)
            with tls.wrap_socket(plain, server_hostname=host) as secured:
                return Reached(address, _valid_until(secured.getpeercert() or {}))
    except ssl.SSLCertVerificationError as error:
        raise NotReached(Found.CERTIFICATE, error.verify_message) from None
    except ssl.SSLError as error:
        raise NotReached(Found.TLS, error.reason or "TLS failed") from None
    except TimeoutError:
        raise NotReached(Found.TIMED_OUT, f"no connection within {CONNECT_SECONDS:g} s") from None
    except OSError as error:
        words = ERRNOS.get(error.errno or 0, error.strerror or "the connection was lost")
        raise NotReached(_ERRNOS.get(words, Found.UNREACHABLE), words) from None


def _valid_until(certificate: Mapping[str, object]) -> datetime | None:
    end = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if isinstance(end, str) else None
