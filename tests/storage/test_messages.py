"""Messages kept with what became of them, repeats known, old ones forgotten."""

import pytest

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.message_tables import MessageOrderRow
from dicom_gateway.storage.messages import (
    INTERRUPTED,
    SWEEP_BATCH,
    Before,
    Direction,
    MessageFilter,
    MessageStore,
    NewMessage,
    Result,
)
from tests.storage.builders import START, GatewayStore

RAW = b"\xef\xbb\xbfMSH|^~\\&|PMS\rPID|\xff\x00|\r"


@pytest.fixture
def messages(gateway_store: GatewayStore) -> MessageStore:
    return MessageStore(gateway_store.database, gateway_store.clock)


def a_message(control_id: str = "M1", raw: bytes = RAW, peer: str = "mypms", **values: str) -> NewMessage:
    given = {"direction": Direction.IN, "origin": "192.0.2.7", "type": "ORM^O01"} | values
    return NewMessage(peer=peer, control_id=control_id, raw=raw, **given)  # type: ignore[arg-type]


def test_a_message_and_what_became_of_it(gateway_store: GatewayStore, messages: MessageStore) -> None:
    key = messages.begin(a_message()).wait()
    shown = messages.get(key)
    assert (shown["outcome"], shown["finished_at"], shown["order_ids"]) == ("", None, [])
    gateway_store.clock.now += SECOND
    messages.finish(key, Result("AA", "kept", b"MSA|AA|M1", ("o2", "o1", "o2")))
    shown = messages.get(key)
    assert (shown["raw"], shown["answer"]) == (RAW, b"MSA|AA|M1")
    assert (shown["outcome"], shown["detail"], shown["order_ids"]) == ("AA", "kept", ["o1", "o2"])
    assert (shown["at"], shown["finished_at"]) == (START, START + SECOND)
    assert (shown["direction"], shown["peer"], shown["origin"]) == ("in", "mypms", "192.0.2.7")
    with pytest.raises(NotFound):
        messages.get(key + 1)


def test_one_that_went_out(messages: MessageStore) -> None:
    key = messages.record(a_message(direction=Direction.OUT), Result("AE", "207", b"MSA|AE", ("o1",)))
    shown = messages.get(key)
    assert (shown["direction"], shown["outcome"], shown["answer"], shown["order_ids"]) == (
        "out",
        "AE",
        b"MSA|AE",
        ["o1"],
    )


@pytest.mark.parametrize(
    ("message", "answer", "id_reused"),
    [
        pytest.param(a_message(), b"yes", False, id="same"),
        pytest.param(a_message(origin="192.0.2.8", type="x"), b"yes", False, id="by another way"),
        pytest.param(a_message(raw=b"MSH|other"), b"", True, id="other content"),
        pytest.param(a_message("M2"), b"", False, id="other control id"),
        pytest.param(a_message(peer="other"), b"", False, id="other source"),
        pytest.param(a_message("refused"), b"", False, id="refused before"),
        pytest.param(a_message("in work"), b"", False, id="in work"),
        pytest.param(a_message("", b"1"), b"no id", False, id="no control id"),
        pytest.param(a_message("", b"2"), b"", False, id="no control id, other content"),
    ],
)
def test_what_is_known_of_it(messages: MessageStore, message: NewMessage, answer: bytes, id_reused: bool) -> None:
    messages.record(a_message(), Result("AA", answer=b"yes"))
    messages.record(a_message("refused"), Result("AE", answer=b"no"))
    messages.record(a_message("", b"1"), Result("AA", answer=b"no id"))
    messages.begin(a_message("in work")).wait()
    messages.record(a_message(direction=Direction.OUT, peer="other"), Result("AA", answer=b"out"))
    before = messages.before(message, {"AA", "CA"})
    assert (before.answer, before.id_reused) == (answer, id_reused)
    assert (before.key is not None) == bool(answer)


