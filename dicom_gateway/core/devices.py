"""The devices of the practice: who may associate, what each may use, how each is answered, and which stations serve a
modality.

A device is known by its calling AE title and the networks that it may call from. Everything that differs from one
device to another is a field here: no device has code of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address

from dicom_gateway.core.completion import Patience

Network = IPv4Network | IPv6Network


class Service(StrEnum):
    """What a device may use of the gateway; verification (C-ECHO) is open to every device."""

    WORKLIST = "worklist"
    MPPS = "mpps"
    STORAGE = "storage"


class AnimalNames(StrEnum):
    """In which order PatientName of an animal names the two: as PS3.3 C.7.1.1.1.2 has it, or as some devices do."""

    OWNER_FIRST = "owner^animal"
    ANIMAL_FIRST = "animal^owner"


class Unencodable(StrEnum):
    """What happens to text that none of a device's character sets carries."""

    TRANSLITERATE = "transliterate"  # written in ASCII letters, and logged
    REFUSE = "refuse"  # the query fails, and says why


class Origin(StrEnum):
    """Where a device is configured."""

    FILE = "file"  # gateway.toml; read-only elsewhere
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Device:
    """A configured device: its AE title and the networks it may call from (none named: any) identify it; `host` and
    `port` say where it is called.

    `character_sets`: Defined Terms (PS3.3 C.12.1.1.2) that it reads; none named: what its query names, else the
    smallest of ASCII, ISO_IR 100 and ISO_IR 192. `quiet_seconds` and `incomplete_after_seconds` are its own deadlines
    of completion, `associations` its own limit, `object_mb` the largest object that it may send; None: as for all.
    """

    ae_title: str
    host: str = ""
    port: int = 0
    modalities: tuple[str, ...] = ()
    allowed_from: tuple[Network, ...] = ()
    services: frozenset[Service] = frozenset(Service)
    character_sets: tuple[str, ...] = ()
    unencodable: Unencodable = Unencodable.TRANSLITERATE
    station_names: tuple[str, ...] = ()
    animal_names: AnimalNames = AnimalNames.OWNER_FIRST
    sends_mpps: bool = True
    hides_started: bool = False
    quiet_seconds: int | None = None
    incomplete_after_seconds: int | None = None
    associations: int | None = None
    object_mb: int | None = None
    stock_association: bool = False
    origin: Origin = Origin.FILE


class Devices:
    """The configured devices. `accept_unknown`: others may associate too."""

    def __init__(self, devices: Iterable[Device], accept_unknown: bool) -> None:
        self._devices = {device.ae_title: device for device in devices}
        self._accept_unknown = accept_unknown

    def profile(self, ae_title: str) -> Device:
        """Return the device of that AE title; for one that is not configured, a device with every default."""
        return self._devices.get(ae_title.strip()) or Device(ae_title.strip())

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

    def station_name(self, ae_title: str) -> str:
        """Return the first station name of a device; "" when it has none, or is not configured."""
        return next(iter(self.profile(ae_title).station_names), "")

    def patience(self, ae_titles: Iterable[str], general: Patience) -> Patience:
        """Return how long to wait for the images of these devices: what the most patient of them has, `general` where
        one has nothing of its own."""
        found = [self.profile(ae_title) for ae_title in ae_titles] or [Device("")]
        return Patience(
            max(general.quiet_seconds if one.quiet_seconds is None else one.quiet_seconds for one in found),
            max(
                general.incomplete_after_seconds
                if one.incomplete_after_seconds is None
                else one.incomplete_after_seconds
                for one in found
            ),
        )


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks if network.version == (mapped or found).version)
