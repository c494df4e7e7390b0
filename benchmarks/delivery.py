"""From the N-SET that completes a step to what the PMS has then: status, metadata and 20 thumbnails.

The whole program runs (`serve`); the PMS is a receiver here that checks each signature. For each order: worklist,
N-CREATE, 20 C-STOREs, N-SET COMPLETED at once after the last; the clock runs from before that N-SET is sent until the
last event is here. `python -m benchmarks.delivery`
"""

import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom.dsutils import encode

from benchmarks.figures import median, number, percentile, table
from benchmarks.machine import description
from benchmarks.result import Result, from_command_line
from benchmarks.scu import Association, command, fragments
from benchmarks.servers import MAX_PDU
from dicom_gateway.demo.program import Program
from dicom_gateway.demo.receiver import Event, Receiver
from dicom_gateway.dicom.scu import Call
from dicom_gateway.dicom.scu_find import USUAL_KEYS, find_worklist, worklist_identifier
from dicom_gateway.dicom.scu_mpps import Image, create_step, creation, ending, set_step

ORDERS, QUICK_ORDERS = 25, 3
IMAGES = 20
ROWS, COLUMNS = 1500, 1000  # an intraoral sensor's
SENSOR = "1.2.840.10008.5.1.4.1.1.1.3"
STATION, GATEWAY, PMS = "SENSOR1", "DCMGATEWAY", "pms"
WAIT_SECONDS = 60.0
STATUS, STUDY = "order.completed", "study.received"
_C_STORE = 0x0001
_PATIENT_KEYS = tuple(key for key in USUAL_KEYS if key != "PatientID")


class Arrivals:
    """When each event came: (order, type) -> seconds of the clock that measures."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], float] = {}
        self._guard = threading.Lock()

    def note(self, system: str, event: Event | None) -> None:
        """Note an event that has just come."""
        if event is not None and event["order"]:
            with self._guard:
                self._at[event["order"]["id"], event["type"]] = time.perf_counter()

    def at(self, order: str, kind: str) -> float | None:
        """Return when an event came, None before that."""
        with self._guard:
            return self._at.get((order, kind))


def _order(number_of_order: int) -> dict[str, Any]:
    step = {
        "modality": "IO",
        "station_ae_titles": [STATION],
        "start": datetime.now().isoformat(timespec="seconds"),
        "description": "Full mouth",
        "expected_instances": IMAGES,
    }
    return {
        "source": "benchmark",
        "placer_order_number": f"N{number_of_order}",
        "patient": {"id": f"P{number_of_order}", "name": f"Doe^Number{number_of_order}"},
        "procedures": [{"description": "Full mouth", "steps": [step]}],
    }


def _picture() -> bytes:
    y, x = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    noise = np.random.default_rng(78).normal(0, 0.01, y.shape)
    return np.asarray(np.clip(np.exp(-(x**2) - y**2) + noise, 0, 1) * 4095, "<u2").tobytes()


def _object(item: Dataset, series: str, number_of_image: int, pixels: bytes) -> tuple[Image, bytes]:
    """Return an image of a worklist item, and its data set."""
    made = Dataset()
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID"):
        setattr(made, keyword, item.get(keyword, ""))
    made.AccessionNumber, made.Modality = item.AccessionNumber, "IO"
    made.SOPClassUID, made.SOPInstanceUID, made.SeriesInstanceUID = SENSOR, generate_uid(), series
    made.SeriesNumber, made.InstanceNumber = 1, number_of_image
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns = ROWS, COLUMNS
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.WindowCenter, made.WindowWidth = "2048", "4096"
    made.add_new("PixelData", "OW", pixels)
    encoded = encode(made, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    return Image(SENSOR, made.SOPInstanceUID, series), encoded


def _send(port: int, objects: list[tuple[Image, bytes]]) -> None:
    association = Association(port, GATEWAY, SENSOR)
    for image, encoded in objects:
        request = command(_C_STORE, SENSOR, image.sop_instance_uid)
        association.store([request, *fragments(encoded, MAX_PDU)])
    association.release()


def examine(
    program: Program, receiver: Receiver, arrivals: Arrivals, number_of_order: int, pixels: bytes
) -> dict[str, float]:
    """Do one order; return by event the seconds from the N-SET until it was here."""
    order = program.call("POST", "/orders", _order(number_of_order), 201)["id"]
    call = Call("127.0.0.1", program.dicom_port, STATION, GATEWAY)
    keys = worklist_identifier((*_PATIENT_KEYS, f"PatientID=P{number_of_order}"))
    (item,) = find_worklist(call, keys)
    step, series = generate_uid(), generate_uid()
    create_step(call, step, creation(item, STATION, datetime.now()))
    objects = [_object(item, series, n + 1, pixels) for n in range(IMAGES)]
    _send(program.dicom_port, objects)
    end = ending("COMPLETED", datetime.now(), [image for image, _ in objects], series)
    before = time.perf_counter()
    set_step(call, step, end)
    study = receiver.wait(STUDY, lambda: _of(receiver, order, STUDY), WAIT_SECONDS)
    receiver.wait(STATUS, lambda: _of(receiver, order, STATUS), WAIT_SECONDS)
    _check(study)
    return {kind: (arrivals.at(order, kind) or 0) - before for kind in (STATUS, STUDY)}


def _of(receiver: Receiver, order: str, kind: str) -> Event | None:
    return next((event for event in receiver.of_order(PMS, order) if event["type"] == kind), None)


def _check(event: Event) -> None:
    """Raise RuntimeError unless metadata and a thumbnail of each image came with the event itself."""
    pictured = [instance for instance in event["instances"] if (instance["thumbnail"] or {}).get("data")]
    if len(event["instances"]) != IMAGES or len(pictured) != IMAGES:
        raise RuntimeError(f"{len(event['instances'])} instances, {len(pictured)} with a thumbnail, of {IMAGES}")


def run(quick: bool = False) -> Result:
    """Run the benchmark."""
    machine, orders, arrivals, pixels = description(), QUICK_ORDERS if quick else ORDERS, Arrivals(), _picture()
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, Receiver(arrivals.note) as receiver:
        settings = f'[[pms]]\nname = "{PMS}"\nurl = "{receiver.url(PMS)}"\nsecret = "{receiver.secret}"\n'
        with Program(Path(name) / "gateway", settings, {}) as program:
            examine(program, receiver, arrivals, 0, pixels)  # the first starts the decoder
            for number_of_order in range(1, orders + 1):
                found.append(examine(program, receiver, arrivals, number_of_order, pixels))
                print(f"delivery: {number_of_order} of {orders}, {found[-1][STUDY]:.2f} s", file=sys.stderr)
    taken = {kind: [one[kind] for one in found] for kind in (STATUS, STUDY)}
    taken["both"] = [max(one.values()) for one in found]
    rows = [[kind, *(number(percentile(s, p)) for p in (50, 95, 100)), str(len(s))] for kind, s in taken.items()]
    report = (
        f"{machine}\n\n{orders} orders one after the other, {IMAGES} images of {len(pixels) / 1e6:.0f} MB each.\n\n"
        f"{table(['s from N-SET COMPLETED', 'p50', 'p95', 'most', 'n'], rows)}"
    )
    return Result(report, {"p50": median(taken["both"]), "p95": percentile(taken["both"], 95)})


if __name__ == "__main__":
    from_command_line(run)
