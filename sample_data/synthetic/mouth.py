"""One patient's teeth and jaws, unrolled along the dental arch: every dental image here is a window onto this.

x is the way along the arch from the midline, negative on the patient's right, which is on the picture's left; y is 0
on the occlusal plane. So a filling is the same filling in the bitewing, the full-mouth series and the panoramic.
"""

from functools import cache

import numpy as np

from .detector import texture
from .geometry import Grid, Map, chord, ellipse, profile, spline, step, tube
from .solids import Tooth
from .teeth import Layers, add_tooth
from .tooth_kinds import KINDS

MISSING = ("18", "28", "38")
# What the patient has had done. Sides are the picture's: -1 left, 1 right.
RESTORATIONS: dict[str, tuple[tuple[str, int, float], ...]] = {
    "16": (("amalgam", 1, 1.0),),
    "14": (("composite", -1, 0.9),),
    "25": (("decay", 1, 1.0),),
    "26": (("amalgam", 0, 1.0),),
    "27": (("composite", 0, 0.9),),
    "36": (("amalgam", -1, 1.05),),
    "35": (("decay", -1, 0.7),),
    "37": (("amalgam", 0, 0.8),),
    "46": (("endo", 0, 1.0), ("crown", 0, 1.0)),
    "45": (("composite", 1, 0.9),),
    "47": (("composite", 0, 0.9),),
}
# degrees that the apex leans away from the midline, and y of the biting edge, from the midline backwards
_LEAN = {"upper": (2, 4, 7, 3, 2, 1, -1, -4), "lower": (1, 2, 4, 5, 6, 8, 12, 16)}
_EDGE = {"upper": (0.8, 0.2, 1.0, 0.2, 0.0, -0.1, -0.5, -1.2), "lower": (-0.4, -0.3, -0.7, -0.1, 0.1, 0.2, -0.2, -0.8)}
_BEND = (0.06, 0.25, 0.22, 0.12, 0.12, 0.1, 0.12, 0.1)

MU = {"soft": 0.028, "spongy": 0.053, "cortical": 0.12, "dentine": 0.098, "enamel": 0.3, "lamina": 0.05}
MU |= {"metal": 1.3, "composite": 0.34, "gutta": 0.62}


@cache
def dentition(opening: float) -> tuple[Tooth, ...]:
    """Return all teeth, with `opening` mm between the jaws."""
    teeth = []
    for jaw, quadrants, away in (("upper", "12", -1.0), ("lower", "43", 1.0)):
        for quadrant, side in zip(quadrants, (-1, 1), strict=True):
            x = 0.0
            for number, kind in enumerate(KINDS[jaw], 1):
                fdi = f"{quadrant}{number}"
                middle, lean = x + kind.width / 2 - 0.06, _LEAN[jaw][number - 1]
                x += kind.width - 0.1
                if fdi in MISSING:
                    continue
                uneven = np.sin(7.3 * number + ord(quadrant))
                neck = away * (opening / 2 + _EDGE[jaw][number - 1] * -away + kind.crown + 0.25 * uneven)
                # the neck stands where the lean has carried it from the contact point
                shift = np.sin(np.radians(lean)) * 0.65 * kind.crown
                degrees = side * (lean + 1.5 * uneven)
                bend = _BEND[number - 1] * (1 + 0.4 * uneven) * side
                done = RESTORATIONS.get(fdi, ())
                teeth.append(
                    Tooth(fdi, kind, side * (middle + shift), neck, degrees, jaw == "upper", bend, done)
                    if fdi != "48"
                    else Tooth(fdi, kind, -(middle + 4.5), neck + 6.5, -66.0, False, bend, done)
                )
    return tuple(teeth)


