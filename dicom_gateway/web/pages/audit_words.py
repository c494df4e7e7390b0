"""What the audit's actions and subjects are called on the page; an action that is not in the table stays as it is."""

import re
from datetime import datetime
from typing import Final
from urllib.parse import quote

from dicom_gateway.core.local_time import to_instant
from dicom_gateway.web.pages.device_words import device_path
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

ACTIONS: Final[dict[str, Text]] = {
    "viewed": _("looked at it"),
    "exported": _("downloaded it"),
    "audit exported": _("downloaded the audit"),
    "order received": _("order received"),
    "order changed": _("order changed"),
    "order cancelled": _("order cancelled"),
    "cancel refused": _("cancelling refused"),
    "patient checked in": _("patient checked in"),
    "PMS says ready": _("practice system says: ready"),
    "PMS says departed": _("practice system says: patient has left"),
    "order discontinued by the PMS": _("broken off by the practice system"),
    "order completed by the PMS": _("completed by the practice system"),
    "ordered again after a cancellation": _("ordered again after it was cancelled"),
    "started": _("begun"),
    "completed": _("completed"),
    "completed, inferred": _("taken as completed: no more images came"),
    "discontinued": _("broken off"),
    "incorrect worklist entry selected": _("wrong line of the worklist chosen"),
    "late image": _("late image"),
    "performed step created": _("report: begun"),
    "performed step updated": _("report: news"),
    "study completed by hand": _("study completed by hand"),
    "patients merged": _("patients merged"),
    "merge undone": _("merge undone"),
    "matched": _("matched to an order"),
    "match undone": _("match undone"),
    "taken back": _("to be done again"),
    "unmatched": _("taken from its order"),
    "unmatching undone": _("back at its order"),
    "steps as before the match": _("steps as before the match"),
    "seen to without an order": _("settled without an order"),
    "to be seen to again": _("open again"),
    "delivery asked for again": _("delivery asked for again"),
    "delivery replayed": _("delivered once more"),
    "deliveries paused": _("deliveries paused"),
    "deliveries resumed": _("deliveries go on"),
    "device added": _("device added"),
    "device changed": _("device changed"),
    "device removed": _("device removed"),
    "refused device ignored": _("calls of a refused device forgotten"),
    "alarm cleared": _("alarm ended"),
    "setting added": _("setting added"),
    "setting changed": _("setting changed"),
    "setting removed": _("setting removed"),
    "token created": _("access for a program made"),
    "token revoked": _("access for a program withdrawn"),
    "user created": _("user made"),
    "user disabled": _("user locked out"),
    "user enabled": _("user let in again"),
    "role changed": _("role changed"),
    "password changed": _("password changed"),
    "appearance changed": _("language or colours changed"),
    "logged in": _("logged in"),
    "logged off": _("logged off"),
    "log-in failed": _("log-in failed"),
    "sessions ended": _("logged off everywhere"),
}

KIND_WORDS: Final[dict[str, Text]] = {  # kind of subject (storage/audit_subjects.py)
    "order": _("Order"),
    "study": _("Study"),
    "performed step": _("Report of a device"),
    "event": _("Message to the practice system"),
}

_INSTANT: Final = re.compile(r"\b(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)", re.ASCII)
_PLACES: Final = (  # kind of subject, its page
    ("order ", "/orders/{}"),
    ("study ", "/studies/{}"),
    ("performed step ", "/performed-steps/{}"),
    ("event ", "/events/{}"),
)


def action_words(action: str) -> list[Text | str]:
    """Return an action for a person: one or several things that happened at once, and what else it says."""
    kind, colon, more = action.partition(":")
    if action in ACTIONS or not colon:
        return _known(action)
    return [*_known(kind), *([more.strip().replace("_", " ")] if more.strip() else [])]


def detail_parts(detail: str) -> list[str | int]:
    """Return a detail in pieces: text, and instants where it has such as 2026-01-31T08:00:00.000Z."""
    return [_instant(part) if n % 2 else part for n, part in enumerate(_INSTANT.split(detail))]


def subject_path(subject: str) -> str:
    """Return the page of what a line is about, "" where it has none."""
    for kind, place in _PLACES:
        if name := subject.removeprefix(kind) if subject.startswith(kind) else "":
            return place.format(quote(name, safe=""))
    ae_title = subject.removeprefix("device ") if subject.startswith("device ") else ""
    return device_path(ae_title) if ae_title else ""


def alarm_path(kind: str, subject: str) -> str:
    """Return the page of what an alarm is about, "" where it has none."""
    return f"/events/{quote(subject, safe='')}" if kind == "delivery parked" else subject_path(subject)


def _instant(text: str) -> str | int:
    try:
        return to_instant(datetime.fromisoformat(text))
    except ValueError:
        return text


def _known(action: str) -> list[Text | str]:
    if action in ACTIONS:
        return [ACTIONS[action]]
    parts = action.split(", ")
    return [ACTIONS.get(part, part) for part in parts] if any(part in ACTIONS for part in parts) else [action]
