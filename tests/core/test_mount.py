"""Where the images of a mouth stand in a mount, and which of them have no place."""

from typing import Any

import pytest

from dicom_gateway.core.model import Instance, InstanceHeader, StoredObject
from dicom_gateway.core.mount import Group, Mount, Place, Row, Why, is_dental, lay_out

STORED = StoredObject("objects/00/0", "1.2", 0, 0, "")
UP, BW, DOWN, PAN = Row.UPPER, Row.BITEWINGS, Row.LOWER, Row.PANORAMIC


def shot(teeth: str = "", view: str = "Periapical", key: int = 1, **values: Any) -> Instance:
    header = InstanceHeader("1.2", "1.3", "1.4", "1.5", modality=values.pop("modality", "IO"), view=view, **values)
    return Instance(key, header.evolve(teeth=tuple(teeth.split())), STORED, 0, "SENSOR1")


def where(instance: Instance) -> Place | Why:
    mount = lay_out([instance])
    if mount.tray:
        return mount.tray[0][1]
    return next(field.place for _, fields in mount.rows for field in fields if field.instances)


CASES = {
    "one molar": (shot("16"), Place(UP, Group.MOLARS, "R")),
    "the patient's left below": (shot("37 36 35"), Place(DOWN, Group.MOLARS, "L")),
    "premolars and their neighbours": (shot("16 15 14 13"), Place(UP, Group.PREMOLARS, "R")),
    "a canine and its neighbours": (shot("22 23 24"), Place(UP, Group.CANINE, "L")),
    "canine and premolar": (shot("44 43"), Place(DOWN, Group.CANINE, "R")),
    "canine and lateral incisor": (shot("12 13"), Place(UP, Group.CANINE, "R")),
    "lateral incisor": (shot("12"), Place(UP, Group.LATERAL, "R")),
    "both incisors of a side": (shot("31 32"), Place(DOWN, Group.LATERAL, "L")),
    "across the midline": (shot("42 41 31 32"), Place(DOWN, Group.CENTRAL, "")),
    "one central incisor": (shot("21"), Place(UP, Group.CENTRAL, "")),
    "half premolars, half molars": (shot("35 36"), Place(DOWN, Group.MOLARS, "L")),
    "two premolars, two molars": (shot("14 15 16 17"), Place(UP, Group.MOLARS, "R")),
    "most of them premolars": (shot("74 75 35 38"), Place(DOWN, Group.PREMOLARS, "L")),
    "from the canine to the last molar": (shot("13 14 15 16 17 18"), Why.BETWEEN),
    "a primary molar": (shot("75"), Place(DOWN, Group.PREMOLARS, "L")),
    "a primary canine": (shot("53"), Place(UP, Group.CANINE, "R")),
    "primary and permanent": (shot("54 55 16"), Place(UP, Group.PREMOLARS, "R")),
    "two jaws on one periapical": (shot("16 46"), Why.BOTH_JAWS),
    "beside a supernumerary tooth": (shot(supernumerary_teeth=("11",)), Place(UP, Group.CENTRAL, "")),
    "a region and a side": (
        shot(region="Maxilla, First premolar region", laterality="L"),
        Place(UP, Group.PREMOLARS, "L"),
    ),
    "a region of molars": (
        shot(region="Mandible, Second molar region", laterality="R"),
        Place(DOWN, Group.MOLARS, "R"),
    ),
    "a region in the middle": (
        shot(region="Mandible, Central incisor region", laterality="B"),
        Place(DOWN, Group.CENTRAL, ""),
    ),
    "a region without a side": (shot(region="Maxilla, Canine region"), Why.NO_TEETH),
    "a jaw alone": (shot(region="Maxilla", laterality="R"), Why.NO_TEETH),
    "nothing at all": (shot(), Why.NO_TEETH),
    "bitewing of molars": (shot("17 16 47 46", "Bitewing"), Place(BW, Group.MOLARS, "R")),
    "bitewing of premolars": (shot("24 25 34 35", "Bitewing"), Place(BW, Group.PREMOLARS, "L")),
    "bitewing between them": (shot("15 16 45 46", "Bitewing"), Place(BW, Group.SIDE, "R")),
    "bitewing of a side": (shot("", "Bitewing", laterality="L"), Place(BW, Group.SIDE, "L")),
    "bitewing of nobody knows what": (shot("", "Bitewing"), Why.NO_TEETH),
    "bitewing across the midline": (shot("11 21 31 41", "Bitewing"), Why.BOTH_SIDES),
    "the view in more words": (shot("16", "Vertical bitewing"), Place(BW, Group.MOLARS, "R")),
    "no view, one jaw": (shot("36", ""), Place(DOWN, Group.MOLARS, "L")),
    "no view, both jaws": (shot("16 17 46 47", ""), Place(BW, Group.MOLARS, "R")),
    "no view, no teeth": (shot("", ""), Why.NO_VIEW),
    "no view, not of a sensor": (shot("36", "", modality="DX"), Why.NO_VIEW),
    "panoramic": (shot("", "Panoramic", modality="DX"), Place(PAN, Group.WHOLE, "")),
    "panoramic unit": (shot("", "", modality="PX"), Place(PAN, Group.WHOLE, "")),
    "ceph of a panoramic unit": (shot("", "Cephalometric", modality="PX"), Why.OTHER_VIEW),
    "occlusal": (shot("11 21", "Occlusal"), Why.OTHER_VIEW),
}


