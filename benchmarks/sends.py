"""The sends of benchmarks/store.py: what is sent, to whom, in which turn, and what is noted of each.

A send is: associate, so many C-STOREs one after the other, release; on one association or on several at once. Devices
differ in one thing that matters more than the server: whether they set TCP_NODELAY. Both kinds send here. The servers
take turns on new objects; before each send everything is synced, so that nobody pays for another's unwritten data.
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

from benchmarks.objects import KINDS, Encoded, Kind
from benchmarks.processes import peak_megabytes, reset_peak
from benchmarks.scu import Association, Buffer
from benchmarks.servers import MAX_PDU, Server, gateway, make_gateway, orthanc, program, storescp, storescp_fork
from benchmarks.stock import pynetdicom

WARM_UP_FILES = 3
TINY, CT, DX = KINDS
CBCT = Kind("CBCT, 210 MB", CT.sop_class_uid, "CT", 10_000, 10_500, 2, 2)
PDU_HEAD_BYTES = 12  # of a P-DATA-TF with one presentation data value
MANY_ASSOCIATIONS = 16


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that is measured of each server."""

    kind: Kind
    associations: int
    nodelay: bool

    def files(self, server: str) -> int:
        """Return how many files a send to a server has: few where one takes long, and as many on each association."""
        files = self.kind.nodelay if self.nodelay or server == "gateway" else self.kind.nagle
        files = files * 2 if self.associations == MANY_ASSOCIATIONS else files
        files = files // 2 if server == "pynetdicom" and self.kind is not CBCT else files
        return max(files // self.associations, 1) * self.associations


@dataclass(frozen=True, slots=True)
class Send:
    """What one send took: seconds on the clock and of the server's processor time; and how large the server became."""

    files: int
    seconds: float
    cpu_seconds: float
    peak_megabytes: float


Found = dict[tuple[Cell, str], list[Send]]

CELLS = (
    *(Cell(kind, count, True) for kind in KINDS for count in (1, 4, MANY_ASSOCIATIONS)),
    Cell(CBCT, 1, True),
    *(Cell(kind, count, False) for kind in KINDS for count in (1, 4)),
)


def _fresh_gateway(folder: Path) -> AbstractContextManager[Server]:
    make_gateway(folder)
    return gateway(folder)


SERVERS: dict[str, tuple[str, Callable[[Path], AbstractContextManager[Server]]]] = {
    "storescp": ("storescp", storescp),
    "storescp --fork": ("storescp", storescp_fork),
    "Orthanc": ("Orthanc", orthanc),
    "pynetdicom": (sys.executable, pynetdicom),
    "gateway": (sys.executable, _fresh_gateway),
}


def installed() -> list[str]:
    """Return the servers that can run here; says loudly which cannot."""
    for name, (needed, _) in SERVERS.items():
        if not program(needed):
            print(f"SKIPPED: {name} is not installed", file=sys.stderr)
    return [name for name, (needed, _) in SERVERS.items() if program(needed)]


def written(pdus: list[bytes], nodelay: bool) -> list[Buffer]:
    """Return what a client writes, piece by piece: DCMTK's storescu, which leaves Nagle's algorithm on, writes the head
    of each PDU by itself."""
    if nodelay:
        return list(pdus)
    views = [memoryview(pdu) for pdu in pdus]
    return [piece for view in views for piece in (view[:PDU_HEAD_BYTES], view[PDU_HEAD_BYTES:])]


def send(server: Server, encoded: Encoded, associations: int, files: int, nodelay: bool) -> Send:
    """Send new objects; raises ConnectionError when one is not taken with success."""
    parts: list[list[list[bytes]]] = [encoded.study(files // associations, MAX_PDU) for _ in range(associations)]
    pieces = [[written(request, nodelay) for request in part] for part in parts]
    peaks = []

    def device(requests: list[list[Buffer]]) -> None:
        association = Association(server.port, server.ae_title, encoded.kind.sop_class_uid, nodelay)
        for request in requests:
            association.store(request)
        if encoded.kind is CBCT:
            peaks.append(peak_megabytes(server.process.pid))  # while the process of this association lives
        association.release()

    os.sync()
    reset_peak(server.process.pid)
    with ThreadPoolExecutor(associations) as devices:
        cpu, before = server.cpu_seconds(), time.perf_counter()
        for done in [devices.submit(device, part) for part in pieces]:
            done.result()
        seconds = time.perf_counter() - before
    return Send(files, seconds, _settled_cpu(server) - cpu, max(peaks, default=0))


def _settled_cpu(server: Server) -> float:
    """Return the processor time once the children of this send have been counted."""
    time.sleep(0.05)
    return server.cpu_seconds()


def measure(folder: Path, names: list[str], images: dict[Kind, Encoded], turn: int) -> Iterator[tuple[Cell, str, Send]]:
    """Yield one send of each cell and server, over servers that begin empty in `folder`."""
    with ExitStack() as stack:
        servers = [stack.enter_context(SERVERS[name][1](folder / name.replace(" ", "-"))) for name in names]
        for server in servers:
            for encoded in [images[kind] for kind in images if kind is not CBCT] or images.values():
                send(server, encoded, 1, WARM_UP_FILES, nodelay=True)
        for cell in (cell for cell in CELLS if cell.kind in images):
            turn += 1
            for server in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
                done = send(server, images[cell.kind], cell.associations, cell.files(server.name), cell.nodelay)
                yield cell, server.name, done


def measure_medium(parent: Path, names: list[str], images: dict[Kind, Encoded], rounds: int) -> Found:
    """Return all sends of all rounds, each round in a new folder below `parent`."""
    found: Found = {}
    for round_number in range(rounds):
        folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=parent))
        try:
            for cell, name, done in measure(folder, names, images, round_number):
                found.setdefault((cell, name), []).append(done)
        finally:
            shutil.rmtree(folder)
        print(f"store: round {round_number + 1} of {rounds} in {parent}", file=sys.stderr)
    return found
