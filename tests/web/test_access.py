"""Who gets in, what each role may do, and what a token that is bound to a source sees."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.tokens import Role
from dicom_gateway.web.authentication import FAILURES, PROTECTED, PUBLIC, Authenticator
from dicom_gateway.web.roles import ROLES, STAFF

Bodies = Callable[..., dict[str, Any]]
ACTOR = Actor("test")
EVERY_CALL = pytest.mark.parametrize(("method", "path"), list(ROLES), ids=[" ".join(call) for call in ROLES])


def filled(path: str) -> str:
    return path.replace("{", "").replace("}", "")


@EVERY_CALL
def test_nothing_without_a_token(shared_world: Any, shared_port: int, method: str, path: str) -> None:
    with shared_world.client(shared_port, "") as nobody:
        answer = nobody.request(method, filled(path))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 401


@pytest.mark.parametrize("path", ["/API/v1/orders", "//api/v1/orders", "/favicon.ico", "/nothing"])
def test_what_nobody_serves_is_an_error_page(shared_world: Any, shared_port: int, path: str) -> None:
    with shared_world.client(shared_port, "") as nobody:
        answer = nobody.get(f"http://127.0.0.1:{shared_port}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/nothing"])
def test_what_does_not_exist_needs_a_token_too(shared_world: Any, shared_port: int, path: str) -> None:
    with shared_world.client(shared_port, "") as nobody, shared_world.client(shared_port) as known:
        assert nobody.get(f"http://127.0.0.1:{shared_port}{path}").status_code == 401
        assert known.get(f"http://127.0.0.1:{shared_port}{path}").status_code == 404


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic YTpi", "dgw_x", "Bearer dgw_ü", "Bearer {token} x", "Bearer {token},x"],
)
def test_a_header_that_bears_no_token(world: Any, port: int, header: str) -> None:
    text = header.format(token=world.tokens["administrator"])
    with world.client(port, "") as client:
        answer = client.get("/api/v1/orders", headers=[(b"authorization", text.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_two_tokens_are_none_and_the_scheme_has_no_case(world: Any, port: int) -> None:
    token = world.tokens["administrator"]
    with world.client(port, "") as client:
        twice = [("authorization", f"Bearer {token}")] * 2
        assert client.get("/api/v1/orders", headers=twice).status_code == 401
        assert client.get("/api/v1/orders", headers={"authorization": f"bearer {token}"}).status_code == 200


@EVERY_CALL
def test_each_role_may_do_what_the_table_says(shared_world: Any, shared_port: int, method: str, path: str) -> None:
    for token, role in (("any pms", Role.PMS), ("technician", Role.TECHNICIAN), ("administrator", Role.ADMINISTRATOR)):
        with shared_world.client(shared_port, token) as client:
            status = client.request(method, filled(path)).status_code
        assert (status == 403) == (role not in ROLES[method, path])


def test_only_staff_completes_a_study() -> None:
    assert ROLES["POST", "/api/v1/studies/{uid}/complete"] == STAFF == {Role.TECHNICIAN, Role.ADMINISTRATOR}


def test_the_table_and_the_public_paths_are_the_application(shared_client: httpx.Client) -> None:
    paths = shared_client.get("/api/openapi.json").json()["paths"]
    listed = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert {(method, path) for method, path in listed if path.startswith(PROTECTED) and path not in PUBLIC} == set(
        ROLES
    )


def test_a_revoked_token_is_useless_within_seconds(world: Any, port: int) -> None:
    with world.client(port, "mypms") as client:
        assert client.get("/api/v1/orders").status_code == 200
        world.services.tokens.revoke("mypms", ACTOR)
        world.time[0] += 3_000_000
        assert client.get("/api/v1/orders").status_code == 401


def test_a_clock_that_jumps_back_keeps_no_token_alive(world: Any, port: int) -> None:
    with world.client(port, "mypms") as client:
        assert client.get("/api/v1/orders").status_code == 200
        world.services.tokens.revoke("mypms", ACTOR)
        world.time[0] -= 3_600_000_000
        assert client.get("/api/v1/orders").status_code == 401


def test_a_valid_token_is_remembered_for_a_moment(world: Any, port: int) -> None:
    with world.client(port) as client:
        client.get("/healthz")
        assert client.get("/api/v1/nothing").status_code == 404
        world.database.close()
        assert client.get("/api/v1/nothing").status_code == 404
        world.time[0] += 3_000_000
        answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_many_failures_are_429_and_harm_no_valid_token(world: Any, port: int) -> None:
    wrong = {"authorization": "Bearer dgw_wrong"}
    with world.client(port, "") as stranger:
        assert {stranger.get("/api/v1/orders", headers=wrong).status_code for _ in range(FAILURES)} == {401}
        answer = stranger.get("/api/v1/orders", headers=wrong)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        with world.client(port) as client:
            assert client.get("/api/v1/orders").status_code == 200
        world.time[0] += 60_000_000
        assert stranger.get("/api/v1/orders", headers=wrong).status_code == 401


def test_failures_are_counted_in_bounded_memory(world: Any) -> None:
    authenticator = Authenticator(world.services.tokens, world.services.clock)
    for n in range(5000):
        authenticator.has_failed_often(f"10.0.{n // 256}.{n % 256}")
    assert len(authenticator._failures) == 4096


@pytest.fixture
def two(client: httpx.Client, bodies: Bodies) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order of mypms and one of otherpms."""
    mine = client.post("/api/v1/orders", json=bodies("X-1")).json()
    theirs = client.post("/api/v1/orders", json=bodies("X-2", source="otherpms")).json()
    return mine, theirs


