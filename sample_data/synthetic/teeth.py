"""Teeth with what dentists put into them, as layers of materials; and the sockets that they stand in."""

from dataclasses import dataclass, field

import numpy as np

from .geometry import Grid, Map, Slices, step
from .solids import LAMINA, LIGAMENT, Local, Tooth, canals, chamber, crown, local_axes, roots


@dataclass
class Layers:
    """Path lengths in mm, one map each, of what teeth are made of; `socket` and `lamina` are taken from the bone."""

    grid: Grid
    dentine: Map = field(init=False)
    enamel: Map = field(init=False)
    metal: Map = field(init=False)
    composite: Map = field(init=False)
    gutta: Map = field(init=False)
    socket: Map = field(init=False)
    lamina: Map = field(init=False)

    def __post_init__(self) -> None:
        for name in ("dentine", "enamel", "metal", "composite", "gutta", "socket", "lamina"):
            setattr(self, name, self.grid.zeros())


def _ragged(local: Local, seed: float) -> Map:
    return np.asarray(0.14 * np.sin(2.7 * local.u + seed) + 0.1 * np.sin(5.3 * local.s + 2 * seed), np.float32)


def _occlusal(local: Local, side: int, size: float) -> Map:
    """Return where an occlusal filling is, with a box on one side if `side` says so: 0 to 1."""
    kind = local.tooth.kind
    half = kind.width / 2
    rough = _ragged(local, kind.width)
    deep = local.below_edge(False)
    floor = 2.7 * size + rough - 0.5 * np.cos(5 * local.u / half)
    top = step(deep - 0.1, 0.1) * step(floor - deep, 0.12) * step(0.46 * half - np.abs(local.u - 0.05) + rough, 0.12)
    if side:
        toward = local.u * side
        box = step(toward - 0.58 * half + rough, 0.12) * step(local.half(0.0) - 0.03 - toward, 0.08)
        top = np.maximum(top, box * step(deep - 0.15, 0.1) * step(4.6 * size + rough - deep, 0.12))
        bridge = step(toward, 0.2) * step(0.66 * half - toward, 0.1)
        top = np.maximum(top, bridge * step(deep - 0.1, 0.1) * step(floor - deep, 0.12))
    return np.asarray(top, np.float32)


def _decay(local: Local, side: int, size: float) -> Map:
    """Return how much of the tooth is decayed, under a contact point: 0 to 1."""
    kind = local.tooth.kind
    toward = local.half() - local.u * side
    level = local.s + 0.55 * kind.crown
    notch = np.exp(-((np.abs(toward) / (1.1 * size)) ** 2.4) - (level / (0.75 * size)) ** 2)
    spread = 0.8 * np.exp(-(((toward - 1.5 * size) / (0.9 * size)) ** 2) - (level / (1.1 * size)) ** 2)
    return np.asarray(np.clip(notch + spread, 0, 1), np.float32)


def _restore(layers: Layers, box: Slices, local: Local, whole: Map, pulp: Map) -> Map:
    """Put in what dentists put in, and return the canals and chamber that are left."""
    for name, side, size in local.tooth.restorations:
        if name == "endo":
            layers.gutta[box] += canals(local, 0.24) * step(local.s + 1.0, 0.4)
            layers.composite[box] += chamber(local) * 1.1
            pulp = pulp * 0.15
        elif name == "crown":
            cap = step(-0.3 - local.s + 0.25 * np.cos(2 * local.u), 0.2)
            layers.metal[box] += cap * np.where(whole > 0.4, 0.9 + 0.16 * whole, 0) * size
        elif name == "decay":
            gone = _decay(local, side, size)
            layers.enamel[box] *= 1 - 0.6 * gone
            layers.dentine[box] *= 1 - 0.4 * gone
        else:
            filled = _occlusal(local, side, size)
            material = layers.metal if name == "amalgam" else layers.composite
            material[box] = np.maximum(material[box], filled * np.minimum(whole, 4.0 if name == "amalgam" else 5.5))
            layers.enamel[box] *= 1 - 0.6 * filled
    return pulp


def add_tooth(layers: Layers, tooth: Tooth) -> None:
    """Add a tooth, with what is in it and its socket, to the maps."""
    local, box = local_axes(layers.grid, tooth)
    if not local.u.size:
        return
    whole, core = crown(local)
    layers.enamel[box] += whole - core
    layers.dentine[box] += core + roots(local, 0.0)
    socket = roots(local, LIGAMENT)
    layers.socket[box] = np.maximum(layers.socket[box], socket)
    dense = np.maximum(roots(local, LIGAMENT + LAMINA) - socket, 0)
    layers.lamina[box] = np.maximum(layers.lamina[box], dense * step(local.s - 1.2, 0.8))
    pulp = np.maximum(canals(local, 0.3), chamber(local))
    pulp = _restore(layers, box, local, whole, pulp)
    layers.dentine[box] = np.maximum(layers.dentine[box] - pulp, 0)