def _crest(opening: float, upper: bool) -> tuple[tuple[float, float], ...]:
    """Return x and y of the crest of the alveolar bone, sorted along the arch."""
    away = -1.0 if upper else 1.0
    necks = sorted((tooth.x, tooth.y) for tooth in dentition(opening) if tooth.upper == upper and tooth.fdi != "48")
    between = [((a + c) / 2, (b + d) / 2 + away * 1.1) for (a, b), (c, d) in zip(necks, necks[1:], strict=False)]
    (ax, ay), (bx, by) = necks[0], necks[-1]
    if upper:  # the tuberosities
        return (ax - 13, ay - 7), (ax - 7, ay - 1.5), *between, (bx + 7, by - 1.5), (bx + 13, by - 7)
    # the bone rises to the ramus
    return (
        (ax - 22, ay - 17),
        (ax - 13, ay - 4),
        (ax - 7, ay + 1),
        *between,
        (bx + 7, by + 1),
        (bx + 13, by - 4),
        (bx + 22, by - 17),
    )


def _spongy(grid: Grid, rng: np.random.Generator, upper: bool) -> Map:
    """Return the trabecular pattern of a jaw around 1: fine and even above, coarser and more horizontal below."""
    mm = 1 / grid.spacing
    # trabeculae are where band-limited noise passes zero: a net of thin lines around marrow spaces
    fine = np.exp(-((texture(rng, grid.shape, 0.1 * mm, 0.3 * mm, 1.0 if upper else 1.3) / 0.55) ** 2))
    wide = np.exp(-((texture(rng, grid.shape, 0.2 * mm, 0.7 * mm, 1.0 if upper else 1.7) / 0.5) ** 2))
    large = texture(rng, grid.shape, 1.5 * mm, 5.0 * mm)
    fine_part, wide_part = (0.2, 0.14) if upper else (0.14, 0.28)
    return np.asarray(1 + fine_part * (fine - 0.5) + wide_part * (wide - 0.45) + 0.04 * large, np.float32)


def alveolar_bone(grid: Grid, rng: np.random.Generator, opening: float, upper: bool, layers: Layers) -> Map:
    """Return the attenuation of one jaw's alveolar bone around the sockets, and of the gum over it."""
    x, y = grid.points
    away = -1.0 if upper else 1.0
    deep = (y - profile(_crest(opening, upper), x)) * away
    gum = step(deep + 2.6, 0.8) * 2.2 * MU["soft"]
    if float(deep.max()) < -1:
        return gum
    end = _crest(opening, upper)
    here = step(x - end[0][0], 2) * step(end[-1][0] - x, 2) if upper else 1.0
    start = step(deep, 0.35) * here
    under = np.maximum(deep, 0)
    thickness = (5 + 7 * (1 - np.exp(-under / 6))) * start
    over = np.clip(layers.socket / 4, 0, 1)  # in front of and behind a root the bone begins lower, and thin
    plates = 2.1 * (1 - np.exp(-under / 1.6)) * start * (1 - over * np.exp(-under / 5))
    crest = 0.11 * np.exp(-(((deep - 0.35) / 0.3) ** 2)) * here * (1 - over)
    free = np.maximum(thickness - layers.socket * 0.95, 0)
    spongy = free * _spongy(grid, rng, upper) * MU["spongy"]
    return gum + spongy + plates * MU["cortical"] + crest + layers.lamina * MU["lamina"] * start


def _sinus(grid: Grid, side: int, opening: float) -> tuple[Map, Map]:
    """Return the depth (0 to 1) of a maxillary sinus and its bright wall."""
    points = [(25, -34), (29, -27), (34, -23.5), (39, -21.5), (45, -19.5), (51, -20), (56, -21.5), (60, -27), (61, -38)]
    floor = [(side * px, py - opening / 2) for px, py in points]
    line = spline(floor, 10)
    x, y = grid.points
    border = np.interp(x, *(line[np.argsort(line[:, 0])]).T).astype(np.float32)
    between = step(side * x - 25, 1.2) * step(61 - side * x, 1.2)
    air = step(border - y, 1.0) * between
    return air, chord(tube(grid, line, 0.45))


