"""Orders in, one or many, and out again: /api/v1/orders."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field

from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_answer import order_document
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.status import OrderStatus
from dicom_gateway.errors import InvalidDocument, InvalidValue, Unavailable
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.web.bodies import Json
from dicom_gateway.web.examples import EXAMPLE_ANSWER, EXAMPLE_BATCH, EXAMPLE_CANCELED, page_example
from dicom_gateway.web.paging import EmptyIsNone, FilterText, PagedQuery, page, read_cursor
from dicom_gateway.web.problems import problem_document, problem_of
from dicom_gateway.web.roles import Access, Authorised
from dicom_gateway.web.schema import answers, body
from dicom_gateway.web.services import Services

MAX_BATCH = 1000

router = APIRouter(tags=["orders"])


def _date(value: str) -> str:
    for form in ("%Y-%m-%d", "%Y%m%d"):
        try:
            if value and len(value) in (8, 10):
                return datetime.strptime(value, form).strftime("%Y%m%d")
        except ValueError:
            continue
    if value:
        raise ValueError("must be a date: YYYY-MM-DD or YYYYMMDD")
    return value


class OrderQuery(PagedQuery):
    """Which orders to list; what is not given is anything."""

    status: Annotated[OrderStatus | None, EmptyIsNone] = None
    date: Annotated[str, AfterValidator(_date), Field(description="local start of a step, YYYY-MM-DD or YYYYMMDD")] = ""
    device: Annotated[FilterText, Field(description="a station AE title")] = ""
    modality: FilterText = ""
    patient_id: FilterText = ""
    accession_number: FilterText = ""
    source: FilterText = ""
    placer_order_number: Annotated[FilterText, Field(description="what the PMS calls the order")] = ""


@router.post(
    "/api/v1/orders",
    summary="Create an order, or replace it as a whole",
    status_code=201,
    openapi_extra=body("OrderDocument"),
    responses=answers(
        {201: "a new order, with everything minted", 200: "the same order, or a changed one"},
        "Order",
        EXAMPLE_ANSWER,
        409,
        422,
    ),
)
def save_order(document: Json, access: Authorised) -> JSONResponse:
    """An order is known by `source` and `placer_order_number`: sending it again is safe, and sending it changed
    updates it. Procedures and steps without an id match by position; a step left out that has not begun is cancelled.
    The same order once more leaves what was cancelled cancelled; one with something changed schedules it again."""
    status, order = _save(document, access)
    shown = _shown(access.services, order) if status == 200 else order_document(order)
    return JSONResponse(shown, status, {"Location": f"/api/v1/orders/{order.id}"})


@router.post(
    "/api/v1/orders/batch",
    summary=f"Create or replace up to {MAX_BATCH} orders",
    openapi_extra=body("OrderBatch"),
    responses=answers({200: "what became of each order, in their order"}, "Outcomes", EXAMPLE_BATCH, 422),
)
def save_orders(document: Json, access: Authorised) -> JSONResponse:
    """Each order has an outcome of its own, as if it had been sent alone: some may be kept while others are not."""
    results: list[dict[str, Any]] = []
    unavailable: Unavailable | None = None
    for item in _batch_of(document):
        if unavailable is None:
            try:
                status, order = _save(item, access)
                shown = _shown(access.services, order) if status == 200 else order_document(order)
                results.append({"status": status, "order": shown})
                continue
            except Unavailable as error:  # each further one would wait as long
                unavailable = error
            except Exception as error:
                problem = problem_of(error)
                results.append({"status": problem["status"], "problem": problem})
                continue
        results.append({"status": 503, "problem": problem_document(503, str(unavailable))})
    return JSONResponse({"results": results})


def _save(document: object, access: Access) -> tuple[int, Order]:
    services = access.services
    order = parse_order(document, services.zone, local_now(services.clock(), services.zone).date())
    access.require_source(order.source)
    saved, is_new = services.orders.save(order, access.actor)
    return 201 if is_new else 200, saved


def _batch_of(document: object) -> list[object]:
    if not isinstance(document, dict) or "orders" not in document:
        raise InvalidValue("is required", "orders")
    errors = [InvalidValue("is not a field of a batch", str(name)) for name in document if name != "orders"]
    orders = document["orders"]
    if not isinstance(orders, list) or len(orders) > MAX_BATCH:
        errors.append(InvalidValue(f"must be a list of at most {MAX_BATCH} orders", "orders"))
    if errors:
        raise InvalidDocument(errors)
    assert isinstance(orders, list)
    return orders


@router.get(
    "/api/v1/orders",
    summary="List orders, newest first",
    responses=answers({200: "a page of orders"}, "OrderPage", page_example(EXAMPLE_ANSWER), 422),
)
def list_orders(query: Annotated[OrderQuery, Query()], access: Authorised) -> JSONResponse:
    """`next` is the cursor of the next page, null on the last one."""
    after = read_cursor(query.cursor)
    if access.source and query.source not in ("", access.source):
        return JSONResponse(page([], None))
    found = access.services.orders.find(
        OrderFilter(
            status=query.status.value if query.status else "",
            date=query.date,
            device=query.device,
            modality=query.modality,
            patient_id=query.patient_id,
            accession_number=query.accession_number,
            source=access.source or query.source,
            placer_order_number=query.placer_order_number,
            limit=query.limit + 1,
            after=after,
        )
    )
    shown = found[: query.limit]
    last = (shown[-1].created_at, shown[-1].id) if len(found) > query.limit else None
    served = access.services.observations.served_to(order.id for order in shown)
    return JSONResponse(page([order_document(order, served.get(order.id)) for order in shown], last))


@router.get(
    "/api/v1/orders/{id}",
    summary="Show an order",
    responses=answers({200: "the order"}, "Order", EXAMPLE_ANSWER, 404),
)
def show_order(id: str, access: Authorised) -> JSONResponse:
    """The order as it is now, each step with its status and the devices whose worklist it was on."""
    return JSONResponse(_shown(access.services, access.order(id)))


@router.post(
    "/api/v1/orders/{id}/cancel",
    summary="Cancel an order",
    responses=answers({200: "the cancelled order"}, "Order", EXAMPLE_CANCELED, 404, 409),
)
def cancel_order(id: str, access: Authorised) -> JSONResponse:
    """Possible until a device has begun a step; cancelling twice is fine."""
    access.order(id)
    return JSONResponse(_shown(access.services, access.services.orders.cancel(id, access.actor)))


def _shown(services: Services, order: Order) -> dict[str, Any]:
    return order_document(order, services.observations.served_to([order.id]).get(order.id))
