"""Attributes as DCMTK's `-k` writes them: a path, and perhaps a value.

`PatientName=SMI*`, `0010,0010`, `(0040,0100)[0].(0040,0001)=DX1`, `ScheduledProcedureStepSequence[0].Modality=DX`. A
key without "=" has no value (universal matching), a sequence key without an item holds none, several values are
separated by backslashes.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from pydicom import config
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from dicom_gateway.errors import InvalidValue

MOST_ITEMS: Final = 100  # of one sequence
_PART = re.compile(r"(?:\(?([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)?|([A-Za-z][A-Za-z0-9]*))(?:\[([0-9]{1,3})\])?")
_NUMBERS: Final[dict[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("US", "UL", "SS", "SL", "UV", "SV"), int),
    **dict.fromkeys(("FL", "FD"), float),
    "AT": lambda text: Tag(int(text.replace(",", "").strip("()"), 16)),
}
_NO_TEXT: Final = frozenset({"OB", "OW", "OD", "OF", "OL", "OV", "UN"})


def read_keys(keys: Iterable[str], into: Dataset | None = None) -> Dataset:
    """Return the data set of several keys, later ones over earlier ones; `into` is changed. Raises InvalidValue."""
    data_set = Dataset() if into is None else into
    for key in keys:
        _put(data_set, key)
    return data_set


def _put(data_set: Dataset, key: str) -> None:
    path, equals, value = key.partition("=")
    at = data_set
    parts = path.strip().split(".")
    for number, part in enumerate(parts):
        tag, item = _parse(part, key)
        last = number == len(parts) - 1
        if item is None and last:
            at[tag] = _element(tag, value, bool(equals), key)
            return
        at = _item(at, tag, item, key)
    if equals and value:
        raise InvalidValue(f"{key}: an item has no value of its own")


def _parse(part: str, key: str) -> tuple[BaseTag, int | None]:
    match = _PART.fullmatch(part.strip())
    if match is None:
        raise InvalidValue(f"{key}: {part!r} is neither a keyword nor gggg,eeee, with [number] after a sequence")
    group, element, keyword, item = match.groups()
    found = int(group + element, 16) if group else tag_for_keyword(keyword)
    if found is None:
        raise InvalidValue(f"{key}: {keyword} is not in the data dictionary; the keyword is case-sensitive")
    tag = Tag(found)
    if tag.group < 8 or tag.element == 0:
        raise InvalidValue(f"{key}: {tag} has no place in a data set")
    return tag, None if item is None else int(item)


def _vr(tag: BaseTag, key: str) -> str:
    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        raise InvalidValue(f"{key}: {tag} is not in the data dictionary") from None


def _item(at: Dataset, tag: BaseTag, item: int | None, key: str) -> Dataset:
    """Return an item of a sequence, made where it is not there yet."""
    name = keyword_for_tag(tag) or tag
    if _vr(tag, key) != "SQ":
        raise InvalidValue(f"{key}: {name} is not a sequence")
    if item is None:
        raise InvalidValue(f"{key}: {name} is a sequence; write {name}[0]")
    if item >= MOST_ITEMS:
        raise InvalidValue(f"{key}: a sequence has at most {MOST_ITEMS} items here")
    if tag not in at:
        at[tag] = DataElement(tag, "SQ", Sequence())
    items: Sequence = at[tag].value
    while len(items) <= item:
        items.append(Dataset())
    found: Dataset = items[item]
    return found


def _element(tag: BaseTag, value: str, is_given: bool, key: str) -> DataElement:
    vr = _vr(tag, key)
    if vr == "SQ" and value:
        raise InvalidValue(f"{key}: a sequence has items, not a value; write {keyword_for_tag(tag)}[0].KEYWORD=VALUE")
    if vr in _NO_TEXT and value:
        raise InvalidValue(f"{key}: values of {vr} cannot be typed")
    if not is_given or not value:
        return DataElement(tag, vr, empty_value_for_VR(vr))
    read = _NUMBERS.get(vr, str)
    try:
        values = [read(text) for text in value.split("\\")]
        return DataElement(tag, vr, values[0] if len(values) == 1 else values, validation_mode=config.IGNORE)
    except (ValueError, OverflowError, TypeError) as error:
        raise InvalidValue(f"{key}: {value!r} is no value of {vr}") from error
