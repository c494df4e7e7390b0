"""Request bodies: bounded in bytes, time, depth and number of values; JSON (RFC 8259) in UTF-8, forms on the page.

The middleware reads the whole body before anything works on it, so that what is too large, too slow, compressed or of
another type is refused in one place. Many clients look for an answer only when they have sent everything: what still
comes after a refusal is read and dropped, within bounds, so that they get to see it.
"""

import asyncio
import json
import math
from typing import Annotated, Any, NoReturn

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dicom_gateway.web.problems import problem

MAX_BODY_BYTES = 8 << 20
BODY_SECONDS = 60.0
DROPPED_BYTES = 64 << 20
DROPPED_SECONDS = 2.0
MAX_DEPTH = 32  # an order has 7
MAX_VALUES = 500_000  # a batch of 1,000 full orders has some 100,000
_LARGE_BYTES = 64 << 10  # parsed beside the event loop
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"  # what the page sends


class _Refused(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class _Gone(Exception):
    pass


class BodyLimits:
    """Reads the body of each request, within limits, and hands it on in one piece."""

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int = MAX_BODY_BYTES,
        seconds: float = BODY_SECONDS,
        dropped_bytes: int = DROPPED_BYTES,
        dropped_seconds: float = DROPPED_SECONDS,
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._dropped_bytes = dropped_bytes
        self._dropped_seconds = dropped_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        length = headers.get("content-length", "0")
        if length == "0" and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope["path"], headers, length)
            body = await self._read(receive)
        except _Refused as refusal:
            answer = problem(refusal.status, str(refusal), headers={"Connection": "close"})
            await answer(scope, receive, self._after_the_body(receive, send))
        except _Gone:
            return
        else:
            await self._app(scope, _replay(body, receive), send)

    def _check(self, path: str, headers: Headers, length: str) -> None:
        if not length.isdigit() or int(length[:20]) > self._max_bytes:
            raise self._too_large()
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise _Refused(415, "a compressed body is not taken")
        media_type, _, parameters = headers.get("content-type", "").partition(";")
        charset = parameters.strip().lower().replace('"', "")
        wanted = _JSON if path.startswith("/api/") else _FORM
        if media_type.strip().lower() != wanted or charset not in ("", "charset=utf-8"):
            raise _Refused(415, f"the body must be {wanted} in UTF-8")

    def _too_large(self) -> _Refused:
        return _Refused(413, f"a body has at most {self._max_bytes} bytes")

    def _after_the_body(self, receive: Receive, send: Send) -> Send:
        """Return a `send` that gives the whole answer at once, and ends it when the rest of the body has been dropped:
        the connection closes then, and a close before would destroy the answer on its way."""

        async def send_and_drop(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({**message, "more_body": True})
            await self._drop(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        return send_and_drop

    async def _drop(self, receive: Receive) -> None:
        left = self._dropped_bytes
        try:
            async with asyncio.timeout(self._dropped_seconds):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):  # its end, or the client has hung up
                        return
        except TimeoutError:
            return

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        more = True
        try:
            async with asyncio.timeout(self._seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    body += message.get("body", b"")
                    if len(body) > self._max_bytes:
                        raise self._too_large()
                    more = message.get("more_body", False)
        except TimeoutError:
            raise _Refused(408, f"the body did not come within {self._seconds:g} s") from None
        return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def strict_json(body: bytes) -> object:
    """Return the value that `body` writes; raises HTTPException (400) for what is not JSON or beyond the limits."""
    if not body.strip():
        _refuse("the request has no body")
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        _refuse("the body has too many values")
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        _refuse("the body is not UTF-8")
    except RecursionError:
        _refuse(_TOO_DEEP)
    except json.JSONDecodeError as error:
        _refuse(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except ValueError:
        _refuse("the body has a number that is none or too long")
    _check_values(value)
    return value


_TOO_DEEP = f"the body is nested deeper than {MAX_DEPTH} levels"


def _check_values(value: object) -> None:
    """Refuse depth, infinite numbers and text with half a surrogate pair, without recursion."""
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        below: list[Any] = []
        for item in level:
            if not isinstance(item, dict | list):
                _check_scalar(item)
                continue
            if depth > MAX_DEPTH:
                _refuse(_TOO_DEEP)
            below += item  # of an object the names
            if isinstance(item, dict):
                below += item.values()
        level = below


def _check_scalar(item: object) -> None:
    if isinstance(item, float) and not math.isfinite(item):
        _refuse("the body has a number that is none or too long")
    if isinstance(item, str) and not item.isascii():
        try:
            item.encode()
        except UnicodeEncodeError:
            _refuse("the body has text that is not Unicode: half of a surrogate pair")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN, Infinity and -Infinity are no JSON


def _refuse(detail: str) -> NoReturn:
    raise HTTPException(400, detail)


async def read_json(request: Request) -> object:
    """Return the decoded body of a request."""
    body = await request.body()
    return await run_in_threadpool(strict_json, body) if len(body) > _LARGE_BYTES else strict_json(body)


Json = Annotated[object, Depends(read_json)]
