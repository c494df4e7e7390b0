"""Teeth: FDI (ISO 3950), Universal (ADA) and SNOMED (PS3.16 CID 4018 permanent, 4019 deciduous, 4025 supernumerary).

Inside the gateway a tooth is its two FDI digits: quadrant (1 to 4 permanent, 5 to 8 deciduous, from the patient's
upper right, clockwise as seen by the dentist), then the position from the midline. A supernumerary tooth has no FDI
number: it is known by the tooth that it stands beside; its Universal number is that tooth's plus 50, or with an S.
"""

from collections.abc import Callable, Iterable
from typing import Final

from dicom_gateway.core.model import Code
from dicom_gateway.errors import InvalidValue

_PERMANENT: Final = (
    "central incisor",
    "lateral incisor",
    "canine",
    "first premolar",
    "second premolar",
    "first molar",
    "second molar",
    "third molar",
)
_DECIDUOUS: Final = ("central incisor", "lateral incisor", "canine", "first molar", "second molar")
# quadrant: (start of the meaning, names from the midline, SNOMED CT code values from the midline)
_QUADRANTS: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    "1": (
        "Permanent maxillary right",
        _PERMANENT,
        "422653006 424877001 860767006 57826002 36492000 865995000 863902006 68085002",
    ),
    "2": (
        "Permanent maxillary left",
        _PERMANENT,
        "424399000 423185002 860780009 61897005 23226009 865988009 863901004 87704003",
    ),
    "3": (
        "Mandibular left",
        _PERMANENT,
        "425106001 423331005 860782001 2400006 24573005 866006002 863898000 74344005",
    ),
    "4": (
        "Mandibular right",
        _PERMANENT,
        "424575004 423937004 860785004 80140008 8873007 866005003 863899008 38994002",
    ),
    "5": ("Deciduous maxillary right", _DECIDUOUS, "88824007 65624003 30618001 17505006 27855007"),
    "6": ("Deciduous maxillary left", _DECIDUOUS, "51678005 43622005 73937000 45234009 51943008"),
    "7": ("Deciduous mandibular left", _DECIDUOUS, "89552004 14770005 43281008 38896004 49330006"),
    "8": ("Deciduous mandibular right", _DECIDUOUS, "67834006 22445006 6062009 58646007 61868007"),
}
_MEANINGS_OF_THEIR_OWN: Final = {"32": "Mandibular left lateral tooth"}  # PS3.16 leaves "incisor" out here


def _codes() -> dict[str, Code]:
    return {
        (fdi := f"{quadrant}{position}"): Code(
            value, "SCT", _MEANINGS_OF_THEIR_OWN.get(fdi, f"{start} {names[position - 1]} tooth")
        )
        for quadrant, (start, names, values) in _QUADRANTS.items()
        for position, value in enumerate(values.split(), 1)
    }


def _jaw(quadrants: str, size: int) -> list[str]:
    """Return the teeth of one jaw from the patient's right to left; `quadrants` names the two, right first."""
    right, left = quadrants[0], quadrants[1]
    return [f"{right}{n}" for n in range(size, 0, -1)] + [f"{left}{n}" for n in range(1, size + 1)]


_CODES: Final = _codes()
# Universal counts along the upper jaw from the patient's right to left, then back along the lower jaw.
_FDI_OF_UNIVERSAL: Final = {
    **{str(n): fdi for n, fdi in enumerate(_jaw("12", 8) + _jaw("43", 8)[::-1], 1)},
    **dict(zip("ABCDEFGHIJKLMNOPQRST", _jaw("56", 5) + _jaw("87", 5)[::-1], strict=True)),
}
_UNIVERSAL_OF_FDI: Final = {fdi: universal for universal, fdi in _FDI_OF_UNIVERSAL.items()}
_JAWS: Final = (_jaw("12", 8), _jaw("43", 8), _jaw("56", 5), _jaw("87", 5))

FDI_TEETH: Final = tuple(_CODES)


def _from_fdi(text: str) -> str | None:
    return text if text in _CODES else None


def _from_universal(text: str) -> str | None:
    return _FDI_OF_UNIVERSAL.get(text.upper().lstrip("0"))


_SYSTEMS: Final[dict[str, Callable[[str], str | None]]] = {"fdi": _from_fdi, "universal": _from_universal}


_TAKEN: Final = f"there is {' and '.join(_SYSTEMS)}; teeth of animals (Triadan) are not taken"


def parse_teeth(values: Iterable[str], system: str = "fdi") -> tuple[str, ...]:
    """Return the FDI numbers of `values`, each once, in their order; `system` is "fdi" or "universal".

    Raises InvalidValue (field `teeth[n]` or `tooth_system`) for an unknown tooth or system.
    """
    read = _SYSTEMS.get(system.lower())
    if read is None:
        raise InvalidValue(f"{system!r} is not a tooth system: fdi, universal", "tooth_system")
    teeth: dict[str, None] = {}
    for index, value in enumerate(values):
        tooth = read(value.strip())
        if tooth is None:
            raise InvalidValue(f"{value!r} is not a tooth in the {system} system; {_TAKEN}", f"teeth[{index}]")
        teeth[tooth] = None
    return tuple(teeth)


def universal_tooth(fdi: str, supernumerary: bool = False) -> str:
    """Return the Universal number or letter of a tooth ("36" -> "19"), or of a supernumerary one beside it ("69");
    raise InvalidValue if there is no such tooth."""
    try:
        universal = _UNIVERSAL_OF_FDI[fdi]
    except KeyError:
        raise InvalidValue(f"{fdi!r} is not a tooth", "teeth") from None
    if not supernumerary:
        return universal
    return str(int(universal) + 50) if universal.isdigit() else f"{universal}S"


def adjacent_teeth(first: str, last: str) -> tuple[str, ...]:
    """Return the teeth from one to another along their jaw, both included, in that direction; none when they are not
    of one jaw and one dentition."""
    for jaw in _JAWS:
        if first in jaw and last in jaw:
            start, end = jaw.index(first), jaw.index(last)
            return tuple(jaw[start : end + 1] if start <= end else jaw[end : start + 1][::-1])
    return ()


def tooth_code(fdi: str) -> Code:
    """Return the SNOMED CT code of a tooth; raise InvalidValue if there is no such tooth."""
    try:
        return _CODES[fdi]
    except KeyError:
        raise InvalidValue(f"{fdi!r} is not a tooth", "teeth") from None
