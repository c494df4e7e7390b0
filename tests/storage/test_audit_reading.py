"""The audit as a person reads it: order, filters, pages, and the bound on what one page looks at."""

import sqlite3
from itertools import chain, pairwise
from typing import Any

import pytest

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.storage.audit import Actor, record
from dicom_gateway.storage.audit_reading import SWEPT_AT_ONCE, AuditFilter, AuditPlace, AuditReader
from tests.storage.builders import START, GatewayStore

LINES = [  # seconds after the start, who, action, subject, detail
    (0, "user Ann", "looked at", "order 1", ""),
    (1, "device DX1", "image received", "order 1", "1.2.3"),
    (2, "user Ann", "looked at", "today", ""),
    (2, "gateway", "order changed: patient", "order 2", "100% of Room_2"),
    (3, "user Bob", "looked at", "order 2", "Straße"),
    (3, "user Ann", "order changed: steps", "order 1", "Room 2"),
]


@pytest.fixture
def audited(gateway_store: GatewayStore) -> GatewayStore:
    def write(tx: Any) -> None:
        for seconds, who, action, subject, detail in LINES:
            record(tx, START + seconds * SECOND, Actor(who, "192.0.2.1"), action, subject, detail)

    gateway_store.database.write(write)
    return gateway_store


def reader(store: GatewayStore, rows_looked_at: int = 1000) -> AuditReader:
    return AuditReader(store.database, rows_looked_at)


def test_newest_first(audited: GatewayStore) -> None:
    page = reader(audited).page(AuditFilter())
    assert [row["detail"] for row in page.rows] == ["Room 2", "Straße", "100% of Room_2", "", "1.2.3", ""]
    assert page.next is None and not page.is_partial


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(who="user Ann"), [5, 2, 0]),
        (AuditFilter(action="looked at"), [4, 2, 0]),
        (AuditFilter(action="order changed: steps"), [5]),
        (AuditFilter(action="order changed:"), [5, 3]),
        (AuditFilter(action="order changed:", who="gateway"), [3]),
        (AuditFilter(action="order changed"), []),
        (AuditFilter(subject="order 1"), [5, 1, 0]),
        (AuditFilter(who="user Ann", action="looked at", subject="order 1"), [0]),
        (AuditFilter(text="ROOM"), [5, 3]),
        (AuditFilter(text="room_"), [3]),
        (AuditFilter(text="100%"), [3]),
        (AuditFilter(text="192.0.2"), [5, 4, 3, 2, 1, 0]),
        (AuditFilter(text="Straße", who="user Bob"), [4]),
        (AuditFilter(since=START + 2 * SECOND), [5, 4, 3, 2]),
        (AuditFilter(until=START + 2 * SECOND), [1, 0]),
        (AuditFilter(since=START + SECOND, until=START + 3 * SECOND, who="user Ann"), [2]),
        (AuditFilter(who="user ann"), []),
        (AuditFilter(text="nothing"), []),
    ],
    ids=str,
)
def test_filters(audited: GatewayStore, wanted: AuditFilter, found: list[int]) -> None:
    rows = reader(audited).page(wanted).rows
    assert [LINES.index(((row["at"] - START) // SECOND, *_words(row))) for row in rows] == found


def _words(row: dict[str, Any]) -> tuple[str, ...]:
    return row["who"], row["action"], row["subject"], row["detail"]


@pytest.mark.parametrize("wanted", [AuditFilter(), AuditFilter(text="o"), AuditFilter(who="user Ann")], ids=str)
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_join(audited: GatewayStore, wanted: AuditFilter, limit: int) -> None:
    whole = reader(audited).page(wanted).rows
    found, after = [], None
    for _ in range(len(LINES) + 1):
        page = reader(audited).page(wanted, after, limit)
        assert len(page.rows) <= limit
        found += page.rows
        after = page.next
        if after is None:
            break
    assert tuple(found) == whole


def test_a_page_looks_at_so_many_rows(audited: GatewayStore) -> None:
    """What is not found among the rows looked at is found by the next page, which begins where the first one ended."""
    bounded = reader(audited, rows_looked_at=2)
    first = bounded.page(AuditFilter(text="looked"))
    assert [row["detail"] for row in first.rows] == ["Straße"]
    assert first.is_partial and first.next == AuditPlace(START + 3 * SECOND, 5)
    second = bounded.page(AuditFilter(text="looked"), first.next)
    assert [row["subject"] for row in second.rows] == ["today"] and second.is_partial
    third = bounded.page(AuditFilter(text="looked"), second.next)
    assert [row["subject"] for row in third.rows] == ["order 1"] and third.is_partial
    assert bounded.page(AuditFilter(text="looked"), third.next).next is None


def test_all_pages(audited: GatewayStore) -> None:
    exported = list(chain.from_iterable(reader(audited, rows_looked_at=2).pages(AuditFilter(text="order"))))
    places = [(row["at"], row["key"]) for row in exported]
    assert len(places) == 5 and all(later > earlier for later, earlier in pairwise(places))


def test_old_lines_are_forgotten(audited: GatewayStore) -> None:
    read = reader(audited)
    assert read.sweep(START) == 0
    assert read.sweep(START + 2 * SECOND) == 2
    assert [row["at"] - START for row in read.page(AuditFilter()).rows] == [
        3 * SECOND,
        3 * SECOND,
        2 * SECOND,
        2 * SECOND,
    ]
    many = [(START, Actor("gateway"), "started", f"order {number}") for number in range(SWEPT_AT_ONCE + 7)]
    audited.database.write(lambda tx: [record(tx, *line) for line in many])
    assert read.sweep(START + 1) == len(many)


def test_names(audited: GatewayStore) -> None:
    who, actions = reader(audited).names()
    assert who == ["device DX1", "gateway", "user Ann", "user Bob"]
    assert actions == ["image received", "looked at", "order changed:"]


def test_names_of_none(gateway_store: GatewayStore) -> None:
    assert reader(gateway_store).names() == ([], [])


def test_indexes_give_the_order(audited: GatewayStore) -> None:
    """No page sorts what it walks: its cost does not grow with the table."""
    for column in ("who", "action", "subject"):
        walk = f"SELECT key FROM audit WHERE {column} = 'x' AND at >= 0 ORDER BY at DESC, key DESC LIMIT 9"
        plan = _plan(audited, walk)
        assert "USING COVERING INDEX" in plan and "TEMP B-TREE" not in plan
    plan = _plan(audited, "SELECT * FROM audit WHERE at >= 0 ORDER BY at DESC, key DESC LIMIT 9")
    assert "USING INDEX audit_at" in plan and "TEMP B-TREE" not in plan


def _plan(store: GatewayStore, query: str) -> str:
    with sqlite3.connect(store.database.path) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    connection.close()
    return " ".join(row[3] for row in rows)
