"""The synthetic images are what they say: readable, drawn by the decoder, described, repeatable, small, plausible."""

import copy
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from dicom_gateway.core.model import InstanceHeader, StepReference
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.study.decoder import Decoder
from dicom_gateway.study.metadata import read_header
from dicom_gateway.study.scan import scan
from sample_data.synthetic.catalogue import ORDERS, STUDIES, objects, order_of
from sample_data.synthetic.encoding import ENCODERS, save
from sample_data.synthetic.geometry import Grid, blob, chord, ellipse, tube
from sample_data.synthetic.intraoral import BITEWINGS, FULL_MOUTH
from sample_data.synthetic.mouth import MISSING, render_teeth
from sample_data.synthetic.objects import uid
from tests.peers import dcmtk

GENERATE = Path(__file__).resolve().parent.parent / "sample_data" / "generate.py"
MEGABYTE = 1_000_000
DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.1"
HEART_VIEW = "Parasternal short axis at the Papillary Muscle level"


@dataclass(frozen=True)
class Expected:
    """What a file is meant to say, and how bright (mean) and contrasty (deviation) its thumbnail is."""

    sop_class: str
    modality: str
    syntax: str
    view: str
    laterality: str
    acquired_at: str
    mean: tuple[int, int]
    deviation: int
    size: tuple[int, int]
    teeth: tuple[str, ...] = ()
    frames: int | None = field(default=None)


