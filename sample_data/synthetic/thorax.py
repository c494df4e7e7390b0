"""What both views of a dog's thorax share: bones, lung vessels, the exposure, the collimator, the lead marker."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .detector import Detector, expose, texture
from .geometry import Grid, Map, Point, blur, chord, shell, spline, tube
from .lettering import lettering

SPACING = 0.36  # mm at the detector
DETECTOR = Detector(photons=2600, sharpness=0.8, contrast=0.8, toe=0.5, bits=14, equalise=0.45, coarse=80)
BORDER = 22  # pixels between the edge of the picture and the collimated field


@dataclass(frozen=True)
class Marker:
    """A lead marker: its letters, its top left corner in mm, the height of its letters in mm."""

    text: str
    at: Point
    height: float = 16.0


def bone(grid: Grid, axis: Sequence[Point], widths: float | Sequence[float], dense: float, wall: float = 0.35) -> Map:
    """Return the attenuation of a long bone: a cortex around marrow."""
    ratio = tube(grid, spline(axis, 8), widths)
    return np.asarray(dense * (1.6 * shell(ratio, wall) + 0.45 * chord(ratio)), np.float32)


def rib(grid: Grid, axis: Sequence[Point], width: float, dense: float, cartilage: Sequence[Point] = ()) -> Map:
    """Return the attenuation of a rib, and of its cartilage, which is fainter and speckled with calcium."""
    total = bone(grid, axis, [width * 0.8, width, width * 1.05, width * 1.1], dense)
    if cartilage:
        total += 0.55 * dense * chord(tube(grid, spline([axis[-1], *cartilage], 6), [width * 1.1, width]))
    return total


def vessels(grid: Grid, rng: np.random.Generator, start: Point, towards: float, size: float, reach: float) -> Map:
    """Return the attenuation of a tree of lung vessels; `towards` in degrees, 0 to the right, 90 down."""
    total = grid.zeros()
    branches = [(start, towards, size, reach)]
    while branches:
        (x, y), angle, width, length = branches.pop()
        bend = rng.uniform(-14, 14)
        points, turned = [(x, y)], angle
        for _ in range(3):
            turned += bend / 3
            x += np.cos(np.radians(turned)) * length / 3
            y += np.sin(np.radians(turned)) * length / 3
            points.append((x, y))
        total = np.maximum(total, 0.085 * width * chord(tube(grid, spline(points, 3), [width, width * 0.7])))
        if width > 0.75:
            spread = rng.uniform(18, 34)
            branches.append((points[-1], turned + spread * rng.uniform(0.2, 0.5), width * 0.72, length * 0.84))
            branches.append((points[-1], turned - spread, width * 0.6, length * 0.74))
            branches.append((points[1], turned + rng.choice((-1, 1)) * 38, width * 0.45, length * 0.6))
    return total


def picture(half: Map, grid: Grid, marker: Marker, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return stored values (black 0) of an attenuation map that was computed at every second pixel of `grid`."""
    enlarged = Image.fromarray(half).resize((grid.columns, grid.rows), Image.Resampling.BICUBIC)
    total = np.asarray(enlarged, np.float32) + 0.012 * texture(rng, grid.shape, 3, 14)
    at = (marker.at[0] / grid.spacing, marker.at[1] / grid.spacing)
    total = total + 3.0 * lettering(grid.shape, marker.text, at, marker.height / grid.spacing)
    stored = expose(np.maximum(total, 0.02), DETECTOR, rng)
    field = np.zeros(grid.shape, np.float32)
    field[BORDER:-BORDER, BORDER:-BORDER] = 1
    return np.asarray(np.rint(stored * np.clip(blur(field, 1.0), 0, 1)), np.uint16)


def halved(grid: Grid) -> Grid:
    """Return the grid of every second pixel."""
    return Grid(grid.rows // 2, grid.columns // 2, grid.spacing * 2, grid.left, grid.top)
