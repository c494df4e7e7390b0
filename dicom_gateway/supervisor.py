"""Starts every role in a process of its own, watches them, starts again what dies, and drains them at the end.

The supervisor binds the ports, so no port is lost while a role restarts, and migrates the database before anybody uses
it. A child drains when the pipe that it inherits closes: a supervisor that is killed leaves nobody behind.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from dicom_gateway.certificates import valid_until
from dicom_gateway.errors import SettingsError
from dicom_gateway.gateway import Gateway
from dicom_gateway.listening import bind_all, port_of
from dicom_gateway.operating_system import try_lock
from dicom_gateway.roles import LISTENING_ROLES, ROLES, listeners_of
from dicom_gateway.settings import DICOM_TLS, Settings
from dicom_gateway.settings_text import variable

log = structlog.get_logger()

POLL_SECONDS = 0.1
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_AFTER_SECONDS = 60.0
STOP_SECONDS = 35.0
NICENESS = {"dicom": 0, "intake": 1, "web": 2, "worker": 4}  # devices come before pages, pages before thumbnails


@dataclass
class Child:
    """A role's process; when it was started, and how long to wait before the next start."""

    role: str
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    start_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """Runs all roles of one gateway on this machine."""

    def __init__(
        self, settings: Settings, config: Path | None, announce: Callable[[str], None], log_json: bool = False
    ) -> None:
        self._settings = settings
        self._config = config
        self._announce = announce
        self._log_json = log_json
        self._stopping = threading.Event()
        self._refusal = settings.web_refusal()
        self._children = [Child(role) for role in ROLES if role != "web" or self._refusal is None]
        self._sockets: dict[str, socket.socket] = {}

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; returns when every role has ended. Raises SettingsError when it cannot start."""
        gateway = Gateway(self._settings)
        with open(gateway.run_dir / "supervisor.lock", "ab") as guard:
            if not try_lock(guard):
                raise SettingsError(f"gateway.data_dir: another gateway runs on {gateway.data_dir}")
            self._prepare(gateway)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._stopping.set())
            read_end, write_end = os.pipe()
            try:
                self._watch(read_end)
            finally:
                os.close(write_end)
                self._end()
                os.close(read_end)
            self._announce("stopped")

    def _prepare(self, gateway: Gateway) -> None:
        listeners = listeners_of(self._settings, (child.role for child in self._children))
        self._sockets = bind_all(listeners)
        gateway.migrate()
        metrics = gateway.run_dir / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(mode=0o700)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        for listener in listeners:
            os.environ[variable(listener.port_setting)] = str(port_of(self._sockets[listener.name]))
        if self._refusal:
            self._announce(f"The web role does not start: {self._refusal}")
        if refusal := self._settings.dicom_tls_refusal():
            self._announce(f"DICOM over TLS is not served: {refusal}")
        if refusal := self._settings.hl7_refusal():
            self._announce(f"HL7 is not served: {refusal}")
        self._announce(describe(self._settings, {name: port_of(s) for name, s in self._sockets.items()}))

    def _watch(self, drain_pipe: int) -> None:
        while not self._stopping.is_set():
            for child in self._children:
                self._look_after(child, drain_pipe)
            self._stopping.wait(POLL_SECONDS)

    def _look_after(self, child: Child, drain_pipe: int) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            log.error("role ended", role=child.role, code=child.process.returncode)
            lived = now - child.started_at
            child.pause = (
                FIRST_PAUSE_SECONDS if lived > HEALTHY_AFTER_SECONDS else min(child.pause * 2, LONGEST_PAUSE_SECONDS)
            )
            child.start_at = now + child.pause
            child.process = None
        if child.process is None and now >= child.start_at:
            child.process = self._start(child.role, drain_pipe)
            child.started_at = now

    def _start(self, role: str, drain_pipe: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dicom_gateway"]
        if self._config is not None:
            command += ["--config", str(self._config)]
        command += ["serve", "--role", role, "--drain-pipe", str(drain_pipe)]
        if self._log_json:
            command.append("--log-json")
        descriptors = [drain_pipe]
        for name in LISTENING_ROLES.get(role, ()):
            if name not in self._sockets:
                continue
            descriptor = self._sockets[name].fileno()
            command += ["--inherit", f"{name}={descriptor}"]
            descriptors.append(descriptor)
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, pass_fds=descriptors, preexec_fn=partial(_begin, NICENESS[role])
        )

    def _end(self) -> None:
        """Wait for the roles, which drain because their pipe is closed; kill what does not end."""
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("role killed: it did not drain", role=child.role)
                child.process.kill()
                child.process.wait()
        for listening in self._sockets.values():
            listening.close()


def _begin(niceness: int) -> None:
    """Run in a role's process before its program: its priority, and no end by Ctrl-C, which reaches every process of
    the terminal and is the supervisor's business while a role starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(niceness)


def describe(settings: Settings, ports: Mapping[str, int]) -> str:
    """Return where everything is, for whoever started the gateway."""
    lines: Sequence[tuple[str, str]] = [
        ("DICOM", f"{settings.dicom.host}:{ports.get('dicom')}  AE title {settings.dicom.ae_title}"),
        ("Unknown devices", "accepted" if settings.accepts_unknown_devices() else "refused"),
    ]
    if DICOM_TLS in ports:
        lines = [lines[0], ("DICOM TLS", f"{settings.dicom.host}:{ports[DICOM_TLS]}  {_tls(settings)}"), *lines[1:]]
    if "web" in ports:
        scheme = "https" if settings.web.tls_certificate else "http"
        base = f"{scheme}://{settings.web.host}:{ports['web']}"
        lines = [*lines, ("API", f"{base}/api/v1"), ("API docs", f"{base}/api/docs")]
    if "hl7" in ports:
        secured = "  TLS" if settings.hl7.tls_key else ""
        lines = [*lines, ("HL7", f"{settings.hl7.host}:{ports['hl7']}{secured}")]
    lines = [*lines, *(("Folder", f"{one.name} <- {one.folder}") for one in settings.hl7_source if one.folder)]
    lines = [*lines, *(("PMS", f"{pms.name} -> {pms.destination}") for pms in settings.pms)]
    token = settings.gateway.data_dir / "admin.token"
    if token.exists():
        lines = [*lines, ("First token", str(token))]
    lines = [*lines, ("Data", str(settings.gateway.data_dir))]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in lines)


def _tls(settings: Settings) -> str:
    certificate, client_ca = settings.dicom.tls_certificate, settings.dicom.tls_client_ca
    end = valid_until(certificate) if certificate else None
    words = f"certificate valid until {end:%Y-%m-%d}" if end else "certificate of unknown validity"
    return f"{words}, devices must have one" if client_ca else words
