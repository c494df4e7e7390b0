"""How the DICOM side ends: nothing new is accepted, what is in work is finished, the rest is closed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.dicom import wire
from tests.dicom.conftest import Serve
from tests.dicom.objects import DX_IMAGE, image, keys
from tests.dicom.running import Running, wait_for
from tests.dicom.wire import EXPLICIT, Association


@contextmanager
def stopping(gateway: Running, seconds: float) -> Iterator[Callable[[], float]]:
    """Drain in a thread of its own; yields what waits for the end and returns how long it took."""
    began, ended = time.monotonic(), []

    def run() -> None:
        gateway.service.stop(seconds)
        ended.append(time.monotonic() - began)

    def finish() -> float:
        thread.join(30)
        assert ended, "does not end"
        return ended[0]

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: is_closed(gateway), "nothing new is accepted")
    yield finish
    finish()


def is_closed(gateway: Running) -> bool:
    """Say whether a new device is turned away."""
    try:
        gateway.associate(calling="DX1").close()
    except OSError:
        return True
    return False


def is_ended(association: Association) -> bool:
    """Say whether the gateway has aborted or closed an association."""
    try:
        return association.read_pdu()[0] == 7
    except (ConnectionError, TimeoutError) as error:
        return isinstance(error, ConnectionError)


def test_a_transfer_in_work_is_finished(serve: Serve) -> None:
    gateway, made = serve(), image()
    data = wire.encode(made)
    with gateway.associate((DX_IMAGE, (EXPLICIT,))) as association, gateway.associate() as idle:
        command = {"AffectedSOPClassUID": DX_IMAGE, "AffectedSOPInstanceUID": made.SOPInstanceUID, "Priority": 0}
        filled = {"CommandField": wire.C_STORE, "MessageID": 7, "CommandDataSetType": 0, **command}
        association.send_command(1, wire.encode_command(filled))
        association.send_data(1, data[:100], last=False)
        wait_for(gateway.service.is_busy, "the message has begun")
        with stopping(gateway, 20) as finish:
            association.send_data(1, data[100:])
            assert association.receive().status == 0x0000
            assert finish() < 10
        assert is_ended(idle)
    assert gateway.data_of(gateway.instances(made)[0]) == data


def test_an_answer_in_work_is_finished(serve: Serve) -> None:
    gateway = serve()
    steps = [{"modality": "DX", "start": "2026-11-23T10:15:00"}] * 50
    gateway.add_order(procedures=[{"steps": steps}] * 6)
    with gateway.associate() as association:
        context = 3  # the worklist, of what associate() proposes
        command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": "1.2.840.10008.5.1.4.31", "Priority": 0}
        association.send(context, command, wire.encode(keys()))
        statuses = [association.receive().status]
        with stopping(gateway, 20):
            while statuses[-1] == 0xFF00:
                statuses.append(association.receive().status)
        assert statuses == [0xFF00] * 300 + [0x0000]


def test_idle_associations_are_closed_at_once(serve: Serve) -> None:
    gateway = serve()
    opened = [gateway.associate() for _ in range(5)]
    with stopping(gateway, 20) as finish:
        assert finish() < 4
    assert all(is_ended(association) for association in opened)
    for association in opened:
        association.close()
    wait_for(lambda: not gateway.service.open_associations(), "the associations are gone")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x04\x00\x00\x00\x10\x00half a PDU", id="within a PDU"),
        pytest.param(b"\x04\x00", id="within the head of a PDU"),
    ],
)
def test_who_stands_in_the_middle_of_a_pdu_holds_nothing_up(serve: Serve, sent: bytes) -> None:
    gateway = serve()
    with gateway.associate() as association:
        association.socket.sendall(sent)
        with stopping(gateway, 0.2) as finish:
            assert finish() < 5
        assert is_ended(association)


def test_a_transfer_that_does_not_end_is_cut_off_in_time(serve: Serve) -> None:
    gateway, made = serve(), image()
    with gateway.associate((DX_IMAGE, (EXPLICIT,))) as association:
        command = {"AffectedSOPClassUID": DX_IMAGE, "AffectedSOPInstanceUID": made.SOPInstanceUID, "Priority": 0}
        filled = {"CommandField": wire.C_STORE, "MessageID": 7, "CommandDataSetType": 0, **command}
        association.send_command(1, wire.encode_command(filled))
        association.send_data(1, wire.encode(made)[:100], last=False)
        wait_for(gateway.service.is_busy, "the message has begun")
        with stopping(gateway, 0.5) as finish:
            assert 0.5 <= finish() < 5
        assert is_ended(association)
    assert gateway.files() | gateway.files("spool") == set()
