"""Thumbnails of stored objects, drawn once by the decoder and kept as files by the hash of what they show."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import structlog
from PIL import Image

from dicom_gateway.core.model import Instance, StoredObject, Thumbnail
from dicom_gateway.errors import GatewayError
from dicom_gateway.study.decoder import Decoder
from dicom_gateway.study.tile import tile

log = structlog.get_logger()


class Thumbnails:
    """Gives thumbnails. `path_of` finds an object's file, `cache_path` says where the picture of a hash is kept."""

    def __init__(
        self, decoder: Decoder, path_of: Callable[[StoredObject], Path], cache_path: Callable[[str], Path]
    ) -> None:
        self._decoder = decoder
        self._path_of = path_of
        self._cache_path = cache_path

    def thumbnail(self, instance: Instance) -> Thumbnail:
        """Return the thumbnail; a plain tile where nothing can be drawn. Never raises for what the object holds."""
        kept = self._cache_path(instance.stored.sha256)
        try:
            jpeg = kept.read_bytes()
            with Image.open(BytesIO(jpeg)) as image:
                return Thumbnail(jpeg, image.width, image.height)
        except OSError:
            pass  # not drawn yet, or not readable: draw it
        try:
            drawn = self._decoder.thumbnail(self._path_of(instance.stored))
        except GatewayError:
            return tile("no preview", "file missing")
        if not drawn.is_tile:
            _keep(kept, drawn.jpeg)
        return drawn


def _keep(path: Path, jpeg: bytes) -> None:
    """Write a picture under its name; it can be drawn again, so a full disk is no error."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part.write_bytes(jpeg)
        part.replace(path)
    except OSError as error:
        log.warning("thumbnail not kept", error=error.strerror)
