"""Devices in words for people: what a light says, what to do after a C-ECHO, what a habit is; where their pages are."""

import re
from dataclasses import replace
from typing import Final
from urllib.parse import quote, unquote

from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.devices import Service
from dicom_gateway.core.habits import Habit
from dicom_gateway.core.lights import Light
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

_OTHER_PLACES: Final = frozenset({"new", "list", ".", ".."})  # what /devices/... means beside AE titles

LIGHTS: Final[dict[Light, tuple[str, Text]]] = {
    Light.GOOD: ("green", _("has called lately")),
    Light.IDLE: ("off", _("quiet")),
    Light.WARNING: ("yellow", _("slow")),
    Light.BAD: ("red", _("turned away")),
}
NEVER: Final = ("off", _("never heard of"))

_ECHO_ADVICE: Final = (
    (
        r"no such host: .*",
        _("Nobody in the network has this name. Enter the IP address of the device instead of its name."),
    ),
    (
        r"no connection to .*: no answer within .*",
        _(
            "Is the device switched on? Is its address right? If both are, a firewall may be in the way: ask who looks "
            "after the network."
        ),
    ),
    (
        r"no connection to .*: connection refused.*",
        _(
            "A machine answers at this address, but no program listens on this port. Compare the port with the one at "
            "the device, and start its DICOM program."
        ),
    ),
    (r"no connection to .*", _("Compare the address of the device with the one at its console.")),
    (
        r".* rejected the association: calling AE title.*",
        _("The device does not know this gateway. Enter the gateway's AE title and address at the device."),
    ),
    (
        r".* rejected the association: called AE title.*",
        _("The device calls itself otherwise. Compare the AE title with the one at its console: capitals count."),
    ),
    (r".* rejected the association: .*", _("The device is busy or refuses everybody. Try again in a minute.")),
    (
        r".* took the association, but nothing that was asked for.*",
        _("It is a DICOM device, but it does not answer tests (C-ECHO). That alone does no harm."),
    ),
    (
        r".* did not answer the request for an association.*|.* aborted the association.*|no answer to C-ECHO.*",
        _(
            "Something listens there, but it does not speak DICOM with us. Compare the port; it must be one without "
            "TLS."
        ),
    ),
)
_SHEET: Final = (
    (r"its patients and steps", _("its patients and orders")),
    (r"tells when a step begins and ends", _("it tells when it begins and when it has ended")),
    (r"sends its images, in any class and encoding", _("it sends its images, of any kind and in any encoding")),
    (r"the console's test of the connection", _("the test of the connection at the console")),
    (r"switch it off: this device may not use it", _("switch it off: this device may not use it")),
    (r"not needed: nothing waits for its reports.*", _("not needed: nothing waits for its reports")),
    (
        r"The device must call itself (?P<title>.+), spelt exactly so: capitals count\.",
        _("The device must call itself %(title)s, spelt exactly so: capitals count."),
    ),
    (
        r"It must call the gateway (?P<title>.+): another name is refused\.",
        _("It must call the gateway %(title)s: another name is refused."),
    ),
    (
        r"The gateway listens on its own machine only\. .*",
        _(
            "The gateway listens on its own machine only. For a device elsewhere dicom.host must be set to the address "
            "of this machine, or to 0.0.0.0, in gateway.toml, and the gateway started again. Ask whoever looks after "
            "the gateway."
        ),
    ),
    (
        r"The address of this machine towards the device is not known: .*",
        _("The address of this machine towards the device is not known: ask who looks after the network."),
    ),
    (r"It may call from (?P<networks>.+) only\.", _("It may call from %(networks)s only.")),
    (r"It may call from any address\.", _("It may call from any address.")),
    (
        r"No modality is entered for it: .*",
        _("No kind of imaging is entered for it: it gets only orders that name it as their device."),
    ),
    (
        r"On the TLS port it must show a certificate of the configured CA\.",
        _("On the TLS port it must show a certificate that this practice has given it."),
    ),
)
_SHEET_PATTERNS: Final = tuple((re.compile(pattern, re.DOTALL), words) for pattern, words in _SHEET)
_PATTERNS: Final = tuple((re.compile(pattern, re.DOTALL), advice) for pattern, advice in _ECHO_ADVICE)
_ELSE: Final = _("Compare address, port and AE title with those at the device.")

SERVICES: Final[dict[Service, Text]] = {
    Service.WORKLIST: _("worklist"),
    Service.MPPS: _("reports (MPPS)"),
    Service.STORAGE: _("storage of its images"),
}

HABITS: Final[dict[Habit, Text]] = {
    Habit.SERVICE: _("Services it used"),
    Habit.IMPLEMENTATION: _("Its DICOM software"),
    Habit.PROPOSES: _("Services it offers to use"),
    Habit.TRANSFER_SYNTAX: _("Encodings it offers"),
    Habit.RETURN_KEY: _("Worklist keys it wants to have filled in"),
    Habit.MATCHING_KEY: _("Worklist keys it looks by"),
    Habit.CHARACTER_SET: _("Character sets of its queries"),
    Habit.QUIRK: _("Peculiarities"),
    Habit.STORES: _("Kinds of image it sent"),
}


def device_path(ae_title: str, part: str = "") -> str:
    """Return the path of a device's page, or of a part of it.

    Quoted twice: an AE title may hold slashes, which a server, or a proxy before it, would take for its own.
    """
    quoted = quote(ae_title, safe="")
    if quoted in _OTHER_PLACES:
        quoted = f"%{ord(quoted[0]):02X}{quoted[1:]}"
    return f"/devices/{quote(quoted, safe='')}" + (f"/{part}" if part else "")


def ae_title_of(place: str) -> str:
    """Return the AE title that a place of a path names, quoted once more than the server has undone."""
    return unquote(place, errors="replace")


def echo_advice(echoed: Echoed) -> Text | None:
    """Return what to do after a C-ECHO, None when it went well."""
    if echoed.answered:
        return None
    return next((advice for pattern, advice in _PATTERNS if pattern.fullmatch(echoed.words)), _ELSE)


def sheet_words(text: str) -> Text | str:
    """Return a sentence of a device's sheet, to be shown in the reader's language; an unknown one stays as it is."""
    for pattern, words in _SHEET_PATTERNS:
        if found := pattern.fullmatch(text):
            return replace(words, values=found.groupdict())
    return text
