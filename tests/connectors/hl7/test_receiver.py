"""What becomes of a message: whose it is, once only, kept, answered, whatever happens on the way."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_gateway.connectors.hl7.errors import REQUIRED, Hl7Error
from dicom_gateway.connectors.hl7.sender import Sender
from dicom_gateway.connectors.hl7.sources import Source
from dicom_gateway.errors import Unavailable
from dicom_gateway.storage.messages import MessageFilter
from tests.connectors.hl7.intake_builders import Intake, a_message, opened

PEER = Sender("192.0.2.7")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


@pytest.fixture
def intake(path: Path) -> Iterator[Intake]:
    with opened(path) as made:
        yield made


def outcome(answers: tuple[bytes, ...]) -> list[str]:
    """Return the MSA segments of answers."""
    lines = b"".join(answers).decode("latin-1").split("\r")
    return ["|".join(line.split("|")[:3]) for line in lines if line.startswith("MSA")]


def test_a_message_is_kept_with_its_outcome_and_answer(intake: Intake) -> None:
    answers = intake.receiver.receive(a_message("7"), PEER)
    assert outcome(answers) == ["MSA|AA|7"]
    assert intake.worked == [("7", "clinic", "192.0.2.7")]
    [row] = intake.messages.find(MessageFilter(order_id="order-7"))
    shown = intake.messages.get(row["key"])
    assert (shown["raw"], shown["answer"], shown["type"]) == (a_message("7"), answers[0], "ORM^O01")
    assert (shown["peer"], shown["origin"], shown["outcome"]) == ("clinic", "192.0.2.7", "AA")
    assert intake.counted == [("clinic", "AA")]


def test_it_is_kept_before_it_is_worked_on(intake: Intake) -> None:
    """What a message does that ends the process can be looked at afterwards."""
    seen: list[list[tuple[str, str]]] = []

    def during() -> None:
        intake.database.write(lambda tx: None)  # behind the record, in the same queue
        seen.append(intake.kept())

    intake.during = during
    intake.receiver.receive(a_message("7"), PEER)
    assert seen == [[("7", "")]]
    assert intake.kept() == [("7", "AA")]


@pytest.mark.parametrize(
    ("header", "sender", "source"),
    [
        pytest.param("PMS|CLINIC||", PEER, "clinic", id="application and facility"),
        pytest.param("PMS|OTHER||", PEER, "pms", id="application"),
        pytest.param("OTHER|CLINIC||", PEER, "anybody", id="any"),
        pytest.param("VETERA|||", PEER, "anybody", id="one that has a folder"),
        pytest.param("PMS|CLINIC||", Sender("a.hl7", "vetera"), "vetera", id="by its folder"),
    ],
)
def test_whose_it_is(intake: Intake, header: str, sender: Sender, source: str) -> None:
    assert outcome(intake.receiver.receive(a_message("1", header=header), sender)) == ["MSA|AA|1"]
    assert [name for _, name, _ in intake.worked] == [source]


def test_a_repeat_gets_the_same_answer_and_does_nothing(intake: Intake) -> None:
    first = intake.receiver.receive(a_message("7"), PEER)
    intake.now += 1_000_000
    assert intake.receiver.receive(a_message("7"), Sender("192.0.2.8")) == first
    assert len(intake.worked) == 1
    [row] = intake.messages.find(MessageFilter())
    assert row["repeats"] == 1
    assert intake.counted == [("clinic", "AA"), ("clinic", "repeated")]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(a_message("7", "other"), id="other content"),
        pytest.param(a_message("8"), id="other control id"),
        pytest.param(a_message("7", header="PMS|OTHER||"), id="other source"),
    ],
)
def test_what_is_no_repeat(intake: Intake, second: bytes) -> None:
    intake.receiver.receive(a_message("7"), PEER)
    intake.receiver.receive(second, PEER)
    assert len(intake.worked) == 2


def test_a_control_id_in_another_message_is_told(intake: Intake) -> None:
    for text in ("one", "other"):
        intake.receiver.receive(a_message("7", text), PEER)
    details = [row["detail"] for row in intake.messages.find(MessageFilter())]
    assert [("control id stood" in detail) for detail in details] == [True, False]


def test_what_was_refused_is_worked_on_again(intake: Intake) -> None:
    intake.fail = [Hl7Error("no placer number; ORC-2 must have one", REQUIRED, "ORC^1^2")]
    taken = intake.receiver.take(a_message("7"), PEER)
    assert outcome(taken.answers) == ["MSA|AE|7"]
    assert taken.reasons == ("AE 101 (ORC^1^2): no placer number; ORC-2 must have one",)
    assert not taken.is_temporary
    assert b"ORC^1^2" in taken.answers[0]
    assert outcome(intake.receiver.receive(a_message("7"), PEER)) == ["MSA|AA|7"]
    assert intake.kept() == [("7", "AE"), ("7", "AA")]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no HL7"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\xff" * 500, id="binary"),
        pytest.param(b"PID|1\r" + a_message(), id="another segment first"),
        pytest.param(b"MSH|^^^^|PMS\r", id="wrong MSH"),
    ],
)
def test_what_is_no_message_is_refused_and_kept(intake: Intake, raw: bytes) -> None:
    taken = intake.receiver.take(raw, PEER)
    assert [line[:6] for line in outcome(taken.answers)] == ["MSA|AR"]
    assert taken.reasons and not taken.is_temporary
    [row] = intake.messages.find(MessageFilter())
    assert (row["outcome"], row["peer"], row["origin"]) == ("AR", "", "192.0.2.7")
    assert intake.messages.get(row["key"])["raw"] == raw
    assert intake.counted == [("unknown", "AR")]
    assert intake.worked == []


def test_a_sender_that_nobody_knows(tmp_path: Path) -> None:
    with opened(
        tmp_path / "gateway.db", [Source("clinic", "PMS", "CLINIC"), Source("dropped", has_folder=True)]
    ) as intake:
        answer = intake.receiver.receive(a_message("7", header="NEW|PLACE||"), PEER)
    assert outcome(answer) == ["MSA|AR|7"]
    assert b"hl7_source" in answer[0] and b"NEW" in answer[0] and b"PLACE" in answer[0]


def test_an_unexpected_error_is_answered_with_a_reference(intake: Intake) -> None:
    intake.fail = [ZeroDivisionError("Doe^Jane")]
    taken = intake.receiver.take(a_message("7"), PEER)
    assert outcome(taken.answers) == ["MSA|AE|7"]
    assert "reference" in taken.reasons[0] and "Doe" not in taken.reasons[0]
    assert intake.kept() == [("7", "AE")]


def test_the_database_is_away_while_it_is_worked_on(intake: Intake) -> None:
    intake.fail = [Unavailable("the database cannot be written: full")]
    taken = intake.receiver.take(a_message("7"), PEER)
    assert outcome(taken.answers) == ["MSA|AE|7"]
    assert taken.is_temporary
    assert outcome(intake.receiver.receive(a_message("7"), PEER)) == ["MSA|AA|7"]


def test_no_acceptance_without_a_record(intake: Intake, path: Path) -> None:
    """Another program holds the database for as long as we would wait, after the work is done."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        intake.during = lambda: other.execute("BEGIN IMMEDIATE") and None
        taken = intake.receiver.take(a_message("7"), PEER)
        assert outcome(taken.answers) == ["MSA|AE|7"]
        assert taken.is_temporary
        other.execute("ROLLBACK")
    intake.during = lambda: None
    assert outcome(intake.receiver.receive(a_message("7"), PEER)) == ["MSA|AA|7"]


