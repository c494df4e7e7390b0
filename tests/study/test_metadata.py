import dataclasses
import json
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_gateway.core.model import InstanceHeader, StepReference
from dicom_gateway.errors import DamagedFile
from dicom_gateway.study.anatomy import Anatomy
from dicom_gateway.study.dicom_json import full_metadata
from dicom_gateway.study.metadata import FIELDS, read_header
from dicom_gateway.study.scan import scan
from tests.study.images import NATIVE, data_set, encoded, image, save

EXPLICIT = str(ExplicitVRLittleEndian)


def header_of(data: bytes, syntax: str = EXPLICIT) -> InstanceHeader:
    return read_header(data, syntax, scan(data, syntax).pixel_offset)


def read(**attributes: Any) -> InstanceHeader:
    return header_of(encoded(data_set(**attributes)))


def raw(tag: int, vr: str, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


def item(**attributes: Any) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def code(value: str, scheme: str, meaning: str) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


TOOTH_36, TOOTH_11 = (
    code("866006002", "SCT", "Mandibular left first molar"),
    code("422653006", "SCT", "Central incisor"),
)


def test_the_table_fills_the_whole_header() -> None:
    filled = [*(field.attribute for field in FIELDS), *(field.name for field in dataclasses.fields(Anatomy)), "flags"]
    assert sorted(filled) == sorted(field.name for field in dataclasses.fields(InstanceHeader))


@pytest.mark.parametrize("syntax", sorted(NATIVE))
def test_every_attribute(syntax: str) -> None:
    made = image(
        np.zeros((6, 8), np.uint8),
        frames=1,
        PatientID="P-78",
        IssuerOfPatientID="MYPMS",
        PatientName="Doe^Rex",
        PatientSpeciesDescription="Canine",
        PatientBreedDescription="Beagle",
        PatientSexNeutered="ALTERED",
        ResponsiblePerson="Doe^Jane",
        ResponsibleOrganization="Shelter",
        AccessionNumber="A1",
        Modality="IO",
        SeriesNumber=3,
        SeriesDescription="Bitewings",
        BodyPartExamined="JAW",
        InstanceNumber=7,
        NumberOfFrames=1,
        ViewPosition="AP",
        ImageLaterality="L",
        PrimaryAnatomicStructureSequence=[TOOTH_36, TOOTH_11, TOOTH_36],
        StudyDate="20261123",
        StudyTime="101500",
        StudyDescription="Status",
        AcquisitionDate="20261123",
        AcquisitionTime="101731.5",
        StationName="IO1",
        RequestAttributesSequence=[
            item(
                StudyInstanceUID="1.2.3",
                AccessionNumber="A1",
                RequestedProcedureID="R1",
                ScheduledProcedureStepID="S1",
            ),
            item(ScheduledProcedureStepID="S2"),
        ],
        ReferencedPerformedProcedureStepSequence=[
            item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.3", ReferencedSOPInstanceUID="1.2.3.4")
        ],
    )

    assert header_of(encoded(made, syntax), syntax) == InstanceHeader(
        sop_instance_uid=made.SOPInstanceUID,
        sop_class_uid=made.SOPClassUID,
        study_instance_uid=made.StudyInstanceUID,
        series_instance_uid=made.SeriesInstanceUID,
        patient_id="P-78",
        issuer="MYPMS",
        patient_name="Doe^Rex",
        species="Canine",
        breed="Beagle",
        neutered=True,
        responsible_person="Doe^Jane",
        responsible_organization="Shelter",
        region="JAW",
        accession_number="A1",
        modality="IO",
        series_number=3,
        series_description="Bitewings",
        body_part="JAW",
        instance_number=7,
        rows=6,
        columns=8,
        frames=1,
        view="AP",
        laterality="L",
        teeth=("36", "11"),
        study_date="20261123",
        study_time="101500",
        study_description="Status",
        acquired_at="2026-11-23T10:17:31.500000",
        station_name="IO1",
        references=(
            StepReference("1.2.3", "A1", "R1", "S1"),
            StepReference(made.StudyInstanceUID, scheduled_procedure_step_id="S2"),
        ),
        performed_step_uids=("1.2.3.4",),
    )


def test_an_empty_data_set() -> None:
    assert header_of(b"") == InstanceHeader("", "", "", "")


SOURCES = {
    "species by its code": (
        {"PatientSpeciesCodeSequence": [code("448771007", "SCT", "Canis lupus familiaris")]},
        "species",
        "Canis lupus familiaris",
    ),
    "breed by its code": (
        {"PatientBreedCodeSequence": [code("44696006", "SCT", "Beagle")]},
        "breed",
        "Beagle",
    ),
    "breed as described first": (
        {"PatientBreedDescription": "Mix", "PatientBreedCodeSequence": [code("44696006", "SCT", "Beagle")]},
        "breed",
        "Mix",
    ),
    "not neutered": ({"PatientSexNeutered": "UNALTERED"}, "neutered", False),
    "neutered or not": ({"PatientSexNeutered": "PERHAPS"}, "neutered", None),
    "acquired: date and time": (
        {"AcquisitionDateTime": "20261123101500.25"},
        "acquired_at",
        "2026-11-23T10:15:00.250000",
    ),
    "acquired: with offset": (
        {"AcquisitionDateTime": "20261123101500+0100"},
        "acquired_at",
        "2026-11-23T10:15:00+01:00",
    ),
    "acquired: content": ({"ContentDate": "20261123", "ContentTime": "1015"}, "acquired_at", "2026-11-23T10:15:00"),
    "acquired: series": ({"SeriesDate": "20261123", "SeriesTime": "10"}, "acquired_at", "2026-11-23T10:00:00"),
    "acquired: study": ({"StudyDate": "20261123", "StudyTime": "101559"}, "acquired_at", "2026-11-23T10:15:59"),
    "acquired: date alone": ({"AcquisitionDate": "20261123"}, "acquired_at", "2026-11-23"),
    "acquired: never mixed": (
        {"AcquisitionDate": "20261123", "ContentDate": "20261124", "ContentTime": "1015"},
        "acquired_at",
        "2026-11-23",
    ),
    "leap second": ({"ContentDate": "20161231", "ContentTime": "235960"}, "acquired_at", "2016-12-31T23:59:59"),
}


@pytest.mark.parametrize(("attributes", "field", "expected"), SOURCES.values(), ids=SOURCES)
def test_where_a_value_comes_from(attributes: dict[str, Any], field: str, expected: object) -> None:
    header = read(**attributes)

    assert getattr(header, field) == expected
    assert header.flags == ()


BAD = {
    "a number that is none": (raw(0x00200013, "IS", b"abc"), "instance_number", None, "bad_value:InstanceNumber"),
    "two numbers": (raw(0x00200013, "IS", b"1\\2"), "instance_number", None, "bad_value:InstanceNumber"),
    "a number beyond IS": (raw(0x00200013, "IS", b"99999999999"), "instance_number", None, "bad_value:InstanceNumber"),
    "infinity": (raw(0x00200013, "IS", b"1e999"), "instance_number", None, "bad_value:InstanceNumber"),
    "half a number": (raw(0x00200013, "IS", b"1.5"), "instance_number", None, "bad_value:InstanceNumber"),
    "a whole number as a fraction": (raw(0x00200013, "IS", b"7.0"), "instance_number", 7, None),
    "rows of three": (raw(0x00280010, "US", b"\1\0\2\0\3\0"), "rows", None, "bad_value:Rows"),
    "rows as text": (raw(0x00280010, "IS", b"12"), "rows", 12, None),
    "rows of another size": (raw(0x00280010, "UL", b"\1\0"), "rows", None, "bad_value:Rows"),
    "no frames": (raw(0x00280008, "IS", b"0"), "frames", None, "bad_value:NumberOfFrames"),
    "two patients": (raw(0x00100020, "LO", b"A\\B"), "patient_id", "", "bad_value:PatientID"),
    "a very long id": (raw(0x00100020, "LO", b"A" * 5000), "patient_id", "", "bad_value:PatientID"),
    "a date that is none": (raw(0x00080020, "DA", b"20261399"), "study_date", "", "bad_value:StudyDate"),
    "a date with points": (raw(0x00080020, "DA", b"2026.11.23"), "study_date", "20261123", None),
    "a time with colons": (raw(0x00080030, "TM", b"10:15:00"), "study_time", "101500", None),
    "a time that is none": (raw(0x00080030, "TM", b"noon"), "study_time", "", "bad_value:StudyTime"),
    "a time of 25 hours": (raw(0x00080030, "TM", b"250000"), "study_time", "", "bad_value:StudyTime"),
    "padding": (raw(0x00100020, "LO", b" P-78 \0"), "patient_id", "P-78", None),
    "NUL": (raw(0x00100010, "PN", b"Doe\0^Rex"), "patient_name", "Doe^Rex", None),
    "an unknown VR": (raw(0x00100020, "??", b"P-78"), "patient_id", "P-78", None),
    "a leading zero": (raw(0x0020000D, "UI", b"1.2.03.4\0"), "study_instance_uid", "1.2.03.4", "leading_zero_uid"),
    "a component 0": (raw(0x0020000D, "UI", b"1.2.0.4\0"), "study_instance_uid", "1.2.0.4", None),
    "umlaut without character set": (raw(0x00100010, "PN", b"M\xfcller"), "patient_name", "Müller", "character_set"),
    "wrong character set": (
        raw(0x00080005, "CS", b"ISO_IR 192") + raw(0x00100010, "PN", b"M\xfcller"),
        "patient_name",
        "M\ufffdller",
        "character_set",
    ),
    "unknown character set": (
        raw(0x00080005, "CS", b"KLINGON") + raw(0x00100010, "PN", b"Miller"),
        "patient_name",
        "Miller",
        "character_set",
    ),
    "right character set": (
        raw(0x00080005, "CS", b"ISO_IR 100") + raw(0x00100010, "PN", b"M\xfcller"),
        "patient_name",
        "Müller",
        None,
    ),
    "the first of two": (raw(0x00100020, "LO", b"A") + raw(0x00100020, "LO", b"B"), "patient_id", "A", None),
}


@pytest.mark.parametrize(("data", "field", "expected", "flag"), BAD.values(), ids=BAD)
def test_a_bad_value_is_empty_and_flagged(data: bytes, field: str, expected: object, flag: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = header_of(data)

    assert getattr(header, field) == expected
    assert header.flags == (() if flag is None else (flag,))


def test_text_of_an_item_has_the_character_set_around_it() -> None:
    header = read(SpecificCharacterSet="ISO_IR 144", ViewCodeSequence=[code("1", "99X", "Люкс")])

    assert (header.view, header.flags) == ("Люкс", ())


@pytest.mark.parametrize(
    ("syntax", "order", "implicit"),
    [(EXPLICIT, "<", True), (EXPLICIT, "<", False), (str(ExplicitVRBigEndian), ">", True)],
    ids=["implicit inside", "explicit inside", "implicit little endian inside big endian"],
)
def test_a_sequence_sent_as_unknown(syntax: str, order: str, implicit: bool) -> None:
    step = struct.pack("<HHL", 0x0040, 0x0009, 2) + b"S1" if implicit else raw(0x00400009, "SH", b"S1")
    items = struct.pack("<HHL", 0xFFFE, 0xE000, len(step)) + step + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    data = struct.pack(f"{order}HH2sHL", 0x0040, 0x0275, b"UN", 0, 0xFFFFFFFF) + items

    assert header_of(data, syntax).references == (StepReference("", scheduled_procedure_step_id="S1"),)
    assert header_of(data, syntax).flags == ()


def test_what_cannot_be_parsed_ends_the_header_and_not_the_program() -> None:
    data = raw(0x00100020, "LO", b"P-78") + raw(0x00200013, "IS", b"7")[:9]

    header = read_header(data, EXPLICIT, None)

    assert (header.patient_id, header.instance_number, header.flags) == ("P-78", None, ("unreadable",))


def test_a_deflated_data_set_is_unreadable_here() -> None:
    assert read_header(b"", "1.2.840.10008.1.2.1.99", None).flags == ("unreadable",)


LENGTHS = {
    "exact": (np.zeros((5, 7), np.uint16), {}, 0, ()),
    "odd and padded": (np.zeros((5, 7), np.uint8), {}, 0, ()),
    "short": (np.zeros((5, 8), np.uint8), {}, -2, ("pixel_data_length",)),
    "long": (np.zeros((5, 8), np.uint8), {}, 2, ("pixel_data_length",)),
    "colour": (np.zeros((5, 8, 3), np.uint8), {}, 0, ()),
    "colour with the length of grey": (np.zeros((5, 8), np.uint8), {"SamplesPerPixel": 3}, 0, ("pixel_data_length",)),
    "bits": (np.zeros((5, 8), np.uint8), {"BitsAllocated": 1}, -34, ()),
    "4:2:2": (np.zeros((4, 8, 3), np.uint8), {"PhotometricInterpretation": "YBR_FULL_422"}, -32, ()),
    "frames that are not there": (np.zeros((5, 8), np.uint8), {"NumberOfFrames": 2}, 0, ("pixel_data_length",)),
    "no rows": (np.zeros((5, 8), np.uint8), {"Rows": 0}, 0, ("pixel_description",)),
}


@pytest.mark.parametrize("syntax", [EXPLICIT, str(ImplicitVRLittleEndian), str(ExplicitVRBigEndian)])
@pytest.mark.parametrize(("pixels", "attributes", "change", "flags"), LENGTHS.values(), ids=LENGTHS)
def test_the_length_of_pixel_data(
    pixels: np.ndarray, attributes: dict[str, Any], change: int, flags: tuple[str, ...], syntax: str
) -> None:
    made = image(pixels, **attributes)
    made.PixelData = (made.PixelData + bytes(100))[: len(made.PixelData) + change]

    assert header_of(encoded(made, syntax), syntax).flags == flags


def test_encapsulated_pixel_data_has_any_length() -> None:
    made = image(np.zeros((5, 8), np.uint8))
    made.PixelData = encapsulate([b"12"])
    made["PixelData"].is_undefined_length = True

    assert header_of(encoded(made), "1.2.840.10008.1.2.4.50").flags == ()


@settings(max_examples=300, deadline=2000)
@given(
    data=st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.builds(
                raw,
                st.sampled_from([0x00080005, 0x00080020, 0x00100010, 0x00200013, 0x00280010, 0x00082228, 0x00400275]),
                st.sampled_from(["CS", "DA", "PN", "IS", "US", "FD", "UI", "SQ", "UN", "OB"]),
                st.binary(max_size=30),
            ),
        ),
        max_size=6,
    ).map(b"".join),
    syntax=st.sampled_from(sorted(NATIVE)),
)
def test_whatever_comes_there_is_a_header(data: bytes, syntax: str) -> None:
    header = read_header(data, syntax, None)

    assert isinstance(header.patient_name, str) and all(isinstance(flag, str) for flag in header.flags)


