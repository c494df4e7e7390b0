"""Devices that are added, changed and removed while the gateway runs: each role knows it at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dicom_gateway.core.devices import Device, Service
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.devices import DeviceStore
from tests.e2e.images import order_body
from tests.e2e.program import Program
from tests.peers import dcmtk

ADMINISTRATOR = Actor("test")
STATION = "ScheduledProcedureStepSequence[0].ScheduledStationName"


@contextmanager
def devices_of(program: Program) -> Iterator[DeviceStore]:
    """The devices of a running gateway, changed from another process than its own."""
    gateway = Gateway(load_settings(program.config))
    try:
        yield gateway.device_store
    finally:
        gateway.close()


def called(program: Program, tool: str, *arguments: str) -> str:
    """Run a tool of DCMTK as PANO1; return what it prints, or "" when it ended well and printed nothing."""
    done = dcmtk(tool, "-v", *arguments, "-aet", "PANO1", "-aec", "DCMGATEWAY", "127.0.0.1", str(program.dicom_port))
    return (done.stdout + done.stderr).lower()


def test_a_device_of_the_database_is_served_without_a_restart(program: Callable[..., Program]) -> None:
    gateway = program(
        '[[device]]\nae_title = "DX1"\nmodalities = ["DX"]\n', DICOM_GATEWAY_DICOM__UNKNOWN_DEVICES="refuse"
    )
    query = ("-W", "-k", "PatientName", "-k", "ScheduledProcedureStepSequence[0].Modality=PX", "-k", STATION)
    assert "calling ae title not recognized" in called(gateway, "echoscu")
    with devices_of(gateway) as devices:
        devices.add(Device("PANO1", modalities=("PX",), station_names=("Room 2",)), ADMINISTRATOR)
        assert "received echo response (success)" in called(gateway, "echoscu")
        body = order_body()
        del body["procedures"][0]["steps"][0]["station_ae_titles"]  # type: ignore[index]
        body["procedures"][0]["steps"][0]["modality"] = "PX"  # type: ignore[index]
        order = gateway.api("POST", "/orders", json=body)
        assert order.status_code == 201, order.text
        (step,) = order.json()["procedures"][0]["steps"]
        assert (step["station_ae_titles"], step["station_name"]) == (["PANO1"], "Room 2")
        assert "[room 2" in called(gateway, "findscu", *query)
        devices.replace(Device("PANO1", services=frozenset({Service.STORAGE})), ADMINISTRATOR)
        assert "no acceptable presentation contexts" in called(gateway, "findscu", *query)
        devices.remove("PANO1", ADMINISTRATOR)
        assert "calling ae title not recognized" in called(gateway, "echoscu")
    (shown,) = gateway.api("GET", "/devices/unknown").json()["items"]
    assert (shown["ae_title"], shown["attempts"]) == ("PANO1", 2)
