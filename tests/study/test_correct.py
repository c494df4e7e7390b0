"""Objects corrected to their order: what is rewritten, what stays byte by byte, in every way of encoding."""

import io
import struct
import tracemalloc
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep, StoredObject
from dicom_gateway.dicom.file_meta import file_head
from dicom_gateway.errors import DamagedFile
from dicom_gateway.study import correct as module
from dicom_gateway.study.correct import Corrected, NotCorrectable, correct
from dicom_gateway.study.correction import Correction
from tests.peers import dcmtk

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
JPEG, DEFLATED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1.99"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
PIXELS = struct.pack("<64H", *range(64))
STEP = ScheduledStep("DX", datetime(2027, 1, 15, 10), 0, "SPS0000000001", description="Thorax")
PROCEDURE = RequestedProcedure((STEP,), "RP0000000001", description="Thorax 2 views", study_instance_uid="1.2.3")
PATIENT = Patient(
    "P-78", "Müller^Rëx", "MYPMS", date(2020, 2, 29), "M", species="Canine", responsible_person="Müller^Jürgen",
    other_ids=(OtherPatientID("276098", "microchip"),),
)  # fmt: skip
ORDER = Order("pms", "A-1", PATIENT, (PROCEDURE,), "O1", accession_number="ACC1", referring_physician="Vet^Väinö")
CORRECTION = Correction(ORDER, PROCEDURE, STEP, 1_800_000_000 * SECOND, "DX1")


def an_object(**values: Any) -> Dataset:
    found = Dataset()
    defaults: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 100", "SOPClassUID": DX, "SOPInstanceUID": "1.2.3.4", "StudyDate": "20270115",
        "Modality": "DX", "AccessionNumber": "", "Manufacturer": "Münchner Röntgen", "PatientName": "Muller^R\xebx",
        "PatientID": "P-87", "PatientBirthDate": "20200228", "PatientSex": "F", "PatientTelephoneNumbers": "0123",
        "StudyInstanceUID": "9.9.9", "SeriesInstanceUID": "9.9.9.1", "StudyID": "7", "Rows": 8, "Columns": 8,
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16,
        "HighBit": 15, "PixelRepresentation": 0, "PixelData": PIXELS,
    }  # fmt: skip
    for keyword, value in (defaults | values).items():
        if value is not None:
            setattr(found, keyword, value)
    if "PixelData" in found:
        found["PixelData"].VR = "OW"
    return found


def encoded(data_set: Dataset, syntax: str = EXPLICIT) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = syntax != BIG, syntax == IMPLICIT
    write_dataset(buffer, data_set)
    return buffer.getvalue()


def kept(folder: Path, data: bytes, syntax: str = EXPLICIT) -> tuple[Path, StoredObject]:
    head = file_head(DX, "1.2.3.4", syntax, "DX1")
    path = folder / "object.dcm"
    path.write_bytes(head + data)
    return path, StoredObject("objects/00/0.dcm", syntax, len(head), len(data), f"{hash(data) & (2**64 - 1):064x}")


def corrected(folder: Path, data: bytes, syntax: str = EXPLICIT, correction: Correction = CORRECTION) -> Corrected:
    return correct(*kept(folder, data, syntax), correction)


