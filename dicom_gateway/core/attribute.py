"""One row of the worklist attribute table, how rows are written, and the sequences that occur in it several times.

VRs and tags come from pydicom's dictionary; kinds of matching follow from the VR (PS3.4 C.2.2.2, Table K.6-1).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.tag import BaseTag, Tag

WILDCARD_VRS: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})  # PS3.4 C.2.2.2.4
SINGLE_VALUE_ONLY: Final = frozenset({"ScheduledStationAETitle", "Modality", "PatientID"})  # Table K.6-1
_KINDS_OF_VR: Final = {
    **dict.fromkeys(WILDCARD_VRS, "single, wildcard"),
    "DA": "single, range",
    "TM": "single, range",
    "UI": "single, UID list",
    "SQ": "sequence",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One row. `source` takes the Item, or within a sequence what the sequence's own source gave for one item;
    `origin` says in words where the value comes from; `omit_empty` leaves an empty one out of a built item (the
    alternatives and extras of a code, which devices would copy empty into their images)."""

    keyword: str
    key: str  # R, O or - (never a matching key)
    return_type: str
    origin: str = ""
    source: Callable[[Any], object] | None = None
    nested: "tuple[Attribute, ...]" = ()
    omit_empty: bool = False
    tag: BaseTag = field(init=False)
    vr: str = field(init=False)
    children: "dict[int, Attribute]" = field(init=False, repr=False, hash=False)

    def __post_init__(self) -> None:
        tag = tag_for_keyword(self.keyword)
        if tag is None:
            raise ValueError(f"{self.keyword} is not in the data dictionary")
        object.__setattr__(self, "tag", Tag(tag))
        object.__setattr__(self, "vr", dictionary_VR(tag))
        object.__setattr__(self, "children", {int(row.tag): row for row in self.nested})

    @property
    def matched(self) -> bool:
        """Whether a value of this key narrows the answer."""
        return self.source is not None and self.key != "-"

    @property
    def kinds(self) -> str:
        """Return the kinds of matching offered beside universal matching, in words."""
        if not self.matched:
            return "universal only"
        if self.keyword in SINGLE_VALUE_ONLY:
            return "single (wildcard tolerated)"
        return _KINDS_OF_VR.get(self.vr, "single")


def plain(keyword: str, key: str, return_type: str, path: str, *, omit_empty: bool = False) -> Attribute:
    """Return the row of a value that stands in the order at the dotted `path`."""
    return Attribute(keyword, key, return_type, path, attrgetter(path), omit_empty=omit_empty)


def empty(keyword: str, key: str, return_type: str, *nested: Attribute, omit_empty: bool = False) -> Attribute:
    return Attribute(keyword, key, return_type, "always empty", None, nested, omit_empty)


CODE: Final = (
    plain("CodeValue", "O", "1C", "value"),
    plain("CodingSchemeDesignator", "O", "1C", "scheme"),
    empty("CodingSchemeVersion", "O", "3", omit_empty=True),
    plain("CodeMeaning", "O", "3", "meaning"),
    empty("LongCodeValue", "O", "1C", omit_empty=True),
    empty("URNCodeValue", "O", "1C", omit_empty=True),
)
REFERENCE: Final = (empty("ReferencedSOPClassUID", "O", "1"), empty("ReferencedSOPInstanceUID", "O", "1"))
NAMED_ISSUER: Final = (
    plain("LocalNamespaceEntityID", "O", "1C", "name"),
    empty("UniversalEntityID", "O", "1C", omit_empty=True),
    empty("UniversalEntityIDType", "O", "1C", omit_empty=True),
)
ISSUER: Final = (
    empty("LocalNamespaceEntityID", "O", "1C"),
    empty("UniversalEntityID", "O", "1C"),
    empty("UniversalEntityIDType", "O", "1C"),
)
