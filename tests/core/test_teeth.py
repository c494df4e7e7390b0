import pytest
from pydicom.sr.codedict import codes

from dicom_gateway.core.teeth import FDI_TEETH, adjacent_teeth, parse_teeth, tooth_code, universal_tooth
from dicom_gateway.errors import InvalidValue

# Universal numbers in rows, each beside its FDI row.
CHARTS = [
    ("1 2 3 4 5 6 7 8", "18 17 16 15 14 13 12 11"),
    ("9 10 11 12 13 14 15 16", "21 22 23 24 25 26 27 28"),
    ("17 18 19 20 21 22 23 24", "38 37 36 35 34 33 32 31"),
    ("25 26 27 28 29 30 31 32", "41 42 43 44 45 46 47 48"),
    ("A B C D E F G H I J", "55 54 53 52 51 61 62 63 64 65"),
    ("K L M N O P Q R S T", "75 74 73 72 71 81 82 83 84 85"),
]

NAMES = {  # the quadrant as PS3.16 names it in pydicom's identifiers
    "1": "PermanentMaxillaryRight",
    "2": "PermanentMaxillaryLeft",
    "3": "MandibularLeft",
    "4": "MandibularRight",
    "5": "DeciduousMaxillaryRight",
    "6": "DeciduousMaxillaryLeft",
    "7": "DeciduousMandibularLeft",
    "8": "DeciduousMandibularRight",
}
PERMANENT = (
    "CentralIncisor LateralIncisor Canine FirstPremolar SecondPremolar FirstMolar SecondMolar ThirdMolar".split()
)
DECIDUOUS = "CentralIncisor LateralIncisor Canine FirstMolar SecondMolar".split()


@pytest.mark.parametrize(("universal", "fdi"), CHARTS, ids=lambda row: row[:5])
def test_universal_and_fdi_are_each_others_inverse(universal: str, fdi: str) -> None:
    assert parse_teeth(universal.split(), "universal") == tuple(fdi.split())
    assert [universal_tooth(tooth) for tooth in fdi.split()] == universal.split()


def test_there_are_52_teeth() -> None:
    assert sorted(FDI_TEETH) == sorted(tooth for _, fdi in CHARTS for tooth in fdi.split())


@pytest.mark.parametrize("fdi", FDI_TEETH)
def test_codes_are_those_of_the_dictionary(fdi: str) -> None:
    quadrant, position = fdi[0], int(fdi[1]) - 1
    context, parts = (codes.cid4018, PERMANENT) if quadrant in "1234" else (codes.cid4019, DECIDUOUS)
    name = "MandibularLeftLateralTooth" if fdi == "32" else f"{NAMES[quadrant]}{parts[position]}Tooth"
    expected = getattr(context, name)

    code = tooth_code(fdi)

    assert (code.value, code.scheme, code.meaning) == (expected.value, expected.scheme_designator, expected.meaning)


@pytest.mark.parametrize(("fdi", "universal"), [("18", "51"), ("48", "82"), ("36", "69"), ("55", "AS"), ("85", "TS")])
def test_a_supernumerary_tooth_has_a_universal_number(fdi: str, universal: str) -> None:
    assert universal_tooth(fdi, supernumerary=True) == universal


@pytest.mark.parametrize(
    ("first", "last", "teeth"),
    [
        ("14", "17", "14 15 16 17"),
        ("13", "23", "13 12 11 21 22 23"),
        ("23", "13", "23 22 21 11 12 13"),
        ("42", "32", "42 41 31 32"),
        ("53", "63", "53 52 51 61 62 63"),
        ("36", "36", "36"),
        ("14", "44", ""),
        ("16", "55", ""),
        ("19", "36", ""),
    ],
)
def test_the_teeth_from_one_to_another(first: str, last: str, teeth: str) -> None:
    assert adjacent_teeth(first, last) == tuple(teeth.split())


def test_order_is_kept_and_a_tooth_counts_once() -> None:
    assert parse_teeth([" 37 ", "36", "37"]) == ("37", "36")
    assert parse_teeth(["03", "a"], "universal") == ("16", "55")
    assert parse_teeth([]) == ()


@pytest.mark.parametrize(
    ("values", "system", "field"),
    [
        (["36", "19"], "fdi", "teeth[1]"),
        (["10"], "fdi", "teeth[0]"),
        (["56"], "fdi", "teeth[0]"),
        (["091"], "fdi", "teeth[0]"),
        (["33"], "universal", "teeth[0]"),
        (["1", "U"], "universal", "teeth[1]"),
        (["0"], "universal", "teeth[0]"),
        ([""], "universal", "teeth[0]"),
        ([""], "fdi", "teeth[0]"),
        (["36"], "palmer", "tooth_system"),
    ],
)
def test_an_unknown_tooth_is_named(values: list[str], system: str, field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_teeth(values, system)
    assert caught.value.field == field


@pytest.mark.parametrize("ask", [universal_tooth, tooth_code])
def test_no_answer_for_what_is_no_tooth(ask) -> None:
    with pytest.raises(InvalidValue):
        ask("19")


@pytest.mark.parametrize("system", ["fdi", "universal"])
def test_a_refused_tooth_is_told_what_there_is(system: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_teeth(["106"], system)
    assert "there is fdi and universal; teeth of animals (Triadan) are not taken" in str(caught.value)