def read(found: Corrected) -> Dataset:
    data = b"".join(found.read())
    assert len(data) == found.length
    return pydicom.dcmread(io.BytesIO(data))


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_the_order_stands_in_the_object_and_what_was_before_beside_it(tmp_path: Path, syntax: str) -> None:
    data = encoded(an_object(), syntax)
    found = corrected(tmp_path, data, syntax)
    result = read(found)
    assert result.SpecificCharacterSet == "ISO_IR 192"
    assert (result.PatientName, result.PatientID, result.IssuerOfPatientID) == ("Müller^Rëx", "P-78", "MYPMS")
    assert (result.PatientBirthDate, result.PatientSex) == ("20200229", "M")
    assert (result.AccessionNumber, result.StudyID) == ("ACC1", "RP0000000001")
    assert result.ReferringPhysicianName == "Vet^Väinö" and result.Manufacturer == "Münchner Röntgen"
    assert result.ResponsiblePerson == "Müller^Jürgen" and result.PatientSpeciesDescription == "Canine"
    assert result.OtherPatientIDsSequence[0].PatientID == "276098"
    assert "PatientTelephoneNumbers" not in result  # it is another patient's
    [request] = result.RequestAttributesSequence
    assert (request.StudyInstanceUID, request.RequestedProcedureID) == ("1.2.3", "RP0000000001")
    assert (request.ScheduledProcedureStepID, request.AccessionNumber) == ("SPS0000000001", "ACC1")
    assert request.RequestedProcedureDescription == "Thorax 2 views"
    assert (result.StudyInstanceUID, result.SOPInstanceUID, result.Rows) == ("9.9.9", "1.2.3.4", 8)
    [item] = result.OriginalAttributesSequence
    assert (item.ReasonForTheAttributeModification, item.SourceOfPreviousValues) == ("CORRECT", "DX1")
    assert item.AttributeModificationDateTime == "20270115080000.000000+0000" and item.ModifyingSystem
    [before] = item.ModifiedAttributesSequence
    assert (before.PatientName, before.PatientID, before.PatientSex) == ("Muller^Rëx", "P-87", "F")
    assert (before.PatientTelephoneNumbers, before.StudyID, before.AccessionNumber) == ("0123", "7", "")
    assert "SpecificCharacterSet" not in before and "Manufacturer" not in before
    assert [int(element.tag) for element in result] == sorted(int(element.tag) for element in result)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, JPEG])
def test_pixel_data_and_what_follows_is_as_it_was(tmp_path: Path, syntax: str) -> None:
    data_set = an_object(DataSetTrailingPadding=b"\1\2\3\4")
    if syntax == JPEG:
        data_set.PixelData = encapsulate([b"\xff\xd8 a frame \xff\xd9"])
        data_set["PixelData"].VR = "OB"
        data_set["PixelData"].is_undefined_length = True
    data = encoded(data_set, syntax)
    start = data.rindex(struct.pack(">HH" if syntax == BIG else "<HH", 0x7FE0, 0x0010))
    path, stored = kept(tmp_path, data, syntax)
    before = path.read_bytes()
    found = correct(path, stored, CORRECTION)
    whole = b"".join(found.read())
    assert whole.endswith(data[start:]) and whole[: stored.offset] == before[: stored.offset]
    assert path.read_bytes() == before
    assert read(found).PixelData == data_set.PixelData


def test_an_object_without_pixels(tmp_path: Path) -> None:
    document = bytes(range(256)) * 8
    result = read(corrected(tmp_path, encoded(an_object(PixelData=None, EncapsulatedDocument=document)) + bytes(512)))
    assert result.EncapsulatedDocument == document and result.PatientID == "P-78"


def test_any_range_is_that_part_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, stored = kept(tmp_path, encoded(an_object(PixelData=PIXELS * 5000)))
    found = correct(path, stored, CORRECTION)
    whole = b"".join(found.read())
    assert len(whole) == found.length > 2 * module.PIECE
    edges = [0, 1, 131, 132, stored.offset, stored.offset + 1, 1500, module.PIECE, found.length - 1, found.length]
    for start in edges:
        for stop in (edge for edge in edges if edge >= start):
            assert b"".join(found.read(start, stop)) == whole[start:stop]
    again = correct(path, stored, CORRECTION)
    assert (again.tag, b"".join(again.read())) == (found.tag, whole)
    other = Correction(ORDER.evolve(accession_number="ACC2"), PROCEDURE, STEP, CORRECTION.at, "DX1")
    assert correct(path, stored, other).tag != found.tag


