"""The connections to practice management systems as people see them, and what a test of one found."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dicom_gateway.core.lights import Light


class Found(StrEnum):
    """What a test of a connection found."""

    TAKEN = "taken"  # the test event was answered as a delivery is
    ANSWERED = "answered"  # HL7 is spoken there
    SLOW = "slow"
    CERTIFICATE_ENDS = "certificate ends soon"
    NOT_SIGNED = "not authorised"  # 401, 403
    NOT_THERE = "no such address"  # 404, 405
    GONE = "gone"  # 410
    REDIRECTED = "redirected"  # 3xx
    NOT_TAKEN = "not taken"  # another 4xx
    BROKEN = "broken"  # 5xx
    LISTENS = "listens"  # for HL7, without an answer to a test message
    NOT_RESOLVED = "not resolved"
    NOT_ALLOWED = "not allowed"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed out"
    NO_ANSWER = "no answer"
    CERTIFICATE = "certificate not accepted"
    TLS = "no TLS"
    FILES = "files"  # of a secret or a certificate


LIGHTS: Final[Mapping[Found, Light]] = {
    Found.TAKEN: Light.GOOD,
    Found.ANSWERED: Light.GOOD,
    Found.SLOW: Light.WARNING,
    Found.CERTIFICATE_ENDS: Light.WARNING,
    Found.NOT_SIGNED: Light.WARNING,
    Found.NOT_THERE: Light.WARNING,
    Found.GONE: Light.WARNING,
    Found.REDIRECTED: Light.WARNING,
    Found.NOT_TAKEN: Light.WARNING,
    Found.BROKEN: Light.WARNING,
    Found.LISTENS: Light.WARNING,
    Found.NOT_RESOLVED: Light.BAD,
    Found.NOT_ALLOWED: Light.BAD,
    Found.REFUSED: Light.BAD,
    Found.UNREACHABLE: Light.BAD,
    Found.TIMED_OUT: Light.BAD,
    Found.NO_ANSWER: Light.BAD,
    Found.CERTIFICATE: Light.BAD,
    Found.TLS: Light.BAD,
    Found.FILES: Light.BAD,
}


@dataclass(frozen=True, slots=True)
class Report:
    """How a test ended; `detail` is what was seen, in words of the program; `milliseconds` how long the answer took."""

    found: Found
    detail: str = ""
    milliseconds: int = 0

    @property
    def light(self) -> Light:
        """Its light: BAD when nobody was reached, WARNING when somebody is there and something needs a person."""
        return LIGHTS[self.found]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A PMS that events are sent to. `origin`: where it is set, "" for the page; `sources`: only events of orders from
    these, none named: of all."""

    name: str
    type: str
    destination: str
    sources: tuple[str, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A source that sends HL7; `folder`: where it drops files, "" when it sends by network."""

    name: str
    map: str
    sending_application: str = ""
    sending_facility: str = ""
    folder: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Practice:
    """Name and time zone of the practice. `zone` is the one in effect; an origin is "" where the page may change it."""

    name: str
    zone: str
    name_origin: str = ""
    zone_origin: str = ""
    is_zone_chosen: bool = False  # else the zone of the machine holds


@dataclass(frozen=True, slots=True)
class NotInEffect:
    """What was set on the page and does not hold, and why."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Connections:
    """Everything that is set up. `hl7_address`: where other machines send HL7 to, "" when only this one can;
    `is_applied`: the processes that serve work with it already, `applies_itself`: they will without a start by hand."""

    practice: Practice
    outgoing: tuple[Outgoing, ...]
    incoming: tuple[Incoming, ...]
    not_in_effect: tuple[NotInEffect, ...]
    hl7_address: str
    hl7_port: int
    hl7_tls: bool
    is_applied: bool
    applies_itself: bool = True
