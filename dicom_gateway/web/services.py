"""What the web role works with: stores, settlement and a few functions, all handed in by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from dicom_gateway.core.completeness import Templates
from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.devices import Device
from dicom_gateway.core.model import Instance, Order, Thumbnail
from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.admission import Admission
from dicom_gateway.storage.audit import AuditStore
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.storage.messages import MessageStore
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.storage.observations import ObservationStore
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.patients import PatientStore
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import StudyStore
from dicom_gateway.storage.tokens import TokenStore
from dicom_gateway.storage.unknown_devices import UnknownDevices


class Thumbnails(Protocol):
    """Makes small pictures of instances; called from several threads."""

    def thumbnail(self, instance: Instance) -> Thumbnail:
        """Return the picture or a tile; raises Unavailable when nothing can draw now, DamagedFile without a file."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceServices:
    """What the API needs of devices. `sheet` says what to enter at a console; `echo` calls a device, and raises
    Conflict when it is not known where."""

    store: DeviceStore
    admission: Admission
    sheet: Callable[[Device], dict[str, Any]]
    echo: Callable[[Device], Echoed]


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the API.

    `explain` says why an order's steps are on a device's worklist or not, as the API shows it; `readiness` gives
    each component's state, "ok" or a short reason; `metrics` the Prometheus text with its media type; `draining` is
    true once the role has been told to stop; `public_url` is how others reach this gateway, without a slash at its
    end, "" when only this machine does.
    """

    orders: OrderStore
    patients: PatientStore
    studies: StudyStore
    settlement: Settlement
    templates: Templates
    outbox: Outbox
    messages: MessageStore
    tokens: TokenStore
    audit: AuditStore
    devices: DeviceServices
    unknown_devices: UnknownDevices
    observations: ObservationStore
    explain: Callable[[Order, str], dict[str, Any]]
    objects: ObjectStore
    thumbnails: Thumbnails
    zone: ZoneInfo
    clock: Clock
    readiness: Callable[[], dict[str, str]]
    metrics: Callable[[], tuple[bytes, str]]
    draining: Callable[[], bool]
    public_url: str
    version: str
