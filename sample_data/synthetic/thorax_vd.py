"""A dog's thorax from below (ventrodorsal): the head above, the dog's left on the picture's right."""

import numpy as np
from numpy.typing import NDArray

from .detector import texture
from .geometry import Grid, Map, blob, blur, chord, ellipse, inside, profile, shell, spline, step, tube
from .thorax import SPACING, Marker, bone, halved, picture, rib, vessels

GRID = Grid(1200, 960, SPACING)  # 432 x 346 mm
MARKER = Marker("R", (20.0, 200.0))
MIDDLE = 173.0  # x of the midline

_WIDTH = ((0, 82), (40, 112), (85, 128), (140, 122), (220, 127), (300, 131), (370, 125), (440, 116))
_LUNG = (
    (7, 92),
    (30, 80),
    (52, 98),
    (74, 140),
    (92, 200),
    (102, 262),
    (107, 318),
    (104, 345),
    (88, 318),
    (62, 286),
    (30, 264),
    (7, 258),
)
_HEART = (
    (148, 146), (174, 130), (200, 138), (221, 168), (232, 212), (229, 248), (213, 271), (188, 266), (157, 246),
    (138, 214), (135, 176),
)  # fmt: skip
_REACH = (46, 60, 72, 82, 90, 97, 102, 106, 109, 111, 111, 108, 102)


def _body(grid: Grid) -> Map:
    x, y = grid.points
    ratio = (x - MIDDLE) / profile(_WIDTH, y)
    deep = profile(((0, 1.35), (80, 1.75), (200, 1.9), (300, 2.15), (440, 2.1)), y)
    return np.asarray(deep * chord(ratio, 2.8) + 0.05 * step(1 - np.abs(ratio), 0.03), np.float32)


def _spine(grid: Grid) -> Map:
    total = grid.zeros()
    for number, y in enumerate(np.arange(-6, 445, 21.0)):
        wide = 9.5 if 3 <= number < 17 else 10.5
        body = ellipse(grid, (MIDDLE, y), (wide, 9.6), 0, 4)
        total += 0.6 * chord(body, 4) + 0.42 * shell(body, 0.2)
        process = tube(grid, [(MIDDLE + 0.4, y - 2), (MIDDLE - 0.3, y + 8)], [1.6, 2.2])
        total += 0.34 * chord(process)
        for side in (-1, 1):
            total += 0.34 * chord(ellipse(grid, (MIDDLE + side * 8.5, y + 1), (3.4, 4.4)))
            reach = 7 if 3 < number < 17 else 16
            wing = tube(
                grid,
                [(MIDDLE + side * 8, y - 2), (MIDDLE + side * (8 + reach), y - 6 if number >= 17 else y - 3)],
                [3.8, 2.4],
            )
            total += 0.26 * chord(wing)
    return total


def _ribs(grid: Grid) -> Map:
    total = grid.zeros()
    for k, reach in enumerate(_REACH):
        y = 72 + 21.0 * k
        down = (34, 44, 52, 58, 63, 66, 68, 69, 68, 66, 62, 57, 50)[k]
        for side in (-1, 1):
            points = (
                (9, -7),
                (reach * 0.42, -8),
                (reach * 0.8, down * 0.2),
                (reach, down * 0.75),
                (reach * 0.985, down * 1.15),
            )
            axis = [(MIDDLE + side * a, y + b) for a, b in points]
            total += rib(grid, axis, 3.0, 0.2)
            if k < 10:  # the part towards the breastbone, farther from the detector
                bent = (
                    (reach * 0.985, down * 1.15),
                    (reach * 0.82, down * 1.5),
                    (reach * 0.5, down * 1.42),
                    (20, down * 1.1),
                )
                front = [(MIDDLE + side * a, y + b) for a, b in bent]
                total += 0.5 * blur(rib(grid, front, 3.3, 0.16), 0.8)
    return total


