"""The character sets of DICOM: Defined Terms, and how text is written in each (PS3.3 C.12.1.1.2, PS3.5 6.1.2).

A single-byte set is a codec. With code extensions several sets share a value: escape sequences bring one into G0 (bytes
below 80H) or G1, and what value 1 of SpecificCharacterSet names is active again before each delimiter and at the end
of a value (PS3.5 6.1.2.5.3). Unknown terms are never an error: devices send them. Reading is in study/character_sets.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

UTF_8: Final = "ISO_IR 192"
STAND_ALONE: Final = {UTF_8: "utf-8", "GB18030": "gb18030", "GBK": "gbk"}  # they take no code extensions
DEFAULT: Final = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6"})  # ASCII
SINGLE_BYTE: Final = {  # number of the registration -> codec of its G1, or of all of it
    "100": "latin-1",
    "101": "iso8859-2",
    "109": "iso8859-3",
    "110": "iso8859-4",
    "144": "iso8859-5",
    "127": "iso8859-6",
    "126": "iso8859-7",
    "138": "iso8859-8",
    "148": "iso8859-9",
    "166": "tis-620",
    "203": "iso8859-15",
    "13": "shift_jis",  # half-width katakana: one byte each
}
KATAKANA: Final = "13"
_MISSPELT: Final = re.compile(r"ISO[ _-]?(IR|2022[ _-]?IR|2022)[ _-]?(\d+)", re.IGNORECASE)
_OTHER_NAMES: Final = {
    "UTF-8": UTF_8,
    "UTF8": UTF_8,
    "UTF_8": UTF_8,
    "GB 18030": "GB18030",
    "GB2312": "ISO 2022 IR 58",
    "ISO 2022 GBK": "GBK",
    "ISO 2022 GB18030": "GB18030",
    "LATIN1": "ISO_IR 100",
    "LATIN-1": "ISO_IR 100",
    "ISO 8859-1": "ISO_IR 100",
    "ISO-8859-1": "ISO_IR 100",
    "ISO8859-1": "ISO_IR 100",
}


class CodeSet:
    """A set that code extensions bring in by its escape sequence: into G0 or G1, one byte or two a character."""

    def __init__(self, number: str, escape: bytes, codec: str, width: int, in_g0: bool = False) -> None:
        self.number = number
        self.escape = escape
        self.codec = codec
        self.width = width
        self.in_g0 = in_g0
        self._lead = b"\x8f" if number == "159" else b""  # JIS X 0212 within EUC-JP

    def encode(self, character: str) -> bytes | None:
        """Return the code of one character without an escape sequence; None when the set does not have it."""
        try:
            code = character.encode(self.codec)
        except UnicodeEncodeError:
            return None
        if not code.startswith(self._lead):
            return None
        code = code[len(self._lead) :]
        if len(code) != self.width or min(code) < 0xA0:
            return None
        return bytes(byte & 0x7F for byte in code) if self.in_g0 else code

    def decode(self, run: bytes) -> str:
        """Return the text of bytes that all belong to this set; raises UnicodeDecodeError."""
        if not self.in_g0:
            return run.decode(self.codec)
        high = bytes(byte | 0x80 for byte in run)
        return b"".join(self._lead + high[at : at + 2] for at in range(0, len(high), 2)).decode(self.codec)


CODE_SETS: Final = {
    one.number: one
    for one in (
        *(
            CodeSet(number, b"\x1b-" + final, SINGLE_BYTE[number], 1)
            for number, final in {
                "100": b"A",
                "101": b"B",
                "109": b"C",
                "110": b"D",
                "126": b"F",
                "127": b"G",
                "138": b"H",
                "144": b"L",
                "148": b"M",
                "166": b"T",
                "203": b"b",
            }.items()
        ),
        CodeSet(KATAKANA, b"\x1b)I", "shift_jis", 1),
        CodeSet("87", b"\x1b$B", "euc_jp", 2, in_g0=True),
        CodeSet("159", b"\x1b$(D", "euc_jp", 2, in_g0=True),
        CodeSet("149", b"\x1b$)C", "euc_kr", 2),
        CodeSet("58", b"\x1b$)A", "gb2312", 2),
    )
}
TO_ASCII: Final = b"\x1b(B"
TO_ROMAN: Final = b"\x1b(J"  # JIS X 0201 Latin letters, which go with half-width katakana


def standard_term(term: str) -> str | None:
    """Return the Defined Term that a text stands for, which may be spelt wrongly; None for one that is unknown."""
    text = term.strip(" \0")
    if text in STAND_ALONE or text in DEFAULT:
        return text
    if other := _OTHER_NAMES.get(text.upper()):
        return other
    found = _MISSPELT.fullmatch(text)
    if found is None:
        return None
    number, extends = found[2], found[1].upper() != "IR"
    if number == "192":
        return UTF_8
    if number not in CODE_SETS and number != "6":
        return None
    return f"ISO 2022 IR {number}" if extends or number not in {*SINGLE_BYTE, "6"} else f"ISO_IR {number}"


def number_of(term: str) -> str:
    """Return the number of a Defined Term; "" for the default repertoire and for sets that stand alone."""
    number = term.rpartition(" ")[2]
    return number if number in CODE_SETS else ""


class Repertoire(ABC):
    """One value of SpecificCharacterSet, and the text that it can carry. They compare by identity."""

    terms: tuple[str, ...]  # empty: SpecificCharacterSet is left out

    @abstractmethod
    def carries(self, character: str) -> bool:
        """Say whether a character can be written."""

    @abstractmethod
    def encode(self, text: str) -> bytes:
        """Return one value as bytes, without padding; raises UnicodeEncodeError."""


class _OneCodec(Repertoire):
    def __init__(self, terms: tuple[str, ...], codec: str) -> None:
        self.terms = terms
        self._codec = codec

    def carries(self, character: str) -> bool:
        try:
            character.encode(self._codec)
        except UnicodeEncodeError:
            return False
        return True

    def encode(self, text: str) -> bytes:
        return text.encode(self._codec)


class _Extended(Repertoire):
    """Code sets side by side; the first one is that of value 1, or None for ASCII alone."""

    def __init__(self, terms: tuple[str, ...], first: CodeSet | None, others: Iterable[CodeSet]) -> None:
        self.terms = terms
        self._first = first
        self._sets = ((first,) if first else ()) + tuple(others)
        self._to_ascii = TO_ROMAN if first and first.number == KATAKANA else TO_ASCII
        self._code = lru_cache(1024)(self._find)

    def carries(self, character: str) -> bool:
        return character.isascii() or self._code(character, None) is not None

    def encode(self, text: str) -> bytes:
        return b"".join(self._encoded(text))

    def _encoded(self, text: str) -> Iterator[bytes]:
        g0: CodeSet | None = None  # None: ASCII
        g1 = self._first
        for place, character in enumerate(text):
            if character.isascii():
                if character < " " or character in "^=\\":
                    yield self._back(g0, g1)
                    g0, g1 = None, self._first
                elif g0:
                    yield self._to_ascii
                    g0 = None
                yield character.encode()
                continue
            found = self._code(character, g0) or self._code(character, g1) or self._code(character, None)
            if found is None:
                raise UnicodeEncodeError("SpecificCharacterSet", text, place, place + 1, "not in any of its sets")
            code_set, code = found
            if g0 and not code_set.in_g0:
                # Both are active together; readers that know one set at a time need to be told again.
                yield self._to_ascii
                g0, g1 = None, None
            if code_set is not (g0 if code_set.in_g0 else g1):
                yield code_set.escape
                g0, g1 = (code_set, g1) if code_set.in_g0 else (g0, code_set)
            yield code
        yield self._back(g0, g1)

    def _back(self, g0: CodeSet | None, g1: CodeSet | None) -> bytes:
        """Return what makes the sets of value 1 active again."""
        ascii_again = self._to_ascii if g0 else b""
        return ascii_again + (self._first.escape if self._first and g1 is not self._first else b"")

    def _find(self, character: str, only: CodeSet | None) -> tuple[CodeSet, bytes] | None:
        for code_set in (only,) if only else self._sets:
            code = code_set.encode(character)
            if code is not None:
                return code_set, code
        return None


ASCII: Final = _OneCodec((), "ascii")


@lru_cache(512)
def repertoire(terms: tuple[str, ...]) -> Repertoire:
    """Return what SpecificCharacterSet of these terms (as `known` gives them) can carry."""
    if len(terms) < 2:
        return _of_one(terms[0] if terms else "")
    first, *others = (CODE_SETS.get(number_of(term)) for term in terms)
    return _Extended(terms, first, [one for one in others if one is not None])


def _of_one(term: str) -> Repertoire:
    number = number_of(term)
    if term in STAND_ALONE:
        return _OneCodec((term,), STAND_ALONE[term])
    if number == KATAKANA:
        return _Extended((term,), CODE_SETS[number], ())
    if number in SINGLE_BYTE:
        return _OneCodec((term,), SINGLE_BYTE[number])
    return ASCII


def known(terms: Sequence[str]) -> tuple[str, ...]:
    """Return a value of SpecificCharacterSet as the standard writes it, without what it cannot mean: none for ASCII,
    one term, or value 1 (which may be "") and the sets that code extensions add to it."""
    found = [standard_term(term) or "" for term in terms]
    if not any(term not in DEFAULT for term in found):
        return ()
    if found[0] in STAND_ALONE:
        return (found[0],)
    numbers = list(dict.fromkeys(number for term in found[1:] if (number := number_of(term))))
    first = number_of(found[0])
    if first and first not in SINGLE_BYTE:  # several bytes a character may only be added
        numbers, first = [first, *(number for number in numbers if number != first)], ""
    numbers = [number for number in numbers if number != first]
    if not numbers:
        alone = next((term for term in found if term in STAND_ALONE), "")
        return (found[0],) if first else (alone,) if alone else ()
    return (f"ISO 2022 IR {first}" if first else "", *(f"ISO 2022 IR {number}" for number in numbers))
