"""Steps that no device can see: without a station, or for a station that is no device with a worklist."""

from collections import Counter
from collections.abc import Collection, Iterable

from dicom_gateway.core.model import Order, ScheduledStep
from dicom_gateway.core.status import OPEN

WHAT_TO_DO = (
    "name a station in the order, or add a device with its AE title or its modality (dicom-gateway devices add, or a "
    "[[device]] table and a new start), and send the order again"
)


def unreached(orders: Iterable[Order], stations: Collection[str] | None) -> str:
    """Return how many steps that have not begun reach no device, and why; "" when each reaches one.

    `stations` are the AE titles that may ask for a worklist; None: any may.
    """
    steps = (step for order in orders for step in order.steps() if step.status in OPEN)
    found = Counter(filter(None, (_why(step, stations) for step in steps)))
    count = found.total()
    if not count:
        return ""
    reasons = ", ".join(why if times == 1 else f"{why} ({times})" for why, times in found.items())
    return f"{count} open step{' reaches' if count == 1 else 's reach'} no device: {reasons}"


def _why(step: ScheduledStep, stations: Collection[str] | None) -> str:
    if not step.station_ae_titles:
        return f"{step.modality} without a station"
    if stations is None or any(station in stations for station in step.station_ae_titles):
        return ""
    return f"{' and '.join(step.station_ae_titles)} unknown"
