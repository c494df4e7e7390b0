"""One frame of a stored file -> a small JPEG (PS3.3 C.7.6.3). Runs in the decoder child only: decoders crash.

A file that has no picture by its nature, or whose pixel data has not the length that its header says, gives a
labelled tile; what fails to decode raises whatever the decoder raises.
"""

import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import dcmread
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array

from dicom_gateway.core.model import Thumbnail
from dicom_gateway.study.caption import marked
from dicom_gateway.study.display import first_number, grey_levels, hide_padding, is_inverted
from dicom_gateway.study.encoding import (
    BIG_ENDIAN,
    DEFLATED_SYNTAXES,
    EXPLICIT,
    IMPLICIT,
    PIXEL_DATA,
    UNDEFINED,
    view_of,
)
from dicom_gateway.study.pixel_length import PixelDescription, native_length
from dicom_gateway.study.tile import jpeg_of, no_preview, tile

MAX_FRAME_BYTES: Final = 512 * 1024 * 1024
_MAX_ASPECT: Final = 20.0
_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
# SOP class (its start, where it ends with a point) -> the label of its tile; the first that fits
_LABELS: Final = {
    f"{_STORAGE}104.1": "PDF",
    f"{_STORAGE}104.2": "CDA",
    f"{_STORAGE}104.3": "STL",
    f"{_STORAGE}104.4": "OBJ",
    f"{_STORAGE}104.5": "MTL",
    f"{_STORAGE}88.59": "KO",
    f"{_STORAGE}88.": "SR",
    f"{_STORAGE}11.": "PR",
    f"{_STORAGE}9.": "waveform",
}
_VIDEO_SYNTAXES: Final = ("1.2.840.10008.1.2.4.10", "1.2.840.10008.1.2.7.")  # MPEG-2, MPEG-4, HEVC; SMPTE ST 2110

_ENCODINGS: Final = {(True, True): IMPLICIT, (False, True): EXPLICIT, (False, False): BIG_ENDIAN}  # implicit, little


def _label(data_set: Dataset) -> str:
    sop_class = str(data_set.get("SOPClassUID", ""))
    fits = (text for uid, text in _LABELS.items() if sop_class == uid or (uid[-1] == "." and sop_class.startswith(uid)))
    return next(fits, "no preview")


def _describe(data_set: Dataset) -> PixelDescription:
    def number(keyword: str, otherwise: int) -> int:
        found = first_number(data_set, keyword)
        return otherwise if found is None or found < 1 else int(found)

    return PixelDescription(
        number("Rows", 0),
        number("Columns", 0),
        number("SamplesPerPixel", 1),
        number("BitsAllocated", 0),
        number("NumberOfFrames", 1),
        str(data_set.get("PhotometricInterpretation", "")),
    )


def _tile_instead(file: BinaryIO, data_set: FileDataset) -> Thumbnail | None:
    """Return the tile of a file that cannot be drawn, or None; `file` stands at the pixel data element, if any."""
    syntax = str(data_set.file_meta.get("TransferSyntaxUID", ""))
    modality = str(data_set.get("Modality", ""))
    if syntax.startswith(_VIDEO_SYNTAXES):
        return tile("video", modality)
    pixels = _describe(data_set)
    # What one frame needs at most while it is decoded; a 4:2:2 frame becomes a full one.
    frame_bytes = native_length(PixelDescription(pixels.rows, pixels.columns, pixels.samples, pixels.bits_allocated, 1))
    if syntax in DEFLATED_SYNTAXES:
        return None if 0 < frame_bytes <= MAX_FRAME_BYTES else no_preview(modality)
    view = view_of(file)
    implicit, little = data_set.original_encoding
    try:
        tag, _, length, value = _ENCODINGS[bool(implicit), bool(little)].head(view, 0)
    except struct.error:
        tag, length, value = 0, 0, 0
    if tag not in PIXEL_DATA:
        return tile(_label(data_set), modality)
    expected = native_length(pixels)
    sound = length == UNDEFINED or min(length, len(view) - value) in (expected, expected + expected % 2)
    return None if sound and 0 < frame_bytes <= MAX_FRAME_BYTES else no_preview(modality)


