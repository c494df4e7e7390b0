"""Images to send, encoded before the clock runs: as many as wanted that differ in their UIDs and share their pixels."""

import itertools
import random
from dataclasses import dataclass

from pydicom import Dataset
from pynetdicom.dsutils import encode

from benchmarks.scu import command, fragments

_ROOT = "1.2.826.0.1.3680043.8.498.78"
_C_STORE = 0x0001
_serial = itertools.count(10**12)  # UIDs of one length: they are exchanged in the encoded data set


@dataclass(frozen=True, slots=True)
class Kind:
    """What a device sends: `nodelay` and `nagle` are the numbers of files of one send in each client mode."""

    name: str
    sop_class_uid: str
    modality: str
    rows: int
    columns: int
    nodelay: int
    nagle: int

    @property
    def megabytes(self) -> float:
        """The size of one file."""
        return self.rows * self.columns * 2 / 1e6


KINDS = (
    Kind("tiny, 21 KB", "1.2.840.10008.5.1.4.1.1.7", "OT", 100, 105, 400, 40),
    Kind("CT, 0.5 MB", "1.2.840.10008.5.1.4.1.1.2", "CT", 512, 512, 80, 20),
    Kind("DX, 10 MB", "1.2.840.10008.5.1.4.1.1.1.1", "DX", 2500, 2000, 8, 4),
)


def _uid() -> str:
    return f"{_ROOT}.{next(_serial)}"


def _image(kind: Kind) -> Dataset:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = kind.sop_class_uid, _uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = _uid(), _uid()
    image.StudyDate, image.StudyTime, image.Modality = "20300107", "101500", kind.modality
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Doe^Rex", "P-78", "20190501", "M"
    image.AccessionNumber, image.ReferringPhysicianName, image.StudyID = "A1", "Roe^Ann", "1"
    image.SeriesNumber, image.InstanceNumber = 1, 1
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = kind.rows, kind.columns
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.WindowCenter, image.WindowWidth = "32768", "65536"
    image.add_new("PixelData", "OW", random.Random(78).randbytes(kind.rows * kind.columns * 2))
    return image


class Encoded:
    """One kind of image, encoded in Explicit VR Little Endian."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        image = _image(kind)
        encoded = encode(image, is_implicit_vr=False, is_little_endian=True)
        assert encoded is not None
        self._data_set = encoded
        self._instance = str(image.SOPInstanceUID).encode()
        self._study = str(image.StudyInstanceUID).encode()
        self._series = str(image.SeriesInstanceUID).encode()
        self._fragments: dict[int, list[bytes]] = {}

    def study(self, files: int, max_pdu: int) -> list[list[bytes]]:
        """Return the C-STORE requests of `files` new images of one new series, each as its PDUs."""
        first, *others = self._fragments.setdefault(max_pdu, fragments(self._data_set, max_pdu))
        first = first.replace(self._study, _uid().encode()).replace(self._series, _uid().encode())
        requests = []
        for _ in range(files):
            instance = _uid()
            own = first.replace(self._instance, instance.encode())
            requests.append([command(_C_STORE, self.kind.sop_class_uid, instance), own, *others])
        return requests
