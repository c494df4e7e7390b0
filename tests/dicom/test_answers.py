"""An answer that is joined from kept elements is, byte for byte, what pydicom writes of the answer that core gives."""

import io
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pynetdicom.dsutils import encode as written_by_pydicom

from dicom_gateway.core.attributes import ATTRIBUTES, Attribute, build_item, element
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.model import Code, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.worklist_values import Item
from dicom_gateway.dicom.elements import ElementValues, encoded_answer
from dicom_gateway.dicom.worklist import with_character_set

ALPHABETS = {"": "aZ 9-", "ISO_IR 100": "aZ 9-äéß", "ISO_IR 192": "aZ 9-äß€Дя山田"}
SYNTAXES = pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "implicit"])
CHARACTER_SETS = pytest.mark.parametrize("character_set", ALPHABETS, ids=lambda term: term or "ASCII")


@st.composite
def items(draw: st.DrawFn, alphabet: str = ALPHABETS["ISO_IR 192"]) -> Item:
    """Draw orders with text of one alphabet."""
    words = st.text(alphabet, max_size=12).map(str.strip)
    step = ScheduledStep(
        modality="DX",
        start=datetime(2030, 1, 7, 10, 15),
        start_utc=0,
        station_ae_titles=tuple(draw(st.lists(st.sampled_from(["DX1", "DX22"]), max_size=3))),
        description=draw(words),
        protocol_codes=tuple(Code("X", "99L", meaning) for meaning in draw(st.lists(words, max_size=2))),
        teeth=tuple(draw(st.lists(st.sampled_from(["36", "11"]), max_size=2))),
    )
    procedure = RequestedProcedure((step,), code=Code("THX", "99L", draw(words)), study_instance_uid="1.2.3")
    patient = Patient(
        "P1",
        f"{draw(words)}^{draw(words)}={draw(words)}",
        weight_kg=draw(st.none() | st.just(31.5)),
        pregnancy_status=draw(st.none() | st.just(4)),
        medical_alerts=tuple(draw(st.lists(words, max_size=2))),
        other_ids=tuple(
            OtherPatientID(number, "microchip", draw(words))
            for number in draw(st.sampled_from([(), ("1", "2"), ("1",)]))
        ),
    )
    return Item(Order("pms", "1", patient, (procedure,)), procedure, step)


def identifiers(rows: tuple[Attribute, ...] = ATTRIBUTES) -> st.SearchStrategy[Dataset]:
    """Draw identifiers: any attributes; a sequence as a whole, or with keys of its own, one of which may have a
    value that only some items of the sequence match."""

    @st.composite
    def draw_keys(draw: st.DrawFn) -> Dataset:
        keys = Dataset()
        for row in draw(st.lists(st.sampled_from(rows), unique=True, max_size=12)):
            if row.vr == "SQ":
                nested = draw(st.none() | st.builds(Dataset) | identifiers(row.nested))
                keys[row.tag] = element(row, Sequence([] if nested is None else [nested]))
            else:
                narrows = row.keyword in ("PatientID", "CodeValue") and draw(st.booleans())
                keys[row.tag] = element(row, draw(st.sampled_from(["1", "X", "P1", "?"])) if narrows else "")
        return keys

    return draw_keys()


def expected(keys: Dataset, item: Item, explicit: bool) -> bytes:
    """Return what pydicom writes of the answer, its character set the smallest that carries the text."""
    answer = with_character_set(compile_query(keys).answer(build_item(*item))[0])
    written = written_by_pydicom(answer, is_implicit_vr=not explicit, is_little_endian=True)
    assert written is not None
    return written


@SYNTAXES
@settings(deadline=None)
@given(item=items(), keys=identifiers())
def test_the_bytes_are_those_that_pydicom_writes(explicit: bool, item: Item, keys: Dataset) -> None:
    assert encoded_answer(compile_query(keys).root, ElementValues(item), explicit) == expected(keys, item, explicit)


@SYNTAXES
@settings(deadline=None)
@given(item=items())
def test_every_attribute_can_be_asked_for(explicit: bool, item: Item) -> None:
    keys = Dataset({row.tag: element(row, Sequence() if row.vr == "SQ" else "") for row in ATTRIBUTES})
    assert encoded_answer(compile_query(keys).root, ElementValues(item), explicit) == expected(keys, item, explicit)


@SYNTAXES
@CHARACTER_SETS
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_what_is_kept_of_other_queries_changes_no_answer(
    explicit: bool, character_set: str, data: st.DataObject
) -> None:
    """The same item, asked by several queries and in both transfer syntaxes."""
    item = data.draw(items(ALPHABETS[character_set]))
    kept = ElementValues(item)
    for keys in data.draw(st.lists(identifiers(), min_size=2, max_size=4)):
        asked = compile_query(keys).root
        encoded_answer(asked, kept, not explicit)
        for _ in range(2):
            assert encoded_answer(asked, kept, explicit) == encoded_answer(asked, ElementValues(item), explicit)
            assert encoded_answer(asked, kept, explicit) == expected(keys, item, explicit)


@CHARACTER_SETS
def test_only_text_that_is_asked_for_counts_for_the_character_set(character_set: str) -> None:
    step = ScheduledStep("DX", datetime(2030, 1, 7), 0)
    procedure = RequestedProcedure((step,), description="Schädel")
    name = {"": "Doe^Rex", "ISO_IR 100": "Müller^Jürgen", "ISO_IR 192": "山田^太郎"}[character_set]
    kept = ElementValues(Item(Order("pms", "1", Patient("P1", name), (procedure,)), procedure, step))
    for keyword, term in (
        ("PatientName", character_set),
        ("PatientID", ""),
        ("RequestedProcedureDescription", "ISO_IR 100"),
    ):
        keys = Dataset()
        setattr(keys, keyword, "")
        answer = dcmread(io.BytesIO(encoded_answer(compile_query(keys).root, kept, explicit=True)), force=True)
        assert answer.get("SpecificCharacterSet", "") == term
        assert answer[keyword].value == {"PatientName": name, "PatientID": "P1"}.get(keyword, "Schädel")


def test_half_a_surrogate_pair_cannot_be_sent() -> None:
    step = ScheduledStep("DX", datetime(2030, 1, 7), 0, description="\ud83d")
    procedure = RequestedProcedure((step,))
    keys = Dataset()
    keys.RequestedProcedureDescription = ""
    values = ElementValues(Item(Order("pms", "1", Patient("P1", "Doe"), (procedure,)), procedure, step))
    with pytest.raises(UnicodeEncodeError):
        encoded_answer(compile_query(keys).root, values, explicit=True)
