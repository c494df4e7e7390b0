"""Pixels as each transfer syntax has them (PS3.5 A.4): native, RLE, JPEG baseline and lossless, JPEG-LS, JPEG 2000."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.filereader import dcmread
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

_QUALITY = 88
_GDCM: Any = gdcm  # generated, without types


def _native(made: Dataset) -> None:
    """Leave the pixels as they are."""


def _by_pydicom(syntax: str, plugin: str) -> Callable[[Dataset], None]:
    def encode(made: Dataset) -> None:
        made.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)

    return encode


def _jpeg_baseline(made: Dataset) -> None:
    """Encode 8-bit colour frames with chroma of half the width (YBR_FULL_422)."""
    frames = np.frombuffer(made.PixelData, np.uint8)
    frames = frames[: int(made.get("NumberOfFrames", 1)) * made.Rows * made.Columns * 3]
    encoded = []
    for frame in frames.reshape(-1, made.Rows, made.Columns, 3):
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=_QUALITY, subsampling="4:2:2")
        encoded.append(buffer.getvalue())
    made.LossyImageCompression, made.LossyImageCompressionMethod = "01", "ISO_10918_1"
    made.LossyImageCompressionRatio = round(frames.size / sum(map(len, encoded)), 1)
    made.PhotometricInterpretation = "YBR_FULL_422"
    _put(made, encoded)


def _jpeg_lossless(made: Dataset) -> None:
    """Encode by first-order prediction, with GDCM, which works on files; only the pixels come back from there."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = str(Path(folder, "before")), str(Path(folder, "after"))
        made.save_as(before, enforce_file_format=True)
        reader, change, writer = _GDCM.ImageReader(), _GDCM.ImageChangeTransferSyntax(), _GDCM.ImageWriter()
        reader.SetFileName(before)
        change.SetTransferSyntax(_GDCM.TransferSyntax(_GDCM.TransferSyntax.JPEGLosslessProcess14_1))
        writer.SetFileName(after)
        if not reader.Read():
            raise ValueError("GDCM does not read the native image")
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise ValueError("GDCM does not encode the image")
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.Write()
        _put(made, list(generate_frames(dcmread(after).PixelData, number_of_frames=int(made.get("NumberOfFrames", 1)))))


def _put(made: Dataset, frames: list[bytes]) -> None:
    made.PixelData = encapsulate(frames)
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True


ENCODERS: dict[str, Callable[[Dataset], None]] = {
    str(ExplicitVRLittleEndian): _native,
    str(ImplicitVRLittleEndian): _native,
    str(RLELossless): _by_pydicom(RLELossless, "pylibjpeg"),
    str(JPEGBaseline8Bit): _jpeg_baseline,
    str(JPEGLosslessSV1): _jpeg_lossless,
    str(JPEGLSLossless): _by_pydicom(JPEGLSLossless, "pyjpegls"),
    str(JPEG2000Lossless): _by_pydicom(JPEG2000Lossless, "pylibjpeg"),
}


def save(made: Dataset, path: Path, syntax: str) -> None:
    """Write a Part 10 file; the pixels of `made` are native and are encoded here."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ENCODERS[syntax](made)
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.save_as(path, enforce_file_format=True, implicit_vr=syntax == str(ImplicitVRLittleEndian), little_endian=True)
