"""HL7 into the real program: by MLLP and from a folder, over TLS, killed at work, and looked at afterwards."""

import json
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import hl7.client
import pytest

from tests.certificates import made
from tests.e2e.program import Program, free_port, wait_for
from tests.peers import node_hl7

KILLS = 3
SOURCE = '[[hl7_source]]\nname = "pms"\nsending_application = "PMS"\n'


def an_order(number: str, control: str = "NW", status: str = "SC", application: str = "PMS") -> bytes:
    """Return an ORM^O01 for one picture."""
    return (
        f"MSH|^~\\&|{application}|CLINIC|GW|GW|20261123080000||ORM^O01|{control}-{number}|P|2.5.1\r"
        f"PID|1||P-{number}^^^CLINIC||Doe^Rex||20190501|M\r"
        f"ORC|{control}|{number}|||{status}||^^^20261123101500\r"
        f"OBR|1|{number}||THX^Thorax^99LOCAL{'|' * 20}DX\r"
    ).encode()


class Sender:
    """python-hl7's client on one connection."""

    def __init__(self, port: int) -> None:
        self._client = hl7.client.MLLPClient("127.0.0.1", port)
        self._client.socket.settimeout(20)

    def send(self, message: bytes) -> str:
        """Return MSA-1 of the answer."""
        answer = self._client.send_message(message).decode()
        return next(line for line in answer.split("\r") if line.startswith("MSA")).split("|")[1]

    def close(self) -> None:
        self._client.close()


class Shared(NamedTuple):
    """One gateway of several tests, each with its own source; where it takes HL7, and the folder that it watches."""

    gateway: Program
    port: int
    drop: Path


