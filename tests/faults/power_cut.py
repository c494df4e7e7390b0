"""One power cut under load, and what an independent reader finds on the disk that is left.

Objects go through the storage service, orders and performed steps through their stores, in four threads; what was
answered with success before the cut is promised. The reader knows sqlite3, hashes and pydicom, and none of the gateway.
"""

import errno
import hashlib
import io
import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pydicom
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from dicom_gateway.dicom.store import StoreService
from dicom_gateway.errors import Unavailable
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.upperlayer.commands import C_STORE_RQ, Command
from tests.faults.power import Failure, ForgetfulDisk, Power
from tests.faults.sqlite_seam import forgetful_sqlite
from tests.storage.builders import GatewayStore, a_procedure, opened

DX = "1.2.840.10008.5.1.4.1.1.1.1"
LONGEST_SECONDS = 60
MOST_CALLS = 900
PIECE_BYTES = 10_000
DEVICE = SimpleNamespace(
    requestor=SimpleNamespace(
        primitive=SimpleNamespace(calling_ae_title="DX1", called_ae_title="DCMGATEWAY"),
        address_info=SimpleNamespace(address="192.0.2.9"),
    )
)


@dataclass
class Promised:
    """What was acknowledged: images (UID -> hash of the data set), orders (id -> placer number), steps (UID -> status).

    `sent` holds the data set of each image, acknowledged or not; `refused` counts what was answered with a failure.
    """

    images: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    sent: dict[str, bytes] = field(default_factory=dict)
    refused: int = 0

    def __len__(self) -> int:
        return len(self.images) + len(self.orders) + len(self.steps)


def image(uid: str, size: int) -> bytes:
    """Return an encoded data set whose contents depend on its UID."""
    made = pydicom.Dataset()
    made.SOPClassUID, made.SOPInstanceUID = DX, uid
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    made.PatientID, made.Modality = "P-78", "DX"
    made.PixelData = random.Random(uid).randbytes(size)
    made["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    dcmwrite(buffer, made, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


class Load:
    """Devices and a practice at work until the power is gone."""

    def __init__(self, root: Path, store: GatewayStore, power: Power) -> None:
        self.promised = Promised()
        self.failures: list[Exception] = []
        self._store = store
        self._power = power
        self._random = random.Random(power.random.random())
        self._objects = ObjectStore(root, 0, store.random_bits, ForgetfulDisk(root, power))
        self._service = StoreService(self._objects, store.studies, lambda *_: None)

    def run(self) -> None:
        """Work in four threads until the cut."""
        self._power.armed = True
        work = (self.send, self.send, self.order, self.perform)
        threads = [threading.Thread(target=self._until_cut, args=(n, one)) for n, one in enumerate(work)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONGEST_SECONDS)
        self._objects.close()
        assert not self.failures, self.failures[0]
        assert self._power.is_cut.is_set() and not any(thread.is_alive() for thread in threads)

    def _until_cut(self, worker: int, work: Callable[[str], None]) -> None:
        number = 0
        while not self._power.is_cut.is_set():
            number += 1
            try:
                work(f"{worker + 1}.{number}")
            except Unavailable:
                self.promised.refused += 1
            except Exception as error:
                self.failures.append(error)
                return

    def _promise(self, kind: dict[str, str], key: str, value: str) -> None:
        with self._power.guard:
            if not self._power.is_cut.is_set():
                kind[key] = value

    def send(self, number: str) -> None:
        """Send an image."""
        uid = f"1.2.3.4.{number}"
        data = self.promised.sent[uid] = image(uid, 2 * self._random.randrange(50, 20_000))
        context: Any = SimpleNamespace(abstract_syntax=DX, transfer_syntax=[str(ExplicitVRLittleEndian)])
        receiving = self._service.receive_object(DEVICE, context, Command(C_STORE_RQ, 1, None, DX, uid, True))
        for at in range(0, len(data), PIECE_BYTES):
            receiving.write(memoryview(data)[at : at + PIECE_BYTES])
        if receiving.finish() == 0:
            self._promise(self.promised.images, uid, hashlib.sha256(data).hexdigest())
        else:
            self.promised.refused += 1

    def order(self, number: str) -> None:
        """Order something."""
        order = self._store.order(number, a_procedure(study_instance_uid=f"1.2.9.{number}"))
        self._promise(self.promised.orders, order.id, number)

    def perform(self, number: str) -> None:
        """Begin a step and end it."""
        uid = f"1.2.8.{number}"
        for status, report in (("IN PROGRESS", self._store.create_mpps), ("COMPLETED", self._store.set_mpps)):
            report(uid)
            self._promise(self.promised.steps, uid, status)


def cut(folder: Path, seed: int) -> Promised:
    """Cut the power once, at an instant that `seed` says; return what was promised. AssertionError: it was not kept."""
    chosen = random.Random(seed)
    cut_at = chosen.randrange(1, MOST_CALLS)
    number = chosen.choice((errno.ENOSPC, errno.EIO))
    failure = Failure(chosen.randrange(1, cut_at), number) if cut_at > 1 and chosen.random() < 0.5 else None
    power = Power(seed, cut_at, failure)
    root, left = folder / f"running{seed}", folder / f"left{seed}"
    root.mkdir(parents=True)
    with forgetful_sqlite(root, power) as begin, opened(root / "gateway.db") as store:
        load = Load(root, store, power)
        begin()
        load.run()
    for path, contents in power.left.items():
        (left / path).parent.mkdir(parents=True, exist_ok=True)
        (left / path).write_bytes(contents)
    check(left, load.promised)
    return load.promised


def check(left: Path, promised: Promised) -> None:
    """Hold what is left against what was promised."""
    with closing(sqlite3.connect(left / "gateway.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute("SELECT sop_instance_uid, object_name, data_offset, data_length FROM instance")
        images = {uid: data_set(left, *where) for uid, *where in rows.fetchall()}
        orders = dict(database.execute("SELECT id, placer_order_number FROM imaging_order").fetchall())
        steps = dict(database.execute("SELECT sop_instance_uid, status FROM performed_step").fetchall())
    for uid, sha256 in promised.images.items():
        found = images.get(uid)
        assert found is not None and hashlib.sha256(found).hexdigest() == sha256, f"image {uid} is lost"
    assert promised.orders.items() <= orders.items(), "an order is lost"
    for uid, status in promised.steps.items():
        assert steps.get(uid) in {status, "COMPLETED"}, f"performed step {uid} is lost"
    for path in (left / "objects").rglob("*.dcm"):
        uid = str(pydicom.dcmread(path, force=True).get("SOPInstanceUID", ""))
        assert uid in promised.sent and path.read_bytes().endswith(promised.sent[uid]), f"{path} is partial"
    swept = ObjectStore(left, 0, random.Random(1).getrandbits)
    swept.sweep_spools()
    assert not list((left / "spool").iterdir())


def data_set(left: Path, name: str, offset: int, length: int) -> bytes | None:
    """Return the data set of a row; None where its file is not there in full."""
    path: Any = left / name
    if not path.exists() or path.stat().st_size != offset + length:
        return None
    return bytes(path.read_bytes()[offset:])
