"""The types of single settings: how each is checked, what a right one looks like, and what sections share.

UIDs are bounded by PS3.5 9.1, the accession number's prefix by SH (16 characters, 10 of them digits), webhook secrets
by Standard Webhooks; what a device has, too, is in core/device_fields.py. A check raises ValueError, whose text says
what is wrong without repeating the value; `Form`, or the bounds of a number, say what would be right.
"""

import base64
import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from dicom_gateway.core.device_fields import HOST_FORM, MOST_MEGABYTES
from dicom_gateway.core.device_fields import AETitle as AETitle
from dicom_gateway.core.device_fields import EmptyIsNone as EmptyIsNone
from dicom_gateway.core.device_fields import Form as Form
from dicom_gateway.core.device_fields import Megabytes as Megabytes
from dicom_gateway.core.device_fields import Most as Most
from dicom_gateway.core.device_fields import Port as Port
from dicom_gateway.core.device_fields import Seconds as Seconds
from dicom_gateway.core.device_fields import Whole as Whole
from dicom_gateway.core.device_fields import fits as fits
from dicom_gateway.errors import SettingsError
from dicom_gateway.network import checked_host, checked_target, checked_url

Location = tuple[str | int, ...]  # as pydantic writes it: ("device", 1, "ae_title")
SQLITE = "sqlite:///"


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


class Contradiction(NamedTuple):
    """Values that are right alone and wrong together; `location` names the one to look at first, () the one checked."""

    location: Location
    what: str
    right: str


def refuse(found: Iterable[Contradiction]) -> None:
    """Raise one pydantic error that holds all that was found, if anything was."""
    problems = list(found)
    if problems:
        text = "; ".join(problem.what for problem in problems)
        raise PydanticCustomError("contradiction", "{text}", {"text": text, "problems": problems})


def repeated(section: str, name: str, values: list[str]) -> Iterable[Contradiction]:
    """Yield a contradiction for each of `values` that an earlier table of the list has."""
    for index, value in enumerate(values):
        first = values.index(value)
        if first < index:
            what = f"is {value!r}, as {section}[{first}].{name} is"
            yield Contradiction((section, index, name), what, f"another {name} in each [[{section}]]")


def both_or_neither(section: str, key: Path | None, info: ValidationInfo) -> Path | None:
    """Return `key`, the tls_key of a section; refuse it without tls_certificate, and the other way round."""
    if "tls_certificate" in info.data and (key is None) != (info.data["tls_certificate"] is None):
        given, absent = ("tls_key", "tls_certificate") if key else ("tls_certificate", "tls_key")
        refuse([Contradiction((section, given), f"is set without {section}.{absent}", "both or neither")])
    return key


def _text(value: str) -> str:
    if not value.isprintable() or "\\" in value or len(value) > 64:
        raise ValueError("holds a control character or a backslash, or is longer than 64 characters")
    return value


_ZONE = Form('an IANA time zone, for example "Europe/Berlin"')


