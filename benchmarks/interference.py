"""The worklist while other roles work: quiet, and while a CBCT of 2 GB comes in and 200 thumbnails are drawn.

The whole program runs (`serve`) with 10,000 orders. A device asks on one association, with a rest after each answer;
what disturbs it is sent and fetched by processes of their own. Quiet and loaded stretches take turns; thumbnails that
were kept are removed between them, so that each is drawn again. `python -m benchmarks.interference`
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import median, number, percentile, table
from benchmarks.large import frames_for
from benchmarks.loads import fetch_all, processes, send_files, send_large
from benchmarks.machine import description
from benchmarks.objects import Kind
from benchmarks.orders import of_a_device, put_orders
from benchmarks.result import Result, from_command_line
from benchmarks.scu import WORKLIST_FIND, Association
from benchmarks.servers import DATABASE
from dicom_gateway.demo.program import Program

ROUNDS, QUICK_ROUNDS = 5, 1
ORDERS, QUICK_ORDERS = 10_000, 200
GIGABYTES, QUICK_GIGABYTES = 2.0, 0.1
IMAGES, QUICK_IMAGES = 200, 10
PANORAMIC = Kind("panoramic, 7.5 MB", "1.2.840.10008.5.1.4.1.1.1.1", "PX", 1500, 2500, 0, 0)
QUIET_SECONDS, QUICK_QUIET_SECONDS = 5.0, 1.0
REST_SECONDS = 0.01
WARM_UP_QUERIES = 1000
AE_TITLE = "DCMGATEWAY"
LARGE_BYTES = 64 << 20
LOADS = ("quiet", "loaded")


@dataclass(frozen=True, slots=True)
class Running:
    """The gateway, its data folder, and the thumbnails to fetch."""

    program: Program
    data: Path
    urls: tuple[str, ...]
    headers: dict[str, str]


def warm_up(port: int, orders: int) -> None:
    """Ask what is asked later, so that the first stretch has no other cache than the next."""
    association = Association(port, AE_TITLE, WORKLIST_FIND)
    for number_of_query in range(min(orders, WARM_UP_QUERIES)):
        association.find(of_a_device(number_of_query, orders))
    association.release()


def ask(port: int, orders: int, goes_on: Callable[[], bool]) -> Iterator[float]:
    """Yield the milliseconds of each C-FIND while it goes on."""
    association = Association(port, AE_TITLE, WORKLIST_FIND)
    number_of_query = 0
    while goes_on():
        query = of_a_device(number_of_query % WARM_UP_QUERIES, orders)
        before = time.perf_counter()
        association.find(query)
        yield 1000 * (time.perf_counter() - before)
        number_of_query += 1
        time.sleep(REST_SECONDS)
    association.release()


def quietly(seconds: float) -> Callable[[], bool]:
    """Go on for so long."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


def while_any(loads: list[Future[Any]]) -> Callable[[], bool]:
    """Go on until all loads have ended."""
    return lambda: not all(load.done() for load in loads)


def disturb(pool: ProcessPoolExecutor, running: Running, frames: int) -> list[Future[Any]]:
    """Begin to send a large object and to fetch the thumbnails."""
    return [
        pool.submit(send_large, running.program.dicom_port, AE_TITLE, frames),
        pool.submit(fetch_all, running.urls, running.headers),
    ]


def forget(data: Path) -> None:
    """Remove kept thumbnails, so that they are drawn again, and large objects, so that the disk does not fill."""
    for kept in (data / "thumbnails").rglob("*.jpg"):
        kept.unlink()
    for stored in (data / "objects").rglob("*.dcm"):
        if stored.stat().st_size > LARGE_BYTES:
            stored.unlink()


def _thumbnails(program: Program) -> tuple[str, ...]:
    """Return where the thumbnails of everything that was stored are."""
    urls = []
    for study in program.call("GET", "/studies")["items"]:
        shown = program.call("GET", f"/studies/{study['instance_uid']}")
        for series in shown["series"]:
            urls += [f"{program.api}/instances/{one['sop_instance_uid']}/thumbnail" for one in series["instances"]]
    return tuple(urls)


def measure(
    running: Running, pool: ProcessPoolExecutor, orders: int, frames: int, quiet_seconds: float, rounds: int
) -> tuple[dict[str, list[float]], list[float], list[float]]:
    """Return the milliseconds of the queries of all rounds, quiet and loaded; the seconds of each large send; the
    milliseconds of each thumbnail."""
    port = running.program.dicom_port
    found: dict[str, list[float]] = {load: [] for load in LOADS}
    sends: list[float] = []
    drawn: list[float] = []
    for round_number in range(rounds):
        found["quiet"] += ask(port, orders, quietly(quiet_seconds))
        loads = disturb(pool, running, frames)
        found["loaded"] += ask(port, orders, while_any(loads))
        sends.append(loads[0].result())
        drawn += loads[1].result()
        forget(running.data)
        print(f"interference: round {round_number + 1} of {rounds}, {sends[-1]:.1f} s for the object", file=sys.stderr)
    return found, sends, drawn


def run(quick: bool = False) -> Result:
    """Run the benchmark."""
    machine = description(Path(tempfile.gettempdir()))
    orders, images = (QUICK_ORDERS, QUICK_IMAGES) if quick else (ORDERS, IMAGES)
    rounds, seconds = (QUICK_ROUNDS, QUICK_QUIET_SECONDS) if quick else (ROUNDS, QUIET_SECONDS)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, processes(2) as pool:
        folder = Path(name) / "gateway"
        frames = frames_for(QUICK_GIGABYTES if quick else GIGABYTES, Path(name), copies=2)
        with Program(folder, "", {}) as program:
            put_orders(folder / DATABASE, 0, orders)
            pool.submit(send_files, program.dicom_port, AE_TITLE, PANORAMIC, images).result()
            token = (folder / "data" / "admin.token").read_text(encoding="utf-8").strip()
            running = Running(program, folder / "data", _thumbnails(program), {"Authorization": f"Bearer {token}"})
            if len(running.urls) != images:
                raise RuntimeError(f"{len(running.urls)} of {images} images are listed")
            warm_up(program.dicom_port, orders)
            found, sends, drawn = measure(running, pool, orders, frames, seconds, rounds)
    return _result(machine, found, sends, drawn, f"{orders:,} orders, {images} thumbnails, {rounds} rounds in turn")


def _result(machine: str, found: dict[str, list[float]], sends: list[float], drawn: list[float], what: str) -> Result:
    quiet, loaded = (found[load] for load in LOADS)
    by_percent = {percent: (percentile(quiet, percent), percentile(loaded, percent)) for percent in (50, 99)}
    rows = [
        [f"p{percent}", *map(number, pair), f"**{pair[1] / pair[0]:.1f}x**"] for percent, pair in by_percent.items()
    ]
    rows.append(["n", str(len(quiet)), str(len(loaded)), "-"])
    beside = f"Beside it: the object in {number(median(sends))} s, a thumbnail in {number(median(drawn))} ms (medians)."
    report = f"{machine}\n\n{what}. {beside}\n\n{table(['C-FIND, ms', *LOADS, 'ratio'], rows)}"
    return Result(report, {f"p{percent} ratio": pair[1] / pair[0] for percent, pair in by_percent.items()})


if __name__ == "__main__":
    from_command_line(run)
