"""The sheet of a device as the settings are, this machine's own address, and a C-ECHO to a device."""

import gc
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from dicom_gateway.core.devices import Device
from dicom_gateway.device_echo import echo
from dicom_gateway.device_sheets import sheet_of
from dicom_gateway.errors import Conflict
from dicom_gateway.own_address import own_address
from dicom_gateway.settings import Settings
from tests.certificates import made
from tests.cli.tools import dcmtk_server, silent_server
from tests.e2e.program import free_port

DEVICE = Device("DX1", host="127.0.0.1", port=104)


def gateway_on(host: str, device: Device = DEVICE, **dicom: Any) -> dict[str, Any]:
    document: dict[str, Any] = sheet_of(device, Settings(dicom={"host": host, "port": 11112, **dicom}))["gateway"]
    return document


@pytest.mark.parametrize(
    ("towards", "found"),
    [(["127.0.0.1"], "127.0.0.1"), (["a.name", "127.0.0.2"], "127.0.0.2"), (["", "no address", "::1"], "::1")],
)
def test_own_address_on_the_way_to(towards: list[str], found: str) -> None:
    assert own_address(towards) in (found, "127.0.0.1")
    assert ip_address(own_address(towards)).is_loopback


def test_own_address_without_a_direction_is_one_or_none() -> None:
    found = own_address(())
    assert not found or not ip_address(found).is_unspecified


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("192.0.2.7", "192.0.2.7"),
        ("gateway.local", "gateway.local"),
        ("0.0.0.0", "127.0.0.1"),
    ],  # noqa: S104
)
def test_the_address_of_the_sheet(host: str, address: str) -> None:
    assert gateway_on(host)["address"] == address


def test_tls_of_the_sheet(tmp_path: Path) -> None:
    assert (gateway_on("127.0.0.1")["tls_port"], gateway_on("127.0.0.1")["client_certificate"]) == (None, False)
    certificate, key = made(tmp_path, "gateway")
    files = {"tls_certificate": certificate, "tls_key": key}
    assert gateway_on("127.0.0.1", **files)["tls_port"] == 2762
    found = gateway_on("127.0.0.1", **files, tls_client_ca=certificate)
    assert (found["tls_port"], found["client_certificate"]) == (2762, True)


def test_a_device_that_answers() -> None:
    with dcmtk_server("storescp") as port:
        answer = echo(Device("DX1", host="127.0.0.1", port=port), Settings())
    assert answer.answered
    assert answer.milliseconds is not None and answer.milliseconds > 0


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # left by pynetdicom to the garbage collector
def test_a_device_that_does_not() -> None:
    answer = echo(Device("DX1", host="127.0.0.1", port=free_port()), Settings())
    assert (answer.answered, answer.milliseconds) == (False, None)
    assert "nothing listens on that port" in answer.words
    with silent_server(answers=True) as port:
        answer = echo(Device("DX1", host="127.0.0.1", port=port), Settings())
    assert not answer.answered
    assert "is it a DICOM port" in answer.words
    gc.collect()


@pytest.mark.parametrize(
    ("device", "missing"), [(Device("DX1", port=104), "no host"), (Device("DX1", host="127.0.0.1"), "no port")]
)
def test_a_device_of_which_it_is_not_known_where(device: Device, missing: str) -> None:
    with pytest.raises(Conflict, match=missing):
        echo(device, Settings())
