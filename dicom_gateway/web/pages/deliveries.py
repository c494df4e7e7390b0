"""What each PMS is told: how it stands, what waits and why; retry, replay, pause and resume."""

from datetime import datetime, time
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.lights import TargetLight
from dicom_gateway.core.local_time import local_now, localise
from dicom_gateway.errors import Conflict, InvalidValue, NotFound
from dicom_gateway.storage.delivery_control import Standing
from dicom_gateway.storage.delivery_lines import DeliveryStatus
from dicom_gateway.web.pages.delivery_texts import words_of
from dicom_gateway.web.pages.frame import LONGEST_FIELD, Form, Submitted, Visit, Visiting, errors_by_field
from dicom_gateway.web.pages.language import Text, ngettext
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.status_words import DELIVERIES, LIGHTS, badge_of
from dicom_gateway.web.pages.timeline_words import event_words, who_words
from dicom_gateway.web.paging import read_cursor, write_cursor

PAGE_LENGTH: Final = 50
ADDRESS: Final = "/deliveries"

router = APIRouter(include_in_schema=False)


@router.get("/deliveries")
def list_deliveries(visit: Visiting, target: str = "", status: str = "", cursor: str = "") -> Response:
    """Show how each PMS stands, and the deliveries, newest first."""
    return visit.page("deliveries.html", **_standings(visit), **_list(visit, target, status, cursor))


@router.get("/deliveries/standings")
def live_standings(visit: Visiting) -> Response:
    """Show how each PMS stands just now."""
    return visit.fragment("_standings.html", **_standings(visit))


@router.get("/deliveries/list")
def live_list(visit: Visiting, target: str = "", status: str = "", cursor: str = "") -> Response:
    """Show the deliveries as they are just now."""
    return visit.fragment("_deliveries.html", **_list(visit, target, status, cursor))


@router.get("/deliveries/pause")
def ask_why(visit: Visiting, target: str = "") -> Response:
    """Ask why a PMS is to be paused."""
    _require(visit, target)
    return visit.page("delivery_pause.html", target=target, reason="")


@router.post("/deliveries/pause")
def pause(visit: Visiting, form: Submitted) -> Response:
    """Send nothing more to a PMS until somebody resumes it."""
    target = form.text("target")
    try:
        visit.services.page.deliveries.pause(target, form.text("reason"), visit.actor)
    except (InvalidValue, Conflict) as error:
        reason = form.text("reason", LONGEST_FIELD)
        return visit.page("delivery_pause.html", 422, errors=errors_by_field(error), target=target, reason=reason)
    return visit.go(ADDRESS, _("%(target)s is paused. Nothing is sent to it until you resume it.", target=target))


@router.post("/deliveries/resume")
def resume(visit: Visiting, form: Submitted) -> Response:
    """Send to a PMS again."""
    target = form.text("target")
    if not visit.services.page.deliveries.resume(target, visit.actor):
        return visit.go(ADDRESS, _("%(target)s was not paused.", target=target))
    return visit.go(ADDRESS, _("%(target)s is told again what waits for it.", target=target))


@router.post("/deliveries/retry-all")
def retry_all(visit: Visiting, form: Submitted) -> Response:
    """Try everything once more that a PMS has not taken."""
    target = form.text("target")
    _require(visit, target)
    count = visit.services.outbox.retry(visit.now, visit.actor, target=target)
    return visit.go(_back(form), _retried(count))


@router.post("/deliveries/retry")
def retry(visit: Visiting, form: Submitted) -> Response:
    """Try one delivery once more."""
    event_id, target = form.text("event"), form.text("target")
    visit.services.outbox.event(event_id)
    count = visit.services.outbox.retry(visit.now, visit.actor, event_id=event_id, target=target)
    return visit.go(_back(form), _retried(count))


@router.post("/deliveries/replay")
def replay(visit: Visiting, form: Submitted) -> Response:
    """Send to a PMS once more what it has taken."""
    target = form.text("target")
    visit.services.page.deliveries.replay(form.text("event"), target, visit.actor)
    return visit.go(_back(form), _("It is sent to %(target)s once more.", target=target))


def _require(visit: Visit, target: str) -> None:
    if target not in visit.services.page.deliveries.targets:
        raise NotFound(f"no PMS {printable(target, 64)}")


def _retried(count: int) -> Text:
    if not count:
        return _("There was nothing to send.")
    return ngettext("%(num)s delivery is tried again now.", "%(num)s deliveries are tried again now.", count)


def _back(form: Form) -> str:
    """Return the page of ours that the form came from."""
    parts = urlsplit(form.text("back"))
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith((ADDRESS, "/events/"))
    return (parts.path + (f"?{parts.query}" if parts.query else "")) if is_ours else ADDRESS


def _standings(visit: Visit) -> dict[str, Any]:
    found = visit.services.page.deliveries.standings(_midnight(visit))
    return {"standings": [_standing(one, visit.now) for one in found]}


def _list(visit: Visit, target: str, status: str, cursor: str) -> dict[str, Any]:
    services = visit.services
    targets = services.page.deliveries.targets
    status = status if status in set(DeliveryStatus) else ""
    target = target if target in targets else ""
    after = read_cursor(cursor)
    found = services.outbox.deliveries(status, target, PAGE_LENGTH + 1, before=after[0] if after else None)
    shown, paused = found[:PAGE_LENGTH], services.outbox.paused()
    wanted = {name: value for name, value in (("target", target), ("status", status), ("cursor", cursor)) if value}
    query = urlencode(wanted, quote_via=quote)
    return {
        "rows": [_row(row, row["target"] in paused) for row in shown],
        "about": services.health.audit.about(f"event {row['event_id']}" for row in shown),
        "targets": [(name, name) for name in targets],
        "target": target,
        "state": status,
        "offers_replay": status == DeliveryStatus.DELIVERED.value,
        "cursor": cursor,
        "query": query,
        "back": f"{ADDRESS}?{query}" if query else ADDRESS,
        "older": write_cursor((shown[-1]["key"], shown[-1]["event_id"])) if len(found) > len(shown) else "",
    }


def _midnight(visit: Visit) -> int:
    """Return the instant at which the practice's day began."""
    return localise(datetime.combine(local_now(visit.now, visit.zone).date(), time()), visit.zone)[1]


def _standing(one: Standing, now: int) -> dict[str, Any]:
    seen = TargetLight(
        one.target, one.paused_because, bool(one.paused_at), one.parked, one.waiting, one.oldest_waiting_at,
        one.last_delivered_at, bool(one.failure),
    )  # fmt: skip
    colour, words = LIGHTS[seen.light(now)]
    if one.failure and colour == "yellow":
        words = _("Does not take it; the gateway tries again")
    elif one.waiting and colour in ("green", "off"):
        words = _("On its way")
    by, __, because = one.paused_because.partition(": ")
    is_ours = by.startswith("user ")
    return {
        "standing": one,
        "colour": colour,
        "light": _("Paused") if one.paused_at else words,
        "failure": words_of(one.failure, "pending") if one.failure else None,
        "paused_by": who_words(by) if is_ours else "",
        "because": because if is_ours else one.paused_because,
        "gone": words_of(one.paused_because) if one.paused_at and not is_ours else None,
    }


def _row(row: dict[str, Any], is_paused: bool) -> dict[str, Any]:
    return {
        **row,
        "badge": badge_of(DELIVERIES, row["status"]),
        "event": event_words(row["type"]),
        "words": words_of(row["detail"], row["status"]),
        "is_paused": is_paused,
    }
