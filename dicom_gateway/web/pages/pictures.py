"""Pictures and files for the page: thumbnails, the viewer's pixels, and downloads of an image or a whole study.

PNG and JPEG carry the line that they are not for diagnosis. DICOM is for whoever may call `FILE`. Downloads are audited
before the first byte leaves; a study is sent while its archive is written.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from dicom_gateway.core.local_time import from_instant
from dicom_gateway.core.model import Instance, Study
from dicom_gateway.core.study_answer import current, in_series
from dicom_gateway.errors import DamagedFile, InvalidValue, NotAllowed, NotFound
from dicom_gateway.study.archive import Member, archive
from dicom_gateway.study.document import pdf_of
from dicom_gateway.study.export import SUFFIXES, ObjectStream, names_of
from dicom_gateway.study.viewing import Picture
from dicom_gateway.web.pages.frame import Visit, Visiting
from dicom_gateway.web.pages.study_words import PDF, has_picture

router = APIRouter(include_in_schema=False)

FILE: Final = "/instances/{uid}/file"
KEPT_SECONDS: Final = 3600  # by the browser
_PICTURES: Final = {"png": "image/png", "jpeg": "image/jpeg"}
_DICOM: Final = "dicom"
LONGEST_PART: Final = 32  # characters, of a file's name
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9-]+")


@router.get("/instances/{uid}/thumbnail")
def thumbnail(uid: str, request: Request, visit: Visiting) -> Response:
    """Give the small picture of an image, or a labelled tile."""
    instance = visit.services.studies.instance(uid)
    tag = f'"{instance.stored.sha256}"'
    if _is_known(request, tag):
        return Response(status_code=304, headers=_kept(tag))
    picture = visit.services.thumbnails.thumbnail(instance)
    if picture.is_tile:  # perhaps only for now: it must not be kept as the picture
        return Response(picture.jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})
    return Response(picture.jpeg, media_type="image/jpeg", headers=_kept(tag))


@router.get("/instances/{uid}/pixels")
def pixels(uid: str, request: Request, visit: Visiting, frame: int = 0) -> Response:
    """Give the pixels of one frame (0-based) to the viewer, as study/grey.py has them."""
    instance = visit.services.studies.instance(uid)
    tag = f'"{instance.stored.sha256}-{frame}"'
    if _is_known(request, tag):
        return Response(status_code=304, headers=_kept(tag))
    packed = visit.services.page.viewing.pixels(instance, frame)
    if packed is None:
        raise NotFound("there is no picture to show")
    headers = {**_kept(tag), "Content-Encoding": "gzip"}
    return Response(packed, media_type="application/octet-stream", headers=headers)


@router.get("/instances/{uid}/download")
def download_picture(uid: str, visit: Visiting, form: str = "png", frame: int | None = None) -> Response:
    """Give one image as a marked picture."""
    if form not in _PICTURES:
        raise InvalidValue(f"must be {' or '.join(_PICTURES)}", "form")
    instance = visit.services.studies.instance(uid)
    with visit.services.page.viewing.pictures(form) as picture:
        content = picture(instance, frame)
    _note(visit, instance.header.study_instance_uid, f"image {uid} as {form}")
    name = f"{names_of([instance])[0]}.{SUFFIXES[form]}"
    return Response(content, media_type=_PICTURES[form], headers=_attached(name))


@router.get(FILE)
def download_object(uid: str, visit: Visiting, version: int | None = None) -> Response:
    """Give one object as DICOM: the one that counts, or that version of it as it was received."""
    instance = visit.services.studies.instance(uid)
    if version is not None:
        instance = version_of(visit, instance, version)
    stream = _source(visit, instance, as_received=version is not None)
    _note(visit, instance.header.study_instance_uid, f"image {uid} as dicom")
    name = f"{names_of([instance])[0]}.{SUFFIXES[_DICOM]}"
    return StreamingResponse(
        stream.chunks, media_type="application/dicom", headers={**_attached(name), "Content-Length": str(stream.length)}
    )


@router.get("/instances/{uid}/document")
def download_document(uid: str, visit: Visiting) -> Response:
    """Give the PDF inside an object, to be kept and not shown by the browser."""
    instance = visit.services.studies.instance(uid)
    if instance.header.sop_class_uid != PDF:
        raise NotFound("this object holds no PDF")
    content = pdf_of(visit.services.objects.path(instance.stored.name))
    _note(visit, instance.header.study_instance_uid, f"document {uid}")
    return Response(content, media_type="application/pdf", headers=_attached(f"{names_of([instance])[0]}.pdf"))


@router.get("/studies/{uid}/download")
def download_study(uid: str, visit: Visiting, form: str = "jpeg") -> Response:
    """Give a whole study as a ZIP of DICOM objects or marked pictures."""
    if form not in SUFFIXES:
        raise InvalidValue(f"must be {', '.join(SUFFIXES)}", "form")
    if form == _DICOM and not visit.may("GET", FILE):
        raise NotAllowed("DICOM files are not for your role: pictures are")
    study, instances = visit.services.studies.get(uid)
    chosen = [current(versions) for series in in_series(instances) for versions in series]
    made = from_instant(visit.now).astimezone(visit.zone).replace(tzinfo=None)
    with ExitStack() as stack:
        members = _objects(visit, chosen) if form == _DICOM else _pictures(_drawing(visit, stack, form), chosen, form)
        _note(visit, uid, f"{len(chosen)} image{'s' * (len(chosen) != 1)} as {form}")
        parts = _closing(stack.pop_all(), archive(members, made))
    parts_of_name = (f"{made:%Y%m%d-%H%M}", study.modality or "images", _number(visit, study), form)
    name = "-".join(("study", *filter(None, map(_plain, parts_of_name))))
    return StreamingResponse(parts, media_type="application/zip", headers=_attached(f"{name}.zip"))


def _number(visit: Visit, study: Study) -> str:
    """Return what a study is known by among people: the accession number, else the number of its order."""
    order = visit.services.orders.get(study.order_id) if study.order_id else None
    return (order and (order.accession_number or order.placer_order_number)) or study.accession_number


def _plain(text: str) -> str:
    """Return what of a text may stand in the name of a file."""
    return _UNSAFE.sub("", text)[:LONGEST_PART]


def version_of(visit: Visit, instance: Instance, version: int) -> Instance:
    """Return another version of an image; raises NotFound."""
    _, found = visit.services.studies.get(instance.header.study_instance_uid)
    uid = instance.header.sop_instance_uid
    for one in found:
        if one.header.sop_instance_uid == uid and one.version == version:
            return one
    raise NotFound(f"there is no version {version} of this image")


def _source(visit: Visit, instance: Instance, as_received: bool = False) -> ObjectStream:
    """Return the bytes of an object as they leave the gateway; raises DamagedFile, with an alarm."""
    delivered = visit.services.delivered
    try:
        return delivered.as_received(instance) if as_received else delivered.stream(instance)
    except DamagedFile as error:
        visit.services.audit.alarm(visit.now, "object damaged", instance.stored.name, str(error))
        raise


def _objects(visit: Visit, instances: Sequence[Instance]) -> Iterator[Member]:
    def pieces(instance: Instance) -> Iterable[bytes]:
        return _source(visit, instance).chunks

    for instance, name in zip(instances, names_of(instances), strict=True):
        yield Member(f"{name}.{SUFFIXES[_DICOM]}", partial(pieces, instance))


def _drawing(visit: Visit, stack: ExitStack, form: str) -> Picture:
    return stack.enter_context(visit.services.page.viewing.pictures(form))


def _pictures(picture: Picture, instances: Sequence[Instance], form: str) -> Iterator[Member]:
    """Yield the pictures of all frames; objects without any are left out."""

    def drawn(instance: Instance, frame: int | None) -> Iterable[bytes]:
        return (picture(instance, frame),)

    for instance, name in zip(instances, names_of(instances), strict=True):
        frames = instance.header.frames or 1
        for frame in range(frames) if has_picture(instance) else ():
            of_frame = f"_frame-{frame + 1:04}" if frames > 1 else ""
            yield Member(f"{name}{of_frame}.{SUFFIXES[form]}", partial(drawn, instance, frame))


def _closing(stack: ExitStack, parts: Iterator[bytes]) -> Iterator[bytes]:
    with stack:
        yield from parts


def _note(visit: Visit, study_instance_uid: str, what: str) -> None:
    visit.services.audit.note(visit.now, visit.actor, "exported", f"study {study_instance_uid}", what)


def _is_known(request: Request, tag: str) -> bool:
    return tag in [known.strip() for known in request.headers.get("if-none-match", "").split(",")]


def _kept(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": f"private, max-age={KEPT_SECONDS}"}


def _attached(name: str) -> dict[str, str]:
    """Return the headers of a file to be kept; names are made here, of ASCII."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}
