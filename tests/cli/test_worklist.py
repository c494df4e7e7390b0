"""worklist shows what a device sees, and says when no device can see it."""

import json
from datetime import datetime
from typing import Any

import pytest

from tests.cli.tools import answer, run, said
from tests.e2e.images import order_body
from tests.e2e.program import Program, wait_for

STEP = "ScheduledProcedureStepSequence"


@pytest.fixture(scope="module")
def order(gateway: Program) -> dict[str, Any]:
    """An order for DX1, in the gateway."""
    return json.loads(said(gateway, "orders", "add", text=json.dumps(order_body())))  # type: ignore[no-any-return]


@pytest.fixture
def peer(gateway: Program) -> tuple[str, str]:
    """HOST and PORT of the gateway."""
    return "127.0.0.1", str(gateway.dicom_port)


def test_worklist_shows_what_the_device_finds(gateway: Program, peer: tuple[str, str], order: dict[str, Any]) -> None:
    shown = answer(gateway, "worklist", "--device", "DX1")
    keys = ["PatientName", "PatientID", f"{STEP}[0].ScheduledStationAETitle=DX1", f"{STEP}[0].ScheduledProcedureStepID"]
    found = answer(gateway, "find", "-W", "-aet", "DX1", *(part for key in keys for part in ("-k", key)), *peer)
    steps = [one[STEP][0]["ScheduledProcedureStepID"] for one in shown]
    assert steps == [one[STEP][0]["ScheduledProcedureStepID"] for one in found]
    assert order["procedures"][0]["steps"][0]["id"] in steps
    assert "2026-11-23 10:15\tDoe^Rex\t" in said(gateway, "worklist", "--device", "DX1", "--date", "2026-11-23")
    assert said(gateway, "worklist", "--device", "DX1", "--date", "20261123") != ""
    for day in ("2026-11-24", "20261124"):
        assert said(gateway, "worklist", "--device", "DX1", "--date", day) == ""
    of_today = answer(gateway, "worklist", "--device", "DX1", "--date", "today")
    today = f"{datetime.now():%Y%m%d}"
    assert {one[STEP][0]["ScheduledProcedureStepStartDate"] for one in of_today} <= {today}
    for command in (["worklist", "--device", "DX1"], ["orders", "list"]):
        told = said(gateway, *command, "--date", "23.11.2026", code=2)
        assert "a day is written YYYY-MM-DD, YYYYMMDD or today" in told


def test_worklist_of_a_device_that_nobody_configured(gateway: Program) -> None:
    nobody = run(gateway, "worklist", "--device", "FOO")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert nobody.stderr == "no device is named FOO, and no step names it as its station\n"
    body = order_body("A-9", "P-9")
    body["procedures"][0]["steps"][0]["station_ae_titles"] = ["FOO"]  # type: ignore[index]
    added = run(gateway, "orders", "add", text=json.dumps(body))
    assert added.stderr.startswith("1 open step reaches no device: FOO unknown; ")
    named = run(gateway, "worklist", "--device", "FOO")
    assert (named.returncode, named.stderr) == (0, "no device is named FOO\n")
    assert "\tDoe^Rex\t" in named.stdout
    strict = {**gateway.environment, "DICOM_GATEWAY_DICOM__UNKNOWN_DEVICES": "refuse"}
    held, gateway.environment = gateway.environment, strict
    try:
        assert "no device is named FOO: the gateway refuses it" in said(gateway, "worklist", "--device", "FOO", code=1)
    finally:
        gateway.environment = held


def test_explain_says_why_an_order_is_not_on_the_worklist(
    gateway: Program, peer: tuple[str, str], order: dict[str, Any]
) -> None:
    said(gateway, "find", "-W", "-aet", "CT1", "-k", f"{STEP}[0].Modality=CT", *peer)
    reason = "is not on it: asks for modality CT, the step is DX"
    for name in (order["id"], "A-1001", order["accession_number"]):
        wait_for(lambda name=name: reason in said(gateway, "worklist", "explain", name, "--device", "CT1"), what=reason)
    whole = answer(gateway, "worklist", "explain", "A-1001", "--device", "CT1")
    (step,) = whole["steps"]
    assert (whole["order_id"], step["why"], step["on_worklist"]) == (order["id"], "keys do not match", False)
    (query,) = step["queries"]
    assert [(key["key"], key["matched"], key["asked"], key["has"]) for key in query["keys"]] == [
        ("Modality", False, "CT", "DX")
    ]


def test_explain_says_when_an_order_was_served(gateway: Program, peer: tuple[str, str], order: dict[str, Any]) -> None:
    said(gateway, "find", "-W", "-aet", "DX7", "-k", "PatientName", *peer)
    words = "\n  is on it: served at 20"
    wait_for(lambda: words in said(gateway, "worklist", "explain", "A-1001", "--device", "DX7"), what=words)
    shown = json.loads(said(gateway, "orders", "show", order["id"]))
    served = shown["procedures"][0]["steps"][0]["served"]
    assert "DX7" in [one["ae_title"] for one in served]


def test_explain_of_what_is_not_there(gateway: Program, order: dict[str, Any]) -> None:
    told = said(gateway, "worklist", "explain", "NONE", "--device", "DX1", code=1)
    assert told == "no order has NONE as its id, placer order number or accession number\n"
    assert "Missing option '--device'" in said(gateway, "worklist", code=2)
    told = said(gateway, "worklist", "--date", "today", "explain", "A-1001", "--device", "DX1", code=2)
    assert "options of explain stand behind it" in told


def test_explain_wants_one_order(gateway: Program, order: dict[str, Any]) -> None:
    for source in ("one", "two"):
        body = order_body("A-20", "P-20") | {"source": source}
        said(gateway, "orders", "add", text=json.dumps(body))
    told = said(gateway, "worklist", "explain", "A-20", "--device", "DX1", code=1)
    assert told.startswith("several orders are called A-20: ")


def test_an_order_that_a_device_sees_is_added_without_a_word(gateway: Program) -> None:
    assert run(gateway, "orders", "add", text=json.dumps(order_body("A-10", "P-10"))).stderr == ""
