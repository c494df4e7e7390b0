"""A worklist item that is built for one query finds and answers what the whole item does."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from dicom_gateway.core.attributes import ATTRIBUTES, Attribute, build_item, empty_element, wanted
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.model import Code, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep

STEP = ScheduledStep(
    modality="DX",
    start=datetime(2030, 1, 7, 10, 15),
    start_utc=0,
    id="S1",
    station_ae_titles=("DX1", "DX2"),
    teeth=("36",),
    protocol_codes=(Code("THX2", "99LOCAL", "Thorax"),),
)
PROCEDURE = RequestedProcedure((STEP,), code=Code("THX", "99LOCAL", "Thorax"), study_instance_uid="1.2.3")
ORDER = Order(
    "pms",
    "N1",
    Patient("P1", "Doe^Rex", issuer="PMS", other_ids=(OtherPatientID("276098", "microchip"),)),
    (PROCEDURE,),
    accession_number="A1",
)
WHOLE = build_item(ORDER, PROCEDURE, STEP)


def key(row: Attribute, item: Dataset | None) -> Any:
    found = empty_element(row)
    if item is not None:
        found.value = Sequence([item])
    return found


def some_keys(rows: tuple[Attribute, ...]) -> st.SearchStrategy[Dataset]:
    """Draw identifiers: any attributes; a sequence empty, with an empty item, or with keys of its own."""

    @st.composite
    def draw_keys(draw: st.DrawFn) -> Dataset:
        keys = Dataset()
        for row in draw(st.lists(st.sampled_from(rows), unique=True, max_size=8)):
            inner = st.none() | st.builds(Dataset) | some_keys(row.nested) if row.nested else st.none()
            keys[row.tag] = key(row, draw(inner))
        return keys

    return draw_keys()


@given(some_keys(ATTRIBUTES))
def test_an_item_built_for_a_query_is_answered_as_the_whole_item_is(keys: Dataset) -> None:
    query = compile_query(keys)
    built = build_item(ORDER, PROCEDURE, STEP, wanted(keys))
    assert query.matches(built) == query.matches(WHOLE)
    assert query.answer(built) == query.answer(WHOLE)


@pytest.mark.parametrize(
    ("station", "found"), [("DX2", True), ("DX3", False), ("DX*", True)], ids=["second value", "other", "wildcard"]
)
def test_a_key_in_the_step_decides_on_the_built_item(station: str, found: bool) -> None:
    keys, step = Dataset(), Dataset()
    step.ScheduledStationAETitle = station
    keys.ScheduledProcedureStepSequence = Sequence([step])
    assert compile_query(keys).matches(build_item(ORDER, PROCEDURE, STEP, wanted(keys))) is found


def test_nothing_else_is_built() -> None:
    keys, step = Dataset(), Dataset()
    step.Modality = ""
    keys.PatientID = ""
    keys.add_new(0x00091001, "LO", "private")
    keys.ScheduledProcedureStepSequence = Sequence([step])
    built = build_item(ORDER, PROCEDURE, STEP, wanted(keys))
    assert [element.keyword for element in built] == ["PatientID", "ScheduledProcedureStepSequence"]
    assert [element.keyword for element in built.ScheduledProcedureStepSequence[0]] == ["Modality"]
