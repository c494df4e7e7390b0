"""Merges of patients: two records of one patient become one, and two again: /api/v1/patients/merges. Not for a PMS: an
id may have orders of every source."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.merge_document import changed_document, merge_document, parse_merge
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.merging import Changed
from dicom_gateway.web.bodies import Json
from dicom_gateway.web.examples import page_example
from dicom_gateway.web.paging import PagedQuery, page, read_cursor
from dicom_gateway.web.patient_schemas import EXAMPLE_CHANGED_MERGE, EXAMPLE_MERGE, EXAMPLE_UNDONE_MERGE
from dicom_gateway.web.roles import Authorised
from dicom_gateway.web.schema import answers, body

LONGEST_ID = 18  # digits, what SQLite keeps

router = APIRouter(tags=["patients"])


@router.get(
    "/api/v1/patients/merges",
    summary="List merges of patients, newest first",
    responses=answers({200: "a page of merges"}, "MergePage", page_example(EXAMPLE_MERGE)),
)
def list_merges(query: Annotated[PagedQuery, Query()], access: Authorised) -> JSONResponse:
    """Those that were undone too."""
    after = read_cursor(query.cursor)
    found = access.services.patients.merges(query.limit + 1, after[0] if after else None)
    shown = found[: query.limit]
    last = (shown[-1].key, "-") if len(found) > len(shown) else None
    return JSONResponse(page([merge_document(merge) for merge in shown], last))


@router.post(
    "/api/v1/patients/merges",
    summary="Let an id of a patient stand for another one",
    status_code=201,
    openapi_extra=body("MergeDocument"),
    responses=answers(
        {201: "the merge", 200: "it was so already"}, "ChangedMerge", EXAMPLE_CHANGED_MERGE, 404, 409, 422
    ),
)
def merge_patients(document: Json, access: Authorised) -> JSONResponse:
    """Orders that have not ended, and what comes later under the old id, are the survivor's. 404 when there is no order
    of the old id; 409 for animals of different species, ids of different sources, and where another merge is in the
    way."""
    asked = parse_merge(document)
    done = access.services.patients.merge(
        (asked.issuer, asked.survivor_id),
        (asked.issuer, asked.old_id),
        access.actor,
        source=asked.source,
        only_known=True,
    )
    return JSONResponse(_changed(done), 201 if done.is_new else 200)


@router.post(
    "/api/v1/patients/merges/{id}/undo",
    summary="Undo a merge of patients",
    responses=answers({200: "the merge, undone"}, "ChangedMerge", EXAMPLE_UNDONE_MERGE, 404, 409),
)
def undo_merge(id: str, access: Authorised) -> JSONResponse:
    """Orders that have not ended are the old patient's again, and images that only the merge had linked wait to be
    matched. 409 when it is undone already, or another merge must be undone first."""
    if not id.isascii() or not id.isdigit() or len(id) > LONGEST_ID:
        raise NotFound(f"no merge {printable(id, 32)}")
    return JSONResponse(_changed(access.services.patients.unmerge(int(id), access.actor)))


def _changed(done: Changed) -> dict[str, Any]:
    return changed_document(done.merge, done.order_ids, done.left)
