"""The main job with the real program: order, worklist, MPPS, images, completion, webhook with thumbnails."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from tests.e2e.images import ended, order_body, performed_step, write_image
from tests.e2e.program import Program, wait_for
from tests.e2e.receiver import Receiver
from tests.peers import dcmjs, dcmtk


def test_an_order_goes_all_the_way_round(program: Callable[..., Program], receiver: Receiver, tmp_path: Path) -> None:
    gateway = program(receiver.settings)
    port = gateway.dicom_port
    answer = gateway.api("POST", "/orders", json=order_body())
    assert answer.status_code == 201, answer.text
    order = answer.json()
    study = order["procedures"][0]["study_instance_uid"]

    found = dcmtk(
        "findscu", "-W", "-aet", "DX1", "-k", "PatientName", "-k", "StudyInstanceUID",
        "-k", "ScheduledProcedureStepSequence[0].ScheduledStationAETitle=DX1", "127.0.0.1", str(port),
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "Doe^Rex" in found.stdout + found.stderr
    assert study in found.stdout + found.stderr

    uid = generate_uid()
    assert dcmjs(port, "DX1", "create", {"uid": uid, "attributes": performed_step(order)})[0]["status"] == 0
    assert gateway.api("GET", f"/orders/{order['id']}").json()["status"] == "STARTED"

    images = [write_image(tmp_path, study, "P-78", number) for number in (1, 2)]
    sent = dcmtk("storescu", "-aet", "DX1", "127.0.0.1", str(port), *(str(path) for path, _ in images))
    assert sent.returncode == 0, sent.stderr
    uids = [image_uid for _, image_uid in images]
    assert dcmjs(port, "DX1", "set", {"uid": uid, "attributes": ended("COMPLETED", study, uids)})[0]["status"] == 0

    event = wait_for(lambda: receiver.of("study.received"), what="study.received")[0]
    assert gateway.api("GET", f"/orders/{order['id']}").json()["status"] == "COMPLETED"
    assert [e["type"] for e in receiver.events] == ["order.started", "order.completed", "study.received"]
    assert event["order"] == {
        "id": order["id"], "placer_order_number": "A-1001",
        "accession_number": order["accession_number"], "status": "COMPLETED",
    }  # fmt: skip
    assert event["evidence"] == "mpps+images"
    assert (event["study"]["expected"], event["study"]["received"], event["study"]["missing"]) == (2, 2, [])
    assert [instance["sop_instance_uid"] for instance in event["instances"]] == uids
    assert [instance["view"] for instance in event["instances"]] == ["VD", "LL"]
    for instance in event["instances"]:
        _shows_the_disc(base64.b64decode(instance["thumbnail"]["data"]))
    _can_be_fetched(gateway, uids[0], images[0][0])
    _is_told_on_the_command_line(gateway, event["id"])


def _shows_the_disc(jpeg: bytes) -> None:
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert max(picture.size) == 256
        pixels = np.asarray(picture.convert("L"))
    rows, columns = pixels.shape
    assert rows > columns
    assert pixels[rows // 4, columns // 2] > 200
    assert pixels[3 * rows // 4, columns // 2] < 50


def _can_be_fetched(gateway: Program, uid: str, sent: Path) -> None:
    thumbnail = gateway.api("GET", f"/instances/{uid}/thumbnail")
    assert thumbnail.headers["content-type"] == "image/jpeg"
    _shows_the_disc(thumbnail.content)
    file = gateway.api("GET", f"/instances/{uid}/file").content
    pixels = sent.read_bytes()[-400 * 300 * 2 :]
    assert file.endswith(pixels)


def _is_told_on_the_command_line(gateway: Program, event_id: str) -> None:
    listed = gateway.inside("deliveries", "list").stdout
    assert event_id in listed
    shown = json.loads(gateway.inside("deliveries", "show", event_id).stdout)
    assert [delivery["status"] for delivery in shown["deliveries"]] == ["delivered"]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Receiver]]:
    """A gateway that takes a study as whole after a second, and its PMS."""
    with Receiver() as receiver:
        variables = {"DICOM_GATEWAY_COMPLETION__QUIET_SECONDS": "1"}
        gateway = Program(tmp_path_factory.mktemp("gateway"), receiver.settings, variables)
        gateway.start()
        yield gateway, receiver
        gateway.end()


def test_without_mpps_quiet_completes_and_a_late_image_is_an_update(
    quick: tuple[Program, Receiver], tmp_path: Path
) -> None:
    gateway, receiver = quick
    order = gateway.api("POST", "/orders", json=order_body()).json()
    study = order["procedures"][0]["study_instance_uid"]
    images = [write_image(tmp_path, study, "P-78", number) for number in (1, 2, 3)]
    for path, _ in images[:2]:
        assert dcmtk("storescu", "127.0.0.1", str(gateway.dicom_port), str(path)).returncode == 0
    event = wait_for(lambda: receiver.of("study.received"), what="study.received")[0]
    assert event["evidence"] == "count+quiet"
    assert event["order"]["status"] == "COMPLETED"
    assert dcmtk("storescu", "127.0.0.1", str(gateway.dicom_port), str(images[2][0])).returncode == 0
    update = wait_for(lambda: receiver.of("study.updated"), what="study.updated")[0]
    assert update["late"] is True
    assert [instance["sop_instance_uid"] for instance in update["instances"]] == [images[2][1]]
    assert len(receiver.of("study.received")) == 1


def test_images_of_another_patient_are_kept_and_not_delivered(quick: tuple[Program, Receiver], tmp_path: Path) -> None:
    gateway, receiver = quick
    order = gateway.api("POST", "/orders", json=order_body("A-1002", "P-80")).json()
    study = order["procedures"][0]["study_instance_uid"]
    path, uid = write_image(tmp_path, study, "P-79", 1)
    assert dcmtk("storescu", "127.0.0.1", str(gateway.dicom_port), str(path)).returncode == 0
    event = wait_for(lambda: receiver.of("study.unmatched"), what="study.unmatched")[0]
    assert event["order"] is None
    assert event["instances"] == []
    assert gateway.api("GET", f"/orders/{order['id']}").json()["status"] == "SCHEDULED"
    assert gateway.api("GET", f"/instances/{uid}/file").status_code == 200


def test_a_pms_that_is_away_gets_everything_in_order_later(
    program: Callable[..., Program], receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [500]
    gateway = program(receiver.settings)
    order = gateway.api("POST", "/orders", json=order_body(expected=None)).json()
    assert gateway.api("POST", f"/orders/{order['id']}/cancel").status_code == 200
    wait_for(lambda: receiver.tries, what="the first try")
    assert receiver.events == []
    event_id = receiver.tries[0]
    wait_for(lambda: "500" in gateway.inside("deliveries", "list").stdout, what="the answer")
    gateway.inside("deliveries", "retry", event_id)
    assert wait_for(lambda: receiver.of("order.canceled"))[0]["id"] == event_id
