"""One HTTP POST to a target that a setting names, to an address that was checked, within a bounded time.

The host is resolved once per try and the connection goes to the checked address itself, so that a name cannot point
elsewhere between check and use; Host, SNI and the certificate keep the name. No redirects, no proxies, netrc or
cookies. The time limits hold against a receiver that drips bytes, and against a name server that is silent.
"""

import errno
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpx

from dicom_gateway.core.ports import Outcome

Resolver = Callable[[str, int], Sequence[str]]  # host, port -> addresses as text, best first

MOST_ADDRESSES = 4  # of one name are tried when connecting fails


class Kind(Enum):
    """What an address is; the value completes "... is"."""

    LOOPBACK = "a loopback address"
    PRIVATE = "a private address"
    PUBLIC = "a public address"
    METADATA = "a cloud's metadata address"
    LINK_LOCAL = "a link-local address (cloud metadata)"
    UNSPECIFIED = "an unspecified address"
    MULTICAST = "a multicast address"
    RESERVED = "a reserved address"


# The first network that holds an address decides; an IPv4 address in none is public.
KINDS: tuple[tuple[IPv4Network | IPv6Network, Kind], ...] = tuple(
    (ip_network(network), kind)
    for network, kind in (
        ("127.0.0.0/8", Kind.LOOPBACK),
        ("10.0.0.0/8", Kind.PRIVATE),
        ("172.16.0.0/12", Kind.PRIVATE),
        ("192.168.0.0/16", Kind.PRIVATE),
        ("169.254.0.0/16", Kind.LINK_LOCAL),
        ("100.100.100.200/32", Kind.METADATA),
        ("168.63.129.16/32", Kind.METADATA),
        ("192.0.0.0/24", Kind.RESERVED),  # RFC 6890; 192.0.0.192 is metadata somewhere
        ("0.0.0.0/8", Kind.UNSPECIFIED),
        ("224.0.0.0/4", Kind.MULTICAST),
        ("240.0.0.0/4", Kind.RESERVED),
        ("::1/128", Kind.LOOPBACK),
        ("::/128", Kind.UNSPECIFIED),
        ("fd00:ec2::/32", Kind.METADATA),
        ("fd20:ce::254/128", Kind.METADATA),
        ("fc00::/7", Kind.PRIVATE),
        ("fe80::/10", Kind.LINK_LOCAL),
        ("ff00::/8", Kind.MULTICAST),
        ("2001::/23", Kind.RESERVED),  # Teredo and other protocol assignments, RFC 6890
        ("2000::/3", Kind.PUBLIC),
        ("::/0", Kind.RESERVED),
    )
)
ALLOWED = {
    "http": frozenset({Kind.LOOPBACK, Kind.PRIVATE}),
    "https": frozenset({Kind.LOOPBACK, Kind.PRIVATE, Kind.PUBLIC}),
}
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address is in the last 32 bits

