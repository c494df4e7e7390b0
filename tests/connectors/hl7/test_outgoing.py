"""Events as HL7: hl7apy finds every message of the shipped templates valid; fields, text, templates of one's own."""

from contextlib import suppress
from pathlib import Path

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from dicom_gateway.connectors.hl7.facts import AsSent
from dicom_gateway.connectors.hl7.outgoing import Header, compose, control_id
from dicom_gateway.connectors.hl7.template import SHIPPED, load_template
from dicom_gateway.core.model import Patient
from dicom_gateway.errors import SettingsError
from tests.connectors.hl7.events import CONTROL_ID, EVENT_ID, HEADER, ORDER, known

KINDS = [(name, kind) for name in SHIPPED for kind in load_template(name).events]
# hl7apy wants every alternative of the choice in ORM^O01 at once; anything else is an error of ours.
CHOICE = "Missing required child ORM_O01_CHOICE."


ONE = ORDER.evolve(procedures=ORDER.procedures[:1])


def text(kind: str, name: str = "orm", header: Header = HEADER, **changes: object) -> str:
    return compose(load_template(name), header, known(kind, **changes))[1].decode(header.codec)


def lines(kind: str, name: str = "orm", **changes: object) -> list[str]:
    return text(kind, name, **changes).split("\r")[1:-1]


def errors_of(message: str, folder: Path) -> list[str]:
    """Return the errors that hl7apy finds in a message."""
    report = folder / "report"
    parsed = parse_message(message, validation_level=VALIDATION_LEVEL.TOLERANT)
    with suppress(HL7apyException):
        parsed.validate(report_file=str(report))
    found = report.read_text() if report.exists() else ""
    return [line for line in found.splitlines() if line.startswith("Error") and CHOICE not in line]


@pytest.mark.parametrize(("name", "kind"), KINDS, ids=[f"{name}-{kind}" for name, kind in KINDS])
def test_every_message_is_valid(tmp_path: Path, name: str, kind: str) -> None:
    made = text(kind, name)
    assert errors_of(made, tmp_path) == []
    assert parse_message(made).msh.msh_10.value == CONTROL_ID


@pytest.mark.parametrize("name", SHIPPED)
def test_a_message_that_lacks_something_is_not_valid(tmp_path: Path, name: str) -> None:
    (error,) = errors_of(text("order.started", name, order=ONE).replace("TX2^Thorax^99P", ""), tmp_path)
    assert "OBR.OBR_4" in error


ORC = {
    "order.started": ("SC", "IP"),
    "order.completed": ("SC", "CM"),
    "order.discontinued": ("SC", "DC"),
    "order.canceled": ("SC", "CA"),
    "order.cancel_refused": ("UC", "CM"),
    "order.incomplete": ("SC", "IP"),
    "study.received": ("RE", "CM"),
    "study.updated": ("RE", "CM"),
}


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("kind", ORC)
def test_order_control_and_status(name: str, kind: str) -> None:
    parsed = hl7.parse(text(kind, name))
    assert (str(parsed["ORC.F1"]), str(parsed["ORC.F5"])) == ORC[kind]
    expected = "ORU" if kind.startswith("study") else {"orm": "ORM", "omg": "OMG", "omi": "OMI"}[name]
    assert str(parsed["MSH.F9.R1.C1"]) == expected


def test_a_status_message() -> None:
    assert text("order.completed").split("\r") == [
        r"MSH|^~\&|DICOM_GATEWAY||PIMS|Clinic\F\1|20270115090000+0100||ORM^O01|0123456789abcdef0123|P|2.3.1"
        "||||||UNICODE UTF-8",
        r"PID|1||P-78^^^PIMS||Groß \T\ Söhne^Rex||20190102|M",
        "ORC|SC|A-1001|ACC1||CM||||20270115090000+0100",
        "OBR|1|A-1001|ACC1|TX2^Thorax^99P||||||||||||||ACC1|RP1|S1||20270115090000+0100||DX",
        "ORC|SC|A-1001|ACC1||CM||||20270115090000+0100",
        "OBR|2|A-1001|ACC1|^Pelvis||||||||||||||ACC1|RP2|S2||20270115090000+0100||DX",
        "",
    ]


