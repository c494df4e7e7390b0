"""Person names: HL7's XPN, XCN and CN as DICOM's PN (PS3.5 6.2: family^given^middle^prefix^suffix).

HL7 has the suffix before the prefix and a degree behind it, which DICOM counts as a suffix. A repetition with name
representation I or P (table 0465) is the ideographic or phonetic component group.
"""

from collections.abc import Sequence
from typing import Final

from dicom_gateway.connectors.hl7.scope import Place

_GROUPS: Final = {"": 0, "A": 0, "I": 1, "P": 2}
_NOT_IN_A_NAME: Final = str.maketrans("^=\\", "   ")


def xpn_name(places: Sequence[Place]) -> str:
    """Return the name of the repetitions of an XPN; the first of each representation counts."""
    groups = ["", "", ""]
    for place in places:
        number = _GROUPS.get(place.text(8).upper(), 0)
        groups[number] = groups[number] or _pn([place.text(n, 1) for n in range(1, 7)])
    return "=".join(groups).rstrip("=")


def xcn_name(place: Place) -> str:
    """Return the name of an XCN, whose first component is an id."""
    return _pn([place.text(n, 1) for n in range(2, 8)])


def cn_name(place: Place) -> str:
    """Return the name of a CN in sub-components; a text without them that is no number is a family name."""
    if place.subcomponents > 1:
        return _pn([place.text(0, n) for n in range(2, 8)])
    text = place.text()
    return "" if text.isdecimal() else family_name(text)


def family_name(text: str) -> str:
    """Return a text as one component of a name: without what separates components."""
    return " ".join(text.translate(_NOT_IN_A_NAME).split())


def _pn(parts: Sequence[str]) -> str:
    family, given, middle, suffix, prefix, degree = map(family_name, parts)
    suffix = f"{suffix} {degree}".strip()
    return "^".join((family, given, middle, prefix, suffix)).rstrip("^")
