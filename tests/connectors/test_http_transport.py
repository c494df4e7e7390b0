"""The transport against real servers on loopback: good ones, slow ones, rude ones; and TLS by name."""

import base64
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from dicom_gateway.connectors.http_transport import Answer, HttpTransport, Limits
from dicom_gateway.connectors.webhook import WebhookSink
from dicom_gateway.core.ports import Outcome

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PAYLOAD = '{"type":"study.received","name":"Größe"}'.encode()
QUICK = Limits(resolve=0.3, connect=2.0, read=0.3, total=0.6)
LONG = 10.0  # seconds; a try with QUICK that takes longer was not bounded


def answering(
    status: int, body: bytes = b"", **headers: str
) -> Callable[[BaseHTTPRequestHandler, threading.Event], None]:
    def answer(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if status != 204:
            handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(
    start: bytes, again: bytes = b"", pace: float = 0.0
) -> Callable[[BaseHTTPRequestHandler, threading.Event], None]:
    """Send `start`, then `again` and `again`, `pace` seconds apart, until released or hung up on.

    It ends by itself after 1,000 times, so that a transport without bounds fails its test and does not hang it.
    """

    def answer(handler: BaseHTTPRequestHandler, released: threading.Event) -> None:
        handler.wfile.write(start)
        for _ in range(1000 if again else 0):
            if released.wait(pace):
                return
            handler.wfile.write(again)

    return answer


def silent(_: BaseHTTPRequestHandler, released: threading.Event) -> None:
    released.wait(LONG * 2)


def now() -> int:
    return time.time_ns() // 1000


def deliver(url: str, transport: HttpTransport) -> Outcome:
    return WebhookSink(url, SECRET, transport, now).deliver("evt_1", 0, PAYLOAD)


def test_a_signed_event_arrives(start_receiver) -> None:
    receiver = start_receiver(answering(200, b"thanks"))
    assert deliver(receiver.url, HttpTransport()) == Outcome(True, "200 OK")
    (request,) = receiver.requests
    Webhook(SECRET).verify(request.body, request.headers)
    assert (request.path, request.body) == ("/hook?a=1", PAYLOAD)
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("dicom-gateway/")
    assert "cookie" not in request.headers
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (answering(204), Outcome(True, "204 No Content")),
        (answering(410), Outcome(False, "410 Gone", gone=True)),
        (answering(429, Retry_After="77"), Outcome(False, "429 Too Many Requests", retry_after=77.0)),
        (answering(503, b"busy", Retry_After="5"), Outcome(False, "503 Service Unavailable: busy", retry_after=5.0)),
        (answering(500, b"<b>\r\nno"), Outcome(False, "500 Internal Server Error: <b> no")),
    ],
    ids=["204", "410", "429", "503", "500"],
)
def test_answers(start_receiver, behaviour, expected: Outcome) -> None:
    assert deliver(start_receiver(behaviour).url, HttpTransport()) == expected


def test_retry_after_as_a_date(start_receiver) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    outcome = deliver(start_receiver(answering(429, Retry_After=date)).url, HttpTransport())
    assert outcome.retry_after is not None
    assert 580 < outcome.retry_after <= 600


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(start_receiver, status: int) -> None:
    elsewhere = start_receiver(answering(200))
    receiver = start_receiver(answering(status, Location=elsewhere.url))
    outcome = deliver(receiver.url, HttpTransport())
    assert not outcome.delivered
    assert outcome.detail.endswith("redirects are not followed")
    assert len(receiver.requests) == 1
    assert elsewhere.requests == []


OVERDUE = "no complete answer within 0.6 s"
NOT_HTTP = "the connection was closed without an answer, or the answer is not HTTP"


