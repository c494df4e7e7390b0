"""Starting: wrong settings, ports that are taken, devices that are not known, and a role alone."""

import base64
import fcntl
import json
import os
import signal
import subprocess
import termios
from collections.abc import Callable

import httpx

from tests.e2e.program import COMMAND, Program, wait_for
from tests.peers import dcmtk


def test_wrong_setting_ends_it_with_a_reason(program: Callable[..., Program]) -> None:
    gateway = program()
    gateway.end()
    gateway.environment["DICOM_GATEWAY_DICOM__PROT"] = "104"
    done = gateway.run("serve", check=False)
    assert done.returncode == 2
    assert "DICOM_GATEWAY_DICOM__PROT" in done.stderr
    assert "right is DICOM_GATEWAY_DICOM__PORT" in done.stderr


def test_taken_port_ends_it_with_a_reason(program: Callable[..., Program]) -> None:
    first = program()
    second = Program(first.folder.with_name("second"), "", {})
    second.environment["DICOM_GATEWAY_DICOM__PORT"] = str(first.dicom_port)
    done = second.run("serve", check=False)
    assert done.returncode == 2
    assert f"dicom.port: cannot listen on 127.0.0.1:{first.dicom_port}" in done.stderr


def test_one_gateway_a_folder(program: Callable[..., Program]) -> None:
    first = program()
    first.environment |= {"DICOM_GATEWAY_DICOM__PORT": "0", "DICOM_GATEWAY_WEB__PORT": "0"}
    done = first.run("serve", check=False)
    assert done.returncode == 2
    assert "another gateway runs" in done.stderr
    assert first.is_ready()


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


def test_a_killed_role_is_started_again(program: Callable[..., Program]) -> None:
    """With its priority: a device never waits for a page, nor a page for thumbnails."""
    gateway = program()
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


def test_ctrl_c_while_the_roles_start_leaves_no_traceback(program: Callable[..., Program]) -> None:
    gateway = program()
    gateway.end()
    gateway.log.unlink()
    gateway.start(wait=False, new_group=True)
    assert gateway.process is not None
    wait_for(gateway.pids, what="roles that start")
    os.killpg(gateway.process.pid, signal.SIGINT)
    assert gateway.end() == 0
    text = gateway.log.read_text()
    assert "Traceback" not in text and "KeyboardInterrupt" not in text
    assert text.splitlines()[-1] == "stopped"


def test_ctrl_c_ends_a_command_that_waits_for_its_input(program: Callable[..., Program]) -> None:
    gateway = program()
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


def test_a_role_runs_alone(program: Callable[..., Program]) -> None:
    gateway = program()
    gateway.end()
    command = [*COMMAND, "--config", str(gateway.config), "serve", "--role", "dicom"]
    role = subprocess.Popen(command, env=gateway.environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: dcmtk("echoscu", "127.0.0.1", str(gateway.dicom_port)).returncode == 0, what="echo")
    finally:
        role.terminate()
        assert role.wait(20) == 0


def test_metrics_and_health_without_a_token(program: Callable[..., Program]) -> None:
    gateway = program()
    base = f"http://127.0.0.1:{gateway.web_port}"
    assert dcmtk("echoscu", "127.0.0.1", str(gateway.dicom_port)).returncode == 0
    assert httpx.get(f"{base}/healthz").json() == {"status": "alive"}
    assert 'dicom_gateway_associations_total{event="accepted"}' in httpx.get(f"{base}/metrics").text
    assert httpx.get(f"{base}/api/v1/orders").status_code == 401
