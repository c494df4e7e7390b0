import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.character_sets import CODE_SETS, STAND_ALONE
from dicom_gateway.study.character_sets import CharacterSet

# the examples of PS3.5 annexes H, I, J and K, and what devices send instead
CASES = {
    "default": ([], b"Doe^Rex", "Doe^Rex", False),
    "Latin-1": (["ISO_IR 100"], b"Buc^J\xe9r\xf4me", "Buc^Jérôme", False),
    "UTF-8": (["ISO_IR 192"], "Wang^小东".encode(), "Wang^小东", False),
    "Cyrillic": (["ISO_IR 144"], b"\xbb\xee\xda\x63\x65\xdc\xd1\x79\x70\xd3", "Люкceмбypг", False),
    "GB18030": (["GB18030"], "王^小东".encode("gb18030"), "王^小东", False),
    "Japanese": (
        ["", "ISO 2022 IR 87"],
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        "Yamada^Tarou=山田^太郎",
        False,
    ),
    "Japanese, half width first": (
        ["ISO 2022 IR 13", "ISO 2022 IR 87"],
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        False,
    ),
    "a space among double bytes": (["", "ISO 2022 IR 87"], b"\x1b$B;3 ED\x1b(B", "山 田", False),
    "not back to ASCII before a delimiter": (["", "ISO 2022 IR 87"], b"\x1b$B;3ED^\x1b$BB@O:", "山田^太郎", True),
    "Korean without its second escape sequence": (
        ["", "ISO 2022 IR 149"],
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7",
        "Hong^Gildong=洪^吉洞",
        True,
    ),
    "kanji as Shift JIS": (["ISO_IR 13"], "山田^太郎".encode("shift_jis"), "山田^太郎", False),
    "UTF-8 after an empty value": (["", "ISO_IR 192"], "山田".encode(), "山田", True),
    "escape sequences in UTF-8": (["ISO_IR 192"], b"\x1b(BDoe", "(BDoe", True),
    "not a character of the set": (["", "ISO 2022 IR 87"], b"\x1b$B~~~~\x1b(B", "\ufffd\ufffd", True),
    "Korean": (
        ["", "ISO 2022 IR 149"],
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
        "Hong^Gildong=洪^吉洞",
        False,
    ),
    "Chinese by code extension": (
        ["", "ISO 2022 IR 58"],
        b"Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1",
        "Zhang=张^小",
        False,
    ),
    "escape sequence of another set": (["ISO 2022 IR 6"], b"\x1b-L\xbb\xee", "Лю", True),
    "unknown escape sequence": (["ISO 2022 IR 100"], b"\x1b%zabc", "abc", True),
    "none named, Latin-1": ([], b"M\xfcller", "Müller", True),
    "none named, UTF-8": ([], "Müller".encode(), "Müller", True),
    "empty term": ([""], b"M\xfcller", "Müller", True),
    "wrong": (["ISO_IR 192"], b"M\xfcller", "M\ufffdller", True),
    "misspelt": (["ISO-IR 100"], b"M\xfcller", "Müller", True),
    "unknown": (["KLINGON"], b"M\xfcller", "Müller", True),
    "unknown, UTF-8": (["KLINGON"], "Müller".encode(), "Müller", True),
    "unknown, ASCII": (["KLINGON"], b"Miller", "Miller", True),
    "NUL": ([], b"Doe\0^Rex\0", "Doe^Rex", False),
}


@pytest.mark.parametrize(("terms", "value", "text", "flawed"), CASES.values(), ids=CASES)
def test_decode(terms: list[str], value: bytes, text: str, flawed: bool) -> None:
    character_set = CharacterSet(terms)

    assert character_set.decode(value) == text
    assert character_set.flawed is flawed


TERMS = (*STAND_ALONE, *(f"ISO 2022 IR {number}" for number in CODE_SETS), "ISO_IR 100", "ISO_IR 13", "ISO_IR 6", "")
PIECES = st.sampled_from([one.escape for one in CODE_SETS.values()] + [b"\x1b(B", b"\x1b(J", b"^", b"=", b"\\", b"\n"])


@given(
    terms=st.lists(st.one_of(st.sampled_from(TERMS), st.text(max_size=20)), max_size=3),
    value=st.lists(st.one_of(st.binary(max_size=8), PIECES), max_size=12).map(b"".join),
)
def test_nothing_fails_and_all_can_be_stored(terms: list[str], value: bytes) -> None:
    text = CharacterSet(terms).decode(value)

    text.encode("utf-8")
    assert "\0" not in text
