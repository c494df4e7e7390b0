"""Which teeth, view, region and side an image shows, and what animal: codes first, then the device's words.

PS3.3 10.5 (anatomy), C.8.11.2 and C.8.11.9 (DX and intra-oral), 10.19 (frame anatomy, the shared one). What only words
say is marked in `from_text`; the words are read by anatomy_text.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from dicom_gateway.core.model import Code
from dicom_gateway.core.species import SPECIES
from dicom_gateway.core.tooth_codes import CodedTooth, coded_tooth
from dicom_gateway.study import anatomy_rules as rules
from dicom_gateway.study.anatomy_text import read_text, says_dental
from dicom_gateway.study.data_set import DataSet

Concept = list[Code]

_REGION: Final = ("AnatomicRegionSequence", "AnatomicRegionModifierSequence")
_STRUCTURE: Final = ("PrimaryAnatomicStructureSequence", "PrimaryAnatomicStructureModifierSequence")
_SIDES: Final = {  # PS3.16 CID 244, as SNOMED CT and as SNOMED RT
    **dict.fromkeys(("24028007", "G-A100"), "R"),
    **dict.fromkeys(("7771000", "G-A101"), "L"),
    **dict.fromkeys(("51440002", "G-A102"), "B"),
}
_NAMES: Final = {  # of the regions of teeth, for codes that come without a meaning: CID 4016, CID 4017
    **dict.fromkeys(("661005", "T-D1213"), "Jaw region"),
    **dict.fromkeys(("91609006", "T-11180"), "Mandible"),
    **dict.fromkeys(("70925003", "T-11170"), "Maxilla"),
    **dict.fromkeys(("28035005", "T-54000"), "Teeth, gums and supporting structures"),
}
_HUMAN: Final = next(code for code in SPECIES if code.meaning == "Homo sapiens")
_NEUTERED: Final = {"ALTERED": True, "UNALTERED": False}


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What an image shows: the fields of InstanceHeader of the same names."""

    teeth: tuple[str, ...] = ()
    supernumerary_teeth: tuple[str, ...] = ()
    view: str = ""
    region: str = ""
    laterality: str = ""
    from_text: tuple[str, ...] = ()


def read_anatomy(data_set: DataSet) -> Anatomy:
    """Return what the codes of a data set say and, where they say nothing, its words."""
    places = list(_places(data_set))
    regions = [found for place in places for found in _concepts(place, *_REGION)]
    structures = [found for place in places for found in _concepts(place, *_STRUCTURE)]
    teeth = _teeth(structures) or _teeth(regions)
    coded: dict[str, Any] = {
        "teeth": tuple(dict.fromkeys(tooth.fdi for tooth in teeth if not tooth.supernumerary)),
        "supernumerary_teeth": tuple(dict.fromkeys(tooth.fdi for tooth in teeth if tooth.supernumerary)),
        "view": data_set.text("ViewPosition") or _view(data_set),
        "region": _region(regions) or data_set.text("BodyPartExamined"),
        "laterality": _laterality(data_set, places, [*regions, *structures]),
    }
    said = _said(data_set, [name for name in rules.EVERYTHING if not coded[name] and not (name == "teeth" and teeth)])
    return Anatomy(**coded | said, from_text=tuple(sorted(said)))


def _teeth(concepts: list[Concept]) -> list[CodedTooth]:
    return [tooth for concept in concepts for code in concept if (tooth := coded_tooth(code)) is not None]


def _places(data_set: DataSet) -> Iterator[DataSet]:
    """Yield where anatomy stands: the data set, and what all its frames share."""
    yield data_set
    for shared in data_set.items("SharedFunctionalGroupsSequence"):
        yield from shared.items("FrameAnatomySequence")


def _concepts(place: DataSet, keyword: str, modifiers: str) -> Iterator[Concept]:
    """Yield the code of each item of a sequence and, after it, its modifiers."""
    for item in place.items(keyword):
        code = item.code()
        yield ([code] if code else []) + item.codes(modifiers)


def _name(code: Code) -> str:
    return code.meaning or _NAMES.get(code.value, "")


def _region(regions: list[Concept]) -> str:
    names = dict.fromkeys(_name(code) for concept in regions for code in concept if code.value not in _SIDES)
    return ", ".join(filter(None, names))


def _view(data_set: DataSet) -> str:
    views = _concepts(data_set, "ViewCodeSequence", "ViewModifierCodeSequence")
    return ", ".join(filter(None, map(_name, next(views, []))))


def _laterality(data_set: DataSet, places: list[DataSet], coded: list[Concept]) -> str:
    plain = data_set.text("ImageLaterality") or data_set.text("Laterality")
    of_frames = (place.text("FrameLaterality") for place in places[1:])
    of_codes = (_SIDES.get(code.value, "") for concept in coded for code in concept)
    return plain or next(filter(None, (*of_frames, *of_codes)), "")


def _said(data_set: DataSet, wanted: list[str]) -> dict[str, Any]:
    """Return what the words of an image say of what is wanted, each from the first attribute that says it."""
    modality = data_set.text("Modality")
    if not wanted or modality not in rules.MODALITIES:
        return {}
    texts = [(data_set.words(keyword), may) for keyword, may in rules.ATTRIBUTES]
    kinds = _kinds(data_set, modality, [text for text, _ in texts])
    said: dict[str, Any] = {}
    for text, may in texts:
        for name in wanted if text else ():
            if name in may and name not in said and (found := getattr(read_text(text, kinds), name)):
                said[name] = found
    return said


def _kinds(data_set: DataSet, modality: str, texts: list[str]) -> frozenset[str]:
    kinds = {rules.ANY}
    if _is_animal(data_set):
        kinds.add(rules.ANIMAL)
    if modality == "IO" or data_set.text("SOPClassUID") in rules.INTRAORAL_CLASSES:
        kinds |= {rules.INTRAORAL, rules.DENTAL}
    dental = modality in rules.DENTAL_MODALITIES or data_set.text("BodyPartExamined") in rules.DENTAL_BODY_PARTS
    if dental or any(map(says_dental, filter(None, texts))):
        kinds.add(rules.DENTAL)
    return frozenset(kinds)


def _is_animal(data_set: DataSet) -> bool:
    described = data_set.words("PatientSpeciesDescription")
    species = data_set.codes("PatientSpeciesCodeSequence")
    human = any(code.value == _HUMAN.value for code in species) or described.lower() in ("human", "homo sapiens")
    return bool(described or species) and not human


def read_species(data_set: DataSet) -> str:
    """Return the species in words: the description, else the meaning of its code."""
    return _described(data_set, "PatientSpeciesDescription", "PatientSpeciesCodeSequence")


def read_breed(data_set: DataSet) -> str:
    """Return the breed in words: the description, else the meaning of its code."""
    return _described(data_set, "PatientBreedDescription", "PatientBreedCodeSequence")


def read_neutered(data_set: DataSet) -> bool | None:
    """Return whether an animal is neutered, None when the image does not say."""
    return _NEUTERED.get(data_set.text("PatientSexNeutered"))


def _described(data_set: DataSet, description: str, codes: str) -> str:
    return data_set.text(description) or next((_name(code) for code in data_set.codes(codes)), "")
