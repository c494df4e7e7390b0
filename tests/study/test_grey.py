"""What the viewer gets of an image: its values, window and size; and the line below a picture that leaves."""

import base64
import gzip
import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from dicom_gateway.study.caption import marked
from dicom_gateway.study.decoder import RAW, Decoder
from dicom_gateway.study.grey import raw
from dicom_gateway.study.render import render
from tests.study.images import data_set, image, save, save_compressed, save_j2k, save_jpeg

ROWS, COLUMNS = 60, 100
RAMP = np.tile(np.linspace(0, 4000, COLUMNS), (ROWS, 1)).astype("<u2")


def unpack(packed: bytes) -> tuple[dict[str, Any], np.ndarray]:
    """Return the head and the values of the modality, or RGB."""
    payload = gzip.decompress(packed)
    (length,) = struct.unpack_from("<I", payload)
    assert length % 4 == 0, "so that a browser can take the values as an array"
    head, body = json.loads(payload[4 : 4 + length]), payload[4 + length :]
    if head["kind"] == "colour":
        return head, np.asarray(Image.open(io.BytesIO(body)))
    steps = np.frombuffer(body, "<u2").reshape(head["rows"], head["columns"])
    assert steps.max() == head["largest"]
    return head, head["intercept"] + head["slope"] * steps


def read(path: Path, frame: int | None = None, size: int = 4096) -> tuple[dict[str, Any], np.ndarray]:
    thumbnail = raw(path, frame, size)
    assert not thumbnail.is_tile
    head, values = unpack(thumbnail.jpeg)
    assert (thumbnail.height, thumbnail.width) == values.shape[:2]
    return head, values


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_stored_values_come_as_they_are(tmp_path: Path, syntax: str) -> None:
    made = image(RAMP, BitsStored=12, WindowCenter=2000, WindowWidth=3000)
    head, values = read(save(made, tmp_path / "a.dcm", str(syntax)))
    assert (values == RAMP).all()
    assert head["windows"] == [{"name": "", "center": 2000, "width": 3000}]
    assert (head["kind"], head["slope"], head["invert"], head["function"]) == ("grey", 1, False, "LINEAR")
    assert (head["rows"], head["columns"], head["frames"], head["table"]) == (ROWS, COLUMNS, 1, None)
    assert head["full"] == {"center": 2000, "width": 4000}


def test_16_bits_of_each_value(tmp_path: Path) -> None:
    every = np.arange(65536, dtype="<u2").reshape(256, 256)
    head, values = read(save(image(every), tmp_path / "a.dcm"))
    assert (values == every).all()
    assert head["largest"] == 65535


def test_compressed_images(tmp_path: Path) -> None:
    j2k = save_j2k(image(RAMP, BitsStored=12), tmp_path / "j2k.dcm")
    rle = save_compressed(image(RAMP, BitsStored=12), tmp_path / "rle.dcm", RLELossless, "pydicom")
    assert (read(j2k)[1] == RAMP).all()
    assert (read(rle)[1] == RAMP).all()


def test_values_below_zero_and_their_unit(tmp_path: Path) -> None:
    made = image(RAMP.astype("<i2") - 24, Modality="CT", RescaleSlope="1", RescaleIntercept="-1000")
    head, values = read(save(made, tmp_path / "a.dcm"))
    assert (values == RAMP.astype(int) - 1024).all()
    assert head["unit"] == "HU"


def test_fractions_are_kept_as_fine_steps(tmp_path: Path) -> None:
    made = image(RAMP, RescaleSlope="0.001", RescaleIntercept="0", RescaleType="OD")
    head, values = read(save(made, tmp_path / "a.dcm"))
    assert np.abs(values - RAMP * 0.001).max() < 0.0001
    assert (head["unit"], head["largest"]) == ("OD", 65535)


def test_white_first(tmp_path: Path) -> None:
    head, values = read(save(image(RAMP, PhotometricInterpretation="MONOCHROME1"), tmp_path / "a.dcm"))
    assert head["invert"] is True
    assert (values == RAMP).all(), "the values stay; the viewer turns them"


def test_several_windows_with_names(tmp_path: Path) -> None:
    made = image(RAMP, WindowCenter=["40", "300"], WindowWidth=["400", "1500"])
    made.WindowCenterWidthExplanation = ["SOFT", "BONE"]
    made.VOILUTFunction = "SIGMOID"
    head, _ = read(save(made, tmp_path / "a.dcm"))
    assert [(one["name"], one["center"], one["width"]) for one in head["windows"]] == [
        ("SOFT", 40, 400),
        ("BONE", 300, 1500),
    ]
    assert head["function"] == "SIGMOID"


def test_a_window_of_no_width_is_left_out(tmp_path: Path) -> None:
    head, _ = read(save(image(RAMP, WindowCenter="40", WindowWidth="0"), tmp_path / "a.dcm"))
    assert head["windows"] == []


def test_the_automatic_window_passes_over_extremes(tmp_path: Path) -> None:
    values = np.full((100, 100), 500, "<u2")
    values[:50] = 300
    values[0, :10] = 60000
    head, _ = read(save(image(values), tmp_path / "a.dcm"))
    assert head["auto"] == {"center": 400, "width": 200}


