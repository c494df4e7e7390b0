"""How text is compared: without the padding of its VR (PS3.5 6.2), and names without case and accents as well.

It knows no data set, so that whoever stores a name need not load what reads one.
"""

import unicodedata
from typing import Final

ONE_TEXT: Final = frozenset({"LT", "ST", "UT", "UR"})  # VRs of which a backslash is part of the text
_LEADING_SPACES_COUNT: Final = ONE_TEXT | {"UC"}
_KANA_MARKS: Final = "\u3099\u309a"


def strip(vr: str, text: str) -> str:
    """Return `text` without the padding of its VR."""
    text = text.rstrip("\0 ")
    return text if vr in _LEADING_SPACES_COUNT else text.lstrip(" ")


def fold(text: str) -> str:
    """Return `text` without case and accents; the sound marks of kana are letters' business and stay."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if c in _KANA_MARKS or not unicodedata.combining(c))
    return unicodedata.normalize("NFC", bare.casefold())  # composed again: `?` is one Hangul syllable


def components(group: str) -> list[str]:
    """Return the components of a component group, the empty ones at its end dropped."""
    found = [component.strip(" ") for component in group.split("^")]
    while found and not found[-1]:
        found.pop()
    return found


def name_groups(name: str) -> list[str]:
    """Return the component groups of a person name, folded, as they are compared."""
    return ["^".join(map(fold, components(group))) for group in name.split("=")]


def name_index(name: str) -> str:
    """Return what names are looked up by: the first component group of a name, folded."""
    return name_groups(strip("PN", name))[0]
