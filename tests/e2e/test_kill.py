"""kill -9 of each role at work: what was acknowledged is there afterwards, and nothing is half done."""

import hashlib
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom.uid import generate_uid

from tests.e2e.images import order_body, performed_step, write_image
from tests.e2e.program import Program, wait_for
from tests.e2e.receiver import Receiver
from tests.peers import dcmjs, dcmtk

KILLS = 3


def stored(gateway: Program) -> dict[str, Path]:
    """Return, read by nobody's code but sqlite3's, the file of each indexed instance, checked against its hash."""
    with closing(sqlite3.connect(gateway.data / "gateway.db")) as database:
        rows = database.execute(
            "SELECT sop_instance_uid, object_name, data_offset, data_length, sha256 FROM instance"
        ).fetchall()
    for _, name, offset, length, sha256 in rows:
        data = (gateway.data / name).read_bytes()
        assert len(data) == offset + length
        assert hashlib.sha256(data[offset:]).hexdigest() == sha256
    return {uid: gateway.data / name for uid, name, *_ in rows}


def at_work(work: Callable[[int], None], until: threading.Event, workers: int = 2) -> list[threading.Thread]:
    """Call work(0), work(1), ... in threads until told to stop."""
    numbers = iter(range(10**9))
    guard = threading.Lock()

    def run() -> None:
        while not until.is_set():
            with guard:
                number = next(numbers)
            work(number)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    return threads


@pytest.fixture(scope="module")
def told() -> Iterator[Receiver]:
    """The PMS of the gateway below."""
    with Receiver() as started:
        yield started


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, told: Receiver) -> Iterator[Program]:
    """A gateway of which each of several tests kills another role."""
    running = Program(tmp_path_factory.mktemp("gateway"), told.settings, {})
    running.start()
    yield running
    running.end()


def test_killed_dicom_role_loses_no_acknowledged_image(program: Callable[..., Program], tmp_path: Path) -> None:
    """And it ends by Ctrl-C like any other."""
    gateway = program()
    study = generate_uid()
    acknowledged: list[str] = []

    def send(number: int) -> None:
        path, uid = write_image(tmp_path, study, "P-1", number, rows=64, columns=64)
        if dcmtk("storescu", "-to", "5", "127.0.0.1", str(gateway.dicom_port), str(path)).returncode == 0:
            acknowledged.append(uid)

    until = threading.Event()
    threads = at_work(send, until)
    for kill in range(KILLS):
        before = len(acknowledged)
        wait_for(lambda before=before: len(acknowledged) > before + 3, what="images")
        gateway.kill("dicom")
        wait_for(gateway.is_ready, what=f"ready after kill {kill}")
    until.set()
    for thread in threads:
        thread.join()
    gateway.wait_ready()
    files = stored(gateway)
    assert set(acknowledged) <= files.keys()
    assert len(acknowledged) > KILLS * 3
    for uid in acknowledged:
        assert pydicom.dcmread(files[uid]).SOPInstanceUID == uid
    assert not [path for path in (gateway.data / "objects").rglob("*") if path.is_file() and path.suffix != ".dcm"]
    assert gateway.end(signal.SIGINT) == 0
    assert gateway.pids() == []


def test_killed_dicom_role_loses_no_performed_step(gateway: Program) -> None:
    order = gateway.api("POST", "/orders", json=order_body()).json()
    uid = generate_uid()
    created = dcmjs(gateway.dicom_port, "DX1", "create", {"uid": uid, "attributes": performed_step(order)})
    assert created[0]["status"] == 0
    gateway.kill("dicom")
    wait_for(gateway.is_ready)
    answer = dcmjs(gateway.dicom_port, "DX1", "get", {"uid": uid})
    assert answer[0]["dataset"]["PerformedProcedureStepStatus"] == "IN PROGRESS"
    assert gateway.api("GET", f"/orders/{order['id']}").json()["status"] == "STARTED"
    done = dcmjs(
        gateway.dicom_port, "DX1", "set", {"uid": uid, "attributes": {"PerformedProcedureStepStatus": "COMPLETED"}}
    )
    gateway.kill("dicom")
    assert done[0]["status"] == 0
    assert gateway.api("GET", f"/orders/{order['id']}").json()["status"] == "COMPLETED"


def test_killed_web_role_loses_no_acknowledged_order(gateway: Program) -> None:
    acknowledged: dict[str, str] = {}

    def order(number: int) -> None:
        try:
            answer = gateway.api("POST", "/orders", json=order_body(f"K-{number}", f"P-{number}"))
        except httpx.HTTPError:
            return
        if answer.status_code == 201:
            acknowledged[f"K-{number}"] = answer.json()["id"]

    until = threading.Event()
    threads = at_work(order, until)
    for kill in range(KILLS):
        before = len(acknowledged)
        wait_for(lambda before=before: len(acknowledged) > before + 5, what="orders")
        gateway.kill("web")
        wait_for(gateway.is_ready, what=f"ready after kill {kill}")
    until.set()
    for thread in threads:
        thread.join()
    with closing(sqlite3.connect(gateway.data / "gateway.db")) as database:
        kept = dict(database.execute("SELECT placer_order_number, id FROM imaging_order").fetchall())
        steps = database.execute("SELECT count(*) FROM scheduled_step").fetchone()[0]
    assert acknowledged.items() <= kept.items()
    assert steps == len(kept)


def test_killed_worker_role_delivers_every_event(gateway: Program, told: Receiver) -> None:
    orders = [gateway.api("POST", "/orders", json=order_body(f"W-{n}", f"P-{n}")).json()["id"] for n in range(30)]
    for number, order_id in enumerate(orders):
        assert gateway.api("POST", f"/orders/{order_id}/cancel").status_code == 200
        if number % 10 == 5:
            gateway.kill("worker")
    # A delivery that was in work when its worker died is claimed again once its lease is over.
    with closing(sqlite3.connect(gateway.data / "gateway.db")) as database:
        database.execute("UPDATE delivery SET lease_until = 0 WHERE status = 'pending'")
        database.commit()
    events = wait_for(
        lambda: {e["order"]["id"] for e in told.of("order.canceled")} >= set(orders) and told.of("order.canceled"),
        60,
        "events",
    )
    assert len({event["id"] for event in events}) == len(orders)


def test_killed_supervisor_leaves_nobody_behind_and_starts_again(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    gateway = program()
    path, uid = write_image(tmp_path, generate_uid(), "P-1", 1)
    assert dcmtk("storescu", "127.0.0.1", str(gateway.dicom_port), str(path)).returncode == 0
    assert len(gateway.pids()) == 4
    gateway.end(signal.SIGKILL)
    wait_for(lambda: not gateway.pids(), 40, "the roles to end")
    gateway.start()
    assert uid in stored(gateway)
    assert gateway.end(signal.SIGTERM) == 0
    assert gateway.pids() == []
