"""Attributes as DCMTK writes them, and data sets as scripts read them."""

from typing import Any

import pytest
from pydicom import Dataset

from dicom_gateway.dicom.scu_keys import read_keys
from dicom_gateway.dicom.scu_values import as_lines, as_values
from dicom_gateway.errors import InvalidValue

STEP = "ScheduledProcedureStepSequence"

KEYS: list[tuple[str, list[str], dict[str, Any]]] = [
    ("keyword", ["PatientName=SMI*"], {"PatientName": "SMI*"}),
    ("tag", ["0010,0010=SMI*"], {"PatientName": "SMI*"}),
    ("tag in brackets", ["(0010,0010)=SMI*"], {"PatientName": "SMI*"}),
    ("no value", ["PatientID"], {"PatientID": None}),
    ("empty value", ["PatientID="], {"PatientID": None}),
    ("equals sign in a value", ["PatientName=A=B"], {"PatientName": "A=B"}),
    ("point in a value", ["StudyInstanceUID=1.2.3"], {"StudyInstanceUID": "1.2.3"}),
    ("several values", ["StudyInstanceUID=1.2\\1.3"], {"StudyInstanceUID": ["1.2", "1.3"]}),
    ("range of dates", ["PatientBirthDate=19900101-"], {"PatientBirthDate": "19900101-"}),
    ("number", ["PregnancyStatus=4"], {"PregnancyStatus": 4}),
    ("sequence", [STEP], {STEP: []}),
    ("empty item", [f"{STEP}[0]"], {STEP: [{}]}),
    ("in a sequence", [f"{STEP}[0].Modality=DX"], {STEP: [{"Modality": "DX"}]}),
    ("in a sequence by tags", ["(0040,0100)[0].(0040,0001)=DX1"], {STEP: [{"ScheduledStationAETitle": ["DX1"]}]}),
    ("several in an item", [f"{STEP}[0].Modality=DX", "0040,0100[0].0040,0002"],
     {STEP: [{"Modality": "DX", "ScheduledProcedureStepStartDate": None}]}),
    ("second item", [f"{STEP}[1].Modality=DX"], {STEP: [{}, {"Modality": "DX"}]}),
    ("two deep", [f"{STEP}[0].ScheduledProtocolCodeSequence[0].CodeValue=X"],
     {STEP: [{"ScheduledProtocolCodeSequence": [{"CodeValue": "X"}]}]}),
    ("the last one counts", ["PatientID=1", "PatientID=2"], {"PatientID": "2"}),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "expected"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_keys_become_a_data_set(keys: list[str], expected: dict[str, Any]) -> None:
    assert as_values(read_keys(keys)) == expected


@pytest.mark.parametrize(
    "key",
    [
        "patientname=X", "0010,001=X", "PatientName[0]=X", "PatientName.Modality=X", STEP + "=X", STEP + ".Modality=DX",
        STEP + "[100].Modality", STEP + "[0]=X", "PregnancyStatus=four", "PixelData=x", "0002,0010=1.2", "0011,0010=X",
        "", "=", ".", STEP + "[0].", "0008,0000=1", "PatientWeight=heavy",
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_and_named(key: str) -> None:
    with pytest.raises(InvalidValue) as error:
        read_keys([key])
    assert str(error.value).startswith(f"{key}:")


def test_a_value_that_fits_no_vr_is_shown_as_it_came() -> None:
    data_set = read_keys(["PatientID=1"])
    data_set.add_new(0x00101030, "DS", None)
    data_set[0x00101030]._value = b"heavy\x01"
    lines = list(as_lines(data_set))
    assert lines[0].split() == ["PatientID", "1"]
    assert "heavy" not in lines[1] or "\x01" not in lines[1]


def test_lines_carry_no_control_characters() -> None:
    data_set = Dataset()
    data_set.PatientName = "A\x1b[31mB\r\nC"
    assert "\x1b" not in "".join(as_lines(data_set))
