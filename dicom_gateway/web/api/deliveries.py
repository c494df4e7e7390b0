"""Events on their way to each PMS: where they stand, and once more, please: /api/v1/deliveries."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from dicom_gateway.core.delivery_answer import delivery_document, event_document
from dicom_gateway.storage.delivery_lines import DeliveryStatus
from dicom_gateway.web.examples import EXAMPLE_DELIVERY, EXAMPLE_EVENT, EXAMPLE_RETRIED, page_example
from dicom_gateway.web.paging import EmptyIsNone, FilterText, PagedQuery, page, read_cursor
from dicom_gateway.web.roles import Access, Authorised
from dicom_gateway.web.schema import answers

router = APIRouter(tags=["deliveries"])


class DeliveryQuery(PagedQuery):
    """Which deliveries to list."""

    status: Annotated[DeliveryStatus | None, EmptyIsNone] = None
    target: Annotated[FilterText, Field(description="the name of a PMS")] = ""


@router.get(
    "/api/v1/deliveries",
    summary="List deliveries, newest first",
    responses=answers({200: "a page of deliveries"}, "DeliveryPage", page_example(EXAMPLE_DELIVERY), 422),
)
def list_deliveries(query: Annotated[DeliveryQuery, Query()], access: Authorised) -> JSONResponse:
    """One line for each event and target."""
    status = query.status.value if query.status else ""
    after = read_cursor(query.cursor)
    found = access.services.outbox.deliveries(status, query.target, query.limit + 1, before=after[0] if after else None)
    rows = found[: query.limit]
    items = [
        {
            "event_id": row["event_id"],
            "type": row["type"],
            "order_id": row["order_id"] or None,
            "study_instance_uid": row["study_instance_uid"] or None,
            **delivery_document(row),
        }
        for row in rows
    ]
    return JSONResponse(page(items, (rows[-1]["key"], rows[-1]["event_id"]) if len(found) > len(rows) else None))


@router.get(
    "/api/v1/deliveries/{event_id}",
    summary="Show an event with its deliveries",
    responses=answers({200: "the event"}, "Event", EXAMPLE_EVENT, 404),
)
def show_delivery(event_id: str, access: Authorised) -> JSONResponse:
    """`envelope` is the event as it is sent, without its instances."""
    return JSONResponse(_event(event_id, access))


@router.post(
    "/api/v1/deliveries/{event_id}/retry",
    summary="Deliver an event again",
    responses=answers({200: "the event; `retried` deliveries are due now"}, "RetriedEvent", EXAMPLE_RETRIED, 404),
)
def retry_delivery(event_id: str, access: Authorised) -> JSONResponse:
    """Makes what is parked or waiting due now, and takes back a pause of its target; what was delivered stays so."""
    services = access.services
    services.outbox.event(event_id)
    retried = services.outbox.retry(services.clock(), access.actor, event_id=event_id)
    return JSONResponse({"retried": retried, **_event(event_id, access)})


def _event(event_id: str, access: Access) -> dict[str, Any]:
    return event_document(access.services.outbox.event(event_id))
