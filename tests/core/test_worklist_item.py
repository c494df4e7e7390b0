"""The values that are read straight from an order are those of the data set that is built of it."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from dicom_gateway.core.attributes import ATTRIBUTES, Attribute, build_item, element
from dicom_gateway.core.folding import name_index, strip
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.model import Code, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.worklist_item import DataSetValues, ItemValues, Readable
from dicom_gateway.core.worklist_keys import key_test, name_prefix
from dicom_gateway.core.worklist_values import Item

TEXTS = st.text("aB1 ^=\\*?\0äДя山", max_size=8)
SEVERAL = st.lists(TEXTS, max_size=3).map(tuple)


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Draw orders with awkward text wherever text may stand."""
    step = ScheduledStep(
        modality=draw(st.sampled_from(["DX", "IO"])),
        start=draw(st.datetimes(datetime(1000, 1, 1), datetime(2100, 1, 1))),
        start_utc=0,
        id=draw(TEXTS),
        station_ae_titles=draw(SEVERAL),
        description=draw(TEXTS),
        performer=draw(TEXTS),
        protocol_codes=tuple(Code(value, "99L", draw(TEXTS)) for value in draw(SEVERAL)),
        teeth=draw(st.sampled_from([(), ("36",), ("36", "11")])),
    )
    patient = Patient(
        draw(TEXTS),
        draw(TEXTS),
        weight_kg=draw(st.none() | st.floats(0.001, 1e5)),
        neutered=draw(st.sampled_from([None, True, False])),
        other_ids=tuple(OtherPatientID(one, "microchip", draw(TEXTS)) for one in draw(SEVERAL)),
        medical_alerts=draw(SEVERAL),
        special_needs=draw(TEXTS),
        pregnancy_status=draw(st.none() | st.integers(1, 4)),
    )
    procedure = RequestedProcedure(
        (step,), id=draw(TEXTS), code=draw(st.none() | st.just(Code("X", "99L"))), description=draw(TEXTS)
    )
    return Item(Order("pms", draw(TEXTS), patient, (procedure,)), procedure, step)


def everything(item: Readable, rows: tuple[Attribute, ...]) -> dict[str, Any]:
    """Return all values of an item, those of its sequences too."""
    return {
        row.keyword: [everything(sub, row.nested) for sub in item.items(row)] if row.vr == "SQ" else item.texts(row)
        for row in rows
    }


@settings(deadline=None)
@given(items())
def test_the_values_are_those_of_the_data_set(item: Item) -> None:
    assert everything(ItemValues(item), ATTRIBUTES) == everything(DataSetValues(build_item(*item)), ATTRIBUTES)


@settings(deadline=None)
@given(items())
def test_the_values_stay_the_same(item: Item) -> None:
    values = ItemValues(item)
    assert everything(values, ATTRIBUTES) == everything(values, ATTRIBUTES)


KEYS = st.sampled_from(["", "*", "a*", "1", "?", "DX", "DX1", "20270101-", "10-11", "19000101", "2", "äB", "山*"])


def identifiers(rows: tuple[Attribute, ...], largest: int = 3) -> st.SearchStrategy[Dataset]:
    """Draw identifiers with values in their keys, in sequences too; some make no sense for their VR."""

    @st.composite
    def draw_keys(draw: st.DrawFn) -> Dataset:
        keys = Dataset()
        for row in draw(st.lists(st.sampled_from(rows), unique=True, max_size=largest)):
            nested = row.nested and draw(st.none() | identifiers(row.nested))
            keys[row.tag] = element(row, Sequence([nested] if nested else []) if row.vr == "SQ" else "")
            if row.vr != "SQ" and (row.vr != "US" or draw(st.booleans())):
                keys[row.tag]._value = draw(KEYS)  # as a device sends it: nothing is converted
        return keys

    return draw_keys()


@settings(deadline=None)
@given(items(), identifiers(ATTRIBUTES))
def test_a_query_finds_an_order_as_it_finds_its_data_set(item: Item, keys: Dataset) -> None:
    query = compile_query(keys)
    assert query.matches(ItemValues(item)) == query.matches(build_item(*item))


@pytest.mark.parametrize(
    ("keyword", "key", "found"),
    [
        pytest.param("Modality", "DX", True, id="the same"),
        pytest.param("Modality", "IO", False, id="another"),
        pytest.param("ScheduledStationAETitle", "B", True, id="second value"),
        pytest.param("ScheduledProcedureStepStartDate", "20270301-", True, id="range"),
        pytest.param("ScheduledProcedureStepStartDate", "20270302-", False, id="later"),
    ],
)
def test_a_key_decides(keyword: str, key: str, found: bool) -> None:
    step = ScheduledStep("DX", datetime(2027, 3, 1, 10), 0, station_ae_titles=("A", "B"))
    procedure = RequestedProcedure((step,))
    asked, keys = Dataset(), Dataset()
    setattr(asked, keyword, key)
    keys.ScheduledProcedureStepSequence = Sequence([asked])
    values = ItemValues(Item(Order("pms", "1", Patient("P", "Doe"), (procedure,)), procedure, step))
    assert compile_query(keys).matches(values) is found


NAMES = st.text("aÀb^= ß\u0301ﬃ?", max_size=8)


@settings(deadline=None, max_examples=500)
@given(NAMES, st.text("aÀB^=*? ß\u0301ﬃ", max_size=5))
def test_what_names_are_looked_up_by_loses_no_match(name: str, key: str) -> None:
    test = key_test("PN", [strip("PN", key)])
    if test is None or test(strip("PN", name)):
        assert name_index(name).startswith(name_prefix(strip("PN", key)))


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        pytest.param("Smith^J*", "smith^j", id="beginning"),
        pytest.param("SMITH^*", "smith", id="no given name counts too"),
        pytest.param("Müller^Jörg^^", "muller^jorg", id="folded, empty components left out"),
        pytest.param("Yam?da*=山*", "yam", id="first group"),
        pytest.param("=山田", "", id="second group only"),
        pytest.param("*smith", "", id="end"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_the_prefix_of_a_name(key: str, prefix: str) -> None:
    assert name_prefix(key) == prefix
