"""In which set a device is answered: text, what it reads, what its query names -> SpecificCharacterSet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.character_set_choice import choice_of
from dicom_gateway.core.character_sets import CODE_SETS, SINGLE_BYTE, STAND_ALONE, known
from dicom_gateway.study.character_sets import CharacterSet

JAPANESE = ("ISO 2022 IR 13", "ISO 2022 IR 87", "ISO 2022 IR 159")
TERMS = (
    *STAND_ALONE,
    *(f"ISO_IR {number}" for number in (*SINGLE_BYTE, "6")),
    *(f"ISO 2022 IR {number}" for number in (*CODE_SETS, "6")),
)

# text, character_sets of the device, (0008,0005) of its query -> that of the answer; None: nothing carries it
CASES = {
    "ASCII needs no set": ("Doe", (), "", ""),
    "ASCII, whatever is listed": ("Doe", ("ISO_IR 192", "ISO_IR 100"), "", ""),
    "ASCII, whatever is named": ("Doe", (), "ISO_IR 192", ""),
    "nothing listed or named: Latin-1": ("Müller", (), "", "ISO_IR 100"),
    "nothing listed or named: UTF-8": ("Łukasz", (), "", "ISO_IR 192"),
    "what the query names": ("Łukasz", (), "ISO_IR 101", "ISO_IR 101"),
    "what the query names, though another is smaller": ("Müller", (), "ISO_IR 192", "ISO_IR 192"),
    "what the query names, with code extensions": (
        "山田",
        (),
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        "ISO 2022 IR 13\\ISO 2022 IR 87",
    ),
    "what the query names, spelt rightly": ("Müller", (), "ISO-IR 100", "ISO_IR 100"),
    "the named set does not carry it": ("山田", (), "ISO_IR 100", "ISO_IR 192"),
    "the named set is unknown": ("Müller", (), "KLINGON", "ISO_IR 100"),
    "the list counts, not the query": ("Müller", ("ISO_IR 100",), "ISO_IR 192", "ISO_IR 100"),
    "UTF-8 where it is listed": ("Müller", ("ISO_IR 100", "ISO_IR 192"), "", "ISO_IR 192"),
    "UTF-8 before GB18030": ("王", ("GB18030", "ISO_IR 192"), "", "ISO_IR 192"),
    "GB18030 carries everything": ("Müller山홍", ("ISO_IR 100", "GB18030"), "", "GB18030"),
    "GBK where it can": ("王", ("GBK", "ISO_IR 100"), "", "GBK"),
    "GBK where it cannot": ("ÿ", ("GBK", "ISO_IR 100"), "", "ISO_IR 100"),
    "the first listed that carries it": ("Müller", ("ISO_IR 144", "ISO_IR 148", "ISO_IR 100"), "", "ISO_IR 148"),
    "all of the answer in one set": ("Müller Łukasz", ("ISO_IR 100", "ISO_IR 101"), "", "ISO_IR 101"),
    "one of several with extensions": ("Müller", ("ISO 2022 IR 100", "ISO 2022 IR 144"), "", "ISO 2022 IR 100"),
    "two together": (
        "Müller Люк",
        ("ISO 2022 IR 100", "ISO 2022 IR 126", "ISO 2022 IR 144"),
        "",
        "ISO 2022 IR 100\\ISO 2022 IR 144",
    ),
    "three together": (
        "é Λ Ж",
        ("ISO 2022 IR 100", "ISO 2022 IR 126", "ISO 2022 IR 144", "ISO 2022 IR 138"),
        "",
        "ISO 2022 IR 100\\ISO 2022 IR 126\\ISO 2022 IR 144",
    ),
    "all together": (
        "é Λ Ж ש",
        ("ISO 2022 IR 100", "ISO 2022 IR 126", "ISO 2022 IR 144", "ISO 2022 IR 138"),
        "",
        "ISO 2022 IR 100\\ISO 2022 IR 126\\ISO 2022 IR 144\\ISO 2022 IR 138",
    ),
    "kanji by code extension": ("山田", JAPANESE, "", "\\ISO 2022 IR 87"),
    "katakana alone": ("ﾔﾏﾀﾞ", JAPANESE, "", "ISO 2022 IR 13"),
    "katakana and kanji": ("ﾔﾏﾀﾞ=山田", JAPANESE, "", "ISO 2022 IR 13\\ISO 2022 IR 87"),
    "kanji of both standards": ("森鷗外", JAPANESE, "", "\\ISO 2022 IR 87\\ISO 2022 IR 159"),
    "value 1 is the single-byte one": (
        "Müller 山",
        ("ISO 2022 IR 87", "ISO 2022 IR 100"),
        "",
        "ISO 2022 IR 100\\ISO 2022 IR 87",
    ),
    "not together without extensions": ("Müller Люк", ("ISO_IR 100", "ISO_IR 144"), "", None),
    "nothing carries it": ("山田", ("ISO_IR 100",), "", None),
    "ASCII only": ("Müller", ("ISO_IR 6",), "", None),
    "an unknown list is ASCII only": ("Müller", ("KLINGON",), "", None),
}


@pytest.mark.parametrize(("text", "listed", "named", "answered"), CASES.values(), ids=CASES)
def test_the_set_of_an_answer(text: str, listed: tuple[str, ...], named: str, answered: str | None) -> None:
    choice = choice_of(listed, known(named.split("\\")))
    found = choice.smallest(frozenset(text) - set(map(chr, range(128))))
    if answered is None:
        assert found is None
        return
    assert found is not None
    assert "\\".join(found.terms) == answered
    assert CharacterSet(found.terms).decode(found.encode(text)) == text


@pytest.mark.parametrize(
    ("text", "listed", "closest"),
    [
        ("山田", ("ISO_IR 100",), ""),
        ("Müller 山", ("ISO_IR 144", "ISO_IR 100"), "ISO_IR 100"),
        ("éЖ山", ("ISO 2022 IR 144", "ISO 2022 IR 100"), "ISO 2022 IR 144\\ISO 2022 IR 100"),
        ("é山", ("ISO_IR 6",), ""),
        ("\ud83d", (), ""),
        ("é\ud83d", (), "ISO_IR 100"),
    ],
)
def test_what_nothing_carries_goes_into_the_set_that_carries_most_of_it(
    text: str, listed: tuple[str, ...], closest: str
) -> None:
    choice = choice_of(listed, ())
    characters = frozenset(character for character in text if not character.isascii())
    assert choice.smallest(characters) is None
    assert "\\".join(choice.closest(characters).terms) == closest


@given(
    listed=st.lists(st.sampled_from(TERMS), max_size=6).map(tuple),
    named=st.lists(st.sampled_from(TERMS), max_size=3),
    text=st.text("aäłЖΛ山홍东ﾔ똠€", max_size=6) | st.text(max_size=4),
)
def test_an_answer_is_in_a_set_that_is_allowed_and_says_the_text(
    listed: tuple[str, ...], named: list[str], text: str
) -> None:
    choice = choice_of(listed, known(named))
    found = choice.smallest(frozenset(character for character in text if not character.isascii()))
    if found is None:
        return
    if listed:
        assert {term for term in found.terms if term} <= set(listed)
    assert CharacterSet(found.terms).decode(found.encode(text)) == text.replace("\0", "").replace("\x1b", "")
