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
from dicom_gateway.core.character_set_choice import choice_of
from dicom_gateway.core.character_sets import repertoire
from dicom_gateway.core.matching import Level, compile_query
from dicom_gateway.core.model import Code, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.transliteration import transliterated
from dicom_gateway.core.worklist_values import Item
from dicom_gateway.dicom.elements import AnswerWriter, ElementValues
from dicom_gateway.dicom.identifier import read_request
from dicom_gateway.dicom.worklist import with_character_set
from dicom_gateway.errors import RefusedObject

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


def encoded_answer(asked: Level, item: ElementValues, explicit: bool) -> bytes:
    """Return an answer to a device without a profile, whose query names no character set."""
    return AnswerWriter(explicit, choice_of((), ())).answer(asked, item)


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


def values_of(description: str, name: str = "Doe") -> ElementValues:
    step = ScheduledStep("DX", datetime(2030, 1, 7), 0, description=description)
    procedure = RequestedProcedure((step,))
    return ElementValues(Item(Order("pms", "1", Patient("P1", name), (procedure,)), procedure, step))


def asked_for(*keywords: str) -> Level:
    keys = Dataset()
    for keyword in keywords:
        setattr(keys, keyword, "")
    return compile_query(keys).root


LISTS = st.sampled_from(
    [
        (),
        ("ISO_IR 6",),
        ("ISO_IR 100",),
        ("ISO_IR 144", "ISO_IR 101"),
        ("ISO 2022 IR 13", "ISO 2022 IR 87", "ISO 2022 IR 159"),
        ("ISO 2022 IR 100", "ISO 2022 IR 149", "ISO 2022 IR 58"),
        ("GBK",),
        ("GB18030", "ISO_IR 100"),
        ("ISO_IR 192",),
    ]
)
TEXTS = st.text(
    st.characters(exclude_characters="\\\0=", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=9
)
GROUPS = st.lists(TEXTS | st.text("aé^山Жﾔ홍똠小", max_size=9), min_size=1, max_size=3)


@given(listed=LISTS, name=GROUPS.map("=".join).filter(len), description=TEXTS)
def test_an_answer_says_the_text_or_that_it_was_transliterated(
    listed: tuple[str, ...], name: str, description: str
) -> None:
    writer = AnswerWriter(True, choice_of(listed, ()))
    asked = asked_for("PatientName", "RequestedProcedureDescription")
    answer = writer.answer(asked, values_of(description, name))
    read, terms, remarks = read_request(io.BytesIO(answer), "1.2.840.10008.1.2.1")
    assert not remarks
    assert {term for term in terms if term} <= set(listed or ("ISO_IR 100", "ISO_IR 192"))
    written = repertoire(terms)
    for keyword, vr, sent in (("PatientName", "PN", name), ("RequestedProcedureDescription", "LO", description)):
        carried = all(map(written.carries, sent))
        said = sent if carried else transliterated(sent, vr, written.carries)
        assert str(read.get(keyword) or "").rstrip("= ") == said.rstrip("= ")
        assert (keyword in writer.transliterated) is not carried
        assert str(read.get(keyword)).count("?") <= sent.count("?")


def test_half_a_surrogate_pair_fails_no_query() -> None:
    writer = AnswerWriter(True, choice_of((), ()))
    answer = writer.answer(asked_for("RequestedProcedureDescription"), values_of("view \ud83d"))
    assert b"view _" in answer
    assert writer.transliterated == {"RequestedProcedureDescription"}


def test_what_is_refused_names_the_attribute_and_nothing_else() -> None:
    writer = AnswerWriter(True, choice_of(("ISO_IR 100",), ()), refuses=True)
    values = values_of("山田", "Müller")
    assert "Müller".encode("latin-1") in writer.answer(asked_for("PatientName"), values)
    with pytest.raises(
        RefusedObject, match=r"^cannot encode RequestedProcedureDescription in this device's sets$"
    ) as raised:
        writer.answer(asked_for("PatientName", "RequestedProcedureDescription"), values)
    assert raised.value.c_status == 0xC000
    assert not writer.transliterated


def test_an_answer_that_is_kept_is_of_one_profile_only() -> None:
    """Devices that read different sets ask for the same item, in turn."""
    values = values_of("Schädel", "Łukasz^Müller")
    asked = asked_for("PatientName", "RequestedProcedureDescription")
    choices = {
        ("ISO_IR 192",): "Łukasz^Müller".encode(),
        ("ISO_IR 101",): "Łukasz^Müller".encode("iso8859-2"),
        ("ISO_IR 100",): "Lukasz^Müller".encode("latin-1"),
        ("ISO_IR 6",): b"Lukasz^Muller",
        (): "Łukasz^Müller".encode(),
    }
    for _ in range(3):
        for listed, name in choices.items():
            answer = AnswerWriter(True, choice_of(listed, ())).answer(asked, values)
            assert name in answer
            assert ("".join(listed).encode() in answer) is (listed != ("ISO_IR 6",))


def test_what_is_kept_of_an_item_is_bounded_whatever_sets_are_named() -> None:
    values = values_of("Schädel")
    asked = asked_for("RequestedProcedureDescription")
    sets = [(f"ISO_IR {number}",) for number in (100, 101, 109, 110, 148, 203)]
    sets += [("", f"ISO 2022 IR {number}") for number in (100, 101, 109, 110, 148, 203)]
    for named in sets * 2:
        answer = AnswerWriter(True, choice_of((), named)).answer(asked, values)
        assert "\\".join(named).encode() in answer
        assert values.forms_kept <= 8
