"""Forty objects, ten from each implementation; `make soak` sends ten thousand."""

from collections.abc import Callable
from pathlib import Path

from tests.e2e.program import Program
from tests.faults.byte_identity import PORTION, WAYS, identity_run

COUNT = PORTION * len(WAYS)


def test_what_is_stored_is_what_was_sent(program: Callable[..., Program], tmp_path: Path) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    sender = identity_run(program(), folder, COUNT)
    assert len(sender.sent) == COUNT
    assert not list(folder.iterdir())
