"""What the scenes of the day share, and how they are run: one that fails does not stop the day."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from pydicom import Dataset

from dicom_gateway.demo.device import Device
from dicom_gateway.demo.expecting import Unexpected, expect
from dicom_gateway.demo.objects import Shot
from dicom_gateway.demo.pims import Pims
from dicom_gateway.demo.practice import Visit
from dicom_gateway.demo.program import Program
from dicom_gateway.demo.receiver import Event, Receiver
from dicom_gateway.demo.timeline import Timeline
from dicom_gateway.errors import GatewayError


@dataclass(slots=True)
class Day:
    """What the scenes share: the gateway, the systems, the devices by AE title; and what has happened so far."""

    program: Program
    receiver: Receiver
    devices: dict[str, Device]
    timeline: Timeline
    thumbnails: Path
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    shots: list[Shot] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    system: Pims | None = None

    @property
    def pims(self) -> Pims:
        """The system that speaks HL7; raises Unexpected in a day without one."""
        if self.system is None:
            raise Unexpected("expected: a system that speaks HL7")
        return self.system

    def run(self, scenes: Sequence["Scene"]) -> None:
        """Play scenes, each of which returns what came of it; `failed` then names those that had another outcome."""
        for title, scene in scenes:
            self.timeline.scene(title)
            try:
                self.timeline.good(scene(self))
            except GatewayError as error:
                self.failed.append(title)
                self.timeline.bad(str(error))
            except (KeyError, OSError, ValueError) as error:  # an answer that lacks something, or is no picture
                self.failed.append(title)
                self.timeline.bad(f"not to be read: {type(error).__name__} {error}")

    def shown(self, visit: Visit) -> dict[str, Any]:
        """Return an order as the API shows it now."""
        found: dict[str, Any] = self.program.call("GET", f"/orders/{self.orders[visit.number]['id']}")
        return found

    def study(self, visit: Visit) -> str:
        """Return the study UID of an order."""
        return str(self.orders[visit.number]["procedures"][0]["study_instance_uid"])

    def told(self, visit: Visit) -> list[Event]:
        """Return the events of an order that its own PMS received, as they came."""
        return self.receiver.of_order(visit.source, self.orders[visit.number]["id"])

    def await_study(self, system: str, study: str, kind: str) -> Event:
        """Return the event of a study, once it is here."""
        return self.receiver.wait(f"{kind} at {system}", lambda: self.receiver.of_study(system, study, kind))

    def send(self, device: Device, item: Dataset, count: int, **more: Any) -> list[Shot]:
        """Let a device take and send images."""
        shots = device.shoot(item, count, **more)
        self.shots += shots
        return shots

    def examine(self, visit: Visit, count: int, views: Sequence[str] = ()) -> list[Shot]:
        """Let a device with MPPS do its whole work for a visit."""
        device = self.devices[visit.station]
        item = device.pick(visit.patient_id)
        step = device.start(item)
        shots = self.send(device, item, count, views=views)
        device.end(step, shots)
        return shots

    def expect_stored(self, shot: Shot) -> None:
        """Expect the data set of a shot in the gateway, byte for byte (after the file meta information, PS3.10 7.1)."""
        sent = shot.path.read_bytes()
        data_set = sent[144 + int.from_bytes(sent[140:144], "little") :]
        kept = self.program.call("GET", f"/instances/{shot.image.sop_instance_uid}/file")
        expect(len(data_set) > 1000 and kept.endswith(data_set), "each image kept as it was sent")

    def save_thumbnails(self, event: Event, shots: Sequence[Shot]) -> None:
        """Expect a thumbnail of each image and of nothing else, and keep them as files."""
        named = {instance["sop_instance_uid"] for instance in event["instances"]}
        expect(
            named == {shot.image.sop_instance_uid for shot in shots}, f"{len(shots)} images named in {event['type']}"
        )
        for instance in event["instances"]:
            thumbnail = instance["thumbnail"] or {}
            expect(thumbnail.get("data"), "a thumbnail of each image")
            jpeg = base64.b64decode(thumbnail["data"])
            with Image.open(io.BytesIO(jpeg)) as picture:
                expect(max(picture.size) == 256 and picture.format == "JPEG", "a JPEG of 256 pixels")
            number = len(list(self.thumbnails.iterdir())) + 1
            (self.thumbnails / f"{number:02}-{event['order']['placer_order_number']}.jpg").write_bytes(jpeg)


Scene = tuple[str, Callable[[Day], str]]  # its title, and what plays it
