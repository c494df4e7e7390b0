"""The attributes of an image as rows for people: keyword, tag, VR and value, sequences with the rows of their items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.uid import UID

from dicom_gateway.core.identifiers import is_uid, printable
from dicom_gateway.core.model import Instance
from dicom_gateway.study.encoding import name_of

LONGEST: Final = 4000  # characters of a value
_UIDS: Final = "UI"


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute; `items` are those of a sequence, `size` is given instead of a long value (bytes), `is_cut` says
    that more of it is not shown."""

    name: str
    tag: str
    vr: str
    value: str = ""
    size: int | None = None
    items: tuple[tuple["Row", ...], ...] = ()
    is_cut: bool = False


def rows(attributes: Mapping[str, Any]) -> tuple[Row, ...]:
    """Return the rows of what dicom_json.full_metadata describes, in its order."""
    return tuple(_row(name, described) for name, described in attributes.items() if isinstance(described, dict))


def uid_name(instance: Instance) -> str:
    """Return what the transfer syntax of an object is called."""
    return UID(instance.stored.transfer_syntax_uid).name


def _row(name: str, described: Mapping[str, Any]) -> Row:
    tag, words = _named(name)
    vr, values = str(described.get("vr", "")), described.get("Value", ())
    if vr == "SQ":
        items = tuple(rows(item) for item in values if isinstance(item, dict))
        return Row(words, tag, vr, items=items, is_cut=bool(described.get("truncated")))
    value = str(described.get("InlineBinary", "")) or _text(values, vr)
    return Row(words, tag, vr, value[:LONGEST], described.get("bytes"), is_cut=len(value) > LONGEST)


def _named(name: str) -> tuple[str, str]:
    """Return the tag and the name of an attribute; a private one has its tag alone."""
    tag = tag_for_keyword(name)
    if tag is not None:
        return name_of(tag), name
    number = int(name, 16)
    try:
        return name_of(number), dictionary_description(number)
    except KeyError:
        return name_of(number), ""


def _text(values: Sequence[Any], vr: str) -> str:
    return " \\ ".join(_one(value, vr) for value in values)


def _one(value: Any, vr: str) -> str:
    text = str(value)
    if vr == _UIDS and is_uid(text) and (known := UID(text).name) != text:
        return f"{text} ({known})"
    return text if "\n" in text else printable(text, LONGEST + 1)
