"""kill -9 of roles and of the supervisor at random moments under load, and what an independent reader finds afterwards.

Devices send images (storescu) and report steps (pynetdicom), a practice orders and cancels, a PMS takes the events.
"""

import random
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context
from pynetdicom.sop_class import ModalityPerformedProcedureStep as MPPS

from tests.e2e.images import order_body, performed_step, write_image
from tests.e2e.program import Program, wait_for
from tests.e2e.receiver import Receiver
from tests.e2e.test_kill import stored
from tests.faults.crowd import data_set
from tests.peers import dcmtk

VICTIMS = ("dicom", "web", "worker", "supervisor")
UNSCHEDULED: Any = {
    "id": "", "accession_number": "", "patient": {"id": "P-1"},
    "procedures": [{"study_instance_uid": "1.2.3.4", "id": "", "steps": [{"id": ""}]}],
}  # fmt: skip


class Kills:
    """Load on a program whose processes are killed. Acknowledged are images, orders, cancellations, performed steps."""

    def __init__(self, gateway: Program, receiver: Receiver, folder: Path, seed: int = 1) -> None:
        self._gateway = gateway
        self._receiver = receiver
        self._folder = folder
        self._random = random.Random(seed)
        self._study = str(generate_uid())
        self._until = threading.Event()
        self.failures: list[BaseException] = []
        self.killed: Counter[str] = Counter()
        self.sent: dict[str, Path] = {}
        self.images: set[str] = set()
        self.orders: set[str] = set()
        self.canceled: set[str] = set()
        self.steps: set[str] = set()

    def run(self, kills: int) -> None:
        """Kill so often, everybody in turn, while the load goes on; then end the load."""
        work = (self._send, self._send, self._order, self._perform)
        threads = [threading.Thread(target=self._repeat, args=(one,), daemon=True) for one in work]
        for thread in threads:
            thread.start()
        turns: list[str] = []
        for _ in range(kills):
            turns = turns or self._random.sample(VICTIMS, len(VICTIMS))
            before = len(self.images)
            wait_for(lambda before=before: self.failures or len(self.images) > before, what="images")  # type: ignore[misc]
            self._until.wait(self._random.random())  # a moment by lot
            self.kill(turns.pop())
        self._until.set()
        for thread in threads:
            thread.join(90)
        assert not self.failures, self.failures[0]

    def kill(self, victim: str) -> None:
        """Kill and wait until everything works again."""
        if victim == "supervisor":
            self._gateway.end(signal.SIGKILL)
            wait_for(lambda: not self._gateway.pids(), 40, "the roles to end")
            self._gateway.start()
        else:
            self._gateway.kill(victim)
            self._gateway.wait_ready()
        self.killed[victim] += 1

    def _repeat(self, work: Callable[[], None]) -> None:
        try:
            while not self._until.is_set():
                work()
        except BaseException as error:
            self.failures.append(error)

    def _send(self) -> None:
        path, uid = write_image(self._folder, self._study, "P-1", 1, rows=128, columns=128)
        self.sent[uid] = path
        done = dcmtk("storescu", "-to", "5", "-td", "20", "127.0.0.1", str(self._gateway.dicom_port), str(path))
        if done.returncode == 0:
            self.images.add(uid)

    def _order(self) -> None:
        number = f"K-{len(self.orders)}-{generate_uid()[-6:]}"
        try:
            order = self._gateway.api("POST", "/orders", json=order_body(number))
            if order.status_code != 201:
                return
            order_id = order.json()["id"]
            self.orders.add(order_id)
            if self._gateway.api("POST", f"/orders/{order_id}/cancel").status_code == 200:
                self.canceled.add(order_id)
        except httpx.HTTPError:
            self._until.wait(0.05)  # nobody listens just now

    def _perform(self) -> None:
        uid = str(generate_uid())
        association = AE(ae_title="DX1").associate("127.0.0.1", self._gateway.dicom_port, [build_context(MPPS)])
        if not association.is_established:
            self._until.wait(0.05)  # nobody listens just now
            return
        status, _ = association.send_n_create(data_set(performed_step(UNSCHEDULED)), MPPS, uid)
        if "Status" in status and status.Status == 0:
            self.steps.add(uid)
        if association.is_established:
            association.release()

    def check(self) -> None:
        """Hold what is there against what was acknowledged."""
        files = stored(self._gateway)
        assert self.images <= files.keys(), "an image is lost"
        data = self._gateway.data
        for path in (found for found in (data / "objects").rglob("*") if found.is_file()):
            sent = dcmread(self.sent[dcmread(path).SOPInstanceUID])
            assert dcmread(path).PixelData == sent.PixelData, f"{path} is partial"
        with closing(sqlite3.connect(data / "gateway.db")) as database:
            orders = dict(database.execute("SELECT id, status FROM imaging_order").fetchall())
            steps = {uid for (uid,) in database.execute("SELECT sop_instance_uid FROM performed_step").fetchall()}
            # What was in work when a worker died is claimed again once its lease is over.
            database.execute("UPDATE delivery SET lease_until = 0 WHERE status = 'pending'")
            database.commit()
        assert self.orders <= orders.keys(), "an order is lost"
        assert {orders[order_id] for order_id in self.canceled} <= {"CANCELED"}, "a cancellation is lost"
        assert self.steps <= steps, "a performed step is lost"
        self._gateway.kill("worker")  # a new one sweeps at once
        wait_for(lambda: not list((data / "spool").rglob("*.part")), what="the spools to be swept")
        wait_for(self._all_told, 60 + len(self.canceled) / 10, "events")

    def _all_told(self) -> bool:
        return self.canceled <= {event["order"]["id"] for event in self._receiver.of("order.canceled")}

    def __len__(self) -> int:
        return len(self.images) + len(self.orders) + len(self.canceled) + len(self.steps)