def landmarks(grid: Grid, opening: float) -> Map:
    """Return what else is seen in the jaws: sinuses, nose, canals, foramina, lines; added to the attenuation."""
    half = opening / 2
    total = grid.zeros()
    for side in (-1, 1):
        air, wall = _sinus(grid, side, opening)
        total += 0.11 * wall - 0.26 * air
        canal = spline([(side * a, b + half) for a, b in ((66, 18), (56, 25.5), (46, 28.5), (36, 28), (27.5, 25.5))])
        total += 0.07 * chord(tube(grid, canal, 1.75), 3) - 0.13 * chord(tube(grid, canal, 1.45), 3)
        total -= 0.11 * chord(ellipse(grid, (side * 25.5, 24.5 + half), (1.7, 1.4)))
        zygoma = spline(
            [(side * a, b - half) for a, b in ((38, -33), (40.5, -27.5), (45, -25.5), (49.5, -27.5), (52, -33))]
        )
        total += 0.16 * chord(tube(grid, zygoma, 1.0))
        nose = ellipse(grid, (side * 6.2, -34 - half), (5.4, 9.5), side * 6)
        total += 0.1 * chord(
            tube(grid, spline([(side * a, b - half) for a, b in ((1, -25), (5.5, -24), (10.5, -26.5), (13, -34))]), 0.4)
        )
        total -= 0.24 * chord(nose, 3)
        ridge = spline([(side * a, b + half) for a, b in ((76, 0), (68, 9), (60, 14.5), (50, 19))])
        total += 0.14 * chord(tube(grid, ridge, 1.2))
    total -= 0.07 * chord(ellipse(grid, (0.4, -18.5 - half), (1.5, 2.6)))
    total += 0.22 * chord(ellipse(grid, (0, -25.5 - half), (1.1, 2.4)))
    total += 0.1 * chord(tube(grid, [(0, -27 - half), (0.3, -45 - half)], 0.7))
    chin = spline([(-15, 25 + half), (-8, 22.5 + half), (0, 21.8 + half), (8, 22.5 + half), (15, 25 + half)])
    total += 0.13 * chord(tube(grid, chin, 1.3))
    total += 0.08 * chord(ellipse(grid, (0, 24.3 + half), (1.7, 1.5))) - 0.08 * chord(
        ellipse(grid, (0, 24.3 + half), (0.5, 0.5))
    )
    # chronic apical periodontitis on the root-filled molar
    molar = next(tooth for tooth in dentition(opening) if tooth.fdi == "46")
    for dx, size in ((-3.2, 1.7), (1.6, 1.2)):
        total -= 0.4 * np.exp(-(ellipse(grid, (molar.x + dx, molar.y + 14.3), (size, size), 0) ** 2))
    return total


def render_teeth(grid: Grid, opening: float, upper: bool, lower: bool) -> Layers:
    """Return the layers of the teeth of one jaw or both."""
    layers = Layers(grid)
    for tooth in dentition(opening):
        if (tooth.upper and upper) or (not tooth.upper and lower):
            add_tooth(layers, tooth)
    return layers


def tooth_attenuation(layers: Layers) -> Map:
    """Return the attenuation of teeth and of what was put into them."""
    names = ("dentine", "enamel", "metal", "composite", "gutta")
    return np.asarray(sum(getattr(layers, name) * MU[name] for name in names), np.float32)


def render_jaws(grid: Grid, rng: np.random.Generator, opening: float, soft: float = 11.0) -> Map:
    """Return the attenuation of everything within `grid`, with `soft` mm of cheek or lip."""
    total = grid.zeros() + soft * MU["soft"]
    for upper in (True, False):
        layers = render_teeth(grid, opening, upper, not upper)
        total += tooth_attenuation(layers) + alveolar_bone(grid, rng, opening, upper, layers)
    cheek = texture(rng, grid.shape, 2 / grid.spacing, 8 / grid.spacing) * 0.012
    return total + cheek + landmarks(grid, opening)