SOURCES = "".join(
    f'[[hl7_source]]\nname = "{name}"\nsending_application = "{name.upper()}"\n'
    for name in ("pms", "tool", "node", "killed")
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    port, drop = free_port(), tmp_path_factory.mktemp("drop")
    folder = f'[[hl7_source]]\nname = "dropped"\nfolder = "{drop}"\nanswers = true\n'
    variables = {"DICOM_GATEWAY_HL7__PORT": str(port), "DICOM_GATEWAY_HL7__QUIET_SECONDS": "1"}
    gateway = Program(tmp_path_factory.mktemp("gateway"), SOURCES + folder, variables)
    gateway.start()
    wait_for(lambda: listens(port))
    yield Shared(gateway, port, drop)
    gateway.end()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(program: Callable[..., Program], port: int) -> Callable[..., Program]:
    """Start a gateway that takes HL7."""

    def run(settings: str = SOURCE, **hl7: object) -> Program:
        variables = {f"DICOM_GATEWAY_HL7__{name}".upper(): str(value) for name, value in hl7.items()}
        return program(settings, DICOM_GATEWAY_HL7__PORT=str(port), **variables)

    return run


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_an_order_comes_and_is_cancelled_and_can_be_looked_at(shared: Shared) -> None:
    gateway = shared.gateway
    with closing(Sender(shared.port)) as sender:
        assert sender.send(an_order("1")) == "AA"
        [order] = gateway.api("GET", "/orders?source=pms").json()["items"]
        assert (order["placer_order_number"], order["status"]) == ("1", "SCHEDULED")
        assert sender.send(an_order("1")) == "AA"
        assert sender.send(an_order("1", "CA", "CA")) == "AA"
        assert sender.send(an_order("2", "XX", "YY")) == "AE"
    assert gateway.api("GET", f"/orders/{order['id']}").json()["status"] == "CANCELED"
    assert len(gateway.api("GET", "/orders?source=pms").json()["items"]) == 1
    kept = gateway.api("GET", "/messages?peer=pms").json()["items"]
    assert [(one["control_id"], one["outcome"], one["repeats"]) for one in kept] == [
        ("XX-2", "AE", 0),
        ("CA-1", "AA", 0),
        ("NW-1", "AA", 1),
    ]
    listed = json.loads(gateway.inside("messages", "list", "--order", order["id"], "--json").stdout)
    assert [one["control_id"] for one in listed] == ["CA-1", "NW-1"]
    shown = gateway.inside("messages", "show", str(listed[1]["id"])).stdout
    assert "  ORC|NW|1|||SC" in shown and "  MSA|AA|NW-1" in shown
    assert gateway.run("messages", "show", str(listed[1]["id"]), "--raw").stdout.encode() == an_order("1").replace(
        b"\r", b"\n"
    )
    metrics = gateway.metrics()
    assert 'dicom_gateway_hl7_messages_total{outcome="AA",source="pms"} 2.0' in metrics
    assert 'dicom_gateway_hl7_connections_total{event="accepted"}' in metrics


def test_the_command_sends_and_says_what_was_answered(shared: Shared, tmp_path: Path) -> None:
    gateway, port = shared.gateway, shared.port
    good, bad = tmp_path / "good.hl7", tmp_path / "bad.hl7"
    good.write_bytes(an_order("1", application="TOOL") + an_order("2", application="TOOL"))
    bad.write_bytes(an_order("3", application="TOOL").replace(b"ORC|NW|3", b"ORC|QQ|3"))
    assert gateway.run("hl7", "send", str(good), "127.0.0.1", str(port)).stdout.replace("|\n", "\n").splitlines() == [
        "MSA|AA|NW-1",
        "MSA|AA|NW-2",
    ]
    done = gateway.run("hl7", "send", str(bad), "127.0.0.1", str(port), check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("MSA|AE|NW-3") and "ERR|" in done.stdout
    gone = gateway.run("hl7", "send", str(good), "127.0.0.1", str(free_port()), check=False)
    assert gone.returncode == 1 and "connection refused" in gone.stderr


def test_a_folder_of_a_system_that_drops_files(shared: Shared) -> None:
    gateway, drop = shared.gateway, shared.drop
    (drop / "a.tmp").write_bytes(an_order("1"))
    (drop / "a.tmp").rename(drop / "a.hl7")
    (drop / "b.hl7").write_bytes(b"no HL7")
    wait_for(lambda: (drop / "done" / "a.hl7").exists() and (drop / "failed" / "b.hl7.reason.txt").exists())
    [order] = gateway.api("GET", "/orders?source=dropped").json()["items"]
    assert order["placer_order_number"] == "1"
    assert b"MSA|AA|NW-1" in (drop / "a.hl7.ack").read_bytes()
    findings = json.loads(gateway.inside("check", "--json").stdout)
    found = [one for one in findings if one["check"] == "folder dropped"]
    assert [one["state"] for one in found] == ["warning"]
    assert "1 refused files" in found[0]["found"]


def test_killed_intake_never_accepts_without_the_order(shared: Shared) -> None:
    """Messages that were accepted are there, with their order; one that was not may be sent again."""
    gateway = shared.gateway
    accepted: set[str] = set()
    until = threading.Event()

    def send_all(first: int) -> None:
        number = first
        while not until.is_set():
            try:
                with closing(Sender(shared.port)) as sender:
                    while not until.is_set():
                        if sender.send(an_order(str(number), application="KILLED")) == "AA":
                            accepted.add(str(number))
                            number += 3
            except (OSError, StopIteration):
                until.wait(0.02)  # nobody listens just now; the same again

    threads = [threading.Thread(target=send_all, args=(first,), daemon=True) for first in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(KILLS):
        before = len(accepted)
        wait_for(lambda before=before: len(accepted) > before + 5, what="messages")
        gateway.kill("intake")
    before = len(accepted)
    wait_for(lambda: len(accepted) > before + 5, what="messages after the last kill")
    until.set()
    for thread in threads:
        thread.join(30)
    with closing(sqlite3.connect(gateway.data / "gateway.db")) as database:
        orders = dict(
            database.execute("SELECT placer_order_number, id FROM imaging_order WHERE source = 'killed'").fetchall()
        )
        kept = database.execute(
            "SELECT control_id, outcome, order_id FROM message LEFT JOIN message_order ON message_key = key"
            " WHERE peer = 'killed'"
        ).fetchall()
    assert accepted <= orders.keys()
    assert len(accepted) > KILLS * 5
    told = {control_id: order_id for control_id, outcome, order_id in kept if outcome == "AA"}
    assert {f"NW-{number}" for number in accepted} <= told.keys()
    assert all(told[f"NW-{number}"] == orders[number] for number in accepted)
    assert {outcome for _, outcome, _ in kept} <= {"AA", "interrupted", ""}


def test_a_message_in_work_is_answered_when_the_gateway_ends(start: Callable[..., Program], port: int) -> None:
    """Half a message is there when it is asked to end; the rest still comes, and is answered."""
    gateway = start()
    wait_for(lambda: listens(port))
    with (
        socket.create_connection(("127.0.0.1", port), 20) as idle,
        socket.create_connection(("127.0.0.1", port), 20) as busy,
    ):
        message = b"\x0b" + an_order("1") + b"\x1c\r"
        busy.sendall(b"\x0b" + an_order("0") + b"\x1c\r" + message[:40])
        assert b"MSA|AA|NW-0" in busy.recv(65536)  # so the half behind it has been read
        ending = threading.Thread(target=gateway.end)
        ending.start()
        assert idle.recv(1) == b""
        busy.sendall(message[40:])
        assert b"MSA|AA|NW-1" in busy.recv(65536)
        busy.close()
        ending.join(30)
    assert not ending.is_alive()


def test_tls_with_a_certificate_of_the_sender(start: Callable[..., Program], port: int, tmp_path: Path) -> None:
    ca = made(tmp_path, "ca")
    server, sender = made(tmp_path, "server", ca), made(tmp_path, "sender", ca)
    gateway = start(SOURCE, tls_certificate=server.certificate, tls_key=server.key, tls_client_ca=ca.certificate)
    assert f"127.0.0.1:{port}  TLS" in gateway.log.read_text()
    wait_for(lambda: listens(port))
    context = ssl.create_default_context(cafile=str(ca.certificate))
    context.check_hostname = False
    context.load_cert_chain(sender.certificate, sender.key)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20)) as secure:
        secure.sendall(b"\x0b" + an_order("1") + b"\x1c\r")
        assert b"MSA|AA|NW-1" in secure.recv(65536)
    ports = [one for one in json.loads(gateway.inside("check", "--json").stdout) if one["check"].endswith("(HL7)")]
    assert [one["found"] for one in ports] == ["the gateway answers there"]


def test_a_certificate_that_cannot_be_loaded_closes_the_port_and_nothing_else(
    start: Callable[..., Program], port: int, tmp_path: Path
) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    gateway = start(SOURCE, tls_certificate=tmp_path / "x.pem", tls_key=tmp_path / "x.pem")
    assert "HL7 is not served: hl7.tls_certificate" in gateway.log.read_text()
    wait_for(lambda: [one["kind"] for one in gateway.api("GET", "/alarms").json()["items"]] == ["HL7 not served"])
    assert not listens(port)


def test_a_map_that_is_not_there_stops_the_start(unstarted: Callable[..., Program]) -> None:
    gateway = unstarted('[[hl7_source]]\nname = "pms"\nmap = "nowhere.toml"\n')
    done = gateway.run("serve", check=False)
    assert done.returncode == 2
    assert "hl7_source[0].map" in done.stderr and "nowhere.toml" in done.stderr


def test_node_hl7_client_as_a_sender(shared: Shared) -> None:
    messages = [an_order(str(number), application="NODE").decode() for number in range(5)]
    wait_for(lambda: listens(shared.port))
    assert node_hl7(shared.port, messages) == ["AA"] * 5
    assert len(shared.gateway.api("GET", "/orders?source=node").json()["items"]) == 5
