"""Trying a connection: each step that can fail has a finding of its own, and the test event is a signed delivery."""

import json
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest
from standardwebhooks import Webhook

from dicom_gateway.connectors.probing import NotReached, Probe, connect, try_webhook
from dicom_gateway.core.connections import LIGHTS, Found, Report
from dicom_gateway.core.lights import Light
from tests.certificates import openssl
from tests.connectors.conftest import Receiver

SECRET = "whsec_" + "QUJD" * 8
PROBE = Probe("evt_test_1", json.dumps({"type": "test"}).encode())
Start = Callable[..., Receiver]


def clock() -> int:
    return time.time_ns() // 1000


def at_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def answering(status: int) -> Callable[[BaseHTTPRequestHandler, Event], None]:
    def answer(handler: BaseHTTPRequestHandler, released: Event) -> None:
        handler.send_response(status)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def hang_up(handler: BaseHTTPRequestHandler, released: Event) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def tried(url: str, resolver: Callable[[str, int], Sequence[str]] = at_loopback, **options: ssl.SSLContext) -> Report:
    return try_webhook(url, SECRET, PROBE, clock, resolver, **options)


def test_the_test_event_is_signed_as_a_delivery_is(start_receiver: Start) -> None:
    receiver = start_receiver(answering(204))
    report = tried(receiver.url)
    assert (report.found, report.light) == (Found.TAKEN, Light.GOOD)
    (request,) = receiver.requests
    assert Webhook(SECRET).verify(request.body, request.headers) == {"type": "test"}
    assert request.headers["webhook-id"] == "evt_test_1"


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (200, Found.TAKEN), (301, Found.REDIRECTED), (308, Found.REDIRECTED), (400, Found.NOT_TAKEN),
        (401, Found.NOT_SIGNED), (403, Found.NOT_SIGNED), (404, Found.NOT_THERE), (405, Found.NOT_THERE),
        (410, Found.GONE), (422, Found.NOT_TAKEN), (500, Found.BROKEN), (503, Found.BROKEN),
    ],
)  # fmt: skip
def test_each_answer_has_its_finding(start_receiver: Start, status: int, found: Found) -> None:
    report = tried(start_receiver(answering(status)).url)
    assert report.found is found
    assert report.light is (Light.GOOD if status == 200 else Light.WARNING)
    assert report.detail.startswith(str(status))


def test_nobody_is_told_twice_and_who_hangs_up_has_not_answered(start_receiver: Start) -> None:
    receiver = start_receiver(hang_up)
    assert tried(receiver.url).found is Found.NO_ANSWER
    assert len(receiver.requests) == 1


def no_such_host(host: str, port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("url", "resolver", "found"),
    [
        pytest.param("https://pms.test/", no_such_host, Found.NOT_RESOLVED, id="no such host"),
        pytest.param("https://pms.test/", lambda host, port: [], Found.NOT_RESOLVED, id="no address"),
        pytest.param("http://pms.test/", lambda host, port: ["203.0.113.7"], Found.NOT_ALLOWED, id="unencrypted"),
        pytest.param("https://pms.test/", lambda host, port: ["169.254.169.254"], Found.NOT_ALLOWED, id="metadata"),
        pytest.param(
            "http://pms.test/", lambda host, port: ["127.0.0.1", "203.0.113.7"], Found.NOT_ALLOWED, id="one of two"
        ),
    ],
)
def test_what_is_not_connected_to(url: str, resolver: Callable[[str, int], Sequence[str]], found: Found) -> None:
    report = tried(url, resolver)
    assert (report.found, report.light) == (found, Light.BAD)


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        assert tried(f"http://127.0.0.1:{bound.getsockname()[1]}/").found is Found.REFUSED


def test_the_second_address_of_a_name_is_tried(start_receiver: Start) -> None:
    receiver = start_receiver(answering(200))
    reached = connect("pms.test", receiver.port, None, lambda address: "", lambda host, port: ["::1", "127.0.0.1"])
    assert reached.address == "127.0.0.1"


def made(folder: Path, days: int) -> Path:
    """Return a certificate for pms.test that signs itself, with its key, in one PEM file."""
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
        certificate, "-days", str(days), "-subj", "/CN=pms.test", "-addext", "subjectAltName=DNS:pms.test",
    )  # fmt: skip
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


@pytest.mark.parametrize(("days", "found"), [(365, Found.TAKEN), (3, Found.CERTIFICATE_ENDS)])
def test_a_certificate_that_ends_soon_is_told(start_receiver: Start, tmp_path: Path, days: int, found: Found) -> None:
    certificate = made(tmp_path, days)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    receiver = start_receiver(answering(200), tls=serving)
    trusting = ssl.create_default_context(cafile=str(certificate))
    report = tried(f"https://pms.test:{receiver.port}/", tls=trusting)
    assert report.found is found
    assert report.light is LIGHTS[found]


def test_a_certificate_that_nobody_trusts_and_a_port_without_tls(start_receiver: Start, tmp_path: Path) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(made(tmp_path, 365))
    receiver = start_receiver(answering(200), tls=serving)
    assert tried(f"https://pms.test:{receiver.port}/").found is Found.CERTIFICATE
    plain = start_receiver(answering(200))
    assert tried(f"https://pms.test:{plain.port}/").found is Found.TLS
    assert not receiver.requests and not plain.requests


def test_the_reason_of_an_address_that_is_refused_is_told() -> None:
    with pytest.raises(NotReached) as refused:
        connect("pms.test", 1, None, lambda address: f"refused: {address}", at_loopback)
    assert refused.value.report.detail == "refused: 127.0.0.1"


def test_each_finding_has_a_light() -> None:
    assert LIGHTS.keys() == set(Found)
