"""What a person should look at: devices that were refused, and alarms."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from dicom_gateway.core.identifiers import printable
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.database import Row
from dicom_gateway.web.examples import EXAMPLE_ALARM, EXAMPLE_UNKNOWN_DEVICE
from dicom_gateway.web.pages import instant
from dicom_gateway.web.roles import Authorised
from dicom_gateway.web.schema import answers

LONGEST_ID = 18  # digits, what SQLite keeps

router = APIRouter(tags=["attention"])


@router.get(
    "/api/v1/devices/unknown",
    summary="List devices that were refused",
    responses=answers({200: "devices, last seen first"}, {"items": [EXAMPLE_UNKNOWN_DEVICE]}),
)
def list_unknown_devices(access: Authorised) -> JSONResponse:
    """Devices that no `[[device]]` names while `unknown_devices` is `refuse`, or that called from an address that its
    `allowed_from` does not hold."""
    rows = access.services.unknown_devices.all()
    items = [
        {
            "ae_title": row["ae_title"],
            "address": row["address"],
            "called_ae_title": row["called_ae_title"],
            "first_seen_at": instant(row["first_seen_at"]),
            "last_seen_at": instant(row["last_seen_at"]),
            "attempts": row["attempts"],
        }
        for row in rows
    ]
    return JSONResponse({"items": items})


@router.get(
    "/api/v1/alarms",
    summary="List alarms",
    responses=answers({200: "alarms, newest first"}, {"items": [EXAMPLE_ALARM]}),
)
def list_alarms(access: Authorised) -> JSONResponse:
    """An alarm of the same kind and subject is counted, not repeated."""
    return JSONResponse({"items": [_alarm(row) for row in access.services.audit.alarms()]})


@router.post(
    "/api/v1/alarms/{id}/clear",
    summary="End an alarm",
    responses=answers({200: "the alarm that was ended"}, EXAMPLE_ALARM, 404),
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
