"""A full disk: refused with 0xA700, nothing half written, and working again by itself when there is room."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from tests.e2e.images import order_body, write_image
from tests.e2e.program import Program, wait_for
from tests.e2e.test_kill import stored
from tests.peers import dcmtk

OUT_OF_RESOURCES = "refused: outofresources"  # as DCMTK words 0xA700


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("NOT TESTED: this system does not let root mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def send(gateway: Program, path: Path) -> str:
    """Send an image; return "" for success, else what storescu said."""
    done = dcmtk("storescu", "-v", "127.0.0.1", str(gateway.dicom_port), str(path))
    return "" if done.returncode == 0 else (done.stdout + done.stderr).lower()


def test_full_disk_refuses_and_recovers(program: Callable[..., Program], small_disk: Path, tmp_path: Path) -> None:
    gateway = program(folder=small_disk / "gateway", DICOM_GATEWAY_STORAGE__RESERVE_MB="0")
    study = generate_uid()
    acknowledged: list[str] = []
    refusal = ""
    while not refusal:
        path, uid = write_image(tmp_path, study, "P-1", len(acknowledged), rows=700, columns=600)
        refusal = send(gateway, path)
        if not refusal:
            acknowledged.append(uid)
        assert len(acknowledged) < 20
    assert OUT_OF_RESOURCES in refusal, refusal
    assert acknowledged
    assert stored(gateway).keys() == set(acknowledged)
    objects = [found for found in (gateway.data / "objects").rglob("*") if found.is_file()]
    assert len(objects) == len(acknowledged)
    assert not list((gateway.data / "spool").rglob("*.part"))
    assert dcmtk("echoscu", "127.0.0.1", str(gateway.dicom_port)).returncode == 0

    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    assert send(gateway, path) == ""
    assert stored(gateway).keys() == {*acknowledged, uid}
    assert gateway.api("POST", "/orders", json=order_body()).status_code == 201


def test_below_the_reserve_nothing_is_taken(program: Callable[..., Program], tmp_path: Path) -> None:
    free_mb = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize >> 20
    gateway = program(DICOM_GATEWAY_STORAGE__RESERVE_MB="1")
    path, _ = write_image(tmp_path, generate_uid(), "P-1", 1)
    assert send(gateway, path) == ""
    gateway.end()
    gateway.environment["DICOM_GATEWAY_STORAGE__RESERVE_MB"] = str(free_mb * 2)
    gateway.start(wait=False)
    wait_for(lambda: dcmtk("echoscu", "127.0.0.1", str(gateway.dicom_port)).returncode == 0, what="echo")
    other, _ = write_image(tmp_path, generate_uid(), "P-1", 1)
    assert OUT_OF_RESOURCES in send(gateway, other)
