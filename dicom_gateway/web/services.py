"""What the web role works with: stores, settlement and a few functions, all handed in by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from dicom_gateway.core.model import Instance, Thumbnail
from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.audit import AuditStore
from dicom_gateway.storage.devices import UnknownDevices
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import StudyStore
from dicom_gateway.storage.tokens import TokenStore


class Thumbnails(Protocol):
    """Makes small pictures of instances; called from several threads."""

    def thumbnail(self, instance: Instance) -> Thumbnail:
        """Return the picture or a tile; raises Unavailable when nothing can draw now, DamagedFile without a file."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the API.

    `readiness` gives each component's state, "ok" or a short reason; `metrics` the Prometheus text with its media
    type; `draining` is true once the role has been told to stop; `public_url` is how others reach this gateway,
    without a slash at its end, "" when only this machine does.
    """

    orders: OrderStore
    studies: StudyStore
    settlement: Settlement
    outbox: Outbox
    tokens: TokenStore
    audit: AuditStore
    unknown_devices: UnknownDevices
    objects: ObjectStore
    thumbnails: Thumbnails
    zone: ZoneInfo
    clock: Clock
    readiness: Callable[[], dict[str, str]]
    metrics: Callable[[], tuple[bytes, str]]
    draining: Callable[[], bool]
    public_url: str
    version: str
