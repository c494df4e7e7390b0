"""What is to be entered at a console: as data and as a page."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from dicom_gateway.core.device_sheet import Place, sheet_document, sheet_text
from dicom_gateway.core.devices import Device, Service

PLACE = Place("DCMGATEWAY", "192.168.1.10", 11112, None, False, False, False)
DEVICE = Device(
    "Pano 1", modalities=("PX", "DX"), allowed_from=(ip_network("192.168.1.21"),), station_names=("Room 2",)
)


def test_the_page() -> None:
    page = sheet_text(sheet_document(DEVICE, replace(PLACE, tls_port=2762, wants_certificate=True)))
    for line in (
        "  Its own AE title              Pano 1",
        "  AE title                      DCMGATEWAY",
        "  Address (host)                192.168.1.10",
        "  Port                          11112",
        "  or, with TLS, port            2762, with a certificate of the device",
        "  Verification (C-ECHO)         yes  the console's test of the connection",
        "  (0040,0001) Scheduled Station AE Title              Pano 1",
        "  (0040,0002) Scheduled Procedure Step Start Date     today",
        "  - The device must call itself Pano 1, spelt exactly so: capitals count.",
        "  - It may call from 192.168.1.21 only.",
    ):
        assert line in page.splitlines()
    assert page.count(" yes  ") == 4
    assert max(map(len, page.splitlines())) <= 96


@pytest.mark.parametrize(("modalities", "values"), [(("PX",), ["PX"]), (("PX", "DX"), []), ((), [])])
def test_keys_that_hide_no_step_of_its_own(modalities: tuple[str, ...], values: list[str]) -> None:
    keys = sheet_document(replace(DEVICE, modalities=modalities), PLACE)["worklist_keys"]
    assert [key["value"] for key in keys if key["name"] == "Modality"] == values
    assert "Scheduled Station Name" not in [key["name"] for key in keys]


def test_the_document() -> None:
    document = sheet_document(DEVICE, PLACE)
    assert document["gateway"] == {
        "ae_title": "DCMGATEWAY",
        "address": "192.168.1.10",
        "port": 11112,
        "tls_port": None,
        "client_certificate": False,
    }
    assert [one["sop_class_uid"] for one in document["services"]] == [
        "1.2.840.10008.1.1",
        "1.2.840.10008.5.1.4.31",
        "1.2.840.10008.3.1.2.3.3",
        None,
    ]
    assert "TLS" not in sheet_text(document)


@pytest.mark.parametrize(
    ("device", "entered"),
    [
        (Device("A"), [True, True, True, True]),
        (Device("A", services=frozenset({Service.STORAGE})), [True, False, False, True]),
        (Device("A", services=frozenset({Service.WORKLIST})), [True, True, False, False]),
        (Device("A", sends_mpps=False), [True, True, False, True]),
        (Device("A", services=frozenset()), [True, False, False, False]),
    ],
    ids=["all", "storage", "worklist", "no reports", "none"],
)
def test_services(device: Device, entered: list[bool]) -> None:
    document = sheet_document(device, PLACE)
    assert [one["enter"] for one in document["services"]] == entered
    assert bool(document["worklist_keys"]) is entered[1]
    assert ("Worklist query" in sheet_text(document)) is entered[1]


@pytest.mark.parametrize(
    ("device", "place", "note", "is_there"),
    [
        (Device("A"), PLACE, "from any address", True),
        (DEVICE, PLACE, "from any address", False),
        (Device("A"), PLACE, "No modality", True),
        (DEVICE, PLACE, "No modality", False),
        (DEVICE, PLACE, "own machine only", False),
        (DEVICE, replace(PLACE, is_local=True), "own machine only", True),
        (DEVICE, replace(PLACE, address=""), "is not known", True),
        (DEVICE, PLACE, "is not known", False),
        (DEVICE, replace(PLACE, checks_called_ae_title=True), "call the gateway DCMGATEWAY", True),
        (DEVICE, PLACE, "call the gateway DCMGATEWAY", False),
        (DEVICE, replace(PLACE, wants_certificate=True), "certificate", True),
        (DEVICE, PLACE, "certificate", False),
    ],
)
def test_notes(device: Device, place: Place, note: str, is_there: bool) -> None:
    assert any(note in one for one in sheet_document(device, place)["notes"]) is is_there


def test_an_address_that_is_not_known() -> None:
    document = sheet_document(DEVICE, replace(PLACE, address=""))
    assert document["gateway"]["address"] is None
    assert "the address of the gateway's machine" in sheet_text(document)
