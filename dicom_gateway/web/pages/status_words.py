"""The states of orders, steps, performed steps, deliveries and messages: what a person reads, and the badge's kind."""

from typing import Final, NamedTuple

from dicom_gateway.core.lights import Light
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _


class Badge(NamedTuple):
    """A state in words, with the kind of its badge (good, going, waiting, bad, off; "" is plain)."""

    kind: str
    words: Text | str


_PLANNED = Badge("", _("planned"))
_HERE = Badge("waiting", _("patient is here"))
_READY = Badge("waiting", _("ready"))
_RUNNING = Badge("going", _("in progress"))
_DONE = Badge("good", _("done"))
_STOPPED = Badge("off", _("stopped"))
_CANCELLED = Badge("off", _("cancelled"))

STEPS: Final = {
    "SCHEDULED": _PLANNED,
    "ARRIVED": _HERE,
    "READY": _READY,
    "STARTED": _RUNNING,
    "DEPARTED": Badge("going", _("patient has left")),
    "CANCELED": _CANCELLED,
    "DISCONTINUED": _STOPPED,
    "COMPLETED": _DONE,
}
PERFORMED: Final = {"IN PROGRESS": _RUNNING, "COMPLETED": _DONE, "DISCONTINUED": _STOPPED}
DELIVERIES: Final = {
    "pending": Badge("waiting", _("waiting")),
    "delivered": Badge("good", _("delivered")),
    "parked": Badge("bad", _("could not be delivered")),
}
MESSAGES: Final = {
    "": Badge("going", _("in work")),
    "AA": Badge("good", _("accepted")),
    "CA": Badge("good", _("received")),
    "AE": Badge("bad", _("refused (AE)")),
    "AR": Badge("bad", _("refused (AR)")),
    "CE": Badge("bad", _("refused (CE)")),
    "CR": Badge("bad", _("refused (CR)")),
    "no answer": Badge("bad", _("no answer came")),
    "interrupted": Badge("bad", _("interrupted")),
}
LIGHTS: Final = {
    Light.GOOD: ("green", _("Everything is delivered")),
    Light.IDLE: ("off", _("Nothing was delivered yet")),
    Light.WARNING: ("yellow", _("Something waits for long")),
    Light.BAD: ("red", _("Needs somebody")),
}


def badge_of(table: dict[str, Badge], state: str) -> Badge:
    """Return the badge of a state; a state that the table lacks is shown as it is."""
    return table.get(state, Badge("off", state))
