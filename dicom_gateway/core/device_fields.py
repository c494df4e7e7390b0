"""The kinds of value that a device's document has: how each is checked, and what a right one looks like.

AE titles are bounded by PS3.5 6.2 (AE), station names by SH, modalities by CS; character sets are the Defined Terms of
PS3.3 C.12.1.1.2. A check raises ValueError, whose text says what is wrong without repeating the value; `Form`, or the
bounds of a number, say what would be right. The settings use the same kinds.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from dicom_gateway.core.character_sets import standard_term
from dicom_gateway.core.identifiers import SH_LENGTH, has_control_characters, is_ae_title
from dicom_gateway.network import checked_host, checked_network

MOST_MEGABYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Form:
    """What a right value looks like, for a person."""

    text: str


def fits(pattern: str) -> Callable[[str], str]:
    """Return a check that a text has a form as a whole."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError("does not fit")
        return value

    return check


def _whole(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is not a number")
    return value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _ae_title(value: str) -> str:
    title = value.strip(" ")  # PS3.5 6.2: leading and trailing spaces are not significant
    if not is_ae_title(title):
        raise ValueError("is not an AE title")
    return title


def _station_name(value: str) -> str:
    name = value.strip(" ")
    if not 1 <= len(name) <= SH_LENGTH or "\\" in name or has_control_characters(name):
        raise ValueError("is not a station name")
    return name


def _character_set(value: str) -> str:
    term = standard_term(value)  # also of usual misspellings
    if not term:
        raise ValueError("is not a character set of DICOM")
    return term


Whole = BeforeValidator(_whole)
EmptyIsNone = BeforeValidator(_empty_is_none)
HOST_FORM = Form('an IP address or a host name, for example "127.0.0.1"')
AETitle = Annotated[
    str, AfterValidator(_ae_title), Form('1 to 16 printable ASCII characters without backslash, for example "DX1"')
]
DeviceHost = Annotated[str, AfterValidator(lambda value: value and checked_host(value)), HOST_FORM]
Port = Annotated[int, Whole, Field(ge=0, le=65535)]
Most = Annotated[int, Whole, Field(ge=1, le=10_000)]
Megabytes = Annotated[int, Whole, Field(ge=1, le=MOST_MEGABYTES)]
Seconds = Annotated[int, Whole, Field(ge=1, le=604_800)]
Modality = Annotated[
    str,
    AfterValidator(fits(r"[A-Z0-9_]([A-Z0-9_ ]{0,14}[A-Z0-9_])?")),
    Form('a modality in capitals, for example "DX" or "IO"'),
]
Network = Annotated[
    IPv4Network | IPv6Network, PlainValidator(checked_network), Form('an IP network, for example "192.168.1.0/24"')
]
CharacterSet = Annotated[
    str, AfterValidator(_character_set), Form('a Defined Term of DICOM, for example "ISO_IR 100" or "ISO_IR 192"')
]
StationName = Annotated[
    str, AfterValidator(_station_name), Form('1 to 16 characters without backslash, for example "Room 2"')
]
ServiceName = Literal["worklist", "mpps", "storage"]
