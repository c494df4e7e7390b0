"""The servers that are compared, each started here on a free port of loopback and ended by its process id.

They run as they are delivered, but for what a fair comparison needs: the same maximum PDU of 128 KiB, a folder of
their own, no plugins, no log output, and TCP_NODELAY, which DCMTK (and Orthanc upon it) sets only when the environment
asks: without it each of their answers takes 40 ms longer.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scu import VERIFICATION, Association

START_SECONDS = 30.0
MAX_PDU = 131072
NODELAY = {"TCP_NODELAY": "1"}
DATABASE = "data/gateway.db"
GATEWAY = (sys.executable, "-m", "dicom_gateway")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    name: str
    port: int
    ae_title: str
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Return the CPU time that the process and its ended children have used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def program(name: str) -> str | None:
    """Return the path of an installed program, None when it is not installed."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_port() -> int:
    """Return a TCP port that nobody uses just now, on any address: below those that the system gives to clients,
    because one that a connection has left lately cannot be listened on by every program."""
    while True:
        port = random.randint(15_000, 32_000)
        with suppress(OSError), socket.socket() as found:
            found.bind(("", port))
            return port


@contextmanager
def running(
    name: str, arguments: Sequence[str], port: int, ae_title: str, environment: dict[str, str] = NODELAY
) -> Iterator[Server]:
    process = subprocess.Popen(
        arguments, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        server = Server(name, port, ae_title, process)
        _wait_until_it_answers(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            association = Association(server.port, server.ae_title, VERIFICATION)
            association.echo()
            association.release()
            return
        except OSError as error:
            if server.process.poll() is not None:
                raise RuntimeError(f"{server.name} ended by itself: {server.process.returncode}") from error
            if time.monotonic() > deadline:
                raise RuntimeError(f"{server.name} does not answer") from error
            time.sleep(0.05)


def make_gateway(folder: Path) -> None:
    """Make a gateway's folder; its database is at DATABASE below it."""
    subprocess.run([*GATEWAY, "init", str(folder)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def gateway(folder: Path) -> Iterator[Server]:
    """Run the gateway's dicom role over a folder that `make_gateway` made."""
    port = free_port()
    arguments = [*GATEWAY, "--config", str(folder / "gateway.toml"), "serve", "--role", "dicom"]
    with running("gateway", arguments, port, "DCMGATEWAY", {"DICOM_GATEWAY_DICOM__PORT": str(port)}) as server:
        yield server


@contextmanager
def wlmscpfs(folder: Path) -> Iterator[Server]:
    """Run DCMTK's worklist server over the folders (one an AE title) of .wl files in `folder`."""
    port = free_port()
    arguments = ["wlmscpfs", "--quiet", "--max-pdu", str(MAX_PDU), "--data-files-path", str(folder), str(port)]
    with running("wlmscpfs", arguments, port, "BENCHMARK") as server:
        yield server


@contextmanager
def _storescp(folder: Path, name: str, *options: str) -> Iterator[Server]:
    folder.mkdir(exist_ok=True)
    port = free_port()
    arguments = ["storescp", "--quiet", *options, "--max-pdu", str(MAX_PDU)]
    with running(name, [*arguments, "--output-directory", str(folder), str(port)], port, "STORESCP") as server:
        yield server


@contextmanager
def storescp(folder: Path) -> Iterator[Server]:
    """Run DCMTK's storage server, which takes one association after the other."""
    with _storescp(folder, "storescp") as server:
        yield server


@contextmanager
def storescp_fork(folder: Path) -> Iterator[Server]:
    """Run DCMTK's storage server with a process an association."""
    with _storescp(folder, "storescp --fork", "--fork") as server:
        yield server


@contextmanager
def orthanc(folder: Path) -> Iterator[Server]:
    """Run Orthanc with its own defaults for storage: index in SQLite, files synced, MD5 of each."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    config = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "Plugins": [],
        "RemoteAccessAllowed": False,
        "HttpPort": free_port(),
        "DicomAet": "ORTHANC",
        "DicomPort": port,
        "MaximumPduLength": MAX_PDU,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(config))
    with running("Orthanc", [program("Orthanc") or "Orthanc", str(path)], port, "ORTHANC") as server:
        yield server
