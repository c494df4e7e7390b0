"""Live pages: one stream of server-sent events a visible page, which says only that something has changed.

What has changed the page asks for itself, part by part. The database's version moves with every commit of any process,
so looking costs microseconds and no writer knows of it.
"""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from dicom_gateway.errors import Unavailable
from dicom_gateway.web.pages.frame import Visiting
from dicom_gateway.web.services import Services

LOOK_SECONDS = 0.5
SESSION_SECONDS = 15.0  # so often a stream asks whether its session still lives, and says that it does itself
STREAMS = 100

router = APIRouter(include_in_schema=False)


@router.get("/live")
async def live(request: Request, visit: Visiting) -> Response:
    """Stream `change` after each change, `end` when the session has ended."""
    services: Services = request.app.state.services
    streams: set[object] = request.app.state.streams
    if len(streams) >= STREAMS:
        raise Unavailable("too many pages are open")
    mark = object()
    streams.add(mark)

    async def events() -> AsyncIterator[str]:
        try:
            async for event in _events(services, visit.secret):
                yield event
        finally:
            streams.discard(mark)

    return StreamingResponse(events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _events(services: Services, secret: str) -> AsyncIterator[str]:
    seen, quiet = await run_in_threadpool(services.page.version), 0.0
    yield "retry: 2000\n\n"
    while not services.draining():
        await asyncio.sleep(LOOK_SECONDS)
        quiet += LOOK_SECONDS
        found = await run_in_threadpool(services.page.version)
        if found != seen:
            seen = found
            yield "event: change\ndata:\n\n"
        if quiet >= SESSION_SECONDS:
            quiet = 0.0
            if await run_in_threadpool(services.sessions.find, secret) is None:
                yield "event: end\ndata:\n\n"
                return
            yield ": still here\n\n"


@router.get("/badges")
def badges(visit: Visiting) -> Response:
    """Show how much waits, in the navigation."""
    return visit.fragment("_badges.html")