def test_full_metadata(tmp_path: Path) -> None:
    made = image(
        np.zeros((60, 80), np.uint16),
        SpecificCharacterSet="ISO_IR 100",
        PatientName="Müller^Rex",
        ImageType=["ORIGINAL", "PRIMARY"],
        PatientComments="one\\two",
        PixelSpacing=[0.1, 0.2],
        RequestAttributesSequence=[item(ScheduledProcedureStepID="S1")],
    )
    made.add_new(0x00091001, "OB", bytes(2000))
    made.add_new(0x00091002, "OB", b"abc\0")
    made.add_new(0x00189810, "FD", float("nan"))

    found = full_metadata(save(made, tmp_path / "a.dcm"))

    assert found["TransferSyntaxUID"] == {"vr": "UI", "Value": [EXPLICIT]}
    assert found["PatientName"] == {"vr": "PN", "Value": ["Müller^Rex"]}
    assert found["ImageType"]["Value"] == ["ORIGINAL", "PRIMARY"]
    assert found["PatientComments"]["Value"] == ["one\\two"]
    assert found["PixelSpacing"]["Value"] == ["0.1", "0.2"]
    assert found["Rows"] == {"vr": "US", "Value": [60]}
    assert found["RequestAttributesSequence"]["Value"][0]["ScheduledProcedureStepID"]["Value"] == ["S1"]
    assert found["PixelData"] == {"vr": "OW", "bytes": 9600}
    assert found["00091001"] == {"vr": "OB", "bytes": 2000}
    assert found["00091002"] == {"vr": "OB", "InlineBinary": "YWJjAA=="}
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("syntax", sorted(NATIVE))
def test_full_metadata_in_each_encoding(syntax: str, tmp_path: Path) -> None:
    made = image(np.zeros((6, 8), np.uint16), PatientID="P-78", ReferencedImageSequence=[item(ReferencedFrameNumber=2)])

    found = full_metadata(save(made, tmp_path / "a.dcm", syntax))

    assert found["PatientID"]["Value"] == ["P-78"]
    assert found["Columns"] == {"vr": "US", "Value": [8]}
    assert found["ReferencedImageSequence"]["Value"][0]["ReferencedFrameNumber"]["Value"] == ["2"]
    assert found["PixelData"]["bytes"] == 96


