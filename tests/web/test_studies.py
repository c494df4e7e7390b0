"""Studies, their instances, pictures and files."""

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dicom_gateway.errors import Unavailable
from dicom_gateway.web import device_examples, examples
from tests.study.images import data_set, encoded
from tests.web.conftest import HEAD

JPEG = b"\xff\xd8 a picture \xff\xd9"
STUDY = "1.2.3.4"
ONE = "/api/v1/instances/1.2.3.4.1"

NO_ANIMAL = dict.fromkeys(("species", "breed", "neutered", "responsible_person", "responsible_organization"))


REX = {
    **NO_ANIMAL,
    "species": "Canine",
    "breed": "Labrador Retriever",
    "neutered": True,
    "responsible_person": "Doe^Jane",
}
EXPECTED = ("expected", "expected_from", "counted", "shortfall")


def expectation(client: httpx.Client, uid: str = STUDY) -> list[Any]:
    """Return what the API says is expected of a study."""
    found = client.get(f"/api/v1/studies/{uid}").json()
    return [found[key] for key in EXPECTED]


def shape(value: object) -> object:
    """Return the keys of JSON values, at every level."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


@pytest.fixture
def order(client: httpx.Client, bodies: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    body = bodies()
    body["procedures"][0]["study_instance_uid"] = STUDY
    order: dict[str, Any] = client.post("/api/v1/orders", json=body).json()
    return order


def test_a_study_of_an_order(world: Any, client: httpx.Client, order: dict[str, Any]) -> None:
    stored = world.receive(rows=10, columns=20, teeth=("36",))
    found = client.get(f"/api/v1/studies/{STUDY}").json()
    (series,) = found["series"]
    (instance,) = series["instances"]
    assert (found["instance_uid"], found["order_id"], found["received"]) == (STUDY, order["id"], 1)
    assert found["patient"] == {"id": "P-78", "issuer": "MYPMS", "name": None, **REX}
    assert (instance["rows"], instance["columns"], instance["teeth"]) == (10, 20, ["36"])
    assert instance["thumbnail"]["href"] == f"http://gateway.example{ONE}/thumbnail"
    assert instance["file"]["href"] == f"http://gateway.example{ONE}/file"
    assert instance["step_id"] == order["procedures"][0]["steps"][0]["id"]
    assert [version["sha256"] for version in instance["versions"]] == [stored.sha256]
    del found["series"]
    found = {key: value for key, value in found.items() if key not in EXPECTED}
    found["patient"] = {key: value for key, value in found["patient"].items() if key not in NO_ANIMAL}
    assert client.get("/api/v1/studies").json() == {"items": [found], "next": None}


def test_the_examples_have_the_keys_of_the_answers(world: Any, client: httpx.Client, order: dict[str, Any]) -> None:
    world.receive()
    world.services.unknown_devices.record("NEW", "10.0.0.1", "DCMGATEWAY", proposed=["Verification SOP Class"])
    world.services.audit.alarm(1, "kind", "subject", "detail")
    study = client.get(f"/api/v1/studies/{STUDY}").json()
    expected = shape(examples.EXAMPLE_STUDY)
    assert shape(study) == expected
    assert shape(client.get("/api/v1/studies").json()["items"][0]) == shape(examples.EXAMPLE_SUMMARY)
    assert set(order) == set(examples.EXAMPLE_ANSWER)
    delivery = client.get("/api/v1/deliveries").json()["items"][0]
    assert shape(delivery) == shape(examples.EXAMPLE_DELIVERY)
    event = client.get(f"/api/v1/deliveries/{delivery['event_id']}").json()
    assert set(event) == set(examples.EXAMPLE_EVENT)
    assert shape(event["deliveries"]) == shape(examples.EXAMPLE_EVENT["deliveries"])
    assert shape(client.get("/api/v1/devices/unknown").json()["items"][0]) == shape(
        device_examples.EXAMPLE_UNKNOWN_DEVICE
    )
    assert shape(client.get("/api/v1/alarms").json()["items"][0]) == shape(examples.EXAMPLE_ALARM)


def test_series_and_instances_are_in_their_order(world: Any, client: httpx.Client) -> None:
    for n, (series, number) in enumerate([(2, 1), (1, 2), (1, None), (1, 1), (None, 1)]):
        world.receive(
            b"%d" % n,
            sop_instance_uid=f"1.2.{n}",
            series_instance_uid=f"1.9.{series or 0}",
            series_number=series,
            instance_number=number,
        )
    found = client.get(f"/api/v1/studies/{STUDY}").json()["series"]
    assert [(s["number"], [i["number"] for i in s["instances"]]) for s in found] == [
        (1, [1, 2, None]),
        (2, [1]),
        (None, [1]),
    ]
    assert [series["received"] for series in found] == [3, 1, 1]


def test_versions_of_one_instance(world: Any, client: httpx.Client) -> None:
    first, second = world.receive(b"first"), world.receive(b"second")
    found = client.get(f"/api/v1/studies/{STUDY}").json()
    ((instance,),) = (series["instances"] for series in found["series"])
    assert [(v["version"], v["current"], v["sha256"], v["flags"]) for v in instance["versions"]] == [
        (1, True, first.sha256, []),
        (2, False, second.sha256, ["conflict"]),
    ]
    assert client.get(f"{ONE}/file").content.endswith(b"first")


def test_studies_come_in_pages(world: Any, client: httpx.Client) -> None:
    for n in range(3):
        world.time[0] += 1_000_000
        world.receive(b"%d" % n, study_instance_uid=f"1.{n}", sop_instance_uid=f"2.{n}")
    first = client.get("/api/v1/studies?limit=2").json()
    second = client.get("/api/v1/studies", params={"limit": 2, "cursor": first["next"]}).json()
    assert [study["instance_uid"] for study in first["items"] + second["items"]] == ["1.2", "1.1", "1.0"]
    assert second["next"] is None


@pytest.mark.parametrize("uid", ["1.9", "..", "%2e%2e", "1%0a2", "x" * 500, "%00"])
def test_what_is_not_there(client: httpx.Client, uid: str) -> None:
    for url in (f"studies/{uid}", f"instances/{uid}/thumbnail", f"instances/{uid}/file"):
        answer = client.get(f"/api/v1/{url}")
        assert answer.status_code == 404
        assert answer.json()["title"] == "Not Found"


def test_a_person_says_that_a_study_is_complete(
    world: Any, client: httpx.Client, port: int, order: dict[str, Any]
) -> None:
    world.receive()
    with world.client(port, "technician") as technician:
        answer = technician.post(f"/api/v1/studies/{STUDY}/complete")
    assert (answer.status_code, answer.json()["evidence"]) == (200, "manual")
    assert client.get(f"/api/v1/orders/{order['id']}").json()["status"] == "COMPLETED"
    (line,) = world.services.audit.of(f"study {STUDY}")
    assert (line["who"], line["origin"]) == ("token technician", "127.0.0.1")


def test_a_study_of_no_order_cannot_be_complete(world: Any, client: httpx.Client) -> None:
    world.receive()
    assert client.post(f"/api/v1/studies/{STUDY}/complete").status_code == 409
    assert client.post("/api/v1/studies/1.9/complete").status_code == 404


def test_a_thumbnail(world: Any, client: httpx.Client) -> None:
    stored = world.receive()
    answer = client.get(f"{ONE}/thumbnail")
    assert (answer.content, answer.headers["content-type"]) == (JPEG, "image/jpeg")
    assert answer.headers["etag"] == f'"{stored.sha256}"'
    assert answer.headers["cache-control"] == "private, max-age=3600"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for known in (answer.headers["etag"], f'"x", {answer.headers["etag"]}'):
        again = client.get(f"{ONE}/thumbnail", headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert world.pictures.asked == 1


def test_a_tile_is_not_kept_as_the_picture(world: Any, client: httpx.Client) -> None:
    stored = world.receive()
    world.pictures.is_tile = True
    answer = client.get(f"{ONE}/thumbnail")
    assert (answer.headers["cache-control"], answer.headers["etag"]) == ("private, no-cache", f'"{stored.sha256}-tile"')
    world.pictures.is_tile = False
    later = client.get(f"{ONE}/thumbnail", headers={"if-none-match": answer.headers["etag"]})
    assert (later.status_code, later.headers["etag"]) == (200, f'"{stored.sha256}"')


def test_a_thumbnail_that_cannot_be_drawn_now(world: Any, client: httpx.Client) -> None:
    world.receive()
    world.pictures.error = Unavailable("the decoder is busy")
    answer = client.get(f"{ONE}/thumbnail")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["cache-control"] == "no-store"


def test_a_file_is_what_was_received(world: Any, client: httpx.Client) -> None:
    data = bytes(range(256)) * 2000
    stored = world.receive(data)
    answer = client.get(f"{ONE}/file")
    assert answer.headers["content-type"] == "application/dicom"
    assert answer.headers["content-disposition"] == f'attachment; filename="{stored.sha256[:16]}.dcm"'
    assert answer.headers["content-length"] == str(len(HEAD) + len(data))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.content[128:132] == b"DICM"
    assert hashlib.sha256(answer.content[len(HEAD) :]).hexdigest() == hashlib.sha256(data).hexdigest() == stored.sha256
    part = client.get(f"{ONE}/file", headers={"range": f"bytes={len(HEAD)}-{len(HEAD) + 9}"})
    assert (part.status_code, part.content) == (206, data[:10])


@pytest.mark.parametrize("harm", ["gone", "short"])
def test_a_damaged_file_is_an_error_and_an_alarm(world: Any, client: httpx.Client, harm: str) -> None:
    stored = world.receive()
    path = world.services.objects.path(stored.name)
    path.unlink() if harm == "gone" else path.write_bytes(b"x")
    answer = client.get(f"{ONE}/file")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "missing or has another length" in answer.json()["detail"]
    (alarm,) = client.get("/api/v1/alarms").json()["items"]
    assert (alarm["kind"], alarm["subject"]) == ("object damaged", stored.name)


def test_a_study_says_what_is_missing(world: Any, client: httpx.Client, order: dict[str, Any]) -> None:
    world.receive(rows=9)
    assert expectation(client) == [2, "order", 1, "1 of 2 images"]
    world.receive(b"two", rows=9, sop_instance_uid="1.2.3.4.2")
    assert expectation(client) == [2, "order", 2, None]


def test_what_came_in_another_study_of_the_procedure_counts(
    world: Any, client: httpx.Client, order: dict[str, Any]
) -> None:
    world.receive(rows=9)
    accession = order["accession_number"]
    other = {"study_instance_uid": "1.2.5", "sop_instance_uid": "1.2.5.1", "accession_number": accession}
    world.receive(b"two", rows=9, **other)
    assert client.get("/api/v1/studies/1.2.5").json()["order_id"] == order["id"]
    assert expectation(client) == expectation(client, "1.2.5") == [2, "order", 2, None]


def test_a_template_of_the_practice_says_what_is_expected(
    world: Any, client: httpx.Client, bodies: Callable[..., dict[str, Any]]
) -> None:
    body = bodies()
    code = {"value": "OWN3", "scheme": "99LOCAL", "meaning": "Three views"}
    body["procedures"][0] |= {"study_instance_uid": STUDY, "code": code}
    body["procedures"][0]["steps"][0]["expected_instances"] = None
    assert client.post("/api/v1/orders", json=body).status_code == 201
    world.receive(rows=9)
    assert expectation(client) == [3, "template", 1, "1 of 3 images (OWN3 three views)"]


def test_nothing_is_expected_of_a_study_of_no_order(world: Any, client: httpx.Client) -> None:
    world.receive(rows=9)
    assert expectation(client) == [None] * 4


def test_of_an_animal_of_an_order_no_teeth_are_read_from_words(
    world: Any, client: httpx.Client, order: dict[str, Any]
) -> None:
    world.receive(teeth=("36",), from_text=("teeth",))
    (series,) = client.get(f"/api/v1/studies/{STUDY}").json()["series"]
    assert (series["instances"][0]["teeth"], series["instances"][0]["from_text"]) == ([], [])


def test_a_study_of_no_order_says_what_its_images_say_of_the_animal(world: Any, client: httpx.Client) -> None:
    world.receive()
    world.receive(b"two", sop_instance_uid="1.2.3.4.2", species="Canine", breed="Beagle", neutered=False)
    patient = client.get(f"/api/v1/studies/{STUDY}").json()["patient"]
    assert patient == {
        "id": "P-78",
        "issuer": "MYPMS",
        "name": None,
        **NO_ANIMAL,
        "species": "Canine",
        "breed": "Beagle",
        "neutered": False,
    }


def test_all_attributes_of_an_instance(world: Any, client: httpx.Client, order: dict[str, Any]) -> None:
    made = data_set(PatientID="P-78", Rows=9, RequestAttributesSequence=[data_set(ScheduledProcedureStepID="S1")])
    world.receive(encoded(made))
    found = client.get(f"{ONE}/metadata").json()
    assert (found["sop_instance_uid"], found["complete"]) == ("1.2.3.4.1", True)
    assert found["attributes"]["PatientID"] == {"vr": "LO", "Value": ["P-78"]}
    assert found["attributes"]["Rows"] == {"vr": "US", "Value": [9]}
    (request,) = found["attributes"]["RequestAttributesSequence"]["Value"]
    assert request["ScheduledProcedureStepID"]["Value"] == ["S1"]
    assert client.get("/api/v1/instances/1.9/metadata").status_code == 404


def test_attributes_of_an_object_that_ends_too_soon(world: Any, client: httpx.Client, order: dict[str, Any]) -> None:
    world.receive(encoded(data_set(PatientID="P-78", StudyID="x" * 16))[:-7])
    found = client.get(f"{ONE}/metadata").json()
    assert found["complete"] is False and found["attributes"]["PatientID"]["Value"] == ["P-78"]
