"""Connections to practice management systems: how each is doing, its test, and adding, changing and removing them.

What the settings file has is shown and cannot be changed here. A change takes effect by itself: the processes that
serve begin anew with it, one after the other, and the list says when they have.
"""

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.connections import Incoming, NotInEffect, Outgoing, Report
from dicom_gateway.core.lights import TargetLight
from dicom_gateway.core.local_settings import LocalKind
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Order
from dicom_gateway.errors import InvalidValue, NotFound
from dicom_gateway.storage.database import Row
from dicom_gateway.storage.delivery_control import Standing
from dicom_gateway.storage.messages import Direction, MessageFilter
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.storage.tokens import Role
from dicom_gateway.web.pages.connection_words import MAPS, Tested, tested
from dicom_gateway.web.pages.delivery_texts import words_of
from dicom_gateway.web.pages.frame import Submitted, Visit, Visiting
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.status_words import LIGHTS, MESSAGES, badge_of

ADDRESS: Final = "/connections"
DAY: Final = 24 * 3600 * SECOND
FORMS: Final = {  # where each kind is changed; the name of a source may hold a slash
    LocalKind.PMS: "/connections/pms/",
    LocalKind.HL7_SOURCE: "/connections/source?name=",
}
REMOVABLE: Final = {kind.value: kind for kind in FORMS}

router = APIRouter(include_in_schema=False)


@router.get("/connections")
def show(visit: Visiting) -> Response:
    """Show every connection."""
    return _page(visit)


@router.get("/connections/live")
def show_live(visit: Visiting) -> Response:
    """Show every connection as it is just now."""
    return visit.fragment("_connections.html", **_shown(visit))


@router.post("/connections/test")
def test(visit: Visiting, form: Submitted) -> Response:
    """Send a test event to a PMS, and say what came of it."""
    name = form.text("name")
    report: Report = visit.services.connections.try_named(name)
    return _page(visit, tested(report), name)


@router.get("/connections/remove")
def ask_removal(visit: Visiting, kind: str = "", name: str = "") -> Response:
    """Ask whether a connection is to go."""
    if (other := set_elsewhere(visit, _kind(kind), name)) is not None:
        return other
    found = visit.services.connections.store.get(_kind(kind), name)
    waiting = sum(count for (target, status), count in visit.services.outbox.depth().items()
                  if target == name and status == "pending") if found.kind is LocalKind.PMS else 0  # fmt: skip
    return visit.page("connection_remove.html", kind=kind, name=name, waiting=waiting)


@router.post("/connections/remove")
def remove(visit: Visiting, form: Submitted) -> Response:
    """Remove a connection."""
    name = form.text("name")
    visit.services.connections.store.remove(_kind(form.text("kind")), name, visit.actor)
    return visit.go(ADDRESS, _("%(name)s is removed.", name=name))


@router.post("/connections/revoke")
def revoke(visit: Visiting, form: Submitted) -> Response:
    """Make a token of a PMS useless."""
    name = form.text("name")
    known = {row["name"] for row in _tokens(visit)}
    if name not in known:
        raise NotFound("no PMS has a token of this name")
    visit.services.tokens.revoke(name, visit.actor)
    return visit.go(ADDRESS, _("The token %(name)s opens nothing any more.", name=name))


def form_path(kind: LocalKind, name: str) -> str:
    """Return where a connection is changed."""
    return FORMS[kind] + quote(name, safe="")


def set_elsewhere(visit: Visit, kind: LocalKind, name: str) -> Response | None:
    """Return the page that says where a connection is set, None for one of the page and for none at all."""
    known = visit.services.connections.known()
    places = {one.name: one.origin for one in (known.outgoing if kind is LocalKind.PMS else known.incoming)}
    if not places.get(name):
        return None
    return visit.page("connection_elsewhere.html", name=name, place=places[name])


def _kind(value: str) -> LocalKind:
    if value not in REMOVABLE:
        raise InvalidValue("there is no such kind of connection", "kind")
    return REMOVABLE[value]


def _page(visit: Visit, report: Tested | None = None, tried: str = "") -> Response:
    tokens = [{**row, "order": _last_order(visit, row["source"])} for row in _tokens(visit)]
    return visit.page("connections.html", report=report, tried=tried, tokens=tokens, **_shown(visit))


def _shown(visit: Visit) -> dict[str, Any]:
    services = visit.services
    known = services.connections.known()
    standings = {one.target: one for one in services.page.deliveries.standings(visit.now - DAY)}
    return {
        "known": known,
        "maps": MAPS,
        "outgoing": [_outgoing(one, standings.get(one.name), visit.now) for one in known.outgoing],
        "incoming": [_incoming(visit, one) for one in known.incoming],
        "not_in_effect": [_left_out(one) for one in known.not_in_effect],
    }


def _outgoing(one: Outgoing, standing: Standing | None, now: int) -> dict[str, Any]:
    found = standing or Standing(one.name)
    seen = TargetLight(
        one.name, found.paused_because, bool(found.paused_at), found.parked, found.waiting, found.oldest_waiting_at,
        found.last_delivered_at, bool(found.failure),
    )  # fmt: skip
    colour, words = LIGHTS[seen.light(now)]
    if found.failure and colour == "yellow":
        words = _("The last try failed")
    return {
        "pms": one,
        "path": "" if one.origin else form_path(LocalKind.PMS, one.name),
        "standing": found,
        "colour": colour,
        "light": _("Paused") if found.paused_at else words,
        "failure": words_of(found.failure) if found.failure else None,
    }


def _incoming(visit: Visit, one: Incoming) -> dict[str, Any]:
    wanted = MessageFilter(direction=Direction.IN.value, peer=one.name, limit=1)
    last: Row | None = next(iter(visit.services.messages.find(wanted)), None)
    return {
        "source": one,
        "path": "" if one.origin else form_path(LocalKind.HL7_SOURCE, one.name),
        "last": last,
        "outcome": badge_of(MESSAGES, last["outcome"]) if last else None,
    }


def _left_out(one: NotInEffect) -> dict[str, Any]:
    kind = REMOVABLE.get(one.kind)
    path = form_path(kind, one.name) if kind else "/setup/practice"
    return {"kind": one.kind, "name": one.name, "why": one.why, "path": path, "can_go": kind is not None}


def _tokens(visit: Visit) -> list[Row]:
    """Return the valid tokens of systems, never the tokens themselves."""
    return [row for row in visit.services.tokens.all() if row["role"] == Role.PMS.value and row["revoked_at"] is None]


def _last_order(visit: Visit, source: str) -> Order | None:
    wanted = OrderFilter(source=source, limit=1)
    return next(iter(visit.services.orders.find(wanted)), None) if source else None
