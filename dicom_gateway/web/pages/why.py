"""Why an order is not on a device's worklist: the verdict of core/explain.py for people, then its queries by key."""

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.explain import Why
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.local_time import to_instant
from dicom_gateway.core.model import Order
from dicom_gateway.web.pages.frame import Visit, Visiting
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.status_words import STEPS, badge_of
from dicom_gateway.web.pages.why_words import KEYS, action_of, differences, reason_of

LONGEST_AE_TITLE: Final = 16

# The verdict in a sentence, with the kind of its badge.
VERDICTS: Final[dict[str, tuple[str, Text]]] = {
    Why.ON_IT: ("good", _("It is on the worklist of this device.")),
    Why.UNKNOWN_DEVICE: ("bad", _("The gateway does not know this device, and lets it see nothing.")),
    Why.REFUSED: ("bad", _("The gateway turned this device away.")),
    Why.NOT_ALLOWED: ("bad", _("This device is set up without the worklist.")),
    Why.NEVER_SEEN: ("bad", _("This device has never called the gateway.")),
    Why.NEVER_ASKED: ("bad", _("This device has never asked for its worklist.")),
    Why.UNREADABLE: ("bad", _("The gateway could not read what this device asked.")),
    Why.HIDDEN: ("off", _("Work that has begun or ended is not shown on this device's worklist.")),
    Why.KEYS: ("bad", _("The device asks for something else than what the order says.")),
    Why.CHARACTER_SET: ("bad", _("The device cannot write the letters of this order.")),
    Why.TOO_OLD: ("off", _("The appointment is too long ago.")),
    Why.TOO_MANY: ("bad", _("The device asks for too much at once, and got nothing.")),
    Why.FAILED: ("bad", _("The device asked, and got an error.")),
    Why.CANCELLED: ("waiting", _("The device stopped asking before it came to this order.")),
    Why.ASKED_BEFORE: ("waiting", _("The device has not asked since the order came or was changed.")),
}
_OF_KEYS: Final = (Why.KEYS, Why.CHARACTER_SET)

router = APIRouter(include_in_schema=False)


@router.get("/orders/{id}/why")
def show_why(id: str, visit: Visiting, device: str = "") -> Response:
    """Say whether the steps of an order are on a device's worklist, and why."""
    order = visit.services.orders.get(id)
    known = _devices(visit, order)
    chosen = printable(device.strip(), LONGEST_AE_TITLE) or (known[0] if known else "")
    steps = [_shown(step) for step in visit.services.explain(order, chosen)["steps"]] if chosen else []
    visit.saw(f"order {id}", f"why not on {chosen}" if chosen else "")
    names = [*known, *([chosen] if chosen and chosen not in known else [])]
    return visit.page("why.html", order=order, device=chosen, devices=names, steps=steps)


def _devices(visit: Visit, order: Order) -> list[str]:
    """Return the AE titles to choose from: those of the order's steps first, then those that are configured, that have
    asked, and that were refused."""
    services = visit.services
    modalities = {step.modality for step in order.steps()}
    configured = services.devices.store.all()
    named = [title for step in order.steps() for title in step.station_ae_titles]
    fitting = [one.ae_title for one in configured if modalities & set(one.modalities)]
    asked = services.page.timelines.devices_that_asked()
    refused = [row["ae_title"] for row in services.unknown_devices.all()]
    return list(dict.fromkeys([*named, *fitting, *(one.ae_title for one in configured), *asked, *refused]))


def _shown(step: dict[str, Any]) -> dict[str, Any]:
    """Return a step of an explanation with instants instead of texts, and its verdict in words."""
    kind, words = VERDICTS.get(step["why"], ("bad", step["why"]))
    served = step["served"]
    return {
        **step,
        "reason": reason_of(step["reason"]),
        "action": action_of(step["action"]),
        "differences": differences(step) if step["why"] in _OF_KEYS else [],
        "badge": badge_of(STEPS, step["status"]),
        "start": datetime.fromisoformat(step["start"]),
        "kind": kind,
        "words": words,
        "served": {name: _instant(at) for name, at in served.items()} if served else None,
        "queries": [_query(query) for query in step["queries"]],
    }


def _query(query: dict[str, Any]) -> dict[str, Any]:
    kind, words = VERDICTS.get(query["why"], ("bad", query["why"]))
    keys = sorted(query["keys"], key=lambda key: bool(key["matched"]))
    shown = [{**key, "words": KEYS.get(key["key"], key["key"])} for key in keys]
    reason = reason_of(query["reason"])
    return {**query, "at": _instant(query["at"]), "kind": kind, "words": words, "reason": reason, "keys": shown}


def _instant(text: str) -> int:
    return to_instant(datetime.fromisoformat(text))
