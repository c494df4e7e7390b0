"""What the core refuses is said in plain words: each text that a form or a list can show has its row in the table."""

import ast
import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dicom_gateway.core.device_document import parse_device
from dicom_gateway.core.explain import OTHER_CALLED, UNKNOWN, WRONG_ADDRESS
from dicom_gateway.core.linking import LINKED, LinkReason
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.refusals import OTHER, WORDS
from dicom_gateway.core.users import check_name, check_password
from dicom_gateway.errors import InvalidDocument, InvalidValue
from dicom_gateway.web.examples import EXAMPLE_ORDER
from dicom_gateway.web.pages.language import Text, language
from dicom_gateway.web.pages.plain_words import TEXTS, plain
from tests.docs.pages import ROOT, read

ZONE = ZoneInfo("Europe/Berlin")
TODAY = datetime.date(2026, 11, 23)
NOT_FROM_FORMS = {"must be a JSON object", "must be a list", "must be text", "must be text that is Unicode"}
LONG = "x" * 1000

PATIENT: list[dict[str, Any]] = [
    {"id": ""}, {"id": LONG}, {"id": "a\tb"}, {"id": "a\\b"}, {"name": ""}, {"name": "a=b=c=d"}, {"name": LONG[:65]},
    {"name": "a^b^c^d^e^f"}, {"name": LONG}, {"birth_date": "yesterday"}, {"birth_date": "1700-01-01"},
    {"birth_date": "2027-01-01"}, {"sex": "X"}, {"weight_kg": -1}, {"weight_kg": 1e9}, {"weight_kg": "heavy"},
    {"size_m": "tall"}, {"nonsense": "1"},
]  # fmt: skip
STEP: list[dict[str, Any]] = [
    {"modality": "not a modality at all"}, {"modality": ""}, {"modality": "dx"}, {"start": ""}, {"start": "soon"},
    {"start": "3000-01-01"}, {"station_ae_titles": ["much too long for an AE title"]}, {"teeth": ["99"]},
    {"expected_instances": -1}, {"expected_instances": 1.5}, {"expected_instances": 10**9}, {"description": LONG},
]  # fmt: skip
ORDER: list[dict[str, Any]] = [
    {"placer_order_number": ""}, {"source": ""}, {"priority": "NOW"}, {"accession_number": "a\\b"}, {"procedures": []},
]  # fmt: skip
DEVICE: list[dict[str, Any]] = [
    {"ae_title": ""}, {"ae_title": LONG}, {"host": "not a host"}, {"port": -1}, {"port": 70000}, {"port": "x"},
    {"modalities": ["dx!"]}, {"allowed_from": ["here"]}, {"allowed_from": ["192.168.1.7/24"]},
    {"services": ["printing"]}, {"character_sets": ["latin"]}, {"station_names": [LONG]}, {"associations": 0},
    {"quiet_seconds": 0}, {"quiet_seconds": 10**9}, {"nonsense": "1"},
]  # fmt: skip


def of_orders() -> Iterator[dict[str, Any]]:
    whole: dict[str, Any] = EXAMPLE_ORDER
    procedure = whole["procedures"][0]
    yield from ({**whole, **changes} for changes in ORDER)
    yield from ({**whole, "patient": {**whole["patient"], **changes}} for changes in PATIENT)
    for changes in STEP:
        yield {**whole, "procedures": [{**procedure, "steps": [{**procedure["steps"][0], **changes}]}]}


def unknown(texts: set[str]) -> set[str]:
    """Return the texts that would be shown as they are."""
    return {text for text in texts if not isinstance(plain(text), Text)}


def said(error: InvalidDocument) -> set[str]:
    return {str(one) for one in error.errors}


