"""README.md from top to bottom, as somebody does who tries it: what it says to type, and what it says to expect."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image

from tests.docs.checkout import Terminal, checkout, environment, foreground, listens
from tests.docs.pages import block_commands, blocks
from tests.docs.runs import NOT_RUN
from tests.e2e.program import free_port, wait_for
from tests.peers import DCMJS, missing, need


@contextmanager
def terminal(folder: Path, variables: dict[str, str]) -> Iterator[Terminal]:
    """A terminal; what it left in the background is ended afterwards."""
    opened = Terminal(folder, variables)
    pid = folder / "receiver.pid"
    try:
        yield opened
    finally:
        opened.close()
        if pid.exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)


def test_it_goes_as_the_page_says(tmp_path: Path) -> None:
    for program, package in (("findscu", "dcmtk"), ("storescu", "dcmtk"), ("node", "nodejs"), ("curl", "curl")):
        need(program, package)
    if not (DCMJS / "node_modules").exists():
        missing("dcmjs-dimse (make peers)")
    dicom, web, pms = free_port(), free_port(), free_port()
    start, test, demo, receive, order, device, listing, other_device = blocks("README.md", "sh")
    assert {command.text for block in (test, demo) for command in block_commands(block)} <= NOT_RUN.keys()

    def of(text: str) -> str:
        """Put free ports in place of those that the page has."""
        ours = {"11112": f"{dicom}", "8080": f"{web}", "receive_webhooks.py": f"receive_webhooks.py {pms}"}
        return re.sub(r"\b(11112|8080|receive_webhooks\.py)\b", lambda found: ours[found[0]], text)

    folder = checkout(tmp_path / "checkout")
    variables = environment()
    ports = {"DICOM_GATEWAY_DICOM__PORT": f"{dicom}", "DICOM_GATEWAY_WEB__PORT": f"{web}"}
    with terminal(folder, variables) as second:
        with foreground(start.text, folder, {**variables, **ports}) as gateway:
            gateway.wait_ready(web)
            told = gateway.printed()
            assert re.search(rf"DICOM +127\.0\.0\.1:{dicom}  AE title DCMGATEWAY\n", told)
            assert re.search(rf"http://127\.0\.0\.1:{web}/api/docs\n", told)
            assert re.search(r"First token +\S*gateway-data/data/admin\.token\n", told)
            assert "PMS" not in told
            second.type(f"{of(receive.text)}echo $! > receiver.pid")
        assert "\nstopped\n" in gateway.printed()

        with foreground(start.text, folder, {**variables, **ports}) as gateway:
            gateway.wait_ready(web)
            assert re.search(rf"PMS +sample -> http://127\.0\.0\.1:{pms}/\n", gateway.printed())
            answers = second.type(of(order.text))
            study = json.loads((folder / "order.json").read_text())["procedures"][0]["study_instance_uid"]
            assert "Doe^Rex" in answers
            assert study in answers
            assert re.search(r"^2\.25\.\d+$", second.type(of(device.text)), re.MULTILINE)
            is_told(folder)
            assert re.fullmatch(r"\S+\tCOMPLETED\t.*\tA-1001\t.*\tDoe\^Rex\t.*\n", second.type(of(listing.text)))
            told = second.type(of(other_device.text))
            reports = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
            assert [report["status"] for report in reports] == [0, 0]
            assert re.match(r"\S+\tCOMPLETED\t.*\tA-1002\t", second.type(of(listing.text)))
        second.type("kill %1")
        wait_for(lambda: not listens(pms), what="the receiver has ended")


def is_told(folder: Path) -> None:
    """Wait for what the page says that receiver.log says, and look at the thumbnails."""
    log = folder / "receiver.log"
    wait_for(lambda: log.read_text().count(".jpg") == 2, 60, "study.received with two thumbnails")
    events = [line.split()[:3] for line in log.read_text().splitlines() if line.startswith(("order.", "study."))]
    assert [event[:2] for event in events] == [
        [kind, "A-1001"] for kind in ("order.started", "order.completed", "study.received")
    ]
    assert events[-1][2] == "COMPLETED"
    thumbnails = list((folder / "received").glob("*.jpg"))
    assert len(thumbnails) == 2
    for path in thumbnails:
        with Image.open(path) as picture:
            assert max(picture.size) == 256