def test_a_bound_token_sees_its_orders_only(world: Any, port: int, two: Any) -> None:
    mine, theirs = two
    with world.client(port, "mypms") as client:
        assert client.get(f"/api/v1/orders/{mine['id']}").status_code == 200
        assert client.get(f"/api/v1/orders/{theirs['id']}").status_code == 404
        assert client.post(f"/api/v1/orders/{theirs['id']}/cancel").status_code == 404
        assert [order["id"] for order in client.get("/api/v1/orders").json()["items"]] == [mine["id"]]
        assert client.get("/api/v1/orders?source=otherpms").json() == {"items": [], "next": None}
        hidden = client.get(f"/api/v1/orders/{theirs['id']}").json()["detail"]
        assert hidden == client.get("/api/v1/orders/nothing").json()["detail"].replace("nothing", theirs["id"])
    with world.client(port, "any pms") as client:
        assert len(client.get("/api/v1/orders").json()["items"]) == 2
        assert client.get(f"/api/v1/orders/{theirs['id']}").json()["status"] == "SCHEDULED"


def test_a_bound_token_sends_its_orders_only(world: Any, port: int, bodies: Bodies) -> None:
    with world.client(port, "mypms") as client:
        assert client.post("/api/v1/orders", json=bodies("Y-1")).status_code == 201
        assert client.post("/api/v1/orders", json=bodies("Y-2", source="otherpms")).status_code == 403
        batch = {"orders": [bodies("Y-3"), bodies("Y-4", source="otherpms")]}
        results = client.post("/api/v1/orders/batch", json=batch).json()["results"]
    assert [result["status"] for result in results] == [201, 403]


def test_a_bound_token_sees_its_studies_and_instances_only(world: Any, port: int, two: Any) -> None:
    for n, order in enumerate(two):
        uid = order["procedures"][0]["study_instance_uid"]
        world.receive(b"%d" % n, study_instance_uid=uid, sop_instance_uid=f"1.2.{n}")
    world.receive(b"nobody", study_instance_uid="1.9", sop_instance_uid="1.2.9")
    mine, theirs = (order["procedures"][0]["study_instance_uid"] for order in two)
    with world.client(port, "mypms") as client:
        shown = client.get("/api/v1/studies").json()
        assert ([study["instance_uid"] for study in shown["items"]], shown["next"]) == ([mine], None)
        others = [f"instances/1.2.{n}/{what}" for n in (1, 9) for what in ("thumbnail", "metadata", "file")]
        for url in (f"studies/{theirs}", "studies/1.9", *others):
            assert client.get(f"/api/v1/{url}").status_code == 404
        assert client.get(f"/api/v1/studies?order_id={two[1]['id']}").json()["items"] == []
        for url in (f"studies/{mine}", *(f"instances/1.2.0/{what}" for what in ("thumbnail", "metadata", "file"))):
            assert client.get(f"/api/v1/{url}").status_code == 200
    with world.client(port, "any pms") as client:
        assert len(client.get("/api/v1/studies").json()["items"]) == 3
        assert client.get("/api/v1/instances/1.2.9/thumbnail").status_code == 200


def test_a_bound_token_does_not_see_a_version_that_belongs_nowhere(world: Any, port: int, two: Any) -> None:
    uid = two[0]["procedures"][0]["study_instance_uid"]
    world.receive(b"first", study_instance_uid=uid)
    world.receive(b"second", study_instance_uid=uid)
    for token, versions in (("mypms", 1), ("technician", 2)):
        with world.client(port, token) as client:
            (series,) = client.get(f"/api/v1/studies/{uid}").json()["series"]
        assert len(series["instances"][0]["versions"]) == versions


def test_pages_of_a_bound_token_reach_every_study(world: Any, port: int, two: Any) -> None:
    uid = two[0]["procedures"][0]["study_instance_uid"]
    world.receive(b"mine", study_instance_uid=uid, sop_instance_uid="1.5")
    for n in range(5):
        world.time[0] += 1_000_000
        world.receive(b"%d" % n, study_instance_uid=f"1.6.{n}", sop_instance_uid=f"1.7.{n}")
    with world.client(port, "mypms") as client:
        found, cursor = [], ""
        while cursor is not None:
            page = client.get("/api/v1/studies", params={"limit": 1, "cursor": cursor}).json()
            found += page["items"]
            cursor = page["next"]
    assert [study["instance_uid"] for study in found] == [uid]
