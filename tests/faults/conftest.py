"""The real program in a folder of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start gateways: call with lines of gateway.toml; all are ended afterwards."""
    started: list[Program] = []

    def start(settings: str = "", **environment: str) -> Program:
        running = Program(tmp_path / f"gateway{len(started)}", settings, environment)
        started.append(running)
        running.start()
        return running

    yield start
    for running in started:
        running.end()
