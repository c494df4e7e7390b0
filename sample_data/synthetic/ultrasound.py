"""A beating dog's heart in short axis, as a phased array sees it: sector, speckle, depth marks, a heart trace.

Scatterers are fixed in the tissue and move with it; each line of sight is convolved with the pulse, its amplitude
is compressed to grey, and the lines are drawn as a sector.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lettering import lettering

ROWS, COLUMNS = 480, 640
FRAMES, FRAME_TIME = 24, 41.7  # ms
HEART_RATE = 120  # beats a minute: the loop is two beats
DEPTH = 100.0  # mm
SPREAD = 42.0  # degrees to either side
APEX = (300.0, 28.0)  # pixels
PIXELS_PER_MM = 4.25
SECTOR = (1, 1, 559, 469)  # x and y of the corners of the region that is measured, pixels
LINES, SAMPLES = 168, 700
CENTRE = (4.0, 56.0)  # mm: the middle of the left ventricle


def squeeze(frame: int) -> float:
    """Return how contracted the heart is, 0 to 1, in a frame of the loop."""
    phase = (frame / FRAMES * 2) % 1
    return float(np.sin(np.pi * phase / 0.42) ** 2) if phase < 0.42 else 0.0


@cache
def _rays() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return angle (radians) and depth (mm) of each sample, and its x and y in mm."""
    angle, depth = np.meshgrid(np.radians(np.linspace(-SPREAD, SPREAD, LINES)), np.linspace(0, DEPTH, SAMPLES))
    return angle, depth, np.sin(angle) * depth, np.cos(angle) * depth


def _soft(value: NDArray[Any], width: float) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-np.clip(4 * value / width, -40, 40))))


