"""A test order that travels the whole way: made for one device, watched step by step, and cleaned away.

It is marked by its patient id and its order number.
"""

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.devices import Device
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.status import OPEN, OrderStatus, StepEvent
from dicom_gateway.errors import Conflict, GatewayError, IllegalTransition, InvalidDocument, InvalidValue, NotFound
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.web.pages.frame import Submitted, Visit, Visiting, errors_by_field
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.order_forms import SOURCE
from dicom_gateway.web.pages.trial_way import State, Step, way_of

ADDRESS: Final = "/setup/test"
PATIENT_ID: Final = "TEST"
NAME: Final = "Test^Order"
PREFIX: Final = "TEST-"
ANY_MODALITY: Final = "OT"

router = APIRouter(include_in_schema=False)


@router.get("/setup/test")
def show(visit: Visiting, order: str = "") -> Response:
    """Show the last test order on its way, or ask for one."""
    return _page(visit, _order(visit, order))


@router.get("/setup/test/live")
def show_live(visit: Visiting, order: str = "") -> Response:
    """Show how far the test order has come."""
    return visit.fragment("_setup_way.html", **_way(visit, _order(visit, order)))


@router.post("/setup/test")
def begin(visit: Visiting, form: Submitted) -> Response:
    """Make a test order for a device."""
    try:
        if not form.text("device"):
            raise InvalidValue("is required", "device")
        device = visit.services.devices.store.get(form.text("device"))
        order = _new_order(visit, device)
    except (InvalidValue, InvalidDocument, Conflict, NotFound) as error:
        return _page(visit, None, {"device": "; ".join(errors_by_field(error).values())})
    return visit.go(_at(order))


@router.post("/setup/test/play")
def play(visit: Visiting, form: Submitted) -> Response:
    """Let the gateway play the device: it asks for the worklist, begins, sends an image and ends."""
    order = _required(visit, form.text("order"))
    try:
        visit.services.connections.play(order)
    except GatewayError as error:
        return _page(visit, order, {"play": str(error)})
    return visit.go(_at(order), _("The gateway has played the device: one image is on its way."))


@router.post("/setup/test/clean")
def clean(visit: Visiting, form: Submitted) -> Response:
    """Take the test order from the worklist: cancelled, or stopped when it has begun."""
    order, orders = _required(visit, form.text("order")), visit.services.orders
    if not _is_ended(order):
        has_begun = any(step.status not in OPEN for step in order.steps())
        try:
            if has_begun:
                orders.end(order.id, StepEvent.COMPLETE_ORDER, visit.actor)
            else:
                orders.cancel(order.id, visit.actor)
        except IllegalTransition as error:
            return _page(visit, order, {"": str(error)})
    return visit.go(ADDRESS, _("The test order is off the worklist."))


def _at(order: Order) -> str:
    return f"{ADDRESS}?{urlencode({'order': order.id})}"


def is_trial(order: Order) -> bool:
    """Say whether an order is one of these tests."""
    marks = (order.source, order.patient.id, order.placer_order_number[: len(PREFIX)])
    return marks == (SOURCE, PATIENT_ID, PREFIX)


def _order(visit: Visit, order_id: str) -> Order | None:
    """Return the test order of that id, else the last one that has not been cancelled; None without one."""
    if order_id:
        return _required(visit, order_id)
    wanted = OrderFilter(source=SOURCE, patient_id=PATIENT_ID, limit=5)
    found = (one for one in visit.services.orders.find(wanted) if is_trial(one))
    last = next(found, None)
    return last if last and last.status is not OrderStatus.CANCELED else None


def _required(visit: Visit, order_id: str) -> Order:
    order = visit.services.orders.get(order_id)
    if not is_trial(order):
        raise NotFound("this is no test order")
    return order


def _new_order(visit: Visit, device: Device) -> Order:
    now = local_now(visit.now, visit.zone)
    words = visit.say(_("Test of the connection"))
    step = {
        "modality": next(iter(device.modalities), ANY_MODALITY),
        "station_ae_titles": [device.ae_title],
        "start": now.isoformat(timespec="seconds"),
        "description": words,
        "expected_instances": 1,
    }
    document = {
        "source": SOURCE,
        "placer_order_number": f"{PREFIX}{now:%y%m%d-%H%M%S}",
        "patient": {"id": PATIENT_ID, "name": NAME},
        "procedures": [{"description": words, "steps": [step]}],
    }
    order, _is_new = visit.services.orders.save(parse_order(document, visit.zone, now.date()), visit.actor)
    return order


def _page(visit: Visit, order: Order | None, errors: dict[str, str] | None = None) -> Response:
    if order:
        visit.saw(f"order {order.id}", "test order")
    devices = [(one.ae_title, one.ae_title) for one in visit.services.devices.store.all()]
    return visit.page(
        "setup_test.html",
        status=422 if errors else 200,
        errors=errors or {},
        devices=devices,
        **_way(visit, order),
    )


def _way(visit: Visit, order: Order | None) -> dict[str, Any]:
    steps: list[Step] = []
    if order:
        history = visit.services.page.timelines.history(order.id)
        outgoing = visit.services.connections.known().outgoing
        steps = way_of(order, history, [one.name for one in outgoing if not one.sources or SOURCE in one.sources])
    is_over = bool(steps) and all(step.state is State.DONE for step in steps)
    return {"order": order, "steps": steps, "is_over": is_over, "is_open": bool(order) and not _is_ended(order)}


def _is_ended(order: Order | None) -> bool:
    return order is None or order.status in (OrderStatus.COMPLETED, OrderStatus.DISCONTINUED, OrderStatus.CANCELED)
