"""docs/hl7-results.md says what the templates and the tables say."""

import re
from pathlib import Path

import hl7
import pytest

from dicom_gateway.connectors.hl7.facts import LONGEST_THUMBNAIL, MOST_THUMBNAILS
from dicom_gateway.connectors.hl7.outgoing import compose
from dicom_gateway.connectors.hl7.sink import FEW_TRIES
from dicom_gateway.connectors.hl7.template import SHIPPED, load_template
from dicom_gateway.connectors.hl7.values import VALUES
from tests.connectors.hl7.events import HEADER, known

PAGE = (Path(__file__).parents[3] / "docs" / "hl7-results.md").read_text(encoding="utf-8")
WHERE = {
    "": "anywhere",
    "procedure": "within `procedure`",
    "step": "within `step`",
    "thumbnail": "within `thumbnail`",
}


def rows(name: str) -> list[list[str]]:
    """Return the cells of a table of the page, without its head."""
    table = PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]


def test_every_value_is_described() -> None:
    assert rows("values") == [[f"`{name}`", WHERE[one.scope], one.meaning] for name, one in VALUES.items()]


@pytest.mark.parametrize("number", range(len(SHIPPED)), ids=SHIPPED)
def test_every_event_is_described(number: int) -> None:
    template = load_template(SHIPPED[number])
    described = {row[0].strip("`"): row[1:3] + row[3 + number : 4 + number] for row in rows("events")}
    assert described.keys() == template.events.keys() - {"test"}
    for kind, (control, status, message) in described.items():
        sent, raw = compose(template, HEADER, known(kind))
        parsed = hl7.parse(raw.decode())
        assert (str(parsed["ORC.F1"]), str(parsed["ORC.F5"])) == (control, "CM" if status == "as it is" else status)
        assert "^".join(sent.split("^")[:2]) == message


def test_every_observation_is_described() -> None:
    for name in SHIPPED:
        found = re.findall(r"OBX\|\{number\}\|(\w+)\|([^|]+)\|", str(load_template(name).messages["result"].body))
        assert len(found) == 6
        assert all(f"| `{code}` | {kind} |" in PAGE for kind, code in found)


def test_figures() -> None:
    assert f"tried {FEW_TRIES} times" in PAGE
    assert f"over {LONGEST_THUMBNAIL:,} characters, or the {MOST_THUMBNAILS + 1}st" in PAGE


def test_the_example_is_a_template(tmp_path: Path) -> None:
    example = re.search(r"^```\n(version.*?)^```", PAGE, re.DOTALL | re.M)
    assert example
    path = tmp_path / "own.toml"
    path.write_text(example[1])
    raw = compose(load_template(str(path)), HEADER, known("order.completed"))[1].decode()
    assert raw.split("\r")[1:4] == ["PID|1||P-78^^^PIMS", "ORC|SC|A-1001|ACC1||CM", "ZXR|1|Y|TX2"]
