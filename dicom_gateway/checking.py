"""Is this gateway set up right: each part looked at, with what to do next where something is wrong.

Nothing is changed, sent to a PMS or stored: a C-ECHO, a connection that is closed again, and an empty file that is
removed are all that anybody sees of it. It works beside a running gateway and before the first one.
"""

import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path

import httpx

from dicom_gateway.certificates import presents, valid_until
from dicom_gateway.checking_hl7 import folder_fault, listens, refused
from dicom_gateway.connectors.hl7.client import MllpClient, NotAnswered
from dicom_gateway.connectors.reach import reach
from dicom_gateway.core.devices import Device
from dicom_gateway.dicom.file_meta import IMPLEMENTATION_CLASS_UID
from dicom_gateway.dicom.scu import Call, verify
from dicom_gateway.errors import GatewayError, SettingsError
from dicom_gateway.listening import bind
from dicom_gateway.operating_system import most_descriptors
from dicom_gateway.roles import ROLES, listeners_of
from dicom_gateway.settings import DICOM_TLS, Listener, PmsSettings, Settings
from dicom_gateway.settings_dicom import DeviceSettings
from dicom_gateway.starting import is_taken, nothing_at, port_advice, runs
from dicom_gateway.storage.inspection import inspect

SECONDS = 5.0
MOST_AT_ONCE = 8
SANE_YEARS = range(2025, 2100)
WARNING_BEFORE_END = timedelta(days=30)
DESCRIPTORS_A_CONNECTION = 2  # its socket, and the object that it sends
OTHER_DESCRIPTORS = 200  # database, libraries, logs
MOST_CLOCK_SECONDS = 2.0  # between this machine's clock and that of the file system
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where to ask for a listener on all
_CALLED = {DICOM_TLS: "DICOM over TLS", "hl7": "HL7"}


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, what was found, and what to do next ("" when nothing)."""

    check: str
    state: State
    found: str
    advice: str = ""


def check_all(settings: Settings, config: Path | None) -> Iterator[Finding]:
    """Yield the findings about everything, in the order in which a person would look."""
    yield from check_configuration(settings, config)
    yield from check_folder(settings)
    yield from check_clock(settings)
    yield from check_database(settings)
    yield from check_space(settings)
    yield from check_limits(settings)
    yield from check_certificates(settings, datetime.now(UTC))
    for listener in listeners_of(settings, ROLES):
        yield check_port(settings, listener)
    yield from (check_drop(source.name, source.folder) for source in settings.hl7_source if source.folder)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        calls: list[Callable[[], Finding]] = [partial(check_device, settings, one) for one in settings.device]
        calls += [partial(check_pms, one) for one in settings.pms]
        yield from pool.map(lambda call: call(), calls)


def check_configuration(settings: Settings, config: Path | None) -> Iterator[Finding]:
    """Yield whether the settings, which have loaded, can serve, and who else may read them."""
    where = str(config) if config else "defaults and environment"
    refusals = (
        ("the API and the page do not start", settings.web_refusal()),
        ("DICOM over TLS is not served", settings.dicom_tls_refusal()),
        ("HL7 is not served", settings.hl7_refusal()),
    )
    failed = [Finding("configuration", State.FAILED, what, why) for what, why in refusals if why]
    yield from failed or [Finding("configuration", State.OK, f"read from {where}")]
    if config and config.exists() and stat.S_IMODE(config.stat().st_mode) & 0o077:
        yield Finding(
            "configuration", State.WARNING, f"others on this machine may read {config}, which may hold secrets",
            f"chmod 600 {config}",
        )  # fmt: skip


def check_folder(settings: Settings) -> Iterator[Finding]:
    """Yield whether the data folder is there, can be written and is private."""
    folder = settings.gateway.data_dir
    if not folder.exists():
        yield Finding(
            "data folder",
            State.WARNING,
            f"{folder} is not there yet",
            "dicom-gateway init, or the first serve, makes it",
        )
        return
    missing = [part for part in _parts(folder) if not os.access(part, os.R_OK | os.W_OK | os.X_OK)]
    if missing:
        names = ", ".join(map(str, missing))
        advice = "run the gateway as the user who owns the folder, or give it to this user (chown -R)"
        yield Finding("data folder", State.FAILED, f"{names} cannot be written by this user", advice)
    elif stat.S_IMODE(folder.stat().st_mode) & 0o077:
        advice = f"chmod 700 {folder}"
        yield Finding("data folder", State.WARNING, f"others on this machine may look into {folder}", advice)
    else:
        yield Finding("data folder", State.OK, f"{folder} can be written, and only by its owner")


def _parts(folder: Path) -> list[Path]:
    inner = (folder / name for name in ("run", "objects", "quarantine", "spool", "thumbnails"))
    return [folder, *(path for path in inner if path.exists())]


def check_clock(settings: Settings) -> Iterator[Finding]:
    """Yield whether the clock can be true and agrees with that of the file system, and which zone it is read in."""
    now = datetime.now(settings.zone())
    zone = settings.gateway.time_zone or settings.zone().key
    if now.year not in SANE_YEARS:
        yield Finding("clock", State.FAILED, f"it says {now:%Y-%m-%d}", "set the clock; synchronise it (NTP)")
    elif (apart := _clocks_apart(settings.gateway.data_dir)) is not None and apart > MOST_CLOCK_SECONDS:
        found = f"it differs by {apart:.0f} s from that of the data folder's file system"
        yield Finding("clock", State.WARNING, found, "synchronise this machine and the file server (NTP)")
    else:
        yield Finding("clock", State.OK, f"it is {now:%Y-%m-%d %H:%M} in the practice, zone {zone}")
    if not settings.gateway.time_zone and zone in ("UTC", "Etc/UTC"):
        advice = 'set gateway.time_zone, for example "Europe/Berlin", unless the practice is in UTC'
        yield Finding("clock", State.WARNING, "the machine's zone is UTC", advice)


def _clocks_apart(folder: Path) -> float | None:
    """Return by how many seconds a new file's time is off; None where no file can be made."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            before = time.time()
            file.write(b"0")
            file.flush()
            made, after = os.fstat(file.fileno()).st_mtime, time.time()
    except OSError:
        return None
    return max(0.0, before - made, made - after)


