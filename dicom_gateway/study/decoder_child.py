"""The decoder process: requests in on stdin, thumbnails out on stdout, until stdin closes. Started by decoder.py.

Its first byte is READY, once it has loaded what it needs. A request is 4 bytes of length (big endian) and JSON
{"path", "frame", "size", "form", "seconds"}. The reply is 4 bytes and JSON {"width", "height", "is_tile", "error",
"jpeg"}, whose `jpeg` counts the bytes that follow; `error` is null unless the file could not be drawn. This process may
die at any time, and limits itself so that the machine does not.
"""

import json
import os
import signal
import struct
import sys
from pathlib import Path
from typing import IO, Any

from dicom_gateway.operating_system import limit_resources
from dicom_gateway.study.decoder import RAW, READY
from dicom_gateway.study.grey import raw
from dicom_gateway.study.render import render
from dicom_gateway.study.tile import no_preview

MEMORY_BYTES = 2 << 30
CPU_SECONDS = 1000  # for all images of this process
_GRACE_SECONDS = 1  # the parent's clock is the one that counts; ours is for when it is gone


def _reply(request: dict[str, Any]) -> bytes:
    error = None
    try:
        draw = raw if request["form"] == RAW else render
        thumbnail = draw(Path(request["path"]), request["frame"], request["size"], request["form"])
    except Exception as failure:  # any damage to a file may raise anything; the parent logs it and renews this process
        error = f"{type(failure).__name__}: {failure}"[:500]
        thumbnail = no_preview()
    head = json.dumps(
        {
            "width": thumbnail.width,
            "height": thumbnail.height,
            "is_tile": thumbnail.is_tile,
            "error": error,
            "jpeg": len(thumbnail.jpeg),
        }
    ).encode()
    return struct.pack(">I", len(head)) + head + thumbnail.jpeg


def _requests(source: IO[bytes]) -> Any:
    while len(prefix := source.read(4)) == 4:
        yield json.loads(source.read(struct.unpack(">I", prefix)[0]))


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)  # SIGALRM ends the process, also within a decoder


def main() -> None:
    """Answer requests until stdin closes."""
    for name in ("SIGINT", "SIGTERM"):  # they come to the whole process group; the parent decides when this ends
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    limit_resources(MEMORY_BYTES, CPU_SECONDS)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints must not come between the replies
    replies.write(READY)
    replies.flush()
    for request in _requests(sys.stdin.buffer):
        _alarm(request["seconds"] + _GRACE_SECONDS)
        reply = _reply(request)
        _alarm(0)
        replies.write(reply)
        replies.flush()


if __name__ == "__main__":
    main()
