"""Escape sequences of HL7 text, read and written (HL7 v2.5.1 2.7).

Highlighting, indentation and sequences of a vendor's own say nothing that is kept; \\.br\\ and \\.sp\\ are line breaks.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple, Protocol


class Signs(Protocol):
    """The separators of a message."""

    @property
    def field(self) -> str: ...
    @property
    def component(self) -> str: ...
    @property
    def repetition(self) -> str: ...
    @property
    def escape(self) -> str: ...
    @property
    def subcomponent(self) -> str: ...


class _Patterns(NamedTuple):
    sequence: re.Pattern[str]
    signs: dict[str, str]


_LINE_BREAK: Final = re.compile(r"\.(?:br|sp\s*\+?\d*|ce|sk\s*\+?\d*)$")
_SAYS_NOTHING: Final = re.compile(r"(?:[HN]|[CM][0-9A-Fa-f]+|Z.*|\.(?:fi|nf|in[-+ ]*\d*|ti[-+ ]*\d*))$", re.DOTALL)


@lru_cache(maxsize=32)
def _patterns(escape: str, field: str, component: str, repetition: str, subcomponent: str) -> _Patterns:
    e = re.escape(escape)
    sequence = re.compile(rf"(?P<hex>(?:{e}X[0-9A-Fa-f]+{e})+)|{e}(?P<name>[^{e}]*){e}")
    signs = {"F": field, "S": component, "T": subcomponent, "R": repetition, "E": escape}
    return _Patterns(sequence, signs)


def unescape(text: str, separators: Signs, codec: str) -> str:
    """Return the text that is meant; \\Xnn..\\ are bytes of `codec`. What is no sequence stays as it is."""
    s = separators
    if s.escape not in text:
        return text
    patterns = _patterns(s.escape, s.field, s.component, s.repetition, s.subcomponent)

    def meant(found: re.Match[str]) -> str:
        if found["hex"]:
            digits = "".join(part[1:] for part in found["hex"].split(s.escape) if part)
            return _decoded(bytes.fromhex(digits), codec) if len(digits) % 2 == 0 else found[0]
        return _named(found["name"], patterns.signs, found[0])

    return patterns.sequence.sub(meant, text)


def _decoded(escaped_bytes: bytes, codec: str) -> str:
    for one in (codec, "utf-8"):
        try:
            return escaped_bytes.decode(one)
        except UnicodeDecodeError:
            continue
    return escaped_bytes.decode("cp1252", "replace")


def _named(name: str, signs: dict[str, str], whole: str) -> str:
    if name in signs:
        return signs[name]
    if _LINE_BREAK.match(name):
        return "\n"
    return "" if _SAYS_NOTHING.match(name) else whole


def escaped(text: str, separators: Signs) -> str:
    """Return the text with separators escaped and line breaks as \\.br\\; other control characters become blanks."""
    s = separators
    e = s.escape
    table = {e: "E", s.field: "F", s.component: "S", s.repetition: "R", s.subcomponent: "T", "\n": ".br"}
    pieces = (f"{e}{table[one]}{e}" if one in table else one if one.isprintable() else " " for one in text)
    return "".join(pieces)
