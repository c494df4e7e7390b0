"""One order: what it asks for, what came of it, and its timeline; each line leads to the document behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.board import expected_of
from dicom_gateway.core.completeness import Expected
from dicom_gateway.core.envelope import animal_of
from dicom_gateway.core.history import History
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.model import Order, RequestedProcedure
from dicom_gateway.core.status import OPEN, StepStatus
from dicom_gateway.core.timeline import compose
from dicom_gateway.web.pages.frame import Visit, Visiting
from dicom_gateway.web.pages.order_entry import NEUTERED, PRIORITIES, SEXES
from dicom_gateway.web.pages.status_words import STEPS, badge_of
from dicom_gateway.web.pages.timeline_words import line_of

MOST_THUMBNAILS: Final = 8  # of a study: the others are on its own page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class StudyShown:
    """A study of an order: how many images are here and expected, and the UIDs of the first few."""

    uid: str
    received: int
    expected: Expected | None
    pictures: Sequence[str]


@router.get("/orders/{id}")
def show_order(id: str, visit: Visiting) -> Response:
    """Show an order with its timeline."""
    context = _context(visit, id)
    visit.saw(f"order {id}")
    return visit.page("order.html", **context)


@router.get("/orders/{id}/timeline")
def show_timeline(id: str, visit: Visiting) -> Response:
    """Show what of an order changes by itself."""
    return visit.fragment("_order_live.html", **_context(visit, id))


def _context(visit: Visit, order_id: str) -> dict[str, Any]:
    order = visit.services.orders.get(order_id)
    history = visit.services.page.timelines.history(order_id)
    steps = [step for procedure in order.procedures for step in procedure.steps]
    return {
        "order": order,
        "animal": animal_of((), order.patient),
        "order_badge": badge_of(STEPS, order.status.value),
        "priorities": dict(PRIORITIES),
        "sexes": dict(SEXES),
        "neutered": {value == "yes": words for value, words in NEUTERED if value},
        "steps": [
            (
                procedure,
                step,
                badge_of(STEPS, step.status.value),
                expected_of(procedure, step, visit.services.templates),
            )
            for procedure, step in _steps(order)
        ],
        "can_arrive": any(
            step.status is StepStatus.SCHEDULED and step.start.date() == local_now(visit.now, visit.zone).date()
            for step in steps
        ),
        "can_change": any(step.status in OPEN for step in steps),
        "can_cancel": all(step.status in (*OPEN, StepStatus.CANCELED) for step in steps)
        and any(step.status in OPEN for step in steps),
        "studies": _studies(visit, order, history),
        "lines": [line_of(item, order_id, _titles(order)) for item in compose(history)],
    }


def _steps(order: Order) -> list[tuple[RequestedProcedure, Any]]:
    return [(procedure, step) for procedure in order.procedures for step in procedure.steps]


def _titles(order: Order) -> dict[str, str]:
    """Return what each step is called, by its id; none when there is one only and nobody asks which."""
    pairs = _steps(order)
    titles = {step.id: step.description or procedure.description or step.modality for procedure, step in pairs}
    return titles if len(pairs) > 1 else {}


def _studies(visit: Visit, order: Order, history: History) -> list[StudyShown]:
    procedures = {procedure.id: procedure for procedure in order.procedures}
    pictures: dict[str, list[str]] = {}
    for image in history.images:
        pictures.setdefault(image.study_instance_uid, []).append(image.sop_instance_uid)
    shown = []
    for study in history.studies:
        uids = pictures.get(study.uid, [])
        procedure = procedures.get(study.requested_procedure_id)
        expected = visit.services.templates.expected(procedure) if procedure else None
        shown.append(StudyShown(study.uid, len(uids), expected, uids[:MOST_THUMBNAILS]))
    return shown
