"""THE composition root: settings -> database, stores, connectors; roles.py makes the services of each role of them.

Nothing else constructs a store or a service. Each part is made when it is first asked for, so a process imports and
opens only what it needs.
"""

import secrets
import time
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_gateway.core.completeness import Template, Templates
from dicom_gateway.core.completion import Patience
from dicom_gateway.core.devices import Device, Network, Origin, Service
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Order, StoredObject
from dicom_gateway.core.ports import ResultSink
from dicom_gateway.errors import NotFound
from dicom_gateway.network import is_loopback
from dicom_gateway.settings import PmsSettings, Settings
from dicom_gateway.settings_local import with_local
from dicom_gateway.storage.admission import Admission
from dicom_gateway.storage.audit import AuditStore
from dicom_gateway.storage.changes import Changes
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.device_book import DeviceBook
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.storage.local_settings import LocalSettingsStore
from dicom_gateway.storage.messages import MessageStore
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.storage.observations import ObservationStore
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox, Target
from dicom_gateway.storage.patients import PatientStore
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import StudyStore
from dicom_gateway.storage.tokens import TokenStore
from dicom_gateway.storage.unknown_devices import UnknownDevices
from dicom_gateway.storage.waiting import Waiting
from dicom_gateway.storage.worklist import Worklist
from dicom_gateway.wake import Waker

if TYPE_CHECKING:
    from dicom_gateway.connectors.hl7.apply import Applier
    from dicom_gateway.dicom.explaining import Explainer
    from dicom_gateway.storage.audit_reading import AuditReader
    from dicom_gateway.storage.matching import MatchStore
    from dicom_gateway.storage.sessions import SessionStore
    from dicom_gateway.storage.users import UserStore
    from dicom_gateway.study.delivered import Delivered

