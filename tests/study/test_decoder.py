import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from dicom_gateway.core.model import Thumbnail
from dicom_gateway.study.decoder import IMAGES_PER_CHILD, Decoder
from tests.study.images import image, save, save_jpeg, shown

RAMP = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (50, 1))


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.close()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return save(image(RAMP), tmp_path / "good.dcm")


def is_good(thumbnail: Thumbnail) -> bool:
    levels = shown(thumbnail)
    return not thumbnail.is_tile and levels.shape == (50, 100) and levels[25, 2] < 30 and levels[25, -2] > 225


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)


def test_one_warm_child_draws_many(decoder: Decoder, good: Path) -> None:
    assert decoder.pid is None
    assert is_good(decoder.thumbnail(good))
    first = decoder.pid
    assert all(is_good(decoder.thumbnail(good)) for _ in range(5))

    assert decoder.pid == first is not None


def test_the_frame_asked_for(decoder: Decoder, tmp_path: Path) -> None:
    frames = np.stack([np.full((8, 8), level, np.uint8) for level in (0, 100, 200)])
    path = save(image(frames, frames=3, WindowCenter=128, WindowWidth=256), tmp_path / "a.dcm")

    assert [round(shown(decoder.thumbnail(path, frame)).mean(), -1) for frame in (0, 1, 2, None)] == [0, 100, 200, 100]


def test_a_child_that_was_killed_is_replaced(decoder: Decoder, good: Path) -> None:
    decoder.thumbnail(good)
    killed = decoder.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    assert is_good(decoder.thumbnail(good))
    assert decoder.pid not in (None, killed)


def test_an_image_that_never_ends_is_cut_off_and_then_left_alone(tmp_path: Path, good: Path) -> None:
    decoder = Decoder(seconds=2.0)
    endless = tmp_path / "endless.dcm"
    os.mkfifo(endless)
    try:
        assert is_good(decoder.thumbnail(good))
        started = time.monotonic()
        assert decoder.thumbnail(endless).is_tile
        assert 3.9 < time.monotonic() - started < 30, "tried twice"
        pid = decoder.pid
        assert decoder.thumbnail(endless).is_tile
        assert decoder.pid == pid, "not tried again"
        assert is_good(decoder.thumbnail(good))
    finally:
        decoder.close()


def bomb(path: Path) -> Path:
    made = image(RAMP, Rows=65535, Columns=65535)
    made.PixelData = b"\0" * 100
    return save(made, path)


def damaged(path: Path) -> Path:
    made = image(RAMP)
    made.PixelData = encapsulate([b"\xff\xd8" + bytes(300)])
    return save(made, path, JPEGBaseline8Bit)


def aborting(path: Path) -> Path:
    """A JPEG without Huffman tables, in whose place is rubbish: GDCM 3.2 ends the process."""
    data = save_jpeg(image(RAMP), path).read_bytes()
    at = data.index(b"\xff\xc4", data.index(b"\xff\xd8\xff"))
    path.write_bytes(data[: at + 1] + b"\0" + data[at + 2 :])
    return path


def no_dicom(path: Path) -> Path:
    path.write_bytes(b"hello")
    return path


def missing(path: Path) -> Path:
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("make", [bomb, damaged, aborting, no_dicom, missing, folder])
def test_what_cannot_be_drawn_is_a_tile_and_the_next_image_is_unharmed(
    make: Callable[[Path], Path], decoder: Decoder, good: Path, tmp_path: Path
) -> None:
    assert decoder.thumbnail(make(tmp_path / "bad.dcm")).is_tile
    assert is_good(decoder.thumbnail(good))


def test_the_child_is_renewed_after_a_failure(decoder: Decoder, good: Path, tmp_path: Path) -> None:
    decoder.thumbnail(good)
    first = decoder.pid
    decoder.thumbnail(damaged(tmp_path / "bad.dcm"))

    assert is_good(decoder.thumbnail(good))
    assert decoder.pid != first


def test_the_child_is_renewed_after_many_images(decoder: Decoder, tmp_path: Path) -> None:
    small = save(image(np.zeros((4, 4), np.uint8)), tmp_path / "small.dcm")
    decoder.thumbnail(small)
    first = decoder.pid
    for _ in range(IMAGES_PER_CHILD - 2):
        decoder.thumbnail(small)
    assert decoder.pid == first
    decoder.thumbnail(small)

    assert decoder.pid is None
    assert not decoder.thumbnail(small).is_tile


def test_any_thread_may_ask(decoder: Decoder, good: Path) -> None:
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.extend(is_good(decoder.thumbnail(good)) for _ in range(5)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert results == [True] * 20


def test_close_leaves_nobody_behind(good: Path) -> None:
    decoder = Decoder()
    decoder.thumbnail(good)
    pid = decoder.pid
    assert pid is not None and alive(pid)
    decoder.close()

    assert not alive(pid)
    decoder.close()


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: needs /proc")
def test_the_limits_of_the_child(decoder: Decoder, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_GATEWAY_SECRET", "s3cret")
    with socket.socket() as listener:
        listener.set_inheritable(True)
        decoder.thumbnail(good)
        process = Path(f"/proc/{decoder.pid}")
        limits = {line[:26].strip(): line[26:].split()[0] for line in (process / "limits").read_text().splitlines()}
        open_files = [os.readlink(entry) for entry in (process / "fd").iterdir()]
        environment = (process / "environ").read_bytes()

    assert limits["Max address space"] == str(2 << 30)
    assert limits["Max core file size"] == "0"
    assert limits["Max cpu time"] != "unlimited"
    assert not any(target.startswith("socket:") for target in open_files)
    assert b"s3cret" not in environment and b"OPENBLAS_NUM_THREADS=1" in environment


PARENT = """
import sys, threading
from pathlib import Path
from dicom_gateway.study.decoder import Decoder
decoder = Decoder(seconds=4.0)
decoder.thumbnail(Path(sys.argv[1]))
print(decoder.pid, flush=True)
decoder.thumbnail(Path(sys.argv[2]))
threading.Event().wait()
"""


def being_read(fifo: Path) -> int | None:
    """Return a writing end that keeps the reader of `fifo` waiting, once there is one."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: needs /proc")
@pytest.mark.parametrize("hanging", [False, True], ids=["idle", "in the middle of an image"])
def test_the_child_ends_when_its_parent_is_killed(hanging: bool, good: Path, tmp_path: Path) -> None:
    second = tmp_path / "endless.dcm" if hanging else good
    writer: list[int | None] = []
    if hanging:
        os.mkfifo(second)
    with subprocess.Popen([sys.executable, "-c", PARENT, good, second], stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            if hanging:
                wait_for(lambda: writer.append(being_read(second)) or writer[-1] is not None)
            assert alive(child)
        finally:
            parent.kill()
    try:
        wait_for(lambda: not alive(child))
    finally:
        if hanging and writer[-1] is not None:
            os.close(writer[-1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_the_process_group_do_not_end_the_child(number: int, decoder: Decoder, good: Path) -> None:
    decoder.thumbnail(good)
    pid = decoder.pid
    assert pid is not None
    os.kill(pid, number)

    assert is_good(decoder.thumbnail(good))
    assert decoder.pid == pid
