"""What broken and hostile peers do to connections and time, each with its harmless neighbour.

The hostile ones come from 127.0.0.2, the good device from 127.0.0.1.
"""

import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS, Limits
from tests.dicom import wire
from tests.dicom.objects import image, keys
from tests.dicom.running import Running, wait_for
from tests.upperlayer.attack import (
    COMMAND_END,
    DATA,
    DATA_END,
    ECHO,
    FIND,
    HTTP,
    STORE,
    connect,
    cut_off,
    echo_command,
    find_command,
    half_store,
    hostile,
    largest_request,
    p_data,
    pdu,
    pdv,
    read_to_end,
    request_pdu,
    reset,
    store_command,
    tls_hello,
)  # fmt: skip
from tests.upperlayer.conftest import Serve, fill_worklist, good_device_works
from tests.upperlayer.leaks import threads, wait_until_settled

ABORT = 7


def is_open(connection: Any) -> bool:
    """Say whether the other side has neither closed nor reset a connection on which nothing comes."""
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


# Connections.


def test_300_silent_connections_from_one_address_keep_nobody_else_out(serve: Serve) -> None:
    gateway = serve(Limits(connections=200, connections_per_address=40))
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(gateway.port)) for _ in range(300)]
        good_device_works(gateway)
        wait_for(lambda: gateway.counted["connection refused"] == 260, "260 are refused")
        wait_for(lambda: sum(map(is_open, opened)) == 40, "260 are closed")
        wait_for(lambda: threads() == 40, "40 are served")
        assert gateway.service.open_associations() == 0
    wait_until_settled(gateway)
    with ExitStack() as stack:  # and their places are free again
        for _ in range(15):
            assert stack.enter_context(hostile(gateway.port)).echo() == 0x0000


def test_connections_are_counted_in_all(serve: Serve) -> None:
    gateway = serve(Limits(connections=6, connections_per_address=2))
    with ExitStack() as stack:
        for source in ("127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.4"):
            assert stack.enter_context(hostile(gateway.port, source=source)).echo() == 0x0000
        with gateway.associate() as good:  # the sixth, and one of its address
            assert good.rejected is None
        wait_for(lambda: threads() == 5, "the good device is gone")
        sixth = stack.enter_context(connect(gateway.port, "127.0.0.4"))
        wait_for(lambda: threads() == 6, "the sixth is served")
        assert read_to_end(stack.enter_context(connect(gateway.port, "127.0.0.5"))) == b""
        sixth.close()
        wait_for(lambda: threads() == 5, "one has gone")
        with gateway.associate() as good:
            assert good.rejected is None


# Deadlines. Small ones, each met by a neighbour that is slow in the same way, but not beyond it.

QUICK = Limits(request_seconds=0.4, pdu_seconds=0.4, send_seconds=0.4, idle_seconds=0.4, handshake_seconds=0.4)
# For those who are to get as far as an association on a machine that does much else.
ASSOCIATED = replace(QUICK, request_seconds=10)
PATIENT = replace(ASSOCIATED, pdu_seconds=1.5)


def closed_within(connection: Any, seconds: float, most: float = 5) -> bytes:
    """Return what comes until a connection is closed, which must take about `seconds`."""
    began = time.monotonic()
    received = read_to_end(connection)
    assert seconds * 0.5 < time.monotonic() - began < most
    return received


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x01", id="one byte"),
        pytest.param(request_pdu()[:6], id="the head of a request"),
        pytest.param(request_pdu()[:-1], id="all but the last byte"),
    ],
)
def test_a_request_that_does_not_come_in_time(serve: Serve, data: bytes) -> None:
    gateway = serve(QUICK)
    with connect(gateway.port) as connection:
        connection.sendall(data)
        assert closed_within(connection, 0.4) == b""
    wait_for(lambda: gateway.counted["request late"] == 1, "it is counted")


def test_a_request_in_two_parts_is_in_time(serve: Serve) -> None:
    gateway = serve(ASSOCIATED)
    with connect(gateway.port) as connection:
        whole = request_pdu()
        connection.sendall(whole[:3])
        wait_for(lambda: threads() == 1, "the first part is read")
        connection.sendall(whole[3:])
        assert connection.recv(1) == b"\x02"


def drip(connection: socket.socket, data: bytes) -> float:
    """Send a byte now and then until the other side ends it; return how long that took."""
    began = time.monotonic()
    connection.settimeout(0.05)
    for byte in data:
        try:
            connection.sendall(bytes((byte,)))
            connection.recv(100)
        except TimeoutError:
            continue
        except ConnectionError:  # it ended between our two calls
            pass
        return time.monotonic() - began
    raise AssertionError("everything was taken")


