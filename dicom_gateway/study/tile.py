"""A plain labelled tile, where a thumbnail has nothing to show: reports, documents, videos, what cannot be decoded."""

import io
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from dicom_gateway.core.model import Thumbnail

TILE_EDGE: Final = 256  # pixels
QUALITY: Final = 85
_BACKGROUND, _FRAME, _INK, _FAINT = 48, 96, 230, 160  # grey levels
_LABEL_SIZE, _DETAIL_SIZE, _SMALLEST = 56, 20, 12  # pixels
_MAX_LABEL, _MAX_DETAIL = 24, 48  # characters


def jpeg_of(image: Image.Image) -> bytes:
    """Return a picture (L or RGB) as JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def _plain(text: str, longest: int) -> str:
    return "".join(
        character if character.isascii() and character.isprintable() else "?" for character in text[:longest]
    )


def _write(draw: ImageDraw.ImageDraw, text: str, middle: int, size: int, ink: int) -> None:
    """Write `text` centred on the line `middle`, at most `size` large, and as much of it as there is room for."""
    width = TILE_EDGE - 24
    font = ImageFont.load_default(size)
    while draw.textlength(text, font=font) > width:
        if size > _SMALLEST:
            size -= 4
            font = ImageFont.load_default(size)
        else:
            text = text[:-1]
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    position = ((TILE_EDGE - right - left) / 2, middle - (top + bottom) / 2)
    draw.text(position, text, fill=ink, font=font)


def tile(label: str, detail: str = "") -> Thumbnail:
    """Return a square grey tile with a large label ("PDF") and a small line below it."""
    image = Image.new("L", (TILE_EDGE, TILE_EDGE), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, TILE_EDGE - 1, TILE_EDGE - 1), outline=_FRAME, width=4)
    _write(draw, _plain(label, _MAX_LABEL), TILE_EDGE // 2, _LABEL_SIZE, _INK)
    if detail:
        _write(draw, _plain(detail, _MAX_DETAIL), TILE_EDGE * 3 // 4, _DETAIL_SIZE, _FAINT)
    return Thumbnail(jpeg_of(image), TILE_EDGE, TILE_EDGE, is_tile=True)


def no_preview(detail: str = "") -> Thumbnail:
    """Return the tile of an object whose picture cannot be shown."""
    return tile("no preview", detail)
