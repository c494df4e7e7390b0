"""What most commands begin with: settings read, database ready, and who acts."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.model import Order
from dicom_gateway.errors import Conflict, NotFound, SettingsError
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings import Settings
from dicom_gateway.settings_loading import CONFIG_VARIABLE, DEFAULT_FILE, load_settings, settings_origin
from dicom_gateway.starting import nothing_at
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.orders import OrderFilter


@contextmanager
def opened(context: click.Context) -> Iterator[Gateway]:
    """Give the gateway of the configured settings, its database up to date; works before the first `serve`.

    Raises SettingsError where there is no gateway or no database: a new one would hide that it is the wrong place.
    """
    config: Path | None = context.find_root().obj
    settings = load_settings(config)
    if not settings.database_path().exists():
        raise SettingsError(_nothing_here(config, settings))
    gateway = Gateway(settings)
    gateway.migrate()
    try:
        yield gateway
    finally:
        gateway.close()


def _nothing_here(config: Path | None, settings: Settings) -> str:
    has_file = config is not None or bool(os.environ.get(CONFIG_VARIABLE)) or os.path.isfile(DEFAULT_FILE)
    origin = settings_origin(settings)
    is_named = {origin["gateway.data_dir"], origin["database.url"]} != {"default"}
    if not has_file and not is_named:
        return f"no {DEFAULT_FILE} here: use --config FILE, or dicom-gateway init"
    return "; ".join(nothing_at(settings))


def order_of(gateway: Gateway, order_id: str) -> Order:
    """Return an order; raises NotFound, which says where its id stands: people know it by other numbers."""
    try:
        return gateway.orders.get(order_id)
    except NotFound as error:
        raise NotFound(f"{error}; the id is the first column of `dicom-gateway orders list`") from error


def order_named(gateway: Gateway, name: str) -> Order:
    """Return the order of an id, a placer order number or an accession number; raises NotFound, and Conflict when
    there are several."""
    try:
        return gateway.orders.get(name)
    except NotFound:
        by_number = gateway.orders.find(OrderFilter(placer_order_number=name, limit=10))
        found = by_number or gateway.orders.find(OrderFilter(accession_number=name, limit=10))
    if not found:
        raise NotFound(f"no order has {printable(name, 64)} as its id, placer order number or accession number")
    if len(found) > 1:
        raise Conflict(f"several orders are called {printable(name, 64)}: {', '.join(order.id for order in found)}")
    return found[0]


def operator() -> Actor:
    """Return whoever types the command, as the audit names them."""
    try:
        return Actor(f"command line {getpass.getuser()}")
    except (KeyError, OSError):
        return Actor("command line")
