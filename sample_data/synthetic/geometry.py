"""Where the pixels are and how far they lie from things: the shapes from which all anatomy here is made.

A shape answers with a ratio map: 0 on its axis or centre, 1 on its outline, more outside. `chord` turns that into
the length of a ray through a solid of that outline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Map: TypeAlias = NDArray[Any]  # of float32
Point: TypeAlias = tuple[float, float]
Slices: TypeAlias = tuple[slice, slice]

FAR = 9.0  # the ratio of what is nowhere near


@dataclass(frozen=True)
class Grid:
    """Pixel centres: `spacing` mm apart, the first one at (left, top), turned by `angle` degrees about the middle."""

    rows: int
    columns: int
    spacing: float
    left: float = 0.0
    top: float = 0.0
    angle: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def middle(self) -> Point:
        """The point about which it is turned."""
        return self.left + self.columns * self.spacing / 2, self.top + self.rows * self.spacing / 2

    @cached_property
    def points(self) -> tuple[Map, Map]:
        """x and y of each pixel, both (rows, columns)."""
        down, across = np.mgrid[0 : self.rows, 0 : self.columns].astype(np.float32)
        mx, my = self.middle
        x, y = self.left + across * self.spacing - mx, self.top + down * self.spacing - my
        c, s = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        return (mx + c * x - s * y).astype(np.float32), (my + s * x + c * y).astype(np.float32)

    def window(self, low: Point, high: Point) -> Slices:
        """Return the rows and columns of the pixels that may lie in the box between two corners."""
        mx, my = self.middle
        c, s = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        corners = [(x - mx, y - my) for x in (low[0], high[0]) for y in (low[1], high[1])]
        columns = [(c * x + s * y + mx - self.left) / self.spacing for x, y in corners]
        rows = [(c * y - s * x + my - self.top) / self.spacing for x, y in corners]
        return _span(rows, self.rows), _span(columns, self.columns)

    def zeros(self) -> Map:
        """Return an empty map."""
        return np.zeros(self.shape, np.float32)


def _span(values: list[float], size: int) -> slice:
    return slice(max(0, int(min(values)) - 1), max(0, min(size, int(max(values)) + 2)))


def spline(points: Sequence[Point], steps: int = 12, closed: bool = False) -> NDArray[np.float64]:
    """Return a smooth curve (n, 2) through all points (Catmull-Rom)."""
    given = np.asarray(points, float)
    ends = (given[-1:], given[:2]) if closed else (2 * given[:1] - given[1:2], 2 * given[-1:] - given[-2:-1])
    padded = np.concatenate([ends[0], given, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate(pieces if closed else [*pieces, given[-1:]])


def profile(stations: Sequence[Point], values: Any) -> Map:
    """Return a smooth function, given at some stations (rising x, y), at `values`; constant beyond both ends."""
    curve = spline(stations, 16)
    return np.asarray(np.interp(values, curve[:, 0], curve[:, 1]), np.float32)


def tube(grid: Grid, axis: Sequence[Point] | NDArray[np.float64], widths: float | Sequence[float]) -> Map:
    """Return the ratio map of a tube along `axis`; `widths` are half widths along it."""
    line = np.asarray(axis, float)
    given = np.atleast_1d(np.asarray(widths, float))
    half = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(given)), given)
    ratio = np.full(grid.shape, FAR, np.float32)
    px, py = grid.points
    reach = 1.5 * half.max() + 2 * grid.spacing
    for (ax, ay), (bx, by), wa, wb in zip(line, line[1:], half, half[1:], strict=False):
        box = grid.window((min(ax, bx) - reach, min(ay, by) - reach), (max(ax, bx) + reach, max(ay, by) + reach))
        x, y = px[box], py[box]
        if not x.size:
            continue
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        distance = np.hypot(x - ax - along * dx, y - ay - along * dy)
        ratio[box] = np.minimum(ratio[box], distance / np.maximum(wa + along * (wb - wa), 1e-3))
    return ratio


def blob(grid: Grid, outline: Sequence[Point], centre: Point | None = None) -> Map:
    """Return the ratio map of a smooth closed outline that is star-shaped about its centre."""
    curve = spline(outline, 16, closed=True)
    cx, cy = curve.mean(axis=0) if centre is None else centre
    angles, radii = np.arctan2(curve[:, 1] - cy, curve[:, 0] - cx), np.hypot(curve[:, 1] - cy, curve[:, 0] - cx)
    table = np.linspace(-np.pi, np.pi, 721)
    at = np.interp(table, angles[np.argsort(angles)], radii[np.argsort(angles)], period=2 * np.pi)
    reach = 1.6 * radii.max()
    ratio = np.full(grid.shape, FAR, np.float32)
    box = grid.window((cx - reach, cy - reach), (cx + reach, cy + reach))
    x, y = grid.points[0][box] - cx, grid.points[1][box] - cy
    ratio[box] = np.hypot(x, y) / np.interp(np.arctan2(y, x), table, at)
    return ratio


def ellipse(grid: Grid, centre: Point, radii: Point, degrees: float = 0.0, power: float = 2.0) -> Map:
    """Return the ratio map of a (super)ellipse; a higher power has squarer corners."""
    reach = 1.6 * max(radii)
    ratio = np.full(grid.shape, FAR, np.float32)
    box = grid.window((centre[0] - reach, centre[1] - reach), (centre[0] + reach, centre[1] + reach))
    x, y = grid.points[0][box] - centre[0], grid.points[1][box] - centre[1]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    u, v = np.abs(c * x + s * y) / radii[0], np.abs(c * y - s * x) / radii[1]
    ratio[box] = (u**power + v**power) ** (1 / power)
    return ratio


def chord(ratio: Map, power: float = 2.0) -> Map:
    """Return the length of a ray through a solid, 1 in its middle, 0 from its outline on."""
    length = np.zeros(ratio.shape, np.float32)
    hit = np.abs(ratio) < 1  # mostly few: powers are slow
    within = np.abs(ratio[hit])
    length[hit] = np.sqrt(1 - within * within) if power == 2 else (1 - within**power) ** (1 / power)
    return length


def shell(ratio: Map, wall: float) -> Map:
    """Return the length of a ray through the wall of a hollow solid; `wall` as a part of the radius."""
    return chord(ratio) - (1 - wall) * chord(ratio / (1 - wall))


def step(values: Map | float, width: float) -> Map:
    """Return 0 below, 1 above zero, and a smooth rise between; `width` in the unit of `values`."""
    return np.asarray(1 / (1 + np.exp(-np.clip(4 * values / width, -40, 40))), np.float32)


def inside(grid: Grid, outline: Sequence[Point] | NDArray[np.float64]) -> Map:
    """Return 1 inside a closed outline, 0 outside, and parts between on its edge; for grids that are not turned."""
    scale = 3
    corners = [
        ((x - grid.left) / grid.spacing * scale + 1, (y - grid.top) / grid.spacing * scale + 1) for x, y in outline
    ]
    picture = Image.new("L", (grid.columns * scale, grid.rows * scale))
    ImageDraw.Draw(picture).polygon(corners, fill=255)
    return np.asarray(picture.reduce(scale), np.float32) / 255


def blur(values: Map, sigma: float) -> Map:
    """Return a map smoothed by a Gaussian of `sigma` pixels; edges are continued by reflection."""
    if sigma <= 0:
        return values
    margin = min(int(4 * sigma) + 1, min(values.shape) - 17)
    more = [(margin, margin + -(size + 2 * margin) % 16) for size in values.shape]  # to a length that has a fast FFT
    padded = np.pad(values.astype(np.float32), more, mode="reflect")
    rows = np.fft.fftfreq(padded.shape[0])[:, None]
    columns = np.fft.rfftfreq(padded.shape[1])[None, :]
    damped = np.fft.rfft2(padded) * np.exp(-2 * (np.pi * sigma) ** 2 * (rows**2 + columns**2)).astype(np.float32)
    smooth = np.asarray(np.fft.irfft2(damped, padded.shape), np.float32)
    return smooth[margin : margin + values.shape[0], margin : margin + values.shape[1]]
