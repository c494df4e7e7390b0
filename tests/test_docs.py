"""What a user can type, call or read is documented: commands, metrics, events, envelope keys."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dicom_gateway.cli.root import cli
from dicom_gateway.core.completion import Evidence
from dicom_gateway.core.envelope import Event, EventType, StudyFacts, describe_instance, envelope
from dicom_gateway.core.model import InstanceHeader, Study
from dicom_gateway.metrics import ASSOCIATION_EVENTS, HL7_EVENTS
from dicom_gateway.storage.delivery_lines import DeliveryStatus

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def part(page: str, name: str) -> str:
    """Return what stands between <!-- name --> and <!-- /name --> of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return text.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]


def first_cells(page: str, name: str) -> set[str]:
    """Return the code words of the first cell of each row of a table."""
    rows = [line.split("|")[1] for line in part(page, name).splitlines() if line.startswith("|")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{path}{name}", command


def test_every_command_and_option_is_documented() -> None:
    documented = first_cells("commands.md", "commands")
    by_name = {re.split(r" [\[A-Z-]", line)[0]: line for line in documented}
    found = dict(commands(cli))
    assert by_name.keys() == found.keys()
    for name, command in found.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden and parameter.name != "help":
                assert parameter.opts[0] in by_name[name], f"{name} {parameter.opts[0]}"


def test_every_event_is_documented() -> None:
    assert first_cells("webhook.md", "events") >= {kind.value for kind in EventType}


def test_every_key_of_an_event_is_documented() -> None:
    facts = StudyFacts(Study("1.2"), [InstanceHeader("1.2.3", "1.2.4", "1.2", "1.2.5")])
    whole = envelope("evt_1", Event(EventType.STUDY_RECEIVED, 0, None, facts))
    assert first_cells("webhook.md", "envelope") == set(whole)
    text = part("webhook.md", "envelope")
    for key in (*whole["study"], *whole["series"][0], *whole["patient"]):
        assert f"`{key}`" in text, key
    assert first_cells("webhook.md", "instance") == set(describe_instance(facts.headers[0], None))


def test_every_evidence_is_documented() -> None:
    text = (DOCS / "webhook.md").read_text(encoding="utf-8")
    for evidence in Evidence:
        assert f"| `{evidence.value}` |" in text


def test_every_metric_is_documented() -> None:
    source = "".join((ROOT / "dicom_gateway" / name).read_text() for name in ("metrics.py", "readiness.py"))
    names = set(re.findall(r'"(dicom_gateway_[a-z0-9_]+)"', source))
    counters = set(re.findall(r'Counter\(\s*"(dicom_gateway_[a-z0-9_]+)"', source))
    assert counters
    expected = {f"{name}_total" if name in counters else name for name in names}
    assert {name for name in first_cells("operations.md", "metrics") if name.startswith("dicom_")} == expected


def test_every_event_of_an_association_is_documented_and_counted() -> None:
    rows = [line for line in part("operations.md", "association events").splitlines() if line.startswith("| `")]
    assert rows == [f"| `{event}` | {meaning} |" for event, meaning in ASSOCIATION_EVENTS.items()]
    sources = [ROOT / "dicom_gateway" / name for name in ("dicom/server.py", "upperlayer/server.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert set(re.findall(r'_count\("([^"]+)"\)', text)) <= set(ASSOCIATION_EVENTS)
    assert all(f'"{event}"' in text for event in ASSOCIATION_EVENTS)


def test_every_event_of_an_hl7_connection_is_documented_and_counted() -> None:
    rows = [line for line in part("operations.md", "hl7 events").splitlines() if line.startswith("| `")]
    assert rows == [f"| `{event}` | {meaning} |" for event, meaning in HL7_EVENTS.items()]
    text = (ROOT / "dicom_gateway" / "connectors" / "hl7" / "mllp.py").read_text(encoding="utf-8")
    counted = set(re.findall(r'(?:_count|_came_to_nothing)\("([^"]+)"', text))
    counted |= set(re.findall(r'_refuse\([^"]*"([^"]+)"', text))
    assert counted == set(HL7_EVENTS)


def test_delivery_statuses_are_what_the_command_offers() -> None:
    listing = dict(commands(cli))["deliveries list"]
    status = next(parameter for parameter in listing.params if parameter.name == "status")
    assert isinstance(status.type, click.Choice)
    assert set(status.type.choices) == {status.value for status in DeliveryStatus}


@pytest.mark.parametrize("page", sorted(path.name for path in [*DOCS.glob("*.md"), *ROOT.glob("*.md")]))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    path = DOCS / page if (DOCS / page).exists() else ROOT / page
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
