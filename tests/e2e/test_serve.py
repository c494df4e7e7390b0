"""Starting: wrong settings, ports that are taken, devices that are not known, and a role alone."""

import base64
import fcntl
import json
import os
import signal
import socket
import subprocess
import termios
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.e2e.program import COMMAND, Program, free_port, wait_for
from tests.peers import dcmtk


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A gateway as `init` makes it, for tests that leave it running as it was."""
    running = Program(tmp_path_factory.mktemp("gateway"), "", {"DICOM_GATEWAY_HL7__PORT": str(free_port())})
    running.start()
    yield running
    running.end()


def test_wrong_setting_ends_it_with_a_reason(unstarted: Callable[..., Program]) -> None:
    gateway = unstarted()
    gateway.environment["DICOM_GATEWAY_DICOM__PROT"] = "104"
    done = gateway.run("serve", check=False)
    assert done.returncode == 2
    assert "DICOM_GATEWAY_DICOM__PROT" in done.stderr
    assert "right is DICOM_GATEWAY_DICOM__PORT" in done.stderr


def test_taken_port_ends_it_with_a_reason(gateway: Program, unstarted: Callable[..., Program]) -> None:
    second = unstarted()
    second.environment["DICOM_GATEWAY_DICOM__PORT"] = str(gateway.dicom_port)
    done = second.run("serve", check=False)
    assert done.returncode == 2
    assert f"dicom.port: cannot listen on 127.0.0.1:{gateway.dicom_port}" in done.stderr


def test_one_gateway_a_folder(gateway: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DICOM_GATEWAY_DICOM__PORT", "DICOM_GATEWAY_WEB__PORT"):
        monkeypatch.setitem(gateway.environment, name, "0")
    done = gateway.run("serve", check=False)
    assert done.returncode == 2
    assert "another gateway runs" in done.stderr
    assert gateway.is_ready()


def test_without_a_source_nobody_listens_for_hl7(gateway: Program) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(gateway.environment["DICOM_GATEWAY_HL7__PORT"])), 5)


def test_unknown_device_is_refused_and_shown(program: Callable[..., Program]) -> None:
    gateway = program(
        '[[device]]\nae_title = "DX1"\nmodalities = ["DX"]\n', DICOM_GATEWAY_DICOM__UNKNOWN_DEVICES="refuse"
    )
    port = str(gateway.dicom_port)
    known = dcmtk("echoscu", "-v", "-aet", "DX1", "127.0.0.1", port)
    assert known.returncode == 0
    unknown = dcmtk("echoscu", "-v", "-aet", "STRANGER", "127.0.0.1", port)
    assert unknown.returncode != 0
    assert "calling ae title not recognized" in (unknown.stdout + unknown.stderr).lower()
    shown = wait_for(lambda: gateway.api("GET", "/devices/unknown").json()["items"])
    assert [(device["ae_title"], device["address"]) for device in shown] == [("STRANGER", "127.0.0.1")]


def test_a_killed_role_is_started_again(gateway: Program) -> None:
    """With its priority: a device never waits for a page, nor a page for thumbnails."""
    for role in ("dicom", "web", "worker", "intake"):
        before = gateway.pids(role)
        gateway.kill(role)
        wait_for(lambda role=role, before=before: (now := gateway.pids(role)) and now != before, what=role)
    wait_for(gateway.is_ready, what="ready again")
    niceness = {role: os.getpriority(os.PRIO_PROCESS, gateway.pids(role)[0]) for role in ("dicom", "web", "worker")}
    assert niceness["dicom"] < niceness["web"] < niceness["worker"]


def test_the_banner_names_each_pms_the_roles_log_json_and_the_end_is_told(program: Callable[..., Program]) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    gateway = program(f'[[pms]]\nname = "clinic"\nurl = "http://127.0.0.1:9/hook"\nsecret = "{secret}"\n')
    assert "PMS              clinic -> http://127.0.0.1:9/hook" in gateway.log.read_text()
    gateway.end()
    assert gateway.log.read_text().splitlines()[-1] == "stopped"
    gateway.log.unlink()
    gateway.start(arguments=("--log-json",))
    gateway.end()
    lines = [json.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{")]
    assert {line["role"] for line in lines if line["event"] == "ready"} == {"dicom", "intake", "worker", "web"}
    assert "event=" not in gateway.log.read_text()


def test_ctrl_c_while_the_roles_start_leaves_no_traceback(unstarted: Callable[..., Program]) -> None:
    gateway = unstarted()
    gateway.start(wait=False, new_group=True)
    assert gateway.process is not None
    wait_for(gateway.pids, what="roles that start")
    os.killpg(gateway.process.pid, signal.SIGINT)
    assert gateway.end() == 0
    text = gateway.log.read_text()
    assert "Traceback" not in text and "KeyboardInterrupt" not in text
    assert text.splitlines()[-1] == "stopped"


def test_ctrl_c_ends_a_command_that_waits_for_its_input(unstarted: Callable[..., Program]) -> None:
    gateway = unstarted()
    command = [*COMMAND, "--config", str(gateway.config), "orders", "add"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=gateway.environment) as process:
        assert process.stdin is not None and process.stderr is not None
        pipe = process.stdin
        pipe.write(b"{")
        pipe.flush()
        wait_for(lambda: not any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))), what="it reads")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert b"Traceback" not in process.stderr.read()


def test_a_role_runs_alone(unstarted: Callable[..., Program]) -> None:
    gateway = unstarted()
    command = [*COMMAND, "--config", str(gateway.config), "serve", "--role", "dicom"]
    role = subprocess.Popen(command, env=gateway.environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: dcmtk("echoscu", "127.0.0.1", str(gateway.dicom_port)).returncode == 0, what="echo")
    finally:
        role.terminate()
        assert role.wait(20) == 0


def test_metrics_and_health_without_a_token(gateway: Program) -> None:
    base = f"http://127.0.0.1:{gateway.web_port}"
    assert dcmtk("echoscu", "127.0.0.1", str(gateway.dicom_port)).returncode == 0
    assert httpx.get(f"{base}/healthz").json() == {"status": "alive"}
    assert 'dicom_gateway_associations_total{event="accepted"}' in httpx.get(f"{base}/metrics").text
    assert httpx.get(f"{base}/api/v1/orders").status_code == 401