def check_database(settings: Settings) -> Iterator[Finding]:
    """Yield whether the database is whole and of a schema that this program knows."""
    path = settings.database_path()
    if not path.exists():
        yield Finding("database", State.WARNING, *nothing_at(settings))
        return
    found = inspect(path)
    if found.problems:
        advice = "stop the gateway, keep a copy of the data folder, restore the last backup of the database"
        yield Finding("database", State.FAILED, "; ".join(found.problems), advice)
    elif found.schema > found.newest:
        text = f"it has schema {found.schema}, this program knows {found.newest}"
        yield Finding("database", State.FAILED, text, "use the newer program again")
    elif found.schema < found.newest:
        text = f"it has schema {found.schema}, this program brings {found.newest}"
        yield Finding("database", State.WARNING, text, "back it up; the next start brings it up to date")
    else:
        yield Finding("database", State.OK, f"{path} is whole, schema {found.schema}")


def check_space(settings: Settings) -> Iterator[Finding]:
    """Yield how much more can be stored before images are refused."""
    folder, reserve = _nearest(settings.gateway.data_dir), settings.storage.reserve_mb
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize >> 20
    text = f"{free} MB free, {reserve} MB stay free (storage.reserve_mb)"
    advice = "make room, or move the data folder to a larger disk"
    if free < reserve:
        yield Finding("disk space", State.FAILED, f"images are refused: {text}", advice)
    elif free < 4 * reserve:
        yield Finding("disk space", State.WARNING, text, advice)
    else:
        yield Finding("disk space", State.OK, text)


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def check_limits(settings: Settings) -> Iterator[Finding]:
    """Yield whether this user's processes may have as many descriptors open as the connections need."""
    connections, most = settings.limits.connections, most_descriptors()
    needed = connections * DESCRIPTORS_A_CONNECTION + OTHER_DESCRIPTORS
    if most is None or needed <= most:
        yield Finding("limits", State.OK, f"up to {connections} DICOM connections (limits.connections)")
    else:
        text = f"limits.connections = {connections} needs {needed} open files, and {most} are allowed here"
        advice = "raise it where the gateway is started (LimitNOFILE= of systemd, ulimit -n), or lower the setting"
        yield Finding("limits", State.WARNING, text, advice)


