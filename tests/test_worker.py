"""What a PMS is sent of the images: the worker fills the envelope's instances as the event's patient asks for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicom_gateway.core.ports import Outcome
from dicom_gateway.storage.outbox import Claimed
from dicom_gateway.worker import Deliverer
from tests.web.conftest import World, living


class Unused:
    """A sink that nothing is delivered to."""

    def deliver(self, event_id: str, occurred_at: int, payload: bytes) -> Outcome:
        raise AssertionError("nothing is delivered here")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from living(tmp_path)


PATIENTS: dict[str, tuple[dict[str, Any] | None, list[str]]] = {
    "an animal by its order": ({"id": "P-78", "species": "Canine"}, []),
    "a human": ({"id": "P-78", "species": None}, ["36"]),
    "nobody": (None, ["36"]),
}


@pytest.mark.parametrize(("patient", "teeth"), PATIENTS.values(), ids=PATIENTS)
def test_teeth_from_words_are_not_sent_of_an_animal(
    world: World, patient: dict[str, Any] | None, teeth: list[str]
) -> None:
    world.receive(teeth=("36",), from_text=("teeth",))
    services = world.services
    deliverer = Deliverer(
        "clinic", Unused(), "none", "", services.outbox, services.studies, world.pictures, services.clock,
        lambda: 0.5, lambda *_: None,
    )  # fmt: skip
    _, (image,) = services.studies.get("1.2.3.4")
    claimed = Claimed(1, "clinic", "evt_1", "study.received", 0, 0, None, {"patient": patient}, (image.key,))
    (sent,) = json.loads(deliverer.payload(claimed))["instances"]
    assert (sent["sop_instance_uid"], sent["teeth"]) == ("1.2.3.4.1", teeth)
    assert sent["from_text"] == (["teeth"] if teeth else [])
