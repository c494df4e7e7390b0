"""worklist shows what a device sees, and says when no device can see it."""

import json
from datetime import datetime
from typing import Any

import pytest

from tests.cli.tools import answer, run, said
from tests.e2e.images import order_body
from tests.e2e.program import Program

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
    assert nobody.stderr == "no [[device]] is named FOO, and no step names it as its station\n"
    body = order_body("A-9", "P-9")
    body["procedures"][0]["steps"][0]["station_ae_titles"] = ["FOO"]  # type: ignore[index]
    added = run(gateway, "orders", "add", text=json.dumps(body))
    assert added.stderr.startswith("1 open step reaches no device: FOO unknown; ")
    named = run(gateway, "worklist", "--device", "FOO")
    assert (named.returncode, named.stderr) == (0, "no [[device]] is named FOO\n")
    assert "\tDoe^Rex\t" in named.stdout
    strict = {**gateway.environment, "DICOM_GATEWAY_DICOM__UNKNOWN_DEVICES": "refuse"}
    held, gateway.environment = gateway.environment, strict
    try:
        assert "no [[device]] is named FOO: the gateway refuses it" in said(
            gateway, "worklist", "--device", "FOO", code=1
        )
    finally:
        gateway.environment = held


def test_an_order_that_a_device_sees_is_added_without_a_word(gateway: Program) -> None:
    assert run(gateway, "orders", "add", text=json.dumps(order_body("A-10", "P-10"))).stderr == ""
