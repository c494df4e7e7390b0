"""Intraoral images laid out as a mount: as the dentist sees the patient, whose right is on the viewer's left.

A place follows from the teeth that an image shows (the middle of them, along the jaw), where it names none from its
region and side. What fits no place by these tables stands in a tray with the reason; nothing is guessed. Primary teeth
take the places of the permanent ones that follow them. A full mouth series of 14 to 17 periapicals, 4 bitewings, fits.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from dicom_gateway.core.model import Instance, InstanceHeader

Side = str  # "R", "L", or "" in the middle


class Row(StrEnum):
    """The rows of a mount, from above."""

    PANORAMIC = "panoramic"
    UPPER = "upper"
    BITEWINGS = "bitewings"
    LOWER = "lower"


class Group(StrEnum):
    """What a place shows."""

    WHOLE = "whole"
    MOLARS = "molars"
    PREMOLARS = "premolars"
    CANINE = "canine"
    LATERAL = "lateral incisor"
    CENTRAL = "central incisors"
    SIDE = "side"  # a bitewing of one side, of which no more is known


class Why(StrEnum):
    """Why an image has no place."""

    NO_VIEW = "no view"
    OTHER_VIEW = "other view"
    NO_TEETH = "no teeth"
    BOTH_JAWS = "both jaws"
    BOTH_SIDES = "both sides"
    BETWEEN = "between two places"


class Place(NamedTuple):
    """A place of the mount."""

    row: Row
    group: Group
    side: Side


@dataclass(frozen=True, slots=True)
class Field:
    """A place with the images that belong there, the latest first; `teeth`: the permanent teeth that it is for, FDI."""

    place: Place
    instances: tuple[Instance, ...]
    teeth: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mount:
    """The rows that hold something, each from the viewer's left to right, and what has no place."""

    rows: tuple[tuple[Row, tuple[Field, ...]], ...]
    tray: tuple[tuple[Instance, Why], ...]


_OF_JAW: Final = (Group.MOLARS, Group.PREMOLARS, Group.CANINE, Group.LATERAL)
_POSITIONS: Final = {
    Group.MOLARS: (8, 7, 6),
    Group.PREMOLARS: (5, 4),
    Group.CANINE: (3,),
    Group.LATERAL: (2,),
    Group.CENTRAL: (1,),
}
_OPTIONAL: Final = frozenset({Group.LATERAL, Group.SIDE})  # shown only where there is one


def _row_of_jaw(row: Row) -> list[Place]:
    right = [Place(row, group, "R") for group in _OF_JAW]
    left = [Place(row, group, "L") for group in reversed(_OF_JAW)]
    return [*right, Place(row, Group.CENTRAL, ""), *left]


_BITEWINGS: Final = (Group.MOLARS, Group.SIDE, Group.PREMOLARS)
PLACES: Final[dict[Row, list[Place]]] = {
    Row.PANORAMIC: [Place(Row.PANORAMIC, Group.WHOLE, "")],
    Row.UPPER: _row_of_jaw(Row.UPPER),
    Row.BITEWINGS: [
        *(Place(Row.BITEWINGS, group, "R") for group in _BITEWINGS),
        *(Place(Row.BITEWINGS, group, "L") for group in reversed(_BITEWINGS)),
    ],
    Row.LOWER: _row_of_jaw(Row.LOWER),
}
# Millimetres play no part: the first incisor is 0.5 from the midline, the last molar 7.5. A periapical of 13 and 14, or
# of 12 and 13, is one of the canine; the middle of what lies half in the premolars and half in the molars (5.0) is
# neither, so its teeth are counted.
_GROUPS: Final[tuple[tuple[Callable[[float], bool], Group], ...]] = (
    (lambda middle: middle < 1, Group.CENTRAL),
    (lambda middle: middle < 2, Group.LATERAL),
    (lambda middle: middle <= 3, Group.CANINE),
    (lambda middle: middle < 5, Group.PREMOLARS),
    (lambda middle: middle > 5, Group.MOLARS),
)
_UPPER: Final = frozenset("1256")  # quadrants
_RIGHT: Final = frozenset("1458")
_REGIONS: Final = (  # the names of PS3.16 CID 4017, the modifiers of a region of the jaw
    ("central incisor", Group.CENTRAL),
    ("lateral incisor", Group.LATERAL),
    ("canine", Group.CANINE),
    ("premolar", Group.PREMOLARS),
    ("molar", Group.MOLARS),
)
_VIEWS: Final = ("bitewing", "periapical", "panoramic")
_INTRAORAL: Final = frozenset({"1.2.840.10008.5.1.4.1.1.1.3", "1.2.840.10008.5.1.4.1.1.1.3.1"})


def is_dental(headers: Iterable[InstanceHeader]) -> bool:
    """Say whether a mount makes sense: an image of teeth among them."""
    return any(
        header.modality in ("IO", "PX") or header.sop_class_uid in _INTRAORAL or bool(_teeth(header))
        for header in headers
    )