# Why an error that the system numbers, or whose type is in the chain of causes, came about, for a person; the braces
# are the time limits that the request had, in seconds.
ERRNOS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EHOSTUNREACH: "the host is unreachable",
}
FAILURES: tuple[tuple[type[BaseException], str], ...] = (  # the first that fits
    (httpx.ConnectTimeout, "no connection within {connect:.2g} s"),
    (httpx.ConnectError, "cannot connect"),
    (httpx.ReadTimeout, "no answer within {read:.2g} s"),
    (httpx.WriteTimeout, "the request was not taken within {write:.2g} s"),
    (httpx.RemoteProtocolError, "the connection was closed without an answer, or the answer is not HTTP"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: `headers` with lower-case names, `excerpt` the first bytes of the body."""

    status: int
    headers: Mapping[str, str]
    excerpt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one try: seconds, and bytes of `body` read. `total` holds whatever the receiver does."""

    resolve: float = 12.0
    connect: float = 5.0
    read: float = 20.0
    total: float = 30.0
    body: int = 64 * 1024


LIMITS = Limits()


class NotSent(Exception):
    """The request was not sent; the text says why."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of `host` as the system gives them; raise OSError or UnicodeError for none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def kind_of(address: str) -> Kind:
    """Return what `address` is; one that carries an IPv4 address is what that address is. ValueError for none."""
    parsed = ip_address(address)
    ip = _carried(parsed) or parsed if isinstance(parsed, IPv6Address) else parsed
    return next((kind for network, kind in KINDS if ip in network), Kind.PUBLIC)


def _carried(ip: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.ipv4_mapped or ip.sixtofour


def refusal(address: str, scheme: str) -> str | None:
    """Say why `scheme` may not be used to this address; None where it may."""
    try:
        kind = kind_of(address)
    except ValueError:
        return f"refused: {address!r} is no address"
    if kind in ALLOWED[scheme]:
        return None
    if kind is Kind.PUBLIC:
        return f"refused: {address} is a public address; use https://"
    return f"refused: {address} is {kind.value}"


class HttpTransport:
    """Sends POST requests; one may be used by several threads.

    https:// may go to any public address, and to private and loopback ones too, because an administrator named the
    target explicitly; http:// to private and loopback ones only. Nothing goes to link-local and metadata,
    unspecified, multicast or reserved addresses, and nothing at all when one of a name's addresses is refused.
    `tls` is for receivers whose authority neither the system nor certifi knows.
    """

    def __init__(self, resolver: Resolver = resolve, limits: Limits = LIMITS, tls: ssl.SSLContext | None = None):
        self._resolver = resolver
        self._limits = limits
        self._tls = tls or public_and_system_authorities()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer | Outcome:
        """Send one request; an Outcome (not delivered) where there is no answer. Never raises for the network."""
        deadline = _Deadline(self._limits.total)
        try:
            target = _parse(url)
            addresses = self._checked_addresses(target, deadline)
            return self._first_that_connects(target, addresses, headers, body, deadline)
        except NotSent as reason:
            return Outcome(delivered=False, detail=str(reason))
        except (httpx.HTTPError, OSError) as error:
            if deadline.passed:
                return Outcome(delivered=False, detail=f"no complete answer within {self._limits.total:g} s")
            return Outcome(delivered=False, detail=_name(error))

    def _checked_addresses(self, url: httpx.URL, deadline: "_Deadline") -> list[str]:
        host, port = _host(url), url.port or (443 if url.scheme == "https" else 80)
        found = resolve_within(min(self._limits.resolve, deadline.left()), self._resolver, host, port)
        if not found:
            raise NotSent("the host name has no address")
        for address in found:
            if reason := refusal(address, url.scheme):
                raise NotSent(reason)
        return list(found[:MOST_ADDRESSES])

    def _first_that_connects(
        self, url: httpx.URL, addresses: list[str], headers: Mapping[str, str], body: bytes, deadline: "_Deadline"
    ) -> Answer:
        for address in addresses[:-1]:
            try:
                return self._send(url, address, headers, body, deadline)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # nothing was sent yet: localhost, for example, is ::1 and 127.0.0.1
        return self._send(url, addresses[-1], headers, body, deadline)

    def _send(
        self, url: httpx.URL, address: str, headers: Mapping[str, str], body: bytes, deadline: "_Deadline"
    ) -> Answer:
        own = {"host": url.netloc.decode("ascii"), "accept-encoding": "identity", "connection": "close"}
        read = min(self._limits.read, deadline.left())
        timeout = httpx.Timeout(read, connect=min(self._limits.connect, deadline.left()))
        with (
            deadline.watch() as trace,
            httpx.Client(verify=self._tls, trust_env=False, follow_redirects=False, timeout=timeout) as client,
            client.stream(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers={**headers, **own},
                extensions={"trace": trace, "sni_hostname": _host(url)},
            ) as response,
        ):
            return Answer(response.status_code, dict(response.headers), self._excerpt(response))

    def _excerpt(self, response: httpx.Response) -> bytes:
        """Read up to the limit; a body that breaks off or drips takes nothing from the status that was given."""
        read = bytearray()
        try:
            for chunk in response.iter_raw():
                read += chunk
                if len(read) >= self._limits.body:
                    break
        except (httpx.HTTPError, OSError):
            return bytes(read)
        return bytes(read[: self._limits.body])


class _Deadline:
    """The end of one try: shuts the connection then, whatever it is doing; time limits per read cannot do that."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self._guard: socket.socket | None = None
        self.passed = False

    def left(self) -> float:
        """Seconds, always more than 0 (0 would mean not to wait at all)."""
        return max(0.001, self._at - time.monotonic())

    @contextmanager
    def watch(self) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
        """Yield httpx's "trace" extension for one connection, and guard that connection meanwhile."""
        timer = threading.Timer(self.left(), self._end)
        timer.daemon = True
        timer.start()
        try:
            yield self._trace
        finally:
            timer.cancel()
            timer.join()
            if self._guard is not None:
                self._guard.close()
                self._guard = None

    def _trace(self, event: str, details: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            # A duplicate, because TLS takes the descriptor away from the socket that was connected.
            self._guard = details["return_value"].get_extra_info("socket").dup()
            if self.passed:
                self._end()

    def _end(self) -> None:
        self.passed = True
        guard = self._guard
        if guard is not None:
            try:
                guard.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the receiver had closed it already


def public_and_system_authorities() -> ssl.SSLContext:
    """Return what receivers' certificates are checked with."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()  # where a clinic installs its own authority
    return context


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise NotSent("refused: the URL is not valid") from None
    if parsed.scheme not in ALLOWED:
        raise NotSent("refused: the URL must begin with https:// or http://")
    if not parsed.raw_host or not 0 < (1 if parsed.port is None else parsed.port) < 65536:
        raise NotSent("refused: the URL has no valid host and port")
    return parsed


def resolve_within(seconds: float, resolver: Resolver, host: str, port: int) -> Sequence[str]:
    """Resolve in a thread of its own, because the system's call knows no time limit (it ends by itself, later)."""
    answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(resolver(host, port))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise NotSent(f"the host name was not resolved within {seconds:.2g} s") from None
    if isinstance(found, (OSError, UnicodeError)):
        raise NotSent("the host name cannot be resolved") from found
    if isinstance(found, Exception):
        raise found
    return found


def _name(error: BaseException) -> str:
    """Name a failure in plain words, never in the receiver's own."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason}" if cause.reason else "TLS failed"
        if isinstance(cause, OSError) and cause.errno in ERRNOS:
            return ERRNOS[cause.errno]
    fitting = (text for kind, text in FAILURES if any(isinstance(cause, kind) for cause in chain))
    return next(fitting, "the connection was lost").format_map(_limits_of(chain))


def _limits_of(chain: Sequence[BaseException]) -> Mapping[str, float]:
    """Return the time limits of the request that came too late: what was left of the whole may be less than each."""
    late = next((cause for cause in chain if isinstance(cause, httpx.TimeoutException)), None)
    return late.request.extensions["timeout"] if late else {}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
