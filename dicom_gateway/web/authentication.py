"""Who asks: a bearer token (RFC 6750) on every path of the API that is not public.

A valid token is remembered for a few seconds, so one that is revoked is useless soon after. A token has 256 random
bits: guessing is hopeless, and many failures from one address only change 401 to 429. A valid token is never refused
because of its neighbours' failures (a practice is one address behind its router).
"""

import hashlib
import re
from collections import OrderedDict

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.tokens import Bearer, TokenStore
from dicom_gateway.web.problems import problem

PROTECTED = "/api/"  # what begins so needs a token, but for what is public; the page sees to itself by its sessions
PUBLIC = frozenset({"/api/docs", "/api/openapi.json", "/api/static/docs.css"})
REMEMBERED_FOR = 3 * SECOND
REMEMBERED_TOKENS = 1024
FAILURES = 30  # of one address within WINDOW; beyond that the answer is 429
WINDOW = 60 * SECOND
COUNTED_ADDRESSES = 4096
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,200})", re.IGNORECASE)

log = structlog.get_logger()


class Authenticator:
    """Checks tokens and counts failures; used from the event loop only."""

    def __init__(self, tokens: TokenStore, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        self._remembered: dict[bytes, tuple[int, Bearer]] = {}
        self._failures: OrderedDict[str, tuple[int, int]] = OrderedDict()

    async def bearer(self, token: str) -> Bearer | None:
        """Return who bears the token, or None; raises Unavailable."""
        name = hashlib.sha256(token.encode()).digest()
        at, bearer = self._remembered.get(name, (0, None))
        if bearer is not None and 0 <= self._clock() - at < REMEMBERED_FOR:
            return bearer
        now = self._clock()
        found = await run_in_threadpool(self._tokens.check, token)
        self._remembered.pop(name, None)
        if found is not None:
            if len(self._remembered) >= REMEMBERED_TOKENS:
                self._remembered.clear()
            self._remembered[name] = now, found
        return found

    def has_failed_often(self, address: str) -> bool:
        """Count a failure of `address`; say whether there were too many."""
        now = self._clock()
        since, count = self._failures.pop(address, (now, 0))
        if not 0 <= now - since < WINDOW:
            since, count = now, 0
        self._failures[address] = since, count + 1
        if len(self._failures) > COUNTED_ADDRESSES:
            self._failures.popitem(last=False)
        return count + 1 > FAILURES


class Authentication:
    """Lets in what is public or comes with a valid token, whose bearer it leaves in the request's state."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(PROTECTED) and scope["path"] not in PUBLIC:
            refusal = await self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope) -> ASGIApp | None:
        """Return the answer that refuses the request (its body unread, so the connection ends), or None."""
        sent = Headers(scope=scope).getlist("authorization")
        if not sent:
            return _refused(401, "a token is needed: Authorization: Bearer TOKEN", "Bearer")
        match = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
        bearer = await self._authenticator.bearer(match[1]) if match else None
        if bearer is not None:
            scope.setdefault("state", {})["bearer"] = bearer
            return None
        address = peer_address(scope)
        if self._authenticator.has_failed_often(address):
            log.warning("many invalid tokens", address=address)
            return problem(429, "too many invalid tokens", headers={"Retry-After": "60", "Connection": "close"})
        return _refused(401, "this token is not valid", 'Bearer error="invalid_token"')


def _refused(status: int, detail: str, challenge: str) -> ASGIApp:
    return problem(status, detail, headers={"WWW-Authenticate": challenge, "Connection": "close"})


def peer_address(scope: Scope) -> str:
    """Return the address that a request came from, "" when the transport has none."""
    client = scope.get("client")
    return client[0] if client else ""
