"""Received studies: what came for an order, and the word of a person that a study is complete: /api/v1/studies."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from dicom_gateway.core.study_answer import ordered, study_document, study_summary
from dicom_gateway.errors import NotFound
from dicom_gateway.web.examples import EXAMPLE_BY_HAND, EXAMPLE_STUDY, EXAMPLE_SUMMARY, page_example
from dicom_gateway.web.paging import FilterText, PagedQuery, page, read_cursor
from dicom_gateway.web.roles import Access, Authorised
from dicom_gateway.web.schema import answers

router = APIRouter(tags=["studies"])


class StudyQuery(PagedQuery):
    """Which studies to list."""

    order_id: Annotated[FilterText, Field(description="only the studies of this order")] = ""


@router.get(
    "/api/v1/studies",
    summary="List received studies, newest first",
    responses=answers({200: "a page of studies"}, "StudySummaryPage", page_example(EXAMPLE_SUMMARY), 422),
)
def list_studies(query: Annotated[StudyQuery, Query()], access: Authorised) -> JSONResponse:
    """A token that is bound to a source sees the studies of its orders."""
    found = access.services.studies.find(
        order_id=query.order_id,
        source=access.source,
        limit=query.limit + 1,
        before=read_cursor(query.cursor),
    )
    shown = found[: query.limit]
    last = (shown[-1].last_received_at, shown[-1].study_instance_uid) if len(found) > len(shown) else None
    return JSONResponse(page([study_summary(study) for study in shown], last))


@router.get(
    "/api/v1/studies/{uid}",
    summary="Show a study with its series and instances",
    responses=answers({200: "the study"}, "Study", EXAMPLE_STUDY, 404),
)
def show_study(uid: str, access: Authorised) -> JSONResponse:
    """An instance that came again with other bytes has several `versions`; the current one is described."""
    return JSONResponse(_show(uid, access))


@router.post(
    "/api/v1/studies/{uid}/complete",
    summary="Take a study as complete",
    responses=answers({200: "the study, with the evidence `manual`"}, "Study", EXAMPLE_BY_HAND, 404, 409),
)
def complete_study(uid: str, access: Authorised) -> JSONResponse:
    """Ends the started steps that no device reports on, and tells the PMS. Only for a study of an order."""
    access.services.settlement.complete_by_hand(uid, access.actor)
    return JSONResponse(_show(uid, access))


def _show(uid: str, access: Access) -> dict[str, Any]:
    study, instances = access.services.studies.get(uid)
    if not access.sees(study.order_id):
        raise NotFound(f"no study {uid}")
    seen = {order_id: access.sees(order_id) for order_id in {instance.order_id for instance in instances}}
    visible = [instance for instance in instances if seen[instance.order_id]]
    of = ordered(study, access.services.orders, access.services.studies)
    return study_document(study, visible, access.services.public_url, of, access.services.templates)
