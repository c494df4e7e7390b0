"""What a run works with: the gateway in a folder of its own, the peers that are installed, the results."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydicom import dcmread

from conformance.peers import Dcmjs, Dcmtk, Orthanc
from conformance.results import MissingPeer, Results
from tests.e2e.program import Program
from tests.e2e.receiver import Receiver

ZONE = "Europe/Berlin"
QUIET_SECONDS, INCOMPLETE_SECONDS = 1, 2
SETTINGS = """
[[device]]
ae_title = "ARC1"
modalities = ["XA"]
[[device]]
ae_title = "ARC2"
modalities = ["XA"]
"""
META_START = 144  # of a Part 10 file: preamble, prefix and the group length element
LENGTH_AT = 140


@dataclass
class Bench:
    """Everything that a group of cases needs. A peer that is not installed is None."""

    program: Program
    receiver: Receiver
    folder: Path
    results: Results
    quick: bool
    client: httpx.Client
    dcmtk: Dcmtk | None = None
    dcmjs: Dcmjs | None = None
    orthanc: Orthanc | None = None

    @property
    def port(self) -> int:
        """The gateway's DICOM port."""
        return self.program.dicom_port

    @property
    def address(self) -> tuple[str, str]:
        """Host and port, as DCMTK's programs take them."""
        return "127.0.0.1", str(self.port)

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the gateway's API as the administrator."""
        return self.client.request(method, f"/api/v1{path}", **options)

    def add_order(self, document: dict[str, Any]) -> dict[str, Any]:
        """Put an order in; return it as the gateway answers it."""
        answer = self.api("POST", "/orders", json=document)
        assert answer.status_code in (200, 201), answer.text
        order: dict[str, Any] = answer.json()
        return order

    def stored(self, sop_instance_uid: str) -> tuple[str, str]:
        """Return transfer syntax and SHA-256 of the data set that the gateway keeps of an object."""
        answer = self.api("GET", f"/instances/{sop_instance_uid}/file")
        assert answer.status_code == 200, f"not stored: HTTP {answer.status_code}"
        return described(answer.content)


def described(file: bytes) -> tuple[str, str]:
    """Return transfer syntax and SHA-256 of the data set of a Part 10 file."""
    start = META_START + int.from_bytes(file[LENGTH_AT:META_START], "little")
    meta = dcmread(io.BytesIO(file[:start])).file_meta
    return str(meta.TransferSyntaxUID), hashlib.sha256(file[start:]).hexdigest()


@contextmanager
def started(folder: Path, results: Results, quick: bool) -> Iterator[Bench]:
    """Start the gateway and the peers; end them afterwards."""
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        settings = f'{receiver.settings}sources = ["mpps"]\nthumbnails = "none"\n{SETTINGS}'
        environment = {
            "DICOM_GATEWAY_GATEWAY__TIME_ZONE": ZONE,
            "DICOM_GATEWAY_COMPLETION__QUIET_SECONDS": str(QUIET_SECONDS),
            "DICOM_GATEWAY_COMPLETION__INCOMPLETE_AFTER_SECONDS": str(INCOMPLETE_SECONDS),
            "DICOM_GATEWAY_STORAGE__RESERVE_MB": "16",
        }
        program = Program(folder / "gateway", settings, environment)
        stack.callback(program.end)
        program.start()
        headers = {"Authorization": f"Bearer {program.token()}"}
        client = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{program.web_port}", headers=headers, timeout=30)
        )
        bench = Bench(program, receiver, folder, results, quick, client)
        _start_peers(bench, stack)
        yield bench


def _start_peers(bench: Bench, stack: ExitStack) -> None:
    try:
        bench.dcmtk = Dcmtk()
    except MissingPeer as missing:
        bench.results.skip(Dcmtk.name, "peers", str(missing))
    try:
        bench.dcmjs = stack.enter_context(Dcmjs(bench.port, "DCMJS"))
    except MissingPeer as missing:
        bench.results.skip(Dcmjs.name, "peers", str(missing))
    try:
        bench.orthanc = stack.enter_context(Orthanc(bench.folder / "orthanc", bench.port))
    except MissingPeer as missing:
        bench.results.skip(Orthanc.name, "peers", str(missing))
