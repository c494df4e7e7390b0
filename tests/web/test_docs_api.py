"""docs/api.md names every endpoint, and each of its examples runs against the running server."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
NAMED = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?\s]*)`")
BLOCK = re.compile(r"```sh\n(curl .*?)```", re.DOTALL)


def endpoints(client: httpx.Client) -> set[tuple[str, str]]:
    paths = client.get("/api/openapi.json").json()["paths"]
    return {(method.upper(), path) for path, operations in paths.items() for method in operations}


def test_the_page_names_every_endpoint_and_no_other(client: httpx.Client) -> None:
    assert set(NAMED.findall(PAGE.read_text(encoding="utf-8"))) == endpoints(client)


def test_every_endpoint_has_an_example(client: httpx.Client) -> None:
    assert len(BLOCK.findall(PAGE.read_text(encoding="utf-8"))) == len(endpoints(client))


def test_every_example_works(
    world: Any, port: int, client: httpx.Client, bodies: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    curl = shutil.which("curl")
    if curl is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the curl command is missing: docs/api.md was NOT run")
    waits = client.post("/api/v1/orders", json=bodies("W-1")).json()
    begun = client.post("/api/v1/orders", json=bodies("W-2")).json()
    world.receive(study_instance_uid=begun["procedures"][0]["study_instance_uid"])
    event = client.get("/api/v1/deliveries").json()["items"][0]
    environment = {
        **os.environ,
        "NO_PROXY": "*",
        "GATEWAY": f"http://127.0.0.1:{port}",
        "TOKEN": world.tokens["administrator"],
        "ORDER": waits["id"],
        "STUDY": begun["procedures"][0]["study_instance_uid"],
        "INSTANCE": "1.2.3.4.1",
        "EVENT": event["event_id"],
    }
    for command in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        done = subprocess.run(["sh", "-c", command], env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (tmp_path / "thumbnail.jpg").stat().st_size and (tmp_path / "image.dcm").stat().st_size
