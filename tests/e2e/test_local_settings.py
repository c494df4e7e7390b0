"""Settings of the page in the running program: in effect without a start by hand, nobody turned away meanwhile."""

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from dicom_gateway.core.local_settings import LocalKind, LocalSetting
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.local_settings import LocalSettingsStore
from dicom_gateway.wake import Waker
from tests.e2e.program import Program, free_port, wait_for
from tests.e2e.receiver import SECRET, Receiver
from tests.peers import dcmtk

ORDER = {
    "source": "mypms",
    "placer_order_number": "A-1",
    "patient": {"id": "P-1", "name": "Doe^Rex"},
    "procedures": [{"steps": [{"modality": "DX", "station_ae_titles": ["DX1"], "start": "2026-11-23T10:15:00"}]}],
}
HL7_MESSAGE = (
    b"\x0bMSH|^~\\&|MYPMS|CLINIC|GATEWAY||20261122100000||ORM^O01|1|P|2.5\rPID|1||P-9||Doe^Mia\rPV1|1|O\r"
    b"ORC|NW|H-1\rOBR|1|H-1||71020^Thorax||||||||||||||||||||DX|||^^^20261123090000\r\x1c\r"
)
QUIET_SECONDS = 60


@contextmanager
def store_of(gateway: Program) -> Iterator[LocalSettingsStore]:
    """Yield what the page changes settings with, beside the running program."""
    waker = Waker(gateway.data / "run")
    database = Database(gateway.data / "gateway.db", waker)
    try:
        yield LocalSettingsStore(database, lambda: 1)
    finally:
        database.close()
        waker.close()


def put(gateway: Program, kind: LocalKind, document: dict[str, Any]) -> None:
    with store_of(gateway) as store:
        store.put(LocalSetting(kind, str(document.get("name", "")), document), Actor("test"))


def hook(receiver: Receiver) -> dict[str, Any]:
    port = receiver._server.server_address[1]
    return {"name": "front-desk", "type": "webhook", "url": f"http://127.0.0.1:{port}/hook", "secret": SECRET}


def all_renewed(gateway: Program, before: dict[str, list[int]]) -> bool:
    """Say whether every role has another process than before, and only one."""
    now = {role: gateway.pids(role) for role in before}
    return all(len(now[role]) == 1 and now[role] != before[role] for role in before)


def pids(gateway: Program) -> dict[str, list[int]]:
    return {role: gateway.pids(role) for role in ("worker", "intake", "dicom", "web")}


class Echoes:
    """Calls the gateway without a pause while entered; `failed` holds what was not a success."""

    def __init__(self, port: int) -> None:
        self.failed: list[str] = []
        self.count = 0
        self._port = port
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Echoes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            done = dcmtk("echoscu", "-to", "20", "-ta", "20", "-aet", "DX1", "127.0.0.1", str(self._port))
            self.count += 1
            if done.returncode:
                self.failed.append(done.stdout + done.stderr)


def test_a_pms_of_the_page_gets_its_event_and_no_device_is_turned_away(
    program: Callable[..., Program], receiver: Receiver
) -> None:
    gateway = program('[[device]]\nae_title = "DX1"\nmodalities = ["DX"]\n')
    before = pids(gateway)
    with Echoes(gateway.dicom_port) as echoes:
        put(gateway, LocalKind.PMS, hook(receiver))
        wait_for(lambda: all_renewed(gateway, before), QUIET_SECONDS, "every role begun anew")
        wait_for(gateway.is_ready, what="ready again")
    assert echoes.count > 5 and not echoes.failed
    order = gateway.api("POST", "/orders", json=ORDER).json()
    gateway.api("POST", f"/orders/{order['id']}/cancel")
    told = wait_for(lambda: receiver.of("order.canceled"), what="the event")
    assert told[0]["order"]["placer_order_number"] == "A-1"
    assert "front-desk: delivered" in gateway.run("pms", "test", "front-desk").stdout
    assert "made on the page: pms front-desk" in gateway.run("check", check=False).stdout
    assert gateway.log.read_text().count("role ended") == 0


def test_an_hl7_source_of_the_page_is_listened_to_and_one_that_is_removed_is_not(
    program: Callable[..., Program],
) -> None:
    port = free_port()
    gateway = program(DICOM_GATEWAY_HL7__PORT=str(port))
    put(gateway, LocalKind.HL7_SOURCE, {"name": "mypms", "sending_application": "MYPMS"})
    answer = wait_for(lambda: said(port), QUIET_SECONDS, "an answer by HL7")
    assert b"MSA|AA|1" in answer, answer
    orders = gateway.api("GET", "/orders").json()["items"]
    assert [(order["source"], order["placer_order_number"]) for order in orders] == [("mypms", "H-1")]
    with store_of(gateway) as store:
        store.remove(LocalKind.HL7_SOURCE, "mypms", Actor("test"))
    wait_for(lambda: is_refused(port), QUIET_SECONDS, "nobody listens")


def said(port: int) -> bytes:
    """Return the answer to a message; b"" where nobody gives one."""
    try:
        with closing(socket.create_connection(("127.0.0.1", port), 20)) as connection:
            connection.sendall(HL7_MESSAGE)
            return connection.recv(4096)
    except OSError:
        return b""


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return True
    return False


def test_what_cannot_hold_is_told_by_an_alarm_and_the_rest_holds(
    program: Callable[..., Program], receiver: Receiver
) -> None:
    gateway = program(receiver.settings)
    taken = {"name": "pms", "type": "hl7", "host": "127.0.0.1"}
    put(gateway, LocalKind.PMS, taken)
    alarms = wait_for(lambda: gateway.api("GET", "/alarms").json()["items"], QUIET_SECONDS, "the alarm")
    assert [(alarm["kind"], alarm["subject"]) for alarm in alarms] == [("setting not in effect", "pms pms")]
    assert "which wins" in alarms[0]["detail"]
    with store_of(gateway) as store:
        store.remove(LocalKind.PMS, "pms", Actor("test"))
    wait_for(lambda: not gateway.api("GET", "/alarms").json()["items"], QUIET_SECONDS, "the alarm ended")
    assert "pms: delivered" in gateway.run("pms", "test", "pms").stdout


def test_a_settings_file_that_was_broken_meanwhile_ends_nobody(program: Callable[..., Program]) -> None:
    gateway = program()
    before = pids(gateway)
    good = gateway.config.read_text()
    gateway.config.write_text(good + "\n[dicom]\nport = nonsense\n")
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    document = {"name": "front-desk", "type": "webhook", "url": "http://127.0.0.1:9/", "secret": secret}
    put(gateway, LocalKind.PMS, document)
    alarms = wait_for(lambda: gateway.api("GET", "/alarms").json()["items"], QUIET_SECONDS, "the alarm")
    assert alarms[0]["subject"] == "gateway.toml"
    assert pids(gateway) == before
    gateway.config.write_text(good)
    put(gateway, LocalKind.PMS, document | {"url": "http://127.0.0.1:10/"})
    wait_for(lambda: all_renewed(gateway, before), QUIET_SECONDS, "every role begun anew")
