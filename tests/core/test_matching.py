"""Matching after PS3.4 C.2.2.2 and K.2.2.1: each rule with a case that it finds and a neighbour that it does not."""

import time
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from dicom_gateway.core.attributes import ATTRIBUTES, WORKLIST, build_item
from dicom_gateway.core.matching import Narrowing, answer, compile_query, default_hidden, matches, narrowing
from dicom_gateway.core.model import Code, Order, OtherPatientID, Patient, RequestedProcedure, ScheduledStep

STEP_FIELDS = set(ScheduledStep.__slots__)
PATIENT_FIELDS = set(Patient.__slots__)
STEP = ScheduledStep("DX", datetime(2026, 7, 5, 22, 30), 0, id="S1", station_ae_titles=("CT1",), performer="Roe^Ann")
PATIENT = Patient("12", "Smith^John", birth_date=date(1990, 2, 3))
PROCEDURE = RequestedProcedure((STEP,), id="R1", study_instance_uid="1.2.3")
ORDER = Order("pms", "1", PATIENT, (PROCEDURE,), accession_number="ACC1")


def item(**changes: object) -> Dataset:
    """Build the worklist item of ORDER with `changes` to whatever has a field of that name."""
    step = STEP.evolve(**{name: value for name, value in changes.items() if name in STEP_FIELDS})
    patient = PATIENT.evolve(
        **{n: v for n, v in changes.items() if n in PATIENT_FIELDS and n not in STEP_FIELDS | {"id"}}
    )
    if "patient_id" in changes:
        patient = patient.evolve(id=changes["patient_id"])
    names = {"code", "study_instance_uid"} & changes.keys()
    procedure = PROCEDURE.evolve(**{name: changes[name] for name in names})
    order = ORDER.evolve(
        patient=patient, **{n: changes[n] for n in {"accession_number", "admission_id"} & changes.keys()}
    )
    return build_item(order, procedure, step)


def dataset(**keys: object) -> Dataset:
    """Return a data set of raw values as a device sends them: nothing is validated."""
    made = Dataset()
    for keyword, value in keys.items():
        tag = Tag(tag_for_keyword(keyword))
        value = Sequence(value) if dictionary_VR(tag) == "SQ" else value
        made[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE)
    return made


def step_key(**keys: object) -> Dataset:
    return dataset(ScheduledProcedureStepSequence=[dataset(**keys)])


def start_key(day: str | None, time_of_day: str | None) -> Dataset:
    keys = {"ScheduledProcedureStepStartDate": day, "ScheduledProcedureStepStartTime": time_of_day}
    return step_key(**{keyword: value for keyword, value in keys.items() if value is not None})


def start(text: str) -> Dataset:
    return item(start=datetime.fromisoformat(text))


# --- single values, wildcards, padding -------------------------------------------------------------------------------

TEXTS = [  # keyword, key, item's value, found
    ("ScheduledStationAETitle", "CT1 ", "CT1", True),
    ("ScheduledStationAETitle", " CT1", "CT1", True),
    ("ScheduledStationAETitle", "CT1", "CT1 ", True),
    ("ScheduledStationAETitle", "CT1\0", "CT1", True),
    ("ScheduledStationAETitle", "ct1", "CT1", False),
    ("ScheduledStationAETitle", "CT", "CT1", False),
    ("ScheduledStationAETitle", "CT11", "CT1", False),
    ("ScheduledStationAETitle", "CT*", "CT1", True),
    ("ScheduledStationAETitle", "MR*", "CT1", False),
    ("ScheduledStationAETitle", ["MR1", "CT1"], "CT1", True),
    ("ScheduledStationAETitle", ["MR1", "MR2"], "CT1", False),
    ("ScheduledStationAETitle", "B", ["A", "B"], True),
    ("ScheduledStationAETitle", "C", ["A", "B"], False),
    ("ScheduledStationAETitle", "A B", ["A", "B"], False),
    ("Modality", "DX", "DX", True),
    ("Modality", "dx", "DX", False),
    ("Modality", "D", "DX", False),
    ("Modality", "D?", "DX", True),
    ("Modality", "D??", "DX", False),
    ("Modality", ["IO", "DX"], "DX", True),
    ("Modality", ["IO", "PX"], "DX", False),
    ("Modality", ["IO", ""], "DX", False),
    ("PatientID", "12", "12", True),
    ("PatientID", "12", "123", False),
    ("PatientID", "123", "12", False),
    ("PatientID", "12*", "123", True),
    ("PatientID", "2*", "123", False),
    ("PatientID", "*", "123", True),
    ("PatientID", "**", "123", True),
    ("PatientID", "?*", "1", True),
    ("PatientID", "1.3", "123", False),
    ("PatientID", "[0-9]*", "123", False),
    ("PatientID", "1\n", "1", False),
    ("PatientID", "a*b*c", "a-xb-bc", True),
    ("PatientID", "a*b*c", "a-xc-cb", False),
    ("PatientID", "*ab*ab", "ab", False),
    ("PatientID", "*ab*ab", "abab", True),
    ("PatientID", "ab*ba", "aba", False),
    ("PatientID", "?", "é", True),
    ("PatientID", "müller", "MÜLLER", False),
    ("AccessionNumber", "ACC1 ", "ACC1", True),
    ("AccessionNumber", "CC1", "ACC1", False),
    ("AccessionNumber", '""', "ACC1", False),
    ("StudyInstanceUID", "1.2", "1.2", True),
    ("StudyInstanceUID", "1.2\0", "1.2", True),
    ("StudyInstanceUID", "1.2", "1.2.3", False),
    ("StudyInstanceUID", ["1.2", "1.3"], "1.2", True),
    ("StudyInstanceUID", ["1.2", "1.3"], "1.3", True),
    ("StudyInstanceUID", ["1.2", "1.3"], "1.2\\1.3".partition("\\")[0] + ".3", False),
    ("StudyInstanceUID", "1.2*", "1.2.3", False),
    ("StudyInstanceUID", "*", "1.2.3", True),
    ("CommentsOnTheScheduledProcedureStep", " a", "a", False),
    ("CommentsOnTheScheduledProcedureStep", "a ", "a", True),
    ("PregnancyStatus", 3, 3, True),
    ("PregnancyStatus", 2, 3, False),
    ("PregnancyStatus", 0, 3, True),
    ("PregnancyStatus", [0, 3], 3, True),
    ("PregnancyStatus", [0, 3], 2, False),
    ("PregnancyStatus", 0, None, True),
    ("PregnancyStatus", 4, None, False),
    ("PatientWeight", "31.50", "31.5", True),
    ("PatientWeight", "31", "31.5", False),
    ("PatientBirthDate", "19900203", "19900203", True),
    ("PatientBirthDate", "1990.02.03", "19900203", True),
    ("PatientBirthDate", "19900204", "19900203", False),
    ("PatientBirthDate", "199002", "19900203", False),
    ("PatientBirthDate", "19900201-19900205", "19900203", True),
    ("PatientBirthDate", "-19900202", "19900203", False),
    ("PatientBirthDate", "*", "19900203", True),
    ("PatientBirthDate", "1990*", "19900203", False),
]


