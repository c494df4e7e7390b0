"""What a process loads before it works: what it never uses would make it start later and grow larger."""

import subprocess
import sys

import pytest

PIXELS = ("pydicom", "numpy", "PIL")
NETWORK = ("pynetdicom", "fastapi", "httpx")


@pytest.mark.parametrize(
    ("module", "without"),
    [
        pytest.param("cli.root", (*PIXELS, *NETWORK, "pydantic", "peewee"), id="help"),
        pytest.param("cli.orders", (*PIXELS, *NETWORK), id="a command"),
        pytest.param("supervisor", (*PIXELS, *NETWORK), id="supervisor"),
        pytest.param("intake", (*PIXELS, *NETWORK), id="intake"),
        pytest.param("worker", ("pydicom", "numpy", *NETWORK), id="worker"),
    ],
)
def test_nothing_is_loaded_that_is_not_used(module: str, without: tuple[str, ...]) -> None:
    code = f"import sys, dicom_gateway.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert f"dicom_gateway.{module}" in loaded
    assert sorted(loaded.intersection(without)) == []