MINUTE = 60 * SECOND
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def clock() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class Gateway:
    """The parts of a gateway, each made when it is first asked for. `close` ends those that were.

    `settings` are those that are handed in, with those of the page laid over; `local` says what came of these.
    """

    def __init__(self, settings: Settings) -> None:
        self.local = with_local(settings)
        self.settings = settings = self.local.settings
        self.data_dir = settings.gateway.data_dir
        self.run_dir = self.data_dir / "run"
        for folder in (self.data_dir, self.run_dir):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def migrate(self) -> None:
        """Create or update the database."""
        migrate(self.settings.database_path())

    @cached_property
    def waker(self) -> Waker:
        """Wakes roles of other processes."""
        return Waker(self.run_dir)

    @cached_property
    def database(self) -> Database:
        """The database."""
        return Database(self.settings.database_path(), self.waker)

    @cached_property
    def objects(self) -> ObjectStore:
        """The files of received objects."""
        return ObjectStore(self.data_dir, self.settings.storage.reserve_mb << 20, secrets.randbits)

    @cached_property
    def device_store(self) -> DeviceStore:
        """The devices of the settings and of the database."""
        configured = [device.to_device(Origin.FILE) for device in self.settings.device]
        return DeviceStore(self.database, clock, configured)

    @cached_property
    def device_book(self) -> DeviceBook:
        """The devices as they are just now, and the gateway itself, whose C-ECHO shows that it is alive."""
        own_host = self.settings.dicom.host
        here = LOOPBACK if is_loopback(own_host) else (*LOOPBACK, *_network_of(own_host))
        own = Device(self.settings.dicom.ae_title, allowed_from=here)
        return DeviceBook(self.device_store, self.settings.accepts_unknown_devices(), [own])

    def stations(self) -> frozenset[str] | None:
        """Return the AE titles that may ask for a worklist; None while no device is configured and any may."""
        devices = self.device_store.all()
        if not devices and self.settings.accepts_unknown_devices():
            return None
        return frozenset(device.ae_title for device in devices if Service.WORKLIST in device.services)

    @cached_property
    def outbox(self) -> Outbox:
        """The events to deliver."""
        targets = [Target(pms.name, frozenset(pms.sources), pms.event_types()) for pms in self.settings.pms]
        return Outbox(self.database, targets, secrets.randbits, self.templates)

    @cached_property
    def templates(self) -> Templates:
        """How many images procedures make."""
        return Templates(Template(one.code, one.images, one.label) for one in self.settings.template)

    @cached_property
    def performed_steps(self) -> PerformedStepStore:
        """Performed steps."""
        return PerformedStepStore(self.database, self.outbox, clock)

    @cached_property
    def orders(self) -> OrderStore:
        """Orders."""
        waiting = Waiting(self.outbox, self.performed_steps, clock)
        prefix = self.settings.orders.accession_prefix
        return OrderStore(
            self.database, self.outbox, waiting, clock, secrets.randbits, self.device_book.current, prefix
        )

    @cached_property
    def patients(self) -> PatientStore:
        """Patients: updated, merged, arrived."""
        waiting = Waiting(self.outbox, self.performed_steps, clock)
        return PatientStore(self.database, self.outbox, waiting, clock, self.settings.zone())

    @cached_property
    def studies(self) -> StudyStore:
        """Received studies."""
        quiet_seconds = self.settings.completion.quiet_seconds
        return StudyStore(self.database, self.outbox, clock, quiet_seconds, self.device_book.profile)

    @cached_property
    def settlement(self) -> Settlement:
        """What settles studies."""
        completion = self.settings.completion
        patience = Patience(completion.quiet_seconds, completion.incomplete_after_seconds)
        return Settlement(self.database, self.outbox, clock, patience, self.templates, self.device_book.current)

    @cached_property
    def messages(self) -> MessageStore:
        """Messages that came and went."""
        return MessageStore(self.database, clock)

    @cached_property
    def tokens(self) -> TokenStore:
        """API tokens."""
        return TokenStore(self.database, clock)

    @cached_property
    def users(self) -> "UserStore":
        """The people who use the page."""
        from dicom_gateway.storage.users import UserStore

        return UserStore(self.database, clock)

    @cached_property
    def sessions(self) -> "SessionStore":
        """Sessions of the page."""
        from dicom_gateway.storage.sessions import SessionStore

        web = self.settings.web
        return SessionStore(self.database, clock, web.idle_minutes * MINUTE, web.session_hours * 60 * MINUTE)

    @cached_property
    def changes(self) -> Changes:
        """Whether anything was committed."""
        return Changes(self.settings.database_path())

    @cached_property
    def audit(self) -> AuditStore:
        """Audit and alarms."""
        return AuditStore(self.database)

    @cached_property
    def matches(self) -> "MatchStore":
        """What people matched by hand."""
        from dicom_gateway.storage.matching import MatchStore

        return MatchStore(self.database, self.outbox, self.performed_steps, clock)

    @cached_property
    def delivered(self) -> "Delivered":
        """Objects as they leave the gateway."""
        from dicom_gateway.study.delivered import Delivered

        return Delivered(self.object_path, self._order, self.matches.matched_at)

    @cached_property
    def audit_reader(self) -> "AuditReader":
        """The audit as people read it."""
        from dicom_gateway.storage.audit_reading import AuditReader

        return AuditReader(self.database)

    @cached_property
    def local_settings(self) -> LocalSettingsStore:
        """The settings that are made on the page."""
        return LocalSettingsStore(self.database, clock)

    @cached_property
    def unknown_devices(self) -> UnknownDevices:
        """Devices that were refused."""
        return UnknownDevices(self.database, clock)

    @cached_property
    def admission(self) -> Admission:
        """What lets devices in."""
        return Admission(self.device_store, self.unknown_devices, self.settings.dicom.ae_title)

    @cached_property
    def observations(self) -> ObservationStore:
        """What devices asked, were served and did."""
        return ObservationStore(self.database)

    @cached_property
    def explainer(self) -> "Explainer":
        """What says why a step is not on a device's worklist."""
        from dicom_gateway.dicom.explaining import Explainer

        worklist = self.settings.worklist
        return Explainer(
            self.observations, self.unknown_devices, Worklist(self.database), self.device_book.current, clock,
            self.settings.zone(), worklist.max_answers, worklist.hide_after_days,
        )  # fmt: skip

    def hl7_work(self) -> "Applier":
        """Return what does the work of HL7 messages; raises SettingsError for a map that cannot be used."""
        from dicom_gateway.connectors.hl7.apply import Applier, Stores
        from dicom_gateway.connectors.hl7.maps import load_map

        maps = {one.name: load_map(one.map, one.name, one.assigning_authority) for one in self.settings.hl7_source}
        return Applier(Stores(self.orders, self.patients), maps, clock, self.settings.zone())

    def close(self) -> None:
        """End what was made."""
        made = vars(self)
        for name in ("objects", "changes", "database", "waker"):
            if name in made:
                made[name].close()

    def object_path(self, stored: StoredObject) -> Path:
        """Return the path of a stored object."""
        return self.objects.path(stored.name)

    def public_url(self) -> str:
        """Return the address under which a PMS reaches the API."""
        web = self.settings.web
        if web.public_url:
            return web.public_url
        scheme = "https" if web.tls_certificate else "http"
        host = f"[{web.host}]" if ":" in web.host else web.host
        return f"{scheme}://{host}:{web.port}"

    def sinks(self) -> dict[str, ResultSink]:
        """Return what sends events to each PMS."""
        return {pms.name: self.sink(pms) for pms in self.settings.pms}

    def sink(self, pms: PmsSettings) -> ResultSink:
        """Return what sends events to one PMS, which need not be among the settings."""
        return {"webhook": self._webhook_sink, "hl7": self._hl7_sink}[pms.type](pms)

    def _webhook_sink(self, pms: PmsSettings) -> ResultSink:
        from dicom_gateway.connectors.http_transport import HttpTransport
        from dicom_gateway.connectors.webhook import WebhookSink

        return WebhookSink(pms.url or "", pms.signing_secret().get_secret_value(), HttpTransport(), clock)

    def _hl7_sink(self, pms: PmsSettings) -> ResultSink:
        from dicom_gateway.connectors.hl7.client import MllpClient
        from dicom_gateway.connectors.hl7.sent import as_sent
        from dicom_gateway.connectors.hl7.sink import Hl7Sink, Lookup
        from dicom_gateway.connectors.hl7.template import load_template

        public_url = self.settings.web.public_url
        lookup = Lookup(
            order=self._order,
            sent=lambda order: as_sent(self.messages, order),
            procedure_id=self._procedure_of,
            link=lambda uid: f"{public_url}/api/v1/studies/{uid}" if public_url else "",
        )
        client = MllpClient(pms.host or "", pms.port, pms.answer_seconds, pms.trust(), pms.persistent)
        return Hl7Sink(
            pms.name, load_template(pms.template), pms.header(), client, lookup, self.messages, self.settings.zone()
        )

    def _order(self, order_id: str) -> Order | None:
        try:
            return self.orders.get(order_id)
        except NotFound:
            return None

    def _procedure_of(self, study_instance_uid: str) -> str:
        """Return the requested procedure that a study is of; "" when that is not known."""
        try:
            return self.studies.get(study_instance_uid)[0].requested_procedure_id
        except NotFound:
            return ""


def _network_of(host: str) -> tuple[Network, ...]:
    try:
        return (ip_network(host),)
    except ValueError:
        return ()
