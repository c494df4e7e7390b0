"""The outermost layer: headers that every answer carries, one log line a request, and the net under everything."""

import time
from collections.abc import Callable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What an answer says itself stays.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds

log = structlog.get_logger()


class Edge:
    """Wraps the whole application; `answer` says what an error that nobody handled is answered with."""

    def __init__(self, app: ASGIApp, answer: Callable[[Scope, Exception], ASGIApp]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            response = self._answer(scope, error)  # logs it
            if status:
                raise  # half an answer is out: the connection must break
            await response(scope, receive, send_with_headers)
        finally:
            _log(scope, status, round((time.perf_counter() - began) * 1000, 1))


def _log(scope: Scope, status: int, ms: float) -> None:
    """Log by the path's template: the path itself may hold identifiers."""
    template = getattr(scope.get("route"), "path", "-")
    write = log.debug if template in _PROBES else log.info
    write("http request", method=scope["method"], path=template, status=status, ms=ms)
    log.debug("http request", path=scope["path"], status=status)
