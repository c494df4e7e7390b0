"""Codes of teeth in images: today's, yesterday's, supernumerary ones, and numbers."""

import pytest
from pydicom.sr._snomed_dict import mapping
from pydicom.sr.codedict import codes

from dicom_gateway.core.model import Code
from dicom_gateway.core.teeth import FDI_TEETH, tooth_code
from dicom_gateway.core.tooth_codes import CodedTooth, coded_tooth

TO_CT, TO_RT = mapping["SRT"], mapping["SCT"]
UNIVERSAL = [*map(str, range(1, 33)), *"ABCDEFGHIJKLMNOPQRST"]


@pytest.mark.parametrize("fdi", FDI_TEETH)
def test_a_tooth_by_its_code_of_today_and_by_its_number(fdi: str) -> None:
    value = tooth_code(fdi).value
    assert coded_tooth(Code(value, "SCT")) == coded_tooth(Code(fdi, "ISO3950")) == CodedTooth(fdi)
    for scheme in ("SRT", "SNM3", "99SDM"):
        assert value not in TO_RT or coded_tooth(Code(TO_RT[value], scheme)) == CodedTooth(fdi)


def test_snomed_rt_and_what_it_became_are_the_same_tooth() -> None:
    teeth = [f"T-{number}" for number in (*range(54210, 54521, 10), *range(54610, 54801, 10))]
    found = [coded_tooth(Code(value, "SRT")) for value in teeth]
    assert sorted(tooth.fdi for tooth in found if tooth) == sorted(FDI_TEETH)
    for value, tooth in zip(teeth, found, strict=True):
        assert coded_tooth(Code(TO_CT[value], "SCT")) == tooth
    assert [coded_tooth(Code(f"T-{number}", "SRT")) for number in (54282, 54462)] == [
        CodedTooth("11"),
        CodedTooth("42"),
    ]


NAMES = {  # the first word of the jaw and side, and of the tooth, by FDI digit
    "quadrant": dict(
        zip("12345678", ["maxillary right", "maxillary left", "mandibular left", "mandibular right"] * 2, strict=True)
    ),
    "permanent": "central incisor,lateral incisor,canine,first premolar,second premolar,"
    "first molar,second molar,third molar",
    "deciduous": "central incisor,lateral incisor,canine,first molar,second molar",
}


def test_supernumerary_teeth_are_known_by_the_one_beside_them() -> None:
    group = codes.cid4025
    entries = [getattr(group, name) for name in dir(group) if name[0].isupper()]
    assert len(entries) == 52
    found = {}
    for entry in entries:
        tooth = coded_tooth(Code(entry.value, "SCT"))
        assert tooth is not None and tooth.supernumerary
        dentition = "permanent" if tooth.fdi[0] in "1234" else "deciduous"
        name = NAMES[dentition].split(",")[int(tooth.fdi[1]) - 1]
        assert entry.meaning == f"Supernumerary {dentition} {NAMES['quadrant'][tooth.fdi[0]]} {name} tooth"
        assert coded_tooth(Code(TO_RT[entry.value], "SRT")) == tooth
        found[tooth.fdi] = tooth
    assert found.keys() == set(FDI_TEETH)


OTHERS = {
    "a number": (Code("36", "99FDI"), CodedTooth("36")),
    "a number with a year": (Code("11", "ISO 3950-1984"), CodedTooth("11")),
    "a Universal number": (Code("19", "UNIVERSAL"), CodedTooth("36")),
    "a Universal letter": (Code("a", "99UNIVERSAL"), CodedTooth("55")),
    "no such tooth": (Code("19", "FDI"), None),
    "the jaw": (Code("661005", "SCT"), None),
    "a private scheme": (Code("866006002", "99LOCAL"), None),
    "no scheme": (Code("36", ""), None),
    "nothing": (Code("", ""), None),
}


@pytest.mark.parametrize(("code", "tooth"), OTHERS.values(), ids=OTHERS)
def test_other_codes(code: Code, tooth: CodedTooth | None) -> None:
    assert coded_tooth(code) == tooth