def both(keyword: str, key: object, value: object) -> tuple[Dataset, Dataset]:
    """Return an identifier with `key` and an item with `value`, at the level where the keyword stands."""
    if any(row.keyword == keyword for row in WORKLIST.nested):
        return step_key(**{keyword: key}), step_key(**{keyword: value})
    return dataset(**{keyword: key}), dataset(**{keyword: value})


@pytest.mark.parametrize(("keyword", "key", "value", "found"), TEXTS)
def test_a_key_and_a_value(keyword: str, key: object, value: object, found: bool) -> None:
    assert matches(*both(keyword, key, value)) is found


@pytest.mark.parametrize(
    "row", [row for row in (*ATTRIBUTES, *WORKLIST.nested) if row.vr != "SQ"], ids=lambda r: r.keyword
)
def test_empty_and_star_find_every_value_and_none(row) -> None:
    values = {"DA": "20260101", "TM": "10", "US": 3, "DS": "1", "UI": "1.2", "PN": "A^B"}
    for value in (values.get(row.vr, "X"), None):
        for key in ("", "*") if row.vr != "US" else (None, 0):
            asked, found = both(row.keyword, key if row.vr != "DS" else "", value)
            if row.vr == "DS":  # pydicom takes no "*" here, a device may send it
                asked = raw(row.keyword, key.encode())
            assert matches(asked, found)


@pytest.mark.parametrize("key", ["SMITH", "S*", "**", "?*", "^A", "*^*"])
def test_an_unknown_value_is_found_by_universal_keys_only(key: str) -> None:
    unknown = item(performer="")
    assert not matches(step_key(ScheduledPerformingPhysicianName=key), unknown)
    assert matches(step_key(ScheduledPerformingPhysicianName=""), unknown)
    assert matches(step_key(ScheduledPerformingPhysicianName="*"), unknown)
    for empty_but_for_delimiters in ("^^^^", "=", "*^", "*=", "*^^=="):
        assert matches(step_key(ScheduledPerformingPhysicianName=empty_but_for_delimiters), unknown)
    for needs_a_value in ("=*", "*=*", "^*"):
        assert not matches(step_key(ScheduledPerformingPhysicianName=needs_a_value), unknown)


def test_a_step_without_station_is_not_shown_to_a_device_that_asks_by_its_title() -> None:
    assert not matches(step_key(ScheduledStationAETitle="CT1"), item(station_ae_titles=()))
    assert matches(step_key(ScheduledStationAETitle=""), item(station_ae_titles=()))


@pytest.mark.parametrize("blank", ["  ", "\0", " \0", ["", ""]])
def test_padding_alone_is_empty(blank: object) -> None:
    assert matches(dataset(PatientID=blank), item())


def test_a_costly_wildcard_costs_little() -> None:
    key, value = "*a" * 30 + "*b", "a" * 64
    begin = time.perf_counter()
    assert not matches(dataset(PatientID=key), item(patient_id=value))
    assert not matches(dataset(PatientName=key), item(name=value))
    assert time.perf_counter() - begin < 1


def test_a_wildcard_longer_than_any_value_finds_nothing_at_once() -> None:
    begin = time.perf_counter()
    query = compile_query(dataset(PatientID="*a" * 500_000))
    assert not query.matches(item(patient_id="a"))
    assert query.remarks == ("PatientID: cannot be read",)
    assert time.perf_counter() - begin < 1


