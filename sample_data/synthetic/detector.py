"""From line integrals of attenuation to what an X-ray detector stores: exposure, quantum noise, sharpness, curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import Map, blur


@dataclass(frozen=True)
class Detector:
    """How a detector and its processing answer.

    `photons`: a pixel counts so many without an object; `sharpness`: sigma of its blur in pixels; `contrast`: how
    fast grey rises with attenuation; `toe`: attenuation that is still black; `bits`: stored; `equalise`: the part of
    the coarse structure that its processing takes away, which has a size of `coarse` pixels.
    """

    photons: float = 4000.0
    sharpness: float = 0.7
    contrast: float = 0.62
    toe: float = 0.0
    bits: int = 12
    equalise: float = 0.0
    coarse: float = 60.0


def texture(rng: np.random.Generator, shape: tuple[int, int], fine: float, coarse: float, stretch: float = 1.0) -> Map:
    """Return noise of mean 0 and deviation 1 with structures between `fine` and `coarse` pixels, wider by `stretch`."""
    rows = np.fft.fftfreq(shape[0])[:, None]
    columns = np.fft.rfftfreq(shape[1])[None, :] * stretch
    squared = rows**2 + columns**2
    band = np.exp(-2 * (np.pi * fine) ** 2 * squared) - np.exp(-2 * (np.pi * coarse) ** 2 * squared)
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape, np.float32)) * band.astype(np.float32), shape)
    return np.asarray(noise / noise.std(), np.float32)


def expose(attenuation: Map, detector: Detector, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return stored values (black is 0) of a map of line integrals."""
    attenuation = np.maximum(attenuation, 0)
    counts = detector.photons * np.exp(-attenuation)
    noise = rng.standard_normal(attenuation.shape, np.float32) * np.sqrt(counts + 4)
    seen = blur(counts, detector.sharpness) + 0.75 * noise + 0.25 * blur(noise, 0.8)
    measured = -np.log(np.maximum(seen, 1) / detector.photons) - detector.toe
    if detector.equalise:
        coarse = blur(blur(measured, detector.coarse), detector.coarse)
        measured = measured - detector.equalise * (coarse - coarse.mean())
    grey = 1 - np.exp(-detector.contrast * np.maximum(measured, 0))
    largest = (1 << detector.bits) - 1
    return np.asarray(np.clip(np.rint(grey * largest), 0, largest), np.uint16)
