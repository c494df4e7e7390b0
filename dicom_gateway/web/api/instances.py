"""One instance: a small picture for people, all that its header says, and the object itself as it was received or, when
somebody has matched it to an order, corrected to that: /api/v1/instances.
"""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse, JSONResponse, Response

from dicom_gateway.core.model import Instance, StoredObject
from dicom_gateway.errors import DamagedFile, NotFound
from dicom_gateway.study.correct import Corrected
from dicom_gateway.study.dicom_json import full_metadata
from dicom_gateway.web.examples import EXAMPLE_METADATA
from dicom_gateway.web.ranges import ranged
from dicom_gateway.web.roles import Access, Authorised
from dicom_gateway.web.schema import answers, answers_bytes

router = APIRouter(tags=["instances"])


class FileQuery(BaseModel):
    """Which bytes of an object to give."""

    model_config = ConfigDict(extra="forbid")
    as_received: Annotated[bool, Field(description="the object as the device sent it, also when it was matched")] = (
        False
    )


THUMBNAIL_SECONDS = 3600


@router.get(
    "/api/v1/instances/{uid}/thumbnail",
    summary="Show a thumbnail",
    response_class=Response,
    responses=answers_bytes("image/jpeg", "a JPEG of at most 256 pixels", 404),
)
def show_thumbnail(uid: str, request: Request, access: Authorised) -> Response:
    """A plain labelled tile where there is nothing to draw. Not for diagnosis."""
    instance = _visible(uid, access)
    tag = f'"{instance.stored.sha256}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={THUMBNAIL_SECONDS}"}
    if tag in [known.strip() for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    thumbnail = access.services.thumbnails.thumbnail(instance)
    if thumbnail.is_tile:  # perhaps only for now: it must not be kept as the picture
        headers = {"ETag": f'"{instance.stored.sha256}-tile"', "Cache-Control": "private, no-cache"}
    return Response(thumbnail.jpeg, media_type="image/jpeg", headers=headers)


@router.get(
    "/api/v1/instances/{uid}/metadata",
    summary="Show all attributes of an instance",
    responses=answers({200: "its attributes"}, "Metadata", EXAMPLE_METADATA, 404),
)
def show_metadata(uid: str, access: Authorised) -> JSONResponse:
    """Every attribute by its keyword, or by its tag where it is private, in the shape of the DICOM JSON model.
    Pixel data and other long values are given by their size."""
    attributes = full_metadata(_file(uid, access))
    complete = not (attributes.pop("unreadable", False) or attributes.pop("truncated", False))
    return JSONResponse({"sop_instance_uid": uid, "complete": complete, "attributes": attributes})


@router.get(
    "/api/v1/instances/{uid}/file",
    summary="Download the object",
    response_class=Response,
    responses=answers_bytes("application/dicom", "a DICOM file (PS3.10); ranges are served", 404, 409),
)
def download_file(uid: str, request: Request, access: Authorised, query: Annotated[FileQuery, Query()]) -> Response:
    """The data set is what the device sent, byte for byte; the preamble is the gateway's own, all zero. One that a
    person has matched to an order has the order's attributes; Original Attributes Sequence says what was before. 409
    when it cannot be written anew."""
    instance = _visible(uid, access)
    stored = instance.stored
    corrected = None if query.as_received else _corrected(instance, access)
    if corrected:
        return ranged(request, corrected.length, corrected.tag, corrected.read, "application/dicom", _kept(stored))
    return FileResponse(
        _file(uid, access),
        media_type="application/dicom",
        headers={"ETag": f'"{stored.sha256}"', **_kept(stored)},
    )


def _kept(stored: StoredObject) -> dict[str, str]:
    name = f"{stored.sha256[:16]}.dcm"
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}


def _corrected(instance: Instance, access: Access) -> Corrected | None:
    _file_of(instance, access)  # so that a file that is gone raises its alarm
    return access.services.delivered.corrected(instance)


def _file(uid: str, access: Access) -> Path:
    """Return the file of an instance; raises DamagedFile, with an alarm, when it is not there as it was written."""
    return _file_of(_visible(uid, access), access)


def _file_of(instance: Instance, access: Access) -> Path:
    services, stored = access.services, instance.stored
    if not services.objects.exists(stored):
        detail = f"the file of instance {instance.key} is missing or has another length"
        services.audit.alarm(services.clock(), "object damaged", stored.name, detail)
        raise DamagedFile(detail)
    return services.objects.path(stored.name)


def _visible(uid: str, access: Access) -> Instance:
    instance = access.services.studies.instance(uid)
    if not access.sees(instance.order_id):
        raise NotFound(f"no instance {uid}")
    return instance