def test_full_metadata_is_bounded(tmp_path: Path) -> None:
    deep = item(PatientID="bottom")
    for _ in range(40):
        deep = item(ReferencedImageSequence=[deep])
    many = data_set(
        ReferencedStudySequence=[item(PatientID=str(n)) for n in range(1000)], RequestAttributesSequence=[deep]
    )

    found = full_metadata(save(many, tmp_path / "a.dcm"))

    assert len(found["ReferencedStudySequence"]["Value"]) == 100
    assert found["ReferencedStudySequence"]["truncated"] is True
    text = json.dumps(found)
    assert "bottom" not in text and len(text) < 50_000


def test_full_metadata_of_a_damaged_file(tmp_path: Path) -> None:
    path = save(data_set(PatientID="P-78", StudyID="x" * 16), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes()[:-7])

    found = full_metadata(path)

    assert found["PatientID"]["Value"] == ["P-78"] and found["unreadable"] is True


@pytest.mark.parametrize("content", [None, b"", b"hello" * 100])
def test_full_metadata_of_no_dicom_file(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(DamagedFile):
        full_metadata(path)


def rejection(title: str, uid: str, sop_class: str = "1.2.840.10008.5.1.4.1.1.88.59") -> InstanceHeader:
    """Return the header of a Key Object Selection that names one instance."""
    series = item(SeriesInstanceUID="1.2.1", ReferencedSOPSequence=[item(ReferencedSOPInstanceUID=uid)])
    study = item(StudyInstanceUID="1.2", ReferencedSeriesSequence=[series])
    return read(
        SOPClassUID=sop_class,
        ConceptNameCodeSequence=[code(title, "DCM", "title")],
        CurrentRequestedProcedureEvidenceSequence=[study],
    )


@pytest.mark.parametrize(
    ("title", "sop_class", "rejected"),
    [
        ("113001", "1.2.840.10008.5.1.4.1.1.88.59", ("1.2.1.9",)),
        ("113037", "1.2.840.10008.5.1.4.1.1.88.59", ("1.2.1.9",)),
        ("113038", "1.2.840.10008.5.1.4.1.1.88.59", ("1.2.1.9",)),
        ("113000", "1.2.840.10008.5.1.4.1.1.88.59", ()),
        ("113001", "1.2.840.10008.5.1.4.1.1.88.11", ()),
    ],
    ids=["quality", "safety", "wrong entry", "of interest", "another document"],
)
def test_what_a_key_object_selection_rejects(title: str, sop_class: str, rejected: tuple[str, ...]) -> None:
    assert rejection(title, "1.2.1.9", sop_class).rejected_uids == rejected


def test_what_says_whether_an_image_counts() -> None:
    found = read(
        PresentationIntentType="FOR PROCESSING",
        QualityControlImage="YES",
        ImageType=["DERIVED", "PRIMARY"],
        SourceImageSequence=[item(ReferencedSOPInstanceUID="1.2.1.1"), item(ReferencedSOPInstanceUID="1.2.1.2")],
    )
    assert (found.presentation_intent, found.is_quality_control, found.is_derived) == ("FOR PROCESSING", True, True)
    assert found.source_uids == ("1.2.1.1", "1.2.1.2") and not found.flags
    plain = read(ImageType="ORIGINAL", QualityControlImage="BOTH")
    assert not plain.is_derived and not plain.is_quality_control and not plain.flags