def check_certificates(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Yield until when each certificate is valid that the gateway serves, or that devices' certificates come from."""
    dicom, hl7, web = settings.dicom, settings.hl7, settings.web
    files = {
        "dicom.tls_certificate": dicom.tls_certificate,
        "dicom.tls_client_ca": dicom.tls_client_ca,
        "hl7.tls_certificate": hl7.tls_certificate,
        "hl7.tls_client_ca": hl7.tls_client_ca,
        "web.tls_certificate": web.tls_certificate,
    }
    for name, path in files.items():
        end = valid_until(path) if path else None
        if path and end:
            yield _validity(f"certificate {name}", path, end, now)


def _validity(check: str, path: Path, end: datetime, now: datetime) -> Finding:
    if end < now:
        advice = "put a new one there and start the gateway again; nobody who looks at it connects"
        return Finding(check, State.FAILED, f"{path} ended on {end:%Y-%m-%d}", advice)
    if end < now + WARNING_BEFORE_END:
        advice = "put a new one there and start the gateway again"
        return Finding(check, State.WARNING, f"{path} ends on {end:%Y-%m-%d}", advice)
    return Finding(check, State.OK, f"{path} is valid until {end:%Y-%m-%d}")


def check_port(settings: Settings, listener: Listener) -> Finding:
    """Return whether a port is free, or taken by our own gateway, or by somebody else."""
    name = f"port {listener.port} ({_CALLED.get(listener.name, listener.name)})"
    try:
        bind(listener).close()
    except SettingsError as error:
        host = _HERE.get(listener.host, listener.host)
        found = _IS_OURS[listener.name](settings, name, host)
        if found and found.state is State.OK and runs(settings.gateway.data_dir) is False:
            advice = f"start this one without --role, or leave the port to the other: {port_advice(listener)}"
            return Finding(name, State.FAILED, "another gateway has it; this one is not running", advice)
        if found or is_taken(error):
            return found or Finding(name, State.FAILED, "another program has it", port_advice(listener))
        return Finding(
            name, State.FAILED, str(error), "is the address one of this machine, may this user have the port?"
        )
    return Finding(name, State.OK, "free: the gateway is not running")


def _answers(name: str) -> Finding:
    return Finding(name, State.OK, "the gateway answers there")


def _dicom_is_ours(settings: Settings, name: str, host: str) -> Finding | None:
    ours = settings.dicom.ae_title
    try:
        answer = verify(Call(host, settings.dicom.port, ours, ours, SECONDS))
    except GatewayError:
        return None
    return _answers(name) if answer.implementation_class_uid == IMPLEMENTATION_CLASS_UID else None


def _dicom_tls_is_ours(settings: Settings, name: str, host: str) -> Finding | None:
    return _tls_is_ours(name, host, settings.dicom.tls_port, settings.dicom.tls_certificate)


def _hl7_is_ours(settings: Settings, name: str, host: str) -> Finding | None:
    hl7 = settings.hl7
    if hl7.tls_certificate:
        return _tls_is_ours(name, host, hl7.port, hl7.tls_certificate)
    return _answers(name) if listens(host, hl7.port, settings.gateway.data_dir, SECONDS) else None


def _tls_is_ours(name: str, host: str, port: int, certificate: Path | None) -> Finding | None:
    shown = certificate and presents(host, port, certificate, SECONDS)
    if shown is False:
        advice = "start the gateway again to have it taken; if another program has the port, choose another"
        return Finding(name, State.WARNING, f"another certificate is shown there than {certificate}", advice)
    return _answers(name) if shown else None


def _web_is_ours(settings: Settings, name: str, host: str) -> Finding | None:
    scheme = "https" if settings.web.tls_certificate else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.web.port}/healthz"
    try:
        health = httpx.get(url, verify=False, timeout=SECONDS, trust_env=False)  # noqa: S501 - ourselves, by address
        return _answers(name) if health.json() == {"status": "alive"} else None
    except (httpx.HTTPError, ValueError):
        return None


_IS_OURS: dict[str, Callable[[Settings, str, str], Finding | None]] = {
    "dicom": _dicom_is_ours,
    DICOM_TLS: _dicom_tls_is_ours,
    "hl7": _hl7_is_ours,
    "web": _web_is_ours,
}


def check_drop(source: str, folder: Path) -> Finding:
    """Return whether a folder that a source drops files into can be watched, and whether any were refused."""
    name = f"folder {source}"
    if fault := folder_fault(folder):
        return Finding(name, State.FAILED, *fault)
    if count := refused(folder):
        advice = "read the reason beside each; have it mended and dropped again, and delete it"
        return Finding(name, State.WARNING, f"{count} refused files lie in {folder / 'failed'}", advice)
    return Finding(name, State.OK, f"{folder} can be watched")


def check_device(settings: Settings, device: DeviceSettings | Device) -> Finding:
    """Return whether a device answers a C-ECHO, when the gateway is to call it at all."""
    name = f"device {device.ae_title}"
    if not (device.host and device.port):
        return Finding(name, State.OK, "not called: it has no host and port")
    call = Call(device.host, device.port, settings.dicom.ae_title, device.ae_title, SECONDS)
    try:
        answer = verify(call)
    except GatewayError as error:
        advice = f"is it on? compare host and port; then: dicom-gateway echo -v -aec {device.ae_title} {device.host} "
        return Finding(name, State.FAILED, str(error), f"{advice}{device.port}")
    return Finding(name, State.OK, f"answers C-ECHO in {answer.milliseconds:g} ms")


def check_pms(pms: PmsSettings) -> Finding:
    """Return whether a PMS can be reached; no event is sent."""
    reached, found = reach(pms.url, SECONDS) if pms.url else _reach_hl7(pms)
    if reached:
        return Finding(f"PMS {pms.name}", State.OK, f"{found}; no event was sent")
    place = "url" if pms.url else "host and port"
    advice = f"compare its {place}; then: dicom-gateway pms test {pms.name}"
    return Finding(f"PMS {pms.name}", State.FAILED, found, advice)


def _reach_hl7(pms: PmsSettings) -> tuple[bool, str]:
    try:
        return True, MllpClient(pms.host or "", pms.port, SECONDS, pms.trust()).reach()
    except NotAnswered as error:
        return False, str(error)


def worst(findings: Sequence[Finding]) -> State:
    """Return the worst state of several findings."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.FAILED, State.WARNING) if state in states), State.OK)
