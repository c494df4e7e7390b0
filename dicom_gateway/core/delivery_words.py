"""What the detail of a delivery means for a person: a kind that has a sentence and an advice, and the receiver's words.

The details are those that the transports write: connectors/http_transport.py, webhook.py and hl7/. What stands behind
a colon may be the receiver's own words. The sentences are the page's, because they are translated.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Told(StrEnum):
    """How the last try of a delivery ended."""

    TAKEN = "taken"
    ACKNOWLEDGED = "acknowledged"  # by HL7: AA
    NOT_NEEDED = "not needed"  # the template has no message for it
    CONNECTED = "connected"  # a test that only connects
    NOT_TRIED = "not tried"
    BEHIND = "behind another"
    CONNECTION_REFUSED = "connection refused"
    UNREACHABLE = "unreachable"
    NO_NAME = "no such name"
    SLOW = "too slow"
    LOST = "connection lost"
    ADDRESS = "address not allowed"
    CERTIFICATE = "certificate"
    TLS = "TLS"
    TLS_FILES = "files for TLS"
    REDIRECT = "redirect"
    NOT_AUTHORISED = "not authorised"
    WRONG_PATH = "wrong path"
    GONE = "gone"
    TOO_LARGE = "too large"
    BUSY = "busy"
    FAILED = "receiver failed"
    REJECTED = "rejected"
    HL7_LATER = "not now"
    HL7_REFUSED = "refused by HL7"
    NO_ACKNOWLEDGEMENT = "no acknowledgement"
    INTERNAL = "internal error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """A detail as it is understood: `said` is what the receiver wrote, `event_id` the event that goes first."""

    told: Told
    said: str = ""
    event_id: str = ""


_SAID = r"(?:: (?P<said>.*))?"
_STATUSES: Final = {
    "401": Told.NOT_AUTHORISED,
    "403": Told.NOT_AUTHORISED,
    "404": Told.WRONG_PATH,
    "405": Told.WRONG_PATH,
    "408": Told.SLOW,
    "410": Told.GONE,
    "413": Told.TOO_LARGE,
    "429": Told.BUSY,
    "503": Told.BUSY,
    "504": Told.SLOW,
}
_HUNDREDS: Final = {"2": Told.TAKEN, "3": Told.REDIRECT, "4": Told.REJECTED, "5": Told.FAILED}
_STATUS: Final = re.compile(r"(?P<status>[2-5]\d\d)(?: [A-Za-z' -]+)?" + _SAID, re.DOTALL)

# The first that fits the whole detail.
PATTERNS: Final[tuple[tuple[re.Pattern[str], Told], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), told)
    for pattern, told in (
        (r"", Told.NOT_TRIED),
        (r"waits for (?P<event_id>\S+)", Told.BEHIND),
        (r"not sent: .*", Told.NOT_NEEDED),
        (r"connected .*", Told.CONNECTED),
        (r"connected, and answered .*", Told.CONNECTED),
        (r"connection refused", Told.CONNECTION_REFUSED),
        (r"the (network|host) is unreachable|cannot connect", Told.UNREACHABLE),
        (r"the host name .*", Told.NO_NAME),
        (r"no connection within .*", Told.UNREACHABLE),
        (r"the application's answer did not come within .*", Told.SLOW),
        (r"no (complete )?answer within .*|the (request|message) was not taken within .*", Told.SLOW),
        (r"the connection was (closed without an answer|lost).*", Told.LOST),
        (r"refused: .*", Told.ADDRESS),
        (r"the certificate is not accepted" + _SAID, Told.CERTIFICATE),
        (r"TLS failed.*", Told.TLS),
        (r"the files for TLS cannot be loaded.*", Told.TLS_FILES),
        (r"AA( 0( Message accepted)?)?" + _SAID, Told.ACKNOWLEDGED),
        (r"(AE|AR|CE|CR) (206|207)[^:]*" + _SAID, Told.HL7_LATER),
        (r"(AE|AR|CE|CR)( [^:]*)?" + _SAID, Told.HL7_REFUSED),
        (r"what was answered is no acknowledgement.*|the answer is larger than .*", Told.NO_ACKNOWLEDGEMENT),
        (r"internal error.*", Told.INTERNAL),
    )
)


def read_detail(detail: str) -> Reading:
    """Return what a detail means; UNKNOWN, with the detail as it is, for one that is not in the tables."""
    for pattern, told in PATTERNS:
        if found := pattern.fullmatch(detail):
            named = {name: value or "" for name, value in found.groupdict().items()}
            return Reading(told, named.get("said", ""), named.get("event_id", ""))
    if found := _STATUS.fullmatch(detail):
        status = found["status"]
        told = _STATUSES.get(status, _HUNDREDS[status[0]])
        return Reading(told, "" if told in (Told.TAKEN, Told.REDIRECT) else found["said"] or "")
    return Reading(Told.UNKNOWN, detail)
