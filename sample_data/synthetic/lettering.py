"""Letters that are burnt into pictures, drawn as strokes: no font file, the same on every machine."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

# strokes on a field 4 wide and 6 high
_STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "0": [[(1, 0), (3, 0), (4, 1), (4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0)]],
    "1": [[(1, 1), (2, 0), (2, 6)], [(1, 6), (3, 6)]],
    "2": [[(0, 1), (1, 0), (3, 0), (4, 1), (4, 2), (0, 6), (4, 6)]],
    "3": [[(0, 0), (4, 0), (2, 2.5), (3, 2.5), (4, 3.5), (4, 5), (3, 6), (1, 6), (0, 5)]],
    "4": [[(3, 6), (3, 0), (0, 4), (4, 4)]],
    "5": [[(4, 0), (0, 0), (0, 2.5), (3, 2.5), (4, 3.5), (4, 5), (3, 6), (0, 6)]],
    "6": [[(4, 0), (1, 0), (0, 2), (0, 5), (1, 6), (3, 6), (4, 5), (4, 3.5), (3, 2.7), (0, 3)]],
    "7": [[(0, 0), (4, 0), (1.5, 6)]],
    "8": [[(1, 0), (3, 0), (4, 1), (4, 2), (3, 2.8), (1, 2.8), (0, 2), (0, 1), (1, 0)],
          [(1, 2.8), (0, 3.8), (0, 5), (1, 6), (3, 6), (4, 5), (4, 3.8), (3, 2.8)]],
    "9": [[(4, 2.5), (1, 3), (0, 2), (0, 1), (1, 0), (3, 0), (4, 1), (4, 4), (3, 6), (0, 6)]],
    "A": [[(0, 6), (2, 0), (4, 6)], [(0.8, 4), (3.2, 4)]],
    "B": [[(0, 0), (0, 6), (3, 6), (4, 5), (4, 3.8), (3, 2.8), (0, 2.8)],
          [(0, 0), (3, 0), (3.8, 1), (3.8, 2), (3, 2.8)]],
    "C": [[(4, 1), (3, 0), (1, 0), (0, 1), (0, 5), (1, 6), (3, 6), (4, 5)]],
    "D": [[(0, 0), (0, 6), (2.5, 6), (4, 4.5), (4, 1.5), (2.5, 0), (0, 0)]],
    "E": [[(4, 0), (0, 0), (0, 6), (4, 6)], [(0, 2.8), (3, 2.8)]],
    "F": [[(4, 0), (0, 0), (0, 6)], [(0, 2.8), (3, 2.8)]],
    "G": [[(4, 1), (3, 0), (1, 0), (0, 1), (0, 5), (1, 6), (3, 6), (4, 5), (4, 3.2), (2.4, 3.2)]],
    "H": [[(0, 0), (0, 6)], [(4, 0), (4, 6)], [(0, 2.8), (4, 2.8)]],
    "I": [[(1, 0), (3, 0)], [(2, 0), (2, 6)], [(1, 6), (3, 6)]],
    "K": [[(0, 0), (0, 6)], [(4, 0), (0, 3.4)], [(1.4, 2.4), (4, 6)]],
    "L": [[(0, 0), (0, 6), (4, 6)]],
    "M": [[(0, 6), (0, 0), (2, 3), (4, 0), (4, 6)]],
    "N": [[(0, 6), (0, 0), (4, 6), (4, 0)]],
    "O": [[(1, 0), (3, 0), (4, 1), (4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0)]],
    "P": [[(0, 6), (0, 0), (3, 0), (4, 1), (4, 2.3), (3, 3.3), (0, 3.3)]],
    "R": [[(0, 6), (0, 0), (3, 0), (4, 1), (4, 2.2), (3, 3.2), (0, 3.2)], [(2, 3.2), (4, 6)]],
    "S": [[(4, 1), (3, 0), (1, 0), (0, 1), (0, 2), (1, 2.8), (3, 3.2), (4, 4), (4, 5), (3, 6), (1, 6), (0, 5)]],
    "T": [[(0, 0), (4, 0)], [(2, 0), (2, 6)]],
    "U": [[(0, 0), (0, 5), (1, 6), (3, 6), (4, 5), (4, 0)]],
    "V": [[(0, 0), (2, 6), (4, 0)]],
    "X": [[(0, 0), (4, 6)], [(4, 0), (0, 6)]],
    "Y": [[(0, 0), (2, 3), (4, 0)], [(2, 3), (2, 6)]],
    "Z": [[(0, 0), (4, 0), (0, 6), (4, 6)]],
    ".": [[(1.8, 5.7), (2.2, 6)]],
    "-": [[(0.8, 3), (3.2, 3)]],
    "/": [[(0.3, 6), (3.7, 0)]],
    ":": [[(2, 1.8), (2, 2.1)], [(2, 4.8), (2, 5.1)]],
    " ": [],
}  # fmt: skip


def lettering(shape: tuple[int, int], text: str, at: tuple[float, float], height: float) -> NDArray[Any]:
    """Return how much of each pixel is covered (0 to 1) by `text`, its top left corner `at` (x, y) in pixels."""
    scale = 3
    picture = Image.new("L", (shape[1] * scale, shape[0] * scale))
    pen = ImageDraw.Draw(picture)
    unit = height * scale / 6
    width = max(1, round(unit * 0.8))
    for place, letter in enumerate(text.upper()):
        for stroke in _STROKES[letter]:
            points = [(at[0] * scale + (x + 5.6 * place) * unit, at[1] * scale + y * unit) for x, y in stroke]
            pen.line(points, fill=255, width=width, joint="curve")
            for x, y in points:
                pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return np.asarray(picture.reduce(scale), np.float32) / 255


def stamp(stored: NDArray[np.uint16], text: str, at: tuple[int, int], height: int, value: int) -> NDArray[np.uint16]:
    """Return a picture with `text` written into it: its top left corner `at` (x, y), pixels."""
    covered = lettering((stored.shape[0], stored.shape[1]), text, at, height)
    return np.asarray(np.rint(stored * (1 - covered) + value * covered), np.uint16)
