"""Starts every role in a process of its own, watches them, starts again what dies, and drains them at the end.

The supervisor binds the ports, so no port is lost while a role restarts, and migrates the database before anybody uses
it. A child drains when the pipe that it inherits closes: a supervisor that is killed leaves nobody behind. When
settings were changed on the page it listens where that is new, and lets each role begin anew (renewing.py).
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
from functools import partial
from pathlib import Path

import structlog

from dicom_gateway.certificates import valid_until
from dicom_gateway.errors import GatewayError, SettingsError, Unavailable
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.listening import bind, bind_all, port_of
from dicom_gateway.operating_system import try_lock
from dicom_gateway.renewing import FIRST_PAUSE_SECONDS, STOP_SECONDS, Child, Renewal
from dicom_gateway.roles import LISTENING_ROLES, ROLES, listeners_of
from dicom_gateway.settings import DICOM_TLS, Listener, Settings
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.settings_local import Local, laid_over
from dicom_gateway.settings_text import variable
from dicom_gateway.storage.audit import clear_alarm
from dicom_gateway.storage.local_settings import read_stored
from dicom_gateway.wake import WakeMark

log = structlog.get_logger()

POLL_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_AFTER_SECONDS = 60.0
LOOK_SECONDS = 5.0  # after which it looks for changed settings though nobody woke it
ALARM = "setting not in effect"
NICENESS = {"dicom": 0, "intake": 1, "web": 2, "worker": 4}  # devices come before pages, pages before thumbnails


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
        self._version = 0  # of the settings of the page that the roles have
        self._look_at = 0.0
        self._renewal = Renewal()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; returns when every role has ended. Raises SettingsError when it cannot start."""
        gateway = Gateway(self._settings)
        with open(gateway.run_dir / "supervisor.lock", "ab") as guard:
            if not try_lock(guard):
                raise SettingsError(f"gateway.data_dir: another gateway runs on {gateway.data_dir}")
            self._prepare(gateway)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._stopping.set())
            mark = WakeMark(gateway.run_dir, "supervisor")
            read_end, write_end = os.pipe()
            try:
                self._watch(read_end, mark)
            finally:
                os.close(write_end)
                self._end()
                os.close(read_end)
                mark.close()
            self._announce("stopped")

    def _prepare(self, gateway: Gateway) -> None:
        self._settings, self._version = gateway.settings, gateway.local.version
        listeners = listeners_of(self._settings, (child.role for child in self._children))
        self._sockets = bind_all(listeners)
        gateway.migrate()
        metrics = gateway.run_dir / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(mode=0o700)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        for listener in listeners:
            self._keep_port(listener)
        if self._refusal:
            self._announce(f"The web role does not start: {self._refusal}")
        if refusal := self._settings.dicom_tls_refusal():
            self._announce(f"DICOM over TLS is not served: {refusal}")
        if refusal := self._settings.hl7_refusal():
            self._announce(f"HL7 is not served: {refusal}")
        self._announce(describe(self._settings, {name: port_of(s) for name, s in self._sockets.items()}))
        _tell(self._settings, _left_out(gateway.local))

    def _keep_port(self, listener: Listener) -> None:
        """Let every process know the port that was bound, also when the settings ask for any free one."""
        os.environ[variable(listener.port_setting)] = str(port_of(self._sockets[listener.name]))

    def _watch(self, drain_pipe: int, mark: WakeMark) -> None:
        while not self._stopping.is_set():
            now = time.monotonic()
            if mark.taken() or now >= self._look_at:
                self._look_at = now + LOOK_SECONDS
                self._look_for_changes()
            self._renewal.go_on(now)
            for child in self._children:
                child.see_off(now)
                self._look_after(child, drain_pipe)
            self._stopping.wait(POLL_SECONDS)

    def _look_for_changes(self) -> None:
        """Take over what was changed on the page since the roles began; not while an earlier change is taken over."""
        if self._renewal.is_running:
            return
        try:
            stored = read_stored(self._settings.database_path())
        except Unavailable:
            return  # the roles go on with what they have, and so does this
        if stored[0] == self._version:
            return
        self._version = stored[0]
        try:
            local = laid_over(load_settings(self._config), stored)
            if self._refusal is None and (refusal := local.settings.web_refusal()):
                raise SettingsError(refusal)
        except SettingsError as error:
            why = f"nothing of the page is taken over while gateway.toml cannot be read: {error}"
            log.error("settings not taken over", why=why)
            _tell(self._settings, {"gateway.toml": why})
            return
        self._settings = local.settings
        refused = self._listen_anew()
        _tell(self._settings, _left_out(local) | refused)
        log.info("settings of the page taken over", version=self._version)
        self._renewal.begin(self._children)

    def _listen_anew(self) -> dict[str, str]:
        """Listen where that is new, and no more for HL7 once no source sends it; return what could not be bound, by its
        setting, and why. A listener that was there stays as it was bound, also when its host is another one now."""
        refused = {}
        for listener in listeners_of(self._settings, (child.role for child in self._children)):
            if listener.name in self._sockets:
                continue
            try:
                self._sockets[listener.name] = bind(listener)
                self._keep_port(listener)
            except SettingsError as error:
                log.error("not listening", listener=listener.name, why=str(error))
                refused[".".join(map(str, listener.port_setting))] = str(error)
        if "hl7" in self._sockets and not self._settings.listens_for_hl7():
            self._sockets.pop("hl7").close()  # the role that serves it has it until it has drained
        return refused

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
        for listening in self._sockets.values():
            listening.close()  # first: nobody is to wait for a role that does not come again
        deadline = time.monotonic() + STOP_SECONDS
        for role, process in [(child.role, one) for child in self._children for one in (child.leaving, child.process)]:
            if process is None:
                continue
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("role killed: it did not drain", role=role)
                process.kill()
                process.wait()


def _begin(niceness: int) -> None:
    """Run in a role's process before its program: its priority, and no end by Ctrl-C, which reaches every process of
    the terminal and is the supervisor's business while a role starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(niceness)


def _left_out(local: Local) -> dict[str, str]:
    """Return what was set on the page and is not in effect, and why."""
    return {left.subject: left.why for left in local.left_out}


def _tell(settings: Settings, problems: Mapping[str, str]) -> None:
    """Let alarms say which settings of the page are not in effect; those of others end."""
    gateway = Gateway(settings)
    try:
        standing = {row["subject"] for row in gateway.audit.alarms() if row["kind"] == ALARM}
        for subject in standing - problems.keys():
            gateway.database.write(partial(clear_alarm, kind=ALARM, subject=subject))
        for subject, why in problems.items():
            log.warning("setting not in effect", subject=subject, why=why)
            gateway.audit.alarm(clock(), "setting not in effect", subject, why)
    except GatewayError as error:
        log.warning("alarm not written", error=type(error).__name__)
    finally:
        gateway.close()


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
        lines = [*lines, ("Page", f"{base}/"), ("API", f"{base}/api/v1"), ("API docs", f"{base}/api/docs")]
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