def averaged(pixels: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Return the averages of blocks of `step` x `step` pixels; what is left at the right and the lower edge goes."""
    rows, columns = pixels.shape[:2]
    if step < 2:
        return pixels.astype(np.float32)
    whole = pixels[: rows - rows % step, : columns - columns % step]
    total = np.zeros((rows // step, columns // step, *pixels.shape[2:]), np.float32)
    for row in range(step):
        for column in range(step):
            total += whole[row::step, column::step]
    total /= np.float32(step * step)
    return total


def _reduced(pixels: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Average blocks of pixels so that the longer edge stays at least twice `size`, as far as it is that long."""
    rows, columns = pixels.shape[:2]
    return averaged(pixels, min(max(rows, columns) // (2 * size), rows, columns))


def is_colour(pixels: NDArray[Any], data_set: Dataset) -> bool:
    """Whether a frame has colours: three samples a pixel, or a palette."""
    return pixels.ndim == 3 or data_set.get("PhotometricInterpretation") == "PALETTE COLOR"


def colours(pixels: NDArray[Any], data_set: Dataset, reduce: Callable[[NDArray[Any]], Any]) -> NDArray[np.uint8]:
    """Return a frame as RGB, 8 bits a sample, its samples reduced by `reduce`."""
    bits = int(data_set.get("BitsStored", 8))
    if data_set.get("PhotometricInterpretation") == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data_set)
        bits = 16 if pixels.max() > 255 else 8  # tables of 8-bit colours in 16-bit entries are common
    levels = reduce(pixels[..., :3]) * np.float32(255 / ((1 << bits) - 1))
    return np.asarray(np.rint(np.clip(levels, 0, 255)), np.uint8)


def aspect_ratio(data_set: Dataset) -> float:
    """Return how high a pixel is beside its width, by PixelAspectRatio (vertical \\ horizontal); 1 for nonsense."""
    try:
        vertical, horizontal = (float(part) for part in data_set.get("PixelAspectRatio", (1, 1)))
        ratio = vertical / horizontal
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0
    return ratio if 1 / _MAX_ASPECT <= ratio <= _MAX_ASPECT else 1.0


def _display_size(data_set: Dataset, rows: int, columns: int, size: int) -> tuple[int, int]:
    """Return width and height in pixels, by PixelAspectRatio, never enlarged."""
    ratio = aspect_ratio(data_set)
    width, height = (columns, rows * ratio) if ratio > 1 else (columns / ratio, rows)
    scale = min(1.0, size / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _png_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


_FORMS: Final[dict[str, Callable[[Image.Image], bytes]]] = {
    "jpeg": jpeg_of,
    "png": _png_of,
    "jpeg-marked": lambda image: jpeg_of(marked(image)),
    "png-marked": lambda image: _png_of(marked(image)),
}
Draw: TypeAlias = Callable[[NDArray[Any], FileDataset, int], Thumbnail]  # stored values, header, which frame


def draw_frame(path: Path, frame: int | None, draw: Draw) -> Thumbnail:
    """Return what `draw` makes of one frame (0-based; None: the middle one) of a Part 10 file, or a tile where there is
    nothing to draw. Reads the header and that frame; raises what pydicom, the decoders and `draw` raise."""
    with warnings.catch_warnings(), path.open("rb") as file:  # one thread here: see the first line
        warnings.simplefilter("ignore")
        data_set = dcmread(file, stop_before_pixels=True)
        instead = _tile_instead(file, data_set)
        if instead is not None:
            return instead
        frames = frames_of(data_set)
        index = frames // 2 if frame is None else min(max(frame, 0), frames - 1)
        file.seek(0)
        return draw(pixel_array(file, index=index), data_set, index)


def frames_of(data_set: Dataset) -> int:
    """Return how many frames an image has, at least 1."""
    return _describe(data_set).frames


def _picture(pixels: NDArray[Any], data_set: FileDataset, index: int, size: int, form: str) -> Thumbnail:
    rows, columns = pixels.shape[:2]
    if is_colour(pixels, data_set):
        levels = colours(pixels, data_set, lambda samples: _reduced(samples, size))
    else:
        pixels = hide_padding(pixels, data_set, is_inverted(data_set))
        levels = grey_levels(_reduced(pixels, size), data_set, index)
    width, height = _display_size(data_set, rows, columns, size)
    image = Image.fromarray(levels).resize((width, height), Image.Resampling.LANCZOS)
    return Thumbnail(_FORMS[form](image), width, height)


def render(path: Path, frame: int | None = None, size: int = 256, form: str = "jpeg") -> Thumbnail:
    """Return the thumbnail of one frame (0-based; None: the middle one) of a Part 10 file, its longer edge <= `size`,
    as "jpeg" or "png"; "jpeg-marked" and "png-marked" have a line below the picture that says what it is not for, and
    width and height are without it.

    Reads the header and that frame. Raises anything when the file is damaged: pydicom's and the decoders' errors.
    """
    return draw_frame(path, frame, lambda pixels, data_set, index: _picture(pixels, data_set, index, size, form))
