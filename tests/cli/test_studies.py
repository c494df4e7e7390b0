"""studies list, show and export: the API's answers, the bytes as received, pictures of full size."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import generate_uid

from tests.cli.tools import DX, answer, data_set_bytes, run, said, write_object
from tests.e2e.images import order_body, write_image
from tests.e2e.program import Program

STUDY, OTHER = "1.2.826.77", "1.2.826.78"
SECONDARY, REPORT = "1.2.840.10008.5.1.4.1.1.7.2", "1.2.840.10008.5.1.4.1.1.88.11"
FRAMES, EDGE = 3, 2200


@pytest.fixture(scope="module")
def sent(gateway: Program, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two images of a study without an order, a clip of three frames, a noisy large image, and a report; by name."""
    folder = tmp_path_factory.mktemp("images")
    paths: dict[str, Path] = {}
    for number in (1, 2):
        paths[f"image {number}"], _ = write_image(folder, STUDY, "P-9", number)
    noise = np.random.default_rng(1).integers(0, 256, (EDGE, EDGE), np.uint8)
    clip = np.stack([np.full((40, 60), 60 * frame, np.uint8) for frame in range(FRAMES)])
    for name, number, array in (("noise", 3, noise), ("clip", 4, clip)):
        paths[name] = folder / f"{name}.dcm"
        write_pixels(paths[name], number, array)
    paths["report"] = folder / "report.dcm"
    write_object(paths["report"], REPORT, StudyInstanceUID=STUDY, SeriesNumber=5, Modality="SR", PatientID="P-9")
    assert "5 stored, 0 not" in said(gateway, "store", "127.0.0.1", str(gateway.dicom_port), str(folder))
    return paths


def write_pixels(path: Path, number: int, array: Any) -> None:
    values = {
        "Rows": array.shape[-2], "Columns": array.shape[-1], "SamplesPerPixel": 1, "PixelRepresentation": 0,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7,
        "WindowCenter": 127.5, "WindowWidth": 255, "PixelData": array.tobytes(),
    }  # fmt: skip
    if array.ndim == 3:
        values["NumberOfFrames"] = len(array)
    write_object(
        path, SECONDARY, StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.2", SeriesNumber=2, InstanceNumber=number,
        PatientID="P-9", **values,
    )  # fmt: skip


def test_show_and_list_are_what_the_api_says(gateway: Program, sent: dict[str, Path]) -> None:
    listed = gateway.api("GET", "/studies").json()["items"]
    assert answer(gateway, "studies", "list") == listed
    assert answer(gateway, "studies", "show", STUDY) == gateway.api("GET", f"/studies/{STUDY}").json()
    text = said(gateway, "studies", "show", STUDY)
    for uid in (dcmread(path).SOPInstanceUID for path in sent.values()):
        assert uid in text
    assert STUDY in said(gateway, "studies", "list")
    assert said(gateway, "studies", "list", "--order", "nope", code=1).startswith("no order nope; the id is the first")
    assert "no study" in said(gateway, "studies", "show", "1.2.3", code=1)


def test_objects_come_out_byte_for_byte(gateway: Program, sent: dict[str, Path], tmp_path: Path) -> None:
    assert said(gateway, "studies", "export", STUDY, str(tmp_path / "a" / "b")) == "5 written, 0 failed\n"
    found = {path.name: path for path in (tmp_path / "a" / "b").iterdir()}
    assert found.keys() == {
        "series-001_image-0001.dcm", "series-001_image-0002.dcm", "series-002_image-0003.dcm",
        "series-002_image-0004.dcm", "series-005_image-none.dcm",
    }  # fmt: skip
    by_uid = {dcmread(path).SOPInstanceUID: path for path in found.values()}
    for path in sent.values():
        assert data_set_bytes(by_uid[dcmread(path).SOPInstanceUID]) == data_set_bytes(path)
    stored = {path.read_bytes() for path in (gateway.data / "objects").glob("*/*.dcm")}
    assert {path.read_bytes() for path in found.values()} <= stored


def test_nothing_is_overwritten(gateway: Program, sent: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "series-001_image-0001.dcm").write_text("mine")
    done = run(gateway, "studies", "export", STUDY, str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "4 written, 1 failed\n")
    assert "is there already" in done.stderr
    assert (tmp_path / "series-001_image-0001.dcm").read_text() == "mine"
    (tmp_path / "file").write_text("")
    assert "cannot be made" in said(gateway, "studies", "export", STUDY, str(tmp_path / "file" / "b"), code=2)


