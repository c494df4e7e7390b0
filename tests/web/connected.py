"""The connections of the world: settings with a PMS of the file, over its database; the test device is played."""

from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from dicom_gateway.connecting import services_of
from dicom_gateway.core.model import Order
from dicom_gateway.core.ports import Clock
from dicom_gateway.errors import GatewayError
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings import DatabaseSettings, GatewaySettings, PmsSettings, Settings
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.local_settings import LocalSettingsStore
from dicom_gateway.web.connection_services import ConnectionServices

SECRET = "whsec_" + "QUJD" * 8
CLINIC = PmsSettings(name="clinic", url="http://127.0.0.1:9/hook", secret=SecretStr(SECRET))


@dataclass
class Player:
    """Plays the device of a test order: keeps the order, or fails as told."""

    orders: list[Order] = field(default_factory=list)
    error: GatewayError | None = None

    def __call__(self, order: Order) -> None:
        if self.error is not None:
            raise self.error
        self.orders.append(order)


def services(database: Database, clock: Clock) -> ConnectionServices:
    """Return what the pages of connections work with; `play` is a Player."""
    folder = database.path.parent
    settings = Settings(
        gateway=GatewaySettings(data_dir=folder),
        database=DatabaseSettings(url=f"sqlite:///{database.path}"),
        pms=(CLINIC,),
    )
    gateway = Gateway(settings)
    gateway.__dict__["database"] = database  # the world's, instead of one more
    return replace(services_of(gateway), store=LocalSettingsStore(database, clock), play=Player())