# --- person names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "name", "found"),
    [
        ("muller", "Müller", True),
        ("MÜLLER", "muller", True),
        ("mueller", "Müller", False),
        ("strasse", "Straße", True),
        ("Smith^John", "SMITH^JOHN", True),
        ("Smith^John^^^", "Smith^John", True),
        ("Smith^John", "Smith^John^^^", True),
        ("Smith", "Smith^John", False),
        ("Smith^John", "Smith", False),
        ("John^Smith", "Smith^John", False),
        ("Smith ^ John ", "Smith^John", True),
        ("Smit", "Smith", False),
        ("SMI*", "Smith^John", True),
        ("mül*", "MULLER^Eva", True),
        ("*john", "Smith^John", True),
        ("*john", "Smith^Johnny", False),
        ("Smith^*", "Smith", True),
        ("Smith^*", "Smithers", False),
        ("Smith^?*", "Smith", False),
        ("Smith?", "Smith", False),
        ("Smith?John", "Smith^John", True),
        ("Sm?th*", "Smith^John", True),
        ("Sm?th*", "Smeeth^John", False),
        ("M?ller", "Müller", True),
        ("Smith*", "Yamada^Taro=Smith^X", False),
        ("Yamada^Taro", "Yamada^Taro=山田^太郎", True),
        ("=山田^太郎", "Yamada^Taro=山田^太郎", True),
        ("=山田*", "Yamada^Taro=山田^太郎", True),
        ("=山?^太郎", "Yamada^Taro=山田^太郎", True),
        ("=山本*", "Yamada^Taro=山田^太郎", False),
        ("山田*", "Yamada^Taro=山田^太郎", False),
        ("Yamada*=鈴木*", "Yamada^Taro=山田^太郎", False),
        ("*=*", "Yamada^Taro=山田^太郎", True),
        ("*=*", "Yamada^Taro", False),
        ("*=*", "Kim==김", False),
        ("Ya*Taro", "Yamada=Taro", False),
        ("=カ", "Ga=ガ", False),
        ("==김", "Kim==김", True),
        ("==?", "Kim==김", True),
        ("^^^^", "Smith^John", True),
        ("=", "Smith^John", True),
        ("^John", "^John", True),
        ("^John", "John", False),
        ("Smith*", "Smith\uff0aJones", True),
        ("Smi\uff0a", "Smith", False),
    ],
)
def test_person_names(key: str, name: str, found: bool) -> None:
    assert matches(dataset(PatientName=key), item(name=name)) is found


def test_other_texts_are_compared_with_case_and_accents() -> None:
    key = step_key(ScheduledProcedureStepDescription="thorax")
    assert not matches(key, item(description="Thorax"))
    assert matches(key, item(description="thorax"))


# --- dates and times -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "time_of_day", "moment", "found"),
    [
        ("20260705", None, "2026-07-05T23:59:59", True),
        ("20260705", None, "2026-07-06T00:00", False),
        ("2026.07.05", None, "2026-07-05T10:00", True),
        ("20260705 ", "2230 ", "2026-07-05T22:30", True),
        (None, "2230", "2026-07-05T22:30", True),
        (None, "223000", "2026-07-05T22:30", True),
        (None, "22:30:00", "2026-07-05T22:30", True),
        (None, "223000.0000", "2026-07-05T22:30", True),
        (None, "2230", "2026-07-05T22:30:01", False),
        (None, "10", "2026-07-05T10:15", False),
        (None, "10", "2026-07-05T10:00", True),
        (None, "103060", "2026-07-05T10:31", False),
        ("20260701-20260705", None, "2026-07-05T23:00", True),
        ("20260701 - 20260705", None, "2026-07-05T23:00", True),
        ("20260701-20260704", None, "2026-07-05T00:00", False),
        ("20260705-", None, "2026-07-05T00:00", True),
        ("20260706-", None, "2026-07-05T23:59:59", False),
        ("-20260705", None, "2026-07-05T23:59:59", True),
        ("-20260704", None, "2026-07-05T00:00", False),
        ("20260707-20260701", None, "2026-07-05T00:00", False),
        ("-", None, "2026-07-05T00:00", True),
        ("20260701-20260705-20260709", None, "2026-07-05T00:00", False),
        (["20260704", "20260705"], None, "2026-07-05T00:00", True),
        (None, "1000-1800", "2026-07-05T18:00:59.999999", True),
        (None, "1000-1800", "2026-07-05T18:01", False),
        (None, "1000-1800", "2026-07-05T09:59:59.999999", False),
        (None, "-10", "2026-07-05T10:59:59.999999", True),
        (None, "-10", "2026-07-05T11:00", False),
        (None, "-100000.1", "2026-07-05T10:00:00.199999", True),
        (None, "-100000.1", "2026-07-05T10:00:00.2", False),
        (None, "9-10", "2026-07-05T10:00", False),  # one digit is no hour
        (None, "2200-0600", "2026-07-05T23:00", False),
        (None, "2200-0600", "2026-07-05T05:00", False),
        # both ranges of the same form: one period
        ("20260705-20260707", "1000-1800", "2026-07-06T03:00", True),
        ("20260705-20260707", "1000-1800", "2026-07-05T09:30", False),
        ("20260705-20260707", "1000-1800", "2026-07-05T10:00", True),
        ("20260705-20260707", "1000-1800", "2026-07-07T18:00:59", True),
        ("20260705-20260707", "1000-1800", "2026-07-07T18:01", False),
        ("20260705-20260706", "2200-0600", "2026-07-06T05:00", True),
        ("20260705-20260706", "2200-0600", "2026-07-06T07:00", False),
        ("20260705-20260705", "2200-0600", "2026-07-05T23:00", False),
        ("20260705-", "1000-", "2026-07-06T03:00", True),
        ("20260705-", "1000-", "2026-07-05T09:59", False),
        ("-20260705", "-1000", "2026-07-04T23:00", True),
        ("-20260705", "-1000", "2026-07-05T10:01", False),
        ("-20260705", "-235960", "2026-07-06T00:00", False),
        # forms that differ: the day and the time of day
        ("20260705", "1000-1800", "2026-07-05T12:00", True),
        ("20260705", "1000-1800", "2026-07-06T12:00", False),
        ("20260705", "1000-1800", "2026-07-05T09:00", False),
        ("20260705-20260707", "-1800", "2026-07-06T19:00", False),
        ("20260705-20260707", "-1800", "2026-07-07T17:00", True),
        ("20260705-20260707", "1000", "2026-07-06T10:00", True),
        ("20260705-20260707", "1000", "2026-07-06T11:00", False),
        ("20260705-", "-1000", "2026-07-06T12:00", False),
        ("20260705", "1000", "2026-07-05T10:00", True),
        ("20260705", "1000", "2026-07-05T10:01", False),
        ("20260705", "1000", "2026-07-05T10:00:30", False),
        ("20260705-20260707", "", "2026-07-05T03:00", True),
        ("20260705-20260707", "*", "2026-07-05T03:00", True),
        ("", "1000-1800", "2026-07-05T03:00", False),
        # no dates and no times
        ("abc", None, "2026-07-05T10:00", False),
        ("20260230", None, "2026-07-05T10:00", False),
        ("00000000", None, "2026-07-05T10:00", False),
        ("2026-07-05", None, "2026-07-05T10:00", False),
        ("20260701-abc", "1000-1800", "2026-07-05T12:00", False),
        (None, "2400", "2026-07-05T00:00", False),
        (None, "1060", "2026-07-05T11:00", False),
        (None, "100061", "2026-07-05T10:01:01", False),
    ],
)
def test_dates_and_times(day: object, time_of_day: object, moment: str, found: bool) -> None:
    assert matches(start_key(day, time_of_day), start(moment)) is found


