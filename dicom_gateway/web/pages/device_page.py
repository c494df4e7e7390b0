"""The page of one device: how it is, a test of the connection, what it was seen to do, what it has to do today."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.devices import Device, Origin
from dicom_gateway.core.habits import Seen, in_words
from dicom_gateway.core.local_time import SECOND, local_now
from dicom_gateway.core.model import Order, ScheduledStep
from dicom_gateway.core.status import FINAL
from dicom_gateway.errors import Conflict
from dicom_gateway.storage.figures import DAYS
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.web.pages.device_words import HABITS, SERVICES, ae_title_of, device_path, echo_advice
from dicom_gateway.web.pages.devices import line_of, unknown_devices
from dicom_gateway.web.pages.frame import Submitted, Visit, Visiting
from dicom_gateway.web.pages.language import Text

MOST_STEPS = 50

router = APIRouter(include_in_schema=False)


@router.get("/devices/{place}")
def show_device(visit: Visiting, place: str) -> Response:
    """Show a device."""
    device = visit.services.devices.store.get(ae_title_of(place))
    visit.saw(f"device {device.ae_title}")
    return visit.page("device.html", **_context(visit, device))


@router.get("/devices/{place}/seen")
def show_seen(visit: Visiting, place: str) -> Response:
    """Show what was heard of a device last."""
    device = visit.services.devices.store.get(ae_title_of(place))
    return visit.fragment("_device_seen.html", device=device, path_of=device_path, **_seen(visit, device))


@router.post("/devices/{place}/echo")
def echo(visit: Visiting, form: Submitted, request: Request, place: str) -> Response:
    """Call a device (C-ECHO) and show how it went: within the page, or as the page."""
    device = visit.services.devices.store.get(ae_title_of(place))
    try:
        echoed = visit.services.devices.echo(device)
    except Conflict as error:
        echoed = Echoed(False, str(error))
    found = {"echoed": echoed, "advice": echo_advice(echoed) if device.host and device.port else None}
    if "hx-request" in request.headers:
        return visit.fragment("_echo.html", **found)
    return visit.page("device.html", **{**_context(visit, device), **found})


def _context(visit: Visit, device: Device) -> dict[str, Any]:
    services, ae_title = visit.services, device.ae_title
    return {
        **_seen(visit, device),
        "device": device,
        "services": SERVICES,
        "is_of_file": device.origin is Origin.FILE,
        "habits": _habits(services.observations.habits_of(ae_title)),
        "queries": services.observations.queries_of(ae_title),
        "steps": _open_steps(visit, ae_title),
        "echoed": None,
        "advice": None,
        "path_of": device_path,
    }


def _seen(visit: Visit, device: Device) -> dict[str, Any]:
    """Return what was heard of a device last, and what went wrong."""
    services, ae_title = visit.services, device.ae_title
    traffic = services.health.traffic.of([ae_title])[ae_title]
    since = visit.now - DAYS * 86_400 * SECOND
    attempts = [one for one in unknown_devices(visit) if one.ae_title == ae_title]
    return {
        "line": line_of(visit, device, traffic),
        "attempts": attempts[0].attempts if attempts else [],
        "refused_objects": services.health.traffic.refused_objects(ae_title, since),
        "failures": services.health.figures.failures_of(ae_title),
    }


def _habits(found: tuple[Seen, ...]) -> list[tuple[Text, list[tuple[str, Seen]]]]:
    """Return the habits kind by kind, each in words."""
    return [
        (words, [(in_words(one), one) for one in found if one.kind is kind])
        for kind, words in HABITS.items()
        if any(one.kind is kind for one in found)
    ]


def _open_steps(visit: Visit, ae_title: str) -> list[tuple[Order, ScheduledStep]]:
    """Return what a device has to do today and has not done, in the order of the day."""
    today = local_now(visit.now, visit.zone).date()
    wanted = OrderFilter(date=f"{today:%Y%m%d}", device=ae_title, limit=MOST_STEPS)
    steps = [
        (order, step)
        for order in visit.services.orders.find(wanted)
        for step in order.steps()
        if ae_title in step.station_ae_titles and step.start.date() == today and step.status not in FINAL
    ]
    return sorted(steps, key=lambda found: found[1].start)
