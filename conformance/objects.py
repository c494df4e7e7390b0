"""Objects to send: one small file for each family of SOP classes and each transfer syntax that fits its pixels.

PS3.3 A (IODs, as far as a device would fill them in), PS3.5 8.2 and annex A. Native syntaxes and RLE are written by
pydicom, JPEG and JPEG-LS by DCMTK, JPEG 2000 by OpenJPEG. UIDs have a fixed length, so that a file is made once and
given another identity for each peer by replacing them.
"""

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

from conformance.peers import Dcmtk

EXPLICIT, IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
SYNTAXES = {
    "explicit LE": EXPLICIT,
    "implicit LE": IMPLICIT,
    "big endian": BIG_ENDIAN,
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG baseline": "1.2.840.10008.1.2.4.50",
    "JPEG extended": "1.2.840.10008.1.2.4.51",
    "JPEG lossless": "1.2.840.10008.1.2.4.57",
    "JPEG lossless SV1": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG-LS near": "1.2.840.10008.1.2.4.81",
    "J2K lossless": "1.2.840.10008.1.2.4.90",
    "J2K lossy": "1.2.840.10008.1.2.4.91",
}
NATIVE = ("explicit LE", "implicit LE", "big endian")
_BOTH = (*NATIVE, "RLE", "JPEG lossless", "JPEG lossless SV1", "JPEG-LS", "JPEG-LS near", "J2K lossless", "J2K lossy")
SYNTAXES_OF = {
    "gray16": (*_BOTH, "JPEG extended"),
    "gray8": (*_BOTH, "JPEG baseline"),
    "colour": (*_BOTH, "JPEG baseline"),
    "dose": NATIVE,
    "bits": NATIVE,
    "document": NATIVE,
}
# dcmcjpeg and dcmcjpls: options of each syntax. Lossy ones keep the SOP Instance UID, which is ours.
DCMTK_ENCODERS = {
    "JPEG baseline": ("dcmcjpeg", "+eb", "+un"),
    "JPEG extended": ("dcmcjpeg", "+ee", "+un"),
    "JPEG lossless": ("dcmcjpeg", "+el"),
    "JPEG lossless SV1": ("dcmcjpeg", "+e1"),
    "JPEG-LS": ("dcmcjpls", "+el"),
    "JPEG-LS near": ("dcmcjpls", "+en", "+un"),
}
# What pydicom's compress() is told for each syntax.
PYDICOM_ENCODERS: dict[str, dict[str, Any]] = {"RLE": {}, "J2K lossless": {}, "J2K lossy": {"j2k_cr": [4.0]}}
ROWS, COLUMNS = 64, 64
_UID = re.compile(rb"2\.25\.1(\d)(\d{37})")


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of object: its SOP class, its modality, what its pixels are, frames (0: not multi-frame)."""

    name: str
    sop_class_uid: str
    modality: str
    kind: str
    frames: int = 0
    fill: Callable[[Dataset], None] = lambda made: None


@dataclass(frozen=True, slots=True)
class Made:
    """A file of one family in one syntax."""

    family: Family
    syntax: str
    path: Path

    @property
    def case(self) -> str:
        """The name of the case that it makes."""
        return f"{self.family.name}, {self.syntax}"

    @property
    def uid(self) -> str:
        """The SOP Instance UID, as the file meta information names it."""
        content = self.path.read_bytes()
        start = content.index(b"\x02\x00\x03\x00UI") + 8
        return content[start : start + 44].rstrip(b"\0").decode()

    @property
    def as_explicit(self) -> Path:
        """The same object in explicit VR little endian, as a sender that converts it has to write it; native only."""
        return self.path.with_suffix(".explicit")


def uid(number: int) -> str:
    """Return a UID of 43 characters; the digit after "2.25.1" is the peer's."""
    return f"2.25.1{number:038}"


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def _reference() -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4"
    return made


def _text_item(text: str) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType, made.TextValue = "CONTAINS", "TEXT", text
    made.ConceptNameCodeSequence = Items([_code("121071", "DCM", "Finding")])
    return made


def _report(made: Dataset) -> None:
    made.CompletionFlag, made.VerificationFlag, made.ValueType = "COMPLETE", "UNVERIFIED", "CONTAINER"
    made.ContinuityOfContent = "SEPARATE"
    made.ConceptNameCodeSequence = Items([_code("126000", "DCM", "Imaging Measurement Report")])
    made.ContentSequence = Items([_text_item("Karies an 36, mäßig"), _text_item("ohne Befund")])


