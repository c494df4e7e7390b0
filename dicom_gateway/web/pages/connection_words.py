"""Connections in words: what a test found and what to do next, how a PMS is told, how HL7 is read."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from dicom_gateway.core.connections import Found, Report
from dicom_gateway.core.lights import Light
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

COLOURS: Final = {Light.GOOD: "green", Light.WARNING: "yellow", Light.BAD: "red", Light.IDLE: "off"}
NOTES: Final = {"green": "good", "yellow": "waiting", "red": "bad"}  # the note's class of a light's colour

_NETWORK = _("Ask who looks after the network of the practice.")
FOUND: Final[dict[Found, tuple[Text, Text]]] = {
    Found.TAKEN: (_("It works: the PMS took the test event."), _("Nothing more needs to be done.")),
    Found.ANSWERED: (_("It works: the PMS listens and answers in HL7."), _("Nothing more needs to be done.")),
    Found.SLOW: (
        _("It works, but the PMS took long to answer."),
        _("Tell whoever looks after the PMS: it should answer first and do its work afterwards."),
    ),
    Found.CERTIFICATE_ENDS: (
        _("It works, but the certificate of the PMS ends soon."),
        _("Ask whoever looks after the PMS to renew it before that day; after it nothing is delivered."),
    ),
    Found.NOT_SIGNED: (
        _("The PMS was reached, and does not accept our signature."),
        _("Enter the secret of this connection in the PMS exactly as it stands here, and compare both clocks."),
    ),
    Found.NOT_THERE: (
        _("The PMS was reached, and has nothing at this address."),
        _("Compare the end of the address, after the name of the computer, with what the PMS says."),
    ),
    Found.GONE: (
        _("The PMS was reached, and says that it wants no events at this address any more."),
        _("Ask whoever looks after the PMS for the new address."),
    ),
    Found.REDIRECTED: (
        _("The PMS was reached, and answers that it has moved."),
        _("Enter the new address here; often only the s of https:// is missing."),
    ),
    Found.NOT_TAKEN: (
        _("The PMS was reached, and did not take the test event."),
        _("Show this answer to whoever looks after the PMS; some refuse tests and take real events."),
    ),
    Found.BROKEN: (
        _("The PMS was reached, and had an error of its own."),
        _("Tell whoever looks after the PMS, and test again in a few minutes."),
    ),
    Found.LISTENS: (
        _("Somebody listens there, but the test message was not answered as HL7 is."),
        _("Compare the port with the one of the PMS. If it is right, the first result will tell."),
    ),
    Found.NOT_RESOLVED: (
        _("Nobody in the network has this name."),
        _("Compare the name, or enter the IP address of the PMS's computer instead."),
    ),
    Found.NOT_ALLOWED: (
        _("The gateway may not send patient data to this address in this way."),
        _("Beyond the practice's own network it must be encrypted: an https:// address, or TLS for HL7."),
    ),
    Found.REFUSED: (
        _("The computer was reached, and no program listens on this port."),
        _("Compare the port, and see whether the PMS's service is started there."),
    ),
    Found.UNREACHABLE: (_("The computer of the PMS cannot be reached."), _NETWORK),
    Found.TIMED_OUT: (
        _("There was no answer in time."),
        _("Is the computer switched on, and its address right? If both are, a firewall may be in the way."),
    ),
    Found.NO_ANSWER: (
        _("A connection came about, and there was no answer that can be understood."),
        _("Compare the port: it may belong to another program, or want https:// instead of http://."),
    ),
    Found.CERTIFICATE: (
        _("The certificate of the PMS is not trusted."),
        _("Ask whoever looks after the PMS to renew it, or to install its authority on the gateway's computer."),
    ),
    Found.TLS: (
        _("No encrypted connection came about."),
        _("Compare the port: it may be the one without encryption."),
    ),
    Found.FILES: (
        _("A file that this connection needs cannot be read."),
        _("Mend the name of its secret or certificate in the settings file."),
    ),
}
TEMPLATES: Final = {
    "orm": _("ORM messages (most systems)"),
    "omg": _("OMG messages (HL7 2.5 and later)"),
    "omi": _("OMI messages (imaging orders)"),
}
_SEEN: Final = (  # what came back, as the network says it, for people
    (r"connection refused", _("the computer turned the call away")),
    (r"no (complete )?answer within .*", _("no answer")),
    (r"2[0-9]{2}( .*)?|A[AC](: .*)?", _("the PMS said yes")),
    (r"[0-9]{3}( .*)?", _("an answer that is not yes")),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _("the last day of the certificate")),
)
MAPS: Final = {
    "default": _("As the HL7 standard says"),
    "vetera": _("Vetera"),
    "assistovet": _("AssisToVet"),
}


class Tested(NamedTuple):
    """A test in words: the colour of its light, the kind of its note, what was found, what to do, what was seen."""

    colour: str
    note: str
    sentence: Text
    advice: Text
    detail: str
    milliseconds: int
    seen: Text | None  # `detail` in words, if there are any


def tested(report: Report) -> Tested:
    """Return a report in words."""
    colour = COLOURS[report.light]
    return Tested(colour, NOTES[colour], *FOUND[report.found], report.detail, report.milliseconds, _seen(report.detail))


def _seen(detail: str) -> Text | None:
    return next((words for pattern, words in _SEEN if re.fullmatch(pattern, detail, re.DOTALL)), None)


def choices(names: Sequence[str], words: dict[str, Text]) -> list[tuple[str, Text | str]]:
    """Return pairs of value and words for a choice; a name without words stands for itself."""
    return [(name, words.get(name, name)) for name in names]
