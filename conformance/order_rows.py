"""The rows of the state table of orders and performed steps: where they are kept, and how they compare."""

from collections.abc import Callable

from conformance.mpps_device import Device

Row = Callable[[Device], None]
ROWS: dict[str, Row] = {}


def row(name: str) -> Callable[[Row], Row]:
    """Keep a function as the row of that name."""

    def keep(function: Row) -> Row:
        ROWS[name] = function
        return function

    return keep


def same(found: object, expected: object) -> None:
    """Fail unless both are equal."""
    assert found == expected, f"{found!r}, not {expected!r}"