@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        (silent, "no answer within 0.3 s"),
        (raw(b"HTTP/1.1 200 OK\r\nx: ", b"y", 0.02), OVERDUE),
        (raw(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02), OVERDUE),
        (raw(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 5000 + b"\r\n"), NOT_HTTP),
        (raw(b""), NOT_HTTP),
        (raw(b"HTTP/1.1 200 OK\r\nx: y"), NOT_HTTP),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), NOT_HTTP),
    ],
    ids=["silent", "dripping headers", "endless 100", "endless headers", "dropped", "dropped in headers", "not HTTP"],
)
def test_no_answer(start_receiver, behaviour, detail: str) -> None:
    receiver = start_receiver(behaviour)
    began = time.monotonic()
    assert deliver(receiver.url, HttpTransport(limits=QUICK)) == Outcome(False, detail)
    assert time.monotonic() - began < LONG
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("length", [b"", b"content-length: 1000000\r\n"], ids=["open end", "with length"])
def test_a_dripping_body_keeps_its_status_and_ends(start_receiver, status: int, length: bytes) -> None:
    receiver = start_receiver(raw(b"HTTP/1.1 %d x\r\n%s\r\n" % (status, length), b"y", 0.02))
    began = time.monotonic()
    answer = HttpTransport(limits=QUICK).post(receiver.url, {}, PAYLOAD)
    assert isinstance(answer, Answer)
    assert answer.status == status
    assert answer.excerpt.strip(b"y") == b""
    assert 0.5 < time.monotonic() - began < LONG


