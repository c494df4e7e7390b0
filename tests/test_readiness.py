"""What /readyz finds out about the database, on a real gateway's parts."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE

from dicom_gateway.gateway import Gateway
from dicom_gateway.readiness import Readiness
from dicom_gateway.settings_loading import load_settings


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("DICOM_GATEWAY_GATEWAY__DATA_DIR", str(tmp_path))
    peer = AE()
    peer.add_supported_context("1.2.840.10008.1.1")
    server = peer.start_server(("127.0.0.1", 0), block=False)  # answers the C-ECHO of /readyz
    monkeypatch.setenv("DICOM_GATEWAY_DICOM__PORT", str(server.server_address[1]))
    found = Gateway(load_settings())
    found.migrate()
    yield found
    found.close()
    server.shutdown()


def database_of(gateway: Gateway) -> str:
    """Return what a role that has just started says of its database."""
    return Readiness(gateway, threading.Event().is_set).components()["database"]


def test_a_database_that_works(gateway: Gateway) -> None:
    readiness = Readiness(gateway, threading.Event().is_set)
    for _ in range(2):
        found = readiness.components()
        assert (found["database"], found["dicom"]) == ("ok", "ok")


@pytest.mark.parametrize("how", ["overwritten", "deleted", "emptied", "closed"])
def test_a_database_that_is_destroyed(gateway: Gateway, how: str) -> None:
    assert database_of(gateway) == "ok"
    gateway.database.checkpoint()
    path = gateway.database.path
    if how == "closed":
        gateway.database.close()
    else:
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    if how == "overwritten":
        path.write_bytes(b"not a database " * 1000)
    elif how == "deleted":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    assert database_of(gateway) == "failed"
