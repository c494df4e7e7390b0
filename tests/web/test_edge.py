"""What every answer carries, health, and errors that nobody foresaw."""

import contextlib
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse, StreamingResponse

from dicom_gateway.web.app import create_app

ANSWERS = [
    ("GET", "/healthz", 200),
    ("GET", "/", 303),
    ("GET", "/api/docs", 200),
    ("GET", "/api/static/docs.css", 200),
    ("GET", "/api/openapi.json", 200),
    ("GET", "/api/v1/orders", 200),
    ("GET", "/api/v1/nothing", 404),
    ("DELETE", "/api/v1/orders", 405),
    ("POST", "/api/v1/orders", 400),
    ("GET", "/api/v1/orders?limit=0", 422),
    ("GET", "/api/v1/instances/1.2.3.4.1/file", 200),
    ("GET", "/api/v1/instances/1.2.3.4.1/thumbnail", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS, ids=lambda value: str(value))
def test_every_answer_is_guarded(world: Any, client: httpx.Client, method: str, path: str, status: int) -> None:
    world.receive()
    answer = client.request(method, path)
    headers = answer.headers
    assert answer.status_code == status
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert headers["cache-control"] in ("no-store", "no-cache", "private, no-store", "private, max-age=3600")
    assert "server" not in headers
    for name in ("cache-control", "content-security-policy", "x-content-type-options"):
        assert len(headers.get_list(name)) == 1


def test_a_stranger_gets_the_same_headers(shared_world: Any, shared_port: int) -> None:
    with shared_world.client(shared_port, "") as stranger:
        headers = stranger.get("/api/v1/orders").headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/v1/orders"), ("POST", "/healthz"), ("PUT", "/api/docs")])
def test_another_method(shared_client: httpx.Client, method: str, path: str) -> None:
    answer = shared_client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert set(answer.headers["allow"].split(", ")) <= {"GET", "POST", "HEAD"}
    assert answer.json()["title"] == "Method Not Allowed"


@pytest.mark.parametrize("path", ["/api/v1/orders/", "/api/v1//orders", "/api/v1/orders/a/b"])
def test_nothing_is_redirected_by_guess(shared_client: httpx.Client, path: str) -> None:
    assert shared_client.get(path).status_code == 404


def test_alive(world: Any, port: int) -> None:
    with world.client(port, "") as stranger:
        answer = stranger.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_ready_and_not_ready(world: Any, port: int) -> None:
    with world.client(port, "") as stranger:
        answer = stranger.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")
        assert answer.json()["components"] == {"database": "ok", "store": "ok"}
        world.components["store"] = "Doe^Rex has no space on /secret/path"
        answer = stranger.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        assert answer.json()["components"] == {"database": "ok", "store": "failed"}


def test_not_ready_while_draining(world: Any, port: int) -> None:
    world.draining.set()
    with world.client(port, "") as stranger:
        answer = stranger.get("/readyz")
    assert (answer.status_code, answer.json()["components"]["accepting"]) == (503, "failed")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"x-forwarded-for": "127.0.0.1"}, 403),
        ({"forwarded": "for=127.0.0.1"}, 403),
        ({"x-forwarded-for": ""}, 403),
        ({"x-real-ip": "10.0.0.1"}, 403),
    ],
    ids=str,
)
def test_metrics_are_for_this_machine(
    shared_world: Any, shared_port: int, headers: dict[str, str], status: int
) -> None:
    with shared_world.client(shared_port, "") as stranger:
        answer = stranger.get("/metrics", headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert (answer.text, answer.headers["content-type"]) == ("dicom_gateway_up 1\n", "text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1", 200), ("127.8.9.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("10.0.0.1", 403), ("x", 403)],
)
def test_metrics_by_address(world: Any, serve: Any, address: str, status: int) -> None:
    app = create_app(world.services)

    async def from_address(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": (address, 1)}, receive, send)

    with world.client(serve(from_address), "") as stranger:
        assert stranger.get("/metrics").status_code == status


def test_what_nobody_foresaw_is_500_with_a_reference(world: Any, client: httpx.Client) -> None:
    world.receive()
    world.pictures.error = ZeroDivisionError("Doe^Rex")
    answers = [client.get("/api/v1/instances/1.2.3.4.1/thumbnail") for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        assert "Doe" not in answer.text and "Zero" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert answers[0].json()["detail"] != answers[1].json()["detail"]
    assert client.get("/healthz").status_code == 200


def test_half_an_answer_breaks_the_connection(world: Any, serve: Any) -> None:
    app = create_app(world.services)

    async def breaking() -> Any:
        yield b"half"
        raise ZeroDivisionError

    async def stream(request: Any) -> StreamingResponse:
        return StreamingResponse(breaking())

    async def plain(request: Any) -> PlainTextResponse:
        return PlainTextResponse("whole")

    app.add_route("/stream", stream)
    app.add_route("/plain", plain)
    with world.client(serve(app)) as client:
        assert client.get("/plain").text == "whole"
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/stream")
        with contextlib.closing(client.get("/healthz")) as answer:
            assert answer.status_code == 200