def lay_out(instances: Sequence[Instance]) -> Mount:
    """Return the mount of these images (each once, its current version)."""
    placed: dict[Place, list[Instance]] = {}
    tray: list[tuple[Instance, Why]] = []
    for instance in instances:
        found = _place(instance.header)
        if isinstance(found, Why):
            tray.append((instance, found))
        else:
            placed.setdefault(found, []).append(instance)
    rows = ((row, _fields(places, placed)) for row, places in PLACES.items())
    return Mount(tuple((row, fields) for row, fields in rows if fields), tuple(tray))


def _fields(places: Sequence[Place], placed: dict[Place, list[Instance]]) -> tuple[Field, ...]:
    """Return the fields of a row; none when nothing is in it. Bitewings alone stand without empty places."""
    if not any(place in placed for place in places):
        return ()
    is_series = any(place.row in (Row.UPPER, Row.LOWER) for place in placed)
    return tuple(
        Field(place, tuple(sorted(placed.get(place, ()), key=lambda one: -one.key)), _permanent(place))
        for place in places
        if place in placed or (is_series and place.group not in _OPTIONAL)
    )


def _permanent(place: Place) -> tuple[str, ...]:
    """Return the permanent teeth of a place of one jaw, from the viewer's left to right."""
    if place.row not in (Row.UPPER, Row.LOWER):
        return ()
    right, left = ("1", "2") if place.row is Row.UPPER else ("4", "3")
    positions = _POSITIONS[place.group]
    of_right = tuple(f"{right}{position}" for position in positions)
    of_left = tuple(f"{left}{position}" for position in reversed(positions))
    return {"R": of_right, "L": of_left, "": of_right + of_left}[place.side]


def _place(header: InstanceHeader) -> Place | Why:
    view = _view(header)
    if isinstance(view, Why):
        return view
    return _BY_VIEW[view](header)


def _view(header: InstanceHeader) -> str | Why:
    """Return the view; of an intraoral image that names teeth and no view: a bitewing shows both jaws."""
    said = header.view.lower()
    found = next((view for view in _VIEWS if view in said), "")
    if found:
        return found
    if not said and header.modality == "PX":
        return "panoramic"
    if said:
        return Why.OTHER_VIEW
    intraoral = header.modality == "IO" or header.sop_class_uid in _INTRAORAL
    if not intraoral or not _teeth(header):
        return Why.NO_VIEW
    return "periapical" if len(_jaws(header)) == 1 else "bitewing"


def _teeth(header: InstanceHeader) -> tuple[str, ...]:
    return header.teeth or header.supernumerary_teeth


def _jaws(header: InstanceHeader) -> set[bool]:
    return {tooth[0] in _UPPER for tooth in _teeth(header)}


def _places_along(header: InstanceHeader) -> list[float]:
    """Return where each tooth is along its jaw, the patient's right negative."""
    return [(-1 if tooth[0] in _RIGHT else 1) * (int(tooth[1]) - 0.5) for tooth in _teeth(header)]


def _panoramic(_: InstanceHeader) -> Place | Why:
    return Place(Row.PANORAMIC, Group.WHOLE, "")


def _periapical(header: InstanceHeader) -> Place | Why:
    if not _teeth(header):
        return _by_region(header)
    jaws = _jaws(header)
    if len(jaws) > 1:
        return Why.BOTH_JAWS
    along = _places_along(header)
    middle = sum(along) / len(along)
    group = _group(abs(middle)) or _of_most(along)
    if group is None:
        return Why.BETWEEN
    side = "" if group is Group.CENTRAL else "R" if middle < 0 else "L"
    return Place(Row.UPPER if True in jaws else Row.LOWER, group, side)


def _bitewing(header: InstanceHeader) -> Place | Why:
    along = _places_along(header)
    if not along:
        if header.laterality not in ("R", "L"):
            return Why.NO_TEETH
        return Place(Row.BITEWINGS, Group.SIDE, header.laterality)
    if min(along) < 0 < max(along):
        return Why.BOTH_SIDES
    group = _group(abs(sum(along) / len(along)))
    side = "R" if along[0] < 0 else "L"
    return Place(Row.BITEWINGS, group if group in (Group.MOLARS, Group.PREMOLARS) else Group.SIDE, side)


def _by_region(header: InstanceHeader) -> Place | Why:
    """Return the place that the coded region and the side name without any tooth."""
    said = header.region.lower()
    jaws = [row for word, row in (("maxilla", Row.UPPER), ("mandible", Row.LOWER)) if word in said]
    group = next((group for word, group in _REGIONS if word in said), None)
    if len(jaws) != 1 or group is None:
        return Why.NO_TEETH
    if group is Group.CENTRAL:
        return Place(jaws[0], group, "")
    return Place(jaws[0], group, header.laterality) if header.laterality in ("R", "L") else Why.NO_TEETH


def _group(middle: float) -> Group | None:
    return next((group for holds, group in _GROUPS if holds(middle)), None)


def _of_most(along: Sequence[float]) -> Group | None:
    """Return where most of these teeth are, at as many the molars; None when they spread over more than those two."""
    groups = [_group(abs(place)) for place in along]
    if not set(groups) <= {Group.PREMOLARS, Group.MOLARS}:
        return None
    return max((Group.MOLARS, Group.PREMOLARS), key=groups.count)


_BY_VIEW: Final[dict[str, Callable[[InstanceHeader], Place | Why]]] = {
    "bitewing": _bitewing,
    "periapical": _periapical,
    "panoramic": _panoramic,
}
