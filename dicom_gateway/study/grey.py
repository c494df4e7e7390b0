"""One frame of a stored file -> pixels for the viewer, which applies the window itself. Runs in the decoder child only.

gzip of: 4 bytes of length (little endian), so many bytes of JSON, then the pixels, row by row: 16-bit little endian
values of the modality (PS3.3 C.11.1) as steps of `slope` above `intercept`, or, of a colour image, a PNG. The JSON:

kind        "grey" or "colour"
rows, columns, frame, frames, step   what follows; `step`: pixels of the image that one of these is the average of
stored_rows, stored_columns          the size of the image itself
aspect, spacing                      height of a pixel beside its width; [row, column] in mm, or null
rate                                 frames a second that the header wants, or null
slope, intercept, unit, largest      of the values, `largest` the last step that occurs; grey only, like what follows
invert      whether the smallest value is white
windows     [{"name", "center", "width"}] of the header; `function` is theirs (PS3.3 C.11.2.1.3)
full, auto  {"center", "width"} of all values, and without the extremes
table       base64: the level (0 to 255) of each step by the header's VOI LUT, or null
"""

import base64
import gzip
import io
import json
import math
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.model import Thumbnail
from dicom_gateway.study.decoder import RAW
from dicom_gateway.study.display import (
    WINDOWS,
    Values,
    first_number,
    functional_group,
    hide_padding,
    is_inverted,
    modality_values,
    voi_levels,
)
from dicom_gateway.study.render import aspect_ratio, averaged, colours, draw_frame, frames_of, is_colour

_STEPS: Final = 65535
_FINE: Final = 1024  # so many whole steps are enough, if the values are no whole numbers
_MAX_WINDOWS, _MAX_NAME = 16, 64
_SAMPLED: Final = 1 << 20  # pixels that the automatic window looks at
_FASTEST: Final = 60.0  # frames a second
_EXTREMES: Final = (0.5, 99.5)  # percent

Json = dict[str, Any]


def raw(path: Path, frame: int | None, size: int, form: str = RAW) -> Thumbnail:
    """Return the frame in the form above, its longer edge <= `size`, or the tile of a file without pixels.

    Raises anything when the file is damaged, as render.render does.
    """
    return draw_frame(path, frame, lambda pixels, data_set, index: _packed(pixels, data_set, index, size))


def _packed(pixels: NDArray[Any], data_set: FileDataset, frame: int, size: int) -> Thumbnail:
    stored_rows, stored_columns = pixels.shape[:2]
    step = max(1, min(math.ceil(max(stored_rows, stored_columns) / size), stored_rows, stored_columns))
    colour = is_colour(pixels, data_set)
    body, head, shape = (_colour if colour else _grey)(pixels, data_set, frame, step)
    head |= {
        "kind": "colour" if colour else "grey",
        "rows": shape[0],
        "columns": shape[1],
        "step": step,
        "stored_rows": stored_rows,
        "stored_columns": stored_columns,
        "frame": frame,
        "frames": frames_of(data_set),
        "aspect": _aspect(data_set),
        "spacing": _spacing(data_set, frame, step),
        "rate": _rate(data_set),
    }
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 4)  # so that the values begin where an array of them may
    payload = struct.pack("<I", len(text)) + text + body
    return Thumbnail(gzip.compress(payload, 0 if colour else 1, mtime=0), shape[1], shape[0])


def _colour(pixels: NDArray[Any], data_set: Dataset, _: int, step: int) -> tuple[bytes, Json, tuple[int, ...]]:
    levels = colours(pixels, data_set, lambda samples: averaged(samples, step))
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), {}, levels.shape[:2]


def _grey(pixels: NDArray[Any], data_set: Dataset, frame: int, step: int) -> tuple[bytes, Json, tuple[int, ...]]:
    pixels = hide_padding(pixels, data_set, is_inverted(data_set))
    values = np.nan_to_num(modality_values(averaged(pixels, step), data_set, frame))
    low, high = float(values.min()), float(values.max())
    slope = _slope(values, high - low)
    steps = np.rint((values - np.float32(low)) / np.float32(slope)).astype("<u2")
    source = functional_group(data_set, frame, "FrameVOILUTSequence")
    function = str(source.get("VOILUTFunction", "LINEAR"))
    head = {
        "slope": slope,
        "intercept": low,
        "largest": int(steps.max()),
        "unit": _unit(data_set, frame),
        "invert": is_inverted(data_set),
        "function": function if function in WINDOWS else "LINEAR",
        "windows": _windows(source, function),
        "full": _window(*((0.0, 1.0) if data_set.get("BitsAllocated") == 1 else (low, high))),
        "auto": _automatic(values),
        "table": _table(source, low, slope, int(steps.max())),
    }
    return steps.tobytes(), head, steps.shape


