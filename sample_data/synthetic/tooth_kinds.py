"""The kinds of teeth: sizes in millimetres and roots, after the usual tables of dental anatomy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Root:
    """One root: where its axis stands at the neck and at the apex (parts of half the crown), its half width there
    (likewise), its length (part of the root's), and its depth along the ray in mm; `behind` another root or not."""

    neck: float
    apex: float
    width: float
    length: float = 1.0
    depth: float = 6.5
    behind: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of tooth: sizes in mm, the outline of its crown, its roots."""

    crown: float
    width: float
    root: float
    outline: str
    roots: tuple[Root, ...]
    depth: float


SINGLE = (Root(0, 0.12, 0.68),)
DOUBLE = (Root(0.05, 0.1, 0.62, depth=6), Root(-0.12, -0.3, 0.42, 0.95, 4, behind=True))
UPPER_MOLAR = (
    Root(-0.4, -0.52, 0.4, 0.94, 5),
    Root(0.42, 0.52, 0.37, 0.9, 4.5),
    Root(0.02, 0.06, 0.46, 1.06, 4.2, behind=True),
)
LOWER_MOLAR = (Root(-0.4, -0.48, 0.4, 1.0, 7), Root(0.4, 0.5, 0.38, 0.96, 6.5))
FUSED = (Root(-0.28, -0.12, 0.46, 0.95, 6), Root(0.3, 0.22, 0.42, 0.9, 6))

KINDS = {
    "upper": (
        Kind(10.5, 8.6, 13.0, "incisor", SINGLE, 7.0),
        Kind(9.2, 6.7, 13.2, "incisor", SINGLE, 6.2),
        Kind(10.2, 7.6, 17.0, "canine", SINGLE, 8.0),
        Kind(8.4, 7.1, 14.0, "premolar", DOUBLE, 9.0),
        Kind(8.3, 6.9, 14.2, "premolar", SINGLE, 9.0),
        Kind(7.6, 10.4, 13.0, "molar", UPPER_MOLAR, 11.0),
        Kind(7.3, 9.8, 12.2, "molar", UPPER_MOLAR, 11.0),
        Kind(6.6, 8.8, 10.8, "molar", FUSED, 10.0),
    ),
    "lower": (
        Kind(8.9, 5.4, 12.4, "incisor", SINGLE, 6.0),
        Kind(9.3, 5.9, 13.8, "incisor", SINGLE, 6.2),
        Kind(10.8, 6.9, 15.8, "canine", SINGLE, 7.6),
        Kind(8.6, 7.0, 14.2, "premolar", SINGLE, 7.8),
        Kind(8.1, 7.2, 14.6, "premolar", SINGLE, 8.2),
        Kind(7.5, 11.2, 14.2, "molar", LOWER_MOLAR, 10.4),
        Kind(7.1, 10.7, 13.2, "molar", LOWER_MOLAR, 10.2),
        Kind(6.8, 10.2, 11.2, "molar", FUSED, 9.8),
    ),
}
