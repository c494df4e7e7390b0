"""Every process of the program killed at a random moment under load: nothing acknowledged is missing."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.e2e.receiver import Receiver
from tests.faults.kills import VICTIMS, Kills


# pynetdicom, as a device, leaves the socket open when nobody listens.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_nothing_acknowledged_is_lost_when_processes_are_killed(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # connections are refused all the time
    folder = tmp_path / "sent"
    folder.mkdir()
    with Receiver() as receiver:
        run = Kills(program(receiver.settings), receiver, folder)
        run.run(len(VICTIMS))
        run.check()
    assert run.killed.keys() == set(VICTIMS)
    for kind in (run.images, run.orders, run.canceled, run.steps):
        assert len(kind) > len(VICTIMS)
