"""A small cone beam CT of a lower jaw: axial slices in Hounsfield units, from the biting edges downwards."""

import numpy as np
from numpy.typing import NDArray

from .detector import texture
from .geometry import Grid, Map, blur, ellipse, step, tube
from .tooth_kinds import KINDS, Kind

SIZE, SPACING = 128, 0.65  # pixels, mm
SLICES, THICKNESS = 24, 1.3  # mm
TOP = 0.4  # mm below the biting edges
INTERCEPT = -1024
PADDING = -2000  # stored value outside the cylinder that was reconstructed
FINE = 3  # samples a pixel in each direction

HU = {"air": -1000.0, "soft": 45.0, "fat": -90.0, "spongy": 420.0, "cortical": 1500.0}
HU |= {"dentine": 1750.0, "enamel": 2750.0, "pulp": 60.0, "metal": 3900.0}
FILLED = {"36", "46"}


def _arch(grid: Grid) -> NDArray[np.float64]:
    """Return the middle of the alveolar process, from the patient's right round the front to the left (n, 2)."""
    mx, my = grid.middle
    angle = np.linspace(-1.28, 1.28, 400)
    arch = np.column_stack(
        [mx + 27.5 * np.sin(angle) * (1 + 0.1 * angle**2), my - 24 + 44 * (1 - np.cos(angle)) ** 0.92]
    )
    beyond = 14 * np.linspace(0.05, 1, 30)[:, None]  # towards the angles of the jaw
    first, last = arch[0] + beyond[::-1] * (-0.5, 0.87), arch[-1] + beyond * (0.5, 0.87)
    return np.concatenate([first, arch, last])


def _teeth(grid: Grid) -> list[tuple[str, Kind, float, float, float]]:
    """Return the number of each tooth, its kind, where it stands (x, y), and how the arch runs there (degrees)."""
    arch = _arch(grid)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(arch, axis=0).T))])
    front = along[-1] / 2
    found = []
    for quadrant, side in (("4", -1), ("3", 1)):
        at = 0.0
        for number, kind in enumerate(KINDS["lower"][:7], 1):
            place = front + side * (at + kind.width / 2) * 0.86
            at += kind.width
            x, y = (float(np.interp(place, along, arch[:, axis])) for axis in (0, 1))
            ahead = [float(np.interp(place + 1, along, arch[:, axis])) for axis in (0, 1)]
            found.append((f"{quadrant}{number}", kind, x, y, float(np.degrees(np.arctan2(ahead[1] - y, ahead[0] - x)))))
    return found


def _tooth(grid: Grid, hu: Map, tooth: tuple[str, Kind, float, float, float], level: float) -> Map:
    """Return the slice with a tooth put in; `level` is mm below the biting edge."""
    fdi, kind, x, y, degrees = tooth
    half, deep = kind.width / 2 * 0.9, kind.depth / 2 * 0.9
    if level < 0.3 or level > kind.crown + kind.root:
        return hu
    if level < kind.crown:
        swell = min(1.0, 0.75 + 0.16 * level)
        whole = ellipse(grid, (x, y), (half * swell, deep * swell), degrees, 2.6)
        hu = hu + (HU["enamel"] - hu) * step(1 - whole, 0.12)
        rim = 0.0 if level < 1.8 else 1.2 * (1 - (level - 1.8) / kind.crown)
        core = ellipse(grid, (x, y), (max(half * swell - rim, 0.4), max(deep * swell - rim, 0.4)), degrees, 2.4)
        if level > 1.8:
            hu = hu + (HU["dentine"] - hu) * step(1 - core, 0.15)
        if fdi in FILLED and level < 3.4:
            hu = hu + (HU["metal"] - hu) * step(1 - ellipse(grid, (x, y), (half * 0.55, deep * 0.4), degrees, 4), 0.2)
        elif level > 0.5 * kind.crown:
            hu = hu + (HU["pulp"] - hu) * step(1 - ellipse(grid, (x, y), (half * 0.36, deep * 0.3), degrees), 0.4)
        return hu
    return _tooth_roots(grid, hu, tooth, (level - kind.crown) / kind.root)


def _tooth_roots(grid: Grid, hu: Map, tooth: tuple[str, Kind, float, float, float], t: float) -> Map:
    _, kind, x, y, degrees = tooth
    half, deep = kind.width / 2 * 0.82, kind.depth / 2 * 0.82
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    offsets = (-0.48, 0.48) if kind.outline == "molar" and t > 0.2 else (0.0,)
    for offset in offsets:
        taper = (1 - 0.55 * t) * (0.48 if len(offsets) == 2 else 0.95)
        at = (x + c * offset * half, y + s * offset * half)
        radii = (half * taper, deep * (1 - 0.45 * t))
        gap = ellipse(grid, at, (radii[0] + 0.35, radii[1] + 0.35), degrees, 2.4)
        hu = hu + (150 - hu) * step(1 - gap, 0.15)
        root = ellipse(grid, at, radii, degrees, 2.4)
        hu = hu + (HU["dentine"] - hu) * step(1 - root, 0.2)
        hu = hu + (HU["pulp"] - hu) * 0.8 * step(1 - ellipse(grid, at, (0.5, 0.75), degrees), 0.6)
    return hu


