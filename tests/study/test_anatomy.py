"""What an image shows: by its codes in whatever scheme, by a device's words where there are none."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from dicom_gateway.core.model import InstanceHeader
from dicom_gateway.core.teeth import FDI_TEETH
from dicom_gateway.study import anatomy_rules as rules
from dicom_gateway.study.anatomy import _NAMES, _SIDES
from dicom_gateway.study.anatomy_text import read_text
from dicom_gateway.study.metadata import read_header
from tests.study.images import data_set, encoded

EXPLICIT = "1.2.840.10008.1.2.1"


def read(**attributes: Any) -> InstanceHeader:
    return read_header(encoded(data_set(**attributes)), EXPLICIT, None)


def item(**attributes: Any) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def code(value: str, scheme: str, meaning: str, **more: Any) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning, **more)


TOOTH_36 = code("866006002", "SCT", "Mandibular left first molar tooth")
TOOTH_11 = code("T-54280", "SRT", "Maxillary right central incisor tooth")
EXTRA_18 = code("2531000124107", "SCT", "Supernumerary permanent maxillary right third molar tooth")
MOLARS = code("699507006", "SCT", "First molar region")
RIGHT = code("G-A100", "SRT", "Right")
JAW = code("661005", "SCT", "Jaw region")
LATERAL = code("399067008", "SCT", "lateral")
CODED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "teeth": (
        {"PrimaryAnatomicStructureSequence": [TOOTH_36, TOOTH_11, TOOTH_36]},
        {"teeth": ("36", "11")},
    ),
    "a tooth beside a supernumerary one": (
        {"PrimaryAnatomicStructureSequence": [TOOTH_36, EXTRA_18]},
        {"teeth": ("36",), "supernumerary_teeth": ("18",)},
    ),
    "a tooth as region": (
        {"AnatomicRegionSequence": [TOOTH_11]},
        {"teeth": ("11",), "region": "Maxillary right central incisor tooth"},
    ),
    "a tooth as modifier": (
        {
            "PrimaryAnatomicStructureSequence": [
                code("38199008", "SCT", "Tooth", PrimaryAnatomicStructureModifierSequence=[TOOTH_36])
            ]
        },
        {"teeth": ("36",)},
    ),
    "a numbered tooth": ({"PrimaryAnatomicStructureSequence": [code("36", "ISO3950", "36")]}, {"teeth": ("36",)}),
    "a tooth of a private scheme": ({"PrimaryAnatomicStructureSequence": [code("866006002", "99X", "?")]}, {}),
    "a region with its modifiers": (
        {
            "AnatomicRegionSequence": [
                code("661005", "SCT", "Jaw region", AnatomicRegionModifierSequence=[MOLARS, RIGHT])
            ]
        },
        {"region": "Jaw region, First molar region", "laterality": "R"},
    ),
    "a region without a meaning": ({"AnatomicRegionSequence": [code("T-11180", "SRT", "")]}, {"region": "Mandible"}),
    "the region before the body part": (
        {"AnatomicRegionSequence": [JAW], "BodyPartExamined": "HEAD"},
        {"region": "Jaw region"},
    ),
    "the body part": ({"BodyPartExamined": "CHEST"}, {"region": "CHEST"}),
    "what all frames share": (
        {
            "SharedFunctionalGroupsSequence": [
                item(
                    FrameAnatomySequence=[
                        item(
                            FrameLaterality="R",
                            AnatomicRegionSequence=[JAW],
                            PrimaryAnatomicStructureSequence=[TOOTH_11],
                        )
                    ]
                )
            ]
        },
        {"laterality": "R", "region": "Jaw region", "teeth": ("11",)},
    ),
    "view code": ({"ViewCodeSequence": [LATERAL]}, {"view": "lateral"}),
    "view code with its modifier": (
        {
            "ViewCodeSequence": [
                code(
                    "399067008",
                    "SCT",
                    "lateral",
                    ViewModifierCodeSequence=[code("286866000", "SCT", "Mouth closed")],
                )
            ]
        },
        {"view": "lateral, Mouth closed"},
    ),
    "view position before its code": ({"ViewPosition": "AP", "ViewCodeSequence": [LATERAL]}, {"view": "AP"}),
    "laterality of the series": ({"Laterality": "R"}, {"laterality": "R"}),
    "laterality of the image first": ({"ImageLaterality": "L", "Laterality": "R"}, {"laterality": "L"}),
}
SHOWN = ("teeth", "supernumerary_teeth", "view", "region", "laterality", "from_text")


def shown(header: InstanceHeader) -> dict[str, Any]:
    return {name: found for name in SHOWN if (found := getattr(header, name))}


@pytest.mark.parametrize(("attributes", "expected"), CODED.values(), ids=CODED)
def test_codes(attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    header = read(Modality="IO", **attributes)
    assert shown(header) == expected and header.flags == ()


SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a comment": (
        {"Modality": "IO", "ImageComments": "Zahn 36", "SeriesDescription": "BW left"},
        {"teeth": ("36",), "view": "Bitewing", "laterality": "L", "from_text": ("laterality", "teeth", "view")},
    ),
    "codes first": (
        {
            "Modality": "IO",
            "PrimaryAnatomicStructureSequence": [TOOTH_36],
            "ImageLaterality": "R",
            "ImageComments": "Zahn 11",
            "SeriesDescription": "BW left",
        },
        {"teeth": ("36",), "laterality": "R", "view": "Bitewing", "from_text": ("view",)},
    ),
    "a supernumerary tooth is one": (
        {"Modality": "IO", "PrimaryAnatomicStructureSequence": [EXTRA_18], "ImageComments": "Zahn 17"},
        {"supernumerary_teeth": ("18",)},
    ),
    "the protocol": ({"Modality": "PX", "ProtocolName": "OPG adult"}, {"view": "Panoramic", "from_text": ("view",)}),
    "the processing": (
        {"Modality": "DX", "AcquisitionDeviceProcessingDescription": "Ceph lateral"},
        {"view": "Cephalometric", "from_text": ("view",)},
    ),
    "the body part": (
        {"Modality": "IO", "BodyPartExamined": "TOOTH 36"},
        {"teeth": ("36",), "region": "TOOTH 36", "from_text": ("teeth",)},
    ),
    "the study is of all its images": (
        {"Modality": "IO", "StudyDescription": "Bitewing links Zahn 36"},
        {"view": "Bitewing", "from_text": ("view",)},
    ),
    "the intra-oral class": (
        {"Modality": "DX", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.3", "SeriesDescription": "PA 46"},
        {"teeth": ("46",), "view": "Periapical", "from_text": ("teeth", "view")},
    ),
    "a dental word makes it dental": (
        {"Modality": "CR", "SeriesDescription": "Tooth 36 left"},
        {"teeth": ("36",), "laterality": "L", "from_text": ("laterality", "teeth")},
    ),
    "nothing dental": ({"Modality": "DX", "SeriesDescription": "#3 PA left 36, 37"}, {}),
    "an animal": (
        {"Modality": "DX", "PatientSpeciesDescription": "Canine", "SeriesDescription": "Thorax VD"},
        {"view": "Ventrodorsal", "from_text": ("view",)},
    ),
    "teeth of animals have other numbers": (
        {"Modality": "IO", "PatientSpeciesDescription": "Canine", "SeriesDescription": "tooth 36"},
        {},
    ),
    "a human is no animal": (
        {"Modality": "IO", "PatientSpeciesDescription": "Human", "SeriesDescription": "tooth 36"},
        {"teeth": ("36",), "from_text": ("teeth",)},
    ),
    "slices of a volume": ({"Modality": "CT", "SeriesDescription": "Zahn 36"}, {}),
    "several values": (
        {"Modality": "IO", "ImageComments": "Zahn 36\\x"},
        {"teeth": ("36",), "from_text": ("teeth",)},
    ),
    "a very long comment": (
        {"Modality": "IO", "ImageComments": "Zahn 36 " + "x" * 9000},
        {"teeth": ("36",), "from_text": ("teeth",)},
    ),
}


@pytest.mark.parametrize(("attributes", "expected"), SAID.values(), ids=SAID)
def test_words(attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    header = read(**attributes)
    assert shown(header) == expected and header.flags == ()


PANORAMIC = frozenset({rules.ANY, rules.DENTAL})
INTRAORAL = PANORAMIC | {rules.INTRAORAL}
ANIMAL = frozenset({rules.ANY, rules.ANIMAL})
TEETH = {
    "Zahn 36": "36",
    "Zahn36": "36",
    "ZAHN: 36": "36",
    "tooth 14": "14",
    "tooth_14": "14",
    "Tooth No. 14": "14",
    "dent 36": "36",
    "diente 36": "36",
    "Regio 13-23": "13 12 11 21 22 23",
    "Zähne 36-38": "36 37 38",
    "Zähne 36 bis 38": "36 37 38",
    "Zahn 36 und 37": "36 37",
    "Zahn 36/37": "36 37",
    "teeth 11, 12": "11 12",
    "teeth 36": "36",
    "Teeth (FDI): 36, 37": "36 37",
    "Teeth (FDI): 11": "11",
    "FDI 21": "21",
    "#19": "36",
    "# 3": "16",
    "tooth #30": "46",
    "#18, #19": "37 36",
    "#18-20": "37 36 35",
    "PA #14": "26",
    "#A": "55",
    "UR6": "16",
    "LL 6": "36",
    "36,37": "36 37",
    "36 + 37": "36 37",
    "PA 36": "36",
    "Periapical 46": "46",
    "Bitewing 16 26": "16 26",
    "BW left 16 17": "16 17",
    "Zahn 36 23.11.2026": "36",
    "Zahn 36 65 kV 7 mA": "36",
    "Zahn 11. Aufnahme": "11",
    # no teeth
    "": "",
    "36": "",
    "36 37": "",
    "2026-11-23": "",
    "23.11.26": "",
    "11-12-26": "",
    "11/12/26": "",
    "11:23": "",
    "11.23": "",
    "20261123": "",
    "11-12": "",
    "23.11.2026 36,37": "",
    "Zahn 19": "",
    "Zahn 99": "",
    "Zahn 136": "",
    "Zahn 36-46": "",
    "zahn 16 of 18": "",
    "Zahn 65 kV": "",
    "teeth 32": "",
    "28 teeth": "",
    "Image #3": "",
    "Aufnahme #12": "",
    "#1 of 4": "",
    "#2/4": "",
    "BW #1": "",
    "#36": "",
    "#0": "",
    "PA 14": "",
    "PA 12/14": "",
    "Periapical 11": "",
    "FMX 18": "",
    "FMX 18, 21": "",
    "Visit 11,12": "",
    "65 kV, 11 mA": "",
    "1.2.840.36.37": "",
}


@pytest.mark.parametrize(("text", "teeth"), TEETH.items(), ids=repr)
def test_teeth_in_words(text: str, teeth: str) -> None:
    assert read_text(text, INTRAORAL).teeth == tuple(teeth.split())


VIEWS = [
    ("BW left", INTRAORAL, "Bitewing", "", "L"),
    ("Bissflügel rechts", INTRAORAL, "Bitewing", "", "R"),
    ("Bissfluegelaufnahme re", INTRAORAL, "Bitewing", "", "R"),
    ("L BW", INTRAORAL, "Bitewing", "", "L"),
    ("BWR", INTRAORAL, "Bitewing", "", "R"),
    ("bitewing left and right", INTRAORAL, "Bitewing", "", "B"),
    ("periapical UL", INTRAORAL, "Periapical", "Maxilla", "L"),
    ("PA lower right", INTRAORAL, "Periapical", "Mandible", "R"),
    ("PA", PANORAMIC, "", "", ""),
    ("Rétro-alvéolaire", INTRAORAL, "Periapical", "", ""),
    ("Aufbissaufnahme Oberkiefer", INTRAORAL, "Occlusal", "Maxilla", ""),
    ("OPG", PANORAMIC, "Panoramic", "", ""),
    ("pano", PANORAMIC, "Panoramic", "", ""),
    ("Panoramaschichtaufnahme", PANORAMIC, "Panoramic", "", ""),
    ("Orthopantomogramm", PANORAMIC, "Panoramic", "", ""),
    ("Fernröntgenseitenbild", PANORAMIC, "Cephalometric", "", ""),
    ("Kiefergelenk beidseits", PANORAMIC, "", "Temporomandibular joint", "B"),
    ("Ober- und Unterkiefer, maxilla", PANORAMIC, "", "", ""),
    ("Company", PANORAMIC, "", "", ""),
    ("right", frozenset({rules.ANY}), "", "", ""),
    ("Abdomen right lateral", ANIMAL, "Right lateral", "", ""),
    ("Thorax DV", ANIMAL, "Dorsoventral", "", ""),
    ("Thorax DV", PANORAMIC, "", "", ""),
]


@pytest.mark.parametrize(
    ("text", "kinds", "view", "region", "side"), VIEWS, ids=[f"{row[0]} {len(row[1])}" for row in VIEWS]
)
def test_views_regions_and_sides_in_words(text: str, kinds: frozenset[str], view: str, region: str, side: str) -> None:
    found = read_text(text, kinds)
    assert (found.view, found.region, found.laterality) == (view, region, side)


@given(
    st.dates(min_value=date(1950, 1, 1)),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%y", "%Y%m%d", "%d-%m-%y", "%d.%m."]),
)
def test_a_date_is_no_tooth(day: date, form: str) -> None:
    written = day.strftime(form)
    for text in (written, f"Bitewing {written}", f"PA {written}", f"OPG, {written}"):
        assert read_text(text, INTRAORAL).teeth == ()


@given(st.text(alphabet="abdehinoptzw #,-./:+0123456789", max_size=60), st.sampled_from([INTRAORAL, PANORAMIC, ANIMAL]))
def test_whatever_is_read_is_teeth(text: str, kinds: frozenset[str]) -> None:
    found = read_text(text, kinds).teeth
    assert set(found) <= set(FDI_TEETH) and len(set(found)) == len(found)


@pytest.mark.parametrize("text", ["zahn " + "11 " * 2000, "#" * 9000, "a" * 9000, "-" * 9000, "#1," * 4000], ids=len)
def test_a_long_text_takes_no_longer(text: str) -> None:
    assert len(read_text(text, INTRAORAL).teeth) <= 52


def test_the_names_of_regions_and_sides_are_those_of_the_dictionary() -> None:
    group = codes.cid4016
    regions = {getattr(group, name).value: getattr(group, name).meaning for name in dir(group) if name[0].isupper()}
    assert {value: name for value, name in _NAMES.items() if value.isdigit()} == regions
    sides = {"R": codes.cid244.Right, "L": codes.cid244.Left, "B": codes.cid244.Bilateral}
    assert {value: side for value, side in _SIDES.items() if value.isdigit()} == {
        found.value: side for side, found in sides.items()
    }
