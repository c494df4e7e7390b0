"""Signing, and what an answer means; no socket here."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from dicom_gateway.connectors.http_transport import Answer
from dicom_gateway.connectors.webhook import WebhookSink, check_secret, outcome_of, sign
from dicom_gateway.core.ports import Outcome, ResultSink
from dicom_gateway.errors import InvalidValue

NOW = 1_800_000_000
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PAYLOAD = '{"type":"order.completed","patient":{"id":"Müller-1"}}'.encode()


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, tz=UTC), usegmt=True)


# The library's verify looks at the system's clock, so these sign for now.


def test_the_library_verifies_what_we_sign() -> None:
    headers = sign(SECRET, "evt_1", int(datetime.now(UTC).timestamp()), PAYLOAD)
    assert Webhook(SECRET).verify(PAYLOAD, headers)["patient"] == {"id": "Müller-1"}
    assert headers["webhook-id"] == "evt_1"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("dicom-gateway/")


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": "0"},
        {"webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_header_is_not_verified(change: dict[str, str]) -> None:
    headers = sign(SECRET, "evt_1", int(datetime.now(UTC).timestamp()), PAYLOAD) | change
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(PAYLOAD, headers)


def test_the_signature_is_the_one_of_the_standard() -> None:
    """HMAC-SHA256 over "id.timestamp.payload" by the openssl command, with the bytes 0 to 31 as key."""
    headers = sign(SECRET, "evt_1", NOW, b'{"a":1}')
    assert headers["webhook-timestamp"] == "1800000000"
    assert headers["webhook-signature"] == "v1,3OLpRdKCrFsJgXBjm2BkLB/1D8MhO3Fwb0vUByUmsWc="


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        SECRET.removeprefix("whsec_"),
        SECRET.rstrip("="),
        SECRET + "\n",
        "whsec_" + "A" * 32,
        "whsec_" + "+/" * 40,
    ],
    ids=["whole", "without prefix", "without padding", "from a file", "24 bytes", "60 bytes"],
)
def test_secrets_that_are_taken(secret: str) -> None:
    check_secret(secret)
    assert sign(secret, "e", NOW, b"{}")["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "correct horse battery staple!", "whsec_" + "A" * 31, "whsec_" + "A" * 33, "whsec_" + "-_" * 20]
    + ["whsec_" + "A" * 90, "whsec_" + "ä" * 40, "whsec_" + "AAAA\n" * 10],
    ids=["empty", "prefix only", "words", "23 bytes", "length", "URL alphabet", "67 bytes", "not ASCII", "line ends"],
)
def test_secrets_that_are_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        sign(secret, "e", NOW, b"{}")
    assert refused.value.field == "secret"
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(refused.value)
    with pytest.raises(InvalidValue):
        WebhookSink("https://pms.example/", secret, Recorder(Outcome(True, "")), lambda: 0)


@pytest.mark.parametrize("event_id", ["", "a.b", "a b", "a\r\nx: y", "é", "a" * 129])
def test_event_ids_that_are_refused(event_id: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        sign(SECRET, event_id, NOW, b"{}")
    assert refused.value.field == "event_id"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Outcome(True, "200 OK")),
        (204, Outcome(True, "204 No Content")),
        (299, Outcome(True, "299")),
        (301, Outcome(False, "301 Moved Permanently: redirects are not followed", 120.0)),
        (304, Outcome(False, "304 Not Modified: redirects are not followed", 120.0)),
        (400, Outcome(False, "400 Bad Request: why", 120.0)),
        (404, Outcome(False, "404 Not Found: why", 120.0)),
        (410, Outcome(False, "410 Gone: why", 120.0, gone=True)),
        (429, Outcome(False, "429 Too Many Requests: why", retry_after=120.0)),
        (500, Outcome(False, "500 Internal Server Error: why", 120.0)),
        (503, Outcome(False, "503 Service Unavailable: why", retry_after=120.0)),
        (101, Outcome(False, "101 Switching Protocols: why", 120.0)),
        (999, Outcome(False, "999: why", 120.0)),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_what_a_status_means(status: int, expected: Outcome) -> None:
    assert outcome_of(status, {"Retry-After": "120"}, b"why", NOW * 1_000_000) == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 30 ", 30.0),
        ("9" * 5000, 86_400.0),
        (http_date(NOW + 90), 90.0),
        (http_date(NOW + 10 * 86_400), 86_400.0),
        (http_date(NOW - 90), None),
        ("Sun, 99 Foo 2026 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400.0),
        ("-5", None),
        ("1.5", None),
        ("nan", None),
        ("²", None),
        ("5, 5", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:32],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert outcome_of(429, {"retry-after": value}, b"", NOW * 1_000_000).retry_after == seconds


def test_no_retry_after_at_all() -> None:
    assert outcome_of(503, {}, b"", NOW).retry_after is None


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "500 Internal Server Error"),
        (b" <h1>\r\n no </h1> ", "500 Internal Server Error: <h1> no </h1>"),
        (b"\x1b[31mred\x00\x07", r"500 Internal Server Error: \x1b[31mred\x00\x07"),
        ("\u202etxt\u2066".encode(), r"500 Internal Server Error: \u202etxt\u2066"),
        (b"\xff\xfe", "500 Internal Server Error: \ufffd\ufffd"),
        ("Größe".encode(), "500 Internal Server Error: Größe"),
    ],
    ids=["nothing", "lines", "escape sequence", "direction marks", "not UTF-8", "umlaut"],
)
def test_the_detail_is_safe_to_show(body: bytes, detail: str) -> None:
    assert outcome_of(500, {}, body, NOW).detail == detail


@given(st.integers(0, 999), st.text(max_size=60), st.binary(max_size=1200))
def test_any_answer_gives_a_bounded_printable_detail(status: int, retry_after: str, body: bytes) -> None:
    outcome = outcome_of(status, {"retry-after": retry_after}, body, NOW * 1_000_000)
    assert len(outcome.detail) <= 200
    assert outcome.detail.isprintable()
    assert outcome.delivered == (200 <= status < 300)
    assert outcome.retry_after is None or 0 <= outcome.retry_after <= 86_400


class Recorder:
    """A transport that keeps what it is given and answers as it was told."""

    def __init__(self, answer: Answer | Outcome) -> None:
        self.answer = answer
        self.sent: list[tuple[str, Mapping[str, str], bytes]] = []

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer | Outcome:
        self.sent.append((url, headers, body))
        return self.answer


def test_each_try_has_the_same_id_and_its_own_time() -> None:
    transport = Recorder(Answer(503, {"retry-after": "60"}, b"later"))
    times = iter([NOW * 1_000_000, NOW * 1_000_000, (NOW + 30) * 1_000_000 + 999_999, (NOW + 31) * 1_000_000])
    sink: ResultSink = WebhookSink("https://pms.example/hook", SECRET, transport, lambda: next(times))
    expected = Outcome(False, "503 Service Unavailable: later", retry_after=60.0)
    assert sink.deliver("evt_1", 5, PAYLOAD) == expected
    assert sink.deliver("evt_1", 5, PAYLOAD) == expected
    (_, first, _), (url, second, body) = transport.sent
    assert (url, body) == ("https://pms.example/hook", PAYLOAD)
    assert first["webhook-id"] == second["webhook-id"] == "evt_1"
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == (str(NOW), str(NOW + 30))
    assert first["webhook-signature"] != second["webhook-signature"]


def test_without_an_answer_the_outcome_is_the_transports() -> None:
    outcome = Outcome(False, "connection refused")
    assert WebhookSink("https://pms.example/", SECRET, Recorder(outcome), lambda: 0).deliver("e", 0, b"{}") == outcome
