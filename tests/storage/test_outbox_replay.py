"""What a person does of deliveries: how each PMS stands, pause, resume, and replay in order."""

from collections.abc import Callable

import pytest

from dicom_gateway.core.envelope import Event, EventType
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.errors import Conflict, InvalidValue, NotFound
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.delivery_control import PAUSED, REPLAYED, RESUMED, DeliveryControl, Standing
from dicom_gateway.storage.outbox import Claimed, Target
from tests.storage.builders import START, GatewayStore, an_order

ANNA = Actor("user anna", "192.0.2.30")
LEASE = 30 * SECOND
Open = Callable[..., GatewayStore]


def emit(store: GatewayStore, subject: str) -> str:
    order = an_order(id=subject)
    event = Event(EventType.ORDER_STARTED, store.clock(), order)
    return store.database.write(lambda tx: store.outbox.emit(tx, event))


def claim(store: GatewayStore, target: str = "pms") -> list[Claimed]:
    return store.outbox.claim("me", store.clock(), LEASE, target, 8)


def end(store: GatewayStore, claimed: Claimed, detail: str = "200 OK", next_try: int | None = None) -> None:
    is_delivered = detail == "200 OK"
    assert store.outbox.finish(claimed, "me", store.clock(), is_delivered, detail, next_try)


def deliver_all(store: GatewayStore) -> list[str]:
    """Deliver what is due until nothing is; return the event ids in the order they went."""
    went = []
    while found := claim(store):
        for one in found:
            end(store, one)
            went.append(one.event_id)
    return went


@pytest.fixture
def control(gateway_store: GatewayStore) -> DeliveryControl:
    return DeliveryControl(gateway_store.database, gateway_store.clock, ["pms"])


def test_how_a_target_stands(open_store: Open) -> None:
    store = open_store(targets=(Target("a"), Target("b")))
    control = DeliveryControl(store.database, store.clock, ["b", "a"])
    assert control.standings(START) == [Standing("b"), Standing("a")]
    emit(store, "o1")
    end(store, claim(store, "a")[0])
    store.clock.advance(10)
    emit(store, "o2")
    emit(store, "o3")
    second, third = claim(store, "a")
    end(store, second, "500 Internal Server Error")
    end(store, third, "connection refused", START + 60 * SECOND)
    emit(store, "o3")
    at = START + 10 * SECOND
    expected = Standing("a", 2, 1, 1, at, START, "connection refused")
    assert control.standings(START)[1] == expected
    assert control.standings(START + 1)[1].delivered == 0
    assert control.standings(START)[0] == Standing("b", 4, oldest_waiting_at=START)


def test_a_pause_by_a_person_keeps_the_queue_and_says_why(
    gateway_store: GatewayStore, control: DeliveryControl
) -> None:
    event_id = emit(gateway_store, "o1")
    control.pause("pms", "  the server is\tmoved ", ANNA)
    assert claim(gateway_store) == []
    (standing,) = control.standings(START)
    assert (standing.paused_at, standing.paused_because) == (START, "user anna: the server is moved")
    assert gateway_store.outbox.paused() == {"pms": "user anna: the server is moved"}
    with pytest.raises(Conflict, match="paused already"):
        control.pause("pms", "again", ANNA)
    (alarm,) = gateway_store.audit.alarms()
    assert (alarm["kind"], alarm["subject"]) == ("target paused", "pms")

    gateway_store.woken.clear()
    assert control.resume("pms", ANNA)
    assert not control.resume("pms", ANNA)
    assert gateway_store.woken == ["worker"]
    assert gateway_store.audit.alarms() == []
    assert deliver_all(gateway_store) == [event_id]
    lines = gateway_store.audit.of("target pms")
    assert [(row["who"], row["action"], row["detail"]) for row in lines] == [
        ("user anna", PAUSED, "the server is moved"),
        ("user anna", RESUMED, ""),
    ]


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 201, "a\x1bb"], ids=["none", "blank", "long", "control"])
def test_a_pause_needs_a_reason(gateway_store: GatewayStore, control: DeliveryControl, reason: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        control.pause("pms", reason, ANNA)
    assert raised.value.field == "reason"
    assert gateway_store.outbox.paused() == {}


def test_an_unknown_target(control: DeliveryControl) -> None:
    with pytest.raises(NotFound):
        control.pause("other", "why", ANNA)
    with pytest.raises(NotFound):
        control.resume("other", ANNA)


def test_what_was_delivered_goes_once_more(gateway_store: GatewayStore, control: DeliveryControl) -> None:
    event_id = emit(gateway_store, "o1")
    deliver_all(gateway_store)
    gateway_store.clock.advance(60)
    gateway_store.woken.clear()
    control.replay(event_id, "pms", ANNA)
    assert gateway_store.woken == ["worker"]
    (waiting,) = gateway_store.outbox.deliveries()
    assert (waiting["event_id"], waiting["status"], waiting["attempts"]) == (event_id, "pending", 0)
    assert (waiting["created_at"], waiting["finished_at"]) == (START + 60 * SECOND, None)
    (claimed,) = claim(gateway_store)
    assert claimed.event_id == event_id and claimed.envelope["id"] == event_id
    assert claim(gateway_store) == []
    end(gateway_store, claimed)
    assert gateway_store.outbox.depth() == {("pms", "delivered"): 1}
    (line,) = gateway_store.audit.of(event_id)
    assert (line["who"], line["action"]) == ("user anna", REPLAYED)
    assert line["detail"] == "pms: delivered before at 2027-01-15T08:00:00.000Z, 200 OK"


def test_a_replay_stands_behind_what_waits_of_its_order(gateway_store: GatewayStore, control: DeliveryControl) -> None:
    first = emit(gateway_store, "o1")
    deliver_all(gateway_store)
    second, other = emit(gateway_store, "o1"), emit(gateway_store, "o2")
    (on_its_way, of_other) = claim(gateway_store)
    control.replay(first, "pms", ANNA)
    third = emit(gateway_store, "o1")
    assert claim(gateway_store) == [], "nothing of the order goes beside what is on its way"
    assert [on_its_way.event_id, of_other.event_id] == [second, other]
    end(gateway_store, on_its_way)
    assert deliver_all(gateway_store) == [first, third]


def test_a_replay_waits_while_its_target_is_paused(gateway_store: GatewayStore, control: DeliveryControl) -> None:
    event_id = emit(gateway_store, "o1")
    deliver_all(gateway_store)
    control.pause("pms", "moved", ANNA)
    control.replay(event_id, "pms", ANNA)
    assert claim(gateway_store) == []
    control.resume("pms", ANNA)
    assert deliver_all(gateway_store) == [event_id]


def test_only_what_was_delivered_is_replayed(gateway_store: GatewayStore, control: DeliveryControl) -> None:
    event_id = emit(gateway_store, "o1")
    with pytest.raises(Conflict, match="not been taken yet"):
        control.replay(event_id, "pms", ANNA)
    with pytest.raises(NotFound):
        control.replay(event_id, "other", ANNA)
    with pytest.raises(NotFound):
        control.replay("evt_none", "pms", ANNA)
    assert gateway_store.audit.of(event_id) == []
    deliver_all(gateway_store)
    with pytest.raises(Conflict, match="any more"):
        DeliveryControl(gateway_store.database, gateway_store.clock, []).replay(event_id, "pms", ANNA)