@pytest.mark.parametrize(("form", "suffix", "kind"), [("png", "png", "PNG"), ("jpeg", "jpg", "JPEG")])
def test_pictures_have_the_size_of_the_image(
    gateway: Program, sent: dict[str, Path], tmp_path: Path, form: str, suffix: str, kind: str
) -> None:
    done = run(gateway, "studies", "export", STUDY, str(tmp_path), "--format", form)
    assert (done.returncode, done.stdout) == (0, "4 written, 0 failed\n"), done.stderr
    assert "series-005_image-none" in done.stderr
    assert "has no picture" in done.stderr
    sizes = {}
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert image.format == kind
            sizes[path.name] = image.size
    assert sizes == {
        f"series-001_image-0001.{suffix}": (300, 400), f"series-001_image-0002.{suffix}": (300, 400),
        f"series-002_image-0003.{suffix}": (EDGE, EDGE), f"series-002_image-0004.{suffix}": (60, 40),
    }  # fmt: skip


def test_a_png_holds_the_very_pixels_however_large(gateway: Program, sent: dict[str, Path], tmp_path: Path) -> None:
    run(gateway, "studies", "export", STUDY, str(tmp_path), "--format", "png", "--all-frames")
    noise = np.asarray(Image.open(io.BytesIO((tmp_path / "series-002_image-0003.png").read_bytes())))
    original = dcmread(sent["noise"]).pixel_array
    assert np.abs(noise.astype(int) - original).max() <= 1
    assert (tmp_path / "series-002_image-0003.png").stat().st_size > 4 << 20
    frames = [np.asarray(Image.open(tmp_path / f"series-002_image-0004_frame-000{n}.png")) for n in (1, 2, 3)]
    assert [int(round(float(frame.mean()) / 60)) for frame in frames] == [0, 1, 2]


def test_what_cannot_be_drawn_is_a_failure(gateway: Program, tmp_path: Path) -> None:
    write_object(
        tmp_path / "short.dcm", StudyInstanceUID=OTHER, SeriesNumber=1, InstanceNumber=-7, Rows=400, Columns=400,
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", PixelRepresentation=0, BitsAllocated=16,
        BitsStored=16, HighBit=15, PixelData=b"12",
    )  # fmt: skip
    said(gateway, "store", "127.0.0.1", str(gateway.dicom_port), str(tmp_path / "short.dcm"))
    done = run(gateway, "studies", "export", OTHER, str(tmp_path / "out"), "--format", "png")
    assert (done.returncode, done.stdout) == (1, "0 written, 1 failed\n")
    assert "series-001_image--007.png: cannot be drawn" in done.stderr


def test_instances_of_one_number_have_names_of_their_own(gateway: Program, tmp_path: Path) -> None:
    study = "1.2.826.79"
    order = json.loads(said(gateway, "orders", "add", text=json.dumps(order_body("A-9", "P-1"))))
    for _ in range(2):
        uid = generate_uid()
        write_object(tmp_path / f"{uid}.dcm", DX, StudyInstanceUID=study, SeriesNumber=1, InstanceNumber=1)
    said(gateway, "store", "127.0.0.1", str(gateway.dicom_port), str(tmp_path))
    said(gateway, "studies", "export", study, str(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "series-001_image-0001.dcm", "series-001_image-0001_2.dcm",
    }  # fmt: skip
    assert answer(gateway, "studies", "list", "--order", order["id"]) == []


def test_an_incomplete_study_says_so(gateway: Program, tmp_path: Path) -> None:
    order = json.loads(said(gateway, "orders", "add", text=json.dumps(order_body("A-10", "P-10"))))
    study = order["procedures"][0]["study_instance_uid"]
    path, _ = write_image(tmp_path, study, "P-10", 1)
    said(gateway, "store", "127.0.0.1", str(gateway.dicom_port), str(path))
    found = answer(gateway, "studies", "show", study)
    assert [found[key] for key in ("expected", "expected_from", "counted", "shortfall")] == [
        2, "order", 1, "1 of 2 images",
    ]  # fmt: skip
    assert found["patient"]["species"] == "Canine"
    assert found == gateway.api("GET", f"/studies/{study}").json()
    text = said(gateway, "studies", "show", study)
    assert "1 of 2 images" in text and "Canine" in text
