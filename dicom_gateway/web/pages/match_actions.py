"""What a person does about what waits: a look at what a match will change, the match, taking a study off, undoing."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.model import Instance, Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import FINAL
from dicom_gateway.errors import Conflict, DamagedFile, InvalidValue, NotFound
from dicom_gateway.storage.unmatched import Case
from dicom_gateway.study.correct import NotCorrectable
from dicom_gateway.study.delivered import preview
from dicom_gateway.web.pages import match_words
from dicom_gateway.web.pages.frame import Form, Submitted, Visit, Visiting
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.matching import base_of, find_case, show_case
from dicom_gateway.web.pages.status_words import STEPS

router = APIRouter(include_in_schema=False)

MOST_LEFT_OUT: Final = 500
LONGEST_PLACE: Final = 500  # characters of where something is to go
_GONE: Final = "there is no such order or procedure"


class _Place(NamedTuple):
    """Where something is to go."""

    order: Order
    procedure: RequestedProcedure
    step: ScheduledStep | None


@router.get("/unmatched/performed/{uid}/confirm")
def confirm_performed(uid: str, visit: Visiting, to: str = "", order: str = "") -> Response:
    """Show what matching a performed step will do: `to` is what a button sends, `order` alone does where it has one
    step."""
    return _confirm(visit, uid, True, to or urlencode({"order": order}), [])


@router.get("/unmatched/{study}/confirm")
def confirm_study(study: str, visit: Visiting, to: str = "", order: str = "") -> Response:
    """Show what matching a study will do, and what will be corrected; as above."""
    leave = visit.request.query_params.getlist("leave")
    return _confirm(visit, study, False, to or urlencode({"order": order}), leave)


@router.post("/unmatched/performed/{uid}")
def match_performed(uid: str, visit: Visiting, form: Submitted) -> Response:
    """Match a performed step."""
    try:
        place = _place(visit, form.text("to", LONGEST_PLACE))
        ids = place.order.id, place.procedure.id, place.step.id if place.step else ""
        visit.services.page.matches.match_performed(uid, *ids, visit.actor)
    except (Conflict, NotFound, InvalidValue) as error:
        return show_case(visit, uid, True, status=error.http_status, errors={"": str(error)})
    return visit.go(base_of(uid, True), _("It is matched."))


@router.post("/unmatched/{study}")
def match_study(study: str, visit: Visiting, form: Submitted) -> Response:
    """Match a study, or the images of it that were not left out."""
    try:
        place = _place(visit, form.text("to", LONGEST_PLACE))
        chosen = _chosen_uids(visit, study, form)
        ids = place.order.id, place.procedure.id, place.step.id if place.step else ""
        visit.services.page.matches.match(study, *ids, visit.actor, chosen)
    except (Conflict, NotFound, InvalidValue) as error:
        return show_case(visit, study, False, status=error.http_status, errors={"": str(error)})
    return visit.go(base_of(study, False), _("It is matched."))


@router.post("/unmatched/{study}/off")
def take_off(study: str, visit: Visiting, form: Submitted) -> Response:
    """Take a study off its order."""
    try:
        visit.services.page.matches.unmatch(study, visit.actor)
    except Conflict as error:
        return show_case(visit, study, False, status=error.http_status, errors={"": str(error)})
    return visit.go(base_of(study, False), _("The study belongs to no order now."))


@router.post("/matches/{key}/undo")
def undo(key: int, visit: Visiting, form: Submitted) -> Response:
    """Put back what was before a match or its opposite."""
    matches = visit.services.page.matches
    found = matches.get(key)
    is_performed = not found.study_instance_uid
    uid = found.performed_uid if is_performed else found.study_instance_uid
    try:
        matches.undo(key, visit.actor)
    except Conflict as error:
        return show_case(visit, uid, is_performed, status=error.http_status, errors={"": str(error)})
    return visit.go(base_of(uid, is_performed), _("It is undone: everything is as it was before."))


def _confirm(visit: Visit, uid: str, is_performed: bool, to: str, leave: Sequence[str]) -> Response:
    try:
        case, place = find_case(visit, uid, is_performed), _place(visit, to)
        images = _without(case.instances, leave)
        if case.instances and not images:
            raise InvalidValue("at least one image must stay", "")
    except (NotFound, InvalidValue) as error:
        return show_case(visit, uid, is_performed, status=error.http_status, errors={"": str(error)})
    visit.saw(f"order {place.order.id}")
    return visit.page(
        "match_confirm.html",
        uid=uid,
        base=base_of(uid, is_performed),
        case=case,
        place=place,
        to=_written(place),
        leave=[str(one.key) for one in case.instances if one not in images],
        images=images,
        state=STEPS[place.step.status.value] if place.step else None,
        is_done=bool(place.step and place.step.status in FINAL),
        other_order=bool(case.study and case.study.order_id and case.study.order_id != place.order.id),
        words=match_words,
        **_corrections(visit, images, place),
    )


def _corrections(visit: Visit, images: Sequence[Instance], place: _Place) -> dict[str, Any]:
    """Return what is corrected in the first image, or why that cannot be said."""
    if not images:
        return {"changes": (), "problem": ""}
    path = visit.services.objects.path(images[0].stored.name)
    step_id = place.step.id if place.step else ""
    try:
        found = preview(images[0], path, place.order, place.procedure.id, step_id, visit.now)
    except (NotCorrectable, DamagedFile) as error:
        return {"changes": (), "problem": str(error)}
    return {"changes": found.changes if found else (), "problem": ""}


def _place(visit: Visit, to: str) -> _Place:
    """Return where `to` points (order, procedure and step as a query); raises NotFound, InvalidValue."""
    asked = parse_qs(to) if len(to) <= LONGEST_PLACE else {}
    if not asked.get("order"):
        raise InvalidValue("choose an order first", "")
    order_id, procedure_id, step_id = (asked.get(name, [""])[0] for name in ("order", "procedure", "step"))
    order = visit.services.orders.get(order_id)
    procedures = [one for one in order.procedures if procedure_id in (one.id, "")]
    steps = [one for one in procedures[0].steps if step_id in (one.id, "")] if procedures else []
    if not steps or (not procedure_id and len(procedures) > 1):
        raise NotFound(_GONE)
    return _Place(order, procedures[0], steps[0] if len(steps) == 1 else None)


def _written(place: _Place) -> str:
    """Return a place as a button sends it."""
    step_id = place.step.id if place.step else ""
    return urlencode({"order": place.order.id, "procedure": place.procedure.id, "step": step_id})


def _without(instances: Sequence[Instance], leave: Sequence[str]) -> list[Instance]:
    left_out = frozenset(leave[:MOST_LEFT_OUT])
    return [one for one in instances if str(one.key) not in left_out]


def _chosen_uids(visit: Visit, study: str, form: Form) -> list[str] | None:
    """Return the images that go, None for all of them."""
    leave = form.all("leave")
    if not leave:
        return None
    case: Case = find_case(visit, study, False)
    return [one.header.sop_instance_uid for one in _without(case.instances, leave)]