def test_the_same_message_by_several_ways_at_once_is_worked_on_once(intake: Intake) -> None:
    found: list[tuple[bytes, ...]] = []
    threads = [
        threading.Thread(target=lambda: found.append(intake.receiver.receive(a_message("7"), PEER))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(intake.worked) == 1
    assert len(found) == 8 and len(set(found)) == 1


def test_messages_at_once(intake: Intake) -> None:
    numbers = [str(number) for number in range(24)]
    threads = [threading.Thread(target=intake.receiver.receive, args=(a_message(number), PEER)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(intake.kept()) == sorted((number, "AA") for number in numbers)


def test_each_message_of_a_batch_by_itself(intake: Intake) -> None:
    intake.fail = [Hl7Error("wrong", REQUIRED, "PID^1^3")]
    batch = b"BHS|^~\\&|PMS|CLINIC|GW|GW|20261123||||B1\r" + a_message("1") + a_message("2") + b"BTS|2\r"
    taken = intake.receiver.take(batch, PEER)
    [answer] = taken.answers
    assert outcome(taken.answers) == ["MSA|AE|1", "MSA|AA|2"]
    assert answer.startswith(b"BHS|^~\\&|GW|GW|PMS|CLINIC|20261123090000+0100|") and answer.endswith(b"BTS|2\r")
    assert taken.reasons == ("message 1: AE 101 (PID^1^3): wrong",)
    assert intake.kept() == [("1", "AE"), ("2", "AA")]
    assert outcome(intake.receiver.receive(batch, PEER)) == ["MSA|AA|1", "MSA|AA|2"]
    assert [number for number, *_ in intake.worked] == ["2", "1"]


@pytest.mark.parametrize(("temporary", "code", "error"), [(True, "AE", b"|207^"), (False, "AR", b"|100^")])
def test_a_message_of_which_only_the_beginning_came(intake: Intake, temporary: bool, code: str, error: bytes) -> None:
    head = a_message("7")[:60]
    answers = intake.receiver.refuse(head, PEER, "larger than 16 MB", temporary)
    assert outcome(answers) == [f"MSA|{code}|7"]
    assert b"larger than 16 MB" in answers[0]
    assert error in answers[0]
    assert intake.kept() == [("7", code)]


@pytest.mark.parametrize(
    ("accept", "application", "expected"),
    [("AL", "NE", ["MSA|CA|7"]), ("NE", "NE", []), ("AL", "AL", ["MSA|CA|7", "MSA|AA|7"]), ("", "", ["MSA|AA|7"])],
)
def test_enhanced_mode_also_when_it_is_repeated(
    intake: Intake, accept: str, application: str, expected: list[str]
) -> None:
    raw = a_message("7").replace(b"|2.5.1\r", f"|2.5.1|||{accept}|{application}\r".encode())
    for _ in range(2):
        assert outcome(intake.receiver.receive(raw, PEER)) == expected
    assert len(intake.worked) == 1
