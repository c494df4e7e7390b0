"""To be matched: what waits for a person, and beside the pictures of one which orders may be meant, and why.

What is done about it is in match_actions.py.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.model import Order
from dicom_gateway.core.side_by_side import Difference, compare
from dicom_gateway.core.suggestions import Said, Suggestion, is_of_another
from dicom_gateway.errors import DamagedFile, NotFound
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.storage.unmatched import Case
from dicom_gateway.study.dicom_json import full_metadata
from dicom_gateway.web.pages import match_words, study_words
from dicom_gateway.web.pages.frame import Visit, Visiting
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.status_words import STEPS, Badge
from dicom_gateway.web.paging import read_cursor, write_cursor

router = APIRouter(include_in_schema=False)

AT_ONCE: Final = 30
MOST_PICTURES: Final = 60  # beside the suggestions; the others are counted
MOST_FOUND: Final = 20  # orders
_LONGEST: Final = 100  # of what somebody searches for
_FROM_HEADER: Final = {"birth_date": "PatientBirthDate", "sex": "PatientSex"}


class Offered(NamedTuple):
    """A step that may be meant, as the page shows it. `place` is what a button sends."""

    suggestion: Suggestion
    order: Order
    planned: Any
    description: str
    status: Badge
    fit: tuple[str, Text]
    lines: Sequence[Difference]
    place: str

    @property
    def is_of_another(self) -> bool:
        """Whether it is complete, and of another patient: never what the page proposes."""
        return is_of_another(self.suggestion)


@router.get("/unmatched")
def list_waiting(visit: Visiting, seen: str = "", cursor: str = "") -> Response:
    """List what waits, or what somebody has seen to."""
    visit.saw("to be matched")
    return visit.page("unmatched.html", **_listed(visit, bool(seen), cursor))


@router.get("/unmatched/list")
def list_again(visit: Visiting, seen: str = "", cursor: str = "") -> Response:
    """Give the list once more, when something has changed."""
    return visit.fragment("_unmatched.html", **_listed(visit, bool(seen), cursor))


@router.get("/unmatched/performed/{uid}")
def show_performed(uid: str, visit: Visiting, q: str = "") -> Response:
    """Show a performed step that waits with the orders that may be meant."""
    shown = show_case(visit, uid, True, q)
    visit.saw(f"performed step {uid}")
    return shown


@router.get("/unmatched/{study}")
def show_study(study: str, visit: Visiting, q: str = "") -> Response:
    """Show what waits of a study with the orders that may be meant; else whose it is."""
    shown = show_case(visit, study, False, q)
    visit.saw(f"study {study}")
    return shown


def show_case(
    visit: Visit, uid: str, is_performed: bool, q: str = "", status: int = 200, errors: dict[str, str] | None = None
) -> Response:
    """Return the page of something that waits, or of what became of it; raises NotFound when it is not known."""
    stores = visit.services.page
    history = stores.matches.of_performed(uid) if is_performed else stores.matches.of_study(uid)
    shared = {"uid": uid, "base": base_of(uid, is_performed), "history": history, "errors": errors or {}}
    try:
        case = find_case(visit, uid, is_performed)
    except NotFound:
        return _show_settled(visit, uid, is_performed, status, shared)
    said = completed(visit, case)
    text = q[:_LONGEST].strip()
    found = (
        _searched(visit, said, text)
        if text
        else stores.unmatched.suggestions(said, also=case.study.order_id if case.study else "")
    )
    return visit.page(
        "match.html",
        status,
        **shared,
        case=case,
        said=said,
        pictures=case.instances[:MOST_PICTURES],
        reasons=_reasons(case),
        offered=[_offered(said, suggestion, order) for suggestion, order in found],
        text=text,
        words=match_words,
        has_picture=study_words.has_picture,
        view_words=study_words.view_words,
    )


def _searched(visit: Visit, said: Said, text: str) -> list[tuple[Suggestion, Order]]:
    """Return the steps of orders that somebody looks for, those first that fit best."""
    orders = visit.services.page.order_search.find(text, OrderFilter(limit=MOST_FOUND))
    return visit.services.page.unmatched.weighed(said, orders)


def _show_settled(visit: Visit, uid: str, is_performed: bool, status: int, shared: dict[str, Any]) -> Response:
    """Return the page of something of which nothing waits: whose it is, and how that came about."""
    services = visit.services
    study = None if is_performed else services.studies.get(uid)[0]
    if is_performed and not shared["history"]:
        raise NotFound(f"no performed step {uid}")
    live = next((one for one in shared["history"] if one.undone_at is None), None)
    order_id = study.order_id if study else (live.order_id if live else "")
    order = services.orders.get(order_id) if order_id else None
    reason = study_words.REASONS.get(study.link_reason) if study else None
    return visit.page("matched.html", status, **shared, study=study, order=order, live=live, reason=reason)


def base_of(uid: str, is_performed: bool) -> str:
    """Return the path of something that waits."""
    return f"/unmatched/{'performed/' if is_performed else ''}{quote(uid, safe='')}"


def find_case(visit: Visit, uid: str, is_performed: bool) -> Case:
    """Return what waits; raises NotFound when nothing does."""
    unmatched = visit.services.page.unmatched
    return unmatched.performed(uid) if is_performed else unmatched.study(uid)


def completed(visit: Visit, case: Case) -> Said:
    """Return what a case says, with what only the header of its first image tells."""
    said = case.described
    if not case.instances:
        return said
    try:
        header = full_metadata(visit.services.objects.path(case.instances[0].stored.name))
    except DamagedFile:
        return said
    more = {name: _value(header, keyword) for name, keyword in _FROM_HEADER.items() if not getattr(said, name)}
    return replace(said, **cast(dict[str, Any], more))


def _value(header: dict[str, Any], keyword: str) -> str:
    values = header.get(keyword, {}).get("Value") or [""]
    return values[0] if isinstance(values[0], str) else ""


def _offered(said: Said, suggestion: Suggestion, order: Order) -> Offered:
    asked = suggestion.asked
    procedure = next(one for one in order.procedures if one.id == asked.requested_procedure_id)
    step = next(one for one in procedure.steps if one.id == asked.step_id)
    place = urlencode({"order": order.id, "procedure": procedure.id, "step": step.id})
    return Offered(
        suggestion,
        order,
        step.start,
        step.description or procedure.description or step.modality,
        STEPS[step.status.value],
        match_words.fit(suggestion),
        compare(said, asked),
        place,
    )


def _listed(visit: Visit, seen: bool, cursor: str) -> dict[str, Any]:
    found = visit.services.page.unmatched.waiting(AT_ONCE + 1, read_cursor(cursor), seen_to=seen)
    cases = found[:AT_ONCE]
    last = (cases[-1].at, cases[-1].uid) if len(found) > AT_ONCE else None
    query = {"seen": "1"} if seen else {}
    return {
        "cases": [(case, _path(case), _reasons(case)) for case in cases],
        "older": f"/unmatched?{urlencode({**query, 'cursor': write_cursor(last)})}" if last else "",
        "query": urlencode({**query, **({"cursor": cursor} if cursor else {})}),
        "seen": seen,
        "is_first": not cursor,
        "has_picture": study_words.has_picture,
    }


def _path(case: Case) -> str:
    return base_of(case.uid, case.study is None)


def _reasons(case: Case) -> list[Text | str]:
    return [match_words.waits(reason, case.images > 0) for reason in case.reasons]
