"""The real program: `dicom-gateway init` and `serve` in processes of their own, on free loopback ports."""

import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.inside import run_inside

T = TypeVar("T")
COMMAND = [sys.executable, "-m", "dicom_gateway"]
START_SECONDS = 60  # to wait, on a machine that does much else; how long a start takes is no business of the tests
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # httpx would read the system's CAs anew for each request


# Below the ports that the system gives to clients, because one that a connection has left lately cannot be listened on
# by every program. Each process of a run has its own, and gives none twice: another may not be listened on yet.
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_PORTS = list(range(15_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]), 32_000, _PROCESSES))
random.shuffle(_PORTS)


def free_port() -> int:
    """Return a port that nobody uses just now, on any address."""
    while True:
        port = _PORTS.pop()
        with suppress(OSError), socket.socket() as found:
            found.bind(("", port))
            return port


def wait_for(condition: Callable[[], T], seconds: float = 60, what: str = "") -> T:
    """Return the first true value of `condition`; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain{': ' + what if what else ''}; last: {value!r}")
        time.sleep(0.05)


class Program:
    """One gateway. `settings` is added to its gateway.toml; ports come by environment."""

    def __init__(self, folder: Path, settings: str, environment: dict[str, str]) -> None:
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.dicom_port, self.web_port = free_port(), free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DICOM_GATEWAY_")},
            "DICOM_GATEWAY_DICOM__PORT": str(self.dicom_port),
            "DICOM_GATEWAY_WEB__PORT": str(self.web_port),
            **environment,
        }
        self.log = folder / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.inside("init", str(folder))
        with open(self.config, "a", encoding="utf-8") as file:
            file.write("\n" + settings)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def run(self, *arguments: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run another command of the program, in a process of its own."""
        done = subprocess.run(
            [*COMMAND, *self._config(), *arguments],
            capture_output=True, text=True, env=self.environment, input=text, timeout=60,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    def inside(self, *arguments: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run another command of the program in this process; see tests/inside.py."""
        done = run_inside([*self._config(), *arguments], self.environment, text)
        assert not check or done.returncode == 0, done.stderr
        return done

    def _config(self) -> list[str]:
        return ["--config", str(self.config)] if self.config.exists() else []

    def start(self, wait: bool = True, arguments: tuple[str, ...] = (), new_group: bool = False) -> None:
        """Start it, and wait until it is ready; in a process group of its own, as a terminal does, if asked for."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "--config", str(self.config), "serve", *arguments],
                stdout=log, stderr=log, env=self.environment, process_group=0 if new_group else None,
            )  # fmt: skip
        if not wait:
            return
        try:
            self.wait_ready()
        except AssertionError:
            self.end()
            raise

    def wait_ready(self) -> None:
        """Wait until every component says that it works."""
        try:
            wait_for(self.is_ready, START_SECONDS, "ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()}") from error

    def is_ready(self) -> bool:
        """Ask /readyz."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self._get("/readyz", 10).status_code == 200
        except httpx.HTTPError:
            return False

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it and return its code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(40)
        self.process = None
        return code

    def pids(self, role: str = "") -> list[int]:
        """Return the processes of a role, or all children of the supervisor."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(self.config).encode() in command and b"--drain-pipe" in command:
                if not role or role.encode() in command:
                    found.append(int(entry.name))
        return found

    def kill(self, role: str) -> None:
        """Kill a role's process; the supervisor starts it again."""
        for pid in wait_for(lambda: self.pids(role), what=role):
            os.kill(pid, signal.SIGKILL)

    def token(self) -> str:
        """Return the first administrator's token."""
        return (self.data / "admin.token").read_text().strip()

    def metrics(self) -> str:
        """Return what Prometheus would get."""
        return self._get("/metrics", 20).text

    def _get(self, path: str, seconds: float) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.web_port}{path}", timeout=seconds, verify=NO_TLS)

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API as the administrator."""
        return httpx.request(
            method,
            f"http://127.0.0.1:{self.web_port}/api/v1{path}",
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=20,
            verify=NO_TLS,
            **options,
        )
