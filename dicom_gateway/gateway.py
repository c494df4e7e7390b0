"""THE composition root: settings -> database, stores, connectors; roles.py makes the services of each role of them.

Nothing else constructs a store or a service. Each part is made when it is first asked for, so a process imports and
opens only what it needs.
"""

import secrets
import time
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path

from dicom_gateway.core.completion import Patience
from dicom_gateway.core.devices import Device, Devices, Network
from dicom_gateway.core.model import StoredObject
from dicom_gateway.core.ports import ResultSink
from dicom_gateway.network import is_loopback
from dicom_gateway.settings import Settings
from dicom_gateway.storage.audit import AuditStore
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.devices import UnknownDevices
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.storage.orders import OrderStore
from dicom_gateway.storage.outbox import Outbox, Target
from dicom_gateway.storage.performed_steps import PerformedStepStore
from dicom_gateway.storage.settlement import Settlement
from dicom_gateway.storage.studies import StudyStore
from dicom_gateway.storage.tokens import TokenStore
from dicom_gateway.storage.waiting import Waiting
from dicom_gateway.wake import Waker

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def clock() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class Gateway:
    """The parts of a gateway, each made when it is first asked for. `close` ends those that were."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
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
    def devices(self) -> Devices:
        """The configured devices, and the gateway itself, whose C-ECHO shows that it is alive."""
        own_host = self.settings.dicom.host
        here = LOOPBACK if is_loopback(own_host) else (*LOOPBACK, *_network_of(own_host))
        own = Device(self.settings.dicom.ae_title, allowed_from=here)
        configured = [Device(**device.model_dump(exclude={"stock_association"})) for device in self.settings.device]
        return Devices([own, *configured], self.settings.accepts_unknown_devices())

    @cached_property
    def outbox(self) -> Outbox:
        """The events to deliver."""
        targets = [Target(pms.name, frozenset(pms.sources)) for pms in self.settings.pms]
        return Outbox(self.database, targets, secrets.randbits)

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
            self.database, self.outbox, waiting, clock, secrets.randbits, self.devices.stations_of, prefix
        )

    @cached_property
    def studies(self) -> StudyStore:
        """Received studies."""
        return StudyStore(self.database, self.outbox, clock, self.settings.completion.quiet_seconds)

    @cached_property
    def settlement(self) -> Settlement:
        """What settles studies."""
        completion = self.settings.completion
        patience = Patience(completion.quiet_seconds, completion.incomplete_after_seconds)
        return Settlement(self.database, self.outbox, clock, patience)

    @cached_property
    def tokens(self) -> TokenStore:
        """API tokens."""
        return TokenStore(self.database, clock)

    @cached_property
    def audit(self) -> AuditStore:
        """Audit and alarms."""
        return AuditStore(self.database)

    @cached_property
    def unknown_devices(self) -> UnknownDevices:
        """Devices that were refused."""
        return UnknownDevices(self.database, clock)

    def close(self) -> None:
        """End what was made."""
        made = vars(self)
        for name in ("objects", "database", "waker"):
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
        from dicom_gateway.connectors.http_transport import HttpTransport
        from dicom_gateway.connectors.webhook import WebhookSink

        transport = HttpTransport()
        return {
            pms.name: WebhookSink(pms.url, pms.signing_secret().get_secret_value(), transport, clock)
            for pms in self.settings.pms
        }


def _network_of(host: str) -> tuple[Network, ...]:
    try:
        return (ip_network(host),)
    except ValueError:
        return ()
