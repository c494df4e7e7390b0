"""How text is written in each character set, and what (0008,0005) may say: PS3.3 C.12.1.1.2, PS3.5 6.1.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes

from dicom_gateway.core.character_sets import CODE_SETS, SINGLE_BYTE, STAND_ALONE, known, repertoire, standard_term
from dicom_gateway.study.character_sets import CharacterSet
from tests.dicom.text_samples import EACH, Sample

SETS = (
    (),
    *((term,) for term in STAND_ALONE),
    *((f"ISO_IR {number}",) for number in SINGLE_BYTE),
    *(("", f"ISO 2022 IR {number}") for number in CODE_SETS),
    ("", "ISO 2022 IR 87", "ISO 2022 IR 159"),
    ("ISO 2022 IR 13", "ISO 2022 IR 87"),
    ("ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 149"),
    ("ISO 2022 IR 126", "ISO 2022 IR 58", "ISO 2022 IR 87"),
)
LETTERS = "aZ~ ^=\n-äŁĉĀşŒЖقΔשนﾔﾞ山出表鷗홍똠小东東€"


@EACH
def test_text_is_written_as_the_standard_shows(sample: Sample) -> None:
    assert repertoire(known(sample.terms.split("\\"))).encode(sample.name) == sample.encoded


@EACH
def test_text_is_read_as_the_standard_shows(sample: Sample) -> None:
    reader = CharacterSet(sample.terms.split("\\"))
    assert reader.decode(sample.encoded) == sample.name
    assert not reader.flawed


@pytest.mark.parametrize("terms", SETS, ids="+".join)
@given(text=st.text(LETTERS, max_size=12))
def test_what_is_written_is_read_again_or_is_not_carried(terms: tuple[str, ...], text: str) -> None:
    written = repertoire(terms)
    assert written.terms == terms
    if not all(map(written.carries, text)):
        with pytest.raises(UnicodeEncodeError):
            written.encode(text)
        return
    encoded = written.encode(text)
    reader = CharacterSet(terms)
    assert reader.decode(encoded) == text
    assert not reader.flawed


@pytest.mark.parametrize(
    "terms", [one for one in SETS if not {"203", "58"} & {t[-3:].strip() for t in one}], ids="+".join
)
@given(text=st.text(LETTERS, max_size=12))
def test_pydicom_reads_what_is_written(terms: tuple[str, ...], text: str) -> None:
    """But for Latin-9, which it does not know, and ISO-IR 58, of which it leaves the escape sequences in."""
    written = repertoire(terms)
    if all(map(written.carries, text)):
        read = decode_bytes(written.encode(text), convert_encodings(list(terms)), set(b"\r\n\t\f^="))
        assert read == text


def test_a_character_beyond_the_two_bytes_of_a_set_is_not_carried() -> None:
    """Python's codecs have more: composed Hangul in eight bytes, a yen sign in the place of the backslash."""
    assert not repertoire(("", "ISO 2022 IR 149")).carries("똠")
    assert not repertoire(("", "ISO 2022 IR 87")).carries("¥")
    assert not repertoire(("ISO_IR 13",)).carries("‾")
    assert not repertoire(("ISO_IR 13",)).carries("山")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ISO_IR 100", "ISO_IR 100"),
        ("ISO-IR 100", "ISO_IR 100"),
        ("ISO IR 100", "ISO_IR 100"),
        ("iso_ir_192", "ISO_IR 192"),
        ("UTF-8", "ISO_IR 192"),
        ("ISO 2022 IR 192", "ISO_IR 192"),
        ("ISO2022 IR 87", "ISO 2022 IR 87"),
        ("ISO_2022_IR_149", "ISO 2022 IR 149"),
        ("ISO 2022 58", "ISO 2022 IR 58"),
        ("ISO_IR 87", "ISO 2022 IR 87"),
        ("ISO 2022 GBK", "GBK"),
        (" GB18030 ", "GB18030"),
        ("", ""),
        ("ISO_IR 6", "ISO_IR 6"),
        ("ISO_IR 999", None),
        ("KLINGON", None),
        ("rot13", None),
        ("latin-1", "ISO_IR 100"),
    ],
)
def test_a_term_is_known_however_it_is_spelt(written: str, meant: str | None) -> None:
    assert standard_term(written) == meant


@pytest.mark.parametrize(
    ("terms", "meant"),
    [
        ([], ()),
        ([""], ()),
        (["ISO_IR 6"], ()),
        (["KLINGON"], ()),
        (["ISO_IR 100"], ("ISO_IR 100",)),
        (["ISO 2022 IR 100"], ("ISO 2022 IR 100",)),
        (["ISO 2022 IR 87"], ("", "ISO 2022 IR 87")),
        (["ISO 2022 IR 6", "ISO 2022 IR 87"], ("", "ISO 2022 IR 87")),
        (["", "ISO 2022 IR 87", "ISO 2022 IR 87"], ("", "ISO 2022 IR 87")),
        (["ISO_IR 100", "ISO_IR 144"], ("ISO 2022 IR 100", "ISO 2022 IR 144")),
        (["ISO_IR 192", "ISO 2022 IR 87"], ("ISO_IR 192",)),
        (["", "ISO_IR 192"], ("ISO_IR 192",)),
        (["ISO 2022 IR 149", "ISO 2022 IR 100"], ("", "ISO 2022 IR 149", "ISO 2022 IR 100")),
        (["", ""], ()),
    ],
    ids=str,
)
def test_terms_that_cannot_stand_together_are_mended(terms: list[str], meant: tuple[str, ...]) -> None:
    assert known(terms) == meant


@given(
    st.lists(st.one_of(st.sampled_from([term for terms in SETS for term in terms]), st.text(max_size=12)), max_size=4)
)
def test_what_is_known_is_known_as_it_is(terms: list[str]) -> None:
    found = known(terms)
    assert known(found) == found
    assert repertoire(found).terms == found
