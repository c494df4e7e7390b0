"""The server's time of the page that a clinic looks at, with 1,000 steps today and a year of as many a day behind.

The web role runs as it is delivered; one reader asks, logged in. Beside each page stands what the same server needs
for its smallest answer (/healthz). Half of the day is done, with two images each. `python -m benchmarks.page`
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import httpx

from benchmarks.figures import median, number, percentile, table
from benchmarks.machine import description
from benchmarks.orders import BATCH, Scheduled, order_document
from benchmarks.painting import first_paints
from benchmarks.result import Result, from_command_line
from benchmarks.servers import GATEWAY, free_port, make_gateway
from dicom_gateway.core.model import InstanceHeader, Order, StoredObject
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.orders import with_steps
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.users import UserRole
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.storage import order_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Transaction

STEPS, QUICK_STEPS = 1000, 100
DAYS, QUICK_DAYS = 365, 10
ROUNDS, QUICK_ROUNDS = 60, 5
IMAGES = 2
WAIT_SECONDS, TRY_SECONDS = 60.0, 0.02
LIVE = {"X-Live": "1"}
PLAIN = "/healthz"
PATHS = {
    "Today": "/today",
    "Today, anew after a change": "/today/board",
    "Today, all lines": f"/today?shown={STEPS}",
    "Today, one name": "/today?text=family7",
    "all orders, one name": "/orders?q=family7",
    "all orders, the newest": "/orders",
    "the smallest answer": PLAIN,
}
PAINTED = {"Today": "/today", "the smallest page": "/account"}
READER = Actor("benchmark")


def _order(which: int, start: datetime, status: StepStatus, zone: object) -> Order:
    document = order_document(Scheduled(which))
    document["procedures"][0]["steps"][0] |= {"start": start.isoformat(), "expected_instances": IMAGES}  # type: ignore[index]
    order = parse_order(document, zone).evolve(id=f"{which:026x}", created_at=1_000_000 * int(start.timestamp()))  # type: ignore[arg-type]
    return order if status is StepStatus.SCHEDULED else with_steps(order, lambda step: step.evolve(status=status))


def fill(folder: Path, steps: int, days: int) -> str:
    """Put a day and those behind it into the database of a gateway's folder; return the secret of a session."""
    gateway = Gateway(load_settings(folder / "gateway.toml"))
    gateway.migrate()
    zone = gateway.settings.zone()
    today = datetime.now(zone).replace(hour=7, minute=0, second=0, microsecond=0, tzinfo=None)
    for first in range(0, steps * days, BATCH):
        numbers = range(first, min(steps * days, first + BATCH))
        made = [
            _order(n, today - timedelta(days=1 + n // steps, minutes=-(n % steps) // 2), StepStatus.COMPLETED, zone)
            for n in numbers
        ]
        gateway.database.write(partial(_put, made))
    ours = [
        _order(n, today + timedelta(minutes=(n - steps * days) * 720 // steps), StepStatus.SCHEDULED, zone)
        for n in range(steps * days, steps * (days + 1))
    ]
    gateway.database.write(partial(_put, ours))
    for order in ours[: steps // 2]:
        _image(gateway, order)
    user = gateway.users.create("reader", UserRole.ADMINISTRATOR, "correct horse 9", READER, first=True)
    secret = gateway.sessions.begin(user, "127.0.0.1", "benchmark")
    gateway.database.checkpoint()
    gateway.close()
    return secret


def _put(orders: list[Order], tx: Transaction) -> None:
    for order in orders:
        order_rows.put(tx, order, 0)


def _image(gateway: Gateway, order: Order) -> None:
    """Let the images of an order have come."""
    study = order.procedures[0].study_instance_uid
    for one in range(IMAGES):
        header = InstanceHeader(
            f"{study}.{one}", "1.2.840.10008.5.1.4.1.1.1.1", study, f"{study}.9", order.patient.id,
            patient_name=order.patient.name, modality="DX", rows=2600, columns=2000,
        )  # fmt: skip
        stored = StoredObject(f"objects/{study}.{one}", "1.2.840.10008.1.2.1", 300, 1000, f"{study}.{one}")
        gateway.studies.receive(header, stored, "DX1", "127.0.0.1")


@contextmanager
def serving(folder: Path, secret: str) -> Iterator[httpx.Client]:
    """Run the web role over a gateway's folder, and give a client that is logged in; it is ended by its process id."""
    port = free_port()
    process = subprocess.Popen(
        [*GATEWAY, "--config", str(folder / "gateway.toml"), "serve", "--role", "web"],
        env={**os.environ, "DICOM_GATEWAY_WEB__PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=address, cookies={"session": secret}, trust_env=False, timeout=30) as client:
            _wait_for(client, process)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            client.get(PLAIN)
            return
        except httpx.TransportError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the web role does not answer") from error
            time.sleep(TRY_SECONDS)


def ask(client: httpx.Client, path: str) -> tuple[float, int]:
    """Return the milliseconds of an answer, and its bytes; raises RuntimeError for one that is no page."""
    before = time.perf_counter()
    answer = client.get(path, headers=LIVE)
    taken = 1000 * (time.perf_counter() - before)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return taken, len(answer.content)


def run(quick: bool = False) -> Result:
    """Run the benchmark."""
    machine = description()
    steps, days, rounds = (QUICK_STEPS, QUICK_DAYS, QUICK_ROUNDS) if quick else (STEPS, DAYS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name) / "gateway"
        make_gateway(folder)
        began = clock()
        secret = fill(folder, steps, days)
        print(f"page: filled in {(clock() - began) // 1_000_000} s", file=sys.stderr)
        with serving(folder, secret) as client:
            first = {what: ask(client, path) for what, path in PATHS.items()}
            found = {what: [ask(client, path)[0] for _ in range(rounds)] for what, path in PATHS.items()}
            painted = first_paints(str(client.base_url), secret, PAINTED.values(), max(rounds // 4, 3))
    plain = median(found["the smallest answer"])
    rows = [
        [
            what, number(median(taken)), number(percentile(taken, 99)), number(first[what][0]),
            f"{first[what][1] / 1000:,.0f}", f"{median(taken) / plain:.0f}",
        ]
        for what, taken in found.items()
    ]  # fmt: skip
    header = ["ms", "p50", "p99", "the first", "KB", "times the smallest answer"]
    text = f"{steps:,} steps today, {steps * days:,} orders of the {days} days before."
    figures = {what: median(taken) for what, taken in found.items()} | {"first": first["Today"][0]}
    paints = [
        [what, number(median(painted[path])), number(percentile(painted[path], 99))]
        for what, path in PAINTED.items()
        if path in painted
    ]
    figures |= {f"first paint/{what}": median(painted[path]) for what, path in PAINTED.items() if path in painted}
    shown = table(["first paint in Chromium, ms", "p50", "p99"], paints)
    return Result(f"{machine}\n\n{text}\n\n{table(header, rows)}\n\n{shown}", figures)


if __name__ == "__main__":
    from_command_line(run)
