"""Renewing the roles: in which order, who waits for whom, and that nobody is ended before another one serves."""

import queue
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_gateway.renewing import LONGEST_SECONDS, NEVER, SETTLE_SECONDS, STOP_SECONDS, Child, Renewal
from dicom_gateway.upperlayer.acceptors import Acceptors
from dicom_gateway.wake import WakeMark, Waker

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)",
]  # fmt: skip


class Processes:
    """Real processes that do nothing, all ended at the end."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def new(self, command: list[str] = SLEEPS) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.started.append(process)
        return process

    def child(self, role: str, command: list[str] = SLEEPS) -> Child:
        return Child(role, self.new(command), started_at=0.0, start_at=0.0)

    def look_after(self, child: Child, now: float) -> None:
        """Start what is to be started, as the supervisor does."""
        if child.process is None and now >= child.start_at:
            child.process, child.started_at = self.new(), now


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes()
    yield made
    for process in made.started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def ended(process: subprocess.Popen[bytes] | None) -> bool:
    return process is None or process.poll() is not None


def test_a_worker_drains_before_the_next_one_begins(processes: Processes) -> None:
    child = processes.child("worker")
    old = child.process
    assert old is not None
    child.begin_anew(10.0)
    child.see_off(10.0)
    processes.look_after(child, 10.0)
    assert child.process is None and child.leaving is old
    old.wait(20)
    child.see_off(10.2)
    processes.look_after(child, 10.2)
    assert child.process is not None and child.leaving is None and child.is_renewed()


def test_the_old_process_serves_devices_until_the_new_one_has_settled(processes: Processes) -> None:
    child = processes.child("dicom")
    old = child.process
    child.begin_anew(10.0)
    processes.look_after(child, 10.0)
    assert child.process not in (None, old)
    for now in (10.0, 11.0, 10.0 + SETTLE_SECONDS - 0.1):
        child.see_off(now)
        assert child.leaving is old and not child.is_renewed() and not ended(old)
    child.see_off(10.0 + SETTLE_SECONDS)
    assert child.is_renewed() and old is not None
    old.wait(20)
    assert not ended(child.process)


def test_a_new_process_that_does_not_get_going_lets_the_old_one_serve_on_for_a_while(processes: Processes) -> None:
    child = processes.child("web")
    old = child.process
    child.begin_anew(10.0)
    processes.look_after(child, 10.0)
    assert child.process is not None
    child.process.kill()
    child.process.wait()
    child.see_off(10.0 + SETTLE_SECONDS)
    assert child.ask_at != NEVER and not ended(old)
    child.process, child.started_at = processes.new(), 20.0  # the supervisor starts another one
    child.see_off(20.0 + SETTLE_SECONDS - 0.1)
    assert child.ask_at != NEVER
    child.see_off(20.0 + SETTLE_SECONDS)
    assert child.ask_at == NEVER and old is not None
    old.wait(20)


def test_it_does_not_wait_for_ever(processes: Processes) -> None:
    child = processes.child("web")
    old = child.process
    child.begin_anew(10.0)
    child.process = None
    child.see_off(10.0 + SETTLE_SECONDS + LONGEST_SECONDS)
    assert old is not None
    old.wait(20)


def test_who_does_not_drain_is_killed(processes: Processes) -> None:
    child = processes.child("intake", STUBBORN)
    old = child.process
    assert old is not None and old.stdout is not None
    assert old.stdout.readline() == b"ready\n"
    child.begin_anew(10.0)
    child.see_off(10.0)
    child.see_off(10.0 + STOP_SECONDS - 0.1)
    assert not ended(old)
    child.see_off(10.0 + STOP_SECONDS)
    old.wait(20)
    child.see_off(60.0)
    assert child.leaving is None


def test_one_role_after_the_other_the_page_last(processes: Processes) -> None:
    children = [processes.child(role) for role in ("web", "dicom", "worker", "intake")]
    before = {child.role: child.process for child in children}
    renewal, order, now = Renewal(), list[str](), 100.0
    renewal.begin(children)
    while renewal.is_running:
        assert now < 200.0
        renewal.go_on(now)
        for child in children:
            child.see_off(now)
            processes.look_after(child, now)
            if child.leaving is not None and child.ask_at == NEVER:
                child.leaving.wait(20)
            if child.process not in (None, before[child.role]) and child.role not in order:
                order.append(child.role)
        now += 0.5
    assert order == ["worker", "intake", "dicom", "web"]
    assert all(ended(process) for process in before.values())


def test_a_role_that_rests_after_a_crash_begins_at_once(processes: Processes) -> None:
    child = Child("worker", None, start_at=1000.0, pause=30.0)
    child.begin_anew(10.0)
    processes.look_after(child, 10.0)
    assert child.process is not None


def test_a_wake_up_is_taken_once_and_a_socket_that_was_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "wake-supervisor.sock").touch()
    waker, mark = Waker(tmp_path), WakeMark(tmp_path, "supervisor")
    try:
        assert not mark.taken()
        waker("supervisor")
        waker("supervisor")
        assert mark.taken()
        assert not mark.taken()
    finally:
        mark.close()
        waker.close()


def test_who_stops_accepting_leaves_the_socket_to_the_others() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    served: queue.SimpleQueue[str] = queue.SimpleQueue()

    def acceptors(name: str) -> Acceptors:
        def serve(connected: socket.socket, address: object) -> None:
            connected.close()
            served.put(name)

        return Acceptors(listening.dup(), serve)

    old, new = acceptors("old"), acceptors("new")
    old.start()
    try:
        socket.create_connection(listening.getsockname(), 5).close()
        assert served.get(timeout=20) == "old"
        old.stop(20)
        with socket.create_connection(listening.getsockname(), 5):  # nobody accepts just now, and it is not refused
            new.start()
            assert served.get(timeout=20) == "new"
    finally:
        for one in (old, new):
            one.stop(20)
        listening.close()