def _key_objects(made: Dataset) -> None:
    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.ConceptNameCodeSequence = Items([_code("113000", "DCM", "Of Interest")])
    series, study = Dataset(), Dataset()
    series.ReferencedSOPSequence, series.SeriesInstanceUID = Items([_reference()]), "1.2.3"
    study.ReferencedSeriesSequence, study.StudyInstanceUID = Items([series]), made.StudyInstanceUID
    made.CurrentRequestedProcedureEvidenceSequence = Items([study])


def _presentation(made: Dataset) -> None:
    made.ContentLabel, made.PresentationLUTShape = "BEFUND", "IDENTITY"
    made.PresentationCreationDate, made.PresentationCreationTime = "20270301", "101500"
    area, series = Dataset(), Dataset()
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 1], [COLUMNS, ROWS]
    area.PresentationSizeMode = "SCALE TO FIT"
    made.DisplayedAreaSelectionSequence = Items([area])
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2.3", Items([_reference()])
    made.ReferencedSeriesSequence = Items([series])


def _pdf(made: Dataset) -> None:
    made.MIMETypeOfEncapsulatedDocument, made.DocumentTitle, made.BurnedInAnnotation = "application/pdf", "Brief", "YES"
    made.EncapsulatedDocument = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n".ljust(48)


def _waveform(made: Dataset) -> None:
    group, channels = Dataset(), []
    for _ in range(2):
        channel = Dataset()
        channel.WaveformBitsStored = 16
        channel.ChannelSourceSequence = Items([_code("2:1", "MDC", "Lead I")])
        channels.append(channel)
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples, group.SamplingFrequency = 2, 50, "500"
    group.ChannelDefinitionSequence = Items(channels)
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.WaveformData = np.arange(100, dtype="<i2").tobytes()
    group["WaveformData"].VR = "OW"
    made.WaveformSequence = Items([group])


def _segments(made: Dataset) -> None:
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 1, "Zahn 36", "MANUAL"
    segment.SegmentedPropertyTypeCodeSequence = Items([_code("12738006", "SCT", "Brain")])
    made.SegmentSequence, made.SegmentationType = Items([segment]), "BINARY"


def _functional_groups(made: Dataset) -> None:
    made.SharedFunctionalGroupsSequence = Items([Dataset()])
    frames = []
    for number in range(made.NumberOfFrames):
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, number]
        frame.PlanePositionSequence = Items([position])
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = Items(frames)


_STORAGE = "1.2.840.10008.5.1.4.1.1"
FAMILIES = (
    Family("intra-oral (IO)", f"{_STORAGE}.1.3", "IO", "gray16"),
    Family("digital X-ray (DX)", f"{_STORAGE}.1.1", "DX", "gray16"),
    Family("computed radiography, panoramic", f"{_STORAGE}.1", "PX", "gray16"),
    Family("CT", f"{_STORAGE}.2", "CT", "gray16"),
    Family("enhanced CT", f"{_STORAGE}.2.1", "CT", "gray16", 3, _functional_groups),
    Family("X-ray 3D craniofacial (CBCT)", f"{_STORAGE}.13.1.2", "DX", "gray16", 3, _functional_groups),
    Family("MR", f"{_STORAGE}.4", "MR", "gray16"),
    Family("ultrasound", f"{_STORAGE}.6.1", "US", "gray8"),
    Family("ultrasound multi-frame", f"{_STORAGE}.3.1", "US", "colour", 3),
    Family("ultrasound, retired", f"{_STORAGE}.6", "US", "gray8"),
    Family("ultrasound multi-frame, retired", f"{_STORAGE}.3", "US", "gray8", 2),
    Family("secondary capture", f"{_STORAGE}.7", "OT", "gray8"),
    Family("VL photographic", f"{_STORAGE}.77.1.4", "XC", "colour"),
    Family("RT dose", f"{_STORAGE}.481.2", "RTDOSE", "dose", 2),
    Family("segmentation", f"{_STORAGE}.66.4", "SEG", "bits", 2, _segments),
    Family("comprehensive SR", f"{_STORAGE}.88.33", "SR", "document", fill=_report),
    Family("key object selection", f"{_STORAGE}.88.59", "KO", "document", fill=_key_objects),
    Family("grayscale presentation state", f"{_STORAGE}.11.1", "PR", "document", fill=_presentation),
    Family("encapsulated PDF", f"{_STORAGE}.104.1", "DOC", "document", fill=_pdf),
    Family("12-lead ECG", f"{_STORAGE}.9.1.1", "ECG", "document", fill=_waveform),
)
# kind -> (bits allocated, bits stored, samples)
_PIXELS = {"gray16": (16, 12, 1), "gray8": (8, 8, 1), "colour": (8, 8, 3), "dose": (32, 32, 1), "bits": (1, 1, 1)}