def _limbs(grid: Grid) -> Map:
    total = grid.zeros()
    for side in (-1, 1):

        def at(*points: tuple[float, float], side: int = side) -> list[tuple[float, float]]:
            return [(MIDDLE + side * a, b) for a, b in points]

        muscle = blob(grid, at((52, 60), (84, 20), (112, -30), (160, -30), (152, 40), (124, 110), (88, 150), (60, 120)))
        total += 0.5 * chord(muscle)
        total += bone(grid, at((94, 66), (101, 44), (112, 10), (122, -30)), [13, 9.5, 8, 8], 0.46, 0.3)
        blade = blur(
            inside(grid, spline(at((88, 74), (97, 80), (92, 120), (84, 168), (72, 172), (70, 130)), 8, closed=True)), 1
        )
        total += 0.17 * blade
        total += bone(grid, at((93, 76), (88, 120), (80, 168)), [5, 2.6, 1.8], 0.26)
    return total


def _sternum(grid: Grid) -> Map:
    total = grid.zeros()
    for number in range(8):
        piece = ellipse(grid, (MIDDLE + 3.5, 100 + 25.5 * number), (5.2, 10.8), 0, 4)
        total += 0.13 * chord(piece, 3) + 0.1 * shell(piece, 0.3)
    return total


def _organs(grid: Grid, rng: np.random.Generator, body: Map) -> Map:
    sides = [step(1 - blob(grid, [(MIDDLE + side * a, b) for a, b in _LUNG]), 0.06) for side in (-1, 1)]
    lung = np.clip(sides[0] + sides[1], 0, 1)
    x, y = grid.points
    total = -0.6 * body * lung
    over = step(13 - np.abs(x - MIDDLE - 1), 6) * step(150 - y, 20)
    aorta = tube(grid, [(MIDDLE + 12, 150), (MIDDLE + 14, 200), (MIDDLE + 9, 262)], [9, 8.5, 8])
    vein = tube(grid, [(MIDDLE - 11, 232), (MIDDLE - 12, 274)], 7.5)
    soft = [0.92 * chord(blob(grid, _HEART), 2.2), 0.6 * over, 0.3 * chord(vein)]
    total += lung * (np.maximum.reduce(soft) + 0.2 * chord(aorta))
    pipe = tube(grid, spline([(MIDDLE - 2, -10), (MIDDLE - 5, 60), (MIDDLE - 6, 120), (MIDDLE - 2, 162)]), 7.8)
    total -= chord(pipe) * (0.42 - 0.14 * lung)
    for side, long in ((-1, 40), (1, 38)):
        bronchus = tube(
            grid, spline([(MIDDLE - 2, 160), (MIDDLE + side * 14, 176), (MIDDLE + side * 26, 162 + long)]), [6, 4.6, 3]
        )
        total -= 0.15 * chord(bronchus)
    tree = grid.zeros()
    for side in (-1, 1):
        for towards, size, reach in ((72, 4.4, 34), (54, 4.0, 32), (28, 3.2, 26), (-28, 3.0, 26), (-52, 3.2, 26)):
            angle = towards if side > 0 else 180 - towards
            tree = np.maximum(tree, vessels(grid, rng, (MIDDLE + side * 22, 174), angle, size, reach))
    total += lung * (tree + 0.022 * texture(rng, grid.shape, 1.2, 5))
    gas = blob(grid, [(206, 322), (236, 312), (262, 330), (262, 362), (230, 376), (204, 352)])
    total -= (1 - lung) * 0.55 * chord(gas, 3) * (1 + 0.07 * texture(rng, grid.shape, 6, 14, 0.6))
    for cx, cy, r in ((120, 410, 11), (146, 424, 9), (226, 418, 12), (252, 405, 8)):
        total -= 0.22 * chord(ellipse(grid, (cx, cy), (r * 1.4, r), 20))
    return np.asarray(total, np.float32)


def ventrodorsal(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the stored values of the ventrodorsal view, black 0."""
    grid = halved(GRID)
    body = _body(grid)
    total = body + _organs(grid, rng, body) + _spine(grid) + _ribs(grid) + _sternum(grid) + _limbs(grid)
    return picture(np.maximum(total, 0), GRID, MARKER, rng)
