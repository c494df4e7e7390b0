"""What broken and hostile peers do with associations, and the end of all of them, each with its harmless neighbour."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from ipaddress import ip_network

import pytest

from dicom_gateway.core.devices import Device
from dicom_gateway.upperlayer.limits import Limits
from tests.dicom import wire
from tests.dicom.objects import image
from tests.dicom.running import Running, wait_for
from tests.upperlayer.attack import (
    COMMAND,
    COMMAND_END,
    DATA,
    DATA_END,
    ECHO,
    FIND,
    HOSTILE,
    HTTP,
    PROPOSALS,
    STORE,
    Hostile,
    connect,
    cut_off,
    echo_command,
    find_command,
    half_store,
    hostile,
    p_data,
    pdu,
    pdv,
    request_pdu,
    reset,
    store_command,
)  # fmt: skip
from tests.upperlayer.conftest import Serve
from tests.upperlayer.leaks import threads, wait_until_settled

LIMIT_EXCEEDED = (2, 3, 2)


def outcome(gateway: Running, calling: str = "MANY", source: str = HOSTILE) -> Hostile:
    """Open an association that may be rejected."""
    return Hostile(gateway.port, PROPOSALS, calling=calling, source=source)


def test_associations_of_a_device_are_limited(serve: Serve) -> None:
    gateway = serve(Limits(associations_per_device=3))
    with ExitStack() as stack:
        opened = [stack.enter_context(outcome(gateway)) for _ in range(3)]
        assert outcome(gateway).rejected == LIMIT_EXCEEDED
        assert gateway.counted["over limit"] == 1
        with outcome(gateway, "OTHER") as other:
            assert other.echo() == 0x0000
        opened[0].release()
        wait_for(lambda: gateway.service.open_associations() == 2, "one is gone")
        assert stack.enter_context(outcome(gateway)).echo() == 0x0000
        assert opened[1].echo() == 0x0000


def test_associations_are_limited_in_all(serve: Serve) -> None:
    gateway = serve(Limits(associations=3, associations_per_device=2))
    with ExitStack() as stack:
        for calling in ("A", "A", "B"):
            assert stack.enter_context(outcome(gateway, calling)).rejected is None
        assert outcome(gateway, "C").rejected == LIMIT_EXCEEDED
    wait_for(lambda: gateway.service.open_associations() == 0, "all are gone")
    with outcome(gateway, "C") as association:
        assert association.echo() == 0x0000


def test_a_burst_beyond_the_limit_gets_what_the_limit_allows(serve: Serve) -> None:
    """Not fewer because they come at the same moment."""
    gateway = serve(Limits(associations_per_device=4))
    for _ in range(5):
        with ThreadPoolExecutor(16) as pool, ExitStack() as stack:
            made = list(pool.map(lambda _: outcome(gateway), range(16)))
            for association in made:
                stack.callback(association.socket.close)
            assert sum(association.rejected is None for association in made) == 4
        wait_for(lambda: gateway.service.open_associations() == 0, "all are gone")


def test_who_is_refused_takes_no_place_of_the_device_it_claims_to_be(serve: Serve) -> None:
    """A refusal takes as long as the database needs to note it: here it is locked."""
    known = Device("DX1", allowed_from=(ip_network("127.0.0.1/32"),))
    gateway = serve(Limits(associations_per_device=2), devices=(known,), accept_unknown=False)
    with gateway.locked_database(), ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(connect(gateway.port)).sendall(request_pdu("DX1"))
        wait_for(lambda: threads() == 4, "all are being refused")
        wait_for(lambda: gateway.counted["refused"] >= 1, "the first is refused")
        with gateway.associate(calling="DX1") as association:
            assert association.rejected is None
    wait_for(lambda: gateway.counted["refused"] == 4, "all are refused")


def test_the_same_title_from_another_address_takes_no_place_of_a_device(serve: Serve) -> None:
    gateway = serve(Limits(associations_per_device=2))
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(outcome(gateway, "DX1"))
        with gateway.associate(calling="DX1") as association:
            assert association.rejected is None


# The end.


def stopped(gateway: Running, seconds: float) -> float:
    """Drain; return how long it took."""
    began = time.monotonic()
    gateway.service.stop(seconds)
    return time.monotonic() - began


def begun(gateway: Running, calling: str, data: bytes, uid: str) -> Hostile:
    """Associate and send the first part of an object."""
    association = hostile(gateway.port, calling=calling)
    association.sendall(p_data(pdv(STORE, COMMAND_END, store_command(uid)), pdv(STORE, DATA, data[:100])))
    return association


def test_a_stop_finishes_what_comes_and_cuts_off_what_does_not(serve: Serve) -> None:
    gateway = serve(Limits())
    made = [image() for _ in range(4)]
    with ExitStack() as stack:
        good = [begun(gateway, f"GOOD{n}", wire.encode(one), one.SOPInstanceUID) for n, one in enumerate(made)]
        stuck = [begun(gateway, f"STUCK{n}", bytes(100), "1.2.3") for n in range(3)]
        silent = [connect(gateway.port) for _ in range(5)]
        for opened in (*good, *stuck):
            stack.callback(opened.socket.close)
        for connection in silent:
            stack.callback(connection.close)
        wait_for(lambda: len(gateway.files("spool")) == 7 and threads() == 12, "all have begun")
        stopping = threading.Thread(target=stopped, args=(gateway, 1.0))
        stopping.start()
        for association, one in zip(good, made, strict=True):
            association.sendall(p_data(pdv(STORE, DATA_END, wire.encode(one)[100:])))
            assert association.receive().status == 0x0000
        stopping.join(10)
        assert not stopping.is_alive()
        assert [one.end() for one in stuck] == [(0, 0)] * 3
        for connection in silent:
            with suppress(ConnectionError):
                connection.sendall(request_pdu())
                assert connection.recv(1) != b"\x02", "accepted although stopped"
    wait_until_settled(gateway)
    assert all(gateway.data_of(gateway.instances(one)[0]) == wire.encode(one) for one in made)
    assert len(gateway.files()) == 4


# Half a message: nothing of it stays.

END_OF_CONNECTION: dict[str, Callable[[Hostile], object]] = {
    "closed": lambda association: association.socket.close(),
    "reset": lambda association: reset(association.socket),
    "half closed": lambda association: association.socket.shutdown(socket.SHUT_WR),
}
END_OF_ASSOCIATION: dict[str, Callable[[Hostile], object]] = {
    **END_OF_CONNECTION,
    "aborted": lambda association: association.sendall(pdu(7, bytes(4))),
    "released": lambda association: association.sendall(pdu(5, bytes(4))),
    "garbage": lambda association: association.sendall(HTTP),
}
HALF_MESSAGES = {
    "command set": p_data(pdv(ECHO, COMMAND, echo_command()[:40])),
    "identifier": p_data(pdv(FIND, COMMAND_END, find_command()), pdv(FIND, DATA, bytes(100))),
    "object": half_store(),
}
HALF_PDUS = {
    "PDU": p_data(pdv(ECHO, COMMAND_END, echo_command()))[:5],
    "fragment of a command set": p_data(pdv(ECHO, COMMAND_END, echo_command()))[:40],
    "fragment of an object": half_store()[:-1000],
}
HALVES = [(half, how) for half in HALF_MESSAGES for how in END_OF_ASSOCIATION]
HALVES += [(half, how) for half in HALF_PDUS for how in END_OF_CONNECTION]


@pytest.mark.parametrize(("half", "how"), HALVES)
def test_of_half_a_message_nothing_stays(gateway: Running, half: str, how: str) -> None:
    """The fixture looks for the spool file, the descriptor and the thread."""
    before = gateway.files() | gateway.files("quarantine")
    association = hostile(gateway.port)
    with cut_off(association):
        association.sendall((HALF_MESSAGES | HALF_PDUS)[half])
        wait_for(lambda: "object" not in half or gateway.files("spool"), "it has begun")
        END_OF_ASSOCIATION[how](association)
    wait_until_settled(gateway)
    assert gateway.files() | gateway.files("quarantine") == before
