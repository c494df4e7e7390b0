"""Events to a PMS by HL7, through the outbox: what is delivered, tried again, parked; what goes back as it was sent."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hl7
import pytest

from dicom_gateway.connectors.hl7.client import MllpClient
from dicom_gateway.connectors.hl7.sent import as_sent
from dicom_gateway.connectors.hl7.sink import FEW_TRIES, Hl7Sink, Lookup
from dicom_gateway.connectors.hl7.template import load_template
from dicom_gateway.core.envelope import Event, EventType, envelope
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Instance, Order, Thumbnail
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.messages import Direction, MessageFilter, MessageStore, NewMessage, Result
from dicom_gateway.storage.outbox import Target
from dicom_gateway.worker import Deliverer
from tests.connectors.hl7.events import HEADER, ZONE
from tests.connectors.hl7.mllp_receiver import Answering, Receiver, ack, answers, closes, receiving, sends, silent
from tests.storage.builders import PMS, START, GatewayStore, opened

NAME = "pims"
LATER = "ERR||PID^1^3|207^x^HL70357|E||||try later\r"
NEVER = "ERR||ORC^1^2|204^x^HL70357|E||||no such order\r"


class Pictures:
    """Gives the same small picture for every image."""

    def thumbnail(self, instance: Instance) -> Thumbnail:
        return Thumbnail(b"\xff\xd8 a picture", 1, 1)


class World:
    """A gateway with one PMS by HL7: its stores, what sends, and what receives."""

    def __init__(self, store: GatewayStore, port: int, template: str, thumbnails: str) -> None:
        self.store, self.now = store, store.clock
        self.messages = MessageStore(store.database, store.clock)
        self.counted: list[str] = []
        lookup = Lookup(
            self._order, lambda order: as_sent(self.messages, order), self._procedure, lambda uid: f"https://g/{uid}"
        )
        client = MllpClient("127.0.0.1", port, 0.5)
        self.sink = Hl7Sink(NAME, load_template(template), HEADER, client, lookup, self.messages, ZONE)
        self.deliverer = Deliverer(
            NAME, self.sink, thumbnails, "", store.outbox, store.studies, Pictures(), store.clock, lambda: 0.5,
            lambda target, word, seconds: self.counted.append(word),
        )  # fmt: skip

    def _order(self, order_id: str) -> Order | None:
        try:
            return self.store.orders.get(order_id)
        except NotFound:
            return None

    def _procedure(self, uid: str) -> str:
        return self.store.studies.get(uid)[0].requested_procedure_id

    def deliver(self) -> None:
        """Deliver what is due."""
        while self.deliverer.run() == self.now():
            continue

    def try_again(self, times: int = 1) -> None:
        """Let the next tries come."""
        for _ in range(times):
            self.now.now = self.store.outbox.next_due(self.now(), NAME)
            self.deliver()

    def log(self) -> list[tuple[str, str, int]]:
        """Return (type, outcome, repeats) of what was sent, oldest first."""
        rows = self.messages.find(MessageFilter(direction="out"))
        return [(row["type"], row["outcome"], row["repeats"]) for row in reversed(rows)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., tuple[World, Receiver]]]:
    with ExitStack() as stack:

        def make(
            answer: Answering, template: str = "orm", thumbnails: str = "none", port: int = 0, **target: Any
        ) -> tuple[World, Receiver]:
            receiver = stack.enter_context(receiving(answer))
            targets = (Target(NAME, **target),)
            store = stack.enter_context(opened(tmp_path / "gateway.db", targets=targets))
            return World(store, port or receiver.port, template, thumbnails), receiver

        yield make


def segment(message: bytes, name: str) -> list[str]:
    """Return the fields of the first segment of a name."""
    found = next(line for line in message.decode().split("\r") if line.startswith(name))
    return found.split("|")


def examined(store: GatewayStore) -> Order:
    """Take an order in, let it be begun and done with one image; return it."""
    order = store.order()
    store.create_mpps()
    store.image()
    store.set_mpps("9.1", "1.2.3.1.1")
    store.settle_all()
    return order


def test_a_day_of_an_order(world: Callable[..., tuple[World, Receiver]]) -> None:
    made, receiver = world(answers("AA"))
    order = examined(made.store)
    made.deliver()
    told = [(segment(one, "MSH")[8], segment(one, "ORC")[1], segment(one, "ORC")[5]) for one in receiver.messages]
    assert told == [("ORM^O01", "SC", "IP"), ("ORM^O01", "SC", "CM"), ("ORU^R01", "RE", "CM")]
    assert {segment(one, "ORC")[2] for one in receiver.messages} == {"A-1"}
    assert hl7.parse(receiver.messages[2].decode())["OBX.F5"] is not None
    assert segment(receiver.messages[2], "OBX")[5] == "1.2.3"
    assert b"|ED|" not in receiver.messages[2]
    assert made.counted == ["delivered"] * 3
    assert made.log() == [("ORM^O01", "AA", 0)] * 2 + [("ORU^R01", "AA", 0)]
    row = made.messages.find(MessageFilter(order_id=order.id, limit=1))[0]
    kept = made.messages.get(row["key"])
    assert (kept["raw"], kept["peer"], kept["order_ids"]) == (receiver.messages[2], NAME, [order.id])
    assert b"MSA|AA|" in kept["answer"]
    events = [event["id"].removeprefix("evt_")[:20] for event in made.store.events()]
    assert [segment(one, "MSH")[9] for one in receiver.messages] == events


def test_a_thumbnail_only_when_it_is_switched_on(world: Callable[..., tuple[World, Receiver]]) -> None:
    made, receiver = world(answers("AA"), "omg", "inline", types=frozenset({"study.received"}))
    examined(made.store)
    made.deliver()
    (message,) = receiver.messages
    data = base64.b64encode(b"\xff\xd8 a picture").decode()
    assert f"|ED|THUMBNAIL^Thumbnail, not for diagnosis^L|4|^IM^JPEG^Base64^{data}|".encode() in message


def cancelled(made: World) -> None:
    made.store.orders.cancel(made.store.order().id, PMS)
    made.deliver()


OUTCOMES = {
    # answer, how the first try ends, how the fourth does
    "AA": (answers("AA"), "delivered", "delivered"),
    "CA then AA": (answers("CA", "AA"), "delivered", "delivered"),
    "CA alone": (answers("CA"), "failed", "failed"),
    "AE": (answers("AE"), "failed", "parked"),
    "CE": (answers("CE"), "failed", "parked"),
    "CA then AE": (answers("CA", "AE"), "failed", "parked"),
    "AR 207": (answers("AR", err=LATER), "failed", "failed"),
    "AE 207": (answers("AE", err=LATER), "failed", "failed"),
    "AR 204": (answers("AR", err=NEVER), "parked", "parked"),
    "closes": (closes, "failed", "failed"),
    "silent": (silent, "failed", "failed"),
    "no HL7": (sends(b"\x0bhello\x1c\r"), "failed", "failed"),
    "another's": (
        lambda receiver, connection, message: connection.sendall(ack(message, control="x")),
        "failed",
        "failed",
    ),
}


@pytest.mark.parametrize(("answer", "first", "fourth"), OUTCOMES.values(), ids=OUTCOMES)
def test_how_it_ends(world: Callable[..., tuple[World, Receiver]], answer: Answering, first: str, fourth: str) -> None:
    made, receiver = world(answer)
    cancelled(made)
    assert made.counted == [first]
    if first == "failed":
        made.try_again(FEW_TRIES - 1)
        assert made.counted[-1] == fourth and set(made.counted[:-1]) == {"failed"}
        assert len(receiver.messages) == FEW_TRIES
        assert len(set(receiver.messages)) == 1  # byte for byte the same
        (entry,) = made.log()
        assert entry[2] == FEW_TRIES - 1  # kept once, and counted


def test_what_is_refused_is_parked_with_the_reason(world: Callable[..., tuple[World, Receiver]]) -> None:
    made, _ = world(answers("AR", err=NEVER))
    cancelled(made)
    (alarm,) = made.store.audit.alarms()
    assert (alarm["kind"], alarm["detail"]) == (
        "delivery parked",
        "pims: AR 204 Unknown key identifier: no such order",
    )


def test_a_person_may_ask_again_for_what_was_parked(world: Callable[..., tuple[World, Receiver]]) -> None:
    codes = ["AE"] * (FEW_TRIES + 1) + ["AA"]
    made, receiver = world(lambda receiver, connection, message: connection.sendall(ack(message, codes.pop(0))))
    cancelled(made)
    made.try_again(FEW_TRIES - 1)
    assert made.counted[-1] == "parked"
    made.store.outbox.retry(made.now(), PMS, target=NAME)
    made.deliver()
    made.try_again()
    assert made.counted[-2:] == ["failed", "delivered"]


def test_a_pms_that_is_away_for_a_day_gets_everything_in_order(world: Callable[..., tuple[World, Receiver]]) -> None:
    codes: list[str] = []

    def away(receiver: Receiver, connection: Any, message: bytes) -> None:
        connection.sendall(ack(message)) if codes else connection.close()

    made, receiver = world(away)
    examined(made.store)
    made.deliver()
    made.try_again(20)
    assert set(made.counted) == {"failed"} and made.now() - START > 12 * 3600 * SECOND
    receiver.messages.clear()
    codes.append("AA")
    made.try_again()
    assert [segment(one, "ORC")[5] for one in receiver.messages] == ["IP", "CM", "CM"]


def test_nobody_listens(world: Callable[..., tuple[World, Receiver]]) -> None:
    made, _ = world(answers("AA"), port=1)
    cancelled(made)
    (row,) = made.store.outbox.deliveries()
    assert (row["status"], row["detail"]) == ("pending", "connection refused")
    assert made.log() == []  # only what left is kept


ORDERED = (
    "MSH|^~\\&|PIMS|CLINIC|GW|GW|20270115||ORM^O01|77|P|2.3.1\r"
    "PID|1|78|P-78^^^MYPMS^PI~900^^^CHIP||Doe^Rex\r"
    "ORC|NW|A-1^PIMS&1.2.3&ISO|F\\T\\7^DEPT||SC\rOBR|1|A-1^PIMS&1.2.3&ISO||XR\r"
)


def as_received(made: World, text: str, order: Order, outcome: str = "AA") -> None:
    message = NewMessage(Direction.IN, "mypms", "127.0.0.1", "ORM^O01", "77", text.encode())
    made.messages.record(message, Result(outcome, order_ids=(order.id,)))


def test_the_numbers_of_an_order_by_hl7_go_back_as_they_came(world: Callable[..., tuple[World, Receiver]]) -> None:
    made, receiver = world(answers("AA"))
    order = made.store.order()
    as_received(made, ORDERED, order)
    as_received(made, ORDERED.replace("PIMS&", "WRONG&"), order, "AE")
    made.store.orders.cancel(order.id, PMS)
    made.deliver()
    (message,) = receiver.messages
    assert segment(message, "ORC")[1:4] == ["SC", "A-1^PIMS&1.2.3&ISO", "F\\T\\7^DEPT"]
    assert segment(message, "OBR")[2:4] == ["A-1^PIMS&1.2.3&ISO", "F\\T\\7^DEPT"]
    assert segment(message, "PID")[2:4] == ["78", "P-78^^^MYPMS^PI~900^^^CHIP"]


STRANGE = {
    "of another order": (ORDERED.replace("A-1", "A-2"), "A-1", "P-78^^^MYPMS"),
    "of another patient": (ORDERED.replace("P-78", "P-9"), "A-1^PIMS&1.2.3&ISO", "P-78^^^MYPMS"),
    "unreadable": ("hello", "A-1", "P-78^^^MYPMS"),
    "other separators": (
        ORDERED.replace("^", "@").replace("@~\\&|", "@~\\&|"),
        "A-1^PIMS&1.2.3&ISO",
        "P-78^^^MYPMS^PI~900^^^CHIP",
    ),
}


@pytest.mark.parametrize(("text", "orc_2", "pid_3"), STRANGE.values(), ids=STRANGE)
def test_a_message_that_says_something_else(
    world: Callable[..., tuple[World, Receiver]], text: str, orc_2: str, pid_3: str
) -> None:
    made, receiver = world(answers("AA"))
    order = made.store.order()
    as_received(made, text, order)
    made.store.orders.cancel(order.id, PMS)
    made.deliver()
    assert segment(receiver.messages[0], "ORC")[2] == orc_2
    assert segment(receiver.messages[0], "PID")[3] == pid_3


def test_only_events_that_are_wanted_are_queued(world: Callable[..., tuple[World, Receiver]]) -> None:
    made, receiver = world(answers("AA"), types=frozenset({"order.completed"}))
    examined(made.store)
    made.deliver()
    assert [segment(one, "ORC")[5] for one in receiver.messages] == ["CM"]
    assert made.store.outbox.depth() == {(NAME, "delivered"): 1}


def test_an_event_without_a_message_is_done(world: Callable[..., tuple[World, Receiver]]) -> None:
    made, receiver = world(answers("AA"))
    made.store.image(patient_id="P-1", study_instance_uid="7.7")
    made.store.settle_all()
    made.deliver()
    (row,) = made.store.outbox.deliveries()
    assert (row["status"], row["detail"]) == ("delivered", "not sent: the template has no message for it")
    assert receiver.messages == []


TEST = json.dumps(envelope("evt_test_1800000000000000", Event(EventType.TEST, START))).encode()
TESTED = {
    "AA": (answers("AA"), True, "AA"),
    "AR 200": (answers("AR", err=NEVER.replace("204", "200")), True, "connected, and answered AR 200 Unsupported"),
    "AE": (answers("AE"), True, "connected, and answered AE"),
    "silent": (silent, False, "no answer within 0.5 s"),
}


@pytest.mark.parametrize(("answer", "delivered", "words"), TESTED.values(), ids=TESTED)
def test_the_test_event(
    world: Callable[..., tuple[World, Receiver]], answer: Answering, delivered: bool, words: str
) -> None:
    made, receiver = world(answer)
    outcome = made.sink.deliver("evt_test_1800000000000000", 0, TEST)
    assert outcome.delivered is delivered and outcome.detail.startswith(words)
    assert segment(receiver.messages[0], "MSH")[8:10] == ["NMD^N02", "test_180000000000000"]


def test_a_log_that_cannot_be_written_changes_nothing(world: Callable[..., tuple[World, Receiver]]) -> None:
    made, receiver = world(answers("AA"))
    made.store.database.close()
    outcome = made.sink.deliver("evt_test_1800000000000000", 0, TEST)
    assert outcome.delivered and len(receiver.messages) == 1
