"""A running gateway: shared by the tests of a module, which therefore use identifiers of their own, or one with other
settings."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.dicom.running import Running, Settings

Serve = Callable[..., Running]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with default settings."""
    running = Running(tmp_path_factory.mktemp("gateway"), Settings())
    yield running
    running.stop()


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start gateways: `serve(max_answers=3)`."""
    started: list[Running] = []

    def start(**settings: Any) -> Running:
        started.append(Running(tmp_path_factory.mktemp("gateway"), Settings(**settings)))
        return started[-1]

    yield start
    for running in started:
        running.stop()
