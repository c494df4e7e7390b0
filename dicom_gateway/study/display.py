"""From stored values to what a person sees, for one grey frame (PS3.3 C.11.1 modality, C.11.2 VOI, C.11.6 display).

Of several windows or tables the first counts; without any, from the smallest to the largest value. Pixel padding
(PS3.3 C.7.5.1.1.2) is shown black and decides nothing.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi

Values: TypeAlias = NDArray[np.float32]


def _linear(values: Values, center: float, width: float) -> Values:
    return (values - np.float32(center - 0.5)) / np.float32(max(width - 1, 1e-6)) + np.float32(0.5)


def _linear_exact(values: Values, center: float, width: float) -> Values:
    return (values - np.float32(center)) / np.float32(width) + np.float32(0.5)


def _sigmoid(values: Values, center: float, width: float) -> Values:
    exponent = np.clip(-4 * (values - np.float32(center)) / np.float32(width), -50, 50)
    return np.asarray(1 / (1 + np.exp(exponent)), dtype=np.float32)


# VOILUTFunction (0028,1056): how it maps to 0..1, and the smallest width that it allows
WINDOWS: Final[dict[str, tuple[Callable[[Values, float, float], Values], float]]] = {
    "LINEAR": (_linear, 1.0),
    "LINEAR_EXACT": (_linear_exact, 1e-6),
    "SIGMOID": (_sigmoid, 1e-6),
}


def functional_group(data_set: Dataset, frame: int, keyword: str) -> Dataset:
    """Return the item of a functional group that applies to `frame`, else the data set itself (PS3.3 C.7.6.16)."""
    per_frame = data_set.get("PerFrameFunctionalGroupsSequence") or []
    shared = data_set.get("SharedFunctionalGroupsSequence") or []
    for groups in (*per_frame[frame : frame + 1], *shared[:1]):
        if items := groups.get(keyword):
            return cast(Dataset, items[0])
    return data_set


def first_number(data_set: Dataset, keyword: str) -> float | None:
    """Return the first value of an element as a finite number, or None."""
    try:
        value = data_set.get(keyword)
        number = float(value[0] if isinstance(value, list | tuple) or hasattr(value, "append") else value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def hide_padding(pixels: NDArray[Any], data_set: Dataset, inverted: bool) -> NDArray[Any]:
    """Return `pixels` with padding replaced by the value that will be shown darkest."""
    padding = first_number(data_set, "PixelPaddingValue")
    if padding is None or pixels.dtype.kind not in "iu":
        return pixels
    limit = first_number(data_set, "PixelPaddingRangeLimit")
    low, high = sorted((padding, padding if limit is None else limit))
    hidden = (pixels >= low) & (pixels <= high)
    seen = pixels[~hidden]
    if seen.size in (0, pixels.size):
        return pixels
    falling = (first_number(data_set, "RescaleSlope") or 1.0) < 0
    return np.where(hidden, seen.max() if inverted != falling else seen.min(), pixels)


def modality_values(values: Values, data_set: Dataset, frame: int) -> Values:
    """Return stored values as those of the modality, by its table or slope and intercept (PS3.3 C.11.1)."""
    source = functional_group(data_set, frame, "PixelValueTransformationSequence")
    if source.get("ModalityLUTSequence"):
        return np.asarray(apply_modality_lut(np.rint(values).astype(np.int32), source), dtype=np.float32)
    slope, intercept = first_number(source, "RescaleSlope"), first_number(source, "RescaleIntercept")
    return values * np.float32(1.0 if slope is None else slope) + np.float32(intercept or 0.0)


def voi_levels(values: Values, source: Dataset, span: tuple[float, float] | None) -> Values:
    """Return values of 0..1, not yet clipped; `span` is what is black and white without a window or table."""
    if source.get("VOILUTSequence"):
        levels = np.asarray(apply_voi(np.rint(values).astype(np.int32), source))
        return levels.astype(np.float32) / np.float32(_largest_level(source))
    center, width = first_number(source, "WindowCenter"), first_number(source, "WindowWidth")
    function, smallest = WINDOWS.get(str(source.get("VOILUTFunction", "LINEAR")), WINDOWS["LINEAR"])
    if center is not None and width is not None and width >= smallest:
        return function(values, center, width)
    low, high = span or (float(values.min()), float(values.max()))
    return (values - np.float32(low)) / np.float32(high - low if high > low else 1.0)


def _largest_level(source: Dataset) -> int:
    """Return white in the first VOI LUT; its data count, where the descriptor promises more bits than they use."""
    item = source.VOILUTSequence[0]
    data = item.LUTData
    table = np.frombuffer(data, np.uint16) if isinstance(data, bytes) else np.asarray(data)
    bits = min(int(item.LUTDescriptor[2]), max(8, int(table.max()).bit_length()))
    return (1 << bits) - 1


def is_inverted(data_set: Dataset) -> bool:
    """Whether the smallest value is white; MONOCHROME1 and INVERSE say the same thing, not it twice."""
    white_first = data_set.get("PhotometricInterpretation") == "MONOCHROME1"
    return white_first or str(data_set.get("PresentationLUTShape", "")) == "INVERSE"


def grey_levels(values: Values, data_set: Dataset, frame: int) -> NDArray[np.uint8]:
    """Return stored values (rows, columns) as 8-bit grey, 0 black."""
    values = modality_values(values, data_set, frame)
    span = (0.0, 1.0) if data_set.get("BitsAllocated") == 1 else None
    shown = np.clip(voi_levels(values, functional_group(data_set, frame, "FrameVOILUTSequence"), span), 0, 1)
    if is_inverted(data_set):
        shown = 1 - shown
    return np.rint(np.nan_to_num(shown) * 255).astype(np.uint8)
