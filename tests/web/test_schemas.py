"""What the OpenAPI document says of answers and bodies is true: real answers, and the examples, are as described."""

import copy
from typing import Any

import httpx
import pytest

from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.order_document import OrderDocument, parse_order
from dicom_gateway.errors import InvalidDocument
from dicom_gateway.storage.worklist import StepVersion
from dicom_gateway.web.device_examples import EXAMPLE_DEVICE_DOCUMENT
from dicom_gateway.web.examples import EXAMPLE_ORDER
from dicom_gateway.web.order_schemas import WORDS
from tests.web.schemas import faults

JSON_TYPES = ("application/json", "application/problem+json")


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/api/openapi.json").json()
    return document


class Described:
    """Makes calls, and holds each answer to what the document says of it."""

    def __init__(self, client: httpx.Client, document: dict[str, Any]) -> None:
        self.client = client
        self.document = document
        self.seen: set[tuple[str, str]] = set()

    def call(
        self, method: str, path: str, status: int = 200, json: object = None, query: str = "", **ids: object
    ) -> Any:
        answer = self.client.request(method, path.format(**ids) + query, json=json)
        assert answer.status_code == status, answer.text
        self.seen.add((method, path))
        described = self.document["paths"][path][method.lower()]["responses"][str(status)]
        media_type = answer.headers["content-type"]
        schema = described["content"][media_type.partition(";")[0]]["schema"]
        if media_type not in JSON_TYPES:
            return answer.content
        assert faults(answer.json(), schema, self.document) == []
        return answer.json()


LEAST: dict[str, Any] = {
    "source": "mypms",
    "placer_order_number": "S-2",
    "patient": {"id": "P-9", "name": "Doe"},
    "procedures": [{"steps": [{"modality": "DX", "start": "2026-11-23"}]}],
}


def test_real_answers_are_as_described(world: Any, client: httpx.Client, document: dict[str, Any], bodies: Any) -> None:
    api = Described(client, document)
    full = bodies(
        "S-1",
        accession_number="A-NUMBER-TOO-LONG-FOR-SH",
        requesting_physician="Poe^Max",
        patient={"allergies": ["latex"], "pregnancy_status": 4, "birth_date": None},
    )
    step = full["procedures"][0]["steps"][0]
    step |= {"teeth": ["36"], "id": "AN-ID-TOO-LONG-FOR-SH", "protocol_codes": [{"value": "A", "scheme": "99"}]}
    order = api.call("POST", "/api/v1/orders", 201, full)
    api.call("POST", "/api/v1/orders", 200, full)
    api.call("POST", "/api/v1/orders", 422, {})
    api.call("POST", "/api/v1/orders", 409, full | {"patient": {"id": "P", "name": "Other"}})
    results = api.call("POST", "/api/v1/orders/batch", 200, {"orders": [LEAST, {}]})["results"]
    assert [result["status"] for result in results] == [201, 422]
    listed = api.call("GET", "/api/v1/orders", query="?limit=1")
    assert listed["next"]
    _call_all_of_patients(api, order["id"])
    api.call("GET", "/api/v1/orders/{id}", id=order["id"])
    api.call("GET", "/api/v1/orders/{id}", 404, id="none")
    world.asks(b"\x10\x00\x20\x00LO\x02\x0012", StepVersion(order["id"], 1, 0, 0, 0))
    api.call("GET", "/api/v1/orders/{id}/explain", query="?device=DX1", id=order["id"])
    api.call("GET", "/api/v1/orders/{id}/explain", query="?device=CT1", id=order["id"])
    api.call("GET", "/api/v1/devices/{ae_title}/habits", ae_title="DX1")
    api.call("GET", "/api/v1/devices/{ae_title}/habits", 404, ae_title="CT1")
    assert api.call("GET", "/api/v1/orders/{id}", id=order["id"])["procedures"][0]["steps"][0]["served"]
    api.call("POST", "/api/v1/orders/{id}/cancel", id=results[0]["order"]["id"])
    for data in (b"one", b"two"):
        world.receive(data, study_instance_uid=order["procedures"][0]["study_instance_uid"], rows=9, teeth=("36",))
    world.receive(b"of nobody", study_instance_uid="1.2.9", sop_instance_uid="1.2.9.1", patient_id="")
    api.call("GET", "/api/v1/studies")
    for uid in ("1.2.9", order["procedures"][0]["study_instance_uid"]):
        api.call("GET", "/api/v1/studies/{uid}", uid=uid)
    assert api.call("POST", "/api/v1/studies/{uid}/complete", uid=uid)["evidence"] == "manual"
    for name in ("thumbnail", "metadata", "file"):
        api.call("GET", f"/api/v1/instances/{{uid}}/{name}", uid="1.2.3.4.1")
    deliveries = api.call("GET", "/api/v1/deliveries")["items"]
    assert {item["type"] for item in deliveries} >= {"order.canceled", "order.completed", "study.received"}
    for item in deliveries:
        api.call("GET", "/api/v1/deliveries/{event_id}", event_id=item["event_id"])
    api.call("POST", "/api/v1/deliveries/{event_id}/retry", event_id=deliveries[0]["event_id"])
    kept, refused = world.messages()
    assert api.call("GET", "/api/v1/messages", query="?limit=1")["next"]
    assert api.call("GET", "/api/v1/messages")["items"]
    assert api.call("GET", "/api/v1/messages/{id}", id=kept)["order_ids"]
    assert api.call("GET", "/api/v1/messages/{id}", id=refused)["answer"] is None
    api.call("GET", "/api/v1/messages/{id}", 404, id="0")
    _call_all_of_devices(world, api)
    (alarm,) = api.call("GET", "/api/v1/alarms")["items"]
    api.call("POST", "/api/v1/alarms/{id}/clear", id=alarm["id"])
    api.call("GET", "/healthz")
    api.call("GET", "/readyz")
    world.components["store"] = "away"
    api.call("GET", "/readyz", 503)
    api.call("GET", "/metrics")
    assert api.seen == {(m.upper(), path) for path, found in document["paths"].items() for m in found}


