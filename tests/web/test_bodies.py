"""Bodies that are too large, too slow, too deep, of another type, or no JSON."""

import asyncio
import gzip
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from dicom_gateway.web.bodies import MAX_BODY_BYTES, MAX_DEPTH, MAX_VALUES, BodyLimits, strict_json

URL = "/api/v1/orders"
JSON = {"content-type": "application/json"}


def chunks(total: int) -> Iterator[bytes]:
    for _ in range(total >> 16):
        yield b" " * (1 << 16)
    yield b" " * (total & 0xFFFF)


def post(client: httpx.Client, content: Any, **headers: str) -> httpx.Response:
    renamed = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post(URL, content=content, headers=JSON | renamed)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer


@pytest.mark.parametrize("whole", [True, False], ids=["with a length", "chunked"])
def test_a_body_over_the_cap(shared_client: httpx.Client, whole: bool) -> None:
    content = b" " * (MAX_BODY_BYTES + 1) if whole else chunks(MAX_BODY_BYTES + 1)
    answer = post(shared_client, content)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert shared_client.get("/healthz").status_code == 200


@pytest.mark.parametrize("whole", [True, False], ids=["with a length", "chunked"])
def test_a_body_at_the_cap(shared_client: httpx.Client, bodies: Callable[..., dict[str, Any]], whole: bool) -> None:
    order = json.dumps(bodies()).encode()
    padding = MAX_BODY_BYTES - len(order)
    content = order + b" " * padding if whole else iter([order, *chunks(padding)])
    assert shared_client.post(URL, content=content, headers=JSON).status_code in (200, 201)


@pytest.mark.parametrize("length", [MAX_BODY_BYTES + (1 << 20), 3 * MAX_BODY_BYTES], ids=["9 MiB", "24 MiB"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_a_client_that_sends_everything_before_it_looks_gets_the_answer(
    shared_world: Any, shared_port: int, length: int, content_type: str
) -> None:
    headers = {"Authorization": f"Bearer {shared_world.tokens['mypms']}", "Content-Type": content_type}
    request = urllib.request.Request(f"http://127.0.0.1:{shared_port}{URL}", b" " * length, headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(request, timeout=30)
    with refused.value as answer:
        assert (answer.code, answer.headers["connection"]) == (413, "close")
        assert json.loads(answer.read())["detail"] == f"a body has at most {MAX_BODY_BYTES} bytes"


def test_a_client_that_waits_to_be_asked_for_its_body_is_not_asked(shared_world: Any, shared_port: int) -> None:
    with socket.create_connection(("127.0.0.1", shared_port), 20) as connection:
        head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shared_world.tokens['mypms']}\r\n"
        connection.sendall(f"{head}Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_length_of_4_gb_is_refused_before_a_byte_of_it(shared_world: Any, shared_port: int) -> None:
    with socket.create_connection(("127.0.0.1", shared_port), 20) as connection:
        head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shared_world.tokens['mypms']}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 4294967296\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_stranger_is_refused_before_the_body(shared_port: int) -> None:
    with socket.create_connection(("127.0.0.1", shared_port), 20) as connection:
        connection.sendall(f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 422),
        ("Application/JSON; charset=UTF-8", 422),
        ('application/json;charset="utf-8"', 422),
        ("application/json; charset=iso-8859-1", 415),
        ("application/json; boundary=x", 415),
        ("application/jsonx", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_content_types(shared_client: httpx.Client, content_type: str, status: int) -> None:
    assert post(shared_client, b"{}", content_type=content_type).status_code == status


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity"])
def test_a_compressed_body(shared_client: httpx.Client, encoding: str) -> None:
    assert post(shared_client, gzip.compress(b"{}"), content_encoding=encoding).status_code == 415
    assert post(shared_client, b"{}", content_encoding="identity").status_code == 422


def test_a_call_without_a_body_needs_no_type(
    shared_client: httpx.Client, bodies: Callable[..., dict[str, Any]]
) -> None:
    order = shared_client.post(URL, json=bodies()).json()
    assert shared_client.post(f"{URL}/{order['id']}/cancel", content=b"").status_code == 200
    assert shared_client.post(f"{URL}/{order['id']}/cancel", content=b"{}", headers=JSON).status_code == 200


REFUSED = {
    "empty": b"",
    "spaces": b"  ",
    "no JSON": b"{'source': 1}",
    "half": b'{"source": ',
    "two values": b"{}{}",
    "latin-1": '{"source": "ü"}'.encode("latin-1"),
    "utf-16": "{}".encode("utf-16"),
    "NaN": b'{"patient": {"weight_kg": NaN}}',
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "overflow": b"[1e999]",
    "5000 digits": b"[" + b"9" * 5000 + b"]",
    "half a surrogate pair": b'["\\ud800"]',
    "half a surrogate pair as a name": b'{"\\udfff": 1}',
    "one level too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "100,000 levels of objects": b'{"a":' * 100_000,
    "too many values": b"[" + b"0," * (MAX_VALUES + 1) + b"0]",
}


@pytest.mark.parametrize("body", list(REFUSED.values()), ids=list(REFUSED))
def test_what_is_not_json(shared_client: httpx.Client, body: bytes) -> None:
    assert post(shared_client, body).status_code == 400


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'["\\ud83d\\ude00", "\xc3\xbc"]', ["😀", "ü"]),
        (b"[1e300, 12345678901234567890]", [1e300, 12345678901234567890]),
        (b"[" + b"0," * 1000 + b"0]", [0] * 1001),
    ],
    ids=["byte order mark", "as deep as allowed", "surrogate pair", "large numbers", "many values"],
)
def test_what_is_json(body: bytes, value: object) -> None:
    found = strict_json(body)
    assert value is None or found == value


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    try:
        found = strict_json(body)
    except HTTPException as error:
        assert error.status_code == 400
    else:
        assert json.loads(json.dumps(found)) == found


def run(limits: BodyLimits, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run a middleware over the messages of a request, after which nothing more comes; return what it sent."""
    sent: list[dict[str, Any]] = []
    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/orders", "headers": headers}

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(limits(scope, receive, send))
    return sent


async def reached(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the application was reached")


def test_a_body_that_does_not_end_in_time() -> None:
    limits = BodyLimits(reached, seconds=0.05, dropped_seconds=0.05)
    sent = run(limits, [{"type": "http.request", "body": b"[", "more_body": True}])
    assert sent[0]["status"] == 408


def test_what_comes_after_a_refusal_is_dropped_up_to_a_bound() -> None:
    part = {"type": "http.request", "body": b" " * 10, "more_body": True}
    messages = [part] * 10
    sent = run(BodyLimits(reached, max_bytes=5, dropped_bytes=45, dropped_seconds=60), messages)
    assert [message["type"] for message in sent] == ["http.response.start"] + ["http.response.body"] * 2
    assert [message["more_body"] for message in sent[1:]] == [True, False]
    assert len(messages) == 10 - 1 - 5  # the one that was too much, and five until the bound


def test_what_comes_after_a_refusal_is_dropped_to_its_end() -> None:
    end = {"type": "http.request", "body": b"", "more_body": False}
    messages = [{"type": "http.request", "body": b" " * 10, "more_body": True}, end]
    sent = run(BodyLimits(reached, max_bytes=5, dropped_seconds=60), messages)
    assert (sent[0]["status"], messages) == (413, [])


def test_a_client_that_goes_away_is_not_answered() -> None:
    assert run(BodyLimits(reached), [{"type": "http.disconnect"}]) == []
