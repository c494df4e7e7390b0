"""Bytes to text by SpecificCharacterSet (0008,0005), never failing (PS3.3 C.12.1.1.2, PS3.5 6.1.2).

What does not decode is replaced, and said so. An unknown or missing character set: UTF-8 where the bytes are valid
UTF-8, which hardly ever happens by chance; else Latin-1 when none was named, as devices do, else replaced.
"""

import re
from collections.abc import Sequence
from typing import Final

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

_ESCAPE: Final = 0x1B
_FRAGMENT: Final = re.compile(rb"^[^\x1b]+|\x1b[^\x1b]*", re.DOTALL)
_MISSPELT: Final = re.compile(r"ISO[ _-]?(IR|2022[ _-]?IR)[ _-]?(\d+)", re.IGNORECASE)
_DELIMITERS: Final = re.compile(rb"[\\^=\r\n\f\t]")  # each ends what an escape sequence began (PS3.5 6.1.2.5.3)


def _codec(term: str) -> tuple[str | None, bool]:
    """Return the Python codec of a defined term and whether the term was right."""
    if term in python_encoding:
        return python_encoding[term], True
    if misspelt := _MISSPELT.fullmatch(term):
        family = "ISO_IR" if misspelt[1].upper() == "IR" else "ISO 2022 IR"
        return python_encoding.get(f"{family} {misspelt[2]}"), False
    return None, False


class CharacterSet:
    """How the text of a data set is to be read. `flawed` is set once something was not as it should be."""

    def __init__(self, terms: Sequence[str] = ()) -> None:
        codecs = [_codec(term) for term in terms]
        self.flawed = not all(right for _, right in codecs)
        self._named = any(terms)
        self._codecs = [codec for codec, _ in codecs if codec is not None]
        self._first = codecs[0][0] if self._named else "ascii"

    def decode(self, value: bytes) -> str:
        """Return `value` as text, without NUL; what cannot be read is U+FFFD."""
        if value.isascii() and _ESCAPE not in value:
            return value.decode("ascii").replace("\0", "")
        if _ESCAPE in value and self._named:
            text = "".join(self._fragment(part) for part in _FRAGMENT.findall(value))
        else:
            text = self._plain(value)
        return text.replace("\0", "")

    def _plain(self, value: bytes) -> str:
        if self._first is None or not self._named:
            return self._guess(value)
        return self._with(self._first, value)

    def _guess(self, value: bytes) -> str:
        self.flawed = True
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.decode("ascii", "replace") if self._named else value.decode("latin-1")

    def _with(self, codec: str, value: bytes) -> str:
        try:
            return value.decode(codec)
        except UnicodeDecodeError:
            self.flawed = True
            return value.decode(codec, "replace")

    def _fragment(self, part: bytes) -> str:
        """Decode up to the next escape sequence."""
        if part[0] != _ESCAPE:
            return self._plain(part)
        size = 4 if part[1:3] in (b"$(", b"$)") else 3
        codec = CODES_TO_ENCODINGS.get(part[:size])
        if codec is None:
            self.flawed = True
            return self._plain(part[size:])
        if codec not in self._codecs and part[:size] != b"\x1b(B":
            self.flawed = True  # not announced, and clear all the same
        if codec.startswith("iso2022_jp"):  # Python's codec wants the escape sequence
            return self._with(codec, part)
        rest = part[size:]
        delimiter = _DELIMITERS.search(rest)
        if delimiter is None:
            return self._with(codec, rest)
        return self._with(codec, rest[: delimiter.start()]) + self._plain(rest[delimiter.start() :])