BW = ("1.2.840.10008.5.1.4.1.1.1.3", "IO", "1.2.840.10008.1.2.1", "Bitewing")
RIGHT = ("16", "15", "14", "13", "47", "46", "45", "44")
LEFT = ("23", "24", "25", "26", "34", "35", "36", "37")
CT = ("1.2.840.10008.5.1.4.1.1.2", "CT", "1.2.840.10008.1.2", "", "", "2026-11-23T12:20:25", (35, 90), 35, (128, 128))
DX = (DIGITAL_X_RAY, "DX", "1.2.840.10008.1.2.4.90")
CLIP = ("1.2.840.10008.5.1.4.1.1.3.1", "US", "1.2.840.10008.1.2.4.50", HEART_VIEW, "", "2026-11-23T10:41:00")
STILL = ("1.2.840.10008.5.1.4.1.1.6.1", "US", "1.2.840.10008.1.2.5", HEART_VIEW, "", "2026-11-23T10:42:30")
PX = (DIGITAL_X_RAY, "PX", "1.2.840.10008.1.2.4.80", "Panoramic", "B", "2026-11-23T12:10:30")
EXPECTED = {
    "bitewings/001": Expected(*BW, "R", "2026-11-23T11:30:40", (110, 170), 45, (256, 185), RIGHT),
    "bitewings/002": Expected(*BW, "L", "2026-11-23T11:31:20", (110, 170), 45, (256, 185), LEFT),
    "panoramic/001": Expected(*PX, (95, 150), 30, (256, 137)),
    "cbct/001": Expected(*CT),
    "cbct/012": Expected(*CT),
    "cbct/024": Expected(*CT),
    "thorax/001": Expected(*DX, "RL", "U", "2026-11-23T10:16:15", (70, 120), 50, (256, 205)),
    "thorax/002": Expected(*DX, "VD", "U", "2026-11-23T10:17:30", (70, 120), 50, (205, 256)),
    "ultrasound/001": Expected(*CLIP, (25, 70), 40, (256, 192), frames=24),
    "ultrasound/002": Expected(*STILL, (25, 70), 40, (256, 192)),
}
SUBSET = sorted({name.partition("/")[0] for name in EXPECTED})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The studies of SUBSET, as the script writes them."""
    target = tmp_path_factory.mktemp("images")
    command = [sys.executable, "-W", "error", str(GENERATE), str(target), "--only", *SUBSET]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == sum(STUDIES[name].objects for name in SUBSET) + 1
    return target


@pytest.fixture(scope="module")
def bitewing() -> Dataset:
    """The right bitewing as it is before it is encoded; not to be changed."""
    return next(objects("bitewings"))[0]


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.close()


def header(path: Path) -> InstanceHeader:
    """Return what the gateway reads from a file."""
    raw = path.read_bytes()
    meta = dcmread(path, stop_before_pixels=True).file_meta
    body = raw[132 + 12 + meta.FileMetaInformationGroupLength :]
    found = scan(body, str(meta.TransferSyntaxUID))
    assert found.flags == ()
    return read_header(body, str(meta.TransferSyntaxUID), found.pixel_offset)


def levels(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return np.asarray(picture.convert("L")).astype(int)


def digest(made: Dataset) -> str:
    return hashlib.sha256(bytes(made.PixelData)).hexdigest()


def test_the_set_is_complete_and_small(folder: Path) -> None:
    files = sorted(folder.glob("*/*.dcm"))
    assert [path.parent.name for path in files] == [name for name in SUBSET for _ in range(STUDIES[name].objects)]
    assert all(10_000 < path.stat().st_size < 3 * MEGABYTE for path in files)
    assert sum(path.stat().st_size for path in files) < 12 * MEGABYTE
    uids = [str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in files]
    assert len(set(uids)) == len(uids) and all(one.startswith("2.25.") and len(one) <= 64 for one in uids)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_gateway_draws_it(folder: Path, decoder: Decoder, name: str) -> None:
    expected = EXPECTED[name]
    thumbnail = decoder.thumbnail(folder / f"{name}.dcm")
    assert not thumbnail.is_tile
    assert (thumbnail.width, thumbnail.height) == expected.size
    shown = levels(thumbnail.jpeg)
    assert expected.mean[0] < shown.mean() < expected.mean[1]
    assert shown.std() > expected.deviation


@pytest.mark.parametrize("name", EXPECTED)
def test_the_gateway_reads_what_it_says(folder: Path, name: str) -> None:
    expected, read = EXPECTED[name], header(folder / f"{name}.dcm")
    study = name.partition("/")[0]
    order = order_of(study)
    assert read.flags == ()
    assert (read.sop_class_uid, read.modality, read.frames) == (expected.sop_class, expected.modality, expected.frames)
    assert (read.view, read.laterality, read.teeth) == (expected.view, expected.laterality, expected.teeth)
    assert read.acquired_at == expected.acquired_at
    assert (read.patient_id, read.issuer) == (order["patient"]["id"], "MYPMS")
    assert read.accession_number == order["accession_number"]
    procedure = order["procedures"][0]
    step = procedure["steps"][0]
    reference = StepReference(procedure["study_instance_uid"], order["accession_number"], procedure["id"], step["id"])
    assert read.references == (reference,)
    assert read.study_instance_uid == reference.study_instance_uid
    assert read.station_name == step["station_ae_titles"][0]


@pytest.mark.parametrize("name", EXPECTED)
def test_others_read_it(folder: Path, name: str) -> None:
    path = str(folder / f"{name}.dcm")
    assert dcmtk("dcmftest", path).stdout.startswith("yes:")
    dumped = dcmtk("dcmdump", "+E", path)  # would name elements that it has to guess at
    assert dumped.returncode == 0 and not dumped.stderr
    assert str(dcmread(path).file_meta.TransferSyntaxUID) == EXPECTED[name].syntax


def test_every_transfer_syntax_is_used() -> None:
    assert {syntax for study in STUDIES.values() for syntax in study.syntaxes} == set(ENCODERS)


LOSSLESS = [syntax for syntax in ENCODERS if syntax != "1.2.840.10008.1.2.4.50"]


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_encoding_keeps_every_pixel(tmp_path: Path, bitewing: Dataset, syntax: str) -> None:
    native = np.frombuffer(bitewing.PixelData, "<u2").reshape(bitewing.Rows, bitewing.Columns)
    save(copy.deepcopy(bitewing), tmp_path / "image.dcm", syntax)
    assert np.array_equal(dcmread(tmp_path / "image.dcm").pixel_array, native)


def test_a_second_run_makes_the_same(folder: Path, bitewing: Dataset) -> None:
    written = [dcmread(path) for path in sorted((folder / "cbct").glob("*.dcm"))]
    written.append(dcmread(folder / "bitewings" / "001.dcm"))
    again = [*(made for made, _ in objects("cbct")), bitewing]
    assert [digest(made) for made in written] == [digest(made) for made in again]
    assert [made.SOPInstanceUID for made in written] == [made.SOPInstanceUID for made in again]
    assert digest(next(objects("bitewings", seed=1))[0]) != digest(bitewing)


def test_another_order_makes_other_objects_of_its_patient(tmp_path: Path) -> None:
    order = order_of("thorax") | {"accession_number": None}
    order["patient"] = {"id": "P-1", "name": "Doe^Tom", "species": "Feline", "birth_date": "2025-12-24"}
    order["procedures"] = [
        {"study_instance_uid": "1.2.3.4", "steps": [{"modality": "US", "start": "2026-12-01T08:00:00+01:00"}]}
    ]
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order))
    command = [sys.executable, str(GENERATE), str(tmp_path), "--only", "ultrasound", "--order", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = dcmread(tmp_path / "ultrasound" / "002.dcm")
    assert (made.PatientID, made.PatientAge, made.AccessionNumber) == ("P-1", "000Y", "")
    assert made.PatientSpeciesCodeSequence[0].CodeValue == "448169003"
    assert (made.StudyDate, made.AcquisitionTime) == ("20261201", "080230.000")
    assert "RequestAttributesSequence" not in made
    assert made.StudyInstanceUID == "1.2.3.4"
    assert made.SOPInstanceUID == uid("object", "ultrasound", "1.2.3.4", 2) != uid("object", "ultrasound", "1.2.3", 2)


def test_an_order_is_for_one_study_only(tmp_path: Path) -> None:
    command = [sys.executable, str(GENERATE), str(tmp_path), "--order", str(ORDERS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "--only" in done.stderr


def test_the_orders_are_taken_and_name_the_studies() -> None:
    documents = json.loads(ORDERS.read_text(encoding="utf-8"))["orders"]
    assert [document["placer_order_number"] for document in documents] == [f"SAMPLE-{n.upper()}" for n in STUDIES]
    for name, document in zip(STUDIES, documents, strict=True):
        order = parse_order(document, ZoneInfo("Europe/Berlin"))
        (procedure,), study = order.procedures, STUDIES[name]
        (step,) = procedure.steps
        assert procedure.study_instance_uid == uid("study", name)
        assert (step.modality, step.expected_instances) == (study.device.modality, study.objects)
        assert step.station_ae_titles == (study.device.station,)


def test_a_dog_is_described_as_one(folder: Path) -> None:
    made = dcmread(folder / "thorax" / "002.dcm", stop_before_pixels=True)
    assert made.PatientSpeciesCodeSequence[0].CodeValue == "448771007"
    assert made.PatientBreedCodeSequence[0].CodeValue == "62137007"
    assert (made.PatientSexNeutered, made.ResponsiblePerson, made.ResponsiblePersonRole) == (
        "ALTERED",
        "Doe^Jane",
        "OWNER",
    )
    assert made.OtherPatientIDsSequence[0].TypeOfPatientID == "RFID"
    assert made.AnatomicalOrientationType == "QUADRUPED" and list(made.PatientOrientation) == ["LE", "CD"]
    assert made.ViewCodeSequence[0].CodeValue == "442441009"
    assert made.PhotometricInterpretation == "MONOCHROME1"
    human = dcmread(folder / "bitewings" / "001.dcm", stop_before_pixels=True)
    assert "PatientSpeciesDescription" not in human and human.PatientAge == "038Y"


@pytest.mark.parametrize(("name", "x", "y"), [("thorax/001", 62 / 480, 0.075), ("thorax/002", 0.08, 0.49)])
def test_the_marker_is_white_on_black_beside_the_animal(
    folder: Path, decoder: Decoder, name: str, x: float, y: float
) -> None:
    shown = levels(decoder.thumbnail(folder / f"{name}.dcm").jpeg)
    rows, columns = shown.shape
    around = shown[int(y * rows) - 12 : int(y * rows) + 12, max(0, int(x * columns) - 16) : int(x * columns) + 16]
    assert around.max() > 180 and np.median(around) < 25
    assert shown[-3:].max() < 40 and shown[:, :3].max() < 40, "the collimator's edge is not black"


def test_materials_have_the_right_order(bitewing: Dataset) -> None:
    """Air darker than bone, bone darker than dentine, dentine darker than enamel, metal white."""
    rows = bitewing.Rows
    stored = np.frombuffer(bitewing.PixelData, "<u2").reshape(rows, bitewing.Columns)
    exposure = BITEWINGS[0]
    angle = float(np.random.default_rng([20261123, *b"bitewings/1"]).uniform(-2.5, 2.5))
    layers = render_teeth(exposure.grid(0.04, angle), exposure.opening, True, True)
    tooth = layers.dentine + layers.enamel
    metal, clear = layers.metal > 2, layers.metal + layers.composite + layers.gutta == 0
    middle = np.abs(np.arange(rows) - rows // 2)[:, None] < 8
    enamel = clear & (layers.enamel > 5)
    dentine = clear & (layers.dentine > 4) & (layers.enamel < 0.5)
    air = middle & (tooth == 0) & clear
    mean = [float(stored[where].mean()) for where in (air, dentine, enamel, metal)]
    assert mean == sorted(mean)
    assert mean[0] < 700 and 1500 < mean[1] < 2700 and mean[2] > mean[1] + 400 and mean[3] > 4000


def test_the_full_mouth_series_shows_every_tooth() -> None:
    assert len(FULL_MOUTH) == STUDIES["fullmouth"].objects == 18
    periapical = [exposure for exposure in FULL_MOUTH if exposure.view == "Periapical"]
    seen = {tooth for exposure in periapical for tooth in exposure.teeth()}
    assert seen == {f"{q}{n}" for q in "1234" for n in range(1, 8)} and not seen & set(MISSING)
    for exposure in periapical:
        assert set(exposure.centre) <= set(exposure.teeth())
        upper = {tooth[0] in "12" for tooth in exposure.teeth()}
        assert upper == {exposure.jaw == "upper"}
    assert [exposure.side for exposure in FULL_MOUTH] == list("RRRBLLLRRLLRRRBLLL")


def test_the_first_periapical_is_described() -> None:
    made, syntax = next(objects("fullmouth"))
    assert syntax == "1.2.840.10008.1.2.4.70"
    region = made.AnatomicRegionSequence[0]
    assert (region.CodeValue, region.AnatomicRegionModifierSequence[0].CodeValue) == ("70925003", "699505003")
    assert [item.CodeValue for item in made.PrimaryAnatomicStructureSequence] == ["863902006", "865995000", "36492000"]
    assert list(made.PatientOrientation) == ["A", "F"] and list(made.ImagerPixelSpacing) == [0.05, 0.05]


def test_cone_beam_values_are_hounsfield_units(folder: Path) -> None:
    places = []
    for path in sorted((folder / "cbct").glob("*.dcm")):
        made = dcmread(path)
        assert made.PixelRepresentation == 1 and made.RescaleType == "HU"
        places.append(float(made.ImagePositionPatient[2]))
        stored = made.pixel_array
        assert (stored[0, 0], made.PixelPaddingValue) == (-2000, -2000)
        units = (stored + float(made.RescaleIntercept))[stored != made.PixelPaddingValue]
        assert len(places) < 6 or -150 < np.median(units) < 250, "below the mouth most is soft tissue"
        assert units.max() > 1000 and units.min() > -1400
    assert np.allclose(np.diff(places), -1.3)


def test_the_heart_beats() -> None:
    clip, _ = next(objects("ultrasound"))
    frames = np.frombuffer(clip.PixelData, np.uint8).reshape(24, clip.Rows, clip.Columns, 3)
    chamber = frames[:, 200:330, 240:390, 1]
    dark = (chamber < 40).mean(axis=(1, 2))
    assert dark[0] > 0.5 > 0.35 > dark[2:4].min(), "the ventricle does not contract"
    assert np.corrcoef(dark[:12], dark[12:])[0, 1] > 0.95, "two beats that differ"
    assert (frames[:, 100:200, 20:60].max(), frames[:, 440, 20:50].max()) == (0, 0), "something outside the sector"
    region = clip.SequenceOfUltrasoundRegions[0]
    assert region.PhysicalDeltaX == pytest.approx(0.1 / 4.25)


SHAPES: dict[str, Any] = {
    "ellipse": lambda grid: ellipse(grid, (10, 10), (4, 4)),
    "blob": lambda grid: blob(grid, [(10 + 4 * np.cos(a), 10 + 4 * np.sin(a)) for a in np.arange(0, 6.2, 0.5)]),
    "tube": lambda grid: tube(grid, [(10, 9.999), (10, 10.001)], 4.0),
}


@pytest.mark.parametrize("angle", [0.0, 20.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_where_it_was_put(shape: str, angle: float) -> None:
    grid = Grid(200, 200, 0.1, angle=angle)
    ratio = SHAPES[shape](grid)
    x, y = grid.points
    distance = np.hypot(x - 10, y - 10)
    assert np.all(ratio[distance < 3.9] < 1) and np.all(ratio[distance > 4.1] > 1)
    volume = float((chord(ratio) * 8).sum()) * 0.01
    assert volume == pytest.approx(4 / 3 * np.pi * 64, rel=0.02)
