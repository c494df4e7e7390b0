"""/api/v1/orders against the running server."""

import copy
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_gateway.core import refusals
from dicom_gateway.core.status import StepStatus
from dicom_gateway.web.examples import EXAMPLE_ORDER

Bodies = Callable[..., dict[str, Any]]
URL = "/api/v1/orders"


def test_a_new_order_is_answered_with_everything_minted(client: httpx.Client, bodies: Bodies) -> None:
    answer = client.post(URL, json=bodies())
    order = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{URL}/{order['id']}"
    assert (order["status"], order["version"], order["created_at"]) == ("SCHEDULED", 1, "2026-09-21T14:13:20.000Z")
    step = order["procedures"][0]["steps"][0]
    assert order["accession_number"] and order["procedures"][0]["study_instance_uid"].startswith("2.25.")
    assert step["id"] and step["status"] == "SCHEDULED"
    assert client.get(f"{URL}/{order['id']}").json() == order


def test_the_same_again_is_200_and_changes_nothing(client: httpx.Client, bodies: Bodies) -> None:
    first = client.post(URL, json=bodies()).json()
    again = client.post(URL, json=bodies())
    assert (again.status_code, again.json()) == (200, first)


def test_a_change_is_200_and_the_next_version(client: httpx.Client, bodies: Bodies) -> None:
    first = client.post(URL, json=bodies()).json()
    changed = client.post(URL, json=bodies(reason="limping"))
    assert changed.status_code == 200
    assert changed.json() == {**first, "reason": "limping", "version": 2}


def test_an_answer_can_be_sent_back(client: httpx.Client, bodies: Bodies) -> None:
    first = client.post(URL, json=bodies()).json()
    again = client.post(URL, json=first)
    assert (again.status_code, again.json()) == (200, first)


def test_another_patient_is_a_conflict(client: httpx.Client, bodies: Bodies) -> None:
    client.post(URL, json=bodies())
    answer = client.post(URL, json=bodies(patient={"id": "P-79"}))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "this order exists and belongs to another patient; use another placer_order_number",
        "errors": [],
    }


def test_each_bad_field_is_named(client: httpx.Client, bodies: Bodies) -> None:
    body = bodies(nonsense=1)
    body["patient"]["sex"] = "X"
    body["procedures"][0]["steps"] = [{"modality": "DX", "teeth": ["99"]}, {"start": "tomorrow", "modality": "dx"}]
    answer = client.post(URL, json=body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {
        "nonsense",
        "patient.sex",
        "procedures[0].steps[0].start",
        "procedures[0].steps[1].start",
        "procedures[0].steps[1].modality",
    }
    assert {"field": "procedures[0].steps[0].start", "message": "is required"} in answer.json()["errors"]


def test_a_tooth_that_does_not_exist(client: httpx.Client, bodies: Bodies) -> None:
    body = bodies()
    body["procedures"][0]["steps"][0]["teeth"] = ["99"]
    answer = client.post(URL, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("procedures[0].steps[0].teeth")


@pytest.mark.parametrize("body", [[], "text", 1, None, True], ids=str)
def test_a_body_that_is_no_order(shared_client: httpx.Client, body: object) -> None:
    answer = shared_client.post(URL, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_the_audit_knows_the_token_and_the_address(world: Any, client: httpx.Client, bodies: Bodies) -> None:
    order = client.post(URL, json=bodies()).json()
    (line,) = world.services.audit.of(f"order {order['id']}")
    assert (line["who"], line["origin"], line["action"]) == ("token administrator", "127.0.0.1", "order received")


def test_eight_at_once_create_one_order(client: httpx.Client, bodies: Bodies) -> None:
    barrier = threading.Barrier(8)

    def post(_: int) -> tuple[int, str]:
        barrier.wait(20)
        answer = client.post(URL, json=bodies())
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(post, range(8)))
    assert sorted(status for status, _ in found) == [200] * 7 + [201]
    assert len({order_id for _, order_id in found}) == 1


def test_cancel(client: httpx.Client, bodies: Bodies) -> None:
    order = client.post(URL, json=bodies()).json()
    for _ in range(2):
        answer = client.post(f"{URL}/{order['id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELED")
    assert client.post(f"{URL}/unknown/cancel").status_code == 404


def test_a_late_retry_does_not_undo_a_cancel(world: Any, client: httpx.Client, bodies: Bodies) -> None:
    order = client.post(URL, json=bodies()).json()
    cancelled = client.post(f"{URL}/{order['id']}/cancel").json()
    for body in (bodies(), order, cancelled):
        again = client.post(URL, json=body)
        assert (again.status_code, again.json()) == (200, cancelled)
    assert [row["type"] for row in world.services.outbox.deliveries()] == ["order.canceled"]
    assert len(world.services.audit.of(f"order {order['id']}")) == 2
    changed = client.post(URL, json=bodies(reason="limping")).json()
    assert (changed["status"], changed["version"], changed["procedures"][0]["steps"][0]["status"]) == (
        "SCHEDULED",
        3,
        "SCHEDULED",
    )


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("2026-09-21", None),  # today by the gateway's clock
        ("2026-09-22", "must not be after today, 2026-09-21"),
        ("1850-01-01", None),
        ("1849-12-31", "must not be before 1850"),
    ],
)
def test_nobody_is_born_in_the_future(
    world: Any, client: httpx.Client, bodies: Bodies, day: str, message: str | None
) -> None:
    answer = client.post(URL, json=bodies(patient={"birth_date": day}))
    assert answer.status_code == (201 if message is None else 422)
    errors = [{"field": "patient.birth_date", "message": message}] if message else None
    assert answer.json().get("errors") == errors


