"""Letting devices in: those that a person enters, those that were refused and are approved, those of an import.

A device that is let in is no unknown one any more: what it tried before is forgotten. AE titles are compared as PS3.5
6.2 says: spaces at the ends do not count, capitals do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from ipaddress import ip_address, ip_network

from dicom_gateway.core.device_document import format_device, parse_device
from dicom_gateway.core.devices import Device, Devices, Network, Origin
from dicom_gateway.core.identifiers import printable
from dicom_gateway.errors import Conflict, InvalidValue, NotFound
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Row
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.storage.unknown_devices import UnknownDevices


class Taken(StrEnum):
    """What became of a device of an import."""

    ADDED = "added"
    CHANGED = "changed"  # its host or port
    UNCHANGED = "unchanged"
    IN_FILE = "left as gateway.toml has it"


class Admission:
    """Adds, changes and approves devices. `own_ae_title`: the gateway's, which no device may have."""

    def __init__(self, devices: DeviceStore, unknown: UnknownDevices, own_ae_title: str) -> None:
        self._devices = devices
        self._unknown = unknown
        self.own_ae_title = own_ae_title

    def add(self, device: Device, actor: Actor) -> None:
        """Add a device; raises Conflict when there is one of that AE title, InvalidValue when it is the gateway's."""
        if device.ae_title == self.own_ae_title:
            raise InvalidValue(f"{device.ae_title} is the AE title of the gateway itself", "ae_title")
        self._devices.add(device, actor)
        self._unknown.forget(device.ae_title)

    def replace(self, device: Device, actor: Actor) -> None:
        """Give a device these values; raises NotFound, or Conflict for one of the file."""
        self._devices.replace(device, actor)
        self._unknown.forget(device.ae_title)

    def change(self, ae_title: str, changes: dict[str, object], actor: Actor) -> Device:
        """Change some fields of a device's document and return it; raises what `replace` raises, and
        InvalidDocument."""
        known = self._devices.get(ae_title)
        if known.origin is Origin.FILE:
            raise Conflict(f"device {known.ae_title} is configured in gateway.toml; change it there")
        changed = parse_device({**format_device(known), **changes})
        if changed != known:
            self.replace(changed, actor)
        return changed

    def approve(
        self, ae_title: str, actor: Actor, allowed_from: Sequence[str] = (), modalities: Sequence[str] = ()
    ) -> Device:
        """Let in a device that was refused, from `allowed_from`, or from the address that it called from, and return
        it. A known one may call from there as well. Raises NotFound for one that was not refused, Conflict when it
        called from several addresses, or was refused for what approving does not change."""
        ae_title = ae_title.strip()
        attempts = [row for row in self._unknown.all() if row["ae_title"].strip() == ae_title]
        if not attempts:
            raise NotFound(f"no device {printable(ae_title, 32)} was refused")
        networks = list(allowed_from) or [_only_address(ae_title, attempts)]
        try:
            known = self._devices.get(ae_title)
        except NotFound:
            document = {"ae_title": ae_title, "host": _host(attempts), "modalities": list(modalities)}
            device = parse_device({**document, "allowed_from": networks})
            self.add(device, actor)
            return device
        device = self._widened(known, attempts, networks, modalities)
        self.replace(device, actor)
        return device

    def _widened(
        self, known: Device, attempts: Sequence[Row], networks: Iterable[str], modalities: Iterable[str]
    ) -> Device:
        """Return a known device that may call from these networks too."""
        devices = Devices([known], accept_unknown=False)
        last = attempts[0]
        if devices.admits(known.ae_title, last["address"]):
            raise Conflict(
                f"device {known.ae_title} is configured and may call from {last['address']}; it was refused because of "
                f"this: {last['reason'] or 'not recorded'}. It calls the gateway {last['called_ae_title']}, whose AE "
                f"title is {self.own_ae_title}"
            )
        if known.origin is Origin.FILE:
            raise Conflict(
                f"device {known.ae_title} is configured in gateway.toml: add {', '.join(networks)} to its allowed_from "
                "there, and start the gateway again"
            )
        new = parse_device({"ae_title": known.ae_title, "allowed_from": list(networks), "modalities": list(modalities)})
        return replace(
            known,
            allowed_from=tuple(dict.fromkeys((*known.allowed_from, *new.allowed_from))),
            modalities=tuple(dict.fromkeys((*known.modalities, *new.modalities))),
        )

    def take_over(self, device: Device, actor: Actor) -> Taken:
        """Add a device of an import. Of one that is here already host and port are renewed: all else is what a person
        here has entered."""
        try:
            known = self._devices.get(device.ae_title)
        except NotFound:
            self.add(device, actor)
            return Taken.ADDED
        if known.origin is Origin.FILE:
            return Taken.IN_FILE
        changed = replace(known, host=device.host, port=device.port)
        if changed == known:
            return Taken.UNCHANGED
        self.replace(changed, actor)
        return Taken.CHANGED


def _only_address(ae_title: str, attempts: Sequence[Row]) -> str:
    found = sorted({str(_network_of(row["address"])) for row in attempts})
    if len(found) > 1:
        raise Conflict(f"a device {ae_title} called from {' and '.join(found)}: say from where it may call")
    return found[0]


def _host(attempts: Sequence[Row]) -> str:
    """Return where a device is, if all its attempts came from there."""
    found = {str(_network_of(row["address"]).network_address) for row in attempts}
    return found.pop() if len(found) == 1 else ""


def _network_of(address: str) -> Network:
    found = ip_address(address.partition("%")[0])
    return ip_network(getattr(found, "ipv4_mapped", None) or found)
