"""The machine under a gateway as the page shows it: processes, disk, versions; and its settings with their origin."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dicom_gateway.core.health_answer import Machine
from dicom_gateway.gateway import Gateway
from dicom_gateway.machine import machine_of
from dicom_gateway.processes import role_processes
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.settings_shown import settings_shown
from dicom_gateway.settings_text import dotted, known_locations

SECRET = "whsec_c2VzYW1lc2VzYW1lc2VzYW1lc2VzYW1lc2VzYW1lc2VzYW1l"
FILE = f"""
[dicom]
port = 4242
[[device]]
ae_title = "DX1"
allowed_from = ["10.0.0.0/8", "10.1.0.0/16"]
[[pms]]
name = "clinic"
url = "https://pms.example.org/events"
secret = "{SECRET}"
"""


def fake(proc: Path, pid: int, parent: int, *command: str, ticks: int = 100, name: str = "python") -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} " + "0 " * 17 + f"{ticks} 0 0\n")
    (folder / "statm").write_text("999 10 1 1 0 1 0\n")
    (folder / "cmdline").write_bytes("\0".join(command).encode() + b"\0")


def test_the_roles_of_one_supervisor(tmp_path: Path) -> None:
    (tmp_path / "uptime").write_text("1000.00 5.0\n")
    (tmp_path / "self").mkdir()
    fake(tmp_path, 10, 7, "python", "-m", "dicom_gateway", "serve", "--role", "web")
    fake(tmp_path, 11, 7, "python", "serve", "--role", "dicom", ticks=50_000, name="a ) S 9 b")
    fake(tmp_path, 12, 8, "python", "serve", "--role", "worker")  # of another gateway
    fake(tmp_path, 13, 7, "sh", "-c", "true")
    fake(tmp_path, 14, 7, "python", "--role")
    (tmp_path / "15").mkdir()  # has just ended
    found = role_processes(tmp_path, parent=7)
    assert [(one.role, one.pid) for one in found] == [("dicom", 11), ("web", 10)]
    page, ticks = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    assert {one.memory_bytes for one in found} == {10 * page}
    assert found[0].since == pytest.approx((time.time() - 1000 + 50_000 / ticks) * 1e6, abs=5e6)


def test_where_nothing_is_known(tmp_path: Path) -> None:
    assert role_processes(tmp_path / "none", parent=1) == ()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux only")
def test_a_real_process() -> None:
    command = [sys.executable, "-c", "input()", "serve", "--role", "web"]
    began = time.time()
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        (found,) = role_processes(parent=os.getpid())
        assert (found.role, found.pid) == ("web", child.pid) and found.memory_bytes > 100_000
        assert found.since / 1e6 == pytest.approx(began, abs=30)
        child.communicate(b"\n")


def test_a_machine(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text("[storage]\nreserve_mb = 3\n")
    gateway = Gateway(load_settings(config))
    gateway.migrate()
    try:
        found = machine_of(gateway)
    finally:
        gateway.close()
    assert found.data_dir == str(tmp_path / "data") and found.reserve == 3 << 20
    assert 0 < found.free <= found.total and found.database > 0
    assert {"dicom_gateway", "Python", "SQLite", "pydicom", "pynetdicom"} <= dict(found.versions).keys()
    assert "?" not in dict(found.versions).values()


@pytest.mark.parametrize(
    ("free", "a_day", "days"), [(300, 10.0, 20.0), (100, 10.0, 0.0), (50, 10.0, 0.0), (300, 0.0, None)]
)
def test_days_that_are_left(free: int, a_day: float, days: float | None) -> None:
    assert Machine("", 1000, free, 100, 0, 0, (), ()).days_left(a_day) == days


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(FILE)
    for section in ("DICOM", "WEB", "HL7"):
        monkeypatch.delenv(f"DICOM_GATEWAY_{section}__PORT", raising=False)
    return path


def test_settings_and_where_they_were_set(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_GATEWAY_GATEWAY__PRACTICE", "Clinic")
    found = {one.name: one for one in settings_shown(load_settings(config))}
    shown = {name: (found[name].value, found[name].is_default, found[name].origin) for name in found}
    assert shown["dicom.port"] == ("4242", False, str(config))
    assert shown["web.port"] == ("8080", True, "default")
    assert shown["gateway.practice"] == ("Clinic", False, "DICOM_GATEWAY_GATEWAY__PRACTICE")
    assert shown["web.behind_proxy"] == ("false", True, "default")
    assert shown["device[0].allowed_from"] == ("10.0.0.0/8, 10.1.0.0/16", False, str(config))
    assert shown["device[0].port"] == ("0", True, "default")
    assert shown["hl7_source"] == ("", True, "default")
    names = {name.split("[")[0] for name in found}
    assert names == {dotted(location) for location in known_locations()}


def test_no_secret_is_shown(config: Path) -> None:
    found = {one.name: one.value for one in settings_shown(load_settings(config))}
    assert found["pms[0].secret"] == "***" and found["pms[0].url"] == "https://pms.example.org/events"
    assert SECRET not in str(found) and SECRET[6:] not in str(found)


@pytest.mark.parametrize(
    ("name", "port", "value", "origin"),
    [
        ("DICOM", "4242", "4242", "file"),  # the supervisor names the port that it has bound
        ("DICOM", "4343", "4343", "DICOM_GATEWAY_DICOM__PORT"),
        ("WEB", "8080", "8080", "default"),
        ("WEB", "9090", "9090", "DICOM_GATEWAY_WEB__PORT"),
    ],
)
def test_ports_that_the_supervisor_names(
    config: Path, monkeypatch: pytest.MonkeyPatch, name: str, port: str, value: str, origin: str
) -> None:
    monkeypatch.setenv(f"DICOM_GATEWAY_{name}__PORT", port)
    found = {one.name: one for one in settings_shown(load_settings(config))}[f"{name.lower()}.port"]
    assert (found.value, found.origin) == (value, str(config) if origin == "file" else origin)
