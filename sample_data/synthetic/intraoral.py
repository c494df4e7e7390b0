"""Bitewings and a full-mouth series: which part of the mouth each sensor saw, and what it recorded."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .detector import Detector, expose
from .geometry import Grid
from .mouth import dentition, render_jaws

LONG, SHORT = 36.0, 26.0  # mm: the active area of a size 2 sensor
DETECTOR = Detector(photons=6500, sharpness=0.7, contrast=0.85, toe=0.16)
_BITE, _HOLDER = 1.4, 6.0  # mm between the jaws on a bitewing tab and on a periapical holder


@dataclass(frozen=True)
class Exposure:
    """One intraoral radiograph. `view`: "Bitewing" or "Periapical"; `centre`: the teeth in the middle; `region`: the
    name of its anatomic region modifier in PS3.16 CID 4017."""

    view: str
    centre: tuple[str, ...]
    region: str
    upright: bool = False

    @property
    def opening(self) -> float:
        """How far the jaws are apart, mm."""
        return _BITE if self.view == "Bitewing" else _HOLDER

    @property
    def jaw(self) -> str:
        """`both`, `upper` or `lower`."""
        return "both" if self.view == "Bitewing" else "upper" if self.centre[0][0] in "12" else "lower"

    @property
    def side(self) -> str:
        """ImageLaterality: R, L, or B across the midline."""
        sides = {"R" if tooth[0] in "14" else "L" for tooth in self.centre}
        return sides.pop() if len(sides) == 1 else "B"

    def grid(self, spacing: float, angle: float = 0.0) -> Grid:
        """Return where the sensor was."""
        columns, rows = (SHORT, LONG) if self.upright else (LONG, SHORT)
        teeth = [tooth for tooth in dentition(self.opening) if tooth.fdi in self.centre]
        x = sum(tooth.x for tooth in teeth) / len(teeth)
        edge = (
            max(tooth.kind.crown + tooth.kind.root for tooth in teeth)
            + self.opening / 2
            + (5.5 if self.upright else 1.7)
            - rows / 2
        )
        y = {"both": 0.0, "upper": -edge, "lower": edge}[self.jaw]
        return Grid(round(rows / spacing), round(columns / spacing), spacing, x - columns / 2, y - rows / 2, angle)

    def teeth(self) -> tuple[str, ...]:
        """Return the teeth that it shows, FDI, upper jaw first, from left to right."""
        grid = self.grid(0.1)
        low, high = grid.left + 2, grid.left + grid.columns * grid.spacing - 2
        seen = [
            tooth
            for tooth in dentition(self.opening)
            if low < tooth.x < high and self.jaw in ("both", "upper" if tooth.upper else "lower")
        ]
        return tuple(tooth.fdi for tooth in sorted(seen, key=lambda tooth: (not tooth.upper, tooth.x)))


BITEWINGS = (
    Exposure("Bitewing", ("16", "15", "46", "45"), "FirstMolarRegion"),
    Exposure("Bitewing", ("26", "25", "36", "35"), "FirstMolarRegion"),
)


def _series() -> Iterator[Exposure]:
    """Yield the 18 exposures of a full-mouth series, in the order of a mount."""
    for left, right, lower in (("1", "2", False), ("4", "3", True)):
        for quadrant, places in ((left, ((6, 7), (4, 5), (3,))), (right, ((3,), (4, 5), (6, 7)))):
            if quadrant == right:
                middle = (f"{left}1", f"{right}1")
                yield Exposure("Periapical", middle, "CentralIncisorRegion", upright=True)
            for numbers in places:
                region = {3: "CanineRegion", 4: "FirstPremolarRegion", 6: "SecondMolarRegion"}[numbers[0]]
                teeth = tuple(f"{quadrant}{number}" for number in numbers)
                yield Exposure("Periapical", teeth, region, upright=numbers == (3,))
        if not lower:
            yield Exposure("Bitewing", ("17", "16", "47", "46"), "SecondMolarRegion")
            yield Exposure("Bitewing", ("15", "14", "45", "44"), "FirstPremolarRegion")
            yield Exposure("Bitewing", ("25", "24", "35", "34"), "FirstPremolarRegion")
            yield Exposure("Bitewing", ("27", "26", "37", "36"), "SecondMolarRegion")


FULL_MOUTH = tuple(_series())


def radiograph(exposure: Exposure, spacing: float, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the stored values (12 bits, black 0) of an exposure; no two are quite equal in angle and dose."""
    grid = exposure.grid(spacing, float(rng.uniform(-2.5, 2.5)))
    soft = float(rng.uniform(8, 10)) if exposure.upright else float(rng.uniform(10, 13))
    attenuation = render_jaws(grid, rng, exposure.opening, soft)
    dose = float(rng.uniform(0.85, 1.15))
    return expose(attenuation, replace(DETECTOR, photons=DETECTOR.photons * dose, toe=0.19 - 0.03 * dose), rng)