def test_repeats_are_counted(messages: MessageStore) -> None:
    messages.record(a_message(), Result("AA"))
    for _ in range(2):
        key = messages.before(a_message(), {"AA"}).key
        assert key is not None
        messages.repeated(key)
    (row,) = messages.find(MessageFilter())
    assert row["repeats"] == 2
    assert messages.before(a_message("new"), {"AA"}) == Before()


def test_what_a_dead_process_left(messages: MessageStore) -> None:
    left = messages.begin(a_message()).wait()
    done = messages.record(a_message("M2"), Result("AA"))
    sent = messages.begin(a_message(direction=Direction.OUT)).wait()
    assert messages.interrupt() == 1
    assert [messages.get(key)["outcome"] for key in (left, done, sent)] == [INTERRUPTED, "AA", ""]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["M4", "M3", "M2", "M1"]),
        ({"limit": 2}, ["M4", "M3"]),
        ({"direction": "out"}, ["M4"]),
        ({"peer": "other"}, ["M3"]),
        ({"type": "ADT^A08"}, ["M2"]),
        ({"outcome": "AE"}, ["M2"]),
        ({"control_id": "M1"}, ["M1"]),
        ({"order_id": "o1"}, ["M3", "M1"]),
        ({"order_id": "o1", "peer": "other"}, ["M3"]),
        ({"order_id": "o9"}, []),
    ],
    ids=str,
)
def test_lists(gateway_store: GatewayStore, messages: MessageStore, wanted: dict[str, str], found: list[str]) -> None:
    for message, result in (
        (a_message("M1"), Result("AA", order_ids=("o1",))),
        (a_message("M2", type="ADT^A08"), Result("AE")),
        (a_message("M3", peer="other"), Result("AA", order_ids=("o1", "o2"))),
        (a_message("M4", direction=Direction.OUT), Result("AA")),
    ):
        messages.record(message, result)
        gateway_store.clock.now += SECOND
    rows = messages.find(MessageFilter(**wanted))  # type: ignore[arg-type]
    assert [row["control_id"] for row in rows] == found
    assert not [row for row in rows if "content" in row or "answer" in row]


def test_lists_come_in_pages(messages: MessageStore) -> None:
    for number in range(5):
        messages.record(a_message(f"M{number}"), Result("AA"))  # all of one instant
    seen: list[str] = []
    before = None
    while rows := messages.find(MessageFilter(limit=2, before=before)):
        seen += [row["control_id"] for row in rows]
        before = rows[-1]["at"], rows[-1]["key"]
    assert seen == ["M4", "M3", "M2", "M1", "M0"]


def test_old_ones_are_forgotten(gateway_store: GatewayStore, messages: MessageStore) -> None:
    for number in range(SWEEP_BATCH + 3):
        messages.begin(a_message(f"M{number}")).wait()
    messages.finish(1, Result("AA", order_ids=("o1",)))
    gateway_store.clock.now += SECOND
    kept = messages.record(a_message("kept"), Result("AA", order_ids=("o2",)))
    assert messages.sweep(START) == 0
    assert messages.sweep(START + SECOND) == SWEEP_BATCH + 3
    assert [row["key"] for row in messages.find(MessageFilter())] == [kept]
    orders = gateway_store.database.read(lambda tx: tx.values(MessageOrderRow.select(MessageOrderRow.order_id)))
    assert orders == ["o2"]


@pytest.mark.parametrize("text", ["a\x00b", "x" * 5000, "\udcff", "line\rline"], ids=ascii)
def test_texts_that_no_database_takes(messages: MessageStore, text: str) -> None:
    message = a_message(text, type=text, origin=text, peer="mypms")
    shown = messages.get(messages.record(message, Result("AA", text)))
    for name in ("control_id", "type", "origin"):
        assert len(shown[name]) <= 200
        assert "\x00" not in shown[name] and "\r" not in shown[name]
    assert messages.before(message, {"AA"}).key == shown["key"]
