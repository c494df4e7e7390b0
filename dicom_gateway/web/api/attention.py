"""What a person should look at: alarms."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from dicom_gateway.core.identifiers import printable
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.database import Row
from dicom_gateway.web.examples import EXAMPLE_ALARM, page_example
from dicom_gateway.web.paging import PagedQuery, Place, instant, page_of
from dicom_gateway.web.roles import Authorised
from dicom_gateway.web.schema import answers

LONGEST_ID = 18  # digits, what SQLite keeps

router = APIRouter(tags=["attention"])


@router.get(
    "/api/v1/alarms",
    summary="List alarms, newest first",
    responses=answers({200: "a page of alarms"}, "AlarmPage", page_example(EXAMPLE_ALARM)),
)
def list_alarms(query: Annotated[PagedQuery, Query()], access: Authorised) -> JSONResponse:
    """An alarm of the same kind and subject is counted, not repeated."""
    return JSONResponse(page_of(access.services.audit.alarms(), query, _place_of_alarm, _alarm))


@router.post(
    "/api/v1/alarms/{id}/clear",
    summary="End an alarm",
    responses=answers({200: "the alarm that was ended"}, "Alarm", EXAMPLE_ALARM, 404),
)
def clear_alarm(id: str, access: Authorised) -> JSONResponse:
    """For whoever has seen to it. When its reason comes again, the alarm does too."""
    if not id.isascii() or not id.isdigit() or len(id) > LONGEST_ID:
        raise NotFound(f"no alarm {printable(id, 32)}")
    services = access.services
    return JSONResponse(_alarm(services.audit.clear(int(id), access.actor, services.clock())))


def _alarm(row: Row) -> dict[str, Any]:
    return {
        "id": row["key"],
        "kind": row["kind"],
        "subject": row["subject"],
        "detail": row["detail"] or None,
        "count": row["count"],
        "raised_at": instant(row["raised_at"]),
    }


def _place_of_alarm(row: Row) -> Place:
    return row["raised_at"], f"{row['key']:0{LONGEST_ID}}"
