"""100 idle associations: what they cost the server, and what a C-ECHO beside them takes. `python -m benchmarks.idle`

The servers take turns, one at a time, each with a share of the seconds in every round.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import median, number, percentile, table
from benchmarks.gateways import MANY, make_with_limits
from benchmarks.machine import description
from benchmarks.processes import cpu_seconds
from benchmarks.result import Result, from_command_line
from benchmarks.scu import VERIFICATION, Association
from benchmarks.servers import Server, gateway, program, storescp_fork
from benchmarks.stock import pynetdicom

ASSOCIATIONS, ROUNDS, SECONDS = 100, 5, 4.0
ECHOES, ECHO_SECONDS = 200, 3.0
SETTLE_SECONDS = 1.0


def _gateway(folder: Path) -> AbstractContextManager[Server]:
    make_with_limits(folder, MANY)
    return gateway(folder)


SERVERS: dict[str, tuple[str, Callable[[Path], AbstractContextManager[Server]]]] = {
    "gateway": (sys.executable, _gateway),
    "storescp --fork": ("storescp", storescp_fork),
    "pynetdicom": (sys.executable, pynetdicom),
}


@dataclass
class Measured:
    """What one server did: % of a core in each round, milliseconds of each C-ECHO and of each with an association."""

    core_percent: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def _within(seconds: float, most: int, act: Callable[[], object]) -> list[float]:
    """Return the milliseconds of each of at most `most` acts, none begun after `seconds`."""
    taken: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(taken) < most and (before := time.perf_counter()) < deadline:
        act()
        taken.append(1000 * (time.perf_counter() - before))
    return taken


def measure(server: Server, associations: int, seconds: float, found: Measured) -> None:
    """Add one round of a server."""

    def open_one() -> Association:
        return Association(server.port, server.ae_title, VERIFICATION)

    def echo_alone() -> None:
        association = open_one()
        association.echo()
        association.release()

    idle = [open_one() for _ in range(associations)]
    time.sleep(SETTLE_SECONDS)
    cpu, before = cpu_seconds(server.process.pid), time.perf_counter()
    time.sleep(seconds)
    used = cpu_seconds(server.process.pid) - cpu
    found.core_percent.append(100 * used / (time.perf_counter() - before))
    beside = open_one()
    found.echo += _within(ECHO_SECONDS, ECHOES, beside.echo)
    found.whole += _within(ECHO_SECONDS, ECHOES // 4, echo_alone)
    for association in (beside, *idle):
        association.release()


def run(quick: bool = False) -> Result:
    """Run the benchmark."""
    machine = description()
    associations, rounds, seconds = (20, 1, 1.0) if quick else (ASSOCIATIONS, ROUNDS, SECONDS)
    found: dict[str, Measured] = {}
    for round_number in range(rounds):
        for name, (needed, start) in SERVERS.items():
            if not program(needed):
                print(f"SKIPPED: {name} is not installed", file=sys.stderr)
                continue
            with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, start(Path(folder) / "server") as server:
                measure(server, associations, seconds, found.setdefault(name, Measured()))
            print(f"idle: round {round_number + 1} of {rounds}, {name}", file=sys.stderr)
    rows = [_row(name, found.get(name)) for name in SERVERS]
    header = ["", "% of a core", "C-ECHO p50, ms", "p99", "n", "associate + C-ECHO + release p50, ms", "p99"]
    report = (
        f"{machine}\n\n{associations} idle associations, {rounds} rounds of {seconds:g} s for the processor time, "
        f"medians.\n\n{table(header, rows)}"
    )
    ours = found["gateway"]
    return Result(
        report,
        {
            "core percent": median(ours.core_percent),
            "echo p50": median(ours.echo),
            "echo p99": percentile(ours.echo, 99),
        },
    )


def _row(name: str, of: Measured | None) -> list[str]:
    if of is None:
        return [name, "not installed", *["-"] * 5]
    figures = (median(of.echo), percentile(of.echo, 99))
    whole = (median(of.whole), percentile(of.whole, 99))
    return [
        name,
        number(median(of.core_percent)),
        *map(number, figures),
        str(len(of.echo)),
        *map(number, whole),
    ]


if __name__ == "__main__":
    from_command_line(run)
