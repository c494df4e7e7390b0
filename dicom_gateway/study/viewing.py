"""What people look at and take away: the pixels of a frame for the viewer, and marked pictures of whole images.

One warm decoder serves the viewer; a download has a decoder of its own, and few run at a time.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from dicom_gateway.core.model import Instance, StoredObject
from dicom_gateway.errors import DamagedFile, Unavailable
from dicom_gateway.study.decoder import RAW, Decoder
from dicom_gateway.study.export import picture_decoder

LONGEST_EDGE: Final = 4096  # pixels of what the viewer gets; larger images are reduced
SECONDS_A_FRAME: Final = 30.0
_DOWNLOADS: Final = 2  # that draw pictures at the same time
_WAIT_SECONDS: Final = 20.0

Picture = Callable[[Instance, int | None], bytes]


class Viewing:
    """Gives pixels and pictures; called from several threads. `path_of` finds an object's file."""

    def __init__(self, path_of: Callable[[StoredObject], Path]) -> None:
        self._path_of = path_of
        self._decoder = Decoder(SECONDS_A_FRAME, LONGEST_EDGE, RAW)
        self._places = threading.BoundedSemaphore(_DOWNLOADS)

    def pixels(self, instance: Instance, frame: int) -> bytes | None:
        """Return one frame (0-based) as study/grey.py has it, None when there is nothing to draw; raises DamagedFile
        without a file."""
        drawn = self._decoder.thumbnail(self._path_of(instance.stored), frame)
        return None if drawn.is_tile else drawn.jpeg

    @contextmanager
    def pictures(self, form: str) -> Iterator[Picture]:
        """Lend what draws an image (a frame, or None: the middle one) as "png" or "jpeg" with the line that says what
        it is not for; it raises DamagedFile for what cannot be drawn. Raises Unavailable when too many others draw."""
        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise Unavailable("other pictures are being made just now: try again in a minute")
        try:
            with closing(picture_decoder(f"{form}-marked")) as decoder:

                def picture(instance: Instance, frame: int | None) -> bytes:
                    drawn = decoder.thumbnail(self._path_of(instance.stored), frame)
                    if drawn.is_tile:
                        raise DamagedFile("there is no picture to draw")
                    return drawn.jpeg

                yield picture
        finally:
            self._places.release()

    def close(self) -> None:
        """End the viewer's decoder."""
        self._decoder.close()
