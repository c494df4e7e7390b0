"""The audit: who did and saw what, newest first, filtered; and as a file for whoever must keep it or asks for it."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response, StreamingResponse

from dicom_gateway.core.local_time import iso_utc, localise
from dicom_gateway.errors import InvalidDocument, InvalidValue
from dicom_gateway.storage.audit_reading import AuditFilter, AuditPage, AuditPlace
from dicom_gateway.storage.database import Row
from dicom_gateway.web.pages.audit_line_words import detail_words, subject_words
from dicom_gateway.web.pages.audit_words import KIND_WORDS, action_words, detail_parts, subject_path
from dicom_gateway.web.pages.frame import Visit, Visiting, errors_by_field
from dicom_gateway.web.pages.timeline_words import who_words

PAGE_ROWS: Final = 100
LONGEST: Final = 200
TEXTS: Final = ("who", "action", "subject", "text")
DAYS: Final = ("from", "to")
COLUMNS: Final = ("at", "who", "origin", "action", "subject", "detail")
_PLACE: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would take for a formula

router = APIRouter(include_in_schema=False)


@router.get("/audit")
def show_audit(visit: Visiting, request: Request) -> Response:
    """Show a page of the audit."""
    values = {name: request.query_params.get(name, "").strip() for name in (*TEXTS, *DAYS)}
    errors: dict[str, str] = {}
    page = AuditPage((), None)
    try:
        wanted, after = _wanted(values, visit.zone), _place(request.query_params)
        page = visit.services.health.audit.page(wanted, after, PAGE_ROWS)
    except (InvalidValue, InvalidDocument) as error:
        errors = errors_by_field(error)
    visit.saw("audit")
    return visit.page("audit.html", 422 if errors else 200, **_shown(visit, values, page), errors=errors)


@router.get("/audit.csv")
def export(visit: Visiting, request: Request) -> Response:
    """Give every line that is wanted as a file, written while it is read."""
    values = {name: request.query_params.get(name, "").strip() for name in (*TEXTS, *DAYS)}
    wanted = _wanted(values, visit.zone)
    asked = ", ".join(f"{name} {value}" for name, value in values.items() if value)
    visit.services.audit.note(visit.now, visit.actor, "audit exported", "audit", asked)
    lines = _csv(visit.services.health.audit.pages(wanted))
    headers = {"Content-Disposition": f'attachment; filename="audit-{iso_utc(visit.now)[:10]}.csv"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(pages: Iterable[tuple[Row, ...]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    yield "\ufeff"  # by which spreadsheets know that it is UTF-8
    for rows in pages:
        writer.writerows(
            [iso_utc(row["at"]), *(cell(str(row[name])) for name in COLUMNS[1:])] for row in rows
        )  # fmt: skip
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _wanted(values: dict[str, str], zone: ZoneInfo) -> AuditFilter:
    """Return what is asked for; raises InvalidDocument that names the fields which are wrong."""
    problems = [
        InvalidValue(f"must have at most {LONGEST} characters", name) for name in TEXTS if len(values[name]) > LONGEST
    ]
    limits: dict[str, int | None] = {}
    for name, later in zip(DAYS, (0, 1), strict=True):
        try:
            limits[name] = _begin(values[name], later, zone)
        except (ValueError, OverflowError):
            problems.append(InvalidValue("must be a date such as 2026-01-31", name))
    if problems:
        raise InvalidDocument(problems)
    texts = {name: values[name] for name in TEXTS}
    return AuditFilter(**texts, since=limits["from"], until=limits["to"])


def _begin(day: str, later: int, zone: ZoneInfo) -> int | None:
    """Return when a day, or one `later`, begins; None for none. Raises ValueError, OverflowError."""
    if not day:
        return None
    begin = date.fromisoformat(day) + timedelta(days=later)
    if not 1970 < begin.year < 9999:
        raise ValueError("out of range")
    return localise(datetime.combine(begin, datetime.min.time()), zone)[1]


def _place(query: QueryParams) -> AuditPlace | None:
    match = _PLACE.fullmatch(query.get("after", ""))
    return AuditPlace(int(match[1]), int(match[2])) if match else None


def _shown(visit: Visit, values: dict[str, str], page: AuditPage) -> dict[str, Any]:
    who, actions = visit.services.health.audit.names()
    asked = {name: value for name, value in values.items() if value}
    return {
        "values": values,
        "page": page,
        "about": visit.services.health.audit.about(row["subject"] for row in page.rows),
        "kind_words": KIND_WORDS,
        "older": f"/audit?{urlencode({**asked, 'after': f'{page.next.at}-{page.next.key}'})}" if page.next else "",
        "is_filtered": bool(asked),
        "is_later": "after" in visit.request.query_params,
        "export": f"/audit.csv?{urlencode(asked)}",
        "query": lambda **changes: f"/audit?{urlencode({**asked, **changes})}",
        "who_known": who,
        "actions": [(action, action_words(action)) for action in actions],
        "words_of": action_words,
        "who_words": who_words,
        "subject_words": subject_words,
        "detail_words": detail_words,
        "say": visit.say,
        "detail_of": detail_parts,
        "path_of": subject_path,
    }
