"""commit against archives of our own: one reports at once, one calls back, one refuses, one forgets."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE, build_role, evt

from dicom_gateway.dicom.scu_commitment import COMMITMENT, WELL_KNOWN_INSTANCE
from tests.cli.tools import answer, run, said, write_object
from tests.e2e.program import Program, free_port, wait_for

Report = Callable[[Dataset], tuple[int, Dataset]]


def all_committed(request: Dataset) -> tuple[int, Dataset]:
    """Return event type 1."""
    report = Dataset()
    report.TransactionUID = request.TransactionUID
    report.ReferencedSOPSequence = request.ReferencedSOPSequence
    return 1, report


def first_failed(request: Dataset) -> tuple[int, Dataset]:
    """Return event type 2: the first is unknown, the second committed, the others not mentioned."""
    _, report = all_committed(request)
    failed, committed = request.ReferencedSOPSequence[:2]
    failed.FailureReason = 0x0112
    report.FailedSOPSequence, report.ReferencedSOPSequence = [failed], [committed]
    return 2, report


def of_another_transaction(request: Dataset) -> tuple[int, Dataset]:
    """Return a report of something else."""
    kind, report = all_committed(request)
    report.TransactionUID = "1.2.3"
    return kind, report


class Archive:
    """Takes requests, and reports on the same association or calls `callback_port`."""

    def __init__(self, report: Report | None, status: int = 0x0000, callback_port: int | None = None) -> None:
        self.requests: list[Dataset] = []
        self.calling: list[str] = []
        self.answers: list[int] = []
        self._report, self._status, self._callback_port = report, status, callback_port
        self._threads: list[threading.Thread] = []

    @contextmanager
    def running(self) -> Iterator[str]:
        """Listen; give the port."""
        ae = AE("ARCHIVE")
        ae.add_supported_context(COMMITMENT)
        handlers = [(evt.EVT_N_ACTION, self._take)]
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
        assert server is not None
        try:
            yield str(server.server_address[1])
        finally:
            for thread in self._threads:
                thread.join(10)
            server.shutdown()

    def _take(self, event: Any) -> tuple[int, None]:
        self.requests.append(event.action_information)
        self.calling.append(event.assoc.requestor.ae_title)
        if self._report is not None and self._status == 0:
            kind, report = self._report(event.action_information)
            target = self._call_back if self._callback_port else self._on_the_same
            thread = threading.Thread(target=target, args=(event.assoc, kind, report))
            self._threads.append(thread)
            thread.start()
        return self._status, None

    def _on_the_same(self, association: Any, kind: int, report: Dataset) -> None:
        wait_for(lambda: association._is_paused, what="the answer to N-ACTION")
        status, _ = association.send_n_event_report(report, kind, COMMITMENT, WELL_KNOWN_INSTANCE)
        self.answers.append(status.get("Status", -1))

    def _call_back(self, requested_on: Any, kind: int, report: Dataset) -> None:
        ae = AE("ARCHIVE")
        ae.add_requested_context(COMMITMENT)
        role = build_role(COMMITMENT, scp_role=True)
        association = ae.associate("127.0.0.1", self._callback_port or 0, ext_neg=[role])
        assert association.is_established
        assert association.accepted_contexts[0].as_scp
        status, _ = association.send_n_event_report(report, kind, COMMITMENT, WELL_KNOWN_INSTANCE)
        self.answers.append(status.get("Status", -1))
        association.release()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of three images."""
    for number in (1, 2, 3):
        write_object(tmp_path / "images" / f"{number}.dcm")
    return tmp_path / "images"


def test_all_are_committed_on_the_same_association(gateway: Program, images: Path) -> None:
    archive = Archive(all_committed)
    with archive.running() as port:
        again = str(images / "1.dcm")  # an instance is named once, however often its file is
        found = answer(gateway, "commit", "-aet", "DX1", "127.0.0.1", port, str(images), again)
    assert [one["committed"] for one in found] == [True] * 3
    assert [one["reason"] for one in found] == [None] * 3
    assert [item.ReferencedSOPInstanceUID for item in archive.requests[0].ReferencedSOPSequence] == [
        one["sop_instance_uid"] for one in found
    ]
    assert (archive.calling, archive.answers) == (["DX1"], [0])


def test_each_failure_has_its_reason(gateway: Program, images: Path) -> None:
    with Archive(first_failed).running() as port:
        done = run(gateway, "commit", "127.0.0.1", port, str(images))
    assert done.returncode == 1
    first, second, third = (line.split("\t")[1:] for line in done.stdout.splitlines())
    assert first == ["failed", "0x0112 no such object: the archive does not have it"]
    assert second == ["committed", ""]
    assert third == ["failed", "the report does not mention it"]


def test_the_report_comes_to_the_listener(gateway: Program, images: Path) -> None:
    listen = free_port()
    archive = Archive(all_committed, callback_port=listen)
    with archive.running() as port:
        found = answer(gateway, "commit", "--listen", str(listen), "127.0.0.1", port, str(images))
    assert all(one["committed"] for one in found)
    assert archive.answers == [0]


def test_a_request_is_refused(gateway: Program, images: Path) -> None:
    with Archive(None, status=0x0213).running() as port:
        assert "0x0213" in said(gateway, "commit", "127.0.0.1", port, str(images), code=1)


def test_no_report_comes_in_time(gateway: Program, images: Path) -> None:
    with Archive(None).running() as port:
        text = said(gateway, "commit", "--wait", "0.3", "127.0.0.1", port, str(images), code=1)
    assert "no report" in text
    assert "--listen" in text


def test_a_report_of_another_transaction_is_not_ours(gateway: Program, images: Path) -> None:
    archive = Archive(of_another_transaction)
    with archive.running() as port:
        assert "no report" in said(gateway, "commit", "--wait", "1", "127.0.0.1", port, str(images), code=1)
    assert archive.answers == [0x0110]


def test_the_port_to_listen_on_is_taken(gateway: Program, images: Path) -> None:
    with Archive(None).running() as port:
        text = said(gateway, "commit", "--listen", str(gateway.dicom_port), "127.0.0.1", port, str(images), code=2)
    assert "choose another port" in text


def test_what_is_no_image_is_not_asked_about(gateway: Program, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nothing")
    assert "not a DICOM file" in said(gateway, "commit", "127.0.0.1", "104", str(tmp_path / "a.txt"), code=2)
