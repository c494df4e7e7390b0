"""The lines of an order's timeline in words: a table of sentences, who acted, and where the document behind it is."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from dicom_gateway.core.delivery_words import Reading, Told
from dicom_gateway.core.timeline import Item, Kind, Raw
from dicom_gateway.web.pages.delivery_texts import Words, words_of_reading
from dicom_gateway.web.pages.language import Text, ngettext
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.order_forms import SOURCE
from dicom_gateway.web.pages.plain_words import plain
from dicom_gateway.web.pages.status_words import MESSAGES, Badge, badge_of

EVENTS: Final = {
    "order.started": _("the examination has begun"),
    "order.completed": _("the order is done"),
    "order.discontinued": _("the examination was stopped"),
    "order.canceled": _("the order is cancelled"),
    "order.cancel_refused": _("it was too late to cancel"),
    "order.incomplete": _("images are missing"),
    "study.received": _("the images are here"),
    "study.updated": _("more images are here"),
    "study.unmatched": _("images came that belong to no order"),
    "study.withdrawn": _("images belong to another order, or to none"),
    "patient.merged": _("two patient records became one"),
    "patient.unmerged": _("a merge of patient records was undone"),
    "test": _("a test"),
    "connection.test": _("a test"),
}
EVIDENCE: Final = {
    "mpps+images": _("Complete: the device reported the end, and every image that it named is here."),
    "mpps+quiet": _("Complete: the device reported the end, and no more images have come since."),
    "count+quiet": _("Complete: as many images came as were expected."),
    "quiet": _("Complete: no more images have come for a while."),
    "manual": _("Complete: somebody said so."),
}
PARTS: Final = {
    "patient": _("patient"),
    "procedures": _("examination or appointment"),
    "priority": _("priority"),
    "referring_physician": _("referring physician"),
    "requesting_physician": _("requesting physician"),
    "reason": _("reason"),
    "accession_number": _("accession number"),
}
_FIXED: Final = {
    Kind.CANCEL_REFUSED: _("Cancelling was refused: the examination had begun"),
    Kind.REORDERED: _("Ordered again"),
    Kind.PATIENT_CHANGED: _("The patient's record was changed"),
    Kind.CHANGED: _("Order changed"),
    Kind.ARRIVED: _("The patient is here"),
    Kind.READY: _("Ready for the examination"),
    Kind.DEPARTED: _("The patient has left"),
    Kind.GIVEN_UP: _("The practice system gave the order up"),
    Kind.ENDED_BY_PMS: _("The practice system says that the order is done"),
    Kind.STARTED: _("The examination has begun: the first image came"),
    Kind.COMPLETED: _("The examination is done"),
    Kind.INFERRED: _("The examination counts as done: no device reports its end"),
    Kind.DISCONTINUED: _("The examination was stopped"),
    Kind.WRONG_ENTRY: _("The wrong line of the worklist had been picked: the examination is open again"),
    Kind.LATE_IMAGE: _("An image came late"),
    Kind.TAKEN_BACK: _("What was done was taken back: the examination is open again"),
    Kind.REPORT_BEGUN: _("The device reported the start of the examination"),
    Kind.REPORT_CHANGED: _("The device added to its report"),
    Kind.REPORT_COMPLETED: _("The device reported the end of the examination"),
    Kind.REPORT_DISCONTINUED: _("The device reported that the examination was stopped"),
    Kind.BY_HAND: _("Taken as complete by hand"),
    Kind.RETRIED: _("Another try to deliver was asked for"),
    Kind.REPLAYED: _("Sent to the practice system once more, by hand"),
}
_NOBODY = _("an unknown sender")
_TOOK: Final = {
    Told.TAKEN: _("%(target)s was told, and took it: %(event)s"),
    Told.ACKNOWLEDGED: _("%(target)s was told, and acknowledged it: %(event)s"),
    Told.NOT_NEEDED: _("%(target)s is not told, because its template has no message for it: %(event)s"),
}


def _received(values: dict[str, Any]) -> Text:
    if values["source"] == SOURCE:
        return _("Order entered on this page")
    return _("Order received from %(source)s", source=values["source"])


def _served(values: dict[str, Any]) -> Text:
    if values["title"]:
        return ngettext(
            "Shown once on the worklist of %(device)s: %(step)s",
            "Shown %(num)s times on the worklist of %(device)s: %(step)s",
            values["times"],
            device=values["device"],
            step=values["title"],
        )
    return ngettext(
        "Shown once on the worklist of %(device)s",
        "Shown %(num)s times on the worklist of %(device)s",
        values["times"],
        device=values["device"],
    )


def _images(values: dict[str, Any]) -> Text:
    return ngettext(
        "%(num)s image from %(device)s", "%(num)s images from %(device)s", values["count"], device=values["device"]
    )


def _message_in(values: dict[str, Any]) -> Text:
    return _("HL7 message %(type)s came from %(peer)s", type=values["type"] or "?", peer=values["peer"] or _NOBODY)


def _message_out(values: dict[str, Any]) -> Text:
    return _("HL7 message %(type)s went to %(peer)s", type=values["type"] or "?", peer=values["peer"])


def _complete(values: dict[str, Any]) -> Text | str:
    return EVIDENCE.get(values["evidence"], EVIDENCE["quiet"])


def _untold(values: dict[str, Any]) -> Text:
    return _("No practice system is told: %(event)s", event=event_words(values["event"]))


def _delivery(values: dict[str, Any]) -> Text:
    text = _TOOK.get(values["told"], _TOOK[Told.TAKEN])
    return Text(text.message, {"target": values["target"], "event": event_words(values["event"])})


def _waiting(values: dict[str, Any]) -> Text:
    return _("%(target)s is still to be told: %(event)s", target=values["target"], event=event_words(values["event"]))


def _parked(values: dict[str, Any]) -> Text:
    return _("%(target)s could not be told: %(event)s", target=values["target"], event=event_words(values["event"]))


def _cancelled(values: dict[str, Any]) -> Text:
    because = values.get("detail", "").partition(": ")[2]
    return _("Order cancelled: %(reason)s", reason=because) if because else _("Order cancelled")


def _other(values: dict[str, Any]) -> Text | str:
    if values["action"] != "exported":
        return plain(values["action"])
    for pattern, text in _DOWNLOADS:
        if found := pattern.fullmatch(values["detail"]):
            form = found["form"].upper()
            return (
                ngettext(text.message, text.many, int(found["num"]), form=form)
                if text.many
                else _(text.message, form=form)
            )
    return _("Images were downloaded")


_DOWNLOADS: Final = (
    (
        re.compile(r"(?P<num>[0-9]{1,6}) images? as (?P<form>[a-z]{1,8})"),
        ngettext("%(num)s image was downloaded as %(form)s", "%(num)s images were downloaded as %(form)s", 0),
    ),
    (re.compile(r"image [0-9.]{1,64} as (?P<form>[a-z]{1,8})"), _("An image was downloaded as %(form)s")),
    (re.compile(r"document [0-9.]{1,64}(?P<form>)"), _("A document was downloaded")),
)
_MADE: Final[dict[Kind, Callable[[dict[str, Any]], Text | str]]] = {
    Kind.RECEIVED: _received,
    Kind.CANCELLED: _cancelled,
    Kind.SERVED: _served,
    Kind.IMAGES: _images,
    Kind.MESSAGE_IN: _message_in,
    Kind.MESSAGE_OUT: _message_out,
    Kind.STUDY_COMPLETE: _complete,
    Kind.EVENT: _untold,
    Kind.DELIVERED: _delivery,
    Kind.WAITING: _waiting,
    Kind.PARKED: _parked,
    Kind.OTHER: _other,
}
_WHO: Final = (
    ("device ", _("device %(name)s")),
    ("token ", _("practice system, with the access %(name)s")),
    ("hl7 ", _("HL7 source %(name)s")),
    ("command line", _("the command line")),
)
_USER: Final = "user "
_GATEWAY = _("the gateway")
# A document's address, its name, and the route that shows it.
_RAW: Final = {
    Raw.MESSAGE: ("/messages/{}", _("HL7 message"), "/messages/{key}"),
    Raw.PERFORMED_STEP: ("/performed-steps/{}", _("Report of the device (MPPS)"), "/performed-steps/{uid}"),
    Raw.EVENT: ("/events/{}", _("Message to the practice system"), "/events/{id}"),
    Raw.STUDY: ("/studies/{}", _("Study"), "/studies/{uid}"),
}
_SIGNS: Final = {
    Kind.SERVED: "going",
    Kind.IMAGES: "going",
    Kind.REPORT_BEGUN: "going",
    Kind.STARTED: "going",
    Kind.REPORT_COMPLETED: "good",
    Kind.COMPLETED: "good",
    Kind.INFERRED: "good",
    Kind.STUDY_COMPLETE: "good",
    Kind.BY_HAND: "good",
    Kind.DELIVERED: "good",
}


class Line(NamedTuple):
    """One line as the page shows it: `sign` is one of good, going, waiting, bad, off; `note` is the outcome of a
    message; `failure` says why a delivery failed or waits; `raw` is an address, its name, and its route."""

    item: Item
    text: Text | str
    sign: str
    who: Text | str
    note: Badge | None
    failure: Words | None
    parts: tuple[Text | str, ...]
    raw: tuple[str, Text, str] | None


def event_words(event_type: str) -> Text | str:
    """Return what an event says; a type without words is shown as it is."""
    return EVENTS.get(event_type, event_type)


def who_words(who: str) -> Text | str:
    """Return who acted, as the audit names them, in words."""
    if who.startswith(_USER):
        return who.removeprefix(_USER)
    for prefix, text in _WHO:
        if who.startswith(prefix):
            return Text(text.message, {"name": who.removeprefix(prefix)})
    return _GATEWAY if who == "gateway" else who


def line_of(item: Item, order_id: str, titles: Mapping[str, str] = MappingProxyType({})) -> Line:
    """Return an item of the timeline of an order as the page shows it; `titles`: its steps by id, where it has more
    than one."""
    values = {**item.values, "title": titles.get(item.values.get("step", ""), "")}
    made = _MADE.get(item.kind)
    return Line(
        item,
        made(values) if made else _FIXED[item.kind],
        _sign(item),
        who_words(item.who) if item.who else "",
        badge_of(MESSAGES, values["outcome"]) if item.kind in (Kind.MESSAGE_IN, Kind.MESSAGE_OUT) else None,
        _failure(item),
        tuple(PARTS.get(name, name.replace("_", " ")) for name in values.get("what", ())),
        _raw(item, order_id),
    )


def _sign(item: Item) -> str:
    if item.is_trouble:
        return "bad"
    return "waiting" if item.is_open else _SIGNS.get(item.kind, "off")


def _failure(item: Item) -> Words | None:
    if item.kind not in (Kind.WAITING, Kind.PARKED):
        return None
    reading = Reading(item.values["told"], item.values["said"])
    return words_of_reading(reading, "parked" if item.kind is Kind.PARKED else "pending")


def _raw(item: Item, order_id: str) -> tuple[str, Text, str] | None:
    if item.raw is None:
        return None
    kind, key = item.raw
    if kind is Raw.WORKLIST:
        return f"/orders/{order_id}/why?device={quote(key, safe='')}", _("What it asked"), "/orders/{id}/why"
    address, name, route = _RAW[kind]
    return address.format(quote(key, safe="")), name, route
