"""The settings that are made on the page, laid over those of the file and the environment.

What stands in the file wins over a row of the same name. A row is checked by the models that check the file; one that
is wrong, or has become wrong, is left out and named, and the gateway runs with the rest. Laying over twice is laying
over once: what came from the page before is taken away first.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dicom_gateway.core.local_settings import FIELDS, FILE_SUFFIX, SECRET, LocalKind, LocalSetting
from dicom_gateway.errors import Conflict, GatewayError, InvalidDocument, InvalidValue, Unavailable
from dicom_gateway.settings import GatewaySettings, Settings
from dicom_gateway.settings_hl7 import Hl7SourceSettings, one_table_a_source
from dicom_gateway.settings_loading import WHAT, settings_origin
from dicom_gateway.settings_pms import PmsSettings
from dicom_gateway.settings_text import annotation_at, holds_secret, right
from dicom_gateway.settings_values import Contradiction
from dicom_gateway.storage.local_settings import Stored, read_stored

PAGE: Final = "the page"  # as an origin, beside "default", a file's path and a variable's name
DEFAULT: Final = "default"
_AND_PAGE: Final = f" and {PAGE}"  # of a list of which some tables come from elsewhere
_MODELS: Final[Mapping[LocalKind, type[GatewaySettings] | type[PmsSettings] | type[Hl7SourceSettings]]] = {
    LocalKind.PRACTICE: GatewaySettings,
    LocalKind.PMS: PmsSettings,
    LocalKind.HL7_SOURCE: Hl7SourceSettings,
}
_SAID_AT: Final = {"secret_file": SECRET}  # what the page cannot set, to what it can
_LISTS: Final = {LocalKind.PMS: "pms", LocalKind.HL7_SOURCE: "hl7_source"}  # to the list of Settings


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is not in effect, and why."""

    kind: LocalKind
    name: str
    why: str

    @property
    def subject(self) -> str:
        """What an alarm and the log call it."""
        return f"{self.kind.value} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Local:
    """The settings with those of the page, the version of the rows that they have, what was left out; `unread` says why
    the rows could not be read, "" when they were."""

    settings: Settings
    version: int = 0
    left_out: tuple[LeftOut, ...] = ()
    unread: str = ""

    def in_effect(self) -> list[str]:
        """Return what comes from the page: names of settings, and tables as "pms front-desk"."""
        names = [
            name for name, place in self.settings._origin.items() if place == PAGE and "." in name.partition(":")[0]
        ]
        tables = [
            f"{field} {one.name}"
            for kind, field in _LISTS.items()
            for one in getattr(self.settings, field)
            if is_local(self.settings, kind, one.name)
        ]
        return sorted(names) + tables


def with_local(settings: Settings) -> Local:
    """Return the settings with the rows of their database laid over; without rows where they cannot be read."""
    try:
        return laid_over(settings, read_stored(settings.database_path()))
    except Unavailable as error:
        return Local(without_local(settings), unread=str(error))


def laid_over(settings: Settings, stored: Stored) -> Local:
    """Return the settings with these rows laid over; never raises for what a row says."""
    version, rows = stored
    found, left_out = without_local(settings), []
    for row in rows:
        try:
            found = _ADDERS[row.kind](found, row)
        except GatewayError as error:
            left_out.append(LeftOut(row.kind, row.name, str(error)))
    return Local(found, version, tuple(left_out))


def without_local(settings: Settings) -> Settings:
    """Return the settings as the file and the environment have them."""
    origin = settings_origin(settings)
    changes: dict[str, Any] = {}
    kept = {name: place for name, place in settings._origin.items() if place != PAGE}
    for kind, field in _LISTS.items():
        tables = getattr(settings, field)
        changes[field] = tuple(one for one in tables if not is_local(settings, kind, one.name))
        if origin[field].endswith(_AND_PAGE):
            kept[field] = origin[field].removesuffix(_AND_PAGE)
    ours = [name for name in FIELDS[LocalKind.PRACTICE] if origin[f"gateway.{name}"] == PAGE]
    defaults = {name: GatewaySettings.model_fields[name].default for name in ours}
    return _changed(settings, changes | {"gateway": settings.gateway.model_copy(update=defaults)}, kept)


def checked(settings: Settings, kind: LocalKind, document: Mapping[str, Any]) -> None:
    """Raise InvalidDocument, a line for each field, unless `document` can be a row beside these settings; Conflict when
    the file has one of that name. One of the page of that name is thought away."""
    name = "" if kind is LocalKind.PRACTICE else str(document.get("name", ""))
    plain = without(settings, kind, name)
    _ADDERS[kind](plain, LocalSetting(kind, name, document))


def without(settings: Settings, kind: LocalKind, name: str) -> Settings:
    """Return the settings without what the page has of that kind and name."""
    if kind not in _LISTS or not is_local(settings, kind, name):
        return settings
    field = _LISTS[kind]
    others = tuple(one for one in getattr(settings, field) if one.name != name)
    return _changed(settings, {field: others}, settings._origin)


