"""Images that break a decoder, received and shown by the real program: a tile, and the next image is unharmed."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.uid import generate_uid

from tests.e2e.program import Program
from tests.peers import dcmtk
from tests.study.images import image, save, save_jpeg

RAMP = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (50, 1))


def memory_bomb(path: Path, uid: str) -> Path:
    """A tiny file that claims 65535 x 65535 pixels."""
    made = image(RAMP, Rows=65535, Columns=65535, SOPInstanceUID=uid)
    made.PixelData = b"\0" * 100
    return save(made, path)


def crash(path: Path, uid: str) -> Path:
    """A JPEG without Huffman tables, in whose place is rubbish: GDCM 3.2 ends its process."""
    data = save_jpeg(image(RAMP, SOPInstanceUID=uid), path).read_bytes()
    at = data.index(b"\xff\xc4", data.index(b"\xff\xd8\xff"))
    path.write_bytes(data[: at + 1] + b"\0" + data[at + 2 :])
    return path


def compressed_bomb(path: Path, uid: str) -> Path:
    """A small JPEG whose own header claims 65535 x 65535 pixels, as the data set does."""
    made = dcmread(save_jpeg(image(RAMP, SOPInstanceUID=uid), path))
    at = made.PixelData.index(b"\xff\xc0")
    made.Rows = made.Columns = 65535
    made.PixelData = made.PixelData[: at + 5] + b"\xff" * 4 + made.PixelData[at + 9 :]
    made.save_as(path)
    return path


def test_what_breaks_a_decoder_is_a_tile_and_the_next_image_is_unharmed(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    gateway = program()
    good = str(generate_uid())
    bad = {str(generate_uid()): make for make in (memory_bomb, crash, compressed_bomb)}
    paths = [make(tmp_path / f"{make.__name__}.dcm", uid) for uid, make in bad.items()]
    paths.append(save(image(RAMP, SOPInstanceUID=good), tmp_path / "good.dcm"))
    for path in paths:
        sent = dcmtk("storescu", "-xy", "-R", "127.0.0.1", str(gateway.dicom_port), str(path))
        assert sent.returncode == 0, sent.stderr
    for uid in bad:
        answer = gateway.api("GET", f"/instances/{uid}/thumbnail")
        assert answer.status_code == 200 and answer.headers["ETag"].endswith('-tile"'), answer.headers
        with Image.open(io.BytesIO(answer.content)) as shown:
            assert shown.size == (256, 256)
        drawn = gateway.api("GET", f"/instances/{good}/thumbnail")
        assert drawn.status_code == 200 and not drawn.headers["ETag"].endswith('-tile"')
        with Image.open(io.BytesIO(drawn.content)) as shown:
            levels = np.asarray(shown.convert("L"))
        assert levels.shape == (50, 100) and levels[25, 2] < 30 and levels[25, -2] > 225
        # A picture that was drawn is kept: only without it the decoder must draw the good image again.
        for kept in (gateway.data / "thumbnails").rglob("*.jpg"):
            kept.unlink()
    assert gateway.is_ready()
