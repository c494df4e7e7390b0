"""Where a received object's time goes: the gateway's own parts one after the other, each stage with all before it.

All stages run in this process, each behind the real upper layer on a port of its own; the client is another process, so
that the processor time counted here is the server's alone. The stages take turns. `python -m benchmarks.stages`
"""

import gc
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from pynetdicom import AE

from benchmarks.figures import median, number, table
from benchmarks.loads import processes, send_files
from benchmarks.machine import description
from benchmarks.objects import KINDS, Kind
from benchmarks.result import Result, from_command_line
from dicom_gateway.dicom.contexts import supported_contexts
from dicom_gateway.dicom.file_meta import file_head
from dicom_gateway.dicom.store import SMALL_BYTES, StoreService
from dicom_gateway.gateway import Gateway
from dicom_gateway.logs import set_up
from dicom_gateway.metrics import Metrics
from dicom_gateway.roles import SWITCH_SECONDS
from dicom_gateway.settings import GatewaySettings, Settings
from dicom_gateway.storage.filesystem import FileSystem
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.study.metadata import read_header
from dicom_gateway.study.scan import scan
from dicom_gateway.upperlayer.commands import Command
from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS, MAX_PDU_BYTES
from dicom_gateway.upperlayer.server import DicomServer, Gate

ROUNDS = 5
TINY, CT = KINDS[:2]
FILES = {TINY: 200, CT: 40}
MEDIA = {"disk": Path(tempfile.gettempdir()), "tmpfs": Path("/dev/shm")}
AE_TITLE = "STAGES"
SUCCESS = 0


class Unsynced(FileSystem):
    """A file system whose files are never made durable."""

    def sync(self, descriptor: int) -> None:
        """Do nothing."""

    def sync_folder(self, path: Path) -> None:
        """Do nothing."""


class Forgetting:
    """Receives an object and forgets it."""

    def write(self, data: memoryview) -> None:
        """Do nothing."""

    def finish(self) -> int:
        """Answer with success."""
        return SUCCESS

    def discard(self) -> None:
        """Do nothing."""


class Filing:
    """Receives an object into a file, hashed; `is_checked`: scanned, and its header read."""

    def __init__(self, objects: ObjectStore, request: Command, transfer_syntax_uid: str, is_checked: bool) -> None:
        self._syntax = transfer_syntax_uid
        self._is_checked = is_checked
        self._small = bytearray()
        self._spool = objects.open()
        self._spool.write_head(file_head(request.sop_class_uid, request.sop_instance_uid, self._syntax, AE_TITLE))

    def write(self, data: memoryview) -> None:
        """Write and hash; of a small object keep the bytes to be looked at."""
        if self._spool.written + len(data) <= SMALL_BYTES:
            self._small += data
        self._spool.write(data)

    def finish(self) -> int:
        """Check, and give the file its final name."""
        if self._is_checked and self._spool.written <= SMALL_BYTES:
            self._check(self._small)
        elif self._is_checked:
            with self._spool.data() as data:
                self._check(data)
        self._spool.commit(self._syntax)
        return SUCCESS

    def discard(self) -> None:
        """Remove the file."""
        self._spool.discard()

    def _check(self, data: bytearray | memoryview) -> None:
        read_header(data, self._syntax, scan(data, self._syntax).pixel_offset)


Receive = Any  # what DicomServer calls at the beginning of an object: (association, context, request)


def _forgetting(gateway: Gateway) -> Receive:
    return lambda association, context, request: Forgetting()


def _filing(is_checked: bool, is_synced: bool) -> Callable[[Gateway], Receive]:
    def made(gateway: Gateway) -> Receive:
        if not is_synced:
            gateway.objects.files = Unsynced()
        return lambda association, context, request: Filing(
            gateway.objects, request, str(context.transfer_syntax[0]), is_checked
        )

    return made


def _whole(gateway: Gateway) -> Receive:
    return StoreService(gateway.objects, gateway.studies, _metrics.count_object).receive_object


