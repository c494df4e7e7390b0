"""The devices as a process knows them just now, renewed when the database's have changed: no restart is needed.

`current` asks for the version, one read of one row, at the begin of an association or of an order; `profile` asks
nothing, for what is done many times on one association.
"""

import threading
from collections.abc import Sequence

import structlog

from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.errors import Unavailable
from dicom_gateway.storage.devices import DeviceStore

log = structlog.get_logger()


class DeviceBook:
    """Knows the devices. `always`: those that are there without being configured, unless one has their AE title;
    `accept_unknown`: others may associate too."""

    def __init__(self, store: DeviceStore, accept_unknown: bool, always: Sequence[Device] = ()) -> None:
        self._store = store
        self._accept_unknown = accept_unknown
        self._always = tuple(always)
        self._guard = threading.Lock()
        self._known: tuple[int, Devices] | None = None

    def current(self) -> Devices:
        """Return the devices as they are now; those known before while the database is away. Raises Unavailable when
        none are known yet."""
        known = self._known
        try:
            if known is None or self._store.version() != known[0]:
                known = self._renewed()
        except Unavailable as error:
            if known is None:
                raise
            log.warning("devices not renewed", error=str(error))
        return known[1]

    def profile(self, ae_title: str) -> Device:
        """Return the device of an AE title as `current` knew it last; one with every default when there is none."""
        known = self._known
        return (known[1] if known else self.current()).profile(ae_title)

    def _renewed(self) -> tuple[int, Devices]:
        with self._guard:  # one after the other, so that an older version never replaces a newer one
            version, devices = self._store.versioned()
            self._known = version, Devices((*self._always, *devices), self._accept_unknown)
            return self._known
