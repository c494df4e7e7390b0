"""The stores on a new database, with a clock that stands still and seeded randomness."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.storage.builders import GatewayStore, opened


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[..., GatewayStore]]:
    """Open stores with targets of one's own."""
    with ExitStack() as stack:
        yield lambda **values: stack.enter_context(opened(tmp_path / "gateway.db", **values))


@pytest.fixture
def gateway_store(open_store: Callable[..., Any]) -> GatewayStore:
    """All stores, with one target that takes every event."""
    store: GatewayStore = open_store()
    return store
