"""The gateway of the demo: `init` and `serve` as processes of their own, on loopback ports that the system picks."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from dicom_gateway.demo.expecting import Unexpected, wait_for
from dicom_gateway.settings import PREFIX

START_SECONDS = 30.0
STOP_SECONDS = 40.0  # longer than the supervisor gives its roles
_COMMAND = (sys.executable, "-m", "dicom_gateway")
_DICOM = re.compile(r"DICOM +127\.0\.0\.1:([0-9]+)")
_HL7 = re.compile(r"HL7 +127\.0\.0\.1:([0-9]+)")
_API = re.compile(r"API +(http://127\.0\.0\.1:[0-9]+/api/v1)")
_ANY_PORT = {f"{PREFIX}{section}__PORT": "0" for section in ("DICOM", "HL7", "WEB")}


class Program:
    """A gateway in `folder` while entered. `settings` is added to its gateway.toml, `environment` to the process's.

    Raises Unexpected when it does not start.
    """

    def __init__(self, folder: Path, settings: str, environment: dict[str, str]) -> None:
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.log = folder / "serve.log"
        self.dicom_port, self.hl7_port, self.api = 0, 0, ""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environment = {**kept, **_ANY_PORT, **environment}
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None

    def __enter__(self) -> "Program":
        try:
            self._start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _start(self) -> None:
        made = subprocess.run(  # noqa: S603
            [*_COMMAND, "init", str(self.folder)], env=self._environment, capture_output=True, text=True, timeout=60
        )
        if made.returncode:
            raise Unexpected(f"the gateway cannot be set up: {made.stderr.strip()}")
        with self.config.open("a", encoding="utf-8") as file:
            file.write("\n" + self._settings)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*_COMMAND, "--config", str(self.config), "serve"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment,
            )  # fmt: skip
        self.api, self.dicom_port = wait_for(self._places, "the gateway's ports", START_SECONDS)
        token = (self.folder / "data" / "admin.token").read_text(encoding="utf-8").strip()
        self._client = httpx.Client(
            base_url=self.api, headers={"Authorization": f"Bearer {token}"}, timeout=20, trust_env=False
        )
        wait_for(self._is_ready, "the gateway is ready", START_SECONDS)

    def _places(self) -> tuple[str, int] | None:
        """Return the API's URL and the DICOM port, as the gateway tells them."""
        self._expect_alive()
        text = self.log.read_text(encoding="utf-8", errors="replace")
        dicom, api, hl7 = _DICOM.search(text), _API.search(text), _HL7.search(text)
        self.hl7_port = int(hl7[1]) if hl7 else 0
        return (api[1], int(dicom[1])) if dicom and api else None

    def _is_ready(self) -> bool:
        self._expect_alive()
        try:
            return self._http().get(f"{self.api.removesuffix('/api/v1')}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def _expect_alive(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise Unexpected(f"the gateway ended; its log:\n{self.log.read_text(encoding='utf-8', errors='replace')}")

    def _http(self) -> httpx.Client:
        if self._client is None:
            raise Unexpected("the gateway does not run")
        return self._client

    def call(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """Call the API; return what the JSON of the answer says. Raises Unexpected for any other status or none."""
        try:
            answer = self._http().request(method, path.lstrip("/"), json=body)
        except httpx.HTTPError as error:
            raise Unexpected(f"{method} {path}: {error or type(error).__name__}") from error
        if answer.status_code != status:
            raise Unexpected(f"{method} {path} answered {answer.status_code}, expected {status}: {answer.text[:500]}")
        return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.content

    def end(self) -> int:
        """End it; return its exit code (0: as it should)."""
        if self._client is not None:
            self._client.close()
            self._client = None
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            process.kill()  # does nothing to what has ended; its roles end with it
            process.wait()
