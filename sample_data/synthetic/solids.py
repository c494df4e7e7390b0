"""Teeth as solids: how far a ray runs through crown, roots, pulp.

A tooth has its own axes: `u` across (mesiodistal, to the right in the picture), `s` along it, 0 at the neck, negative
in the crown, positive in the root. Lengths are millimetres.
"""

from dataclasses import dataclass

import numpy as np

from .geometry import Grid, Map, Point, Slices, chord, profile, step
from .tooth_kinds import Kind, Root

# half width of the crown (part of its largest) from the biting edge (0) to the neck (1)
_SIDES = {
    "incisor": ((0, 0.93), (0.12, 0.99), (0.3, 1.0), (0.65, 0.88), (1, 0.68)),
    "canine": ((0, 0.82), (0.15, 0.92), (0.34, 1.0), (0.65, 0.89), (1, 0.7)),
    "premolar": ((0, 0.78), (0.15, 0.9), (0.36, 1.0), (0.65, 0.9), (1, 0.7)),
    "molar": ((0, 0.84), (0.15, 0.94), (0.36, 1.0), (0.65, 0.95), (1, 0.82)),
}
_EDGE_ENAMEL = {"incisor": 1.3, "canine": 1.6, "premolar": 1.8, "molar": 1.9}  # mm at the biting edge
_SIDE_ENAMEL = {"incisor": 0.95, "canine": 1.0, "premolar": 1.15, "molar": 1.3}  # mm at the contact
_CHAMBER = {"incisor": 0.18, "canine": 0.2, "premolar": 0.24, "molar": 0.4}  # half width of the pulp, part of half
LIGAMENT, LAMINA = 0.24, 0.42  # mm: the gap around a root, and the dense bone around that


@dataclass(frozen=True)
class Tooth:
    """A tooth in its place: (x, y) of its neck, its axis turned by `degrees` (apex towards +x), up in the upper jaw.

    `restorations`: names of RESTORATIONS, with the side (-1 to the left, 1 to the right, 0 none) and a size factor.
    """

    fdi: str
    kind: Kind
    x: float
    y: float
    degrees: float
    upper: bool
    bend: float
    restorations: tuple[tuple[str, int, float], ...] = ()

    def box(self) -> tuple[Point, Point]:
        """Return two corners of a box that holds all of it, mm."""
        c, s = np.cos(np.radians(self.degrees)), np.sin(np.radians(self.degrees))
        along, across = (-self.kind.crown - 1, self.kind.root * 1.1 + 2), 0.72 * self.kind.width + 1
        ends = [(t * s + side * abs(c), t * c + side * abs(s)) for t in along for side in (-across, across)]
        xs, ys = [self.x + x for x, _ in ends], [self.y + (-y if self.upper else y) for _, y in ends]
        return (min(xs), min(ys)), (max(xs), max(ys))


@dataclass(frozen=True)
class Local:
    """A tooth's axes on its part of a grid, and its crown's outline there."""

    tooth: Tooth
    u: Map
    s: Map

    @property
    def height(self) -> Map:
        """0 at the biting edge, 1 at the neck."""
        return (self.s + self.tooth.kind.crown) / self.tooth.kind.crown

    def half(self, inset: float = 0.0) -> Map:
        """Half the crown's width in mm, less `inset` times the enamel at the side."""
        kind = self.tooth.kind
        height = np.clip(self.height, 0, 1)
        enamel = _SIDE_ENAMEL[kind.outline] * profile(((0, 0.95), (0.35, 1.0), (0.75, 0.75), (1, 0.05)), height)
        return np.asarray(kind.width / 2 * profile(_SIDES[kind.outline], height) - inset * enamel, np.float32)

    def below_edge(self, lingual: bool) -> Map:
        """How far under the biting surface, in mm."""
        kind = self.tooth.kind
        v = np.abs(self.u) / (kind.width / 2)
        surface = {
            "incisor": 0.5 * v**6,
            "canine": 2.6 * (np.sqrt(v**2 + 0.03) - 0.17) + (0.8 if lingual else 0.0),
            "premolar": 2.3 * (np.sqrt(v**2 + 0.03) - 0.17) + ((0.9 if self.tooth.upper else 2.2) if lingual else 0.0),
            "molar": 1.0 * np.exp(-((v / 0.22) ** 2))
            + 3.2 * np.maximum(v - 0.52, 0) ** 1.6
            + (0.6 if lingual else 0.0),
        }[kind.outline]
        return np.asarray(self.s + kind.crown - surface, np.float32)


def local_axes(grid: Grid, tooth: Tooth) -> tuple[Local, Slices]:
    box = grid.window(*tooth.box())
    x, y = grid.points[0][box] - tooth.x, grid.points[1][box] - tooth.y
    if tooth.upper:
        y = -y
    c, s = np.cos(np.radians(tooth.degrees)), np.sin(np.radians(tooth.degrees))
    return Local(tooth, c * x - s * y, c * y + s * x), box


def _above_neck(local: Local) -> Map:
    """Return 1 in the crown and 0 in the root; the neck rises towards the contacts, so both overlap in a picture."""
    kind = local.tooth.kind
    v = np.clip(local.u / (kind.width / 2), -1, 1)
    rise = 1.6 if kind.outline in ("incisor", "canine") else 0.5
    return step(0.35 - rise * v**2 - local.s, 1.5)


