"""Software that others wrote, as devices: DCMTK's programs, dcmjs-dimse in one process of Node, Orthanc with its REST.

Each runs on loopback in a folder of the run, is asked for its version once, and is ended here by its own process.
"""

import json
import os
import re
import select
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx

from conformance.results import MissingPeer
from tests.e2e.program import free_port, wait_for

CALLED = "DCMGATEWAY"
DCMJS = Path(__file__).resolve().parent / "dcmjs"
SECONDS = 120
SYSTEM_PROGRAMS = "/usr/local/sbin:/usr/sbin"  # Orthanc's place, which not everybody's PATH has


def need(program: str, package: str) -> str:
    """Return the path of a program; raise MissingPeer when its package is not installed."""
    found = shutil.which(program) or shutil.which(program, path=SYSTEM_PROGRAMS)
    if found is None:
        raise MissingPeer(f"{program} of the package {package} is not installed")
    return found


class Dcmtk:
    """DCMTK's programs."""

    name = "DCMTK"

    def __init__(self) -> None:
        for program in ("echoscu", "findscu", "storescu", "dcmsend", "dcmcjpeg", "dcmcjpls"):
            need(program, "dcmtk")
        shown = self.run("echoscu", "--version").stdout
        found = re.search(r"v(\d+\.\d+\.\d+)", shown)
        self.version = found.group(1) if found else "unknown"

    def run(self, program: str, *arguments: str | bytes | Path, folder: Path | None = None) -> Any:
        """Run a program; return its code and its output, both streams together."""
        command = [need(program, "dcmtk"), *(str(one) if isinstance(one, Path) else one for one in arguments)]
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=folder,
            timeout=SECONDS,
        )  # fmt: skip


class Dcmjs:
    """dcmjs-dimse: conformance/dcmjs/device.js, kept running."""

    name = "dcmjs-dimse"

    def __init__(self, port: int, calling: str) -> None:
        node = need("node", "nodejs")
        package = DCMJS / "node_modules" / "dcmjs-dimse" / "package.json"
        if not package.exists():
            raise MissingPeer("dcmjs-dimse is not installed (make peers)")
        self.version = str(json.loads(package.read_text(encoding="utf-8"))["version"])
        self._process = subprocess.Popen(
            [node, "device.js", "127.0.0.1", str(port), calling, CALLED, "serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=DCMJS,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def ask(self, operation: str, value: object = None, calling: str = "") -> dict[str, Any]:
        """Let it do an operation in an association of its own; return what it says (see device.js)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"operation": operation, "input": {} if value is None else value, "calling": calling}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], SECONDS)[0]:
            raise TimeoutError(f"dcmjs-dimse: no answer to {operation} within {SECONDS} s")
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def responses(self, operation: str, value: object = None, calling: str = "") -> list[dict[str, Any]]:
        """Return the responses to an operation; fails when the association did."""
        answer = self.ask(operation, value, calling)
        assert answer["error"] is None and answer["rejected"] is None, f"{operation}: {answer}"
        found: list[dict[str, Any]] = answer["responses"]
        return found


class Orthanc:
    """An Orthanc of its own, whose modality `gateway` is the gateway."""

    name = "Orthanc"

    def __init__(self, folder: Path, port: int) -> None:
        program = need("Orthanc", "orthanc")
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=SECONDS).stdout
        self.version = shown.split()[1]
        folder.mkdir()
        web = free_port()
        configuration = {
            "Name": "CONFORMANCE",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "index"),
            "Plugins": [],
            "DefaultEncoding": "Utf8",
            "HttpPort": web,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomServerEnabled": True,
            "DicomPort": free_port(),
            "DicomAet": "ORTHANC",
            "DicomModalities": {"gateway": [CALLED, "127.0.0.1", port]},
        }
        path = folder / "orthanc.json"
        path.write_text(json.dumps(configuration), encoding="utf-8")
        self._log = open(folder / "orthanc.log", "wb")
        self._process = subprocess.Popen(
            [program, str(path)], stdout=self._log, stderr=self._log, env={**os.environ, "LC_ALL": "C.UTF-8"}
        )
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{web}", timeout=SECONDS)

    def __enter__(self) -> Self:
        try:
            wait_for(self._is_up, 30, "Orthanc")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._log.close()

    def _is_up(self) -> bool:
        assert self._process.poll() is None, "Orthanc ended"
        with suppress(httpx.HTTPError):
            return self._client.get("/system").status_code == 200
        return False

    def echo(self) -> httpx.Response:
        """C-ECHO to the gateway."""
        return self._client.post("/modalities/gateway/echo", json={})

    def import_file(self, path: Path) -> str:
        """Put a file in; return Orthanc's id of the instance."""
        answer = self._client.post("/instances", content=path.read_bytes())
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ID"])

    def store(self, ids: Sequence[str]) -> dict[str, Any]:
        """C-STORE instances to the gateway in one association; return Orthanc's account."""
        body = {"Resources": list(ids), "Synchronous": True}
        answer = self._client.post("/modalities/gateway/store", json=body)
        account: dict[str, Any] = answer.json()
        return account

    def find_worklist(self, keys: dict[str, Any]) -> list[dict[str, Any]]:
        """C-FIND on the gateway's worklist; return the answers, DICOM tags by name."""
        answer = self._client.post("/modalities/gateway/find-worklist", json={"Query": keys, "Short": False})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found
