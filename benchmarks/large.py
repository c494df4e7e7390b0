"""An object of gigabytes that is never in memory: made while it is sent (PS3.3 A.8.4, PS3.5 7.1.2, PS3.8 annex E).

A multi-frame image with native pixels; every P-DATA-TF of its pixels is the same block of random bytes.
"""

import random
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom.dsutils import encode

from benchmarks.scu import Buffer, command, fragment
from benchmarks.servers import MAX_PDU

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7.3"  # Multi-frame Grayscale Word Secondary Capture
ROWS = COLUMNS = 1024
FRAME_BYTES = ROWS * COLUMNS * 2
LAST = 2  # message control header of the last fragment of a data set
_C_STORE = 0x0001
_SPARE_BYTES = 2 << 30  # left on the disk


class LargeObject:
    """An object with `frames` frames of 2 MiB; at most 2,047 (a value has 32 bits of length)."""

    def __init__(self, frames: int) -> None:
        self.instance_uid = generate_uid()
        self._pixel_bytes = frames * FRAME_BYTES
        element = struct.pack("<HH2s2xI", 0x7FE0, 0x0010, b"OW", self._pixel_bytes)
        self._head = _head(frames, self.instance_uid) + element

    @property
    def megabytes(self) -> float:
        """The size of its data set."""
        return (len(self._head) + self._pixel_bytes) / 1e6

    def pdus(self) -> Iterator[Buffer]:
        """Yield the C-STORE request PDU by PDU."""
        yield command(_C_STORE, SOP_CLASS, self.instance_uid)
        yield fragment(self._head, 0)
        block = random.Random(78).randbytes(MAX_PDU - 6)
        whole, rest = divmod(self._pixel_bytes, len(block))
        pdu = fragment(block, 0)
        for number in range(whole):
            yield fragment(block, LAST) if number + 1 == whole and not rest else pdu
        if rest:
            yield fragment(block[:rest], LAST)


def _head(frames: int, instance_uid: str) -> bytes:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = SOP_CLASS, instance_uid
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.StudyDate, image.StudyTime, image.Modality, image.ConversionType = "20300107", "101500", "OT", "WSD"
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Doe^Rex", "P-79", "20190501", "M"
    image.AccessionNumber, image.ReferringPhysicianName, image.StudyID = "", "Roe^Ann", "1"
    image.SeriesNumber, image.InstanceNumber, image.NumberOfFrames = 1, 1, frames
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    encoded = encode(image, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    return encoded


def frames_for(gigabytes: float, folder: Path, copies: int = 1) -> int:
    """Return how many frames so many gigabytes have; fewer, and said loudly, when there is no room for `copies`."""
    wanted = round(gigabytes * 1e9 / FRAME_BYTES)
    room = max(shutil.disk_usage(folder).free - _SPARE_BYTES, 0) // (FRAME_BYTES * copies)
    if room < wanted:
        there = f"{room * FRAME_BYTES / 1e9:.2f} GB"
        print(f"SMALLER: {folder} has no room for {gigabytes} GB, {there} it is", file=sys.stderr)
    return max(1, min(wanted, room))
