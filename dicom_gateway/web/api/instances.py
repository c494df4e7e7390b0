"""One instance: a small picture for people, and the object itself as it was received: /api/v1/instances."""

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from dicom_gateway.core.model import Instance
from dicom_gateway.errors import DamagedFile, NotFound
from dicom_gateway.web.roles import Access, Authorised
from dicom_gateway.web.schema import answers_bytes

router = APIRouter(tags=["instances"])

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
    "/api/v1/instances/{uid}/file",
    summary="Download the object as received",
    response_class=Response,
    responses=answers_bytes("application/dicom", "a DICOM file (PS3.10); ranges are served", 404),
)
def download_file(uid: str, access: Authorised) -> Response:
    """The data set is what the device sent, byte for byte; the preamble is the gateway's own, all zero."""
    instance = _visible(uid, access)
    services, stored = access.services, instance.stored
    if not services.objects.exists(stored):
        detail = f"the file of instance {instance.key} is missing or has another length"
        services.audit.alarm(services.clock(), "object damaged", stored.name, detail)
        raise DamagedFile(detail)
    return FileResponse(
        services.objects.path(stored.name),
        media_type="application/dicom",
        filename=f"{stored.sha256[:16]}.dcm",
        content_disposition_type="attachment",
        headers={"ETag": f'"{stored.sha256}"', "Cache-Control": "private, no-store"},
    )


def _visible(uid: str, access: Access) -> Instance:
    instance = access.services.studies.instance(uid)
    if not access.sees(instance.order_id):
        raise NotFound(f"no instance {uid}")
    return instance
