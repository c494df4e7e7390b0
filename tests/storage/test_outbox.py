"""The outbox: order per subject, leases, retries, parking, pauses, and who gets what."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dicom_gateway.core.envelope import Event, EventType, StudyFacts
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Order, Study
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.migrate import migrate, migrations
from dicom_gateway.storage.outbox import Claimed, Outbox, Target
from tests.storage.builders import START, GatewayStore, an_order

Open = Callable[..., GatewayStore]
LEASE = 30 * SECOND


def emit(store: GatewayStore, subject: str, source: str = "mypms", at: int = START) -> str:
    """Queue an event of an order whose id is `subject`."""
    order: Order = an_order(id=subject, source=source)
    return store.database.write(lambda tx: store.outbox.emit(tx, Event(EventType.ORDER_STARTED, at, order)))


def claim(
    store: GatewayStore, now: int = START, owner: str = "me", limit: int = 8, target: str = "pms"
) -> list[Claimed]:
    return store.outbox.claim(owner, now, LEASE, target, limit)


def next_due(store: GatewayStore, target: str = "pms") -> int:
    return store.outbox.next_due(START, target)


def finish(store: GatewayStore, claimed: Claimed, now: int = START, owner: str = "me", **values: object) -> bool:
    outcome = {"delivered": True, "detail": "200 OK", "next_try": None} | values
    return store.outbox.finish(claimed, owner, now, **outcome)  # type: ignore[arg-type]


def ids(claimed: list[Claimed]) -> list[str]:
    return [one.event_id for one in claimed]


def test_an_event_is_claimed_with_its_envelope(gateway_store: GatewayStore) -> None:
    event_id = emit(gateway_store, "o1")
    assert gateway_store.woken == ["worker"]
    (claimed,) = claim(gateway_store)
    assert (claimed.target, claimed.event_id, claimed.event_type) == ("pms", event_id, "order.started")
    assert (claimed.occurred_at, claimed.attempts, claimed.first_try_at) == (START, 0, None)
    assert claimed.envelope["id"] == event_id and claimed.envelope["order"]["id"] == "o1"
    assert finish(gateway_store, claimed)
    assert claim(gateway_store, START + 10 * LEASE) == []
    (row,) = gateway_store.outbox.deliveries()
    assert (row["status"], row["attempts"], row["detail"], row["finished_at"]) == ("delivered", 1, "200 OK", START)


def test_events_of_one_subject_go_one_by_one(gateway_store: GatewayStore) -> None:
    first, second = emit(gateway_store, "o1"), emit(gateway_store, "o1")
    other = emit(gateway_store, "o2")
    claimed = claim(gateway_store)
    assert ids(claimed) == [first, other]
    assert claim(gateway_store) == []
    finish(gateway_store, claimed[0])
    assert ids(claim(gateway_store)) == [second]


def test_a_later_event_waits_for_the_retry_of_an_earlier(gateway_store: GatewayStore) -> None:
    first, second = emit(gateway_store, "o1"), emit(gateway_store, "o1")
    (claimed,) = claim(gateway_store)
    finish(gateway_store, claimed, delivered=False, next_try=START + 5 * SECOND)
    assert claim(gateway_store, START + 5 * SECOND - 1) == []
    assert next_due(gateway_store) == START + 5 * SECOND
    (again,) = claim(gateway_store, START + 5 * SECOND)
    assert (again.event_id, again.attempts, again.first_try_at) == (first, 1, START)
    finish(gateway_store, again, START + 6 * SECOND)
    assert ids(claim(gateway_store, START + 6 * SECOND)) == [second]


def test_a_parked_event_no_longer_holds_back(gateway_store: GatewayStore) -> None:
    first, second = emit(gateway_store, "o1"), emit(gateway_store, "o1")
    (claimed,) = claim(gateway_store)
    finish(gateway_store, claimed, delivered=False, detail="500", next_try=None)
    assert ids(claim(gateway_store)) == [second]
    (alarm,) = gateway_store.audit.alarms()
    assert (alarm["kind"], alarm["subject"], alarm["detail"]) == ("delivery parked", first, "pms: 500")
    assert gateway_store.outbox.depth() == {("pms", "parked"): 1, ("pms", "pending"): 1}


def test_only_the_owner_of_a_lease_finishes(gateway_store: GatewayStore) -> None:
    emit(gateway_store, "o1")
    (mine,) = claim(gateway_store)
    assert claim(gateway_store, START + LEASE - 1, "you") == []
    (yours,) = claim(gateway_store, START + LEASE, "you")
    assert yours.event_id == mine.event_id
    assert not finish(gateway_store, mine, START + LEASE)
    assert gateway_store.outbox.depth() == {("pms", "pending"): 1}
    assert finish(gateway_store, yours, START + LEASE, "you")
    assert not finish(gateway_store, yours, START + LEASE, "you")


def test_an_owner_who_is_late_finishes_when_nobody_came(gateway_store: GatewayStore) -> None:
    emit(gateway_store, "o1")
    (mine,) = claim(gateway_store)
    assert finish(gateway_store, mine, START + 2 * LEASE)


def test_next_due(gateway_store: GatewayStore) -> None:
    assert next_due(gateway_store) > START + 600 * SECOND
    emit(gateway_store, "o1")
    assert next_due(gateway_store) == START
    claim(gateway_store)
    assert next_due(gateway_store) > START + LEASE


def test_not_more_than_asked_and_the_oldest_first(gateway_store: GatewayStore) -> None:
    emitted = [emit(gateway_store, f"o{n}", at=START + n) for n in range(5)]
    assert ids(claim(gateway_store, START + 9, limit=2)) == emitted[:2]
    assert ids(claim(gateway_store, START + 9, limit=2)) == emitted[2:4]


def test_claims_at_the_same_time_share_nothing(gateway_store: GatewayStore) -> None:
    emitted = {emit(gateway_store, f"o{n}") for n in range(20)}
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda owner: claim(gateway_store, owner=f"w{owner}", limit=5), range(8)))
    found = [event_id for claimed in taken for event_id in ids(claimed)]
    assert len(found) == len(set(found))
    assert set(found) == emitted


def test_each_target_has_its_own_line(open_store: Open) -> None:
    store = open_store(targets=(Target("a"), Target("b")))
    emit(store, "o1"), emit(store, "o1")
    claimed = claim(store, target="a") + claim(store, target="b")
    assert [one.target for one in claimed] == ["a", "b"]
    finish(store, claimed[0])
    assert [one.target for one in claim(store, target="a") + claim(store, target="b")] == ["a"]


def test_a_target_gets_the_events_of_its_sources(open_store: Open) -> None:
    store = open_store(targets=(Target("all"), Target("some", frozenset({"mypms"})), Target("other", frozenset("x"))))
    event_id = emit(store, "o1")
    assert {row["target"] for row in store.outbox.event(event_id)["deliveries"]} == {"all", "some"}
    facts = StudyFacts(Study("1.2.3"))
    unmatched = store.database.write(
        lambda tx: store.outbox.emit(tx, Event(EventType.STUDY_UNMATCHED, START, None, facts))
    )
    assert [row["target"] for row in store.outbox.event(unmatched)["deliveries"]] == ["all"]


def test_one_at_a_time_unless_asked_for_more(gateway_store: GatewayStore) -> None:
    emit(gateway_store, "o1"), emit(gateway_store, "o2")
    assert len(gateway_store.outbox.claim("me", START, LEASE, "pms")) == 1


def test_without_a_target_the_event_is_kept_and_nobody_woken(open_store: Open) -> None:
    store = open_store(targets=())
    event_id = emit(store, "o1")
    assert store.outbox.event(event_id)["deliveries"] == []
    assert claim(store) == [] and store.woken == []


def test_a_target_that_is_not_configured_any_more_is_left(open_store: Open) -> None:
    store = open_store(targets=(Target("gone"),))
    emit(store, "o1")
    assert claim(store) == []
    assert len(claim(store, target="gone")) == 1


def test_a_paused_target_keeps_its_queue(gateway_store: GatewayStore) -> None:
    event_id = emit(gateway_store, "o1")
    gateway_store.outbox.pause("pms", START, "410 Gone")
    assert claim(gateway_store, START + LEASE) == []
    assert next_due(gateway_store) > START
    assert gateway_store.outbox.paused() == {"pms": "410 Gone"}
    assert [alarm["kind"] for alarm in gateway_store.audit.alarms()] == ["target paused"]
    gateway_store.outbox.pause("pms", START + 1, "again")
    assert gateway_store.outbox.paused() == {"pms": "again"}
    gateway_store.woken.clear()
    gateway_store.outbox.retry(START, Actor("anna"), target="pms")
    assert gateway_store.outbox.paused() == {} and gateway_store.woken == ["worker"]
    assert ids(claim(gateway_store, START + LEASE)) == [event_id]


def test_a_pause_of_one_target_leaves_the_others(open_store: Open) -> None:
    store = open_store(targets=(Target("a"), Target("b")))
    emit(store, "o1")
    store.outbox.pause("a", START, "410")
    assert claim(store, target="a") == []
    assert [one.target for one in claim(store, target="b")] == ["b"]


def test_retry_begins_anew(gateway_store: GatewayStore) -> None:
    first, second = emit(gateway_store, "o1"), emit(gateway_store, "o2")
    for claimed in claim(gateway_store):
        finish(gateway_store, claimed, delivered=False, next_try=None)
    gateway_store.outbox.pause("pms", START, "410")
    assert gateway_store.outbox.retry(START + 9, Actor("anna"), event_id=first) == 1
    assert gateway_store.outbox.paused() == {}
    (again,) = claim(gateway_store, START + 9)
    assert (again.event_id, again.attempts, again.first_try_at) == (first, 0, None)
    assert gateway_store.outbox.retry(START + 9, Actor("anna"), target="pms") == 1
    assert ids(claim(gateway_store, START + 9)) == [second]


def test_retry_leaves_what_is_delivered_or_under_way(gateway_store: GatewayStore) -> None:
    done, under_way = emit(gateway_store, "o1"), emit(gateway_store, "o2")
    claimed = claim(gateway_store)
    finish(gateway_store, claimed[0])
    assert ids(claimed) == [done, under_way]
    assert gateway_store.outbox.retry(START, Actor("anna")) == 0
    assert gateway_store.outbox.retry(START, Actor("anna"), target="nobody") == 0


def test_events_without_a_subject_do_not_wait_for_each_other(gateway_store: GatewayStore) -> None:
    event = Event(EventType.TEST, START)
    both = [gateway_store.database.write(lambda tx: gateway_store.outbox.emit(tx, event)) for _ in range(2)]
    assert ids(claim(gateway_store)) == both


def test_an_event_is_only_there_when_its_transaction_is(gateway_store: GatewayStore) -> None:
    class Stop(Exception):
        pass

    def run(tx: object) -> None:
        gateway_store.outbox.emit(tx, Event(EventType.ORDER_STARTED, START, an_order(id="o1")))  # type: ignore[arg-type]
        raise Stop

    with pytest.raises(Stop):
        gateway_store.database.write(run)
    assert gateway_store.outbox.deliveries() == []


def test_listing(open_store: Open) -> None:
    store = open_store(targets=(Target("a"), Target("b")))
    first, second = emit(store, "o1"), emit(store, "o2")
    finish(store, claim(store, target="a")[0])
    assert [row["event_id"] for row in store.outbox.deliveries(target="a")] == [second, first]
    assert [row["status"] for row in store.outbox.deliveries(status="delivered")] == ["delivered"]
    assert [row["type"] for row in store.outbox.deliveries(limit=1)] == ["order.started"]
    with pytest.raises(NotFound):
        store.outbox.event("evt_none")


def test_the_id_of_an_event_is_stable_and_unique(gateway_store: GatewayStore) -> None:
    emitted = {emit(gateway_store, "o1") for _ in range(20)}
    assert len(emitted) == 20
    (claimed,) = claim(gateway_store)
    assert gateway_store.outbox.event(claimed.event_id)["envelope"] == claimed.envelope


def test_a_database_without_deliveries_is_not_written(open_store: Open) -> None:
    store = open_store()
    written: list[object] = []

    class Counting(Database):
        def write(self, fn):  # type: ignore[no-untyped-def]
            written.append(fn)
            return super().write(fn)

    counting = Counting(store.database.path)
    assert Outbox(counting, (Target("pms"),), store.random_bits).claim("me", START, LEASE, "pms") == []
    assert written == []
    counting.close()


def test_what_waits_behind_another_is_not_due(gateway_store: GatewayStore) -> None:
    """However long a line is, only its first is looked at."""
    for _ in range(3):
        emit(gateway_store, "o1")
    due = lambda: [row["due_at"] for row in reversed(gateway_store.outbox.deliveries(status="pending"))]  # noqa: E731
    assert due() == [START, None, None]
    (first,) = claim(gateway_store)
    finish(gateway_store, first, START + 5)
    assert due() == [START + 5, None]
    (second,) = claim(gateway_store, START + 5)
    finish(gateway_store, second, START + 9, delivered=False, next_try=None)
    assert due() == [START + 9]
    assert gateway_store.outbox.retry(START + 10, Actor("test"), target="pms") == 2
    assert due() == [START + 10, None]


LINES = """
INSERT INTO event VALUES ('e1', 't', 1, '', 'o1', 'o1', '', '{}', '[]'), ('e2', 't', 1, '', 'o1', 'o1', '', '{}', '[]'),
    ('e3', 't', 1, '', 'o1', 'o1', '', '{}', '[]');
INSERT INTO delivery VALUES
    (1, 'e1', 'pms', 'o1', 'delivered', 1, 1, 1, 1, '', 0, '200', 1),
    (2, 'e2', 'pms', 'o1', 'pending', 1, 9, 1, 3, '', 0, '500', NULL),
    (3, 'e3', 'pms', 'o1', 'pending', 1, 1, NULL, 0, '', 0, '', NULL);
"""


def test_deliveries_of_the_first_schema_go_on(tmp_path: Path) -> None:
    """Every column is kept; who stands behind another waits."""
    path = tmp_path / "gateway.db"
    connection = sqlite3.connect(path)
    connection.executescript(dict(migrations())[1] + LINES + "PRAGMA user_version = 1;")
    before = connection.execute("SELECT * FROM delivery ORDER BY key").fetchall()
    migrate(path)
    after = connection.execute("SELECT * FROM delivery ORDER BY key").fetchall()
    connection.close()
    assert after[:2] == before[:2]
    assert after[2] == (*before[2][:6], None, *before[2][7:])
