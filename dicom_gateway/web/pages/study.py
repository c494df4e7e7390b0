"""A study: its head, its images in a grid or as a mount, one image in the viewer, and all that a header says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.envelope import animal_of, describes_animal
from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.model import Instance, InstanceHeader, Study
from dicom_gateway.core.mount import is_dental, lay_out
from dicom_gateway.core.study_answer import Ordered, current, in_series, ordered, study_document
from dicom_gateway.errors import DamagedFile, NotFound
from dicom_gateway.study.dicom_json import full_metadata
from dicom_gateway.web.pages import metadata_rows, study_words
from dicom_gateway.web.pages.frame import Submitted, Visit, Visiting
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.pictures import FILE

router = APIRouter(include_in_schema=False)

GRID, MOUNT = "grid", "mount"
MOST_AT_A_PLACE: Final = 4  # of the mount; the others are counted
COMPLETE: Final = "/studies/{uid}/complete"
_AS_THE_DATA_SAYS: Final = {  # of an animal no teeth are read from words
    "teeth": (),
    "supernumerary_teeth": (),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as the page lists it; `teeth` are FDI, `from_words`: only the device's words say so."""

    instance: Instance
    header: InstanceHeader
    kind: Text
    has_picture: bool
    versions: int
    flags: tuple[Text | str, ...]
    teeth: tuple[str, ...]
    from_words: bool
    waits: bool
    view: Text | str

    @property
    def uid(self) -> str:
        """Its SOP Instance UID."""
        return self.header.sop_instance_uid


@dataclass(frozen=True, slots=True)
class Page:
    """What the pages of a study are made of."""

    study: Study
    of: Ordered | None
    instances: Sequence[Instance]
    series: Sequence[Sequence[Shown]]
    animal: dict[str, Any]

    def images(self) -> list[Shown]:
        """Return all objects, series by series."""
        return [one for members in self.series for one in members]


@router.get("/studies/{uid}")
def show_study(uid: str, visit: Visiting, layout: str = "") -> Response:
    """Show a study; of a dental one, as a mount at first."""
    page = _page(visit, uid)
    visit.saw(f"study {uid}")
    current_ones = [one.instance.evolve(header=one.header) for one in page.images()]
    dental = not describes_animal(page.animal) and is_dental([one.header for one in current_ones])
    mount = lay_out(current_ones) if dental else None
    layout = MOUNT if mount and mount.rows and layout != GRID else GRID
    return visit.page(
        "study.html",
        **_head(visit, page),
        layout=layout,
        mount=mount,
        shown={one.instance.key: one for one in page.images()},
        most=MOST_AT_A_PLACE,
        place_words=study_words.place_words,
        why=study_words.WHY,
        news=_news(page.study),
        flagged=[one for one in page.images() if one.flags or one.versions > 1 or one.waits],
    )


@router.get("/studies/{uid}/news")
def news(uid: str, visit: Visiting, seen: str = "") -> Response:
    """Say whether a study that is being looked at is another by now; nothing when it is not."""
    study, _instances = visit.services.studies.get(uid)
    if _news(study) == seen:
        return Response(status_code=204)
    return visit.fragment("_study_news.html", uid=uid)


@router.post(COMPLETE)
def complete(uid: str, visit: Visiting, form: Submitted) -> Response:
    """Take a study as complete because a person says so."""
    visit.services.settlement.complete_by_hand(uid, visit.actor)
    return visit.go(f"/studies/{uid}", _("The study counts as complete."))


@router.get("/studies/{uid}/view")
def view(uid: str, visit: Visiting, instance: str = "", frame: int = 0) -> Response:
    """Show one image large."""
    page = _page(visit, uid)
    images = page.images()
    chosen = next((one for one in images if one.uid == instance), None)
    if chosen is None and instance:
        raise NotFound("there is no such image in this study")
    chosen = chosen or next((one for one in images if one.has_picture), images[0])
    visit.saw(f"study {uid}")
    return visit.page(
        "viewer.html", **_head(visit, page), chosen=chosen, images=images, frame=max(0, frame), pdf=study_words.PDF
    )


