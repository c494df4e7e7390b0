"""Devices that are let in: entered, approved, imported."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from dicom_gateway.core.devices import Device, Origin
from dicom_gateway.errors import Conflict, InvalidDocument, InvalidValue, NotFound
from dicom_gateway.storage.admission import Admission, Taken
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.unknown_devices import UnknownDevices

ANN = Actor("token ann")
FILE = Device("FILE1", allowed_from=(ip_network("10.0.0.1/32"),))
PANO = Device("PANO1", "10.0.0.9", 104, ("PX",), (ip_network("10.0.0.9/32"),), origin=Origin.DATABASE)


@dataclass
class Door:
    """What lets devices in, with its stores."""

    devices: DeviceStore
    unknown: UnknownDevices
    admission: Admission

    def tried(self, ae_title: str, address: str, called: str = "DCMGATEWAY", reason: str = "unknown device") -> None:
        self.unknown.record(ae_title, address, called, reason)

    def tries(self) -> list[str]:
        return [row["ae_title"] for row in self.unknown.all()]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    migrate(tmp_path / "gateway.db")
    database, ticks = Database(tmp_path / "gateway.db"), iter(range(1, 1000))
    devices = DeviceStore(database, lambda: next(ticks), [FILE])
    unknown = UnknownDevices(database, lambda: next(ticks))
    yield Door(devices, unknown, Admission(devices, unknown, "DCMGATEWAY"))
    database.close()


def test_what_is_added_is_no_unknown_device_any_more(door: Door) -> None:
    door.tried("PANO1", "10.0.0.9")
    door.tried("OTHER", "10.0.0.8")
    door.admission.add(PANO, ANN)
    assert door.devices.get("PANO1") == PANO
    assert door.tries() == ["OTHER"]


def test_no_device_has_the_ae_title_of_the_gateway(door: Door) -> None:
    with pytest.raises(InvalidValue, match="the gateway itself") as caught:
        door.admission.add(Device("DCMGATEWAY"), ANN)
    assert caught.value.field == "ae_title"
    door.tried("DCMGATEWAY", "10.0.0.9")
    with pytest.raises(InvalidValue, match="the gateway itself"):
        door.admission.approve("DCMGATEWAY", ANN)
    door.admission.add(Device("dcmgateway"), ANN)


def test_a_change_leaves_all_else(door: Door) -> None:
    door.admission.add(PANO, ANN)
    door.tried("PANO1", "10.0.0.7", reason="address not in allowed_from")
    version = door.devices.version()
    assert door.admission.change("PANO1", {"port": "11112", "modalities": []}, ANN) == replace(
        PANO, port=11112, modalities=()
    )
    assert door.tries() == []
    assert door.devices.version() == version + 1
    door.admission.change("PANO1", {"port": 11112}, ANN)
    assert door.devices.version() == version + 1  # nothing was changed
    with pytest.raises(InvalidDocument, match="allowed_from"):
        door.admission.change("PANO1", {"allowed_from": ["x"]}, ANN)
    with pytest.raises(NotFound):
        door.admission.change("PANO2", {"port": 1}, ANN)
    with pytest.raises(Conflict, match="gateway.toml"):
        door.admission.change("FILE1", {"port": "not looked at"}, ANN)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.9", "10.0.0.9/32"),
        ("fd00::9", "fd00::9/128"),
        ("::ffff:10.0.0.9", "10.0.0.9/32"),
        ("fe80::9%eth0", "fe80::9/128"),
    ],
)
def test_an_unknown_device_is_approved_from_where_it_called(door: Door, address: str, network: str) -> None:
    door.tried("NEW", address)
    found = door.admission.approve(" NEW", ANN, modalities=["DX"])
    host = network.partition("/")[0]
    assert found == Device("NEW", host, 0, ("DX",), (ip_network(network),), origin=Origin.DATABASE)
    assert door.devices.get("NEW") == found
    assert door.tries() == []


def test_an_unknown_device_is_approved_from_networks_that_are_named(door: Door) -> None:
    door.tried("NEW", "10.0.0.8")
    door.tried("NEW", "10.0.0.9")
    with pytest.raises(Conflict, match="10.0.0.8/32 and 10.0.0.9/32"):
        door.admission.approve("NEW", ANN)
    assert door.tries() == ["NEW", "NEW"]
    with pytest.raises(InvalidDocument, match="allowed_from"):
        door.admission.approve("NEW", ANN, ["10.0.0"])
    found = door.admission.approve("NEW", ANN, ["10.0.0.0/28"])
    assert (found.allowed_from, found.host) == ((ip_network("10.0.0.0/28"),), "")


def test_who_was_not_refused_is_not_approved(door: Door) -> None:
    door.tried("NEW", "10.0.0.8")
    for ae_title in ("new", "NEW2", ""):
        with pytest.raises(NotFound, match="was refused"):
            door.admission.approve(ae_title, ANN)


def test_a_known_device_may_call_from_another_address_too(door: Door) -> None:
    door.admission.add(PANO, ANN)
    door.tried("PANO1", "10.0.0.7", reason="address not in allowed_from")
    found = door.admission.approve("PANO1", ANN, modalities=["DX", "PX"])
    networks = (*PANO.allowed_from, ip_network("10.0.0.7/32"))
    assert found == replace(PANO, allowed_from=networks, modalities=("PX", "DX"))
    assert door.devices.get("PANO1") == found
    assert door.tries() == []


def test_a_device_of_the_file_is_changed_there(door: Door) -> None:
    door.tried("FILE1", "10.0.0.7", reason="address not in allowed_from")
    with pytest.raises(Conflict, match="add 10.0.0.7/32 to its allowed_from there"):
        door.admission.approve("FILE1", ANN)


@pytest.mark.parametrize("device", [FILE, PANO], ids=["file", "database"])
def test_approving_does_not_help_who_calls_somebody_else(door: Door, device: Device) -> None:
    if device is PANO:
        door.admission.add(PANO, ANN)
    address = str(device.allowed_from[0].network_address)
    door.tried(device.ae_title, address, "OTHER", "calls another AE title")
    with pytest.raises(Conflict, match="calls another AE title.*calls the gateway OTHER, whose AE title is DCMGATEWAY"):
        door.admission.approve(device.ae_title, ANN)


def test_an_import_leaves_what_a_person_entered(door: Door) -> None:
    imported = Device("PANO1", "10.0.0.9", 104, origin=Origin.DATABASE)
    assert door.admission.take_over(imported, ANN) is Taken.ADDED
    assert door.admission.take_over(imported, ANN) is Taken.UNCHANGED
    edited = door.admission.change("PANO1", {"modalities": ["PX"], "allowed_from": ["10.0.0.9"]}, ANN)
    assert door.admission.take_over(imported, ANN) is Taken.UNCHANGED
    assert door.devices.get("PANO1") == edited
    assert door.admission.take_over(replace(imported, host="10.0.0.10", port=11112), ANN) is Taken.CHANGED
    assert door.devices.get("PANO1") == replace(edited, host="10.0.0.10", port=11112)
    assert door.admission.take_over(Device("FILE1", "10.0.0.10"), ANN) is Taken.IN_FILE
    assert door.devices.get("FILE1") == FILE