def test_a_huge_body_is_read_to_the_limit_only(start_receiver) -> None:
    taken: list[int] = []

    def huge(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        handler.wfile.write(b"HTTP/1.1 500 x\r\n\r\n")
        taken.extend(handler.wfile.write(b"y" * 65536) for _ in range(1000))  # ends when the transport hangs up

    answer = HttpTransport().post(start_receiver(huge).url, {}, PAYLOAD)
    assert isinstance(answer, Answer)
    assert answer.excerpt == b"y" * 64 * 1024
    assert len(taken) < 1000


def test_a_body_that_breaks_off_keeps_its_status(start_receiver) -> None:
    receiver = start_receiver(raw(b"HTTP/1.1 500 x\r\ncontent-length: 100\r\n\r\nshort"))
    outcome = deliver(receiver.url, HttpTransport())
    assert outcome == Outcome(False, "500 Internal Server Error: short")


def test_connection_refused() -> None:
    with socket.socket() as bound:  # bound and not listening: nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        assert deliver(url, HttpTransport()) == Outcome(False, "connection refused")


def test_a_receiver_that_does_not_take_a_connection() -> None:
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):  # a full queue: further connections are not answered at all
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        limits = Limits(resolve=0.3, connect=0.25, read=5.0, total=5.0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        assert deliver(url, HttpTransport(limits=limits)) == Outcome(False, "no connection within 0.25 s")


def test_a_receiver_that_never_reads() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        began = time.monotonic()
        outcome = HttpTransport(limits=QUICK).post(url, {}, bytes(32 * 1024 * 1024))
        assert isinstance(outcome, Outcome)
        assert not outcome.delivered
        assert time.monotonic() - began < LONG


def unknown_name(_: str, __: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("resolver", "detail"),
    [
        (unknown_name, "the host name cannot be resolved"),
        (lambda host, port: [], "the host name has no address"),
        (lambda host, port: ["nonsense"], "refused: 'nonsense' is no address"),
    ],
    ids=["unknown", "no address", "nonsense"],
)
def test_a_wrong_name(resolver, detail: str) -> None:
    assert deliver("http://pms.test/", HttpTransport(resolver)) == Outcome(False, detail)


def test_a_name_that_cannot_be_one_is_refused_by_the_system() -> None:
    outcome = deliver(f"http://{'a' * 64}.test/", HttpTransport())
    assert outcome == Outcome(False, "the host name cannot be resolved")


def test_a_silent_name_server_does_not_hold_the_try() -> None:
    released = threading.Event()

    def slow(_: str, __: int) -> Sequence[str]:
        released.wait(LONG * 2)
        return []

    began = time.monotonic()
    outcome = deliver("http://pms.test/", HttpTransport(slow, limits=QUICK))
    released.set()
    assert outcome == Outcome(False, "the host name was not resolved within 0.3 s")
    assert time.monotonic() - began < LONG


@pytest.mark.parametrize(
    "url",
    ["", "pms", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http:///x", "http://127.0.0.1:0/"]
    + ["http://127.0.0.1:65536/", "http://[::1/", "http://a\x00b/"],
)
def test_urls_that_are_refused(url: str) -> None:
    outcome = deliver(url, HttpTransport())
    assert not outcome.delivered
    assert outcome.detail.startswith("refused: the URL ")


def test_a_name_is_resolved_once_a_try_and_kept_in_host(start_receiver) -> None:
    receiver = start_receiver(answering(200))
    asked: list[tuple[str, int]] = []

    def resolver(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    transport = HttpTransport(resolver)
    url = f"http://pms.test:{receiver.port}/hook"
    assert deliver(url, transport).delivered
    assert asked == [("pms.test", receiver.port)]
    assert receiver.requests[0].headers["host"] == f"pms.test:{receiver.port}"
    assert deliver(url, transport).detail == "refused: 169.254.169.254 is a link-local address (cloud metadata)"
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("addresses", [["127.0.0.1", "169.254.169.254"], ["::ffff:169.254.169.254", "127.0.0.1"]])
def test_one_bad_address_of_a_name_refuses_all(start_receiver, addresses: list[str]) -> None:
    receiver = start_receiver(answering(200))
    outcome = deliver(f"http://pms.test:{receiver.port}/", HttpTransport(lambda host, port: addresses))
    assert not outcome.delivered
    assert "link-local" in outcome.detail
    assert receiver.requests == []


@pytest.mark.parametrize("addresses", [["127.99.0.1", "127.0.0.1"], ["127.0.0.1", "127.99.0.1"]], ids=str)
def test_the_next_address_is_taken_when_one_does_not_connect(start_receiver, addresses: list[str]) -> None:
    receiver = start_receiver(answering(200))  # on 127.0.0.1 only
    transport = HttpTransport(lambda host, port: addresses)
    assert deliver(f"http://pms.test:{receiver.port}/", transport).delivered
    assert len(receiver.requests) == 1


def test_proxies_and_netrc_of_the_environment_are_not_used(start_receiver, monkeypatch, tmp_path: Path) -> None:
    receiver = start_receiver(answering(200))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert deliver(receiver.url, HttpTransport()).delivered
    assert "authorization" not in receiver.requests[0].headers


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A self-signed certificate for pms.test, with its key, as one PEM file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the openssl command is missing: TLS was NOT tested")
    folder = tmp_path_factory.mktemp("tls")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    command = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {cert} -days 2 -subj /CN=pms.test"
    names = ["-addext", "subjectAltName=DNS:pms.test"]
    subprocess.run([openssl, *command.split(), *names], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.fixture
def tls_receiver(start_receiver, certificate: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return start_receiver(answering(200), tls=context)


def at_loopback(_: str, __: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_a_self_signed_certificate_is_refused(tls_receiver) -> None:
    outcome = deliver(f"https://pms.test:{tls_receiver.port}/", HttpTransport(at_loopback))
    assert not outcome.delivered
    assert outcome.detail.startswith("the certificate is not accepted: self")
    assert tls_receiver.requests == []


@pytest.mark.parametrize(
    ("name", "delivered"), [("pms.test", True), ("other.test", False), ("127.0.0.1", False)], ids=str
)
def test_the_certificate_is_verified_by_name(tls_receiver, certificate: Path, name: str, delivered: bool) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    outcome = deliver(f"https://{name}:{tls_receiver.port}/", HttpTransport(at_loopback, tls=trusting))
    assert outcome.delivered == delivered
    assert tls_receiver.server_names == [None if name == "127.0.0.1" else name]
    if delivered:
        assert tls_receiver.requests[0].headers["host"] == f"pms.test:{tls_receiver.port}"
    else:
        assert outcome.detail.startswith("the certificate is not accepted: ")
        assert "mismatch" in outcome.detail
        assert tls_receiver.requests == []


def test_a_dripping_answer_ends_over_tls_too(start_receiver, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receiver = start_receiver(raw(b"HTTP/1.1 200 OK\r\nx: ", b"y", 0.02), tls=context)
    transport = HttpTransport(at_loopback, QUICK, ssl.create_default_context(cafile=str(certificate)))
    began = time.monotonic()
    assert deliver(f"https://pms.test:{receiver.port}/", transport) == Outcome(False, OVERDUE)
    assert time.monotonic() - began < LONG


def test_https_to_a_receiver_without_tls(start_receiver) -> None:
    receiver = start_receiver(answering(200))
    assert deliver(receiver.url.replace("http:", "https:"), HttpTransport()) == Outcome(
        False, "TLS failed: WRONG_VERSION_NUMBER"
    )


def test_a_tls_receiver_that_refuses_our_version_is_named(start_receiver, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    receiver = start_receiver(answering(200), tls=context)
    old = ssl.create_default_context(cafile=str(certificate))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    outcome = deliver(f"https://pms.test:{receiver.port}/", HttpTransport(at_loopback, tls=old))
    assert outcome == Outcome(False, "TLS failed: TLSV1_ALERT_PROTOCOL_VERSION")
