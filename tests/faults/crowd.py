"""Twenty devices at once, by DCMTK and pynetdicom, while a practice orders; counted by an independent reader.

Each device asks for its worklist (findscu), begins its step (N-CREATE), sends its images (storescu) and ends the step
(N-SET). The reader knows sqlite3 and hashes and reads what was sent.
"""

import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context
from pynetdicom.sop_class import ModalityPerformedProcedureStep as MPPS

from tests.e2e.images import ended, order_body, performed_step, write_image
from tests.e2e.program import Program
from tests.e2e.test_kill import stored
from tests.peers import dcmtk

DEVICES = 20


class Crowd:
    """Devices DX1 to DX20 and a practice, at work on a running program."""

    def __init__(self, gateway: Program, folder: Path, images: int, orders: int) -> None:
        self._gateway = gateway
        self._folder = folder
        self._images = images
        self._more_orders = orders
        self._start = threading.Barrier(DEVICES)
        self.sent: dict[str, Path] = {}
        self.ordered: dict[str, str] = {}  # placer order number -> order id

    def run(self) -> None:
        """Let everybody work at once; AssertionError when anybody is refused."""
        orders = [self._order(f"D-{number}", f"DX{number}") for number in range(1, DEVICES + 1)]
        with ThreadPoolExecutor(DEVICES + 2) as pool:
            devices = [pool.submit(self._work, f"DX{n}", order) for n, order in enumerate(orders, 1)]
            practice = [pool.submit(self._order_many, part) for part in range(2)]
            for done in (*devices, *practice):
                done.result()

    def _order(self, number: str, station: str) -> dict[str, Any]:
        body: Any = order_body(number, f"P-{number}", expected=self._images)
        body["procedures"][0]["steps"][0]["station_ae_titles"] = [station]
        answer = self._gateway.api("POST", "/orders", json=body)
        assert answer.status_code == 201, answer.text
        self.ordered[number] = answer.json()["id"]
        return dict(answer.json())

    def _order_many(self, part: int) -> None:
        for number in range(part, self._more_orders, 2):
            self._order(f"N-{number}", f"DX{number % DEVICES + 1}")

    def _work(self, station: str, order: dict[str, Any]) -> None:
        study = order["procedures"][0]["study_instance_uid"]
        images = [write_image(self._folder, study, order["patient"]["id"], n, rows=64, columns=64)
                  for n in range(self._images)]  # fmt: skip
        self._start.wait(60)
        self._find(station, study)
        uid = str(generate_uid())
        self._report(station, "N-CREATE", uid, performed_step(order, PerformedStationAETitle=station))
        port = str(self._gateway.dicom_port)
        sent = dcmtk("storescu", "-aet", station, "127.0.0.1", port, *(str(path) for path, _ in images))
        assert sent.returncode == 0, sent.stderr
        self.sent.update((image_uid, path) for path, image_uid in images)
        self._report(station, "N-SET", uid, ended("COMPLETED", study, [image_uid for _, image_uid in images]))

    def _find(self, station: str, study: str) -> None:
        found = dcmtk(
            "findscu", "-W", "-aet", station, "-k", "StudyInstanceUID",
            "-k", f"ScheduledProcedureStepSequence[0].ScheduledStationAETitle={station}",
            "127.0.0.1", str(self._gateway.dicom_port),
        )  # fmt: skip
        assert found.returncode == 0 and study in found.stdout + found.stderr, found.stderr

    def _report(self, station: str, operation: str, uid: str, attributes: dict[str, Any]) -> None:
        """Send an N-CREATE or N-SET."""
        device = AE(ae_title=station)
        association = device.associate("127.0.0.1", self._gateway.dicom_port, [build_context(MPPS)])
        assert association.is_established
        try:
            send = association.send_n_create if operation == "N-CREATE" else association.send_n_set
            status, _ = send(data_set(attributes), MPPS, uid)
            assert status.Status == 0, status
        finally:
            association.release()

    def check(self) -> None:
        """Count what is there."""
        files = stored(self._gateway)
        assert files.keys() == self.sent.keys()
        for uid, path in self.sent.items():
            assert dcmread(files[uid]).PixelData == dcmread(path).PixelData
        with closing(sqlite3.connect(self._gateway.data / "gateway.db")) as database:
            orders = database.execute("SELECT placer_order_number, id, status FROM imaging_order").fetchall()
            linked = database.execute("SELECT order_id, count(*) FROM instance GROUP BY order_id").fetchall()
            steps = database.execute("SELECT status, count(*) FROM performed_step GROUP BY status").fetchall()
        assert {number: order_id for number, order_id, _ in orders} == self.ordered
        assert len(self.ordered) == DEVICES + self._more_orders
        assert Counter(status for *_, status in orders) == {"COMPLETED": DEVICES, "SCHEDULED": self._more_orders}
        expected = {self.ordered[f"D-{number}"]: self._images for number in range(1, DEVICES + 1)}
        assert dict(linked) == expected
        assert steps == [("COMPLETED", DEVICES)]
        objects = [path for path in (self._gateway.data / "objects").rglob("*") if path.is_file()]
        assert len(objects) == len(self.sent)


def data_set(attributes: dict[str, Any]) -> Dataset:
    """Return attributes, given as plain values, as a data set."""
    made = Dataset()
    for keyword, value in attributes.items():
        is_sequence = isinstance(value, list) and keyword.endswith("Sequence")
        setattr(made, keyword, [data_set(item) for item in value] if is_sequence else value)
    return made
