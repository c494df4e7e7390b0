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

from dicom_gateway.core.device_answer import Echoed

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
NAMED = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?\s]*)`")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def endpoints(client: httpx.Client) -> set[tuple[str, str]]:
    paths = client.get("/api/openapi.json").json()["paths"]
    return {(method.upper(), path) for path, operations in paths.items() for method in operations}


def test_the_page_names_every_endpoint_and_no_other(client: httpx.Client) -> None:
    assert set(NAMED.findall(PAGE.read_text(encoding="utf-8"))) == endpoints(client)


def test_every_endpoint_has_an_example(client: httpx.Client) -> None:
    calls = [block for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if block.startswith("curl ")]
    assert len(calls) == len(endpoints(client))


def test_every_example_works_one_after_the_other(
    world: Any, port: int, client: httpx.Client, bodies: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    curl = shutil.which("curl")
    if curl is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the curl command is missing: docs/api.md was NOT run")
    begun = client.post("/api/v1/orders", json=bodies("W-2")).json()
    world.receive(study_instance_uid=begun["procedures"][0]["study_instance_uid"])
    world.services.unknown_devices.record("NEWPANO", "192.168.1.40", "DCMGATEWAY", "unknown device")
    world.echoed["PANO1"] = Echoed(True, "Success", 3.2)
    world.services.audit.alarm(1, "disk nearly full", "store", "")
    world.asks(b"\x10\x00\x10\x00PN\x00\x00")
    world.messages()
    environment = {
        **os.environ,
        "NO_PROXY": "*",
        "GATEWAY": f"http://127.0.0.1:{port}",
        "TOKEN": world.tokens["administrator"],
    }
    settings, *examples = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert settings.startswith("export GATEWAY=")
    script = "\n".join(["set -ex", *examples])  # -x: what failed is the last line of standard error
    done = subprocess.run(
        ["sh"], input=script, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert client.get("/api/v1/alarms").json()["items"] == []
    assert (tmp_path / "thumbnail.jpg").stat().st_size and (tmp_path / "image.dcm").stat().st_size
