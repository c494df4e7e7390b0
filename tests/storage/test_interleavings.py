"""In whatever order the reports of a device arrive: the order ends COMPLETED and every image is told once."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.builders import OVERDUE_SECONDS, QUIET_SECONDS, GatewayStore, opened

ONE, TWO, LATE = "1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"
STEPS: dict[str, Callable[[GatewayStore], object]] = {
    "order": lambda store: store.order(),
    "create": lambda store: store.create_mpps(),
    "one": lambda store: store.image(ONE),
    "two": lambda store: store.image(TWO),
    "late": lambda store: store.image(LATE),
    "end": lambda store: store.set_mpps("9.1", ONE, TWO),
    "settle": lambda store: store.settle(),
}
WAITS = (0, 1, QUIET_SECONDS - 1, QUIET_SECONDS, OVERDUE_SECONDS)


@st.composite
def histories(draw: st.DrawFn, order_first: bool) -> list[tuple[str, int]]:
    """Return steps in an order that a device could send them in, each with the seconds that pass before it."""
    names = draw(st.permutations(["order", "create", "one", "two", "late", "end", "settle", "settle"]))
    first, second = sorted(names.index(name) for name in ("create", "end"))
    names[first], names[second] = "create", "end"
    if order_first:
        names.remove("order")
        names.insert(0, "order")
    return [(name, draw(st.sampled_from(WAITS))) for name in names]


def run(history: list[tuple[str, int]]) -> tuple[list[str], list[str], str]:
    """Return what was told of the order and its study, which images were shown, and how the order ended."""
    with TemporaryDirectory() as folder, opened(Path(folder) / "gateway.db") as store:
        for name, seconds in history:
            store.clock.advance(seconds)
            STEPS[name](store)
        store.settle_all()
        (order,) = store.orders.by_status()
        return store.told(), store.shown(), order


@settings(max_examples=60, deadline=None)
@given(histories(order_first=True))
def test_an_order_that_was_there_first(history: list[tuple[str, int]]) -> None:
    told, shown, order = run(history)
    assert order == "COMPLETED"
    for event in ("order.started", "order.completed", "study.received"):
        assert told.count(event) == 1, told
    assert set(told) <= {"order.started", "order.completed", "study.received", "study.updated", "order.incomplete"}
    assert told.index("order.started") < told.index("order.completed")
    assert told.index("order.started") < told.index("study.received")
    assert shown == [ONE, TWO, LATE]


@settings(max_examples=40, deadline=None)
@given(histories(order_first=False))
def test_an_order_that_may_come_last(history: list[tuple[str, int]]) -> None:
    told, shown, order = run(history)
    assert order == "COMPLETED"
    for event in ("order.started", "order.completed", "study.received"):
        assert told.count(event) == 1, told
    assert told.count("study.unmatched") <= 1
    assert shown == [ONE, TWO, LATE]
