"""Devices over the API: entered, shown, changed, removed, called, approved."""

from typing import Any

import httpx
import pytest

from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.device_document import DeviceDocument, format_device, parse_device
from dicom_gateway.errors import InvalidDocument
from dicom_gateway.web.device_examples import EXAMPLE_DEVICE, EXAMPLE_DEVICE_DOCUMENT
from tests.web.schemas import faults

PANO = EXAMPLE_DEVICE_DOCUMENT
DEVICES = "/api/v1/devices"


def refuse(world: Any, ae_title: str, address: str = "10.0.0.7", reason: str = "unknown device") -> None:
    world.services.unknown_devices.record(ae_title, address, "PACS", reason, ["Verification SOP Class"], True)


def test_from_adding_to_removing(world: Any, client: httpx.Client) -> None:
    added = client.post(DEVICES, json=PANO)
    assert added.status_code == 201
    assert added.json() == EXAMPLE_DEVICE
    where = added.headers["location"]
    assert where == f"{DEVICES}/PANO1"
    assert client.get(where).json() == EXAMPLE_DEVICE
    assert client.post(DEVICES, json=PANO).status_code == 409
    changed = client.put(where, json={"ae_title": "PANO1", "services": ["storage"]})
    assert changed.status_code == 200
    assert changed.json() == client.get(where).json()
    assert (changed.json()["services"], changed.json()["host"]) == (["storage"], "")  # replaced as a whole
    assert client.put(where, json=EXAMPLE_DEVICE).json() == EXAMPLE_DEVICE  # an answer may be sent back
    assert client.delete(where).json() == EXAMPLE_DEVICE
    for method in ("GET", "DELETE"):
        assert client.request(method, where).status_code == 404
    assert client.put(where, json=PANO).status_code == 404
    assert [row["action"] for row in world.services.audit.of("device PANO1")] == [
        "device added",
        "device changed",
        "device changed",
        "device removed",
    ]
    assert {row["who"] for row in world.services.audit.of("device PANO1")} == {"token administrator"}


def test_a_device_of_the_file_is_read_only(client: httpx.Client) -> None:
    assert client.get(f"{DEVICES}/DX1").json()["origin"] == "file"
    calls = (
        client.post(DEVICES, json={"ae_title": "DX1"}),
        client.put(f"{DEVICES}/DX1", json={"ae_title": "DX1"}),
        client.delete(f"{DEVICES}/DX1"),
    )
    for answer in calls:
        assert answer.status_code == 409
        assert "configured in gateway.toml" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "ae_title", "is required"),
        ({"ae_title": "A" * 17}, "ae_title", "is not an AE title"),
        ({"ae_title": "PANO1", "allowed_from": ["10.0.0.0/8", "x"]}, "allowed_from[1]", "is not an IP network"),
        ({"ae_title": "PANO1", "services": ["print"]}, "services[0]", "must be"),
        ({"ae_title": "PANO1", "port": 65536}, "port", "at most 65535"),
        ({"ae_title": "PANO1", "colour": "red"}, "colour", "is not a field of a device"),
        ([], "", "must be a JSON object"),
    ],
    ids=str,
)
def test_a_problem_names_its_field(client: httpx.Client, method: str, body: Any, field: str, message: str) -> None:
    if method == "PUT":
        client.post(DEVICES, json=PANO)
    answer = client.request(method, DEVICES if method == "POST" else f"{DEVICES}/PANO1", json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]


