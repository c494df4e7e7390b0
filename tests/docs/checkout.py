"""What a reader has: a folder that looks like a fresh checkout, a terminal, and the gateway in another one.

Everything that a command writes lands in that folder. Ports are free ones of loopback, in place of those on the pages.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.docs.pages import ROOT
from tests.e2e.program import wait_for
from tests.peers import missing

SECONDS = 60
LINKED = ("Makefile", "pyproject.toml", "requirements.lock", "dicom_gateway", "sample_data", "conformance")
# What a make above, a setting of this machine or a proxy would change.
_UNSET = ("DICOM_GATEWAY_", "MAKE", "MFLAGS")


def checkout(folder: Path) -> Path:
    """Make `folder` look like the project; its .venv is the one that runs the tests, and counts as set up."""
    folder.mkdir(parents=True)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    if not (Path(sys.prefix) / "bin" / "dicom-gateway").exists():
        missing("dicom-gateway in the .venv of the tests (make setup)")
    venv = folder / ".venv"
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != ".ready":
            (venv / entry.name).symlink_to(entry)
    (venv / ".ready").touch()
    return folder


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a terminal, with the programs of the .venv on its PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_UNSET)}
    return {**kept, "PATH": f"{Path(sys.prefix) / 'bin'}:{kept['PATH']}", "NO_PROXY": "*", **more}


def is_ready(web_port: int) -> bool:
    """Ask the gateway's /readyz."""
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{web_port}/readyz", timeout=10, trust_env=False).status_code == 200
    return False


def listens(port: int) -> bool:
    """Say whether somebody listens on that port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Foreground:
    """A program that keeps its terminal until Ctrl-C: its own process group, what it prints in `log`."""

    def __init__(self, command: str, folder: Path, variables: dict[str, str]) -> None:
        self._log = folder / "printed.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", command], cwd=folder, env=variables, process_group=0,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def printed(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(encoding="utf-8")

    def wait_ready(self, web_port: int) -> None:
        """Wait until /readyz is content; fail at once when the program has ended."""
        self.wait(lambda: is_ready(web_port))

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; fail with what the program has printed."""
        try:
            wait_for(lambda: self._lives() and condition(), SECONDS)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.printed()}") from None

    def _lives(self) -> bool:
        assert self.process.poll() is None, "it has ended"
        return True

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal to all of it, as a terminal does; return its code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"it does not end\n{self.printed()}") from None


@contextmanager
def foreground(command: str, folder: Path, variables: dict[str, str]) -> Iterator[Foreground]:
    """Run a program until the end of the block."""
    started = Foreground(command, folder, variables)
    try:
        yield started
    finally:
        started.end()


class Terminal:
    """One shell with job control: what is exported stays, and what is started in the background can be killed."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder = folder / ".typed"
        self._folder.mkdir()
        self._count = 0
        shell = shutil.which("bash")
        if shell is None:
            missing("bash")
        self._shell = subprocess.Popen(
            [str(shell), "-m"], cwd=folder, env=variables, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def type(self, text: str) -> str:
        """Run lines as `sh -e` does; return what they print. Fails when one of them fails or takes too long."""
        self._count += 1
        script, printed, done = (self._folder / f"{self._count}.{end}" for end in ("sh", "out", "done"))
        script.write_text(f"set -e\n{text}\n", encoding="utf-8")
        assert self._shell.stdin is not None
        self._shell.stdin.write(f". {script} < /dev/null > {printed} 2>&1; echo done > {done}\n")
        self._shell.stdin.flush()
        wait_for(lambda: done.exists() or self._shell.poll() is not None, SECONDS, text)
        found = printed.read_text(encoding="utf-8", errors="replace")
        assert done.exists(), f"{text}\n{found}"
        return found

    def close(self) -> None:
        """End the shell."""
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(SECONDS)
