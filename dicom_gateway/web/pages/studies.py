"""All received studies, newest first."""

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.storage.study_search import StudyFilter
from dicom_gateway.web.pages import study_words
from dicom_gateway.web.pages.frame import Visiting
from dicom_gateway.web.paging import read_cursor, write_cursor

router = APIRouter(include_in_schema=False)

AT_ONCE = 50
_LONGEST_TEXT, _LONGEST_MODALITY = 100, 16


@router.get("/studies")
def list_studies(visit: Visiting, q: str = "", modality: str = "", cursor: str = "") -> Response:
    """List studies, all or those that somebody looks for."""
    text, modality = q[:_LONGEST_TEXT].strip(), modality[:_LONGEST_MODALITY]
    search = visit.services.page.study_search
    found = search.find(StudyFilter(text, modality, AT_ONCE + 1, read_cursor(cursor)))
    shown, last = found[:AT_ONCE], found[AT_ONCE - 1 : AT_ONCE] if len(found) > AT_ONCE else []
    visit.saw("studies", f"search {text!r}" if text else "")
    older = [(one.last_received_at, one.study_instance_uid) for one in last]
    query = {"q": text, "modality": modality}
    return visit.page(
        "studies.html",
        studies=[(study, study_words.REASONS.get(study.link_reason)) for study in shown],
        older=f"/studies?{urlencode({**query, 'cursor': write_cursor(older[0])})}" if older else "",
        text=text,
        modality=modality,
        modalities=search.modalities(),
        is_first=not cursor,
    )
