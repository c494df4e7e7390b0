"""Steps that no device can see: without a station, or for a station that no [[device]] has."""

from collections import Counter
from collections.abc import Collection, Iterable

from dicom_gateway.core.model import Order, ScheduledStep
from dicom_gateway.core.status import OPEN
from dicom_gateway.settings import Settings

WHAT_TO_DO = (
    "name a station in the order, or add a [[device]] with its AE title or its modality, start the gateway again and "
    "send the order again"
)


def unreached(orders: Iterable[Order], settings: Settings) -> str:
    """Return how many steps that have not begun reach no device, and why; "" when each reaches one.

    A station without a [[device]] counts unless unknown devices are accepted and none is configured at all.
    """
    known = None if settings.accepts_unknown_devices() and not settings.device else _stations(settings)
    steps = (step for order in orders for step in order.steps() if step.status in OPEN)
    found = Counter(filter(None, (_why(step, known) for step in steps)))
    count = found.total()
    if not count:
        return ""
    reasons = ", ".join(why if times == 1 else f"{why} ({times})" for why, times in found.items())
    return f"{count} open step{' reaches' if count == 1 else 's reach'} no device: {reasons}"


def _stations(settings: Settings) -> frozenset[str]:
    return frozenset(device.ae_title for device in settings.device)


def _why(step: ScheduledStep, known: Collection[str] | None) -> str:
    if not step.station_ae_titles:
        return f"{step.modality} without a station"
    if known is None or any(station in known for station in step.station_ae_titles):
        return ""
    return f"{' and '.join(step.station_ae_titles)} unknown"
