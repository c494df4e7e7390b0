"""A dog's thorax from the side, right side down: the head to the left, the spine above."""

import numpy as np
from numpy.typing import NDArray

from .detector import texture
from .geometry import Grid, Map, blob, blur, chord, ellipse, inside, profile, shell, spline, step, tube
from .thorax import SPACING, Marker, bone, halved, picture, rib, vessels

GRID = Grid(960, 1200, SPACING)  # 346 x 432 mm
MARKER = Marker("R", (24.0, 24.0))

_BACK = ((-20, 66), (30, 44), (85, 26), (150, 27), (250, 38), (350, 44), (460, 50))
_BELLY = ((-20, 262), (30, 270), (75, 282), (130, 303), (200, 316), (270, 319), (340, 312), (460, 300))
_SPINE = ((-30, 88), (20, 104), (70, 117), (110, 120), (180, 108), (260, 101), (340, 104), (400, 110), (470, 118))
_LUNG = (
    (96, 150), (92, 190), (98, 235), (118, 266), (160, 284), (205, 291), (236, 289), (243, 262), (256, 226),
    (284, 184), (322, 146), (364, 119), (330, 113), (262, 110), (190, 118), (130, 132),
)  # fmt: skip
_HEART = (
    (140, 206), (156, 186), (182, 178), (210, 184), (231, 206), (241, 240), (238, 272), (222, 291), (196, 288),
    (163, 268), (142, 238),
)  # fmt: skip


def _body(grid: Grid) -> Map:
    x, y = grid.points
    back, belly = profile(_BACK, x), profile(_BELLY, x)
    middle, half = (back + belly) / 2, (belly - back) / 2
    ratio = (y - middle) / half
    wide = profile(((0, 1.0), (90, 1.55), (180, 1.8), (300, 2.1), (460, 2.15)), x)
    return np.asarray(wide * chord(ratio, 2.6) + 0.05 * step(1 - np.abs(ratio), 0.02), np.float32)


def _vertebrae(grid: Grid) -> Map:
    """Return the spine: bodies, the canal above them, spinous processes."""
    total = grid.zeros()
    curve = spline(_SPINE, 40)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    for number, at in enumerate(np.arange(10, along[-1] - 10, 21.0)):
        x, y = np.interp(at, along, curve[:, 0]), np.interp(at, along, curve[:, 1])
        ahead = np.interp(at + 5, along, curve[:, 1]) - np.interp(at - 5, along, curve[:, 1])
        slope = float(np.degrees(np.arctan2(ahead, 10)))
        body = ellipse(grid, (x, y), (9.7, 7.4), slope, 5)
        total += 0.62 * chord(body, 4) + 0.5 * shell(body, 0.2)
        arch = ellipse(grid, (x + 1, y - 13), (9, 4.6), slope, 3)
        total += 0.4 * chord(arch)
        joint = ellipse(grid, (x + 10, y - 11), (4.5, 4), slope)
        total += 0.3 * chord(joint)
        high, lean = _process(number)
        tip = (x + 4 + lean, y - 16 - high)
        process = tube(
            grid, spline([(x + 3, y - 13), (x + 4 + lean * 0.45, y - 15 - high * 0.5), tip], 6), [4.6, 3.4, 3.6]
        )
        total += 0.34 * chord(process) + 0.2 * shell(process, 0.3)
    return total


def _process(number: int) -> tuple[float, float]:
    """Return how high a spinous process is and how far it leans towards the tail, mm; 5 is the first thoracic."""
    table = (
        (0, 12, 4),
        (4, 18, -2),
        (5, 50, 20),
        (8, 48, 27),
        (11, 36, 30),
        (14, 22, 20),
        (15, 17, 6),
        (17, 18, -3),
        (25, 20, -4),
    )
    numbers, heights, leans = zip(*table, strict=True)
    return float(np.interp(number, numbers, heights)), float(np.interp(number, numbers, leans))


def _ribs(grid: Grid, larger: float, dense: float) -> Map:
    """Return the thirteen ribs of one side; the side that is farther from the detector is drawn larger."""
    total = grid.zeros()
    spine = spline(_SPINE, 20)
    for k in range(13):
        x = 104 + 20.6 * k
        y = float(np.interp(x, spine[:, 0], spine[:, 1])) + 2
        long = (88, 112, 130, 143, 152, 158, 160, 158, 152, 142, 128, 112, 92)[k]
        belly = (-12, -4, 2, 7, 12, 17, 22, 27, 32, 37, 41, 44, 44)[k]  # how far it bows towards the tail
        end = (-26, -20, -14, -9, -4, 2, 10, 19, 29, 39, 48, 54, 58)[k]
        points = [(0, 0), (belly * 0.62, long * 0.24), (belly * 1.15, long * 0.6), (end, long)]
        axis = [(x + dx * larger, y + dy * larger) for dx, dy in points]
        ex, ey = axis[-1]
        below = [(ex - 12, ey + 13), (ex - 30 - 2 * k, ey + 22)] if 1 < k < 10 else []
        total += rib(grid, axis, 3.0 * larger, dense, below)
    return total


