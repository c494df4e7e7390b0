"""Thumbnails from a child process that may crash, hang or eat memory without harm to anybody else.

One warm child at a time, started on first use, renewed after IMAGES_PER_CHILD images and after any failure. A file
that ends it twice is not tried again. decoder_child.py has the wire format and the limits.
"""

import json
import os
import struct
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from dicom_gateway.core.model import Thumbnail
from dicom_gateway.study.tile import no_preview

RAW: Final = "grey16"  # pixels for the viewer: grey.py
IMAGES_PER_CHILD: Final = 500
TRIES: Final = 2
READY: Final = b"\x06"  # the child's first byte: it has loaded what it needs
START_SECONDS: Final = 30.0  # for a child to be ready, which is no part of the time of an image
_REMEMBERED: Final = 1000  # files that ended a child
_MAX_REPLY: Final = 4 << 20  # bytes, or what a picture of the asked size takes uncompressed
_COMMAND: Final = (sys.executable, "-m", "dicom_gateway.study.decoder_child")
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# Nothing else: settings in the environment may be secrets, and this process reads what strangers sent.
_INHERITED: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")

log = structlog.get_logger()


class _Died(Exception):
    """The child ended, or was ended, before its reply was complete."""


class _Child:
    """One decoder process, whose replies are at most `most_bytes` long."""

    def __init__(self, most_bytes: int) -> None:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self.images = 0
        self._most_bytes = most_bytes
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | dict.fromkeys(_THREADS, "1"),
            close_fds=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_ready(self, seconds: float) -> bool:
        """Wait until it can be asked; say whether that was within `seconds`."""
        assert self._process.stdout is not None
        with self._killed_after(seconds):
            return self._process.stdout.read(1) == READY

    def draw(self, path: Path, frame: int | None, size: int, form: str, seconds: float) -> tuple[Thumbnail, str | None]:
        """Return the thumbnail and what went wrong; raise _Died, at the latest after `seconds`."""
        request = {"path": str(path.absolute()), "frame": frame, "size": size, "form": form, "seconds": seconds}
        body = json.dumps(request).encode()
        self.images += 1
        with self._killed_after(seconds):
            try:
                return self._ask(struct.pack(">I", len(body)) + body)
            except (OSError, ValueError, KeyError, TypeError) as error:  # a broken pipe; a reply that is none
                raise _Died(str(error)) from error

    @contextmanager
    def _killed_after(self, seconds: float) -> Iterator[None]:
        watchdog = threading.Timer(seconds, self._process.kill)
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()

    def _ask(self, request: bytes) -> tuple[Thumbnail, str | None]:
        assert self._process.stdin is not None
        self._process.stdin.write(request)
        self._process.stdin.flush()
        head = json.loads(self._read(struct.unpack(">I", self._read(4))[0]))
        jpeg = self._read(int(head["jpeg"]))
        return Thumbnail(jpeg, int(head["width"]), int(head["height"]), bool(head["is_tile"])), head["error"]

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        if size > self._most_bytes:
            raise _Died("a reply that is too long")
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise _Died("no reply")
        return data

    def end(self) -> int:
        """End the process, wait for it, and return its exit status."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what could not be written to a dead process
                log.debug("decoder pipe closed late", pid=self.pid)
        return self._process.wait()


class Decoder:
    """Draws thumbnails, one at a time; may be called from any thread. `seconds` bounds one try at an image, `size` is
    the longer edge in pixels, `form` "jpeg" or "png", "-marked" or not (render.py), or RAW (tiles are JPEG always)."""

    def __init__(self, seconds: float = 10.0, size: int = 256, form: str = "jpeg") -> None:
        self._seconds = seconds
        self._size = size
        self._form = form
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._deaths: OrderedDict[str, int] = OrderedDict()

    @property
    def pid(self) -> int | None:
        """The process id of the child, None while there is none."""
        return self._child.pid if self._child else None

    def thumbnail(self, path: Path, frame: int | None = None) -> Thumbnail:
        """Return the thumbnail of a frame (0-based; None: the middle one) of a file, or a labelled tile; never raises
        for what is in the file, or when it is not there."""
        with self._lock:
            while self._deaths.get(str(path), 0) < TRIES:
                try:
                    return self._draw(path, frame)
                except _Died as error:
                    self._remember(path, error)
                except OSError as error:  # no process could be started: nobody's fault here, and nothing to remember
                    log.error("decoder cannot start", error=str(error))
                    return no_preview()
        return no_preview()

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end_child()

    def _draw(self, path: Path, frame: int | None) -> Thumbnail:
        child = self._started()
        thumbnail, error = child.draw(path, frame, self._size, self._form, self._seconds)
        self._deaths.pop(str(path), None)  # it was not this file
        if error is not None:
            log.warning("image not drawn", file=path.name, error=error.partition(":")[0])
            log.debug("image not drawn", file=path.name, error=error)
        if error is not None or child.images >= IMAGES_PER_CHILD:
            self._end_child()
        return thumbnail

    def _started(self) -> _Child:
        """Return a child that can be asked; raises OSError."""
        if self._child is None:
            self._child = _Child(max(_MAX_REPLY, 4 * self._size * self._size))
            if not self._child.is_ready(START_SECONDS):
                raise OSError(f"its process ended at once, with {self._end_child()}")
        return self._child

    def _remember(self, path: Path, error: _Died) -> None:
        status = self._end_child()
        deaths = self._deaths.pop(str(path), 0) + 1
        self._deaths[str(path)] = deaths
        if len(self._deaths) > _REMEMBERED:
            self._deaths.popitem(last=False)
        log.warning("decoder died", file=path.name, error=str(error), exit_status=status, deaths=deaths)

    def _end_child(self) -> int | None:
        child, self._child = self._child, None
        return child.end() if child else None