@pytest.mark.parametrize("document", list(of_orders()))
def test_what_an_order_form_can_have_wrong(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse_order(document, ZONE, TODAY)
    assert unknown(said(refused.value)) == set()


@pytest.mark.parametrize("changes", DEVICE, ids=str)
def test_what_a_device_form_can_have_wrong(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse_device({"ae_title": "DX1", **changes})
    assert unknown(said(refused.value)) == set()


@pytest.mark.parametrize(
    ("name", "password"),
    [("", "a good password"), ("anna", "short"), ("anna", LONG), ("annaannaanna", "annaannaanna1"), ("anna", "a" * 12)],
)
def test_what_a_user_form_can_have_wrong(name: str, password: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_name(name)
        check_password(name, password)
    assert unknown({str(refused.value)}) == set()


def test_every_word_of_refusals() -> None:
    texts = {re.sub(r"\{expected\}", "'a', 'b' or 'c'", text) for text in {*WORDS.values(), OTHER}} - NOT_FROM_FORMS
    assert unknown({re.sub(r"\{.*?\}", "7", text) for text in texts}) == set()


def test_every_kind_of_alarm() -> None:
    table = read("docs/operations.md").split("<!-- alarms -->")[1].split("<!-- /alarms -->")[0]
    kinds = set(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE))
    assert len(kinds) > 10
    assert unknown(kinds) == set()


def test_every_reason_to_wait_or_to_refuse() -> None:
    reasons = {reason.value for reason in LinkReason if reason not in LINKED}
    assert unknown({*reasons, UNKNOWN, WRONG_ADDRESS, OTHER_CALLED}) == set()


REFUSALS = {"InvalidValue", "Conflict", "NotFound", "NotAllowed", "Unavailable", "IllegalTransition", "DamagedFile"}
FILLED_WITH = ("7", "'a'", "host", "pms x")  # in turn, for what an f-string fills in
NOT_SHOWN = {
    "the database has schema 7; this program knows 7: use a newer program": "the program does not start",
    "the database 7 cannot be prepared: 7": "the program does not start",
    "7 is not the name of an object": "names of objects are ours",
    "7: 7": "said of what is inside",
}


def said_in(node: ast.expr, filler: str) -> str:
    """Return the text of a literal, "" for one that is computed elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return "".join(said_in(part, filler) if isinstance(part, ast.Constant) else filler for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else ""


def refusals_of(path: Path) -> Iterator[ast.expr]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in REFUSALS and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
                yield node.args[0]


@pytest.mark.parametrize("folder", ["web/pages", "storage", "study", "core/orders.py", "core/status.py"])
def test_every_refusal_behind_the_page(folder: str) -> None:
    place = ROOT / "dicom_gateway" / folder
    found = [node for path in sorted(place.glob("*.py") if place.is_dir() else [place]) for node in refusals_of(path)]
    assert found
    left = [said_in(node, "7") for node in found if all(unknown({said_in(node, one)}) for one in FILLED_WITH)]
    assert [text for text in left if text not in NOT_SHOWN] == [], "plain_fields.py or plain_refusals.py needs a row"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("must have at most 64 characters", "This is too long: at most 64 characters."),
        ("must be 'fdi' or 'universal'", "Choose one of these: 'fdi' or 'universal'."),
        ("must be at most 300", "Enter a number up to 300."),
        (
            "device DX 100% is configured in gateway.toml; change it there",
            "The device DX 100% stands in the file gateway.toml of the gateway and can be changed there only.",
        ),
        ("no device DX1 was refused", "No device DX1 was refused."),
        ("no device DX1", "There is no device DX1."),
        ("100% of nothing known", "100% of nothing known"),
        (f"no device {LONG}", f"no device {LONG}"),
    ],
)
def test_how_it_reads(text: str, shown: str) -> None:
    assert language("en").say(plain(text)) == shown


@pytest.mark.parametrize(("pattern", "message"), TEXTS, ids=lambda value: getattr(value, "pattern", None))
def test_each_message_says_just_what_its_pattern_finds(pattern: re.Pattern[str], message: Text) -> None:
    assert set(re.findall(r"%\((\w+)\)s", message.message)) <= pattern.groupindex.keys()
