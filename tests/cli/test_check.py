"""check: each finding, right and wrong, with its advice; beside a running gateway and before the first one."""

import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dicom_gateway.connectors.reach import reach
from tests.cli.tools import answer, dcmtk_server, run, said, silent_server
from tests.e2e.program import Program, free_port
from tests.peers import need

Finding = dict[str, str]


def findings(program: Program, code: int = 0) -> dict[str, list[Finding]]:
    """Return the findings of each check."""
    found: dict[str, list[Finding]] = {}
    listed: list[Any] = answer(program, "check", code=code)
    for one in listed:
        assert one["state"] == "ok" or one["advice"], one
        found.setdefault(one["check"].split(" ")[0], []).append(one)
    return found


def states(found: list[Finding]) -> list[str]:
    return [one["state"] for one in found]


def test_everything_about_a_running_gateway(gateway: Program) -> None:
    found = findings(gateway)
    assert {one["state"] for part in found.values() for one in part} <= {"ok", "warning"}
    assert [one["found"] for one in found["port"]] == ["the gateway answers there"] * 2
    assert "whole" in found["database"][0]["found"]
    assert "not called" in found["device"][0]["found"]
    text = said(gateway, "check")
    assert text.startswith("ok      configuration: read from ")


def test_a_gateway_that_does_not_run_has_free_ports(program: Callable[..., Program]) -> None:
    assert [one["found"] for one in findings(program())["port"]] == ["free: the gateway is not running"] * 2


def test_before_the_first_init_nothing_is_made(program: Callable[..., Program], tmp_path: Path) -> None:
    made = program()
    made.environment["DICOM_GATEWAY_GATEWAY__DATA_DIR"] = str(tmp_path / "elsewhere")
    found = findings(made)
    assert states(found["data"]) == states(found["database"]) == ["warning"]
    assert found["database"][0]["found"] == f"there is no database at {tmp_path / 'elsewhere' / 'gateway.db'}"
    assert found["database"][0]["advice"] == "`dicom-gateway init` or `serve` makes it; is gateway.data_dir right?"
    assert not (tmp_path / "elsewhere").exists()


def test_a_setting_that_is_wrong_is_named(program: Callable[..., Program]) -> None:
    made = program()
    made.config.write_text("[dicom]\nprot = 104\n[hl7]\nport = 'x'\n")
    found = findings(made, code=1)
    assert [one["found"].partition(" ")[0] for one in found["configuration"]] == ["dicom.prot", "hl7.port"]
    assert found.keys() == {"configuration"}
    assert "failed  configuration: dicom.prot" in run(made, "check").stdout


def test_settings_that_others_can_read(program: Callable[..., Program]) -> None:
    made = program()
    made.config.chmod(0o644)
    assert states(findings(made)["configuration"]) == ["ok", "warning"]


def test_a_web_role_that_would_not_start(program: Callable[..., Program]) -> None:
    made = program(WEB__HOST="0.0.0.0")
    assert "nothing encrypts" in findings(made, code=1)["configuration"][0]["advice"]


def test_a_data_folder_that_others_can_enter(program: Callable[..., Program]) -> None:
    made = program()
    made.data.chmod(0o755)
    assert states(findings(made)["data"]) == ["warning"]


def test_ports_that_somebody_else_has(program: Callable[..., Program]) -> None:
    made = program()
    with dcmtk_server("storescp") as dicom, silent_server(answers=True) as web:
        made.environment |= {"DICOM_GATEWAY_DICOM__PORT": str(dicom), "DICOM_GATEWAY_WEB__PORT": str(web)}
        found = findings(made, code=1)["port"]
    assert states(found) == ["failed", "failed"]
    assert {one["found"] for one in found} == {"another program has it"}
    assert found[0]["advice"] == (
        "`ss -ltnp` shows which; end it, or choose another port: dicom.port, DICOM_GATEWAY_DICOM__PORT"
    )


def test_an_address_that_is_not_ours(program: Callable[..., Program]) -> None:
    done = program(DICOM__HOST="203.0.113.7").run("check", check=False)  # it leaves a socket to the garbage collector
    assert done.returncode == 1
    assert "(dicom): dicom.host: cannot listen on 203.0.113.7" in done.stdout
    assert "is the address one of this machine" in done.stdout


