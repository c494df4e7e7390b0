"""Bytes to text by SpecificCharacterSet (0008,0005), never failing (PS3.3 C.12.1.1.2, PS3.5 6.1.2).

What does not decode is replaced, and said so. Where no set is named that is known, and where none of those named has
the bytes: UTF-8 where they are valid UTF-8, which hardly ever happens by chance; else Latin-1, as devices do.
"""

import re
from collections.abc import Sequence
from typing import Final

from dicom_gateway.core.character_sets import (
    CODE_SETS,
    SINGLE_BYTE,
    STAND_ALONE,
    TO_ASCII,
    TO_ROMAN,
    CodeSet,
    known,
    number_of,
    standard_term,
)

_ESCAPE: Final = 0x1B
_BY_ESCAPE: Final = {one.escape: one for one in CODE_SETS.values()}
_SEQUENCE: Final = re.compile(rb"\x1b[\x20-\x2f]*[\x30-\x7e]?")
_PAIRS: Final = re.compile(rb"[\x21-\x7e]+")
_SPACE: Final = re.compile(rb"[ \x7f]")  # no set has these two codes: they are what they are in ASCII
_LOW: Final = re.compile(rb"[^\x00-\x1f\\^=\x80-\xff]*(?:[\x00-\x1a\x1c-\x1f\\^=])?")  # up to and with a delimiter
_HIGH: Final = re.compile(rb"[\x80-\xff]+")


class CharacterSet:
    """How the text of a data set is to be read. `flawed` is set once something was not as it should be, `guesses` holds
    the sets that text was read by for want of a named one."""

    def __init__(self, terms: Sequence[str] = ()) -> None:
        self.terms = known(terms)
        self.flawed = any(standard_term(term) != term for term in terms)
        self.guesses: set[str] = set()
        first = self.terms[0] if self.terms else ""
        self._codec = STAND_ALONE.get(first) or SINGLE_BYTE.get(number_of(first))
        self._stands_alone = first in STAND_ALONE
        self._first = CODE_SETS.get(number_of(first))
        self._named = [CODE_SETS[number] for term in self.terms if (number := number_of(term))]
        if len(terms) > 1 and any(term in STAND_ALONE for term in terms):
            self.flawed = True

    def decode(self, value: bytes) -> str:
        """Return `value` as text, without NUL; what cannot be read is U+FFFD."""
        if self._stands_alone and _ESCAPE in value:
            self.flawed = True
            value = bytes(byte for byte in value if byte != _ESCAPE)
        if _ESCAPE not in value:
            text = value.decode("ascii") if value.isascii() else self._plain(value)
        else:
            text = "".join(_Reader(self, value).parts())
        return text.replace("\0", "")

    def _plain(self, value: bytes) -> str:
        if self._codec:
            return self._with(self._codec, value)
        return self.high(value, None) if len(self._g1_named()) == 1 else self._guess(value)

    def _g1_named(self) -> list[CodeSet]:
        return [one for one in self._named if not one.in_g0]

    def high(self, run: bytes, active: CodeSet | None) -> str:
        """Return text of bytes from 80H on, of the set that is active in G1. Where none is, a device left its escape
        sequence out: the only one that is named is meant."""
        if active is None:
            named = self._g1_named()
            active = named[0] if len(named) == 1 else None
            self.flawed = True
        if active is None:
            return self._guess(run)
        try:
            return run.decode(active.codec)
        except UnicodeDecodeError:
            return self._with(active.codec, run) if active is self._first else self._guess(run)

    def is_named(self, code_set: CodeSet) -> bool:
        """Whether a set that text brings in is announced."""
        return code_set in self._named

    @property
    def first(self) -> CodeSet | None:
        """Return the set that is in G1 at the beginning of a value."""
        return self._first

    def _guess(self, value: bytes) -> str:
        self.flawed = True
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            self.guesses.add("ISO_IR 100")
            return value.decode("latin-1")
        self.guesses.add("ISO_IR 192")
        return text

    def _with(self, codec: str, value: bytes) -> str:
        try:
            return value.decode(codec)
        except UnicodeDecodeError:
            self.flawed = True
            return value.decode(codec, "replace")


class _Reader:
    """Reads one value with escape sequences, run by run."""

    def __init__(self, character_set: CharacterSet, value: bytes) -> None:
        self._set = character_set
        self._value = value
        self._at = 0
        self._g0: CodeSet | None = None  # None: ASCII
        self._g1 = character_set.first

    def parts(self) -> "list[str]":
        """Return the text of each run."""
        parts = []
        while self._at < len(self._value):
            byte = self._value[self._at]
            if byte == _ESCAPE:
                self._switch()
            elif byte >= 0x80:
                parts.append(self._set.high(self._run(_HIGH), self._g1))
            elif self._g0 is not None and byte in b" \x7f":
                parts.append(self._run(_SPACE).decode("ascii"))
            elif self._g0 is not None and byte > 0x20:
                parts.append(self._pairs(self._run(_PAIRS), self._g0))
            else:
                parts.append(self._low())
        return parts

    def _run(self, pattern: re.Pattern[bytes]) -> bytes:
        found = pattern.match(self._value, self._at)
        assert found is not None
        self._at = found.end()
        return found[0]

    def _low(self) -> str:
        run = self._run(_LOW)
        if run[-1:] in b"\\^=" or run[-1] < 0x20:  # a delimiter ends what escape sequences began
            self._g0, self._g1 = None, self._set.first
        return run.decode("ascii")

    def _pairs(self, run: bytes, code_set: CodeSet) -> str:
        """Return text of two bytes a character; an odd one at the end is a delimiter without its escape sequence."""
        odd = run[len(run) - len(run) % 2 :]
        try:
            text = code_set.decode(run[: len(run) - len(odd)])
        except UnicodeDecodeError:
            self._set.flawed = True
            return "\ufffd" * (len(run) // 2)
        if odd:
            self._set.flawed = True
            self._g0, self._g1 = None, self._set.first
        return text + odd.decode("ascii")

    def _switch(self) -> None:
        sequence = self._run(_SEQUENCE)
        code_set = _BY_ESCAPE.get(sequence)
        if sequence in (TO_ASCII, TO_ROMAN):
            self._g0 = None
        elif code_set is None:
            self._set.flawed = True
        else:
            if not self._set.is_named(code_set):
                self._set.flawed = True  # not announced, and clear all the same
            if code_set.in_g0:
                self._g0 = code_set
            else:
                self._g1 = code_set
