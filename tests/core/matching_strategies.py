"""Orders and worklist queries that hypothesis makes up: few values, so that they often meet, and awkward ones."""

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR

from dicom_gateway.core.attributes import ATTRIBUTES, WORKLIST, Attribute, build_item
from dicom_gateway.core.model import Code, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.core.worklist_values import Item
from tests.core import matching_oracle as oracle
from tests.core.matching_data import plain

STEP = WORKLIST.keyword

# --- orders ----------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["A", "B", "AB", "ab", "A B", "Ä", "12", "123", "x*y"])
MAYBE = st.one_of(st.just(""), WORDS)
NAMES = st.sampled_from(
    [
        "Smith^John",
        "SMITH",
        "Smith^^M",
        "Müller^Jürgen^^Dr.",
        "Straße^Änne",
        "Øre^Łucja",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "=山田",
        "Kim==김",
        "ΟΔΟΣ^Жанна",
    ]
)
NOON = datetime(2026, 7, 5, 12)
MOMENTS = st.integers(-3 * 24 * 4, 3 * 24 * 4).map(lambda quarters: NOON + timedelta(minutes=15 * quarters))
CODES = st.builds(Code, st.sampled_from(["T1", "T2"]), st.sampled_from(["99A", "99B"]), MAYBE)
STEPS = st.builds(
    ScheduledStep,
    st.sampled_from(["IO", "PX", "DX"]),
    MOMENTS,
    st.just(0),
    id=WORDS,
    station_ae_titles=st.lists(st.sampled_from(["ONE", "TWO", "one"]), max_size=3, unique=True).map(tuple),
    station_name=MAYBE,
    description=MAYBE,
    performer=st.one_of(st.just(""), NAMES),
    protocol_codes=st.lists(CODES, max_size=2).map(tuple),
    teeth=st.sampled_from([(), ("16",)]),
)
PATIENTS = st.builds(
    Patient,
    WORDS,
    NAMES,
    issuer=MAYBE,
    birth_date=st.sampled_from([None, date(1990, 2, 3), date(2020, 2, 29)]),
    sex=st.sampled_from(["", "F", "M"]),
    weight_kg=st.sampled_from([None, 31.5, 4.0]),
    species=MAYBE,
    neutered=st.sampled_from([None, True, False]),
    responsible_person=st.one_of(st.just(""), NAMES),
    other_ids=st.lists(st.builds(OtherPatientID, WORDS, issuer=MAYBE), max_size=2).map(tuple),
    allergies=st.lists(WORDS, max_size=2).map(tuple),
    pregnancy_status=st.sampled_from([None, 1, 4]),
)
PROCEDURES = st.builds(
    RequestedProcedure,
    st.just(()),
    id=MAYBE,
    code=st.none() | CODES,
    study_instance_uid=st.sampled_from(["1.1", "1.2", "1.23"]),
)
ORDERS = st.builds(Order, st.just("s"), st.just("1"), PATIENTS, st.just(()), accession_number=MAYBE)
ITEMS = st.builds(Item, ORDERS, PROCEDURES, STEPS)

# --- queries ---------------------------------------------------------------------------------------------------------

DAYS = MOMENTS.map(lambda moment: moment.strftime("%Y%m%d"))
OLD_DAYS = MOMENTS.map(lambda moment: moment.strftime("%Y.%m.%d"))
TIMES = st.sampled_from(
    ["00", "0600", "10", "1015", "101500", "10:15:00", "101500.00", "18", "2359", "235959", "235960"]
)
KEY_WORDS = st.sampled_from(
    ["", "*", " ", "**", "?", "A", "a", "A ", " A", "A*", "*B", "?B", "A?B", "?*?", "Ä", "?2", "12*", "1?", "x*y"]
    + ["A\\B", "A\\", "\\", "\\*", "ab\\12*", "X", "ONE", "TWO ", "ON?", "DX", "PX\\IO", "dx", "T1", "99*", "ALTERED"]
)
KEY_NAMES = st.sampled_from(
    [
        "",
        "*",
        "*^*",
        "*^",
        "**",
        "^^^",
        "=",
        "*=*",
        "*=",
        "=*",
        "==*",
        "^*",
        "?*",
        "smith",
        "SMITH^",
        "smith*",
        "Smith^*",
    ]
    + ["sm?th^john", "*john", "Smith^^M", "Smith^?", "muller*", "MÜLLER^JÜRGEN^^DR.", "mueller*", "Müller^Jürgen"]
    + ["strasse^anne", "STRASSE*", "Øre*", "ore*", "Łucja", "*łucja", "=山田*", "山田*", "=山?^太郎", "Yamada*=鈴木*"]
    + ["Yamada*=山田*", "==김", "==?", "οδος*", "*^жанна", "smith\\kim", " Smith ^ John ", "nobody", "?????"]
)