def test_a_database_that_is_damaged(program: Callable[..., Program]) -> None:
    made = program()
    path = made.data / "gateway.db"
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    path.write_bytes(data)
    found = findings(made, code=1)["database"]
    assert states(found) == ["failed"]
    assert "backup" in found[0]["advice"]


@pytest.mark.parametrize(("schema", "state", "code"), [(999, "failed", 1), (0, "warning", 0)])
def test_a_database_of_another_schema(program: Callable[..., Program], schema: int, state: str, code: int) -> None:
    made = program()
    connection = sqlite3.connect(made.data / "gateway.db")
    connection.execute(f"PRAGMA user_version = {schema}")
    connection.close()
    assert states(findings(made, code=code)["database"]) == [state]


def test_a_disk_below_its_reserve(program: Callable[..., Program]) -> None:
    made = program(STORAGE__RESERVE_MB="900000000")
    found = findings(made, code=1)["disk"]
    assert states(found) == ["failed"]
    assert "images are refused" in found[0]["found"]


def test_the_zone_of_the_practice(program: Callable[..., Program]) -> None:
    made = program()
    made.environment["TZ"] = "UTC"
    assert "the machine's zone is UTC" in made.run("check").stdout
    made.environment["DICOM_GATEWAY_GATEWAY__TIME_ZONE"] = "Europe/Berlin"
    found = findings(made)["clock"]
    assert states(found) == ["ok"]
    assert "Europe/Berlin" in found[0]["found"]


def test_devices_are_called(program: Callable[..., Program]) -> None:
    with dcmtk_server("storescp") as there:
        table = '[[device]]\nae_title = "{}"\nhost = "127.0.0.1"\nport = {}\n'
        made = program(table.format("THERE", there) + table.format("AWAY", free_port()))
        done = made.run("check", "--json", check=False)
    assert done.returncode == 1
    assert '"device THERE",\n    "state": "ok"' in done.stdout
    assert '"device AWAY",\n    "state": "failed"' in done.stdout
    assert "dicom-gateway echo -v -aec AWAY 127.0.0.1" in done.stdout


def test_a_pms_is_connected_to_and_told_nothing(program: Callable[..., Program]) -> None:
    secret = "whsec_" + "QUJD" * 8
    with socket.create_server(("127.0.0.1", 0)) as listening:
        table = '[[pms]]\nname = "{}"\nurl = "http://127.0.0.1:{}/in"\nsecret = "' + secret + '"\n'
        made = program(table.format("here", listening.getsockname()[1]) + table.format("gone", free_port()))
        found = findings(made, code=1)["PMS"]
        taken, _ = listening.accept()
        with taken:
            taken.settimeout(5)
            assert taken.recv(1) == b""
    assert [(one["check"], one["state"]) for one in found] == [("PMS here", "ok"), ("PMS gone", "failed")]
    assert "connection refused" in found[1]["found"]
    assert "pms test gone" in found[1]["advice"]


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [need("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
         "-out", certificate, "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:

        def serve() -> None:
            taken, _ = listening.accept()
            with taken:
                with pytest.raises(OSError):
                    context.wrap_socket(taken, server_side=True)

        served = pool.submit(serve)
        reached, found = reach(f"https://127.0.0.1:{listening.getsockname()[1]}/")
        served.result(10)
    assert not reached
    assert "certificate" in found


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://nobody.invalid/", "cannot be resolved"),
        ("https://169.254.169.254/", "link-local"),
        ("http://203.0.113.7/", "public address"),
    ],
)
def test_a_pms_that_may_not_be_called(url: str, words: str) -> None:
    assert reach(url)[0] is False
    assert words in reach(url)[1]


def test_a_pms_that_says_nothing_during_tls() -> None:
    with silent_server() as port:
        reached, found = reach(f"https://127.0.0.1:{port}/", seconds=0.3)
    assert (reached, found) == (False, f"127.0.0.1:{port} did not answer within 0.3 s")
