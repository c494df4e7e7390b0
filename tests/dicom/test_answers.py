"""An answer that is encoded straight to bytes is, byte for byte, what pydicom writes and can read."""

import io
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pynetdicom.dsutils import encode as written_by_pydicom

from dicom_gateway.core.attributes import build_item
from dicom_gateway.core.model import Code, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.dicom.answers import encode
from dicom_gateway.dicom.worklist import with_character_set

WORDS = st.text("aZ 9-äéß€Дя山田", max_size=12).map(str.strip)


@st.composite
def items(draw: st.DrawFn) -> Dataset:
    """Draw whole worklist items with text of all character sets."""
    step = ScheduledStep(
        modality="DX",
        start=datetime(2030, 1, 7, 10, 15),
        start_utc=0,
        station_ae_titles=tuple(draw(st.lists(st.sampled_from(["DX1", "DX22"]), max_size=3))),
        description=draw(WORDS),
        teeth=tuple(draw(st.lists(st.sampled_from(["36", "11"]), max_size=2))),
    )
    procedure = RequestedProcedure((step,), code=Code("THX", "99L", draw(WORDS)), study_instance_uid="1.2.3")
    patient = Patient(
        "P1",
        f"{draw(WORDS)}^{draw(WORDS)}={draw(WORDS)}",
        weight_kg=draw(st.none() | st.just(31.5)),
        pregnancy_status=draw(st.none() | st.just(4)),
        other_ids=tuple(draw(st.lists(st.just(OtherPatientID("276", "microchip")), max_size=2))),
    )
    return with_character_set(build_item(Order("pms", "1", patient, (procedure,)), procedure, step))


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "implicit"])
@given(item=items())
def test_the_bytes_are_those_that_pydicom_writes(explicit: bool, item: Dataset) -> None:
    assert encode(item, explicit) == written_by_pydicom(item, is_implicit_vr=not explicit, is_little_endian=True)


def test_pydicom_reads_it() -> None:
    answer = Dataset()
    answer.SpecificCharacterSet = "ISO_IR 192"
    answer.PatientName = "山田^太郎"
    assert dcmread(io.BytesIO(encode(answer, explicit=True)), force=True).PatientName == "山田^太郎"
