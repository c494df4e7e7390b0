"""`dicom-gateway demo`: the whole day once, its refusals, its end by Ctrl-C, and that a scene can fail."""

import re
import signal
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from dicom_gateway.demo.day import Day
from dicom_gateway.demo.expecting import Unexpected, expect
from dicom_gateway.demo.play import play
from dicom_gateway.demo.program import Program
from dicom_gateway.demo.receiver import Receiver
from dicom_gateway.demo.scenes import SCENES
from dicom_gateway.demo.timeline import Timeline
from tests.e2e.program import COMMAND, wait_for

LINES = (
    r"DX1 +asks its worklist: Rex Doe \(Thorax 2 views\), Luna Poe \(Skull\), Bella Low \(Pelvis\)",
    r"DX1 +starts with Rex Doe \(MPPS N-CREATE: 0x0000 Success\)",
    r"vet-pms +is told study\.received V-1 COMPLETED \(mpps\+images\) with 2 thumbnails",
    r"vet-pms +is told study\.updated V-1 COMPLETED .* with 1 thumbnail",
    r"dental-pms +is told study\.received D-1 COMPLETED \(mpps\+images\) with 2 thumbnails",
    r"vet-pms +is told study\.received V-2 COMPLETED \(quiet\) with 2 thumbnails",
    r"vet-pms +is told order\.canceled V-4 CANCELED",
    r"dental-pms +answers 503",
    r"front-desk +is told study\.unmatched",
    r"gateway +alarm: patient differs",
    r"dental-pms +is back",
    r"dental-pms +is told study\.received D-2 COMPLETED \(mpps\+images\) with 1 thumbnail",
    r"hl7-pms +orders H-1 by OMI\^O23: Thorax, DX2",
    r"hl7-pms +corrects the name of A-50 by ADT\^A08",
    r"DX2 +asks its worklist: Pia Groß \(Thorax\), Olli Kern \(Elbow\)",
    r"hl7-pms +is told OMI\^O23 H-1, ORC SC IP",
    r"hl7-pms +is told OMI\^O23 H-1, ORC SC CM",
    r"hl7-pms +is told ORU\^R01 H-1, ORC RE CM, 2 images",
    r"hl7-pms +is told OMI\^O23 H-2, ORC SC CA",
    r"hl7-pms +is told OMI\^O23 H-1, ORC UC CM",
    r"Orders +2 CANCELED, 5 COMPLETED, 1 SCHEDULED",
    r"Images +12 sent",
    r"Events +9 to vet-pms, 6 to dental-pms, 22 to front-desk, 5 to hl7-pms by HL7",
    r"Thumbnails +8",
    rf"All {len(SCENES)} scenes had the expected outcome",
)


def processes_of(folder: Path) -> list[str]:
    """Return the command lines that name a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def test_the_day_goes_as_it_should(tmp_path: Path) -> None:
    folder = tmp_path / "day"
    done = subprocess.run([*COMMAND, "demo", "--folder", str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    at = 0
    for line in LINES:
        found = re.compile(line).search(done.stdout, at)
        assert found, f"{line}\n{done.stdout}"
        at = found.end()
    thumbnails = sorted((folder / "thumbnails").iterdir())
    assert len(thumbnails) == 8
    for path in thumbnails:
        with Image.open(path) as picture:
            low, high = picture.convert("L").getextrema()
            assert high - low > 150  # a picture, not a plain tile
    assert processes_of(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_an_end_in_the_middle_leaves_nothing(tmp_path: Path, number: int) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "demo"], stdout=file, stderr=subprocess.STDOUT, env={"TMPDIR": str(tmp_path)}
        )
    try:
        wait_for(lambda: "starts with Rex Doe" in output.read_text(), 60, "the first examination")
        (folder,) = tmp_path.glob("dicom-gateway-demo-*")
        assert processes_of(folder)
        process.send_signal(number)
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
    text = output.read_text()
    assert "interrupted; everything is ended" in text
    assert "Traceback" not in text
    wait_for(lambda: not processes_of(folder), 20, "all its processes have ended")
    assert not folder.exists()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "mine.txt"
    kept.write_text("mine")
    done = subprocess.run([*COMMAND, "demo", "--folder", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert list(tmp_path.iterdir()) == [kept]


def test_a_scene_that_fails_is_told_and_does_not_stop_the_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(day: Day) -> str:
        expect(1 == 2, "one is two")
        return "never"

    def lacks(day: Day) -> str:
        return str(day.orders["nobody"])

    with Receiver(lambda system, event: None) as receiver:
        day = Day(Program(tmp_path, "", {}), receiver, {}, Timeline(), tmp_path)
        day.run([("Wrong", fails), ("Lacking", lacks), ("Right", lambda day: "well")])
    assert day.failed == ["Wrong", "Lacking"]
    told = capsys.readouterr().out
    assert "FAILED: expected: one is two" in told
    assert "ok: well" in told


def test_a_day_that_goes_wrong_is_told_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def asks_too_much(day: Day) -> str:
        return str(day.program.call("GET", "/orders/none"))

    assert play(tmp_path / "day", False, 0.0, [("Too much", asks_too_much)]) is False
    told = capsys.readouterr().out
    assert "answered 404, expected 200" in told
    assert re.search(r"^FAILED +Too much$", told, re.MULTILINE)
    assert "scenes had the expected outcome" not in told
    assert (tmp_path / "day" / "gateway" / "serve.log").exists()
    assert processes_of(tmp_path) == []


def test_a_wrong_signature_is_refused_and_counted() -> None:
    heard: list[str] = []
    with Receiver(lambda system, event: heard.append(system)) as receiver:
        headers = {"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,bm9uZQ=="}
        assert receiver.take("vet-pms", b'{"id": "evt_1"}', headers) == 401
        assert (receiver.refused, heard, receiver.events["vet-pms"]) == (1, [], [])
        with pytest.raises(Unexpected, match="in vain for anything"):
            receiver.wait("anything", lambda: receiver.events["vet-pms"], 0.01)