def test_a_period_needs_a_date_and_a_time() -> None:
    key = start_key("20260705-20260707", "1000-1800")
    assert not matches(key, step_key(ScheduledProcedureStepStartDate="20260706"))
    assert not matches(key, step_key(ScheduledProcedureStepStartDate="20260706", ScheduledProcedureStepStartTime=""))
    assert not matches(key, step_key(ScheduledProcedureStepStartDate="x", ScheduledProcedureStepStartTime="10"))
    assert matches(key, step_key(ScheduledProcedureStepStartDate="20260706", ScheduledProcedureStepStartTime="10"))


NOON = datetime(2026, 7, 5, 12)
MOMENTS = st.integers(-3 * 24 * 60, 3 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
DAYS = MOMENTS.map(lambda moment: moment.strftime("%Y%m%d"))
TIMES = st.sampled_from(["00", "0600", "10", "1000", "101530", "1200", "18", "2359", "235959"])
FORMS = st.sampled_from(["a", "a-b", "a-", "-b", ""])


def write(form: str, low: str, high: str) -> str:
    return form.replace("a", low).replace("b", high)


def ends(text: str) -> list[datetime]:
    """Return the moments that a date or time covers, first and last, by filling up its digits."""
    form, first, last = ("%Y%m%d%H%M%S", "000000", "235959") if len(text) == 8 else ("%H%M%S", "0000", "5959")
    width = 14 if len(text) == 8 else 6
    return [datetime.strptime((text + fill[len(fill) - width + len(text) :]), form) for fill in (first, last)]


def expected(form_d: str, days: list[str], form_t: str, times: list[str], moment: datetime) -> bool:
    """Decide by walking: every rule of PS3.4 C.2.2.2.5 written out on datetimes, independent of the code."""
    day, clock = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    if form_d == form_t and "-" in form_d:
        after = "a" not in form_d or moment >= datetime.combine(ends(days[0])[0].date(), ends(times[0])[0].time())
        before = "b" not in form_d or moment <= datetime.combine(ends(days[1])[0].date(), ends(times[1])[1].time())
        return after and before
    day_fits = {
        "": True,
        "a": day == days[0],
        "a-b": days[0] <= day <= days[1],
        "a-": days[0] <= day,
        "-b": day <= days[1],
    }
    low, high = times[0].ljust(6, "0"), times[1] + "5959"[len(times[1]) - 2 :]
    time_fits = {
        "": True,
        "a": clock == low,
        "a-b": low <= clock <= high,
        "a-": low <= clock,
        "-b": clock <= high,
    }
    return day_fits[form_d] and time_fits[form_t]


@settings(max_examples=400, deadline=None)
@given(FORMS, st.lists(DAYS, min_size=2, max_size=2), FORMS, st.lists(TIMES, min_size=2, max_size=2), MOMENTS)
def test_ranges_agree_with_a_slow_oracle(
    form_d: str, days: list[str], form_t: str, times: list[str], moment: datetime
) -> None:
    key = start_key(write(form_d, *days), write(form_t, *times))
    assert matches(key, item(start=moment)) is expected(form_d, days, form_t, times, moment)


# --- sequences -------------------------------------------------------------------------------------------------------


def group_lengths_only() -> Dataset:
    key = Dataset()
    key.add_new(0x00400000, "UL", 10)
    return dataset(ScheduledProcedureStepSequence=[key])


def of_another_vr(tag: int, vr: str, value: object) -> Dataset:
    return Dataset({Tag(tag): DataElement(tag, vr, value)})


NO_KEYS = {
    "none": dataset(),
    "no item": dataset(ScheduledProcedureStepSequence=[]),
    "empty item": step_key(),
    "group lengths only": group_lengths_only(),
    "an empty text": of_another_vr(0x00400100, "LO", ""),
    "an empty sequence that should be a name": of_another_vr(0x00100010, "SQ", Sequence([])),
}


@pytest.mark.parametrize("key", NO_KEYS.values(), ids=NO_KEYS)
def test_a_sequence_without_keys_is_universal(key: Dataset) -> None:
    query = compile_query(key)
    assert query.matches(item())
    assert query.remarks == ()
    assert query.unsupported is False


def test_a_sequence_of_empty_keys_also_finds_an_item_without_the_sequence() -> None:
    empty = dataset(RequestedProcedureCodeSequence=[dataset(CodeValue="", CodingSchemeDesignator="")])
    assert matches(empty, item(code=None))
    asked = dataset(RequestedProcedureCodeSequence=[dataset(CodeValue="THX", CodingSchemeDesignator="")])
    assert not matches(asked, item(code=None))
    assert matches(asked, item(code=Code("THX", "99L")))
    assert not matches(asked, item(code=Code("ABD", "99L")))


def test_all_keys_must_match_within_one_item() -> None:
    two = item(other_ids=(OtherPatientID("1", issuer="A"), OtherPatientID("2", issuer="B")))
    assert matches(dataset(OtherPatientIDsSequence=[dataset(PatientID="2", IssuerOfPatientID="B")]), two)
    assert not matches(dataset(OtherPatientIDsSequence=[dataset(PatientID="1", IssuerOfPatientID="B")]), two)


def test_modality_of_one_step_and_date_of_another_is_no_match() -> None:
    steps = dataset(
        ScheduledProcedureStepSequence=[
            dataset(Modality="CT", ScheduledProcedureStepStartDate="20260705"),
            dataset(Modality="MR", ScheduledProcedureStepStartDate="20260706"),
        ]
    )
    assert not matches(step_key(Modality="CT", ScheduledProcedureStepStartDate="20260706"), steps)
    assert matches(step_key(Modality="MR", ScheduledProcedureStepStartDate="20260706"), steps)


def test_sequences_match_down_to_the_third_level() -> None:
    coded = item(protocol_codes=(Code("A", "99L"), Code("B", "99L")))
    assert matches(step_key(ScheduledProtocolCodeSequence=[dataset(CodeValue="B")]), coded)
    assert not matches(step_key(ScheduledProtocolCodeSequence=[dataset(CodeValue="C")]), coded)


def test_of_several_items_in_a_key_the_first_counts() -> None:
    key = dataset(ScheduledProcedureStepSequence=[dataset(Modality="DX"), dataset(Modality="MR")])
    query = compile_query(key)
    assert query.matches(item(modality="DX")) and not query.matches(item(modality="MR"))
    assert query.remarks == ("ScheduledProcedureStepSequence: several items, the first counts",)


def test_keys_at_the_wrong_level_are_not_read() -> None:
    assert matches(dataset(Modality="MR"), item(modality="DX"))
    assert matches(step_key(PatientID="99"), item(patient_id="12"))


def test_every_key_must_match() -> None:
    key = step_key(Modality="DX", ScheduledStationAETitle="CT1")
    key.PatientID = "12"
    assert matches(key, item())
    key.PatientID = "13"
    assert not matches(key, item())


# --- keys that never match on their value ----------------------------------------------------------------------------

IGNORED = {
    "SpecificCharacterSet": dataset(SpecificCharacterSet="ISO_IR 192"),
    "TimezoneOffsetFromUTC": dataset(TimezoneOffsetFromUTC="+0900"),
    "QueryRetrieveLevel": dataset(QueryRetrieveLevel="STUDY"),
    "unknown to the model": dataset(SliceThickness="3"),
    "in the model, without a source": dataset(RequestingService="CLINIC"),
    "in the model, without a source, a date": dataset(StudyDate="20200101"),
    "a sequence without a source": dataset(ReferencedStudySequence=[dataset(ReferencedSOPInstanceUID="1.9")]),
    "never a matching key": dataset(PertinentDocumentsSequence=[dataset(ReferencedSOPInstanceUID="1.9")]),
}


@pytest.mark.parametrize("key", IGNORED.values(), ids=IGNORED)
def test_the_value_of_this_key_is_ignored(key: Dataset) -> None:
    assert matches(key, item())


def private_and_group_length() -> Dataset:
    key = dataset(PatientID="12")
    key.private_block(0x0011, "VENDOR", create=True).add_new(0x01, "LO", "x")
    key.add_new(0x00100000, "UL", 10)
    return key


def test_private_keys_and_group_lengths_are_ignored() -> None:
    assert matches(private_and_group_length(), item())


# --- bad keys --------------------------------------------------------------------------------------------------------


def raw(keyword: str, value: bytes, vr: str | None = None) -> Dataset:
    tag = Tag(tag_for_keyword(keyword))
    return Dataset({tag: RawDataElement(tag, vr or dictionary_VR(tag), len(value), value, 0, False, True)})


def wrong_type() -> Dataset:
    made = Dataset()
    made[0x00400100] = DataElement(0x00400100, "LO", "x")
    return made


BAD = {
    "date": raw("PatientBirthDate", b"abc"),
    "number": raw("PatientWeight", b"x"),
    "number of two": raw("PatientSize", b"1,8"),
    "number as Python writes it": raw("PatientWeight", b"3_5"),
    "number that is none": raw("PatientWeight", b"nan"),
    "number beyond all": raw("PatientWeight", b"inf"),
    "status as text": dataset(PregnancyStatus="abc"),
    "sequence that is text": wrong_type(),
    "sequence of garbage": raw("ScheduledProcedureStepSequence", b"\x01\x02"),
    "value that is a sequence": Dataset(
        {Tag(0x00100020): DataElement(0x00100020, "SQ", Sequence([dataset(PatientID="1")]))}
    ),
}


@pytest.mark.parametrize("key", BAD.values(), ids=BAD)
def test_a_key_that_cannot_be_read_matches_nothing_and_fails_nothing(key: Dataset) -> None:
    known = item(weight_kg=3.5, size_m=1.8, pregnancy_status=2)
    query = compile_query(key)
    assert not query.matches(known)
    assert query.remarks and query.remarks[-1].endswith("cannot be read")
    assert query.answer(known)[1] is False
    assert query.narrowing == Narrowing()


def test_half_a_number_is_a_number() -> None:
    assert matches(raw("PregnancyStatus", b"\x02"), item(pregnancy_status=2))
    assert not matches(raw("PregnancyStatus", b"\x07"), item(pregnancy_status=2))


def test_raw_bytes_are_decoded_in_the_identifiers_character_set() -> None:
    key = Dataset()
    key.SpecificCharacterSet = "ISO_IR 192"
    for keyword, text in (("PatientName", "Müll*"), ("PatientID", "a/1 "), ("PatientBirthDate", "19900201-")):
        value = text.encode()
        tag = Tag(tag_for_keyword(keyword))
        key[tag] = RawDataElement(tag, None, len(value), value, 0, True, True)
    assert matches(key, item(name="MULLER^Eva", patient_id="a/1"))
    assert not matches(key, item(name="Maller^Eva", patient_id="a/1"))


def test_a_backslash_is_a_letter_in_a_comment_and_a_separator_in_a_name() -> None:
    comment = Dataset()
    comment[0x00400100] = DataElement(0x00400100, "SQ", Sequence([raw("CommentsOnTheScheduledProcedureStep", b"a\\b")]))
    assert matches(comment, step_key(CommentsOnTheScheduledProcedureStep="a\\b"))
    assert not matches(comment, step_key(CommentsOnTheScheduledProcedureStep="a"))
    assert matches(raw("PatientName", b"a\\b"), item(name="b"))


@pytest.mark.parametrize(("little", "value"), [(True, b"\x02\x00"), (False, b"\x00\x02")])
def test_a_raw_number_is_read_in_its_byte_order(little: bool, value: bytes) -> None:
    tag = Tag(tag_for_keyword("PregnancyStatus"))
    key = Dataset({tag: RawDataElement(tag, "US", 2, value, 0, False, little)})
    assert matches(key, item(pregnancy_status=2))
    assert not matches(key, item(pregnancy_status=3))


def test_an_identifier_as_read_from_the_wire() -> None:
    # implicit VR little endian, sequence of defined length, item with Modality "DX" and a date range
    inner = b"\x08\x00\x60\x00\x02\x00\x00\x00DX" + b"\x40\x00\x02\x00\x12\x00\x00\x0020260701-20260709 "
    wrapped = b"\xfe\xff\x00\xe0" + len(inner).to_bytes(4, "little") + inner
    wire = b"\x40\x00\x00\x01" + len(wrapped).to_bytes(4, "little") + wrapped
    key = read_dataset(DicomBytesIO(wire), is_implicit_VR=True, is_little_endian=True)
    assert matches(key, start("2026-07-05T10:00"))
    assert not matches(key, start("2026-07-10T10:00"))
    assert narrowing(key) == Narrowing(modality="DX", date_from="20260701", date_to="20260709")


TEXT_KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ATTRIBUTES), st.binary(max_size=24))
def test_no_value_makes_it_raise(row, value: bytes) -> None:
    key = raw(row.keyword, value)
    query = compile_query(key)
    query.matches(item(weight_kg=1.0, size_m=2.0))
    query.answer(item())
    assert isinstance(query.narrowing, Narrowing)