def test_a_table_of_the_header(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 16])
    item.add_new("LUTData", "OW", (np.arange(4096) // 16).astype("<u2")[::-1].copy().tobytes())
    head, values = read(save(image(RAMP, VOILUTSequence=[item]), tmp_path / "a.dcm"))
    table = np.frombuffer(base64.b64decode(head["table"]), np.uint8).astype(int)
    assert len(table) == head["largest"] + 1 == 4001
    assert abs(table[0] - 255) <= 1 and abs(table[4000] - 5) <= 1


def test_frames_one_by_one(tmp_path: Path) -> None:
    frames = np.stack([np.full((8, 8), level, np.uint8) for level in (0, 100, 200)])
    path = save(image(frames, frames=3), tmp_path / "a.dcm")
    found = [read(path, frame) for frame in (0, 2, None, 99)]
    assert [values.mean() for _, values in found] == [0, 200, 100, 200]
    assert [(head["frame"], head["frames"]) for head, _ in found] == [(0, 3), (2, 3), (1, 3), (2, 3)]


def test_large_images_are_reduced(tmp_path: Path) -> None:
    made = image(RAMP, PixelSpacing=["0.1", "0.1"])
    head, values = read(save(made, tmp_path / "a.dcm"), size=40)
    assert values.shape == (20, 33)
    assert (head["step"], head["stored_rows"], head["stored_columns"]) == (3, ROWS, COLUMNS)
    assert head["spacing"] == pytest.approx([0.3, 0.3])
    assert np.abs(values[0] - RAMP[0, : 33 * 3].reshape(33, 3).mean(axis=1)).max() <= 0.5


@pytest.mark.parametrize(
    ("attributes", "aspect", "spacing"),
    [
        ({}, 1, None),
        ({"PixelAspectRatio": ["2", "1"]}, 2, None),
        ({"PixelSpacing": ["0.4", "0.2"]}, 2, [0.4, 0.2]),
        ({"ImagerPixelSpacing": ["0.1", "0.1"]}, 1, [0.1, 0.1]),
        ({"PixelSpacing": ["0", "0.2"]}, 1, None),
    ],
)
def test_how_large_a_pixel_is(tmp_path: Path, attributes: Any, aspect: float, spacing: Any) -> None:
    head, _ = read(save(image(RAMP, **attributes), tmp_path / "a.dcm"))
    assert head["aspect"] == pytest.approx(aspect)
    assert head["spacing"] == spacing


def test_colours_come_as_a_png(tmp_path: Path) -> None:
    made = np.zeros((20, 30, 3), np.uint8)
    made[:, :10, 0], made[:, 10:20, 1], made[:, 20:, 2] = 250, 150, 50
    head, values = read(save(image(made), tmp_path / "a.dcm"))
    assert (head["kind"], head["rows"], head["columns"]) == ("colour", 20, 30)
    assert (values == made).all()
    jpeg, shown = read(save_jpeg(image(made), tmp_path / "b.dcm"))
    assert jpeg["kind"] == "colour" and np.abs(shown.astype(int) - made).mean() < 12


def test_what_has_no_pixels_is_a_tile(tmp_path: Path) -> None:
    made = data_set(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")
    assert raw(save(made, tmp_path / "a.dcm"), None, 4096).is_tile


def test_the_decoder_gives_the_same_and_outlives_what_it_cannot_read(tmp_path: Path) -> None:
    good, bad = save(image(RAMP), tmp_path / "good.dcm"), tmp_path / "bad.dcm"
    bad.write_bytes(b"hello")
    decoder = Decoder(20.0, 4096, RAW)
    try:
        assert decoder.thumbnail(bad).is_tile
        found = decoder.thumbnail(good, 0)
    finally:
        decoder.close()
    assert found.jpeg == raw(good, 0, 4096).jpeg


@pytest.mark.parametrize("form", ["png", "jpeg"])
@pytest.mark.parametrize("width", [8, 400])
def test_a_picture_that_leaves_says_what_it_is_not_for(tmp_path: Path, form: str, width: int) -> None:
    path = save(image(np.full((300, width), 90, np.uint8), WindowCenter=128, WindowWidth=256), tmp_path / "a.dcm")
    plain = np.asarray(Image.open(io.BytesIO(render(path, 0, 8192, form).jpeg))).astype(int)
    with Image.open(io.BytesIO(render(path, 0, 8192, f"{form}-marked").jpeg)) as picture:
        assert picture.height > 300 and picture.width >= width
        strip = np.asarray(picture).astype(int)
    assert np.abs(strip[:290, :width] - plain[:290]).max() <= 4, "nothing of the picture is covered"
    letters = strip[302:] > 128
    assert letters.sum() > 100 and not letters[-1].any() and not letters[:, 0].any() and not letters[:, -1].any()


def test_the_mark_on_a_colour_picture() -> None:
    assert marked(Image.new("RGB", (300, 200), (10, 200, 30))).getpixel((0, 0)) == (10, 200, 30)