def crown(local: Local) -> tuple[Map, Map]:
    """Return the path lengths through the whole crown and through the dentine in it."""
    kind = local.tooth.kind
    height = np.clip(local.height, 0, 1)
    thick = {
        "incisor": 1.6 + (kind.depth - 1.6) * height,
        "canine": 2.6 + (kind.depth - 2.6) * height**0.8,
    }.get(kind.outline, kind.depth * (0.86 + 0.14 * np.sin(np.pi * np.clip(height, 0, 1))))
    upto = _above_neck(local)
    whole, core = np.zeros_like(local.u), np.zeros_like(local.u)
    across, across_core = chord(local.u / local.half(), 3.2), chord(local.u / local.half(1.0), 3.0)
    facing = 1.1 * (1 - height**3)  # enamel on the faces towards cheek and tongue
    for lingual in (False, True):
        deep = local.below_edge(lingual)
        deep_core = deep - _EDGE_ENAMEL[kind.outline]
        rounding = np.sqrt(np.clip(deep / 1.2, 0, 1))
        whole += across * rounding * thick / 2 * upto
        core += across_core * np.sqrt(np.clip(deep_core / 1.5, 0, 1)) * np.maximum(thick / 2 - facing, 0) * upto
    return whole, np.minimum(core, whole)


def _root_axis(local: Local, root: Root) -> tuple[Map, Map, float]:
    """Return the axis of a root (u for each s), how far along it s is (0 to 1), and its length."""
    kind = local.tooth.kind
    length = kind.root * root.length
    t = np.clip(local.s / length, 0, 1)
    side = np.sign(root.apex) if len(kind.roots) > 1 else 1.0
    hook = local.tooth.bend * kind.width / 2 * (t**3) * (side if side and len(kind.roots) > 1 else 1.0)
    axis = kind.width / 2 * (root.neck + (root.apex - root.neck) * np.sin(t * np.pi / 2)) + hook
    return axis, t, length


def _root(local: Local, root: Root, grown: float) -> Map:
    """Return the path length through a root that is `grown` mm larger all around."""
    axis, t, length = _root_axis(local, root)
    half = local.tooth.kind.width / 2 * root.width
    end = np.clip((local.s - grown) / length, 0, 1)
    tapered = (half * (1 - 0.5 * t**1.3) + grown) * np.sqrt(np.clip(1 - end**7, 0, 1))
    started = 1 - _above_neck(local)
    shortened = np.where(local.s < length + grown, 1.0, 0.0)
    reach = np.maximum(tapered, 1e-3)
    deep = (root.depth + 2 * grown) * (1 - 0.35 * t**2)
    return np.asarray(chord((local.u - axis) / reach, 2.2) * deep * started * shortened, np.float32)


def _trunk(local: Local, grown: float) -> Map:
    """Return the path length through what joins the roots of a molar above the furcation."""
    kind = local.tooth.kind
    half = kind.width / 2
    arch = 4.2 - 1.2 * np.exp(-((local.u / (0.16 * half)) ** 2)) - grown
    started = (1 - _above_neck(local)) * step(arch - local.s, 2.4)
    tapering = 0.82 - 0.03 * np.clip(local.s, 0, 4)
    across = chord(local.u / (tapering * half + grown), 2.6)
    return np.asarray(across * (0.78 * kind.depth + 2 * grown) * started, np.float32)


def roots(local: Local, grown: float) -> Map:
    kind = local.tooth.kind
    front = [_root(local, root, grown) for root in kind.roots if not root.behind]
    if kind.outline == "molar":
        front.append(_trunk(local, grown))
    whole = np.maximum.reduce(front)
    back = [_root(local, root, grown) for root in kind.roots if root.behind]
    if back:
        whole = np.maximum(whole, 0.6 * whole + np.maximum.reduce(back))
    return np.asarray(whole, np.float32)


def canals(local: Local, half_width: float) -> Map:
    """Return the path length through the root canals, with `half_width` mm in the middle of the root."""
    single = len([root for root in local.tooth.kind.roots if not root.behind]) == 1
    found = np.zeros_like(local.u)
    for root in local.tooth.kind.roots:
        axis, t, length = _root_axis(local, root)
        wide = half_width * ((2.3 if single else 1.15) - (2.0 if single else 0.75) * t**0.8)
        limits = step(local.s + 0.4, 0.4) * step(0.96 * length - local.s, 0.4)
        deep = np.minimum(4.2 * wide, 2.4)
        found = np.maximum(found, chord((local.u - axis) / np.maximum(wide, 0.06)) * deep * limits)
    return np.asarray(found, np.float32)


def chamber(local: Local) -> Map:
    """Return the path length through the pulp chamber, which has a horn under each cusp."""
    kind = local.tooth.kind
    v = local.u / (kind.width / 2)
    wide = _CHAMBER[kind.outline]
    if kind.outline == "molar":
        roof = -2.1 - 1.1 * np.exp(-(((np.abs(v) - 0.34) / 0.1) ** 2))
        floor = 1.2 - 0.5 * np.exp(-((v / 0.2) ** 2))
        return np.asarray(chord(v / wide, 3) * 3.2 * step(local.s - roof, 0.9) * step(floor - local.s, 1.4), np.float32)
    taper = wide * np.clip(1 + 0.8 * local.s / kind.crown, 0.02, 1)
    return chord(v / taper, 2) * 2.4 * step(local.s + 0.55 * kind.crown, 1.5) * step(1.0 - local.s, 2.5)
