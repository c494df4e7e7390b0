"""Twenty devices and a practice at once: everybody is served and everything is there, once."""

from collections.abc import Callable
from pathlib import Path

from tests.e2e.program import Program
from tests.faults.crowd import DEVICES, Crowd

IMAGES, ORDERS = 3, 50


def test_twenty_devices_at_once(program: Callable[..., Program], tmp_path: Path) -> None:
    gateway = program()
    folder = tmp_path / "sent"
    folder.mkdir()
    crowd = Crowd(gateway, folder, IMAGES, ORDERS)
    crowd.run()
    crowd.check()
    assert len(crowd.sent) == DEVICES * IMAGES