@router.get("/instances/{uid}/metadata")
def show_metadata(uid: str, visit: Visiting) -> Response:
    """Show every attribute of an image, and its versions."""
    services = visit.services
    instance = services.studies.instance(uid)
    study_uid = instance.header.study_instance_uid
    page = _page(visit, study_uid)
    visit.saw(f"study {study_uid}", f"header of {uid}")
    try:
        attributes, is_damaged = full_metadata(services.objects.path(instance.stored.name)), False
    except DamagedFile:
        attributes, is_damaged = {}, True
    whole = not (attributes.pop("unreadable", False) or attributes.pop("truncated", False))
    return visit.page(
        "metadata.html",
        **_head(visit, page),
        chosen=next(one for one in page.images() if one.uid == uid),
        rows=metadata_rows.rows(attributes),
        is_whole=whole,
        is_damaged=is_damaged,
        is_corrected=instance.link_reason == LinkReason.MANUAL,
        versions=[
            (one, [study_words.flag_words(flag) for flag in one.flags], metadata_rows.uid_name(one))
            for one in page.instances
            if one.header.sop_instance_uid == uid
        ],
    )


def _news(study: Study) -> str:
    """Return what changes when somebody should load the page of a study again."""
    return f"{study.received}-{study.waiting}-{study.reported_at or 0}-{study.order_id}"


def _page(visit: Visit, uid: str) -> Page:
    """Return what is known of a study; raises NotFound."""
    services = visit.services
    study, instances = services.studies.get(uid)
    of = ordered(study, services.orders, services.studies)
    mine = [one.header for one in instances if one.current and one.order_id == study.order_id]
    animal = animal_of(mine, of.order.patient if of else None)
    is_animal = describes_animal(animal)
    series = [[_shown(versions, study, is_animal) for versions in members] for members in in_series(instances)]
    return Page(study, of, instances, series, animal)


def _shown(versions: Sequence[Instance], study: Study, is_animal: bool) -> Shown:
    instance = current(versions)
    header = instance.header
    from_words = "teeth" in header.from_text
    if is_animal and from_words:
        header, from_words = header.evolve(**_AS_THE_DATA_SAYS), False
    flags = dict.fromkeys(flag for one in versions for flag in one.flags)
    return Shown(
        instance=instance,
        header=header,
        kind=study_words.kind_of(instance),
        has_picture=study_words.has_picture(instance),
        versions=len(versions),
        flags=tuple(study_words.flag_words(flag) for flag in flags),
        teeth=header.teeth or header.supernumerary_teeth,
        from_words=from_words,
        waits=bool(study.order_id) and not instance.order_id,
        view=study_words.view_words(header.view),
    )


def _head(visit: Visit, page: Page) -> dict[str, Any]:
    """Return what every page of a study shows of it."""
    study, of = page.study, page.of
    document = study_document(study, page.instances, "", of, visit.services.templates)
    return {
        "page": page,
        "study": study,
        "order": of.order if of else None,
        "patient": of.order.patient if of else None,
        "animal": page.animal,
        "expected": document["expected"],
        "counted": document["counted"],
        "devices": list(dict.fromkeys(_devices(page.instances))),
        "evidence": study_words.EVIDENCE.get(study.evidence),
        "reason": study_words.REASONS.get(study.link_reason),
        "may_export": visit.may("GET", FILE),
        "may_complete": bool(study.order_id) and study.reported_at is None and visit.may("POST", COMPLETE),
    }


def _devices(instances: Sequence[Instance]) -> Iterator[str]:
    for instance in instances:
        name = instance.header.station_name
        yield f"{instance.calling_ae_title} ({name})" if name else instance.calling_ae_title