def test_nested_text_and_undefined_lengths(tmp_path: Path) -> None:
    inner = Dataset()
    inner.CodeValue, inner.CodeMeaning = "1", "Öffnung"
    inner.is_undefined_length_sequence_item = True
    own = Dataset()
    own.SpecificCharacterSet, own.CodeValue, own.CodeMeaning = "ISO_IR 144", "2", "Зуб"
    nested = Sequence([inner, own])
    data_set = an_object(AnatomicRegionSequence=nested)
    data_set["AnatomicRegionSequence"].is_undefined_length = True
    result = read(corrected(tmp_path, encoded(data_set)))
    assert [item.CodeMeaning for item in result.AnatomicRegionSequence] == ["Öffnung", "Зуб"]
    assert "SpecificCharacterSet" not in result.AnatomicRegionSequence[1]


def test_a_private_sequence_in_implicit_vr_stays_one(tmp_path: Path) -> None:
    """Nothing but its unknown length says that it is a sequence."""
    item = struct.pack("<HHLHHL", 0xFFFE, 0xE000, 10, 0x0009, 0x1002, 2) + b"ab"
    sequence = struct.pack("<HHL", 0x0009, 0x1001, 0xFFFFFFFF) + item + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    data = encoded(an_object(), IMPLICIT)
    start = data.index(struct.pack("<HH", 0x0010, 0x0010))
    result = read(corrected(tmp_path, data[:start] + sequence + data[start:], IMPLICIT))
    assert [inner[0x0009, 0x1002].value for inner in result[0x0009, 0x1001].value] == [b"ab"]
    assert result.PatientID == "P-78"


def test_what_was_modified_before_is_kept_and_appended_to(tmp_path: Path) -> None:
    earlier, before = Dataset(), Dataset()
    before.PatientID, before.PatientName = "P-1", "Öst^A"
    earlier.ModifiedAttributesSequence = [before]
    earlier.AttributeModificationDateTime, earlier.ModifyingSystem = "20260101", "PÄCS"
    earlier.SourceOfPreviousValues, earlier.ReasonForTheAttributeModification = "", "COERCE"
    result = read(corrected(tmp_path, encoded(an_object(OriginalAttributesSequence=[earlier]))))
    first, second = result.OriginalAttributesSequence
    assert (first.ModifyingSystem, first.ModifiedAttributesSequence[0].PatientName) == ("PÄCS", "Öst^A")
    assert second.ModifiedAttributesSequence[0].PatientID == "P-87"


def test_a_correction_of_a_corrected_object_adds_a_second(tmp_path: Path) -> None:
    once = b"".join(corrected(tmp_path, encoded(an_object())).read())
    again = Correction(ORDER.evolve(accession_number="ACC2"), PROCEDURE, STEP, CORRECTION.at + SECOND, "DX1")
    offset = len(file_head(DX, "1.2.3.4", EXPLICIT, "DX1"))
    result = read(corrected(tmp_path, once[offset:], correction=again))
    assert len(result.OriginalAttributesSequence) == 2 and result.AccessionNumber == "ACC2"


def test_of_the_same_patient_nothing_is_lost_that_the_order_does_not_know(tmp_path: Path) -> None:
    """Only the accession number was missing: what the device knows of the patient stays."""
    data = encoded(an_object(PatientID="P-78 ", PatientAge="006Y", ReferringPhysicianName="Known^By^Device"))
    order = ORDER.evolve(patient=Patient("P-78", "Muller^Rëx", "MYPMS"), referring_physician="")
    result = read(corrected(tmp_path, data, correction=Correction(order, PROCEDURE, STEP, 0, "DX1")))
    assert (result.PatientSex, result.PatientBirthDate, result.PatientAge) == ("F", "20200228", "006Y")
    assert (result.PatientTelephoneNumbers, result.ReferringPhysicianName) == ("0123", "Known^By^Device")
    before = result.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert [element.keyword for element in before] == ["AccessionNumber", "StudyID"]


def test_of_another_patient_nothing_stays(tmp_path: Path) -> None:
    order = ORDER.evolve(patient=Patient("P-78", "Doe^Rex"), referring_physician="")
    data = encoded(an_object(PatientAge="006Y", AdmissionID="V1", ReferringPhysicianName="Theirs^Own"))
    result = read(corrected(tmp_path, data, correction=Correction(order, PROCEDURE, STEP, 0, "DX1")))
    assert (result.PatientSex, result.PatientBirthDate, result.ReferringPhysicianName) == ("", "", "")
    assert not {"PatientAge", "AdmissionID", "PatientTelephoneNumbers"} & {element.keyword for element in result}
    before = result.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert (before.PatientAge, before.AdmissionID, before.ReferringPhysicianName) == ("006Y", "V1", "Theirs^Own")