def _jaw(grid: Grid, rng: np.random.Generator, level: float) -> Map:
    """Return face, tongue and the bone of the jaw at `level` mm below the biting edges."""
    mx, my = grid.middle
    hu = grid.zeros() + HU["air"]
    face = ellipse(grid, (mx, my + 12), (41 - 0.1 * max(level - 15, 0), 52), 0, 2.5)
    hu += (HU["fat"] - HU["air"]) * step(1 - face, 0.03)
    hu += (HU["soft"] - hu) * step(0.95 - face, 0.05)
    hu += (HU["fat"] - hu) * 0.7 * step(1 - ellipse(grid, (mx - 34, my + 16), (5, 13), -12), 0.5)
    hu += (HU["fat"] - hu) * 0.7 * step(1 - ellipse(grid, (mx + 34, my + 16), (5, 13), 12), 0.5)
    if level < 8:  # air between cheek and teeth, and over the tongue
        hu += (HU["air"] - hu) * 0.95 * step(1.15 - tube(grid, _arch(grid), 6.2), 0.12) * (1 - 0.8 * step(level - 6, 3))
        mouth = ellipse(grid, (mx, my + 14), (16, 30), 0, 2.4)
        hu += (HU["air"] - hu) * step(1 - mouth, 0.1) * step(1.0 - level, 3)
    throat = ellipse(grid, (mx, my + 38), (8, 4.5))
    hu += (HU["air"] - hu) * step(1 - throat, 0.2)
    bone = step(level - 8.8, 1.2)
    ratio = tube(grid, _arch(grid), [7.0, 6.2, 4.6 + 0.03 * level, 6.2, 7.0])
    hu += (HU["cortical"] - hu) * step(1 - ratio, 0.14) * bone
    marrow = HU["spongy"] + 190 * texture(rng, grid.shape, 2.2, 6)
    inner = step(0.7 - ratio, 0.16) * step(30 - level, 6)
    hu += (marrow - hu) * inner * bone
    if level > 20:
        for side, x in ((-1, mx - 25.5), (1, mx + 25.5)):
            hu += (HU["soft"] - hu) * step(1 - ellipse(grid, (x, my + 6), (1.6, 1.6), side), 0.3)
    return np.asarray(hu, np.float32)


def _streaks(grid: Grid, level: float) -> Map:
    """Return what metal does to a slice: dark and bright rays between and around the fillings."""
    if not 0.3 <= level < 3.6:
        return grid.zeros()
    x, y = grid.points
    total = grid.zeros()
    for fdi, _, tx, ty, _ in _teeth(grid):
        if fdi in FILLED:
            angle, away = np.arctan2(y - ty, x - tx), np.hypot(x - tx, y - ty)
            total += 420 * np.cos(9 * angle) * np.cos(4 * angle + 1) * np.exp(-away / 16) * step(away - 3, 2)
    return total


def volume(rng: np.random.Generator) -> NDArray[np.int16]:
    """Return the stored values (slices, rows, columns); Hounsfield units are stored values plus INTERCEPT."""
    grid = Grid(SIZE * FINE, SIZE * FINE, SPACING / FINE)
    coarse = Grid(SIZE, SIZE, SPACING)
    teeth = _teeth(grid)
    mx, my = coarse.middle
    outside = np.hypot(coarse.points[0] - mx, coarse.points[1] - my) > SIZE * SPACING / 2 - 0.5
    slices = []
    for number in range(SLICES):
        level = TOP + number * THICKNESS
        hu = _jaw(grid, rng, level)
        for tooth in teeth:
            hu = _tooth(grid, hu, tooth, level)
        hu = blur(hu + _streaks(grid, level), 1.4).reshape(SIZE, FINE, SIZE, FINE).mean((1, 3))
        cupping = 60 * (np.hypot(coarse.points[0] - mx, coarse.points[1] - my) / 40) ** 2 - 30
        hu = hu + cupping + 75 * texture(rng, coarse.shape, 0.45, 2.5)
        stored = np.rint(np.clip(hu, -1000, 3071) - INTERCEPT).astype(np.int16)
        slices.append(np.where(outside, np.int16(PADDING), stored))
    return np.stack(slices)
