"""Text for a device that has no character set for it: what it can show is kept, the rest is written in ASCII letters.

Latin letters lose their accents (Müller, Muller; Łukasz, Lukasz; Groß, Gross), as names are compared; others are
written by anyascii. A name keeps its other component groups only where they can be shown as they are: Latin letters
for ideographs are another language's reading. Nothing becomes "?", a delimiter, or empty; the VR's length holds.
"""

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from anyascii import anyascii

UNKNOWN: Final = "_"  # stands for a character that nobody can write in Latin letters
_NOT_TEXT: Final = {ord(character): UNKNOWN for character in "\\^=?*"} | {
    ord("\x7f"): "",
    **dict.fromkeys(range(32), ""),
}
_LONGEST: Final = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "PN": 64}  # characters; PN: of a component group

Carries = Callable[[str], bool]


def transliterated(value: str, vr: str, carries: Carries) -> str:
    """Return a value that is not empty as one of the same VR in which every character is carried."""
    if vr == "PN":
        return _name(value, carries)
    return _cut(_text(value, carries), vr)


def _text(text: str, carries: Carries) -> str:
    written = "".join(
        character if character.isascii() or carries(character) else _latin(character, carries)
        for character in unicodedata.normalize("NFC", text)
    )
    return written if written.strip() or not text.strip() else UNKNOWN


def _latin(character: str, carries: Carries) -> str:
    bare = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    if bare and all(not part.isascii() and carries(part) for part in bare):
        return bare
    return _in_ascii(character)


@lru_cache(4096)
def _in_ascii(character: str) -> str:
    found = anyascii(character).translate(_NOT_TEXT)
    if found or unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf"):  # accents and marks of direction
        return found
    return UNKNOWN


def _name(name: str, carries: Carries) -> str:
    alphabetic, ideographic, phonetic = (*name.split("=", 2), "", "")[:3]
    read = next((group for group in (alphabetic, phonetic, ideographic) if group.strip("^ ")), alphabetic)
    others = [group if all(map(carries, group)) else "" for group in (ideographic, phonetic)]
    if all(map(carries, read)) and read is not alphabetic:
        read = alphabetic
    groups = ["^".join(_text(component, carries) for component in read.split("^")), *others]
    return "=".join(_cut(group, "PN") for group in groups).rstrip("=")


def _cut(text: str, vr: str) -> str:
    longest = _LONGEST.get(vr)
    return text if longest is None or len(text) <= longest else text[:longest].rstrip()
