"""The objects that the demo's devices make: Part 10 files with a drawn picture (PS3.3 A.26, A.28, A.6)."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_gateway.core.identifiers import mint_uid
from dicom_gateway.demo.pictures import PICTURES
from dicom_gateway.dicom.scu_mpps import Image

_DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"
SOP_CLASSES = {
    "DX": _DIGITAL_XRAY,
    "PX": _DIGITAL_XRAY,
    "IO": "1.2.840.10008.5.1.4.1.1.1.3",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
}
_BITS = {"US": 8}  # else 12
_OF_THE_PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
_OF_THE_PROCEDURE = ("StudyInstanceUID", "AccessionNumber")


@dataclass(frozen=True, slots=True)
class Shot:
    """An image that a device has taken: its file, its study, and how a performed step names it."""

    path: Path
    study_uid: str
    image: Image


def new_uid() -> str:
    """Return a UID that nobody else has."""
    return mint_uid(secrets.randbits)


def take(item: Dataset, modality: str, series_uid: str, number: int, folder: Path, view: str = "") -> Shot:
    """Write image `number` of a worklist item (or of what stands for one) into `folder`."""
    made = Dataset()
    for keyword in (*_OF_THE_PATIENT, *_OF_THE_PROCEDURE):
        setattr(made, keyword, item.get(keyword, ""))
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = SOP_CLASSES[modality], new_uid()
    made.Modality, made.SeriesInstanceUID = modality, series_uid
    made.SeriesNumber, made.InstanceNumber = 1, number
    made.StudyID = made.ReferringPhysicianName = made.Laterality = ""
    now = datetime.now()
    made.StudyDate = made.ContentDate = f"{now:%Y%m%d}"
    made.StudyTime = made.ContentTime = f"{now:%H%M%S}"
    made.AcquisitionDateTime = f"{now:%Y%m%d%H%M%S}"
    if view:
        made.ViewPosition = view
    _draw(made, modality, number)
    path = folder / f"{made.SOPInstanceUID}.dcm"
    made.save_as(path, enforce_file_format=True)
    return Shot(path, str(made.StudyInstanceUID), Image(made.SOPClassUID, made.SOPInstanceUID, series_uid))


def _draw(made: Dataset, modality: str, number: int) -> None:
    bits = _BITS.get(modality, 12)
    pixels = np.round(PICTURES[modality](number) * (2**bits - 1)).astype("<u2" if bits > 8 else "u1")
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = pixels.itemsize * 8, bits, bits - 1
    made.PixelRepresentation = 0
    made.WindowCenter, made.WindowWidth = 2 ** (bits - 1), 2**bits
    made.PixelData = pixels.tobytes()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