def ranged(of: st.SearchStrategy[str], odd: list[str]) -> st.SearchStrategy[str]:
    form = st.sampled_from(["{0}", "{0}-{1}", "{0}-", "-{0}", "{0} - {1}", "{0}\\{1}"])
    made = st.builds(lambda shape, low, high: shape.format(low, high), form, of, of)
    return made | st.sampled_from(["", "*", "-", "abc", "?", *odd])


KEYS_OF_VR: dict[str, st.SearchStrategy[str]] = {
    "PN": KEY_NAMES,
    "DA": ranged(DAYS | OLD_DAYS | st.just("19900203"), ["20260230", "202607", "2026*", "20260705-x", "-20260705-"]),
    "TM": ranged(TIMES, ["2400", "1060", "9", "2200-0600", "10-x", "101500.1234567", "1015.5"]),
    "DS": st.sampled_from(["", "*", "31.5", "31.50", "+3.15e1", "31", "4", "x", "1_0", "nan", "3\\4"]),
    "US": st.sampled_from(["", "0", "1", "4", "0\\1", "7"]),
    "UI": st.sampled_from(["", "*", "1.1", "1.2\0", "1.1\\1.2", "1.2*", "1.9", "\\1.23"]),
}


def keys_of(rows: tuple[Attribute, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Return queries with any few of the attributes, and some that are not of the worklist."""
    optional = {row.keyword: key_of(row) for row in rows}
    optional |= {name: KEY_WORDS for name in ("BodyPartExamined", "QueryRetrieveLevel")}
    names = st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: optional[name] for name in chosen}))


def key_of(row: Attribute) -> st.SearchStrategy[Any]:
    if row.vr == "SQ":
        return st.just([]) | st.lists(keys_of(row.nested), min_size=1, max_size=1)
    return KEYS_OF_VR.get(row.vr, KEY_WORDS)


STEP_KEYS = keys_of(WORKLIST.nested) | st.fixed_dictionaries(
    {}, optional={oracle.START_DATE: KEYS_OF_VR["DA"], oracle.START_TIME: KEYS_OF_VR["TM"], "Modality": KEY_WORDS}
)
QUERIES = st.builds(
    lambda root, step: {**root, **({} if step is None else {STEP: step})},
    keys_of(tuple(row for row in ATTRIBUTES if row is not WORKLIST)),
    st.none() | st.just([]) | st.lists(STEP_KEYS, min_size=1, max_size=1),
)

# --- queries made of an item's own values, so that they often nearly match -------------------------------------------

TEXT_TURNS = ["{0}", "{0} ", "{1}*", "*{2}", "?{3}", "*{3}", "{1}", "{0}?", "*", ""]
NAME_TURNS = [*TEXT_TURNS, "{0}^", "{0}^*", "{0}=", "*^{2}", "*=*", "{1}*=*", "=*", "==?*"]
PERIOD_TURNS = ["{0}", "{0}-", "-{0}", "{0}-{0}", "{4}-{0}", "{0}-{5}", "{5}-{0}", ""]
TURNS_OF_VR = {
    "PN": NAME_TURNS,
    "DA": PERIOD_TURNS,
    "TM": [*PERIOD_TURNS, "-{0}.000000"],
    "US": ["{0}"],
    "UI": ["{0}", "9.9\\{0}", ""],
}
ENDS = {"DA": ("20260701", "20260710"), "TM": ("00", "2359")}


@st.composite
def like(draw: st.DrawFn, values: dict[str, Any]) -> dict[str, Any]:
    """Return keys made of a few of the values of an item, or of an item of one of its sequences."""
    known = sorted(name for name, found in values.items() if found)
    dated = [name for name in (oracle.START_DATE, oracle.START_TIME) if name in known]
    chosen = draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else []
    keys: dict[str, Any] = {"0010,0000": ""} if draw(st.booleans()) else {}
    for name in {*chosen, *(dated if draw(st.booleans()) else [])}:
        one = draw(st.sampled_from(values[name]))
        keys[name] = [draw(like(one))] if isinstance(one, dict) else turned(draw, dictionary_VR(name), one)
    return keys


def turned(draw: st.DrawFn, vr: str, text: str) -> str:
    turn = draw(st.sampled_from(TURNS_OF_VR.get(vr, TEXT_TURNS)))
    return turn.format(text, text[:1], text[-1:], text[1:], *ENDS.get(vr, ("", "")))


@st.composite
def items_with_queries(draw: st.DrawFn) -> tuple[dict[str, Any], Item]:
    """Return an item, and keys made of its own values."""
    item = draw(ITEMS)
    values = plain(build_item(*item))
    keys = draw(like(values))
    return {**keys, STEP: [draw(like(values[STEP][0]))]}, item