def _sternum(grid: Grid) -> Map:
    total = grid.zeros()
    line = spline([(58, 250), (90, 276), (130, 293), (190, 305), (250, 309), (292, 307)], 20)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    for number, at in enumerate(np.arange(12, 232, 27.5)):
        x, y = np.interp(at, along, line[:, 0]), np.interp(at, along, line[:, 1])
        ahead = np.interp(at + 4, along, line[:, 1]) - np.interp(at - 4, along, line[:, 1])
        piece = ellipse(
            grid,
            (x, y),
            (11.6 if number < 7 else 15, 5.4 if number < 7 else 3.2),
            float(np.degrees(np.arctan2(ahead, 8))),
            4,
        )
        total += 0.3 * chord(piece, 3) + 0.3 * shell(piece, 0.25)
    return total


def _limbs(grid: Grid) -> Map:
    """Return shoulder blades, humeri and the soft tissue of the forelimbs, drawn forward."""
    total = grid.zeros()
    for dx, dy, dense in ((0, 0, 0.36), (13, -9, 0.3)):
        blade = blur(
            inside(
                grid,
                spline(
                    [
                        (58 + dx, 206 + dy),
                        (44 + dx, 196 + dy),
                        (50 + dx, 120 + dy),
                        (62 + dx, 62 + dy),
                        (112 + dx, 66 + dy),
                        (98 + dx, 118 + dy),
                        (70 + dx, 190 + dy),
                    ],
                    8,
                    closed=True,
                ),
            ),
            1.0,
        )
        total += 0.16 * blade
        total += bone(
            grid, [(54 + dx, 200 + dy), (66 + dx, 140 + dy), (84 + dx, 68 + dy)], [4.5, 2.6, 2.0], dense * 0.6
        )
        total += bone(
            grid,
            [(50 + dx, 216 + dy), (34 + dx, 240 + dy), (8 + dx, 268 + dy), (-24 + dx, 292 + dy)],
            [13, 9.5, 8, 9],
            dense * 1.15,
            0.3,
        )
    muscle = blob(grid, [(40, 130), (96, 128), (122, 176), (112, 224), (70, 262), (-10, 300), (-30, 230), (0, 180)])
    return total + 0.42 * chord(muscle)


def _organs(grid: Grid, rng: np.random.Generator, body: Map) -> Map:
    """Return what takes away or adds density inside: lungs, heart, great vessels, windpipe, stomach."""
    lung = step(1 - blob(grid, _LUNG), 0.05)
    x, y = grid.points
    total = -lung * body * (0.6 + 0.05 * np.clip((x - 200) / 120, -1, 1))
    before = tube(grid, spline([(92, 196), (116, 206), (150, 220)]), [15, 17, 22])
    arch = tube(
        grid, spline([(176, 196), (186, 168), (208, 149), (250, 134), (300, 125), (350, 122)]), [9, 10, 9.5, 8.5, 7.5]
    )
    vein = tube(grid, spline([(226, 224), (246, 219), (262, 213)]), [8.5, 7.5, 7.5])
    soft = [0.92 * chord(blob(grid, _HEART), 2.2), 0.5 * chord(before), 0.32 * chord(arch), 0.36 * chord(vein)]
    total += lung * np.maximum.reduce(soft)
    pipe = tube(grid, spline([(-20, 152), (40, 163), (100, 172), (150, 181), (190, 190)]), [8.6, 8.6, 8.4, 8.2])
    total += -chord(pipe) * (0.5 - 0.2 * lung) + 0.1 * shell(pipe / 1.12, 0.12)
    ends = ((226, 210), (232, 197), (172, 218))
    split = [tube(grid, spline([(186, 189), (0.5 * a + 93, 0.5 * b + 94), (a, b)]), [6, 4, 2]) for a, b in ends]
    total -= 0.18 * np.maximum.reduce([chord(ratio) for ratio in split]) * (1 - chord(pipe))
    tree = grid.zeros()
    for start, towards, size, reach in (
        ((206, 194), -10, 4.6, 34), ((206, 198), 12, 4.6, 32), ((208, 202), 34, 3.8, 26), ((204, 190), -26, 3.6, 26),
        ((168, 190), 160, 3.4, 26), ((162, 204), 150, 3.2, 24), ((186, 206), 100, 2.4, 20),
    ):  # fmt: skip
        tree = np.maximum(tree, vessels(grid, rng, start, towards, size, reach))
    total += lung * (tree + 0.022 * texture(rng, grid.shape, 1.2, 5))
    behind = 1 - lung
    gas = blob(grid, [(322, 178), (352, 154), (384, 160), (392, 192), (368, 222), (334, 218)])
    total -= behind * (0.62 * chord(gas, 3) * (1 + 0.07 * texture(rng, grid.shape, 6, 14, 0.6)))
    fold = tube(grid, spline([(330, 196), (350, 186), (376, 188)]), 3.0)
    total += 0.12 * chord(fold)
    fat = blob(grid, [(282, 288), (330, 278), (390, 270), (450, 268), (450, 296), (350, 304), (300, 304)])
    total -= 0.2 * chord(fat)
    for cx, cy, r in ((408, 215, 13), (424, 238, 10), (402, 246, 8)):
        total -= 0.24 * chord(ellipse(grid, (cx, cy), (r * 1.3, r), -25))
    return np.asarray(total, np.float32)


def lateral(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the stored values of the right lateral view, black 0."""
    grid = halved(GRID)
    body = _body(grid)
    total = body + _organs(grid, rng, body)
    total += _vertebrae(grid) + _ribs(grid, 1.0, 0.2) + blur(_ribs(grid, 1.055, 0.15), 0.8)
    total += _sternum(grid) + _limbs(grid)
    return picture(np.maximum(total, 0), GRID, MARKER, rng)
