"""`python -m tests.faults.soak`: the fault tests with their full numbers; writes the table of docs/reliability.md.

Hours with the full numbers. A line of the table is one kind of fault; one that fails is written as such, and the exit
code is 1.
"""

import argparse
import logging
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from tests.e2e.program import Program
from tests.e2e.receiver import Receiver
from tests.faults import slow_pms
from tests.faults.attack_run import attack_run
from tests.faults.byte_identity import identity_run
from tests.faults.crowd import DEVICES, Crowd
from tests.faults.kills import Kills
from tests.faults.power_cut import cut
from tests.storage.builders import opened
from tests.upperlayer.test_baseline import in_program

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
MARKS = ("<!-- soak -->", "<!-- /soak -->")
MOST_MORE_MEGABYTES = 40  # what 10,000 of them may leave: memory reaches its plateau after some thousands
HEAD = """\
| Fault | How often | Acknowledged under it | Lost, partial or out of order | Seconds | On |
|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How much of each fault. `seed` begins the power cuts and chooses the moments of the kills."""

    cuts: int
    kills: int
    images: int
    orders: int
    events: int
    worker_kills: int
    objects: int
    associations: int
    echoes: int
    seed: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table, but for its time."""

    fault: str
    times: str
    acknowledged: str


def power_cuts(numbers: Numbers, folder: Path) -> Line:
    """Cut the power so often."""
    images = orders = steps = refused = 0
    for seed in range(numbers.seed, numbers.seed + numbers.cuts):
        with tempfile.TemporaryDirectory(dir=folder) as one:
            promised = cut(Path(one), seed)
        images, orders, steps = (
            images + len(promised.images),
            orders + len(promised.orders),
            steps + len(promised.steps),
        )
        refused += promised.refused
    assert images and orders and steps, "nothing was acknowledged"
    kept = f"{images:,} images, {orders:,} orders, {steps:,} performed steps ({refused:,} refused)"
    return Line("power cut at any call, half of them after a failed call", f"{numbers.cuts:,} cuts", kept)


def kills(numbers: Numbers, folder: Path) -> Line:
    """Kill processes so often under load."""
    sent = folder / "sent"
    sent.mkdir()
    with Receiver() as receiver, running(folder, receiver.settings) as gateway:
        run = Kills(gateway, receiver, sent, numbers.seed)
        run.run(numbers.kills)
        run.check()
    victims = ", ".join(f"{count} {victim}" for victim, count in sorted(run.killed.items()))
    kept = f"{len(run.images):,} images, {len(run.orders):,} orders, {len(run.canceled):,} cancellations"
    return Line(f"kill -9 ({victims})", f"{numbers.kills:,} kills", f"{kept}, {len(run.steps):,} performed steps")


@contextmanager
def running(folder: Path, settings: str = "") -> Iterator[Program]:
    """Run a gateway."""
    gateway = Program(folder / "gateway", settings, {})
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.end()


def crowd(numbers: Numbers, folder: Path) -> Line:
    """Let twenty devices work at once."""
    sent = folder / "sent"
    sent.mkdir()
    with running(folder) as gateway:
        run = Crowd(gateway, sent, numbers.images, numbers.orders)
        run.run()
        run.check()
    kept = f"{len(run.sent):,} images, {len(run.ordered):,} orders, {DEVICES} performed steps"
    return Line(f"{DEVICES} devices and a practice at once", "once", kept)


def away(numbers: Numbers, folder: Path) -> Line:
    """Deliver to a PMS with faults."""
    with opened(folder / "gateway.db") as store:
        delivery = slow_pms.Delivery(
            store, max(1, numbers.events // 5), numbers.events, numbers.worker_kills, numbers.seed
        )
        pms = delivery.run()
        slow_pms.check(delivery, pms, store)
    assert delivery.killed == numbers.worker_kills, f"only {delivery.killed} kills"
    faults = ", ".join(f"{pms.done[fault]:,} × {fault}" for fault in slow_pms.FAULTS)
    times = f"a day away, {delivery.killed} dead workers, {faults}"
    taken = f"{numbers.events:,} events, taken {len(pms.taken):,} times"
    return Line("PMS away, failing, gone, dropping connections", times, taken)


def identity(numbers: Numbers, folder: Path) -> Line:
    """Compare what is stored with what was sent."""
    sent = folder / "sent"
    sent.mkdir()
    with running(folder) as gateway:
        sender = identity_run(gateway, sent, numbers.objects)
    kept = f"{len(sender.sent):,} objects of DCMTK, dcmjs-dimse, pynetdicom and a plain socket, byte for byte"
    return Line("objects of any size, cut into PDUs and fragments of any size", "once", kept)


def turbulent(numbers: Numbers, folder: Path) -> Line:
    """See that nothing stays of associations, aborts, probes and half objects."""
    before, after = in_program(folder / "gateway", numbers.associations)
    grown = (after.resident - before.resident) / 1e6
    assert grown < MOST_MORE_MEGABYTES, f"{grown:.0f} MB more"
    left = f"threads {before.threads} -> {after.threads}, descriptors {before.descriptors} -> {after.descriptors}"
    return Line(
        "associations, aborts, probes, half objects", f"{numbers.associations:,}", f"{left}, {grown:+.0f} MB resident"
    )


def attacked(numbers: Numbers, folder: Path) -> Line:
    """Attack from one address while a device works from another."""
    with running(folder) as gateway:
        seen = attack_run(gateway, 60, numbers.echoes, times=2)
    most = (seen.resident_most - seen.resident_before) / 1e6
    assert seen.echo_p99 < 1, f"p99 {seen.echo_p99:.2f} s"
    assert most < 512, f"{most:.0f} MB more"
    kept = f"{len(seen.stored):,} images; C-ECHO p99 {seen.echo_p99 * 1000:.0f} ms, "
    kept += f"a new association {seen.association_p99:.1f} s, {most:+.0f} MB resident"
    return Line("48 attackers of 24 kinds from one address", f"{sum(seen.attempts.values()):,} attempts", kept)


PARTS: dict[str, Callable[[Numbers, Path], Line]] = {
    "power": power_cuts, "kills": kills, "crowd": crowd, "away": away, "identity": identity,
    "turbulence": turbulent, "attack": attacked,
}  # fmt: skip


def options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description="Fault tests with their full numbers.")
    parser.add_argument("--only", choices=PARTS, action="append", help="run this part only, and write its line")
    for name, default, text in (
        ("cuts", 200, "power cuts"),
        ("kills", 1000, "kills of roles and supervisor"),
        ("images", 30, "images a device"),
        ("orders", 1000, "orders while devices work"),
        ("events", 10_000, "events to a PMS with faults"),
        ("worker-kills", 100, "workers that die after sending"),
        ("objects", 10_000, "objects that are compared"),
        ("associations", 10_000, "associations, aborts, probes, half objects"),
        ("echoes", 1_000, "C-ECHOs of a device while others attack"),
        ("seed", 1, "begin of the seeds"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} (default {default})")
    return parser.parse_args()


def run_part(name: str, numbers: Numbers) -> tuple[str, bool]:
    """Run one part; return its line of the table and whether all was well."""
    begun = time.monotonic()
    # What a part that failed left behind may still be written to.
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        try:
            line, lost = PARTS[name](numbers, Path(folder)), "0"
        except Exception as error:
            traceback.print_exc()
            line, lost = Line(name, "FAILED", "-"), " ".join(str(error).split())[:200].replace("|", "/")
    row = (
        line.fault,
        line.times,
        line.acknowledged,
        lost,
        f"{time.monotonic() - begun:.0f}",
        f"{datetime.now(UTC):%Y-%m-%d}",
    )
    print(f"| {' | '.join(row)} |", flush=True)
    return f"| {' | '.join(row)} |", lost == "0"


def main() -> int:
    """Run, print and write the table; return the exit code."""
    asked = options()
    numbers = Numbers(**{name: getattr(asked, name) for name in Numbers.__dataclass_fields__})
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    done = [run_part(name, numbers) for name in asked.only or PARTS]
    write([row for row, _ in done])
    return 0 if all(well for _, well in done) else 1


def write(rows: list[str]) -> None:
    """Put rows into the table between its marks, each in the place of the one of the same fault."""
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    old, after = rest.split(MARKS[1])
    kept = {_fault(row): row for row in old.splitlines() if row.startswith("| ") and row not in HEAD}
    table = kept | {_fault(row): row for row in rows}
    where = f"On {platform.system()} {platform.machine()}, Python {platform.python_version()}, 2 shared cores."
    text = "\n".join((MARKS[0], "", where, "", HEAD, *table.values(), "", MARKS[1]))
    PAGE.write_text(before + text + after, encoding="utf-8")


def _fault(row: str) -> str:
    """Return which fault a row tells of: its first cell, without how often whom."""
    return row.split("|")[1].split(" (")[0].strip()


if __name__ == "__main__":
    sys.exit(main())
