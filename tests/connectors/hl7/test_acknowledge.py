"""Answers: which, in which mode, with which fault, in the sender's own separators and version."""

from datetime import UTC, datetime

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from dicom_gateway.connectors.hl7.acknowledge import LONGEST_TEXT, acknowledge
from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.message import read_header

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
FAULT = Hl7Error("the date | is wrong", "102", "PID^1^7", more=[Hl7Error("no id", "101", "PID^1^3")])
UNKNOWN = Hl7Error("no such order", "204", "ORC^1^2^1^1")


def header(version: str = "2.5.1", mode: str = "|", kind: str = "ORM^O01^ORM_O01", charset: str = ""):  # type: ignore[no-untyped-def]
    text = f"MSH|^~\\&|PMS|CLINIC|GW|SITE|20270115||{kind}|C-1|P|{version}|||{mode}||{charset}\rPID|1\r"
    return read_header(text.encode())


def lines(answer: bytes) -> list[str]:
    assert answer.endswith(b"\r")
    return answer.decode().rstrip("\r").split("\r")


def test_a_message_that_was_taken() -> None:
    (answer,) = acknowledge(header(), "G-1", NOW, text="order A-1")
    assert lines(answer) == [
        "MSH|^~\\&|GW|SITE|PMS|CLINIC|20270115080000+0000||ACK^O01^ACK|G-1|P|2.5.1||||||",
        "MSA|AA|C-1|order A-1",
    ]


@pytest.mark.parametrize(
    ("version", "errors"),
    [
        ("2.5.1", ["ERR||PID^1^7|102^Data type error^HL70357|E||||the date \\F\\ is wrong",
                   "ERR||PID^1^3|101^Required field missing^HL70357|E||||no id"]),
        ("2.3.1", ["ERR|PID^1^7^102&Data type error&HL70357~PID^1^3^101&Required field missing&HL70357"]),
        ("", ["ERR||PID^1^7|102^Data type error^HL70357|E||||the date \\F\\ is wrong",
              "ERR||PID^1^3|101^Required field missing^HL70357|E||||no id"]),
    ],
)  # fmt: skip
def test_each_fault_stands_where_its_version_has_it(version: str, errors: list[str]) -> None:
    (answer,) = acknowledge(header(version), "G-1", NOW, FAULT)
    assert lines(answer)[1] == "MSA|AE|C-1|the date \\F\\ is wrong" + ("; no id" if version == "2.3.1" else "")
    assert lines(answer)[2:] == errors


@pytest.mark.parametrize(
    ("mode", "error", "codes"),
    [
        ("|", None, ["AA"]),
        ("|", FAULT, ["AE"]),
        ("|", UNKNOWN, ["AR"]),
        ("AL|NE", None, ["CA"]),
        ("AL|NE", FAULT, ["CE"]),
        ("AL|NE", UNKNOWN, ["CR"]),
        ("NE|AL", None, ["AA"]),
        ("AL|AL", None, ["CA", "AA"]),
        ("AL|AL", UNKNOWN, ["CR", "AR"]),
        ("NE|NE", FAULT, []),
        ("ER|SU", None, ["AA"]),
        ("ER|SU", FAULT, ["CE"]),
        ("AL|", None, ["CA"]),
    ],
)
def test_the_mode_says_which_answers_come(mode: str, error: Hl7Error | None, codes: list[str]) -> None:
    answers = acknowledge(header(mode=mode), "G-1", NOW, error)
    assert [lines(answer)[1].split("|")[1] for answer in answers] == codes
    ids = [lines(answer)[0].split("|")[9] for answer in answers]
    assert len(set(ids)) == len(ids)


def test_a_message_without_a_readable_header_is_answered() -> None:
    (answer,) = acknowledge(None, "G-1", NOW, Hl7Error("no MSH", "100", ack="AR"))
    assert lines(answer)[0].startswith("MSH|^~\\&|DICOM_GATEWAY||||")
    assert lines(answer)[1] == "MSA|AR||no MSH"


def test_the_answer_is_in_the_senders_character_set_and_separators() -> None:
    raw = "MSH#*!\\$#PR\u00c4XIS#B#GW#S#2027##ORM*O01#7#P#2.4######8859/1\r".encode("latin-1")
    (answer,) = acknowledge(read_header(raw), "G-1", NOW, FAULT)
    assert answer.startswith("MSH#*!\\$#GW#S#PR\u00c4XIS#B#".encode("latin-1"))
    assert b"\rMSA#AE#7#the date | is wrong; no id\r" in answer


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5.1"])
@pytest.mark.parametrize("error", [None, UNKNOWN], ids=["taken", "refused"])
def test_the_answers_are_valid(version: str, error: Hl7Error | None) -> None:
    (answer,) = acknowledge(header(version), "G-1", NOW, error)
    found = parse_message(answer.decode(), validation_level=VALIDATION_LEVEL.TOLERANT)
    has_structure = version >= "2.4"  # MSH-9.3; before it hl7apy can judge the segments only
    assert found.validate() if has_structure else all(segment.validate() for segment in found.children)
    assert found.msa.msa_1.value == ("AR" if error else "AA")


def test_a_text_of_many_faults_is_bounded() -> None:
    more = [Hl7Error(f"fault {number} " + "x" * 90, "102", f"NTE^{number}^3") for number in range(1, 30)]
    (answer,) = acknowledge(header("2.3.1"), "G-1", NOW, Hl7Error("fault 0", "102", "PID^1^7", more=more))
    text = lines(answer)[1].split("|")[3]
    assert text.startswith("fault 0; fault 1 xxx")
    assert text.endswith("; and 20 more")
    assert len(text) <= LONGEST_TEXT + len("; and 20 more")
    assert lines(answer)[2].count("~") == 29