def data_set(family: Family, number: int) -> Dataset:
    """Return an object of a family, native; `number` makes its UIDs."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPClassUID, made.SOPInstanceUID = family.sop_class_uid, uid(1000 + number)
    made.StudyInstanceUID, made.SeriesInstanceUID = uid(500_000), uid(600_000 + number)
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "Müller^Jürgen", "GRID", "", "O"
    made.StudyDate, made.StudyTime, made.AccessionNumber, made.StudyID = "20270301", "101500", "", ""
    made.ReferringPhysicianName, made.Modality = "", family.modality
    made.SeriesNumber, made.InstanceNumber = number, 1
    made.add_new(0x00091010, "LO", "PRIVATE")  # a private block, as most devices add one
    made.add_new(0x00090010, "LO", "CONFORMANCE 1.0")
    if family.kind in _PIXELS:
        _add_pixels(made, family)
    family.fill(made)
    return made


def _add_pixels(made: Dataset, family: Family) -> None:
    allocated, stored, samples = _PIXELS[family.kind]
    frames = max(family.frames, 1)
    made.Rows, made.Columns, made.SamplesPerPixel = ROWS, COLUMNS, samples
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = allocated, stored, stored - 1, 0
    made.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples == 3:
        made.PlanarConfiguration = 0
    if family.frames:
        made.NumberOfFrames = frames
    values = np.arange(frames * ROWS * COLUMNS * samples, dtype="u4") * 37 % (1 << min(stored, 16))
    if allocated == 1:
        data = np.packbits(values.astype("u1"), bitorder="little").tobytes()
    else:
        data = values.astype(f"<u{allocated // 8}").tobytes()
    made.PixelData = data
    made["PixelData"].VR = "OW" if allocated > 8 else "OB"


def make_files(
    folder: Path, families: Sequence[Family], syntaxes: Sequence[str], dcmtk: Dcmtk | None
) -> Iterator[Made]:
    """Write every family in each syntax that fits it; without DCMTK, those that it writes are left out."""
    number = 0
    for family in families:
        for syntax in SYNTAXES_OF[family.kind]:
            number += 1
            if syntax in syntaxes and (dcmtk is not None or syntax not in DCMTK_ENCODERS):
                path = folder / f"{number:03}.dcm"
                _write(path, data_set(family, number), syntax, dcmtk)
                yield Made(family, syntax, path)


def _write(path: Path, made: Dataset, syntax: str, dcmtk: Dcmtk | None) -> None:
    if syntax in DCMTK_ENCODERS:
        assert dcmtk is not None
        plain = path.with_suffix(".plain")
        _save(plain, made, EXPLICIT)
        program, *options = DCMTK_ENCODERS[syntax]
        done = dcmtk.run(program, *options, plain, path)
        plain.unlink()
        assert done.returncode == 0, f"{program} {options}: {done.stdout}"
        return
    if syntax in PYDICOM_ENCODERS:
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = UID(EXPLICIT)
        made.compress(SYNTAXES[syntax], generate_instance_uid=False, **PYDICOM_ENCODERS[syntax])
    else:
        _save(path.with_suffix(".explicit"), _without_vrs(made) if syntax == "implicit LE" else made, EXPLICIT)
        if syntax == "big endian":
            _swap(made)
    _save(path, made, SYNTAXES[syntax])


def _without_vrs(made: Dataset) -> Dataset:
    """Return what is known of an object that was read in implicit VR: pixels are OW, a private element is UN."""
    known = copy.deepcopy(made)
    if "PixelData" in known:
        known["PixelData"].VR = "OW"
    known[0x00091010].VR, known[0x00091010].value = "UN", b"PRIVATE "
    return known


def _swap(made: Dataset) -> None:
    """Bring words into big endian order (OW is 16-bit words whatever a sample has, PS3.5 8.1); pydicom leaves them."""
    for element in made.iterall():
        if element.VR == "OW":
            element.value = np.frombuffer(element.value, dtype="<u2").byteswap().tobytes()


def _save(path: Path, made: Dataset, syntax: str) -> None:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.ImplementationClassUID = UID("1.2.3.4")
    made.save_as(path, enforce_file_format=True)


def for_peer(made: Sequence[Made], folder: Path, peer: int) -> list[Made]:
    """Copy files with UIDs of their own for a peer (1 to 9)."""
    folder.mkdir()
    copies = []
    for one in made:
        copied = Made(one.family, one.syntax, folder / one.path.name)
        copies.append(copied)
        for old, new in ((one.path, copied.path), (one.as_explicit, copied.as_explicit)):
            if old.exists():
                new.write_bytes(_UID.sub(rb"2.25.1%d\2" % peer, old.read_bytes()))
    return copies