def test_today_is_the_practices(world: Any, client: httpx.Client, bodies: Bodies) -> None:
    world.time[0] += 8 * 3600 * 1_000_000  # 22:13 UTC is past midnight in Berlin
    assert client.post(URL, json=bodies(patient={"birth_date": "2026-09-22"})).status_code == 201


def test_cancel_is_too_late_once_a_device_has_begun(world: Any, client: httpx.Client, bodies: Bodies) -> None:
    order = client.post(URL, json=bodies()).json()
    world.receive(study_instance_uid=order["procedures"][0]["study_instance_uid"])
    answer = client.post(f"{URL}/{order['id']}/cancel")
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("too late to cancel")
    assert client.get(f"{URL}/{order['id']}").json()["status"] == StepStatus.STARTED


def test_a_batch_gives_each_its_own_outcome(client: httpx.Client, bodies: Bodies) -> None:
    orders = [bodies("B-1"), {**bodies("B-2"), "patient": {"id": "P"}}, bodies("B-1"), 7, bodies("B-3")]
    answer = client.post(f"{URL}/batch", json={"orders": orders})
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [result["status"] for result in results] == [201, 422, 200, 422, 201]
    assert results[0]["order"]["id"] == results[2]["order"]["id"]
    assert results[1]["problem"]["errors"] == [{"field": "patient.name", "message": "is required"}]
    assert len(client.get(URL).json()["items"]) == 2


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({}, ["orders"]),
        ([], ["orders"]),
        ({"orders": {}}, ["orders"]),
        ({"orders": [], "more": 1}, ["more"]),
        ({"orders": [0] * 1001}, ["orders"]),
    ],
    ids=["empty", "a list", "no list", "another field", "1001 orders"],
)
def test_a_batch_that_is_none(shared_client: httpx.Client, document: object, fields: list[str]) -> None:
    answer = shared_client.post(f"{URL}/batch", json=document)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == fields


def test_a_batch_of_1000_is_taken(shared_client: httpx.Client) -> None:
    answer = shared_client.post(f"{URL}/batch", json={"orders": [0] * 1000})
    assert [result["status"] for result in answer.json()["results"]] == [422] * 1000


def test_a_batch_when_the_database_is_away(world: Any, client: httpx.Client, bodies: Bodies) -> None:
    client.get(URL)  # the token is remembered
    world.database.close()
    answer = client.post(f"{URL}/batch", json={"orders": [bodies("C-1"), bodies("C-2")]})
    assert [result["status"] for result in answer.json()["results"]] == [503, 503]
    alone = client.post(URL, json=bodies())
    assert (alone.status_code, alone.headers["retry-after"]) == (503, "5")