def _slope(values: Values, span: float) -> float:
    """Return what one step is worth: 1 for whole numbers as far as they fit, and for many of whatever kind."""
    if span == 0:
        return 1.0
    if span <= _STEPS and (span >= _FINE or np.array_equal(values, np.rint(values))):
        return 1.0
    return span / _STEPS


def _window(low: float, high: float) -> Json:
    return {"center": (low + high) / 2, "width": max(high - low, 1e-6)}


def _automatic(values: Values) -> Json:
    flat = values.ravel()
    low, high = np.percentile(flat[:: max(1, flat.size // _SAMPLED)], _EXTREMES)
    return _window(float(low), float(high))


def _windows(source: Dataset, function: str) -> list[Json]:
    smallest = WINDOWS.get(function, WINDOWS["LINEAR"])[1]
    names = _texts(source.get("WindowCenterWidthExplanation"))
    pairs = zip(_numbers(source.get("WindowCenter")), _numbers(source.get("WindowWidth")), strict=False)
    return [
        {"name": names[number] if number < len(names) else "", "center": center, "width": width}
        for number, (center, width) in enumerate(pairs)
        if center is not None and width is not None and width >= smallest
    ][:_MAX_WINDOWS]


def _table(source: Dataset, intercept: float, slope: float, largest: int) -> str | None:
    if not source.get("VOILUTSequence"):
        return None
    ramp = np.float32(intercept) + np.float32(slope) * np.arange(largest + 1, dtype=np.float32)
    levels = np.clip(np.nan_to_num(voi_levels(ramp, source, None)), 0, 1)
    return base64.b64encode(np.rint(levels * 255).astype(np.uint8).tobytes()).decode()


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, str | bytes) or not hasattr(value, "__iter__") else list(value)


def _numbers(value: Any) -> list[float | None]:
    found: list[float | None] = []
    for one in _listed(value):
        try:
            number = float(one)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        found.append(number if math.isfinite(number) else None)
    return found


def _texts(value: Any) -> list[str]:
    return [printable(str(one))[:_MAX_NAME] for one in _listed(value)]


def _unit(data_set: Dataset, frame: int) -> str:
    source = functional_group(data_set, frame, "PixelValueTransformationSequence")
    unit = "".join(_texts(source.get("RescaleType"))[:1])
    return "" if unit in ("US", "NONE") else unit or ("HU" if data_set.get("Modality") == "CT" else "")


def _millimetres(data_set: Dataset, frame: int) -> tuple[float, float] | None:
    """Return how far rows and columns are apart: in the patient, else on the detector; None when nobody says."""
    places = (functional_group(data_set, frame, "PixelMeasuresSequence"), data_set)
    for source, keyword in (*((place, "PixelSpacing") for place in places), (data_set, "ImagerPixelSpacing")):
        match _numbers(source.get(keyword)):
            case [float(row), float(column)] if row > 0 and column > 0:
                return row, column
    return None


def _spacing(data_set: Dataset, frame: int, step: int) -> list[float] | None:
    found = _millimetres(data_set, frame)
    return [found[0] * step, found[1] * step] if found else None


def _rate(data_set: Dataset) -> float | None:
    milliseconds = first_number(data_set, "FrameTime")
    wanted = (
        first_number(data_set, "RecommendedDisplayFrameRate"),
        first_number(data_set, "CineRate"),
        1000 / milliseconds if milliseconds and milliseconds > 0 else None,
    )
    return next((min(rate, _FASTEST) for rate in wanted if rate is not None and rate > 0), None)


def _aspect(data_set: Dataset) -> float:
    ratio = aspect_ratio(data_set)
    if ratio != 1.0 or first_number(data_set, "PixelAspectRatio") is not None:
        return ratio
    found = _millimetres(data_set, 0)
    between = found[0] / found[1] if found else 1.0
    return between if 0.05 <= between <= 20 else 1.0