def _call_all_of_patients(api: Described, order_id: str) -> None:
    merges = "/api/v1/patients/merges"
    asked = {"old_id": "P-78", "survivor_id": "P-99", "issuer": "MYPMS"}
    merge = api.call("POST", merges, 201, asked)
    assert (merge["order_ids"], merge["undone_at"]) == ([order_id], None)
    assert api.call("POST", merges, 200, asked)["id"] == merge["id"]
    api.call("POST", merges, 409, asked | {"survivor_id": "P-78"})
    api.call("POST", merges, 404, asked | {"old_id": "nobody"})
    api.call("POST", merges, 422, {"old_id": "", "colour": "red"})
    assert api.call("POST", f"{merges}/{{id}}/undo", id=merge["id"])["order_ids"] == [order_id]
    api.call("POST", f"{merges}/{{id}}/undo", 409, id=merge["id"])
    api.call("POST", f"{merges}/{{id}}/undo", 404, id="x")
    assert api.call("GET", merges)["items"][0]["undone_at"]


def _call_all_of_devices(world: Any, api: Described) -> None:
    device = "/api/v1/devices/{ae_title}"
    world.services.unknown_devices.record("NEW", "10.0.0.1", "DCMGATEWAY")
    api.call("GET", "/api/v1/devices/unknown")
    api.call("POST", "/api/v1/devices/unknown/{ae_title}/approve", ae_title="NEW")
    api.call("POST", "/api/v1/devices/unknown/{ae_title}/approve", 404, ae_title="NEW")
    api.call("POST", "/api/v1/devices", 201, EXAMPLE_DEVICE_DOCUMENT)
    api.call("POST", "/api/v1/devices", 409, EXAMPLE_DEVICE_DOCUMENT)
    api.call("POST", "/api/v1/devices", 422, {"ae_title": "", "colour": "red"})
    api.call("GET", "/api/v1/devices", query="?limit=1")
    api.call("PUT", device, json={"ae_title": "PANO1", "quiet_seconds": 5}, ae_title="PANO1")
    api.call("GET", device, ae_title="PANO1")
    for echoed in (Echoed(True, "Success", 1.5), Echoed(False, "no connection")):
        world.echoed["PANO1"] = echoed
        api.call("POST", f"{device}/echo", ae_title="PANO1")
    api.call("GET", f"{device}/sheet", ae_title="PANO1")
    api.call("DELETE", device, ae_title="PANO1")
    api.call("DELETE", device, 409, ae_title="DX1")


