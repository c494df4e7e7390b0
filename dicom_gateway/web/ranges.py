"""An answer whose bytes are made while they are sent, whole or the one range that is asked for (RFC 9110, 14).

Several ranges at once, and a range that cannot be read, are answered with the whole, as the RFC allows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)

Read = Callable[[int, int], Iterator[bytes]]


def ranged(
    request: Request, length: int, tag: str, read: Read, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Return `length` bytes, or the part of them that the request wants; `read(start, stop)` makes them. `tag` is that
    of this very contents."""
    shared = {**headers, "ETag": f'"{tag}"', "Accept-Ranges": "bytes"}
    wanted = _wanted(request, length, tag)
    if wanted is None:
        return StreamingResponse(
            read(0, length), media_type=media_type, headers={**shared, "Content-Length": str(length)}
        )
    start, stop = wanted
    if start >= stop:
        return Response(status_code=416, headers={**shared, "Content-Range": f"bytes */{length}"})
    more = {"Content-Range": f"bytes {start}-{stop - 1}/{length}", "Content-Length": str(stop - start)}
    return StreamingResponse(read(start, stop), 206, media_type=media_type, headers={**shared, **more})


def _wanted(request: Request, length: int, tag: str) -> tuple[int, int] | None:
    """Return the range that is asked for, (0, 0) for one beyond the end, None for the whole."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    same = request.headers.get("if-range", f'"{tag}"') == f'"{tag}"'
    if found is None or not same or not (found[1] or found[2]):
        return None
    if not found[1]:
        last = int(found[2])
        return (max(length - last, 0), length) if last else (0, 0)
    start = int(found[1])
    stop = min(int(found[2]) + 1, length) if found[2] else length
    if found[2] and int(found[2]) < start:
        return None
    return (start, stop) if start < length else (0, 0)
