"""UIDs, AE titles, printable text, and what is minted."""

import random
import uuid
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.identifiers import (
    Minter,
    has_control_characters,
    has_leading_zero,
    is_ae_title,
    is_uid,
    mint_uid,
    printable,
)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("1.2.840.10008.1.1", True),
        ("1" * 64, True),
        ("1.02.3", True),  # breaks the rule, and is everyday
        ("", False),
        ("1" * 65, False),
        ("1.2.x", False),
        ("1.2 ", False),
        ("1.2\n", False),
        ("../1.2", False),
        ("1.2\x00", False),
        ("١.٢", False),
    ],
    ids=ascii,
)
def test_uids(text: str, good: bool) -> None:
    assert is_uid(text) is good


@pytest.mark.parametrize(
    ("uid", "found"), [("1.02.3", True), ("01.2", True), ("1.2.00", True), ("1.0.3", False), ("0.10.20", False)]
)
def test_leading_zeros(uid: str, found: bool) -> None:
    assert has_leading_zero(uid) is found


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("DX1", True),
        ("A" * 16, True),
        ("with space", True),
        ("lower*?", True),
        ("", False),
        (" " * 4, False),
        ("A" * 17, False),
        ("DX\\1", False),
        ("DX\n", False),
        ("Ä", False),
        ("DX\x7f", False),
    ],
    ids=ascii,
)
def test_ae_titles(text: str, good: bool) -> None:
    assert is_ae_title(text) is good


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller 東京", "Müller 東京"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("a\x1b[31m", "a\\x1b[31m"),
        ("a\u202eb", "a\\x202eb"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200 + "…"),
    ],
    ids=ascii,
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_printable_has_nothing_that_moves_a_cursor(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("text", "found"),
    [("a\x00", True), ("\t", True), ("\x1f", True), ("\x7f", True), ("\x85", True), ("\xa0", False), (" ~ä", False)],
    ids=ascii,
)
def test_control_characters(text: str, found: bool) -> None:
    assert has_control_characters(text) is found


@given(st.integers(0, 2**128 - 1))
def test_a_minted_uid_is_a_version_4_uuid(bits: int) -> None:
    uid = mint_uid(lambda size: bits)
    assert is_uid(uid) and not has_leading_zero(uid)
    found = uuid.UUID(int=int(uid.removeprefix("2.25.")))
    assert (found.version, found.variant) == (4, uuid.RFC_4122)


def test_minted_ids() -> None:
    numbers = {name: count(1) for name in ("accession_number", "procedure", "step")}
    minter = Minter(random.Random(7).getrandbits, lambda name: next(numbers[name]), "KL")
    assert [minter.accession_number() for _ in range(2)] == ["KL0000000001", "KL0000000002"]
    assert (minter.procedure_id(), minter.step_id()) == ("RP0000000001", "SPS0000000001")
    assert len(minter.order_id()) == 26 and minter.order_id() != minter.order_id()
    assert minter.uid() != minter.uid()
    assert max(len(minter.procedure_id()), len(minter.step_id())) <= 16


def test_an_accession_number_that_a_pms_has_used_is_passed_over() -> None:
    numbers = count(1)
    taken = {"0000000001", "0000000002"}
    minter = Minter(lambda size: 0, lambda name: next(numbers), is_taken=taken.__contains__)
    assert minter.accession_number() == "0000000003"