def test_a_result_is_of_the_procedure_of_its_study() -> None:
    assert lines("study.received") == [
        r"PID|1||P-78^^^PIMS||Groß \T\ Söhne^Rex||20190102|M",
        "ORC|RE|A-1001|ACC1||CM||||20270115090000+0100",
        "OBR|1|A-1001|ACC1|TX2^Thorax^99P|||20270115085900+0100|||||||||||ACC1|RP1|S1||20270115090000+0100||DX|R",
        "OBX|1|ST|113014^DICOM Study^DCM|1|1.2.3||||||O",
        "OBX|2|NM|IMAGES_RECEIVED^Images received^L|1|1||||||O",
        "OBX|3|NM|IMAGES_EXPECTED^Images expected^L|1|2||||||O",
        "OBX|4|ST|IMAGES_MISSING^What is missing^L|1|1 of 2 images (2 views)||||||O",
        "OBX|5|ST|STUDY_LINK^Link to the study^L|1|https://g.example/api/v1/studies/1.2.3||||||O",
        "OBX|6|ED|THUMBNAIL^Thumbnail, not for diagnosis^L|6|^IM^JPEG^Base64^QUJD||||||O",
    ]


def test_no_thumbnail_where_the_event_has_none_or_one_too_large() -> None:
    assert not [line for line in lines("study.received", instances=[]) if "|ED|" in line]
    for length, count in ((60_000, 1), (60_001, 0)):
        instances = [{"number": 1, "thumbnail": {"data": "A" * length}}]
        assert len([line for line in lines("study.received", instances=instances) if "|ED|" in line]) == count


def test_what_is_missing_is_told_while_the_order_waits() -> None:
    assert lines("order.incomplete")[3] == "NTE|1||1 of 2 images (2 views)"


def test_each_step_has_its_ipc() -> None:
    assert [line for line in lines("order.started", "omi") if line.startswith("IPC")] == [
        "IPC|ACC1|RP1|1.2.3|S1|DX|TL^Thorax lateral^99P|||DX1",
        "IPC|ACC1|RP2|1.2.4|S2|DX|TL^Thorax lateral^99P|||DX1",
        "IPC|ACC1|RP2|1.2.4|THE-LONG-ID-OF-A-STEP|DX|TL^Thorax lateral^99P|||DX1",
    ]


def test_numbers_go_back_as_they_were_sent() -> None:
    group = {"ORC-2": "A-1001^PIMS&1.2&ISO", "ORC-3": "", "OBR-2": "", "OBR-3": "F-7^DEPT"}
    sent = AsSent([group], {"PID-2": "78", "PID-3": "P-78^^^PIMS~9^^^CHIP"})
    assert lines("order.started", order=ONE, sent=sent)[:3] == [
        r"PID|1|78|P-78^^^PIMS~9^^^CHIP||Groß \T\ Söhne^Rex||20190102|M",
        "ORC|SC|A-1001^PIMS&1.2&ISO|ACC1||IP||||20270115090000+0100",
        "OBR|1|A-1001^PIMS&1.2&ISO|F-7^DEPT|TX2^Thorax^99P||||||||||||||ACC1|RP1|S1||20270115090000+0100||DX",
    ]


def test_of_several_groups_each_procedure_gets_its_own() -> None:
    sent = AsSent([{"ORC-2": "A-1001", "OBR-3": "F-1"}, {"ORC-2": "A-1001", "OBR-3": "F-2"}])
    found = [line.split("|")[3] for line in lines("order.started", sent=sent) if line.startswith("OBR")]
    assert found == ["F-1", "F-2"]


def test_long_ids_go_back_in_full() -> None:
    long = ORDER.evolve(original_accession_number="ACC-OF-24-CHARACTERS-000", filler_order_number="FILL-1")
    obr = lines("order.started", order=long)[2].split("|")
    assert (obr[3], obr[18]) == ("FILL-1", "ACC-OF-24-CHARACTERS-000")


NAMES = {
    "person": ("Doe^Jane^Q^Dr^Jr", "Doe^Jane^Q^Jr^Dr"),
    "owner and animal": ("Doe^Rex", "Doe^Rex"),
    "ideographic only": ("=山田^太郎=やまだ^たろう", "山田^太郎"),
    "separators": (r"A|B~C&D\E", r"A\F\B\R\C\T\D\E\E"),
    "line break": ("A\nB", r"A\.br\B"),
    "controls": ("A\x1cB\x0bC\rD", "A B C D"),
    "none": ("", ""),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.values(), ids=NAMES)
def test_names(name: str, expected: str) -> None:
    found = lines("order.started", order=ORDER.evolve(patient=Patient("1", name)))[0].split("|")
    assert (found + [""] * 3)[5] == expected


SETS = [
    ("8859/1", "iso8859-1", "Wagrowska-Groß"),
    ("8859/2", "iso8859-2", "Wągrowska-Groß"),
    ("ASCII", "ascii", "Wagrowska-Gross"),
]


