"""Today, and any other day: what is planned, what is happening, what is stuck, and whose turn it is."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.board import LEFT_OVER, STUCK, Wanted, arranged, counts, wanted
from dicom_gateway.core.local_time import local_now, localise
from dicom_gateway.core.troubles import State
from dicom_gateway.errors import InvalidValue
from dicom_gateway.storage.board import Today
from dicom_gateway.web.pages.board_words import ACTIONS, COLOURS, MODALITIES, STANDINGS, STATUSES, TURNS, why
from dicom_gateway.web.pages.frame import Visit, Visiting

FIRST, MORE = 60, 200  # lines of the first answer, painted at once, and of each further one
MOST = 5000
LONGEST = 200

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines somebody wants to see, of which day; None: today."""

    what: Wanted
    day: date | None
    shown: int

    def address(self, path: str, **changes: Any) -> str:
        """Return the address of a part of the page with these filters, or with `changes`."""
        values = {
            "day": self.day.isoformat() if self.day else "",
            "device": self.what.device,
            "modality": self.what.modality,
            "status": self.what.status,
            "text": self.what.text,
            "shown": self.shown if self.shown != FIRST else "",
            **changes,
        }
        query = urlencode({name: value for name, value in values.items() if value})
        return f"{path}?{query}" if query else path


@router.get("/today")
def show_today(visit: Visiting) -> Response:
    """Show a day; `day`, `device`, `modality`, `status` and `text` narrow it."""
    today = _today(visit)
    asked = _asked(visit, today)
    found = visit.services.page.board.day(asked.day)
    visit.saw(f"day {asked.day}" if asked.day else "today")
    day = asked.day or today
    context = _context(visit, asked, found, today) | {
        "day": day,
        "before": asked.address("/today", day=_named(day - timedelta(days=1), today), shown=""),
        "after": asked.address("/today", day=_named(day + timedelta(days=1), today), shown=""),
        "back": asked.address("/today", day="", shown=""),
        "devices": [one.ae_title for one in found.devices],
        "modalities": [(one, MODALITIES.get(one)) for one in sorted({line.step.modality for line in found.lines})],
    }
    return visit.page("today.html", **context)


@router.get("/today/board")
def show_board(visit: Visiting) -> Response:
    """Return the lines anew, after a change or for another filter."""
    today = _today(visit)
    asked = _asked(visit, today)
    page, is_live = visit.services.page, "x-live" in visit.request.headers
    # After a change every open page asks at once; who filters or has just changed something gets it fresh.
    found = page.board.day_at(page.version(), asked.day) if is_live else page.board.day(asked.day)
    answer = visit.fragment("_board.html", **_context(visit, asked, found, today))
    if visit.request.query_params.get("today", str(today)) != str(today):
        answer.headers["HX-Redirect"] = "/today"  # the page was left open over midnight
    if not is_live:
        answer.headers["HX-Replace-Url"] = asked.address("/today", shown="")
    return answer


def _today(visit: Visit) -> date:
    return local_now(visit.now, visit.zone).date()


def _named(day: date, today: date) -> str:
    return "" if day == today else day.isoformat()


def _asked(visit: Visit, today: date) -> Asked:
    """Return what the address asks for; raises InvalidValue for a day that there is not."""
    query = visit.request.query_params

    def text(name: str) -> str:
        return query.get(name, "")[:LONGEST].strip()

    day, shown = text("day"), text("shown")
    try:
        found = date.fromisoformat(day) if day else None
        if found and not 1900 <= found.year <= 2999:
            raise ValueError
    except ValueError:
        raise InvalidValue("must be a date such as 2019-05-01", "day") from None
    most = min(int(shown), MOST) if shown.isascii() and shown.isdigit() and len(shown) < 6 else FIRST
    what = Wanted(text("device"), text("modality"), text("status"), text("text"))
    return Asked(what, None if found == today else found, max(most, FIRST))


def _context(visit: Visit, asked: Asked, found: Today, today: date) -> dict[str, Any]:
    """Return what the board shows."""
    unsorted = wanted(found.lines, Wanted(asked.what.device, asked.what.modality, "", asked.what.text))
    board = arranged(wanted(unsorted, Wanted(status=asked.what.status)), asked.shown)
    headed = {device for group in board.groups for device in group.devices}
    return {
        "asked": asked,
        "is_today": asked.day is None,
        "own_ae_title": visit.services.devices.admission.own_ae_title,
        "counts": _counts(asked, counts(unsorted)),
        "board": board,
        "is_folded": not asked.what.status and not asked.what.text,
        "has_any": bool(found.lines),
        "more": asked.shown + MORE,
        "lights": {one.ae_title: one for one in found.devices},
        "quiet": [one for one in found.devices if one.ae_title not in headed],
        "targets": found.targets,
        "colours": COLOURS,
        "modality_words": MODALITIES,
        "statuses": STATUSES,
        "standings": STANDINGS,
        "turns": TURNS,
        "actions": ACTIONS,
        "why": why,
        "midnight": localise(datetime.combine(today, time()), visit.zone)[1],
    }


def _counts(asked: Asked, numbers: dict[str, int]) -> list[tuple[str, int, str, bool]]:
    """Return each standing, how many lines have it, the address that shows those alone, and whether it does now."""
    shown = [one for one in (STUCK, *State, LEFT_OVER) if numbers[one] or one not in (State.CANCELED, LEFT_OVER)]
    return [
        (
            one,
            numbers[one],
            asked.address("/today", status="" if asked.what.status == one else one, shown=""),
            asked.what.status == one,
        )
        for one in shown
    ]
