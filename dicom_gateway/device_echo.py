"""Calling a device: is there one where it is said to be, and does it answer a C-ECHO."""

from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.devices import Device
from dicom_gateway.dicom.scu import Call, log_for_a_person, verify
from dicom_gateway.errors import Conflict, GatewayError
from dicom_gateway.settings import Settings

SECONDS = 5.0


def call_of(device: Device, settings: Settings, seconds: float = SECONDS) -> Call:
    """Return how a device is called; raises Conflict when its host or port is not known."""
    if not device.host or not device.port:
        missing = "host" if not device.host else "port"
        raise Conflict(f"device {device.ae_title} has no {missing}: enter where it listens (host and port) first")
    return Call(device.host, device.port, settings.dicom.ae_title, device.ae_title, seconds)


def echo(device: Device, settings: Settings) -> Echoed:
    """Send a C-ECHO to a device and return how it ended; raises Conflict when its host or port is not known."""
    call = call_of(device, settings)
    log_for_a_person(debug=False)
    try:
        answer = verify(call)
    except GatewayError as error:
        return Echoed(False, str(error))
    return Echoed(True, answer.words, answer.milliseconds)
