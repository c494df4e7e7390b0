"""docs/hl7.md shows the default map, the control table, the events, the ways of reading and the codes as they are."""

from pathlib import Path

import pytest

from dicom_gateway.connectors.hl7.errors import AE, AR, MEANINGS, Hl7Error
from dicom_gateway.connectors.hl7.maps import SHIPPED, load_map
from dicom_gateway.connectors.hl7.rules import KINDS, Rule
from tests.connectors.hl7.samples import SAMPLES

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "hl7.md"
SHOWN = ("ORM", "OMG", "OMI", "SIU")
NOT_RAISED = {"0", "202", "206"}
ALSO = {"100": "AE or AR", "205": "AR or AE"}  # AR for what is no message; AE for what contradicts what is stored


def _cell(rule: Rule) -> str:
    named = ", else ".join(f"`{source}`" for source in rule.sources)
    where = (
        f" where {rule.sources[0].segment}-{rule.where[0]} is one of {', '.join(sorted(rule.where[1]))}"
        if rule.where
        else ""
    )  # type: ignore[union-attr]  # noqa: E501
    after = f" after {', '.join(sorted(rule.after))}" if rule.after else ""
    kind = f" ({rule.id_type})" if rule.id_type else ""
    default = f", else {rule.default}" if rule.default else ""
    return f"{named}{where}{after}{kind}{default}".removeprefix(", else ") or "-"


def fields() -> list[str]:
    """Return the rows of the field table: a field of an order document, and where each message has it."""
    default = load_map()
    paths = list(dict.fromkeys(rule.path for rule in default.rules("")))
    rows = ["| Field | ORM^O01 | OMG^O19 | OMI^O23 | SIU | Read as |", "|---|---|---|---|---|---|"]
    for path in paths:
        of = [[rule for rule in default.rules(kind) if rule.path == path] for kind in SHOWN]
        cells = ["; ".join(map(_cell, rules)) for rules in of]
        cells = cells[:1] + ["same" if cell == cells[0] else cell for cell in cells[1:]]
        rows.append(f"| `{path}` | {' | '.join(cells)} | {of[0][0].kind} |")
    return rows


def control() -> list[str]:
    """Return the rows of the order control table."""
    pairs = (key.partition("_") for key in load_map().control)
    head = ["| ORC-1 | ORC-5 | The order becomes |", "|---|---|---|"]
    table = load_map().control
    return head + [f"| {code} | {status or '(empty)'} | {table[f'{code}_{status}']} |" for code, _, status in pairs]


def events() -> list[str]:
    """Return the rows of the table of events."""
    return ["| Event | What happens |", "|---|---|"] + [f"| {e} | {a} |" for e, a in load_map().events.items()]


def kinds() -> list[str]:
    """Return the rows of the ways of reading."""
    return ["| `as` | Reads |", "|---|---|"] + [f"| {name} | {meaning} |" for name, meaning in KINDS.items()]


def codes() -> list[str]:
    """Return the rows of the codes that answers have."""
    raised = [code for code in MEANINGS if code not in NOT_RAISED]
    return ["| Code | Answer | Meaning |", "|---|---|---|"] + [
        f"| {code} | {ALSO.get(code, Hl7Error('', code).ack)} | {MEANINGS[code]} |" for code in raised
    ]


TABLES = {"fields": fields, "control": control, "events": events, "kinds": kinds, "codes": codes}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_as_the_map_is(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0].splitlines()
    assert shown == TABLES[name]()


def test_every_shipped_map_and_sample_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in SHIPPED if f"`{name}`" not in text] == []
    assert [path.stem for path in SAMPLES.glob("*.hl7") if f"`{path.stem}`" not in text] == []


def test_the_codes_say_when_to_correct_and_when_to_give_up() -> None:
    assert {Hl7Error("", code).ack for code in MEANINGS if code.startswith("1")} == {AE}
    assert {Hl7Error("", code).ack for code in MEANINGS if code.startswith("2") and code != "207"} == {AR}
    assert Hl7Error("", "207").ack == AE
