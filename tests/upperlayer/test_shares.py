"""Shares of the process: few of one address work at once, another is not held up, and who waits does not count."""

import threading

from dicom_gateway.upperlayer.shares import AT_ONCE, Shares
from tests.dicom.running import wait_for


class Worker:
    """A thread that works, rests when told to, and works again."""

    def __init__(self, shares: Shares, address: str) -> None:
        self.state = "waiting"
        self._shares, self._address = shares, address
        self.rest, self.go_on, self.end = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._shares.of(self._address) as share, share.working():
            self.state = "working"
            while not self.end.is_set():
                if self.rest.wait(0.01):
                    with share.resting():
                        self.state = "resting"
                        self.go_on.wait(20)
                    self.rest.clear()
                    self.state = "working"

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def finish(workers: list[Worker]) -> None:
    """End all; one that waits gets its turn when others have ended."""
    for worker in workers:
        worker.end.set()
        worker.go_on.set()
    for worker in workers:
        worker.join()


def states(workers: list[Worker]) -> list[str]:
    return sorted(worker.state for worker in workers)


def test_few_of_one_address_work_at_once_and_another_address_is_not_held_up() -> None:
    shares = Shares()
    many = [Worker(shares, "192.0.2.1") for _ in range(AT_ONCE + 3)]
    wait_for(lambda: states(many) == ["waiting"] * 3 + ["working"] * AT_ONCE, "as many work as may")
    other = Worker(shares, "192.0.2.2")
    wait_for(lambda: other.state == "working", "the other address works")
    assert states(many).count("working") == AT_ONCE
    finish([*many, other])


def test_who_rests_lets_another_work() -> None:
    shares = Shares()
    many = [Worker(shares, "192.0.2.1") for _ in range(AT_ONCE + 1)]
    wait_for(lambda: states(many).count("working") == AT_ONCE, "as many work as may")
    resting = next(worker for worker in many if worker.state == "working")
    resting.rest.set()
    wait_for(lambda: states(many) == ["resting"] + ["working"] * AT_ONCE, "the last one works")
    finish(many)


def test_nothing_is_kept_of_an_address_that_left() -> None:
    shares = Shares()
    workers = [Worker(shares, f"192.0.2.{number}") for number in range(5)]
    for worker in workers:
        wait_for(lambda worker=worker: worker.state == "working", "works")  # type: ignore[misc]
        finish([worker])
    assert shares._of == {}


def test_another_thread_that_uses_an_association_changes_nothing() -> None:
    shares = Shares()
    with shares.of("192.0.2.1") as share, share.working():
        done = threading.Event()

        def use() -> None:
            with share.resting():
                done.set()

        threading.Thread(target=use).start()
        assert done.wait(20)
        others = [Worker(shares, "192.0.2.1") for _ in range(AT_ONCE)]
        wait_for(lambda: states(others).count("working") == AT_ONCE - 1, "the share is still taken")
    finish(others)
