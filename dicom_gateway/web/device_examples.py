"""Examples of what the API takes and gives about devices, made by the functions that make the real answers."""

from typing import Any

from dicom_gateway.core.device_answer import Echoed, echo_document
from dicom_gateway.core.device_document import format_device, parse_device
from dicom_gateway.core.device_sheet import Place, sheet_document

EXAMPLE_DEVICE_DOCUMENT: dict[str, Any] = {
    "ae_title": "PANO1",
    "host": "192.168.1.21",
    "port": 104,
    "modalities": ["PX"],
    "allowed_from": ["192.168.1.21/32"],
}
_DEVICE = parse_device(EXAMPLE_DEVICE_DOCUMENT)
_PLACE = Place("DCMGATEWAY", "192.168.1.10", 11112, None, False, False, False)

EXAMPLE_DEVICE: dict[str, Any] = format_device(_DEVICE)
EXAMPLE_APPROVED: dict[str, Any] = format_device(
    parse_device({"ae_title": "NEWPANO", "host": "192.168.1.40", "allowed_from": ["192.168.1.40/32"]})
)
EXAMPLE_ECHO: dict[str, Any] = echo_document(_DEVICE.ae_title, _DEVICE.host, _DEVICE.port, Echoed(True, "Success", 3.2))
EXAMPLE_SHEET: dict[str, Any] = sheet_document(_DEVICE, _PLACE)
EXAMPLE_UNKNOWN_DEVICE: dict[str, Any] = {
    "ae_title": "NEWPANO",
    "address": "192.168.1.40",
    "called_ae_title": "DCMGATEWAY",
    "reason": "unknown device",
    "proposed": ["Verification SOP Class", "Modality Worklist Information Model - FIND"],
    "tls": False,
    "first_seen_at": "2026-11-23T09:00:00.000Z",
    "last_seen_at": "2026-11-23T09:05:00.000Z",
    "attempts": 3,
}
