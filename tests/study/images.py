"""Images made for these tests: pixels and attributes in, Part 10 files out; and what a thumbnail shows, as numbers."""

import io
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    generate_uid,
)

from dicom_gateway.core.model import Thumbnail

DX = "1.2.840.10008.5.1.4.1.1.1.1"
NATIVE = {
    str(ExplicitVRLittleEndian): (False, True),
    str(ImplicitVRLittleEndian): (True, True),
    str(ExplicitVRBigEndian): (False, False),
}


def data_set(**attributes: Any) -> Dataset:
    """Return a data set with the identifiers that every object has."""
    made = Dataset()
    made.SOPClassUID = DX
    made.SOPInstanceUID = generate_uid(entropy_srcs=["instance"])
    made.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    made.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    made.Modality = "DX"
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def image(pixels: np.ndarray, *, frames: int = 1, **attributes: Any) -> Dataset:
    """Return a data set with `pixels`: (rows, columns), (rows, columns, 3), or either after a leading frame axis."""
    shape = pixels.shape[1:] if frames > 1 else pixels.shape
    bits = pixels.dtype.itemsize * 8
    made = data_set(
        Rows=shape[0],
        Columns=shape[1],
        SamplesPerPixel=3 if len(shape) == 3 else 1,
        PhotometricInterpretation="RGB" if len(shape) == 3 else "MONOCHROME2",
        BitsAllocated=bits,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(pixels.dtype.kind == "i"),
    )
    if frames > 1:
        made.NumberOfFrames = frames
    if len(shape) == 3:
        made.PlanarConfiguration = 0
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    if "BitsStored" in attributes:
        made.HighBit = made.BitsStored - 1
    data = pixels.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OB" if bits == 8 else "OW"
    return made


def save(made: Dataset, path: Path, syntax: str = str(ExplicitVRLittleEndian)) -> Path:
    """Write a Part 10 file; pixel values are taken to be little endian and turned for a big endian syntax."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    implicit, little = NATIVE.get(syntax, (False, True))
    if not little and made.BitsAllocated == 16:
        made.PixelData = np.frombuffer(made.PixelData, "<u2").astype(">u2").tobytes()
    made.save_as(path, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return path


def save_jpeg(made: Dataset, path: Path, photometric: str = "YBR_FULL_422") -> Path:
    """Write 8-bit pixels as JPEG baseline, encoded by Pillow."""
    colour = made.SamplesPerPixel == 3
    shape = (made.Rows, made.Columns, 3) if colour else (made.Rows, made.Columns)
    buffer = io.BytesIO()
    Image.fromarray(np.frombuffer(made.PixelData, np.uint8).reshape(shape)).save(buffer, "JPEG", quality=95)
    made.PixelData = encapsulate([buffer.getvalue()])
    made["PixelData"].VR = "OB"
    if colour:
        made.PhotometricInterpretation = photometric
    return save(made, path, str(JPEGBaseline8Bit))


def recode_with_gdcm(source: Path, target: Path, syntax: int) -> Path:
    """Write `source` in another transfer syntax, encoded by GDCM."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target


def shown(thumbnail: Thumbnail) -> np.ndarray:
    """Return what a thumbnail shows, as signed numbers: (height, width) or (height, width, 3)."""
    with Image.open(io.BytesIO(thumbnail.jpeg)) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (thumbnail.width, thumbnail.height)
        return np.asarray(picture).astype(int)


def encoded(made: Dataset, syntax: str = str(ExplicitVRLittleEndian)) -> bytes:
    """Return a data set as it goes over the network: without preamble and file meta information."""
    implicit, little = NATIVE.get(syntax, (False, True))
    buffer = io.BytesIO()
    made.save_as(buffer, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    return buffer.getvalue()


def save_j2k(made: Dataset, path: Path) -> Path:
    """Write one frame as lossless JPEG 2000, encoded by OpenJPEG."""
    colour = made.SamplesPerPixel == 3
    kind = f"{'i' if made.PixelRepresentation else 'u'}{made.BitsAllocated // 8}"
    shape = (made.Rows, made.Columns, 3) if colour else (made.Rows, made.Columns)
    pixels = np.frombuffer(made.PixelData, kind).reshape(shape)
    photometric = 1 if colour else 2
    codestream = encode_array(
        pixels, bits_stored=made.BitsStored, photometric_interpretation=photometric, use_mct=colour
    )
    made.PixelData = encapsulate([bytes(codestream)])
    made["PixelData"].VR = "OB"
    if colour:
        made.PhotometricInterpretation = "YBR_RCT"
    return save(made, path, str(JPEG2000Lossless))


def save_compressed(made: Dataset, path: Path, syntax: str, plugin: str) -> Path:
    """Write a data set in a syntax that pydicom can encode with `plugin`."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    made.save_as(path, enforce_file_format=True)
    return path
