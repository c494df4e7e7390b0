"""A PMS that is told by HL7, with the real program: orders, their messages, the test, the check, the log."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_gateway.connectors.hl7.client import MllpClient
from tests.connectors.hl7.mllp_receiver import Receiver, answers, receiving
from tests.e2e.images import order_body
from tests.e2e.program import Program, free_port, wait_for

SETTINGS = '[[pms]]\nname = "pims"\ntype = "hl7"\nhost = "127.0.0.1"\nport = {}\ntemplate = "omg"\npersistent = true\n'


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Program, Receiver]]:
    with receiving(answers("AA")) as receiver:
        program = Program(tmp_path, SETTINGS.format(receiver.port), {})
        program.start()
        try:
            yield program, receiver
        finally:
            program.end()


def cancel(program: Program, receiver: Receiver, number: str) -> None:
    """Take an order in and cancel it, and wait until the PMS knows."""
    body = program.folder / "order.json"
    body.write_text(json.dumps(order_body(number, f"P-{number}")))
    order = json.loads(program.inside("orders", "add", str(body)).stdout)
    program.inside("orders", "cancel", order["id"])
    wait_for(lambda: f"ORC|SC|{number}|".encode() in b"".join(receiver.messages), what="the message")


def test_a_cancelled_order_is_told_by_hl7(running: tuple[Program, Receiver]) -> None:
    program, receiver = running
    assert f"pims -> mllp://127.0.0.1:{receiver.port}" in program.log.read_text()
    cancel(program, receiver, "A-1")
    cancel(program, receiver, "A-2")
    assert receiver.connections == 1
    assert [b"OMG^O19^OMG_O19" in one and b"||CA|" in one for one in receiver.messages] == [True, True]
    assert "pims: delivered: AA" in program.run("pms", "test", "pims").stdout  # it keeps its connection to its end
    assert b"|NMD^N02^NMD_N02|" in receiver.messages[-1]
    (found,) = [one for one in json.loads(program.inside("check", "--json").stdout) if one["check"] == "PMS pims"]
    assert (found["state"], found["found"]) == ("ok", f"connected to 127.0.0.1:{receiver.port}; no event was sent")
    kept = json.loads(program.inside("messages", "list", "--direction", "out", "--json").stdout)
    assert [(one["peer"], one["type"], one["outcome"]) for one in kept][-2:] == [("pims", "OMG^O19^OMG_O19", "AA")] * 2


IN = '[[hl7_source]]\nname = "pims"\nsending_application = "PIMS"\n'
ORDER = (
    "MSH|^~\\&|PIMS|CLINIC|GW|GW|20270115||ORM^O01|{id}|P|2.3.1\r"
    "PID|1||P-78^^^PIMS^PI||Groß^Rex||20190102|M\r"
    "ORC|{control}|A-1^PIMS&1.2.3&ISO|||{status}||^^^20270115100000\r"
    "OBR|1|A-1^PIMS&1.2.3&ISO||TX2^Thorax^99P||||||||||||||||S-1||||DX\r"
)


def test_an_order_by_hl7_is_answered_with_its_own_numbers(tmp_path: Path) -> None:
    port = free_port()
    with receiving(answers("AA")) as receiver:
        program = Program(tmp_path, SETTINGS.format(receiver.port) + IN, {"DICOM_GATEWAY_HL7__PORT": str(port)})
        program.start()
        try:
            pims = MllpClient("127.0.0.1", port, 10)
            for number, (control, status) in enumerate((("NW", "SC"), ("CA", "CA"))):
                text = ORDER.format(id=number, control=control, status=status)
                answer = pims.exchange(text.encode(), lambda answer: answer)
                assert f"MSA|AA|{number}".encode() in answer, answer
            wait_for(lambda: receiver.messages, what="the message")
        finally:
            program.end()
    segments = receiver.messages[0].decode().split("\r")
    assert segments[1].startswith("PID|1||P-78^^^PIMS^PI||Groß^Rex||20190102|M")
    assert segments[2].startswith("ORC|SC|A-1^PIMS&1.2.3&ISO|")
    assert segments[2].split("|")[5] == "CA"
    assert segments[3].startswith("OBR|1|A-1^PIMS&1.2.3&ISO|") and "|TX2^Thorax^99P|" in segments[3]
