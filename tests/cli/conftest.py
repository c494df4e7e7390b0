"""One running gateway for all tests of a module: a start takes two seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A gateway with the device DX1, on loopback."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    running = Program(folder, '[[device]]\nae_title = "DX1"\nmodalities = ["DX"]\n', {})
    running.start()
    yield running
    running.end()
