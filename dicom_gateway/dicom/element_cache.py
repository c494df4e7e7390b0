"""What the dicom process keeps of worklist items: their values and encoded elements, by version of the order.

A key names the step and the version of its order, which every change moves on: what is kept of an older version is
never found again, and goes when there is no room for it. The database says on every query which version is current.
Devices that have names of animals in another order have a cache of their own: that order is part of the values.
"""

import threading
from collections import OrderedDict
from typing import Final

from dicom_gateway.core.animal_names import as_named
from dicom_gateway.core.devices import AnimalNames
from dicom_gateway.core.worklist_values import Item
from dicom_gateway.dicom.elements import ElementValues
from dicom_gateway.storage.worklist import ScheduledItem, StepVersion

MAX_BYTES: Final = 32 << 20
_BYTES_AN_ITEM: Final = 2500  # with the next figure measured: 5 KB for an order of 1,100 characters, asked usual keys
_BYTES_A_CHARACTER: Final = 3  # of the order's document: the order itself, and what is encoded of it


class CachedItem:
    """A worklist item of which nothing is read before it is needed."""

    __slots__ = ("_animal_names", "_scheduled", "_values", "weight")

    def __init__(self, scheduled: ScheduledItem, animal_names: AnimalNames = AnimalNames.OWNER_FIRST) -> None:
        self._scheduled = scheduled
        self._animal_names = animal_names
        self._values: ElementValues | None = None
        self.weight = _BYTES_AN_ITEM + _BYTES_A_CHARACTER * scheduled.stored.size

    @property
    def scheduled(self) -> ScheduledItem:
        """Return what it was made of."""
        return self._scheduled

    @property
    def item(self) -> Item:
        """Return what it shows: the order, with the name as the device has it, its procedure and step."""
        scheduled = self._scheduled
        return Item(as_named(scheduled.order, self._animal_names), scheduled.procedure, scheduled.step)

    @property
    def values(self) -> ElementValues:
        """Return its values."""
        found = self._values
        if found is None:
            found = self._values = ElementValues(self.item)
        return found


class ElementCache:
    """Keeps the items that were asked for last, up to about `max_bytes`. Safe to use from several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES, animal_names: AnimalNames = AnimalNames.OWNER_FIRST) -> None:
        self._max_bytes = max_bytes
        self._animal_names = animal_names
        self._items: OrderedDict[StepVersion, CachedItem] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def bytes_kept(self) -> int:
        """Return about how much memory the items take."""
        return self._bytes

    def get(self, version: StepVersion) -> CachedItem | None:
        """Return the item of just this version."""
        with self._lock:
            found = self._items.get(version)
            if found is not None:
                self._items.move_to_end(version)
            return found

    def keep(self, item: ScheduledItem) -> CachedItem:
        """Keep an item, and drop those that were not asked for the longest time."""
        made = CachedItem(item, self._animal_names)
        with self._lock:
            before = self._items.pop(item.version, None)
            self._items[item.version] = made
            self._bytes += made.weight - (before.weight if before else 0)
            while self._bytes > self._max_bytes:
                self._bytes -= self._items.popitem(last=False)[1].weight
        return made
