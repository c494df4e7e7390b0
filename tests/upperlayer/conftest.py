"""Gateways with small limits, and the check that a test leaves nothing behind in them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dicom_gateway.upperlayer.limits import Limits
from tests.dicom import wire
from tests.dicom.objects import image
from tests.dicom.running import Running, Settings
from tests.upperlayer.attack import PROPOSALS
from tests.upperlayer.leaks import left_behind, sockets, wait_until_settled

Serve = Callable[..., Running]


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start gateways that know no device but accept all: `serve(Limits(idle_seconds=1))`."""
    started: list[Running] = []

    def start(limits: Limits, **settings: Any) -> Running:
        folder = tmp_path_factory.mktemp("gateway")
        started.append(Running(folder, Settings(**{"accept_unknown": True, "limits": limits, **settings})))
        return started[-1]

    yield start
    for running in started:
        running.stop()
    for running in started:
        wait_until_settled(running)


SMALL = Limits(
    request_seconds=5,
    pdu_seconds=5,
    send_seconds=0.4,
    idle_seconds=30,
    command_bytes=4096,
    identifier_bytes=20_000,
    object_bytes=300_000,
    object_bytes_of={"1.2.840.10008.5.1.4.1.1.6.1": 1000},
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with little room for messages, for the tests of a module."""
    running = Running(tmp_path_factory.mktemp("gateway"), Settings(accept_unknown=True, limits=SMALL))
    yield running
    running.stop()


@pytest.fixture
def gateway(shared: Running) -> Iterator[Running]:
    """The shared gateway; what the test has begun must be gone afterwards: threads, sockets, spool files."""
    before = sockets()
    yield shared
    wait_until_settled(shared)
    assert sockets() <= before, left_behind(shared)


def fill_worklist(running: Running, orders: int = 1) -> int:
    """Add so many orders, each with 300 steps that a query finds; return how many steps."""
    steps = [{"modality": "DX", "start": "2026-11-23T10:15:00", "description": "x" * 64}] * 50
    for _ in range(orders):
        running.add_order(procedures=[{"description": "y" * 64, "steps": steps}] * 6, patient_name="N" * 60)
    return 300 * orders


def good_device_works(gateway: Running) -> None:
    """Echo and store one object from 127.0.0.1."""
    made = image()
    assert gateway.store(made).status == 0x0000
    with gateway.associate() as association:
        assert association.request(1, {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": PROPOSALS[0][0]}).status == 0
    assert gateway.data_of(gateway.instances(made)[0]) == wire.encode(made)
