"""Pictures drawn with a few curves: a thorax, teeth, a panoramic, an ultrasound fan. Values are 0.0 (black) to 1.0.

They only need to be told apart at a glance; they are small, so that the demo is quick.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]
_NOISE = 0.02


def _grid(rows: int, columns: int) -> tuple[Picture, Picture]:
    """Return y and x, each from -1 to 1."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    return y, x


def _soft(distance: Picture, edge: float = 0.03) -> Picture:
    """Return 1 where `distance` is negative, 0 where it is positive, and a soft edge between."""
    found: Picture = 1 / (1 + np.exp(np.clip(distance / edge, -50, 50)))
    return found


def _ellipse(
    y: Picture, x: Picture, at: tuple[float, float], radii: tuple[float, float], edge: float = 0.03
) -> Picture:
    return _soft(np.hypot((y - at[0]) / radii[0], (x - at[1]) / radii[1]) - 1, edge)


def _finish(picture: Picture, seed: int) -> Picture:
    noise = np.random.default_rng(seed).normal(0, _NOISE, picture.shape)
    return np.clip(picture + noise, 0, 1)


def thorax(seed: int = 0) -> Picture:
    """Return a chest: dark lungs, ribs, spine and heart; `seed` also shifts the heart."""
    y, x = _grid(440, 360)
    body = 0.45 * _ellipse(y, x, (0, 0), (0.95, 0.85), 0.05)
    lungs = sum(_ellipse(y, x, (-0.05, side * 0.38), (0.62, 0.3), 0.08) for side in (-1, 1))
    ribs = sum(_soft(np.abs(y - (0.5 * x**2 - 0.6 + 0.17 * number)) - 0.022, 0.012) for number in range(8))
    heart = _ellipse(y, x, (0.15, 0.1 - 0.05 * (seed % 3)), (0.32, 0.26), 0.08)
    spine = _soft(np.abs(x) - 0.07) * (0.75 + 0.25 * np.cos(y * 40))
    inside = body > 0.2
    return _finish(body - 0.35 * lungs + inside * (0.16 * ribs + 0.3 * heart + 0.25 * spine), seed)


def _tooth(y: Picture, x: Picture, at: float, gum: float, direction: int, width: float) -> Picture:
    """Return a tooth at `at` whose crown begins at `gum` and points in `direction` (1 down, -1 up)."""
    up = (y - gum) * direction
    u = (x - at) / width
    crown = _soft(np.maximum(np.abs(u) ** 3 + np.abs((up - 0.17) / 0.19) ** 3 - 1, -1), 0.12)
    roots = sum(_soft(np.hypot((u - side * 0.45) / 0.33, (up + 0.2) / 0.42) - 1, 0.12) for side in (-1, 1))
    pulp = _ellipse(up, u, (0.1, 0.0), (0.07, 0.35), 0.2)
    return 0.92 * crown + 0.55 * np.clip(roots, 0, 1) * (1 - crown) - 0.35 * pulp


def bitewing(seed: int = 0) -> Picture:
    """Return back teeth of both jaws, biting."""
    y, x = _grid(300, 400)
    bone = 0.3 * (_soft(y + 0.5, 0.08) + _soft(0.5 - y, 0.08))
    teeth = np.zeros_like(y)
    for number in range(4):
        at = -0.78 + 0.52 * number + 0.03 * (seed % 2)
        teeth = np.maximum(teeth, _tooth(y, x, at, -0.42, 1, 0.24))
        teeth = np.maximum(teeth, _tooth(y, x, at + 0.06, 0.42, -1, 0.24))
    return _finish(0.08 + np.maximum(bone, teeth), seed)


def panoramic(seed: int = 0) -> Picture:
    """Return both jaws unrolled: a smile of teeth over the lower jaw."""
    y, x = _grid(280, 560)
    bent = y + 0.28 * x**2 - 0.1  # the plane on which the teeth meet curves up at both ends
    jaw = 0.35 * _soft(np.abs(bent - 0.45) - 0.28, 0.06)
    joints = sum(0.4 * _soft(np.hypot((x - side * 0.9) / 0.08, (y + 0.2) / 0.6) - 1, 0.1) for side in (-1, 1))
    upper = 0.2 * _soft(bent + 0.3, 0.1)
    teeth = np.zeros_like(y)
    for number in range(14):
        at = -0.7 + 1.4 * number / 13
        for gum, direction in ((-0.3, 1), (0.3, -1)):
            teeth = np.maximum(teeth, _tooth(bent, x, at, gum * 0.95, direction, 0.05))
    return _finish(0.05 + np.maximum(jaw + upper + joints, teeth), seed)


def ultrasound(seed: int = 0) -> Picture:
    """Return a fan of speckle with a dark, round vessel."""
    y, x = _grid(360, 420)
    depth, angle = np.hypot(y + 1.1, x), np.arctan2(x, y + 1.1)
    fan = (np.abs(angle) < 0.7) & (depth > 0.25) & (depth < 1.95)
    speckle = np.random.default_rng(seed).rayleigh(0.22, y.shape)
    organ = 0.5 + 0.4 * np.cos(depth * 9) * np.cos(angle * 3)
    vessel = _ellipse(y, x, (0.1, 0.15 - 0.1 * (seed % 2)), (0.25, 0.2), 0.08)
    found: Picture = np.clip(fan * speckle * (0.7 + organ) * (1 - 0.9 * vessel), 0, 1)
    return found


PICTURES: dict[str, Callable[[int], Picture]] = {
    "DX": thorax,
    "IO": bitewing,
    "PX": panoramic,
    "US": ultrasound,
}
