"""A device as a document: what is taken, what is refused and by which field, there and back."""

import json
from dataclasses import fields
from ipaddress import ip_network
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.character_sets import CODE_SETS, SINGLE_BYTE, STAND_ALONE
from dicom_gateway.core.device_document import READ_ONLY, DeviceDocument, format_device, parse_device
from dicom_gateway.core.device_fields import ServiceName
from dicom_gateway.core.devices import AnimalNames, Device, Origin, Service, Unencodable
from dicom_gateway.errors import InvalidDocument

TERMS = (
    *STAND_ALONE,
    *(f"ISO_IR {number}" for number in ("6", *SINGLE_BYTE)),
    *(f"ISO 2022 IR {number}" for number in ("6", *CODE_SETS)),
)
WHOLE: dict[str, Any] = {
    "ae_title": "PANO1",
    "host": "192.168.1.20",
    "port": 104,
    "modalities": ["PX", "DX"],
    "allowed_from": ["192.168.1.20/32", "fd00::/8"],
    "services": ["worklist", "storage"],
    "character_sets": ["ISO_IR 100", "ISO_IR 192"],
    "unencodable": "refuse",
    "station_names": ["Room 2", "Röntgen"],
    "animal_names": "animal^owner",
    "sends_mpps": False,
    "hides_started": True,
    "quiet_seconds": 10,
    "incomplete_after_seconds": 600,
    "associations": 2,
    "object_mb": 64,
    "stock_association": True,
}


def test_every_field_there_and_back() -> None:
    device = parse_device(WHOLE)
    assert device == Device(
        "PANO1",
        "192.168.1.20",
        104,
        ("PX", "DX"),
        (ip_network("192.168.1.20/32"), ip_network("fd00::/8")),
        frozenset({Service.WORKLIST, Service.STORAGE}),
        ("ISO_IR 100", "ISO_IR 192"),
        Unencodable.REFUSE,
        ("Room 2", "Röntgen"),
        AnimalNames.ANIMAL_FIRST,
        sends_mpps=False,
        hides_started=True,
        quiet_seconds=10,
        incomplete_after_seconds=600,
        associations=2,
        object_mb=64,
        stock_association=True,
        origin=Origin.DATABASE,
    )
    assert format_device(device) == {**WHOLE, "origin": "database"}
    assert parse_device(json.loads(json.dumps(format_device(device))), device.origin) == device


def test_a_document_has_every_field_of_a_device() -> None:
    assert {*DeviceDocument.model_fields, *READ_ONLY} == {field.name for field in fields(Device)} == {*WHOLE, "origin"}


def test_absent_fields_have_the_defaults_of_a_device() -> None:
    assert parse_device({"ae_title": "DX1"}, Origin.FILE) == Device("DX1")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("unencodable", Unencodable), ("animal_names", AnimalNames)],
)
def test_the_choices_of_a_document_are_those_of_a_device(name: str, kind: Any) -> None:
    assert list(get_args(DeviceDocument.model_fields[name].annotation)) == [choice.value for choice in kind]


def test_the_services_of_a_document_are_those_of_a_device() -> None:
    assert list(get_args(ServiceName)) == [service.value for service in Service]


@pytest.mark.parametrize(
    ("field", "value", "taken"),
    [
        ("ae_title", " DX 1 ", "DX 1"),
        ("allowed_from", ["10.0.0.1"], (ip_network("10.0.0.1/32"),)),
        ("services", [], frozenset()),
        ("services", ["mpps", "mpps"], frozenset({Service.MPPS})),
        ("modalities", ["IO", "DX", "IO"], ("IO", "DX")),
        ("character_sets", ["ISO 2022 IR 6", "ISO 2022 IR 87"], ("ISO 2022 IR 6", "ISO 2022 IR 87")),
        ("character_sets", ["UTF-8", "ISO-IR 100", "ISO_IR 192"], ("ISO_IR 192", "ISO_IR 100")),
        ("quiet_seconds", None, None),
        ("quiet_seconds", "", None),
        ("host", "pano.example.org", "pano.example.org"),
    ],
)
def test_what_is_taken(field: str, value: object, taken: object) -> None:
    assert getattr(parse_device({"ae_title": "DX1", field: value}), field) == taken


@pytest.mark.parametrize(
    ("field", "value", "named", "said"),
    [
        ("ae_title", "", "ae_title", "is not an AE title; right is 1 to 16"),
        ("ae_title", "A\\B", "ae_title", "is not an AE title"),
        ("ae_title", "SEVENTEEN-LETTERS", "ae_title", "is not an AE title"),
        ("ae_title", 5, "ae_title", "must be text"),
        ("host", "127.1", "host", "is neither an IP address nor a host name"),
        ("port", "x", "port", "must be a whole number"),
        ("port", True, "port", "is not a number"),
        ("port", 65536, "port", "must be at most 65535"),
        ("modalities", ["dx"], "modalities[0]", "a modality in capitals"),
        ("modalities", "DX", "modalities", "must be a list"),
        ("allowed_from", ["10.0.0.0/8", "10.0.0.1/8"], "allowed_from[1]", "the network is 10.0.0.0/8"),
        ("services", ["worklist", "storages"], "services[1]", "must be 'worklist', 'mpps' or 'storage'"),
        ("character_sets", ["EBCDIC"], "character_sets[0]", '"ISO_IR 192"'),
        ("character_sets", ["ISO_IR 100", ""], "character_sets[1]", "is not a character set of DICOM"),
        ("station_names", [""], "station_names[0]", "is not a station name"),
        ("station_names", ["a" * 17], "station_names[0]", "is not a station name"),
        ("unencodable", "ignore", "unencodable", "must be 'transliterate' or 'refuse'"),
        ("animal_names", "rex", "animal_names", "must be 'owner^animal' or 'animal^owner'"),
        ("sends_mpps", "maybe", "sends_mpps", "must be true or false"),
        ("quiet_seconds", 0, "quiet_seconds", "must be at least 1"),
        ("associations", 0, "associations", "must be at least 1"),
        ("object_mb", 1.5, "object_mb", "must be a whole number"),
        ("aet", "DX1", "aet", "is not a field of a device"),
    ],
)
def test_what_is_refused_is_named(field: str, value: object, named: str, said: str) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse_device({"ae_title": "DX1", field: value})
    (error,) = refused.value.errors
    assert error.field == named
    assert said in str(error)


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse_device({"port": -1, "services": ["x"]})
    assert [error.field for error in refused.value.errors] == ["ae_title", "port", "services[0]"]


@pytest.mark.parametrize("term", TERMS)
def test_every_character_set_is_taken(term: str) -> None:
    assert parse_device({"ae_title": "DX1", "character_sets": [term]}).character_sets == (term,)


@pytest.mark.parametrize("document", [None, [], "DX1", 5])
def test_what_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(InvalidDocument, match="must be a JSON object"):
        parse_device(document)


@given(
    st.builds(
        Device,
        ae_title=st.sampled_from(["DX1", "A B", "x"]),
        services=st.frozensets(st.sampled_from(list(Service))),
        character_sets=st.lists(st.sampled_from(TERMS), unique=True).map(tuple),
        allowed_from=st.lists(st.ip_addresses().map(ip_network), unique=True).map(tuple),
        unencodable=st.sampled_from(list(Unencodable)),
        quiet_seconds=st.none() | st.integers(1, 604_800),
        origin=st.sampled_from(list(Origin)),
    )
)
def test_any_device_there_and_back(device: Device) -> None:
    assert parse_device(json.loads(json.dumps(format_device(device))), device.origin) == device
