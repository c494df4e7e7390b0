"""messages list and show, without a terminal; and hl7 send, against a listener that answers as a test says."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dicom_gateway.cli.root import cli
from dicom_gateway.connectors.hl7.frames import FrameReader, framed
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.storage.messages import Direction, NewMessage
from dicom_gateway.storage.messages import Result as Outcome

RAW = "MSH|^~\\&|PMS\nPID|1||P-7||M\xfcller\x1b[2J\n".replace("\n", "\r").encode("cp1252")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    assert run("init", str(tmp_path / "gateway")).exit_code == 0
    path = tmp_path / "gateway" / "gateway.toml"
    with closing(Gateway(load_settings(path))) as gateway:
        for number in (1, 2):
            new = NewMessage(Direction.IN, "pms", "192.0.2.7", "ORM^O01", f"M{number}", RAW)
            gateway.messages.record(new, Outcome("AA" if number == 1 else "AE", "", b"MSA|AA|M1\r", ("order-1",)))
    return path


def test_a_list(config: Path) -> None:
    lines = run("--config", str(config), "messages", "list").stdout.splitlines()
    assert [line.split("\t")[2:7] for line in lines] == [
        ["in", "pms", "ORM^O01", "M2", "AE"],
        ["in", "pms", "ORM^O01", "M1", "AA"],
    ]
    listed = json.loads(run("--config", str(config), "messages", "list", "--outcome", "AA", "--json").stdout)
    assert [one["control_id"] for one in listed] == ["M1"]


def test_one_with_its_contents(config: Path) -> None:
    shown = run("--config", str(config), "messages", "show", "1").stdout
    assert "outcome       AA\n" in shown and "orders        order-1\n" in shown
    assert "\n  PID|1||P-7||M\xfcller\\x1b[2J\n" in shown and "\n  MSA|AA|M1\n" in shown
    assert run("--config", str(config), "messages", "show", "1", "--raw").stdout_bytes == RAW
    assert json.loads(run("--config", str(config), "messages", "show", "1", "--json").stdout)["text"] == RAW.decode(
        "cp1252"
    )
    assert run("--config", str(config), "messages", "show", "9").exit_code != 0


@contextmanager
def listener(answer: Callable[[bytes], bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Answer each message on one connection; give the port and what came."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            reader = FrameReader(1 << 20)
            connection, _ = listening.accept()
            with connection:
                while data := connection.recv(65536):
                    reader.feed(data)
                    while (message := reader.next()) is not None:
                        came.append(message)
                        connection.sendall(answer(message))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], came
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.hl7"
    path.write_bytes(b"MSH|^~\\&|A|||||||1\rPID|1\rMSH|^~\\&|A|||||||2\r")
    return path


def test_each_message_is_sent_and_its_answer_told(file: Path) -> None:
    with listener(lambda message: framed(b"MSH|x\rMSA|AA|" + message.split(b"|")[9][:1])) as (port, came):
        done = run("hl7", "send", str(file), "127.0.0.1", str(port))
    assert (done.exit_code, done.stdout) == (0, "MSA|AA|1\nMSA|AA|2\n")
    assert came == [b"MSH|^~\\&|A|||||||1\rPID|1\r", b"MSH|^~\\&|A|||||||2\r"]


def test_a_batch_goes_as_a_whole(file: Path) -> None:
    batch = b"BHS|^~\\&|A\r" + file.read_bytes() + b"BTS|2\r"
    file.write_bytes(batch)
    with listener(lambda message: framed(b"BHS|\rMSA|AA|1\rMSA|AE|2\rERR|no\rBTS|2")) as (port, came):
        done = run("hl7", "send", str(file), "127.0.0.1", str(port))
    assert (done.exit_code, done.stdout) == (1, "MSA|AA|1\nMSA|AE|2\nERR|no\n")
    assert came == [batch]


def test_both_answers_of_a_message_that_wants_two(file: Path) -> None:
    file.write_bytes(b"MSH|^~\\&|A||||||ORM^O01|1|P|2.5.1|||AL|AL\r")
    with listener(lambda message: framed(b"MSA|CA|1") + framed(b"MSA|AR|1")) as (port, _):
        done = run("hl7", "send", str(file), "127.0.0.1", str(port))
    assert (done.exit_code, done.stdout) == (1, "MSA|CA|1\nMSA|AR|1\n")


def test_an_answer_that_is_none(file: Path) -> None:
    with listener(lambda message: framed(b"hello")) as (port, _):
        done = run("hl7", "send", "-v", str(file), "127.0.0.1", str(port))
    assert (done.exit_code, done.stdout) == (1, "hello\nhello\n")