def test_what_is_right_already_is_delivered_as_it_is(tmp_path: Path) -> None:
    once = b"".join(corrected(tmp_path, encoded(an_object())).read())
    offset = len(file_head(DX, "1.2.3.4", EXPLICIT, "DX1"))
    again = corrected(tmp_path, once[offset:])
    assert b"".join(again.read()) == once and again.changes == ()


def test_without_a_step_the_request_names_the_procedure(tmp_path: Path) -> None:
    result = read(corrected(tmp_path, encoded(an_object()), correction=Correction(ORDER, PROCEDURE, None, 0, "DX1")))
    [request] = result.RequestAttributesSequence
    assert request.RequestedProcedureID == "RP0000000001" and "ScheduledProcedureStepID" not in request


def test_the_changes_are_told(tmp_path: Path) -> None:
    changes = {one.keyword: (one.before, one.after) for one in corrected(tmp_path, encoded(an_object())).changes}
    assert changes["PatientName"] == ("Muller^Rëx", "Müller^Rëx")
    assert changes["PatientTelephoneNumbers"] == ("0123", "")
    assert changes["AccessionNumber"] == ("", "ACC1")
    assert "RP0000000001" in changes["RequestAttributesSequence"][1]
    assert "Modality" not in changes


def test_group_lengths_that_would_be_wrong_are_left_out(tmp_path: Path) -> None:
    data = struct.pack("<HH2sHL", 8, 0, b"UL", 4, 9999) + encoded(an_object())
    result = read(corrected(tmp_path, data))
    assert (8, 0) not in result and result.PatientID == "P-78"


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (b"\x03\x00", DEFLATED),
        (b"\x10\x00\x10\x00PN\xff\xff", EXPLICIT),
        (encoded(an_object())[:-60], EXPLICIT),
    ],
    ids=["deflated", "no data set", "cut off"],
)
def test_what_cannot_be_written_anew_is_refused_in_words(tmp_path: Path, data: bytes, syntax: str) -> None:
    with pytest.raises(NotCorrectable, match="as it was received"):
        corrected(tmp_path, data, syntax)


def test_a_file_that_is_gone_or_cut(tmp_path: Path) -> None:
    path, stored = kept(tmp_path, encoded(an_object()))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFile):
        correct(path, stored, CORRECTION)
    path.unlink()
    with pytest.raises(DamagedFile):
        correct(path, stored, CORRECTION)


def test_a_large_object_takes_no_memory(tmp_path: Path) -> None:
    """Half a gigabyte of pixels, as a file with a hole; the second half is all that is read."""
    size = 1 << 29
    head = encoded(an_object(PixelData=None)) + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, size)
    path, stored = kept(tmp_path, head)
    with path.open("r+b") as file:
        file.truncate(stored.offset + stored.length + size)
    whole = StoredObject(stored.name, EXPLICIT, stored.offset, stored.length + size, stored.sha256)
    tracemalloc.start()
    found = correct(path, whole, CORRECTION)
    count = sum(len(piece) for piece in found.read(found.length - size // 16, found.length))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == size // 16 and found.length > size
    assert peak < 16 << 20


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_dcmtk_reads_it(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "corrected.dcm"
    path.write_bytes(b"".join(corrected(tmp_path, encoded(an_object(), syntax), syntax).read()))
    assert dcmtk("dcmftest", str(path)).stdout.startswith("yes")
    dumped = dcmtk("dcmdump", "+L", "-q", str(path))
    assert (dumped.returncode, dumped.stderr) == (0, "")
    assert "[Müller^Rëx]" in dumped.stdout and "[Muller^Rëx]" in dumped.stdout
    assert "(0400,0561) SQ" in dumped.stdout and "[CORRECT]" in dumped.stdout