@pytest.mark.parametrize(("name", "codec", "expected"), SETS, ids=[one[0] for one in SETS])
def test_what_a_character_set_lacks_is_written_in_latin_letters(name: str, codec: str, expected: str) -> None:
    order = ORDER.evolve(patient=Patient("1", "Wągrowska-Groß^Ab"))
    found = text("order.started", header=Header(HEADER.names, name, codec), order=order)
    assert f"|{expected}^Ab" in found
    assert found.split("\r")[0].endswith(f"|{name}")


def test_the_enhanced_mode_asks_for_both_answers() -> None:
    header = Header(HEADER.names, "UNICODE UTF-8", "utf-8", is_enhanced=True)
    msh = text("order.started", header=header).split("\r")[0].split("|")
    assert (msh[14], msh[15], msh[17]) == ("AL", "AL", "UNICODE UTF-8")


def test_a_try_is_the_same_bytes_as_the_one_before() -> None:
    assert text("study.received") == text("study.received")


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.3", CONTROL_ID), ("2.3.1", CONTROL_ID), ("2.5.1", CONTROL_ID), ("2.7", EVENT_ID), ("2.8.2", EVENT_ID)],
)
def test_the_control_id_is_the_event_id_as_far_as_it_fits(version: str, expected: str) -> None:
    assert control_id(EVENT_ID, version) == expected


def test_an_order_that_is_gone_is_still_told_of() -> None:
    made = known("order.completed")
    gone = type(made)(made.event, made.zone)
    found = compose(load_template("orm"), HEADER, gone)[1].decode().split("\r")
    assert found[1:4] == [
        "PID|1||P-78^^^PIMS",
        "ORC|SC|A-1001|ACC1||CM||||20270115090000+0100",
        "OBR|1|A-1001|ACC1|||||||||||||||ACC1||||20270115090000+0100",
    ]


OWN = """
version = "2.4"
[events]
"order.completed" = { message = "done", result = "ok" }
[messages.done]
type = "ZZZ^Z01"
segments = ["PID|||{pid_3}", { each = "procedure", segments = ["ZDN|{number}|{result}|{event_id}|{procedure_id}|x"] }]
"""


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    kind, raw = compose(load_template(str(path)), HEADER, known("order.completed"))
    assert kind == "ZZZ^Z01"
    assert raw.decode().split("\r")[2:] == [f"ZDN|1|ok|{EVENT_ID}|RP1|x", f"ZDN|2|ok|{EVENT_ID}|RP2|x", ""]


WRONG = {
    "not toml": (OWN.replace('"2.4"', "2.4.4"), "line 2"),
    "no version": (OWN.replace('version = "2.4"', ""), "version: right is"),
    "no HL7 version": (OWN.replace('"2.4"', '"3.0"'), "version: right is"),
    "another key": (OWN.replace("version", "verison"), "verison is not known"),
    "no such event": (OWN.replace("order.completed", "order.complete"), "there is no such event"),
    "no such message": (OWN.replace('"done"', '"dun"'), "message must name one of done"),
    "a word that is a value": (OWN.replace("result =", "event_id ="), "under a name"),
    "no type": (OWN.replace("ZZZ^Z01", "ZZZ"), "messages.done.type"),
    "no segments": (OWN.replace('segments = ["PID', 'segmentz = ["PID'), "segmentz is not known"),
    "no segment": (OWN.replace("PID|||", "PI|||"), "messages.done.segments[0]: right is"),
    "MSH": (OWN.replace("PID|||", "MSH|||"), "other than MSH"),
    "two lines": (OWN.replace("PID|||", "PID|||\\r"), "messages.done.segments[0]: right is"),
    "no such value": (OWN.replace("{pid_3}", "{pid_9}"), "{pid_9} is not known here"),
    "a value out of its place": (OWN.replace("{pid_3}", "{procedure_id}"), "{procedure_id} is not known here"),
    "no such repetition": (OWN.replace('"procedure"', '"order"'), "each: right is procedure"),
    "a repetition out of its place": (OWN.replace('"procedure"', '"step"'), "each: right is procedure"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_a_template_that_is_wrong_is_refused_with_the_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_template(str(path))
    assert str(caught.value).startswith(f"template {path}: ") and words in str(caught.value)


@pytest.mark.parametrize("name", ["orx", "none.toml"])
def test_no_such_template(name: str) -> None:
    with pytest.raises(SettingsError, match=f"template {name}"):
        load_template(name)
