"""Batches: cut into messages, and answered as a batch."""

from datetime import UTC, datetime

import pytest

from dicom_gateway.connectors.hl7.batch import Batch, joined, split

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ONE, TWO = b"MSH|^~\\&|PMS||||1||ORM^O01|1\rPID|1\r", b"MSH|^~\\&|PMS||||1||ORM^O01|2\r"
BOM = b"\xef\xbb\xbf"
FHS, BHS = b"FHS|^~\\&|PMS|CLINIC|GW|HERE|20261123||file||F1", b"BHS|^~\\&|PMS|CLINIC|GW|HERE|20261123||batch||B1"


@pytest.mark.parametrize(
    ("raw", "batch"),
    [
        pytest.param(ONE, Batch((ONE,)), id="one message"),
        pytest.param(b"", Batch((b"",)), id="nothing"),
        pytest.param(b"no HL7", Batch((b"no HL7",)), id="something else"),
        pytest.param(b" \r\nno\rMSH|^~\\&|", Batch((b" \r\nno\rMSH|^~\\&|",)), id="one with something before"),
        pytest.param(ONE + TWO, Batch((ONE, TWO)), id="one after the other"),
        pytest.param(b"\x0b" + ONE + b"\x1c\r\x0b" + TWO, Batch((ONE, TWO)), id="frames in a file"),
        pytest.param(BOM + ONE + TWO, Batch((BOM + ONE, BOM + TWO)), id="byte order mark"),
        pytest.param(b"\xff\xfeM\0S\0H\0", Batch((b"\xff\xfeM\0S\0H\0",)), id="UTF-16"),
        pytest.param(BHS + b"\r" + ONE + b"BTS|1\r", Batch((ONE,), (BHS,)), id="batch of one"),
        pytest.param(
            FHS + b"\r\n" + BHS + b"\r\n" + ONE + TWO + b"BTS|2\rFTS|1\r", Batch((ONE, TWO), (FHS, BHS)), id="file"
        ),
        pytest.param(BHS + b"\rBTS|0\r", Batch((), (BHS,)), id="empty batch"),
        pytest.param(b"MSH|^~\\&|\rNTE|1||MSH or BHS\rMSHA|\r", None, id="the word in a text"),
    ],
)
def test_messages(raw: bytes, batch: Batch | None) -> None:
    assert split(raw) == (batch or Batch((raw,)))


def test_answer_to_a_file() -> None:
    batch = split(FHS + b"\r" + BHS + b"\r" + ONE + TWO)
    answer = joined((b"MSH|1\rMSA|AA|1", b"MSH|2\rMSA|AE|2\r"), batch, "X9", NOW)
    assert answer.split(b"\r") == [
        b"FHS|^~\\&|GW|HERE|PMS|CLINIC|20261123080000+0000||||X9|F1",
        b"BHS|^~\\&|GW|HERE|PMS|CLINIC|20261123080000+0000||||X9|B1",
        b"MSH|1",
        b"MSA|AA|1",
        b"MSH|2",
        b"MSA|AE|2",
        b"BTS|2",
        b"FTS|1",
        b"",
    ]


def test_answer_to_messages_one_after_the_other() -> None:
    assert joined((b"MSH|1", b"MSH|2\r"), split(ONE + TWO), "X9", NOW) == b"MSH|1\rMSH|2\r"


def test_answer_to_a_short_header_with_other_separators() -> None:
    answer = joined((), Batch((), (b"BHS#^~\\&#PMS",)), "X9", NOW)
    assert answer == b"BHS#^~\\&###PMS##20261123080000+0000####X9#\rBTS#0\r"
