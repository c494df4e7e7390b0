"""Orders of all days: found by number or name; called off; and the word of the front desk that a patient is here."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.identifiers import has_control_characters
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import OPEN, OrderStatus, StepStatus
from dicom_gateway.errors import Conflict, InvalidValue
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.web.pages.board_words import ORDER_STATUSES
from dicom_gateway.web.pages.frame import LONGEST_FIELD, Form, Submitted, Visit, Visiting, errors_by_field
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.paging import read_cursor, write_cursor

PAGE = 50
LONGEST = 200
_OURS = re.compile(r"/(?:today|orders)(?:[/?][A-Za-z0-9_.~%+=&/?-]*)?")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Row:
    """A step of an order as the list shows it: the `number`-th of so many."""

    order: Order
    procedure: RequestedProcedure
    step: ScheduledStep
    number: int
    count: int


@router.get("/orders")
def list_orders(visit: Visiting) -> Response:
    """Find orders, newest first: `q` is the begin of a number or a name."""
    asked = {name: _asked(visit, name) for name in ("q", "status", "date", "device")}
    what = _filter(asked, _asked(visit, "cursor", 500))
    found = visit.services.page.order_search.find(asked["q"], what)
    shown = found[:PAGE]
    following = write_cursor((shown[-1].created_at, shown[-1].id)) if len(found) > PAGE else ""
    visit.saw("orders", ", ".join(f"{name}: {value}" for name, value in asked.items() if value))
    return visit.page(
        "orders.html",
        asked=asked,
        rows=[row for order in shown for row in _rows(order, what.date, asked["device"])],
        older=f"/orders?{urlencode({**_given(asked), 'cursor': following})}" if following else "",
        is_first="cursor" not in visit.request.query_params,
        statuses=ORDER_STATUSES,
        devices=[device.ae_title for device in visit.services.devices.store.all()],
    )


@router.get("/orders/patients")
def find_patients(visit: Visiting) -> Response:
    """Return the patients of earlier orders whose number or name begins with `q`, to begin a new order with."""
    text = _asked(visit, "q")
    found = visit.services.page.order_search.last_orders(text)
    if found:
        visit.saw("patients", f"q: {text}")
    return visit.fragment("_patients.html", orders=found, asked=text, walk_in=_asked(visit, "walk_in"))


@router.get("/orders/{id}/cancel")
def ask_to_cancel(id: str, visit: Visiting) -> Response:
    """Ask whether an order is really to be called off."""
    order = visit.services.orders.get(id)
    visit.saw(f"order {id}")
    return visit.page("order_cancel.html", **_to_cancel(order))


@router.post("/orders/{id}/cancel")
def cancel(id: str, visit: Visiting, form: Submitted) -> Response:
    """Call an order off, unless a device has begun."""
    try:
        visit.services.orders.cancel(id, visit.actor, _because(form))
    except InvalidValue as error:
        context = _to_cancel(visit.services.orders.get(id))
        typed = form.text("reason", LONGEST_FIELD)
        return visit.page("order_cancel.html", status=422, errors=errors_by_field(error), reason=typed, **context)
    except Conflict as error:
        context = _to_cancel(visit.services.orders.get(id))
        return visit.page("order_cancel.html", status=409, errors=errors_by_field(error), **context)
    return visit.go(f"/orders/{id}", _("The order is cancelled. It is on no worklist any more."))


@router.post("/orders/{id}/arrived")
def arrived(id: str, visit: Visiting, form: Submitted) -> Response:
    """Note that the patient of an order is here: of all that is planned for them today."""
    order = visit.services.orders.get(id)
    whose = (order.patient.issuer, order.patient.id)
    changed = visit.services.patients.arrived(whose, visit.actor, source=order.source)
    back = form.text("back", 2000)
    if changed:
        message = _("Noted: the patient is here.")
    elif order.status is OrderStatus.CANCELED:
        message = _("This order was cancelled, and nothing else of today waits for this patient.")
    else:
        message = _("Nothing of today waits for this patient.")
    return visit.go(back if _OURS.fullmatch(back) else f"/orders/{id}", message)


def _asked(visit: Visit, name: str, longest: int = LONGEST) -> str:
    return visit.request.query_params.get(name, "")[:longest].strip()


def _given(asked: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _filter(asked: dict[str, str], cursor: str) -> OrderFilter:
    """Return the filter of a list; raises InvalidValue for what is no date, status or cursor."""
    try:
        day = date.fromisoformat(asked["date"]).strftime("%Y%m%d") if asked["date"] else ""
    except ValueError:
        raise InvalidValue("must be a date such as 2019-05-01", "date") from None
    status = asked["status"]
    if status and status not in OrderStatus.__members__:
        raise InvalidValue("cannot be taken as it is", "status")
    after = read_cursor(cursor)
    return OrderFilter(status=status, date=day, device=asked["device"], limit=PAGE + 1, after=after)


def _rows(order: Order, day: str, device: str) -> list[_Row]:
    """Return a row for each step of an order that a list shows: of that day (YYYYMMDD) and device, and not cancelled
    unless all of them are."""
    pairs = [(procedure, step) for procedure in order.procedures for step in procedure.steps]
    pairs.sort(key=lambda pair: pair[1].start_utc)
    rows = [
        _Row(order, procedure, step, number, len(pairs))
        for number, (procedure, step) in enumerate(pairs, 1)
        if (not day or f"{step.start:%Y%m%d}" == day) and (not device or device in step.station_ae_titles)
    ]
    return [row for row in rows if row.step.status is not StepStatus.CANCELED] or rows


def _because(form: Form) -> str:
    """Return why an order is called off, "" when nobody says; raises InvalidValue."""
    text = " ".join(form.text("reason").split())
    if len(text) > LONGEST or has_control_characters(text):
        raise InvalidValue(f"must be at most {LONGEST} plain characters", "reason")
    return text


def _to_cancel(order: Order) -> dict[str, Any]:
    begun = [step for step in order.steps() if step.status not in OPEN and step.status is not StepStatus.CANCELED]
    return {
        "order": order,
        "begun": begun,
        "is_cancelled": order.status is OrderStatus.CANCELED,
        "statuses": ORDER_STATUSES,
    }
