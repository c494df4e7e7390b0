"""Devices: those that are configured, and those that were refused and wait for a person's word: /api/v1/devices.

A device of gateway.toml is shown and cannot be changed here. Changes hold from the next association on.
"""

from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from dicom_gateway.core.device_answer import echo_document, unknown_document
from dicom_gateway.core.device_document import format_device, parse_device
from dicom_gateway.errors import InvalidValue
from dicom_gateway.storage.database import Row
from dicom_gateway.web.bodies import Json
from dicom_gateway.web.device_examples import (
    EXAMPLE_APPROVED,
    EXAMPLE_DEVICE,
    EXAMPLE_ECHO,
    EXAMPLE_SHEET,
    EXAMPLE_UNKNOWN_DEVICE,
)
from dicom_gateway.web.examples import page_example
from dicom_gateway.web.paging import FilterText, PagedQuery, Place, page, page_of, read_cursor
from dicom_gateway.web.roles import Authorised
from dicom_gateway.web.schema import answers, body

MOST_LISTED = 64

router = APIRouter(tags=["devices"])


class Approval(BaseModel):
    """What is known of an approved device beyond its attempts."""

    model_config = ConfigDict(extra="forbid")
    allowed_from: Annotated[
        list[FilterText],
        Field(max_length=MOST_LISTED, description="networks it may call from; without it, the address it called from"),
    ] = []
    modalities: Annotated[list[FilterText], Field(max_length=MOST_LISTED, description="its modalities")] = []


@router.get(
    "/api/v1/devices",
    summary="List the configured devices by AE title",
    responses=answers({200: "a page of devices"}, "DevicePage", page_example(EXAMPLE_DEVICE)),
)
def list_devices(query: Annotated[PagedQuery, Query()], access: Authorised) -> JSONResponse:
    """Those of gateway.toml (`origin` is `file`) and those that were added here (`database`)."""
    after = read_cursor(query.cursor)
    last = unquote(after[1]) if after else ""
    found = [device for device in access.services.devices.store.all() if device.ae_title > last]
    here = found[: query.limit]
    end = (0, quote(here[-1].ae_title, safe="")) if len(found) > len(here) else None
    return JSONResponse(page([format_device(device) for device in here], end))


@router.post(
    "/api/v1/devices",
    summary="Add a device",
    status_code=201,
    openapi_extra=body("DeviceDocument"),
    responses=answers({201: "the new device, with every field"}, "Device", EXAMPLE_DEVICE, 409, 422),
)
def add_device(document: Json, access: Authorised) -> JSONResponse:
    """AE titles are unique: 409 when there is a device of that one."""
    device = parse_device(document)
    access.services.devices.admission.add(device, access.actor)
    return JSONResponse(format_device(device), 201, {"Location": f"/api/v1/devices/{quote(device.ae_title, safe='')}"})


@router.get(
    "/api/v1/devices/unknown",
    summary="List devices that were refused, last seen first",
    responses=answers({200: "a page of devices"}, "UnknownDevicePage", page_example(EXAMPLE_UNKNOWN_DEVICE)),
)
def list_unknown_devices(query: Annotated[PagedQuery, Query()], access: Authorised) -> JSONResponse:
    """Devices that are not configured while `unknown_devices` is `refuse`, or that called from an address that their
    `allowed_from` does not hold."""
    return JSONResponse(page_of(access.services.unknown_devices.all(), query, _place, unknown_document))


@router.post(
    "/api/v1/devices/unknown/{ae_title}/approve",
    summary="Let in a device that was refused",
    responses=answers({200: "the device, as it is configured now"}, "Device", EXAMPLE_APPROVED, 404, 409, 422),
)
def approve_device(ae_title: str, query: Annotated[Approval, Query()], access: Authorised) -> JSONResponse:
    """It may call from the address that it called from, or from `allowed_from`. A configured device that called from
    another address may call from there too. 409: it called from several addresses and none is named; it was refused
    for another reason; gateway.toml has it."""
    admission = access.services.devices.admission
    return JSONResponse(format_device(admission.approve(ae_title, access.actor, query.allowed_from, query.modalities)))


@router.get(
    "/api/v1/devices/{ae_title}",
    summary="Show a device",
    responses=answers({200: "the device"}, "Device", EXAMPLE_DEVICE, 404),
)
def show_device(ae_title: str, access: Authorised) -> JSONResponse:
    """With every field, those that have their default too."""
    return JSONResponse(format_device(access.services.devices.store.get(ae_title)))


@router.put(
    "/api/v1/devices/{ae_title}",
    summary="Replace a device as a whole",
    openapi_extra=body("DeviceDocument"),
    responses=answers({200: "the device as it is now"}, "Device", EXAMPLE_DEVICE, 404, 409, 422),
)
def replace_device(ae_title: str, document: Json, access: Authorised) -> JSONResponse:
    """What the body leaves out gets its default. 409 for a device of gateway.toml."""
    store, admission = access.services.devices.store, access.services.devices.admission
    known = store.get(ae_title)
    device = parse_device(document)
    if device.ae_title != known.ae_title:
        raise InvalidValue(
            f"must be {known.ae_title}, as the address says: to rename a device add another one and remove this one",
            "ae_title",
        )
    admission.replace(device, access.actor)
    return JSONResponse(format_device(device))


@router.delete(
    "/api/v1/devices/{ae_title}",
    summary="Remove a device",
    responses=answers({200: "the device that was removed"}, "Device", EXAMPLE_DEVICE, 404, 409),
)
def remove_device(ae_title: str, access: Authorised) -> JSONResponse:
    """Its orders, images and reports stay. 409 for a device of gateway.toml."""
    store = access.services.devices.store
    device = store.get(ae_title)
    store.remove(device.ae_title, access.actor)
    return JSONResponse(format_device(device))


@router.post(
    "/api/v1/devices/{ae_title}/echo",
    summary="Send a C-ECHO to a device",
    responses=answers({200: "how it ended; `answered` says whether well"}, "DeviceEcho", EXAMPLE_ECHO, 404, 409),
)
def echo_device(ae_title: str, access: Authorised) -> JSONResponse:
    """To its `host` and `port`; takes up to some seconds. 409 for a device without them. A device that only calls need
    not answer."""
    devices = access.services.devices
    device = devices.store.get(ae_title)
    return JSONResponse(echo_document(device.ae_title, device.host, device.port, devices.echo(device)))


@router.get(
    "/api/v1/devices/{ae_title}/sheet",
    summary="Show what to enter at the console of a device",
    responses=answers({200: "what to enter"}, "DeviceSheet", EXAMPLE_SHEET, 404),
)
def show_sheet(ae_title: str, access: Authorised) -> JSONResponse:
    """The gateway as this device reaches it, the services, and the worklist keys that find its steps."""
    devices = access.services.devices
    sheet: dict[str, Any] = devices.sheet(devices.store.get(ae_title))
    return JSONResponse(sheet)


def _place(row: Row) -> Place:
    return row["last_seen_at"], quote(f"{row['address']} {row['ae_title']}", safe="")
