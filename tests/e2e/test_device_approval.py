"""An unknown device on its way in: refused, listed, approved by a command or over the API, accepted; no restart."""

from collections.abc import Callable

import pytest

from tests.e2e.program import Program, wait_for
from tests.peers import dcmtk

DX1 = '[[device]]\nae_title = "DX1"\nmodalities = ["DX"]\n'


def echoes(gateway: Program, ae_title: str) -> bool:
    """Say whether a C-ECHO of that AE title is answered."""
    return dcmtk("echoscu", "-aet", ae_title, "127.0.0.1", str(gateway.dicom_port)).returncode == 0


def finds(gateway: Program, ae_title: str) -> bool:
    """Say whether that AE title may ask for the worklist."""
    keys = ("-W", "-k", "PatientName", "-aet", ae_title, "-aec", "PACS", "127.0.0.1", str(gateway.dicom_port))
    return dcmtk("findscu", *keys).returncode == 0


@pytest.fixture
def gateway(program: Callable[..., Program]) -> Program:
    """A gateway that refuses whom it does not know."""
    return program(DX1, DICOM_GATEWAY_DICOM__UNKNOWN_DEVICES="refuse")


def test_by_command(gateway: Program) -> None:
    assert not finds(gateway, "NEWPANO")
    (line,) = wait_for(lambda: gateway.inside("devices", "unknown").stdout.splitlines(), what="listed")
    cells = line.split("\t")
    assert cells[:5] == ["NEWPANO", "127.0.0.1", "PACS", "unknown device", "1"]
    assert cells[6:] == ["no", "Modality Worklist Information Model - FIND"]
    assert gateway.inside("devices", "approve", "NEWPANO").stdout == "approved NEWPANO from 127.0.0.1/32\n"
    assert finds(gateway, "NEWPANO")
    assert gateway.inside("devices", "unknown").stdout == ""
    gateway.inside("devices", "edit", "NEWPANO", "--service", "storage")
    assert echoes(gateway, "NEWPANO")
    assert not finds(gateway, "NEWPANO")
    gateway.inside("devices", "edit", "NEWPANO", "--from", "192.0.2.1")
    assert not echoes(gateway, "NEWPANO")
    wait_for(lambda: "address not in allowed_from" in gateway.inside("devices", "unknown").stdout, what="listed again")
    told = gateway.inside("devices", "approve", "NEWPANO").stdout
    assert told == "approved NEWPANO from 192.0.2.1/32, 127.0.0.1/32\n"
    assert echoes(gateway, "NEWPANO")
    gateway.inside("devices", "remove", "NEWPANO")
    assert not echoes(gateway, "NEWPANO")
    assert echoes(gateway, "DX1")


def test_over_the_api(gateway: Program) -> None:
    assert not echoes(gateway, "NEWPANO")
    (shown,) = wait_for(lambda: gateway.api("GET", "/devices/unknown").json()["items"], what="listed")
    assert shown["proposed"] == ["Verification SOP Class"]
    approved = gateway.api("POST", "/devices/unknown/NEWPANO/approve").json()
    assert approved["allowed_from"] == ["127.0.0.1/32"]
    assert echoes(gateway, "NEWPANO")
    assert gateway.api("POST", "/devices/NEWPANO/echo").status_code == 409  # nobody knows its port yet
    approved["port"] = gateway.dicom_port  # the gateway itself answers there
    assert gateway.api("PUT", "/devices/NEWPANO", json=approved).json() == approved
    answer = gateway.api("POST", "/devices/NEWPANO/echo").json()
    assert (answer["answered"], answer["port"]) == (True, gateway.dicom_port)
    sheet = gateway.api("GET", "/devices/NEWPANO/sheet").json()
    assert sheet["gateway"]["port"] == gateway.dicom_port
    assert sheet["gateway"]["address"] == "127.0.0.1"
    gateway.api("DELETE", "/devices/NEWPANO")
    assert not echoes(gateway, "NEWPANO")