def test_the_examples_are_as_described(document: dict[str, Any]) -> None:
    shown = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for answer in (operation.get("requestBody", {}), *operation["responses"].values()):
                for content in answer.get("content", {}).values():
                    if "example" in content:
                        assert faults(content["example"], content["schema"], document) == [], (method, path)
                        shown += 1
    assert shown > 15


def example_of(document: dict[str, Any], method: str, path: str) -> Any:
    return document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["example"]


def test_the_examples_tell_what_their_calls_do(document: dict[str, Any]) -> None:
    cancelled = example_of(document, "post", "/api/v1/orders/{id}/cancel")
    assert (cancelled["status"], cancelled["procedures"][0]["steps"][0]["status"]) == ("CANCELED", "CANCELED")
    assert example_of(document, "post", "/api/v1/studies/{uid}/complete")["evidence"] == "manual"
    retried = example_of(document, "post", "/api/v1/deliveries/{event_id}/retry")
    assert (retried["retried"], retried["deliveries"][0]["attempts"]) == (1, 0)


def test_every_key_is_explained(document: dict[str, Any]) -> None:
    unexplained = [
        f"{name}.{key}"
        for name, schema in document["components"]["schemas"].items()
        for key, found in schema.get("properties", {}).items()
        if not found.get("description")
    ]
    assert unexplained == []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                for content in answer["content"].values():
                    assert content["schema"] != {"type": "object"}, (path, status)


def test_no_words_are_left_over(document: dict[str, Any]) -> None:
    for name, words in WORDS.items():
        assert words.keys() == document["components"]["schemas"][name]["properties"].keys()


STEP = EXAMPLE_ORDER["procedures"][0]["steps"][0]
LIMITS = [
    ("StepDocument", "modality", "D" * 16, "D" * 17),
    ("StepDocument", "modality", "IO", "dx"),
    ("StepDocument", "station_ae_titles", ["A" * 16], ["A" * 17]),
    ("StepDocument", "station_ae_titles", ["DX 1"], ["DX\\1"]),
    ("StepDocument", "teeth", ["36"], ["99"]),
    ("StepDocument", "teeth", ["11"] * 52, ["11"] * 53),
    ("StepDocument", "start", "2026-11-23T10:15:00+01:00", "23.11.2026"),
    ("ProcedureDocument", "study_instance_uid", "1.2.0." + "1" * 58, "1.2.0." + "1" * 59),
    ("ProcedureDocument", "study_instance_uid", "2.25.1", "1.02"),
    ("PatientDocument", "weight_kg", 3, True),
    ("PatientDocument", "weight_kg", 3.5, "3"),
    ("PatientDocument", "neutered", False, "yes"),
]


@pytest.mark.parametrize(("name", "field", "good", "bad"), LIMITS, ids=str)
def test_the_schema_takes_what_the_gateway_takes(
    world: Any, document: dict[str, Any], name: str, field: str, good: object, bad: object
) -> None:
    for value, is_good in ((good, True), (bad, False)):
        order = copy.deepcopy(EXAMPLE_ORDER)
        procedure = order["procedures"][0]
        parts = {
            "PatientDocument": order["patient"],
            "ProcedureDocument": procedure,
            "StepDocument": procedure["steps"][0],
        }
        parts[name][field] = value
        schema = document["components"]["schemas"]["OrderDocument"]
        assert (faults(order, schema, document) == []) is is_good
        if is_good:
            parse_order(order, world.services.zone)
        else:
            with pytest.raises(InvalidDocument):
                parse_order(order, world.services.zone)


def test_every_text_of_an_order_has_a_length(document: dict[str, Any]) -> None:
    def lengths(schema: dict[str, Any]) -> list[Any]:
        choices = [inner for choice in schema.get("anyOf", [schema]) for inner in [choice.get("items", choice)]]
        return [
            choice.get("maxLength") for choice in choices if choice.get("type") == "string" and "enum" not in choice
        ]

    assert OrderDocument.model_fields
    for name in WORDS:
        for field, schema in document["components"]["schemas"][name]["properties"].items():
            if field not in ("start", "birth_date"):
                assert all(length and length <= 10240 for length in lengths(schema)), f"{name}.{field}"
