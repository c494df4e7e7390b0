"""Associations, aborts, probes and half objects, mixed: threads, descriptors and memory return to where they were."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dicom_gateway.upperlayer.acceptors import WAITING
from dicom_gateway.upperlayer.limits import Limits
from tests.dicom import wire
from tests.dicom.objects import image, keys
from tests.dicom.running import wait_for
from tests.e2e.program import Program
from tests.upperlayer.attack import (
    COMMAND_END,
    DATA_END,
    FIND,
    HTTP,
    STORE,
    connect,
    find_command,
    half_store,
    hostile,
    p_data,
    pdu,
    pdv,
    request_pdu,
    reset,
    store_command,
)
from tests.upperlayer.conftest import Serve
from tests.upperlayer.leaks import (
    association_objects,
    descriptors,
    resident_bytes,
    sockets,
    threads,
    threads_of,
    wait_until_settled,
)

WARM_UP, COUNT, AT_ONCE = 100, 500, 4
MOST_MORE_BYTES = 20 << 20


def _echo(port: int) -> None:
    with hostile(port) as association:
        assert association.echo() == 0x0000


def _find(port: int) -> None:
    with hostile(port) as association:
        asked = wire.encode(keys(PatientName="Nobody"))
        association.sendall(p_data(pdv(FIND, COMMAND_END, find_command()), pdv(FIND, DATA_END, asked)))
        assert association.receive().status == 0x0000


def _store(port: int) -> None:
    made = image()
    with hostile(port) as association:
        command = store_command(made.SOPInstanceUID)
        association.sendall(p_data(pdv(STORE, COMMAND_END, command), pdv(STORE, DATA_END, wire.encode(made))))
        assert association.receive().status == 0x0000


def _ended(data: bytes, is_reset: bool = False) -> Callable[[int], None]:
    """Associate, send, and leave without a word."""

    def attempt(port: int) -> None:
        association = hostile(port)
        association.sendall(data)
        (reset if is_reset else type(association.socket).close)(association.socket)

    return attempt


def _said(data: bytes) -> Callable[[int], None]:
    """Connect, say something, and leave."""

    def attempt(port: int) -> None:
        with connect(port) as connection:
            connection.sendall(data)

    return attempt


KINDS: tuple[Callable[[int], None], ...] = (
    _echo,
    _find,
    _store,
    _ended(b""),
    _ended(b"", is_reset=True),
    _ended(pdu(7, bytes(4))),
    _ended(half_store(300_000)),
    _ended(half_store(300_000), is_reset=True),
    _ended(half_store() + pdu(5, bytes(4))),
    _ended(half_store()[:-10]),
    _said(b""),
    _said(request_pdu()[:20]),
    _said(HTTP),
    _said(request_pdu()),
)


def turbulence(port: int, count: int, seed: int = 1) -> None:
    """Do `count` of everything, four at a time, in an order of its own."""
    order = random.Random(seed)
    chosen = [KINDS[n % len(KINDS)] for n in range(count)]
    order.shuffle(chosen)
    numbers = iter(chosen)
    guard = threading.Lock()

    def work() -> None:
        while True:
            with guard:
                attempt = next(numbers, None)
            if attempt is None:
                return
            attempt(port)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(work) for _ in range(AT_ONCE)]:
            done.result()


def test_500_of_everything_leave_nothing_behind(serve: Serve) -> None:
    gateway = serve(Limits())
    turbulence(gateway.port, WARM_UP)
    wait_until_settled(gateway)
    alive = association_objects()
    before = (threads(), sockets(), resident_bytes())
    turbulence(gateway.port, COUNT, seed=2)
    wait_until_settled(gateway)
    grown = resident_bytes() - before[2]  # before the garbage collector is asked to run
    assert (threads(), sockets()) == before[:2]
    assert grown < MOST_MORE_BYTES, f"{grown >> 20} MB more"
    assert association_objects() == alive


@dataclass(frozen=True, slots=True)
class Level:
    """What a process uses: threads, descriptors, bytes in memory."""

    threads: int
    descriptors: int
    resident: int


def level(pid: int) -> Level:
    """Measure a process."""
    return Level(threads_of(pid), len(descriptors(pid)), resident_bytes(pid))


def in_program(folder: Path, count: int) -> tuple[Level, Level]:
    """Do `count` of everything to the real program; return how it was before and after.

    AssertionError when threads or descriptors do not return; what memory may grow by is the caller's business.
    """
    program = Program(folder, "", {})
    program.start()
    try:
        (pid,) = program.pids("dicom")
        turbulence(program.dicom_port, WARM_UP * 5)
        before = quiet(pid, None)
        turbulence(program.dicom_port, count, seed=2)
        after = quiet(pid, before)
    finally:
        program.end()
    return before, after


def quiet(pid: int, before: Level | None) -> Level:
    """Return what a process uses once its descriptors are no more than before (without: do not change), and its threads
    but for those that wait for connections, of which there are sometimes fewer."""
    seen = [level(pid)]

    def is_quiet() -> bool:
        now = level(pid)
        settled = before or seen[-1]
        seen.append(now)
        return now.threads <= settled.threads + WAITING and now.descriptors <= settled.descriptors

    wait_for(is_quiet, f"returns to {before}", 30)
    return seen[-1]