@settings(max_examples=200, deadline=None)
@given(TEXT_KEYS, st.sampled_from(["PatientName", "PatientID", "RequestedProcedurePriority"]))
def test_a_value_is_found_by_itself_unless_it_is_a_pattern(text: str, keyword: str) -> None:
    plain = "".join(c for c in text if c not in "*?\\=^").strip(" \0")
    key = dataset(**{keyword: plain})
    assert matches(key, dataset(**{keyword: plain}))
    if plain:
        assert not matches(key, dataset(**{keyword: plain + "x"}))


# --- what is unusual -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "remarks"),
    [
        (step_key(ScheduledStationAETitle="CT*"), ("ScheduledStationAETitle: wildcard",)),
        (dataset(PatientID="1?"), ("PatientID: wildcard",)),
        (dataset(PatientName="S*"), ()),
        (dataset(PatientID="*"), ()),
        (step_key(Modality=["DX", "IO"]), ("Modality: several values, any one is enough",)),
        (dataset(StudyInstanceUID=["1.2", "1.3"]), ()),
        (dataset(PatientBirthDate="abc"), ("PatientBirthDate: cannot be read",)),
    ],
)
def test_remarks_name_keys_and_no_values(key: Dataset, remarks: tuple[str, ...]) -> None:
    assert compile_query(key).remarks == remarks


