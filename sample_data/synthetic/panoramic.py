"""A panoramic radiograph: the unrolled mouth with the whole mandible, sinuses, nose, joints and the usual shadows."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .detector import Detector, expose, texture
from .geometry import Grid, Map, Point, blob, blur, chord, ellipse, inside, shell, spline, step, tube
from .lettering import stamp
from .mouth import MU, alveolar_bone, landmarks, render_teeth, tooth_attenuation

OPENING = 3.0  # mm, by the bite block
SPACING = 0.115  # mm at the teeth; the detector's is larger by MAGNIFICATION
MAGNIFICATION = 1.25
GRID = Grid(960, 1800, SPACING, -103.5, -64.0)
DETECTOR = Detector(photons=1500, sharpness=0.9, contrast=0.95, toe=0.42, equalise=0.4, coarse=100)

# The right half of the picture; the other is its mirror image.
_MANDIBLE = (
    (0, 42.5), (9, 43), (18, 42), (32, 41), (48, 41.5), (62, 42), (75, 40), (85, 33), (90, 22), (92.5, 5),
    (95, -12), (97, -28), (99.5, -37), (104, -43), (103.5, -49), (99, -51.5), (94.5, -49), (93, -42), (89.5, -33),
    (85, -30), (81.5, -33), (78.5, -42), (76, -43), (73.5, -34), (71.5, -18), (69, -4), (62, 5), (40, 6), (0, 6),
)  # fmt: skip


def _mirrored(points: Iterable[Point], side: int) -> list[tuple[float, float]]:
    """Return points of one side; what lies behind the teeth comes closer to them."""
    return [(side * (x - 11 * min(max((x - 45) / 32, 0), 1)), y) for x, y in points]


def _mandible(grid: Grid, rng: np.random.Generator, bone: Map) -> Map:
    """Return the attenuation of the mandible; `bone` is its alveolar bone, without limits below."""
    whole = np.maximum.reduce(
        [inside(grid, spline(_mirrored(_MANDIBLE, side)[:-1] + [(0, 6.0)], 6)) for side in (-1, 1)]
    )
    whole = blur(whole, 3)
    x, y = grid.points
    net = np.exp(-((texture(rng, grid.shape, 2.5, 8, 1.3) / 0.5) ** 2)) - 0.45
    ramus = 0.56 * (1 + 0.22 * net) * step(np.abs(x) - 62, 12)
    ramus += 0.34 * step(-y - 30, 10) * step(np.abs(x) - 77, 4)  # the neck and the condyle are thick
    body = np.minimum(bone, 1.3) * step(74 - np.abs(x), 14) * (0.6 + 0.12 * np.exp(-((x / 30) ** 2)))
    total = whole * np.maximum(ramus, body)
    for side in (-1, 1):
        outer = spline(_mirrored(_MANDIBLE[:16], side), 8)
        total += 0.36 * chord(tube(grid, outer, [2.3, 2.1, 2.2, 2.0, 1.5, 1.1, 0.8, 0.9])) * np.clip(whole * 1.6, 0, 1)
        inner = spline(_mirrored(_MANDIBLE[15:27], side), 8)
        total += 0.24 * chord(tube(grid, inner, [0.8, 0.8, 0.7, 0.9, 1.1, 0.9, 0.6]))
        canal = spline(_mirrored(((66, 20), (73, 9), (78, -3), (81, -12)), side))
        total += 0.07 * chord(tube(grid, canal, 2.0), 3) - 0.15 * chord(tube(grid, canal, 1.6), 3)
    return total


def _midface(grid: Grid, rng: np.random.Generator) -> Map:
    """Return nose, palate, sinus walls, zygomas, orbits, the base of the skull."""
    total = grid.zeros()
    for side in (-1, 1):

        def line(width: float, weight: float, *points: tuple[float, float], at: int = side) -> Map:
            return weight * chord(tube(grid, spline(_mirrored(points, at), 10), width))

        total += line(1.1, 0.22, (0, -27), (12, -27.5), (24, -28.5), (38, -31), (50, -33))  # hard palate
        total += line(0.9, 0.12, (2, -31), (14, -31.5), (28, -33), (44, -36))  # and its other side's shadow
        total += line(0.8, 0.2, (61, -24), (63.5, -34), (62, -46), (60, -58))  # back wall of the sinus
        total += line(0.7, 0.18, (63, -25), (66.5, -36), (66, -48), (63, -60))  # pterygoid plate
        total += line(1.0, 0.2, (14, -26), (16.5, -40), (17, -54), (15, -66))  # side wall of the nose
        total += line(3.4, 0.26, (47, -33), (57, -38), (70, -42), (84, -46), (96, -52))  # zygomatic arch
        total += line(1.0, 0.2, (44, -28), (51, -34), (53, -46), (50, -56))
        total += line(1.2, 0.24, (24, -60), (33, -55.5), (44, -55), (55, -60))  # rim of the orbit
        total += line(1.1, 0.3, (84, -50), (89, -48.5), (93.5, -54), (100, -57), (107, -54), (111, -47))  # joint
        total += line(1.1, 0.14, (105, -42), (102, -30), (97, -14), (95, -6))  # styloid process
        sinus = blob(
            grid, _mirrored(((26, -33), (44, -29), (59, -30), (61, -42), (52, -52), (36, -53), (26, -46)), side)
        )
        total -= 0.32 * step(1 - sinus, 0.35)
        nose = ((1.2, -29), (6, -28.5), (13, -30), (15, -42), (14, -56), (8, -66), (2, -64), (1.5, -45))
        total -= 0.3 * step(1 - blob(grid, _mirrored(nose, side)), 0.25)
        total += 0.26 * chord(ellipse(grid, (side * 10.4, -37.5), (3.9, 5.6), side * -14), 3)  # inferior concha
        total += 0.2 * chord(ellipse(grid, (side * 11, -51), (2.8, 6), side * 8), 3)
        total -= 0.26 * step(1 - ellipse(grid, (side * 41, -68), (17, 11)), 0.5)
        base = step(-grid.points[1] - 53 - 0.2 * np.abs(grid.points[0] - side * 88), 4) * step(
            side * grid.points[0] - 66, 8
        )
        total += 0.5 * base
    total += 0.2 * chord(tube(grid, spline([(0.3, -28), (-0.6, -42), (0.5, -56), (0, -68)]), 0.9))
    return total


def _shadows(grid: Grid) -> Map:
    """Return air, soft tissue, the spine and its ghost."""
    x, y = grid.points
    total = 0.3 * np.exp(-((x / 13) ** 4)) * step(y + 40, 60)
    total += 0.1 * step(46 - y, 20)
    for side in (-1, 1):
        for top in (-58, -36, -13, 10, 33):
            bone = ellipse(grid, (side * (106 + 0.03 * top), top + 10), (11, 10.6), side * 8, 3.4)
            total += 0.34 * step(1 - bone, 0.6) + 0.08 * shell(bone, 0.2)
        airway = spline(_mirrored(((66, -30), (72, -16), (75, 2), (73, 20), (76, 38), (80, 52)), side))
        total -= 0.22 * chord(tube(grid, airway, [4, 5.5, 4.5, 6, 7, 7]), 2.5)
        hyoid = spline(_mirrored(((58, 47.5), (66, 46.5), (74, 44), (80, 41)), side))
        total += 0.26 * chord(tube(grid, hyoid, [2.6, 1.8, 1.5, 1.9]))
        lobe = ellipse(grid, (side * 95, -16), (6, 13), side * 8)
        total += 0.1 * step(1 - lobe, 0.3)
    # air over the back of the tongue
    over = spline([(-62, -20), (-35, -22), (0, -23.5), (35, -22), (62, -20)])
    total -= 0.13 * chord(tube(grid, over, [2, 3.5, 2.5, 3.5, 2]))
    total += 0.05 * step(1 - ellipse(grid, (0, 0), (4.5, 1.9), 0, 6), 0.3)  # the bite block
    return np.asarray(total, np.float32)


def _smile(values: Map, grid: Grid) -> Map:
    """Return a map whose back teeth are lifted: the occlusal plane of a panoramic is a smile."""
    x = grid.left + np.arange(grid.columns) * grid.spacing
    lift = 8.5 * (1 - np.exp(-((np.abs(x) / 52) ** 2.2))) / grid.spacing
    rows = np.arange(grid.rows) + lift[:, None] - 0.5 / grid.spacing
    rows = np.clip(rows, 0, grid.rows - 1.001)
    low = rows.astype(int)
    part = (rows - low).astype(np.float32)
    columns = np.arange(grid.columns)[:, None]
    return np.ascontiguousarray((values[low, columns] * (1 - part) + values[low + 1, columns] * part).T)


def panoramic(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the stored values of the panoramic radiograph, black 0."""
    grid = GRID
    total = grid.zeros() + 0.85
    x, y = grid.points
    for upper in (True, False):
        layers = render_teeth(grid, OPENING, upper, not upper)
        bone = alveolar_bone(grid, rng, OPENING, upper, layers)
        if upper:
            total += 0.75 * bone * step(y + 40, 14)
        else:
            total += _mandible(grid, rng, bone)
        total += tooth_attenuation(layers) * 1.05
    total += 0.9 * landmarks(grid, OPENING) * step(y + 50, 8)
    total += blur(_midface(grid, rng), 4.5) + blur(_shadows(grid), 10)
    total += 0.03 * texture(rng, grid.shape, 25, 90) - 6 * MU["soft"]
    total = _smile(blur(total, 0.9), grid)
    stored = expose(total, DETECTOR, rng)
    return stamp(stamp(stored, "R", (36, grid.rows - 96), 60, 3900), "L", (grid.columns - 76, grid.rows - 96), 60, 3900)
