"""Performed but never ordered: what the front desk bills from. Seen to with a note, filtered, as a file."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from dicom_gateway.core.local_time import iso_utc, local_now
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.unmatched import Case
from dicom_gateway.web.pages.audit import cell
from dicom_gateway.web.pages.frame import Submitted, Visit, Visiting
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.paging import read_cursor, write_cursor

router = APIRouter(include_in_schema=False)

AT_ONCE: Final = 50
LONGEST_NOTE: Final = 200
_MOST_LINES: Final = 20_000  # of a file
COLUMNS: Final = (
    "when", "device", "patient_id", "patient_name", "species", "modality", "procedure", "images", "seen_to_by",
    "seen_to_at", "note",
)  # fmt: skip


@router.get("/unordered")
def show_unordered(visit: Visiting, seen: str = "", device: str = "", cursor: str = "") -> Response:
    """List what was done without an order."""
    visit.saw("performed without an order")
    device = device[:16].strip()
    cases, last = _page(visit, bool(seen), device, read_cursor(cursor), AT_ONCE)
    query = {name: value for name, value in (("seen", seen and "1"), ("device", device)) if value}
    return visit.page(
        "unordered.html",
        cases=cases,
        older=f"/unordered?{urlencode({**query, 'cursor': write_cursor(last)})}" if last else "",
        query=urlencode(query),
        seen=bool(seen),
        device=device,
        devices=_devices(visit, cases),
        is_first=not cursor,
    )


@router.get("/unordered.csv")
def export(visit: Visiting, seen: str = "", device: str = "") -> Response:
    """Give the whole list as a file for a spreadsheet."""
    visit.services.audit.note(visit.now, visit.actor, "exported", "performed without an order", "csv")
    name = f"not-ordered-{iso_utc(visit.now)[:10]}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    lines = _lines(visit, bool(seen), device[:16].strip())
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/unordered/seen")
def see_to(visit: Visiting, form: Submitted) -> Response:
    """Keep that somebody has billed something, or that nothing is to be done about it."""
    subject = _subject(visit, form.text("kind"), form.text("uid"))
    visit.services.page.unmatched.see_to(subject, form.text("note", LONGEST_NOTE), visit.actor)
    return visit.go("/unordered", _("It is marked as settled."))


@router.post("/unordered/again")
def see_again(visit: Visiting, form: Submitted) -> Response:
    """Take the mark away."""
    visit.services.page.unmatched.see_again(_subject(visit, form.text("kind"), form.text("uid")), visit.actor)
    return visit.go("/unordered?seen=1", _("It is open again."))


def _devices(visit: Visit, cases: Sequence[Case]) -> list[str]:
    """Return the devices to choose from: those that are known, and those of the list."""
    known = {device.ae_title for device in visit.services.devices.store.all()}
    return sorted(known.union(*(case.described.ae_titles for case in cases)))


def _subject(visit: Visit, kind: str, uid: str) -> str:
    """Return what the audit calls something of the list; raises NotFound when it is not on it."""
    if kind not in ("study", "performed"):
        raise NotFound("nothing of that kind was done without an order")
    unmatched = visit.services.page.unmatched
    return (unmatched.study(uid) if kind == "study" else unmatched.performed(uid)).subject


def _page(
    visit: Visit, seen: bool, device: str, before: tuple[int, str] | None, count: int
) -> tuple[list[Case], tuple[int, str] | None]:
    """Return cases of a device ("": of any) and the place of the last one, None when there are no more."""
    cases: list[Case] = []
    while True:
        found = visit.services.page.unmatched.waiting(count + 1, before, seen_to=seen, no_order_only=True)
        for case in found[:count]:
            before = case.at, case.uid
            if not device or device in case.described.ae_titles:
                cases.append(case)
            if len(cases) == count:
                return cases, before
        if len(found) <= count:
            return cases, None


def _lines(visit: Visit, seen: bool, device: str) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    yield "\ufeff"  # by which spreadsheets know that it is UTF-8
    before, written = None, 0
    while written < _MOST_LINES:
        cases, before = _page(visit, seen, device, before, AT_ONCE)
        writer.writerows([cell(str(value)) for value in _row(visit, case)] for case in cases)
        written += len(cases)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        if before is None:
            return


def _row(visit: Visit, case: Case) -> tuple[Any, ...]:
    said, seen = case.described, case.seen_to
    local = local_now(said.at or case.at, visit.zone)
    return (
        local.isoformat(" ", "minutes"), ", ".join(sorted(said.ae_titles)), said.patient_id, said.patient_name,
        said.species, said.modality, said.description, case.images, seen.who if seen else "",
        local_now(seen.at, visit.zone).isoformat(" ", "minutes") if seen else "", seen.note if seen else "",
    )  # fmt: skip