def is_zone(name: str) -> bool:
    """Say whether `name` is an IANA time zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: a folder of zones, "America"
        return False
    return True


def machine_zone(environ: Mapping[str, str] = os.environ, localtime: Path = Path("/etc/localtime")) -> ZoneInfo:
    """Return the zone of this machine: of TZ, else of `localtime`, else UTC; raise SettingsError for an unusable TZ."""
    name = environ.get("TZ", str(localtime)).removeprefix(":")
    if not name.startswith("/"):
        if name and not is_zone(name):
            raise SettingsError(f"gateway.time_zone (variable TZ): {name!r} is not a time zone; right is {_ZONE.text}")
        return ZoneInfo(name or "UTC")  # an empty TZ is UTC to the C library too
    return _zone_of_file(Path(name))


def _zone_of_file(path: Path) -> ZoneInfo:
    if not os.path.isfile(path):
        return ZoneInfo("UTC")
    name = path.resolve().as_posix().partition("/zoneinfo/")[2]
    if name and is_zone(name):
        return ZoneInfo(name)
    try:
        with path.open("rb") as file:  # a copy, not a link
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError):
        raise SettingsError(f"gateway.time_zone (default): {path} holds no time zone; right is {_ZONE.text}") from None


def _zone_name(value: str) -> str:
    if value and not is_zone(value):
        near = get_close_matches(value, available_timezones(), n=1)
        raise ValueError("is not a time zone" + (f" (did you mean {near[0]!r}?)" if near else ""))
    return value


def _sqlite_url(value: str) -> str:
    if value and not value.startswith(SQLITE):
        raise ValueError("names another database; SQLite is the only one so far")
    path = value.removeprefix(SQLITE)
    if value and (not path or path.endswith("/") or re.search(r"[?#%\x00-\x1f]|^:memory:|^file:", path)):
        raise ValueError("does not name a file on disk")
    return value


def checked_secret(value: str) -> str:
    """Return `value` when it is a Standard Webhooks secret; raise ValueError, which never repeats it, otherwise."""
    coded = value.removeprefix("whsec_")
    try:
        key = base64.b64decode(coded.rstrip("=") + "=" * (-len(coded.rstrip("=")) % 4), validate=True)
    except ValueError:
        key = b""
    if coded == value or not 24 <= len(key) <= 64:
        raise ValueError("is not a Standard Webhooks secret")
    return value


def _secret(value: SecretStr) -> SecretStr:
    checked_secret(value.get_secret_value())
    return value


def _path(value: object) -> object:
    if isinstance(value, str) and (not value or not value.isprintable()):
        raise ValueError("does not name a file or folder")
    return value


_UID = r"(?=.{3,64}$)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+"


def _object_sizes(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        raise ValueError("is not a table")
    for uid, size in value.items():
        if not isinstance(uid, str) or not re.fullmatch(_UID, uid):
            raise ValueError("has a name that is not a UID")
        if type(size) is not int or not 1 <= size <= MOST_MEGABYTES:
            raise ValueError(f"has for {uid} what is not a number of megabytes")
    return value


Text = Annotated[str, AfterValidator(_text), Form("text of up to 64 characters without backslash")]
Host = Annotated[str, AfterValidator(checked_host), HOST_FORM]
Count = Annotated[int, Whole, Field(ge=0, le=1_000_000_000)]
KeptDays = Annotated[int, Whole, Field(ge=0, le=36_500)]
RequestKilobytes = Annotated[int, Whole, Field(ge=8, le=200)]  # the buffer it is read into has 256
Kilobytes = Annotated[int, Whole, Field(ge=1, le=1024)]
ObjectSizes = Annotated[
    dict[str, int],
    PlainValidator(_object_sizes),
    Form('a table of SOP Class UIDs and megabytes, for example {"1.2.840.10008.5.1.4.1.1.7" = 64}'),
]
Answers = Annotated[int, Whole, Field(ge=1, le=1_000_000)]
UID = Annotated[
    str,
    AfterValidator(fits(_UID)),
    Form('a UID, for example "1.2.840.10008.5.1.4.1.1.7"'),
]
Prefix = Annotated[
    str,
    AfterValidator(fits(r"[A-Z0-9-]{0,6}")),
    Form('up to 6 of A-Z, 0-9 and - (10 digits follow, and 16 is the limit), as in "GW-"'),
]
PmsName = Annotated[
    str,
    AfterValidator(fits(r"[A-Za-z0-9_-]{1,40}")),
    Form('1 to 40 of A-Z, a-z, 0-9, _ and -, for example "front-desk"'),
]
Source = Annotated[
    str, AfterValidator(_text), AfterValidator(fits(r".*\S.*")), Form('the "source" of orders, for example "mypms"')
]
ProcedureCode = Annotated[
    str, AfterValidator(fits(r"[!-\[\]-~]{1,64}")), Form('a Code Value without spaces, for example "D0274"')
]
Label = Annotated[str, AfterValidator(_text), AfterValidator(fits(r".{0,40}")), Form("up to 40 characters")]
PublicUrl = Annotated[
    str,
    AfterValidator(lambda value: value and checked_url(value).rstrip("/")),
    AfterValidator(fits(r"[^?]*")),
    Form('the URL of the web page without "?", for example "https://gateway.example.org"'),
]
TargetUrl = Annotated[
    str,
    AfterValidator(checked_target),
    Form('an https:// URL, or http:// on a private network, for example "https://pms.example.org/events"'),
]
Zone = Annotated[str, AfterValidator(_zone_name), _ZONE]
DatabaseUrl = Annotated[
    str, AfterValidator(_sqlite_url), Form('"" or sqlite:/// and a file, for example "sqlite:////var/lib/gateway.db"')
]
Folder = Annotated[Path, BeforeValidator(_path), Form('a folder, for example "data"')]
File = Annotated[Path, BeforeValidator(_path), Form('a file, for example "gateway.pem"')]
Secret = Annotated[SecretStr, AfterValidator(_secret), Form("whsec_ and the base64 of 24 to 64 random bytes")]
