"""What waits for a person in the database of a gateway that is set up right: a PMS that is told nothing, alarms, steps
that no device sees. Read, never changed."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

from dicom_gateway.checking import MOST_AT_ONCE, Finding, State, check_device
from dicom_gateway.core.devices import Origin
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.status import OrderStatus
from dicom_gateway.errors import GatewayError
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.network import is_loopback
from dicom_gateway.reaching import WHAT_TO_DO, unreached
from dicom_gateway.settings import Settings
from dicom_gateway.storage.delivery_lines import DeliveryStatus
from dicom_gateway.storage.orders import OrderFilter

LATE = 600_000_000  # microseconds that an event may wait for its PMS before anybody need look
MOST_ORDERS = 2000  # the newest of those that are not done
MOST_EVENTS = 10_000
_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - no address at which anybody is reached
_NOT_BEGUN = (OrderStatus.SCHEDULED, OrderStatus.ARRIVED, OrderStatus.READY, OrderStatus.STARTED)


def check_work(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about what is waited for; nothing about the database where there is none to be read."""
    yield from check_links(settings)
    run_dir = settings.gateway.data_dir / "run"
    if not (settings.database_path().exists() and run_dir.is_dir()):
        return
    gateway = Gateway(settings)
    try:
        for look in (check_targets, check_alarms, check_steps, check_devices):
            yield from look(gateway)
    except GatewayError:  # checking.py has said what is wrong with the database
        return
    finally:
        gateway.close()


def check_links(settings: Settings) -> Iterator[Finding]:
    """Yield each PMS on another machine that gets links which lead nowhere from there."""
    web = settings.web
    if web.public_url or not (is_loopback(web.host) or web.host in _EVERY_ADDRESS):
        return
    for pms in settings.pms:
        if pms.thumbnail_mode == "link" and not is_loopback(urlsplit(pms.destination).hostname or ""):
            scheme = "https" if web.tls_certificate else "http"
            found = f'thumbnails = "link", and the links begin with {scheme}://{web.host}:{web.port}'
            advice = "set web.public_url to the address under which this PMS reaches the gateway"
            yield Finding(f"PMS {pms.name}", State.WARNING, found, advice)


def check_targets(gateway: Gateway) -> Iterator[Finding]:
    """Yield each PMS that is paused, that has events which wait for long, and that has events which were given up."""
    depth, paused = gateway.outbox.depth(), gateway.outbox.paused()
    for name in sorted({target for target, _ in depth} | paused.keys()):
        waiting = depth.get((name, DeliveryStatus.PENDING.value), 0)
        parked = depth.get((name, DeliveryStatus.PARKED.value), 0)
        retry = f"dicom-gateway deliveries retry --target {name}"
        if name in paused:
            why = paused[name].partition(":")[0]  # the rest may quote what the receiver wrote
            found = f"paused{_since(gateway, name)} ({why}), {_events(waiting)}"
            yield Finding(f"PMS {name}", State.FAILED, found, retry)
        elif waiting and (late := _late(gateway, name)):
            advice = f"dicom-gateway pms test {name}; when it answers again: {retry}"
            yield Finding(f"PMS {name}", State.WARNING, f"{_events(waiting)}, {late}", advice)
        if parked:
            found = f"{parked} event{'' if parked == 1 else 's'} given up after many tries"
            advice = f"dicom-gateway deliveries list --status parked --target {name}; to send them again: {retry}"
            yield Finding(f"PMS {name}", State.WARNING, found, advice)


def _events(count: int) -> str:
    return f"{count} event waits" if count == 1 else f"{count} events wait"


def _since(gateway: Gateway, target: str) -> str:
    """Return since when a target is paused, which its alarm knows unless somebody has cleared it."""
    raised = [a["raised_at"] for a in gateway.audit.alarms() if (a["kind"], a["subject"]) == ("target paused", target)]
    return f" since {_local(gateway, raised[0])}" if raised else ""


def _late(gateway: Gateway, target: str) -> str:
    """Return since when the oldest event waits for a target, "" when that is not long."""
    oldest = gateway.outbox.deliveries(DeliveryStatus.PENDING.value, target, MOST_EVENTS)[-1:]
    if not oldest or clock() - oldest[0]["created_at"] < LATE:
        return ""
    answer = oldest[0]["detail"].partition(":")[0]
    return f"the oldest since {_local(gateway, oldest[0]['created_at'])}{f' ({answer})' if answer else ''}"


def _local(gateway: Gateway, instant: int) -> str:
    return f"{local_now(instant, gateway.settings.zone()):%Y-%m-%d %H:%M}"


def check_alarms(gateway: Gateway) -> Iterator[Finding]:
    """Yield how many alarms stand, of which kinds."""
    kinds = Counter(alarm["kind"] for alarm in gateway.audit.alarms())
    if not kinds:
        yield Finding("alarms", State.OK, "none stands")
        return
    count = kinds.total()
    listed = ", ".join(kind if times == 1 else f"{kind} ({times})" for kind, times in kinds.items())
    found = f"{count} stand{'s' if count == 1 else ''}: {listed}"
    yield Finding(
        "alarms", State.WARNING, found, "dicom-gateway alarms list; what each kind asks for: docs/operations.md"
    )


def check_steps(gateway: Gateway) -> Iterator[Finding]:
    """Yield whether each step that has not begun reaches a device."""
    orders = [
        order
        for status in _NOT_BEGUN
        for order in gateway.orders.find(OrderFilter(status=status.value, limit=MOST_ORDERS))
    ]
    if found := unreached(orders, gateway.stations()):
        yield Finding("worklist", State.WARNING, found, WHAT_TO_DO)


def check_devices(gateway: Gateway) -> Iterator[Finding]:
    """Yield which devices stand in the file and in the database, and whether those of the database answer a C-ECHO."""
    for ae_title in gateway.device_store.clashes():
        found = "it is configured in gateway.toml and in the database; the file's values hold"
        yield Finding(f"device {ae_title}", State.WARNING, found, f"dicom-gateway devices remove {ae_title}")
    stored = [device for device in gateway.device_store.all() if device.origin is Origin.DATABASE]
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        yield from pool.map(partial(check_device, gateway.settings), stored)
