"""C-STORE against DCMTK's storescp (with and without --fork) and Orthanc: files a second and processor time.

A send is: associate, so many C-STOREs one after the other, release; on one association or on four at once. Devices
differ in one thing that matters more than the server: whether they set TCP_NODELAY. Both kinds send here. The servers
take turns on new objects; before each send everything is synced, so that nobody pays for another's unwritten data.
`python -m benchmarks.store`
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import median, number, table
from benchmarks.machine import description
from benchmarks.objects import KINDS, Encoded, Kind
from benchmarks.scu import Association
from benchmarks.servers import MAX_PDU, Server, gateway, make_gateway, orthanc, program, storescp, storescp_fork

ROUNDS = 5
ASSOCIATIONS = (1, 4)
WARM_UP_FILES = 3
MEDIA = {"disk": Path(tempfile.gettempdir()), "tmpfs": Path("/dev/shm")}


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that is measured of each server."""

    kind: Kind
    associations: int
    nodelay: bool

    @property
    def files(self) -> int:
        """How many files a send has in all."""
        return self.kind.nodelay if self.nodelay else self.kind.nagle


@dataclass(frozen=True, slots=True)
class Send:
    """What one send took: seconds on the clock and of the server's processor time."""

    seconds: float
    cpu_seconds: float


Found = dict[tuple[Cell, str], list[Send]]

CELLS = tuple(Cell(kind, count, nodelay) for nodelay in (True, False) for kind in KINDS for count in ASSOCIATIONS)


def _fresh_gateway(folder: Path) -> AbstractContextManager[Server]:
    make_gateway(folder)
    return gateway(folder)


SERVERS: dict[str, tuple[str, Callable[[Path], AbstractContextManager[Server]]]] = {
    "storescp": ("storescp", storescp),
    "storescp --fork": ("storescp", storescp_fork),
    "Orthanc": ("Orthanc", orthanc),
    "gateway": (sys.executable, _fresh_gateway),
}


def installed() -> list[str]:
    """Return the servers that can run here; says loudly which cannot."""
    for name, (needed, _) in SERVERS.items():
        if not program(needed):
            print(f"SKIPPED: {name} is not installed", file=sys.stderr)
    return [name for name, (needed, _) in SERVERS.items() if program(needed)]


def send(server: Server, encoded: Encoded, associations: int, files: int, nodelay: bool) -> Send:
    """Send new objects; raises ConnectionError when one is not taken with success."""
    parts = [encoded.study(files // associations, MAX_PDU) for _ in range(associations)]

    def device(requests: list[list[bytes]]) -> None:
        association = Association(server.port, server.ae_title, encoded.kind.sop_class_uid, nodelay)
        for request in requests:
            association.store(request)
        association.release()

    os.sync()
    with ThreadPoolExecutor(associations) as devices:
        cpu, before = server.cpu_seconds(), time.perf_counter()
        for done in [devices.submit(device, part) for part in parts]:
            done.result()
        seconds = time.perf_counter() - before
    return Send(seconds, _settled_cpu(server) - cpu)


def _settled_cpu(server: Server) -> float:
    """Return the processor time once the children of this send have been counted."""
    time.sleep(0.05)
    return server.cpu_seconds()


def measure(folder: Path, names: list[str], images: dict[Kind, Encoded], turn: int) -> Iterator[tuple[Cell, str, Send]]:
    """Yield one send of each cell and server, over servers that begin empty in `folder`."""
    with ExitStack() as stack:
        servers = [stack.enter_context(SERVERS[name][1](folder / name.replace(" ", "-"))) for name in names]
        for server in servers:
            for encoded in images.values():
                send(server, encoded, 1, WARM_UP_FILES, nodelay=True)
        for cell in CELLS:
            turn += 1
            for server in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
                done = send(server, images[cell.kind], cell.associations, cell.files, cell.nodelay)
                yield cell, server.name, done


def measure_medium(parent: Path, names: list[str], images: dict[Kind, Encoded]) -> Found:
    """Return all sends of all rounds, each round in a new folder below `parent`."""
    found: Found = {}
    for round_number in range(ROUNDS):
        folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=parent))
        try:
            for cell, name, done in measure(folder, names, images, round_number):
                found.setdefault((cell, name), []).append(done)
        finally:
            shutil.rmtree(folder)
    return found


def speeds(cell: Cell, sends: list[Send]) -> list[float]:
    """Return files a second of each send; of large files, megabytes a second."""
    unit = cell.kind.megabytes if cell.kind.megabytes > 5 else 1
    return [cell.files // cell.associations * cell.associations * unit / one.seconds for one in sends]


def report(found: Found, names: list[str], nodelay: bool) -> str:
    """Return the speeds of one medium and one client mode as a Markdown table."""
    rows = []
    for cell in (cell for cell in CELLS if cell.nodelay is nodelay):
        by_name = {name: speeds(cell, found[cell, name]) for name in names}
        ours = by_name["gateway"]
        unit = "MB/s" if cell.kind.megabytes > 5 else "files/s"
        row = [f"{cell.kind.name}, {unit}", str(cell.associations)]
        row += [number(median(by_name[name])) if name in by_name else "not installed" for name in SERVERS]
        row += [f"{number(min(ours))} to {number(max(ours))}"]
        row += [_ratio(ours, by_name.get(peer)) for peer in ("storescp", "Orthanc")]
        rows.append(row)
    header = ["", "associations", *SERVERS, "gateway's range", "to storescp", "to Orthanc"]
    return table(header, rows)


def _ratio(ours: list[float], theirs: list[float] | None) -> str:
    return f"{median(ours) / median(theirs):.2f}x" if theirs else "-"


def report_cpu(found: Found, names: list[str]) -> str:
    """Return the processor time of the servers, one association, TCP_NODELAY, as a Markdown table."""
    rows = []
    for cell in (cell for cell in CELLS if cell.nodelay and cell.associations == 1):
        row = [cell.kind.name]
        for name in SERVERS:
            sends = found.get((cell, name))
            used = sum(one.cpu_seconds for one in sends) / (len(sends) * cell.files) if sends else 0
            row.append(number(1000 * used) if sends else "not installed")
        rows.append(row)
    return table(["CPU s per 1,000 files", *SERVERS], rows)


def run() -> str:
    """Run the benchmark and return its report."""
    names, images = installed(), {kind: Encoded(kind) for kind in KINDS}
    media = {name: folder for name, folder in MEDIA.items() if folder.is_dir()}
    parts = [description(*media.values()), f"{ROUNDS} rounds in turn, medians."]
    for medium, folder in media.items():
        found = measure_medium(folder, names, images)
        for nodelay, client in ((True, "TCP_NODELAY"), (False, "Nagle's algorithm, as most devices")):
            parts.append(f"### On {medium}, a client with {client}\n\n{report(found, names, nodelay)}")
        parts.append(f"### Processor time of the server, on {medium}\n\n{report_cpu(found, names)}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(run())