_metrics = Metrics()
STAGES: dict[str, Callable[[Gateway], Receive]] = {
    "received and forgotten": _forgetting,
    "+ file and hash": _filing(is_checked=False, is_synced=False),
    "+ scan and header": _filing(is_checked=True, is_synced=False),
    "+ syncs of file and folder": _filing(is_checked=True, is_synced=True),
    "+ row: all that the gateway does": _whole,
}


@contextmanager
def serving(folder: Path, make: Callable[[Gateway], Receive]) -> Iterator[int]:
    """Serve one stage; give its port."""
    gateway = Gateway(Settings(gateway=GatewaySettings(data_dir=folder)))
    gateway.migrate()
    ae = AE(AE_TITLE)
    ae.maximum_pdu_size = MAX_PDU_BYTES
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = DicomServer(ae, listening, supported_contexts(), [], make(gateway), Gate(DEFAULT_LIMITS))
    server.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.stop_accepting()
        server.end_associations()
        listening.close()
        gateway.close()


@dataclass
class Taken:
    """What the sends of one stage took: ms of processor time a file, files a second."""

    cpu: list[float] = field(default_factory=list)
    speed: list[float] = field(default_factory=list)


Found = dict[tuple[Kind, str], Taken]


def measure(parent: Path, client: ProcessPoolExecutor, files: dict[Kind, int], rounds: int) -> Found:
    """Return what each stage took in a new folder below `parent`, the stages taking turns."""
    found: Found = {(kind, stage): Taken() for kind in files for stage in STAGES}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-", dir=parent)))
        ports = {
            stage: stack.enter_context(serving(folder / str(number), make))
            for number, (stage, make) in enumerate(STAGES.items())
        }
        for kind in files:
            for port in ports.values():
                client.submit(send_files, port, AE_TITLE, kind, 3).result()
        for round_number in range(rounds):
            order = list(ports.items())
            for kind, count in files.items():
                for stage, port in order[round_number % len(order) :] + order[: round_number % len(order)]:
                    os.sync()
                    cpu = time.process_time()
                    seconds = client.submit(send_files, port, AE_TITLE, kind, count).result()
                    found[kind, stage].cpu.append(1000 * (time.process_time() - cpu) / count)
                    found[kind, stage].speed.append(count / seconds)
            print(f"stages: round {round_number + 1} of {rounds} in {parent}", file=sys.stderr)
    return found


def _table(found: Found, files: dict[Kind, int]) -> str:
    rows = []
    for stage in STAGES:
        row = [stage]
        for kind in files:
            taken = found[kind, stage]
            row += [number(median(taken.cpu)), number(median(taken.speed))]
        rows.append(row)
    header = [""]
    for kind in files:
        header += [f"{kind.name}: CPU ms a file", "files/s"]
    return table(header, rows)


@contextmanager
def _as_the_role() -> Iterator[None]:
    """Let this interpreter switch threads and collect garbage as the dicom role's does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


def run(quick: bool = False) -> Result:
    """Run the benchmark."""
    set_up("stages")  # what the program logs is made here too, and thrown away
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(open(os.devnull, "w")))
    media = {name: folder for name, folder in MEDIA.items() if folder.is_dir()}
    files = {kind: count // 4 for kind, count in FILES.items()} if quick else FILES
    rounds = 1 if quick else ROUNDS
    parts = [description(*media.values()), f"One association with TCP_NODELAY, {rounds} rounds in turn, medians."]
    figures: dict[str, float] = {}
    with processes(1) as client, _as_the_role():
        for medium, folder in media.items():
            found = measure(folder, client, files, rounds)
            parts.append(f"### On {medium}\n\n{_table(found, files)}")
            figures |= {
                f"{medium}/{kind.name.partition(',')[0]}/{stage}": median(taken.cpu)
                for (kind, stage), taken in found.items()
            }
    return Result("\n\n".join(parts), figures)


if __name__ == "__main__":
    from_command_line(run)
