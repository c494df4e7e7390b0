import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import gdcm
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from dicom_gateway.study.render import render
from tests.study.images import data_set, image, recode_with_gdcm, save, save_compressed, save_j2k, save_jpeg, shown

ROWS, COLUMNS = 60, 100
RAMP = np.tile(np.linspace(0, 4000, COLUMNS), (ROWS, 1)).astype("<u2")  # dark at the left, bright at the right
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def colours(dtype: type = np.uint8) -> np.ndarray:
    """Three bands: red, green, blue."""
    made = np.zeros((ROWS, 120, 3), dtype)
    for band in range(3):
        made[:, 40 * band : 40 * (band + 1), band] = 255
    return made


def assert_ramp(levels: np.ndarray, left: int = 0, right: int = 255) -> None:
    middle = levels[levels.shape[0] // 2]
    assert abs(middle[0] - left) < 12 and abs(middle[-1] - right) < 12
    assert abs(middle[len(middle) // 2] - (left + right) / 2) < 12
    steps = np.diff(middle) * np.sign(right - left)
    assert steps.min() > -6, "the ramp turns round somewhere"


def assert_colours(levels: np.ndarray) -> None:
    assert levels.ndim == 3
    for band, expected in enumerate((RED, GREEN, BLUE)):
        found = levels[levels.shape[0] // 2, levels.shape[1] * (2 * band + 1) // 6]
        assert np.abs(found - expected).max() < 16, (band, found)


def lut(descriptor: list[int], data: np.ndarray, keyword: str) -> dict[str, list[Dataset]]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "OW", data.astype("<u2").tobytes())
    if keyword == "ModalityLUTSequence":
        item.ModalityLUTType = "US"
    return {keyword: [item]}


STEP = np.where(np.arange(4096) < 2000, 0, 4095)
FALLING = np.arange(4095, -1, -1)
GARBAGE = RAMP | np.where(np.arange(COLUMNS) % 3 == 0, 0xF000, 0).astype("<u2")
PADDED = np.where(np.arange(COLUMNS) < 10, 65000, RAMP).astype("<u2")
SPECKLED = (RAMP.astype("<i2") - 2000).astype("<i2")

GREY = {
    "as stored": (RAMP, {}, (0, 255)),
    "MONOCHROME1": (RAMP, {"PhotometricInterpretation": "MONOCHROME1"}, (255, 0)),
    "INVERSE": (RAMP, {"PresentationLUTShape": "INVERSE"}, (255, 0)),
    "MONOCHROME1 and INVERSE": (
        RAMP,
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        (255, 0),
    ),
    "signed": (SPECKLED, {}, (0, 255)),
    "8 bits": ((RAMP // 16).astype(np.uint8), {}, (0, 255)),
    "12 bits stored, rubbish above": (GARBAGE, {"BitsStored": 12}, (0, 255)),
    "negative slope": (RAMP, {"RescaleSlope": -1, "RescaleIntercept": 4000}, (255, 0)),
    "modality table": (RAMP, lut([4096, 0, 16], FALLING, "ModalityLUTSequence"), (255, 0)),
    "VOI table": (RAMP, lut([4096, 0, 12], FALLING, "VOILUTSequence"), (255, 0)),
    "VOI table with fewer bits than it says": (RAMP, lut([4096, 0, 16], FALLING, "VOILUTSequence"), (255, 0)),
    "wide window": (RAMP, {"WindowCenter": 2000, "WindowWidth": 8000}, (64, 191)),
    "first of two windows": (RAMP, {"WindowCenter": [2000, 1], "WindowWidth": [8000, 1]}, (64, 191)),
    "LINEAR_EXACT": (
        RAMP,
        {"WindowCenter": 2000, "WindowWidth": 8000, "VOILUTFunction": "LINEAR_EXACT"},
        (64, 191),
    ),
    "window of rescaled values": (
        RAMP,
        {"RescaleSlope": 2, "RescaleIntercept": -4000, "WindowCenter": 0, "WindowWidth": 16000},
        (64, 191),
    ),
    "window of width 0": (RAMP, {"WindowCenter": 5, "WindowWidth": 0}, (0, 255)),
    "center without width": (RAMP, {"WindowCenter": 5}, (0, 255)),
}


@pytest.mark.parametrize(("pixels", "attributes", "ends"), GREY.values(), ids=GREY)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
def test_grey_is_displayed_as_the_header_says(
    pixels: np.ndarray, attributes: dict, ends: tuple[int, int], syntax: str, tmp_path: Path
) -> None:
    thumbnail = render(save(image(pixels, **attributes), tmp_path / "a.dcm", syntax))

    assert (thumbnail.width, thumbnail.height, thumbnail.is_tile) == (COLUMNS, ROWS, False)
    assert_ramp(shown(thumbnail), *ends)


def test_a_narrow_window_clips_on_both_sides(tmp_path: Path) -> None:
    levels = shown(render(save(image(RAMP, WindowCenter=2000, WindowWidth=400), tmp_path / "a.dcm")))[30]

    assert levels[:40].max() < 12 and levels[60:].min() > 243
    assert 90 < levels[50] < 170


def test_a_sigmoid_is_steeper_in_the_middle_than_at_the_ends(tmp_path: Path) -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 3000, "VOILUTFunction": "SIGMOID"}
    levels = shown(render(save(image(RAMP, **window), tmp_path / "a.dcm")))[30]

    expected = 255 / (1 + np.exp(-4 * (RAMP[0].astype(float) - 2000) / 3000))
    assert np.abs(levels - expected).max() < 6


def test_a_voi_table_decides_each_level(tmp_path: Path) -> None:
    levels = shown(render(save(image(RAMP, **lut([4096, 0, 12], STEP, "VOILUTSequence")), tmp_path / "a.dcm")))[30]

    assert levels[:46].max() < 12 and levels[54:].min() > 243


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_padding_is_black_and_does_not_decide_the_contrast(photometric: str, tmp_path: Path) -> None:
    made = image(PADDED, PhotometricInterpretation=photometric)
    made.add_new("PixelPaddingValue", "US", 65000)
    levels = shown(render(save(made, tmp_path / "a.dcm")))

    assert levels[:, :8].max() < 16
    assert_ramp(levels[:, 12:], *((0, 255) if photometric == "MONOCHROME2" else (255, 0)))


def test_without_padding_value_the_same_pixels_do_decide(tmp_path: Path) -> None:
    levels = shown(render(save(image(PADDED), tmp_path / "a.dcm")))[30]

    assert levels[:8].min() > 240 and levels[12:].max() < 40


def test_one_bit_a_pixel(tmp_path: Path) -> None:
    bits = np.zeros((16, 32), np.uint8)
    bits[:, 16:] = 1
    made = image(bits, BitsAllocated=1, BitsStored=1)
    made.PixelData = np.packbits(bits, bitorder="little").tobytes()
    levels = shown(render(save(made, tmp_path / "a.dcm")))

    assert levels[:, :14].max() < 20 and levels[:, 18:].min() > 235


@pytest.mark.parametrize("bit", [0, 1])
def test_one_bit_of_one_value_is_black_or_white(bit: int, tmp_path: Path) -> None:
    made = image(np.zeros((16, 32), np.uint8), BitsAllocated=1, BitsStored=1)
    made.PixelData = bytes([255 * bit]) * 64

    assert np.abs(shown(render(save(made, tmp_path / "a.dcm"))) - 255 * bit).max() < 6


def test_float_pixels(tmp_path: Path) -> None:
    made = image(RAMP, BitsAllocated=32)
    del made.PixelData, made.BitsStored, made.HighBit, made.PixelRepresentation
    made.FloatPixelData = (RAMP / 4000).astype("<f4").tobytes()

    assert_ramp(shown(render(save(made, tmp_path / "a.dcm"))))


def planar(made: Dataset) -> Dataset:
    made.PixelData = np.frombuffer(made.PixelData, np.uint8).reshape(-1, 3).T.tobytes()
    made.PlanarConfiguration = 1
    return made


def ybr_full(made: Dataset) -> Dataset:
    rgb = np.frombuffer(made.PixelData, np.uint8).reshape(-1, 3).astype(float)
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])  # PS3.3 C.7.6.3.1.2
    made.PixelData = np.clip(np.rint(rgb @ matrix.T + [0, 128, 128]), 0, 255).astype(np.uint8).tobytes()
    made.PhotometricInterpretation = "YBR_FULL"
    return made


def ybr_422(made: Dataset) -> Dataset:
    ybr = np.frombuffer(ybr_full(made).PixelData, np.uint8).reshape(-1, 2, 3)
    made.PixelData = np.stack([ybr[:, 0, 0], ybr[:, 1, 0], ybr[:, 0, 1], ybr[:, 0, 2]], axis=1).tobytes()
    made.PhotometricInterpretation = "YBR_FULL_422"
    return made


def palette(made: Dataset) -> Dataset:
    indices = colours().argmax(axis=2).astype(np.uint8)
    made = image(indices, PhotometricInterpretation="PALETTE COLOR")
    for band, name in enumerate(("Red", "Green", "Blue")):
        made.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [3, 0, 16])
        table = np.where(np.arange(3) == band, 0xFFFF, 0).astype("<u2")
        made.add_new(f"{name}PaletteColorLookupTableData", "OW", table.tobytes())
    return made


def palette_of_eight_bits(made: Dataset) -> Dataset:
    made = palette(made)
    for name in ("Red", "Green", "Blue"):
        keyword = f"{name}PaletteColorLookupTableData"
        table = np.frombuffer(made[keyword].value, "<u2") >> 8
        made[keyword].value = table.astype("<u2").tobytes()
    return made


def segmented_palette(made: Dataset) -> Dataset:
    made = palette(made)
    for band, name in enumerate(("Red", "Green", "Blue")):
        del made[f"{name}PaletteColorLookupTableData"]
        values = [0xFFFF if band == index else 0 for index in range(3)]
        segments = np.array([0, 3, *values], "<u2")  # one discrete segment (PS3.3 C.7.9.2.1)
        made.add_new(f"Segmented{name}PaletteColorLookupTableData", "OW", segments.tobytes())
    return made


def sixteen_bits(made: Dataset) -> Dataset:
    return image((colours(np.uint16) * 257).astype("<u2"))


COLOUR = [planar, ybr_full, ybr_422, palette, palette_of_eight_bits, segmented_palette, sixteen_bits]


@pytest.mark.parametrize("change", [lambda made: made, *COLOUR], ids=["rgb", *(change.__name__ for change in COLOUR)])
def test_colours_are_right(change: Callable[[Dataset], Dataset], tmp_path: Path) -> None:
    assert_colours(shown(render(save(change(image(colours())), tmp_path / "a.dcm"))))


def rle(made: Dataset, path: Path) -> Path:
    return save_compressed(made, path, RLELossless, "pydicom")


def jpeg_ls(made: Dataset, path: Path) -> Path:
    return save_compressed(made, path, JPEGLSLossless, "pyjpegls")


def jpeg_lossless(made: Dataset, path: Path) -> Path:
    return recode_with_gdcm(save(made, path), path, gdcm.TransferSyntax.JPEGLosslessProcess14_1)


def jpeg_lossless_by_dcmtk(made: Dataset, path: Path) -> Path:
    program = shutil.which("dcmcjpeg")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("dcmcjpeg (DCMTK) is needed here")
        pytest.skip("NOT TESTED: dcmcjpeg (DCMTK) is not installed")
    save(made, path)
    subprocess.run([program, "+e1", path, path], check=True, timeout=60)
    return path


def big_endian(made: Dataset, path: Path) -> Path:
    return save(made, path, ExplicitVRBigEndian)


DEEP = [rle, jpeg_ls, jpeg_lossless, jpeg_lossless_by_dcmtk, save_j2k, big_endian]


@pytest.mark.parametrize("write", DEEP, ids=[write.__name__ for write in DEEP])
@pytest.mark.parametrize("pixels", [RAMP, SPECKLED], ids=["unsigned", "signed"])
def test_deep_grey_in_every_syntax(write: Callable[[Dataset, Path], Path], pixels: np.ndarray, tmp_path: Path) -> None:
    attributes = {"BitsStored": 12} if pixels is RAMP else {}

    assert_ramp(shown(render(write(image(pixels, **attributes), tmp_path / "a.dcm"))))


@pytest.mark.parametrize("write", [rle, save_j2k, save_jpeg, jpeg_lossless])
def test_colours_in_compressed_syntaxes(write: Callable[[Dataset, Path], Path], tmp_path: Path) -> None:
    assert_colours(shown(render(write(image(colours()), tmp_path / "a.dcm"))))


def test_grey_jpeg_baseline(tmp_path: Path) -> None:
    assert_ramp(shown(render(save_jpeg(image((RAMP // 16).astype(np.uint8)), tmp_path / "a.dcm"))))


FRAMES = np.stack([np.full((20, 30), level, np.uint8) for level in (0, 50, 200, 100, 250)])
WINDOW = {"WindowCenter": 128, "WindowWidth": 256}


@pytest.mark.parametrize("write", [save, rle], ids=["native", "encapsulated"])
@pytest.mark.parametrize(("frame", "level"), [(None, 200), (0, 0), (1, 50), (4, 250), (9, 250), (-1, 0)])
def test_the_middle_frame_or_the_one_asked_for(
    write: Callable[[Dataset, Path], Path], frame: int | None, level: int, tmp_path: Path
) -> None:
    levels = shown(render(write(image(FRAMES, frames=5, **WINDOW), tmp_path / "a.dcm"), frame))

    assert levels.shape == (20, 30)
    assert np.abs(levels - level).max() < 6


def test_only_the_wanted_frame_is_decoded(tmp_path: Path) -> None:
    made = image(FRAMES, frames=5, **WINDOW)
    path = rle(made, tmp_path / "a.dcm")
    good = made.PixelData
    fragments = [bytes(fragment) for fragment in generate_fragments(good)][1:]
    made.PixelData = encapsulate([b"\xff" * 64 if index != 2 else frame for index, frame in enumerate(fragments)])
    made.save_as(path, enforce_file_format=True)

    assert np.abs(shown(render(path)) - 200).max() < 6


def test_enhanced_multi_frame_has_its_windows_in_functional_groups(tmp_path: Path) -> None:
    def voi(center: int, width: int) -> Dataset:
        item, window = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = center, width
        item.FrameVOILUTSequence = [window]
        return item

    shared, transformation = Dataset(), Dataset()
    transformation.RescaleSlope, transformation.RescaleIntercept = 2, 10
    shared.PixelValueTransformationSequence = [transformation]
    made = image(FRAMES, frames=5, SharedFunctionalGroupsSequence=[shared])
    made.PerFrameFunctionalGroupsSequence = [voi(1, 1), voi(110, 256), voi(1, 1), voi(1, 1), voi(1, 1)]

    levels = shown(render(save(made, tmp_path / "a.dcm"), 1))

    assert np.abs(levels - 128).max() < 6  # 50 * 2 + 10 = 110, the centre


@pytest.mark.parametrize(
    ("shape", "aspect", "expected"),
    [
        ((60, 100), None, (100, 60)),
        ((512, 1024), None, (256, 128)),
        ((3000, 100), None, (9, 256)),
        ((1, 5000), None, (256, 1)),
        ((100, 200), [2, 1], (200, 200)),
        ((100, 200), [1, 2], (256, 64)),
        ((100, 200), [0, 0], (200, 100)),
        ((100, 200), [100, 1], (200, 100)),
    ],
)
def test_size_and_aspect(
    shape: tuple[int, int], aspect: list[int] | None, expected: tuple[int, int], tmp_path: Path
) -> None:
    attributes = {} if aspect is None else {"PixelAspectRatio": aspect}
    thumbnail = render(save(image(np.zeros(shape, np.uint8), **attributes), tmp_path / "a.dcm"))

    assert (thumbnail.width, thumbnail.height) == expected


def test_fine_stripes_become_grey_and_not_a_pattern(tmp_path: Path) -> None:
    stripes = np.zeros((1500, 1500), np.uint8)
    stripes[:, ::2] = 200
    levels = shown(render(save(image(stripes, **WINDOW), tmp_path / "a.dcm")))

    assert np.abs(levels - 100).max() < 12


STORAGE = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    "sop_class", [f"{STORAGE}88.33", f"{STORAGE}104.1", f"{STORAGE}11.1", f"{STORAGE}88.59", f"{STORAGE}66"]
)
def test_what_has_no_pixels_is_a_tile(sop_class: str, tmp_path: Path) -> None:
    thumbnail = render(save(data_set(SOPClassUID=sop_class, Modality="OT"), tmp_path / "a.dcm"))

    assert thumbnail.is_tile
    assert (thumbnail.width, thumbnail.height) == (256, 256)
    assert len(np.unique(shown(thumbnail) // 64)) > 2, "there is a label"


def test_tiles_differ_by_what_they_stand_for(tmp_path: Path) -> None:
    classes = (f"{STORAGE}88.33", f"{STORAGE}104.1", f"{STORAGE}11.1", f"{STORAGE}88.59", f"{STORAGE}66")
    files = [save(data_set(SOPClassUID=uid, Modality="OT"), tmp_path / f"{uid}.dcm") for uid in classes]

    assert len({render(path).jpeg for path in files}) == len(classes)


def test_video_is_a_tile(tmp_path: Path) -> None:
    made = image(np.zeros((8, 8), np.uint8))
    made.PixelData = encapsulate([b"\0\0\1\xba" * 10])

    assert render(save(made, tmp_path / "a.dcm", "1.2.840.10008.1.2.4.102")).is_tile


@pytest.mark.parametrize(("change", "is_tile"), [(0, False), (-2, True), (2, True), (6000, True)])
def test_pixel_data_of_the_wrong_length_is_a_tile(change: int, is_tile: bool, tmp_path: Path) -> None:
    made = image(RAMP)
    made.PixelData = (made.PixelData + bytes(6000))[: len(made.PixelData) + change]

    assert render(save(made, tmp_path / "a.dcm")).is_tile is is_tile


def test_a_huge_image_in_a_tiny_file_is_a_tile_at_once(tmp_path: Path) -> None:
    for syntax in (ExplicitVRLittleEndian, JPEGLosslessSV1):
        made = image(RAMP, Rows=65535, Columns=65535)
        made.PixelData = encapsulate([b"\0" * 100]) if syntax == JPEGLosslessSV1 else b"\0" * 100
        assert render(save(made, tmp_path / "a.dcm", syntax)).is_tile


def test_a_damaged_stream_raises(tmp_path: Path) -> None:
    made = image(RAMP)
    made.PixelData = encapsulate([b"\xff\xd8" + bytes(500)])
    path = save(made, tmp_path / "a.dcm", JPEGBaseline8Bit)

    with pytest.raises(RuntimeError, match="Unable to decode"):
        render(path)