def is_local(settings: Settings, kind: LocalKind, name: str) -> bool:
    """Say whether the settings have a table of that kind and name from the page."""
    return settings._origin.get(_key(kind, name)) == PAGE


def pms_of(document: Mapping[str, Any]) -> PmsSettings:
    """Return the table of a PMS of a document that may become a row; raises InvalidDocument."""
    made = _made(LocalKind.PMS, document)
    assert isinstance(made, PmsSettings)
    return made


def _practice(settings: Settings, row: LocalSetting) -> Settings:
    _made(LocalKind.PRACTICE, row.document)
    origin = settings_origin(settings)
    fixed = [name for name in row.document if origin[f"gateway.{name}"] not in (DEFAULT, PAGE)]
    other = [name for name in fixed if getattr(settings.gateway, name) != row.document[name]]
    if other:
        raise Conflict("; ".join(f"gateway.{name} is set by {origin[f'gateway.{name}']}, which wins" for name in other))
    ours = {name: value for name, value in row.document.items() if name not in fixed and value}
    origins = {f"gateway.{name}": PAGE for name in ours}
    return _changed(settings, {"gateway": settings.gateway.model_copy(update=ours)}, settings._origin | origins)


def _table(settings: Settings, row: LocalSetting) -> Settings:
    field = _LISTS[row.kind]
    others = getattr(settings, field)
    if row.name and row.name in [one.name for one in others]:
        place = settings_origin(settings)[field].removesuffix(_AND_PAGE)
        raise Conflict(f"{place} has a [[{field}]] table named {row.name}, which wins")
    made = _made(row.kind, row.document, others)
    before = settings_origin(settings)[field]
    place = PAGE if before in (DEFAULT, PAGE) else before.removesuffix(_AND_PAGE) + _AND_PAGE
    origins = {field: place, _key(row.kind, row.name): PAGE}
    return _changed(settings, {field: (*others, made)}, settings._origin | origins)


_ADDERS: Final[Mapping[LocalKind, Callable[[Settings, LocalSetting], Settings]]] = {
    LocalKind.PRACTICE: _practice,
    LocalKind.PMS: _table,
    LocalKind.HL7_SOURCE: _table,
}


def _made(
    kind: LocalKind, document: Mapping[str, Any], others: tuple[Any, ...] = ()
) -> GatewaySettings | PmsSettings | Hl7SourceSettings:
    """Return the table of a document; raises InvalidDocument for every rule that it breaks, also together with the
    tables that are there."""
    elsewhere = [InvalidValue("can be set in gateway.toml only", name) for name in document.keys() - FIELDS[kind]]
    elsewhere += [
        InvalidValue("names a file, which gateway.toml alone may do", name)
        for name in ("map", "template")
        if str(document.get(name, "")).endswith(FILE_SUFFIX)
    ]
    if elsewhere:
        raise InvalidDocument(elsewhere)
    problems: list[InvalidValue] = []
    made = None
    try:
        made = _MODELS[kind].model_validate(dict(document))
    except ValidationError as error:
        problems = [_invalid(kind, details) for details in error.errors()]
    if made is None:
        raise InvalidDocument(problems)  # outside of the handler: pydantic's error holds the values
    if found := [_of(contradiction) for contradiction in _contradictions(made, others)]:
        raise InvalidDocument(found)
    return made


def _contradictions(made: Any, others: tuple[Any, ...]) -> Iterable[Contradiction]:
    if isinstance(made, PmsSettings):
        yield from made.faults()
    elif isinstance(made, Hl7SourceSettings):
        yield from one_table_a_source((*others, made))
    if isinstance(made, PmsSettings | Hl7SourceSettings) and (found := made.unusable()):
        yield found


def _of(found: Contradiction) -> InvalidValue:
    field = str(found.location[-1]) if found.location else ""
    return InvalidValue(f"{found.what}; right is {found.right}", _SAID_AT.get(field, field))


def _invalid(kind: LocalKind, details: ErrorDetails) -> InvalidValue:
    field = str(details["loc"][0]) if details["loc"] else ""
    if details["type"] == "contradiction":
        return InvalidValue(str(details["ctx"]["text"]), field)
    where = ("gateway", field) if kind is LocalKind.PRACTICE else (_LISTS[kind], 0, field)
    annotation = annotation_at(where)
    what = WHAT.get(details["type"]) or str(details.get("ctx", {}).get("error", details["msg"]))
    would_be_right = right(annotation)
    return InvalidValue(f"{what}; right is {would_be_right}" if not holds_secret(annotation) else what, field)


def _key(kind: LocalKind, name: str) -> str:
    """Return under which name the origin of one table is kept, beside those of whole settings."""
    return f"{kind.value}:{name}"


def _changed(settings: Settings, changes: Mapping[str, Any], origin: Mapping[str, str]) -> Settings:
    """Return a copy with its own origins: pydantic's copy would share them."""
    made = settings.model_copy(update=dict(changes))
    made._origin = dict(origin)
    return made
