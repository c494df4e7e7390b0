"""Software that others wrote, as devices in tests. A peer that is not installed: a loud skip, but a failure in CI."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
DCMJS = ROOT / "conformance" / "dcmjs"
NODE_HL7 = ROOT / "conformance" / "nodehl7"


def need(program: str, package: str) -> str:
    """Return the path of a program; skip the test (fail it in CI) when its package is not installed."""
    found = shutil.which(program)
    if found is None:
        missing(f"{program} of the Debian package {package}")
    assert found is not None
    return found


def missing(what: str) -> None:
    """Skip the test loudly, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"NOT TESTED: {what} is not installed")


def dcmtk(program: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a DCMTK program; its return code is the caller's business."""
    path = need(program, "dcmtk")
    return subprocess.run([path, *arguments], capture_output=True, text=True, timeout=timeout, errors="replace")


def dcmjs(port: int, calling: str, operation: str, value: object = None, timeout: float = 60) -> list[dict[str, Any]]:
    """Let dcmjs-dimse do `operation` (see conformance/dcmjs/device.js); return its responses."""
    node = need("node", "nodejs")
    if not (DCMJS / "node_modules").exists():
        missing("dcmjs-dimse (make peers)")
    command = [node, "device.js", "127.0.0.1", str(port), calling, "DCMGATEWAY", operation, json.dumps(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=DCMJS)
    assert done.returncode in (0, 3), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def node_hl7(port: int, messages: list[str], timeout: float = 60) -> list[str]:
    """Let npm's node-hl7-client send messages over one connection; return MSA-1 of each answer."""
    node = need("node", "nodejs")
    if not (NODE_HL7 / "node_modules").exists():
        missing("node-hl7-client (make peers)")
    command = [node, "sender.mjs", "127.0.0.1", str(port), json.dumps(messages)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=NODE_HL7)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()