@pytest.fixture(scope="module")
def listed(shared_world: Any, shared_client: httpx.Client, bodies: Bodies) -> httpx.Client:
    """Five orders, one a second; the odd ones of another source, patient, modality and day."""
    for n in range(5):
        shared_world.time[0] += 1_000_000
        body = bodies(f"L-{n}")
        if n % 2:
            body |= {"source": "otherpms", "accession_number": f"ACC{n}"}
            body["patient"]["id"] = "P-odd"
            body["procedures"][0]["steps"][0] |= {
                "modality": "IO",
                "start": "2026-12-24",
                "station_ae_titles": ["IO1", "DX9"],
            }
        assert shared_client.post(URL, json=body).status_code == 201
    return shared_client


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", "43210"),
        ("limit=2", "43"),
        ("status=SCHEDULED", "43210"),
        ("status=COMPLETED", ""),
        ("status=", "43210"),
        ("date=2026-12-24", "31"),
        ("date=20261224", "31"),
        ("device=IO1", "31"),
        ("modality=DX", "420"),
        ("patient_id=P-odd", "31"),
        ("accession_number=ACC3", "3"),
        ("source=otherpms", "31"),
        ("source=mypms&modality=IO", ""),
        ("placer_order_number=L-3", "3"),
        ("placer_order_number=L-3&source=otherpms", "3"),
        ("placer_order_number=L-3&source=mypms", ""),
        ("placer_order_number=L-3&modality=DX", ""),
        ("placer_order_number=L", ""),
        ("patient_id=%00%F0%28", ""),
    ],
)
def test_filters(listed: httpx.Client, query: str, numbers: str) -> None:
    answer = listed.get(f"{URL}?{query}")
    assert answer.status_code == 200
    assert [item["placer_order_number"] for item in answer.json()["items"]] == [f"L-{n}" for n in numbers]


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
def test_pages_give_every_order_once(listed: httpx.Client, limit: int) -> None:
    found, cursor, pages = [], "", 0
    while cursor is not None:
        answer = listed.get(URL, params={"limit": limit, "cursor": cursor}).json()
        found += [item["placer_order_number"] for item in answer["items"]]
        cursor = answer["next"]
        pages += 1
    assert found == ["L-4", "L-3", "L-2", "L-1", "L-0"]
    assert pages == -(-5 // limit)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("status=DONE", "status"),
        ("date=2026-13-01", "date"),
        ("date=2026-1-001", "date"),
        ("date=24.12.2026", "date"),
        ("patientid=1", "patientid"),
        ("patient_id=" + "1" * 201, "patient_id"),
        ("cursor=%%%", "cursor"),
        ("cursor=AAAA", "cursor"),
        ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk6YQ", "cursor"),
        ("cursor=%C3%A9", "cursor"),
    ],
)
def test_bad_parameters(shared_client: httpx.Client, query: str, field: str) -> None:
    answer = shared_client.get(f"{URL}?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "nput should" not in answer.text and "tring should" not in answer.text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "must be at least 1"),
        ("limit=501", "must be at most 500"),
        ("limit=x", "must be a whole number"),
        ("limit=1.5", "must be a whole number"),
        ("limit=", "must be a whole number"),
        (
            "status=DONE",
            "must be 'SCHEDULED', 'ARRIVED', 'READY', 'STARTED', 'CANCELED', 'DISCONTINUED' or 'COMPLETED'",
        ),
        ("source=" + "x" * 201, "must have at most 200 characters"),
        ("patientid=1", "is not a parameter of this request"),
    ],
)
def test_a_bad_parameter_is_refused_in_plain_words(shared_client: httpx.Client, query: str, message: str) -> None:
    field = query.partition("=")[0]
    assert shared_client.get(f"{URL}?{query}").json()["errors"] == [{"field": field, "message": message}]


def test_the_same_number_of_several_sources(client: httpx.Client, bodies: Bodies) -> None:
    for source in ("two-a", "two-b", "two-c"):
        client.post(URL, json=bodies("TWO", source=source))
    found = client.get(f"{URL}?placer_order_number=TWO&limit=2").json()
    more = client.get(URL, params={"placer_order_number": "TWO", "limit": 2, "cursor": found["next"]}).json()
    sources = [order["source"] for order in found["items"] + more["items"]]
    assert (sorted(sources), more["next"]) == (["two-a", "two-b", "two-c"], None)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_VALUE = st.sampled_from(
    ["", " ", "A", "IO", "^" * 5, "=" * 3, "x" * 65, "1.2", "\u0000", "ß" * 16, "😀" * 64, "1.2." + "9" * 60]
    + [
        "2999-12-31T23:59:59-23:59",
        "1900-01-01T00:00:00+23:59",
        "2026-03-29T02:30:00",
        "2026-02-30",
        "0001-01-01",
        "36",
    ]
)
_OTHER_FIELDS = {
    "order": ["filler_order_number", "accession_number", "admission_id", "confidentiality", "id", "status", "nonsense"],
    "patient": ["size_m", "allergies", "medical_alerts", "pregnancy_status", "state", "special_needs"],
    "procedure": ["id", "study_instance_uid", "original_id"],
    "step": ["id", "teeth", "tooth_system", "station_name", "location", "protocol_codes", "status"],
}


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """A good order with a few of its values exchanged for others, good and bad; or left out, or added."""
    order = copy.deepcopy(EXAMPLE_ORDER) | {"placer_order_number": draw(st.sampled_from("123"))}
    procedure = order["procedures"][0]
    order["procedures"] += draw(st.lists(st.just(procedure).map(copy.deepcopy), max_size=2))
    parts = {
        "order": order,
        "patient": order["patient"],
        "procedure": procedure,
        "step": procedure["steps"][0],
    }
    for name in draw(st.lists(st.sampled_from(sorted(parts)), max_size=3)):
        part = parts[name]
        field = draw(st.sampled_from(sorted({*part, *_OTHER_FIELDS[name]})))
        value = draw(_VALUE | _VALUE.map(lambda text: [text]) | _JSON)
        part[field] = value
        if draw(st.integers(0, 5)) == 0:
            del part[field]
    return order


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders() | _JSON)
def test_no_order_is_an_unexpected_error(client: httpx.Client, order: object) -> None:
    request = {"content": json.dumps(order), "headers": {"content-type": "application/json"}}
    answer = client.post(URL, **request)
    assert answer.status_code in (200, 201, 400, 409, 422), answer.text
    if answer.status_code >= 400:
        assert set(answer.json()) == {"type", "title", "status", "detail", "errors"}
        messages = [error["message"] for error in answer.json()["errors"]]
        assert not [message for message in messages if "should" in message or message == refusals.OTHER]
    else:
        again = client.post(URL, **request)
        assert (again.status_code, again.json()) == (200, answer.json())
