"""check: a PMS that is told nothing, alarms, steps that reach no device, links to nowhere, another gateway's port."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.settings_loading import load_settings
from tests.cli.test_check import Finding, findings, states
from tests.cli.tools import said
from tests.e2e.images import order_body
from tests.e2e.program import Program, free_port

SECRET = "whsec_" + "QUJD" * 8
PMS = '[[pms]]\nname = "inl"\nurl = "{}"\nsecret = "' + SECRET + '"\n{}\n'
HOUR = 3_600_000_000


@contextmanager
def inside(program: Program) -> Iterator[Gateway]:
    """The parts of a gateway, to let things happen in its database."""
    gateway = Gateway(load_settings(program.config))
    try:
        yield gateway
    finally:
        gateway.close()


def with_events(make: Callable[..., Program], count: int) -> Program:
    """Make a gateway whose PMS, which cannot be reached, has events to come."""
    made = make(PMS.format(f"http://127.0.0.1:{free_port()}/", ""))
    for number in range(count):
        order = json.loads(said(made, "orders", "add", text=json.dumps(order_body(f"A-{number}", f"P-{number}"))))
        said(made, "orders", "cancel", order["id"])
    return made


def about(found: dict[str, list[Finding]], check: str) -> list[Finding]:
    """Return the findings of a check but that a connection cannot be had."""
    return [one for one in found.get(check, []) if "connection refused" not in one["found"]]


def test_a_paused_pms_fails(program: Callable[..., Program]) -> None:
    made = with_events(program, 3)
    with inside(made) as gateway:
        gateway.outbox.pause("inl", clock(), "410 Gone: what the receiver wrote")
    found = findings(made, code=1)
    (paused,) = about(found, "PMS")
    assert (paused["check"], paused["state"]) == ("PMS inl", "failed")
    assert paused["found"].startswith("paused since 20")
    assert paused["found"].endswith(" (410 Gone), 3 events wait")
    assert paused["advice"] == "dicom-gateway deliveries retry --target inl"
    (alarms,) = found["alarms"]
    assert alarms["state"] == "warning"
    assert alarms["found"] == "1 stands: target paused"
    assert "dicom-gateway alarms list" in alarms["advice"]


def test_events_that_wait_for_long_or_were_given_up(program: Callable[..., Program]) -> None:
    made = with_events(program, 2)
    assert about(findings(made, code=1), "PMS") == []  # they have only come
    with inside(made) as gateway:
        (claimed,) = gateway.outbox.claim("me", clock(), HOUR, "inl", 1)
        gateway.outbox.finish(claimed, "me", clock(), False, "500 Internal Server Error", None)
    with closing(sqlite3.connect(made.data / "gateway.db")) as database:
        database.execute("UPDATE delivery SET created_at = created_at - ? WHERE status = 'pending'", (HOUR,))
        database.commit()
    late, parked = about(findings(made, code=1), "PMS")
    assert (late["state"], parked["state"]) == ("warning", "warning")
    assert late["found"].startswith("1 event waits, the oldest since 20")
    assert "pms test inl" in late["advice"]
    assert parked["found"] == "1 event given up after many tries"
    assert "deliveries list --status parked --target inl" in parked["advice"]


def test_no_alarm_stands(program: Callable[..., Program]) -> None:
    assert [(one["state"], one["found"]) for one in findings(program())["alarms"]] == [("ok", "none stands")]


STATIONS = [("MR", []), ("DX", ["DX7"]), ("DX", ["DX1"]), ("DX", ["DX7", "DX1"])]


@pytest.mark.parametrize(
    ("settings", "variables", "expected"),
    [
        ('[[device]]\nae_title = "DX1"\n', {}, "2 open steps reach no device: MR without a station, DX7 unknown"),
        ("", {}, "1 open step reaches no device: MR without a station"),
        ("", {"DICOM__UNKNOWN_DEVICES": "refuse"},
         "4 open steps reach no device: MR without a station, DX7 unknown, DX1 unknown, DX7 and DX1 unknown"),
    ],
    ids=["devices", "any device", "no device"],
)  # fmt: skip
def test_steps_that_reach_no_device(
    program: Callable[..., Program],
    settings: str,
    variables: dict[str, str],
    expected: str,
) -> None:
    made = program(settings, **variables)
    body = order_body()
    steps = [{"modality": modality, "station_ae_titles": named, "start": "2026-11-23"} for modality, named in STATIONS]
    body["procedures"][0]["steps"] = steps  # type: ignore[index]
    order = json.loads(said(made, "orders", "add", text=json.dumps(body)))
    (found,) = findings(made)["worklist"]
    assert (found["state"], found["found"]) == ("warning", expected)
    assert "[[device]]" in found["advice"]
    said(made, "orders", "cancel", order["id"])
    assert "worklist" not in findings(made)


@pytest.mark.parametrize(
    ("url", "thumbnails", "variables", "warned"),
    [
        ("https://pms.invalid/", "link", {}, True),
        ("https://pms.invalid/", "link", {"WEB__PUBLIC_URL": "https://gateway.example.org"}, False),
        ("https://pms.invalid/", "link", {"WEB__HOST": "192.168.1.20"}, False),
        ("https://pms.invalid/", "link", {"WEB__HOST": "0.0.0.0"}, True),
        ("https://pms.invalid/", "inline", {}, False),
        ("http://127.0.0.1:1/", "link", {}, False),
    ],
    ids=["elsewhere", "public_url", "an address", "every address", "inline", "here"],
)
def test_links_that_lead_nowhere(
    program: Callable[..., Program],
    url: str,
    thumbnails: str,
    variables: dict[str, str],
    warned: bool,
) -> None:
    made = program(PMS.format(url, f'thumbnails = "{thumbnails}"'), **variables)
    links = [one for one in findings(made, code=1)["PMS"] if "links begin with" in one["found"]]
    assert states(links) == (["warning"] if warned else [])
    assert all("web.public_url" in one["advice"] for one in links)


def test_a_port_that_another_gateway_has(gateway: Program, program: Callable[..., Program]) -> None:
    made = program(DICOM__PORT=str(gateway.dicom_port), WEB__PORT=str(gateway.web_port))
    found = findings(made, code=1)["port"]
    assert [one["found"] for one in found] == ["another gateway has it; this one is not running"] * 2
    assert states(found) == ["failed", "failed"]
    assert "DICOM_GATEWAY_DICOM__PORT" in found[0]["advice"]
