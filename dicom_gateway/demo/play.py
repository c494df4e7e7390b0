"""Sets the stage, plays the day, sums it up, and ends everything that it started, however it ends."""

import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from dicom_gateway.demo.day import Day, Scene
from dicom_gateway.demo.device import Device
from dicom_gateway.demo.expecting import Unexpected
from dicom_gateway.demo.pims import Pims
from dicom_gateway.demo.practice import DEVICES, ENVIRONMENT, FRONT_DESK, HL7, SYSTEMS, settings
from dicom_gateway.demo.program import Program
from dicom_gateway.demo.receiver import RETRY_AFTER_SECONDS, Event, Receiver
from dicom_gateway.demo.scenes import SCENES
from dicom_gateway.demo.timeline import Timeline

_ENDS = (signal.SIGTERM, signal.SIGHUP)


def play(folder: Path | None, keep: bool, seconds_per_line: float, scenes: Sequence[Scene] = SCENES) -> bool:
    """Play the day in `folder` (None: a temporary one, which goes unless `keep` or something failed).

    Return whether every scene had the expected outcome. Raises Unexpected when the gateway does not start.
    """
    timeline = Timeline(seconds_per_line)
    root = _folder(folder)
    ended_well = False
    try:
        with _ended_by_signals():
            ended_well = _day(root, timeline, scenes)
    except KeyboardInterrupt:
        ended_well = True  # nothing failed that needs to be looked at
        timeline.plain("interrupted; everything is ended", "bold yellow")
        raise
    finally:
        if folder or keep or not ended_well:
            timeline.plain(f"Kept  {root}: thumbnails, images, and the gateway's folder. To look into it:")
            timeline.plain(f"  dicom-gateway --config {root / 'gateway' / 'gateway.toml'} studies list")
        else:
            shutil.rmtree(root, ignore_errors=True)
    return ended_well


def _folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="dicom-gateway-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Unexpected(f"{folder} is not empty; the demo needs a folder of its own")
    return folder.resolve()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let whoever ends the demo end it as Ctrl-C does, so that the gateway ends with it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    heeded = [number for number in _ENDS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores one
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _day(root: Path, timeline: Timeline, scenes: Sequence[Scene]) -> bool:
    began = time.monotonic()
    thumbnails, images = root / "thumbnails", root / "images"
    for made in (thumbnails, images):
        made.mkdir()

    def tell(system: str, event: Event | None) -> None:
        if event is None:
            timeline.hear(system, f"answers 503: come again in {RETRY_AFTER_SECONDS} s")
        elif system != FRONT_DESK or event["order"] is None:  # the rest it hears together with the order's PMS
            timeline.hear(system, f"is told {_in_words(event)}")

    timeline.say("demo", "starts a gateway and three practice management systems")
    pims = Pims(HL7, lambda words: timeline.hear(HL7, f"is told {words}"))
    with Receiver(tell) as receiver, pims:
        tables = f"{settings(receiver.url, receiver.secret)}\n{pims.settings}"
        program = Program(root / "gateway", tables, ENVIRONMENT)
        with program:
            pims.port = program.hl7_port
            timeline.say("gateway", f"is ready: DICOM port {program.dicom_port}, API {program.api}")
            devices = {
                ae_title: Device(ae_title, modality, program.dicom_port, images, timeline)
                for ae_title, modality in DEVICES.items()
            }
            day = Day(program, receiver, devices, timeline, thumbnails, system=pims)
            day.run(scenes)
            statuses = Counter(order["status"] for order in program.call("GET", "/orders?limit=100")["items"])
            code = program.end()
            if code != 0:
                day.failed.append(f"the gateway ended with code {code}")
            _sum_up(day, len(scenes), statuses, time.monotonic() - began)
    return not day.failed


def _in_words(event: Event) -> str:
    order = event["order"]
    thumbnails = sum(bool(instance["thumbnail"]) for instance in event["instances"])
    words = [f"{event['type']} {order['placer_order_number']} {order['status']}" if order else event["type"]]
    if event["evidence"]:
        words.append(f"({event['evidence']})")
    if thumbnails:
        words.append(f"with {thumbnails} thumbnail{'s' * (thumbnails > 1)}")
    return " ".join(words)


def _sum_up(day: Day, scenes: int, statuses: Counter[str], seconds: float) -> None:
    say = day.timeline.plain
    day.timeline.scene("The day in numbers")
    say(f"Orders      {', '.join(f'{count} {status}' for status, count in sorted(statuses.items()))}")
    say(f"Images      {len(day.shots)} sent")
    delivered = [f"{len(day.receiver.events[system])} to {system}" for system in SYSTEMS]
    delivered.append(f"{len(day.pims.messages)} to {HL7} by HL7")
    say(f"Events      {', '.join(delivered)}")
    say(f"Thumbnails  {len(list(day.thumbnails.iterdir()))}")
    if day.failed:
        say(f"FAILED      {'; '.join(day.failed)}", "bold red")
        say(f"Log         {day.program.log}")
    else:
        say(f"All {scenes} scenes had the expected outcome, in {seconds:.0f} s.", "bold green")
