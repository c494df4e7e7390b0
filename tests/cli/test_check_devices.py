"""check: devices of the database, and those that stand in the file as well."""

import json
from collections.abc import Callable

import pytest

from dicom_gateway.core.devices import Device, Service
from dicom_gateway.storage.audit import Actor
from tests.cli.test_check import findings
from tests.cli.test_check_work import inside
from tests.cli.tools import said
from tests.e2e.images import order_body
from tests.e2e.program import Program, free_port

DX1 = '[[device]]\nae_title = "DX1"\nmodalities = ["DX"]\n'
ADMINISTRATOR = Actor("test")


def with_devices(make: Callable[..., Program], settings: str, *devices: Device) -> Program:
    """Make a gateway with devices in its file and in its database."""
    made = make(settings)
    said(made, "orders", "list")
    with inside(made) as gateway:
        gateway.migrate()
        for device in devices:
            gateway.device_store.add(device, ADMINISTRATOR)
    return made


def test_a_device_of_file_and_database_is_a_warning(program: Callable[..., Program]) -> None:
    made = with_devices(program, "", Device("DX1", port=9), Device("US1"))
    assert [one["state"] for one in findings(made)["device"]] == ["ok", "ok"]
    made.config.write_text(made.config.read_text() + DX1)
    found = [one for one in findings(made)["device"] if one["state"] != "ok"]
    assert [(one["check"], one["state"]) for one in found] == [("device DX1", "warning")]
    assert "the file's values hold" in found[0]["found"]
    assert found[0]["advice"] == "dicom-gateway devices remove DX1"


def test_a_device_of_the_database_is_called(program: Callable[..., Program]) -> None:
    made = with_devices(program, "", Device("PANO1", host="127.0.0.1", port=free_port()), Device("US1"))
    done = made.run("check", "--json", check=False)
    found = {one["check"]: one for one in json.loads(done.stdout) if one["check"].startswith("device ")}
    assert {name: one["state"] for name, one in found.items()} == {"device PANO1": "failed", "device US1": "ok"}
    assert "dicom-gateway echo" in found["device PANO1"]["advice"]


@pytest.mark.parametrize(
    ("device", "reaches"),
    [
        pytest.param(Device("DX7"), True, id="a device of the database"),
        pytest.param(Device("DX8"), False, id="another"),
        pytest.param(Device("DX7", services=frozenset({Service.STORAGE})), False, id="one without a worklist"),
    ],
)
def test_a_step_reaches_a_device_of_the_database(
    program: Callable[..., Program], device: Device, reaches: bool
) -> None:
    made = with_devices(program, "", device)
    body = order_body()
    body["procedures"][0]["steps"][0]["station_ae_titles"] = ["DX7"]  # type: ignore[index]
    said(made, "orders", "add", text=json.dumps(body))
    assert ("worklist" not in findings(made)) is reaches
