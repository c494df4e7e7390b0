"""One picture of 256 pixels from a DX of 2600 x 2000 x 16 bits: the gateway's decoder, DCMTK as a process, Orthanc.

The decoder is the warm child process that the gateway uses; nothing is kept between pictures. DCMTK's programs start
anew for each, as somebody would call them; Orthanc has the objects already and is asked over HTTP. They take turns.
`python -m benchmarks.thumbnails`
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, generate_uid

from benchmarks.figures import median, number, table
from benchmarks.machine import description
from benchmarks.result import Result, from_command_line
from benchmarks.servers import orthanc, program
from dicom_gateway.study.decoder import Decoder

ROWS, COLUMNS, SIZE = 2600, 2000, 256
ROUNDS, QUICK_ROUNDS = 9, 1
WINDOW = ("32768", "65536")  # center and width
DCMTK_PROGRAMS = {"JPEG-LS lossless": "dcml2pnm"}  # else dcmj2pnm; neither reads JPEG 2000
OURS, DCMTK, DCMTK_SCALED, ORTHANC = "gateway", "dcmj2pnm, full size", "dcmj2pnm, scaled", "Orthanc /preview"
WAYS = (OURS, DCMTK, DCMTK_SCALED, ORTHANC)

Way = Callable[[], object]


def _pixels() -> NDArray[np.uint16]:
    """Return something like an X-ray: soft shapes over the whole range, and noise in the lower bits."""
    y, x = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    body = 0.7 * np.exp(-(x**2) - y**2) + 0.2 * np.cos(12 * y + 3 * x**2) ** 2 * (np.abs(x) < 0.6)
    noise = np.random.default_rng(78).normal(0, 0.004, body.shape)
    return np.asarray(np.clip(body + noise, 0, 1) * 65535, "<u2")


def _image() -> Dataset:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.Modality, image.PatientID, image.PatientName = "DX", "P-78", "Doe^Rex"
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.WindowCenter, image.WindowWidth = WINDOW
    image.add_new("PixelData", "OW", _pixels().tobytes())
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return image


def _jpeg_lossless(native: Path, target: Path) -> None:
    subprocess.run([program("dcmcjpeg") or "dcmcjpeg", "+ua", str(native), str(target)], check=True)


def _with_pydicom(syntax: str, plugin: str) -> Callable[[Path, Path], None]:
    def encode(native: Path, target: Path) -> None:
        image = dcmread(native)
        image.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.save_as(target, enforce_file_format=True)

    return encode


ENCODERS: dict[str, Callable[[Path, Path], None]] = {
    "JPEG lossless": _jpeg_lossless,
    "JPEG-LS lossless": _with_pydicom(JPEGLSLossless, "pyjpegls"),
    "JPEG 2000 lossless": _with_pydicom(JPEG2000Lossless, "pylibjpeg"),
}


def make_files(folder: Path) -> dict[str, Path]:
    """Return the same picture in each transfer syntax that can be written here."""
    native = folder / "native.dcm"
    _image().save_as(native, enforce_file_format=True)
    files = {"native": native}
    for name, encode in ENCODERS.items():
        if name == "JPEG lossless" and program("dcmcjpeg") is None:
            print("SKIPPED: dcmcjpeg is not installed (package dcmtk)", file=sys.stderr)
            continue
        files[name] = folder / f"{name.replace(' ', '-')}.dcm"
        encode(native, files[name])
    return files


def _by_decoder(decoder: Decoder, path: Path) -> Way:
    def draw() -> None:
        drawn = decoder.thumbnail(path)
        if drawn.is_tile or max(drawn.width, drawn.height) != SIZE:
            raise RuntimeError(f"{path.name} was not drawn")

    return draw


def _by_dcmtk(syntax: str, path: Path, target: Path) -> dict[str, Way]:
    name = DCMTK_PROGRAMS.get(syntax, "dcmj2pnm")
    found = program(name)
    if found is None or syntax == "JPEG 2000 lossless":
        return {}
    form = "+oj" if name == "dcmj2pnm" else "+op"  # a JPEG, or what comes next to it
    command = [found, form, "+Ww", *WINDOW]
    scaled = ["+Syv", str(SIZE)]
    return {
        DCMTK: lambda: subprocess.run([*command, str(path), str(target)], check=True, stderr=subprocess.DEVNULL),
        DCMTK_SCALED: lambda: subprocess.run(
            [*command, *scaled, str(path), str(target)], check=True, stderr=subprocess.DEVNULL
        ),
    }


@contextmanager
def _orthanc(folder: Path, files: dict[str, Path]) -> Iterator[dict[str, Way]]:
    """Give what asks Orthanc for each picture that it can draw."""
    if program("Orthanc") is None:
        print("SKIPPED: Orthanc is not installed", file=sys.stderr)
        yield {}
        return
    with orthanc(folder):
        port = json.loads((folder / "orthanc.json").read_text())["HttpPort"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            yield {syntax: way for syntax, path in files.items() if (way := _by_orthanc(client, path)) is not None}


def _by_orthanc(client: httpx.Client, path: Path) -> Way | None:
    answer = client.post("/instances", content=path.read_bytes()).raise_for_status()
    url = f"/instances/{answer.json()['ID']}/preview"
    if client.get(url).is_error:
        return None
    return lambda: client.get(url).raise_for_status()


def measure(ways: dict[tuple[str, str], Way], rounds: int) -> dict[tuple[str, str], list[float]]:
    """Return the milliseconds of each, one of each in turn, after one that does not count."""
    found: dict[tuple[str, str], list[float]] = {key: [] for key in ways}
    for round_number in range(rounds + 1):
        for key, way in ways.items():
            before = time.perf_counter()
            way()
            if round_number:
                found[key].append(1000 * (time.perf_counter() - before))
        print(f"thumbnails: round {round_number} of {rounds}", file=sys.stderr)
    return found


def _table(syntaxes: list[str], found: dict[tuple[str, str], list[float]]) -> str:
    rows = []
    for syntax in syntaxes:
        taken = {way: median(found[syntax, way]) for way in WAYS if (syntax, way) in found}
        row = [syntax, *(number(taken[way]) if way in taken else "cannot, or is not there" for way in WAYS)]
        row += [f"**{taken[way] / taken[OURS]:.1f}x**" if way in taken else "-" for way in WAYS[1:]]
        rows.append(row)
    return table(["ms", *WAYS, *(f"faster than {way}" for way in WAYS[1:])], rows)


def run(quick: bool = False) -> Result:
    """Run the benchmark."""
    machine, rounds, decoder = description(), QUICK_ROUNDS if quick else ROUNDS, Decoder(seconds=60)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        files = make_files(folder)
        with _orthanc(folder / "orthanc", files) as previews:
            ways: dict[tuple[str, str], Way] = {}
            for syntax, path in files.items():
                ways[syntax, OURS] = _by_decoder(decoder, path)
                ways |= {(syntax, way): act for way, act in _by_dcmtk(syntax, path, folder / "picture").items()}
                if syntax in previews:
                    ways[syntax, ORTHANC] = previews[syntax]
            try:
                found = measure(ways, rounds)
            finally:
                decoder.close()
    report = f"{machine}\n\n{rounds} rounds in turn, medians. JPEG-LS: dcml2pnm.\n\n{_table(list(files), found)}"
    figures = {
        f"{syntax}/{way}": median(taken) / median(found[syntax, OURS])
        for (syntax, way), taken in found.items()
        if way != OURS
    }
    return Result(report, figures)


if __name__ == "__main__":
    from_command_line(run)
