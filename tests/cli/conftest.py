"""One running gateway for all tests of a module: a start takes two seconds. And gateways that do not run."""

from collections.abc import Callable, Iterator
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


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Program]:
    """Make a gateway that does not run: call with lines of gateway.toml and variables."""

    def make(settings: str = "", **variables: str) -> Program:
        return Program(tmp_path, settings, {f"DICOM_GATEWAY_{name}": value for name, value in variables.items()})

    return make