def _echoes(frame: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the strength of the echoes, and where in the resting heart each sample's tissue belongs (x, y in mm)."""
    tight = squeeze(frame)
    _, depth, x, y = _rays()
    dx, dy = x - CENTRE[0], y - CENTRE[1] - 1.5 * tight
    radius, around = np.hypot(dx, dy), np.arctan2(dy, dx)
    uneven = 1 + 0.045 * np.cos(2 * around + 0.6) + 0.02 * np.cos(3 * around)
    inner, outer = (19.5 - 7.2 * tight) * uneven, (29.0 - 2.0 * tight) * uneven
    wall = _soft(radius - inner, 1.2) * _soft(outer - radius, 1.2)
    lumen = _soft(inner - radius, 1.2)
    strength = 0.34 + 0.1 * np.sin(x / 9) * np.sin(y / 7)  # what lies around the heart
    strength = strength * (1 - wall - lumen) + 0.42 * wall + 0.022 * lumen
    for at, size in ((0.62, 5.4), (2.45, 5.8)):  # papillary muscles
        reach = inner - 0.42 * size
        muscle = np.hypot(dx - reach * np.cos(at), dy - reach * np.sin(at))
        strength = np.maximum(strength, 0.46 * _soft(size * 0.8 - muscle, 1.5))
    crescent = np.hypot(dx + 5, (dy + 13.5) * 1.08)
    right = _soft(28 - crescent, 1.5) * _soft(radius - outer - 0.4, 1.2) * _soft(-dy + 4 - 0.25 * dx, 6)
    strength = strength * (1 - right) + 0.03 * right
    rim = _soft(32 - crescent, 1.5) * _soft(crescent - 28, 1.5) * _soft(-dy + 6, 4)
    strength = strength * (1 - rim) + 0.4 * rim
    bright = np.exp(-(((radius - outer - 1.2) / 0.8) ** 2)) * _soft(dy - 10, 14)  # pericardium, behind
    strength = strength + 1.9 * bright + 0.5 * np.exp(-(((radius - inner) / 0.7) ** 2)) * np.abs(np.sin(around))
    strength += 2.2 * np.exp(-((depth / 3.2) ** 2)) + 0.5 * np.exp(-(((depth - 9) / 2.2) ** 2))
    moved = np.where(
        radius < outer,
        29 * uneven - (29 * uneven - 19.5 * uneven) * (outer - radius) / (outer - inner),
        radius + 2 * tight,
    )
    scale = moved / np.maximum(radius, 1e-6)
    return strength, CENTRE[0] + dx * scale, CENTRE[1] + dy * scale


def _speckle(frame: int, field: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return the grey (0 to 1) along each line of sight."""
    strength, x, y = _echoes(frame)
    rows, columns = field.shape
    scatter = field[
        np.clip((y * 5).astype(int), 0, rows - 1), np.clip((x * 5 + columns / 2).astype(int), 0, columns - 1)
    ]
    noise = rng.standard_normal((2, SAMPLES, LINES))
    scatter = scatter * strength + (noise[0] + 1j * noise[1]) * 0.012
    along, across = np.fft.fftfreq(SAMPLES)[:, None], np.fft.fftfreq(LINES)[None, :]
    pulse = np.exp(-2 * np.pi**2 * ((3.0 * along) ** 2 + (1.15 * across) ** 2))
    amplitude = np.abs(np.fft.ifft2(np.fft.fft2(scatter) * pulse))
    angle, depth, _, _ = _rays()
    gain = np.exp(-((depth / 140) ** 2)) * (1 - 0.25 * (angle / np.radians(SPREAD)) ** 4)
    level = 20 * np.log10(amplitude * gain + 1e-6)
    return np.asarray(np.clip((level + 46) / 40, 0, 1))


@cache
def _sector() -> tuple[NDArray[np.bool_], NDArray[Any], NDArray[Any]]:
    """Return the pixels of the sector, and the sample (row, column) that each shows."""
    down, across = np.mgrid[0:ROWS, 0:COLUMNS].astype(float)
    x, y = (across - APEX[0]) / PIXELS_PER_MM, (down - APEX[1]) / PIXELS_PER_MM
    depth, angle = np.hypot(x, y), np.degrees(np.arctan2(x, np.maximum(y, 1e-9)))
    seen = (depth <= DEPTH - 1.5) & (depth >= 2) & (np.abs(angle) <= SPREAD) & (y > 0)
    return seen, depth[seen] / DEPTH * (SAMPLES - 1), (angle[seen] / SPREAD + 1) / 2 * (LINES - 1)


def _converted(grey: NDArray[Any]) -> NDArray[Any]:
    """Return lines of sight as a picture (rows, columns), bilinear."""
    seen, row, column = _sector()
    r, c = np.minimum(row.astype(int), SAMPLES - 2), np.minimum(column.astype(int), LINES - 2)
    fr, fc = row - r, column - c
    shown = np.zeros((ROWS, COLUMNS))
    shown[seen] = (grey[r, c] * (1 - fc) + grey[r, c + 1] * fc) * (1 - fr) + (
        grey[r + 1, c] * (1 - fc) + grey[r + 1, c + 1] * fc
    ) * fr
    return shown


def _ink(picture: NDArray[Any], covered: NDArray[Any], colour: tuple[float, float, float]) -> None:
    picture[:] = picture * (1 - covered[..., None]) + np.asarray(colour) * covered[..., None]


@cache
def _furniture() -> NDArray[Any]:
    """Return what stands around the sector in every frame: texts, depth marks, grey scale, probe mark."""
    picture = np.zeros((ROWS, COLUMNS, 3))
    texts = (
        ("SAMPLE DATA", (12, 10), 9),
        ("CARDIAC  P8-3", (490, 10), 9),
        ("24 HZ   10.0CM", (490, 28), 9),
        ("MI 1.1  TIS 0.7", (490, 46), 9),
    )
    for text, at, height in texts:
        _ink(picture, lettering((ROWS, COLUMNS), text, at, height), (205, 205, 205))
    for mm in range(10, int(DEPTH) + 1, 10):
        row = int(APEX[1] + mm * PIXELS_PER_MM)
        picture[row : row + 2, 584 : 598 if mm % 50 == 0 else 592] = 200
        if mm % 50 == 0:
            _ink(picture, lettering((ROWS, COLUMNS), str(mm // 10), (604, row - 4), 9), (205, 205, 205))
    picture[150:330, 616:626] = np.linspace(255, 0, 180)[:, None, None]
    _ink(picture, lettering((ROWS, COLUMNS), "V", (318, 14), 12), (90, 190, 255))
    return picture


def _trace(frame: int) -> NDArray[Any]:
    """Return the electrocardiogram (rows, columns), up to this frame: 0 to 1."""
    phase = (np.arange(60, 540) - 60) / 480 * 2 % 1
    wave = 0.12 * np.exp(-(((phase - 0.86) / 0.03) ** 2)) + 0.22 * np.exp(-(((phase - 0.32) / 0.05) ** 2))
    wave += np.exp(-(((phase - 0.02) / 0.012) ** 2)) - 0.25 * np.exp(-(((phase - 0.05) / 0.012) ** 2))
    rows = 466 - 26 * wave
    picture = np.zeros((ROWS, COLUMNS))
    shown = int((frame + 1) / FRAMES * 480)
    for place in range(1, 480):
        low, high = sorted((rows[place - 1], rows[place]))
        picture[int(low) : int(high) + 2, 60 + place] = 1.0 if place < shown else 0.35
    return picture


def clip(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the loop: (frames, rows, columns, 3), RGB."""
    shape = (int(DEPTH * 5) + 60, int(DEPTH * 5 * 2))
    field = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    return np.stack([_drawn(frame, field, rng) for frame in range(FRAMES)])


def _drawn(frame: int, field: NDArray[Any], rng: np.random.Generator) -> NDArray[np.uint8]:
    grey = _converted(_speckle(frame, field, rng)) ** 1.15
    picture = np.maximum(_furniture(), grey[..., None] * np.array([250, 250, 244.0]))
    _ink(picture, _trace(frame).astype(np.float32), (70, 220, 90))
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def still(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the frame at the end of diastole with a measurement of the left ventricle: (rows, columns, 3), RGB."""
    picture = clip_frame(rng).astype(float)
    x = APEX[0] + CENTRE[0] * PIXELS_PER_MM
    ends = [APEX[1] + (CENTRE[1] + side * 19.5) * PIXELS_PER_MM for side in (-1, 1)]
    shape = (ROWS, COLUMNS)
    covered = np.zeros(shape, np.float32)
    for end in ends:
        covered[int(end), int(x) - 6 : int(x) + 7] = 1
        covered[int(end) - 6 : int(end) + 7, int(x)] = 1
    covered[int(ends[0]) : int(ends[1]) : 6, int(x)] = 1
    _ink(picture, covered, (255, 225, 60))
    length = (ends[1] - ends[0]) / PIXELS_PER_MM / 10
    _ink(picture, lettering(shape, f"LVIDD {length:.2f} CM", (12, 430), 10), (255, 225, 60))
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def clip_frame(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return one resting frame: (rows, columns, 3), RGB."""
    shape = (int(DEPTH * 5) + 60, int(DEPTH * 5 * 2))
    return _drawn(FRAMES - 1, rng.standard_normal(shape) + 1j * rng.standard_normal(shape), rng)
