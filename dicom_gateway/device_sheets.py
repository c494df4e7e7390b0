"""What to enter at the console of a device, as these settings are."""

from ipaddress import ip_address
from typing import Any

from dicom_gateway.core.device_sheet import Place, sheet_document
from dicom_gateway.core.devices import Device
from dicom_gateway.network import is_loopback
from dicom_gateway.own_address import own_address
from dicom_gateway.settings import Settings


def sheet_of(device: Device, settings: Settings) -> dict[str, Any]:
    """Return what to enter at the console of a device."""
    dicom = settings.dicom
    towards = [device.host, *(str(network.network_address) for network in device.allowed_from)]
    place = Place(
        ae_title=dicom.ae_title,
        address=own_address(towards) if _is_everywhere(dicom.host) else dicom.host,
        port=dicom.port,
        tls_port=dicom.tls_port if dicom.tls_key is not None and settings.dicom_tls_refusal() is None else None,
        wants_certificate=dicom.tls_client_ca is not None,
        is_local=is_loopback(dicom.host),
        checks_called_ae_title=dicom.check_called_ae_title,
    )
    return sheet_document(device, place)


def _is_everywhere(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False
