"""Text for a device that has no character set for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.character_sets import ASCII, repertoire
from dicom_gateway.core.transliteration import transliterated

LATIN_1 = repertoire(("ISO_IR 100",))

CASES = {
    "umlauts lose their dots": ("Müller^Jürgen", "PN", "Muller^Jurgen"),
    "accents": ("Łukasz^Żak", "PN", "Lukasz^Zak"),
    "sharp s": ("Groß", "LO", "Gross"),
    "ligatures": ("Æther Œuvre", "LO", "Aether Oeuvre"),
    "accents apart": ("Mu\u0308ller", "LO", "Muller"),
    "Cyrillic": ("Иванов^Иван", "PN", "Ivanov^Ivan"),
    "Greek": ("Δημητρα", "LO", "Dimitra"),
    "Korean": ("김^희중", "PN", "Gim^HuiJung"),
    "ideographs beside Latin letters are left out": ("Yamada^Tarou=山田^太郎=やまだ^たろう", "PN", "Yamada^Tarou"),
    "kana stand in for ideographs": ("=山田^太郎=やまだ^たろう", "PN", "yamada^tarou"),
    "ideographs alone": ("=山田^太郎", "PN", "ShanTian^TaiLang"),
    "ideographs in the first group": ("王^小东", "PN", "Wang^XiaoDong"),
    "only components that have text get some": ("Мир^^Анна", "PN", "Mir^^Anna"),
    "delimiters and wildcards in other clothes": ("ａ＼ｂ＾ｃ＝ｄ？ｅ＊", "LO", "a_b_c_d_e_"),
    "a private character": ("\ue000", "LO", "_"),
    "half a surrogate pair": ("\ud83d", "LO", "_"),
    "an accent alone": ("\u0301", "LO", "_"),
    "marks of direction": ("a\u200fb", "LO", "ab"),
    "a station name stays short": ("北京市朝阳区第一医院", "SH", "BeiJingShiChaoYa"),
    "question marks that were there": ("Fuß?", "LO", "Fuss?"),
    "lines": ("Fuß\r\nlinks", "LT", "Fuss\r\nlinks"),
}


@pytest.mark.parametrize(("text", "vr", "expected"), CASES.values(), ids=CASES)
def test_in_ascii(text: str, vr: str, expected: str) -> None:
    assert transliterated(text, vr, ASCII.carries) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Müller^Łukasz", "Müller^Lukasz"),
        ("Mu\u0308ller Ł", "Müller L"),
        ("Ǖnal", "Unal"),
        ("Müller=山田", "Müller"),
        ("=Müller=やまだ", "yamada=Müller"),
    ],
)
def test_what_a_set_carries_is_kept(text: str, expected: str) -> None:
    assert transliterated(text, "PN", LATIN_1.carries) == expected


@given(text=st.text(min_size=1, max_size=20), vr=st.sampled_from(["LO", "PN", "SH", "LT"]))
@pytest.mark.parametrize("terms", [(), ("ISO_IR 100",), ("ISO_IR 144",), ("", "ISO 2022 IR 87")], ids="+".join)
def test_everything_is_carried_nothing_is_empty_and_nothing_new_is_a_delimiter(
    terms: tuple[str, ...], text: str, vr: str
) -> None:
    found = repertoire(terms)
    written = transliterated(text, vr, found.carries)
    found.encode(written)
    if any(character not in "^=" and not character.isspace() for character in text):
        assert written.strip("^= ")
    for character in "?*\\":
        assert written.count(character) <= text.count(character)
    if vr != "PN":
        assert written.count("^") <= text.count("^")
