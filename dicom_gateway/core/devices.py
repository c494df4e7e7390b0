"""The devices of the practice: who may associate, and which stations serve a modality."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Device:
    """A configured device: its AE title and the networks it may call from (none named: any) identify it; `host` and
    `port` say where it is called."""

    ae_title: str
    host: str = ""
    port: int = 0
    modalities: tuple[str, ...] = ()
    allowed_from: tuple[Network, ...] = ()


class Devices:
    """The configured devices. `accept_unknown`: others may associate too."""

    def __init__(self, devices: Sequence[Device], accept_unknown: bool) -> None:
        self._devices = {device.ae_title: device for device in devices}
        self._accept_unknown = accept_unknown

    def admits(self, ae_title: str, address: str) -> bool:
        """Say whether a device of that AE title may associate from that address."""
        return not self.refusal(ae_title, address)

    def refusal(self, ae_title: str, address: str) -> str:
        """Return why a device of that AE title may not associate from that address; "" when it may."""
        device = self._devices.get(ae_title.strip())
        if device is None:
            return "" if self._accept_unknown else "unknown device"
        admitted = not device.allowed_from or _is_within(address, device.allowed_from)
        return "" if admitted else "address not in allowed_from"

    def stations_of(self, modality: str) -> tuple[str, ...]:
        """Return the AE titles of the devices of a modality."""
        return tuple(device.ae_title for device in self._devices.values() if modality in device.modalities)


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks if network.version == (mapped or found).version)
