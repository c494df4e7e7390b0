"""A bug of ours: 0x0110 with a reference, whatever the service, and the next request is served."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_gateway.storage.worklist import Worklist
from tests.dicom.conftest import Serve
from tests.dicom.objects import ended, image, keys, performed
from tests.dicom.running import Running, Settings


class Broken:
    """A store whose every method fails."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError("the patient Doe^Rex divided by zero")


class BreaksLater:
    """A worklist that fails after some items."""

    def __init__(self) -> None:
        self.real: Worklist | None = None

    def candidates(self, *arguments: Any) -> Iterator[Any]:
        assert self.real is not None
        yield from self.real.candidates(*arguments)
        raise ZeroDivisionError("the patient Doe^Rex divided by zero")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings(objects=Broken(), worklist=Broken(), performed_steps=Broken())
    running = Running(tmp_path_factory.mktemp("gateway"), settings)
    yield running
    running.stop()


def outcome(gateway: Running, operation: str) -> tuple[int, str]:
    """Return status and comment of an operation."""
    if operation == "find":
        found = gateway.find(keys())
        return found.statuses[-1], found.comment
    answer = {
        "store": lambda: gateway.store(image()),
        "refused store": lambda: gateway.store(b"\xff" * 100, AffectedSOPInstanceUID="1.2.3"),
        "create": lambda: gateway.create_mpps(generate_uid(), performed()),
        "set": lambda: gateway.set_mpps(generate_uid(), ended()),
    }[operation]()
    return answer.status, answer.command["ErrorComment"]


@pytest.mark.parametrize("operation", ["store", "refused store", "find", "create", "set"])
def test_a_bug_is_a_processing_failure_that_says_nothing_of_a_patient(broken: Running, operation: str) -> None:
    status, comment = outcome(broken, operation)
    assert status == 0x0110
    assert comment.startswith("internal error, reference ")
    assert "Doe" not in comment
    assert broken.echo()


def test_a_bug_in_a_get_is_a_processing_failure(broken: Running) -> None:
    assert broken.get_mpps("1.2.3") == (0x0110, Dataset())


def test_a_query_that_fails_half_way_sends_no_half_worklist(serve: Serve) -> None:
    later = BreaksLater()
    gateway = serve(worklist=later)
    later.real = Worklist(gateway.database)
    gateway.add_order()
    assert gateway.find(keys()).statuses == [0x0110]


def test_a_database_that_is_closed_is_a_lack_of_resources(serve: Serve) -> None:
    gateway = serve()
    gateway.database.close()
    assert gateway.store(image()).status == 0xA700
    assert gateway.find(keys()).statuses == [0xA700]
    assert gateway.create_mpps("1.2.3", performed()).status == 0x0213
    assert gateway.files() == set()
