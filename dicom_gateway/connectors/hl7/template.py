"""Templates: TOML that says which event becomes which HL7 message (docs/hl7-results.md).

`version`; `[events]`: event type -> message and words of its own; `[messages.NAME]`: MSH-9 and the segments, with names
of values.py in braces. Shipped ones stand in templates/. Everything is checked when it is read.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from dicom_gateway.connectors.hl7.facts import EVENT, INSIDE
from dicom_gateway.connectors.hl7.values import VALUES
from dicom_gateway.core.envelope import EventType
from dicom_gateway.errors import SettingsError

SHIPPED: Final = ("orm", "omg", "omi")
NUMBER: Final = "number"  # of a segment among those of its name
BRACES: Final = re.compile(r"\{([^{}]*)\}")
_SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}\|[^\r\n]*")
_TYPE: Final = re.compile(r"[A-Z0-9]{3}\^[A-Z0-9]{3}(\^[A-Z0-9_]{3,7})?")
_VERSION: Final = re.compile(r"2\.[1-9](\.[1-9])?")


@dataclass(frozen=True, slots=True)
class Group:
    """Segments that are repeated for each procedure, step or thumbnail; the whole message is one for the event."""

    each: str
    segments: tuple["str | Group", ...]


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """A message: `type` is MSH-9."""

    type: str
    body: Group


@dataclass(frozen=True, slots=True)
class Template:
    """What becomes of each type of event: the name of a message, and the event's own words for it."""

    name: str
    version: str
    events: Mapping[str, tuple[str, Mapping[str, str]]]
    messages: Mapping[str, MessageTemplate]


def load_template(name_or_path: str) -> Template:
    """Return a shipped template by its name, or that of a file; raises SettingsError, which says what is wrong."""
    if name_or_path in SHIPPED:
        return _shipped(name_or_path)
    path = Path(name_or_path)
    if path.suffix != ".toml":
        right = f"expected {', '.join(SHIPPED)}, or the path of a .toml file"
        raise SettingsError(f"template {name_or_path}: there is no such template; {right}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"template {path}: cannot be read: {error}") from None
    return _parsed(name_or_path, text)


@lru_cache
def _shipped(name: str) -> Template:
    return _parsed(name, files(__package__).joinpath("templates", f"{name}.toml").read_text(encoding="utf-8"))


def _parsed(name: str, text: str) -> Template:
    try:
        return _checked(name, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, SettingsError) as error:
        raise SettingsError(f"template {name}: {error}") from None


def _checked(name: str, read: Mapping[str, Any]) -> Template:
    _only("", read, ("version", "events", "messages"))
    version = read.get("version")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise SettingsError('version: right is a version of HL7, for example "2.5.1"')
    given = _table("messages", read.get("messages"))
    events = {kind: _event(kind, one, given) for kind, one in _table("events", read.get("events")).items()}
    messages = {}
    for key, one in given.items():
        words = [frozenset(words) for message, words in events.values() if message == key]
        messages[key] = _message(f"messages.{key}", one, frozenset.intersection(*words) if words else frozenset())
    return Template(name, version, events, messages)


def _event(kind: str, given: Any, messages: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    where = f"events.{kind}"
    if kind not in set(EventType):
        raise SettingsError(f"{where}: there is no such event; expected one of {', '.join(EventType)}")
    table = _table(where, given)
    if table.get("message") not in messages:
        raise SettingsError(f"{where}: message must name one of {', '.join(messages) or 'the messages'}")
    words = {key: value for key, value in table.items() if key != "message"}
    for key, value in words.items():
        if not isinstance(value, str) or key in VALUES or not re.fullmatch(r"[a-z_]+", key):
            raise SettingsError(f"{where}.{key}: right is a text, under a name of a-z and _ that no value has")
        _names(f"{where}.{key}", value, (EVENT,), frozenset())
    return str(table["message"]), words


def _message(where: str, given: Any, words: frozenset[str]) -> MessageTemplate:
    table = _table(where, given)
    _only(where, table, ("type", "segments"))
    kind = table.get("type")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise SettingsError(f'{where}.type: right is MSH-9, for example "ORM^O01"')
    return MessageTemplate(kind, Group(EVENT, _segments(where, table.get("segments"), (EVENT,), words)))


def _segments(where: str, given: Any, scopes: tuple[str, ...], words: frozenset[str]) -> tuple[str | Group, ...]:
    if not isinstance(given, list) or not given:
        raise SettingsError(f"{where}.segments: right is a list of segments")
    return tuple(_segment(f"{where}.segments[{number}]", one, scopes, words) for number, one in enumerate(given))


def _segment(where: str, given: Any, scopes: tuple[str, ...], words: frozenset[str]) -> str | Group:
    if isinstance(given, str):
        if not _SEGMENT.fullmatch(given) or given.startswith("MSH"):
            raise SettingsError(f'{where}: right is a segment other than MSH, for example "PID|1||{{pid_3}}"')
        _names(where, given, scopes, words | {NUMBER})
        return given
    table = _table(where, given)
    _only(where, table, ("each", "segments"))
    each = table.get("each")
    if not isinstance(each, str) or INSIDE.get(each) != scopes[-1]:
        right = " or ".join(one for one, outer in INSIDE.items() if outer == scopes[-1]) or "no table here"
        raise SettingsError(f"{where}.each: right is {right}")
    return Group(each, _segments(where, table.get("segments"), (*scopes, each), words))


def _names(where: str, text: str, scopes: Sequence[str], more: frozenset[str]) -> None:
    for name in BRACES.findall(text):
        if name not in more and (name not in VALUES or VALUES[name].scope not in scopes):
            usable = sorted(more | {one for one, value in VALUES.items() if value.scope in scopes})
            raise SettingsError(f"{where}: {{{name}}} is not known here; expected one of {', '.join(usable)}")


def _table(where: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise SettingsError(f"{where}: right is a table")
    return given


def _only(where: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            raise SettingsError(f"{f'{where}.' * bool(where)}{key} is not known; expected one of {', '.join(keys)}")