# --- answers ---------------------------------------------------------------------------------------------------------


def test_an_answer_holds_what_was_asked_for_and_nothing_else() -> None:
    key = step_key(Modality="DX", ScheduledStationAETitle="")
    key.update(dataset(PatientName="S*", PatientSex="", StudyDate="20200101", SpecificCharacterSet="ISO_IR 100"))
    found = item(station_ae_titles=("CT1", "CT2"))

    given_back, unsupported = answer(key, found)

    assert {element.keyword for element in given_back} == {
        "PatientName",
        "PatientSex",
        "StudyDate",
        "ScheduledProcedureStepSequence",
    }
    assert given_back.PatientName == "Smith^John"
    assert (given_back.PatientSex, given_back.StudyDate) == ("", "")
    (step,) = given_back.ScheduledProcedureStepSequence
    assert {element.keyword for element in step} == {"Modality", "ScheduledStationAETitle"}
    assert step.Modality == "DX" and step.ScheduledStationAETitle == ["CT1", "CT2"]
    assert unsupported is False


@pytest.mark.parametrize(
    "key",
    [dataset(ScheduledProcedureStepSequence=[]), step_key(), group_lengths_only()],
    ids=["no item", "empty item", "group lengths only"],
)
def test_an_empty_sequence_key_gets_the_whole_item(key: Dataset) -> None:
    found = item(protocol_codes=(Code("A", "99L", "m"),))
    given_back, unsupported = answer(key, found)
    assert given_back.ScheduledProcedureStepSequence == found.ScheduledProcedureStepSequence
    assert len(given_back.ScheduledProcedureStepSequence[0]) == len(WORKLIST.nested)
    assert unsupported is False


