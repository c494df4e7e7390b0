"""Matching with the real program: an image of nobody's order, matched on the page, delivered corrected, taken off."""

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydicom.uid import generate_uid

from tests.e2e.images import order_body, write_image
from tests.e2e.program import NO_TLS, Program, wait_for
from tests.e2e.receiver import Receiver
from tests.peers import dcmtk

PASSWORD = "correct horse battery 7"  # noqa: S105 - of a gateway that lives as long as this test


class Browser:
    """A browser of sorts: follows links, and sends forms with what they carry."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def page(self, path: str, **query: str) -> str:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, shown: str, **fields: str) -> httpx.Response:
        """Send a form of the page that is shown."""
        mark = re.search(r'name="csrf" value="(\w+)"', shown)
        assert mark
        return self.client.post(path, data={"csrf": mark[1], **fields})


@pytest.fixture
def gateway(program: Callable[..., Program], receiver: Receiver) -> Program:
    return program(receiver.settings, DICOM_GATEWAY_COMPLETION__QUIET_SECONDS="1")


@pytest.fixture
def browser(gateway: Program) -> Iterator[Browser]:
    address = f"http://127.0.0.1:{gateway.web_port}"
    with httpx.Client(base_url=address, trust_env=False, verify=NO_TLS, follow_redirects=True, timeout=20) as client:
        client.post("/setup", data={"name": "Tess", "password": PASSWORD, "password_again": PASSWORD})
        yield Browser(client)


def dump(folder: Path, data: bytes) -> str:
    path = folder / "dumped.dcm"
    path.write_bytes(data)
    assert dcmtk("dcmftest", str(path)).returncode == 0
    dumped = dcmtk("dcmdump", "+L", "-q", str(path))
    assert (dumped.returncode, dumped.stderr) == (0, "")
    return dumped.stdout


def test_a_study_of_nobody_is_matched_delivered_corrected_and_taken_off(
    gateway: Program, receiver: Receiver, browser: Browser, tmp_path: Path
) -> None:
    order = gateway.api("POST", "/orders", json=order_body(expected=None)).json()
    study = generate_uid()
    (sent, uid), (late, _) = (write_image(tmp_path, study, "P-87", number) for number in (1, 2))
    assert dcmtk("storescu", "-aet", "DX1", "127.0.0.1", str(gateway.dicom_port), str(sent)).returncode == 0
    assert wait_for(lambda: receiver.of("study.unmatched"), what="study.unmatched")[0]["order"] is None
    original = gateway.api("GET", f"/instances/{uid}/file").content

    assert f"/unmatched/{study}" in browser.page("/unmatched")
    shown = browser.page(f"/unmatched/{study}")
    offered = re.findall(r'name="to" value="([^"]+)"', shown)
    assert offered and order["id"] in offered[0]
    confirm = browser.page(f"/unmatched/{study}/confirm", to=html.unescape(offered[0]))
    assert "P-78" in confirm and "P-87" in confirm
    done = browser.send(f"/unmatched/{study}", confirm, to=html.unescape(offered[0]))
    assert done.status_code == 200 and "/undo" in done.text

    event = wait_for(lambda: receiver.of("study.received"), what="study.received")[0]
    assert (event["order"]["id"], event["patient"]["id"]) == (order["id"], "P-78")
    assert [one["sop_instance_uid"] for one in event["instances"]] == [uid]
    _is_corrected(gateway, uid, original, tmp_path)
    _is_exported(gateway, study, uid, original, tmp_path)

    assert dcmtk("storescu", "-aet", "DX1", "127.0.0.1", str(gateway.dicom_port), str(late)).returncode == 0
    update = wait_for(lambda: receiver.of("study.updated"), what="study.updated")[0]
    assert update["order"]["id"] == order["id"]

    after = browser.page(f"/unmatched/{study}")
    [undo] = re.findall(r'action="(/matches/\d+/undo)"', after)
    assert browser.send(undo, after).status_code == 409  # an image came since
    assert browser.send(f"/unmatched/{study}/off", after).status_code == 200
    withdrawn = wait_for(lambda: receiver.of("study.withdrawn"), what="study.withdrawn")[0]
    assert (withdrawn["order"]["id"], withdrawn["order"]["status"]) == (order["id"], "SCHEDULED")
    assert withdrawn["study"]["instance_uid"] == study
    assert gateway.api("GET", f"/instances/{uid}/file").content == original


def _is_corrected(gateway: Program, uid: str, original: bytes, folder: Path) -> None:
    answer = gateway.api("GET", f"/instances/{uid}/file")
    text = dump(folder, answer.content)
    before, original_attributes, _ = text.partition("(0400,0561) SQ")
    assert "(0010,0020) LO [P-78]" in before and "P-87" not in before
    assert original_attributes and "(0010,0020) LO [P-87]" in text and "[CORRECT]" in text
    assert answer.content.endswith(original[-400 * 300 * 2 :])
    assert gateway.api("GET", f"/instances/{uid}/file?as_received=true").content == original


def _is_exported(gateway: Program, study: str, uid: str, original: bytes, folder: Path) -> None:
    for name, options in (("corrected", ()), ("received", ("--as-received",))):
        gateway.inside("studies", "export", study, str(folder / name), *options)
        [file] = (folder / name).iterdir()
        expected = original if options else gateway.api("GET", f"/instances/{uid}/file").content
        assert file.read_bytes() == expected