def test_a_request_of_one_byte_now_and_then_has_no_more_time(serve: Serve) -> None:
    gateway = serve(QUICK)
    with connect(gateway.port) as connection:
        assert drip(connection, request_pdu()) < 4
    wait_for(lambda: gateway.counted["request late"] == 1, "it is counted")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(p_data(pdv(ECHO, COMMAND_END, echo_command() + bytes(900))), id="command set"),
        pytest.param(half_store(5)[:-5] + bytes(0), id="data set"),
        pytest.param(pdu(5, bytes(500)), id="release"),
    ],
)
def test_a_pdu_of_one_byte_now_and_then_has_no_more_time(serve: Serve, data: bytes) -> None:
    gateway = serve(ASSOCIATED)
    with cut_off(hostile(gateway.port)) as association:
        assert drip(association.socket, data + bytes(200)) < 4


def test_a_message_may_take_longer_than_its_pdus(serve: Serve) -> None:
    """Two hundred small PDUs, slowly: each in time, together not within the time of one."""
    gateway, made = serve(PATIENT), image()
    data = wire.encode(made)
    with hostile(gateway.port) as association:
        began = time.monotonic()
        association.sendall(p_data(pdv(STORE, COMMAND_END, store_command(made.SOPInstanceUID))))
        pause, size = threading.Event(), len(data) // 10
        for at in range(0, len(data), size):
            pause.wait(0.2)
            association.sendall(p_data(pdv(STORE, DATA, data[at : at + size])))
        association.sendall(p_data(pdv(STORE, DATA_END)))
        assert association.receive().status == 0x0000
        assert time.monotonic() - began > PATIENT.pdu_seconds
    assert gateway.data_of(gateway.instances(made)[0]) == data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="idle"),
        pytest.param(p_data(pdv(ECHO, COMMAND_END, echo_command()))[:9], id="within a PDU"),
        pytest.param(half_store(), id="within a message"),
        pytest.param(half_store()[:-100], id="within a fragment"),
    ],
)
def test_who_falls_silent_is_aborted(serve: Serve, data: bytes) -> None:
    gateway = serve(ASSOCIATED)
    with cut_off(hostile(gateway.port)) as association:
        association.socket.sendall(data)
        assert closed_within(association.socket, 0.4)[:1] == bytes((ABORT,))
    wait_until_settled(gateway)
    assert gateway.counted["aborted"] == 1


def test_who_never_reads_is_cut_off(serve: Serve) -> None:
    """Its answers fill the buffers of both kernels; then its association has the time to send, and no more."""
    gateway = serve(ASSOCIATED)
    fill_worklist(gateway)
    ask = p_data(pdv(FIND, COMMAND_END, find_command()), pdv(FIND, DATA_END, wire.encode(keys())))
    association = hostile(gateway.port, receive_buffer=4096)
    with cut_off(association):
        association.sendall(ask * 100)
        wait_until_settled(gateway)
        good_device_works(gateway)
    assert gateway.counted["find"] < 100


def test_who_reads_late_gets_everything(serve: Serve) -> None:
    gateway = serve(Limits(send_seconds=20))
    count = 1000
    with cut_off(hostile(gateway.port, receive_buffer=4096)) as association:
        one = p_data(pdv(ECHO, COMMAND_END, echo_command()))
        sender = threading.Thread(target=association.socket.sendall, args=(one * count,))
        sender.start()
        assert [association.receive().status for _ in range(count)] == [0] * count
        sender.join(10)


# What is no association.


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        pytest.param(HTTP, b"\x07", id="HTTP"),
        pytest.param(tls_hello(), b"\x07", id="TLS hello"),
        pytest.param(pdu(1, b"", 0xFFFFFFFF), b"\x07", id="request of 4 GB"),
        pytest.param(pdu(1, b"", DEFAULT_LIMITS.request_bytes + 1), b"\x07", id="request one byte too long"),
        pytest.param(p_data(pdv(ECHO, COMMAND_END, echo_command())), b"\x07", id="a message first"),
        pytest.param(pdu(5, bytes(4)), b"\x07", id="a release first"),
        pytest.param(pdu(1, bytes(68)), b"\x07", id="a request without items"),
        pytest.param(request_pdu(items=b"\x20\x00\xff\xff"), b"\x07", id="an item beyond the request"),
        pytest.param(pdu(1, b"\x00\x02" + request_pdu()[8:]), b"\x03", id="another protocol version"),
    ],
)
def test_what_is_no_association_is_refused(gateway: Running, data: bytes, answer: bytes) -> None:
    """At once: the time of a request is far longer."""
    with connect(gateway.port) as connection:
        connection.sendall(data)
        assert read_to_end(connection)[:1] == answer
    good_device_works(gateway)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request_pdu(), id="a plain one"),
        pytest.param(pdu(1, b"\xff\xff" + request_pdu()[8:]), id="all protocol versions"),
        pytest.param(largest_request(), id="as long as it may be"),
    ],
)
def test_what_is_an_association_is_accepted(gateway: Running, data: bytes) -> None:
    with connect(gateway.port) as connection:
        connection.sendall(data)
        assert connection.recv(1) == b"\x02"
        connection.sendall(pdu(7, bytes(4)))
        read_to_end(connection)


def test_a_connection_that_says_nothing_is_a_probe(gateway: Running) -> None:
    before = gateway.counted.copy()
    for _ in range(20):
        connect(gateway.port).close()
        reset(connect(gateway.port))
    wait_until_settled(gateway)
    assert gateway.counted == before