@pytest.mark.parametrize(("instance", "expected"), CASES.values(), ids=CASES)
def test_where_an_image_stands(instance: Instance, expected: Place | Why) -> None:
    assert where(instance) == expected


SERIES = (
    "17 16 15|16 15 14 13|14 13 12|11 21|22 23 24|23 24 25 26|25 26 27",
    "17 16 15 47 46|16 15 14 13 46 45 44 43|23 24 25 26 33 34 35 36|25 26 27 36 37",
    "47 46 45|46 45 44 43|44 43 42|42 41 31 32|32 33 34|33 34 35 36|35 36 37",
)


def full_mouth() -> list[Instance]:
    views = ("Periapical", "Bitewing", "Periapical")
    lists = [(view, teeth) for view, row in zip(views, SERIES, strict=True) for teeth in row.split("|")]
    return [shot(teeth, view, key) for key, (view, teeth) in enumerate(lists, 1)]


def keys(mount: Mount) -> list[list[list[int]]]:
    return [[[one.key for one in field.instances] for field in fields] for _, fields in mount.rows]


def test_a_full_mouth_series_of_18_fills_every_field_once() -> None:
    mount = lay_out(full_mouth()[::-1])
    expected = [[[key] for key in range(*span)] for span in ((1, 8), (8, 12), (12, 19))]
    assert keys(mount) == expected
    assert [row for row, _ in mount.rows] == [UP, BW, DOWN]
    assert mount.tray == ()


def test_more_incisors_have_places_of_their_own() -> None:
    more = [shot("12", key=30), shot("22", key=31), shot("", "Panoramic", key=32)]
    mount = lay_out(full_mouth() + more)
    pan, upper, _, lower = keys(mount)
    assert pan == [[32]]
    assert upper == [[1], [2], [3], [30], [4], [31], [5], [6], [7]]
    assert len(lower) == 7


def test_empty_fields_say_which_teeth_are_missing() -> None:
    (row, fields), *more = lay_out([shot("36")]).rows
    assert (row, more) == (DOWN, [])
    teeth = [" ".join(field.teeth) for field in fields]
    assert teeth == ["48 47 46", "45 44", "43", "41 31", "33", "34 35", "36 37 38"]
    assert [bool(field.instances) for field in fields] == [False] * 6 + [True]


def test_bitewings_alone_have_no_empty_fields() -> None:
    left, right = shot("24 25 34 35", "Bitewing", 1), shot("14 15 44 45", "Bitewing", 2)
    assert keys(lay_out([left, right])) == [[[2], [1]]]


def test_images_of_one_place_stand_together_the_latest_first() -> None:
    mount = lay_out([shot("11", key=4), shot("21", key=9), shot("11 21", key=6)])
    assert [one.key for _, fields in mount.rows for field in fields for one in field.instances] == [9, 6, 4]


@pytest.mark.parametrize(
    ("instance", "dental"),
    [
        (shot(modality="IO"), True),
        (shot("36", modality="DX"), True),
        (shot(modality="DX"), False),
        (shot(modality="US"), False),
    ],
)
def test_what_is_dental(instance: Instance, dental: bool) -> None:
    assert is_dental([instance.header]) is dental
    assert not is_dental([])
