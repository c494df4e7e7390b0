"""What the web role works with: stores, settlement and a few functions, all handed in by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from dicom_gateway.core.completeness import Templates
from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.devices import Device
from dicom_gateway.core.health_answer import Machine, ShownSetting
from dicom_gateway.core.model import Instance, Order, Thumbnail
from dicom_gateway.core.ports import Clock
from dicom_gateway.storage.admission import Admission
from dicom_gateway.storage.audit import AuditStore
from dicom_gateway.storage.audit_reading import AuditReader
from dicom_gateway.storage.badges import Badges
from dicom_gateway.storage.board import Board
from dicom_gateway.storage.delivery_control import DeliveryControl
from dicom_gateway.storage.device_traffic import DeviceTraffic
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.storage.figures import FiguresStore
from dicom_gateway.storage.matching import MatchStore
from dicom_gateway.storage.messages import MessageStore
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.storage.observations import ObservationStore
from dicom_gateway.storage.order_finding import OrderSearch
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.patients import PatientStore
from dicom_gateway.storage.sessions import SessionStore
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import StudyStore
from dicom_gateway.storage.study_search import StudySearch
from dicom_gateway.storage.timeline import TimelineStore
from dicom_gateway.storage.tokens import TokenStore
from dicom_gateway.storage.unknown_devices import UnknownDevices
from dicom_gateway.storage.unmatched import UnmatchedStore
from dicom_gateway.storage.users import UserStore
from dicom_gateway.study.delivered import Delivered
from dicom_gateway.study.viewing import Viewing
from dicom_gateway.web.connection_services import ConnectionServices


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
class PageServices:
    """What only the page needs. `is_secure`: browsers reach it by HTTPS; `version` moves with every change of the
    database; `badges` counts what waits for a person; `viewing` draws for the viewer and for downloads."""

    practice: str
    is_secure: bool
    version: Callable[[], int]
    badges: Callable[[], Badges]
    viewing: Viewing
    study_search: StudySearch
    board: Board
    order_search: OrderSearch
    timelines: TimelineStore
    deliveries: DeliveryControl
    matches: MatchStore
    unmatched: UnmatchedStore


@dataclass(frozen=True, slots=True)
class HealthServices:
    """How the gateway is, for people: its figures, what devices did last, its audit, its machine, its settings."""

    figures: FiguresStore
    traffic: DeviceTraffic
    audit: AuditReader
    machine: Callable[[], Machine]
    settings: Callable[[], list[ShownSetting]]


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
    users: UserStore
    sessions: SessionStore
    page: PageServices
    health: HealthServices
    connections: ConnectionServices
    audit: AuditStore
    devices: DeviceServices
    unknown_devices: UnknownDevices
    observations: ObservationStore
    explain: Callable[[Order, str], dict[str, Any]]
    objects: ObjectStore
    delivered: Delivered
    thumbnails: Thumbnails
    zone: ZoneInfo
    clock: Clock
    readiness: Callable[[], dict[str, str]]
    metrics: Callable[[], tuple[bytes, str]]
    draining: Callable[[], bool]
    public_url: str
    version: str
