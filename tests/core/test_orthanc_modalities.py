"""Orthanc's DicomModalities as devices: both forms, comments, and what is left out with its reason."""

import json
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.core.devices import Device, Origin, Service
from dicom_gateway.core.orthanc_modalities import Entry, read_modalities
from dicom_gateway.errors import InvalidValue

CT = Device("CT1", host="192.168.1.20", port=104, origin=Origin.DATABASE)
ARRAY, OBJECT = ["CT1", "192.168.1.20", 104], {"AET": "CT1", "Host": "192.168.1.20", "Port": 104}
CONFIGURATION = """
{
  // the name
  "Name" : "http://our \\"Orthanc\\" // no comment", /* nor
  "DicomModalities": {} */
  "DicomCheckModalityHost" : false,
  "DicomModalities" : {
    /** an array, or **/
    "ct" : [ "CT1", "192.168.1.20", 104 ], // with a comma after it
    "pano, ] the 2nd" : { "AET" : "PANO,}", "Host" : "pano.local", "Port" : "11112", },
  },
}
"""


def only(entry: object, **others: Any) -> Entry:
    (found,) = read_modalities(json.dumps({**others, "DicomModalities": {"ct": entry}}))
    return found


def test_a_configuration_with_comments_and_both_forms() -> None:
    ct, pano = read_modalities(CONFIGURATION)
    assert ct == Entry("ct", CT)
    assert pano == Entry("pano, ] the 2nd", Device("PANO,}", host="pano.local", port=11112, origin=Origin.DATABASE))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"DicomModalities": {"ct": ARRAY}}),
        json.dumps({"ct": ARRAY}),
        json.dumps({"ct": OBJECT}),
        f'"DicomModalities" : {json.dumps({"ct": ARRAY})},',
        "\ufeff" + json.dumps({"ct": ARRAY}),
    ],
    ids=["configuration", "section, array", "section, object", "cut out", "byte order mark"],
)
def test_where_the_modalities_stand(text: str) -> None:
    assert read_modalities(text) == [Entry("ct", CT)]


def test_none_are_none() -> None:
    assert read_modalities('{"DicomModalities": {}}') == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"a": "', "not JSON"),
        ("/*", "not JSON"),
        ("[]", "JSON object"),
        ("{}", "no DicomModalities"),
        ('{"Name": "x", "DicomAet": "y"}', "no DicomModalities"),
        ('{"DicomModalities": ["CT1"]}', "DicomModalities must be an object"),
        ("[" * 100_000, "too deep"),
    ],
)
def test_what_is_no_configuration(text: str, why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        read_modalities(text)


@given(st.text(alphabet='{}[]",:/*\\ \nAET1', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_modalities(text)
    except InvalidValue as error:
        assert str(error)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("CT1", "must be an array"),
        (["CT1", "host"], "must be an array"),
        ([1, "host", 104], "AET must be text"),
        (["A" * 17, "host", 104], "AET is not an AE title"),
        (["CT\\1", "host", 104], "AET is not an AE title"),
        (["CT1", "no host", 104], "Host is neither"),
        (["CT1", "host", 65536], "Port must be at most 65535"),
        (["CT1", "host", "dicom"], "Port must be a whole number"),
        (["CT1", "host", True], "Port is not a number"),
        ({"Host": "host", "Port": 104}, "AET is required"),
        (OBJECT | {"Host": "${CT_HOST}", "Port": "${CT_PORT}"}, "Host, Port is a variable"),
        (OBJECT | {"AllowFindWorklist": False, "AllowStore": False}, None),
    ],
    ids=str,
)
def test_what_becomes_no_device(entry: object, why: str | None) -> None:
    found = only(entry, DicomAlwaysAllowStore=False)
    assert found.device is None
    assert (why or "no imaging device") in "; ".join(found.left_out)


def test_two_with_one_ae_title() -> None:
    first, second, third = read_modalities(json.dumps({"a": ARRAY, "b": OBJECT, "c": ["ct1", "host", 104]}))
    assert (first.device, second.device) == (CT, None)
    assert second.left_out == ("a has the AE title CT1 too, and AE titles are unique",)
    assert third.device is not None and third.device.ae_title == "ct1"  # capitals count


ALL, NO_WORKLIST = frozenset(Service), frozenset({Service.MPPS, Service.STORAGE})


@pytest.mark.parametrize(
    ("allowed", "of_all", "services", "told"),
    [
        ({}, {}, ALL, False),
        ({"AllowFindWorklist": True, "AllowStore": True}, {}, ALL, False),
        ({"AllowFindWorklist": False}, {}, NO_WORKLIST, False),
        ({"AllowFindWorklist": False}, {"DicomAlwaysAllowFindWorklist": True}, ALL, True),
        ({"AllowStore": False}, {}, ALL, True),
        ({"AllowStore": False}, {"DicomAlwaysAllowStore": False}, ALL - {Service.STORAGE}, False),
    ],
    ids=["nothing said", "both", "no worklist", "worklist for all", "no storage", "no storage for all"],
)
def test_services(allowed: dict[str, Any], of_all: dict[str, Any], services: frozenset[Service], told: bool) -> None:
    found = only(OBJECT | allowed, **of_all)
    assert found.device is not None
    assert found.device.services == services
    assert bool(found.left_out) is told


@pytest.mark.parametrize(
    ("host", "checks", "networks"),
    [
        ("192.168.1.20", True, (ip_network("192.168.1.20/32"),)),
        ("fd00::20", True, (ip_network("fd00::20/128"),)),
        ("192.168.1.20", False, ()),
        ("ct.local", True, ()),
    ],
)
def test_from_where_it_may_call(host: str, checks: bool, networks: tuple[Any, ...]) -> None:
    found = only(["CT1", host, 104], DicomCheckModalityHost=checks)
    assert found.device is not None
    assert found.device.allowed_from == networks
    assert bool(found.left_out) is (checks and not networks)


def test_what_is_left_out_is_named_once_by_its_reason() -> None:
    harmless = {"Manufacturer": "Generic", "AllowEcho": True, "AllowFind": False, "UseDicomTls": False, "Timeout": 0}
    assert only(OBJECT | harmless) == Entry("ct", CT)
    lost = {"Manufacturer": "GE", "AllowFind": True, "AllowGet": True, "UseDicomTls": True, "Colour": "red"}
    assert only(OBJECT | lost).left_out == (
        'Manufacturer "GE": what is special about a device has options of its own here',
        "AllowFind, AllowGet: the gateway has no such service",
        "UseDicomTls: the gateway calls devices without TLS",
        'Colour "red": it is not known here',
    )
    assert only([*ARRAY, "Vitrea"]).left_out == (
        'Manufacturer "Vitrea": what is special about a device has options of its own here',
    )
