"""A worklist item read straight from the order, attribute by attribute, without a data set (PS3.4 K.6.1.2.2).

The values are those of the data set that build_item makes of the same order; each is made on first use and kept.
`DataSetValues` reads a data set that exists in the same terms, so that core.matching knows one kind of item.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol, Self

from pydicom import Dataset

from dicom_gateway.core.attributes import ATTRIBUTES, Attribute
from dicom_gateway.core.folding import strip
from dicom_gateway.core.worklist_keys import read_values
from dicom_gateway.core.worklist_values import dicom_value

_ONE_TEXT: Final = frozenset({"LT", "ST", "UT"})  # a backslash does not begin another value


class Readable(Protocol):
    """What matching asks of an item, or of an item of one of its sequences."""

    def texts(self, row: Attribute) -> list[str]:
        """Return the values of an attribute that are not empty, without padding; none when it is absent."""

    def items(self, row: Attribute) -> Sequence["Readable"]:
        """Return the items of a sequence; none when it is absent."""


class DataSetValues:
    """The values of a data set."""

    def __init__(self, data_set: Dataset) -> None:
        self._data_set = data_set

    def texts(self, row: Attribute) -> list[str]:
        """Return the values of an attribute that are not empty, without padding; none when it is absent."""
        return read_values(self._data_set, row.tag, row.vr) if row.tag in self._data_set else []

    def items(self, row: Attribute) -> Sequence["DataSetValues"]:
        """Return the items of a sequence; none when it is absent."""
        found: Any = self._data_set[row.tag].value if row.tag in self._data_set else ()
        return [type(self)(item) for item in found]


class ItemValues:
    """The values that the rows of the attribute table find in `context`: an Item, or what stands for one item of a
    sequence. Safe to use from several threads: at worst a value is made twice."""

    __slots__ = ("_context", "_items", "_texts", "rows")

    def __init__(self, context: object, rows: tuple[Attribute, ...] = ATTRIBUTES) -> None:
        self.rows = rows
        self._context = context
        self._texts: dict[int, list[str]] = {}
        self._items: dict[int, Sequence[Self]] = {}

    def written(self, row: Attribute) -> list[str]:
        """Return the values of an attribute as an answer holds them; none when there is nothing."""
        found = row.source(self._context) if row.source else None
        if found is None or found == "" or found == ():
            return []
        value = dicom_value(row.vr, found)
        if isinstance(value, list):
            return value
        values = [str(value)] if row.vr in _ONE_TEXT else str(value).split("\\")
        return [name.rstrip("=") for name in values] if row.vr == "PN" else values  # no empty groups at its end

    def texts(self, row: Attribute) -> list[str]:
        """Return the values of an attribute that are not empty, without padding."""
        found = self._texts.get(row.tag)
        if found is None:
            stripped = (strip(row.vr, text) for text in self.written(row))
            found = self._texts[row.tag] = [text for text in stripped if text]
        return found

    def items(self, row: Attribute) -> Sequence[Self]:
        """Return the items of a sequence."""
        found = self._items.get(row.tag)
        if found is None:
            contexts: Any = row.source(self._context) if row.source else ()
            found = self._items[row.tag] = [type(self)(context, row.nested) for context in contexts]
        return found