def test_no_sequence_key_no_sequence() -> None:
    assert "ScheduledProcedureStepSequence" not in answer(dataset(PatientID="12"), item())[0]


def test_only_the_matching_items_of_a_sequence_come_back() -> None:
    two = item(other_ids=(OtherPatientID("1", issuer="A"), OtherPatientID("2")))
    key = dataset(OtherPatientIDsSequence=[dataset(PatientID="2", IssuerOfPatientID="")])
    (only,) = answer(key, two)[0].OtherPatientIDsSequence
    assert (only.PatientID, only.IssuerOfPatientID) == ("2", "")
    assert "TypeOfPatientID" not in only


def test_an_empty_alternative_of_a_code_comes_back_when_asked_for() -> None:
    key = dataset(RequestedProcedureCodeSequence=[dataset(CodeValue="", CodingSchemeVersion="")])
    (code,) = answer(key, item(code=Code("THX", "99L")))[0].RequestedProcedureCodeSequence
    assert (code.CodeValue, code.CodingSchemeVersion) == ("THX", "")
    assert len(answer(key, item(code=None))[0].RequestedProcedureCodeSequence) == 0


@pytest.mark.parametrize(
    ("key", "unsupported"),
    [
        (dataset(SliceThickness=""), True),
        (dataset(Modality=""), True),
        (step_key(SliceThickness=""), True),
        (private_and_group_length(), True),
        (dataset(RequestedProcedureCodeSequence=[dataset(SliceThickness="")]), True),
        (dataset(ReferencedStudySequence=[dataset(SliceThickness="")]), True),
        (dataset(InstitutionName=""), False),
        (dataset(SpecificCharacterSet="", TimezoneOffsetFromUTC="+0100", QueryRetrieveLevel="PATIENT"), False),
    ],
)
def test_a_key_that_the_model_does_not_have_is_left_out_and_reported(key: Dataset, unsupported: bool) -> None:
    given_back, reported = answer(key, item())
    assert reported is unsupported
    assert "SliceThickness" not in given_back and "QueryRetrieveLevel" not in given_back
    assert not any(element.tag.is_private or element.tag.element == 0 for element in given_back)


def test_a_group_length_alone_is_not_reported() -> None:
    key = Dataset()
    key.add_new(0x00100000, "UL", 10)
    assert answer(key, item()) == (Dataset(), False)


def test_changing_an_answer_leaves_the_item_alone() -> None:
    found = item()
    for key in (step_key(), step_key(Modality="")):
        given_back = answer(key, found)[0]
        given_back.ScheduledProcedureStepSequence[0].Modality = "XX"
        given_back.PatientName = "X"
    assert found.ScheduledProcedureStepSequence[0].Modality == "DX"
    assert found.PatientName == "Smith^John"


def test_one_query_answers_many_items_as_each_alone() -> None:
    key = step_key(Modality="DX")
    query = compile_query(key)
    for found in (item(), item(modality="MR"), item()):
        assert query.matches(found) is matches(key, found)
        assert query.answer(found) == answer(key, found)


