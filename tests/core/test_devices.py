"""Which device may associate from where, and which stations serve a modality."""

from ipaddress import ip_network

import pytest

from dicom_gateway.core.completion import Patience
from dicom_gateway.core.devices import Device, Devices

CLINIC = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
KNOWN = (
    Device("ANYWHERE", modalities=("DX", "IO")),
    Device("CLINIC", modalities=("DX",), allowed_from=CLINIC),
    Device("ONE", modalities=("US",), allowed_from=(ip_network("192.0.2.7"),)),
)


@pytest.mark.parametrize(
    ("ae_title", "address", "admitted"),
    [
        pytest.param("ANYWHERE", "203.0.113.9", True, id="no network named"),
        pytest.param("CLINIC", "192.0.2.44", True, id="within the network"),
        pytest.param("CLINIC", "192.0.3.1", False, id="beside the network"),
        pytest.param("CLINIC", "2001:db8::5", True, id="IPv6"),
        pytest.param("CLINIC", "2001:db9::5", False, id="IPv6 beside"),
        pytest.param("CLINIC", "::ffff:192.0.2.44", True, id="IPv4 seen by an IPv6 socket"),
        pytest.param("CLINIC", "::ffff:192.0.3.1", False, id="IPv4 seen by an IPv6 socket, beside"),
        pytest.param("CLINIC", "2001:db8::5%eth0", True, id="with a zone"),
        pytest.param("CLINIC", "not an address", False, id="no address"),
        pytest.param("CLINIC", "", False, id="empty address"),
        pytest.param("ONE", "192.0.2.7", True, id="one host"),
        pytest.param("ONE", "192.0.2.8", False, id="the next host"),
        pytest.param(" CLINIC ", "192.0.2.44", True, id="padding"),
        pytest.param("clinic", "192.0.2.44", False, id="AE titles have case"),
        pytest.param("STRANGER", "192.0.2.44", False, id="unknown"),
        pytest.param("", "192.0.2.44", False, id="empty AE title"),
    ],
)
def test_only_configured_devices_from_their_networks_are_admitted(ae_title: str, address: str, admitted: bool) -> None:
    assert Devices(KNOWN, accept_unknown=False).admits(ae_title, address) is admitted


def test_where_unknown_devices_are_accepted_a_known_one_still_has_its_networks() -> None:
    devices = Devices(KNOWN, accept_unknown=True)
    assert devices.admits("STRANGER", "203.0.113.9")
    assert not devices.admits("CLINIC", "203.0.113.9")


@pytest.mark.parametrize(
    ("modality", "stations"), [("DX", ("ANYWHERE", "CLINIC")), ("US", ("ONE",)), ("CT", ()), ("", ()), ("D", ())]
)
def test_the_stations_of_a_modality_are_its_devices(modality: str, stations: tuple[str, ...]) -> None:
    assert Devices(KNOWN, accept_unknown=False).stations_of(modality) == stations


@pytest.mark.parametrize(
    ("ae_title", "address", "accept_unknown", "reason"),
    [
        ("STRANGER", "192.0.2.44", False, "unknown device"),
        ("STRANGER", "192.0.2.44", True, ""),
        ("CLINIC", "203.0.113.9", False, "address not in allowed_from"),
        ("CLINIC", "203.0.113.9", True, "address not in allowed_from"),
        ("CLINIC", "192.0.2.44", False, ""),
    ],
)
def test_a_refusal_says_whether_the_device_or_its_address_is_wrong(
    ae_title: str, address: str, accept_unknown: bool, reason: str
) -> None:
    assert Devices(KNOWN, accept_unknown).refusal(ae_title, address) == reason


@pytest.mark.parametrize(
    ("ae_titles", "patience"),
    [
        pytest.param([], (60, 900), id="nobody"),
        pytest.param(["STRANGER"], (60, 900), id="unknown"),
        pytest.param(["QUICK"], (10, 900), id="quicker"),
        pytest.param(["SLOW"], (300, 3600), id="slower"),
        pytest.param(["QUICK", "SLOW"], (300, 3600), id="the longest of two"),
        pytest.param(["QUICK", "STRANGER"], (60, 900), id="the general one is longer"),
        pytest.param(["QUICK", "IMPATIENT"], (60, 900), id="each its own"),
        pytest.param(["IMPATIENT"], (60, 30), id="gives up sooner"),
    ],
)
def test_a_study_waits_as_long_as_the_most_patient_of_its_devices(
    ae_titles: list[str], patience: tuple[int, int]
) -> None:
    known = (
        Device("QUICK", quiet_seconds=10),
        Device("SLOW", quiet_seconds=300, incomplete_after_seconds=3600),
        Device("IMPATIENT", incomplete_after_seconds=30),
    )
    assert Devices(known, accept_unknown=True).patience(ae_titles, Patience(60, 900)) == Patience(*patience)


@pytest.mark.parametrize(("ae_title", "name"), [("ROOM", "Room 1"), ("ANYWHERE", ""), ("STRANGER", "")])
def test_the_station_name_of_a_device_is_its_first(ae_title: str, name: str) -> None:
    devices = Devices((*KNOWN, Device("ROOM", station_names=("Room 1", "Room 2"))), accept_unknown=False)
    assert devices.station_name(ae_title) == name
