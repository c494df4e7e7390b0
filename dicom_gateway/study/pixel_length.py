"""How long native pixel data must be (PS3.5 8.1.1, 8.2; PS3.3 C.7.6.3.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """The Image Pixel module as far as it decides on lengths; 0 where an attribute is absent or bad."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    frames: int
    photometric_interpretation: str = ""


def native_length(pixels: PixelDescription) -> int:
    """Return the length of native pixel data in bytes, without the padding to an even length."""
    bits = pixels.rows * pixels.columns * pixels.samples * pixels.bits_allocated * pixels.frames
    if pixels.photometric_interpretation == "YBR_FULL_422" and pixels.samples == 3:
        bits = bits * 2 // 3
    return (bits + 7) // 8
