"""Escape sequences mean what HL7 says, and what is written is read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.connectors.hl7.escapes import escaped, unescape
from dicom_gateway.connectors.hl7.message import Separators

USUAL = Separators()


@pytest.mark.parametrize(
    ("sent", "codec", "meant"),
    [
        pytest.param(r"a\F\b\S\c\T\d\R\e\E\f", "ascii", "a|b^c&d~e\\f", id="separators"),
        pytest.param(r"one\.br\two\.sp2\three", "ascii", "one\ntwo\nthree", id="line breaks"),
        pytest.param(r"\H\bold\N\ \.in+4\text", "ascii", "bold text", id="looks"),
        pytest.param(r"OPERA\XC7\\XC3\O", "iso8859-1", "OPERA\u00c7\u00c3O", id="bytes of the set"),
        pytest.param(r"\XC3\\XA4\h", "utf-8", "\u00e4h", id="one letter in two sequences"),
        pytest.param(r"\XE4\h", "utf-8", "\u00e4h", id="bytes that are not of the set"),
        pytest.param(r"\XABC\x", "ascii", r"\XABC\x", id="half a byte"),
        pytest.param(r"\Zapp\x\C2842\y", "ascii", "xy", id="of a vendor, and another set"),
        pytest.param(r"C:\temp", "ascii", r"C:\temp", id="no sequence"),
        pytest.param(r"\foo bar\x", "ascii", r"\foo bar\x", id="unknown"),
    ],
)
def test_sequences_are_read(sent: str, codec: str, meant: str) -> None:
    assert unescape(sent, USUAL, codec) == meant


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]) | st.sampled_from("|^~\\&\n"))


@given(PRINTABLE, st.sampled_from([USUAL, Separators("#", "*", "!", "\\", "$")]))
def test_what_is_written_is_read_again(text: str, separators: Separators) -> None:
    plain = text.replace("\xa0", " ")
    written = escaped(plain, separators)
    assert unescape(written, separators, "utf-8") == "".join(
        one if one == "\n" or one.isprintable() else " " for one in plain
    )
    assert not set(written) & {separators.field, separators.component, separators.repetition, "\r", "\n"}
