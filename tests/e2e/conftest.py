"""The real program in a folder of its own, and a PMS that receives its events."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.e2e.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A PMS that takes webhooks."""
    with Receiver() as started:
        yield started


@pytest.fixture
def unstarted(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Make gateways that do not run: call with lines of gateway.toml; what a test starts is ended afterwards."""
    made: list[Program] = []

    def make(settings: str = "", **environment: str) -> Program:
        made.append(Program(tmp_path / f"unstarted{len(made)}", settings, environment))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start gateways: call with lines of gateway.toml; all are ended afterwards."""
    started: list[Program] = []

    def start(settings: str = "", folder: Path | None = None, **environment: str) -> Program:
        running = Program(folder or tmp_path / f"gateway{len(started)}", settings, environment)
        started.append(running)
        running.start()
        return running

    yield start
    for running in started:
        running.end()
