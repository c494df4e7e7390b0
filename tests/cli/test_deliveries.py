"""deliveries show and retry beside a running gateway: what the API says, and why nothing is sent."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.tools import run, said
from tests.e2e.images import order_body, write_image
from tests.e2e.program import Program, wait_for
from tests.e2e.receiver import Receiver


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Program]:
    """A gateway that tells a PMS of everything, and of a study after a second."""
    running = Program(
        tmp_path_factory.mktemp("gateway"), receiver.settings, {"DICOM_GATEWAY_COMPLETION__QUIET_SECONDS": "1"}
    )
    running.start()
    yield running
    running.end()


@pytest.fixture(scope="module")
def event_id(gateway: Program, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The event study.received of an order with one image, delivered."""
    order = json.loads(said(gateway, "orders", "add", text=json.dumps(order_body(expected=1))))
    folder = tmp_path_factory.mktemp("images")
    write_image(folder, order["procedures"][0]["study_instance_uid"], "P-78", 1)
    said(gateway, "store", "-aet", "DX1", "127.0.0.1", str(gateway.dicom_port), str(folder))
    event: str = wait_for(lambda: receiver.of("study.received"), what="study.received")[0]["id"]
    wait_for(lambda: event in said(gateway, "deliveries", "list", "--status", "delivered"), what="delivered")
    return event


def test_an_event_is_shown_as_the_api_shows_it(gateway: Program, event_id: str) -> None:
    done = run(gateway, "deliveries", "show", event_id)
    shown = json.loads(done.stdout)
    assert shown == gateway.api("GET", f"/deliveries/{event_id}").json()
    assert shown["deliveries"][0]["status"] == "delivered"
    assert shown["envelope"]["instances"] == []
    assert done.stderr == "left out of the envelope: its instances (1)\n"


def test_a_delivered_event_is_not_sent_again(gateway: Program, event_id: str) -> None:
    told = f"{event_id}: already delivered to pms; nothing to send\n"
    assert said(gateway, "deliveries", "retry", event_id) == told
    assert said(gateway, "deliveries", "retry", event_id, "--target", "pms") == told


def test_an_event_of_which_nobody_is_told(tmp_path: Path) -> None:
    lonely = Program(tmp_path, "", {})
    order = json.loads(said(lonely, "orders", "add", text=json.dumps(order_body())))
    said(lonely, "orders", "cancel", order["id"])
    event = _only_event(lonely)
    told = f"{event}: there is no PMS that is told of it; nothing to send\n"
    assert said(lonely, "deliveries", "retry", event) == told


def _only_event(program: Program) -> str:
    with closing(sqlite3.connect(program.data / "gateway.db")) as database:
        ((event,),) = database.execute("SELECT id FROM event").fetchall()
    return str(event)
