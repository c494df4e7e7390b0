"""Style sheets, scripts and pictures of the page itself, public and kept for ever by browsers: their address changes
with their contents."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from dicom_gateway.errors import NotFound
from dicom_gateway.web.pages.rendering import static_files

FOR_EVER = "public, max-age=31536000, immutable"
A_WHILE = "no-cache"

router = APIRouter(include_in_schema=False)


@router.get("/static/{name}")
def static_file(name: str, request: Request) -> Response:
    """Give a file by its name; only those that belong to the program exist."""
    found = static_files().get(name)
    if found is None:
        raise NotFound("there is no such file")
    is_exact = request.query_params.get("v") == found.tag
    headers = {"Cache-Control": FOR_EVER if is_exact else A_WHILE, "ETag": f'"{found.tag}"', "Vary": "Accept-Encoding"}
    if f'"{found.tag}"' == request.headers.get("if-none-match"):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.media_type, headers=headers)