def test_a_device_keeps_its_ae_title(client: httpx.Client) -> None:
    client.post(DEVICES, json=PANO)
    answer = client.put(f"{DEVICES}/PANO1", json={"ae_title": "PANO2"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "ae_title")
    own = client.post(DEVICES, json={"ae_title": "DCMGATEWAY"})
    assert (own.status_code, own.json()["errors"][0]["field"]) == (422, "ae_title")


def test_ae_titles_that_need_escaping(client: httpx.Client) -> None:
    for ae_title in ("Room 2", "A%41", "#?&+;", "unknown"):
        where = client.post(DEVICES, json={"ae_title": ae_title}).headers["location"]
        assert client.put(where, json={"ae_title": ae_title, "port": 1}).json()["ae_title"] == ae_title
        assert client.delete(where).status_code == 200


def test_the_list_is_paged_by_ae_title(client: httpx.Client) -> None:
    for ae_title in ("Z", "Room 2", "Room", "A"):
        client.post(DEVICES, json={"ae_title": ae_title})
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(DEVICES, params={"limit": 2, "cursor": cursor}).json()
        found += [item["ae_title"] for item in page["items"]]
        cursor = page["next"]
    assert found == ["A", "DX1", "Room", "Room 2", "Z"]
    assert client.get(DEVICES, params={"cursor": "x"}).status_code == 422


def test_echo(world: Any, client: httpx.Client) -> None:
    client.post(DEVICES, json=PANO)
    world.echoed["PANO1"] = Echoed(False, "connection refused")
    assert client.post(f"{DEVICES}/PANO1/echo").json() == {
        "ae_title": "PANO1",
        "host": "192.168.1.21",
        "port": 104,
        "answered": False,
        "detail": "connection refused",
        "milliseconds": None,
    }
    assert client.post(f"{DEVICES}/NONE/echo").status_code == 404


def test_sheet(client: httpx.Client) -> None:
    sheet = client.get(f"{DEVICES}/DX1/sheet").json()
    assert (sheet["ae_title"], sheet["gateway"]["ae_title"]) == ("DX1", "DCMGATEWAY")
    assert client.get(f"{DEVICES}/NONE/sheet").status_code == 404


def test_who_was_refused_is_listed_and_approved(world: Any, client: httpx.Client) -> None:
    refuse(world, "NEW")
    (shown,) = client.get(f"{DEVICES}/unknown").json()["items"]
    assert (shown["reason"], shown["proposed"], shown["tls"]) == ("unknown device", ["Verification SOP Class"], True)
    approved = client.post(f"{DEVICES}/unknown/NEW/approve")
    assert approved.status_code == 200
    assert (approved.json()["allowed_from"], approved.json()["host"]) == (["10.0.0.7/32"], "10.0.0.7")
    assert client.get(f"{DEVICES}/NEW").json() == approved.json()
    assert client.get(f"{DEVICES}/unknown").json()["items"] == []
    assert client.post(f"{DEVICES}/unknown/NEW/approve").status_code == 404


def test_approving_from_what_is_named(world: Any, client: httpx.Client) -> None:
    refuse(world, "NEW")
    refuse(world, "NEW", "10.0.0.8")
    path = f"{DEVICES}/unknown/NEW/approve"
    assert client.post(path).status_code == 409
    wrong = client.post(path, params={"allowed_from": "x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "allowed_from[0]")
    other = client.post(path, params={"address": "10.0.0.8"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "address")
    named = {"allowed_from": ["10.0.0.7", "10.0.0.8"], "modalities": ["PX", "DX"]}
    found = client.post(path, params=named).json()
    assert (found["allowed_from"], found["modalities"]) == (["10.0.0.7/32", "10.0.0.8/32"], ["PX", "DX"])


@pytest.mark.parametrize("token", ["any pms", "mypms"])
def test_a_pms_has_nothing_to_do_with_devices(world: Any, port: int, token: str) -> None:
    refuse(world, "NEW")
    with world.client(port, token) as pms:
        for method, path in (
            ("GET", ""), ("POST", ""), ("GET", "/unknown"), ("POST", "/unknown/NEW/approve"), ("GET", "/DX1"),
            ("PUT", "/DX1"), ("DELETE", "/DX1"), ("POST", "/DX1/echo"), ("GET", "/DX1/sheet"),
        ):  # fmt: skip
            assert pms.request(method, f"{DEVICES}{path}").status_code == 403
    assert world.services.unknown_devices.all()


GOOD_AND_BAD = [
    ("ae_title", "A" * 16, "A" * 17),
    ("ae_title", "A", ""),
    ("port", 65535, 65536),
    ("port", 0, -1),
    ("allowed_from", ["10.0.0.0/8"], [1]),
    ("services", [], ["print"]),
    ("unencodable", "refuse", "drop"),
    ("animal_names", "animal^owner", "animal"),
    ("sends_mpps", False, "never"),
    ("quiet_seconds", None, 0),
    ("quiet_seconds", 604800, 604801),
    ("object_mb", 1, 0),
    ("modalities", ["DX"], "DX"),
    ("origin", "file", None),
]


@pytest.mark.parametrize(("field", "good", "bad"), GOOD_AND_BAD, ids=str)
def test_the_schema_takes_what_the_gateway_takes(client: httpx.Client, field: str, good: object, bad: object) -> None:
    document = client.get("/api/openapi.json").json()
    schema = document["components"]["schemas"]["DeviceDocument"]
    assert set(schema["properties"]) == {*DeviceDocument.model_fields, "origin"}
    taken, refused = PANO | {field: good}, PANO | {field: bad}
    assert faults(taken, schema, document) == []
    assert faults(format_device(parse_device(taken)), document["components"]["schemas"]["Device"], document) == []
    if field != "origin":  # is not looked at
        assert faults(refused, schema, document) != []
        with pytest.raises(InvalidDocument):
            parse_device(refused)