# --- the default view ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "hidden"),
    [
        (dataset(), True),
        (step_key(Modality="DX"), True),
        (step_key(ScheduledProcedureStepStatus=""), True),
        (step_key(ScheduledProcedureStepStatus="  "), True),
        (dataset(ScheduledProcedureStepStatus="COMPLETED"), True),
        (step_key(ScheduledProcedureStepStatus="COMPLETED"), False),
        (step_key(ScheduledProcedureStepStatus="*"), False),
    ],
)
def test_ended_steps_are_hidden_unless_a_status_is_asked_for(key: Dataset, hidden: bool) -> None:
    assert default_hidden(key) is hidden


# --- narrowing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (dataset(), Narrowing()),
        (dataset(PatientID=" 12 "), Narrowing(patient_id="12")),
        (dataset(PatientID="1*"), Narrowing()),
        (dataset(PatientID="1?"), Narrowing()),
        (dataset(PatientID=["1", "2"]), Narrowing()),
        (dataset(PatientID=""), Narrowing()),
        (
            dataset(AccessionNumber="A", RequestedProcedureID="R"),
            Narrowing(accession_number="A", requested_procedure_id="R"),
        ),
        (dataset(StudyInstanceUID=["1.2", "1.3"]), Narrowing(study_instance_uids=("1.2", "1.3"))),
        (dataset(StudyInstanceUID=["1.2", "*"]), Narrowing()),
        (dataset(StudyInstanceUID=[f"1.{n}" for n in range(1_001)]), Narrowing()),
        (
            step_key(ScheduledStationAETitle="CT1 ", Modality="CT", ScheduledProcedureStepID="S"),
            Narrowing(station_ae_title="CT1", modality="CT", scheduled_procedure_step_id="S"),
        ),
        (step_key(Modality=["CT", "MR"]), Narrowing()),
        (dataset(Modality="CT"), Narrowing()),
        (start_key("20260705", None), Narrowing(date_from="20260705", date_to="20260705")),
        (start_key("2026.07.05-", "1000-"), Narrowing(date_from="20260705")),
        (start_key("-20260705", "1000-1800"), Narrowing(date_to="20260705")),
        (start_key("20260701-20260705", "1000-1800"), Narrowing(date_from="20260701", date_to="20260705")),
        (start_key(["20260701", "20260705"], None), Narrowing()),
        (start_key("abc", "1000"), Narrowing()),
        (start_key("-", ""), Narrowing()),
        (start_key("*", "1000-1800"), Narrowing()),
    ],
)
def test_narrowing(key: Dataset, expected: Narrowing) -> None:
    assert narrowing(key) == expected


def survives(found: Dataset, narrow: Narrowing) -> bool:
    """Say what a database with these conditions would keep."""
    (step,) = found.ScheduledProcedureStepSequence
    titles = step.ScheduledStationAETitle
    titles = [titles] if isinstance(titles, str) else list(titles)
    equal = [
        (narrow.modality, step.Modality),
        (narrow.patient_id, found.PatientID),
        (narrow.accession_number, found.AccessionNumber),
        (narrow.requested_procedure_id, found.RequestedProcedureID),
        (narrow.scheduled_procedure_step_id, step.ScheduledProcedureStepID),
    ]
    day = step.ScheduledProcedureStepStartDate
    return (
        all(wanted is None or wanted == stored for wanted, stored in equal)
        and (narrow.station_ae_title is None or narrow.station_ae_title in titles)
        and (not narrow.study_instance_uids or found.StudyInstanceUID in narrow.study_instance_uids)
        and (narrow.date_from is None or narrow.date_from <= day)
        and (narrow.date_to is None or day <= narrow.date_to)
    )


WORDS = st.sampled_from(["A", "B", "AB"])
ITEMS = st.builds(
    item,
    modality=WORDS,
    id=WORDS,
    station_ae_titles=st.lists(WORDS, max_size=2, unique=True).map(tuple),
    start=MOMENTS,
    patient_id=WORDS,
    accession_number=st.sampled_from(["", "A"]),
    study_instance_uid=st.sampled_from(["1.1", "1.2"]),
)
KEY_TEXTS = st.sampled_from(["", " ", "A", "A ", " B", "AB", "A*", "*", "?", "a", ["A", "B"], ["A", "*"], ["", "A"]])
KEY_DAYS = st.one_of(st.builds(write, FORMS, DAYS, DAYS), st.sampled_from(["*", "-", "abc"]))
KEY_TIMES = st.one_of(st.builds(write, FORMS, TIMES, TIMES), st.sampled_from(["*", "-", "x", "-235960", "235960-"]))
KEYS = st.builds(
    lambda root, step: dataset(**root, ScheduledProcedureStepSequence=[dataset(**step)]),
    st.fixed_dictionaries(
        {},
        optional={
            "PatientID": KEY_TEXTS,
            "AccessionNumber": KEY_TEXTS,
            "StudyInstanceUID": st.sampled_from(["", "*", "1.1", ["1.1", "1.2"], ["1.1", "*"]]),
        },
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "Modality": KEY_TEXTS,
            "ScheduledStationAETitle": KEY_TEXTS,
            "ScheduledProcedureStepID": KEY_TEXTS,
            "ScheduledProcedureStepStartDate": KEY_DAYS,
            "ScheduledProcedureStepStartTime": KEY_TIMES,
        },
    ),
)


@settings(max_examples=500, deadline=None)
@given(KEYS, ITEMS)
def test_narrowing_never_loses_what_matches_accepts(key: Dataset, found: Dataset) -> None:
    query = compile_query(key)
    assert survives(found, query.narrowing) or not query.matches(found)
